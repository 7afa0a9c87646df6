"""What explained blocks have in common, what the model refused, and the checks over all rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit_lab.errors import ModelError
from audit_lab.explain.attribution import Check
from audit_lab.explain.cohorts.block import Block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.explain.cohorts.explained_blocks import ExplainedBlock
    from audit_lab.explain.cohorts.fold import Fold
    from audit_lab.explain.of_rows import RowAttributions
    from audit_lab.replay.registered import Model

__all__ = ["Tally"]

#: How far a recorded score may be from the model's, as a part of it or of one: models compute in float32.
_SAME_SCORE = 1e-5
#: Ids of rows that the model refused are kept, so that the rows behind a bin can be told; not more than these.
_MOST_REFUSED = 100_000
_ADDS_UP = "additivity"
#: What stands between several algorithms.
_OR = "; or "


class Tally:
    """Adds up blocks.

    Parameters
    ----------
    kind
        Of the model's output.
    precision
        How far a row may be from adding up, as a part of its output or of one.

    Attributes
    ----------
    found
        What the first block says of how it was explained; None of no row.
    refused
        The ids of the rows that the model refused.
    """

    def __init__(self, kind: str, precision: float) -> None:
        self._kind = kind
        self._precision = precision
        self.found: RowAttributions | None = None
        self.refused: set[str] = set()
        self._algorithms: set[str] = set()
        self._recorded, self._otherwise, self._farthest = 0, 0, 0.0
        self._others: dict[str, list[str]] = {}

    def refuse(self, ids: Sequence[str], model: Model) -> None:
        """Remember rows that the model refused.

        Raises
        ------
        ModelError
            There are more than 100,000 of them.
        """
        self.refused.update(ids)
        if len(self.refused) > _MOST_REFUSED:
            raise ModelError(
                f"{model.name} refuses more than {_MOST_REFUSED:,} of these decisions",
                "Replay some of them to see why, and narrow the window.",
                "model-error",
            )

    def add(self, block: ExplainedBlock, fold: Fold) -> None:
        """Add a block to what is known of the checks, and to a fold; one without rows adds nothing."""
        found = block.found
        if found is None:
            return
        if self.found is None:
            self.found = found
        self._algorithms.update(found.algorithm.split(_OR))
        for check in found.checks:
            if check.name != _ADDS_UP:
                self._others.setdefault(check.name, []).extend([] if check.passed else [check.detail])
        self._compare(block.rows["recorded_score"].cast(float).to_numpy(), block.outputs, found.output_explained)
        rows = block.rows.drop("recorded_score")
        fold.add(Block(rows, block.inputs, block.contributions, block.outputs), found.base_value, self._precision)

    @property
    def algorithm(self) -> str:
        """How the values were computed; several ways where it depends on the row."""
        return _OR.join(sorted(self._algorithms))

    def checks(self, fold: Fold, background: BackgroundRows | None) -> Iterator[Check]:
        """Yield the checks: whether rows add up, are those of the record, and were compared with earlier decisions."""
        said = f"{fold.wrong:,} of {fold.rows:,} rows do not add up"
        verb = said if fold.wrong else f"each of {fold.rows:,} rows adds up"
        yield Check(
            _ADDS_UP,
            not fold.wrong,
            f"{verb} to the output (largest difference {fold.worst:.1e}, allowed {self._precision:.0e})",
        )
        yield Check("record", not self._otherwise, self._record(fold.rows))
        for name, details in self._others.items():
            failed = f"not in {len(details)} blocks of rows, the first: {details[0]}" if details else "in every block"
            yield Check(name, not details, failed)
        if background is not None:
            rows = len(background.ids)
            earlier = f"all {rows} background rows were decided before the group"
            later = f"{background.later} of the {rows} background rows were decided no earlier than the group begins"
            yield Check("background", not background.later, later if background.later else earlier)

    def _record(self, rows: int) -> str:
        without = rows - self._recorded
        beside = f"; {without:,} have no score on record" if without else ""
        if self._otherwise:
            return (
                f"of {self._recorded:,} recorded scores {self._otherwise:,} are not what the model gives to the "
                f"recorded inputs (up to {self._farthest:.3g} apart), and those explanations are not of what was "
                f"decided{beside}"
            )
        return f"{self._recorded:,} recorded scores are what the model gives to the recorded inputs{beside}"

    def _compare(self, recorded: npt.NDArray[np.float64], outputs: npt.NDArray[np.float64], explained: str) -> None:
        with np.errstate(over="ignore"):
            is_margin = self._kind == "probability" and explained == "log-odds"
            scores = 1 / (1 + np.exp(-outputs)) if is_margin else outputs
        there = np.isfinite(recorded)
        apart = np.abs(recorded[there] - scores[there])
        self._recorded += len(apart)
        self._otherwise += int((apart > _SAME_SCORE * np.maximum(1.0, np.abs(scores[there]))).sum())
        self._farthest = max(self._farthest, float(apart.max(initial=0.0)))
