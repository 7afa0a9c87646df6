"""What an erasure leaves behind until it is removed: older files, their indexes, superseded kept files, row keys.

The log's entries say what was erased, so each step here can be done again, after a crash or on a restored vault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import LogError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.index.index_cache import IndexCache
from audit_lab.log.index.index_file import index_path, indexed_columns
from audit_lab.log.index.sketch_cache import SketchCache
from audit_lab.log.keys.epochs import epoch_findings
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry import parse_entry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from audit_lab.log.files.storage import Storage
    from audit_lab.log.keys.vault import Vault

__all__ = ["current_kept", "reapply_erasures", "remove_traces"]


def current_kept(state: LogState) -> dict[tuple[str, str], str]:
    """Return the path of the kept file of each segment that has erased rows, by table and segment."""
    return {(entry.table, entry.segment): entry.kept for entry in state.erasures}


def remove_traces(storage: Storage, state: LogState, vault: Vault, cache: IndexCache | None = None) -> int:
    """Remove whatever still holds what the log's entries say is erased; the caller holds the log's lock.

    Row keys are destroyed first. Then go all files of these tables that hold nothing any more, since an erased row may
    stand in those that a compaction left too, their indexes in the log and in this user's cache, what was counted in
    them, and superseded kept files. Files are removed, not overwritten.

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
    present = {path for table in tables for folder in (table, f"index/{table}") for path in storage.list(folder)}
    for path in (*state.replaced, *state.disposed):
        table, _, name = path.rpartition("/")
        if table in tables:
            stem = name.removesuffix(".parquet")
            indexes = [index_path(table, stem, column) for column in indexed_columns(table)]
            if path in present:
                digest = sha256(storage.read(path))
                cache.forget(digest)
                SketchCache().forget(digest)
            count += _remove(storage, present.intersection((path, *indexes)))
    kept = set(current_kept(state).values())
    superseded = {entry.kept for entry in state.erasures} - kept
    return count + _remove(storage, {path for path in superseded if storage.exists(path)})


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
    if vault.public_keys().isdisjoint(key.key for key in state.keys):
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
        left = vault.live_row_keys(table, segment, numbers)
        if left:
            vault.destroy_row_keys(table, segment, left)
            count += len(left)
    return count


def _remove(storage: Storage, paths: Iterable[str]) -> int:
    """Remove files, and return how many there were."""
    count = 0
    for path in sorted(paths):
        storage.remove(path, for_good=True)
        count += 1
    return count
