"""Which values a feature was seen with in a declared part of the log: what nobody ever had is no advice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.search.query import Question
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.readiness import ERASED_INPUTS, HAS_INPUTS, REPEATED, REPEATED_INPUTS
from audit_lab.replay.recorded_rows import RecordedRows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["Supported", "supported_values"]

#: With fewer earlier decisions than this, decisions of the model at any time are taken, as for a background.
_FEWEST_EARLIER = 20
#: A feature with more distinct values is thinned, so that memory does not grow with the log.
_MOST_VALUES = 100_000


@dataclass(frozen=True)
class Supported:
    """The declared data: what was seen, and in which rows.

    Parameters
    ----------
    values
        Feature to its distinct values in order, neither missing nor infinite.
    rows
        How many decisions they were seen in.
    scope
        Which decisions those are, in words.
    sha256
        Digest (hexadecimal) of the features and their values in canonical text.
    thinned
        Features of which not every value that was seen is kept; their lowest and highest are.
    """

    values: dict[str, pl.Series]
    rows: int
    scope: str
    sha256: str
    thinned: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what was declared as JSON-safe values, without the values themselves."""
        distinct = {name: self.values[name].len() for name in sorted(self.values)}
        return {
            "rows": self.rows,
            "scope": self.scope,
            "sha256": self.sha256,
            "distinct_values": distinct,
            "thinned": list(self.thinned),
        }


def supported_values(
    store: LogStore,
    decision: Reconstruction,
    features: Sequence[str],
    window: tuple[datetime | None, datetime | None] | None,
) -> Supported:
    """Read which values the features had in decisions of the same model, any version, but not in this one.

    Left out are decisions whose id stands in several places and those whose inputs are missing or were erased.

    Parameters
    ----------
    store, decision
        The log, and the decision.
    features
        Columns of its model's inputs.
    window
        Since when and until when (exclusive); None: before the decision, or at any time where fewer than 20 are.

    Raises
    ------
    ModelError
        Code ``inputs-missing``: there is no other decision to take values from.
    LogError
        A table cannot be read.
    """
    at = decision.prediction["occurred_at"]
    model = decision.prediction["model_name"]
    if window is not None:
        since, until = window
        rows, values, thinned = _seen(store, decision, features, since, until)
        scope = f"of {model}, any version{_words(since, until)}"
    else:
        rows, values, thinned = (0, {}, ()) if at is None else _seen(store, decision, features, None, at)
        scope = f"of {model}, any version{_words(None, at)}"
        if rows < _FEWEST_EARLIER:
            rows, values, thinned = _seen(store, decision, features, None, None)
            scope = f"of {model}, any version, at any time, for fewer than {_FEWEST_EARLIER} were decided before it"
    if not rows:
        raise ModelError(
            f"no other decision {scope} has recorded inputs, so no value is known to occur",
            "Name a wider window.",
            "inputs-missing",
        )
    return Supported(values, rows, scope, _digest(values), thinned)


def _seen(
    store: LogStore,
    decision: Reconstruction,
    features: Sequence[str],
    since: datetime | None,
    until: datetime | None,
) -> tuple[int, dict[str, pl.Series], tuple[str, ...]]:
    """Return how many rows there are, the distinct values of each feature, and which features were thinned."""
    question = Question(None, since, until, decision.prediction["model_name"])
    others = pl.col("place").ne_missing(pl.lit(decision.place))
    others &= pl.col(HAS_INPUTS).fill_null(value=False)
    others &= ~(pl.col(REPEATED) | pl.col(REPEATED_INPUTS) | pl.col(ERASED_INPUTS)).fill_null(value=False)
    rows, thinned = 0, dict.fromkeys(features, False)
    values: dict[str, pl.Series] = {}
    for chunk in RecordedRows(store, question).chunks():
        known = chunk.rows.filter(others)
        rows += known.height
        for name in features:
            more = _distinct(known[FEATURE + name])
            together = more if name not in values else _distinct(pl.concat([values[name], more]))
            if together.len() > _MOST_VALUES:
                together, thinned[name] = _thinned(together), True
            values[name] = together
    return rows, values, tuple(name for name in features if thinned[name])


def _distinct(column: pl.Series) -> pl.Series:
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    known = column.drop_nulls()
    if known.dtype.is_float():
        known = known.filter(known.is_finite())
    return known.unique().sort()


def _thinned(values: pl.Series) -> pl.Series:
    every = -(-values.len() // (_MOST_VALUES // 2))
    return pl.concat([values.gather_every(every), values.tail(1)]).unique().sort()


def _digest(values: dict[str, pl.Series]) -> str:
    digest = hashlib.sha256()
    for name in sorted(values):
        line = [name, *values[name].to_list()]
        digest.update(json.dumps(line, ensure_ascii=True, separators=(",", ":"), default=str).encode() + b"\n")
    return digest.hexdigest()


def _words(since: datetime | None, until: datetime | None) -> str:
    bounds = [f"from {since.isoformat()} on"] if since is not None else []
    bounds += [f"before {until.isoformat()}"] if until is not None else []
    return f", taken {' and '.join(bounds)}" if bounds else ", at any time"
