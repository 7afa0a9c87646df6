"""The snapshot of a log that is opened: its newest state, or an earlier one, from the manifest or from the entries.

Opening a sealed log reads the manifest's beginning and end and the checkpoint; the list of files between them is parsed
when a table is first asked for, so that opening costs the same whatever the log's size.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.manifest import (
    LARGEST_MANIFEST_BYTES,
    SEALED_SCHEMA_VERSION,
    Manifest,
    Segment,
    parse_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_lab.log.folder import LogFolder
    from audit_lab.log.tree.tree_file import LogTree

__all__ = ["Snapshot", "open_snapshot", "resolved_again"]

_HEAD_END = b',"schema_version":%d,"tables":{' % SEALED_SCHEMA_VERSION
_TAIL = re.compile(rb',"tree":\{"root":"([0-9a-f]{64})","size":(0|[1-9][0-9]{0,15})\}\}\n?')
_LONGEST_TAIL = 200
_HEAD_MEMBERS = frozenset({"description", "format", "notes", "origin", "schema_version"})
_NEAR_SIZES = 3

#: As in `audit_lab.log.tree.tree_file`, which is loaded for sealed logs only.
_CHECKPOINT_NAME = "checkpoint"


@dataclass(frozen=True)
class Snapshot:
    """What was opened: the manifest of that moment and, for a sealed log, the note of its checkpoint."""

    manifest: Manifest
    checkpoint: str | None = None


def open_snapshot(folder: LogFolder, as_of: datetime | int | None = None) -> Snapshot:
    """Read which files a log consists of, now or as of an earlier moment or tree size.

    Raises
    ------
    MisuseError
        There is no log, or none as of then; or an earlier state is asked of a log that is not sealed.
    LogError
        The manifest is not one, comes from a newer schema version, or contradicts the checkpoint.
    """
    content = _manifest_bytes(folder)
    if content is None:
        return _sealed(folder, None, as_of)
    manifest = _sealed_manifest(content, f"{folder}/{MANIFEST_NAME}") or parse_manifest(
        content, f"{folder}/{MANIFEST_NAME}"
    )
    if manifest.tree_size is None:
        if folder.exists(_CHECKPOINT_NAME):
            # Sealing on arrival was stopped before its last step, or somebody put an old manifest back.
            return _sealed(folder, None, as_of)
        if as_of is not None:
            raise MisuseError(
                f"the log {folder} is not sealed, so its earlier states are not known",
                "Leave as_of out, or filter by time with since and until.",
            )
        return Snapshot(manifest)
    return _sealed(folder, manifest, as_of)


def resolved_again(folder: LogFolder, manifest: Manifest) -> Manifest:
    """Return the manifest of the same snapshot with the files that hold its rows by now.

    Raises
    ------
    LogError
        The entries of the log cannot be read.
    """
    from audit_lab.log.tree.state import LogState
    from audit_lab.log.tree.tree_file import LogTree

    with _tree_of(folder):
        tree = LogTree(folder, manifest.origin)
        return _at(LogState.at(tree, manifest.tree_size or 0), bytes.fromhex(manifest.tree_root or ""))


def _sealed(folder: LogFolder, manifest: Manifest | None, as_of: datetime | int | None) -> Snapshot:
    from audit_lab.log.tree.tree_file import LogTree

    with _tree_of(folder):
        # The manifest was read before the checkpoint, so a writer at work can only have left it behind.
        tree = LogTree(folder, None if manifest is None else manifest.origin)
        if as_of is None and manifest is not None and _agree(folder, manifest, tree):
            return Snapshot(manifest, tree.note.decode("utf-8"))
        from audit_lab.log.tree.state import LogState  # the entries' forms, which most openings do without

        if as_of is not None:
            state = LogState.at(tree, as_of)
            note, size = _checkpoint_at(tree, state.size, exact=isinstance(as_of, int))
            if size != state.size:
                state = LogState.at(tree, size)
            return Snapshot(_at(state, tree.root_at(size)), note)
        state = LogState.fold(tree.entries())
        return Snapshot(_at(state, tree.root), tree.note.decode("utf-8"))


def _agree(folder: LogFolder, manifest: Manifest, tree: LogTree) -> bool:
    """Whether the manifest is that of the checkpoint; one that a stopped writer left behind is not."""
    if (manifest.tree_size, manifest.tree_root) == (tree.size, tree.root.hex()):
        return True
    if (manifest.tree_size or 0) >= tree.size:
        other = "another one" if manifest.tree_size == tree.size else str(tree.size)
        raise LogError(
            f"the manifest of {folder} speaks of a tree of {manifest.tree_size} entries, its checkpoint of {other}",
            "Do not use it before it is cleared which of the two was put back or rewritten: audit-lab verify.",
        )
    return False


def _at(state: Any, root: bytes) -> Manifest:
    from audit_lab.log.tree.state import manifest_of

    return manifest_of(state, root)


def _checkpoint_at(tree: Any, size: int, *, exact: bool) -> tuple[str, int]:
    """Return the checkpoint of a size; of the newest size before it that has one, unless it must be exact."""
    at = size
    while at > 0:
        note = tree.checkpoint_at(at)
        if note is not None:
            return note.decode("utf-8"), at
        if exact:
            break
        at -= 1
    near = [str(each) for each in range(max(size - _NEAR_SIZES, 1), size + _NEAR_SIZES + 1) if tree.checkpoint_at(each)]
    raise MisuseError(
        f"the log {tree.origin} was never sealed at a size of {size} entries",
        f"Sizes near it that were: {', '.join(near) or 'none'}.",
    )


@contextmanager
def _tree_of(folder: LogFolder) -> Iterator[None]:
    """Translate what the strict parsers of a log's tree raise into an error that names the log."""
    from audit_lab.seal.malformed import MalformedError

    try:
        yield
    except MalformedError as error:
        raise LogError(
            f"the tree of {folder} cannot be read: {error.message}",
            "Restore checkpoint and tile/ from a backup; `audit-lab verify` says what else differs.",
        ) from error


def _manifest_bytes(folder: LogFolder) -> bytes | None:
    """Return the manifest's bytes; None for a log that was sealed and has lost its manifest, which derives from it."""
    if not folder.exists(MANIFEST_NAME):
        if folder.exists(_CHECKPOINT_NAME):
            return None
        if not folder.there():
            raise MisuseError(
                f"there is no folder {folder}", "Give the path of an audit log: a folder with a manifest.json."
            )
        raise MisuseError(
            f"{folder} is not an audit log: it has no {MANIFEST_NAME}",
            f"For a Parquet folder that another system wrote, `audit-lab adapt {folder}` makes a mapping.",
        )
    content = folder.read(MANIFEST_NAME, LARGEST_MANIFEST_BYTES)
    if len(content) > LARGEST_MANIFEST_BYTES:
        raise LogError(
            f"{folder}/{MANIFEST_NAME} is larger than a manifest can be",
            "Check that this is an audit log and not another file.",
        )
    return content


def _sealed_manifest(content: bytes, where: str) -> Manifest | None:
    """Return the manifest of a sealed log with its files not parsed yet; None where it must be parsed to know.

    In canonical JSON the list of files stands between members that are short. A quotation mark inside a text has a
    backslash before it, so the first place that looks like the list's beginning is it.
    """
    end = content.find(_HEAD_END)
    tail = _TAIL.fullmatch(content, content.rfind(b',"tree":{', max(len(content) - _LONGEST_TAIL, 0)))
    if end < 0 or tail is None:
        return None
    from audit_lab.seal.malformed import MalformedError
    from audit_lab.seal.strict_json import parse_json

    try:
        head = parse_json(content[:end] + b',"schema_version":%d}' % SEALED_SCHEMA_VERSION, where)
    except MalformedError:
        return None
    texts = (head.get("origin"), head.get("description"))
    if head.keys() != _HEAD_MEMBERS or head["format"] != "audit_lab.log" or not all(isinstance(t, str) for t in texts):
        return None
    if not isinstance(head["notes"], list) or not all(isinstance(note, str) for note in head["notes"]):
        return None
    return Manifest(
        origin=head["origin"],
        description=head["description"],
        notes=tuple(head["notes"]),
        tables=_LaterTables(lambda: parse_manifest(content, where).tables),
        sha256=hashlib.sha256(content).hexdigest(),
        schema_version=SEALED_SCHEMA_VERSION,
        tree_size=int(tail[2]),
        tree_root=tail[1].decode(),
    )


class _LaterTables(Mapping[str, tuple[Segment, ...]]):
    """The tables of a manifest, parsed when first asked for."""

    def __init__(self, parse: Callable[[], Mapping[str, tuple[Segment, ...]]]) -> None:
        self._parse = parse
        self._parsed: Mapping[str, tuple[Segment, ...]] | None = None

    def __getitem__(self, name: str) -> tuple[Segment, ...]:
        """Return the files of a table."""
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the tables' names."""
        return iter(self._tables)

    def __len__(self) -> int:
        """Return how many tables there are."""
        return len(self._tables)

    @property
    def _tables(self) -> Mapping[str, tuple[Segment, ...]]:
        if self._parsed is None:
            self._parsed = self._parse()
        return self._parsed
