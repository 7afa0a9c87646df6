"""How far apart scores may be: the default of each kind, and what a registry row declares."""

from __future__ import annotations

import json

import polars as pl
import pytest

import audit_lab as al
from audit_lab.replay.tolerance import DEFAULT_TOLERANCES, tolerance_of


def declared(**bounds):
    return json.dumps({"output": {"tolerance": bounds}})


def test_every_kind_of_output_has_a_default():
    found = {kind: (each.absolute, each.relative) for kind, each in DEFAULT_TOLERANCES.items()}
    assert found == {
        "probability": (1e-6, 0.0),
        "multiclass": (1e-6, 0.0),
        "margin": (4e-6, 1e-6),
        "regression": (0.0, 1e-6),
        "label": (0.0, 0.0),
    }


def test_the_registry_declares():
    found = tolerance_of(declared(absolute=0.5, relative=0.25), "regression")
    assert (found.absolute, found.relative, found.source) == (0.5, 0.25, "declared in the registry")
    assert str(found) == "0.5 or 0.25 of the recorded value (declared in the registry)"


@pytest.mark.parametrize("bounds", [{"absolute": -1}, {"relative": "much"}, {"absolute": float("inf")}])
def test_a_tolerance_that_is_none_is_refused(bounds):
    with pytest.raises(ValueError, match="is not made of finite numbers"):
        tolerance_of(declared(**bounds), "probability")


def with_tolerance(bounds):
    def change(frame):
        signature = json.loads(frame["signature"][0])
        signature["output"]["tolerance"] = bounds
        return frame.with_columns(signature=pl.lit(json.dumps(signature)))

    return change


def moved(frame):
    score = pl.col("outputs").struct.field("score") + 5e-4
    return frame.with_columns(outputs=pl.col("outputs").struct.with_fields(score=score))


def test_a_declared_tolerance_decides_and_is_part_of_the_record(make_log):
    wide = al.open(make_log("wide", predictions=moved, model_versions=with_tolerance({"absolute": 1e-3})))
    replay = wide.decision("p-001").replay(causes=False)
    assert str(replay.verdict) == "WITHIN_TOLERANCE"
    assert replay.to_dict()["tolerance"] == {
        "kind": "probability",
        "absolute": 1e-3,
        "relative": 0.0,
        "source": "declared in the registry",
    }
    narrow = al.open(make_log("narrow", predictions=moved))
    assert str(narrow.decision("p-001").replay(causes=False).verdict) == "DIVERGED"


def test_a_tolerance_that_cannot_be_read_is_no_tolerance(make_log):
    log = al.open(make_log(model_versions=with_tolerance({"absolute": "wide"})))
    replay = log.decision("p-001").replay()
    assert (str(replay.verdict), replay.code) == ("UNREPLAYABLE", "tolerance-unreadable")


def test_a_sealed_log_declares_one_for_its_probabilities(make_log, tmp_path, monkeypatch):
    monkeypatch.setenv("SEALING", "a long enough passphrase")
    folder = make_log(predictions=moved)
    al.seal_log(folder, actor="records", tolerance="0.001", vault=tmp_path / "vault", passphrase="env:SEALING")
    replay = al.open(folder).decision("p-001").replay(causes=False)
    assert (str(replay.verdict), replay.tolerance.absolute) == ("WITHIN_TOLERANCE", 1e-3)
    assert replay.tolerance.source == "declared when the log was sealed"


def test_the_registry_counts_before_the_log_and_other_kinds_have_a_scale_of_their_own():
    assert tolerance_of(declared(absolute=0.5), "probability", 0.25).absolute == 0.5
    assert tolerance_of(None, "probability", 0.25).absolute == 0.25
    assert tolerance_of(None, "regression", 0.25) == DEFAULT_TOLERANCES["regression"]
