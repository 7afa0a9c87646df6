"""The picture of what would have flipped a decision: which cells are marked, and what the columns are called."""

from __future__ import annotations

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.errors import MisuseError

FLIPS = pl.DataFrame({"rank": [1, 2], "decision": ["approve", "approve"], "distance": [0.02, 0.125]})
CHANGES = pl.DataFrame(
    {
        "rank": [1, 1, 2, 2],
        "feature": ["income", "city", "income", "city"],
        "unit": ["EUR", None, "EUR", None],
        "this": ["4100", "Bern", "4100", "Bern"],
        "other": ["4350", "Bern", "4100", "Oslo"],
        "part": [0.06, 0.0, 0.0, 1.0],
    }
)


def cells(chart):
    rows = next(iter(chart.to_dict()["datasets"].values()))
    return {(cell["row"], cell["case"]): cell for cell in rows}


def test_what_changes_is_marked_in_the_column_of_its_counterfactual():
    chart = charts.counterfactual_table(FLIPS, CHANGES, decision="deny", subtitle=["p-1"])
    drawn = cells(chart)
    bold = {place for place, cell in drawn.items() if cell["bold"] and place[0] != "decided"}
    assert bold == {("income [EUR]", "change 1"), ("city", "change 2")}
    assert drawn["decided", "this decision"]["text"] == "deny"
    assert drawn["city", "change 2"]["text"] == "Oslo"
    assert "The nearest changes that flip the decision" in charts.svg(chart)


def test_nothing_found_cannot_be_drawn():
    with pytest.raises(MisuseError, match="has no rows"):
        charts.counterfactual_table(FLIPS.clear(), CHANGES.clear(), decision="deny")
