"""Drift of all columns together, window by window, against a fixed reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.engines.answers import collected
from audit_lab.log.schema import TIME
from audit_lab.monitor.counts import MEASURED, TIME_COLUMN
from audit_lab.monitor.discovery import adjusted
from audit_lab.monitor.findings import MINIMUM_ROWS
from audit_lab.monitor.multivariate.encoding import Encoding
from audit_lab.monitor.multivariate.reconstruction import Components, StreamedCovariance, resampled_p_value
from audit_lab.monitor.multivariate.two_samples import two_sample_test
from audit_lab.monitor.question import asked
from audit_lab.monitor.samples import sampled_rows
from audit_lab.monitor.sentences import sentence
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.counts import Source
    from audit_lab.monitor.cuts import Around, Cut
    from audit_lab.monitor.question import Question
    from audit_lab.monitor.reference import Dataset, Period, Reference

__all__ = ["MultivariateDrift", "multivariate_drift"]

#: Rows of each window, and of the reference, that are looked at one by one.
_ROWS = 2_000
_RESAMPLES = 999
_PERMUTATIONS = 199
#: Rows of the reference that are read at once while its covariance is added up.
_BLOCK = 200_000
#: More numbers for each row than this take too long to compare.
_WIDEST = 1_000
#: An area under the curve from here on is no longer negligible: own choice.
AUC_MODERATE = 0.6
_PLACE = "__place__"

_TABLE = pl.Schema(
    [
        ("window", pl.String()),
        ("window_start", TIME),
        ("window_end", TIME),
        ("rows", pl.Int64()),
        ("sampled_rows", pl.Int64()),
        ("reconstruction_error", pl.Float64()),
        ("reconstruction_p_value", pl.Float64()),
        ("auc", pl.Float64()),
        ("auc_p_value", pl.Float64()),
        ("q_value", pl.Float64()),
        ("verdict", pl.String()),
    ]
)


@dataclass(frozen=True, eq=False)
class MultivariateDrift:
    """How far the rows of each window have moved as a whole; :func:`multivariate_drift` makes it.

    Attributes
    ----------
    table
        One row for each window: ``window``, ``window_start``, ``window_end``, ``rows``, ``sampled_rows``,
        ``reconstruction_error`` (mean over the window's sample) and its resampled p-value, ``auc`` of the two-sample
        classifier and its p-value by permutation, ``q_value`` (the smaller of both p-values, doubled, after Benjamini
        and Hochberg over the windows), ``verdict``: "stable", "slight" (beyond chance), "moderate" (and an area under
        the curve of 0.6 or more) or "too few rows".
    reference
        What the windows are compared with.
    reference_error
        Mean reconstruction error of reference rows that the components were not fitted on.
    components, explained
        How many principal components are kept, and the share of the variance that they hold.
    rate
        The false discovery rate at which windows are beyond chance; also how often rows without drift raise an alert.
    facts
        What was looked at, and what was not.
    cut
        The windows.
    """

    table: pl.DataFrame
    reference: Reference
    reference_error: float
    components: int
    explained: float
    rate: float
    facts: tuple[str, ...]
    cut: Cut

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"MultivariateDrift: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences; the first says which windows moved as a whole, or that none did."""
        moved = self.table.filter(pl.col("verdict").is_in(["slight", "moderate"]))
        noun = self.cut.noun
        if moved.is_empty():
            judged = self.table.filter(pl.col("verdict") != "too few rows").height
            first = f"Taken together, the columns moved in none of {judged:,} {noun}s that have rows enough."
        else:
            far = moved.sort("auc", descending=True).row(0, named=True)
            count = f"{moved.height:,} {noun}{'' if moved.height == 1 else 's'}"
            first = (
                f"Taken together, the columns moved beyond chance in {count}, "
                f"the farthest {far['window']}: a classifier tells its rows from the reference's with an area "
                f"under the curve of {far['auc']:.2f} (0.5 is chance), and they are rebuilt with an error of "
                f"{far['reconstruction_error']:.2f} where the reference's is {self.reference_error:.2f}."
            )
        against = f"Compared with {self.reference.description}; digest {self.reference.sha256[:12]}."
        return [first, against, *(sentence(fact) for fact in self.facts)]

    def to_dict(self) -> dict[str, Any]:
        """Return the result JSON-safe; times in ISO 8601."""
        rows = [
            {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
            for row in self.table.to_dicts()
        ]
        return {
            "summary": self.summary(),
            "reference": {"description": self.reference.description, "sha256": self.reference.sha256},
            "reference_error": self.reference_error,
            "components": self.components,
            "explained": self.explained,
            "rate": self.rate,
            "facts": list(self.facts),
            "table": rows,
        }


def multivariate_drift(
    source: Source,
    *,
    time: str,
    columns: Sequence[str],
    every: str = "1w",
    reference: Period | Dataset | None = None,
    zone: str = "UTC",
    around: Around | None = None,
    version: str | None = None,
    rate: float = 0.05,
    seed: int = 0,
) -> MultivariateDrift:
    """Compare the rows of each window with a reference as wholes.

    Parameters
    ----------
    source, time, columns, every, reference, zone, around, version
        As for :func:`audit_lab.monitor.drift.drift`; a rolling reference is refused.
    rate
        The false discovery rate over the windows.
    seed
        Of resamples, folds and permutations.

    Raises
    ------
    MisuseError
        As for drift; or the reference is rolling, or the columns come to more than 1,000 numbers a row.
    """
    question = asked(source, time, columns, every=every, reference=reference, zone=zone, around=around, version=version)
    if question.rolling is not None:
        raise MisuseError("rows as wholes are compared with a fixed reference only", "Give a period or a dataset.")
    encoding = Encoding(question.bins)
    width = len(encoding.names())
    if width > _WIDEST:
        raise MisuseError(
            f"the columns come to {width:,} numbers a row, and {_WIDEST:,} are compared at most", "Name fewer columns."
        )
    if question.reference.rows < 2 * MINIMUM_ROWS:
        raise MisuseError(
            f"the reference has {question.reference.rows:,} rows, and components take {2 * MINIMUM_ROWS}",
            "Give a longer reference.",
        )
    components, usual, kept = _fitted(question, encoding, width)
    found = []
    for place, (start, end) in enumerate(zip(question.cut.starts, question.cut.ends, strict=True)):
        rows, sample = _window(question, place)
        measured: tuple[float | None, ...] = (None, None, None, None)
        if rows >= MINIMUM_ROWS and sample.height >= MINIMUM_ROWS:
            numbers = encoding.encoded(sample)
            errors = components.errors(numbers)
            told = two_sample_test(kept, numbers, _PERMUTATIONS, seed + place)
            p_value = resampled_p_value(usual, errors, _RESAMPLES, seed + place)
            measured = (float(errors.mean()), p_value, told.auc, told.p_value)
        found.append((question.cut.names[place], start, end, rows, sample.height, *measured))
    table = _judged(pl.DataFrame(found, schema=dict(list(_TABLE.items())[:-2]), orient="row"), rate)
    return MultivariateDrift(
        table=table,
        reference=question.reference,
        reference_error=float(usual.mean()),
        components=components.axes.shape[0],
        explained=components.explained,
        rate=rate,
        facts=(
            *question.facts,
            f"{components.axes.shape[0]} components hold {components.explained:.0%} of the variance of {width} numbers",
            f"of windows with more than {2 * _ROWS:,} rows about {_ROWS:,} were looked at, evenly over time",
        ),
        cut=question.cut,
    )


def _fitted(
    question: Question, encoding: Encoding, width: int
) -> tuple[Components, NDArray[np.float64], NDArray[np.float64]]:
    """Read the reference block by block: every other row fits the components, the others say what errors are usual.

    Returns the components, errors of at most some ten thousand rows, and numbers of about 2,000 rows.
    """
    seen = StreamedCovariance(width)
    fitted: list[NDArray[np.float64]] = []
    every = max(question.reference.rows // (2 * _ROWS), 1)
    for block in _blocks(question):
        numbers = encoding.encoded(block)
        seen.add(numbers[::2])
        fitted.append(numbers[1::2][::every])
    kept = np.concatenate(fitted)
    components = Components.of(seen)
    return components, components.errors(kept), kept


def _blocks(question: Question) -> Iterator[pl.DataFrame]:
    """Yield the reference's rows in order, so many at once that they fit in memory."""
    held, rows = question.held, question.reference.rows
    parts = math.ceil(rows / _BLOCK)
    span = question.reference_span
    if span is None:
        native = held.to_native()
        for part in range(parts):
            yield collected(nw.from_native(native.slice(part * _BLOCK, _BLOCK)), MEASURED)
        return
    step = (span[1] - span[0]) / parts
    moment = nw.col(TIME_COLUMN)
    for part in range(parts):
        first, last = span[0] + part * step, span[0] + (part + 1) * step if part + 1 < parts else span[1]
        block = collected(held.filter(moment >= first, moment < last), MEASURED)
        yield block.sort(block.columns, nulls_last=True)


def _window(question: Question, place: int) -> tuple[int, pl.DataFrame]:
    """Return how many rows a window has, and a sample of them."""
    cut, rows = question.cut, question.rows
    start, end = cut.starts[place], cut.ends[place]
    within = rows.between(start, end)
    if cut.by_version:
        within = cut.numbered(within, _PLACE).filter(nw.col(_PLACE) == place).drop(_PLACE)
    count = int(collected(within.select(nw.len()), MEASURED).item())
    first, last = max(start, question.seen.first), min(end, question.seen.last + timedelta(microseconds=1))
    return count, sampled_rows(within, first, last, count, _ROWS)


def _judged(table: pl.DataFrame, rate: float) -> pl.DataFrame:
    both = pl.min_horizontal("reconstruction_p_value", "auc_p_value") * 2
    p_values = table.select(both.clip(upper_bound=1.0)).to_series()
    known = p_values.is_not_null()
    q_values = np.full(table.height, np.nan)
    q_values[known.to_numpy()] = adjusted(p_values.drop_nulls().to_numpy())
    beyond = pl.col("q_value") <= rate
    verdict = (
        pl.when(pl.col("q_value").is_null())
        .then(pl.lit("too few rows"))
        .when(beyond & (pl.col("auc") >= AUC_MODERATE))
        .then(pl.lit("moderate"))
        .when(beyond)
        .then(pl.lit("slight"))
        .otherwise(pl.lit("stable"))
    )
    judged = table.with_columns(pl.Series("q_value", q_values).fill_nan(None)).with_columns(verdict=verdict)
    return judged.select(_TABLE.names())
