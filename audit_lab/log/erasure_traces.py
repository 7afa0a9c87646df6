"""What an erasure leaves behind until it is removed: older files, their indexes, superseded kept files, row keys.

The log's entries say what was erased, so each step here can be done again, after a crash or on a restored vault.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from audit_lab.errors import LogError
from audit_lab.log.epochs import epoch_findings
from audit_lab.log.index_cache import IndexCache
from audit_lab.log.index_file import index_path, indexed_columns
from audit_lab.log.state import LogState
from audit_lab.log.storage import LocalStorage
from audit_lab.log.tree_file import LogTree
from audit_lab.log.vault import ROW_KEY_BYTES
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry import parse_entry

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.log.storage import Storage
    from audit_lab.log.vault import Vault

__all__ = ["current_kept", "reapply_erasures", "remove_traces"]

_DESTROYED = bytes(ROW_KEY_BYTES)


def current_kept(state: LogState) -> dict[tuple[str, str], str]:
    """Return the path of the kept file of each segment that has erased rows, by table and segment."""
    return {(entry.table, entry.segment): entry.kept for entry in state.erasures}


def remove_traces(storage: Storage, state: LogState, vault: Vault, cache: IndexCache | None = None) -> int:
    """Remove whatever still holds what the log's entries say is erased; the caller holds the log's lock.

    Row keys are destroyed first, then go the files that rows were erased from, every other file of these tables that
    holds nothing any more, their indexes in the log and in this user's cache, and superseded kept files.

    Returns
    -------
    int
        How many files and row keys there were; 0 where everything was gone already.

    Raises
    ------
    StorageError
        A file cannot be removed.
    """
    if not state.erasures:
        return 0
    cache = IndexCache() if cache is None else cache
    count = _destroy_keys(state, vault)
    tables = {entry.table for entry in state.erasures}
    for path, table in state.replaced.items():
        if table in tables:
            count += _remove_file(storage, table, path, cache)
    kept = set(current_kept(state).values())
    for path in dict.fromkeys(entry.kept for entry in state.erasures if entry.kept not in kept):
        count += _remove(storage, path)
    return count


def reapply_erasures(folder: Path, vault: Vault) -> int:
    """Destroy the row keys of every erased row again, in a vault that was restored from a backup.

    The vault need not be able to sign. The log must be the vault's own: its entries lead to its checkpoint, each key
    was introduced by the one before, and the vault's key is, or was, one of them.

    Returns
    -------
    int
        How many row keys were destroyed.

    Raises
    ------
    LogError
        The log is not the vault's, or contradicts itself; nothing was destroyed.
    MisuseError
        The passphrase does not open the vault's key.
    """
    storage = LocalStorage(folder)
    tree = LogTree(storage, vault.origin)
    contents = tree.entries()
    tree.check(contents)
    state = LogState.fold(contents)
    entries = [parse_entry(content) for content in contents]
    notes = (tree.checkpoint_at(size) for size in range(1, tree.size + 1))
    findings = epoch_findings(entries, [parse_checkpoint(note) for note in notes if note is not None])
    if findings:
        raise LogError(
            f"the log {folder} does not hold what its keys would have sealed ({findings[0].meaning})",
            "Nothing was destroyed: verify the log first",
        )
    if vault.first_key().public not in {key.key for key in state.keys}:
        raise LogError(
            f"the vault {vault.folder} never signed the log {folder}", "Nothing was destroyed: name the log's own vault"
        )
    return _destroy_keys(state, vault)


def _destroy_keys(state: LogState, vault: Vault) -> int:
    """Destroy the keys of all erased rows that are not destroyed yet; return how many there were."""
    rows: dict[tuple[str, str], set[int]] = {}
    for entry in state.erasures:
        rows.setdefault((entry.table, entry.segment), set()).update(entry.rows)
    count = 0
    for (table, segment), numbers in rows.items():
        keys = vault.row_keys(table, segment) or b""
        left = [
            number
            for number in numbers
            if keys[number * ROW_KEY_BYTES : (number + 1) * ROW_KEY_BYTES] not in {_DESTROYED, b""}
        ]
        if left:
            vault.destroy_row_keys(table, segment, left)
            count += len(left)
    return count


def _remove_file(storage: Storage, table: str, path: str, cache: IndexCache) -> int:
    count = 0
    if storage.exists(path):
        cache.forget(sha256(storage.read(path)))
        count += _remove(storage, path)
    stem = PurePosixPath(path).stem
    return count + sum(_remove(storage, index_path(table, stem, column)) for column in indexed_columns(table))


def _remove(storage: Storage, path: str) -> int:
    """Remove a file, and return how many there were: 1, or 0 where it is gone."""
    if not storage.exists(path):
        return 0
    storage.remove(path, for_good=True)
    return 1
