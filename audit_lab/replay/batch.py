"""Replay many predictions: group them by version, run each version's artifact once, compare row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError, SandboxError
from audit_lab.log.reading import collect
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.artifact import read_artifact
from audit_lab.replay.decision_rules import decide, parse_rules
from audit_lab.replay.registry import registered_versions
from audit_lab.replay.signature import Signature
from audit_lab.replay.verdict import EFFECTS, TOLERANCE, Verdict
from audit_lab.sandbox import run_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.log.store import LogStore
    from audit_lab.sandbox import Limits

__all__ = ["BatchReplay", "Model", "load_registered", "repeated_ids", "replay_rows"]

_SCORE = "audit_lab.replay.scoring:score"
_DTYPES: dict[str, tuple[type[pl.DataType], ...]] = {
    "str": (pl.String, pl.Categorical, pl.Enum),
    "float": (pl.Float64, pl.Float32, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32),
    "int": (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32),
    "bool": (pl.Boolean,),
}
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
class Model:
    """A registered version ready to run: its registry row, signature, rules and checked artifact."""

    version: dict[str, Any]
    signature: Signature
    artifact: bytes

    @property
    def name(self) -> str:
        """Model and version in one, for messages."""
        return f"{self.version['model_name']} {self.version['model_version']}"


@dataclass(frozen=True)
class BatchReplay:
    """The verdict of each prediction (`RESULT_SCHEMA`), and the isolation each version ran under."""

    rows: pl.DataFrame
    isolation: dict[str, dict[str, str]]


def load_registered(store: LogStore, model_name: str | None, model_version: str | None) -> Model:
    """Return a version's registry row, signature and artifact, each checked.

    Raises
    ------
    ModelError
        With the code of the first thing that is wanting.
    """
    if model_name is None or model_version is None:
        raise ModelError(
            EFFECTS["version-not-stated"].rstrip("."), "Supply it through the mapping.", "version-not-stated"
        )
    name = f"{model_name} {model_version}"
    rows = registered_versions(store).get((model_name, model_version), [])
    if not rows:
        raise ModelError(
            f"the registry of {store.origin} has no version {name}",
            "Ask who deployed it: a version in traffic that was never registered has no approval either.",
            "version-not-registered",
        )
    if len({row["artifact_sha256"] for row in rows}) > 1:
        raise ModelError(
            f"the registry of {store.origin} has {len(rows)} rows for {name}, with different digests",
            "Ask the model's owner which artifact was in force.",
            "version-ambiguous",
        )
    signature = Signature.parse(rows[-1]["signature"], name)
    return Model(rows[-1], signature, read_artifact(store, rows[-1]))


def repeated_ids(store: LogStore) -> pl.Series:
    """Return the prediction ids that stand in more than one place of the log."""
    counted = store.table("predictions").group_by("prediction_id").len().filter(pl.col("len") > 1)
    return collect(counted, f"the predictions of {store.path}")["prediction_id"].sort()


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
        Rows as `audit_lab.log.query.find` returns them (canonical columns and ``place``).
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
    rows = _recorded(predictions).with_columns(
        code=pl.when(pl.col("error").is_not_null())
        .then(pl.lit("prediction-failed"))
        .when(pl.col("prediction_id").is_in(repeated.implode()))
        .then(pl.lit("ambiguous-id"))
        .when(pl.col("model_version").is_null())
        .then(pl.lit("version-not-stated"))
    )
    done, isolation = [rows.filter(pl.col("code").is_not_null())], {}
    open_rows = rows.filter(pl.col("code").is_null())
    for key, group in open_rows.group_by("model_name", "model_version", maintain_order=True):
        model_name, model_version = str(key[0]), str(key[1])
        try:
            model = load_registered(store, model_name, model_version)
            replayed, isolation[model_version] = _replay_version(store, model, group, limits)
        except ModelError as error:
            replayed = group.with_columns(code=pl.lit(error.code), detail=pl.lit(str(error)))
        except SandboxError as error:
            code = _TASK_CODES.get(error.reason, "model-output")
            replayed = group.with_columns(code=pl.lit(code), detail=pl.lit(str(error)))
        done.append(replayed)
        if progress is not None:
            progress(f"{model_name} {model_version}", group.height)
    result = pl.concat(done, how="diagonal_relaxed").sort("_order")
    verdict = pl.when(pl.col("verdict").is_null()).then(pl.lit(str(Verdict.UNREPLAYABLE))).otherwise("verdict")
    missing = [pl.lit(None, dtype=dtype).alias(n) for n, dtype in RESULT_SCHEMA.items() if n not in result.columns]
    return BatchReplay(
        result.with_columns(missing).with_columns(verdict=verdict).select(RESULT_SCHEMA.names()), isolation
    )


def _recorded(predictions: pl.DataFrame) -> pl.DataFrame:
    return predictions.select(
        "prediction_id",
        "place",
        "model_name",
        "model_version",
        "threshold",
        "error",
        pl.col("outputs").struct.field("score").alias("recorded_score"),
        pl.col("outputs").struct.field("label").alias("recorded_label"),
        pl.col("decision_rule").alias("recorded_rule"),
        pl.col("decision").alias("recorded_decision"),
        pl.lit(None, dtype=pl.String).alias("verdict"),
        pl.lit(None, dtype=pl.String).alias("detail"),
    ).with_row_index("_order")


def _replay_version(
    store: LogStore, model: Model, group: pl.DataFrame, limits: Limits | None
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Score a group of one version's predictions and compare; rows that cannot be scored carry a code instead."""
    rows = _join_inputs(store, model, group)
    ready = rows.filter(pl.col("code").is_null())
    if not ready.height:
        return rows, {}
    result = run_task(
        _SCORE,
        header={"signature": model.signature.to_json(), "artifact_format": model.version["artifact_format"]},
        tables={"inputs": ready.select(model.signature.names)},
        files={"artifact": model.artifact},
        limits=limits,
    )
    scores = result.tables.get("scores")
    if scores is None or scores.schema != {"score": pl.Float64} or scores.height != ready.height:
        raise SandboxError(
            f"the scores of {model.name} are not one number for each row", "Treat it as hostile.", "output"
        )
    registered = model.version["threshold"]
    threshold = pl.coalesce("threshold", pl.lit(registered, dtype=pl.Float64))
    scored = ready.with_columns(scores["score"], threshold=threshold)
    rules = parse_rules(model.version["decision_rules"], model.name)
    compared = _compare(decide(scored, model.signature, rules, model.name))
    return pl.concat([rows.filter(pl.col("code").is_not_null()), compared], how="diagonal_relaxed"), result.isolation


def _join_inputs(store: LogStore, model: Model, group: pl.DataFrame) -> pl.DataFrame:
    """Add the recorded inputs, one row for each prediction, and the code of what is wanting."""
    model_name, names = model.version["model_name"], list(model.signature.names)
    if model_name not in store.models():
        return group.with_columns(code=pl.lit("inputs-missing"))
    inputs = store.inputs(model_name)
    schema = inputs.collect_schema()
    lacking = [name for name in names if name not in schema]
    if lacking:
        return group.with_columns(code=pl.lit("inputs-incomplete"), detail=pl.lit("Missing: " + ", ".join(lacking)))
    wrong = [
        f"{feature.name} is {schema[feature.name]}"
        for feature in model.signature.features
        if schema[feature.name] != pl.Null and not isinstance(schema[feature.name], _DTYPES[feature.dtype])
    ]
    if wrong:
        return group.with_columns(code=pl.lit("inputs-mistyped"), detail=pl.lit("; ".join(wrong)))
    wanted = inputs.select("prediction_id", *names).filter(
        pl.col("prediction_id").is_in(group["prediction_id"].implode())
    )
    found = collect(wanted, f"the table {INPUTS_PREFIX}{model_name} of {store.path}")
    counted = found.with_columns(_copies=pl.len().over("prediction_id")).unique("prediction_id", keep="first")
    joined = group.join(counted, on="prediction_id", how="left", maintain_order="left", validate="m:1")
    return joined.with_columns(
        code=pl.when(pl.col("_copies").is_null())
        .then(pl.lit("inputs-missing"))
        .when(pl.col("_copies") > 1)
        .then(pl.lit("ambiguous-id"))
        .when(pl.col("recorded_score").is_null())
        .then(pl.lit("output-missing"))
    ).drop("_copies")


def _compare(rows: pl.DataFrame) -> pl.DataFrame:
    """Name the first step at which the replay parted from the record: score, label, rule, decision."""
    same = pl.col("score").eq_missing(pl.col("recorded_score"))
    near = pl.col("distance") <= TOLERANCE
    steps = {
        "score-differs": ~(same | near),
        "label-differs": _parted("recorded_label", "label"),
        "rule-differs": _parted("recorded_rule", "decision_rule"),
        "decision-differs": _parted("recorded_decision", "decision"),
    }
    code = pl.when(same).then(pl.lit("exact")).otherwise(pl.lit("within-tolerance"))
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


def _parted(recorded: str, replayed: str) -> pl.Expr:
    """Where both are known and differ; what was not recorded is not compared."""
    return pl.col(recorded).is_not_null() & (pl.col(recorded) != pl.col(replayed))
