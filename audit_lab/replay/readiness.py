"""What keeps a prediction from being replayed: found without running a model, and the same for one and for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.search import pairing
from audit_lab.replay.decision_rules import decides_by_threshold

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore
    from audit_lab.replay.registered import Model
    from audit_lab.replay.signature import Feature, Output

__all__ = [
    "BY_THRESHOLD",
    "ERASED",
    "ERASED_INPUTS",
    "FAILED",
    "HAS_INPUTS",
    "HAS_OUTPUT",
    "REDACTED",
    "REPEATED",
    "REPEATED_INPUTS",
    "coded",
    "coded_alike",
    "has_output",
    "misfit",
    "obstacle",
    "repeated_ids",
]

#: Columns that say what `obstacle` asks about a prediction; each is true, or else false or null. It failed; its id
#: stands in several places; its output was erased; an input was changed before it was recorded; it has inputs; these
#: stand in several places; they were erased; what its version puts out was recorded; a threshold makes its version's
#: decisions.
FAILED = "__failed__"
REPEATED = "__repeated__"
ERASED = "__erased__"
REDACTED = "__redacted__"
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


def repeated_ids(store: LogStore) -> pl.Series:
    """Return the prediction ids that stand in more than one place of the log."""
    return pairing.repeated_ids(store, "predictions")


def obstacle(constant: Any = None, has_output: Any = None, by_threshold: Any = None, *, api: Any = nw) -> Any:
    """Return the code of what keeps a prediction from being replayed, null where nothing does; the same on any engine.

    Parameters
    ----------
    constant
        The code for every prediction of a version that cannot be replayed at all. Without it, the columns
        ``recorded_label``, ``recorded_decision`` and ``threshold``, `HAS_OUTPUT`, `BY_THRESHOLD` and those of the
        inputs are looked at.
    has_output, by_threshold
        What stands for the columns `HAS_OUTPUT` and `BY_THRESHOLD`.
    api
        The library whose expressions these are, narwhals or polars: what is said here is the same in both.
    """
    has_output = api.col(HAS_OUTPUT) if has_output is None else has_output
    by_threshold = api.col(BY_THRESHOLD) if by_threshold is None else by_threshold
    own = [
        _code(api, api.col(FAILED), "prediction-failed"),
        _code(api, api.col(REPEATED), "ambiguous-id"),
        _code(api, api.col(ERASED), "erased"),
        _code(api, api.col(REDACTED), "inputs-redacted"),
    ]
    if constant is not None:
        return api.coalesce(*own, constant)
    decided = ~api.col("recorded_label").is_null() | ~api.col("recorded_decision").is_null()
    return api.coalesce(
        *own,
        _code(api, api.col(REPEATED_INPUTS), "ambiguous-id"),
        _code(api, api.col(ERASED_INPUTS), "erased"),
        _code(api, api.col(HAS_INPUTS).is_null(), "inputs-missing"),
        _code(api, ~has_output, "output-missing"),
        _code(api, by_threshold & decided & api.col("threshold").is_null(), "threshold-missing"),
    )


def has_output(output: Output, *, api: Any = nw) -> Any:
    """Return whether a prediction has what a replay is compared with: a label, a score, or for several classes either.

    Parameters
    ----------
    output
        What the version puts out. Looked at are the columns ``recorded_score``, ``recorded_label`` and
        ``recorded_probabilities``.
    api
        As for `obstacle`.
    """
    label, probabilities = (~api.col(f"recorded_{name}").is_null() for name in ("label", "probabilities"))
    if output.kind == "label":
        return label
    return label | probabilities if output.kind == "multiclass" else ~api.col("recorded_score").is_null()


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


def _code(api: Any, condition: Any, code: str) -> Any:
    return api.when(condition).then(api.lit(code))


def coded(rows: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Add ``code`` and ``detail``: what keeps each prediction of a version that can be run from being replayed.

    Parameters
    ----------
    rows
        What was recorded, and the columns that `obstacle` asks about: `FAILED`, `REPEATED`, `ERASED`, `REDACTED`,
        `HAS_INPUTS`, `REPEATED_INPUTS` and `ERASED_INPUTS`. A threshold that a prediction does not state is its
        version's.
    model
        The version.
    """
    output = model.signature.output
    by_threshold = pl.lit(decides_by_threshold(output))
    code = obstacle(has_output=has_output(output, api=pl), by_threshold=by_threshold, api=pl).alias("code")
    own = pl.coalesce("threshold", pl.lit(model.version["threshold"], dtype=pl.Float64))
    # A threshold that is no number was stated, so the version's own does not stand for it; and nothing is above it.
    stated = pl.when(pl.col("threshold").is_nan().fill_null(value=False)).then(None).otherwise(own).alias("threshold")
    return rows.with_columns(stated).with_columns(code, detail=pl.lit(None, dtype=pl.String))


def coded_alike(rows: pl.DataFrame, code: str, detail: str) -> pl.DataFrame:
    """Add ``code`` and ``detail`` to predictions of a version that cannot be run; what is a row's own comes first."""
    own = rows.with_columns(obstacle(pl.lit(None, dtype=pl.String), api=pl).alias("code"))
    wanting = pl.col("code").is_null()
    return own.with_columns(
        code=pl.when(wanting).then(pl.lit(code)).otherwise("code"),
        detail=pl.when(wanting).then(pl.lit(detail)),
    )


def _fits(feature: Feature, dtype: pl.DataType) -> bool:
    return dtype == pl.Null or isinstance(dtype, _DTYPES[feature.dtype])
