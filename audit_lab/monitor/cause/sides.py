"""The decisions of a window that its version can be run on, and what a version makes of them and of changed ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.errors import ModelError
from audit_lab.explain.cohorts.kept_rows import RANK
from audit_lab.explain.cohorts.sieve import chosen
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.readiness import misfit
from audit_lab.replay.runner import Prepared
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    import numpy.typing as npt

    from audit_lab.monitor.cause.question import CauseQuestion
    from audit_lab.monitor.cause.window_rows import WindowRows
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Runner

    Numbers = npt.NDArray[np.float64]

__all__ = ["Side", "Trials", "side_of"]

_NUMBER = "__number__"
#: Decisions of a window that a model is run on, unless the question says how many.
_FEW = 2_000


@dataclass(frozen=True, eq=False)
class Side:
    """Decisions of a window's main version, and the version.

    Parameters
    ----------
    which
        ``before`` or ``after``.
    version, model
        The version that took most of the window's decisions that can be replayed.
    rows
        Decisions of it that can be run, with their `RANK`.
    available, others
        How many can, and how many decisions of the window are not of them: of other versions, or not to be run.
    chosen
        How `rows` were chosen, where they are not all; else None.
    """

    which: str
    version: str
    model: Model
    rows: pl.DataFrame
    available: int
    others: int
    chosen: str | None

    @property
    def size(self) -> int:
        """How many decisions are run."""
        return self.rows.height

    def facts(self) -> list[str]:
        """Return which decisions of the window a model is run on, where they are not all."""
        said = []
        if self.others:
            said.append(
                f"window {self.which}: {self.others:,} decisions are of other versions than {self.version}, or cannot "
                "be run again, and are not among those that a model is run on"
            )
        if self.chosen is not None:
            said.append(f"window {self.which}: a model is run on {self.size:,} decisions; {self.chosen}")
        return said

    def groups(self, count: int) -> npt.NDArray[np.int64]:
        """Return the number of a random group for each decision, by its SHA-256: 0 to `count` less 1."""
        order = np.argsort(self.rows[RANK].to_numpy(), kind="stable")
        groups = np.empty(self.size, np.int64)
        groups[order] = np.arange(self.size) % count
        return groups


def side_of(window: WindowRows, which: str, runner: Runner, asked: CauseQuestion) -> Side:
    """Return the decisions of a window that its main version can be run on.

    Raises
    ------
    ModelError
        The version that took most of its decisions cannot be run, with the code of why; or fewer than the minimum of
        its decisions can.
    """
    groups = runner.prepared(window.frame)
    main = max(groups, key=lambda group: (group.rows.height, group.name))
    ready = main.ready if main.model is not None else main.rows.clear()
    if main.model is None or ready.height < asked.minimum:
        codes = main.rows.drop_nulls("code").group_by("code").agg(pl.len(), pl.col("detail").drop_nulls().first())
        code, _, detail = codes.sort("len", "code", descending=[True, False]).row(0) if codes.height else ("", 0, None)
        why = (detail or EFFECTS.get(code, f"{ready.height:,} decisions can be run again")).rstrip(".")
        raise ModelError(
            f"most decisions of the window {which} are of {main.name}, which cannot be run on enough of them: {why}",
            "audit-lab coverage says what is wanting.",
            code or "inputs-missing",
        )
    taken = chosen(iter([ready]), asked.rows or _FEW, asked.seed)
    return Side(
        which,
        str(main.model.version["model_version"]),
        main.model,
        taken.rows,
        ready.height,
        window.frame.height - ready.height,
        taken.words(asked.seed),
    )


class Trials:
    """Runs versions on decisions, as recorded and changed, in the sandbox.

    Parameters
    ----------
    runner, asked
        What runs them, and what is asked of each outcome.
    inputs
        The columns that the log holds of the model's inputs.
    """

    def __init__(self, runner: Runner, asked: CauseQuestion, inputs: pl.Schema) -> None:
        self._runner = runner
        self._asked = asked
        self._inputs = inputs
        self.refused: dict[str, int] = {}
        self.unseen: dict[str, int] = {}

    def recorded(self, side: Side) -> Numbers:
        """Return what the version of a window makes of its decisions; NaN of those that it refuses."""
        return self._run(side.model, side.rows, is_recorded=True)

    def check(self, sides: tuple[Side, Side], outcomes: tuple[Numbers, Numbers]) -> None:
        """See whether the versions take decisions of both windows as recorded.

        Raises
        ------
        ModelError
            One takes fewer than two.
        """
        for side, given in zip(sides, outcomes, strict=True):
            if np.isfinite(given).sum() < 2:  # noqa: PLR2004 - no mean of one
                codes = ", ".join(sorted(self.refused)) or "no outcome"
                raise ModelError(
                    f"{side.model.name} gives no outcome for the decisions of the window {side.which} ({codes})",
                    "Replay one of them to see why.",
                    next(iter(sorted(self.refused)), "model-error"),
                )

    def changed(self, side: Side, feature: str, values: pl.Series) -> Numbers:
        """Return what it makes of them with other values of a feature."""
        return self._run(side.model, side.rows.with_columns(values.alias(FEATURE + feature)))

    def by(self, model: Model, side: Side) -> Numbers:
        """Return what another version makes of them, by its own threshold and rules.

        Raises
        ------
        ModelError
            It does not take the inputs on record.
        """
        wanting = misfit(model, self._inputs)
        if wanting is not None:
            code, detail = wanting
            raise ModelError(f"{model.name} cannot be run on the decisions of the other window: {detail}", "", code)
        threshold = pl.lit(model.version["threshold"], dtype=pl.Float64).alias("threshold")
        return self._run(model, side.rows.with_columns(threshold))

    def _run(self, model: Model, rows: pl.DataFrame, *, is_recorded: bool = False) -> Numbers:
        numbered = rows.with_columns(pl.Series(_NUMBER, np.arange(rows.height)))
        tried = self._runner.tried(Prepared(model.name, model, numbered))
        found = np.full(rows.height, np.nan)
        for failed in tried.failed:
            for code, count in failed.group_by("code").len().iter_rows():
                self.refused[code] = self.refused.get(code, 0) + count
        for scored in tried.scored:
            found[scored.rows[_NUMBER].to_numpy()] = self._value(scored.rows)
            for name, count in scored.unseen.items() if is_recorded else ():
                self.unseen[name] = self.unseen.get(name, 0) + count
        return found

    def _value(self, rows: pl.DataFrame) -> Numbers:
        if self._asked.of == "score":
            return rows["score"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        said = (rows["decision"] == self._asked.favourable).cast(pl.Float64)
        return said.fill_null(float("nan")).to_numpy()
