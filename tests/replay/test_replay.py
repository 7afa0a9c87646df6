"""Running recorded inputs through the recorded artifact: verdict and reason."""

from __future__ import annotations

import hashlib
import json
import struct

import polars as pl
import pytest

import audit_lab as al
from audit_lab import Limits


def verdict(log, prediction_id="p-001", **limits):
    result = log.decision(prediction_id).replay(Limits(**limits) if limits else None)
    return str(result.verdict), result.code


def set_column(**values):
    return lambda frame: frame.with_columns(**{name: pl.lit(value) for name, value in values.items()})


def with_field(frame, **fields):
    """Change fields of the outputs of one prediction."""
    changed = pl.col("outputs").struct.with_fields(**fields)
    return frame.with_columns(outputs=pl.when(pl.col("prediction_id") == "p-001").then(changed).otherwise("outputs"))


def test_same_bits(make_log):
    result = al.open(make_log()).decision("p-001").replay()
    assert result.verdict == "EXACT"
    assert result.distance == 0.0
    assert result.recorded == result.replayed
    assert result.reproduced
    assert result.isolation["memory_bytes"] == "8000000000"


def test_tolerance_is_stated_and_beyond_it_the_score_differs(make_log):
    near = make_log("near", predictions=lambda f: with_field(f, score=pl.col("outputs").struct.field("score") + 5e-7))
    far = make_log("far", predictions=lambda f: with_field(f, score=pl.col("outputs").struct.field("score") + 5e-6))
    result = al.open(near).decision("p-001").replay()
    assert (result.verdict, result.code, result.tolerance.absolute) == ("WITHIN_TOLERANCE", "within-tolerance", 1e-6)
    assert result.distance == pytest.approx(5e-7, rel=1e-3)
    assert verdict(al.open(far)) == ("DIVERGED", "score-differs")


def test_step_at_which_the_replay_parted(make_log):
    label = make_log("label", predictions=lambda f: with_field(f, label=pl.lit("other")))
    assert verdict(al.open(label)) == ("DIVERGED", "label-differs")
    rule = make_log("rule", predictions=set_column(decision_rule="other"))
    assert verdict(al.open(rule)) == ("DIVERGED", "rule-differs")
    decision = make_log("decision", predictions=set_column(decision="other"))
    assert verdict(al.open(decision)) == ("DIVERGED", "decision-differs")


def test_rule_is_part_of_the_replay(make_log, small_model):
    ruled = small_model.inputs.with_row_index("row").filter(pl.col("years") < 2)["row"].to_list()
    assert ruled
    prediction_id = f"p-{ruled[0]:03d}"
    log = al.open(make_log())
    result = log.decision(prediction_id).replay()
    assert result.replayed["rule"] == "newcomer"
    assert result.replayed["decision"] == "deny"
    without = al.open(make_log("without", model_versions=set_column(decision_rules="[]")))
    assert verdict(without, prediction_id) == ("DIVERGED", "rule-differs")


def test_input_changed_after_the_fact(make_log):
    change = lambda frame: frame.with_columns(income=10_000 - pl.col("income"))
    assert verdict(al.open(make_log(inputs_loans=change))) == ("DIVERGED", "score-differs")


def test_order_of_input_columns_does_not_matter(make_log):
    change = lambda frame: frame.select("years", "prediction_id", "city", "recorded_at", "income")
    assert verdict(al.open(make_log(inputs_loans=change))) == ("EXACT", "exact")


def test_signature_in_another_order_than_the_artifact_is_never_a_silent_answer(make_log):
    def reorder(frame):
        signature = json.loads(frame["signature"][0])
        signature["features"].reverse()
        return frame.with_columns(signature=pl.lit(json.dumps(signature)))

    assert verdict(al.open(make_log(model_versions=reorder))) == ("UNREPLAYABLE", "features-differ")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inputs_loans": None}, "inputs-missing"),
        ({"inputs_loans": lambda f: f.drop("years")}, "inputs-incomplete"),
        ({"inputs_loans": lambda f: f.with_columns(pl.col("income").cast(pl.String))}, "inputs-mistyped"),
        ({"model_versions": None}, "version-not-registered"),
        ({"model_versions": set_column(artifact_sha256="0" * 64)}, "artifact-digest-mismatch"),
        ({"model_versions": set_column(artifact_uri="artifacts/none")}, "artifact-missing"),
        ({"model_versions": set_column(artifact_uri="../../etc/passwd")}, "artifact-outside"),
        ({"model_versions": set_column(artifact_uri="s3://models/loans-1.ubj")}, "artifact-outside"),
        ({"model_versions": set_column(artifact_format="pickle")}, "artifact-format-unsafe"),
        ({"model_versions": set_column(artifact_format="riddle")}, "artifact-format-unknown"),
        ({"model_versions": set_column(decision_rules="nonsense")}, "rules-unreadable"),
        (
            {"model_versions": set_column(decision_rules='[{"name":"a","when":"inputs.x > 1","decision":"b"}]')},
            "rules-unreadable",
        ),
        ({"model_versions": lambda f: f.with_columns(artifact_sha256=pl.lit(None))}, "artifact-digest-missing"),
        (
            {
                "predictions": lambda f: f.with_columns(model_version=pl.lit(None, dtype=pl.String)),
                "deployments": None,
            },
            "version-not-stated",
        ),
        ({"predictions": set_column(error="backend down")}, "prediction-failed"),
        ({"predictions": lambda f: with_field(f, score=pl.lit(None, dtype=pl.Float64))}, "output-missing"),
    ],
)
def test_each_obstacle_has_its_own_reason(make_log, change, code):
    assert verdict(al.open(make_log(**change))) == ("UNREPLAYABLE", code)


def test_corrupt_artifact_with_the_right_digest(make_log):
    broken = b"{not a booster"
    digest = hashlib.sha256(broken).hexdigest()
    folder = make_log(artifact=broken, model_versions=set_column(artifact_sha256=digest))
    assert verdict(al.open(folder)) == ("UNREPLAYABLE", "artifact-corrupt")


def test_pickle_is_never_opened(make_log, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "evil"), "w"))

    artifact = pickle.dumps(Evil())
    for artifact_format in ("skops", "xgboost-ubj"):
        folder = make_log(
            artifact_format,
            artifact=artifact,
            model_versions=set_column(
                artifact_sha256=hashlib.sha256(artifact).hexdigest(), artifact_format=artifact_format
            ),
        )
        assert verdict(al.open(folder)) == ("UNREPLAYABLE", "artifact-corrupt")
    assert not (tmp_path / "evil").exists()


def test_model_that_takes_too_long_is_a_verdict(make_log):
    assert verdict(al.open(make_log()), wall_s=0.001) == ("UNREPLAYABLE", "model-timeout")


def test_model_that_declares_more_than_it_holds_is_corrupt_and_not_greedy(make_log):
    # UBJSON: an object whose one key holds an array that declares 2^38 64-bit numbers.
    greedy = b"{L" + struct.pack(">q", 7) + b"learner" + b"[$D#L" + struct.pack(">q", 2**38)
    digest = hashlib.sha256(greedy).hexdigest()
    log = al.open(make_log(artifact=greedy, model_versions=set_column(artifact_sha256=digest)))
    assert verdict(log, wall_s=60.0) == ("UNREPLAYABLE", "artifact-corrupt")


def test_batch_keeps_order_and_agrees_with_single(make_log):
    log = al.open(make_log(inputs_loans=lambda f: f.filter(pl.col("prediction_id") != "p-007")))
    rows = log.replay().rows
    assert rows["prediction_id"].to_list() == [f"p-{row:03d}" for row in range(40)]
    assert rows.filter(pl.col("verdict") != "EXACT").select("prediction_id", "code").rows() == [
        ("p-007", "inputs-missing")
    ]


def test_batch_of_a_repeated_id_marks_every_place(make_log):
    log = al.open(
        make_log(predictions=lambda f: pl.concat([f, f[3:4].with_columns(sequence=pl.lit(40, dtype=pl.Int64))]))
    )
    marked = log.replay().rows.filter(pl.col("code") == "ambiguous-id")
    assert marked["place"].to_list() == ["p-003@part-00000:3", "p-003@part-00000:40"]
    assert log.decision("p-003@part-00000:40").replay().code == "ambiguous-id"


def test_batch_of_nothing(make_log):
    assert al.open(make_log()).replay(until="1999-01-01").rows.height == 0


def test_environment_differences_are_reported(make_log):
    runtime = json.dumps({"packages": {"polars": "0.1", "no-such-package": "3"}})
    result = al.open(make_log(model_versions=set_column(runtime=runtime))).decision("p-001").replay()
    found = {each.field: (each.recorded, each.present) for each in result.differences}
    assert set(found) == {"packages.polars", "packages.no-such-package"}
    assert found["packages.no-such-package"] == ("3", None)


def test_replay_agrees_with_the_library_called_directly(make_log, small_model):
    rows = al.open(make_log()).replay().rows
    assert rows["replayed_score"].to_list() == small_model.scores


def test_without_a_threshold_no_decision_is_called_the_same(make_log):
    without = set_column(threshold=None)
    unknown = lambda frame: without(frame).with_columns(pl.col("threshold").cast(pl.Float64))
    log = al.open(make_log(predictions=unknown, model_versions=unknown))
    assert verdict(log) == ("UNREPLAYABLE", "threshold-missing")


def test_registered_threshold_serves_where_the_prediction_states_none(make_log):
    unknown = lambda frame: frame.with_columns(threshold=pl.lit(None, dtype=pl.Float64))
    assert verdict(al.open(make_log(predictions=unknown))) == ("EXACT", "exact")


def test_what_was_not_recorded_is_said_not_to_be_compared(make_log):
    unknown = lambda frame: frame.with_columns(decision=pl.lit(None, dtype=pl.String))
    result = al.open(make_log(predictions=unknown)).decision("p-001").replay()
    assert result.verdict == "EXACT"
    assert result.why.endswith("and the same label, rule; not recorded, so not compared: decision.")


@pytest.mark.parametrize(
    "change", [{"threshold": 0.99}, {"decision_rules": "[]"}, {"artifact_format": "xgboost-json"}, {"signature": "{}"}]
)
def test_registry_rows_that_contradict_each_other_are_never_chosen_between(make_log, change):
    twice = lambda frame: pl.concat([frame, frame.with_columns(**{name: pl.lit(v) for name, v in change.items()})])
    log = al.open(make_log(model_versions=twice))
    assert verdict(log) == ("UNREPLAYABLE", "version-ambiguous")
    assert next(iter(change)) in log.decision("p-001").replay().why


def test_registry_row_repeated_word_for_word_is_no_contradiction(make_log):
    assert verdict(al.open(make_log(model_versions=lambda f: pl.concat([f, f])))) == ("EXACT", "exact")


def test_feature_may_bear_the_name_of_a_column_of_predictions(make_log):
    from audit_lab.replay.decision_rules import FEATURE, parse_rules
    from audit_lab.replay.decision_rules import decide as decided
    from audit_lab.replay.signature import Signature

    signature = Signature.parse(
        '{"features": [{"name": "threshold", "dtype": "float"}, {"name": "score", "dtype": "float"}],'
        ' "output": {"kind": "probability", "positive": "yes", "negative": "no"}}'
    )
    rules = parse_rules('[{"name": "low", "when": "inputs.threshold < 0", "decision": "never"}]', "m 1")
    rows = pl.DataFrame(
        {
            "score": [0.6, 0.6],
            "threshold": [0.5, 0.5],
            f"{FEATURE}threshold": [-1.0, 1.0],
            f"{FEATURE}score": [0.0, 0.0],
        }
    )
    assert decided(rows, signature, rules, "m 1")["decision"].to_list() == ["never", "yes"]


def test_score_that_is_not_a_number_is_on_neither_side_of_the_threshold(make_log):
    from audit_lab.replay.decision_rules import FEATURE
    from audit_lab.replay.decision_rules import decide as decided
    from audit_lab.replay.signature import Signature

    signature = Signature.parse(
        '{"features": [{"name": "a", "dtype": "float"}],'
        ' "output": {"kind": "probability", "positive": "yes", "negative": "no"}}'
    )
    rows = pl.DataFrame({"score": [float("nan")], "threshold": [0.5], f"{FEATURE}a": [1.0]})
    assert decided(rows, signature, (), "m 1").select("label", "decision").rows() == [(None, None)]


def test_two_models_with_one_version_each_have_their_own_isolation(credit):
    batch = al.open(credit).replay(since="2025-08-25", until="2025-09-05")
    assert sorted(batch.isolation) == ["credit-approval 1.0.0", "credit-approval 2.0.0"]


@pytest.mark.parametrize(
    ("recorded", "replayed", "code"),
    [
        (0.25, 0.25, "exact"),
        (0.0, -0.0, "within-tolerance"),
        (0.25, 0.25 + 2**-54, "within-tolerance"),
        (float("nan"), float("nan"), "exact"),
        (float("nan"), -float("nan"), "score-differs"),
        (float("inf"), float("inf"), "exact"),
        (float("inf"), -float("inf"), "score-differs"),
        (0.25, float("nan"), "score-differs"),
    ],
)
def test_exact_means_the_same_bits(recorded, replayed, code):
    from audit_lab.replay.comparison import compared
    from audit_lab.replay.tolerance import DEFAULT_TOLERANCES

    rows = pl.DataFrame(
        {
            "score": [replayed],
            "recorded_score": [recorded],
            "recorded_rule": ["x"],
            "decision_rule": ["x"],
            **{f"{side}{name}": ["x"] for side in ("recorded_", "") for name in ("label", "decision")},
            **{f"{side}probabilities": pl.Series([None], dtype=pl.List(pl.Float64)) for side in ("recorded_", "")},
        }
    )
    assert compared(rows, "probability", DEFAULT_TOLERANCES["probability"])["code"].to_list() == [code]


def test_a_stated_threshold_that_is_no_number_is_none(make_log):
    log = al.open(make_log(predictions=set_column(threshold=float("nan"))))
    assert verdict(log) == ("UNREPLAYABLE", "threshold-missing")
    assert log.coverage().table.select("code", "predictions").rows() == [("threshold-missing", 40)]


def test_the_registered_threshold_is_told_where_another_is_stated(make_log):
    log = al.open(make_log(predictions=set_column(threshold=0.95)))
    asked = log.replay(causes=False).rows.filter(pl.col("code") == "label-differs")["prediction_id"][0]
    replay = log.decision(asked).replay()
    assert replay.explanation.causes[0].kind == "registered-threshold"
    assert "the registered threshold 0.5 was applied, not the one that the predictions state" in replay.why


def test_two_scores_within_the_tolerance_on_both_sides_of_the_threshold(make_log, small_model):
    score = small_model.scores[1]
    change = lambda frame: with_field(frame, score=pl.lit(score + 4e-7)).with_columns(threshold=pl.lit(score + 2e-7))
    replay = al.open(make_log(predictions=change, model_versions=set_column(decision_rules="[]"))).decision("p-001")
    found = replay.replay()
    assert (str(found.verdict), found.code) == ("DIVERGED", "label-differs")
    assert "the score is within the tolerance" in found.why.lower()
    assert "the threshold lies between them; the record is consistent in itself" in found.why
