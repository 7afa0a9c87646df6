"""How far what a model said is from what came true: 1 or 0 for words, the distance for numbers, else nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.monitor.performance.meaning import meaning_of

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["ABSOLUTE", "ERROR", "mistakes"]

#: What is measured: the share of what was wrong, or of a model that puts out a number the mean absolute error.
ERROR, ABSOLUTE = "error", "absolute error"
_SAID = ("decision", "label")


def mistakes(store: LogStore, model: str, rows: pl.DataFrame) -> tuple[pl.Expr, str, tuple[str, ...]]:
    """Return the error of each row, what it is (`ERROR` or `ABSOLUTE`), and what must be said of it.

    Decision or label, by whose words the outcomes are in, is compared with the outcome; an outcome in none of the words
    that it can have is missing, as it is when performance is measured.

    Parameters
    ----------
    store, model
        The log and the model.
    rows
        ``score``, ``decision``, ``label``, ``outcome``, ``outcome_value``.

    Raises
    ------
    MisuseError
        No outcome is in the words of the decisions or labels, nor is there any value to compare a score with.
    """
    words = _words(store, model)
    known = set(rows["outcome"].drop_nulls().unique())
    for said in _SAID:
        possible = words.get(said) or set(rows[said].drop_nulls().unique())
        if not known & possible:
            continue
        told = pl.col("outcome").is_in(sorted(possible)) & pl.col(said).is_in(sorted(possible))
        foreign = rows.select((pl.col("outcome").is_not_null() & ~pl.col("outcome").is_in(sorted(possible))).sum())
        facts = [f"outcomes that are not {' or '.join(sorted(possible))}, which count as missing: {foreign.item():,}"]
        wrong = pl.when(told).then((pl.col(said) != pl.col("outcome")).cast(pl.Float64))
        return wrong, ERROR, tuple(facts if foreign.item() else ())
    apart = (pl.col("score") - pl.col("outcome_value")).abs()
    if not known and rows.select(apart.is_finite().any()).item():
        return apart, ABSOLUTE, ()
    raise MisuseError(
        "no outcome is in the words of the decisions or labels, so that no error is known", "Ask by the score."
    )


def _words(store: LogStore, model: str) -> dict[str, set[str]]:
    """Return the labels, and the decisions that they lead to, as the registry knows them."""
    try:
        meaning = meaning_of(store, model)
    except MisuseError:
        return {}
    labels = {label for label in meaning.classes if label}
    return {"label": labels, "decision": {meaning.decision(label) for label in labels}}
