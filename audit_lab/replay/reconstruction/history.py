"""What was recorded about predictions afterwards: overrides, outcomes and explanations, with what corrects what.

Nothing is left out: a row that a later one corrects stays in the history, and says so. What counts by now is taken from
the rows that nothing corrects, the last one recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.erasure.erased import erased_places
from audit_lab.log.schema import TIME
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.corrections import standing

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["HISTORIES", "explained_by", "history", "outcome_by", "overrides_by"]

#: The tables in which something is recorded about a prediction afterwards.
HISTORIES = ("overrides", "outcomes", "explanations")

#: What two rows of a table have in common where one replaces the other under the id alone.
_KEYS = {
    "predictions": ("prediction_id",),
    "overrides": ("prediction_id", "kind"),
    "outcomes": ("prediction_id",),
    "explanations": ("prediction_id", "method"),
}

#: Kinds of overrides: the subject objects, and is answered.
_CONTEST = "contest"
_ANSWER = "contest answer"

_ID = "prediction_id"
_NUMBER = "__number__"
_OVERRIDES = {
    _ID: pl.String(),
    "overrides": pl.UInt32(),
    "changed_to": pl.String(),
    "changed_by": pl.String(),
    "changed_role": pl.String(),
    "changed_at": TIME,
    "changed_why": pl.String(),
    "override_erased": pl.Boolean(),
    "contested_at": TIME,
    "contest_answered": pl.Boolean(),
}


def history(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Put rows of a table in order of recording, prediction by prediction, and say which later row corrects each.

    Parameters
    ----------
    table
        One of `HISTORIES`, or ``predictions``.
    rows
        Canonical columns, ``_segment`` and ``_row``.

    Returns
    -------
    pl.DataFrame
        The same with ``place`` (``id@segment:row``), ``corrected_by`` (the place of the row that corrects it, or null)
        and ``unclear`` (why a correction could not be followed, or null).
    """
    ordered = rows if rows.height <= 1 else rows.sort(_ID, "recorded_at", SEGMENT, ROW, nulls_last=False)
    placed = ordered.with_columns(
        pl.format("{}@{}:{}", _ID, SEGMENT, ROW).alias("place"),
        pl.lit(None, dtype=pl.String).alias("corrected_by"),
        pl.lit(None, dtype=pl.String).alias("unclear"),
    )
    if placed["supersedes"].null_count() == placed.height:
        return placed
    return _corrected(placed, _KEYS[table])


def overrides_by(store: LogStore, rows: pl.DataFrame) -> pl.DataFrame:
    """Return, for each prediction with overrides, how many there are, the last change, and whether it was contested.

    Parameters
    ----------
    rows
        A history of overrides.
    """
    if rows.is_empty():
        return pl.DataFrame(schema=_OVERRIDES)
    erased = erased_places(store, "overrides").filter(pl.col("fields").list.contains("decision_after"))
    gone = pl.col(ROW).is_not_null() & False if erased.is_empty() else pl.col("fields").is_not_null()
    if not erased.is_empty():
        rows = rows.join(erased, on=[SEGMENT, ROW], how="left", maintain_order="left")
    flagged = rows.with_columns(_gone=gone).with_row_index(_NUMBER)
    stands = pl.col("corrected_by").is_null()
    changes = stands & (pl.col("decision_after").is_not_null() | pl.col("_gone"))
    contest, answer = (pl.col(_NUMBER).filter(stands & (pl.col("kind") == kind)).last() for kind in (_CONTEST, _ANSWER))

    def last(name: str) -> pl.Expr:
        return pl.col(name).filter(changes).last()

    grouped = flagged.group_by(_ID, maintain_order=True).agg(
        pl.len().cast(pl.UInt32).alias("overrides"),
        last("decision_after").alias("changed_to"),
        last("actor").alias("changed_by"),
        last("role").alias("changed_role"),
        last("recorded_at").alias("changed_at"),
        last("reason").alias("changed_why"),
        last("_gone").fill_null(value=False).alias("override_erased"),
        pl.col("recorded_at").filter(stands & (pl.col("kind") == _CONTEST)).last().alias("contested_at"),
        (answer > contest).fill_null(value=False).alias("contest_answered"),
    )
    return grouped.cast(_OVERRIDES)  # type: ignore[arg-type]


def outcome_by(rows: pl.DataFrame) -> pl.DataFrame:
    """Return, for each prediction with outcomes, how many there are, the one that counts, and whether it changed.

    Parameters
    ----------
    rows
        A history of outcomes.
    """
    stands = pl.col("corrected_by").is_null()
    return rows.group_by(_ID, maintain_order=True).agg(
        pl.len().cast(pl.UInt32).alias("outcomes"),
        pl.col("label").filter(stands).last().alias("outcome_label"),
        pl.col("value").filter(stands).last().alias("outcome_value"),
        pl.col("observed_at").filter(stands).last().alias("outcome_observed_at"),
        (pl.struct("label", "value").n_unique() > 1).alias("outcome_revised"),
    )


def explained_by(rows: pl.DataFrame) -> pl.DataFrame:
    """Return, for each prediction with explanations of record, how many of them nothing corrects."""
    stands = pl.col("corrected_by").is_null()
    return rows.group_by(_ID, maintain_order=True).agg(stands.sum().cast(pl.UInt32).alias("explanations"))


def _corrected(placed: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """Follow the corrections of the predictions that have any; they are few, so they are followed one by one."""
    numbered = placed.with_row_index(_NUMBER)
    concerned = placed.filter(pl.col("supersedes").is_not_null())[_ID].unique()
    columns = dict.fromkeys((_NUMBER, "supersedes", "place", SEGMENT, ROW, _ID, *key))
    some = numbered.filter(pl.col(_ID).is_in(concerned.implode())).select(*columns)
    found: dict[str, list[Any]] = {_NUMBER: [], "corrected_by": [], "unclear": []}
    for of_one in some.partition_by(_ID, maintain_order=True):
        rows = of_one.rows(named=True)
        followed = standing(rows, lambda row: str(row[_ID]), lambda row: tuple(row[name] for name in key))
        unclear = dict(followed.findings)
        for number, row in enumerate(rows):
            by = followed.replaced.get(number)
            found[_NUMBER].append(row[_NUMBER])
            found["corrected_by"].append(None if by is None else rows[by]["place"])
            found["unclear"].append(unclear.get(number))
    told = pl.DataFrame(found, schema={_NUMBER: pl.UInt32, "corrected_by": pl.String, "unclear": pl.String})
    joined = numbered.drop("corrected_by", "unclear").join(told, on=_NUMBER, how="left", maintain_order="left")
    return joined.select(placed.columns)
