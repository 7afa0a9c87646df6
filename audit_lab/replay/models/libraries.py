"""Import a model's library, without what it would only draw in for itself; its absence is a named fault."""

from __future__ import annotations

import os
from typing import Any

from audit_lab.replay.models.imports import HIDDEN
from audit_lab.replay.models.scorer import ModelFault
from audit_lab.sandbox.imports import import_hiding

__all__ = ["first_line", "import_library", "incoherent", "threads", "unreadable"]

_EXTRA = "models"
_LONGEST = 300
_MEMORY = ("bad_alloc", "MemoryError", "Cannot allocate memory", "memory allocation of")


def import_library(name: str) -> Any:
    """Return a library, imported without what `HIDDEN` names.

    Raises
    ------
    ModelFault
        Code ``library-missing``.
    """
    try:
        return import_hiding(name, HIDDEN.get(name, ()))
    except ImportError as error:
        if (error.name or name).partition(".")[0] != name.partition(".")[0]:
            raise
        raise ModelFault(
            "library-missing",
            f"{name} is not installed where the model is to run; it comes with the extra audit-lab[{_EXTRA}]",
        ) from error


def threads() -> int:
    """Return how many threads the sandbox allows a library."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def first_line(error: Exception) -> str:
    """Return what a library says, without the stack of its native code."""
    lines = str(error).strip().splitlines()
    return lines[0][:_LONGEST] if lines else type(error).__name__


def incoherent(error: ValueError) -> ModelFault:
    """Return the fault of a file that contradicts itself, told before its library saw it: that may crash on it."""
    return ModelFault("artifact-corrupt", f"the file is damaged: {first_line(error)}")


def unreadable(library: str, error: Exception) -> ModelFault:
    """Return the fault of a file that a library cannot read.

    Raises
    ------
    MemoryError
        The library wanted more memory than there is: that is a limit, and says nothing of the file.
    """
    if isinstance(error, MemoryError) or any(mark in str(error) for mark in _MEMORY):
        raise MemoryError(f"{library} wanted more memory than it may have") from error
    return ModelFault("artifact-corrupt", f"{library} cannot read the file: {first_line(error)}")
