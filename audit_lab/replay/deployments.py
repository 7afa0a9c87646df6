"""What serving slots had in them at a moment, by a log's deployments: every candidate, and every contradiction.

A row says what its slot serves from `from_time` on, and the next row of the slot ends it, whatever that one names. A
slot is what `deployment_id` names in one environment; a row that names no environment speaks of it in every one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from audit_lab.log.index.shelf import derived
from audit_lab.replay.corrections import in_order_of_recording, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["Candidate", "Deployments", "deployments_of", "stamp"]

_Row = dict[str, Any]

#: What two rows of one slot and one moment must agree on; otherwise they contradict each other.
_SAID = ("model_name", "model_version", "environment", "endpoint", "traffic_share")
#: Shares are typed by people: a third, three times, is all of it.
_ADDS_UP = 0.005


@dataclass(frozen=True)
class Candidate:
    """A version that a slot served at a moment.

    Parameters
    ----------
    model_version, slot, environment, endpoint
        What stood where; each as the log has it.
    share
        The share of the traffic, 0 to 1; None where the log does not state it.
    share_since
        Since when the share was that.
    since, until
        Since when the slot served this version without a break, and until when: None while no later row ends it.
    actor, reason
        Who put the version there, and why.
    is_rollback
        Whether the slot had served this version before, and another one in between.
    is_contradicted
        Whether another row says something else about the slot from the same moment on.
    """

    model_version: str
    slot: str | None
    environment: str | None
    endpoint: str | None
    share: float | None
    share_since: datetime
    since: datetime
    until: datetime | None
    actor: str | None
    reason: str | None
    is_rollback: bool
    is_contradicted: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values; times as ISO 8601."""
        times = {name: _iso(getattr(self, name)) for name in ("share_since", "since", "until")}
        return {**self.__dict__, **times}


@dataclass(frozen=True)
class _Slot:
    """One slot: its moments in order, the rows of each, and for each the first and last of an unbroken run.

    `environment` is None for rows that name none; they stand in every environment but those in `others`.
    """

    name: str | None
    environment: str | None
    others: frozenset[str]
    times: list[datetime]
    rows: list[list[_Row]]
    first: list[int]
    last: list[int]
    rollback: list[bool]

    def stands_in(self, environment: str | None) -> bool:
        """Return whether the slot stands in an environment; None asks about any."""
        if environment is None:
            return self.environment is not None or not self.others
        return self.environment == environment or (self.environment is None and environment not in self.others)


class Deployments:
    """The slots that ever served a model, as one day's state of the log has them.

    Parameters
    ----------
    model_name
        The model.
    rows
        The log's deployments in order of recording, those of other models too, with ``_segment`` and ``_row``.
    known_by
        Only rows recorded at or before this count; all when None.
    """

    def __init__(self, model_name: str, rows: Sequence[_Row], known_by: datetime | None = None) -> None:
        known = [
            row for row in rows if known_by is None or row["recorded_at"] is None or row["recorded_at"] <= known_by
        ]
        mine = {row["deployment_id"] for row in known if row["model_name"] == model_name}
        ours = [row for row in known if row["deployment_id"] in mine]
        corrected = standing(ours, _name, lambda row: (row["deployment_id"], row["from_time"]))
        dated = [row for row in corrected.rows if row["from_time"] is not None]
        dated.sort(key=lambda row: row["from_time"])
        by_id: dict[str | None, list[_Row]] = {}
        for row in dated:
            by_id.setdefault(row["deployment_id"], []).append(row)
        self.model_name = model_name
        self.slots = [slot for name, of_id in by_id.items() for slot in _slots(name, of_id)]
        self.remarks = [text for _, text in corrected.findings]
        self.remarks += _without_beginning(len(corrected.rows) - len(dated))
        if known_by is not None:
            self.remarks += _without_recording(sum(row["recorded_at"] is None for row in ours))

    @cached_property
    def moments(self) -> list[datetime]:
        """The times at which anything changes, each once, in order."""
        return sorted({time for slot in self.slots for time in slot.times})

    def at(self, moment: datetime, environment: str | None) -> tuple[list[Candidate], list[str]]:
        """Return the candidates at a moment, by version and slot, and what contradicts itself about them.

        Parameters
        ----------
        environment
            Only what stood there, or does not say where it stood; anywhere when None.
        """
        candidates: list[Candidate] = []
        remarks = list(self.remarks)
        for slot in self.slots:
            place = bisect_right(slot.times, moment) - 1
            if place < 0 or not slot.stands_in(environment):
                continue
            said = slot.rows[place]
            candidates += [self._candidate(slot, place, row) for row in said if self._serves(row)]
            remarks += [_contradiction(slot, place)] if len(said) > 1 else self._oddities(slot, place)
        candidates.sort(key=lambda one: (one.model_version, one.slot or "", one.share_since))
        return candidates, remarks + _shares(candidates)

    def _serves(self, row: _Row) -> bool:
        return row["model_name"] == self.model_name and _serves(row)

    def _candidate(self, slot: _Slot, place: int, row: _Row) -> Candidate:
        first, last = slot.first[place], slot.last[place]
        beginning = row if first == place else slot.rows[first][0]
        return Candidate(
            model_version=row["model_version"],
            slot=slot.name,
            environment=row["environment"],
            endpoint=row["endpoint"],
            share=row["traffic_share"],
            share_since=slot.times[place],
            since=slot.times[first],
            until=slot.times[last + 1] if last + 1 < len(slot.times) else None,
            actor=beginning["actor"],
            reason=beginning["reason"],
            is_rollback=slot.rollback[place],
            is_contradicted=len(slot.rows[place]) > 1,
        )

    def _oddities(self, slot: _Slot, place: int) -> list[str]:
        """Return what is strange about one row: another model in a slot that was this one's, a share that is none."""
        row, since = slot.rows[place][0], stamp(slot.times[place])
        if row["model_name"] != self.model_name:
            before = any(self._serves(each) for rows in slot.rows[:place] for each in rows)
            other = row["model_name"] or "a model that it does not name"
            return [f"slot {slot.name} has served {other} since {since}, so it ended here"] if before else []
        share = row["traffic_share"]
        if share is not None and not 0 <= share <= 1:
            return [f"slot {slot.name} states a share of {share:g} since {since}, which is no share of the traffic"]
        if row["model_version"] is None:
            return [f"slot {slot.name} names no version since {since}"]
        return []


def deployments_of(store: LogStore, model_name: str, known_by: datetime | None = None) -> Deployments:
    """Return the deployments of a model, kept until the table changes; `known_by` as in `Deployments`.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    rows = derived(store, "deployments", ("deployments",), lambda: in_order_of_recording(store, "deployments"))
    key = ("deployments", model_name, known_by)
    return derived(store, key, ("deployments",), lambda: Deployments(model_name, rows, known_by))


def stamp(moment: datetime) -> str:
    """Return a moment as sentences have it, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _slots(name: str | None, rows: list[_Row]) -> list[_Slot]:
    """Return the slots that one name stands for: one in each environment, and one wherever else rows name none."""
    environments = frozenset(row["environment"] for row in rows if row["environment"] is not None)
    slots = []
    for environment in (*sorted(environments), None):
        mine = [row for row in rows if row["environment"] is None or row["environment"] == environment]
        if mine:
            slots.append(_slot(name, environment, environments - {environment}, mine))
    return slots


def _slot(name: str | None, environment: str | None, others: frozenset[str], rows: list[_Row]) -> _Slot:
    moments = [(time, _different(of_time)) for time, of_time in groupby(rows, key=lambda row: row["from_time"])]
    times, said_then = [time for time, _ in moments], [said for _, said in moments]
    slot = _Slot(name, environment, others, times, said_then, [], [], [])
    seen: set[tuple[Any, ...]] = set()
    served: tuple[Any, ...] | None = None
    for place, said in enumerate(slot.rows):
        content = _content(said)
        continues = place > 0 and content is not None and content == _content(slot.rows[place - 1])
        slot.first.append(slot.first[-1] if continues else place)
        slot.last.append(place)
        slot.rollback.append(slot.rollback[-1] if continues else content in seen and content != served)
        if content is not None:
            seen.add(content)
            served = content
    for place in range(len(moments) - 2, -1, -1):
        if slot.first[place + 1] == slot.first[place]:
            slot.last[place] = slot.last[place + 1]
    return slot


def _content(said: list[_Row]) -> tuple[Any, ...] | None:
    """Return what a slot serves from a moment on; None where it serves nothing, or where rows contradict each other."""
    if len(said) > 1 or not _serves(said[0]):
        return None
    return said[0]["model_name"], said[0]["model_version"]


def _serves(row: _Row) -> bool:
    share = row["traffic_share"]
    return row["model_version"] is not None and (share is None or not share <= 0)


def _different(rows: Iterable[_Row]) -> list[_Row]:
    """Return rows of one slot and moment, those that say the same once."""
    kept: dict[tuple[str, ...], _Row] = {}
    for row in rows:
        kept.setdefault(tuple(repr(row[name]) for name in _SAID), row)
    return list(kept.values())


def _contradiction(slot: _Slot, place: int) -> str:
    rows = slot.rows[place]
    differing = [name for name in _SAID if len({repr(row[name]) for row in rows}) > 1]
    said = "; ".join(f"{', '.join(f'{name} {row[name]}' for name in differing)} ({_recorded(row)})" for row in rows)
    since = stamp(slot.times[place])
    return f"slot {slot.name} has {len(rows)} rows for {since} that contradict each other: {said}; none was chosen"


def _recorded(row: _Row) -> str:
    when = "recorded at no stated time" if row["recorded_at"] is None else f"recorded {stamp(row['recorded_at'])}"
    return f"{when} by {row['actor'] or 'nobody named'}"


def _shares(candidates: list[Candidate]) -> list[str]:
    """Name the endpoints whose shares are stated and do not add up to all of the traffic."""
    remarks = []
    places = sorted({(one.environment or "", one.endpoint or "") for one in candidates})
    for environment, endpoint in places:
        here = [one for one in candidates if ((one.environment or "", one.endpoint or "") == (environment, endpoint))]
        shares = [one.share for one in here if one.share is not None]
        total = sum(shares)
        if len(shares) < len(here) or any(one.is_contradicted for one in here) or abs(total - 1) <= _ADDS_UP:
            continue
        where = " ".join(part for part in (environment, endpoint) if part) or "the model"
        slots = ", ".join(f"{one.slot} {one.share:g}" for one in here)
        remarks.append(f"the shares of {where} add up to {total:g}, not to 1 ({slots})")
    return remarks


def _without_beginning(count: int) -> list[str]:
    if not count:
        return []
    return [f"{count} deployment{'s do' if count > 1 else ' does'} not say when it began, and was left out"]


def _without_recording(count: int) -> list[str]:
    if not count:
        return []
    return [f"{count} deployment{'s do' if count > 1 else ' does'} not say when it was recorded, and counted as known"]


def _name(row: _Row) -> str:
    return str(row["deployment_id"])


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
