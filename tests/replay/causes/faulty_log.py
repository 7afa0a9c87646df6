"""A log of one real model in which each block of decisions went wrong in another way, as drawn by a seed.

What a library answers to the inputs that really reached the model is recorded; the inputs on record are the ones that
the block's fault left there. The blocks lie months apart, so that each is looked into by itself.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from audit_lab.log.files.write import write_log
from audit_lab.replay.units import CONVERSIONS
from audit_lab.sandbox import warm_worker

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import trained as library

__all__ = ["Block", "FaultyLog", "faulty_log"]

START = datetime(2024, 1, 1, tzinfo=UTC)
APART = timedelta(days=70)
MODEL = "m"
#: At least so many of a block's decisions must come out otherwise, or the fault is drawn again.
FEWEST = 10


@dataclass(frozen=True)
class Block:
    """What really happened to a block: kind and feature of the cause (None: none that is tried); a value to name."""

    name: str
    kind: str | None
    feature: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class FaultyLog:
    folder: Path
    blocks: dict[str, Block]
    trusted_types: tuple[str, ...]


#: Formats whose pipelines here refuse a missing number in some feature.
_NO_NANS = ("onnx",)

_Drawn = tuple[Block, pl.DataFrame, pl.DataFrame] | None


class _Model:
    def __init__(self, artifact_format: str, kind: str, seed: int) -> None:
        self.kind, self.artifact_format = kind, artifact_format
        self.generator = np.random.default_rng([seed, 99])
        base = library.trained(artifact_format, kind, seed)
        self.features: list[dict[str, Any]] = base.signature["features"]
        self.inputs = base.inputs
        self.signature = base.signature
        self.trusted_types: tuple[str, ...] = ()
        self.artifact: Any = base.artifact
        if artifact_format in ("skops", "mlflow"):  # a pipeline that takes missing values
            self.inputs = _with_gaps(self.inputs, self.numbers("float")[0], self.generator)
            self.artifact = self._imputed(seed)
        self.other = self._imputed(seed + 1) if self.trusted_types else self._trained_again(seed + 1)
        if kind == "regression":
            self.signature["output"] |= {"positive": "big", "negative": "small"}

    def numbers(self, *dtypes: str) -> list[str]:
        return [feature["name"] for feature in self.features if feature["dtype"] in dtypes]

    def asked(self, inputs: pl.DataFrame, artifact: Any = None) -> pl.DataFrame:
        """What the model answers; tests/replay/models shows that this is what its library answers."""
        floats = [name for name in self.numbers("int") if inputs[name].dtype == pl.Float64]
        features = [{**each, "dtype": "float"} if each["name"] in floats else each for each in self.features]
        content, read_as = self.artifact if artifact is None else artifact, self.artifact_format
        if isinstance(content, dict):  # the one model file of a folder
            content, read_as = next(file for name, file in content.items() if name.endswith(".skops")), "skops"
        worker = warm_worker({"artifact": content})
        result = worker.run(
            "audit_lab.replay.scoring:score",
            header={
                "signature": json.dumps({**self.signature, "features": features}),
                "artifact_format": read_as,
                "trusted_types": list(self.trusted_types),
            },
            tables={"inputs": inputs},
        )
        assert "fault" not in result.header, result.header
        return result.tables["outputs"]

    def _target(self, seed: int) -> np.ndarray:
        return library._target(np.random.default_rng([seed, 7]), self.inputs, self.kind)

    def _trained_again(self, seed: int) -> Any:
        train = library._TRAINERS[self.artifact_format]
        return train(self.inputs, self.features, self._target(seed), self.kind, seed)[0]

    def _imputed(self, seed: int) -> Any:
        import skops.io

        pipeline = library._pipeline(self.inputs, self.features, self._target(seed), self.kind, imputed=True)
        dumped = skops.io.dumps(pipeline)
        self.trusted_types = tuple(skops.io.get_untrusted_types(data=dumped))
        if self.artifact_format == "skops":
            return dumped
        options = {"serialization_format": "skops", "skops_trusted_types": list(self.trusted_types)}
        return library.mlflow_folder("sklearn", pipeline, self.features, **options)


def faulty_log(folder: Path, artifact_format: str, kind: str, seed: int) -> FaultyLog:
    """Write a log whose blocks are named by their fault."""
    model = _Model(artifact_format, kind, seed)
    plain = model.asked(model.inputs)
    made: dict[str, tuple[Block, pl.DataFrame, pl.DataFrame]] = {"clean": (Block("clean", None), model.inputs, plain)}
    made["version"] = (
        Block("version", "another-version", None, "2"),
        model.inputs,
        model.asked(model.inputs, model.other),
    )
    faults = [_missing, _category, _unit] + ([_precision] if kind != "label" else [])
    drawings = [lambda fault=fault: fault(model) for fault in faults]
    drawings += [lambda name=name, changed=changed: _outside(model, name, changed) for name, changed in OUTSIDE.items()]
    for draw in drawings:
        drawn = draw()
        if drawn is not None:  # a model that never looks at it cannot have gone wrong by it
            made[drawn[0].name] = drawn
    if kind not in ("label", "multiclass"):
        for block in (Block("threshold", "another-threshold"), Block("random labels", None)):
            made[block.name] = (block, model.inputs, plain)
        shifted = plain.with_columns(pl.col("score") + pl.Series(model.generator.uniform(0.01, 0.05, plain.height)))
        made["shifted score"] = (Block("shifted score", None), model.inputs, shifted)
    made["rules"] = (Block("rules", "other-rules"), model.inputs, plain)
    blocks = [_decided(model, place, *each) for place, each in enumerate(made.values())]
    _write(folder, model, blocks)
    return FaultyLog(folder, {name: each[0] for name, each in made.items()}, model.trusted_types)


def _differ(one: pl.DataFrame, other: pl.DataFrame) -> int:
    return int((~pl.Series([a == b for a, b in zip(one.rows(), other.rows(), strict=True)])).sum())


def _drawn(model: _Model, draws: Any) -> _Drawn:
    """Draw a fault until it changes enough decisions, and can be told from others: trees do not look at everything."""
    for block, recorded, real, *others in draws:
        outputs = model.asked(real)
        plain = model.asked(recorded)
        changed = pl.Series([one != other for one, other in zip(outputs.rows(), plain.rows(), strict=True)])
        if int(changed.sum()) < FEWEST:
            continue
        kept = outputs.filter(changed)
        if all(_differ(model.asked(each.filter(changed)), kept) for each in others):
            return block, recorded, outputs
    return None


def _shuffle(model: _Model, values: list[Any]) -> list[Any]:
    return [values[place] for place in model.generator.permutation(len(values))]


def _unit(model: _Model) -> _Drawn:
    def draws() -> Any:
        known = [each for each in CONVERSIONS if each.factor != -1.0]
        for conversion in _shuffle(model, known):
            for name in _shuffle(model, model.numbers("float", "int")):
                real = model.inputs.with_columns(conversion.of(pl.col(name)).alias(name))
                others = [real.with_columns(pl.col(name) * factor) for factor in (0.3, 0.9, 0.97, 1.03, 1.1, 3.0)]
                others.append(real.with_columns(pl.lit(None, dtype=pl.Float64).alias(name)))
                if model.artifact_format in _NO_NANS:
                    others.pop()
                yield Block("unit", "unit", name, str(conversion)), model.inputs, real, *others

    return _drawn(model, draws())


def _missing(model: _Model) -> _Drawn:
    def draws() -> Any:
        for name in _shuffle(model, model.numbers("float")):
            for direction in _shuffle(model, ["0 for a missing value", "a missing value for 0"]):
                if direction.startswith("0"):
                    recorded = _with_gaps(model.inputs, name, model.generator)
                    real = recorded.with_columns(pl.col(name).fill_null(0.0))
                    others = [
                        recorded.with_columns(pl.col(name).fill_null(value)) for value in _elsewhere(recorded[name])
                    ]
                else:
                    recorded = _with_gaps(model.inputs, name, model.generator).with_columns(pl.col(name).fill_null(0.0))
                    real = recorded.with_columns(pl.when(pl.col(name) != 0).then(pl.col(name)).alias(name))
                    filled = real[name]
                    others = [real.with_columns(filled.fill_null(value)) for value in _elsewhere(filled)]
                yield Block("missing", "missing-value", name, direction), recorded, real, *others

    return _drawn(model, draws())


def _elsewhere(values: pl.Series) -> list[float]:
    """Two values that are far from nothing: in the middle, and beyond the largest."""
    return [float(values.drop_nulls().median()), 2 * float(values.max()) + 1]


def _with_gaps(inputs: pl.DataFrame, name: str, generator: np.random.Generator) -> pl.DataFrame:
    gaps = pl.Series(generator.random(inputs.height) < 0.3)
    return inputs.with_columns(pl.when(~gaps).then(pl.col(name)).alias(name))


def _category(model: _Model) -> _Drawn:
    def draws() -> Any:
        for feature in _shuffle(model, [each for each in model.features if each["dtype"] == "str"]):
            name, known = feature["name"], feature["categories"]
            for order in _shuffle(model, [known[::-1], known[-1:] + known[:-1]]):
                recoded = [known[order.index(each)] for each in known]
                real = model.inputs.with_columns(pl.col(name).replace(known, recoded))
                others = [model.inputs.with_columns(pl.lit(text).alias(name)) for text in (*known, "no category")]
                yield Block("category", "category-encoding", name), model.inputs, real, *others
            spaced = model.inputs.with_columns((" " + pl.col(name).str.to_uppercase()).alias(name))
            yield Block("category", "category-encoding", name), spaced, model.inputs

    return _drawn(model, draws())


def _precision(model: _Model) -> _Drawn:
    """Numbers of more digits than a 32-bit float has, at the model's own thresholds where it is made of trees."""
    block = Block("precision", "precision")
    inputs = model.inputs
    for name in model.numbers("float"):
        at = pl.Series(model.generator.choice(_thresholds(model, name) or [1.0], inputs.height))
        near = at * (1 - 1e-9) if _thresholds(model, name) else inputs[name] * (1 + 1e-9)
        inputs = inputs.with_columns(pl.when(pl.col(name).is_not_null()).then(near).alias(name))
    plain = model.asked(inputs)
    rounded = plain.with_columns(
        pl.col("score").cast(pl.Float32).cast(pl.Float64),
        pl.col("probabilities").cast(pl.List(pl.Float32)).cast(pl.List(pl.Float64)),
    )
    if _differ(rounded, plain) >= FEWEST:
        return block, inputs, rounded
    for direction in (-np.inf, np.inf):
        real = inputs.with_columns(
            pl.col(name).map_batches(lambda values, to=direction: _towards(values, to), return_dtype=pl.Float64)
            for name in model.numbers("float")
        )
        outputs = model.asked(real)
        if _differ(outputs, plain) >= FEWEST:
            return block, inputs, outputs
    return None


def _towards(values: pl.Series, direction: float) -> pl.Series:
    """The nearest 32-bit float on one side, one value at a time."""
    found = []
    for value in values:
        narrow = None if value is None else np.float32(value)
        if narrow is not None and (float(narrow) > value if direction < 0 else float(narrow) < value):
            narrow = np.nextafter(narrow, np.float32(direction))
        found.append(None if narrow is None else float(narrow))
    return pl.Series(found, dtype=pl.Float64)


def _thresholds(model: _Model, name: str) -> list[float]:
    """The split points of a feature, where the model is an XGBoost booster."""
    if not model.artifact_format.startswith("xgboost"):
        return []
    import xgboost

    booster = xgboost.Booster()
    if model.artifact_format == "xgboost-raw":  # what a pickle of the booster holds
        booster.__setstate__({"handle": bytearray(model.artifact)})
    else:
        booster.load_model(bytearray(model.artifact))
    document = json.loads(bytes(booster.save_raw("json")))
    index = [each["name"] for each in model.features].index(name)
    found = []
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        for place, left in enumerate(tree["left_children"]):
            if left >= 0 and tree["split_indices"][place] == index:
                found.append(float(np.float32(tree["split_conditions"][place])))
    return found


def _outside(model: _Model, name: str, changed: Any) -> _Drawn:
    """Something that no change that is tried does."""

    def draws() -> Any:
        for feature in _shuffle(model, model.numbers("float")):
            real = model.inputs.with_columns(pl.Series(feature, changed(model, model.inputs[feature])).cast(pl.Float64))
            yield Block(name, None), model.inputs, real

    return _drawn(model, draws())


#: Faults that are near to what is tried, and are something else.
OUTSIDE: dict[str, Any] = {
    "another person": lambda model, values: _shuffle(model, values.to_list()),
    "constant": lambda model, values: [float(values.drop_nulls()[0])] * values.len(),
    "factor 97": lambda model, values: values * 97,
    "factor 1.25": lambda model, values: values * 1.25,
    "factor 1.62": lambda model, values: values * 1.62,
    "squared": lambda model, values: values * values,
    "shifted": lambda model, values: values + 9.0,
    "clipped": lambda model, values: values.clip(upper_bound=40.0),
}


THRESHOLDS = {"probability": (0.5, 0.35), "margin": (0.0, -0.6), "regression": (50.0, 46.0)}


def _decided(
    model: _Model, place: int, block: Block, inputs: pl.DataFrame, outputs: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of predictions and inputs of a block."""
    rows = inputs.height
    ids = [f"{block.name}-{row:03d}" for row in range(rows)]
    times = [START + place * APART + timedelta(minutes=row) for row in range(rows)]
    labels = outputs["label"].to_list()
    if model.kind in THRESHOLDS:
        registered, other = THRESHOLDS[model.kind]
        threshold = other if block.name == "threshold" else registered
        positive, negative = (model.signature["output"][side] for side in ("positive", "negative"))
        labels = [positive if score >= threshold else negative for score in outputs["score"]]
        if block.name == "random labels":
            labels = [(positive, negative)[each] for each in model.generator.integers(0, 2, rows)]
    ruled = model.inputs["returning"].fill_null(value=False).to_list()
    without = "threshold" if model.kind in THRESHOLDS else "label"
    rules = ["known" if rule and block.name != "rules" else without for rule in ruled]
    decisions = ["accept" if name == "known" else label for name, label in zip(rules, labels, strict=True)]
    predictions = pl.DataFrame(
        {
            "prediction_id": ids,
            "occurred_at": times,
            "recorded_at": times,
            "model_name": MODEL,
            "model_version": "1",
            "outputs": outputs.with_columns(label=pl.Series(labels, dtype=pl.String)).to_struct(),
            "decision": decisions,
            "decision_rule": rules,
        }
    )
    kept = inputs.with_columns(pl.col(name).cast(pl.Float64) for name in model.numbers("float"))
    return predictions, kept.insert_column(0, pl.Series("prediction_id", ids)).insert_column(
        1, pl.Series("recorded_at", times)
    )


def _write(folder: Path, model: _Model, blocks: list[tuple[pl.DataFrame, pl.DataFrame]]) -> None:
    registry, first = [], START - timedelta(days=1)
    for version, artifact in (("1", model.artifact), ("2", model.other)):
        path = folder / "artifacts" / version
        path.parent.mkdir(parents=True, exist_ok=True)
        registry.append(
            {
                "model_name": MODEL,
                "model_version": version,
                "recorded_at": first,
                "artifact_uri": f"artifacts/{version}",
                "artifact_sha256": _put(path, artifact),
                "artifact_format": model.artifact_format,
                "signature": json.dumps(model.signature),
                "output_kind": model.kind,
                "threshold": THRESHOLDS.get(model.kind, (None,))[0],
                "decision_rules": json.dumps([{"name": "known", "when": "inputs.returning", "decision": "accept"}]),
            }
        )
    tables = {
        "predictions": pl.concat(predictions for predictions, _ in blocks),
        f"inputs/{MODEL}": pl.concat((inputs for _, inputs in blocks), how="vertical_relaxed"),
        "model_versions": pl.DataFrame(registry),
    }
    write_log(folder, tables, {"origin": "tests/faulty", "description": "Faults", "notes": []})


def _put(path: Path, artifact: Any) -> str:
    """Write an artifact; return its digest."""
    if isinstance(artifact, bytes):
        path.write_bytes(artifact)
        return hashlib.sha256(artifact).hexdigest()
    from audit_lab.replay.artifacts.folder import folder_digest

    for name, content in artifact.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return folder_digest({name: (hashlib.sha256(file).hexdigest(), len(file)) for name, file in artifact.items()})
