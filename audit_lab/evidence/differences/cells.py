"""Two notebooks, cell by cell: source and outputs."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from audit_lab.evidence.differences.change import Change, shown

__all__ = ["cell_changes"]

_PART = "notebook"
_MOST_LINES = 20


@dataclass(frozen=True)
class _Cell:
    number: int
    kind: str
    source: str
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"cell {self.number} ({self.kind})"


def cell_changes(before: Any, after: Any) -> list[Change]:
    """Return the cells that were added, removed or changed; cells are numbered from 1, and matched by their sources.

    Outputs are compared by kind and content; when a cell ran, and in which order, is not. A removed and an added cell
    that stand in one place are one changed cell.
    """
    one, other = _cells(before), _cells(after)
    matcher = difflib.SequenceMatcher(
        None, [(cell.kind, cell.source) for cell in one], [(cell.kind, cell.source) for cell in other], autojunk=False
    )
    found: list[Change] = []
    for what, start, end, other_start, other_end in matcher.get_opcodes():
        left, right = one[start:end], other[other_start:other_end]
        paired = min(len(left), len(right))
        for cell, again in zip(left[:paired], right[:paired], strict=True):
            found += _outputs(cell, again) if what == "equal" else _source(cell, again)
        found += [Change(_PART, "removed", cell.name, before=shown(cell.source)) for cell in left[paired:]]
        found += [Change(_PART, "added", cell.name, after=shown(cell.source)) for cell in right[paired:]]
    return found


def _source(cell: _Cell, again: _Cell) -> list[Change]:
    lines = difflib.unified_diff(cell.source.splitlines(), again.source.splitlines(), lineterm="", n=0)
    details = [shown(line) for line in lines if not line.startswith(("---", "+++", "@@"))]
    source = Change(_PART, "changed", f"source of {again.name}", details=_cut(details))
    return [source, *_outputs(cell, again)]


def _outputs(cell: _Cell, again: _Cell) -> list[Change]:
    if cell.outputs == again.outputs:
        return []
    details = []
    for at in range(max(len(cell.outputs), len(again.outputs))):
        one, other = (each.outputs[at] if at < len(each.outputs) else "" for each in (cell, again))
        if one != other:
            lines = difflib.unified_diff(one.splitlines(), other.splitlines(), lineterm="", n=0)
            details += [shown(line) for line in lines if not line.startswith(("---", "+++", "@@"))]
    return [Change(_PART, "changed", f"output of {again.name}", details=_cut(details))]


def _cells(notebook: Any) -> list[_Cell]:
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return [
        _Cell(number, str(cell.get("cell_type")), _text(cell.get("source")), tuple(map(_output, _list(cell))))
        for number, cell in enumerate(cells if isinstance(cells, list) else [], start=1)
        if isinstance(cell, dict)
    ]


def _list(cell: dict[str, Any]) -> list[Any]:
    outputs = cell.get("outputs")
    return outputs if isinstance(outputs, list) else []


def _output(output: Any) -> str:
    """Return an output as lines of text, without the number of its run."""
    if not isinstance(output, dict):
        return shown(output)
    if output.get("output_type") == "stream":
        return _text(output.get("text"))
    data = output.get("data")
    if isinstance(data, dict):
        return "\n".join(f"{kind}: {_text(value)}" for kind, value in sorted(data.items()))
    return json.dumps({name: value for name, value in output.items() if name != "execution_count"}, sort_keys=True)


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def _cut(lines: list[str]) -> tuple[str, ...]:
    more = [f"and {len(lines) - _MOST_LINES:,} more lines"] if len(lines) > _MOST_LINES else []
    return (*lines[:_MOST_LINES], *more)
