"""What moved the model's mean output between the windows by SHAP values, all against one background.

The blocks of `audit_lab.explain.cohorts` explain the decisions; contributions of a decision add up to its output less
the base value, and so do their means: the differences between the windows add up to the difference of the mean outputs.
Where two versions decided, the decisions of both windows are explained by both, and the two answers are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.cohorts.explained_blocks import explained_blocks
from audit_lab.explain.cohorts.kept_rows import RANK, smallest
from audit_lab.explain.cohorts.sieve import ROW, in_blocks
from audit_lab.explain.cohorts.way import background_of, way_for
from audit_lab.explain.perturbation import INTERVENTIONAL
from audit_lab.monitor.cause.contribution import ATTRIBUTION, Contribution, Method, ranked
from audit_lab.monitor.cause.shift import difference_of_means
from audit_lab.replay.decision_rules import FEATURE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import polars as pl

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.explain.cohorts.way import Way
    from audit_lab.log.store import LogStore
    from audit_lab.monitor.cause.question import CauseQuestion
    from audit_lab.monitor.cause.sides import Side
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Runner
    from audit_lab.sandbox import Limits

    Numbers = npt.NDArray[np.float64]

__all__ = ["attribution"]

_BACKGROUND = 100
#: The output in which a kind of model gives its score.
_OWN = {"probability": "probability", "margin": "margin", "regression": "value"}


@dataclass(frozen=True, eq=False)
class _Explained:
    """Contributions (rows, features) and outputs (rows,) of decisions by a version; NaN of those that it refused."""

    contributions: dict[str, Numbers]
    outputs: Numbers
    output: str
    algorithm: str


def attribution(
    store: LogStore,
    runner: Runner,
    sides: tuple[Side, Side],
    asked: CauseQuestion,
    progress: Callable[[str, int], None] | None = None,
) -> Method:
    """Return what each feature contributes by attribution.

    Parameters
    ----------
    store, runner
        The log, and what its limits are.
    sides
        The decisions of both windows, and their versions.
    asked
        The question; `output` says of what, the score's own scale when None.
    progress
        Called after each block with ``explanations`` and how many it has.

    Raises
    ------
    ModelError
        A version cannot be explained, or the two of another output each.
    AuditLabError
        No decision can be a background.
    """
    models = [sides[0].model]
    if sides[1].version != sides[0].version:
        models.append(sides[1].model)
    against = background_of(store, models[0], asked.before.start, rows=_BACKGROUND, seed=asked.seed)
    ways = [_way(model, asked.output) for model in models]
    if len({way.output for way in ways}) > 1:
        raise ModelError(
            f"the two versions are explained by other outputs ({ways[0].output} and {ways[1].output})",
            "Name one output that both offer.",
            "explanation-not-offered",
        )
    few = min((way.most for way in ways if way.most is not None), default=None)
    taken = [_taken(side, asked.rows if asked.rows is not None else few) for side in sides]
    explainer = _Explainer(against, asked.seed, runner.limits, progress)
    found = [[explainer.of(rows, model, way) for rows in taken] for model, way in zip(models, ways, strict=True)]
    return _method(found, taken, asked, against)


def _way(model: Model, output: str | None) -> Way:
    wanted = output or _OWN.get(model.signature.output.kind)
    try:
        return way_for(model, INTERVENTIONAL, wanted)
    except MisuseError:
        if output is not None:
            raise
        return way_for(model, INTERVENTIONAL, None)


def _taken(side: Side, most: int | None) -> pl.DataFrame:
    if most is None or side.size <= most:
        return side.rows
    lowest = smallest(side.rows, most)
    return side.rows.filter(side.rows[RANK] <= lowest[RANK][-1])


@dataclass(frozen=True, eq=False)
class _Explainer:
    """Explains decisions by a version, against one background."""

    against: BackgroundRows
    seed: int
    limits: Limits | None
    progress: Callable[[str, int], None] | None

    def of(self, rows: pl.DataFrame, model: Model, way: Way) -> _Explained:
        """Return the contributions.

        Raises
        ------
        ModelError
            No decision of some block can be explained.
        """
        names = model.signature.names
        ready = rows.select(*ROW, "recorded_score", *(FEATURE + name for name in names))
        place_of = {place: number for number, place in enumerate(rows["place"])}
        contributions = np.full((rows.height, len(names)), np.nan)
        outputs = np.full(rows.height, np.nan)
        output, algorithms = "", set()
        blocks = in_blocks([ready], way.block_rows)
        for block in explained_blocks(blocks, model, way, self.against, seed=self.seed, limits=self.limits):
            if block.found is None:
                _, code, detail = block.refused[0]
                raise ModelError(
                    f"{model.name} cannot be explained: {detail.rstrip('.')}", "Replay its decisions.", code
                )
            places = [place_of[place] for place in block.rows["place"]]
            contributions[places] = block.contributions
            outputs[places] = block.outputs
            output = block.found.output_explained
            algorithms.add(block.found.algorithm)
            if self.progress is not None:
                self.progress("explanations", block.size)
        by_name = {name: contributions[:, number] for number, name in enumerate(names)}
        return _Explained(by_name, outputs, output, "; or ".join(sorted(algorithms)))


def _method(
    found: list[list[_Explained]], taken: list[pl.DataFrame], asked: CauseQuestion, against: BackgroundRows
) -> Method:
    names = sorted({name for by_model in found for each in by_model for name in each.contributions})
    sides: list[tuple[dict[str, Numbers], Numbers]] = []
    for side in (0, 1):
        known = np.all([np.isfinite(by_model[side].outputs) for by_model in found], axis=0)
        nothing = np.zeros(int(known.sum()))
        shares = {
            name: sum((_kept(by_model[side], name, known, nothing) for by_model in found), nothing) / len(found)
            for name in names
        }
        outputs = sum((by_model[side].outputs[known] for by_model in found), nothing) / len(found)
        if len(nothing) < 2:  # noqa: PLR2004
            raise ModelError("the model refuses all but one of the decisions", "Replay them to see why.", "model-error")
        sides.append((shares, outputs))
    (before, outputs_before), (after, outputs_after) = sides
    contributions = []
    for name in names:
        low, high = difference_of_means(after[name], before[name], asked.confidence)
        value = float(after[name].mean() - before[name].mean())
        contributions.append(Contribution(name, value, *((low, high) if high > low else (None, None))))
    data = float(outputs_after.mean() - outputs_before.mean())
    remainder = data - sum(each.value or 0.0 for each in contributions)
    first = found[0][0]
    means = [float(np.nanmean(each.outputs)) for each in (first, found[-1][1])]
    model = 0.0 if len(found) == 1 else means[1] - means[0] - data
    refused = sum(rows.height for rows in taken) - len(outputs_before) - len(outputs_after)
    facts = [
        (
            f"SHAP values of the {first.output}, {first.algorithm}, both windows against one background: "
            f"{against.description.split('; ')[0]}"
        ),
        (
            f"the contributions add up to the shift of the mean {first.output} of the explained decisions (left over "
            f"{abs(remainder):.1e})"
        ),
    ]
    if len(found) > 1:
        facts.append("the decisions of both windows are explained by both versions, and the two answers are averaged")
    if refused:
        facts.append(f"{refused:,} decisions that a version refuses are not explained")
    if asked.of == "decision":
        facts.append("attributions are of the score, not of the decision")
    size = len(outputs_before), len(outputs_after)
    return Method(ATTRIBUTION, first.output, ranked(contributions), means[0], means[1], model, *size, tuple(facts))


def _kept(each: _Explained, name: str, known: npt.NDArray[np.bool_], nothing: Numbers) -> Numbers:
    return each.contributions[name][known] if name in each.contributions else nothing
