"""Weigh what was tried: a cause reproduces what diverged, and more of it than chance would."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.replay.causes.candidates import input_candidates, precision_candidates, version_candidates
from audit_lab.replay.causes.cause import KINDS, Cause, Explanation, Tried
from audit_lab.replay.causes.chance import MOST_EXPECTED_BY_CHANCE, coincidence, expected_by_chance
from audit_lab.replay.causes.controls import controls_for
from audit_lab.replay.causes.trial import Recorded, run_candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.replay.causes.candidates import Candidate
from audit_lab.replay.causes.trial import Outcome, Setting

__all__ = ["concluded", "explain_output"]

#: So many rows are tried with every candidate; those that reproduce one of them are then tried on all.
_FIRST_ROWS = 8
#: One of the 29 bits that a 32-bit float lacks, and a margin for numbers that are not spread evenly.
_SAME_BITS_BY_CHANCE = 2.0**-20
_RANKS = list(KINDS)
#: Kinds that change one feature: what fits as well by another feature, or in another way, is not told apart by rank.
_BY_INPUT = ("missing-value", "category-encoding", "unit")
_MOST_NAMED = 6


def explain_output(
    setting: Setting,
    diverged: pl.DataFrame,
    beside: pl.DataFrame,
    outputs: NDArray[np.float64],
    *,
    only_precision: bool = False,
) -> Explanation:
    """Find what change to version or inputs reproduces outputs that diverged from the record.

    Parameters
    ----------
    setting
        The version that the rows state, and what it is compared and run with.
    diverged
        Rows whose output parted from the record: what `compared` gives, with every recorded input. The first one is the
        one in question: what does not reproduce it is no cause.
    beside
        Rows of the version from the same time that did not part from it. Of changes that reproduce as much, one that
        leaves these as they are is more likely than one that cannot have befallen them.
    outputs
        Recorded outputs of as many rows of the version as are known, shape ``(rows, columns)``: how often two are alike
        says what chance can do.
    only_precision
        Whether nothing but precision is tried: for what is within the tolerance already.
    """
    model, kind = setting.model, setting.model.signature.output.kind
    candidates: list[Candidate] = []
    if not only_precision:
        candidates += version_candidates(model, setting.others, diverged.columns)
    candidates += precision_candidates(model)
    if not only_precision:
        candidates += input_candidates(model, diverged)
    some = Recorded(diverged.head(_FIRST_ROWS), kind, setting.tolerance)
    ran = run_candidates(candidates, some, setting.worker_of)
    first = [each for each in ran if each.near[0]]
    if diverged.height > _FIRST_ROWS and first:
        whole = Recorded(diverged, kind, setting.tolerance)
        first = run_candidates([each.candidate for each in first], whole, setting.worker_of)
    outcomes = [each for each in first if not (only_precision and not each.exact.all())]
    step = "label" if kind == "label" else "score"
    grouped = _grouped(outcomes, diverged.height, _contradicted(outcomes, setting, beside))
    found = [_controlled(cause, candidate, setting, diverged, beside) for cause, candidate in grouped]
    tried = _tried(candidates, found)
    # That rounding gives the recorded bits, of all the numbers around, is no coincidence however coarse the model is.
    chance = _SAME_BITS_BY_CHANCE if only_precision else coincidence(outputs)
    if kind == "label":
        found = [_by_labels(cause) for cause in found]
    explanation = concluded(step, found, tried, diverged.height, chance)
    if len(ran) < len(candidates) and not explanation.explained:
        count = len(candidates) - len(ran)
        refused = f" {count:,} of these changes could not be run, most often as the model takes no such inputs."
        return replace(explanation, statement=explanation.statement + refused)
    return explanation


def concluded(step: str, found: Sequence[Cause], tried: tuple[Tried, ...], examined: int, chance: float) -> Explanation:
    """Return what the causes found amount to: which reproduces enough, beyond chance, and alone.

    Parameters
    ----------
    step
        Where replay and record part.
    found
        What reproduces the decision in question, in any order.
    tried
        What was tried.
    examined
        How many diverged decisions were examined.
    chance
        How likely two outputs are alike by chance.
    """
    changes = sum(each.changes for each in tried)
    enough = sorted((each for each in found if each.reproduced == examined), key=_rank)
    by_chance = [
        each
        for each in enough
        if expected_by_chance(chance, each.reproduced, examined, changes) > MOST_EXPECTED_BY_CHANCE
    ]
    if not enough:
        partly = sorted(found, key=_rank)[:_MOST_NAMED]
        return Explanation(step, (), (), tried, examined, _not_explained(tried, examined, partly))
    if by_chance:
        rivals = tuple(enough[:_MOST_NAMED])
        return Explanation(step, (), rivals, tried, examined, _chance(rivals, examined, changes))
    first = enough[0]
    if first.as_well:
        return Explanation(step, (), (first,), tried, examined, _as_well(first, examined))
    # What was changed in one feature is no rival of the same change in all of them.
    equal = [
        each for each in enough[1:] if _strength(each) == _strength(first) and each.kind in _BY_INPUT and each.feature
    ]
    if equal and first.kind in _BY_INPUT:
        rivals = (first, *equal[: _MOST_NAMED - 1])
        return Explanation(step, (), rivals, tried, examined, _undecided(rivals, examined))
    return Explanation(step, tuple(enough[:_MOST_NAMED]), (), tried, examined, _explained(enough, examined))


def _contradicted(outcomes: Sequence[Outcome], setting: Setting, beside: pl.DataFrame) -> dict[int, int]:
    """Return for each candidate, by its identity, how many decisions beside would not come out as recorded with it."""
    if not beside.height or not outcomes:
        return {}
    # What was reproduced without any change has no distance to be removed.
    rows = beside.with_columns(distance=pl.lit(None, dtype=pl.Float64))
    recorded = Recorded(rows, setting.model.signature.output.kind, setting.tolerance)
    ran = run_candidates([outcome.candidate for outcome in outcomes], recorded, setting.worker_of)
    counts = {id(outcome.candidate): beside.height for outcome in outcomes}
    return counts | {id(each.candidate): beside.height - int(each.near.sum()) for each in ran}


def _controlled(
    cause: Cause, candidate: Candidate, setting: Setting, diverged: pl.DataFrame, beside: pl.DataFrame
) -> Cause:
    """Return a cause with the controls that reproduce as much as it does."""
    if cause.reproduced < diverged.height:
        return cause
    controls = list(controls_for(candidate, diverged, beside))
    recorded = Recorded(diverged, setting.model.signature.output.kind, setting.tolerance)
    ran = run_candidates(controls, recorded, setting.worker_of) if controls else []
    # Where a cause gives the recorded bits, what comes near them alone can be told from it.
    fitting = [each for each in ran if each.near.all() and (each.exact.all() or not cause.exact)]
    return replace(cause, as_well=tuple(each.candidate.what for each in fitting))


def _by_labels(cause: Cause) -> Cause:
    """Return a cause of labels, which explains nothing where labels beside contradict it.

    Each label says so little that a change of some of the decisions cannot be told from a coincidence.
    """
    if not cause.contradicted or cause.kind not in (*_BY_INPUT, "precision"):
        return cause
    beside = f"{cause.contradicted:,} decisions beside kept their labels, which that would have changed"
    return replace(cause, as_well=(*cause.as_well, f"something else happened, for {beside}"))


def _grouped(
    outcomes: Iterable[Outcome], examined: int, contradicted: Mapping[int, int]
) -> list[tuple[Cause, Candidate]]:
    """Return one cause for each kind and feature: the change that reproduces most, with its equals as alternatives."""
    best: dict[tuple[str, str | None], list[tuple[tuple[int, int, int, float], Cause, Candidate]]] = {}
    for outcome in outcomes:
        candidate = outcome.candidate
        reproduced = int(outcome.near.sum())
        exact = bool(outcome.exact[outcome.near].all()) and reproduced > 0
        against = contradicted.get(id(candidate), 0)
        distance = float(outcome.distance[outcome.near].max(initial=0.0))
        strength = (-reproduced, -int(outcome.exact.sum()), against, distance)
        cause = Cause(
            candidate.kind, candidate.feature, candidate.value, candidate.what, reproduced, examined, exact, against
        )
        # Versions are each a cause of their own: they have no feature to share.
        key = (candidate.kind, candidate.value if candidate.kind == "another-version" else candidate.feature)
        best.setdefault(key, []).append((strength, cause, candidate))
    causes = []
    for ranked in best.values():
        ranked.sort(key=lambda each: each[0])
        strength, cause, candidate = ranked[0]
        equals = tuple(
            other.value for rank, other, _ in ranked[1:] if rank[0] == strength[0] and rank[2] == strength[2]
        )
        causes.append((replace(cause, alternatives=equals), candidate))
    return causes


def _tried(candidates: Sequence[Candidate], found: Sequence[Cause]) -> tuple[Tried, ...]:
    counts = {kind: sum(each.kind == kind for each in candidates) for kind in KINDS}
    most = {kind: max((each.reproduced for each in found if each.kind == kind), default=0) for kind in KINDS}
    return tuple(Tried(kind, count, most[kind]) for kind, count in counts.items() if count)


def _strength(cause: Cause) -> tuple[int, bool, int]:
    return -cause.reproduced, not cause.exact, cause.contradicted


def _rank(cause: Cause) -> tuple[int, bool, int, int, bool]:
    return *_strength(cause), _RANKS.index(cause.kind), cause.feature is None


def _explained(causes: Sequence[Cause], examined: int) -> str:
    first = causes[0]
    how = "bit for bit" if first.exact else "within the tolerance"
    sentence = f"Explained: {first.what}; that reproduces {_share(first.reproduced, examined)}, {how}."
    if first.alternatives:
        named = first.alternatives[:_MOST_NAMED]
        more = len(first.alternatives) - len(named)
        sentence += f" As much is reproduced by: {'; '.join(named)}{f'; and {more} more' if more else ''}."
    if first.contradicted:
        sentence += f" {first.contradicted:,} decisions beside come out as recorded without it, and would not with it."
    others = [f"{each.what} ({each.reproduced} of {examined})" for each in causes[1:_MOST_NAMED]]
    return sentence + (f" Next: {'; '.join(others)}." if others else "")


def _not_explained(tried: tuple[Tried, ...], examined: int, partly: Sequence[Cause]) -> str:
    names = ", ".join(f"{each.changes} {KINDS[each.kind]}" for each in tried) or "nothing"
    sentence = f"Not explained: none of what was tried reproduces {_share(examined, examined)}. Tried: {names}."
    if partly:
        parts = "; ".join(f"{each.what} ({each.reproduced} of {examined})" for each in partly)
        sentence += f" A part is reproduced by, which is no explanation: {parts}."
    return sentence


def _chance(rivals: Sequence[Cause], examined: int, changes: int) -> str:
    names = "; ".join(each.what for each in rivals)
    return (
        f"Not explained: {_share(examined, examined)} would also come out if {names}; but this model gives the same "
        f"answer to so many inputs that of {changes} changes tried some would fit by chance."
    )


def _as_well(cause: Cause, examined: int) -> str:
    others = f"; and if {cause.as_well[1]}" if len(cause.as_well) > 1 else ""
    to = f" to {cause.feature}" if cause.feature else ""
    return (
        f"Not explained: {_share(cause.reproduced, examined)} would come out if {cause.what}; but as well if "
        f"{cause.as_well[0]}{others}. What happened{to} cannot be told from these outputs."
    )


def _undecided(rivals: Sequence[Cause], examined: int) -> str:
    names = "; or ".join(each.what for each in rivals)
    return f"Not explained: {_share(examined, examined)} would come out if {names}; the record cannot tell these apart."


def _share(reproduced: int, examined: int) -> str:
    if examined == 1:
        return "the record"
    share = f"all {examined}" if reproduced == examined else f"{reproduced} of {examined}"
    return f"{share} diverged decisions examined"
