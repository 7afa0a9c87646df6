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
    from collections.abc import Sequence

__all__ = ["PERSONAL_TABLES", "erasable_fields", "is_personal"]

#: Tables whose rows are committed field by field; so are all tables of inputs.
PERSONAL_TABLES = ("predictions", "overrides", "explanations", "outcomes")

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


def is_personal(table: str) -> bool:
    """Whether a table's rows are committed field by field, so that fields of them can be erased."""
    return table in PERSONAL_TABLES or table.startswith(INPUTS_PREFIX)


def erasable_fields(table: str, columns: Sequence[str], asked: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the columns that an erasure takes from a row of a table, in the table's order.

    Parameters
    ----------
    table
        A personal table.
    columns
        The columns of the segment.
    asked
        What somebody asked for by name; None for what is erased by default.

    Raises
    ------
    MisuseError
        A column that was asked for is not there, or is the table's key or time: without them the row's place among the
        others is lost.
    """
    if asked is None:
        stay = _STAY[INPUTS_PREFIX if table.startswith(INPUTS_PREFIX) else table].split()
        return tuple(name for name in columns if name not in stay)
    needed = (
        {"prediction_id", "recorded_at"}
        if table.startswith(INPUTS_PREFIX)
        else {*TABLES[table].key, TABLES[table].time, "recorded_at"}
    )
    kept = sorted(needed & set(asked))
    if kept:
        raise MisuseError(
            f"{', '.join(kept)} of the table {table} cannot be erased: it says which row this is, and when it was",
            "Name other fields; an id that itself tells who somebody is should have been a pseudonym",
        )
    return tuple(name for name in columns if name in asked)
