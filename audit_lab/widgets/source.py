"""The stored rows behind a decision, as static HTML: where each lies, its bytes, and whether they are as sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets

from audit_lab.errors import AuditLabError
from audit_lab.log.source_rows import as_text
from audit_lab.widgets.page import facts, note, section, table

if TYPE_CHECKING:
    from audit_lab.face import Decision
    from audit_lab.log.source_rows import SourceRow

__all__ = ["stored_parts", "stored_toggle"]

_VALUES = {"column": "Column", "type": "Type in the file", "bytes": "Canonical bytes"}


def stored_toggle() -> ipywidgets.ToggleButton:
    """Return the button that shows and hides them: they are read when they are asked for."""
    return ipywidgets.ToggleButton(
        value=False, description="Stored bytes", tooltip="Show which files and rows it is stored in, and their bytes"
    )


def stored_parts(decision: Decision) -> list[str]:
    """Return the stored rows of a decision, each with its place, its digests and its bytes."""
    try:
        found = decision.source_rows()
    except AuditLabError as error:
        return [note(str(error), bad=True)]
    said = zip(found.summary(), found.rows, strict=True)
    return [
        part
        for sentence, row in said
        for part in (
            section(f"Stored in {row.table}", note(sentence, bad=row.is_as_sealed is False)),
            facts(_facts(row)),
            table(_values(row), _VALUES),
        )
    ]


def _facts(row: SourceRow) -> list[tuple[str, object]]:
    return [
        ("File", row.file),
        ("Row in the file", str(row.file_row)),
        ("SHA-256 of the file, as the log states it", row.file_sha256),
        ("Canonical bytes of the row", None if row.content is None else as_text(row.content)),
        ("Leaf: SHA-256 of a zero byte and these", row.leaf),
        ("Leaf that was sealed", row.sealed_leaf),
    ]


def _values(row: SourceRow) -> list[dict[str, str]]:
    return [{"column": one.column, "type": one.dtype, "bytes": as_text(one.content)} for one in row.values]
