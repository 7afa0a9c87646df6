"""Swapped columns: two of one kind, each of which has the values of the other, from one day to another.

Each is compared with the other's reference; where that says nothing, as a column has moved with the season since, with
the other's days before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.recognised.change import SWAPPED, DataChange
from audit_lab.monitor.recognised.jumps import Run
from audit_lab.monitor.recognised.samples import DECILES, Sample, distribution_distance
from audit_lab.monitor.recognised.steps import OTHER_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.recognised.steps import ColumnSteps

__all__ = ["find_swapped"]

#: Each column must lie this much nearer to the other's reference than to its own.
_NEARER = 1 / 3
#: A pair can be told apart if all but one in twenty of the other days look like their own reference.
_TOLD_APART = 0.95
#: A run must have so many rows.
_FEWEST_ROWS = 50
#: As far as blocks of as many days lie from their reference elsewhere, and so much farther.
_BEYOND_SEEN = 1.25
#: The 5 % critical value of the two-sample Kolmogorov-Smirnov test (Smirnov 1948), at the least.
_CRITICAL = 1.358
_LONGEST_BLOCK = 28
#: Of the days beside a run so many on each side are compared, with as many at either end of it.
_SIDE = 14


def find_swapped(
    steps: Mapping[str, ColumnSteps], bins: Mapping[str, Bins], moved: Mapping[str, NDArray[np.bool_]]
) -> list[DataChange]:
    """Return the pairs of columns that were swapped, in order.

    Parameters
    ----------
    steps
        The columns by step; only those that moved.
    bins
        The bins of each, which know the reference's values.
    moved
        The windows in which each moved: only pairs that moved together are compared.
    """
    found = []
    for first, second in combinations(steps, 2):
        alike = bins[first].kind == bins[second].kind
        if alike and (moved[first] & moved[second]).any():
            found += _Pair.of(steps[first], steps[second], bins[first], bins[second]).changes()
    return sorted(found, key=lambda one: one.start)


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two columns by the steps that both have, and what each looks like in the reference."""

    columns: tuple[str, str]
    ordered: bool
    first: ColumnSteps
    samples: tuple[tuple[Sample, ...], tuple[Sample, ...]]
    deciles: tuple[NDArray[np.float64], NDArray[np.float64]]
    usual: tuple[Sample, Sample]

    @classmethod
    def of(cls, first: ColumnSteps, second: ColumnSteps, one: Bins, two: Bins) -> _Pair:
        """Bring two columns to the same steps, and to the same codes where they are text."""
        common = np.intersect1d(first.numbers, second.numbers)
        kept = [each.only(np.isin(each.numbers, common)) for each in (first, second)]
        names: dict[str, int] = {}
        samples = tuple(_recoded(each, names) for each in kept)
        return cls(
            columns=(first.column, second.column),
            ordered=isinstance(one, NumericBins),
            first=kept[0],
            samples=(samples[0], samples[1]),
            deciles=(kept[0].deciles, kept[1].deciles),
            usual=(_reference(one, names), _reference(two, names)),
        )

    def changes(self) -> list[DataChange]:
        """Return the runs of steps in which the two are swapped: by the reference, or else by the days beside."""
        if not self.samples[0]:
            return []
        found = self._accepted(self._crossed(), self._evidence) if all(one.size for one in self.usual) else []
        if not found and self.ordered:
            found = self._accepted(self._crossed_since(), self._evidence_beside)
        return [self._change(run, evidence) for run, evidence in found]

    def _accepted(
        self, crossed: NDArray[np.bool_], tell: Callable[[Run, NDArray[np.bool_]], dict[str, float] | None]
    ) -> list[tuple[Run, dict[str, float]]]:
        """Return the runs of steps that are crossed and hold, with what shows it; none where many others look so."""
        if not crossed.any():
            return []
        edges = np.flatnonzero(np.diff(np.concatenate([[0], crossed.astype(int), [0]])))
        runs = [Run(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
        accepted = [(run, evidence) for run in runs if (evidence := tell(run, crossed))]
        inside = sum(run.last - run.first for run, _ in accepted)
        if not accepted or crossed.sum() - inside > (1 - _TOLD_APART) * max(crossed.size - inside, 1):
            return []
        return accepted

    def _crossed_since(self) -> NDArray[np.bool_]:
        """Mark the steps in which the two look more like each other than like themselves in the steps before.

        Those before are the last that are not marked, so that what moves with the season is compared with its own
        time of the year.
        """
        first, second = self.deciles
        crossed = np.zeros(len(first), dtype=bool)
        with np.errstate(invalid="ignore", over="ignore"):
            own = np.abs(np.diff(first, axis=0)).sum(axis=1) + np.abs(np.diff(second, axis=0)).sum(axis=1)
            other = np.abs(first[1:] - second[:-1]).sum(axis=1) + np.abs(second[1:] - first[:-1]).sum(axis=1)
            if not (other < own).any():  # the cheaper question, which most pairs do not pass
                return crossed
            calm = list(range(min(_SIDE, len(first))))
            for step in range(len(calm), len(first)):
                usual = [np.median(one[calm[-_SIDE:]], axis=0) for one in self.deciles]
                apart = [[np.abs(one[step] - each).sum() for each in usual] for one in self.deciles]
                crossed[step] = apart[0][1] + apart[1][0] < apart[0][0] + apart[1][1]
                if not crossed[step]:
                    calm.append(step)
        return crossed

    def _evidence_beside(self, run: Run, crossed: NDArray[np.bool_]) -> dict[str, float] | None:
        """Return what shows that a run is swapped, or None: both are like the other in the days beside, or nearly."""
        count = crossed.size
        calm = np.flatnonzero(~crossed)
        before, after = calm[calm < run.first][-_SIDE:], calm[calm >= run.last][:_SIDE]
        inside = {*range(run.first, min(run.first + _SIDE, run.last))}
        if run.last < count:
            inside |= {*range(max(run.last - _SIDE, run.first), run.last)}
        beside = [*before.tolist(), *after.tolist()]
        evidence: dict[str, float] = {}
        for column in (0, 1):
            seen = self._together(column, sorted(inside))
            own, other = (distribution_distance(self._together(each, beside), seen) for each in (column, 1 - column))
            if seen.size < _FEWEST_ROWS or other > own * _NEARER:
                return None
            limit = self._blocks_apart(1 - column, len(inside), calm.tolist(), seen.size)
            if other > limit:
                return None
            name = self.columns[column]
            evidence |= {f"{name}: from its own": own, f"{name}: from the other's": other, f"{name}: by chance": limit}
        return evidence

    def _blocks_apart(self, column: int, width: int, calm: Sequence[int], rows: float) -> float:
        """Return how far neighbouring blocks of a column lie apart where nothing is swapped."""
        places = range(width, len(calm) - width + 1, max(width // 2, 1))
        apart = [
            distribution_distance(
                self._together(column, calm[place - width : place]), self._together(column, calm[place : place + width])
            )
            for place in places
        ]
        return max([_BEYOND_SEEN * max(apart, default=0.0), _CRITICAL * float(np.sqrt(2 / rows))])

    def _together(self, column: int, steps: Sequence[int]) -> Sample:
        return Sample.merged([self.samples[column][step] for step in steps])

    def _crossed(self) -> NDArray[np.bool_]:
        """Mark the steps in which the two together look more like each other's reference than like their own."""
        crossed = np.ones(len(self.samples[0]), dtype=bool)
        for measure in (self._decile_gaps, self._step_distances):  # the cheaper first, which most pairs do not pass
            crossed &= measure(0, 1) + measure(1, 0) < measure(0, 0) + measure(1, 1)
            if not crossed.any():
                break
        return crossed

    def _decile_gaps(self, column: int, reference: int) -> NDArray[np.float64]:
        """Return how far the deciles of each step of a column lie from those of a reference; of text nothing."""
        if not self.ordered:
            return np.full(len(self.samples[0]), -float(column != reference))
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(self.deciles[column] - self.usual[reference].quantiles(DECILES)).sum(axis=1)
        known: NDArray[np.float64] = np.nan_to_num(apart, nan=np.inf)
        return known

    def _step_distances(self, column: int, reference: int) -> NDArray[np.float64]:
        """Return the distance of each step of a column from a reference."""
        return np.array([self._apart(column, reference, [step]) for step in range(len(self.samples[0]))])

    def _apart(self, column: int, reference: int, steps: Sequence[int]) -> float:
        """Return how far some steps of one column lie from the reference of one."""
        sample = Sample.merged([self.samples[column][step] for step in steps])
        return distribution_distance(self.usual[reference], sample, ordered=self.ordered)

    def _evidence(self, run: Run, crossed: NDArray[np.bool_]) -> dict[str, float] | None:
        """Return what shows that a run is swapped, or None: both are like the other's reference, as that is itself."""
        width = min(run.last - run.first, _LONGEST_BLOCK)
        evidence: dict[str, float] = {}
        for column in (0, 1):
            rows = sum(self.samples[column][step].size for step in run.steps)
            own, other = (self._apart(column, reference, run.steps) for reference in (column, 1 - column))
            if rows < _FEWEST_ROWS or other > own * _NEARER:
                return None
            limit = self._by_chance(1 - column, width, crossed, rows)
            if other > limit:
                return None
            name = self.columns[column]
            evidence |= {f"{name}: from its own": own, f"{name}: from the other's": other, f"{name}: by chance": limit}
        return evidence

    def _by_chance(self, column: int, width: int, crossed: NDArray[np.bool_], rows: float) -> float:
        """Return how far as many days of a column lie from its own reference where nothing is swapped."""
        calm = np.flatnonzero(~crossed).tolist()
        blocks = [calm[place : place + width] for place in range(0, len(calm) - width + 1, width)]
        apart = [self._apart(column, column, block) for block in blocks]
        return max(
            [_BEYOND_SEEN * max(apart, default=0.0), _CRITICAL * float(np.sqrt(1 / rows + 1 / self.usual[column].size))]
        )

    def _change(self, run: Run, evidence: dict[str, float]) -> DataChange:
        steps = self.first
        return DataChange(
            kind=SWAPPED,
            columns=self.columns,
            start=steps.start(run.first),
            end=steps.end(run.last - 1),
            ongoing=steps.ongoing(run.last),
            rows=int(steps.summed(steps.days.rows)[run.first : run.last].sum()),
            evidence=evidence,
        )


def _recoded(steps: ColumnSteps, names: dict[str, int]) -> tuple[Sample, ...]:
    """Return the samples, of text with one set of codes for both columns."""
    if steps.days.ordered:
        return steps.samples
    codes = np.array([names.setdefault(name, len(names)) for name in steps.days.names], dtype=np.float64)
    if not codes.size:
        return steps.samples

    def coded(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(values == OTHER_TEXT, OTHER_TEXT, codes[values.astype(int)])

    return tuple(sample.mapped(coded) for sample in steps.samples)


def _reference(bins: Bins, names: dict[str, int]) -> Sample:
    """Return the reference's values; texts that the log has few of are one."""
    if isinstance(bins, NumericBins):
        return Sample(bins.values, bins.value_rows.astype(np.float64))
    codes = np.array([names.get(category, OTHER_TEXT) for category in bins.categories], dtype=np.float64)
    return Sample.of(codes, bins.category_rows.astype(np.float64))
