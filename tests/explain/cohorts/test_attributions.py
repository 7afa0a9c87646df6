"""SHAP values of a group of decisions: the numbers of the library, the rows behind them, and what is left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, ModelError, NotFoundError
from audit_lab.explain import explain
from audit_lab.explain.cohorts import Asked, attribute_cohort, way
from audit_lab.explain.tree_values import import_shap
from audit_lab.log.journal.record import read_journal
from audit_lab.log.search.query import Question
from audit_lab.replay.registered import load_registered
from audit_lab.replay.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    MakeLog = Callable[..., Path]

CITIES = ("Bern", "Oslo", "Rome")
FEATURES = ("income", "city", "years")


@pytest.fixture
def values(small_model: Any) -> npt.NDArray[np.float64]:
    """What the bare shap library gives to the rows of the small log, shape ``(40, 3)``."""
    import xgboost

    booster = xgboost.Booster(model_file=bytearray(small_model.artifact))
    shap = import_shap()
    found: npt.NDArray[np.float64] = shap.TreeExplainer(booster).shap_values(matrix(small_model), check_additivity=True)
    return found


def matrix(small_model: Any) -> npt.NDArray[np.float32]:
    inputs = small_model.inputs
    codes = [CITIES.index(city) for city in inputs["city"]]
    return np.column_stack([inputs["income"], codes, inputs["years"]]).astype(np.float32)


def test_means_are_those_of_the_bare_library(make_log: MakeLog, values: npt.NDArray[np.float64]) -> None:
    found = al.open(make_log()).attributions()
    assert (found.explained, found.matching, found.left_out, found.chosen) == (40, 40, (), None)
    for place, name in enumerate(FEATURES):
        one, own = found.feature(name), values[:, place]
        assert one.size.mean == pytest.approx(np.abs(own).mean(), abs=1e-6)
        assert one.value.mean == pytest.approx(own.mean(), abs=1e-6)
        assert one.value.spread == pytest.approx(own.std(ddof=1), abs=1e-6)
        assert (one.least, one.most) == pytest.approx((own.min(), own.max()), abs=1e-6)
        assert (one.raised, one.lowered) == ((own > 0).sum(), (own < 0).sum())
    sizes = [each.size.mean for each in found.features]
    assert sizes == sorted(sizes, reverse=True)
    assert [each.rank for each in found.features] == [1, 2, 3]
    total = found.base_value + sum(each.value.mean for each in found.features)
    assert found.output.mean == pytest.approx(total, abs=1e-6)
    assert [check.name for check in found.checks if check.passed] == ["additivity", "record"]


def test_bins_have_the_means_of_their_rows_and_lead_back_to_them(
    make_log: MakeLog, small_model: Any, values: npt.NDArray[np.float64]
) -> None:
    log = al.open(make_log())
    found = log.attributions("inputs.years >= 0")
    for place, name in enumerate(FEATURES):
        recorded = small_model.inputs[name]
        for one in found.feature(name).bins:
            inside = recorded.is_between(one.lowest, one.highest) if one.kind == "number" else recorded == one.text
            ids = [f"p-{row:03d}" for row in np.flatnonzero(inside.to_numpy())]
            assert one.moments.rows == len(ids) > 0
            assert one.moments.mean == pytest.approx(values[inside.to_numpy(), place].mean(), abs=1e-6)
            assert found.rows_of(name, one.number)["prediction_id"].to_list() == ids
            assert one.expression is not None
            assert set(log.find(one.expression)["prediction_id"]) == set(ids)
            assert one.sampled == len(ids)
        assert sum(one.moments.rows for one in found.feature(name).bins) == 40
    assert found.feature("city").bins[0].expression == (
        f"(inputs.years >= 0) AND model_version = '1' AND inputs.\"city\" = '{found.feature('city').bins[0].text}'"
    )


def test_points_are_rows_with_their_own_values(
    make_log: MakeLog, small_model: Any, values: npt.NDArray[np.float64]
) -> None:
    found = al.open(make_log()).attributions()
    for place, name in enumerate(FEATURES):
        points = found.points_of(name)
        assert points.height == 40
        for row in points.iter_rows(named=True):
            number = int(row["prediction_id"][2:])
            assert row["place"].startswith(f"{row['prediction_id']}@")
            assert row["contribution"] == pytest.approx(values[number, place], abs=1e-6)
            assert row["value"] == str(small_model.inputs[name][number])
            one = found.feature(name).bins[row["bin"]]
            assert row["prediction_id"] in found.rows_of(name, one.number)["prediction_id"]
    assert found.points_of("city")["position"].null_count() == 40
    assert found.points_of("income")["position"].min() == 0
    assert found.points_of("income")["position"].max() == 1


def asked(log: Path, **question: Any) -> Asked:
    return Asked(al.open(log)._store, Question(**question))


def test_neither_chunks_nor_processes_nor_threads_change_a_byte(
    make_log: MakeLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "_BY_PATHS", 7)
    monkeypatch.setattr(way, "_BY_TREES", 7)
    log, here = make_log(), list[str]()
    for perturbation in ("path-dependent", "interventional"):
        digests = set()
        for chunk_rows in (3, 1000):
            question = asked(log)
            found = attribute_cohort(question, Runner(question.store), perturbation=perturbation, chunk_rows=chunk_rows)
            digests.add(found.digest)
            assert found.explained == 40
        assert len(digests) == 1
        here += digests
    program = (
        "import sys, audit_lab as al; from audit_lab.explain.cohorts import way; way._BY_PATHS = way._BY_TREES = 7; "
        "log = al.open(sys.argv[1]); "
        "print(*[log.attributions(perturbation=name).digest for name in ('path-dependent', 'interventional')])"
    )
    for seed, threads in (("1", "1"), ("2", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads}
        command = [sys.executable, "-c", program, str(log)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == here


def test_interventional_values_are_those_of_the_bare_library_and_share_a_background(
    make_log: MakeLog, small_model: Any
) -> None:
    import xgboost

    log = al.open(make_log())
    found = log.attributions(since="2024-03-05T09:00:00", perturbation="interventional", background=10, seed=3)
    background = found.background_rows
    assert background is not None
    numbers = matrix(small_model).astype(np.float64)
    rows = [int(name[2:]) for name in background.ids]
    assert len(rows) == 10
    assert max(rows) < 24
    booster = xgboost.Booster(model_file=bytearray(small_model.artifact))
    shap = import_shap()
    masker = shap.maskers.Independent(numbers[rows], max_samples=10)
    own = shap.TreeExplainer(booster, masker).shap_values(numbers[24:], check_additivity=False)
    assert [found.feature(name).value.mean for name in FEATURES] == pytest.approx(list(own.mean(axis=0)), abs=1e-5)
    assert (found.output_explained, found.perturbation) == ("log-odds", "interventional")
    earlier = log.attributions(until="2024-03-05T09:00:00", perturbation="interventional", background=background)
    assert earlier.background.sha256 == found.background.sha256
    assert found.against(earlier).check.passed
    other = log.attributions(until="2024-03-05T09:00:00", perturbation="interventional", background=5)
    with pytest.raises(MisuseError, match="explained against different backgrounds"):
        found.against(other)


def test_what_cannot_be_explained_is_left_out_and_counted(make_log: MakeLog) -> None:
    failed = pl.col("prediction_id") == "p-003"
    log = al.open(
        make_log(
            predictions=lambda frame: frame.with_columns(error=pl.when(failed).then(pl.lit("timeout"))),
            inputs_loans=lambda frame: frame.filter(~pl.col("prediction_id").is_in(["p-005", "p-006"])),
        )
    )
    found = log.attributions()
    assert (found.matching, found.explained) == (40, 37)
    assert [(each.code, each.rows, each.first_id) for each in found.left_out] == [
        ("inputs-missing", 2, "p-005"),
        ("prediction-failed", 1, "p-003"),
    ]
    assert "Left out, because they cannot be explained: 3 (2 inputs-missing, first p-005; " in " ".join(
        found.describe()
    )
    behind = {name for one in found.feature("city").bins for name in found.rows_of("city", one.number)["prediction_id"]}
    assert behind == {f"p-{row:03d}" for row in range(40)} - {"p-003", "p-005", "p-006"}


def test_rows_that_the_model_refuses_are_told_apart_and_not_behind_a_bin(make_log: MakeLog) -> None:
    infinite = pl.when(pl.col("prediction_id") == "p-007").then(pl.lit(float("inf"))).otherwise("income")
    log = al.open(make_log(inputs_loans=lambda frame: frame.with_columns(income=infinite)))
    found = log.attributions()
    assert found.explained == 39
    ((code, rows, first),) = [(each.code, each.rows, each.first_id) for each in found.left_out]
    assert (code, rows, first) == ("model-error", 1, "p-007")
    behind = [name for one in found.feature("city").bins for name in found.rows_of("city", one.number)["prediction_id"]]
    assert len(behind) == 39
    assert "p-007" not in behind


def test_decisions_without_a_recorded_score_are_explained_all_the_same(make_log: MakeLog) -> None:
    nothing = pl.lit(None, dtype=pl.Struct({"score": pl.Float64, "label": pl.String}))
    gone = pl.when(pl.col("prediction_id") < "p-004").then(nothing).otherwise("outputs")
    found = al.open(make_log(predictions=lambda frame: frame.with_columns(outputs=gone))).attributions()
    assert found.explained == 40
    assert found.checks[1].detail == (
        "36 recorded scores are what the model gives to the recorded inputs; 4 have no score on record"
    )


def test_scores_that_the_model_does_not_give_are_told(make_log: MakeLog) -> None:
    def moved(frame: pl.DataFrame) -> pl.DataFrame:
        outputs = pl.struct(
            score=pl.col("outputs").struct.field("score") * 0 + 0.999, label=pl.col("outputs").struct.field("label")
        )
        wrong = pl.col("prediction_id") == "p-001"
        return frame.with_columns(outputs=pl.when(wrong).then(outputs).otherwise("outputs"))

    found = al.open(make_log(predictions=moved)).attributions()
    (check,) = [check for check in found.checks if check.name == "record"]
    assert not check.passed
    assert check.detail.startswith(
        "of 40 recorded scores 1 are not what the model gives to the recorded inputs (up to 0"
    )
    assert any(
        line.startswith("Read this with caution: 1 of 2 checks did not pass (record: ") for line in found.describe()
    )


def test_several_versions_are_refused_with_their_names(make_log: MakeLog) -> None:
    second = pl.when(pl.col("prediction_id") < "p-010").then(pl.lit("2")).otherwise("model_version")
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(model_version=second)))
    with pytest.raises(MisuseError, match=r"of 2 versions, .*: loans 1 \(30\), loans 2 \(10\)\. Ask for one of them"):
        log.attributions()
    assert log.attributions(version="1").matching == 30
    with pytest.raises(ModelError, match="none of 10 decisions of loans 2 can be explained") as error:
        log.attributions(version="2")
    assert error.value.code == "version-not-registered"


@pytest.mark.parametrize("question", [{"since": "2030-01-01"}, {"version": "3"}, {"ids_or_expression": ["nobody"]}])
def test_a_group_without_decisions_is_refused(make_log: MakeLog, question: dict[str, Any]) -> None:
    with pytest.raises(NotFoundError, match="matches, so there is nothing to explain"):
        al.open(make_log()).attributions(**question)


def test_one_decision_has_no_spread_and_its_values_are_those_of_its_explanation(make_log: MakeLog) -> None:
    log = al.open(make_log())
    found = log.attributions(["p-004"], perturbation="interventional", background=8)
    assert (found.explained, found.output.spread) == (1, None)
    assert found.background_rows is not None
    decision = log.decision("p-004")
    model = load_registered(log._store, "loans", "1")
    alone = explain(
        "shap",
        prediction_id="p-004",
        inputs=decision.inputs,  # type: ignore[arg-type]
        signature=model.signature,
        artifact=model.artifact,
        background=found.background_rows,
        output="log-odds",
    )
    assert {each.feature: each.value.mean for each in found.features} == pytest.approx(
        {each.feature: each.contribution for each in alone.contributions}
    )
    assert found.base_value == pytest.approx(alone.base_value)
    assert all(each.is_constant for each in found.features)
    (note,) = found.notes
    assert note.startswith("The same value was recorded in all of these decisions for city, income, years: what that ")


def test_ids_and_places_are_found_and_others_counted(make_log: MakeLog) -> None:
    log = al.open(make_log())
    place = log.decision("p-002").place
    found = log.attributions(["p-001", place, "p-001", "nobody"])
    assert (found.matching, found.explained) == (2, 2)
    assert "1 of 3 ids that were given stand nowhere in the log." in found.notes
    assert found.feature("city").bins[0].expression is None
    assert found.rows_of("income", 0).height == 1
    with pytest.raises(MisuseError, match="ids were given together with since or until"):
        log.attributions(["p-001"], since="2024-01-01")


def test_a_sample_is_drawn_by_sha256_and_stated(make_log: MakeLog) -> None:
    found = al.open(make_log()).attributions(rows=9, seed=5)
    assert (found.matching, found.explained) == (40, 9)
    assert found.chosen == "of 40 that can be, those with the smallest SHA-256 of '5|prediction_id'"
    behind = [name for one in found.feature("city").bins for name in found.rows_of("city", one.number)["prediction_id"]]
    assert sorted(behind) == sorted(found.points_of("city")["prediction_id"])
    assert len(behind) == 9
    with pytest.raises(MisuseError, match="rows is 0"):
        al.open(make_log()).attributions(rows=0)


def test_missing_and_unknown_values_are_bins_and_are_told(make_log: MakeLog) -> None:
    def changed(frame: pl.DataFrame) -> pl.DataFrame:
        first = pl.col("prediction_id") < "p-004"
        return frame.with_columns(
            city=pl.when(first).then(pl.lit("Lima")).otherwise("city"),
            income=pl.lit(None, dtype=pl.Float64),
            years=pl.when(first).then(None).otherwise("years"),
        )

    log = al.open(make_log(inputs_loans=changed))
    found = log.attributions()
    assert "Missing in all of these decisions: income." in found.notes
    assert "4 values of city are no category that the model knows: it takes them as missing." in found.notes
    (income,) = found.feature("income").bins
    assert (income.kind, income.moments.rows, income.label) == ("missing", 40, "missing")
    missing = found.feature("years").bins[-1]
    assert (missing.kind, missing.moments.rows) == ("missing", 4)
    assert found.rows_of("years", missing.number)["prediction_id"].to_list() == ["p-000", "p-001", "p-002", "p-003"]
    assert log.find(missing.expression)["prediction_id"].to_list() == ["p-000", "p-001", "p-002", "p-003"]
    assert found.feature("income").is_constant
    assert "Missing in all" in " ".join(found.describe())


def test_it_stops_when_told_and_can_be_asked_again(make_log: MakeLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way, "_BY_PATHS", 5)
    log = al.open(make_log())
    seen: list[int] = []

    def stop(_: str, count: int) -> None:
        seen.append(count)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log.attributions(progress=stop)
    assert seen == [5, 5]
    assert log.attributions().explained == 40


def test_a_model_without_margins_is_explained_in_probability_by_a_few_rows(flights: Path) -> None:
    found = al.open(flights).attributions(since="2015-01-10", until="2015-01-12", version="1.0.0", rows=3, background=5)
    assert (found.output_explained, found.explained, found.perturbation) == ("probability", 3, "interventional")
    assert [check.passed for check in found.checks] == [True] * len(found.checks)
    total = found.base_value + sum(each.value.mean for each in found.features)
    assert 0 < found.output.mean == pytest.approx(total)
    with pytest.raises(MisuseError, match="path-dependent values are not offered"):
        al.open(flights).attributions(version="1.0.0", perturbation="path-dependent")


def test_its_bytes_are_canonical_and_hold_no_single_decision(make_log: MakeLog) -> None:
    found = al.open(make_log()).attributions()
    document = json.dumps(found.to_dict(), allow_nan=False)
    assert "p-0" not in document
    assert found.to_dict()["digest"] == found.digest
    assert len(found.describe()) == 4
    assert "<script" not in found._repr_html_()


def test_the_question_and_each_look_at_rows_stand_in_the_journal(make_log: MakeLog, tmp_path: Path) -> None:
    log = al.open(make_log(), actor="auditor", purpose="incident", journal=tmp_path / "journal")
    found = log.attributions("inputs.years > 3", version="1")
    behind = found.rows_of("city", 0)
    asked, looked = read_journal(tmp_path / "journal").lines[-2:]
    assert (asked.kind, asked.rows) == ("attributions", found.matching)
    assert "inputs.years > 3; version 1; seed 0" in asked.question
    assert {"inputs.city", "inputs.income", "predictions.outputs"} <= set(asked.columns)
    assert (looked.kind, looked.rows) == ("attributions rows", behind.height)
    assert "city; bin 0" in looked.question


def test_a_wide_model_is_explained_feature_by_feature(tmp_path: Path, make_log: MakeLog) -> None:
    import hashlib

    import xgboost

    generator = np.random.default_rng(0)
    names = [f"f{place:03d}" for place in range(150)]
    numbers = generator.normal(size=(40, 150)).astype(np.float32)
    data = xgboost.DMatrix(numbers, label=(numbers[:, 7] > 0).astype(int), feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 4)
    content = bytes(booster.save_raw("ubj"))
    scores = [float(score) for score in booster.predict(data)]
    signature = {
        "features": [{"name": name, "dtype": "float"} for name in names],
        "output": {"kind": "probability", "positive": "bad", "negative": "good"},
    }
    outputs = [{"score": score, "label": "bad" if score >= 0.5 else "good"} for score in scores]
    log = make_log(
        artifact=content,
        predictions=lambda frame: frame.with_columns(
            outputs=pl.Series(outputs), decision_rule=pl.lit(None, dtype=pl.String)
        ),
        inputs_loans=lambda frame: frame.select("prediction_id", "recorded_at").hstack(
            pl.DataFrame(numbers.astype(np.float64), schema=names, orient="row")
        ),
        model_versions=lambda frame: frame.with_columns(
            artifact_sha256=pl.lit(hashlib.sha256(content).hexdigest()),
            signature=pl.lit(json.dumps(signature)),
            decision_rules=pl.lit(None, dtype=pl.String),
        ),
    )
    found = al.open(log).attributions()
    assert len(found.features) == 150
    assert found.features[0].feature == "f007"
    text = " ".join(found.describe())
    assert " and 14" in text
    assert len(text) < 1500
    drawn = al.charts.svg(
        al.charts.attribution_beeswarm(found.importance, found.points, title="wide", axis_title="log-odds", most=3)
    )
    assert "and 147 other features: " in drawn
