"""The signed side of a log: its checkpoint, its entries, the tiles over them, and every checkpoint that it kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, LogError, StorageError
from audit_lab.log.folder import LogFolder
from audit_lab.log.integrity.history import MOST_ENTRIES, History, read_history
from audit_lab.log.keys.epochs import epoch_findings
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME, LogTree, checkpoint_path
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import HASH_BYTES
from audit_lab.seal.note import MOST_NOTE_BYTES
from audit_lab.seal.tiles import TILE_LEVELS, TILE_WIDTH, Tile, growth, parse_number_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.integrity.findings import Examination
    from audit_lab.seal.checkpoint import SignedCheckpoint

__all__ = ["SealedTree", "examine_tree"]

_CHECKPOINTS = "checkpoints"
_BACK = "Get the newest checkpoint from whoever keeps the log, and find out who put an older one in its place."
_TILES = "Restore the log's tile folder from a backup; its entries are whole, so the tiles can also be made again."


class SealedTree:
    """A log's history, and its newest checkpoint as it was found (None where that cannot be read)."""

    def __init__(self, history: History, checkpoint: SignedCheckpoint | None) -> None:
        self.history = history
        self.checkpoint = checkpoint

    @property
    def note(self) -> bytes:
        """The checkpoint's exact bytes."""
        return b"" if self.checkpoint is None else self.checkpoint.note.to_bytes()


def examine_tree(folder: LogFolder, examination: Examination) -> SealedTree:
    """Check everything that is signed, from the checkpoint down to each entry, and recompute the tree."""
    kept = dict(_kept_checkpoints(folder, examination))
    newest = _newest(folder, examination)
    tree = _readable_tree(folder, newest, kept, examination)
    if tree is None:
        examination.not_checked.append("everything: without a checkpoint nothing says what was sealed")
        return SealedTree(History(), newest)
    history = read_history(tree, examination)
    if history.size == tree.size and history.root(history.size) != tree.root:
        what = f"its {history.size} entries lead to another root than the one that it states"
        examination.refuse("log.root-differs", CHECKPOINT_NAME, what)
    elif history.size == tree.size:
        examination.checked.append(
            f"{history.size} entries lead to the root of the checkpoint ({tree.root.hex()[:12]}…)"
        )
        _check_tiles(folder, history, examination)
    _check_kept(kept, history, tree.size, examination)
    _check_signatures(kept, history, newest, examination)
    return SealedTree(history, newest)


def _newest(folder: LogFolder, examination: Examination) -> SignedCheckpoint | None:
    """Return the checkpoint as it was found; None where it cannot be read."""
    try:
        content = folder.read_range(CHECKPOINT_NAME, 0, MOST_NOTE_BYTES + 1)
        return parse_checkpoint(content, CHECKPOINT_NAME, most_signatures=1)
    except MalformedError as error:
        examination.refuse_malformed(error, CHECKPOINT_NAME)
    except AuditLabError as error:
        examination.refuse("log.checkpoint-missing", CHECKPOINT_NAME, error.message, error.next_step)
    return None


def _readable_tree(
    folder: LogFolder, newest: SignedCheckpoint | None, kept: dict[int, SignedCheckpoint], examination: Examination
) -> LogTree | None:
    """Return the tree at its checkpoint; where its last entries are not there, at the newest one that was kept."""
    candidates = [] if newest is None else [newest]
    candidates += [kept[size] for size in sorted(kept, reverse=True)]
    for candidate in candidates:
        size = candidate.checkpoint.size
        if candidate is newest and size > MOST_ENTRIES:
            what = f"the checkpoint counts {size:,} entries; this release examines {MOST_ENTRIES:,} at most"
            examination.refuse("log.entries-beyond-limits", CHECKPOINT_NAME, what)
            continue
        tree = LogTree(_Instead(folder, candidate.note.to_bytes()))
        if _has_entries(tree):
            if candidate is not newest:
                what = f"entries were checked against {checkpoint_path(size)} instead of the checkpoint"
                examination.notes.append(what)
            return tree
        if candidate is newest:
            what = f"it counts {size} entries, and the last of them are not there"
            examination.refuse("log.entries-missing", CHECKPOINT_NAME, what)
    return None


def _has_entries(tree: LogTree) -> bool:
    """Whether the bundle with the last entry is there."""
    try:
        return bool(tree.entries(tree.size - 1, tree.size)) if tree.size else True
    except (LogError, StorageError):
        return False
    except MalformedError:
        return True


class _Instead(LogFolder):
    """A log's files with a checkpoint that was read before in the place of whatever stands there."""

    def __init__(self, folder: LogFolder, note: bytes) -> None:
        super().__init__(str(folder), folder.storage_options)
        self._note = note

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """Return bytes of a file."""
        if path == CHECKPOINT_NAME:
            return self._note[start : start + length]
        return super().read_range(path, start, length)

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return path == CHECKPOINT_NAME or super().exists(path)


def _check_tiles(folder: LogFolder, history: History, examination: Examination) -> None:
    """Compare each stored tile with the hashes that the entries lead to."""
    tiles = [tile for tile in growth(0, history.size) if tile.level is not None]
    for tile in tiles:
        expected = b"".join(history.hashes(TILE_LEVELS * (tile.level or 0), tile.first, tile.width))
        found = _stored(folder, tile)
        if found is None:
            examination.find("log.tile-missing", tile.path, "the tile of hashes is not there", _TILES)
        elif found != expected:
            examination.find("log.tile-changed", tile.path, "its hashes are not those of the log's entries", _TILES)
    examination.checked.append(f"{len(tiles)} tiles of hashes against the entries")


def _stored(folder: LogFolder, tile: Tile) -> bytes | None:
    """Return the hashes of a tile, from a wider file where growth has replaced a partial one."""
    wanted = tile.width * HASH_BYTES
    for width in range(tile.width, TILE_WIDTH + 1):
        wider = Tile(tile.level, tile.index, width)
        try:
            if folder.exists(wider.path):
                content = folder.read_range(wider.path, 0, TILE_WIDTH * HASH_BYTES + 1)
                return content[:wanted] if len(content) == width * HASH_BYTES else content
        except StorageError:
            continue
    return None


def _kept_checkpoints(folder: LogFolder, examination: Examination) -> Iterator[tuple[int, SignedCheckpoint]]:
    for path in folder.list(_CHECKPOINTS):
        name = path.removeprefix(f"{_CHECKPOINTS}/")
        if path.rpartition("/")[2].startswith("."):
            continue
        try:
            size = parse_number_path(name)
            signed = parse_checkpoint(folder.read_range(path, 0, MOST_NOTE_BYTES + 1), path, most_signatures=1)
        except MalformedError as error:
            examination.find(error.code, path, error.message)
        except (LogError, StorageError) as error:
            examination.find("log.checkpoint-missing", path, error.message)
        else:
            if signed.checkpoint.size == size:
                yield size, signed
            else:
                what = f"it is a checkpoint of {signed.checkpoint.size} entries"
                examination.find("log.checkpoint-misplaced", path, what)


def _check_kept(kept: dict[int, SignedCheckpoint], history: History, size: int, examination: Examination) -> None:
    """Check that every kept checkpoint lies on this history."""
    later = sorted(number for number in kept if number > size)
    if later:
        what = f"a checkpoint of {later[-1]} entries was kept, and the log's checkpoint counts {size}"
        if len(later) > 1:  # a writer that was stopped leaves one
            examination.find("log.rolled-back", CHECKPOINT_NAME, what, _BACK)
        else:
            examination.notes.append(f"{what}: a writer was stopped, or the log was cut back by one seal")
    if size not in kept:
        examination.find("log.checkpoint-missing", checkpoint_path(size), "the newest checkpoint was not kept")
    for number, signed in kept.items():
        if number <= history.size and signed.checkpoint.root != history.root(number):
            what = f"the first {number} entries lead to another root than the one that it states"
            examination.find("log.checkpoint-inconsistent", checkpoint_path(number), what)
        if history.genesis is not None and signed.checkpoint.origin != history.origin:
            what = f"it is of the log {signed.checkpoint.origin!a}"
            examination.find("log.wrong-origin", checkpoint_path(number), what)


def _check_signatures(
    kept: dict[int, SignedCheckpoint], history: History, newest: SignedCheckpoint | None, examination: Examination
) -> None:
    """Check that every checkpoint of this history is signed by the key of its own day, the newest one above all."""
    if not history.is_whole or history.genesis is None:
        what = "signatures of the checkpoints: the log's keys stand in entries that are missing or cannot be read"
        examination.not_checked.append(what)
        return
    checkpoints = [signed for size, signed in kept.items() if size <= history.size]
    if newest is not None:
        copy = kept.get(newest.checkpoint.size, newest)
        checkpoints = [signed for signed in checkpoints if signed is not copy] + [newest]
        if newest.checkpoint.origin != history.origin:
            what = f"the entries are of the log {history.origin!a}, the checkpoint is of {newest.checkpoint.origin!a}"
            examination.refuse("log.wrong-origin", CHECKPOINT_NAME, what)
            checkpoints.pop()
    found = epoch_findings(history.entries, checkpoints)
    unknown = None if newest is None else ("log.epoch-unknown-key", f"checkpoint of size {newest.checkpoint.size}")
    examination.findings += [finding for finding in found if (finding.code, finding.file) != unknown]
    if newest is not None and any((finding.code, finding.file) == unknown for finding in found):
        key = next(each.key for each in history.state.keys if each.covers(newest.checkpoint.size))
        try:
            newest.check_signature(key, CHECKPOINT_NAME)
        except MalformedError as error:
            examination.refuse_malformed(error, CHECKPOINT_NAME)
    if newest is not None and copy.note != newest.note and not examination.refused:
        what = f"it is not what stands in {CHECKPOINT_NAME}, and both are of the same size"
        examination.find("log.checkpoint-inconsistent", checkpoint_path(newest.checkpoint.size), what)
    count = len(checkpoints)
    examination.checked.append(f"{count} checkpoints: each on this history, each signed by the key of its own day")
