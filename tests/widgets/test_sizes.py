"""No view sends more than 2 MB to a browser, however long a text of the log is; what is cut says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import ipywidgets
import polars as pl
import pytest
from reproducing import shown_by

import audit_lab as al
from audit_lab.widgets.page import cut, page, paragraph, table

LARGEST = 2_000_000
LONG = "<b>long</b> " * 833_334  # 10 MB
NAME = LONG[:3_000_000]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ABOUT = {"question": LONG, "actor": "Ida Berg", "purpose": "a review"}
WINDOWS = {"after": ("2024-03-05", "2024-03-06"), "before": ("2024-03-04", "2024-03-05")}


def long_in(frame, column, *names):
    is_long = pl.col("prediction_id").is_in(list(names))
    return frame.with_columns(pl.when(is_long).then(pl.lit(LONG)).otherwise(pl.col(column)).alias(column))


def both_versions(frame):
    return pl.concat([frame, frame.with_columns(model_version=pl.lit("2"), threshold=pl.lit(0.45))])


@pytest.fixture(scope="module")
def log(write_small_log, tmp_path_factory):
    """Return a log of which two decisions, their inputs and their errors are texts of 10 MB."""
    folder = write_small_log(
        tmp_path_factory.mktemp("long") / "log",
        predictions=lambda frame: long_in(
            long_in(frame.with_columns(decision_rule=pl.col("decision_rule")), "decision", "p-001", "p-031"),
            "decision_rule",
            "p-001",
        ),
        inputs_loans=lambda frame: long_in(frame, "city", "p-001", "p-032").head(38),
        model_versions=both_versions,
    )
    return al.open(folder)


def case(log, folder):
    made = al.Case.create("C-1", log, **ABOUT, folder=folder / "cases")
    made.keep(pl.DataFrame({"city": [LONG]}), "Rows by city", note="long", query="log.predictions")
    made.finding(LONG, [1], "high")
    made.comment(LONG)
    view = al.view(made)
    view.exhibit.value = 1
    return view


def alerts(log, folder):
    log.raise_alerts(now=NOW, record=folder / "kept")
    return al.view(log.alerts(record=folder / "kept"))


def brushed(view):
    view.brush.index = (0, 0)
    view.settle()
    if view.decisions is not None:
        view.listing.choose(0)
    return view


def attributions(log, _):
    decision = log.decision("p-001")
    return al.view(decision.explain("shap"), decision.explain("lime"), decision=decision)


SHOWN = {
    "AgreementView": lambda log, _: al.view(log.decision("p-001").agreement()),
    "AlertsView": alerts,
    "AttributionView": attributions,
    "BatchReplayView": lambda log, _: al.view(log.replay(causes=False)),
    "CaseBoardView": case,
    "CauseView": lambda log, _: al.view(log.cause(**WINDOWS, minimum=5, anyway=True)),
    "CohortView": lambda log, _: al.view(log.attributions(version="1")),
    "ComparableView": lambda log, _: al.view(log.decision("p-001").comparable()),
    "CoverageView": lambda log, _: al.view(log.coverage()),
    "DecisionView": lambda log, _: al.view(log.decision("p-001"), log.decision("p-001").comparable()),
    "DecisionsView": lambda log, _: al.view(log.decisions(["p-001", "p-031", "p-032"])).choose(decision=0),
    "DriftView": lambda log, _: brushed(al.view(log.drift(["city", "decision"], every="1d"))),
    "ExplorationView": lambda log, _: al.view(log.explore("1", "2")),
    "FairnessView": lambda log, _: al.view(log.fairness(["city"], favourable="approve", every="1d", minimum=1)),
    "ImpactView": lambda log, _: al.view(log.impact(al.Correction.unit("income", factor=0.5), groups=("city",))),
    "LineageView": lambda log, _: al.view(log.decision("p-001").lineage_graph()),
    "OnsetView": lambda log, _: brushed(al.view(log.onset(["city", "decision", "income"], every="1h"))),
    "PerformanceView": lambda log, _: al.view(log.performance(every="1d")),
    "ReplayView": lambda log, _: al.view(log.decision("p-001").replay()),
    "WhatIfView": lambda log, _: al.view(log.decision("p-001").what_if({"income": 1_200.0})),
}


def live(widget):
    """Return how many bytes the states of a widget, and of all in it, are."""
    state = {name: value for name, value in widget.get_state().items() if name != "children"}
    own = len(json.dumps(state, default=str).encode())
    return own + sum(live(each) for each in getattr(widget, "children", ()) if isinstance(each, ipywidgets.Widget))


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_no_view_sends_more_than_two_megabytes(log, name, tmp_path):
    view = SHOWN[name](log, tmp_path)
    assert type(view).__name__ == name
    bundle = view._repr_mimebundle_()
    sizes = {
        "bundle": len(json.dumps(bundle).encode()),
        "live": live(view),
        "static": len(view.static_html().encode()),
        "text": len(json.dumps(bundle["text/plain"])),
    }
    assert {what: size for what, size in sizes.items() if size >= LARGEST} == {}


def test_what_is_cut_is_said_and_the_whole_is_reached_by_code(log):
    view = al.view(log.decision("p-001"))
    shown = view.static_html()
    assert f"(cut: 2,000 of {len(LONG):,} characters)" in shown
    assert f"(cut: 200 of {len(LONG):,} characters)" in shown
    reached = shown_by(view.code(), log=log).subject
    assert (reached.prediction["decision"], reached.inputs["city"]) == (LONG, LONG)


def test_code_that_is_too_long_for_a_browser_is_cut_in_the_view_alone(log):
    view = al.view(log.decisions(["p-001", "x" * 60_000]))
    assert len(view.code()) > 60_000
    assert len(view._code.value) < 51_000
    assert view._code.value.endswith("\n# view.code() has all of it")


def test_a_table_of_many_long_texts_is_cut_further():
    rows = [{"city": "x" * 5_000, "rows": number} for number in range(200)]
    shown = table(rows, {"city": "City", "rows": "Rows"})
    assert len(shown) < 500_000
    assert "(cut: 500 of 5,000 characters)" in shown
    assert shown.count("<tr>") == 201


def test_a_page_that_is_too_large_leaves_out_what_follows_and_says_so():
    shown = page([paragraph("first"), "x" * 900_000, paragraph("last")])
    assert "first" in shown
    assert "last" not in shown
    assert "What follows is left out here" in shown


def test_a_text_that_is_short_enough_is_whole():
    assert cut("x" * 2_000) == "x" * 2_000
    assert cut("x" * 2_001) == "x" * 2_000 + "\N{HORIZONTAL ELLIPSIS} (cut: 2,000 of 2,001 characters)"


def named_long(frame):
    long = pl.when(pl.col("prediction_id").is_in(["p-002", "p-039"])).then(pl.lit(NAME) + pl.col("prediction_id"))
    return frame.with_columns(long.otherwise("prediction_id").alias("prediction_id"))


@pytest.fixture(scope="module")
def named(write_small_log, tmp_path_factory):
    """Return a log of which two decisions have ids of 3 MB, and one of these no inputs."""
    return al.open(
        write_small_log(
            tmp_path_factory.mktemp("named") / "log",
            predictions=named_long,
            inputs_loans=lambda frame: named_long(frame).head(39),
            model_versions=both_versions,
        )
    )


NAMED = {
    "AlertsView": alerts,
    "BatchReplayView": lambda log, _: al.view(log.replay(causes=False)).choose(opened=True, decision=0),
    "CohortView": lambda log, _: al.view(log.attributions(version="1")),
    "ComparableView": lambda log, _: al.view(log.decision("p-001").comparable(40)).choose(opened=True),
    "CoverageView": lambda log, _: al.view(log.coverage()).choose(reason="inputs-missing", opened=True, decision=0),
    "DecisionsView": lambda log, _: al.view(log.decisions("sequence = 2 OR sequence = 39")).choose(
        decision=0, stored=True
    ),
    "ExplorationView": lambda log, _: al.view(log.explore("1", "2")).choose(opened=True),
    "ExplorerView": lambda log, _: al.view(log),
    "ImpactView": lambda log, _: al.view(log.impact(al.Correction.unit("income", factor=0.5))).choose(opened=True),
    "LineageView": lambda log, _: al.view(log.decision(NAME + "p-002").lineage_graph()),
    "ReplayView": lambda log, _: al.view(log.decision(NAME + "p-002").replay()),
    "WhatIfView": lambda log, _: al.view(log.decision(NAME + "p-002").what_if({"income": 1_200.0})),
}


@pytest.mark.parametrize("name", sorted(NAMED))
def test_no_view_sends_more_than_two_megabytes_of_ids_of_three(named, name, tmp_path):
    view = NAMED[name](named, tmp_path)
    view.settle()
    assert type(view).__name__ == name
    bundle = view._repr_mimebundle_()
    sizes = {
        "bundle": len(json.dumps(bundle).encode()),
        "live": live(view),
        "static": len(view.static_html().encode()),
        "title": len(view.title()),
    }
    assert {what: size for what, size in sizes.items() if size >= LARGEST} == {}
