"""What a statement about versions in force says, sentence by sentence."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.replay.deployments import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.replay.deployments import Candidate, Deployments

__all__ = ["Asked", "in_force", "known_then", "nothing_in_force"]


@dataclass(frozen=True)
class Asked:
    """A question: about which model at which moment, and what a prediction states; `words` name the moment."""

    model_name: str
    at: datetime
    words: str
    environment: str | None
    stated: str | None
    as_known_on: datetime | None


def in_force(asked: Asked, candidates: list[Candidate], agrees: bool | None) -> str:  # noqa: FBT001
    """Say which versions were in force; `agrees` as in `InForce`."""
    names, stated = list(dict.fromkeys(one.model_version for one in candidates)), asked.stated
    if agrees is False:
        was = f"{' and '.join(names)} {'was' if len(names) == 1 else 'were'}"
        return f"The prediction states {stated}, but deployments say that {was} in force at {asked.words}."
    if agrees:
        beside = " and ".join(_with_share(one) for one in candidates if one.model_version != stated)
        also = f"; beside it {beside}" if beside else ""
        return f"Deployments agree: {stated} was in force at {asked.words}{also}."
    if stated is not None:
        return f"The prediction states {stated}, and deployments contradict themselves about {asked.words}."
    if len(names) == 1:
        return f"Deployments say that {names[0]} was in force at {asked.words}."
    each = " and ".join(_with_share(one) for one in candidates)
    only = "Which of them answered, only a prediction's own record says."
    return f"Deployments say that several versions were in force at {asked.words}: {each}. {only}"


def nothing_in_force(asked: Asked, deployments: Deployments) -> str:
    """Say that no deployment is on record, and when the first one begins or the last one ended."""
    where = "" if asked.environment is None else f" in {asked.environment}"
    said = f"The log records no deployment of {asked.model_name} at {asked.words}{where}"
    moments = deployments.moments
    if not moments:
        return f"{said}, nor at any other time."
    place = bisect_right(moments, asked.at)
    if not place:
        return f"{said}: the first begins at {stamp(moments[0])}."
    elsewhere = sorted({one.environment or "" for one in deployments.at(asked.at, None)[0]} - {""})
    if elsewhere:
        return f"{said}, but one in {' and '.join(elsewhere)}."
    return f"{said}: the last change before that is of {stamp(moments[place - 1])}."


def known_then(as_known_on: datetime, then: tuple[str, ...], now: tuple[str, ...]) -> str:
    """Say by when that was known, and whether the log says something else by now."""
    known = f"That is what the log knew by {stamp(as_known_on)}"
    if then == now:
        return f"{known}; what it learned since does not change it."
    return f"{known}; by what it learned since it was {' and '.join(now) or 'none'}."


def _with_share(candidate: Candidate) -> str:
    share = "an unstated share" if candidate.share is None else f"{candidate.share * 100:.4g} %"
    return f"{candidate.model_version} with {share} of the traffic (slot {candidate.slot})"
