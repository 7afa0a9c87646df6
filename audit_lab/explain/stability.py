"""How far LIME's values depend on the seed: spread by feature, signs and ranks over repeated seeds.

The explanation is that of the first seed. The others draw other samples around the same decision, against the same
background, and are compared with it; what they give is told, and never averaged into the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.explain.attribution import Check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FURTHER_SEEDS", "check_spread", "check_stability"]

#: How many seeds beside that of the explanation; those that follow it.
FURTHER_SEEDS = 5
_TOP = 3
_MOST_TOLD = 12
#: Below this, a value is rounding, and its sign and rank mean nothing.
_NO_INFLUENCE = 1e-9
#: A spread beyond this part of a value leaves its size open.
_WIDE = 0.5
#: With fewer features a rank correlation is no number.
_FEWEST_RANKED = 2

Top = tuple[tuple[str, bool], ...]


def check_stability(runs: Mapping[int, Sequence[float]], names: Sequence[str]) -> Check:
    """Test that the largest features and their signs are the same for each seed.

    Parameters
    ----------
    runs
        Seed to contributions, one for each of `names`; the first is the explanation's.
    names
        The features.

    The detail says in how many further runs features and signs stay, and the lowest rank correlation (Spearman's rho,
    as `scipy.stats.spearmanr` gives it, on magnitudes of all features) of a further run with the explanation.
    """
    tops = {seed: _top(values, names) for seed, values in runs.items()}
    if len(tops) == 1:
        return _untested("stability")
    (seed, first), *further = tops.items()
    others = ", ".join(str(number) for number, _ in further)
    over = f"over {len(further)} further seeds ({others})"
    if not any(tops.values()):
        return Check("stability", passed=True, detail=f"with seed {seed} and {over}, no feature has any influence")
    kept = sum(dict(top).keys() == dict(first).keys() for _, top in further)
    signs = sum(dict(top).get(name) == rises for _, top in further for name, rises in first)
    told = (
        f"the same features in {kept} of {len(further)} runs, "
        f"the same signs in {signs} of {len(further) * len(first)} places{_ranks(list(runs.values()))}"
    )
    deviating = [(number, top) for number, top in further if set(top) != set(first)]
    if deviating:
        number, top = deviating[0]
        return Check(
            "stability",
            passed=False,
            detail=f"the {len(first)} largest features change with the seed in {len(deviating)} of {len(further)} "
            f"further runs: {_listed(first)} with seed {seed} become {_listed(top)} with seed {number}, so rest "
            f"nothing on which they are ({over}: {told})",
        )
    order = "in the same order" if len(set(tops.values())) == 1 else "though not always in this order"
    return Check(
        "stability",
        passed=True,
        detail=f"{over} the largest features stay {_listed(first)} as with seed {seed}, {order} ({told})",
    )


def check_spread(runs: Mapping[int, Sequence[float]], names: Sequence[str]) -> Check:
    """Test that no large feature's value depends on the seed by more than half of its magnitude.

    The spread of a feature is the distance of its smallest from its largest value over all seeds, in the units of the
    contributions. The detail has it for the twelve largest features, and the widest of the others.

    Parameters
    ----------
    runs, names
        As for `check_stability`.
    """
    if len(runs) == 1:
        return _untested("spread")
    values = np.array(list(runs.values()), dtype=np.float64)
    first, spread = values[0], values.max(axis=0) - values.min(axis=0)
    ranked = _ranked(first.tolist())
    told = ", ".join(f"{names[place]} {spread[place]:.2g}" for place in ranked[:_MOST_TOLD])
    rest = ranked[_MOST_TOLD:]
    more = f"; the other {len(rest)} up to {max(spread[place] for place in rest):.2g}" if rest else ""
    wide = [
        names[place]
        for place in ranked[:_TOP]
        if abs(first[place]) > _NO_INFLUENCE and spread[place] > _WIDE * abs(first[place])
    ]
    widest = f"; more than half of its value for {', '.join(wide)}, so that value's size is open" if wide else ""
    return Check(
        "spread",
        not wide,
        f"from the smallest to the largest value over {len(runs)} seeds, by feature: {told}{more}{widest}",
    )


def _untested(name: str) -> Check:
    detail = "no further seeds were asked for, so how far the values depend on this one was not tested"
    return Check(name, passed=False, detail=detail)


def _top(values: Sequence[float], names: Sequence[str]) -> Top:
    """Return name and sign of the largest contributions, largest first, without those that are rounding."""
    ranked = [place for place in _ranked(values) if abs(values[place]) > _NO_INFLUENCE]
    return tuple((names[place], values[place] > 0) for place in ranked[:_TOP])


def _ranked(values: Sequence[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda place: (-abs(values[place]), place))


def _ranks(runs: Sequence[Sequence[float]]) -> str:
    from scipy.stats import spearmanr

    first, *further = (np.abs(np.array(values, dtype=np.float64)) for values in runs)
    if len(first) < _FEWEST_RANKED or any(np.ptp(values) == 0 for values in (first, *further)):
        return ""
    lowest = min(float(spearmanr(first, values).statistic) for values in further)
    return f", rank correlation of all magnitudes at least {lowest:.2f}"


def _listed(top: Top) -> str:
    return ", ".join(f"{name} ({'+' if rises else '-'})" for name, rises in top) or "none"
