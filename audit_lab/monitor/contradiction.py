"""Where measures of one window contradict one another, and why they can."""

from __future__ import annotations

import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.measures import CATALOGUE
from audit_lab.monitor.verdict import STABLE, TOO_FEW_ROWS

__all__ = ["REASONS", "contradictions", "contradictory_sentences"]

#: Why measures can contradict one another, by case.
REASONS = {
    "sure-but-small": (
        "the test says moved and every effect size says not: with so many rows a shift too small to matter is beyond "
        "chance"
    ),
    "not-in-the-index": (
        "the population stability index says not moved and others say moved: it weighs the shares of whole bins, so "
        "that shifts within bins, far outliers, or small shifts of many bins weigh little in it"
    ),
    "only-in-the-index": (
        "the population stability index says moved and the distance that looks at the order of values says not: few "
        "rows went to rare bins, to values never seen or to missing, and most stayed"
    ),
    "within-chance": ("effect sizes say moved and the test says not: windows of so few rows differ that far by chance"),
}
_ORDERED = ("ks", "wasserstein_scaled")
_COLUMNS_NAMED = 3
_SCHEMA = pl.Schema(
    [
        ("column", pl.String()),
        ("window", pl.String()),
        ("window_start", TIME),
        ("case", pl.String()),
        ("say_moved", pl.List(pl.String())),
        ("say_not", pl.List(pl.String())),
        ("why", pl.String()),
    ]
)
_TITLES = {measure.name: measure.title for measure in CATALOGUE}
_THRESHOLDS = {measure.name: measure.moderate for measure in CATALOGUE if measure.moderate is not None}


def contradictions(table: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each column and window whose measures contradict one another.

    Parameters
    ----------
    table
        ``Drift.table``.

    Returns
    -------
    polars.DataFrame
        ``column``, ``window``, ``window_start``, ``case`` (a key of :data:`REASONS`), ``say_moved`` and ``say_not``
        (measures with their values), ``why``.
    """
    found = []
    for row in table.filter(pl.col("verdict") != TOO_FEW_ROWS).iter_rows(named=True):
        case, moved, not_moved = _case(row)
        if case:
            start = row["window_start"]
            said = [_valued(row, names) for names in (moved, not_moved)]
            found.append((row["column"], row["window"], start, case, *said, REASONS[case]))
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def contradictory_sentences(found: pl.DataFrame, noun: str) -> list[str]:
    """Return a sentence for each case, with the columns that show it most often and one window of the first."""
    said = []
    for case, why in REASONS.items():
        mine = found.filter(case=case)
        if mine.is_empty():
            continue
        by_column = mine.group_by("column").len().sort("len", "column", descending=[True, False])
        some = ", ".join(f"{name} in {_plural(count, noun)}" for name, count in by_column.head(_COLUMNS_NAMED).rows())
        more = by_column.height - _COLUMNS_NAMED
        example = mine.filter(column=by_column["column"][0]).row(0, named=True)
        sides = f"moved by {', '.join(example['say_moved'])}; not by {', '.join(example['say_not'])}"
        others = f" and {_plural(more, 'more column')}" if more > 0 else ""
        said.append(
            f"Measures disagree in {_plural(mine.height, 'place')}: {why} ({some}{others}; {example['column']} in "
            f"{example['window']}: {sides})."
        )
    return said


def _case(row: dict[str, object]) -> tuple[str, list[str], list[str]]:
    """Return the case, the measures that say moved, and those that say not; an empty case where they agree."""
    if row["violations"]:
        return "", [], []  # What was counted contradicts no test of shares: it is no question of chance.
    taken = [name for name in _THRESHOLDS if row[name] is not None]
    exceeds: list[str] = [name for name in taken if name in row["exceeds"]]  # type: ignore[operator]
    below = [name for name in taken if name not in exceeds and name in {"psi", "js_distance", *_ORDERED}]
    if row["verdict"] == STABLE:
        return ("within-chance", exceeds, ["p_value"]) if "psi" in exceeds else ("", [], [])
    if not exceeds:
        return "sure-but-small", ["p_value"], below
    if "psi" not in exceeds:
        return "not-in-the-index", exceeds, below
    ordered = [name for name in _ORDERED if name in taken]
    if ordered and not any(name in exceeds for name in ordered):
        return "only-in-the-index", exceeds, ordered
    return "", [], []


def _valued(row: dict[str, object], names: list[str]) -> list[str]:
    titles = {"p_value": "chi-squared test, p", **_TITLES}
    return [f"{titles[name]} {row[name]:.2g}" for name in names]


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
