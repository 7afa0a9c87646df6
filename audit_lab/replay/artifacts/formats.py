"""The formats of artifacts that a registry may state, and how the bytes of each begin."""

from __future__ import annotations

import re

__all__ = ["FOLDER_FORMATS", "SAFE_FORMATS", "UNSAFE_FORMATS", "detected_format"]

#: Formats that hold no code.
SAFE_FORMATS = (
    "skops",
    "xgboost-json",
    "xgboost-ubj",
    "xgboost-raw",
    "lightgbm-text",
    "catboost-cbm",
    "onnx",
)
#: Folders: of MLflow, and one that holds a single model file.
FOLDER_FORMATS = ("mlflow", "folder")
#: Formats that run code when they are opened.
UNSAFE_FORMATS = ("pickle", "joblib", "cloudpickle", "dill")

#: How a file of a format begins; the first that fits holds.
_STARTS: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"binf|bs64|CONFIG-offset:", "xgboost-raw"),
        (rb"\{[L#$ilIU].{0,16}Config", "xgboost-raw"),
        (rb"\{[L#$ilIU].{0,16}(?:learner|version)", "xgboost-ubj"),
        (rb'\s*\{\s*"(?:learner|version)"', "xgboost-json"),
        (rb"tree\r?\n", "lightgbm-text"),
        (rb"CBM1", "catboost-cbm"),
        (rb"\x80[\x02-\x05]", "pickle"),
        (rb"x[\x01\x5e\x9c\xda]|\x1f\x8b|BZh|\]\x00|\xfd7zXZ|\x04\x22\x4d\x18", "joblib"),
    )
)
_ZIP = b"PK\x03\x04"
_ONNX = re.compile(rb"\x08[\x01-\x20]")


def detected_format(name: str, content: bytes) -> str | None:
    """Return the format of a model file by how it begins, and for ONNX by its name; None for any other file."""
    head = content[:64]
    if head.startswith(_ZIP):
        return "skops" if b"schema.json" in content[-65_536:] else None
    if name.endswith(".onnx"):
        return "onnx" if _ONNX.match(head) else None
    found = next((known for pattern, known in _STARTS if pattern.match(head)), None)
    return "joblib" if found is None and name.endswith((".joblib", ".pkl", ".pickle")) else found
