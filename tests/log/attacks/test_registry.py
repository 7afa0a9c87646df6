"""Attack 14: a registry row is edited after the fact. The log says which row; a replay says which step moved."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError
from audit_lab.log.integrity import examine_log
from audit_lab.log.writing.arrival import seal_log

CHANGED = {"log.segment-changed", "log.rows-root-differs", "log.row-changed"}


def edited(column, value):
    return lambda frame: frame.with_columns(pl.lit(value, dtype=frame.schema[column]).alias(column))


@pytest.mark.parametrize(
    ("table", "cell", "name"),
    [
        ("model_versions", ("threshold", 0.75), "loans, 1@part-00000:0"),
        ("model_versions", ("artifact_sha256", "c" * 64), "loans, 1@part-00000:0"),
        ("model_versions", ("evaluation", '{"auc": 0.99}'), "loans, 1@part-00000:0"),
        ("deployments", ("traffic_share", 0.5), "primary, 2024-03-04 08:00:00+00:00@part-00000:0"),
    ],
)
def test_edited_row_is_named(make_log, tmp_path, table, cell, name):
    folder = make_log()
    seal_log(folder, actor="tests", vault=tmp_path / "vault", passphrase=b"tests")
    assert examine_log(folder, remembered=False).findings == ()
    path = folder / table / "part-00000.parquet"
    edited(*cell)(pl.read_parquet(path)).write_parquet(path)
    findings = examine_log(folder, remembered=False).findings
    assert {each.code for each in findings} == CHANGED
    (meaning,) = [each.meaning for each in findings if each.code == "log.row-changed"]
    assert meaning == f"these rows hold other values than were sealed: {name}"


def test_sealed_log_with_an_edited_registry_answers_nothing_from_it(make_log, tmp_path):
    folder = make_log()
    seal_log(folder, actor="tests", vault=tmp_path / "vault", passphrase=b"tests")
    path = folder / "model_versions" / "part-00000.parquet"
    edited("threshold", 0.999)(pl.read_parquet(path)).write_parquet(path)
    with pytest.raises(LogError, match="changed after it was sealed"):
        al.open(folder).decision("p-003").replay()


def test_replay_says_which_step_moved(make_log):
    """Where the seal is missing too, the record itself still contradicts the edited registry."""
    good = al.open(make_log("good")).decision("p-003").replay()
    assert good.verdict == "EXACT"
    rules = '[{"name": "everybody", "when": "inputs.years < 50", "decision": "deny"}]'
    moved = al.open(make_log("edited", model_versions=edited("decision_rules", rules))).decision("p-003").replay()
    assert moved.verdict == "DIVERGED"
    assert "rule" in moved.why
