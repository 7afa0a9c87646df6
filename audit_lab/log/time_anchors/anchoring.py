"""Keep beside a log what holds it in time: a witness's cosignature, or an authority's time-stamp token.

Anchors lie in the log's folder ``anchors/``, so that whoever gets the log gets them too; each reader decides which
witnesses and authorities to accept. Nothing of the log itself is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.time_anchors.anchors import cosigned_path, timestamp_path
from audit_lab.log.time_anchors.timestamps import check_timestamp, timestamp_request
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.note import Note

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from audit_lab.log.time_anchors.timestamps import Authority, Timestamp

__all__ = ["keep_cosigned", "keep_timestamp", "stamp_request"]

_MOST_CHECKPOINTS = 1_000
_AGAIN = "Have the log's newest checkpoint anchored: audit-lab anchor LOG --request FILE, or audit-lab witness LOG."


def stamp_request(folder: Path) -> bytes:
    """Return the request for a time-stamp token over a log's newest checkpoint (RFC 3161, DER).

    Raises
    ------
    MisuseError
        The log is not sealed.
    """
    return timestamp_request(_tree(folder).note)


def keep_timestamp(folder: Path, answer: bytes, authorities: Sequence[Authority]) -> tuple[int, Timestamp]:
    """Check an authority's answer and keep it in the log; return the tree size that it stamps, and what it says.

    Raises
    ------
    MisuseError
        The answer is over no checkpoint of this log, or of no accepted authority.
    """
    tree = _tree(folder)
    for size in range(tree.size, max(tree.size - _MOST_CHECKPOINTS, 0), -1):
        note = tree.checkpoint_at(size)
        if note is None:
            continue
        try:
            stamp = check_timestamp(answer, note, authorities, "The answer")
        except MalformedError as error:
            if error.code == "timestamp.other-bytes":
                continue
            raise MisuseError(error.message, error.next_step) from error
        LocalStorage(folder).create(timestamp_path(size), answer, replace=True)
        return size, stamp
    raise MisuseError(f"the answer stamps no checkpoint of the log {folder}", _AGAIN)


def keep_cosigned(folder: Path, content: bytes) -> int:
    """Keep a checkpoint that a witness cosigned, beside cosignatures that are kept already; return its tree size.

    Raises
    ------
    MisuseError
        It is none, or is not one of this log's checkpoints.
    """
    tree, storage = _tree(folder), LocalStorage(folder)
    try:
        given = parse_checkpoint(content, "The cosigned checkpoint")
        size = given.checkpoint.size
        own = tree.checkpoint_at(size)
        if own is None or parse_checkpoint(own).note.body != given.note.body:
            raise MisuseError(f"the cosigned checkpoint is none of the log {folder}", _AGAIN)
        path = cosigned_path(size)
        kept = storage.read(path) if storage.exists(path) else own
        lines = {(line.name, line.key_hash): line for line in parse_checkpoint(kept, path).note.signatures}
        lines |= {(line.name, line.key_hash): line for line in given.note.signatures}
    except MalformedError as error:
        raise MisuseError(error.message, error.next_step) from error
    storage.create(path, Note(given.note.body, tuple(lines.values())).to_bytes(), replace=True)
    return size


def _tree(folder: Path) -> LogTree:
    tree = LogTree(LocalStorage(folder))
    if tree.size == 0:
        raise MisuseError(f"the log {folder} is not sealed", f"Seal it from here on: audit-lab seal {folder}.")
    return tree
