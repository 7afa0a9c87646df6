"""Performance of a model, window by window, as the outcomes that are known by now or by an earlier moment show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import reading
from audit_lab.monitor.performance.calibration import Calibrator, Seen
from audit_lab.monitor.performance.cells import SAID, Coded, coded, count_cells, odd_values
from audit_lab.monitor.performance.costs import cost_matrix
from audit_lab.monitor.performance.delay import (
    FEWEST_OUTCOMES,
    MATURE_SHARE,
    TOO_FEW,
    Arrival,
    Delays,
    delay_quantiles,
    delays_of,
    expected_share,
    kaplan_meier,
    step_of,
    waiting,
)
from audit_lab.monitor.performance.meaning import meaning_of
from audit_lab.monitor.performance.result import TABLE, WINDOW_TABLE, Performance, Windows
from audit_lab.monitor.performance.rows import Judged, JudgedRows
from audit_lab.monitor.performance.scored import SMALLEST_PROBABILITY, Scored
from audit_lab.monitor.performance.window_measures import Asked, Measured, estimates, measured, reliability_sums
from audit_lab.monitor.windows import WindowLength, window_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.log.store import LogStore

__all__ = ["measure_performance"]

#: Windows are counted together up to so many rows; one window with more is counted alone.
_ROWS_AT_ONCE = 5_000_000
_WINDOW = ["window_start", "model_version"]
_NOW, _THEN = "now", "then"
_NO_TIME = timedelta(0)
#: Outcomes that are known of one decision so much more often than of the other are stated.
_UNEVEN = 0.05


def measure_performance(
    store: LogStore,
    model: str,
    *,
    every: str | None = "1mo",
    since: datetime | None = None,
    until: datetime | None = None,
    by_version: bool = False,
    as_of: datetime | None = None,
    costs: Mapping[Any, float] | None = None,
    positive: str | None = None,
    hosmer_lemeshow: bool = False,
    zone: str = "UTC",
) -> Performance:
    """Hold what a model said, and what was decided, against the outcomes.

    Parameters
    ----------
    store, model
        The log and the model.
    every
        Length of a window: ``1h``, ``1d``, ``1w`` or ``1mo``; one window for everything when None.
    since, until
        Only predictions of ``since <= occurred_at < until``.
    by_version
        Whether the versions are measured apart.
    as_of
        Measures twice: by what was recorded by this moment, and by what is known now, of predictions before it.
    costs
        What each pair of (what was said, what came true) costs; pairs that are not named cost nothing. For two classes
        also ``tp``, ``fp``, ``fn``, ``tn``.
    positive
        The positive label, where the registry does not say.
    hosmer_lemeshow
        Whether to test calibration with Hosmer and Lemeshow's test.
    zone
        IANA zone whose days, weeks and months the windows are.

    Raises
    ------
    MisuseError
        The window, the positive label or the costs do not fit the log.
    LogError
        There is no prediction to measure, or a table cannot be read.
    """
    length = None if every is None else window_length(every, zone)
    meaning = meaning_of(store, model, positive)
    if as_of is not None:
        until = as_of if until is None else min(until, as_of)
    sides = {_NOW: None} if as_of is None else {_THEN: as_of, _NOW: None}
    found = [
        _Side(name, JudgedRows(store, Judged(model, since, until, moment), meaning), length)
        for name, moment in sides.items()
    ]
    code = coded(found[-1].rows, meaning)
    asked = Asked(cost_matrix(costs, code), hosmer_lemeshow)
    for side in found:
        side.measure(code, asked, by_version=by_version)
    return _result(found, code, Windows(every, since, until, by_version, as_of, zone), model)


@dataclass
class _Side:
    """What is known at one moment: rows, and what they came to."""

    name: str
    rows: JudgedRows
    length: WindowLength | None
    table: list[dict[str, Any]] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[tuple[datetime | None, str | None], NDArray[np.float64]] = field(default_factory=dict)
    delays: Delays = field(default_factory=lambda: Delays(0, 0, {}))
    facts: tuple[str, ...] = ()
    horizon: datetime | None = None

    def measure(self, code: Coded, asked: Asked, *, by_version: bool) -> None:
        """Count the rows, window by window, and measure each."""
        volume = self.rows.volume(self.length)
        timed = volume if self.length is None else volume.drop_nulls("window_start")
        if not int(timed["rows"].sum()):
            raise LogError("there is no prediction to measure", "Widen the range of time, or name another model.")
        self.horizon = self.rows.horizon()
        first, last = timed["first"].min(), timed["last"].max()
        arrival, waited = self._arrival(code, first)
        self.rows.within(self.delays)
        untimed = int(volume["rows"].sum()) - int(timed["rows"].sum())
        odd: dict[str, int] = {}
        seen = Seen()
        for begin, end in self._batches(timed):
            cells, made = count_cells(self.rows, code, self.length, begin, end)
            with reading("the predictions and outcomes"):
                counted, odds = pl.collect_all([cells, odd_values(made, code)], engine="streaming")
            for name, count in odds.row(0, named=True).items():
                odd[name] = odd.get(name, 0) + int(count or 0)
            for start, of_window in _by_window(counted):
                bounds = self._bounds(start, first, last)
                calibrator = seen.calibrator()
                for version, group in _groups(of_window, by_version=by_version):
                    mine = waited.filter(pl.col("window_start").eq_missing(start))
                    if by_version:
                        mine = mine.filter(pl.col("model_version").eq_missing(version))
                    share = expected_share(mine, arrival)
                    self._tell(group, code, asked, (*bounds, version), share=share, calibrator=calibrator)
                    if code.meaning.has_probability:
                        self.sums[start, version] = reliability_sums(group)
                if code.meaning.has_probability:
                    seen.add(_labelled_scores(of_window))
        self.facts = (*self.rows.facts, *code.facts, *_oddities(odd, code, untimed))

    def _arrival(self, code: Coded, first: Any) -> tuple[Arrival, pl.DataFrame]:
        made = code.rows(self.rows.frame(), self.length)
        horizon = self.horizon
        if horizon is None or first is None:
            empty: dict[str, Any] = {
                "window_start": pl.Datetime("us", "UTC"),
                "model_version": pl.String,
                "age": pl.Int64,
            }
            return Arrival(step_of(_NO_TIME), np.zeros(0)), pl.DataFrame(
                schema={**empty, "has_outcome": pl.Boolean, "rows": pl.Int64}
            )
        step = step_of(max(horizon - first, _NO_TIME))
        with reading("the times of outcomes"):
            waited, delays = pl.collect_all(
                [waiting(made, horizon, step), delay_quantiles(made.filter("has_outcome"))], engine="streaming"
            )
        self.delays = delays_of(delays)
        return kaplan_meier(waited, step), waited

    def _batches(self, timed: pl.DataFrame) -> Iterator[tuple[datetime | None, datetime | None]]:
        """Cut the windows into runs with few enough rows, as stretches of time within what was asked."""
        if self.length is None or int(timed["rows"].sum()) <= _ROWS_AT_ONCE:
            return iter([(None, None)])
        starts, together, rows = timed["window_start"].to_list(), 0, timed["rows"].to_list()
        edges: list[Any] = [None]
        for start, count in zip(starts, rows, strict=True):
            if together and together + count > _ROWS_AT_ONCE:
                edges.append(start)
                together = 0
            together += count
        return pairwise([*edges, None])

    def _bounds(self, start: Any, first: Any, last: Any) -> tuple[Any, Any]:
        if self.length is None:
            return first, last
        return start, self.length.after(start)

    def _tell(
        self,
        group: pl.DataFrame,
        code: Coded,
        asked: Asked,
        place: tuple[Any, Any, str | None],
        *,
        share: float | None,
        calibrator: Calibrator,
    ) -> None:
        rows = int(group["rows"].sum())
        labelled = int(group.filter("is_labelled")["rows"].sum())
        is_mature = labelled > 0 and share is not None and share >= MATURE_SHARE
        where = dict(zip(("window_start", "window_end", "model_version"), place, strict=True))
        positives = int(group.filter(pl.col("truth") == 0)["rows"].sum()) if code.kind == "binary" else None
        self.windows.append(
            {
                **where,
                "known": self.name,
                "rows": rows,
                "labelled": labelled,
                "missing_share": 1 - labelled / rows,
                "expected_share": share,
                "mature": is_mature,
                "positives": positives,
            }
        )
        every = [*measured(group, code, asked), *estimates(group, code, calibrator)]
        few = self.length is not None and labelled < FEWEST_OUTCOMES
        for each in every:
            row = {**where, "known": self.name, **_row(each, labelled, is_mature, calibrator)}
            is_few = few and row["status"] in {"measured", "immature"}
            self.table.append({**row, "status": TOO_FEW if is_few else row["status"]})


def _row(each: Measured, labelled: int, is_mature: bool, calibrator: Calibrator) -> dict[str, Any]:  # noqa: FBT001
    found = each.found
    status = "estimate" if each.is_estimate else "measured" if is_mature else "immature"
    if found.value is None:
        status = "not defined" if labelled or each.is_estimate else "no outcomes"
    return {
        "of": each.of,
        "measure": found.measure,
        "value": found.value,
        "low": found.interval.low,
        "high": found.interval.high,
        "interval": found.method,
        "rows": found.rows,
        "status": status,
        "estimated": each.is_estimate,
        "note": calibrator.told if each.is_estimate and found.value is not None else found.why,
    }


def _result(found: list[_Side], code: Coded, windows: Windows, model: str) -> Performance:
    last = found[-1]
    facts = [(side.name, fact) for side in found for fact in side.facts]
    told = dict.fromkeys(fact for _, fact in facts)
    return Performance(
        table=pl.DataFrame([row for side in found for row in side.table], schema=TABLE),
        windows=pl.DataFrame([row for side in found for row in side.windows], schema=WINDOW_TABLE),
        model=model,
        meaning=code.meaning,
        asked=windows,
        delays={side.name: side.delays for side in found},
        horizon=last.horizon,
        overridden={side.name: side.rows.overridden for side in found},
        facts=tuple(told),
        reliability_sums={(side.name, *key): sums for side in found for key, sums in side.sums.items()},
    )


def _by_window(counted: pl.DataFrame) -> Iterator[tuple[datetime | None, pl.DataFrame]]:
    # Engines return groups in any order; draws and sums are to be the same every time.
    ordered = counted.sort(counted.columns, nulls_last=True)
    for (start, *_), cells in ordered.group_by("window_start", maintain_order=True):
        yield start, cells


def _groups(cells: pl.DataFrame, *, by_version: bool) -> Iterator[tuple[str | None, pl.DataFrame]]:
    if not by_version:
        yield None, _summed(cells)
        return
    for (version, *_), group in cells.group_by("model_version", maintain_order=True):
        yield version, _summed(group)


def _summed(cells: pl.DataFrame) -> pl.DataFrame:
    """Count together what differs in the version only."""
    keys = [name for name in cells.columns if name not in {*_WINDOW, "rows"}]
    return cells.group_by(keys, maintain_order=True).agg(pl.col("rows").sum()).sort(keys, nulls_last=True)


def _labelled_scores(cells: pl.DataFrame) -> Scored:
    known = cells.drop_nulls(["truth", "score"])
    truth = (known["truth"] == 0).to_numpy().astype(np.float64)
    return Scored.of(known["score"].to_numpy(), truth, known["rows"].to_numpy())


def _selective(odd: dict[str, int], code: Coded) -> list[str]:
    """Say where outcomes are known of one decision more often than of the other: what is measured is then selected."""
    decided = [odd.get(f"decided_{place}", 0) for place in range(2)]
    if not all(decided):
        return []
    shares = [odd[f"known_{place}"] / decided[place] for place in range(2)]
    if abs(shares[0] - shares[1]) < _UNEVEN:
        return []
    told = [f"{share:.1%} of {code.meaning.decision(code.classes[place])}" for place, share in enumerate(shares)]
    return [f"outcomes are known of {' and '.join(told)}: what is measured is not what would be of all"]


def _oddities(odd: dict[str, int], code: Coded, untimed: int) -> list[str]:
    classes = " or ".join(repr(name) for name in code.classes[:2] if name)
    wanted = "a finite number" if code.kind == "number" else classes if code.kind == "binary" else "a known class"
    said = [f"predictions without a time, which are in no window: {untimed:,}"] if untimed else []
    if odd.get("outcomes"):
        said.append(f"outcomes that are not {wanted}, which count as missing: {odd['outcomes']:,}")
    if odd.get("scores"):
        what = "a probability" if code.meaning.has_probability else "a number"
        said.append(f"predictions without a score that is {what}, which no measure of the score has: {odd['scores']:,}")
    if odd.get("certain"):
        said.append(f"scores of exactly 0 or 1, which log loss clips by {SMALLEST_PROBABILITY:.2g}: {odd['certain']:,}")
    said += _selective(odd, code)
    said += [
        f"predictions left out where the {source} is none that a label leads to: {odd[source]:,}"
        for source in SAID
        if odd.get(source)
    ]
    return said
