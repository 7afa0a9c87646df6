"""The views of performance and fairness: what they show, choose, escape, and the code that they hand out."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import polars as pl
import pytest

import audit_lab as al
from audit_lab.widgets import FairnessView, PerformanceView

HOSTILE = "<img src=x onerror=alert(1)>"
SEX, AGE = "personal_status_and_sex", "age_in_years"


@pytest.fixture(scope="module")
def lent(credit):
    return al.open(credit)


def test_view_of_a_performance_says_how_good_it_was_and_draws_it(lent):
    view = al.view(lent.performance())
    assert isinstance(view, PerformanceView)
    shown = view.static_html()
    assert "AUC of the score in 12 mature windows" in shown
    assert shown.count("data:image/svg+xml;base64,") == 2
    assert view.measure.value == ("score", "auc")


def test_another_measure_is_shown_when_it_is_chosen(lent):
    view = PerformanceView(lent.performance())
    view.measure.value = ("final decision", "accuracy")
    assert "accuracy of the final decision" in view.parts()[-1]
    assert "'accuracy', of='final decision'" in view.code()


@pytest.mark.parametrize("asked", [{}, {"every": None}, {"as_of": "2025-09-01", "by_version": True}], ids=str)
def test_code_of_a_performance_does_what_is_shown(lent, asked):
    found = lent.performance(**asked)
    names = {"log": lent}
    exec(PerformanceView(found).code(), names)
    assert names["performance"].table.equals(found.table)
    assert ("chart" in names) == ("every" not in asked)


def test_one_window_for_everything_is_listed_and_not_drawn_over_time(lent):
    shown = PerformanceView(lent.performance(every=None)).static_html()
    assert shown.count("data:image/svg+xml;base64,") == 1  # the calibration curve


def test_without_outcomes_what_is_estimated_is_shown(make_log):
    shown = al.view(al.open(make_log(outcomes=None)).performance(every="1d")).static_html()
    assert "no window has outcomes" in shown
    assert "estimate" in shown


def test_view_of_a_fairness_says_what_differs_and_what_that_does_not_show(lent):
    view = al.view(lent.fairness([SEX, AGE], favourable="approve", bands={AGE: [25, 40, 60]}))
    assert isinstance(view, FairnessView)
    assert "What this does not show" in view.static_html()
    view.grouping.value = f"{SEX} \N{MULTIPLICATION SIGN} {AGE}"
    view.measure.value = "false_negative_rate"
    assert "suppressed" in view.parts()[-2]
    assert "data:image/svg+xml;base64," in view.parts()[-2]


@pytest.mark.parametrize(
    "asked",
    [{}, {"every": "1mo", "by_version": True}, {"until": "2025-06-01", "qualified": "good", "minimum": 20}],
    ids=str,
)
def test_code_of_a_fairness_does_what_is_shown(lent, asked):
    found = lent.fairness([f"inputs.{AGE} < 30", AGE], favourable="approve", bands={AGE: [40]}, **asked)
    names = {"log": lent}
    exec(FairnessView(found).code(), names)
    assert names["fairness"].table.equals(found.table)


def test_texts_of_the_log_are_escaped(make_log):
    log = al.open(
        make_log(
            predictions=lambda f: f.with_columns(model_version=pl.lit(HOSTILE)),
            inputs_loans=lambda f: f.with_columns(city=pl.lit(HOSTILE)),
        )
    )
    judged = al.view(log.performance(by_version=True, every="1d", positive="bad")).static_html()
    grouped = al.view(log.fairness(["city"], favourable="approve", by_version=True)).static_html()
    for shown in (judged, grouped):
        assert HOSTILE not in shown
        assert "&lt;img src=x" in shown


def test_windows_of_a_performance_that_are_brushed_show_what_turned_out_wrong_the_surest_first(lent):
    view = al.view(lent.performance(every="1mo"))
    view.brush.index = (1, 2)
    since, until = (datetime(2025, month, 1, tzinfo=UTC) for month in (2, 4))
    rows = lent.predictions.filter(pl.col("occurred_at").is_between(since, until, closed="left")).collect()
    judged = (
        rows.unnest("outputs")
        .rename({"label": "said"})
        .join(lent.outcomes.collect().select("prediction_id", "label"), on="prediction_id")
    )
    wrong = judged.filter(pl.col("said") != pl.col("label"))
    far = wrong.sort(-(pl.col("score") - pl.col("threshold")).abs(), "occurred_at")["prediction_id"]
    assert view.decisions.frame["prediction_id"].to_list() == far[:25].to_list()
    assert (
        f"Of {rows.height:,} decisions the 25 that lie furthest beyond their threshold, on the side that turned out "
        f"wrong (of {judged.height:,} whose outcome is known {wrong.height:,} did)"
    ) in view.static_html()
    names = {"log": lent}
    exec(view.code(), names)
    assert names["decisions"].frame.equals(view.decisions.frame)


def test_windows_of_a_performance_without_outcomes_show_the_nearest_and_say_so(make_log):
    view = al.view(al.open(make_log(outcomes=None)).performance(every="1d"))
    view.brush.index = (0, len(view.brush.options) - 1)
    assert "(none of the 0 whose outcome is known turned out wrong) nearest their threshold" in view.static_html()


def test_windows_of_a_fairness_that_are_brushed_show_their_decisions_nearest_the_threshold(lent):
    view = al.view(lent.fairness([SEX], favourable="approve", every="1mo"))
    assert view.decisions is None
    assert "log.foremost" not in view.code()
    view.brush.index = (1, 2)
    since, until = (datetime(2025, month, 1, tzinfo=UTC) for month in (2, 4))
    rows = lent.predictions.filter(pl.col("occurred_at").is_between(since, until, closed="left")).collect()
    near = rows.unnest("outputs").sort((pl.col("score") - pl.col("threshold")).abs(), "occurred_at")["prediction_id"]
    assert view.decisions.frame["prediction_id"].to_list() == near[:25].to_list()
    assert f"Of {rows.height:,} decisions the 25 that lie nearest their threshold" in view.static_html()
    names = {"log": lent}
    exec(view.code(), names)
    assert names["decisions"].frame.equals(view.decisions.frame)


def test_without_windows_there_is_nothing_to_brush(lent):
    assert al.view(lent.performance(every=None)).brush.disabled
    assert al.view(lent.fairness([SEX], favourable="approve")).brush.disabled


class Led:
    """What a view leads to the period that is chosen in it, like an explorer."""

    def __init__(self):
        self.table = SimpleNamespace(expression="amount > 5")
        self.asked = []

    def select(self, expression, *, since, until):
        self.asked.append((expression, since, until))


@pytest.mark.parametrize("asked", ["performance", "fairness"])
def test_a_brush_selects_the_same_period_in_a_linked_explorer(lent, asked):
    found = lent.performance() if asked == "performance" else lent.fairness([SEX], favourable="approve", every="1mo")
    explorer = Led()
    view = al.view(found).link(explorer)
    assert explorer.asked == []
    view.brush.index = (2, 3)
    first, last = (f"2025-0{month}-01T00:00:00+00:00" for month in (3, 5))
    assert explorer.asked == [("amount > 5", first, last)]
