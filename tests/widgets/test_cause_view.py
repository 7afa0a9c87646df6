"""The view of a cause: what it shows, chooses, and the code that it hands out."""

from __future__ import annotations

import pytest

import audit_lab as al
from audit_lab.widgets import CauseView

WINDOWS = {"after": ("2015-09-28", "2015-10-01"), "before": ("2015-09-21", "2015-09-24")}
ASKED = {**WINDOWS, "rows": 60, "columns": ["carrier", "distance_miles"], "anyway": True}


@pytest.fixture(scope="module")
def lent(flights):
    return al.open(flights)


@pytest.fixture(scope="module")
def found(lent):
    return lent.cause(**ASKED)


def test_view_of_a_cause_says_what_moved_and_draws_it(found):
    view = al.view(found)
    assert isinstance(view, CauseView)
    shown = view.static_html()
    assert shown.count("data:image/svg+xml;base64,") == 1
    assert "Step by step, by exchange" in shown
    assert view.text().splitlines()[0] == found.describe()[0]


def test_another_method_is_drawn_when_it_is_chosen_and_its_code_does_what_is_shown(lent, found):
    view = CauseView(found)
    view.method.value = "re-weighting"
    assert "Step by step, by re-weighting" in view.parts()[-1]
    names = {"log": lent}
    exec(view.code(), names)
    assert names["cause"].digest == found.digest
    assert al.charts.svg(names["chart"]).startswith("<svg")


def test_where_nothing_moved_that_is_all(lent):
    quiet = lent.cause(after=("2015-04-01", "2015-04-15"))
    view = CauseView(quiet)
    assert quiet.describe()[0] in view.static_html()
    assert "svg+xml" not in view.static_html()
    assert "chart" not in view.code()
