"""Rows that a model refuses, told apart from those that it takes by running parts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import polars as pl

from audit_lab.errors import ModelError, SandboxError
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.scored import failure_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["told_apart"]

#: They are found in at most so many runs.
_MOST_RUNS = 200
#: What one row can be the reason of; other failures are those of the version, or of the machine.
_BY_ROW = ("model-error", "inputs-refused", "score-not-finite")

_Outcome = TypeVar("_Outcome")


def told_apart(
    rows: pl.DataFrame, run: Callable[[pl.DataFrame], _Outcome | ModelError | SandboxError]
) -> Iterator[tuple[pl.DataFrame, _Outcome | ModelError | SandboxError]]:
    """Yield rows with what came of them; where a model refuses rows, those that it takes are found by trying parts.

    Rows with the same features missing are tried together first: that is what a model refuses most often. Then parts
    are halved, until the runs are used up; what is left is told to have failed with the others.
    """
    waiting, runs = [rows], 0
    while waiting:
        some = waiting.pop(0)
        outcome = run(some)
        runs += 1
        is_by_row = isinstance(outcome, ModelError | SandboxError) and failure_code(outcome) in _BY_ROW
        if not is_by_row or some.height == 1 or runs >= _MOST_RUNS:
            yield some, outcome
        elif runs == 1:
            waiting += _by_what_is_missing(some)
        else:
            half = some.height // 2
            waiting += [some[:half], some[half:]]


def _by_what_is_missing(rows: pl.DataFrame) -> list[pl.DataFrame]:
    names = [name for name in rows.columns if name.startswith(FEATURE) and rows[name].null_count()]
    if not names:
        half = rows.height // 2
        return [rows[:half], rows[half:]]
    missing = rows.select(pl.concat_str(pl.col(name).is_null().cast(pl.UInt8) for name in names).alias("missing"))
    return rows.hstack(missing).partition_by("missing", maintain_order=True, include_key=False)
