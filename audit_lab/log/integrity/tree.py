"""The signed side of a log: its checkpoint, its entries, the tiles over them, and every checkpoint that it kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, LogError, StorageError
from audit_lab.log.epochs import epoch_findings
from audit_lab.log.folder import LogFolder
from audit_lab.log.integrity.history import History, read_history
from audit_lab.log.tree_file import CHECKPOINT_NAME, LogTree, checkpoint_path
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
_TILES = "Restore the log's tile folder from a backup; its entries are whole, so the tiles can also be made again."
_BACK = "Get the newest checkpoint from whoever keeps the log, and find out who put an older one in its place."


class SealedTree:
    """A log's history, and the checkpoint that it was examined against (None where none could be read)."""

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
    tree = _open_tree(folder, kept, examination)
    if tree is None:
        return SealedTree(History(), None)
    history = read_history(tree, examination)
    signed = parse_checkpoint(tree.note)
    checkpoint = signed.checkpoint
    if history.size == checkpoint.size and history.root(history.size) != checkpoint.root:
        what = f"its {history.size} entries lead to another root than the one that it states"
        examination.refuse("log.root-differs", CHECKPOINT_NAME, what)
    elif history.size == checkpoint.size:
        examination.checked.append(
            f"{history.size} entries lead to the root of the checkpoint ({checkpoint.root.hex()[:12]}…)"
        )
        _check_tiles(folder, history, examination)
    _check_kept(kept, history, signed, examination)
    return SealedTree(history, signed)


def _open_tree(folder: LogFolder, kept: dict[int, SignedCheckpoint], examination: Examination) -> LogTree | None:
    """Open the tree at its checkpoint; where that cannot be read, at the newest one that was kept."""
    try:
        if folder.exists(CHECKPOINT_NAME):
            tree = LogTree(folder)
            parse_checkpoint(tree.note, CHECKPOINT_NAME, most_signatures=1)
            return tree
        examination.refuse("log.checkpoint-missing", CHECKPOINT_NAME, "the log has no checkpoint")
    except MalformedError as error:
        examination.refuse_malformed(error, CHECKPOINT_NAME)
    except AuditLabError as error:
        examination.refuse("log.checkpoint-missing", CHECKPOINT_NAME, error.message, error.next_step)
    if not kept:
        examination.not_checked.append("everything: without a checkpoint nothing says what was sealed")
        return None
    newest = max(kept)
    examination.notes.append(f"what follows was checked against {checkpoint_path(newest)} instead of the checkpoint")
    return LogTree(_Instead(folder, kept[newest].note.to_bytes()))


class _Instead(LogFolder):
    """A log's files with another checkpoint in the place of the one that cannot be read."""

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
        except LogError as error:
            examination.find("log.checkpoint-missing", path, error.message)
        else:
            if signed.checkpoint.size == size:
                yield size, signed
            else:
                what = f"it is a checkpoint of {signed.checkpoint.size} entries"
                examination.find("log.checkpoint-misplaced", path, what)


def _check_kept(
    kept: dict[int, SignedCheckpoint], history: History, newest: SignedCheckpoint, examination: Examination
) -> None:
    """Check that every kept checkpoint lies on this history and is signed by the key of its own epoch."""
    size = newest.checkpoint.size
    later = sorted(number for number in kept if number > size)
    if later:
        what = f"a checkpoint of {later[-1]} entries was kept, and the log's checkpoint counts {size}"
        examination.notes.append(
            f"{what}: left by a writer that was stopped, or the log was cut back to an older state"
        )
    if size not in kept:
        examination.find("log.checkpoint-missing", checkpoint_path(size), "the newest checkpoint was not kept")
    for number, signed in kept.items():
        if number <= history.size and signed.checkpoint.root != history.root(number):
            what = f"the first {number} entries lead to another root than the one that it states"
            examination.find("log.checkpoint-inconsistent", checkpoint_path(number), what)
        if signed.checkpoint.origin != newest.checkpoint.origin:
            what = f"it is of the log {signed.checkpoint.origin!a}"
            examination.find("log.wrong-origin", checkpoint_path(number), what)
    if not history.is_whole or history.genesis is None:
        what = "signatures of the checkpoints: the log's keys stand in entries that are missing or cannot be read"
        examination.not_checked.append(what)
        return
    if history.origin != newest.checkpoint.origin:
        what = f"the entries are of the log {history.origin!a}, the checkpoint is of {newest.checkpoint.origin!a}"
        examination.refuse("log.wrong-origin", CHECKPOINT_NAME, what)
    earlier = [signed for number, signed in kept.items() if number <= size and signed.note != newest.note]
    before = len(examination.findings)
    examination.findings += epoch_findings(history.entries, [*earlier, newest])
    _name_the_fault(newest, history, before, examination)
    count = len(earlier) + 1
    examination.checked.append(f"{count} checkpoints: each on this history, each signed by the key of its own day")


def _name_the_fault(newest: SignedCheckpoint, history: History, before: int, examination: Examination) -> None:
    """Say what is wrong with the newest checkpoint's signature, where it is no known key's."""
    size = newest.checkpoint.size
    unknown = ("log.epoch-unknown-key", f"checkpoint of size {size}")
    for finding in examination.findings[before:]:
        if (finding.code, finding.file) == unknown:
            key = next(each.key for each in history.state.keys if each.covers(size))
            try:
                newest.check_signature(key, CHECKPOINT_NAME)
            except MalformedError as error:
                examination.findings.remove(finding)
                examination.refuse_malformed(error, CHECKPOINT_NAME)
