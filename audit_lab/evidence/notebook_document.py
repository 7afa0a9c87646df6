"""An executed notebook's file as what a reader is shown: parsed without Jupyter, whatever stands in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ShownCell", "ShownOutput", "shown_cells"]

_NEXT = "Ask the investigator for a bundle whose notebook Jupyter can open"


@dataclass(frozen=True)
class ShownOutput:
    """What one output shows.

    Attributes
    ----------
    kind
        ``stream``, ``error``, ``execute_result`` or ``display_data``.
    name
        Of a stream: ``stdout`` or ``stderr``.
    text
        Of a stream what was written, of an error its traceback.
    data
        Of the others: the representations, by kind; those that are no text are left out.
    """

    kind: str
    name: str = ""
    text: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ShownCell:
    """One cell: `kind` is ``markdown``, ``raw`` or ``code``; `attachments` are pictures by name, then by kind."""

    kind: str
    cell_id: str
    source: str
    execution_count: int | None = None
    outputs: tuple[ShownOutput, ...] = ()
    attachments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def shown_cells(executed: bytes) -> tuple[ShownCell, ...]:
    """Return the cells of a notebook file, in order.

    Raises
    ------
    MalformedError
        It is no notebook of format 4: code ``notebook.unreadable``.
    """
    try:
        notebook = json.loads(executed)
    except (ValueError, RecursionError) as error:
        raise _malformed("it is not JSON") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise _malformed("it has no list of cells")
    return tuple(_cell(cell) for cell in cells)


def _cell(cell: dict[str, Any]) -> ShownCell:
    outputs = cell.get("outputs", [])
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        raise _malformed("a cell's outputs are no list")
    count = cell.get("execution_count")
    attachments = cell.get("attachments")
    return ShownCell(
        _text(cell.get("cell_type")),
        _text(cell.get("id")),
        _text(cell.get("source")),
        count if isinstance(count, int) else None,
        tuple(_output(output) for output in outputs),
        {_text(name): _texts(kinds) for name, kinds in attachments.items()} if isinstance(attachments, dict) else {},
    )


def _output(output: dict[str, Any]) -> ShownOutput:
    traceback = output.get("traceback")
    lines = "\n".join(map(_text, traceback)) if isinstance(traceback, list) else ""
    return ShownOutput(
        _text(output.get("output_type")),
        _text(output.get("name")),
        lines or _text(output.get("text")),
        _texts(output.get("data")),
    )


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {_text(kind): _text(shown) for kind, shown in value.items() if isinstance(shown, str | list)}


def _text(value: Any) -> str:
    """Return a text, which Jupyter keeps whole or as its lines; half of a character is shown as its number."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else ""


def _malformed(reason: str) -> MalformedError:
    return MalformedError(f"the notebook cannot be read: {reason}", _NEXT, "notebook.unreadable")
