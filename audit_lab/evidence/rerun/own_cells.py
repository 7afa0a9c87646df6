"""Which cells of a notebook are the library's own: those that it writes again, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.evidence.generated import generated_sources, stated_steps
from audit_lab.evidence.rerun.log_place import NOTEBOOK_FOLDER, log_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["own_cells"]

_ABOUT = ("id", "question", "actor", "purpose")


def own_cells(investigation: Mapping[str, Any], code: Iterable[tuple[int, str]]) -> frozenset[int]:
    """Return the numbers of the code cells whose source this library writes for that investigation.

    Parameters
    ----------
    investigation
        The content of ``investigation.json``, which a signature was found to cover.
    code
        Number and source of each code cell. The first own one opens the log and begins the case; without it, and
        without a step, none is the library's own.
    """
    steps, about = stated_steps(investigation), investigation["case"]
    if not steps or not all(isinstance(about.get(name), str) for name in _ABOUT):
        return frozenset()
    cells = list(code)
    for _, source in cells:
        path = _path_in(source)
        written = [] if path is None else generated_sources(about, path, steps)
        if written and written[0] == source:
            return frozenset(number for number, text in cells if text in written)
    return frozenset()


def _path_in(source: str) -> str | None:
    """Return the relative path at which a cell opens its log, as the library would write it."""
    try:
        place = log_place([source])
    except MisuseError:
        return None
    shared = [part for part, other in zip(NOTEBOOK_FOLDER.parts, place.parts, strict=False) if part == other]
    down = place.parts[len(shared) :]
    return "/".join([".."] * (len(NOTEBOOK_FOLDER.parts) - len(shared)) + list(down))
