"""Replay a window as a user asks for it: kept or in memory, in the present or the recorded environment, explained."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.replay.batch import replay_window
from audit_lab.replay.batch_replay import BatchReplay, GroupExplanation
from audit_lab.replay.kept_replay import KeptReplay
from audit_lab.replay.recorded_rows import CHUNK_ROWS
from audit_lab.replay.runner import RESULT_SCHEMA
from audit_lab.replay.verdict import STEPS, Verdict
from audit_lab.sandbox import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore
    from audit_lab.replay.runner import Runner

__all__ = ["replay_all"]

#: Causes are looked for in so many groups of what diverged (version, step and day), the largest first ...
_MOST_GROUPS = 8
#: ... each by so many decisions, spread over the day.
_MOST_ROWS = 200


def replay_all(
    store: LogStore,
    question: Question,
    runner: Runner,
    *,
    keep: Path | str | None = None,
    causes: bool = True,
    progress: Callable[[str, int], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> BatchReplay:
    """Replay what a question finds.

    Parameters
    ----------
    store, question, runner
        As `audit_lab.replay.batch.replay_window`.
    keep
        A folder to keep results in as they come; a replay of the same that was stopped there goes on. Memory does not
        grow with the window then.
    causes
        Whether to look for what reproduces what diverged.
    progress
        Called after each chunk of a version with its name and the number of predictions.
    chunk_rows
        Rows of a chunk.

    Raises
    ------
    MisuseError
        A polars expression is to be kept, or the folder holds something else.
    """
    kept = None if keep is None else KeptReplay(keep, _asked(store, question, runner, chunk_rows), RESULT_SCHEMA)
    chunks = replay_window(store, question, runner, keep=kept, progress=progress, chunk_rows=chunk_rows)
    if kept is None:
        found = list(chunks)
        rows = pl.concat(found).lazy() if found else pl.LazyFrame(schema=RESULT_SCHEMA)
        ran = dict(runner.ran)
    else:
        for _ in chunks:
            pass
        rows, ran = kept.rows(), kept.ran()
    explanations = tuple(_explanations(store, rows, runner)) if causes else ()
    asked = {**question.to_dict(), "causes": causes, **runner.stated()}
    return BatchReplay(rows, ran, explanations, None if kept is None else kept.folder, asked)


def _asked(store: LogStore, question: Question, runner: Runner, chunk_rows: int) -> dict[str, Any]:
    """Return what a replay is of: the log's state, the question, and what bears on the verdicts."""
    if not isinstance(question.expression, str | None):
        raise MisuseError(
            "a replay by a polars expression cannot be kept", "Write the expression as text, or leave keep out."
        )
    return {
        "log": store.origin,
        "state": store.checkpoint or (store.manifest.sha256 if store.manifest else store.location),
        **question.to_dict(),
        "chunk_rows": chunk_rows,
        "limits": asdict(runner.limits or Limits()),
        **runner.stated(),
    }


def _explanations(store: LogStore, rows: pl.LazyFrame, runner: Runner) -> Iterator[GroupExplanation]:
    """Yield what explains the largest groups of what diverged."""
    from audit_lab.replay.causes.inquiry import Inquiry

    day = pl.col("occurred_at").dt.date().alias("day")
    known = [f"{step}-differs" for step in STEPS]
    wanted = (pl.col("verdict") == str(Verdict.DIVERGED)) & pl.col("code").is_in(known)
    diverged = rows.filter(wanted).select("prediction_id", "model_name", "model_version", "code", day)
    keys = ["model_name", "model_version", "code", "day"]
    counted = diverged.group_by(keys).len("diverged").sort("diverged", *keys, descending=[True, *[False] * 4])
    inquiry = Inquiry(store, runner)
    for row in counted.head(_MOST_GROUPS).collect().iter_rows(named=True):
        same = [pl.col(name).eq_missing(pl.lit(row[name])) for name in keys]
        ids = diverged.filter(*same).select("prediction_id").collect()["prediction_id"].drop_nulls()
        chosen = ids.gather_every(max(1, ids.len() // _MOST_ROWS)).head(_MOST_ROWS)
        explanation = inquiry.into_ids(chosen, row["code"], row["model_name"], row["day"])
        if explanation is not None:
            yield GroupExplanation(
                row["model_name"], row["model_version"], row["code"], str(row["day"]), row["diverged"], explanation
            )
