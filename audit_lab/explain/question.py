"""The question that an explanation answers, as a digest: with the same one, the numbers are the same."""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.replay.environment.fingerprint_task import present_fingerprint
from audit_lab.seal.strict_json import canonical_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import polars as pl

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.replay.artifacts.artifact import Artifact
    from audit_lab.replay.signature import Signature

__all__ = ["question_digest", "surroundings"]

#: Code that numbers come from: of this package the explanations and the readers of models, and libraries by version.
_CODE = ("explain", "replay/models")
_PACKAGES = (
    *("catboost", "lightgbm", "lime", "numba", "numpy", "onnxruntime", "pandas", "polars", "scikit-learn", "scipy"),
    *("shap", "skops", "xgboost", "xgboost-cpu"),
)
_INSTALLED_IN = ("site-packages", "dist-packages")


def question_digest(
    *,
    prediction_id: str,
    row: pl.DataFrame,
    signature: Signature,
    artifact: Artifact,
    background: BackgroundRows,
    trusted_types: Collection[str],
    parameters: Mapping[str, str],
) -> str:
    """Return SHA-256 (hexadecimal) of all that the answer depends on.

    Parameters
    ----------
    prediction_id, row
        The decision: its id and its recorded values, one column for each feature.
    signature, artifact, trusted_types
        The model: the registered digest, the bytes that the child is given, and how it is read.
    background
        Its rows by what they hold, whatever digest they state.
    parameters
        Method, output, seed and the like.

    Beside these it covers the interpreter, the processor, all installed packages (and when one was last installed or
    removed), and the source files of this package that numbers come from.
    """
    values = row.row(0)
    document = {
        "decision": [prediction_id, [[*map(str, pair)] for pair in row.schema.items()], [*map(repr, values)]],
        "model": [artifact.sha256, artifact.content_sha256, artifact.artifact_format, signature.to_json()],
        "trusted_types": sorted(trusted_types),
        "background": [
            background.content_sha256,
            [[*map(str, pair)] for pair in background.frame.schema.items()],
            background.sha256,
            background.description,
            background.later,
        ],
        "parameters": dict(sorted(parameters.items())),
        "environment": [_code(), [list(pair) for pair in _machine(_installed())]],
    }
    return hashlib.sha256(canonical_text(document)).hexdigest()


def surroundings() -> dict[str, str]:
    """Return interpreter, system, processor and the versions of the libraries that numbers come from, in words."""
    found = dict(_machine(_installed()))
    packages = {name: found[name] for name in _PACKAGES if name in found}
    return {name: found[name] for name in ("python", "system", "processor")} | packages


@lru_cache(maxsize=2)
def _machine(installed: tuple[tuple[str, int], ...]) -> tuple[tuple[str, str], ...]:
    """Return what this process runs on and has installed; `installed` is in it, so that it is looked up anew."""
    found = present_fingerprint()
    told: dict[str, Any] = {
        **found.packages,
        "python": f"{found.implementation} {found.python}",
        "system": f"{found.system} {found.machine}, {found.libc}",
        "processor": str(found.cpu),
        "cpu_features": " ".join(found.cpu_features or ()),
        "installed": repr(installed),
    }
    return tuple(sorted(told.items()))


def _installed() -> tuple[tuple[str, int], ...]:
    """Return each folder of packages with the time at which one was last installed or removed, in nanoseconds."""
    folders = []
    for entry in sys.path:
        if Path(entry).name in _INSTALLED_IN:
            with suppress(OSError):
                folders.append((entry, Path(entry).stat().st_mtime_ns))
    return tuple(folders)


@lru_cache(maxsize=1)
def _code() -> str:
    """Return a digest of the source files that numbers come from, as they were when this process first asked."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    files = [path for folder in _CODE for path in sorted((package / folder).glob("*.py"))]
    for path in [*files, package / "replay" / "scoring.py"]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
