"""The rows of deployments that say what each slot of a model served at a moment."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.deployments import deployments_of

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["deployments_around"]


def deployments_around(
    store: LogStore, model_name: str | None, at: datetime | None, environment: str | None
) -> tuple[dict[str, Any], ...]:
    """Return for each slot the last rows at or before a moment, also where they end what it served.

    Each has, beside the columns of the table, ``place`` (``id@segment:row``) and ``until``: when the slot's next row
    begins, None where it has none.

    Raises
    ------
    LogError
        The deployments cannot be read.
    """
    if model_name is None or at is None:
        return ()
    found: list[dict[str, Any]] = []
    for slot in deployments_of(store, model_name).slots:
        number = bisect_right(slot.times, at) - 1
        if number < 0 or not slot.stands_in(environment):
            continue
        until = slot.times[number + 1] if number + 1 < len(slot.times) else None
        found += [_placed(row) | {"until": until} for row in slot.rows[number]]
    return tuple(found)


def _placed(row: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name not in {SEGMENT, ROW}}
    return own | {"place": f"{row['deployment_id']}@{row[SEGMENT]}:{row[ROW]}"}
