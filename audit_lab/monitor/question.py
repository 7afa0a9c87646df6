"""A question about drift, made ready: which rows, cut into which windows, compared with what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.monitor.counts import TIME_COLUMN, VERSION_COLUMN, Rows, extent, value_facts, version_spans
from audit_lab.monitor.cuts import BY_VERSION, Cut, around_cut, calendar_cut, version_cut
from audit_lab.monitor.reference import (
    DEFAULT_LENGTH,
    Dataset,
    Reference,
    Rolling,
    described_reference,
    period_before,
    reference_period,
)
from audit_lab.monitor.windows import utc, window_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Extent, Source
    from audit_lab.monitor.cuts import Around
    from audit_lab.monitor.reference import Period

__all__ = ["Question", "asked"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Question:
    """Rows, windows and reference of a question.

    `inside` marks the windows that lie wholly within a fixed reference, `covered` those that the log covers wholly;
    `rolling` is the number of windows before each that it is compared with, or None. `held` are the reference's rows,
    prepared, `reference_span` when they lie, or None, and `sample` some of them.
    """

    rows: Rows
    columns: tuple[str, ...]
    seen: Extent
    cut: Cut
    bins: tuple[Bins, ...]
    reference: Reference
    inside: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    rolling: int | None
    held: nw.LazyFrame[Any]
    reference_span: Period | None
    sample: pl.DataFrame
    facts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Side:
    """The reference's rows, prepared, with what they are called and when they lie."""

    held: nw.LazyFrame[Any]
    span: Period | None
    phrase: str
    kind: Any
    windows: int | None = None


def asked(
    source: Source,
    time: str,
    columns: Sequence[str],
    *,
    every: str,
    reference: Period | Rolling | Dataset | None,
    zone: str,
    around: Around | None,
    version: str | None,
) -> Question:
    """Return a question made ready; parameters as for :func:`audit_lab.monitor.drift.drift`."""
    chosen, training = tuple(columns), None
    facts: list[str] = []
    if isinstance(reference, Dataset):
        training, chosen, facts = _training(reference, Rows(source, time, columns).kinds)
    cut = None if around is None else around_cut(around, every, zone)
    span = None if cut is None else _span(cut, reference)
    rows = Rows(source, time, chosen, version=_version(every, version), span=span)
    seen = extent(rows, whole=False)
    facts += seen.facts
    early = reference_span(reference, seen, cut, every, zone)
    rows.without_nan(seen)
    if every == BY_VERSION:
        cut = version_cut(version_spans(rows))
    elif cut is None:
        length = window_length(every, zone)
        cut = calendar_cut(length, length.starts(seen.first, seen.last))
    side = _side(rows, cut, reference, early, training)
    read = rows.reference(side.held, _sampled_span(side, seen), cut)
    count, bins = read.rows, read.bins
    if not count:
        start, end = side.span or (seen.first, seen.last)
        message = f"The reference from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} holds no rows"
        raise MisuseError(message, f"The rows go from {seen.first:%Y-%m-%d} to {seen.last:%Y-%m-%d}.")
    if not seen.values_seen:
        facts += value_facts(rows.kinds, rows.sketch(bins, cut).frames["facts"])
    if side.windows is not None:
        facts.append(f"the first {_counted(side.windows, cut.noun)} have too few before them to be compared with")
    return Question(
        rows=rows,
        columns=chosen,
        seen=seen,
        cut=cut,
        bins=bins,
        reference=described_reference(side.span, side.phrase, count, bins, cut, kind=side.kind, windows=side.windows),
        inside=_inside(cut, side),
        covered=_covered(cut, seen),
        rolling=side.windows,
        held=side.held,
        reference_span=side.span,
        sample=read.sample,
        facts=tuple(facts),
    )


def reference_span(
    reference: Period | Rolling | Dataset | None, seen: Extent, cut: Cut | None, every: str, zone: str
) -> tuple[datetime, datetime, str] | None:
    """Return start, end and phrase of a reference that is a period; None for others."""
    if isinstance(reference, Rolling | Dataset) or (every == BY_VERSION and reference is None):
        return None
    if cut is not None and reference is None:
        return period_before(cut.starts[0], seen)
    return reference_period(reference, seen, window_length("1d" if every == BY_VERSION else every, zone))


def _side(
    rows: Rows,
    cut: Cut,
    reference: Period | Rolling | Dataset | None,
    period: tuple[datetime, datetime, str] | None,
    training: nw.LazyFrame[Any] | None,
) -> _Side:
    if period is not None:
        start, end, phrase = period
        return _Side(rows.between(start, end), (start, end), phrase, "default" if reference is None else "period")
    if isinstance(reference, Dataset) and training is not None:
        return _Side(training, None, reference.name, "dataset")
    if isinstance(reference, Rolling):
        if len(cut.starts) <= reference.windows:
            message = f"There are {_counted(len(cut.starts), cut.noun)}, and each needs {reference.windows} before it"
            raise MisuseError(message, "Roll over fewer windows, or cut them shorter.")
        span = (cut.starts[0], max(cut.ends))
        phrase = f"rolling, the {_counted(reference.windows, cut.noun)} before each, bins from all"
        return _Side(rows.every(), span, phrase, "rolling", reference.windows)
    if len(cut.starts) == 1:
        message = f"All rows are of {cut.names[0]}, so there is nothing to compare it with"
        raise MisuseError(message, "Give a reference.")
    first = cut.by_version[0]
    version = nw.col(VERSION_COLUMN)
    held = rows.every().filter(version == first if first else version.is_null())
    return _Side(held, (cut.starts[0], cut.ends[0]), f"{cut.names[0]}, the first", "version")


def _training(dataset: Dataset, kinds: dict[str, str]) -> tuple[nw.LazyFrame[Any], tuple[str, ...], list[str]]:
    """Return a dataset's rows, prepared, the columns that it can be compared by, and why others are left out."""
    frame = dataset.frame.lazy()
    names = frame.collect_schema().names()
    kept, facts = [], []
    timed = frame.with_columns(pl.lit(_EPOCH).dt.cast_time_unit("us").alias(TIME_COLUMN))
    for name, kind in kinds.items():
        if name not in names:
            facts.append(f"{name} is not in {dataset.name}, and is not compared")
            continue
        try:
            there = Rows(timed, TIME_COLUMN, [name]).kinds[name]
        except MisuseError as error:
            facts.append(f"{name} is not compared: {error.message} in {dataset.name}")
            continue
        if there == kind:
            kept.append(name)
        else:
            facts.append(f"{name} is {kind} in the log and {there} in {dataset.name}, and is not compared")
    if not kept:
        message = f"{dataset.name} has none of the columns to compare"
        raise MisuseError(message, f"Its columns are: {', '.join(names[:20])}.")
    rows = Rows(timed, TIME_COLUMN, kept)
    seen = extent(rows)
    rows.without_nan(seen)
    return rows.every(), tuple(kept), [*facts, *(f"in {dataset.name}, {fact}" for fact in seen.facts)]


def _span(cut: Cut, reference: Period | Rolling | Dataset | None) -> Period:
    """Return between when rows can matter to windows around a moment."""
    start, end = cut.starts[0], cut.ends[-1]
    if reference is None:
        start -= DEFAULT_LENGTH
    elif isinstance(reference, tuple):
        start, end = min(start, utc(reference[0])), max(end, utc(reference[1]))
    return start, end


def _version(every: str, version: str | None) -> str | None:
    if every != BY_VERSION:
        return None
    if version is None:
        message = "windows by version need the column that says which version answered"
        raise MisuseError(message, "Give it as version=...")
    return version


def _inside(cut: Cut, side: _Side) -> NDArray[np.bool_]:
    """Mark the windows that lie wholly within a fixed reference that is part of the log."""
    if side.kind == "version":
        return np.array([place == 0 for place in range(len(cut.starts))])
    if side.span is None or side.windows is not None or cut.by_version:
        return np.zeros(len(cut.starts), dtype=bool)
    start, end = side.span
    return np.array([start <= first and last <= end for first, last in zip(cut.starts, cut.ends, strict=True)])


def _covered(cut: Cut, seen: Extent) -> NDArray[np.bool_]:
    """Mark the windows whose every day, from the zone's midnight, is one from the first row's to the last row's."""
    zone = ZoneInfo(cut.zone)
    first, last = (
        one.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for one in (seen.first, seen.last)
    )
    end = (last + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
    start = first.replace(tzinfo=zone).astimezone(UTC)
    return np.array([start <= one and two <= end for one, two in zip(cut.starts, cut.ends, strict=True)])


def _sampled_span(side: _Side, seen: Extent) -> Period | None:
    """Return between when the reference's rows lie, where they are part of the log."""
    if side.span is None:
        return None
    return max(side.span[0], seen.first), min(side.span[1], seen.last + timedelta(microseconds=1))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
