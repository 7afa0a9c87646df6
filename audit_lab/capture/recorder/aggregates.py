"""Counts of predictions in the place of rows, for rates at which not even a sample can be recorded.

What is kept of an hour adds up: how many predictions there were and failed, how many of each decision, and of the score
and of declared features how many values lie in each declared bin or category, with their sum and sum of squares. About
once a minute what was counted since is written as an event; of a single prediction nothing can be shown.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from audit_lab.capture.recorder.record_form import plain_scalar
from audit_lab.errors import MisuseError

__all__ = ["NO_ROWS", "Aggregates", "Aggregating"]

#: What the log's counts of recorded predictions call those of which there are aggregates alone.
NO_ROWS = "aggregates only"

_HOUR = 3_600_000_000
_MOST_EDGES = 1_000
_MOST_DECISIONS = 100
_SCORE = "score"
_OTHER = "(other)"


@dataclass(frozen=True)
class Aggregates:
    """What is counted of predictions.

    Parameters
    ----------
    bins
        Feature to rising edges: values from one edge, included, up to the next are counted together, and what lies
        below all and above. ``score`` is the score; it has twenty bins from 0 to 1 unless told.
    categories
        Feature to the values that are counted each; all else is counted together.

    Raises
    ------
    MisuseError
        Edges do not rise, a feature has both, or there are too many of either.
    """

    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)
    categories: Mapping[str, Collection[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check edges and categories."""
        bins = {_SCORE: tuple(step / 20 for step in range(21)), **self.bins}
        for name, edges in bins.items():
            known = all(isinstance(edge, int | float) and math.isfinite(edge) for edge in edges)
            if not known or not 1 <= len(edges) <= _MOST_EDGES or any(a >= b for a, b in pairwise(edges)):
                raise MisuseError(
                    f"the edges of {name[:80]!a} are not up to {_MOST_EDGES:,} rising numbers", "Correct bins=."
                )
        for name, values in self.categories.items():
            if isinstance(values, str) or not 1 <= len(values) <= _MOST_EDGES or name in bins:
                raise MisuseError(
                    f"the categories of {name[:80]!a} are not up to {_MOST_EDGES:,} texts, or it has bins too",
                    "Correct categories=.",
                )
        object.__setattr__(self, "bins", {name: tuple(map(float, edges)) for name, edges in bins.items()})
        object.__setattr__(self, "categories", {name: frozenset(values) for name, values in self.categories.items()})


class _Column:
    """One column of one hour: counts by cell; how many values are missing, or fit no cell; sums."""

    __slots__ = ("cells", "edges", "missing", "squares", "sum", "texts", "unfit")

    def __init__(self, edges: tuple[float, ...] | None, texts: frozenset[str] | None) -> None:
        self.edges, self.texts = edges, texts
        self.cells: dict[int | str, int] = {}
        self.missing = self.unfit = 0
        self.sum = self.squares = 0.0

    def add(self, value: Any) -> None:
        if value is None:
            self.missing += 1
            return
        if self.edges is None:
            text = value if isinstance(value, str) else str(value)
            cell: int | str = text if self.texts is not None and text in self.texts else _OTHER
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            cell = bisect_right(self.edges, value)
            self.sum += value
            self.squares += value * value
        else:
            self.unfit += 1
            return
        self.cells[cell] = self.cells.get(cell, 0) + 1

    def told(self) -> dict[str, Any]:
        said: dict[str, Any] = {"missing": self.missing, "unfit": self.unfit}
        if self.edges is None:
            return {**said, "categories": dict(sorted((str(cell), count) for cell, count in self.cells.items()))}
        counts = [self.cells.get(cell, 0) for cell in range(len(self.edges) + 1)]
        return {**said, "edges": list(self.edges), "counts": counts, "sum": self.sum, "sum_of_squares": self.squares}


class _Hour:
    """What was counted of one hour and version."""

    def __init__(self, aggregates: Aggregates) -> None:
        self.rows = self.failed = 0
        self.decisions: dict[str, int] = {}
        self.columns = {name: _Column(tuple(edges), None) for name, edges in aggregates.bins.items()}
        self.columns |= {name: _Column(None, frozenset(texts)) for name, texts in aggregates.categories.items()}


class Aggregating:
    """Counts predictions, from many threads, until what was counted is taken to be written.

    Parameters
    ----------
    aggregates
        What is counted.
    """

    def __init__(self, aggregates: Aggregates) -> None:
        self._aggregates = aggregates
        self._lock = threading.Lock()
        self._hours: dict[tuple[int, str], _Hour] = {}
        self._part = 0

    def add(self, values: Any, names: Sequence[str], outputs: tuple[Any, Any], about: Mapping[str, Any]) -> None:
        """Count a prediction; the parameters are those of `Selection.said`, and values are not encoded."""
        named = values if isinstance(values, Mapping) else dict(zip(names, values, strict=False))
        score, decision = outputs
        with self._lock:
            key = (about["at"] // _HOUR, about["model_version"])
            hour = self._hours.get(key)
            if hour is None:
                hour = self._hours[key] = _Hour(self._aggregates)
            hour.rows += 1
            hour.failed += about.get("error") is not None
            if decision is not None:
                known = decision in hour.decisions or len(hour.decisions) < _MOST_DECISIONS
                word = decision if known else _OTHER
                hour.decisions[word] = hour.decisions.get(word, 0) + 1
            for name, column in hour.columns.items():
                column.add(score if name == _SCORE else plain_scalar(named.get(name)))

    def take(self, at: int) -> list[dict[str, Any]]:
        """Return a notice of each hour of which something was counted since the last ones.

        Parameters
        ----------
        at
            The present time in microseconds since 1970.
        """
        with self._lock:
            hours, self._hours = self._hours, {}
            first = self._part
            self._part += len(hours)
        return [
            {
                "kind": "aggregates",
                "at": at,
                "part": first + number,
                "hour": hour * _HOUR,
                "model_version": version,
                "rows": counted.rows,
                "failed": counted.failed,
                "decisions": dict(sorted(counted.decisions.items())),
                "columns": {name: column.told() for name, column in counted.columns.items()},
            }
            for number, ((hour, version), counted) in enumerate(sorted(hours.items()), 1)
        ]
