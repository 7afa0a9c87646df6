"""Add up explained rows block by block: what is known of each feature, and of the model's output, over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.explain.cohorts.block import Block
from audit_lab.explain.cohorts.cells import cells_for
from audit_lab.explain.cohorts.kept_rows import RANK, KeptRows, ranks
from audit_lab.explain.cohorts.moments import GroupedMoments

if TYPE_CHECKING:
    import numpy.typing as npt

    from audit_lab.explain.cohorts.cells import Cells
    from audit_lab.explain.cohorts.moments import Moments
    from audit_lab.replay.signature import Signature

    Numbers = npt.NDArray[np.float64]

__all__ = ["Fold"]


class Fold:
    """What explained rows come to; memory grows with the features, and not with the rows.

    The result depends on the rows, their order and the size of the blocks, which whoever calls keeps fixed: then it has
    the same bytes, however the rows were read.

    Parameters
    ----------
    signature
        Of the model.
    seed
        Of the sample.
    sample, ends
        How many rows are kept; see `KeptRows`.

    Attributes
    ----------
    rows, base, output
        How many rows; where each row's contributions start; moments of what the model put out.
    wrong, worst
        How many rows did not add up, and the largest difference, over all rows.
    raised, lowered
        In how many rows each feature's contribution was above, or below, zero.
    """

    def __init__(self, signature: Signature, *, seed: int, sample: int, ends: int) -> None:
        self.features = signature.names
        self._known = {each.name: each.categories or () for each in signature.features}
        self._seed = seed
        self.kept = KeptRows(self.features, sample, ends)
        self.rows = 0
        self.base = 0.0
        self.wrong, self.worst = 0, 0.0
        self.raised = np.zeros(len(self.features), np.int64)
        self.lowered = np.zeros(len(self.features), np.int64)
        self._values: GroupedMoments | None = None
        self._sizes: GroupedMoments | None = None
        self._output: GroupedMoments | None = None
        self.cells: dict[str, Cells] = {}

    def add(self, block: Block, base: float, allowed: float) -> None:
        """Add a block of at least one row.

        Parameters
        ----------
        block
            The rows.
        base
            Where their contributions start.
        allowed
            How far a row may be from adding up, as a part of its output or of one.
        """
        outputs = block.outputs
        contributions = np.ascontiguousarray(block.contributions)
        self.base = base
        self.rows += len(outputs)
        apart = np.abs(contributions.sum(axis=1) + base - outputs)
        self.wrong += int((apart > allowed * np.maximum(1.0, np.maximum(np.abs(outputs), abs(base)))).sum())
        self.worst = max(self.worst, float(apart.max()))
        self.raised += (contributions > 0).sum(axis=0)
        self.lowered += (contributions < 0).sum(axis=0)
        self._values = _added(self._values, contributions)
        self._sizes = _added(self._sizes, np.abs(contributions))
        self._output = _added(self._output, outputs[:, None])
        for place, name in enumerate(self.features):
            inputs = block.inputs[name]
            if name not in self.cells:
                self.cells[name] = cells_for(inputs.dtype, self._known[name])
            self.cells[name].add(inputs, contributions[:, place])
        rows = block.rows
        ranked = rows if RANK in rows.columns else rows.with_columns(ranks(rows["prediction_id"], self._seed))
        self.kept.add(Block(ranked, block.inputs, contributions, outputs))

    @property
    def output(self) -> Moments:
        """Of what the model put out."""
        return _counted(self._output).at(0)

    def value(self, place: int) -> Moments:
        """Of the contributions of a feature."""
        return _counted(self._values).at(place)

    def size(self, place: int) -> Moments:
        """Of the magnitudes of the contributions of a feature."""
        return _counted(self._sizes).at(place)

    def range(self, place: int) -> tuple[float, float]:
        """Return the smallest and the largest contribution of a feature."""
        found = _counted(self._values)
        return float(found.least[place]), float(found.most[place])


def _added(before: GroupedMoments | None, columns: Numbers) -> GroupedMoments:
    """Merge a block of columns, each a group of its own, shape ``(rows, groups)``."""
    # Around the first row, so that a column of equal values has their value as its mean, and no deviation.
    mean = columns[0] + (columns - columns[0]).mean(axis=0)
    keys = np.arange(columns.shape[1])
    block = GroupedMoments(
        keys,
        np.full(len(keys), len(columns)),
        mean,
        ((columns - mean) ** 2).sum(axis=0),
        columns.min(axis=0),
        columns.max(axis=0),
        keys,
        keys,
    )
    return block if before is None else before.merged(block)


def _counted(found: GroupedMoments | None) -> GroupedMoments:
    if found is None:
        raise ValueError("no row was added")
    return found
