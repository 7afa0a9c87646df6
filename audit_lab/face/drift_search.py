"""Drift of one model's inputs, score and decision, as a user asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.face.description import predicting_model
from audit_lab.log.query import instant
from audit_lab.log.wide import wide
from audit_lab.monitor.drift import drift

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.drift import Drift

__all__ = ["drift_of"]

#: What is measured of a prediction itself, and the column that it comes from.
_OWN = {"score": "predictions.outputs", "decision": "predictions.decision"}


def drift_of(
    store: LogStore,
    columns: Sequence[str] | None,
    every: str,
    reference: tuple[str | date | datetime | None, str | date | datetime | None] | None,
    model: str | None,
) -> tuple[Drift, set[str]]:
    """Return the drift, and the columns that it was computed from; parameters as for `AuditLog.drift`.

    Raises
    ------
    MisuseError
        The reference lacks its beginning or its end.
    """
    predicting = predicting_model(store, model)
    features = wide(store, predicting)[1]
    span = None
    if reference is not None:
        since, until = instant(reference[0], "reference"), instant(reference[1], "reference")
        if since is None or until is None:
            raise MisuseError(
                "the reference needs a beginning and an end", "Give both, like ('2015-01-01', '2015-04-01')."
            )
        span = (since, until)
    chosen = list(columns) if columns is not None else [*features, *_OWN]
    rows = lambda since, until: wide(store, predicting, since, until)[0]  # noqa: E731 - drift asks it for time ranges
    moved = drift(rows, time="occurred_at", columns=chosen, every=every, reference=span)
    return moved, {_OWN.get(name, f"inputs.{name}") for name in chosen}
