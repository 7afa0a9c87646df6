"""Findings about the service: failed predictions and jobs, and windows with more errors or longer waits than others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.monitor.operations.exact import adjusted, more_than_the_rest, rate_interval

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = [
    "OperationsFinding",
    "failed_jobs",
    "failed_predictions",
    "failed_untimed",
    "raised_errors",
    "raised_latency",
]

#: A rate of errors is raised where chance gives as many in the group in fewer cases, over all windows and groups.
_LEVEL = 0.05
#: Latency is raised where the lower bound of its quantile exceeds what is usual in the group by this factor.
LATENCY_FACTOR = 1.5
_FEWEST_WINDOWS = 3
#: What failed states an error; a text without a character is none.
_STATED = "error != ''"
_FAILED_SEVERITIES = ("error", "critical", "fatal")
_FAILURE = "(?i)fail|abort|crash"
#: Words that begin like a failure and are none.
_NO_FAILURE = "(?i)fail[-_ ]?(over|safe|back|fast|soft)"


@dataclass(frozen=True)
class OperationsFinding:
    """One finding with its evidence.

    Attributes
    ----------
    code
        ``failed-predictions``, ``error-rate``, ``latency`` or ``failed-job``.
    start, end
        The window, the end excluded; of a job, when it was recorded to fail, twice. None where there is no time.
    group
        The version, node or whatever the question was split by; of a job, its subject.
    measure, value, low, high
        What was measured, its value and its interval of 95 % (of latency, the lower bound of 99.9 % and no upper one).
    rows, concerned
        How many rows were looked at, and how many of them failed or were measured.
    p_value
        Adjusted for all windows and groups, where a test was made.
    what
        The finding as a sentence.
    query
        Python that fetches the rows from `log`.
    """

    code: str
    start: datetime | None
    end: datetime | None
    group: str | None
    measure: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    concerned: int
    p_value: float | None
    what: str
    query: str


@dataclass(frozen=True)
class Split:
    """By what a question was split: the word for it, and the column of predictions."""

    word: str
    column: str

    def query(self, condition: str, group: str | None, start: datetime | None, end: datetime | None) -> str:
        """Return Python that fetches the rows of a group in a window, or without a time, that meet a condition."""
        literal = "" if group is None else group.replace("'", "''")
        mine = f"{self.column} is null" if group is None else f"{self.column} = '{literal}'"
        expression = f"{condition} and {mine}"
        if start is None or end is None:
            return f"log.find({f'{expression} and occurred_at is null'!r})"
        return f"log.find({expression!r}, since={start.isoformat()!r}, until={end.isoformat()!r})"

    def name(self, group: str | None) -> str:
        """Return how a group is called."""
        return f"no {self.word} stated" if group is None else f"{self.word} {group}"


def failed_predictions(table: pl.DataFrame, split: Split) -> list[OperationsFinding]:
    """Return a finding for each run of windows, one after another, in which predictions of a group failed."""
    found = []
    for rows in _groups(table):
        run: list[dict[str, Any]] = []
        for row in [*rows, None]:
            if row is not None and row["failed"] and (not run or run[-1]["window_end"] == row["window_start"]):
                run.append(row)
                continue
            if run:
                found.append(_failed(run, split))
            run = [row] if row is not None and row["failed"] else []
    return found


def failed_untimed(untimed: pl.DataFrame, split: Split) -> list[OperationsFinding]:
    """Return a finding for each group of which predictions without a time failed: they are in no window."""
    return [
        OperationsFinding(
            "failed-predictions",
            None,
            None,
            row["group"],
            "failed predictions without a time",
            float(row["failed"]),
            None,
            None,
            row["rows"],
            row["failed"],
            None,
            f"{split.name(row['group'])}: {row['failed']:,} predictions without a time failed, of {row['rows']:,}",
            split.query(_STATED, row["group"], None, None),
        )
        for row in untimed.filter(pl.col("failed") > 0).iter_rows(named=True)
    ]


def raised_errors(table: pl.DataFrame, split: Split) -> list[OperationsFinding]:
    """Return a finding for each window in which more predictions of a group failed than its other windows allow."""
    rows = [row for group in _groups(table) for row in group]
    chances = np.concatenate(
        [
            more_than_the_rest(
                np.array([round(row["error_rate"] * row["effective_rows"]) for row in group], dtype=np.int64),
                np.array([round(row["effective_rows"]) for row in group], dtype=np.int64),
            )
            for group in _groups(table)
        ]
        or [np.ones(0)]
    )
    found = []
    for row, chance in zip(rows, adjusted(chances).tolist(), strict=True):
        if chance <= _LEVEL and row["failed"]:
            start, end, name = row["window_start"], row["window_end"], split.name(row["group"])
            what = (
                f"{name}: {row['error_rate']:.2%} of {row['rows']:,} predictions failed from {start:%Y-%m-%d %H:%M} "
                f"({row['error_low']:.2%} to {row['error_high']:.2%}), more than in its other windows"
            )
            query = split.query(_STATED, row["group"], start, end)
            interval = row["error_rate"], row["error_low"], row["error_high"]
            counts = row["rows"], row["failed"]
            finding = OperationsFinding(
                "error-rate", start, end, row["group"], "error rate", *interval, *counts, chance, what, query
            )
            found.append(finding)
    return found


def raised_latency(table: pl.DataFrame, split: Split) -> list[OperationsFinding]:
    """Return a finding for each window whose 95 % quantile of latency is plainly above the group's usual one."""
    found = []
    for group in _groups(table):
        held = [row for row in group if row["p95_ms"] is not None]
        if len(held) < _FEWEST_WINDOWS:
            continue
        usual = float(np.median([row["p95_ms"] for row in held]))
        for row in held:
            floor = row["p95_floor_ms"]
            if floor is None or usual <= 0 or floor < LATENCY_FACTOR * usual:
                continue
            start, end = row["window_start"], row["window_end"]
            what = (
                f"{split.name(row['group'])}: 95 % of predictions took up to {row['p95_ms']:.4g} ms from "
                f"{start:%Y-%m-%d %H:%M}, at least {floor:.4g} ms, where {usual:.4g} ms is usual"
            )
            query = split.query(f"latency_ms > {usual:.6g}", row["group"], start, end)
            measured = row["p95_ms"], floor, None
            counts = row["rows"], row["latencies"]
            finding = OperationsFinding(
                "latency",
                start,
                end,
                row["group"],
                "latency, quantile 0.95 (ms)",
                *measured,
                *counts,
                None,
                what,
                query,
            )
            found.append(finding)
    return found


def failed_jobs(events: pl.DataFrame) -> list[OperationsFinding]:
    """Return a finding for each event that states a failure: by its severity, or by the word in its kind."""
    severe = pl.col("severity").str.to_lowercase().is_in(_FAILED_SEVERITIES).fill_null(value=False)
    kind = pl.col("kind").str.replace_all(_NO_FAILURE, "")
    named = kind.str.contains(_FAILURE).fill_null(value=False)
    return [
        OperationsFinding(
            "failed-job",
            row["at"],
            row["at"],
            row["subject"],
            "event",
            None,
            None,
            None,
            1,
            1,
            None,
            f"{row['kind'] or 'event'} {_when(row['at'])}: {row['summary'] or 'no summary'}",
            f"log.events.filter(pl.col('event_id') == {row['event_id']!r})",
        )
        for row in events.filter(severe | named).sort("at", "event_id").to_dicts()
    ]


def _when(moment: datetime | None) -> str:
    return "without a time" if moment is None else f"at {moment:%Y-%m-%d %H:%M}"


def _groups(table: pl.DataFrame) -> Iterable[list[dict[str, Any]]]:
    ordered = table.sort("group", "window_start", nulls_last=True)
    return [part.to_dicts() for part in ordered.partition_by("group", maintain_order=True)] if table.height else []


def _failed(run: list[dict[str, Any]], split: Split) -> OperationsFinding:
    start, end, group = run[0]["window_start"], run[-1]["window_end"], run[0]["group"]
    rows, failed = sum(row["rows"] for row in run), sum(row["failed"] for row in run)
    represented, effective = (sum(row[name] for row in run) for name in ("represented", "effective_rows"))
    rate = failed / rows if represented == rows else sum(r["error_rate"] * r["represented"] for r in run) / represented
    low, high = rate_interval(rate * effective, effective)
    served = "" if represented == rows else f" recorded for {represented:,.0f} served"
    what = (
        f"{split.name(group)}: {failed:,} of {rows:,} predictions{served} failed ({rate:.2%}) from "
        f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"
    )
    query = split.query(_STATED, group, start, end)
    counts = rows, failed
    return OperationsFinding(
        "failed-predictions", start, end, group, "error rate", rate, low, high, *counts, None, what, query
    )
