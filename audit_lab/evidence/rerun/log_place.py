"""Where a notebook opens its log, read from its source without running it."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NOTEBOOK_FOLDER", "log_place", "only_log", "opened_logs"]

#: The folder that the notebook runs in: deep enough for relative paths that climb.
NOTEBOOK_FOLDER = PurePosixPath("/rerun/a/b/c/d/notebook")
_DEEPEST = PurePosixPath("/rerun/a")
_NEXT = 'Re-run notebooks that open their log as al.open("RELATIVE/PATH"), the path in the call or in a name set to it'


def log_place(sources: Iterable[str]) -> PurePosixPath:
    """Return where the log must stand for a notebook that runs in `NOTEBOOK_FOLDER` to open it.

    Parameters
    ----------
    sources
        The source of its code cells.

    Raises
    ------
    MisuseError
        No call of ``al.open`` names a relative path, or several name different ones.
    """
    place = _normal(NOTEBOOK_FOLDER / only_log(sources))
    if _DEEPEST not in place.parents or place in (NOTEBOOK_FOLDER, *NOTEBOOK_FOLDER.parents):
        raise MisuseError("the notebook opens its log by a path that is not relative to its folder", _NEXT)
    return place


def only_log(sources: Iterable[str]) -> str:
    """Return the one path by which code opens a log, as it stands there first.

    Raises
    ------
    MisuseError
        No call of ``al.open`` names a path, or several name different ones.
    """
    opened = sorted(opened_logs(sources))
    if len({_normal(NOTEBOOK_FOLDER / path) for path in opened}) != 1:
        count = "no log" if not opened else f"{len(opened)} logs"
        raise MisuseError(f"the notebook opens {count} by a path that can be read from its source", _NEXT)
    return opened[0]


def opened_logs(sources: Iterable[str]) -> set[str]:
    """Return every path that code hands to ``al.open``, in the call or in a name that is set to it."""
    named: dict[str, str] = {}
    opened: set[str] = set()
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # a cell with magic, or one that will fail when it runs
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                value = node.value.value
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                named |= dict.fromkeys(names, value) if isinstance(value, str) else {}
            elif isinstance(node, ast.Call) and node.args and _opens(node.func):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    opened.add(first.value)
                elif isinstance(first, ast.Name) and first.id in named:
                    opened.add(named[first.id])
    return opened


def _opens(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "open"
        and isinstance(function.value, ast.Name)
        and function.value.id in {"al", "audit_lab"}
    )


def _normal(path: PurePosixPath) -> PurePosixPath:
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return PurePosixPath("/", *parts)
