"""How the columns of each file in a foreign folder differ from those of most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from audit_lab.log.foreign.mapped import MappedSource

__all__ = ["FileReport", "file_reports"]


@dataclass(frozen=True)
class FileReport:
    """One file: its rows, and how its columns differ from those of most files in the folder."""

    name: str
    rows: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    retyped: tuple[str, ...]


def file_reports(source: MappedSource) -> tuple[FileReport, ...]:
    """Compare each file with the columns of more than half of the files, and with those that the mapping uses."""
    files, unified = source.folder.files, source.folder.schema
    present = Counter(name for file in files for name in file.columns)
    usual = {name for name, count in present.items() if 2 * count > len(files)}
    return tuple(
        FileReport(
            name=file.name,
            rows=file.rows(),
            missing=tuple(sorted((usual | source.used) - set(file.columns))),
            extra=tuple(sorted(set(file.columns) - usual)),
            retyped=tuple(
                f"{printable(name)}: {dtype}, {f'read as {unified[name]}' if name in unified else 'in conflict'}"
                for name, dtype in file.columns.items()
                if unified.get(name) != dtype
            ),
        )
        for file in files
    )
