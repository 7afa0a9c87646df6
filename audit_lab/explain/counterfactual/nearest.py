"""Look for the nearest flips: fewest changed features first, then the smallest distance. No seed, no chance.

While every combination of allowed values fits into what may still be run, all are run, and the nearest is the nearest.
Where they do not fit, numbers are tried at values spread over their ranks, the most promising combinations are carried
on to one change more (a beam), and what flips is drawn back towards the recorded values as far as it still flips.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, islice, product
from math import comb, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_lab.explain.counterfactual.axis import Axis
    from audit_lab.explain.counterfactual.judge import Judge, State

__all__ = ["Found", "apart", "nearest_flips"]

#: A number with more allowed values is tried at so many of them first, where not all of all can be run.
_SPREAD = 64
_FEWEST_SPREAD = 4
#: So many values of a feature are combined with others, and so many unfinished candidates carried on.
_COMBINED = 12
_BEAM = 100
_ALIKE = 5
#: So many values are tried between two, each time that a change is drawn back.
_PROBES = 16
_MOST_DRAWN_BACK = 24
#: More sets of features than this are not even counted.
_MOST_SETS = 100_000


@dataclass(frozen=True)
class Found:
    """What a search ends in.

    Parameters
    ----------
    states
        The flips, nearest first, each with another set of changed features, none of which holds all of another's.
    exhaustive_changes
        Up to how many changes every combination of allowed values was run that could have been nearer, or new.
    """

    states: tuple[State, ...]
    exhaustive_changes: int


@dataclass
class _Pull:
    """A flip of which one change is drawn back: it flips at `far` steps out, and not at `near`."""

    state: State
    axis: int
    near: int
    far: int


def nearest_flips(judge: Judge, wanted: int, most_changes: int, features: int) -> Found:
    """Look for flips.

    Parameters
    ----------
    judge
        Runs candidates; each counts once.
    wanted
        How many flips.
    most_changes
        How many features a candidate may change.
    features
        How many features the distance is the mean over.
    """
    axes = judge.axes
    exhaustive = 0
    chosen: list[State] = []
    for changes in range(1, min(most_changes, len(axes)) + 1):
        if judge.left <= 0:
            break
        done = [frozenset(axis for axis, _ in state) for state in chosen]
        open_sets = _open_sets(axes, changes, done)
        whole = None if open_sets is None else sum(prod(len(axes[each].values) for each in one) for one in open_sets)
        # A quarter keeps enough for the next changes; at the last one all may be used.
        share = judge.left if changes == most_changes else judge.left // 4
        if open_sets is not None and whole is not None and whole <= share:
            judge.judge(_all(axes, open_sets))
            exhaustive = changes if exhaustive == changes - 1 else exhaustive
        elif changes == 1:
            _try_singles(judge)
        else:
            _try_several(
                judge,
                changes,
                done,
                open_sets,
                share=judge.left // (most_changes - changes + 1) * 3 // 4,
                features=features,
            )
        chosen = _diverse(judge, wanted, features)
        if len(chosen) == wanted:
            break
    return Found(tuple(chosen), exhaustive)


def apart(axes: Sequence[Axis], state: State, features: int) -> float:
    """Return the mean over all features of what the changes add."""
    return sum(axes[axis].part(place) for axis, place in state) / features


def _open_sets(axes: Sequence[Axis], changes: int, done: list[frozenset[int]]) -> list[tuple[int, ...]] | None:
    """Return the sets of features in which a flip would be new; None where there are too many."""
    if comb(len(axes), changes) > _MOST_SETS:
        return None
    return [one for one in combinations(range(len(axes)), changes) if not any(each <= set(one) for each in done)]


def _all(axes: Sequence[Axis], sets: Iterable[tuple[int, ...]]) -> Iterator[State]:
    for one in sets:
        for places in product(*(range(len(axes[each].values)) for each in one)):
            yield tuple(zip(one, places, strict=True))


def _try_singles(judge: Judge) -> None:
    """Change one feature at a time, numbers at spread values, and draw each flip back."""
    # Half is kept for drawing back; of many features each has its turn, however few its values then are.
    most = max(_FEWEST_SPREAD, min(_SPREAD, judge.left // (2 * len(judge.axes))))
    spread = [axis.spread(most) for axis in judge.axes]
    judge.judge(((number, place),) for number, places in enumerate(spread) for place in places)
    pulls = []
    for number, (axis, places) in enumerate(zip(judge.axes, spread, strict=True)):
        if not axis.is_ordered:
            continue
        for outwards in (range(axis.origin, len(axis.values)), range(axis.origin - 1, -1, -1)):
            near = -1
            for place in sorted((place for place in places if place in outwards), key=outwards.index):
                far = outwards.index(place)
                judged = judge.known.get(((number, place),))
                if judged is not None and judged.flips:
                    pulls.append(_Pull(((number, place),), number, near, far))
                    break
                near = far
    _draw_back(judge, pulls)


def _try_several(
    judge: Judge,
    changes: int,
    done: list[frozenset[int]],
    open_sets: list[tuple[int, ...]] | None,
    *,
    share: int,
    features: int,
) -> None:
    """Run combinations of a few values of each feature: all of them where they fit, else the promising ones.

    `share` of the candidates that are left are combinations; the rest is for drawing back what flips.
    """
    few = _few(judge, features)
    if open_sets is not None and sum(prod(len(few[each]) for each in one) for one in open_sets) <= share:
        candidates: Iterable[State] = (
            tuple(zip(one, places, strict=True))
            for one in open_sets
            for places in product(*(few[each] for each in one))
        )
    else:
        candidates = islice(_from_beam(judge, changes, done, few, features), share)
    judge.judge(candidates)
    nearest: dict[frozenset[int], State] = {}
    for state in _flips(judge, features):
        if len(state) == changes:
            nearest.setdefault(frozenset(axis for axis, _ in state), state)
    some = list(nearest.values())[:_MOST_DRAWN_BACK]
    # A change that is not needed has no place in an answer, and not everything of one change less was tried.
    judge.judge(tuple(one for one in state if one is not left_out) for state in some for left_out in state)
    for place in range(changes):
        some = _drawn_back(judge, some, place)


def _from_beam(
    judge: Judge, changes: int, done: list[frozenset[int]], few: list[list[int]], features: int
) -> Iterator[State]:
    """Yield the most promising candidates of one change less with one more, each once, the most promising first."""
    yielded = set()
    for state in _beam(judge, changes - 1, features):
        changed = frozenset(axis for axis, _ in state)
        for number, places in enumerate(few):
            if number in changed or any(each <= changed | {number} for each in done):
                continue
            for place in places:
                candidate = tuple(sorted((*state, (number, place))))
                if candidate not in yielded:
                    yielded.add(candidate)
                    yield candidate


def _drawn_back(judge: Judge, states: list[State], place: int) -> list[State]:
    """Return flips with the change at a place drawn back towards the record as far as they still flip."""
    pulls = []
    for state in states:
        number, value = state[place]
        if judge.axes[number].is_ordered:
            pulls.append(_Pull(state, number, -1, judge.axes[number].side(value).index(value)))
    drawn = {pull.state: _draw_to(pull.state, pull.axis, judge.axes, pull.far) for pull in _draw_back(judge, pulls)}
    return [drawn.get(state, state) for state in states]


def _draw_back(judge: Judge, pulls: list[_Pull]) -> list[_Pull]:
    """Narrow each pull until no untried value is left between what flips and the last that does not."""
    active = [pull for pull in pulls if pull.far - pull.near > 1]
    while active and judge.left > 0:
        probes = {}
        for number, pull in enumerate(active):
            gap = pull.far - pull.near
            some = min(_PROBES, gap - 1)
            probes[number] = sorted({pull.near + (step + 1) * gap // (some + 1) for step in range(some)})
        judge.judge(
            _draw_to(pull.state, pull.axis, judge.axes, step)
            for number, pull in enumerate(active)
            for step in probes[number]
        )
        for number, pull in enumerate(active):
            for step in probes[number]:
                judged = judge.known.get(_draw_to(pull.state, pull.axis, judge.axes, step))
                if judged is not None and judged.flips:
                    pull.far = step
                    break
                pull.near = step
        active = [pull for pull in active if pull.far - pull.near > 1]
    return pulls


def _draw_to(state: State, number: int, axes: Sequence[Axis], step: int) -> State:
    """Return a candidate with one change so many steps out from the recorded value, on the side where it is."""
    places = dict(state)
    places[number] = axes[number].side(places[number])[step]
    return tuple(sorted(places.items()))


def _few(judge: Judge, features: int) -> list[list[int]]:
    """Return a few values of each feature: those that alone came furthest, and some spread over the rest."""
    singles: list[list[int]] = [[] for _ in judge.axes]
    for state in judge.known:
        if len(state) == 1:
            singles[state[0][0]].append(state[0][1])
    few = []
    for number, (axis, tried) in enumerate(zip(judge.axes, singles, strict=True)):

        def rank(place: int, number: int = number) -> tuple[float, float, int]:
            single = ((number, place),)
            return -judge.known[single].advance, apart(judge.axes, single, features), place

        best = sorted(tried, key=rank)[: _COMBINED // 3]
        few.append(list(dict.fromkeys((*best, *axis.spread(_COMBINED - _COMBINED // 3)))))
    return few


def _beam(judge: Judge, changes: int, features: int) -> list[State]:
    """Return the most promising candidates that do not flip, at most a few of one set of features."""
    waiting = [state for state, judged in judge.known.items() if len(state) == changes and not judged.flips]
    waiting.sort(key=lambda state: (-judge.known[state].advance, apart(judge.axes, state, features), state))
    alike: dict[frozenset[int], int] = {}
    kept = []
    for state in waiting:
        changed = frozenset(axis for axis, _ in state)
        alike[changed] = alike.get(changed, 0) + 1
        if alike[changed] <= _ALIKE:
            kept.append(state)
        if len(kept) == _BEAM:
            break
    return kept


def _flips(judge: Judge, features: int) -> list[State]:
    """Return all flips, nearest first; what is equally near goes by the order of features and values."""
    found = [state for state, judged in judge.known.items() if judged.flips]
    return sorted(found, key=lambda state: (len(state), apart(judge.axes, state, features), state))


def _diverse(judge: Judge, wanted: int, features: int) -> list[State]:
    """Return the nearest flip of each set of features, but of no set that holds all features of a nearer one."""
    kept: list[State] = []
    sets: list[frozenset[int]] = []
    for state in _flips(judge, features):
        changed = frozenset(axis for axis, _ in state)
        if not any(each <= changed for each in sets):
            kept.append(state)
            sets.append(changed)
        if len(kept) == wanted:
            break
    return kept
