"""Replay many predictions: group them by version, run each version's artifact once, compare row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.errors import ModelError, SandboxError
from audit_lab.replay.decision_rules import FEATURE, decide
from audit_lab.replay.readiness import examined, repeated_ids
from audit_lab.replay.verdict import TOLERANCE, Verdict
from audit_lab.sandbox import run_task

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from audit_lab.log.store import LogStore
    from audit_lab.replay.registered import Model
    from audit_lab.sandbox import Limits

__all__ = ["BatchReplay", "replay_rows"]

_SCORE = "audit_lab.replay.scoring:score"
_TASK_CODES = {"timeout": "model-timeout", "memory": "model-memory", "crash": "model-crash", "error": "model-error"}

RESULT_SCHEMA = pl.Schema(
    {
        "prediction_id": pl.String,
        "place": pl.String,
        "model_name": pl.String,
        "model_version": pl.String,
        "verdict": pl.String,
        "code": pl.String,
        "detail": pl.String,
        "recorded_score": pl.Float64,
        "replayed_score": pl.Float64,
        "distance": pl.Float64,
        "recorded_label": pl.String,
        "replayed_label": pl.String,
        "recorded_rule": pl.String,
        "replayed_rule": pl.String,
        "recorded_decision": pl.String,
        "replayed_decision": pl.String,
    }
)


@dataclass(frozen=True)
class BatchReplay:
    """The verdict of each prediction (`RESULT_SCHEMA`), and the isolation each model and version ran under."""

    rows: pl.DataFrame
    isolation: dict[str, dict[str, str]]


def replay_rows(
    store: LogStore,
    predictions: pl.DataFrame,
    *,
    repeated: pl.Series | None = None,
    limits: Limits | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> BatchReplay:
    """Replay predictions and compare each with its record.

    Parameters
    ----------
    predictions
        Rows as `audit_lab.log.search.query.find` returns them (canonical columns and ``place``).
    repeated
        Ids known to stand in several places; looked up when omitted.
    limits
        What each version's child process may use.
    progress
        Called after each version with its name and the number of predictions it had.

    Returns
    -------
    BatchReplay
        One row for each prediction given, in the same order.
    """
    repeated = repeated_ids(store) if repeated is None else repeated
    done, isolation = [], {}
    for group in examined(store, predictions, repeated):
        replayed = group.rows
        if group.model is not None and replayed["code"].null_count():
            try:
                replayed, isolation[group.name] = _replay_version(group.model, replayed, limits)
            except (ModelError, SandboxError) as error:
                reason = error.code if isinstance(error, ModelError) else _TASK_CODES.get(error.reason, "model-output")
                code = pl.coalesce("code", pl.lit(reason))
                replayed = replayed.with_columns(code=code, detail=pl.coalesce("detail", pl.lit(str(error))))
        done.append(_result(replayed))
        if progress is not None:
            progress(group.name, replayed.height)
    rows = pl.concat(done).sort("_order").drop("_order") if done else pl.DataFrame(schema=RESULT_SCHEMA)
    return BatchReplay(rows, isolation)


def _result(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of `RESULT_SCHEMA` and the order; what has no verdict could not be replayed."""
    missing = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in RESULT_SCHEMA.items() if name not in rows.columns
    ]
    verdict = pl.coalesce("verdict", pl.lit(str(Verdict.UNREPLAYABLE)))
    return rows.with_columns(missing).select("_order", *RESULT_SCHEMA.names()).with_columns(verdict=verdict)


def _replay_version(model: Model, rows: pl.DataFrame, limits: Limits | None) -> tuple[pl.DataFrame, dict[str, str]]:
    """Score the rows of one version that nothing keeps from it, and compare."""
    ready = rows.filter(pl.col("code").is_null())
    result = run_task(
        _SCORE,
        header={"signature": model.signature.to_json(), "artifact_format": model.version["artifact_format"]},
        tables={"inputs": ready.select(pl.col(FEATURE + name).alias(name) for name in model.signature.names)},
        files={"artifact": model.artifact},
        limits=limits,
    )
    scores = result.tables.get("scores")
    if scores is None or scores.schema != {"score": pl.Float64} or scores.height != ready.height:
        raise SandboxError(
            f"the scores of {model.name} are not one number for each row", "Treat it as hostile.", "output"
        )
    compared = _compare(decide(ready.with_columns(scores["score"]), model.signature, model.rules, model.name))
    return pl.concat([rows.filter(pl.col("code").is_not_null()), compared], how="diagonal_relaxed"), result.isolation


def _compare(rows: pl.DataFrame) -> pl.DataFrame:
    """Name the first step at which the replay parted from the record: score, label, rule, decision."""
    same = pl.Series(_bits(rows["score"]) == _bits(rows["recorded_score"]))
    near = pl.col("distance") <= TOLERANCE
    steps = {
        "score-differs": ~(pl.lit(same) | near),
        "label-differs": _parted("recorded_label", "label"),
        "rule-differs": _parted("recorded_rule", "decision_rule"),
        "decision-differs": _parted("recorded_decision", "decision"),
    }
    code = pl.when(pl.lit(same)).then(pl.lit("exact")).otherwise(pl.lit("within-tolerance"))
    for name, parted in reversed(steps.items()):
        code = pl.when(parted.fill_null(value=name == "score-differs")).then(pl.lit(name)).otherwise(code)
    verdicts = {"exact": Verdict.EXACT, "within-tolerance": Verdict.WITHIN_TOLERANCE}
    compared = rows.with_columns(distance=(pl.col("score") - pl.col("recorded_score")).abs()).with_columns(code=code)
    return compared.with_columns(
        verdict=pl.col("code").replace_strict(
            {name: str(value) for name, value in verdicts.items()},
            default=str(Verdict.DIVERGED),
            return_dtype=pl.String,
        ),
        replayed_score=pl.col("score"),
        replayed_label=pl.col("label"),
        replayed_rule=pl.col("decision_rule"),
        replayed_decision=pl.col("decision"),
    )


def _bits(scores: pl.Series) -> npt.NDArray[np.uint64]:
    """Return the IEEE 754 bits of scores, none of them null: -0.0 is not 0.0, and one NaN is not another."""
    return scores.to_numpy().astype(np.float64).view(np.uint64)


def _parted(recorded: str, replayed: str) -> pl.Expr:
    """Where something was recorded and something else, or nothing, came out; what was not recorded is not compared."""
    return pl.col(recorded).is_not_null() & pl.col(recorded).ne_missing(pl.col(replayed))
