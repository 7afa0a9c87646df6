"""Import a library without what it would only draw in for itself."""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["import_ahead", "import_hiding", "keeping_all"]


def import_hiding(name: str, hidden: Iterable[str] = ()) -> Any:
    """Return a module, imported while others are hidden from it.

    Parameters
    ----------
    name
        The module.
    hidden
        Modules that it does without where they are not installed. Those that are loaded already stay visible.

    Raises
    ------
    ImportError
        It is not there, or cannot be imported.
    """
    covered = [module for module in hidden if module not in sys.modules]
    for module in covered:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        return importlib.import_module(name)
    finally:
        for module in covered:
            del sys.modules[module]


def import_ahead(libraries: Sequence[Sequence[Any]]) -> MemoryError | None:
    """Import libraries that jobs will need; what is not there, or fails, the job itself will meet again and tell.

    Parameters
    ----------
    libraries
        Name, and names that are hidden from it, of each.

    Returns
    -------
    MemoryError or None
        Memory ran out: another try at what is half imported would fail in some other way.
    """
    with keeping_all(), _without_docstrings():
        for name, hidden in libraries:
            try:
                import_hiding(name, hidden)
            except MemoryError as error:
                return error
            except Exception:  # noqa: BLE001, S112 - it may fail in any way, and will fail so again where it is needed
                continue
    return None


@contextlib.contextmanager
def _without_docstrings() -> Iterator[None]:
    """Let no docstring be found: SciPy rewrites those of hundreds of functions as it is imported, for nobody here."""
    getdoc = inspect.getdoc
    inspect.getdoc = _no_docstring
    try:
        yield
    finally:
        inspect.getdoc = getdoc


def _no_docstring(object: object) -> str:  # noqa: A002, ARG001 - as it is called there
    return ""


@contextlib.contextmanager
def keeping_all() -> Iterator[None]:
    """Make objects that stay: to look for garbage among them would take a fifth of the time of an import."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
