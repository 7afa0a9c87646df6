"""The decisions of a window: what is asked of each, its recorded inputs beside it, and which are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.explain.cohorts.kept_rows import ranks
from audit_lab.log.files.printable import printable
from audit_lab.log.search.query import Question
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.readiness import ERASED, ERASED_INPUTS, FAILED, HAS_INPUTS, REPEATED
from audit_lab.replay.recorded_rows import RecordedRows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.cause.question import CauseQuestion, Span

__all__ = ["MOST_ROWS", "VALUE", "WindowRows", "check_favourable", "plain_feature", "window_rows"]

#: The column of what is asked of a decision: its score, or 1 for the decision meant and 0 for another.
VALUE = "__value__"
#: Of more decisions in a window a part is taken, by the SHA-256 of their ids.
MOST_ROWS = 2_000_000
_WHOLE_RANGE = 2.0**64
_MOST_NAMED = 8
#: Why a decision does not count, in the order in which it is looked at.
_LEFT_OUT = {
    FAILED: "predictions that failed",
    REPEATED: "ids that stand on several predictions",
    ERASED: "predictions whose output was erased",
    ERASED_INPUTS: "predictions whose inputs were erased, which is no change",
}


@dataclass(frozen=True, eq=False)
class WindowRows:
    """The decisions of a window that count.

    Parameters
    ----------
    span
        The window.
    frame
        As `audit_lab.replay.recorded_rows.Chunk` has them, with `VALUE`; in the order of the log.
    recorded
        How many predictions of the model the window holds.
    left_out
        Why others do not count, and how many.
    chosen
        How those that were read were chosen, where the window has too many for all; else None.
    decisions
        Which decisions the window has, as far as it was read.
    """

    span: Span
    frame: pl.DataFrame
    recorded: int
    left_out: tuple[tuple[str, int], ...]
    chosen: str | None
    decisions: frozenset[str]

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """What is asked of each decision, shape ``(rows,)``."""
        return self.frame[VALUE].to_numpy()

    @property
    def features(self) -> list[str]:
        """The recorded inputs, by name."""
        return [name.removeprefix(FEATURE) for name in self.frame.columns if name.startswith(FEATURE)]

    @property
    def without_inputs(self) -> int:
        """How many of the decisions have no inputs on record."""
        return int(self.frame[HAS_INPUTS].null_count())

    @property
    def versions(self) -> tuple[tuple[str | None, int], ...]:
        """Which versions decided, and how often; most often first."""
        counted = self.frame.group_by("model_version").agg(pl.len())
        rows = counted.sort("len", "model_version", descending=[True, False], nulls_last=True).iter_rows()
        return tuple((version, int(count)) for version, count in rows)

    def facts(self, which: str) -> list[str]:
        """Return what must be known about the rows of the window, which is called `which`."""
        said = [f"window {which}: {count:,} {why} are left out" for why, count in self.left_out]
        if self.without_inputs:
            said.append(
                f"window {which}: {self.without_inputs:,} of {self.frame.height:,} decisions have no inputs on record; "
                "each feature counts as missing there"
            )
        return said if self.chosen is None else [*said, f"window {which}: {self.chosen}"]


def window_rows(store: LogStore, asked: CauseQuestion, span: Span, which: str, *, most: int = MOST_ROWS) -> WindowRows:
    """Read the decisions of a window.

    Parameters
    ----------
    store, asked, span
        The log, the question and the window.
    which
        What the window is called in an error.
    most
        Of more decisions, those are taken whose SHA-256 of ``seed|prediction_id`` lies in the lowest part.

    Raises
    ------
    LogError
        Fewer than `minimum` decisions count, or a table cannot be read.
    """
    reading = RecordedRows(store, Question(None, span.start, span.end, asked.model))
    recorded = int(reading.versions()["predictions"].sum())
    part = most / recorded if recorded > most else 1.0
    counted = dict.fromkeys(_LEFT_OUT.values(), 0)
    unknown = "decisions without a decision" if asked.of == "decision" else "decisions without a finite score"
    counted[unknown] = 0
    kept: list[pl.DataFrame] = []
    decisions: set[str] = set()
    for chunk in reading.chunks():
        rows = chunk.rows
        if part < 1:
            rows = rows.filter(ranks(rows["prediction_id"], asked.seed) < int(part * _WHOLE_RANGE))
        for flag, why in _LEFT_OUT.items():
            flagged = rows[flag].fill_null(value=False)
            counted[why] += int(flagged.sum())
            rows = rows.filter(~flagged)
        decisions.update(rows["recorded_decision"].drop_nulls().unique())
        known = rows.with_columns(_value(asked)).filter(pl.col(VALUE).is_finite().fill_null(value=False))
        counted[unknown] += rows.height - known.height
        kept.append(known)
    frame = pl.concat(kept) if kept else pl.DataFrame()
    if frame.height < asked.minimum:
        raise LogError(
            f"the window {which} ({span.words()}) has {frame.height:,} decisions of {asked.model} that count, of "
            f"{recorded:,} predictions, and {asked.minimum:,} are needed",
            "Give a longer window, or a smaller minimum.",
        )
    said = f"of {recorded:,} predictions those with the lowest {part:.1%} of SHA-256 of '{asked.seed}|prediction_id'"
    left = tuple((why, count) for why, count in counted.items() if count)
    return WindowRows(span, frame, recorded, left, said if part < 1 else None, frozenset(decisions))


def check_favourable(asked: CauseQuestion, windows: tuple[WindowRows, WindowRows]) -> None:
    """See whether the decision whose rate is asked for was ever taken.

    Raises
    ------
    MisuseError
        Neither window has it.
    """
    known = sorted(windows[0].decisions | windows[1].decisions)
    if asked.of == "decision" and asked.favourable not in known:
        named = ", ".join(map(printable, known[:_MOST_NAMED]))
        raise MisuseError(f"no decision of the windows is {asked.favourable!r}", f"They are {named}.")


def plain_feature(rows: pl.DataFrame, name: str) -> pl.Series | None:
    """Return a recorded input as float64 with NaN as null, or as text; None where it is neither."""
    column = rows[FEATURE + name].alias(name)
    dtype = column.dtype
    if dtype.is_numeric() or dtype == pl.Null:
        return column.cast(pl.Float64).fill_nan(None)
    if dtype == pl.Boolean:
        return column.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)
    return None if dtype.is_nested() or isinstance(dtype, pl.Binary | pl.Duration) else column.cast(pl.String)


def _value(asked: CauseQuestion) -> pl.Expr:
    if asked.of == "score":
        return pl.col("recorded_score").cast(pl.Float64).alias(VALUE)
    return (pl.col("recorded_decision") == pl.lit(asked.favourable)).cast(pl.Float64).alias(VALUE)
