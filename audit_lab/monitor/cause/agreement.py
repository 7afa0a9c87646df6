"""Where the three methods agree on a cause, where they do not, and why they can differ."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from audit_lab.monitor.cause.contribution import ATTRIBUTION, EXCHANGE, REWEIGHTING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.cause.contribution import Method

__all__ = ["agreement"]

_WHY = {
    frozenset((ATTRIBUTION, REWEIGHTING)): (
        "re-weighting takes along whatever changes together with a feature, whether the model uses that feature or "
        "not, and attribution only what the model makes of it"
    ),
    frozenset((REWEIGHTING, EXCHANGE)): (
        "re-weighting takes along whatever changes together with a feature, also that the same values now come with "
        "other ones, and an exchange changes this feature alone"
    ),
    frozenset((ATTRIBUTION, EXCHANGE)): (
        "attribution shares what features do together among them, against a background, and an exchange changes one "
        "of them while the others stay"
    ),
}
_MOST_NAMED = 5


def agreement(methods: Sequence[Method]) -> list[str]:
    """Return in sentences which feature each method puts first, where two contradict each other, and why they can."""
    there = [each for each in methods if each.is_there]
    if len(there) < 2:  # noqa: PLR2004 - nothing to compare
        return []
    firsts = {each.name: each.first for each in there}
    names = {None if first is None else first.feature for first in firsts.values()}
    number = "All three" if len(there) == 3 else "Both"  # noqa: PLR2004
    if names == {None}:
        return [f"{number} methods find no feature whose contribution is beyond chance."]
    if len(names) == 1:
        said = [f"{number} methods put {next(iter(names))} first."]
    else:
        listed = ", ".join(
            f"{name} {'none' if first is None else f'{first.feature} ({first.value:+.3g})'}"
            for name, first in firsts.items()
        )
        said = [f"The methods do not put the same feature first: {listed}."]
    contradicting = _contradictions(there)
    if contradicting:
        more = f", and {len(contradicting) - _MOST_NAMED} more" if len(contradicting) > _MOST_NAMED else ""
        said.append(f"They contradict each other on {'; '.join(contradicting[:_MOST_NAMED])}{more}.")
    apart = [pair for pair in combinations(there, 2) if _feature(pair[0]) != _feature(pair[1]) or _contradictions(pair)]
    why = list(dict.fromkeys(_WHY[frozenset((one.name, other.name))] for one, other in apart))
    return said if not why else [*said, f"They can differ because {'; '.join(why)}."]


def _feature(method: Method) -> str | None:
    return None if method.first is None else method.first.feature


def _contradictions(methods: Sequence[Method]) -> list[str]:
    """Return features that one method says raise the mean and another that they lower it, both beyond chance."""
    said = []
    features = sorted({each.feature for method in methods for each in method.contributions})
    for feature in features:
        sure = [(method, found) for method in methods if (found := method.of(feature)) is not None and found.is_sure]
        signs = {(found.value or 0.0) > 0 for _, found in sure}
        if len(signs) > 1:
            said.append(f"{feature} ({', '.join(f'{method.name} {found.value:+.3g}' for method, found in sure)})")
    return said
