"""The choice of principal reasons: features that pushed the score to the adverse side, by two independent findings.

A feature is named only where its Shapley value against the reference is adverse **and** the score moves away from the
adverse side on average when the reference's values take its place. The first alone names features that matter only
together with others; the second alone misses how the push is shared.

12 CFR 1002.9(b)(2) with the official interpretation, comments 2 and 5: more than four reasons are not likely to be of
help, and they relate to factors actually scored.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from audit_lab.explain.reasons.principal import Push, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from audit_lab.explain.reasons.codes import Entry, ReasonCodes

__all__ = ["MOST_REASONS", "choose", "pushing"]

MOST_REASONS = 4
_NO_INFLUENCE = 1e-9


def pushing(pushes: Iterable[Push]) -> tuple[list[Push], list[str]]:
    """Return the features that truly pushed, strongest first and equal ones by name, and those that did not alone."""
    adverse = [each for each in pushes if each.contribution > _NO_INFLUENCE]
    truly = [each for each in adverse if each.effect > _NO_INFLUENCE]
    joint = sorted(each.feature for each in adverse if each.effect <= _NO_INFLUENCE)
    return sorted(truly, key=_rank), joint


def choose(
    pushes: Sequence[Push], codes: ReasonCodes, directions: Mapping[str, str | None]
) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Return up to four principal reasons and the further ones, strongest first.

    Features under one code, or in one group, are one reason: that of the strongest of them. A feature without an entry
    keeps its place, so that no weaker reason is promoted.

    Parameters
    ----------
    pushes
        As `pushing` returns them.
    codes
        Which feature stands for which reason.
    directions
        Feature to the side of the reference's middle value on which its own lies.
    """
    gathered: dict[str, list[tuple[Push, Entry | None]]] = {}
    for push in pushes:
        entry = codes.entry(push.feature, directions.get(push.feature))
        key = f"feature {push.feature}"
        if entry is not None:
            key = f"group {entry.group}" if entry.group else f"code {entry.code}"
        gathered.setdefault(key, []).append((push, entry))
    order = sorted(gathered.values(), key=_order)
    partly = {entry.subject for entry in codes.features}
    reasons = tuple(_reason(each, directions if each[0][0].feature in partly else {}) for each in order)
    return reasons[:MOST_REASONS], reasons[MOST_REASONS:]


def _rank(push: Push) -> tuple[float, str]:
    return -push.contribution, push.feature


def _order(members: list[tuple[Push, Entry | None]]) -> tuple[float, str]:
    return -sum(push.contribution for push, _ in members), members[0][0].feature


def _reason(members: list[tuple[Push, Entry | None]], directions: Mapping[str, str | None]) -> Reason:
    pushes = tuple(push for push, _ in members)
    strongest, entry = members[0]
    if entry is None:
        side = directions.get(strongest.feature)
        where = f" where it is {side} than the reference's middle value" if side else ""
        return Reason(None, f"No reason is mapped for {strongest.feature}{where}.", pushes)
    cautions = dict.fromkeys(each.caution for _, each in members if each is not None and each.caution)
    reason = Reason(entry.code, entry.reason, pushes)
    return replace(reason, caution=" ".join(filter(None, cautions))) if cautions else reason
