"""Fairness of whole logs: equal to fairlearn on the joined rows; what is small, missing or odd is stated."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import fairlearn.metrics as fair
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError
from audit_lab.monitor.fairness.catalogue import COMPARED, RATED
from audit_lab.monitor.fairness.rates import COMPARISONS, RATES
from audit_lab.monitor.fairness.result import COMPARISON_TABLE, TABLE

SEX, AGE = "personal_status_and_sex", "age_in_years"


@pytest.fixture(scope="module")
def lent(credit):
    return al.open(credit)


@pytest.fixture(scope="module")
def by_sex(lent):
    return lent.fairness([SEX], favourable="approve")


@pytest.fixture(scope="module")
def joined(lent):
    changed = lent.overrides.collect().drop_nulls("decision_after").sort("recorded_at")
    last = changed.unique("prediction_id", keep="last").select("prediction_id", final="decision_after")
    rows = lent.predictions.collect().unnest("outputs").join(last, on="prediction_id", how="left")
    outcomes = lent.outcomes.collect().select("prediction_id", true="label")
    inputs = lent.inputs().collect().drop("recorded_at")
    both = rows.join(outcomes, on="prediction_id").join(inputs, on="prediction_id")
    return both.with_columns(pl.coalesce("final", "decision").alias("final"))


def test_the_credit_log_s_rates_and_comparisons_equal_fairlearn(by_sex, joined):
    said, true = (joined["final"] == "approve").to_numpy(), (joined["true"] == "good").to_numpy()
    groups = joined[SEX].to_numpy()
    for comparison, value in by_sex.comparisons.select("comparison", "value").iter_rows():
        expected = getattr(fair, comparison)(true, said, sensitive_features=groups)
        assert value == pytest.approx(expected, abs=1e-9)
    assert by_sex.comparisons["comparison"].to_list() == list(COMPARISONS)
    for measure in ("selection_rate", "true_positive_rate", "false_negative_rate", "false_positive_rate"):
        frame = fair.MetricFrame(metrics=getattr(fair, measure), y_true=true, y_pred=said, sensitive_features=groups)
        mine = by_sex.table.filter(measure=measure).select("group", "value").rows()
        assert dict(mine) == pytest.approx(dict(frame.by_group), abs=1e-9)


def test_calibration_by_group_equals_the_rows(by_sex, joined):
    for group, gap in by_sex.table.filter(measure="calibration_gap").select("group", "value").iter_rows():
        mine = joined.filter(pl.col(SEX) == group)
        assert gap == pytest.approx(mine["score"].mean() - (mine["true"] == "bad").mean(), abs=1e-9)


def test_shares_of_the_qualified_and_impacts_equal_fairlearn_s_rates(by_sex, joined):
    """fairlearn has neither by name: the share is its selection rate of the truth, the impact a ratio of rates."""
    true, said = (joined["true"] == "good").to_numpy(), (joined["final"] == "approve").to_numpy()
    groups = joined[SEX].to_numpy()
    shares = fair.MetricFrame(metrics=fair.selection_rate, y_true=said, y_pred=true, sensitive_features=groups).by_group
    rates = fair.MetricFrame(metrics=fair.selection_rate, y_true=true, y_pred=said, sensitive_features=groups).by_group
    for measure, expected in (("qualified_rate", shares), ("adverse_impact_ratio", rates / rates.max())):
        mine = dict(by_sex.table.filter(measure=measure).select("group", "value").rows())
        assert mine == pytest.approx(dict(expected), abs=1e-9)


def test_intersections_equal_fairlearn_where_they_are_shown(lent, joined):
    found = lent.fairness([SEX, AGE], favourable="approve", bands={AGE: [25, 40, 60]})
    names = ["below 25", "25 to below 40", "40 to below 60", "60 and above"]
    bands = [names[sum(age >= edge for edge in (25, 40, 60))] for age in joined[AGE]]
    banded = joined.with_columns(band=pl.Series(bands))
    crossed = banded.group_by(SEX, "band").agg(pl.len(), (pl.col("final") == "approve").mean().alias("rate"))
    expected = {f"{sex} \N{MULTIPLICATION SIGN} {band}": rate for sex, band, _, rate in crossed.iter_rows()}
    mine = found.table.filter(grouping=f"{SEX} \N{MULTIPLICATION SIGN} {AGE}", measure="selection_rate")
    assert set(mine["group"]) == set(expected)
    shown = dict(mine.drop_nulls("value").select("group", "value").iter_rows())
    assert shown == pytest.approx({name: expected[name] for name in shown}, abs=1e-9)
    assert 0 < len(shown) < len(expected)


def test_what_is_suppressed_is_nowhere_in_the_result(grouped_log):
    rows = [("f", 30.0, True, "good")] * 40 + [("m", 30.0, False, "bad")] * 30 + [("x", 30.0, True, "good")] * 3
    found = grouped_log(rows).fairness(["sex"], favourable="approve", minimum=10)
    hidden = found.table.filter(status="suppressed", measure="selection_rate")
    assert hidden["group"].to_list() == ["m", "x"]
    assert found.table.filter(group="x").select("value", "low", "high", "rows").null_count().row(0) == (6, 6, 6, 6)
    assert "Suppressed groups: 2." in " ".join(found.summary())
    assert found.comparisons["value"].null_count() == len(COMPARISONS)


def test_rates_by_outcome_are_suppressed_alone_where_an_outcome_is_rare(grouped_log):
    rows = [("f", 1.0, True, "good")] * 30 + [("f", 1.0, True, "bad")] * 20
    rows += [("m", 1.0, False, "good")] * 30 + [("m", 1.0, False, "bad")] * 2
    found = grouped_log(rows).fairness(["sex"], favourable="approve")
    statuses = dict(found.table.filter(group="m").select("measure", "status").iter_rows())
    assert statuses["selection_rate"] == "measured"
    assert {statuses[measure] for measure in RATES[1:]} == {"suppressed"}
    assert "Groups of which only rates by outcome are suppressed: 2" in " ".join(found.summary())


def test_a_group_that_is_not_stated_is_one_of_its_own(grouped_log):
    rows = (
        [("f", None, True, "good")] * 20
        + [(None, 30.0, False, "bad")] * 20
        + [("(missing)", float("nan"), True, "bad")] * 20
    )
    found = grouped_log(rows).fairness(["sex", "age"], favourable="approve", bands={"age": [40]}, intersections=False)
    names = found.table.filter(measure="selection_rate").select("grouping", "group", "rows").rows()
    assert names == [
        ("sex", "'(missing)'", 20),
        ("sex", "(missing)", 20),
        ("sex", "f", 20),
        ("age", "(missing)", 40),
        ("age", "below 40", 20),
    ]
    assert any("are a group of their own, (missing)" in text for text in found.summary())


def test_predictions_without_inputs_have_no_group_either(grouped_log):
    log = grouped_log([("f", 1.0, True, "good")] * 30, inputs=lambda frame: frame.head(15))
    found = log.fairness(["sex"], favourable="approve")
    assert found.table.filter(measure="selection_rate").select("group", "rows").rows() == [("(missing)", 15), ("f", 15)]


def test_an_expression_groups_by_true_and_false(lent, joined):
    found = lent.fairness([f"inputs.{AGE} < 30"], favourable="approve")
    rates = dict(found.table.filter(measure="selection_rate").select("group", "value").iter_rows())
    young = joined.filter(pl.col(AGE) < 30)
    assert rates["true"] == pytest.approx((young["final"] == "approve").mean(), abs=1e-9)
    assert set(rates) == {"true", "false"}


def test_columns_of_predictions_group_too(lent):
    found = lent.fairness(["model_version", "decision_rule"], favourable="approve", intersections=False)
    assert found.table["grouping"].unique(maintain_order=True).to_list() == ["model_version", "decision_rule"]


def test_windows_and_versions_are_counted_apart(lent):
    found = lent.fairness([SEX], favourable="approve", every="1mo", by_version=True, minimum=1)
    rows = found.table.filter(measure="selection_rate")
    assert rows["rows"].sum() == 1000
    assert rows.select("window_start", "model_version").n_unique() == 12
    assert found.comparisons.filter(comparison="demographic_parity_ratio").height == 12


def test_label_decision_and_final_decision_are_counted_apart(lent):
    rates = [
        lent.fairness([SEX], favourable=said, of=of).table.filter(measure="selection_rate")["value"].to_list()
        for of, said in (("label", "good"), ("decision", "approve"), ("final decision", "approve"))
    ]
    assert rates[0] != rates[1] != rates[2]


def test_as_of_counts_what_was_known_then(lent):
    found = lent.fairness([SEX], favourable="approve", as_of="2025-03-01", minimum=1)
    assert found.rows == 162
    assert set(found.table.filter(measure="false_positive_rate")["status"]) == {"not defined"}


def test_without_a_registered_meaning_decisions_are_counted_and_outcomes_need_a_name(grouped_log):
    rows = [("f", 1.0, True, "good")] * 12 + [("f", 1.0, False, "bad")] * 12
    log = grouped_log(rows + [("m", *row[1:]) for row in rows], signature=None)
    bare = log.fairness(["sex"], favourable="approve")
    assert set(bare.table.filter(measure="true_positive_rate")["status"]) == {"not defined"}
    assert any(fact.startswith("nothing is said of outcomes") for fact in bare.facts)
    named = log.fairness(["sex"], favourable="approve", qualified="good")
    assert named.table.filter(measure="true_positive_rate")["value"].to_list() == [1.0, 1.0]


def test_a_prediction_without_a_decision_is_in_no_count_and_stated(grouped_log):
    rows = [("f", 1.0, True, "good")] * 20 + [("m", 1.0, False, "bad")] * 20
    gone = pl.when(pl.col("prediction_id") != "p-00000").then("decision").alias("decision")
    found = grouped_log(rows, predictions=lambda frame: frame.with_columns(gone)).fairness(
        ["sex"], favourable="approve"
    )
    assert found.rows == 39
    assert "predictions without a final decision, which are not counted: 1" in found.facts


def test_no_sentence_claims_more_than_a_difference(lent):
    said = " ".join(lent.fairness([SEX, AGE], favourable="approve", bands={AGE: [25]}).summary())
    assert "What this does not show: why the groups differ" in said
    for word in ("discriminat", "biased", "unfair", "illegal", "caused"):
        assert word not in said.lower()


@pytest.mark.parametrize(
    ("groups", "more", "message"),
    [
        ([], {}, "needs a list of different groups"),
        (SEX, {}, "needs a list of different groups"),
        ([SEX, SEX], {}, "needs a list of different groups"),
        (["nothing"], {}, "there is no column nothing to group by"),
        (["inputs.nothing > 3"], {}, "there is no column inputs.nothing to group by"),
        (["sum(x)"], {}, "cannot be read"),
        (["credit_amount"], {}, "credit_amount has [0-9]+ groups"),
        (["occurred_at"], {}, "by which nothing is grouped"),
        ([SEX], {"bands": {AGE: [30]}}, "by which nothing is grouped"),
        ([SEX], {"bands": {SEX: [30]}}, "Bands are of numbers"),
        ([AGE], {"bands": {AGE: [40, 30]}}, "Give ascending finite numbers"),
        ([SEX], {"favourable": "aprove"}, "no final decision is 'aprove'. Those that there are: approve, deny"),
        ([SEX], {"of": "score"}, "'score' is nothing that can be counted"),
        ([SEX], {"minimum": 0}, "minimum is 0"),
        ([SEX], {"every": "3d"}, "is not a length of window"),
    ],
    ids=str,
)
def test_a_question_that_fits_nothing_says_what_would(lent, groups, more, message):
    with pytest.raises(MisuseError, match=message):
        lent.fairness(groups, **{"favourable": "approve", **more})


def test_where_nobody_was_favoured_the_rates_are_0(grouped_log):
    rows = [("f", 1.0, False, "good")] * 20 + [("m", 1.0, False, "bad")] * 20
    found = grouped_log(rows).fairness(["sex"], favourable="approve")
    assert found.table.filter(measure="selection_rate")["value"].to_list() == [0.0, 0.0]
    assert found.comparisons.filter(comparison="demographic_parity_ratio")["note"].to_list() == ["every rate is 0"]
    assert found.summary()[0] == "By sex: nothing to compare (every rate is 0)."


def test_no_decision_is_an_error(lent):
    with pytest.raises(LogError, match="there is no decision to count"):
        lent.fairness([SEX], favourable="approve", since="2030-01-01")


def test_the_result_s_frames_and_forms_are_what_they_say(by_sex):
    assert by_sex.table.schema == pl.Schema(TABLE)
    assert by_sex.comparisons.schema == pl.Schema(COMPARISON_TABLE)
    assert json.loads(json.dumps(by_sex.to_dict(), allow_nan=False))["asked"]["favourable"] == "approve"
    assert "<table>" in by_sex._repr_html_()


def test_every_rate_and_comparison_is_in_the_catalogue_and_within_its_range(by_sex):
    for frame, name, catalogue in ((by_sex.table, "measure", RATED), (by_sex.comparisons, "comparison", COMPARED)):
        for called, value, interval in frame.drop_nulls("value").select(name, "value", "interval").iter_rows():
            assert catalogue[called].lowest <= value <= catalogue[called].highest
            assert interval in {catalogue[called].interval, ""}


def test_groups_of_a_log_are_escaped_in_html(grouped_log):
    hostile = "<img src=x onerror=alert(1)>"
    shown = grouped_log([(hostile, 1.0, True, "good")] * 20).fairness(["sex"], favourable="approve")._repr_html_()
    assert hostile not in shown
    assert "&lt;img" in shown


def test_adverse_impact_is_each_group_s_rate_by_the_highest(by_sex):
    rates = dict(by_sex.table.filter(measure="selection_rate").select("group", "value").iter_rows())
    ratios = dict(by_sex.table.filter(measure="adverse_impact_ratio").select("group", "value").iter_rows())
    assert ratios == pytest.approx({name: rate / max(rates.values()) for name, rate in rates.items()})


def test_windows_are_months_of_the_zone(grouped_log):
    log = grouped_log([("f", 30.0, True, "good"), ("m", 40.0, False, "bad")] * 340)
    found = log.fairness(["sex"], favourable="approve", every="1mo", zone="Asia/Kolkata")
    starts = found.table["window_start"].unique().sort().to_list()
    assert starts == [datetime(2024, 2, 29, 18, 30, tzinfo=UTC), datetime(2024, 3, 31, 18, 30, tzinfo=UTC)]
    rates = found.table.filter(measure="selection_rate", grouping="sex", group="f").sort("window_start")
    hours = (datetime(2024, 3, 31, 18, 30, tzinfo=UTC) - datetime(2024, 3, 4, 9, tzinfo=UTC)) // timedelta(hours=1) + 1
    assert rates["rows"].to_list() == [hours // 2, 340 - hours // 2]


def test_groups_that_are_infinite_constant_or_missing_everywhere_are_groups_or_say_so(grouped_log):
    ages = [float("inf"), float("-inf"), float("nan"), None, 30.0]
    rows = [("all", ages[place % 5], place % 2 == 0, "good") for place in range(200)]
    found = grouped_log(rows).fairness(["age", "sex"], favourable="approve", bands={"age": [40]}, intersections=False)
    sizes = dict(found.table.filter(measure="selection_rate").select("group", "rows").iter_rows())
    assert sizes == {"below 40": 80, "40 and above": 40, "(missing)": 80, "all": 200}
    assert set(found.comparisons.filter(grouping="sex")["status"]) == {"not defined"}
    nothing = grouped_log([(None, None, place % 2 == 0, "good") for place in range(40)])
    found = nothing.fairness(["sex"], favourable="approve")
    assert found.table.filter(measure="selection_rate")["group"].to_list() == ["(missing)"]
    names = grouped_log([(f"id-{place}", 30.0, True, "good") for place in range(60)])
    with pytest.raises(MisuseError, match="sex has 60 groups"):
        names.fairness(["sex"], favourable="approve")


def test_a_group_that_is_retyped_half_way_is_counted_under_both_names(grouped_log):
    rows = [(("f", "2")[place >= 100], 30.0, place % 2 == 0, "good") for place in range(200)]
    found = grouped_log(rows).fairness(["sex"], favourable="approve")
    sizes = dict(found.table.filter(measure="selection_rate").select("group", "rows").iter_rows())
    assert sizes == {"2": 100, "f": 100}


def test_a_qualifying_outcome_that_nobody_has_is_refused_like_an_unknown_decision(lent):
    with pytest.raises(MisuseError, match="no outcome is 'zzz'"):
        lent.fairness([SEX], favourable="approve", qualified="zzz")
