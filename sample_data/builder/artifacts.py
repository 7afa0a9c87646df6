"""Model artifacts in safe formats, the same bytes every time, and scores from the artifact as it was saved."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Artifact", "Feature", "booster_artifact", "encode", "pipeline_artifact", "score", "signature_json"]

_ID = re.compile(r'"__id__": (\d+)')
_FILE = re.compile(r'"file": "(\d+)\.npy"')
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Feature:
    """One input of a model: its name, type (``str``, ``float``, ``int``), unit, meaning and, for text, its values."""

    name: str
    dtype: str
    description: str
    unit: str | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Artifact:
    """The saved bytes of a model."""

    name: str
    artifact_format: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest that names these bytes."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def uri(self) -> str:
        """Where the artifact stands, relative to the log's folder."""
        return f"artifacts/{self.sha256[:12]}-{self.name}"


def signature_json(features: Sequence[Feature], output: Mapping[str, Any]) -> str:
    """Return a model's signature as the registry keeps it."""
    rows = [
        {
            "name": feature.name,
            "dtype": feature.dtype,
            "unit": feature.unit,
            "description": feature.description,
            **({} if feature.categories is None else {"categories": list(feature.categories)}),
        }
        for feature in features
    ]
    return json.dumps({"features": rows, "output": dict(output)}, ensure_ascii=False)


def booster_artifact(booster: Any, name: str, artifact_format: str) -> Artifact:
    """Save a booster in one of its native formats: ``xgboost-json`` or ``xgboost-ubj``."""
    raw_format = artifact_format.removeprefix("xgboost-")
    return Artifact(f"{name}.{raw_format}", artifact_format, bytes(booster.save_raw(raw_format)))


def pipeline_artifact(pipeline: Any, name: str) -> Artifact:
    """Save a scikit-learn pipeline with skops, without the memory addresses and times that skops writes."""
    from skops.io import dumps

    return Artifact(f"{name}.skops", "skops", _without_addresses(dumps(pipeline)))


def _without_addresses(content: bytes) -> bytes:
    """Renumber the objects in order of appearance, and give every member the same date.

    skops names objects and array files by ``id()``, which differs between two runs.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = members.pop("schema.json").decode()
    numbers: dict[str, int] = {}
    for match in _ID.finditer(schema):
        numbers.setdefault(match[1], len(numbers) + 1)
    files = {match[1]: f"{position}.npy" for position, match in enumerate(_FILE.finditer(schema), start=1)}
    schema = _ID.sub(lambda match: f'"__id__": {numbers[match[1]]}', schema)
    schema = _FILE.sub(lambda match: f'"file": "{files[match[1]]}"', schema)
    renamed = {files[name.removesuffix(".npy")]: data for name, data in members.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(renamed, key=lambda file: int(file.removesuffix(".npy"))):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), renamed[name])
        archive.writestr(zipfile.ZipInfo("schema.json", _ZIP_EPOCH), schema)
    return out.getvalue()


def encode(frame: pl.DataFrame, features: Sequence[Feature]) -> NDArray[np.float32]:
    """Return the matrix a booster takes: text as its position in the feature's categories, all as float32."""
    columns = []
    for feature in features:
        column = frame[feature.name]
        if feature.categories is not None:
            positions = {value: float(position) for position, value in enumerate(feature.categories)}
            column = column.replace_strict(positions, default=None, return_dtype=pl.Float64)
        columns.append(column.cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return np.column_stack(columns).astype(np.float32)


def pandas_frame(frame: pl.DataFrame, features: Sequence[Feature]) -> Any:
    """Return the frame a pipeline takes: the recorded columns as they are, text as objects."""
    import pandas as pd

    return pd.DataFrame(
        {
            feature.name: pd.Series(frame[feature.name].to_list(), dtype=object)
            if feature.dtype == "str"
            else frame[feature.name].to_numpy()
            for feature in features
        }
    )


def score(artifact: Artifact, frame: pl.DataFrame, features: Sequence[Feature]) -> NDArray[np.float64]:
    """Return the probability of the positive label for each row, by the model as reloaded from its saved bytes."""
    if artifact.artifact_format == "skops":
        from skops.io import loads

        pipeline = loads(artifact.content, trusted=[])
        probabilities: NDArray[np.float64] = pipeline.predict_proba(pandas_frame(frame, features))[:, 1]
        return probabilities
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(artifact.content))
    matrix = xgboost.DMatrix(encode(frame, features), feature_names=[feature.name for feature in features], nthread=1)
    return np.asarray(booster.predict(matrix)).astype(np.float64)
