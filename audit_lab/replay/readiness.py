"""What keeps a prediction from being replayed: found without running a model, and the same for one and for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.reading import collect
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.registered import Model, load_registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.store import LogStore
    from audit_lab.replay.signature import Feature

__all__ = ["Group", "examined", "repeated_ids"]

_WHOLE = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_DTYPES: dict[str, tuple[type[pl.DataType], ...]] = {
    "str": (pl.String, pl.Categorical, pl.Enum),
    "float": (pl.Float64, pl.Float32, *_WHOLE),
    "int": _WHOLE,
    "bool": (pl.Boolean,),
}


@dataclass(frozen=True)
class Group:
    """Predictions of one model version.

    `rows` has what was recorded (``recorded_score``, ``recorded_label``, ``recorded_rule``, ``recorded_decision``,
    ``threshold``), ``code`` and ``detail`` of what keeps each from being replayed (null where nothing does) and, where
    there is a model, its features, each named with the prefix `FEATURE`.
    """

    name: str
    model: Model | None
    rows: pl.DataFrame


def repeated_ids(store: LogStore) -> pl.Series:
    """Return the prediction ids that stand in more than one place of the log."""
    counted = store.table("predictions").group_by("prediction_id").len().filter(pl.col("len") > 1)
    return collect(counted, f"the predictions of {store.path}")["prediction_id"].sort()


def examined(store: LogStore, predictions: pl.DataFrame, repeated: pl.Series) -> Iterator[Group]:
    """Yield predictions by model version, each with the code of what keeps it from being replayed.

    Parameters
    ----------
    predictions
        Rows as `audit_lab.log.query.find` returns them (canonical columns and ``place``).
    repeated
        Ids that stand in several places.
    """
    rows = _recorded(predictions, repeated)
    for key, group in rows.group_by("model_name", "model_version", maintain_order=True):
        model_name, model_version = (None if part is None else str(part) for part in key)
        name = f"{model_name or 'no model'} {model_version or 'without a version'}"
        try:
            model = load_registered(store, model_name, model_version)
        except ModelError as error:
            yield Group(name, None, _coded(group, error.code, str(error)))
        else:
            yield Group(name, model, _with_inputs(store, model, group))


def _recorded(predictions: pl.DataFrame, repeated: pl.Series) -> pl.DataFrame:
    failed = pl.when(pl.col("error").is_not_null()).then(pl.lit("prediction-failed"))
    return predictions.select(
        "prediction_id",
        "place",
        "model_name",
        "model_version",
        "threshold",
        pl.col("outputs").struct.field("score").alias("recorded_score"),
        pl.col("outputs").struct.field("label").alias("recorded_label"),
        pl.col("decision_rule").alias("recorded_rule"),
        pl.col("decision").alias("recorded_decision"),
        failed.when(pl.col("prediction_id").is_in(repeated.implode())).then(pl.lit("ambiguous-id")).alias("code"),
        pl.lit(None, dtype=pl.String).alias("detail"),
    ).with_row_index("_order")


def _coded(rows: pl.DataFrame, code: str, detail: str) -> pl.DataFrame:
    """Give a code to the rows that have none yet."""
    open_row = pl.col("code").is_null()
    return rows.with_columns(
        code=pl.when(open_row).then(pl.lit(code)).otherwise("code"),
        detail=pl.when(open_row).then(pl.lit(detail)).otherwise("detail"),
    )


def _with_inputs(store: LogStore, model: Model, group: pl.DataFrame) -> pl.DataFrame:
    """Add the recorded inputs, one row for each prediction, and the code of what is wanting."""
    model_name, names = model.version["model_name"], list(model.signature.names)
    if model_name not in store.models():
        return _coded(group, "inputs-missing", "")
    inputs = store.inputs(model_name)
    schema = inputs.collect_schema()
    lacking = [name for name in names if name not in schema]
    if lacking:
        return _coded(group, "inputs-incomplete", "Missing: " + ", ".join(lacking))
    wrong = [
        f"{feature.name} is {schema[feature.name]}"
        for feature in model.signature.features
        if not _fits(feature, schema[feature.name])
    ]
    if wrong:
        return _coded(group, "inputs-mistyped", "; ".join(wrong))
    features = [pl.col(name).alias(FEATURE + name) for name in names]
    wanted = inputs.filter(pl.col("prediction_id").is_in(group["prediction_id"].implode()))
    wanted = wanted.select("prediction_id", *features)
    found = collect(wanted, f"the table {INPUTS_PREFIX}{model_name} of {store.path}")
    counted = found.with_columns(_copies=pl.len().over("prediction_id")).unique("prediction_id", keep="first")
    joined = group.join(counted, on="prediction_id", how="left", maintain_order="left", validate="m:1")
    threshold = pl.coalesce("threshold", pl.lit(model.version["threshold"], dtype=pl.Float64))
    decided = pl.any_horizontal(pl.col("recorded_label", "recorded_decision").is_not_null())
    return (
        joined.with_columns(threshold=threshold)
        .with_columns(
            code=pl.when(pl.col("code").is_not_null())
            .then("code")
            .when(pl.col("_copies").is_null())
            .then(pl.lit("inputs-missing"))
            .when(pl.col("_copies") > 1)
            .then(pl.lit("ambiguous-id"))
            .when(pl.col("recorded_score").is_null())
            .then(pl.lit("output-missing"))
            .when(decided & pl.col("threshold").is_null())
            .then(pl.lit("threshold-missing"))
        )
        .drop("_copies")
    )


def _fits(feature: Feature, dtype: pl.DataType) -> bool:
    return dtype == pl.Null or isinstance(dtype, _DTYPES[feature.dtype])
