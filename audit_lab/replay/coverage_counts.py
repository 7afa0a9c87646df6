"""Counts of predictions by version, window and code, made by the log's engine in one pass; and the ids behind them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.engines.answers import collected_all
from audit_lab.log.schema import TIME
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = ["ID_FROM", "LENGTHS", "REPLAYABLE", "IdQuestion", "counted", "ids_behind"]

#: The code of a prediction that nothing keeps from being replayed.
REPLAYABLE = "replayable"

#: Lengths of window, and what a sentence calls one.
LENGTHS = {"1d": "{0:%Y-%m-%d}", "1w": "the week of {0:%Y-%m-%d}", "1mo": "the month {0:%Y-%m}"}

_WITHOUT_CODE = {
    REPLAYABLE: nw.col("code").is_null(),
    "not-replayable": ~nw.col("code").is_null(),
    "reconstructable": nw.col("reconstructable"),
    "not-reconstructable": ~nw.col("reconstructable"),
}
_VERSION = ("model_name", "model_version")
_KEYS = (*_VERSION, "day", "code", "reconstructable")
_SCHEMA: dict[str, Any] = {
    "model_name": pl.String,
    "model_version": pl.String,
    "day": TIME,
    "code": pl.String,
    "reconstructable": pl.Boolean,
    "predictions": pl.UInt32,
    "first": pl.String,
}
_DAY = timedelta(days=1)
#: From which character on a text that sorts by time of day, then id, is the id: microseconds of a day have 11 digits.
ID_FROM = 12
_MICROSECONDS = 1_000_000
#: Added, so that each has as many digits and text sorts as time does.
_OFFSET = 10 ** (ID_FROM - 1)


@dataclass(frozen=True)
class IdQuestion:
    """Which predictions of a coverage are meant.

    Parameters
    ----------
    code
        A key of `EFFECTS`, ``replayable``, ``not-replayable``, ``reconstructable``, ``not-reconstructable``; None for
        all predictions.
    model, version
        Only this model, and this version; any when None.
    since, until
        Only predictions of ``since <= occurred_at < until``.
    limit
        At most so many, the first ones.
    """

    code: str | None = None
    model: str | None = None
    version: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse a code that no prediction can have.

        Raises
        ------
        MisuseError
            The code is not known, or the limit is negative.
        """
        known = (*_WITHOUT_CODE, *EFFECTS)
        if self.code is not None and self.code not in known:
            raise MisuseError(f"there is no code {self.code!r}", f"Known are {', '.join(known)}.")
        if self.limit is not None and self.limit < 0:
            raise MisuseError(f"the limit is {self.limit}", "Give a number of ids, 0 or more.")

    def words(self) -> dict[str, Any]:
        """Return what was asked for, without what was left open."""
        return {name: value for name, value in self.__dict__.items() if value is not None}

    def conditions(self) -> list[nw.Expr]:
        """Return what a row of the coded predictions must meet."""
        time = nw.col("occurred_at")
        named = {"model_name": self.model, "model_version": self.version}
        conditions = [nw.col(column) == name for column, name in named.items() if name is not None]
        conditions += [] if self.since is None else [time >= self.since]
        conditions += [] if self.until is None else [time < self.until]
        if self.code is not None:
            conditions.append(_WITHOUT_CODE.get(self.code, nw.col("code") == self.code))
        return conditions


def counted(frames: Sequence[nw.LazyFrame[Any]], what: str) -> pl.DataFrame:
    """Count coded predictions by model, version, day, code and whether they can be reconstructed.

    Parameters
    ----------
    frames
        As `audit_lab.replay.coded_predictions.CodedPredictions.frames` gives them.
    what
        What the rows are called in a message.

    Returns
    -------
    pl.DataFrame
        ``model_name``, ``model_version``, ``day`` (UTC), ``code``, ``reconstructable``, ``predictions`` and ``first``,
        which sorts by time of day, then id, and from its character `ID_FROM` on is the id of the day's first
        prediction. Of what can be replayed, only a version's first day has it.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    answers = [_typed(answer) for answer in collected_all([_counted(frame) for frame in frames], what)]
    together = pl.concat([pl.DataFrame(schema=_SCHEMA), *answers])
    first_days = together.filter(pl.col("code").is_null()).group_by(*_VERSION).agg(_first_day().alias("day"))
    if first_days.is_empty():
        return together
    firsts = collected_all([_firsts(frame, first_days) for frame in frames], what)
    replayable = pl.concat([first.select(*_VERSION, pl.col("first").cast(pl.String)) for first in firsts])
    found = first_days.join(replayable, on=_VERSION, how="left", nulls_equal=True, validate="1:1")
    keyed = found.with_columns(pl.lit(None, dtype=pl.String).alias("code"), pl.lit(value=True).alias("reconstructable"))
    return together.join(keyed, on=list(_KEYS), how="left", nulls_equal=True, validate="m:1").select(
        *_KEYS, "predictions", pl.coalesce("first", "first_right").alias("first")
    )


def _typed(answer: pl.DataFrame) -> pl.DataFrame:
    return answer.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def _first_day() -> pl.Expr:
    """Return the first of some days; none where a prediction has no time, for these come first."""
    day = pl.col("day")
    return pl.when(day.null_count() == 0).then(day.min())


def ids_behind(frames: Sequence[nw.LazyFrame[Any]], question: IdQuestion, what: str) -> pl.Series:
    """Return the ids of the predictions that a question means, one for each row, in order of time, then id.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    conditions, order = question.conditions(), ["occurred_at", "prediction_id"]
    asked = []
    for frame in frames:
        rows = (frame.filter(*conditions) if conditions else frame).select(*order)
        if question.limit is not None:
            rows = rows.sort(*order, nulls_last=False).head(question.limit)
        asked.append(rows)
    typed = [pl.col("occurred_at").cast(TIME), pl.col("prediction_id").cast(pl.String)]
    answers = [answer.select(typed) for answer in collected_all(asked, what)]
    together = pl.concat([pl.DataFrame(schema={"occurred_at": TIME, "prediction_id": pl.String}), *answers]).sort(
        order, nulls_last=False
    )["prediction_id"]
    return together if question.limit is None else together.head(question.limit)


def _counted(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    first = nw.when(~nw.col("code").is_null()).then(_sortable())
    days = frame.with_columns(nw.col("occurred_at").dt.truncate("1d").alias("day"), first.alias("first"))
    return days.group_by(*_KEYS).agg(nw.len().alias("predictions"), nw.col("first").min())


def _firsts(frame: nw.LazyFrame[Any], days: pl.DataFrame) -> nw.LazyFrame[Any]:
    """Ask for the first prediction that can be replayed of each version, on a day that is known."""
    time, meant = nw.col("occurred_at"), []
    for row in days.iter_rows(named=True):
        same = [nw.col(name).is_null() if row[name] is None else nw.col(name) == row[name] for name in _VERSION]
        day = row["day"]
        same.append(time.is_null() if day is None else (time >= day) & (time < day + _DAY))
        meant.append(nw.all_horizontal(*same, ignore_nulls=False))
    rows = frame.filter(nw.col("code").is_null(), nw.any_horizontal(*meant, ignore_nulls=True))
    known = sorted(day for day in days["day"] if day is not None)
    if len(known) == days.height:  # says no more, but in a form by which files are left out
        rows = rows.filter(time >= known[0], time < known[-1] + _DAY)
    return rows.with_columns(_sortable().alias("first")).group_by(*_VERSION).agg(nw.col("first").min())


def _sortable() -> nw.Expr:
    """Return text that sorts by the time of day, then id; what has no time stands in a group of its own."""
    time = nw.col("occurred_at").dt
    hour, minute, second = (part.cast(nw.Int64) for part in (time.hour(), time.minute(), time.second()))
    # Before 1970 an engine may count the microseconds of a second downwards.
    part = (time.microsecond().cast(nw.Int64) + _MICROSECONDS) % _MICROSECONDS
    of_day = ((hour * 60 + minute) * 60 + second) * _MICROSECONDS + part + _OFFSET
    digits = nw.coalesce(of_day.cast(nw.String), nw.lit("0" * ID_FROM))
    return nw.concat_str(digits, nw.col("prediction_id"))
