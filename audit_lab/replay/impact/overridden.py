"""What persons made of decisions afterwards: a case that was put right already is another matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.replay.reconstruction.history import history, overrides_by

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["overridden_to", "with_overrides"]

_ID = "prediction_id"


def overridden_to(store: LogStore, ids: pl.Series) -> pl.DataFrame:
    """Return what persons changed some decisions to.

    Parameters
    ----------
    store
        The log.
    ids
        Prediction ids, each once in the log.

    Returns
    -------
    pl.DataFrame
        ``prediction_id`` and ``changed_to`` (by the last override that nothing corrects; null where that was erased) of
        those that were changed.

    Raises
    ------
    LogError
        The overrides cannot be read.
    """
    wanted = ids.drop_nulls().unique().to_frame(_ID)
    rows = store.placed("overrides").join(wanted.lazy(), on=_ID, how="semi")
    known = history("overrides", collect(rows, f"the overrides of {store.location}"))
    changed = overrides_by(store, known).filter(pl.col("changed_to").is_not_null() | pl.col("override_erased"))
    return changed.select(_ID, "changed_to")


def with_overrides(store: LogStore, affected: pl.DataFrame) -> pl.DataFrame:
    """Add what stands by now, and what that has to do with the correction.

    Parameters
    ----------
    store
        The log.
    affected
        ``prediction_id``, ``decision_recorded``, ``decision_before`` and ``decision_after``.

    Returns
    -------
    pl.DataFrame
        The rows with ``final_decision`` (what a person changed it to, null where that was erased; else the recorded
        decision, else the replayed one), ``is_overridden`` and ``is_put_right`` (a person changed it to what the
        correction gives).
    """
    changed = overridden_to(store, affected[_ID]).with_columns(is_overridden=pl.lit(value=True))
    joined = affected.join(changed, on=_ID, how="left", maintain_order="left")
    is_overridden = pl.col("is_overridden").fill_null(value=False)
    own = pl.coalesce("decision_recorded", "decision_before")
    final = pl.when(is_overridden).then("changed_to").otherwise(own)
    put_right = (pl.col("changed_to") == pl.col("decision_after")).fill_null(value=False)
    return joined.with_columns(final_decision=final, is_overridden=is_overridden, is_put_right=put_right).drop(
        "changed_to"
    )
