"""Rates of decisions by group, window by window, with what is too small to be shown left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.reading import collect
from audit_lab.log.samplings import is_sampled
from audit_lab.log.samplings import together as requests_hold
from audit_lab.monitor.fairness.grouping import groups_of
from audit_lab.monitor.fairness.rates import COMPARISONS, OUTCOME_RATES, RATES, Rate, compared, rates_of
from audit_lab.monitor.fairness.requests import products_of_requests
from audit_lab.monitor.fairness.result import COMPARISON_TABLE, TABLE, Asked, Fairness
from audit_lab.monitor.fairness.suppression import Unit, hidden
from audit_lab.monitor.fairness.tallies import OF, ByRate, Counted, Tally, count_groups, units_of
from audit_lab.monitor.performance.intervals import KATZ, katz_log
from audit_lab.monitor.performance.meaning import Meaning, meaning_of
from audit_lab.monitor.performance.rows import Judged, JudgedRows
from audit_lab.monitor.windows import window_length
from audit_lab.replay.signature import Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.fairness.grouping import Group
    from audit_lab.monitor.fairness.requests import Products

__all__ = ["measure_fairness"]

#: Between the parts of an intersection.
_TIMES = " \N{MULTIPLICATION SIGN} "
_MOST_VALUES = 20
_RATE, _REQUEST = "sampling_rate", "request_id"


def measure_fairness(
    store: LogStore,
    model: str,
    groups: Sequence[str],
    *,
    favourable: str,
    qualified: str | None = None,
    of: str = "final decision",
    bands: Mapping[str, Sequence[float]] | None = None,
    every: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    by_version: bool = False,
    intersections: bool = True,
    minimum: int = 10,
    as_of: datetime | None = None,
    zone: str = "UTC",
) -> Fairness:
    """Count decisions by group, and compare the groups' rates; parameters as for `AuditLog.fairness`.

    Raises
    ------
    MisuseError
        A group, band, decision or window does not fit the log.
    LogError
        There is no prediction to count, or a table cannot be read.
    """
    if of not in OF:
        raise MisuseError(f"{of!r} is nothing that can be counted", f"Use one of {', '.join(OF)}.")
    if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
        raise MisuseError(f"minimum is {minimum!r}", "Give the fewest rows of a group that is shown, 1 or more.")
    length = None if every is None else window_length(every, zone)
    meaning = _meaning(store, model)
    chosen = groups_of(store, model, groups, bands)
    features = tuple(dict.fromkeys(name for group in chosen for name in group.features))
    sampled = is_sampled(store, model, since, until)
    together = requests_hold(store, model, since, until) if sampled else 1.0
    weighing = ((_RATE,) if sampled else ()) + ((_REQUEST,) if together > 1 else ())
    columns = tuple(dict.fromkeys((*(name for group in chosen for name in group.columns), *weighing)))
    rows = JudgedRows(store, Judged(model, since, until, as_of, features, columns), meaning)
    counted = Counted(
        of, favourable, qualified or _qualified(meaning, favourable, of), every, by_version, zone, sampled, together > 1
    )
    cells = count_groups(rows, chosen, counted, meaning)
    if not int(cells["selected"].sum()):
        _check_favourable(rows, favourable, of, meaning)
    if qualified is not None and qualified not in meaning.classes:
        _check_qualified(rows, qualified, meaning)
    if not int(cells["rows"].sum()):
        raise LogError("there is no decision to count", "Widen the range of time, or name another model.")
    asked = Asked(tuple(groups), counted, minimum, model, since, until, as_of, features, _bands(bands))
    products = products_of_requests(rows, chosen, counted, meaning) if counted.by_request else None
    table: list[dict[str, Any]] = []
    comparisons: list[dict[str, Any]] = []
    for (start, version), mine in _windows(cells):
        where = {
            "window_start": start,
            "window_end": None if length is None or start is None else length.after(start),
            "model_version": version,
        }
        units = units_of(mine, len(chosen), intersections=intersections)
        of_requests = None if products is None else products.get((start, version), {})
        of_units, told = _shown(units, chosen, minimum, of_requests)
        table += [{**where, **row} for row in of_units]
        comparisons += [{**where, **row} for row in told]
    undecided = int(cells["undecided"].sum())
    facts = [*rows.facts, *([f"predictions without a {of}, which are not counted: {undecided:,}"] if undecided else [])]
    if sampled:
        facts.append(_weighed(cells, together))
    if counted.qualified is None:
        facts.append("nothing is said of outcomes: name the one that shows that a favourable decision was right")
    return Fairness(
        pl.DataFrame(table, schema=TABLE),
        pl.DataFrame(comparisons, schema=COMPARISON_TABLE),
        asked,
        int(cells["rows"].sum()),
        tuple(facts),
    )


def _weighed(cells: pl.DataFrame, together: float) -> str:
    rate = pl.col("rate")
    lowest, highest, served = cells.select(
        rate.min().alias("lowest"), rate.max().alias("highest"), (pl.col("rows") / rate).sum().alias("served")
    ).row(0)
    return (
        f"the decisions were recorded at rates from {lowest:g} to {highest:g}, and each counts for one over its rate: "
        f"together for about {served:,.0f} that were served; rows are those recorded"
        + (
            f"; they come by request, {together:,.1f} in the mean, recorded all or none, which intervals count"
            if together > 1
            else ""
        )
    )


def _bands(bands: Mapping[str, Sequence[float]] | None) -> tuple[tuple[str, tuple[float, ...]], ...]:
    return tuple((name, tuple(edges)) for name, edges in (bands or {}).items())


def _meaning(store: LogStore, model: str) -> Meaning:
    """Return what outputs mean; where the registry does not say, decisions can be counted all the same."""
    try:
        return meaning_of(store, model)
    except MisuseError:
        return Meaning(Output("label"), (), ("no registered signature says what the outputs mean",))


def _qualified(meaning: Meaning, favourable: str, of: str) -> str | None:
    """Return the label that leads to the favourable decision: the outcome that shows that it was right."""
    leads = [
        label
        for label in meaning.classes
        if label and (label if of == "label" else meaning.decision(label)) == favourable
    ]
    return leads[0] if len(leads) == 1 else None


def _check_favourable(rows: JudgedRows, favourable: str, of: str, meaning: Meaning) -> None:
    """See, where nobody was favoured, whether anybody could have been."""
    possible = {*meaning.classes, *map(meaning.decision, meaning.classes)}
    values = rows.frame().select(pl.col(OF[of]).alias("said")).drop_nulls().unique().head(_MOST_VALUES + 1)
    seen = collect(values, "the decisions")["said"].sort().to_list()
    if seen and favourable not in {*seen, *possible}:
        raise MisuseError(f"no {of} is {favourable!r}", f"Those that there are: {', '.join(seen[:_MOST_VALUES])}.")


def _check_qualified(rows: JudgedRows, qualified: str, meaning: Meaning) -> None:
    """See whether any outcome shows that somebody was qualified."""
    values = rows.frame().select("outcome_label").drop_nulls().unique()
    seen = collect(values, "the outcomes")["outcome_label"].sort().to_list()
    if qualified not in seen:
        known = list(dict.fromkeys([*meaning.classes, *seen]))[:_MOST_VALUES]
        raise MisuseError(f"no outcome is {qualified!r}", f"Those that there are: {', '.join(filter(None, known))}.")


def _windows(cells: pl.DataFrame) -> Iterator[tuple[tuple[Any, Any], pl.DataFrame]]:
    yield from cells.group_by("window_start", "model_version", maintain_order=True)


def _shown(
    units: dict[Unit, ByRate],
    groups: Sequence[Group],
    minimum: int,
    together: Mapping[Unit, Mapping[str, Sequence[Products]]] | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of the table, and the comparisons, of one window."""
    whole = {unit: sum(by_rate.values(), Tally()) for unit, by_rate in units.items()}
    few = hidden({unit: tally.rows for unit, tally in whole.items()}, minimum)
    least = {unit: min(tally.qualified, tally.unqualified) for unit, tally in whole.items()}
    # Without any outcome there is nothing to hide, and nothing to show either.
    few_outcomes = hidden(least, minimum, few) if any(tally.labelled for tally in whole.values()) else few
    by_grouping: dict[str, dict[str, dict[str, Rate]]] = {}
    rows = []
    for unit in sorted(units, key=lambda unit: (len(unit), unit)):
        grouping = _TIMES.join(groups[place].name for place, _ in unit)
        name = _TIMES.join(value for _, value in unit)
        by_grouping.setdefault(grouping, {})
        shown = {}
        for rate in rates_of(units[unit], None if together is None else together.get(unit, {})):
            gone = unit in (few_outcomes if rate.measure in OUTCOME_RATES else few)
            rows.append(_row(grouping, name, rate, is_hidden=gone, minimum=minimum))
            if not gone:
                shown[rate.measure] = rate
        if shown:
            by_grouping[grouping][name] = shown
    told = []
    for grouping, rates in by_grouping.items():
        rows += _impact_ratios(grouping, rates)
        told += [_comparison(grouping, comparison, rates) for comparison in COMPARISONS]
    return rows, told


def _row(grouping: str, name: str, rate: Rate, *, is_hidden: bool, minimum: int) -> dict[str, Any]:
    row: dict[str, Any] = {"grouping": grouping, "group": name, "measure": rate.measure}
    if is_hidden:
        note = f"fewer than {minimum} rows, or hidden lest such a group be computed"
        return {**row, "status": "suppressed", "note": note}
    if rate.value is None:
        return {**row, "rows": 0, "status": "not defined", "note": "no row to take it of"}
    return {
        **row,
        "value": rate.value,
        "low": rate.interval.low,
        "high": rate.interval.high,
        "interval": rate.method,
        "rows": rate.rows,
        "status": "measured",
        "note": "",
    }


def _impact_ratios(grouping: str, rates: Mapping[str, Mapping[str, Rate]]) -> list[dict[str, Any]]:
    """Return each group's selection rate by that of the group favoured most often."""
    selection = {name: of[RATES[0]] for name, of in rates.items() if of[RATES[0]].value is not None}
    best = max(sorted(selection), key=lambda name: selection[name].value or 0.0, default=None)
    if best is None or not selection[best].value:
        return []
    highest = selection[best]
    rows = []
    for name, rate in selection.items():
        low, high = katz_log((rate.successes, rate.trials), (highest.successes, highest.trials))
        is_best = name == best
        rows.append(
            {
                "grouping": grouping,
                "group": name,
                "measure": "adverse_impact_ratio",
                "rows": rate.rows,
                "value": (rate.value or 0.0) / (highest.value or 1.0),
                "low": None if is_best else low,
                "high": None if is_best else high,
                "interval": "" if is_best or low is None else KATZ,
                "status": "measured",
                "note": "the group with the highest rate" if is_best else f"by the rate of {best}",
            }
        )
    return rows


def _comparison(grouping: str, comparison: str, rates: Mapping[str, Mapping[str, Rate]]) -> dict[str, Any]:
    measures, _ = COMPARISONS[comparison]
    shown = {name: of for name, of in rates.items() if all(measure in of for measure in measures)}
    found = compared(comparison, shown)
    return {
        "grouping": grouping,
        "comparison": comparison,
        "value": found.value,
        "low": found.interval.low,
        "high": found.interval.high,
        "interval": found.method,
        "lowest": found.lowest,
        "highest": found.highest,
        "by_chance": found.by_chance,
        "groups": found.groups,
        "status": "not defined" if found.value is None else "measured",
        "note": found.note,
    }
