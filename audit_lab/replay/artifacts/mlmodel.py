"""A folder that MLflow saved a model in: which file is the model, and what the folder says of it and of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from audit_lab.errors import ModelError
from audit_lab.replay.artifacts.environment_files import disagreements
from audit_lab.replay.artifacts.formats import SAFE_FORMATS, UNSAFE_FORMATS, detected_format
from audit_lab.replay.signature import Feature

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MODEL_FILE", "MlModel", "read_mlmodel"]

MODEL_FILE = "MLmodel"

_MOST_BYTES = 2_000_000
#: Flavors in the order in which they are chosen: that of the library itself first, those of wrappers after it. Each
#: with the entry that names its file.
_FLAVORS = {"xgboost": "data", "lightgbm": "data", "catboost": "data", "onnx": "data", "sklearn": "pickled_model"}
_VERSIONS = {
    "xgboost": ("xgb_version", "xgboost"),
    "lightgbm": ("lgb_version", "lightgbm"),
    "catboost": ("catboost_version", "catboost"),
    "onnx": ("onnx_version", "onnx"),
    "sklearn": ("sklearn_version", "scikit-learn"),
}
_DTYPES = {
    "double": "float",
    "float": "float",
    "long": "int",
    "integer": "int",
    "string": "str",
    "boolean": "bool",
}


@dataclass(frozen=True)
class MlModel:
    """What an ``MLmodel`` file says.

    Parameters
    ----------
    flavors
        The names under which MLflow can load the model.
    flavor
        The one that was chosen.
    file, artifact_format
        The model's file within the folder, and how it is read.
    run_id, model_uuid
        As MLflow gave them; None where it gave none.
    features
        The model's inputs as a proposal for a signature; None where none are stated, or of types that have no
        counterpart.
    notes
        Where the folder's files disagree on the environment, and what of the folder is not used.
    """

    flavors: tuple[str, ...]
    flavor: str
    file: str
    artifact_format: str
    run_id: str | None
    model_uuid: str | None
    features: tuple[Feature, ...] | None
    notes: tuple[str, ...]


def read_mlmodel(files: Mapping[str, bytes]) -> MlModel:
    """Read the description in a folder of MLflow.

    Parameters
    ----------
    files
        The folder's files by name.

    Raises
    ------
    ModelError
        Code ``artifact-folder``: there is no description, it cannot be read, or it names a file that is not there.
        Code ``artifact-format-unknown``: it names no flavor that is read here.
    """
    document = _document(files)
    flavors = document["flavors"]
    flavor, file, artifact_format = _chosen(flavors, files)
    settings = flavors[flavor]
    notes = list(disagreements(files, _stated_versions(flavors)))
    if settings.get("code"):
        notes.append(f"The folder brings code of its own ({settings['code']}), which was not loaded.")
    return MlModel(
        flavors=tuple(flavors),
        flavor=flavor,
        file=file,
        artifact_format=artifact_format,
        run_id=_text(document.get("run_id")),
        model_uuid=_text(document.get("model_uuid")),
        features=_features(document.get("signature")),
        notes=tuple(notes),
    )


def _document(files: Mapping[str, bytes]) -> dict[str, Any]:
    content = files.get(MODEL_FILE)
    if content is None or len(content) > _MOST_BYTES:
        raise _unreadable(f"it has no file {MODEL_FILE}" if content is None else f"its {MODEL_FILE} is too large")
    try:
        document = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _unreadable(f"its {MODEL_FILE} cannot be read ({type(error).__name__})") from error
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict) or not flavors or not all(isinstance(each, dict) for each in flavors.values()):
        raise _unreadable(f"its {MODEL_FILE} names no flavors")
    return {**document, "flavors": {str(name): settings for name, settings in flavors.items()}}


def _chosen(flavors: dict[str, dict[str, Any]], files: Mapping[str, bytes]) -> tuple[str, str, str]:
    """Return the flavor to be used, its file and how that is read."""
    for flavor, entry in _FLAVORS.items():
        if flavor in flavors:
            file = _file(flavors[flavor].get(entry), files)
            return flavor, file, _format(flavor, flavors[flavor], file, files[file])
    python = flavors.get("python_function", {})
    if python.get("python_model"):
        return "python_function", _file(python["python_model"], files), "cloudpickle"
    raise ModelError(
        f"the MLflow folder has no flavor that is read here, but {', '.join(sorted(flavors))}",
        f"Flavors that are read: {', '.join(_FLAVORS)}.",
        "artifact-format-unknown",
    )


def _format(flavor: str, settings: dict[str, Any], file: str, content: bytes) -> str:
    """Return how the file of a flavor is read: by its content, where a flavor may hold several formats."""
    serialised = settings.get("serialization_format")
    if flavor == "sklearn" and serialised in ("skops", "pickle", "cloudpickle"):
        return str(serialised)
    known = detected_format(file, content) or {"xgboost": "xgboost-raw"}.get(flavor)
    if known is None or known not in (*SAFE_FORMATS, *UNSAFE_FORMATS):
        raise _unreadable(f"the {flavor} model in {file} is of no format that is known")
    if known in UNSAFE_FORMATS and serialised in UNSAFE_FORMATS:
        return str(serialised)
    return known


def _file(stated: Any, files: Mapping[str, bytes]) -> str:
    if not isinstance(stated, str) or stated not in files:
        raise _unreadable(f"its {MODEL_FILE} names the file {stated!r}, which is not there")
    return stated


def _stated_versions(flavors: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return package and version for each that the flavors state, and Python's."""
    stated = {}
    for flavor, (entry, package) in _VERSIONS.items():
        version = flavors.get(flavor, {}).get(entry)
        if version is not None:
            stated[package] = str(version)
    python = flavors.get("python_function", {}).get("python_version")
    return stated if python is None else {**stated, "python": str(python)}


def _features(signature: Any) -> tuple[Feature, ...] | None:
    inputs = signature.get("inputs") if isinstance(signature, dict) else None
    try:
        columns = json.loads(inputs) if isinstance(inputs, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(columns, list) or not columns:
        return None
    features = []
    for column in columns:
        name, kind = (column.get("name"), column.get("type")) if isinstance(column, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(kind, str) or kind not in _DTYPES:
            return None
        features.append(Feature(name, _DTYPES[kind]))
    return tuple(features)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _unreadable(why: str) -> ModelError:
    return ModelError(
        f"the MLflow folder cannot be used: {why}", "Ask the model's owner for the whole folder.", "artifact-folder"
    )
