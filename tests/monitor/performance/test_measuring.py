"""Performance of whole logs: equal to scikit-learn on the joined rows, and a stated fact where nothing can be said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sklearn import metrics

import audit_lab as al
from audit_lab.errors import LogError, MisuseError, NotFoundError
from audit_lab.monitor.performance import measuring
from audit_lab.monitor.performance.catalogue import MEASURES
from audit_lab.monitor.performance.result import TABLE, WINDOW_TABLE

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def lent(credit):
    return al.open(credit)


@pytest.fixture(scope="module")
def whole(lent):
    return lent.performance(every=None, costs={"fp": 1, "fn": 5}, hosmer_lemeshow=True)


@pytest.fixture(scope="module")
def joined(lent):
    """Return the credit log joined by hand: score, what was said, decided and came true."""
    changed = lent.overrides.collect().drop_nulls("decision_after").sort("recorded_at")
    last = changed.unique("prediction_id", keep="last").select("prediction_id", final="decision_after")
    rows = lent.predictions.collect().unnest("outputs").join(last, on="prediction_id", how="left")
    outcomes = lent.outcomes.collect().select("prediction_id", true="label")
    return rows.with_columns(pl.coalesce("final", "decision").alias("final")).join(outcomes, on="prediction_id")


def test_every_measure_of_the_credit_log_equals_scikit_learn(whole, joined, value_of):
    truth, score = (joined["true"] == "bad").to_numpy(), joined["score"].to_numpy()
    assert value_of(whole, "score", "auc") == pytest.approx(metrics.roc_auc_score(truth, score), abs=1e-9)
    assert value_of(whole, "score", "brier") == pytest.approx(metrics.brier_score_loss(truth, score), abs=1e-9)
    assert value_of(whole, "score", "log_loss") == pytest.approx(metrics.log_loss(truth, score), abs=1e-9)
    for of, column, positive in (
        ("label", "label", "bad"),
        ("decision", "decision", "deny"),
        ("final decision", "final", "deny"),
    ):
        said = (joined[column] == positive).to_numpy()
        assert value_of(whole, of, "accuracy") == pytest.approx(metrics.accuracy_score(truth, said), abs=1e-9)
        assert value_of(whole, of, "precision") == pytest.approx(metrics.precision_score(truth, said), abs=1e-9)
        assert value_of(whole, of, "recall") == pytest.approx(metrics.recall_score(truth, said), abs=1e-9)
        assert value_of(whole, of, "f1") == pytest.approx(metrics.f1_score(truth, said), abs=1e-9)
        (_, false_alarms), (misses, _) = metrics.confusion_matrix(truth, said).tolist()
        assert value_of(whole, of, "cost") == pytest.approx((false_alarms + 5 * misses) / truth.size, abs=1e-9)


def test_the_three_questions_have_three_answers(whole, value_of):
    """Policy rules move decisions away from labels, and persons move some of them again."""
    recalls = [value_of(whole, of, "recall") for of in ("label", "decision", "final decision")]
    assert len(set(recalls)) == 3


def test_the_months_of_flights_have_the_areas_that_the_truth_states(flights):
    found = al.open(flights).performance()
    stated = json.loads((flights.parent / "TRUTH.json").read_text())["auc_by_month"]
    areas = found.table.filter(measure="auc", estimated=False).sort("window_start")
    months = areas["window_start"].dt.strftime("%Y-%m").to_list()
    assert dict(zip(months, areas["value"].round(3).to_list(), strict=True)) == stated
    assert found.windows["mature"].all()


def test_counting_in_several_passes_changes_nothing(lent, monkeypatch):
    once = lent.performance(every="1w", since="2025-02-05", until="2025-06-18", by_version=True)
    monkeypatch.setattr(measuring, "_ROWS_AT_ONCE", 50)
    several = lent.performance(every="1w", since="2025-02-05", until="2025-06-18", by_version=True)
    assert_frame_equal(once.table, several.table)
    assert_frame_equal(once.windows, several.windows)


def test_the_same_question_has_the_same_answer(lent):
    one, other = (lent.performance().to_dict() for _ in range(2))
    assert json.dumps(one) == json.dumps(other)


def test_versions_are_measured_apart(lent, joined):
    found = lent.performance(every=None, by_version=True)
    areas = found.table.filter(measure="auc", estimated=False)
    assert areas["model_version"].to_list() == ["1.0.0", "2.0.0"]
    for version, area in areas.select("model_version", "value").iter_rows():
        mine = joined.filter(model_version=version)
        assert area == pytest.approx(metrics.roc_auc_score((mine["true"] == "bad").to_numpy(), mine["score"]), abs=1e-9)


def test_windows_that_still_wait_are_marked_and_later_no_longer(lent):
    found = lent.performance(as_of="2025-09-01")
    then = found.windows.filter(known="then").sort("window_start")
    assert then["mature"].to_list() == [True] * 4 + [False] * 4
    assert found.windows.filter(known="now")["mature"].all()
    statuses = found.table.filter(known="then", measure="accuracy", of="label", estimated=False)["status"].to_list()
    assert statuses == ["measured"] * 4 + ["immature"] * 2 + ["no outcomes"] * 2


def test_windows_without_outcomes_have_an_estimate_marked_as_one(lent):
    found = lent.performance(as_of="2025-09-01")
    guessed = found.table.filter(known="then", measure="auc", estimated=True)
    assert guessed.height == 8
    assert set(guessed["status"]) == {"estimate"}
    assert set(guessed["interval"]) == {"none: an estimate under an assumption"}
    assert guessed["note"][-1].startswith("scores ")


def test_the_reliability_curve_adds_up_over_windows(lent, whole, joined):
    assert_frame_equal(lent.performance().calibration(), whole.calibration())
    curve = whole.calibration()
    assert curve["rows"].sum() == joined.height
    assert (curve["rows"] * curve["mean_score"]).sum() == pytest.approx(joined["score"].sum(), abs=1e-9)
    with pytest.raises(NotFoundError, match="no window starts at"):
        whole.calibration(START)


ODD = st.lists(
    st.tuples(st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0, 0.3])), st.sampled_from(["bad", "good", None])),
    min_size=1,
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ODD)
def test_odd_logs_have_measures_or_a_reason(judged_log, value_of, pairs):
    scores, labels = zip(*pairs, strict=True)
    found = judged_log(list(scores), list(labels)).performance(every=None)
    both = [(score, label == "bad") for score, label in pairs if score is not None and label is not None]
    area = value_of(found, "score", "auc")
    if len({true for _, true in both}) < 2:
        assert area is None
    else:
        given_scores, truth = zip(*both, strict=True)
        assert area == pytest.approx(metrics.roc_auc_score(truth, given_scores), abs=1e-9)
    if both:
        losses = metrics.log_loss([true for _, true in both], [score for score, _ in both], labels=[False, True])
        assert value_of(found, "score", "log_loss") == pytest.approx(losses, abs=1e-9)
    undefined = found.table.filter(pl.col("value").is_null())
    assert set(undefined["status"]) <= {"not defined", "no outcomes"}
    assert undefined["note"].str.len_chars().min() != 0
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.summary()
    assert within_its_range(found.table) == []


def test_one_class_alone_has_no_area_and_says_so(judged_log):
    found = judged_log([0.1, 0.9], ["good", "good"]).performance(every=None)
    row = found.table.filter(measure="auc", estimated=False).row(0, named=True)
    assert (row["value"], row["status"], row["note"]) == (None, "not defined", "all outcomes are of one class")
    assert found.summary()[0].startswith("How good loans is cannot be said yet: no window is mature and has an AUC")


def test_without_any_outcome_nothing_is_measured_and_something_estimated(judged_log):
    found = judged_log([0.1, 0.9], [None, None]).performance(every="1d")
    assert set(found.table.filter(estimated=False)["status"]) == {"no outcomes"}
    assert found.windows["expected_share"].to_list() == [None]
    assert found.table.filter(estimated=True, measure="accuracy", of="label")["value"].to_list() == [pytest.approx(0.9)]
    assert "no window has outcomes" in found.summary()[0]


def test_no_prediction_is_an_error_that_says_what_to_do(lent):
    with pytest.raises(LogError, match="there is no prediction to measure. Widen"):
        lent.performance(since="2030-01-01")


def test_outcomes_that_are_known_of_one_decision_only_are_stated(judged_log):
    found = judged_log([0.9, 0.8, 0.2, 0.1], [None, "bad", "good", "good"]).performance(every=None)
    assert (
        "outcomes are known of 50.0% of deny and 100.0% of approve: what is measured is not what would be of all"
        in (found.facts)
    )
    even = judged_log([0.9, 0.8, 0.2, 0.1], ["bad", "bad", "good", "good"]).performance(every=None)
    assert even.facts == ()


def test_scores_that_are_no_probability_are_left_out_and_counted(judged_log, value_of):
    found = judged_log([0.9, 1.5, float("nan"), 0.2], ["bad", "bad", "good", "good"]).performance(every=None)
    assert value_of(found, "score", "auc") == 1.0
    assert "predictions without a score that is a probability, which no measure of the score has: 2" in found.facts


def test_predictions_without_a_time_are_in_no_window_and_stated(judged_log):
    gone = pl.when(pl.col("prediction_id") != "p-0000").then("occurred_at").alias("occurred_at")
    log = judged_log([0.9, 0.1], ["bad", "good"], predictions=lambda table: table.with_columns(gone))
    found = log.performance(every="1d")
    assert found.windows["rows"].sum() == 1
    assert "predictions without a time, which are in no window: 1" in found.facts
    assert log.performance(every=None).windows["rows"].sum() == 2


def test_an_outcome_that_is_a_number_says_the_same_as_its_label(judged_log, value_of):
    def numbered(table):
        value = pl.when(pl.col("label") == "bad").then(1.0).otherwise(0.0)
        return table.with_columns(value=value, label=pl.lit(None, dtype=pl.String))

    found = judged_log([0.9, 0.1, 0.8], ["bad", "good", "good"], outcomes=numbered).performance(every=None)
    assert value_of(found, "label", "accuracy") == pytest.approx(2 / 3)


def test_a_threshold_says_the_label_where_the_log_does_not(judged_log, value_of):
    bare = pl.struct(score=pl.col("outputs").struct.field("score"), label=pl.lit(None, dtype=pl.String))
    log = judged_log([0.9, 0.1], ["bad", "good"], predictions=lambda table: table.with_columns(outputs=bare))
    assert value_of(log.performance(every=None), "label", "accuracy") == 1.0


REGRESSION = {"kind": "regression"}


def test_errors_of_a_number_equal_scikit_learn(judged_log, value_of):
    rng = np.random.default_rng(8)
    said, true = rng.normal(100, 20, 300), rng.normal(100, 20, 300)

    def valued(table):
        numbers = pl.Series([*true[:3], float("nan"), *true[4:]])  # what is no number counts as missing
        return table.with_columns(value=numbers, label=pl.lit(None, dtype=pl.String))

    found = judged_log(said.tolist(), ["x"] * 300, output=REGRESSION, outcomes=valued).performance(every=None)
    kept = np.arange(300) != 3
    expected = metrics.root_mean_squared_error(true[kept], said[kept])
    assert value_of(found, "score", "rmse") == pytest.approx(expected, abs=1e-9)
    assert value_of(found, "score", "mae") == pytest.approx(
        metrics.mean_absolute_error(true[kept], said[kept]), abs=1e-9
    )
    assert value_of(found, "score", "mean_error") == pytest.approx((said - true)[kept].mean(), abs=1e-9)
    assert "outcomes that are not a finite number, which count as missing: 1" in found.facts
    row = found.table.filter(measure="rmse").row(0, named=True)
    assert row["low"] < expected < row["high"]
    assert found.summary()[0].startswith("RMSE of the score ")
    with pytest.raises(MisuseError, match="Calibration is of probabilities"):
        found.calibration()
    with pytest.raises(MisuseError, match="costs were given"):
        judged_log([1.0], ["x"], output=REGRESSION, outcomes=lambda t: t.with_columns(value=1.0)).performance(
            costs={"fp": 1}
        )


def test_several_classes_equal_scikit_learn(judged_log, value_of):
    rng = np.random.default_rng(9)
    classes = ["hold", "ship", "void"]
    chances = rng.dirichlet([1, 1, 1], 200)
    said = [classes[place] for place in chances.argmax(axis=1)]
    true = [classes[place] for place in rng.integers(0, 3, 200)]
    outputs = pl.Series(
        [{"label": label, "probabilities": row.tolist()} for label, row in zip(said, chances, strict=True)]
    )
    log = judged_log(
        [0.5] * 200,
        true,
        output={"kind": "multiclass", "classes": classes},
        predictions=lambda table: table.with_columns(outputs=outputs, decision=pl.Series(said)),
    )
    found = log.performance(every=None, costs={("hold", "void"): 2.0})
    assert value_of(found, "score", "log_loss") == pytest.approx(
        metrics.log_loss(true, chances, labels=classes), abs=1e-9
    )
    brier = metrics.brier_score_loss(true, chances, labels=classes, scale_by_half=False)
    assert value_of(found, "score", "brier") == pytest.approx(brier, abs=1e-9)
    assert value_of(found, "label", "macro_f1") == pytest.approx(
        metrics.f1_score(true, said, average="macro"), abs=1e-9
    )
    hold_void = sum(a == "hold" and b == "void" for a, b in zip(said, true, strict=True))
    assert value_of(found, "decision", "cost") == pytest.approx(2 * hold_void / 200)


def test_a_margin_has_an_area_and_no_brier_score(judged_log, value_of):
    output = {"kind": "margin", "positive": "bad", "negative": "good"}
    found = judged_log([3.0, -2.0, 1.0], ["bad", "good", "bad"], output=output).performance(every=None)
    assert value_of(found, "score", "auc") == 1.0
    assert set(found.table.filter(of="score")["measure"]) == {"auc"}


def test_where_the_registry_is_silent_the_positive_label_must_be_named(judged_log, value_of):
    log = judged_log(
        [0.9, 0.1],
        ["bad", "fine"],
        versions=[{"model_name": "loans", "model_version": "1", "recorded_at": START, "signature": None}],
    )
    with pytest.raises(MisuseError, match="Name the label that the score is the probability of"):
        log.performance()
    found = log.performance(every=None, positive="bad")
    assert value_of(found, "label", "accuracy") == 1.0
    assert "every other label as its opposite" in found.facts[0]


def test_another_positive_label_than_the_registry_s_is_refused(lent):
    with pytest.raises(MisuseError, match="by the registry the score speaks of 'bad'"):
        lent.performance(positive="good")


def test_versions_that_mean_something_else_are_left_out_and_named(judged_log):
    own = {"model_name": "loans", "recorded_at": START}
    texts = [
        json.dumps({"features": [{"name": "x", "dtype": "float"}], "output": {"kind": "regression"}}),
        json.dumps(
            {
                "features": [{"name": "x", "dtype": "float"}],
                "output": {"kind": "probability", "positive": "bad", "negative": "good"},
            }
        ),
    ]
    versions = [{**own, "model_version": str(place), "signature": text} for place, text in enumerate(texts)]
    version = pl.when(pl.col("prediction_id") == "p-0000").then(pl.lit("0")).otherwise(pl.lit("1"))
    log = judged_log(
        [0.9, 0.1, 0.2],
        ["bad", "good", "good"],
        predictions=lambda table: table.with_columns(model_version=version),
        versions=versions,
    )
    found = log.performance(every=None)
    assert found.windows["rows"][0] == 2
    assert "versions whose output means something else are left out: 0" in found.facts


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ({"xx": 1}, "'xx' is no pair"),
        ({"fp": float("inf")}, "the cost of 'fp' is inf"),
        ({("bad", "x"): 1}, "is no pair"),
        ("fp=1", "costs are 'fp=1', which is no mapping"),
    ],
)
def test_costs_that_fit_nothing_are_refused(lent, costs, message):
    with pytest.raises(MisuseError, match=message):
        lent.performance(costs=costs)


def test_the_result_s_frames_and_forms_are_what_they_say(whole):
    assert whole.table.schema == pl.Schema(TABLE)
    assert whole.windows.schema == pl.Schema(WINDOW_TABLE)
    assert json.loads(json.dumps(whole.to_dict(), allow_nan=False))["asked"]["every"] is None
    assert "<table>" in whole._repr_html_()


def within_its_range(table):
    return [
        (measure, value)
        for measure, value in table.drop_nulls("value").select("measure", "value").iter_rows()
        if not MEASURES[measure].lowest <= value <= MEASURES[measure].highest
    ]


def test_every_measure_is_in_the_catalogue_and_within_its_range(whole):
    assert within_its_range(whole.table) == []
    own = whole.table.filter(~pl.col("estimated")).select("measure", "interval").unique().rows()
    assert all(interval == MEASURES[measure].interval for measure, interval in own if measure != "hosmer_lemeshow_p")


def test_names_of_a_log_are_escaped_in_html(judged_log):
    hostile = "<script>alert(1)</script>"
    log = judged_log(
        [0.9, 0.1], ["bad", "good"], predictions=lambda table: table.with_columns(model_version=pl.lit(hostile))
    )
    shown = log.performance(every=None, by_version=True)._repr_html_()
    assert hostile not in shown
    assert "&lt;script&gt;" in shown


def test_many_distinct_scores_have_an_interval_by_the_exact_variance(judged_log):
    rng = np.random.default_rng(1)
    scores = rng.uniform(size=2_500)
    labels = np.where(rng.uniform(size=2_500) < scores, "bad", "good").tolist()
    found = judged_log(scores.tolist(), labels).performance(every=None)
    row = found.table.filter(measure="brier").row(0, named=True)
    squares = (scores - (np.array(labels) == "bad")) ** 2
    half = 1.959963984540054 * squares.std(ddof=1) / 50
    assert row["interval"] == "normal, from the exact variance"
    assert (row["low"], row["high"]) == pytest.approx((squares.mean() - half, squares.mean() + half), abs=1e-9)
    error = found.table.filter(measure="calibration_error").row(0, named=True)
    assert error["low"] < error["value"] < error["high"]


def test_windows_are_days_of_the_zone_the_one_of_23_hours_too(judged_log):
    log = judged_log([0.2, 0.8] * 96, ["good", "bad"] * 96)
    found = log.performance(every="1d", zone="America/New_York")
    starts = found.windows["window_start"].to_list()
    assert starts[:2] == [datetime(2024, 3, 4, 5, tzinfo=UTC), datetime(2024, 3, 5, 5, tzinfo=UTC)]
    changed = found.windows.filter(window_start=datetime(2024, 3, 10, 5, tzinfo=UTC)).row(0, named=True)
    assert (changed["rows"], changed["window_end"]) == (23, datetime(2024, 3, 11, 4, tzinfo=UTC))
    assert found.windows["rows"].sum() == 192
    assert found.to_dict()["asked"]["zone"] == "America/New_York"
    with pytest.raises(MisuseError, match="no time zone 'Nowhere'"):
        log.performance(zone="Nowhere")


def test_windows_with_a_row_or_two_say_so_and_have_no_verdict(judged_log):
    scores = [0.1, 0.9] * 30
    log = judged_log(scores, ["good" if score < 0.5 else "bad" for score in scores])
    found = log.performance(every="1h")
    assert set(found.table.filter(of="label", measure="accuracy", known="now", estimated=False)["status"]) == {
        "too few outcomes"
    }
    assert "no window has 10 outcomes" in found.summary()[0]
    assert any("windows have fewer than 10 outcomes and no verdict" in sentence for sentence in found.summary())
    whole = log.performance(every="1d").table.filter(of="label", measure="accuracy", known="now", estimated=False)
    assert "measured" in whole["status"].to_list()


def test_one_class_of_outcomes_is_the_reason_and_not_that_no_window_is_mature(judged_log):
    found = judged_log([0.1, 0.9] * 20, ["good"] * 40).performance()
    assert found.summary()[0] == (
        "How good loans is cannot be said: all outcomes are of one class, so that there is no AUC."
    )


def test_as_of_a_moment_the_first_sentence_says_what_was_known_then(judged_log):
    scores = [0.1, 0.9, 0.4, 0.6] * 30
    labels = ["good" if place % 3 else "bad" for place in range(120)]
    found = judged_log(scores, labels).performance(as_of="2024-03-07T12:00")
    then = found.table.filter(of="score", measure="auc", known="then", estimated=False)
    assert found.summary()[0].startswith("By what was known on 2024-03-07 12:00 UTC: ")
    if then["status"][0] == "measured":
        assert f"{then['value'][0]:.3f}" in found.summary()[0]
    else:
        assert "cannot be said yet" in found.summary()[0]
    assert found.summary()[1].startswith("By what is known now: AUC of the score ")
