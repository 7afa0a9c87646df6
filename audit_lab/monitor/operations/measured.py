"""Latency and errors by group and window, and what stands out of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.schema import TIME
from audit_lab.monitor.onset.tallies import MOMENT, batches
from audit_lab.monitor.operations.exact import CONFIDENCE, order_statistic, quantile_ranks, rate_interval
from audit_lab.monitor.operations.findings import (
    OperationsFinding,
    Split,
    failed_jobs,
    failed_predictions,
    failed_untimed,
    raised_errors,
    raised_latency,
)
from audit_lab.monitor.operations.weighted import WeightedRate, weighted_quantile, weighted_rate
from audit_lab.monitor.sentences import sentence
from audit_lab.monitor.windows import window_length
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from audit_lab.monitor.onset.tallies import Reader

__all__ = ["LENGTHS", "SPLITS", "Operations", "measure_operations"]

#: By what a question is split, and the column of predictions.
SPLITS = {"version": "model_version", "node": "node", "environment": "environment", "endpoint": "endpoint"}
#: Window lengths and what a sentence calls them.
LENGTHS = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month"}
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
#: A lower bound that fails in one of a thousand windows, for findings.
_FLOOR = 0.998
_FINDINGS_TOLD = 10

_SCHEMA: dict[str, Any] = {
    "window_start": TIME,
    "window_end": TIME,
    "group": pl.String,
    "rows": pl.Int64,
    "failed": pl.Int64,
    "represented": pl.Float64,
    "effective_rows": pl.Float64,
    **dict.fromkeys(("error_rate", "error_low", "error_high"), pl.Float64),
    "latencies": pl.Int64,
    **{f"{name}{part}_ms": pl.Float64 for name, _ in QUANTILES for part in ("", "_low", "_high")},
    "p95_floor_ms": pl.Float64,
}


@dataclass(frozen=True, eq=False)
class Operations:
    """How a model's service ran; :func:`measure_operations` makes it.

    Attributes
    ----------
    table
        One row for each window and group with predictions: ``rows``, ``failed``, ``error_rate`` with its exact interval
        of 95 %, ``latencies`` (how many have one), and of latency the quantiles 0.5, 0.95 and 0.99 in milliseconds with
        intervals of 95 % by order statistics, null where there are too few values for one. ``represented`` is for how
        many served predictions the rows stand. Where some were sampled, rates and quantiles are weighted, and
        ``effective_rows`` is how many rows would tell the rate as well had all been recorded.
    findings
        What failed or stands out, in order of time.
    facts
        Plain sentences about the data.
    every, by, rows, failed
        The call and the totals of the windows.
    failed_untimed
        How many predictions without a time failed besides: they are in no window.
    """

    table: pl.DataFrame
    findings: tuple[OperationsFinding, ...]
    facts: tuple[str, ...]
    every: str
    by: str
    rows: int
    failed: int
    failed_untimed: int = 0

    @property
    def represented(self) -> float:
        """For how many served predictions the rows stand; as many as there are where none was sampled."""
        return float(self.table["represented"].sum())

    @property
    def error_rate(self) -> float:
        """The share of served predictions that failed, from 0 to 1."""
        failed = (self.table["error_rate"] * self.table["represented"]).sum()
        return self.failed / self.rows if self.represented == self.rows else float(failed) / self.represented

    def findings_table(self) -> pl.DataFrame:
        """Return one row for each finding, with all that a finding states."""
        fields: dict[str, Any] = dict.fromkeys(OperationsFinding.__dataclass_fields__, pl.String)
        fields |= {"start": TIME, "end": TIME, **dict.fromkeys(("value", "low", "high", "p_value"), pl.Float64)}
        fields |= dict.fromkeys(("rows", "concerned"), pl.Int64)
        return pl.DataFrame([asdict(one) for one in self.findings], schema=fields)

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Operations: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences: the error rate with its interval, latency, findings, and what was not known."""
        effective = float(self.table["effective_rows"].sum())
        low, high = rate_interval(self.error_rate * effective, effective)
        interval = f"{self.error_rate:.3%} ({low:.3%} to {high:.3%})"
        said = [f"{self.failed:,} of {self.rows:,} predictions failed: {interval}."]
        if self.represented != self.rows:
            recorded = f"{self.rows:,} predictions were recorded, {self.failed:,} of which failed"
            said = [f"{recorded}; they stand for {self.represented:,.0f}, of which by their weights failed {interval}."]
        if self.failed_untimed:
            said[0] = f"{said[0][:-1]}; besides, {self.failed_untimed:,} without a time failed."
        held = self.table.filter(pl.col("p95_ms").is_not_null())
        if held.height:
            worst = held.sort("p95_ms", "window_start", descending=[True, False]).row(0, named=True)
            said.append(
                f"The longest latency: in the {LENGTHS[self.every]} from {worst['window_start']:%Y-%m-%d %H:%M} UTC, "
                f"{self.by} {worst['group']}, 95 % took up to {worst['p95_ms']:.4g} ms."
            )
        said += [f"{one.what}." for one in self.findings[:_FINDINGS_TOLD]] or ["No finding."]
        if len(self.findings) > _FINDINGS_TOLD:
            said.append(f"And {len(self.findings) - _FINDINGS_TOLD} more findings; see Operations.findings.")
        return [*said, *(sentence(fact) for fact in self.facts)]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole answer JSON-safe; times in ISO 8601, UTC."""
        return {
            "every": self.every,
            "by": self.by,
            "rows": self.rows,
            "failed": self.failed,
            "failed_untimed": self.failed_untimed,
            "represented": self.represented,
            "error_rate": self.error_rate,
            "confidence": CONFIDENCE,
            "summary": self.summary(),
            "findings": [_plain(asdict(one)) for one in self.findings],
            "facts": list(self.facts),
            "table": [_plain(row) for row in self.table.to_dicts()],
        }

    @spelling
    def _repr_html_(self) -> str:
        """Return the summary as HTML; every text of the log is escaped."""
        return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in self.summary())}</ul>"


def measure_operations(
    read: Reader,
    hours: pl.DataFrame,
    events: pl.DataFrame,
    *,
    every: str = "1d",
    by: str = "version",
    zone: str = "UTC",
    untimed: pl.DataFrame | None = None,
) -> Operations:
    """Measure latency and errors by group and window.

    Parameters
    ----------
    read
        Returns the rows of ``start <= occurred_at < end`` as a frame with ``occurred_at``, the group's column,
        ``error`` ("failed" or "done") and ``latency_ms`` as float64.
    hours
        ``hour`` and ``rows``: how many rows each hour (UTC) has.
    events
        The events of the period: ``event_id``, ``at``, ``kind``, ``severity``, ``subject``, ``summary``.
    every
        ``1h``, ``1d``, ``1w`` (from Monday) or ``1mo``, of `zone`.
    by
        ``version``, ``node``, ``environment`` or ``endpoint``.
    untimed
        ``group``, ``rows`` and ``failed`` of the predictions without a time, which are in no window.

    Raises
    ------
    MisuseError
        No such window or split.
    LogError
        There are no predictions.
    """
    if every not in LENGTHS or by not in SPLITS:
        message = f"operations are not measured every {every!r} by {by!r}"
        raise MisuseError(message, f"Use one of {', '.join(LENGTHS)}, by one of {', '.join(SPLITS)}.")
    if hours.is_empty():
        raise LogError("There are no predictions with a time to measure", "Check the period and the model.")
    moment = pl.col("hour").dt.convert_time_zone(zone).dt.truncate(every)
    windows = hours.group_by(moment.alias("start")).agg(pl.col("rows").sum()).sort("start")
    starts = windows["start"].dt.convert_time_zone("UTC").cast(TIME).to_list()
    length = window_length(every, zone)
    ends = [length.after(start) if every != "1h" else start + timedelta(hours=1) for start in starts]
    until = dict(zip(starts, ends, strict=True))
    parts, unusable = [], 0
    for first, last in batches(windows["rows"].to_numpy()):
        frame = read(starts[first], ends[last - 1]).rename({SPLITS[by]: "group"})
        odd = (~pl.col("latency_ms").is_finite() | (pl.col("latency_ms") < 0)).fill_null(value=False)
        unusable += int(frame.select(odd.sum()).item())
        cleaned = frame.with_columns(latency_ms=pl.when(~odd).then(pl.col("latency_ms")))
        local = pl.col(MOMENT).dt.convert_time_zone(zone).dt.truncate(every)
        parts.append(_counted(cleaned.with_columns(window=local), until))
    table = pl.concat(parts).sort("window_start", "group", nulls_last=True)
    split = Split(by, SPLITS[by])
    found = [
        *failed_predictions(table, split),
        *raised_errors(table, split),
        *raised_latency(table, split),
        *failed_jobs(events),
        *([] if untimed is None else failed_untimed(untimed, split)),
    ]
    rows = int(table["rows"].sum())
    return Operations(
        table,
        tuple(sorted(found, key=_order)),
        _facts(table, unusable, starts, ends, every),
        every,
        by,
        rows,
        int(table["failed"].sum()),
        0 if untimed is None else int(untimed["failed"].sum()),
    )


def _order(one: OperationsFinding) -> tuple[bool, datetime, str, str]:
    """Return by what findings are told: in order of time, and first what has none, so that it is not cut off."""
    return one.start is not None, one.start or datetime.min.replace(tzinfo=UTC), one.code, one.group or ""


def _counted(frame: pl.DataFrame, until: Mapping[datetime, datetime]) -> pl.DataFrame:
    grouped = frame.group_by("window", "group").agg(
        pl.len().alias("rows"),
        (pl.col("error") == "failed").sum().alias("failed"),
        *_listed(frame),
    )
    start = pl.col("window").dt.convert_time_zone("UTC").cast(TIME)
    framed = grouped.with_columns(window_start=start)
    framed = framed.with_columns(window_end=pl.Series([until[one] for one in framed["window_start"]], dtype=TIME))
    rows = [_row(row) for row in framed.sort("window", "group", nulls_last=True).iter_rows(named=True)]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _listed(frame: pl.DataFrame) -> list[pl.Expr]:
    """Return what of each row is needed: of latencies their order, and where some were sampled, the rates too."""
    latency = pl.col("latency_ms")
    listed = [latency.drop_nulls().sort().alias("latency")]
    if "sampling_rate" in frame.columns:
        rate = pl.col("sampling_rate").fill_null(1.0)
        held = pl.when((rate > 0) & (rate <= 1)).then(rate).otherwise(1.0)
        listed += [
            held.alias("rates"),
            (pl.col("error") == "failed").alias("failures"),
            pl.col("request_id").rank("dense").cast(pl.Int64).alias("requests"),
            held.filter(latency.is_not_null()).sort_by(latency.drop_nulls()).alias("latency_rates"),
        ]
    return listed


def _row(row: dict[str, Any]) -> dict[str, Any]:
    rated = WeightedRate(float(row["rows"]), row["failed"] / row["rows"], float(row["rows"]))
    ordered = np.asarray(row["latency"], dtype=np.float64)
    rates = None
    if "rates" in row and min(row["rates"]) < 1:
        rates = np.asarray(row["latency_rates"], dtype=np.float64)
        given = (np.asarray(row[name]) for name in ("failures", "rates", "requests"))
        rated = weighted_rate(*given)
    counted = rated.rate * rated.effective_rows if rates is not None else row["failed"]
    low, high = rate_interval(counted, rated.effective_rows)
    floor = order_statistic(ordered, quantile_ranks(ordered.size, 0.95, _FLOOR)[0])
    if rates is not None and ordered.size:
        floor = weighted_quantile(ordered, rates, 0.95, _FLOOR)[1]
    return {
        **{name: row[name] for name in ("window_start", "window_end", "group", "rows", "failed")},
        "represented": rated.represented,
        "effective_rows": rated.effective_rows,
        "error_rate": rated.rate,
        "error_low": low,
        "error_high": high,
        "latencies": ordered.size,
        **{key: value for name, at in QUANTILES for key, value in _quantile(ordered, rates, name, at).items()},
        "p95_floor_ms": floor,
    }


def _quantile(
    ordered: NDArray[np.float64], rates: NDArray[np.float64] | None, name: str, at: float
) -> dict[str, float | None]:
    """Return a quantile, the lowest value that at least that part of the values does not exceed, and its interval."""
    keys = (f"{name}_ms", f"{name}_low_ms", f"{name}_high_ms")
    if rates is not None and ordered.size:
        return dict(zip(keys, weighted_quantile(ordered, rates, at, CONFIDENCE), strict=True))
    rank = max(int(np.ceil(ordered.size * at - 1e-9)), 1) if ordered.size else None
    low, high = quantile_ranks(ordered.size, at)
    values = (order_statistic(ordered, one) for one in (rank, low, high))
    return dict(zip(keys, values, strict=True))


def _facts(
    table: pl.DataFrame, unusable: int, starts: list[datetime], ends: list[datetime], every: str
) -> tuple[str, ...]:
    rows = int(table["rows"].sum())
    without = rows - int(table["latencies"].sum()) - unusable
    gaps = [end for end, start in zip(ends, starts[1:], strict=False) if start != end]
    facts = []
    if without:
        facts.append(f"latency is missing in {without:,} of {rows:,} predictions, which are in no quantile")
    if unusable:
        facts.append(f"{unusable:,} latencies are negative or not finite, and are in no quantile")
    if gaps:
        facts.append(
            f"there is a {LENGTHS[every]} or more without predictions, the first from {gaps[0]:%Y-%m-%d %H:%M}"
        )
    if table["group"].null_count():
        facts.append(f"{int(table.filter(pl.col('group').is_null())['rows'].sum()):,} predictions state no group")
    return tuple(facts)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
