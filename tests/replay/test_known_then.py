"""A registry row that was corrected after a decision: decision, coverage, replay and explanation go by the same row."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import ModelError

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
OTHER = hashlib.sha256(b"other").hexdigest()
#: Decisions stand an hour apart; the registry corrects its row with the 25th.
CORRECTED = START + timedelta(hours=25)
WRONG_LATER = "artifact-digest-mismatch"
ON_THE_DAY = "The registry corrected this version's row on 2024-03-05 10:00 UTC, after the decision"


def corrected(first: dict | None = None, **then):
    """Return a change of the registry: what its first row says, and what one says that corrects it."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        said = frame.with_columns(**{name: pl.lit(value) for name, value in (first or {}).items()})
        own = said.with_columns(supersedes=pl.lit(None, dtype=pl.String))
        later = frame.with_columns(
            supersedes=pl.lit("loans@1@part-00000:0"),
            recorded_at=pl.lit(CORRECTED).cast(frame.schema["recorded_at"]),
            **{name: pl.lit(value) for name, value in then.items()},
        )
        return pl.concat([own, later], how="diagonal_relaxed")

    return change


def answers(log, name):
    """Return the code by which a decision cannot be replayed, or None, as each of four says it."""
    decision = log.decision(name)
    gap = next((each.code for each in decision.gaps if each.code == WRONG_LATER), None)
    (many,) = log.decisions([name]).frame["gaps"].to_list()
    replay = decision.replay(causes=False)
    return gap, next((code for code in many if code == WRONG_LATER), None), None if replay.reproduced else replay.code


@pytest.mark.parametrize("is_right_at_first", [True, False])
def test_decision_coverage_replay_and_explanation_agree(make_log, is_right_at_first):
    change = corrected(artifact_sha256=OTHER) if is_right_at_first else corrected({"artifact_sha256": OTHER})
    log = al.open(make_log(model_versions=change))
    earlier, later = (None, WRONG_LATER) if is_right_at_first else (WRONG_LATER, None)
    assert answers(log, "p-024") == (earlier,) * 3
    assert answers(log, "p-025") == (later,) * 3
    counted = dict(log.coverage().table.select("code", "predictions").iter_rows())
    assert counted == (
        {"replayable": 25, WRONG_LATER: 15} if is_right_at_first else {"replayable": 15, WRONG_LATER: 25}
    )
    right, wrong = ("p-024", "p-025") if is_right_at_first else ("p-025", "p-024")
    attribution = log.decision(right).explain()
    assert attribution.notes == ((f"{ON_THE_DAY} (artifact_sha256 is another by now).",) if is_right_at_first else ())
    assert attribution.artifact_sha256 == log.decision(right).model_version["artifact_sha256"] != OTHER
    with pytest.raises(ModelError) as told:
        log.decision(wrong).explain()
    assert told.value.code == WRONG_LATER


def test_the_row_that_was_known_is_shown_and_that_it_was_corrected_is_found(make_log):
    log = al.open(make_log(model_versions=corrected(threshold=0.25)))
    before, after = log.decision("p-024"), log.decision("p-025")
    assert (before.model_version["threshold"], after.model_version["threshold"]) == (0.5, 0.25)
    assert [(each.code, each.what) for each in before.findings] == [
        ("registration-corrected", f"{ON_THE_DAY} (threshold is another by now).")
    ]
    assert [each.code for each in after.findings] == ["threshold-differs"]
    many = log.decisions(["p-024", "p-025"])
    assert many.frame["findings"].to_list() == [["registration-corrected"], ["threshold-differs"]]
    assert many[0].findings == before.findings


def test_a_replay_says_what_was_corrected_since(make_log):
    log = al.open(make_log(model_versions=corrected(threshold=0.25)))
    said = f"{ON_THE_DAY} (threshold is another by now)."
    before, after = (log.decision(name).replay(causes=False) for name in ("p-024", "p-025"))
    assert before.why.endswith(said)
    assert str(before).endswith(said)
    assert before.to_dict()["why"].endswith(said)
    assert ON_THE_DAY not in after.why


def test_a_correction_of_nothing_that_decides_is_no_finding_and_is_shown(make_log):
    change = corrected(run_id="r1", retirement="2024-03-04T12:00:00+00:00")
    decision = al.open(make_log(model_versions=change)).decision("p-010")
    assert (decision.model_version["run_id"], decision.model_version["threshold"]) == ("r1", 0.5)
    assert [each.code for each in decision.findings] == ["served-after-retirement"]


def test_a_retirement_that_was_recorded_with_a_correction_counts_for_decisions_before_it(make_log):
    change = corrected(threshold=0.25, retirement="2024-03-04T12:00:00+00:00")
    decision = al.open(make_log(model_versions=change)).decision("p-010")
    assert decision.model_version["threshold"] == 0.5
    assert [each.code for each in decision.findings] == ["served-after-retirement", "registration-corrected"]


def test_rows_that_contradict_each_other_are_not_called_corrected(make_log):
    twice = lambda frame: pl.concat([frame, frame.with_columns(threshold=pl.lit(0.25))])
    decision = al.open(make_log(model_versions=twice)).decision("p-001")
    assert [each.code for each in decision.gaps] == ["version-ambiguous"]
    assert "registration-corrected" not in [each.code for each in decision.findings]
