"""What an impact is asked, and what it does with a log that is not as it should be."""

from __future__ import annotations

import hashlib
import json

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.log.search.query import Question
from audit_lab.replay.impact import measure_impact
from audit_lab.replay.runner import Runner

from .conftest import START


def asked(folder, *changes, chunk_rows=131_072, expression=None, **options):
    store = al.open(folder)._store
    return measure_impact(store, changes, Question(expression), Runner(store), chunk_rows=chunk_rows, **options)


def set_column(**values):
    return lambda frame: frame.with_columns(**{name: pl.lit(value) for name, value in values.items()})


@pytest.mark.parametrize("chunk_rows", [13, 64])
def test_chunks_do_not_matter(generate, chunk_rows):
    folder = generate(2).folder
    changes = (al.Correction.unit("income", factor=0.5, where="environment = 'canary'"), al.Correction.threshold(0.4))
    options = {"groups": ("city", "environment"), "expression": "inputs.years > 3 OR subject_id IS NULL"}
    whole, parts = (asked(folder, *changes, chunk_rows=rows, **options) for rows in (131_072, chunk_rows))
    assert whole.counts.affected
    assert parts.affected.equals(whole.affected)
    assert (parts.digest, parts.to_dict()) == (whole.digest, whole.to_dict())


def test_a_run_that_was_stopped_goes_on_and_comes_to_the_same(generate, tmp_path):
    generated = generate(3)
    change, keep = al.Correction.threshold(0.4), tmp_path / "kept"
    whole = asked(generated.folder, change, chunk_rows=16)
    done = []

    def stop(what, count):
        done.append(count)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(generated.folder, change, chunk_rows=16, keep=keep, progress=stop)
    assert len(list(keep.glob("*.parquet"))) == 3
    seen = []
    again = asked(generated.folder, change, chunk_rows=16, keep=keep, progress=lambda what, count: seen.append(count))
    assert sum(seen) == 160 - 48
    assert again.digest == whole.digest
    assert again.ran["loans 1"].isolation
    assert al.open(generated.folder).impact(change, groups=()).counts == whole.counts
    with pytest.raises(MisuseError, match="holds a replay of something else: correction was"):
        asked(generated.folder, al.Correction.threshold(0.3), chunk_rows=16, keep=keep)


def test_the_same_question_gives_the_same_digest_and_another_does_not(make_log):
    log = al.open(make_log())
    one, same = (log.impact(al.Correction.threshold(0.4)) for _ in range(2))
    other = log.impact(al.Correction.threshold(0.4), since="2024-03-04")
    assert one.digest == same.digest
    assert one.correction_sha256 == other.correction_sha256
    assert one.digest != other.digest
    assert json.loads(json.dumps(one.to_dict()))["digest"] == one.digest


def test_a_window_and_a_version_narrow_it_down(generate):
    generated = generate(4)
    impact = generated.log.impact(al.Correction.threshold(0.35), since="2024-03-05", until="2024-03-08", version="2")
    wanted = [row["prediction_id"] for row in generated.rows[24:96] if row["version"] == "2"]
    assert impact.counts.predictions == len(wanted)
    assert set(impact.affected["prediction_id"]) <= set(wanted)
    assert impact.by_group["value"].to_list() == ["2"]


def test_nothing_is_affected_where_nothing_changes(generate):
    impact = generate(1).log.impact(al.Correction.rules_of("1"), version="1", expression="inputs.years >= 2")
    assert (impact.counts.affected, impact.counts.touched) == (0, 0)
    assert impact.affected.is_empty()
    assert impact.directions.is_empty()
    assert "the model itself is given the same in all of them" in impact.summary()[2]


def test_no_prediction_is_said_to_be_none(make_log):
    impact = al.open(make_log()).impact(al.Correction.threshold(0.4), until="1999-01-01")
    assert impact.summary()[1] == "No prediction matches, so nothing was decided again."
    assert impact.by_group.is_empty()


def test_a_version_that_cannot_be_run_decides_nothing(make_log):
    impact = al.open(make_log()).impact(al.Correction.version("9"))
    assert impact.why_not_decided.rows() == [("correction", "version-not-registered", "loans", "1", 40, "p-000")]
    assert impact.counts.decided == 0
    assert "the registry of tests/loans has no version loans 9" in impact.not_decided["detail"][0]


def test_rules_that_do_not_fit_decide_nothing(make_log):
    rules = [{"name": "a", "when": "inputs.age > 3", "decision": "deny"}]
    impact = al.open(make_log()).impact(al.Correction.rules(rules))
    assert impact.why_not_decided.rows() == [("correction", "rules-unreadable", "loans", "1", 40, "p-000")]


def test_rules_of_a_version_are_those_that_stand_where_its_row_was_corrected(make_log):
    lenient, strict = (
        json.dumps([{"name": "all", "when": "inputs.years >= 0", "decision": decision}])
        for decision in ("approve", "deny")
    )

    def registry(frame):
        other = frame.with_columns(model_version=pl.lit("2"), decision_rules=pl.lit(lenient))
        corrected = other.with_columns(
            decision_rules=pl.lit(strict), supersedes=pl.lit("loans@2@part-00000:1"), recorded_at=pl.lit(START)
        )
        return pl.concat([frame, other, corrected], how="diagonal_relaxed")

    log = al.open(make_log(model_versions=registry))
    impact = log.impact(al.Correction.rules_of("2"))
    assert impact.counts.affected == log.predictions.collect()["decision"].to_list().count("approve")
    assert set(impact.affected["decision_after"]) == {"deny"}


def test_rules_of_a_version_that_is_not_registered_decide_nothing(make_log):
    impact = al.open(make_log()).impact(al.Correction.rules_of("9"))
    assert impact.why_not_decided["code"].to_list() == ["version-not-registered"]


def test_what_cannot_be_replayed_is_never_affected(make_log):
    without = lambda frame: frame.filter(pl.col("prediction_id") != "p-003")
    twice = lambda frame: pl.concat([frame, frame[5:6]])
    log = al.open(make_log(inputs_loans=without, predictions=twice))
    impact = log.impact(al.Correction.threshold(0.0))
    assert dict(impact.not_decided.select("place", "code").iter_rows()) == {
        "p-003@part-00000:3": "inputs-missing",
        "p-005@part-00000:5": "ambiguous-id",
        "p-005@part-00000:40": "ambiguous-id",
    }
    assert impact.not_decided["stage"].unique().to_list() == ["record"]
    assert not set(impact.affected["prediction_id"]) & {"p-003", "p-005"}
    assert impact.counts.decided == 38


def test_a_divergence_is_not_put_down_to_the_correction(make_log):
    log = al.open(make_log(predictions=set_column(decision="deny", decision_rule="threshold")))
    impact = log.impact(al.Correction.threshold(0.999999))
    fallen = dict(impact.not_decided.select("prediction_id", "code").iter_rows())
    assert set(fallen.values()) == {"decision-differs", "rule-differs"}
    assert set(impact.affected["prediction_id"]).isdisjoint(fallen)
    assert "so that no difference can be put down to the correction (decision-differs)" in " ".join(impact.summary())


def test_a_model_that_refuses_corrected_inputs_still_decides_as_recorded(make_log):
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from skops.io import dumps

    income = np.linspace(1_000, 9_000, 40)
    rows = pd.DataFrame({"income": income})
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, np.where(income < 4_000, "bad", "good"))
    scores = model.predict_proba(rows)[:, list(model.classes_).index("bad")]
    artifact = dumps(model)
    signature = {
        "features": [{"name": "income", "dtype": "float"}],
        "output": {"kind": "probability", "positive": "bad", "negative": "good"},
    }
    labels = ["bad" if score >= 0.5 else "good" for score in scores]

    def predictions(frame):
        outputs = [{"score": float(score), "label": label} for score, label in zip(scores, labels, strict=True)]
        return frame.with_columns(
            pl.Series("outputs", outputs), pl.Series("decision", labels), decision_rule=pl.lit("threshold")
        )

    log = al.open(
        make_log(
            artifact=artifact,
            predictions=predictions,
            inputs_loans=lambda frame: frame.select("prediction_id", "recorded_at", pl.Series("income", income)),
            model_versions=set_column(
                artifact_sha256=hashlib.sha256(artifact).hexdigest(),
                artifact_format="skops",
                signature=json.dumps(signature),
                decision_rules="[]",
            ),
        )
    )
    gone = pl.DataFrame({"prediction_id": ["p-007"], "income": [None]}, schema_overrides={"income": pl.Float64})
    impact = log.impact(al.Correction.values(gone, "store", where="prediction_id = 'p-007'"))
    assert impact.counts.decided == 39
    assert impact.not_decided.select("prediction_id", "stage", "code").rows() == [
        ("p-007", "correction", "model-error")
    ]


def test_a_version_without_decisions_is_said_to_have_none(make_log, small_model):
    import numpy as np
    import xgboost

    codes = small_model.inputs["city"].replace_strict({"Bern": 0, "Oslo": 1, "Rome": 2}).to_numpy()
    columns = [small_model.inputs["income"], codes, small_model.inputs["years"]]
    names = ["income", "city", "years"]
    data = xgboost.DMatrix(np.column_stack(columns).astype(np.float32), label=columns[0] / 1000, feature_names=names)
    booster = xgboost.train({"objective": "reg:squarederror", "nthread": 1}, data, num_boost_round=4)
    artifact = bytes(booster.save_raw("ubj"))
    scores = [float(score) for score in booster.predict(data)]
    signature = {
        "features": [
            {"name": "income", "dtype": "float"},
            {"name": "city", "dtype": "str", "categories": ["Bern", "Oslo", "Rome"]},
            {"name": "years", "dtype": "int"},
        ],
        "output": {"kind": "regression"},
    }
    nothing = {"threshold": None, "decision": None, "decision_rule": None}

    def predictions(frame):
        outputs = pl.Series("outputs", [{"score": score} for score in scores])
        columns = [pl.lit(None, dtype=frame.schema[name]).alias(name) for name in nothing]
        return frame.with_columns(outputs, *columns)

    def versions(frame):
        threshold = pl.lit(None, dtype=pl.Float64)
        told = json.dumps(signature)
        digest = pl.lit(hashlib.sha256(artifact).hexdigest())
        return frame.with_columns(
            signature=pl.lit(told), decision_rules=pl.lit("[]"), threshold=threshold, artifact_sha256=digest
        )

    log = al.open(make_log(artifact=artifact, predictions=predictions, model_versions=versions))
    impact = log.impact(al.Correction.unit("income", factor=0.1))
    assert (impact.counts.decided, impact.counts.undecided, impact.counts.affected) == (40, 40, 0)
    assert impact.score_shifts["moved"] > 0
    assert "40 have no decision either way" in impact.summary()[1]
    (unmet,) = log.impact(al.Correction.threshold(0.4)).unmet
    assert "40 are of a model version that decides by no threshold" in unmet.sentence


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (al.Correction.unit("incone", factor=2), {}, "no feature 'incone' is recorded"),
        (al.Correction.unit("city", factor=2), {}, "city is String, which has no unit"),
        (al.Correction.missing("income", "none"), {}, "'none' is no value of income"),
        (al.Correction.recode("city", {1: 2}), {}, "1 is no value of city"),
        (al.Correction.unit("income", factor=2, where="inputs.age > 3"), {}, "does not fit this log"),
        (al.Correction.threshold(0.4, where="decided = 'deny'"), {}, "does not fit this log"),
        (al.Correction.threshold(0.4), {"groups": ("outputs",)}, "'outputs' is nothing to group by"),
        (al.Correction.threshold(0.4), {"groups": ("sex",)}, "'sex' is nothing to group by"),
        ("threshold 0.4", {}, "there is no correction"),
        ([], {}, "there is no correction"),
        (
            al.Correction.values(pl.DataFrame({"prediction_id": ["p-000"], "income": ["much"]})),
            {},
            "the values of income are String, and Float64 on record",
        ),
    ],
)
def test_what_does_not_fit_the_log_is_refused(make_log, change, options, said):
    with pytest.raises(MisuseError, match=said):
        al.open(make_log()).impact(change, **options)


def test_a_column_with_too_many_values_is_no_group(make_log, monkeypatch):
    monkeypatch.setattr("audit_lab.replay.impact.tally._MOST_VALUES", 10)
    with pytest.raises(MisuseError, match="income has more than 10 different values"):
        al.open(make_log()).impact(al.Correction.threshold(0.4), groups=("income",))


def test_a_polars_expression_narrows_it_down_and_cannot_be_kept(make_log, tmp_path):
    log = al.open(make_log())
    late = pl.col("prediction_id") > "p-029"
    assert log.impact(al.Correction.threshold(0.4), late).counts.predictions == 10
    with pytest.raises(MisuseError, match="cannot be kept"):
        log.impact(al.Correction.threshold(0.4), late, keep=tmp_path / "kept")


def test_subjects_are_read_only_where_they_are_wanted(generate):
    log = generate(6).log
    without = log.impact(al.Correction.threshold(0.2), subjects=False)
    assert without.counts.affected
    assert without.by_subject.is_empty()
    assert without.affected["subject_id"].null_count() == without.counts.affected
    assert not any("subject" in sentence for sentence in without.summary())


def test_a_wrong_override_that_was_corrected_does_not_count(make_log):
    overrides = pl.DataFrame(
        {
            "prediction_id": ["p-001", "p-001", "p-002"],
            "recorded_at": [START, START.replace(hour=1), START],
            "decision_after": ["refer", None, "refer"],
            "supersedes": [None, "p-001@part-00000:0", None],
        }
    )
    log = al.open(make_log(overrides=overrides))
    before = dict(log.find(None).select("prediction_id", "decision").iter_rows())
    other = {"deny": "approve", "approve": "deny"}
    rules = [
        {"name": name, "when": f"score >= 0 AND inputs.income != 0 AND {test}", "decision": decision}
        for name, test, decision in (("all", "inputs.years >= -1", "refer"),)
    ]
    impact = log.impact(al.Correction.rules(rules))
    assert set(before.values()) <= set(other)
    told = {row["prediction_id"]: row for row in impact.affected.to_dicts()}
    assert (told["p-001"]["is_overridden"], told["p-001"]["final_decision"]) == (False, before["p-001"])
    assert (told["p-002"]["is_overridden"], told["p-002"]["is_put_right"]) == (True, True)
    assert "Of the affected decisions 1 were overridden afterwards, 1 of these to what" in " ".join(impact.summary())


def test_texts_of_the_log_are_escaped_in_html(make_log):
    hostile = "<img src=x onerror=alert(1)>"
    log = al.open(make_log(predictions=set_column(environment=hostile)))
    shown = log.impact(al.Correction.threshold(0.2), groups=("environment",))._repr_html_()
    assert hostile not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_the_journal_says_what_was_asked(make_log, tmp_path):
    log = al.open(make_log(), actor="a", purpose="p", journal=tmp_path / "j.jsonl")
    log.impact(al.Correction.threshold(0.4), "inputs.years > 3", since="2024-03-04", groups=("city",))
    line = al.read_journal(tmp_path / "j.jsonl").lines[-1]
    assert (line.kind, line.question) == (
        "impact",
        "impact inputs.years > 3; correction the threshold is 0.4; groups city; since 2024-03-04; environment present",
    )
    assert line.rows == log.find("inputs.years > 3").height
    assert {"inputs.income", "predictions.subject_id", "overrides.decision_after"} <= set(line.columns)
