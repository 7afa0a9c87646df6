"""Since when one model's rows are otherwise, as a user asks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.face.feature_units import feature_units
from audit_lab.face.windowed_rows import FAILED, OUTCOMES, windowed_rows
from audit_lab.log.search.query import instant
from audit_lab.monitor.onset.dated import Followed
from audit_lab.monitor.onset.search import find_onsets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from audit_lab.face.windowed_rows import WindowedRows
    from audit_lab.log.store import LogStore
    from audit_lab.monitor.onset.search import Onsets

__all__ = ["onset_of"]

_OWN = ("score", "decision", "error")
#: Where a row comes from.
_PLACES = ("model_version", "node", "endpoint", "environment")
_EXPRESSIONS = {"score": "outputs.score", "decision": "decision", "model_version": "model_version", "node": "node"}


def onset_of(
    store: LogStore,
    columns: Sequence[str] | None,
    *,
    every: str,
    zone: str,
    since: str | date | datetime | None,
    until: str | date | datetime | None,
    reference: tuple[str | date | datetime | None, str | date | datetime | None] | None,
    model: str | None,
    seed: int,
) -> tuple[Onsets, set[str], tuple[str, ...]]:
    """Return the onsets, the columns they were found in, and the model's features; parameters as of `AuditLog.onset`.

    Raises
    ------
    MisuseError
        The reference lacks its beginning or its end.
    """
    rows = windowed_rows(store, model, since, until)
    usual = [*rows.features, *_OWN, *(OUTCOMES if rows.has_outcomes else ())]
    chosen = rows.checked(usual if columns is None else columns)
    span = None
    if reference is not None:
        begin, end = instant(reference[0], "reference"), instant(reference[1], "reference")
        if begin is None or end is None:
            raise MisuseError(
                "the reference needs a beginning and an end", "Give both, like ('2015-01-01', '2015-04-01')."
            )
        span = (begin, end)
    found = find_onsets(
        rows.reader(chosen),
        rows.hours_of(zone),
        chosen,
        every=every,
        zone=zone,
        reference=span,
        followed=_followed(rows, chosen),
        followed_by_volume=[name for name in chosen if name == "outcome_value"],
        places=[name for name in chosen if name in rows.features or name in _PLACES],
        whole=rows.whole,
        seed=seed,
    )
    besides = rows.outcome_facts if any(name in OUTCOMES and name not in rows.features for name in chosen) else ()
    return replace(found, facts=(*found.facts, *rows.facts, *besides)), rows.touched(chosen), tuple(rows.features)


def _followed(rows: WindowedRows, columns: Sequence[str]) -> dict[str, Followed]:
    units = feature_units(rows.store).get(rows.model, {})
    spoken = {}
    for name in columns:
        if name in rows.features:
            quoted = rows.features[name].replace('"', '""')
            spoken[name] = Followed(f'inputs."{quoted}"', units.get(rows.features[name]))
        elif name == "error":
            spoken[name] = Followed(None, None, {FAILED: "error != ''"})
        else:
            spoken[name] = Followed(_EXPRESSIONS.get(name))
    return spoken
