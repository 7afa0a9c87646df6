"""Taking a serving log over on the command line: what options mean, and what is printed."""

from __future__ import annotations

import json

import pytest

import audit_lab as al
from audit_lab.cli import adapting
from audit_lab.errors import MisuseError

RECORD = {
    "captureData": {
        "endpointInput": {"data": "1,2", "encoding": "CSV"},
        "endpointOutput": {"data": "0.5", "encoding": "CSV"},
    },
    "eventMetadata": {"eventId": "e1", "inferenceTime": "2026-05-04T09:00:00Z"},
}


def test_one_version_is_for_all_and_several_are_a_table():
    assert adapting._version(["7"]) == "7"
    assert adapting._version(["a=1", "b=2"]) == {"a": "1", "b": "2"}
    assert adapting._version(None) is None
    with pytest.raises(MisuseError, match="--version is not of the form NAME=VALUE everywhere"):
        adapting._version(["a=1", "7"])


def test_features_are_names_or_names_with_types():
    assert adapting._features(["a", "b"]) == ["a", "b"]
    assert adapting._features(["a=Int64", "b=String"]) == {"a": "Int64", "b": "String"}


def test_a_log_is_taken_over_and_the_report_says_so(run, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD) + "\n{bad\n")
    said = [
        "--model",
        "loans",
        "--version",
        "7",
        "--feature",
        "a=Int64",
        "--feature",
        "b=Int64",
        "--answer",
        "score=value",
    ]
    log = tmp_path / "log"
    answer = run("adapt", tmp_path / "a.jsonl", log, "--origin", "demonstration-cli", *said, "--json")
    report = json.loads(answer.out)
    assert (answer.code, report["rows_read"], report["rows_kept"], report["rows_quarantined"]) == (1, 2, 1, 1)
    assert al.open(log).inputs("loans").drop("recorded_at").collect().rows() == [("e1", 1, 2)]
    with pytest.raises(MisuseError, match="there is no log"):
        al.adapt(tmp_path / "a.jsonl", tmp_path / "other")


def test_save_goes_with_a_proposal_alone(run, tmp_path):
    answer = run("adapt", tmp_path, tmp_path / "log", "--save", tmp_path / "m.toml")
    assert answer.code == 2
    assert "--save goes with a proposal" in answer.err
