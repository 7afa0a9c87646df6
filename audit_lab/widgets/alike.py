"""Who was alike, as static HTML: the cases that are comparable with a decision, and the Python that asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.charts.comparable import comparable_table
from audit_lab.widgets.page import listed, picture, section, table

if TYPE_CHECKING:
    from audit_lab.replay.comparable_cases import Comparable

__all__ = ["asking", "who_was_alike"]

_CASES = {
    "rank": "Case",
    "prediction_id": "Prediction",
    "occurred_at": "At",
    "model_version": "Version",
    "score": "Score",
    "decision": "Decided",
    "final_decision": "Stands by now",
    "distance": "Distance",
    "differing": "Features that differ",
}


def who_was_alike(found: Comparable) -> list[str]:
    """Return the sentences, the picture and the table of comparable cases, as HTML."""
    times = pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S")
    rows = found.cases.with_columns(times).to_dicts()
    return [
        section("Who was alike?", listed(found.summary())),
        picture(_chart(found), found.summary()[1]) if rows else "",
        section("Cases", table(rows, _CASES)),
    ]


def asking(found: Comparable) -> str:
    """Return the Python that asks for the same comparable cases of a `decision`."""
    asked = found.asked
    given = [f"{asked['k']}", f"decided_otherwise={asked['decided_otherwise']}"]
    given += [f"same_version={asked['same_version']}", f"as_of={asked['as_of']!r}"]
    given += [f"features={asked['features']!r}"]
    if asked["window"] is not None:
        given.append(f"window={tuple(asked['window'])!r}")
    return f"decision.comparable({', '.join(given)})"


def _chart(found: Comparable) -> Any:
    word = f"decided otherwise than {found.decision}" if found.asked["decided_otherwise"] else "whatever was decided"
    return comparable_table(
        found.cases,
        found.differences,
        decision=found.decision,
        title=f"The nearest cases {word}",
        subtitle=[f"{found.prediction_id}; {found.candidates:,} decisions came into question:", found.scope],
    )
