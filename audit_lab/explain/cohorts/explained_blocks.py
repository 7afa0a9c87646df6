"""Blocks of decisions with their SHAP values: read, explained by the warm child, and handed on in order.

While the child explains one block the next is read, and the one before is added up. Left by an error, or by whoever
stops it, the child is ended.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.errors import ModelError, SandboxClosedError, SandboxError
from audit_lab.explain.explainer import worker_of
from audit_lab.explain.of_rows import RowAttributions, explain_rows
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.refusals import told_apart
from audit_lab.replay.scored import failure_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future

    import numpy.typing as npt

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.explain.cohorts.way import Way
    from audit_lab.replay.registered import Model
    from audit_lab.sandbox import Limits

__all__ = ["ExplainedBlock", "explained_blocks"]

_SCORE = "recorded_score"


@dataclass(frozen=True)
class ExplainedBlock:
    """Rows with their inputs and values, and those that the model refused, each with the code and detail of why."""

    rows: pl.DataFrame
    inputs: pl.DataFrame
    found: RowAttributions | None
    contributions: npt.NDArray[np.float64]
    outputs: npt.NDArray[np.float64]
    refused: tuple[tuple[pl.DataFrame, str, str], ...]

    @property
    def size(self) -> int:
        """How many rows the block had."""
        return self.rows.height + sum(rows.height for rows, _, _ in self.refused)


class _Explainer:
    """Explains blocks of one version in one way."""

    def __init__(
        self, model: Model, way: Way, background: BackgroundRows | None, seed: int, limits: Limits | None
    ) -> None:
        self._model = model
        self._way = way
        self._background = background
        self._seed = seed
        self._limits = limits
        self._is_over = False

    def end(self) -> None:
        """End the child, and start none any more."""
        self._is_over = True
        worker_of(self._model.artifact, self._limits).close()

    def block(self, rows: pl.DataFrame) -> ExplainedBlock:
        """Explain the rows of a block; those that the model refuses are told apart from those that it takes."""
        done: list[tuple[pl.DataFrame, RowAttributions]] = []
        refused: list[tuple[pl.DataFrame, str, str]] = []
        for some, outcome in told_apart(rows, self._tried):
            if isinstance(outcome, ModelError | SandboxError):
                refused.append((some, failure_code(outcome), str(outcome)))
            else:
                done.append((some, outcome))
        features = [FEATURE + name for name in self._model.signature.names]
        kept = pl.concat([rows.clear(), *(some for some, _ in done)])
        return ExplainedBlock(
            kept.drop(features),
            kept.select(pl.col(name).alias(name.removeprefix(FEATURE)) for name in features),
            done[0][1] if done else None,
            np.concatenate([np.empty((0, len(features))), *(found.contributions.to_numpy() for _, found in done)]),
            np.concatenate([np.empty(0), *(found.prediction_values.to_numpy() for _, found in done)]),
            tuple(refused),
        )

    def _tried(self, rows: pl.DataFrame) -> RowAttributions | ModelError | SandboxError:
        if self._is_over:
            raise SandboxClosedError("the explanation of the group was stopped", "Ask again.", "crash")
        try:
            return explain_rows(
                rows.select(pl.col(FEATURE + name).alias(name) for name in self._model.signature.names),
                signature=self._model.signature,
                artifact=self._model.artifact,
                background=self._background,
                perturbation=self._way.perturbation,
                output=self._way.output,
                seed=self._seed,
                trusted_types=self._model.trusted_types,
                limits=self._limits,
            )
        except (ModelError, SandboxError) as error:
            return error


def explained_blocks(
    blocks: Iterable[pl.DataFrame],
    model: Model,
    way: Way,
    background: BackgroundRows | None,
    *,
    seed: int,
    limits: Limits | None,
) -> Iterator[ExplainedBlock]:
    """Yield blocks with their values, in order.

    Parameters
    ----------
    blocks
        As `audit_lab.explain.cohorts.sieve.in_blocks` gives them.
    model, way, background, seed, limits
        How they are explained.
    """
    explainer = _Explainer(model, way, background, seed, limits)
    waiting: deque[Future[ExplainedBlock]] = deque()
    read = iter(blocks)
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "explain") as worker:
        try:
            coming = reader.submit(next, read, None)
            while (block := coming.result()) is not None:
                coming = reader.submit(next, read, None)
                waiting.append(worker.submit(explainer.block, block))
                if len(waiting) > 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            worker.shutdown(wait=False, cancel_futures=True)
            explainer.end()
            raise
