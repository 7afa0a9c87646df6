"""Segments of one model's rows, as a user asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.face.mistakes import ERROR, mistakes
from audit_lab.face.windowed_rows import windowed_rows
from audit_lab.log.search.query import instant
from audit_lab.monitor.segments.search import find_segments
from audit_lab.monitor.segments.together import moving_together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from audit_lab.face.windowed_rows import WindowedRows
    from audit_lab.log.store import LogStore
    from audit_lab.monitor.segments.search import Segments
    from audit_lab.monitor.segments.together import Together

__all__ = ["segments_of"]

#: Levels and permutations need the rows side by side.
_MOST_ROWS = 20_000_000
_BINS = 10
_WEEK = 7 * 86_400_000_000


def segments_of(
    store: LogStore,
    columns: Sequence[str] | None,
    *,
    measure: str,
    since: str | date | datetime | None,
    until: str | date | datetime | None,
    reference: tuple[str | date | datetime | None, str | date | datetime | None] | None,
    model: str | None,
    pairs: bool,
    minimum: int,
    seed: int,
) -> tuple[Segments, set[str], int]:
    """Return the segments, the columns that they come from and the rows read; parameters as for `AuditLog.segments`.

    Raises
    ------
    MisuseError
        The measure is unknown, a period is missing or empty, the log has no outcomes for errors, or too many rows.
    """
    if measure not in {"score", "error"}:
        raise MisuseError(f"segments are not found by {measure!r}", "Use score or error.")
    rows = windowed_rows(store, model, since, until)
    chosen = rows.checked(list(rows.features) if columns is None else columns)
    if measure == "error" and not rows.has_outcomes:
        raise MisuseError("the log has no outcomes, so that no error is known", "Ask by the score.")
    needed = ("score",) if measure == "score" else ("score", "decision", "label", "outcome", "outcome_value")
    read = [*chosen, *(name for name in needed if name not in chosen)]
    after = _read(rows, read)
    before = None
    if measure == "score":
        before = _read(windowed_rows(store, rows.model, *_reference(rows, reference)), read)
    valued, said, facts = pl.col("score"), measure, rows.facts
    if measure == "error":
        valued, said, besides = mistakes(store, rows.model, after)
        facts = (*rows.facts, *rows.outcome_facts, *besides)
    parts = [part.with_columns(valued.alias("__value__")) for part in ((after,) if before is None else (before, after))]
    frame = pl.concat(
        [part.with_columns(pl.lit(place == len(parts) - 1).alias("__after__")) for place, part in enumerate(parts)]
    )
    together = _together(parts[0], said) if measure == "error" else None
    found = find_segments(
        frame.select("__value__", "__after__", *chosen),
        chosen,
        measure=said,
        pairs=pairs,
        minimum=minimum,
        seed=seed,
        expressions={name: _expression(rows, name) for name in chosen},
        together=together,
        facts=facts,
    )
    return found, rows.touched(read), frame.height


def _reference(
    rows: WindowedRows, given: tuple[str | date | datetime | None, str | date | datetime | None] | None
) -> tuple[datetime, datetime]:
    """Return the period compared with: the one given, or one as long just before the window."""
    if given is not None:
        begin, end = instant(given[0], "reference"), instant(given[1], "reference")
        if begin is None or end is None:
            raise MisuseError(
                "the reference needs a beginning and an end", "Give both, like ('2015-01-01', '2015-04-01')."
            )
        return begin, end
    if rows.since is None or rows.until is None:
        raise MisuseError(
            "a shift of the score is between two periods, and the window has no beginning or no end",
            "Give since and until, and a reference where it is not the period just before.",
        )
    return rows.since - (rows.until - rows.since), rows.since


def _read(rows: WindowedRows, columns: Sequence[str]) -> pl.DataFrame:
    hours = rows.hours
    count = int(hours["rows"].sum())
    if not count:
        raise LogError(f"{rows.model} has no predictions in the period", "Choose another one.")
    if count > _MOST_ROWS:
        raise MisuseError(f"there are {count:,} rows, and {_MOST_ROWS:,} are compared at most", "Narrow the period.")
    first = hours["hour"][0]
    last = hours["hour"].dt.offset_by("1h")[-1]
    return rows.reader(columns)(first, last)


def _together(valued: pl.DataFrame, measure: str) -> Together:
    """Return how the score's distance from the first quarter of the weeks and the errors go together by week."""
    week = (valued["occurred_at"].dt.timestamp("us") // _WEEK).to_numpy()
    place = (week - week.min()).astype(np.int64)
    size = int(place.max()) + 1
    quarter = place < max(size // 4, 1)
    scores = valued["score"].fill_null(float("nan")).to_numpy()
    usable = np.isfinite(scores)
    edges = np.zeros(0)
    if (usable & quarter).any():
        edges = np.unique(np.quantile(scores[usable & quarter], np.arange(1, _BINS) / _BINS))
    width = edges.size + 1
    cells = place[usable] * width + np.searchsorted(edges, scores[usable])
    counts = np.bincount(cells, minlength=size * width).reshape(size, width).astype(np.float64)
    total = counts.sum(axis=1)
    shares = np.divide(counts, total[:, None], out=np.full(counts.shape, np.nan), where=total[:, None] > 0)
    first = counts[: max(size // 4, 1)].sum(axis=0)
    usual = first / first.sum() if first.sum() else np.full(width, np.nan)
    distance = np.abs(shares - usual).sum(axis=1) / 2
    wrong = valued["__value__"].fill_null(float("nan")).to_numpy()
    known = np.isfinite(wrong)
    held = np.bincount(place[known], minlength=size)
    errors = np.bincount(place[known], wrong[known], minlength=size)
    rate = np.divide(errors, held, out=np.full(size, np.nan), where=held > 0)
    distance[: max(size // 4, 1)] = np.nan
    name = "the error rate" if measure == ERROR else "the mean absolute error"
    return moving_together("the score's distance from the first quarter of the weeks", distance, name, rate)


def _expression(rows: WindowedRows, name: str) -> str:
    if name in rows.features:
        quoted = rows.features[name].replace('"', '""')
        return f'inputs."{quoted}"'
    return {"score": "outputs.score", "label": "outputs.label"}.get(name, name)
