"""The rows of a question with the columns beside them that say which version, node or endpoint they came through."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_lab.monitor.column_ends import several_values
from audit_lab.monitor.counts import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.monitor.counts import Source
    from audit_lab.monitor.question import Question

__all__ = ["PARTS", "rows_apart"]

#: Columns by which a change can hold for a part of the rows only.
PARTS = ("model_version", "node", "endpoint")


def rows_apart(source: Source, time: str, question: Question) -> Callable[[Sequence[str]], Rows | None]:
    """Return a function that gives the rows with some columns and those of `PARTS` that have several values, or None.

    Parameters
    ----------
    source, time
        As the question was asked.
    question
        The question, made ready.
    """

    def apart(columns: Sequence[str]) -> Rows | None:
        if not callable(source) and not hasattr(source, "collect_schema"):
            return None
        frame = source(None, None) if callable(source) else source
        names = frame.collect_schema().names()
        beside = [name for name in PARTS if name in names and name not in question.columns]
        beside = [name for name in beside if name in several_values(source, beside)] if beside else []
        if not beside:
            return None
        seen = question.seen
        span = (seen.first, seen.last + timedelta(microseconds=1))
        rows = Rows(source, time, [*columns, *beside], span=span)
        rows.without_nan(replace(seen, with_nan=tuple(name for name in seen.with_nan if name in columns)))
        return rows

    return apart
