"""Which fields of a personal table an erasure takes, unless told otherwise.

Erased is whatever is about the person: who it was, what went in, what came out, and free text. What stays says only
that there was a prediction, when, by which model on which machine: with it counts, gaps in sequences and coverage
stay true after an erasure. A column that the schema does not know is erased: nobody can say what is in it. The
reasons, field by field, stand in ``docs/formats.md``, "Erasure".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.schema import INPUTS_PREFIX, TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["check_fields", "erasable_fields"]

_STAY = {
    "predictions": (
        "prediction_id occurred_at recorded_at supersedes model_name model_version threshold environment endpoint node "
        "clock_source latency_ms risk_tier sampling_rule sampling_rate sequence writer_id"
    ),
    "overrides": "prediction_id recorded_at supersedes kind actor role",
    "explanations": "prediction_id recorded_at supersedes method base_value background_sha256 seed versions",
    "outcomes": "prediction_id observed_at recorded_at supersedes source",
    INPUTS_PREFIX: "prediction_id recorded_at",
}


def erasable_fields(table: str, columns: Sequence[str], asked: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the columns that an erasure takes from a row of a personal table, in the table's order.

    Parameters
    ----------
    table
        The table.
    columns
        The columns of the segment.
    asked
        What somebody asked for by name (see `check_fields`); None for what is erased by default.
    """
    if asked is None:
        stay = _STAY[INPUTS_PREFIX if table.startswith(INPUTS_PREFIX) else table].split()
        return tuple(name for name in columns if name not in stay)
    return tuple(name for name in columns if name in asked)


def check_fields(table: str, columns: Collection[str], asked: Sequence[str]) -> None:
    """Check fields that somebody asked to be erased; `columns` are those of all segments of the table.

    Raises
    ------
    MisuseError
        A column is not there, or is the table's key or time: without them the row's place among the others is lost.
    """
    missing = [name for name in asked if name not in columns]
    if missing:
        raise MisuseError(
            f"The table {table} has no column {missing[0]!a}", f"Its columns: {', '.join(sorted(columns))}"
        )
    inputs = table.startswith(INPUTS_PREFIX)
    needed = {"prediction_id", "recorded_at", *(() if inputs else (*TABLES[table].key, TABLES[table].time))}
    kept = sorted(needed & set(asked))
    if kept:
        raise MisuseError(
            f"{', '.join(kept)} of the table {table} cannot be erased: it says which row this is, and when it was",
            "Name other fields; an id that itself tells who somebody is should have been a pseudonym",
        )
