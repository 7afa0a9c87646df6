"""The decisions of a group that can be explained, in order and in blocks of one size, and why the others cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.explain.cohorts.kept_rows import RANK, ranks, smallest
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.impact.own_memory import in_own_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.explain.cohorts.asked import Resolved
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Prepared, Runner

__all__ = ["ROW", "Chosen", "Obstacle", "Sieve", "chosen", "in_blocks"]

#: What of a row is kept beside its inputs.
ROW = ("prediction_id", "place", "occurred_at")
_SCORE = "recorded_score"
_ORDER = "__order__"
#: What keeps a decision from being replayed, and its score from nothing: it is explained all the same.
_NO_OBSTACLE = ("threshold-missing", "output-missing")


@dataclass
class Obstacle:
    """How many rows something keeps from being explained, the first of them, and what was said of it."""

    rows: int
    first_id: str | None
    detail: str | None


class Sieve:
    """Passes the rows that can be explained.

    Parameters
    ----------
    resolved
        The group.
    runner
        Knows what keeps a row from being replayed.

    Attributes
    ----------
    model
        The version, once a row passed.
    obstacles
        By code, what did not pass so far.
    """

    def __init__(self, resolved: Resolved, runner: Runner) -> None:
        self._resolved = resolved
        self._runner = runner
        self.model: Model | None = None
        self.obstacles: dict[str, Obstacle] = {}

    def rows(self) -> Iterator[pl.DataFrame]:
        """Yield what passes of each chunk: `ROW`, ``recorded_score`` and the features with their prefix.

        Raises
        ------
        MisuseError
            The registry says two different things of the version at different times of the group.
        LogError
            A table cannot be read.
        """
        for chunk in self._resolved.rows():
            for group in self._runner.prepared(chunk):
                code = pl.col("code")
                passes = code.is_null() | code.is_in(_NO_OBSTACLE) if group.model is not None else pl.lit(value=False)
                self._count(group.rows.filter(~passes))
                ready = group.rows.filter(passes)
                if ready.height:
                    names = [FEATURE + name for name in self._taken(group).signature.names]
                    yield ready.select(*ROW, _SCORE, *names)

    def refuse(self, rows: pl.DataFrame, code: str, detail: str) -> None:
        """Count rows that passed, and that the model refused."""
        self._count(rows.with_columns(code=pl.lit(code), detail=pl.lit(detail)))

    def _count(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        counted = rows.group_by("code", maintain_order=True).agg(
            pl.len().cast(pl.Int64), pl.col("prediction_id").first(), pl.col("detail").drop_nulls().first()
        )
        for code, count, first_id, detail in counted.iter_rows():
            before = self.obstacles.setdefault(code, Obstacle(0, first_id, detail))
            before.rows += count

    def _taken(self, group: Prepared) -> Model:
        model = group.model
        if model is None:
            raise ValueError("a group without a model has no ready rows")
        if self.model is None:
            self.model = model
        ours = (self.model.artifact.content_sha256, self.model.signature)
        if (model.artifact.content_sha256, model.signature) != ours:
            raise MisuseError(
                f"the registry says another artifact or signature of {self.model.name} for some of these decisions",
                "Narrow the window to before or after the registry's row was corrected: since=..., until=...",
            )
        return self.model


@dataclass(frozen=True)
class Chosen:
    """Some of the rows, in their order, with their `RANK`; how many there were, and the highest rank among those taken.

    `highest` is None where all were taken.
    """

    rows: pl.DataFrame
    available: int
    highest: int | None

    def words(self, seed: int) -> str | None:
        """Return how they were chosen; None where all were taken."""
        if self.highest is None:
            return None
        return f"of {self.available:,} that can be, those with the smallest SHA-256 of '{seed}|prediction_id'"


def chosen(rows: Iterator[pl.DataFrame], most: int, seed: int) -> Chosen:
    """Return at most so many of the rows, of which there is at least one: those with the smallest rank."""
    kept, count = None, 0
    for each in rows:
        numbered = each.with_columns(
            ranks(each["prediction_id"], seed), pl.Series(_ORDER, np.arange(count, count + each.height))
        )
        count += each.height
        both = numbered if kept is None else pl.concat([kept, numbered])
        kept = in_own_memory(smallest(both, most))
    if kept is None:
        raise ValueError("there are no rows to choose from")
    highest = int(kept[RANK][-1]) if count > most else None
    return Chosen(kept.sort(_ORDER).drop(_ORDER), count, highest)


def in_blocks(rows: Iterable[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Yield rows in blocks of one size, whatever they come in; the last block may have fewer."""
    pending: list[pl.DataFrame] = []
    held = 0
    for each in rows:
        pending.append(each)
        held += each.height
        if held < size:
            continue
        together = pl.concat(pending)
        for first in range(0, held - held % size, size):
            yield together[first : first + size]
        pending, held = [together[held - held % size :]], held % size
    if held:
        yield pl.concat(pending)
