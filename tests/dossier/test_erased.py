"""What was erased is told as erased, with who did it and why, and stands nowhere in a dossier."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.writing.arrival import seal_log
from audit_lab.log.writing.writer import open_writer
from audit_lab.seal import key_file

MADE = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def log(make_log, tmp_path, monkeypatch):
    """Forty loans, sealed; of one everything was erased, of another only who it was about."""
    monkeypatch.setattr(key_file, "_COST", 2)
    subjects = pl.Series("subject_id", [f"subject-{row}" for row in range(40)])
    folder = make_log(predictions=lambda frame: frame.with_columns(subjects))
    vault, clock = tmp_path / "vault", lambda: datetime(2026, 3, 1, tzinfo=UTC)
    seal_log(folder, actor="Jane", vault=vault, passphrase=b"x", clock=clock)
    writer = open_writer(folder, vault=vault, passphrase=b"x", clock=clock)
    erase(writer, prediction_ids=["p-003"], actor="desk", reason="request 12")
    erase(writer, prediction_ids=["p-013"], fields={"predictions": ["subject_id"]}, actor="desk", reason="request 13")
    return al.open(folder)


def test_a_decision_of_which_everything_was_erased_says_who_did_and_why(log):
    found = log.decision("p-003").dossier(made_at=MADE)
    gaps = [each for each in found.wanting if each.code == "erased"]
    assert gaps
    assert {each.owner.names for each in gaps} == {("desk, who erased it on 2026-03-01, by the log: request 12",)}
    assert found.replay.verdict == "UNREPLAYABLE"
    assert not found.why.is_explained
    assert any(sentence.startswith("Not shown, since it was erased: ") for sentence in found.personal)
    assert b"subject-3" not in found.to_json()
    assert {each.value for each in found.inputs} <= {"missing or erased"}


def test_another_erasure_is_not_told_of_it(log):
    found = log.decision("p-013").dossier(made_at=MADE)
    (gap,) = [each for each in found.wanting if each.code == "partly-erased"]
    assert gap.owner.names == ("desk, who erased it on 2026-03-01, by the log: request 13",)
    assert found.replay.verdict == "EXACT"
    assert "subject-13" not in found.to_html()


def test_a_decision_that_nothing_was_erased_of_names_no_erasure(log):
    found = log.decision("p-005").dossier(made_at=MADE)
    assert "erased" not in str(found.to_dict()["wanting"])
    assert found.source.checkpoint_sha256 is not None
