"""What a measurement of performance comes to: a table of measures by window, and what must be known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.schema import TIME
from audit_lab.monitor.performance import telling
from audit_lab.monitor.performance.calibration import reliability
from audit_lab.monitor.windows import utc
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.performance.delay import Delays
    from audit_lab.monitor.performance.meaning import Meaning

__all__ = ["TABLE", "WINDOW_TABLE", "Performance", "Windows"]

_WHERE: dict[str, Any] = {"window_start": TIME, "window_end": TIME, "model_version": pl.String, "known": pl.String}
#: The columns of `Performance.table`.
TABLE: dict[str, Any] = {
    **_WHERE,
    "of": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "interval": pl.String,
    "rows": pl.Int64,
    "status": pl.String,
    "estimated": pl.Boolean,
    "note": pl.String,
}
#: The columns of `Performance.windows`.
WINDOW_TABLE: dict[str, Any] = {
    **_WHERE,
    "rows": pl.Int64,
    "labelled": pl.Int64,
    "missing_share": pl.Float64,
    "expected_share": pl.Float64,
    "mature": pl.Boolean,
    "positives": pl.Int64,
}


@dataclass(frozen=True)
class Windows:
    """What was asked: length of a window, range of time, whether versions are apart, as of when, whose days."""

    every: str | None
    since: datetime | None = None
    until: datetime | None = None
    by_version: bool = False
    as_of: datetime | None = None
    zone: str = "UTC"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        times = {"since": self.since, "until": self.until, "as_of": self.as_of}
        said = {name: None if moment is None else moment.isoformat() for name, moment in times.items()}
        return {"every": self.every, "zone": self.zone, "by_version": self.by_version, **said}


@dataclass(frozen=True, eq=False)
class Performance:
    """How good a model's answers, and the decisions, turned out to be; `AuditLog.performance` makes it.

    Attributes
    ----------
    table
        One row for each window, version (null: all together) and measure: ``window_start``, ``window_end``,
        ``model_version``, ``known`` ("now", or "then" as of an earlier moment), ``of`` ("score", "label", "decision",
        "final decision", "outcome": which question), ``measure``, ``value`` (null where it is not defined), ``low`` and
        ``high`` of its 95 % interval, ``interval`` (how it was found), ``rows`` (that the value speaks of), ``status``
        ("measured", "immature", "too few outcomes" for a window, "estimate", "not defined", "no outcomes"),
        ``estimated``, ``note``.
    windows
        One row for each window and version: ``rows``, ``labelled``, ``missing_share``, ``expected_share`` (of the
        outcomes that are to come, what is to have arrived by now), ``mature``, ``positives``.
    model, meaning, asked
        Of which model, what its outputs mean, and the call.
    delays
        The time from predictions to their outcomes, by what is known "now" (and "then").
    horizon
        The moment up to which the log knows anything.
    overridden
        How many decisions of the log persons changed, by what is known "now" (and "then").
    facts
        Plain sentences about the data that the numbers must be read with.
    """

    table: pl.DataFrame
    windows: pl.DataFrame
    model: str
    meaning: Meaning
    asked: Windows
    delays: Mapping[str, Delays]
    horizon: datetime | None
    overridden: Mapping[str, int]
    facts: tuple[str, ...]
    reliability_sums: Mapping[tuple[Any, ...], NDArray[Any]] = field(repr=False)

    def calibration(
        self, window_start: datetime | None = None, version: str | None = None, known: str = "now"
    ) -> pl.DataFrame:
        """Return the reliability curve of the scores: ten bins, mean score beside the share that turned out positive.

        Parameters
        ----------
        window_start
            One window, by its start in `windows`; all of them together when None.
        version
            One version, where versions were measured apart; all when None.
        known
            "now", or "then" where an earlier moment was asked for.

        Returns
        -------
        pl.DataFrame
            ``bin``, ``lower``, ``upper`` (included), ``rows``, ``mean_score``, ``positive_share``, ``low``, ``high``;
            bins without labelled rows are left out.

        Raises
        ------
        MisuseError
            The scores are no probabilities of a positive label.
        NotFoundError
            There is no such window or version.
        """
        if not self.meaning.has_probability:
            raise MisuseError(
                f"the scores of {self.model} are no probabilities of one label", "Calibration is of probabilities."
            )
        start = None if window_start is None else utc(window_start)
        mine = [
            sums
            for (side, begin, of_version), sums in self.reliability_sums.items()
            if side == known and start in (None, begin) and version in (None, of_version)
        ]
        if not mine:
            raise NotFoundError(
                f"no window starts at {start}, of version {version}, as known {known}",
                "Take window_start and model_version from Performance.windows.",
            )
        rows, scores, positives = np.sum(mine, axis=0)
        return reliability(rows, scores, positives)

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Performance: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences; the first says how good the model is by now, or why that cannot be said."""
        return telling.sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result JSON-safe: the call, summary, windows, table and reliability curve."""
        return telling.to_dict(self)

    @spelling
    def _repr_html_(self) -> str:
        """Return the summary and the measures by window as HTML; every text of the log is escaped."""
        return telling.to_html(self)
