"""Find an interpreter of the recorded series among those that are installed; none is ever downloaded."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import ModelError
from audit_lab.replay.environment.requirements import OLDEST_PYTHON

if TYPE_CHECKING:
    from audit_lab.replay.environment.uv_command import Uv

__all__ = ["Interpreter", "find_interpreter"]

_ASK = (
    "import json, platform, sys; "
    "print(json.dumps([platform.python_version(), sys.implementation.name, sys.base_prefix]))"
)
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Interpreter:
    """An installed CPython: its executable, exact version, and the folder of its standard library."""

    path: Path
    version: str
    prefix: Path


def find_interpreter(series: str, uv: Uv) -> Interpreter:
    """Return an interpreter of a series such as ``3.11``: the one that runs this, or one that uv finds.

    Raises
    ------
    ModelError
        Code ``environment-not-built``: the series is too old for the sandbox's own code, or is not installed.
    """
    wanted = tuple(int(part) for part in series.split("."))
    if wanted < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise ModelError(
            f"the recorded environment has Python {series}, and the sandbox's own code needs {oldest} or newer",
            "Replay in the present environment: the verdict then says which versions differ.",
            "environment-not-built",
        )
    if sys.version_info[:2] == wanted and platform.python_implementation() == "CPython":
        path = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        return Interpreter(path, platform.python_version(), Path(sys.base_prefix))
    for candidate in (*_by_uv(series, uv), *_by_pyenv(series)):
        found = _ask(candidate)
        if found is not None and found.version.startswith(f"{series}."):
            return found
    raise ModelError(
        f"the recorded environment has Python {series}, which is not installed here; none was downloaded",
        f"Install Python {series} from a source that you trust and try again, or replay in the present environment.",
        "environment-not-built",
    )


def _by_uv(series: str, uv: Uv) -> list[Path]:
    found = uv.run("python", "find", "--no-project", "--system", "--resolve-links", series)
    return [Path(found.out.strip())] if found.done and found.out.strip() else []


def _by_pyenv(series: str) -> list[Path]:
    """Return interpreters that pyenv keeps: its launchers, which uv meets first, start only those that are chosen."""
    root = os.environ.get("PYENV_ROOT")
    return sorted(Path(root).glob(f"versions/{series}.*/bin/python{series}"), reverse=True) if root else []


def _ask(path: Path) -> Interpreter | None:
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter that is installed on this machine
            [os.fspath(path), "-I", "-S", "-c", _ASK], capture_output=True, timeout=_PATIENCE_S, check=True
        )
        version, implementation, prefix = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Interpreter(path.resolve(), version, Path(prefix)) if implementation == "cpython" else None
