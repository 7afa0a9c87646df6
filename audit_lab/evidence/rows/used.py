"""The rows of a log that a case rests on: what its exhibits name, and what the log holds about that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.index.lookup import rows_by
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.evidence.rows.named import Named
    from audit_lab.log.store import LogStore

__all__ = ["MOST_PREDICTIONS", "UsedRows", "used_rows"]

#: Of so many predictions a bundle shows the rows; which are left out, it says.
MOST_PREDICTIONS = 1_000

_ID = "prediction_id"
_PREDICTIONS, _VERSIONS = "predictions", "model_versions"
_ABOUT_PREDICTIONS = ("overrides", "outcomes", "explanations")
#: So many ids are looked up one by one; for more of them a table is read through once.
_FEW_IDS = 20


@dataclass(frozen=True)
class UsedRows:
    """Rows of a log by their place, and what of a case has none.

    Attributes
    ----------
    places
        Table to segment to the numbers of its rows, sorted.
    missing
        Sentences: which rows are not among them, and why.
    """

    places: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(len(rows) for segments in self.places.values() for rows in segments.values())


def used_rows(store: LogStore, named: Named) -> UsedRows:
    """Return the rows of the predictions that are named, their inputs, what was recorded about them, and their models.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    ids, missing = list(named.predictions[:MOST_PREDICTIONS]), []
    further = len(named.predictions) - len(ids)
    if further:
        missing.append(
            f"the exhibits name {len(named.predictions):,} predictions, and only the rows of the first "
            f"{MOST_PREDICTIONS:,} are here"
        )
    if named.silent:
        numbers, single = ", ".join(map(str, named.silent)), len(named.silent) == 1
        who = f"exhibit {numbers} names" if single else f"exhibits {numbers} name"
        missing.append(f"{who} no single row, so what was computed over is not here row by row")
    used = UsedRows()
    predictions = _about(store, _PREDICTIONS, ids)
    _add(used, _PREDICTIONS, predictions)
    unknown = len(set(ids) - set(predictions[_ID].to_list()))
    if unknown:
        missing.append(f"{unknown:,} of the ids that the exhibits name are no prediction of this log at its checkpoint")
    for model in sorted(set(predictions["model_name"].drop_nulls().to_list()) & set(store.models())):
        own = predictions.filter(pl.col("model_name") == model)[_ID].unique(maintain_order=True).to_list()
        _add(used, f"{INPUTS_PREFIX}{model}", _about(store, f"{INPUTS_PREFIX}{model}", own))
    for table in _ABOUT_PREDICTIONS:
        if table in store.source.tables():
            _add(used, table, _about(store, table, ids))
    versions = {*named.models, *predictions.select("model_name", "model_version").drop_nulls().rows()}
    if versions and _VERSIONS in store.source.tables():
        _add(used, _VERSIONS, _registered(store, versions))
    return UsedRows(used.places, tuple(missing))


def _about(store: LogStore, table: str, ids: Sequence[str]) -> pl.DataFrame:
    """Return the placed rows of a table that have one of the ids."""
    if len(ids) <= _FEW_IDS:
        found = [rows_by(store, table, _ID, each) for each in ids]
        return pl.concat(found, how="vertical_relaxed") if found else collect(store.placed(table).head(0), table)
    rows = store.placed(table).filter(pl.col(_ID).is_in(list(ids)))
    return collect(rows, f"the {table} of {store.location}")


def _registered(store: LogStore, versions: set[tuple[str, str]]) -> pl.DataFrame:
    wanted = pl.LazyFrame(sorted(versions), schema=["model_name", "model_version"], orient="row")
    rows = store.placed(_VERSIONS).join(wanted, on=["model_name", "model_version"], how="semi")
    return collect(rows, f"the {_VERSIONS} of {store.location}")


def _add(used: UsedRows, table: str, rows: pl.DataFrame) -> None:
    for segment, row in rows.select(SEGMENT, ROW).unique().sort(SEGMENT, ROW).rows():
        used.places.setdefault(table, {}).setdefault(segment, []).append(row)
