"""What keeps a prediction from being replayed: found without running a model, and the same for one and for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.files.reading import collect
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search import pairing
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.registered import Model, load_registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.store import LogStore
    from audit_lab.replay.signature import Feature, Output

__all__ = [
    "BY_THRESHOLD",
    "ERASED",
    "ERASED_INPUTS",
    "FAILED",
    "HAS_INPUTS",
    "HAS_OUTPUT",
    "REPEATED",
    "REPEATED_INPUTS",
    "Group",
    "decides_by_threshold",
    "examined",
    "has_output",
    "misfit",
    "obstacle",
    "repeated_ids",
]

#: Columns that say what `obstacle` asks about a prediction; each is true, or else false or null. It failed; its id
#: stands in several places; its output was erased; it has inputs; these stand in several places; they were erased;
#: what its version puts out was recorded; a threshold makes its version's decisions.
FAILED = "__failed__"
REPEATED = "__repeated__"
ERASED = "__erased__"
HAS_INPUTS = "__has_inputs__"
REPEATED_INPUTS = "__repeated_inputs__"
ERASED_INPUTS = "__erased_inputs__"
HAS_OUTPUT = "__has_output__"
BY_THRESHOLD = "__by_threshold__"

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

    `rows` has what was recorded (``recorded_score``, ``recorded_label``, ``recorded_probabilities``,
    ``recorded_rule``, ``recorded_decision``, ``threshold``), ``code`` and ``detail`` of what keeps each from being
    replayed (null where nothing does) and, where there is a model, its features, each named with the prefix `FEATURE`.
    """

    name: str
    model: Model | None
    rows: pl.DataFrame


def repeated_ids(store: LogStore) -> pl.Series:
    """Return the prediction ids that stand in more than one place of the log."""
    return pairing.repeated_ids(store, "predictions")


def obstacle(constant: nw.Expr | None = None) -> nw.Expr:
    """Return the code of what keeps a prediction from being replayed, null where nothing does; the same on any engine.

    Parameters
    ----------
    constant
        The code for every prediction of a version that cannot be replayed at all. Without it, the columns
        ``recorded_label``, ``recorded_decision`` and ``threshold``, `HAS_OUTPUT`, `BY_THRESHOLD` and those of the
        inputs are looked at.
    """
    own = [
        _code(nw.col(FAILED), "prediction-failed"),
        _code(nw.col(REPEATED), "ambiguous-id"),
        _code(nw.col(ERASED), "erased"),
    ]
    if constant is not None:
        return nw.coalesce(*own, constant)
    decided = ~nw.col("recorded_label").is_null() | ~nw.col("recorded_decision").is_null()
    return nw.coalesce(
        *own,
        _code(nw.col(REPEATED_INPUTS), "ambiguous-id"),
        _code(nw.col(ERASED_INPUTS), "erased"),
        _code(nw.col(HAS_INPUTS).is_null(), "inputs-missing"),
        _code(~nw.col(HAS_OUTPUT), "output-missing"),
        _code(nw.col(BY_THRESHOLD) & decided & nw.col("threshold").is_null(), "threshold-missing"),
    )


def has_output(output: Output) -> nw.Expr:
    """Return whether a prediction has what a replay is compared with: a label, a score, or for several classes either.

    Parameters
    ----------
    output
        What the version puts out. Looked at are the columns ``recorded_score``, ``recorded_label`` and
        ``recorded_probabilities``.
    """
    label, probabilities = (~nw.col(f"recorded_{name}").is_null() for name in ("label", "probabilities"))
    if output.kind == "label":
        return label
    return label | probabilities if output.kind == "multiclass" else ~nw.col("recorded_score").is_null()


def decides_by_threshold(output: Output) -> bool:
    """Return whether a threshold makes labels of a version's scores: not where it has labels of its own, or none."""
    if output.kind == "regression":
        return output.positive is not None and output.negative is not None
    return output.kind not in {"label", "multiclass"}


def misfit(model: Model, inputs: pl.Schema | None) -> tuple[str, str] | None:
    """Return code and detail where the inputs that a log holds do not fit a model; `inputs` is None where it has none.

    Parameters
    ----------
    model
        The model.
    inputs
        The columns of the log's inputs of that model.
    """
    if inputs is None:
        return "inputs-missing", ""
    lacking = [name for name in model.signature.names if name not in inputs]
    if lacking:
        return "inputs-incomplete", "Missing: " + ", ".join(lacking)
    wrong = [
        f"{feature.name} is {inputs[feature.name]}"
        for feature in model.signature.features
        if not _fits(feature, inputs[feature.name])
    ]
    return ("inputs-mistyped", "; ".join(wrong)) if wrong else None


def _code(condition: nw.Expr, code: str) -> nw.Expr:
    return nw.when(condition).then(nw.lit(code))


def examined(store: LogStore, predictions: pl.DataFrame, repeated: pl.Series) -> Iterator[Group]:
    """Yield predictions by model version, each with the code of what keeps it from being replayed.

    Parameters
    ----------
    predictions
        Rows as `audit_lab.log.search.query.find` returns them (canonical columns and ``place``).
    repeated
        Ids that stand in several places.
    """
    rows = _recorded(predictions, repeated, erased_ids(store, "predictions", ("outputs",)))
    for key, group in rows.group_by("model_name", "model_version", maintain_order=True):
        model_name, model_version = (None if part is None else str(part) for part in key)
        name = f"{model_name or 'no model'} {model_version or 'without a version'}"
        try:
            model = load_registered(store, model_name, model_version)
        except ModelError as error:
            yield Group(name, None, _coded(group, error.code, str(error)))
        else:
            yield Group(name, model, _with_inputs(store, model, group))


def _recorded(predictions: pl.DataFrame, repeated: pl.Series, erased: pl.Series) -> pl.DataFrame:
    outputs = pl.col("outputs").struct
    return predictions.select(
        "prediction_id",
        "place",
        "model_name",
        "model_version",
        "threshold",
        outputs.field("score").alias("recorded_score"),
        outputs.field("label").alias("recorded_label"),
        outputs.field("probabilities").alias("recorded_probabilities"),
        pl.col("decision_rule").alias("recorded_rule"),
        pl.col("decision").alias("recorded_decision"),
        pl.col("error").is_not_null().alias(FAILED),
        pl.col("prediction_id").is_in(repeated.implode()).alias(REPEATED),
        pl.col("prediction_id").is_in(erased.implode()).alias(ERASED),
        pl.lit(None, dtype=pl.String).alias("detail"),
    ).with_row_index("_order")


def _coded(rows: pl.DataFrame, code: str, detail: str) -> pl.DataFrame:
    """Give a code to the rows that have none of their own."""
    own = nw.from_native(rows).with_columns(obstacle(nw.lit(None, nw.String())).alias("code")).to_native()
    wanting = pl.col("code").is_null()
    return own.with_columns(
        code=pl.when(wanting).then(pl.lit(code)).otherwise("code"),
        detail=pl.when(wanting).then(pl.lit(detail)).otherwise("detail"),
    ).drop(FAILED, REPEATED, ERASED)


def _with_inputs(store: LogStore, model: Model, group: pl.DataFrame) -> pl.DataFrame:
    """Add the recorded inputs, one row for each prediction, and the code of what is wanting."""
    model_name = model.version["model_name"]
    inputs = store.inputs(model_name) if model_name in store.models() else None
    wanting = misfit(model, None if inputs is None else inputs.collect_schema())
    if inputs is None or wanting is not None:
        return _coded(group, *(wanting or ("inputs-missing", "")))
    features = [pl.col(name).alias(FEATURE + name) for name in model.signature.names]
    wanted = inputs.filter(pl.col("prediction_id").is_in(group["prediction_id"].implode()))
    wanted = wanted.select("prediction_id", *features)
    found = collect(wanted, f"the table {INPUTS_PREFIX}{model_name} of {store.location}")
    copies = pl.len().over("prediction_id")
    counted = found.with_columns((copies > 1).alias(REPEATED_INPUTS), pl.lit(value=True).alias(HAS_INPUTS))
    joined = group.join(
        counted.unique("prediction_id", keep="first"),
        on="prediction_id",
        how="left",
        maintain_order="left",
        validate="m:1",
    )
    erased = erased_ids(store, INPUTS_PREFIX + model_name, model.signature.names)
    flagged = joined.with_columns(
        pl.coalesce("threshold", pl.lit(model.version["threshold"], dtype=pl.Float64)).alias("threshold"),
        pl.col("prediction_id").is_in(erased.implode()).alias(ERASED_INPUTS),
    )
    output = model.signature.output
    by_threshold = nw.lit(decides_by_threshold(output))
    kinds = {HAS_OUTPUT: has_output(output), BY_THRESHOLD: by_threshold}
    coded = nw.from_native(flagged).with_columns(**kinds).with_columns(obstacle().alias("code")).to_native()
    return coded.drop(FAILED, REPEATED, ERASED, HAS_INPUTS, REPEATED_INPUTS, ERASED_INPUTS, *kinds)


def _fits(feature: Feature, dtype: pl.DataType) -> bool:
    return dtype == pl.Null or isinstance(dtype, _DTYPES[feature.dtype])
