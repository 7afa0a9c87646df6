"""Counts of one model's predictions, as a user asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.aggregates import aggregated_cells, aggregated_moments
from audit_lab.monitor.aggregated import Aggregated

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["aggregates_of"]


def aggregates_of(store: LogStore, model: str | None) -> Aggregated:
    """Return what was counted of a model; parameters as for `AuditLog.aggregates`."""
    cells, moments = aggregated_cells(store), aggregated_moments(store)
    names = cells["model_name"].unique().sort().to_list()
    if model is None and len(names) > 1:
        raise MisuseError(f"{len(names)} models were counted", f"Name one: {', '.join(names)}.")
    name = model if model is not None else (names[0] if names else "any model")
    return Aggregated(name, cells.filter(model_name=name), moments.filter(model_name=name))
