"""The whole of a log replayed: every prediction is reproduced but those that the truth names, each for its reason."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from audit_lab.cli import main

SAMPLES = Path(__file__).parents[2] / "sample_data"
OTHER_SEED = "7"


@pytest.fixture(scope="module", params=["as committed", f"seed {OTHER_SEED}"])
def sample(request, tmp_path_factory):
    """Return a flights log and the truth about it: the committed one, and one with its faults moved elsewhere."""
    folder = SAMPLES
    if request.param != "as committed":
        folder = tmp_path_factory.mktemp("moved")
        command = [sys.executable, str(SAMPLES / "build.py"), "--out", str(folder), "--seed", OTHER_SEED]
        subprocess.run([*command, "--only", "flights"], check=True, capture_output=True, timeout=120)
    truth = json.loads((folder / "TRUTH.json").read_text())
    return SimpleNamespace(log=folder / "flights", truth=truth, fault={f["kind"]: f for f in truth["faults"]})


@pytest.fixture
def answer(capsys):
    def call(*arguments):
        capsys.readouterr()
        code = main([*map(str, arguments), "--json"])
        shown = capsys.readouterr()
        assert shown.err == ""
        return code, json.loads(shown.out)

    return call


def test_every_prediction_is_reproduced_but_those_that_the_truth_names(sample, answer):
    code, document = answer("replay", "--log", sample.log, "--all")
    assert code == 1
    assert document["predictions"] == sample.truth["predictions"]
    assert document["reproduced"] == sample.truth["replay"]["EXACT"]
    assert {group["verdict"] for group in document["groups"]} == {"EXACT", "UNREPLAYABLE"}

    found = defaultdict(list)
    for row in document["not_reproduced"]:
        found[row["code"]].append(row["prediction_id"])
    named = [fault for fault in sample.truth["faults"] if fault["verdict"] == "UNREPLAYABLE"]
    assert {code: len(ids) for code, ids in found.items()} == sample.truth["replay"]["UNREPLAYABLE"]
    assert set(found) == {fault["code"] for fault in named}
    for fault in named:
        ids = sorted(set(found[fault["code"]]))
        assert hashlib.sha256("\n".join(ids).encode()).hexdigest() == fault["ids_sha256"], fault["title"]
        assert ids == sorted(set(fault["ids"]))


def test_each_fault_is_found_by_one_of_its_ids(sample, answer):
    for fault in sample.truth["faults"]:
        if fault["verdict"] == "UNREPLAYABLE" and fault["kind"] != "duplicate-id":
            code, document = answer("replay", fault["ids"][-1], "--log", sample.log)
            assert (code, document["verdict"], document["code"]) == (1, "UNREPLAYABLE", fault["code"])
    wrong = sample.fault["artifact-digest-mismatch"]
    _, document = answer("replay", wrong["ids"][0], "--log", sample.log)
    assert wrong["found_sha256"][:12] in document["why"]
    assert wrong["recorded_sha256"][:12] in document["why"]


def test_the_week_in_another_unit_was_really_scored_so(sample, answer):
    fault = sample.fault["unit-change"]
    code, document = answer("replay", "--log", sample.log, "--since", fault["since"], "--until", fault["until"])
    assert document["predictions"] == fault["predictions"]
    assert code == int(document["reproduced"] != document["predictions"])
    assert {group["verdict"] for group in document["groups"] if group["code"] == "exact"} == {"EXACT"}


def test_drift_finds_the_week_the_feature_and_the_factor(sample, answer):
    fault = sample.fault["unit-change"]
    code, document = answer("drift", "--log", sample.log)
    assert code == 1
    (change,) = (one for one in document["changes"] if one["kind"] == "unit")
    since, until = (datetime.fromisoformat(fault[side]).replace(tzinfo=UTC) for side in ("since", "until"))
    assert change["columns"] == [fault["feature"]]
    assert (datetime.fromisoformat(change["start"]), datetime.fromisoformat(change["end"])) == (since, until)
    assert change["factor"] == pytest.approx(fault["factor"], rel=1e-6)
    assert change["evidence"]["median_ratio"] == pytest.approx(fault["factor"], rel=0.25)


def test_drift_finds_the_merger(sample, answer):
    _, document = answer("drift", "--log", sample.log)
    (gone,) = document["vanished"]
    assert (gone["column"], gone["category"], gone["returned"]) == ("carrier", "US", None)
    assert gone["last_seen"][:10] == sample.truth["real_incidents"]["last_flight_of_us"] == "2015-06-30"
    assert document["summary"][0].startswith("carrier: category US ")


def test_doctor_finds_the_gap_of_the_writer(sample, answer):
    fault = sample.fault["sequence-gap"]
    code, checks = answer("doctor", "--log", sample.log)
    assert code == 1
    (said,) = [check for check in checks if fault["writer_id"] in check["found"] and check["state"] == "wanting"]
    for number in (fault["lost"], fault["first_lost"] - 1, fault["last_lost"] + 1):
        assert str(number) in said["found"].replace(",", "")


def test_an_id_on_two_flights_is_shown_by_its_places(sample, answer):
    twice = sample.fault["duplicate-id"]["ids"][0]
    code, document = answer("show", twice, "--log", sample.log)
    assert (code, document["error"]["kind"]) == (1, "AmbiguousIdError")
    assert document["error"]["message"].count(f"{twice}@") == 2


def test_every_prediction_of_the_credit_log_is_exact(credit, answer):
    code, document = answer("replay", "--log", credit, "--all")
    assert code == 0
    assert {group["verdict"] for group in document["groups"]} == {"EXACT"}
    assert document["predictions"] == document["reproduced"]
    assert document["not_reproduced"] == []
