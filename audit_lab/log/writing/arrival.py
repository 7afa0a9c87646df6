"""Sealing on arrival: a log that was never sealed is sealed from now on, its files untouched, byte for byte.

Each file gets the statement and the placement that a writer would have given it. They, and the genesis entry that says
what was there, are sealed in one checkpoint, so that the log is sealed as a whole or not at all. What happened to the
files before is not known, and every report on such a log says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.column_types import schema_document, schema_sha256
from audit_lab.log.commitment.leaves import row_leaves
from audit_lab.log.commitment.levels import levels_bytes, rows_root
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.index.index_file import index_digest, index_files, index_path, indexed_columns
from audit_lab.log.index.row_reader import stamp_of
from audit_lab.log.keys.vault import ROW_KEY_BYTES, Vault
from audit_lab.log.manifest import SEALED_SCHEMA_VERSION, SEGMENT_NAME, inside, read_manifest
from audit_lab.log.schema import TABLES
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.tree.state import LogState, manifest_bytes
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.segment_file import is_personal
from audit_lab.seal.custody import time_text
from audit_lab.seal.digests import sha256, sha256_file
from audit_lab.seal.entry_forms import PlacedRows
from audit_lab.seal.entry_kinds import GenesisEntry, PlacementEntry, SegmentEntry
from audit_lab.seal.keys import check_key_name
from audit_lab.seal.portable_name import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from audit_lab.log.index.row_reader import Stamp
    from audit_lab.log.manifest import Manifest, Segment

__all__ = ["FORMER_MANIFEST", "Arrival", "arrival_note", "seal_log"]

#: Where the manifest of version 1 is kept, so that the digest in the genesis entry can be checked.
FORMER_MANIFEST = "arrival/manifest.json"

_ROWS_AT_ONCE = 131_072
_VOUCH = "Restore it from a backup first: sealing the log as it is would vouch for the damage."


@dataclass(frozen=True)
class Arrival:
    """A log that was sealed on arrival: since when, under which name, and how much of it.

    `source` is what the genesis entry says was there.
    """

    folder: Path
    origin: str
    sealed_at: str
    source: str
    size: int
    files: int
    rows: int

    def __str__(self) -> str:
        """Return a sentence for people."""
        return (
            f"{self.folder} is sealed from {self.sealed_at} on as {self.origin}: {self.rows:,} rows in {self.files:,} "
            "files. Nothing is known about changes before."
        )


def arrival_note(sealed_at: str, actor: str) -> str:
    """Return the note that every report on a log sealed on arrival shows."""
    return f"Sealed on arrival by {actor}: from {sealed_at} on. Nothing is known about changes before."


def seal_log(
    folder: Path,
    *,
    actor: str,
    vault: Vault | Path | None = None,
    passphrase: bytes | str | None = None,
    origin: str | None = None,
    tolerance: str = "0.000001",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Callable[[str, int, int], None] | None = None,
) -> Arrival:
    """Seal a log of schema version 1 where it lies.

    Nothing in the files of its tables is changed. Interrupted, it can be run again; the log is unsealed until the very
    last step, and sealed after it; sealed on arrival already, it is left as it is. One file at a time is looked at: in
    memory are about 100 bytes for each of its rows, its ids and a slice of its rows.

    Parameters
    ----------
    folder
        The log.
    actor
        Who seals it; stands in the log's notes.
    vault
        The vault, or where it is made; `audit_lab.log.keys.vault.vault_folder` by default.
    passphrase
        As for `audit_lab.log.keys.vault.Vault`.
    origin
        The log's name from now on; the one that its manifest states by default.
    tolerance
        The declared distance within which a replayed score counts as the same, as a decimal text.
    clock
        Gives the present time.
    progress
        Called with a file's path, and how many bytes of how many are done.

    Raises
    ------
    MisuseError
        The folder is no log, its name cannot be that of a key, or the vault does not fit.
    LogError
        The log was sealed from its creation on; a file is missing, is not what the manifest states, or changed
        meanwhile.
    StorageError
        Something cannot be written.
    """
    manifest = read_manifest(folder)
    name = _name(manifest.origin if origin is None else origin)
    storage = LocalStorage(folder)
    with storage.lock():
        tree = LogTree(storage, name)
        if tree.size == 0:
            if manifest.schema_version == SEALED_SCHEMA_VERSION:
                raise LogError(f"the log {folder} is sealed, and its checkpoint is missing", "Restore it from a backup")
            keeper = _vault(vault, name, passphrase, folder)
            _Sealing(folder, storage, keeper, manifest, progress).run(tree, actor, tolerance, clock)
        state = LogState.fold(tree.entries())
        if manifest.schema_version != SEALED_SCHEMA_VERSION:
            storage.create(MANIFEST_NAME, manifest_bytes(state, tree.root), replace=True)
    genesis = state.genesis
    if genesis is None or genesis.sealed_from != "arrival":
        raise LogError(f"the log {folder} is sealed from its creation on", "Open it: nothing has to be done")
    files = [file for table in state.files.values() for file in table.values()]
    rows = sum(file.rows for file in files)
    return Arrival(folder, name, genesis.sealed_at, genesis.source, state.size, len(files), rows)


def _name(origin: str) -> str:
    try:
        return check_key_name(origin)
    except MisuseError as error:
        raise MisuseError(
            f"The log's name {origin!r} cannot be that of a sealed log: it is the name of its key too",
            "Give another one (origin=...): letters, digits and . _ @ / - only, 100 characters at most",
        ) from error


def _vault(vault: Vault | Path | None, origin: str, passphrase: bytes | str | None, folder: Path) -> Vault:
    made = vault if isinstance(vault, Vault) else Vault.create(origin, vault, passphrase=passphrase, log=folder)
    if made.origin != origin:
        raise MisuseError(f"The vault {made.folder} is the vault of {made.origin}, not of {origin}", "Name another")
    return made


class _Sealing:
    """One run of sealing a log: what it reads, where it writes, and whom it tells how far it is."""

    def __init__(
        self,
        folder: Path,
        storage: LocalStorage,
        vault: Vault,
        manifest: Manifest,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._folder = folder
        self._storage = storage
        self._vault = vault
        self._manifest = manifest
        self._progress = progress
        self._done = 0
        self._total = sum(file.size_bytes for files in manifest.tables.values() for file in files)

    def run(self, tree: LogTree, actor: str, tolerance: str, clock: Callable[[], datetime]) -> None:
        """Write what stands beside each file, then seal everything at once."""
        key, about = self._vault.first_key(), {"origin": tree.origin, "sealed_at": time_text(clock())}
        made = [
            entry
            for table, files in sorted(self._manifest.tables.items())
            for file in files
            for entry in self._entries(table, file, about)
        ]
        if read_manifest(self._folder).sha256 != self._manifest.sha256:
            raise _changed(self._folder, MANIFEST_NAME)
        self._storage.create(FORMER_MANIFEST, self._storage.read(MANIFEST_NAME), replace=True)
        sealed_at = time_text(clock())
        genesis = GenesisEntry(
            origin=tree.origin,
            sealed_at=sealed_at,
            log_key=key.public,
            schema_version=SEALED_SCHEMA_VERSION,
            sealed_from="arrival",
            source=f"{MANIFEST_NAME} sha256:{self._manifest.sha256}",
            description=self._manifest.description,
            notes=(*self._manifest.notes, arrival_note(sealed_at, actor)),
            tolerance=tolerance,
        )
        contents = [entry.to_bytes() for entry in (genesis, *(replace(each, sealed_at=sealed_at) for each in made))]
        LogState.fold(contents)
        tree.append(contents, key)

    def _entries(self, table: str, file: Segment, about: dict[str, str]) -> tuple[SegmentEntry, PlacementEntry]:
        """Return the statement and the placement of a file, once what they speak of is on the disk."""
        path = inside(self._folder, file.path)
        stamp = self._checked(path, file)
        name = file.name if SEGMENT_NAME.fullmatch(file.name) else safe_name(file.name, file.sha256)
        with reading(str(path)):
            schema = pl.scan_parquet(path, glob=False).collect_schema()
        reserved = [column for column in (SEGMENT, ROW) if column in schema]
        if reserved:
            raise LogError(
                f"{file.path} has a column {reserved[0]}, a name that the log itself uses",
                "Write the file again without it.",
            )
        leaves, times = self._leaves(table, name, file, path, schema)
        levels = levels_bytes(leaves)
        self._storage.create(f"{table}/{name}.leaves", levels, replace=True)
        ids = [column for column in indexed_columns(table) if column in schema]
        indexes = index_files(table, collect(pl.scan_parquet(path, glob=False).select(ids), str(path)), file.sha256)
        stem = Path(file.path).stem
        self._storage.create_all(
            {index_path(table, stem, column): content for column, content in indexes.items()},
            replace=True,
            derived=True,
        )
        if stamp_of(path) != stamp:
            raise _changed(self._folder, file.path)
        statement = SegmentEntry(
            **about,
            table=table,
            segment=name,
            schema=tuple((column, dtype) for column, dtype in schema_document(schema)),
            schema_sha256=schema_sha256(schema),
            commitment="fields" if is_personal(table) else "plain",
            rows=file.rows,
            rows_root=rows_root(leaves).hex(),
            leaves_sha256=sha256(levels),
            first_time=time_text(min(times)) if times else None,
            last_time=time_text(max(times)) if times else None,
            writer_id="",
            first_sequence=None,
            last_sequence=None,
        )
        placement = PlacementEntry(
            **about,
            table=table,
            file=file.path,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            rows=file.rows,
            holds=(PlacedRows(name, 0, file.rows),),
            reason="append",
            replaces=(),
            index_sha256=index_digest(indexes),
        )
        statement.to_bytes()  # refuses now, and not after the last file, what no statement can say
        return statement, placement

    def _checked(self, path: Path, file: Segment) -> Stamp | None:
        """Return the stamp of a file that is what the manifest states."""
        stamp = stamp_of(path)
        if stamp is None:
            raise LogError(f"the file {file.path} of {self._folder} is missing", _VOUCH)
        if stamp.size_bytes != file.size_bytes or sha256_file(path) != file.sha256:
            raise LogError(f"the file {file.path} of {self._folder} is not what its manifest states", _VOUCH)
        return stamp

    def _leaves(
        self, table: str, segment: str, file: Segment, path: Path, schema: pl.Schema
    ) -> tuple[bytes, list[datetime]]:
        """Return the leaves of a file's rows and the earliest and latest times of its slices."""
        keys = None
        if is_personal(table):
            self._vault.drop_row_keys(table, segment)
            keys = self._vault.new_row_keys(table, segment, file.rows)
        time = TABLES[table].time if table in TABLES else ""
        timed = isinstance(schema.get(time), pl.Datetime) and schema[time].time_zone is not None  # type: ignore[attr-defined]
        leaves = bytearray()
        times: list[datetime] = []
        for start, rows in _slices(path, file.rows):
            own = None if keys is None else keys[start * ROW_KEY_BYTES : (start + rows.height) * ROW_KEY_BYTES]
            leaves += row_leaves(rows, own)
            if timed and rows[time].null_count() < rows.height:
                times += [rows[time].min(), rows[time].max()]  # type: ignore[list-item]
            self._tell(file, start + rows.height)
        self._done += file.size_bytes
        return bytes(leaves), times

    def _tell(self, file: Segment, rows: int) -> None:
        if self._progress is not None:
            self._progress(file.path, self._done + file.size_bytes * rows // max(file.rows, 1), self._total)


def _slices(path: Path, rows: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the first number and the rows of each slice of a file that has so many rows; one slice at least."""
    frame = pl.scan_parquet(path, glob=False)
    found = int(collect(frame.select(pl.len()), str(path)).item())
    if found != rows:
        raise LogError(f"the file {path} has {found} rows; its manifest says {rows}", _VOUCH)
    for start in range(0, max(rows, 1), _ROWS_AT_ONCE):
        yield start, collect(frame.slice(start, _ROWS_AT_ONCE), str(path))


def _changed(folder: Path, path: str) -> LogError:
    return LogError(f"the file {path} of {folder} changed while it was sealed", "Stop its writer, and seal it again.")
