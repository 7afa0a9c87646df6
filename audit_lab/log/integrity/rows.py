"""Every row against what was sealed: its hash recomputed from its values, in its place, in its segment."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.log.integrity.local_copy import local_copy
from audit_lab.log.integrity.row_findings import find_changes, find_erasures
from audit_lab.log.schema import TABLES
from audit_lab.log.writing.canonical_rows import key_columns
from audit_lab.seal.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.log.folder import LogFolder
    from audit_lab.log.integrity.decoder import Decoder
    from audit_lab.log.integrity.files import CheckedFiles
    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.integrity.history import History
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.manifest import Hold, Segment
    from audit_lab.seal.entry_kinds import EraseEntry, SegmentEntry

__all__ = ["CheckedPart", "check_rows"]

_HOSTILE = "Do not open the file with another program: find out who wrote it, and restore it from a backup."


@dataclass
class CheckedPart:
    """A run of a segment's rows in a file, with what is needed to check it."""

    table: str
    hold: Hold
    statement: SegmentEntry
    leaves: bytes | None
    keys: bytes | None
    erased: dict[int, set[str]]
    kept: str | None

    @property
    def is_whole(self) -> bool:
        """Whether all of the segment's rows stand in this run."""
        return self.hold.first_row == 0 and self.hold.rows == self.statement.rows

    def request(self, kept: Path | None) -> dict[str, Any]:
        """Return the part as `audit_lab.log.integrity.row_task` takes it."""
        time = TABLES[self.table].time if self.table in TABLES else None
        return {
            "segment": self.hold.segment,
            "first_row": self.hold.first_row,
            "rows": self.hold.rows,
            "schema": [list(column) for column in self.statement.schema],
            "committed": self.statement.commitment == "fields",
            "time": time,
            "numbered": self.table == "predictions",
            "key": list(key_columns(self.table)),
            "has_leaves": self.leaves is not None,
            "has_keys": self.keys is not None,
            "kept": None if kept is None else {"path": str(kept), "rows": self.statement.rows, "name": str(self.kept)},
        }


@dataclass
class _Counts:
    """What was checked, for the report."""

    compared: int = 0
    uncompared: int = 0
    unkeyed: set[str] = field(default_factory=set)
    unnumbered: int = 0
    sequences: dict[str, list[int]] = field(default_factory=dict)


def check_rows(
    folder: LogFolder,
    history: History,
    files: CheckedFiles,
    examination: Examination,
    *,
    vault: Vault | None,
    decoder: Decoder,
    progress: Callable[[str, int], None] | None = None,
) -> dict[tuple[str, str, int], str]:
    """Recompute the hash of every row of the current files, and name those that are not as they were sealed.

    Returns
    -------
    dict
        The prediction ids of the rows that are erased, by table, segment and row.
    """
    check = _RowCheck(folder, history, files, examination, vault=vault, decoder=decoder)
    for table, current in history.state.files.items():
        for file in current.values():
            check.file(table, file)
            if progress is not None:
                progress("rows", file.rows)
    check.conclude()
    return check.erased_ids


class _RowCheck:
    """The check of one log's rows, file by file."""

    def __init__(
        self,
        folder: LogFolder,
        history: History,
        files: CheckedFiles,
        examination: Examination,
        *,
        vault: Vault | None,
        decoder: Decoder,
    ) -> None:
        self._folder = folder
        self._state = history.state
        self._files = files
        self._vault = vault
        self._decoder = decoder
        self._examination = examination
        self._counts = _Counts()
        #: The prediction ids of erased rows, by table, segment and row.
        self.erased_ids: dict[tuple[str, str, int], str] = {}
        self._erasures: dict[tuple[str, str], list[EraseEntry]] = {}
        for erasure in history.state.erasures:
            self._erasures.setdefault((erasure.table, erasure.segment), []).append(erasure)

    def file(self, table: str, file: Segment) -> None:
        """Check the rows of one file, if there is one to look into."""
        self._counts.unnumbered += file.path not in self._files.sound
        if file.path not in self._files.sound and file.path not in self._files.changed:
            return
        parts = [self._part(table, hold) for hold in file.holds]
        with local_copy(self._folder, file.path) as path:
            answer = self._asked(path, parts)
        if "refused" in answer:
            self._examination.find(answer["refused"], file.path, answer["why"], _HOSTILE)
            return
        comparable = all(said.get("comparable") for said in answer["parts"])
        if answer["rows"] != file.rows and not (comparable and file.path in self._files.changed):
            what = f"it has {answer['rows']} rows, and {file.rows} were sealed"
            self._examination.find("log.rows-misstated", file.path, what)
        for part, said in zip(parts, answer["parts"], strict=True):
            self._judge(file, part, said)

    def conclude(self) -> None:
        """Say how many rows were compared, and where sequence numbers are missing."""
        counts, examination = self._counts, self._examination
        examination.checked.append(f"{counts.compared:,} rows: their hashes recomputed from their values")
        if counts.uncompared:
            tables = ", ".join(sorted(counts.unkeyed))
            examination.not_checked.append(
                f"values of {counts.uncompared:,} rows of {tables}: their row keys are in the log's vault, which was "
                "not given; their files' digests were checked"
            )
        for writer, (lowest, highest, present) in sorted(counts.sequences.items()) if not counts.unnumbered else ():
            missing = highest - lowest + 1 - present
            if missing > 0:
                examination.notes.append(
                    f"writer {writer!a} left out {missing:,} of its sequence numbers between {lowest} and {highest}: "
                    "what they stood for was never logged"
                )

    def _part(self, table: str, hold: Hold) -> CheckedPart:
        statement = self._state.segments[table][hold.segment].statement
        start, size = hold.first_row * HASH_BYTES, hold.rows * HASH_BYTES
        leaves = None
        name = f"{table}/{hold.segment}.leaves"
        if name in self._files.sound:
            leaves = self._folder.read_range(name, start, size)
        erased: dict[int, set[str]] = {}
        kept = None
        for erasure in self._erasures.get((table, hold.segment), ()):
            kept = erasure.kept
            for row in erasure.rows:
                erased.setdefault(row, set()).update(erasure.fields)
        if kept not in self._files.sound:
            kept = None
        keys = None
        if self._vault is not None and statement.commitment == "fields":
            known = self._vault.row_keys(table, hold.segment)
            if known is not None and len(known) == statement.rows * HASH_BYTES:
                keys = known[start : start + size]
        return CheckedPart(table, hold, statement, leaves, keys, erased, kept)

    def _asked(self, path: Path, parts: list[CheckedPart]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="audit-lab-") as aside:
            requests = []
            for number, part in enumerate(parts):
                kept = None
                if part.kept is not None:
                    kept = Path(aside) / str(number)
                    kept.write_bytes(self._folder.read(part.kept))
                requests.append(part.request(kept))
            blob = b"".join((part.leaves or b"") + (part.keys or b"") for part in parts)
            return self._decoder.ask({"path": str(path), "parts": requests}, blob)

    def _judge(self, file: Segment, part: CheckedPart, said: dict[str, Any]) -> None:
        where = f"{part.table}/{part.hold.segment}"
        for member, code in (("schema", "log.schema-differs"), ("labels", "log.places-differ")):
            if said.get(member):
                self._examination.find(code, file.path, f"{where}: {said[member]}")
        if "found" not in said:
            return
        find_erasures(self._examination, file, part, said)
        for row, _, name in said["erased"]:
            self.erased_ids[part.table, part.hold.segment, row] = name
        if not said["comparable"] or (part.leaves is None and not part.is_whole):
            self._counts.uncompared += said["found"]
            self._counts.unkeyed.add(part.table)
        else:
            self._counts.compared += said["found"]
        other_root = said["comparable"] and part.is_whole and said["root"] != part.statement.rows_root
        if part.kept is None and part.erased and (other_root or said["changes"]) and _only_erased(part, said):
            self._examination.not_checked.append(
                f"erased rows of {where}: the file that keeps their digests is missing or changed"
            )
        elif said["changes"] is not None or other_root:
            find_changes(self._examination, file, part, said["changes"])
        elif file.path in self._files.sound and part.is_whole:
            self._check_ranges(file, part, said)

    def _check_ranges(self, file: Segment, part: CheckedPart, said: dict[str, Any]) -> None:
        """Compare the times and sequence numbers of rows that are as sealed with what their statement says."""
        statement = part.statement
        found = [_utc(text) for text in said["times"] or (None, None)]
        if found != [_utc(statement.first_time), _utc(statement.last_time)]:
            what = f"its rows' times do not range from {statement.first_time} to {statement.last_time}, as was sealed"
            self._examination.find("log.times-misstated", file.path, what)
        for writer, numbers in said["sequences"].items():
            lowest, highest, count = numbers
            known = self._counts.sequences.setdefault(writer, [lowest, highest, 0])
            known[:] = [min(lowest, known[0]), max(highest, known[1]), known[2] + count]
        if statement.first_sequence is not None:
            numbers = said["sequences"].get(statement.writer_id, [None, None, 0])
            if numbers[:2] != [statement.first_sequence, statement.last_sequence]:
                what = (
                    f"its rows do not bear the sequence numbers {statement.first_sequence} to {statement.last_sequence}"
                )
                self._examination.find("log.sequence-misstated", file.path, f"{what} of {statement.writer_id}")


def _only_erased(part: CheckedPart, said: dict[str, Any]) -> bool:
    """Whether nothing but erased rows differs: without what is kept of them they cannot be recomputed."""
    changes = said["changes"]
    if changes is None:
        return False
    total, first = changes["changed"]
    others = sum(changes[kind][0] for kind in ("dropped", "added", "moved", "duplicated"))
    named = all(part.hold.first_row + row in part.erased for row, _ in first)
    return others == 0 and named and total <= len(part.erased)


def _utc(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC)
