"""What a feature's values of the other window change, by the real model: into the window before, and out of the later.

Errors are those of random groups (Wolter, *Introduction to Variance Estimation*, 2007, chapter 2): the decisions of
both windows are cut into ten groups by the SHA-256 of their ids, values are exchanged within a pair of groups, and the
spread of the ten answers is that of decisions and of exchanged values together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.cause.contribution import EXCHANGE, Contribution, Method, ModelPart, ranked
from audit_lab.monitor.cause.coupling import donors, generator
from audit_lab.monitor.cause.shift import mean_interval, normal_quantile
from audit_lab.monitor.cause.window_rows import VALUE, plain_feature
from audit_lab.replay.decision_rules import FEATURE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    import polars as pl

    from audit_lab.monitor.cause.question import CauseQuestion
    from audit_lab.monitor.cause.sides import Side, Trials

    Numbers = npt.NDArray[np.float64]

__all__ = ["exchange", "model_part"]

_GROUPS, _FEWEST_IN_GROUP, _FEWEST_GROUPS = 10, 20, 3
#: How far a recorded score may be from the model's: models compute in float32.
_SAME = 1e-5


def model_part(
    trials: Trials, sides: tuple[Side, Side], outcomes: tuple[Numbers, Numbers], confidence: float
) -> ModelPart:
    """Split a shift between two versions into what the later one changes and what the data do.

    ``f1(X1) - f0(X0)`` is ``f1(X1) - f0(X1)`` and ``f0(X1) - f0(X0)``, or else ``f1(X0) - f0(X0)`` and ``f1(X1) -
    f1(X0)``: which of the two changed first is arbitrary, so both orders are averaged (the Shapley value of two).

    Raises
    ------
    ModelError
        A version does not take the inputs of the other window.
    """
    before, after = sides
    old, new = outcomes
    on_before = trials.by(after.model, before) - old
    on_after = new - trials.by(before.model, after)
    parts = [each[np.isfinite(each)] for each in (on_before, on_after)]
    value = float(sum(each.mean() for each in parts)) / 2
    error = sum(float(each.var(ddof=1)) / len(each) for each in parts) ** 0.5 / 2
    reach = normal_quantile(confidence) * error
    return ModelPart(
        before.version,
        after.version,
        float(parts[1].mean()),
        float(parts[0].mean()),
        value,
        value - reach,
        value + reach,
        float(np.nanmean(new) - np.nanmean(old)) - value,
        len(parts[0]),
        len(parts[1]),
    )


def exchange(
    trials: Trials,
    sides: tuple[Side, Side],
    outcomes: tuple[Numbers, Numbers],
    features: Sequence[str],
    asked: CauseQuestion,
    *,
    model: float,
    progress: Callable[[str, int], None] | None = None,
) -> Method:
    """Return what each feature contributes by exchange.

    Parameters
    ----------
    trials, sides, outcomes
        What runs the versions, the decisions of both windows, and what their versions make of them.
    features
        Which of the inputs.
    asked
        The question.
    model
        What another version does.
    progress
        Called after each feature with ``features`` and 1.
    """
    smaller = min(side.size for side in sides)
    count = _GROUPS if smaller >= _GROUPS * _FEWEST_IN_GROUP else smaller // _FEWEST_IN_GROUP
    facts = _facts(trials, sides, outcomes)
    if count < _FEWEST_GROUPS:
        count = 1
        facts.append(f"too few decisions for an error by exchange ({smaller:,}; it needs 60 in each window)")
    exchanging = _Exchanging(trials, sides, outcomes, count, asked)
    found = []
    for name in features:
        each = exchanging.of(name)
        if each is None:
            facts.append(f"{name} is neither number nor text, and is not exchanged")
        else:
            found.append(each)
        if progress is not None:
            progress("features", 1)
    if trials.refused:
        listed = ", ".join(f"{rows:,} {code}" for code, rows in sorted(trials.refused.items()))
        facts.append(f"rows that the model refused, over all runs, count nowhere: {listed}")
    old, new = (float(np.nanmean(each)) for each in outcomes)
    return Method(EXCHANGE, asked.of, ranked(found), old, new, model, sides[0].size, sides[1].size, tuple(facts))


@dataclass(frozen=True, eq=False)
class _Exchanging:
    """Exchanges one feature after another, within `count` pairs of random groups."""

    trials: Trials
    sides: tuple[Side, Side]
    outcomes: tuple[Numbers, Numbers]
    count: int
    asked: CauseQuestion

    def of(self, name: str) -> Contribution | None:
        """Return what a feature contributes; None of one that is neither number nor text."""
        before, after = (plain_feature(side.rows, name) for side in self.sides)
        if before is None or after is None:
            return None
        apart = self._one_way(name, 0, before, after), -self._one_way(name, 1, after, before)
        if not all(np.isfinite(each).any() for each in apart):
            return Contribution(name, None)
        into, out_of = (float(np.nanmean(each)) for each in apart)
        value = (into + out_of) / 2
        by_group = (self._by_group(0, apart[0]) + self._by_group(1, apart[1])) / 2
        interval = mean_interval(by_group[np.isfinite(by_group)], self.asked.confidence) if self.count > 1 else None
        if interval is None:
            return Contribution(name, value, into=into, out_of=out_of)
        reach = (interval[1] - interval[0]) / 2
        return Contribution(name, value, value - reach, value + reach, into=into, out_of=out_of)

    def _one_way(self, name: str, here: int, own: pl.Series, other: pl.Series) -> Numbers:
        """Return what each decision of one window comes out as with the other one's values, less what it is."""
        side, theirs = self.sides[here], self.sides[1 - here]
        numbers, others = side.groups(self.count), theirs.groups(self.count)
        taken = np.zeros(side.size, np.int64)
        for group in range(self.count):
            mine, pool = np.flatnonzero(numbers == group), np.flatnonzero(others == group)
            drawn = generator(self.asked.seed, name, str(here), str(group))
            taken[mine] = pool[donors(own[mine], other[pool], drawn)]
        values = theirs.rows[FEATURE + name][taken]
        return self.trials.changed(side, name, values) - self.outcomes[here]

    def _by_group(self, here: int, apart: Numbers) -> Numbers:
        numbers, known = self.sides[here].groups(self.count), np.isfinite(apart)
        held = np.bincount(numbers[known], minlength=self.count)
        sums = np.bincount(numbers[known], apart[known], minlength=self.count)
        means: Numbers = np.divide(sums, held, out=np.full(self.count, np.nan), where=held > 0)
        return means


def _facts(trials: Trials, sides: tuple[Side, Side], outcomes: tuple[Numbers, Numbers]) -> list[str]:
    said = [fact for side in sides for fact in side.facts()]
    for side, given in zip(sides, outcomes, strict=True):
        recorded = side.rows[VALUE].to_numpy()
        other = int((np.abs(recorded - given) > _SAME).sum())
        if other:
            said.append(
                f"window {side.which}: {other:,} of {side.size:,} decisions come out otherwise now than is on record"
            )
    said += [
        f"{count:,} values of {name} are no category that the model knows: it takes them as missing"
        for name, count in trials.unseen.items()
    ]
    return said
