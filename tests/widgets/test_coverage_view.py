"""The view of a coverage."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al
from audit_lab.widgets import CoverageView

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def covered(make_log):
    failed = lambda f: f.with_columns(error=pl.when(pl.col("sequence") < 25).then(pl.lit("down")))
    return al.open(make_log(predictions=failed, inputs_loans=lambda f: f.head(38))).coverage()


def test_view_of_a_coverage_says_shares_and_reasons(covered):
    shown = al.view(covered).static_html()
    assert "13 of 40 predictions (32.500%) can be replayed, 38 (95.000%) reconstructed." in shown
    assert "inputs-missing" in shown
    assert "data:image/svg+xml;base64," in shown


def test_ids_of_a_reason_are_shown_when_it_is_chosen(covered):
    view = CoverageView(covered)
    assert "p-019" not in view.static_html()
    view.reason.value = "prediction-failed"
    assert "<li" in view.parts()[-1]
    assert "p-019" in view.parts()[-1]
    assert "p-020" not in view.parts()[-1]
    assert "The first 20; the code below finds all of them." in view.parts()[-1]


def test_code_does_what_is_shown(covered, make_log):
    view = CoverageView(covered)
    view.reason.value = "inputs-missing"
    names = {"log": al.open(make_log("again", inputs_loans=lambda f: f.head(38)))}
    exec(view.code(), names)
    assert names["ids"].to_list() == ["p-038", "p-039"]
    assert names["chart"].to_dict()["title"]["text"] == "What can be replayed, week by week"


def test_texts_of_the_log_are_escaped(make_log):
    named = lambda f: f.with_columns(model_version=pl.lit(HOSTILE), prediction_id=pl.lit(HOSTILE))
    view = CoverageView(al.open(make_log(predictions=named)).coverage())
    view.reason.value = "ambiguous-id"
    assert HOSTILE not in view.static_html()
    assert "&lt;img src=x" in view.static_html()


def test_empty_log_is_shown_without_a_picture(make_log):
    shown = al.view(al.open(make_log(predictions=lambda f: f.clear())).coverage()).static_html()
    assert "The log holds no prediction." in shown
    assert "<img" not in shown
