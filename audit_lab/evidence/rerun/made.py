"""The exhibits that a notebook made when it ran, told as text by the side behind the walls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.notebook_run import CASES_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LARGEST_BYTES", "TEXTS", "made_exhibits"]

#: What is text, and told: documents and CSV. Parquet and pictures are made from the same, and are not told.
TEXTS = (".json", ".csv")
LARGEST_BYTES = 1 << 24


def made_exhibits(folder: Path) -> list[dict[str, Any]]:
    """Return what was kept in cases under a folder: id, kind, title, and the texts of its files by name."""
    made = []
    for record in sorted(folder.glob(f"{CASES_FOLDER}/*/exhibits/*/exhibit.json")):
        exhibit = json.loads(record.read_bytes())
        files = {
            name: path.read_text(encoding="utf-8")
            for name in exhibit["files"]
            if name.endswith(TEXTS) and (path := record.parent / name).stat().st_size <= LARGEST_BYTES
        }
        made.append({**{name: exhibit[name] for name in ("id", "kind", "title")}, "files": files})
    return made
