"""The manifest of a sealed log against the entries that it is derived from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, StorageError
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.manifest import LARGEST_MANIFEST_BYTES
from audit_lab.log.schema import SCHEMA_VERSION
from audit_lab.log.tree.state import manifest_bytes, manifest_document
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from audit_lab.log.folder import LogFolder
    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.integrity.history import History

__all__ = ["check_manifest"]

_MOST_DIFFERENCES = 20
_NEXT = "Make it again from the log's entries, and find out who edited it; no answer since then is to be relied on."
_STOPPED = "the writer was stopped before it wrote the first; readers go by the entries"
_BACK = "Get the newest checkpoint from whoever keeps the log, and find out who put an older one in its place."


def check_manifest(folder: LogFolder, history: History, examination: Examination) -> None:
    """Compare the manifest with the one that the entries lead to, and name what is otherwise."""
    try:
        content = folder.read(MANIFEST_NAME, LARGEST_MANIFEST_BYTES)
    except (LogError, StorageError) as error:
        if isinstance(error, StorageError) and error.reason == "missing" and _was_sealed_once(folder):
            examination.notes.append(f"{MANIFEST_NAME} is missing: {_STOPPED}")
        else:
            examination.find("log.manifest-missing", MANIFEST_NAME, error.message, _NEXT)
        return
    if content == manifest_bytes(history.state, history.root(history.size)):
        examination.checked.append(f"{MANIFEST_NAME} is what the entries lead to, byte for byte")
        return
    try:
        document = parse_json(content, MANIFEST_NAME)
    except MalformedError as error:
        examination.find(error.code, MANIFEST_NAME, error.message, _NEXT)
        return
    size = _tree_size(document)
    if size is not None and size > history.size:
        what = f"it speaks of a tree of {size} entries, and the checkpoint of {history.size}"
        examination.find("log.rolled-back", "checkpoint", what, _BACK)
    elif size is not None and content == manifest_bytes(history.state_at(size), history.root(size)):
        examination.notes.append(
            f"{MANIFEST_NAME} is that of the first {size} entries: the writer was stopped before it wrote the next; "
            "readers go by the entries"
        )
    elif _version(document) == SCHEMA_VERSION and _was_sealed_once(folder):
        examination.notes.append(f"{MANIFEST_NAME} is from before the log was sealed: {_STOPPED}")
    else:
        expected = manifest_document(history.state, history.root(history.size))
        differences = _differences(expected, document)
        if differences:
            examination.find("log.manifest-differs", MANIFEST_NAME, "; ".join(differences), _NEXT)
        else:
            examination.checked.append(f"{MANIFEST_NAME} says what the entries lead to, in other bytes than a writer's")


def _was_sealed_once(folder: LogFolder) -> bool:
    """Whether the log has one checkpoint only: its manifest is written after that, and a writer can be stopped."""
    return len(folder.list("checkpoints")) <= 1


def _version(document: Any) -> Any:
    return document.get("schema_version") if isinstance(document, dict) else None


def _tree_size(document: Any) -> int | None:
    tree = document.get("tree") if isinstance(document, dict) else None
    size = tree.get("size") if isinstance(tree, dict) else None
    return size if type(size) is int and size > 0 else None


def _differences(expected: dict[str, Any], found: Any) -> list[str]:
    """Return a phrase for each way in which a manifest differs from the one that the entries lead to."""
    if not isinstance(found, dict):
        return ["it is no JSON object"]
    said = [
        f"it states another {member} than was sealed"
        for member in sorted(expected.keys() | found.keys())
        if member != "tables" and expected.get(member) != found.get(member)
    ]
    stated, listed = _files(expected.get("tables")), _files(found.get("tables"))
    said += [f"it leaves out {path}" for path in stated if path not in listed]
    said += [f"it lists {path}, which no entry speaks of" for path in listed if path not in stated]
    for path in stated:
        if path in listed and stated[path] != listed[path]:
            members = stated[path].keys() | listed[path].keys()
            other = [name for name in sorted(members) if stated[path].get(name) != listed[path].get(name)]
            said.append(f"it states another {', '.join(other)} of {path}")
    more = [f"and {len(said) - _MOST_DIFFERENCES} more"] if len(said) > _MOST_DIFFERENCES else []
    return said[:_MOST_DIFFERENCES] + more


def _files(tables: Any) -> dict[str, dict[str, Any]]:
    """Return the files that a manifest lists, by table and path as text that can be shown."""
    if not isinstance(tables, dict):
        return {}
    found = {}
    for table, listing in tables.items():
        segments = listing.get("segments") if isinstance(listing, dict) else None
        for entry in segments if isinstance(segments, list) else []:
            if isinstance(entry, dict):
                found[_shown(f"{entry.get('path')} of {table}")] = entry
    return found


def _shown(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text)[:200]
