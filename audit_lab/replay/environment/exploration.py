"""Run the same inputs in two environments, or through two versions, and show where the outputs part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.distance import same_bits, ulp_distance
from audit_lab.replay.environment.comparison import compare, same_numerics
from audit_lab.replay.environment.construction import build_environment
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.scored import score_rows, worker_for
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from audit_lab.replay.environment.comparison import Difference
    from audit_lab.replay.environment.recorded import RecordedRuntime
    from audit_lab.replay.registered import Model
    from audit_lab.sandbox import Limits, PythonEnvironment

__all__ = ["Exploration", "Side", "explore", "explore_environments"]

_REPORT = "audit_lab.replay.environment.fingerprint_task:report"
_PRESENT = "the present environment"
_ID = "prediction_id"


@dataclass(frozen=True)
class Side:
    """One of the two: which version ran, in which environment, what that consisted of and how it was isolated."""

    model: str
    environment: str
    fingerprint: Fingerprint
    isolation: dict[str, str]

    def __str__(self) -> str:
        """Return both names."""
        return f"{self.model} in {self.environment}"


@dataclass(frozen=True)
class Exploration:
    """Where two runs of the same inputs part.

    Parameters
    ----------
    table
        A row for each input: ``prediction_id`` (its place, where the inputs have none), ``score_a``, ``score_b``,
        ``absolute_difference`` and ``ulps`` (of a ``multiclass`` output the largest over the classes; null where an
        output is missing or not a number), ``precision`` (of which floats the steps are), ``same_bits``, ``label_a``,
        ``label_b``, ``label_differs``, ``decision_a``, ``decision_b``, ``decision_differs``.
    summary
        The same in a sentence or two.
    differences
        How environment B differs from A, what matters first.
    sides
        A and B.
    same_numerics
        Whether processor features and linear algebra are the same in both.
    asked
        What a log was asked, as JSON-safe values; empty where none was.
    decisions_of
        Reconstructs decisions that are named by ids or places, as ``log.decisions`` does; None where no log was asked.
    """

    table: pl.DataFrame
    summary: str
    differences: tuple[Difference, ...]
    sides: tuple[Side, Side]
    same_numerics: bool | None
    asked: Mapping[str, Any] = field(default_factory=dict)
    decisions_of: Callable[..., Any] | None = field(default=None, repr=False, compare=False)

    @spelling_text
    def __repr__(self) -> str:
        """Return both sides, and where they part."""
        return f"Exploration of {self.sides[0]} and {self.sides[1]}: {self.summary}"

    @property
    def differing(self) -> pl.DataFrame:
        """The rows of `table` where a bit of the output, the label or the decision differs."""
        return self.table.filter(~pl.col("same_bits") | pl.col("label_differs") | pl.col("decision_differs"))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values, with those rows alone that differ."""
        return {
            "summary": self.summary,
            "a": str(self.sides[0]),
            "b": str(self.sides[1]),
            "same_numerics": self.same_numerics,
            "differences": [difference.to_dict() for difference in self.differences],
            "rows": self.table.height,
            "differing": self.differing.to_dicts(),
        }


def explore_environments(
    model: Model,
    inputs: pl.DataFrame,
    recorded: RecordedRuntime,
    *,
    limits: Limits | None = None,
    offline: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Exploration:
    """Run a version in its recorded environment (A), built where it does not stand yet, and in the present one (B).

    Raises
    ------
    ModelError
        As `audit_lab.replay.environment.construction.prepare_environment` and `explore`.
    """
    environment = build_environment(recorded, progress=progress, offline=offline)
    return explore(model, None, inputs, environment, None, limits=limits)


def explore(
    model_a: Model,
    model_b: Model | None,
    inputs: pl.DataFrame,
    environment_a: PythonEnvironment | None = None,
    environment_b: PythonEnvironment | None = None,
    *,
    limits: Limits | None = None,
) -> Exploration:
    """Run the same inputs twice and compare row by row.

    Parameters
    ----------
    model_a, model_b
        The versions; B is A where None.
    inputs
        The recorded feature columns, and ``prediction_id`` and ``threshold`` where they are known. Without a threshold
        each version's own counts.
    environment_a, environment_b
        The environments; the present one where None.
    limits
        What each run may use.

    Raises
    ------
    MisuseError
        The inputs lack a feature that one of the versions takes.
    ModelError, SandboxError
        A version cannot be run on the inputs, or did not come to an end.
    """
    a, side_a = _run(model_a, inputs, environment_a, limits)
    b, side_b = _run(model_b or model_a, inputs, environment_b, limits)
    ids = inputs[_ID] if _ID in inputs.columns else pl.int_range(inputs.height, eager=True).alias(_ID)
    table = _table(ids, a, b)
    differences = compare(side_a.fingerprint, side_b.fingerprint, whole=True)
    same = same_numerics(side_a.fingerprint, side_b.fingerprint)
    return Exploration(table, _summary(table, (side_a, side_b), differences), differences, (side_a, side_b), same)


def _run(
    model: Model, inputs: pl.DataFrame, environment: PythonEnvironment | None, limits: Limits | None
) -> tuple[pl.DataFrame, Side]:
    missing = [name for name in model.signature.names if name not in inputs.columns]
    if missing:
        raise MisuseError(
            f"the inputs lack {', '.join(missing)}, which {model.name} takes",
            "Explore versions that take the same features, or add the columns.",
        )
    threshold = pl.lit(model.version["threshold"], dtype=pl.Float64).alias("threshold")
    rows = inputs.select(
        "threshold" if "threshold" in inputs.columns else threshold,
        *(pl.col(name).alias(FEATURE + name) for name in model.signature.names),
    )
    worker = worker_for(model, limits=limits, environment=environment)
    scored = score_rows(model, rows, worker)
    # From the same child, after the model ran: its libraries are loaded.
    stated = worker.run(_REPORT, header={}, tables={}).header.get("fingerprint")
    fingerprint, _ = Fingerprint.parse(stated if isinstance(stated, dict) else None)
    name = _PRESENT if environment is None else environment.name
    return scored.rows, Side(model.name, name, fingerprint or Fingerprint(), scored.isolation)


def _table(ids: pl.Series, a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    one, other = _numbers(a, b)
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - other)
    steps, narrow = ulp_distance(one, other)
    same = same_bits(one, other)
    worst = np.where(np.isnan(apart), -1.0, apart).max(axis=1)
    known = ~_in_all(np.isnan(apart))
    columns = {
        _ID: ids,
        "score_a": a["score"],
        "score_b": b["score"],
        "absolute_difference": pl.Series(worst),
        "ulps": pl.Series(np.where(np.isnan(apart), 0, steps).max(axis=1).astype(np.uint64)),
        "precision": pl.Series(np.where(_in_all(narrow), "float32", "float64")),
        "same_bits": _in_all(same) & (a["label"].eq_missing(b["label"])),
    }
    for name in ("label", "decision"):
        columns |= {f"{name}_a": a[name], f"{name}_b": b[name], f"{name}_differs": a[name].ne_missing(b[name])}
    measured = ("absolute_difference", "ulps", "precision")
    return pl.DataFrame(columns).with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in measured)


def _in_all(flags: NDArray[np.bool_]) -> pl.Series:
    """Return for each row whether a flag is set in all its columns."""
    return pl.Series(np.logical_and.reduce(flags, axis=1), dtype=pl.Boolean)


def _numbers(a: pl.DataFrame, b: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what is compared: the score, shape ``(rows, 1)``, or each probability, shape ``(rows, classes)``."""
    lists = a["probabilities"], b["probabilities"]
    widths = {width for each in lists for width in each.list.len().unique().to_list()}
    if len(widths) == 1 and None not in widths and a.height:
        width = widths.pop()
        arrays = [each.list.to_array(width).to_numpy().astype(np.float64).reshape(-1, width) for each in lists]
    else:
        arrays = [each["score"].cast(pl.Float64).to_numpy().astype(np.float64).reshape(-1, 1) for each in (a, b)]
    return arrays[0], arrays[1]


def _summary(table: pl.DataFrame, sides: tuple[Side, Side], differences: tuple[Difference, ...]) -> str:
    rows, same = table.height, int(table["same_bits"].sum())
    what = f"{sides[0]} and {sides[1]}: {same:,} of {rows:,} outputs have the same bits"
    if same < rows:
        distance, steps = table["absolute_difference"].max(), table["ulps"].max()
        if isinstance(distance, float) and isinstance(steps, int):
            what += f"; the largest distance is {distance:.3g}, or {steps:,} steps between neighbouring floats"
    labels, decisions = (int(table[f"{name}_differs"].sum()) for name in ("label", "decision"))
    if same < rows or labels or decisions:
        what += f"; {labels:,} labels and {decisions:,} decisions differ"
    packages = [each for each in differences if each.field.startswith("packages.") and each.matters]
    if not differences:
        return f"{what}. The two environments are the same in all that was looked at."
    named = ", ".join(
        f"{each.field.removeprefix('packages.')} {each.recorded or 'absent'} against {each.present or 'absent'}"
        for each in packages
    )
    others = len(differences) - len(packages)
    return (
        f"{what}. Packages that a score passes through and that differ: {named or 'none'}; other differences: {others}."
    )
