"""What a life cycle has and a public data set lacks: invented digests and commits, and the libraries really used."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from typing import Any

__all__ = ["built_with", "commit_id", "container_sha256", "runtime_json", "to_json"]

_PACKAGES = ("numpy", "polars", "scikit-learn", "skops", "xgboost-cpu")
_RUNTIME_PACKAGES = {
    "skops": ("numpy", "scikit-learn", "skops"),
    "xgboost-json": ("numpy", "xgboost-cpu"),
    "xgboost-ubj": ("numpy", "xgboost-cpu"),
}


def built_with() -> dict[str, str]:
    """Return the processor family, the interpreter and the library versions that decide the built bytes."""
    return {
        "machine": platform.machine(),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def runtime_json(artifact_format: str) -> str:
    """Return the exact runtime that an artifact of this format was made with."""
    packages = {name: version(name) for name in _RUNTIME_PACKAGES[artifact_format]}
    return to_json({"python": platform.python_version(), "packages": packages})


def to_json(value: Any) -> str:
    """Return JSON text that keeps the order of the keys."""
    return json.dumps(value, ensure_ascii=False)


def commit_id(text: str) -> str:
    """Return an invented commit id."""
    return hashlib.sha256(f"commit {text}".encode()).hexdigest()[:40]


def container_sha256(text: str) -> str:
    """Return an invented container digest."""
    return hashlib.sha256(f"container {text}".encode()).hexdigest()
