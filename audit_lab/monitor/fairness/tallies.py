"""Decisions counted by group: how many, how many favourable, and how many of those who turned out qualified or not."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import reading
from audit_lab.log.samplings import weight
from audit_lab.monitor.fairness.grouping import MISSING, MOST_GROUPS
from audit_lab.monitor.performance.rows import window_start
from audit_lab.monitor.windows import window_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.fairness.grouping import Group
    from audit_lab.monitor.fairness.suppression import Unit
    from audit_lab.monitor.performance.meaning import Meaning
    from audit_lab.monitor.performance.rows import JudgedRows
    from audit_lab.monitor.windows import WindowLength

__all__ = ["OF", "WHERE", "ByRate", "Counted", "Tally", "alias", "count_groups", "marked", "sums", "units_of"]

#: What can be counted, and the column of the judged rows that says it.
OF = {"label": "label", "decision": "decision", "final decision": "final_decision"}

#: What windows and versions are told apart by.
WHERE = ("window_start", "model_version")

_MOST_CELLS = 20_000
#: Scores are added up in parts of this size: exact to 1e-10 each, and in 64 bits for two thousand million rows.
_SCORE_PARTS = 2**32


@dataclass(frozen=True)
class Tally:
    """Counts of one group.

    Parameters
    ----------
    rows, selected
        Decisions, and favourable ones.
    qualified, qualified_selected
        Of those with an outcome: who turned out qualified, and how many of them were favoured.
    unqualified, unqualified_selected
        The same of those who did not.
    scored, score_sum, scored_positive
        Rows with a probability and an outcome, the sum of the probabilities, and how many turned out positive.
    """

    rows: int = 0
    selected: int = 0
    qualified: int = 0
    qualified_selected: int = 0
    unqualified: int = 0
    unqualified_selected: int = 0
    scored: int = 0
    score_sum: float = 0.0
    scored_positive: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return both groups together."""
        return Tally(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def labelled(self) -> int:
        """Rows with an outcome."""
        return self.qualified + self.unqualified


#: The rates at which predictions of a group were recorded, each with the counts of those; of an unsampled log, 1 alone.
ByRate = dict[float, Tally]


@dataclass(frozen=True)
class Counted:
    """What is counted: whose decision, which is favourable, which outcome is the qualified one, in which windows.

    `is_sampled` says whether some rows stand for others that were not recorded: then the judged rows have
    ``sampling_rate``. `by_request` says whether those of one request were recorded together: then they have
    ``request_id`` too.
    """

    of: str
    favourable: str
    qualified: str | None
    every: str | None
    by_version: bool
    zone: str = "UTC"
    is_sampled: bool = False
    by_request: bool = False

    @property
    def length(self) -> WindowLength | None:
        """The windows; None for one of everything."""
        return None if self.every is None else window_length(self.every, self.zone)


def count_groups(rows: JudgedRows, groups: Sequence[Group], asked: Counted, meaning: Meaning) -> pl.DataFrame:
    """Count the judged rows by window, version and all groups at once, in one pass.

    Returns
    -------
    pl.DataFrame
        ``window_start``, ``model_version`` (null unless versions are apart), ``group_0``, ``group_1`` ..., ``rate`` (at
        which the rows were recorded), the fields of `Tally`, and ``undecided`` (rows without a decision, which are in
        no other count).

    Raises
    ------
    MisuseError
        There are too many groups.
    LogError
        A table cannot be read.
    """
    keys = [*WHERE, *(alias(place) for place in range(len(groups))), "rate"]
    counted = marked(rows, groups, asked, meaning).group_by(keys).agg(*sums(meaning)).sort(keys, nulls_last=True)
    with reading("the predictions, inputs and outcomes"):
        found = counted.collect(engine="streaming")
    _check_sizes(found, groups)
    return found


def marked(rows: JudgedRows, groups: Sequence[Group], asked: Counted, meaning: Meaning) -> pl.LazyFrame:
    """Return the judged rows with what `count_groups` groups by, and what `sums` adds up."""
    frame = rows.frame()
    for place, group in enumerate(groups):
        frame = group.added(frame, alias(place))
    if asked.every is not None:
        frame = frame.filter(pl.col("occurred_at").is_not_null())
    version = pl.col("model_version") if asked.by_version else pl.lit(None, dtype=pl.String)
    rate = 1 / weight() if asked.is_sampled else pl.lit(1.0)
    return frame.with_columns(
        window_start(asked.length).alias("window_start"),
        version.alias("model_version"),
        rate.alias("rate"),
        *_facts(asked, meaning),
    )


def units_of(cells: pl.DataFrame, groups: int, *, intersections: bool) -> dict[Unit, ByRate]:
    """Return the tallies of each group of each column and, where they are asked for, of each intersection of all."""
    found: dict[Unit, ByRate] = {}
    names = [each.name for each in fields(Tally)]
    for row in cells.iter_rows(named=True):
        tally = Tally(*(row[name] for name in names))
        parts = [(place, row[alias(place)]) for place in range(groups)]
        units: list[Unit] = [(part,) for part in parts]
        if intersections and groups > 1:
            units.append(tuple(parts))
        for unit in units if tally.rows else ():
            of_unit = found.setdefault(unit, {})
            of_unit[row["rate"]] = of_unit.get(row["rate"], Tally()) + tally
    return found


def _facts(asked: Counted, meaning: Meaning) -> list[pl.Expr]:
    said = pl.col(OF[asked.of])
    label, value = pl.col("outcome_label"), pl.col("outcome_value")
    if meaning.is_binary:
        output = meaning.output
        numbered = pl.when(value == 1).then(pl.lit(output.positive)).when(value == 0).then(pl.lit(output.negative))
        label = pl.coalesce(label, numbered)
    known = (
        label.is_in([each for each in meaning.classes if each])
        if meaning.classes and all(meaning.classes)
        else label.is_not_null()
    )
    qualified: pl.Expr = pl.lit(None, dtype=pl.Boolean)
    if asked.qualified is not None:
        qualified = pl.when(known).then(label == asked.qualified)
    return [
        said.is_not_null().alias("is_decided"),
        (said == asked.favourable).fill_null(value=False).alias("is_selected"),
        qualified.alias("is_qualified"),
        pl.when(known).then(label == (meaning.output.positive or "")).alias("is_positive"),
        pl.col("score").is_between(0, 1).fill_null(value=False).alias("is_probability"),
    ]


def sums(meaning: Meaning) -> list[pl.Expr]:
    """Return what adds marked rows up to a `Tally`, and how many of them are undecided."""
    decided, selected = pl.col("is_decided"), pl.col("is_selected")
    right = decided & pl.col("is_qualified").fill_null(value=False)
    wrong = decided & (~pl.col("is_qualified")).fill_null(value=False)
    scored = pl.col("is_probability") & pl.col("is_positive").is_not_null() & decided
    if not meaning.has_probability:
        scored = decided & ~decided
    counts = {
        "rows": decided,
        "selected": selected,
        "qualified": right,
        "qualified_selected": right & selected,
        "unqualified": wrong,
        "unqualified_selected": wrong & selected,
        "scored": scored,
        "scored_positive": scored & pl.col("is_positive").fill_null(value=False),
        "undecided": ~decided,
    }
    found = [each.sum().cast(pl.Int64).alias(name) for name, each in counts.items()]
    # Whole numbers add up to the same in any order, which streaming does not promise.
    parts = (pl.col("score").filter(scored) * _SCORE_PARTS).round().cast(pl.Int64).sum()
    return [*found, (parts / _SCORE_PARTS).alias("score_sum")]


def _check_sizes(found: pl.DataFrame, groups: Sequence[Group]) -> None:
    for place, group in enumerate(groups):
        count = found[alias(place)].filter(found[alias(place)] != MISSING).n_unique()
        if count > MOST_GROUPS:
            raise MisuseError(
                f"{group.name} has {count:,} groups",
                f"Group numbers by bands, like bands={{{group.name!r}: [25, 40]}}; at most {MOST_GROUPS} are compared.",
            )
    cells = found.select("window_start", "model_version", *(alias(place) for place in range(len(groups)))).n_unique()
    if cells > _MOST_CELLS:
        raise MisuseError(
            f"the groups, windows and versions have {cells:,} combinations",
            f"Ask for fewer, or for longer windows: at most {_MOST_CELLS:,} are counted.",
        )


def alias(place: int) -> str:
    """Return the column that the groups of one grouping are in."""
    return f"group_{place}"
