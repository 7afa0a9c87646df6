"""The log's tree as files: its entries, its tiles and its checkpoints, and how it grows without ever being half-grown.

Entries and tiles are written first, then ``checkpoints/<size>``, and last ``checkpoint`` is renamed into place: what it
says is the log, and whatever lies beyond its size is left over from a writer that was stopped. Of that, a checkpoint
is removed before anything else is written: signed, and without effect, it would look like a second history.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import EMPTY_ROOT, Frontier, leaf_hash, root_of, tree_root
from audit_lab.seal.note import MOST_NOTE_BYTES
from audit_lab.seal.tiles import (
    LARGEST_ENTRY_BYTES,
    TILE_LEVELS,
    TILE_WIDTH,
    Tile,
    TileHashes,
    format_entries,
    growth,
    number_path,
    parse_entries,
    parse_number_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from audit_lab.log.files.storage import Storage
    from audit_lab.seal.keys import SigningKey

__all__ = ["CHECKPOINT_NAME", "LogTree", "checkpoint_path"]

CHECKPOINT_NAME = "checkpoint"

_KEPT_IN_A_FOLDER = 1000
_LARGEST_FILE_BYTES = TILE_WIDTH * (LARGEST_ENTRY_BYTES + 2)
_NEXT = "Restore the log's tile folder from a backup; until then nothing is appended to it and nothing proven from it."


def checkpoint_path(size: int) -> str:
    """Return where the checkpoint of a size is kept for good."""
    return f"checkpoints/{number_path(size)}"


class LogTree:
    """A log's tree at its newest checkpoint; a tree without a checkpoint has no entries.

    Its files are not trusted for being there: `check` compares the entries with the checkpoint, and the checkpoint's
    signature is checked by whoever knows the log's keys.

    Parameters
    ----------
    storage
        Where the log's files are.
    origin
        The log's name. None takes it from the checkpoint.

    Attributes
    ----------
    note
        The exact bytes of the checkpoint; empty for a tree without entries.

    Raises
    ------
    LogError
        The checkpoint is another log's.
    MalformedError
        It is no checkpoint.
    """

    def __init__(self, storage: Storage, origin: str | None = None) -> None:
        self._storage = storage
        self._origin = origin
        self.note = b""
        self._checkpoint: Checkpoint | None = None
        self._reader = TileHashes(0, self._tile)
        self.refresh()

    @property
    def origin(self) -> str:
        """The log's name; empty while nobody has said it."""
        return self._origin or ""

    @property
    def size(self) -> int:
        """How many entries the tree has."""
        return 0 if self._checkpoint is None else self._checkpoint.size

    @property
    def root(self) -> bytes:
        """The tree's root, 32 bytes."""
        return EMPTY_ROOT if self._checkpoint is None else self._checkpoint.root

    @property
    def reader(self) -> TileHashes:
        """The tree's hashes, for proofs (`audit_lab.seal.merkle.HashReader`)."""
        return self._reader

    def refresh(self) -> bool:
        """Read the checkpoint again, and return whether it is another one than before."""
        note = b""
        if self._storage.exists(CHECKPOINT_NAME):
            note = self._storage.read_range(CHECKPOINT_NAME, 0, MOST_NOTE_BYTES + 1)
        if note == self.note:
            return False
        self._take(note)
        return True

    def root_at(self, size: int) -> bytes:
        """Return the root of the first `size` entries, from the tiles."""
        return self.root if size == self.size else root_of(self._reader, size)

    def checkpoint_at(self, size: int) -> bytes | None:
        """Return the checkpoint of an earlier size, as it was signed; None where none was made."""
        if not 0 < size <= self.size:
            return None
        if size == self.size:
            return self.note
        path = checkpoint_path(size)
        return self._storage.read_range(path, 0, MOST_NOTE_BYTES + 1) if self._storage.exists(path) else None

    def entries(self, start: int = 0, end: int | None = None) -> list[bytes]:
        """Return the bytes of entries `start` to `end` (all of them by default).

        Raises
        ------
        LogError
            A bundle of entries is missing.
        MalformedError
            A bundle is not one.
        """
        last = self.size if end is None else end
        if not 0 <= start <= last <= self.size:
            raise MisuseError(f"A log of {self.size} entries has none from {start} to {last}", "Count entries from 0")
        found: list[bytes] = []
        for index in range(start // TILE_WIDTH, -(-last // TILE_WIDTH)):
            first = index * TILE_WIDTH
            width = min(TILE_WIDTH, self.size - first)
            content, stored = self._stored(Tile(None, index, width))
            bundle = parse_entries(content, stored, f"The bundle of entries from {first} on")
            found += bundle[max(start - first, 0) : min(last - first, width)]
        return found

    def check(self, entries: Sequence[bytes]) -> Frontier:
        """Check that all entries, and the tiles that growth reads, lead to the checkpoint's root.

        Parameters
        ----------
        entries
            All of them, as `entries` returns them.

        Returns
        -------
        Frontier
            The tree, ready to grow.

        Raises
        ------
        LogError
            They do not.
        """
        frontier = Frontier()
        for entry in entries:
            frontier.append(leaf_hash(entry))
        if frontier.size != self.size or frontier.root() != self.root:
            raise LogError(f"the entries of the log {self.origin} are not those of its checkpoint", _NEXT)
        if self.size and root_of(self._reader, self.size) != self.root:
            raise LogError(f"the tiles of the log {self.origin} are not those of its checkpoint", _NEXT)
        return frontier

    def append(
        self, entries: Sequence[bytes], signer: SigningKey, files: Mapping[str, bytes] | None = None
    ) -> Checkpoint:
        """Grow the tree by some entries, and return its new checkpoint when it is on the disk.

        The caller holds the log's lock and has refreshed the tree.

        Parameters
        ----------
        entries
            The bytes of each new entry.
        signer
            The log's key in force.
        files
            Path to content of new files that the entries speak of, which are written along with the tree.

        Raises
        ------
        LogError
            The tiles that are there do not lead to the checkpoint's root, or the log was cut back.
        MisuseError
            The key is not the log's, or an entry is too long.
        StorageError
            A file could not be written: the tree is as it was, unless the very last step failed.
        """
        frontier = Frontier.read(self._reader, self.size)
        if frontier.root() != self.root:
            raise LogError(f"the tiles of the log {self.origin} are not those of its checkpoint", _NEXT)
        leaves = [leaf_hash(entry) for entry in entries]
        for leaf in leaves:
            frontier.append(leaf)
        old_size, checkpoint = self.size, Checkpoint(signer.name, frontier.size, frontier.root())
        if self._origin not in {None, signer.name}:
            raise MisuseError(
                f"The key {signer.name} cannot sign the log {self.origin}", "Use the key that bears its name"
            )
        note = sign_checkpoint(checkpoint, signer)
        grown = self._grown(entries, leaves, frontier.size)
        self._drop_unfinished()
        self._storage.create_all({**(files or {}), **grown, checkpoint_path(frontier.size): note}, replace=True)
        self._storage.create(CHECKPOINT_NAME, note, replace=True)
        self._take(note)
        self._drop_superseded(old_size)
        return checkpoint

    def settle(self) -> None:
        """Put the newest checkpoint on the disk: the writer that renamed it may have ended before it was synced."""
        if self.note:
            self._storage.create(CHECKPOINT_NAME, self.note, replace=True)

    def _take(self, note: bytes) -> None:
        checkpoint = parse_checkpoint(note).checkpoint if note else None
        if checkpoint is not None:
            if self._origin not in {None, checkpoint.origin}:
                raise LogError(
                    f"the log {self._origin} has a checkpoint of another log, {checkpoint.origin}",
                    "Restore its own checkpoint from a backup, and find out who wrote this one.",
                )
            self._origin = checkpoint.origin
        self.note, self._checkpoint = note, checkpoint
        self._reader = TileHashes(self.size, self._tile)

    def _grown(self, entries: Sequence[bytes], leaves: Sequence[bytes], new_size: int) -> dict[str, bytes]:
        """Return the bundles and tiles that growth writes, by path."""
        old_size = self.size
        bundled = old_size // TILE_WIDTH * TILE_WIDTH
        every = [*self.entries(bundled), *entries]
        #: The hashes of each level of tiles from the last tile on that is not full yet.
        hashes: dict[int, list[bytes]] = {}
        files = {}
        for tile in growth(old_size, new_size):
            if tile.level is None:
                start = tile.first - bundled
                files[tile.path] = format_entries(every[start : start + tile.width])
                continue
            if tile.level not in hashes:
                hashes[tile.level] = self._level(tile.level, leaves, hashes.get(tile.level - 1, []))
            start = tile.first - self._partial_start(tile.level)
            files[tile.path] = b"".join(hashes[tile.level][start : start + tile.width])
        return files

    def _level(self, level: int, leaves: Sequence[bytes], below: Sequence[bytes]) -> list[bytes]:
        """Return the hashes of a level from its last partial tile on, with those that growth adds."""
        start = self._partial_start(level)
        kept = self._reader.hashes(TILE_LEVELS * level, start, (self.size >> TILE_LEVELS * level) - start)
        if level == 0:
            return [*kept, *leaves]
        # What is below begins with the last tile that was not full: each full tile of it is one new hash here.
        complete = range(0, len(below) // TILE_WIDTH * TILE_WIDTH, TILE_WIDTH)
        return [*kept, *(tree_root(below[at : at + TILE_WIDTH]) for at in complete)]

    def _partial_start(self, level: int) -> int:
        """Return the number of the first hash of the last tile of a level that is not full."""
        return (self.size >> TILE_LEVELS * level) // TILE_WIDTH * TILE_WIDTH

    def _drop_unfinished(self) -> None:
        """Remove the kept checkpoint that a writer left when it was stopped before its seal took effect.

        It stands in the last folder of a thousand checkpoints, or in the next. A stopped writer leaves one at most:
        several show that the log was cut back, and stay.
        """
        near = {checkpoint_path(size).rpartition("/")[0] for size in (self.size + 1, self.size + _KEPT_IN_A_FOLDER)}
        later = []
        for path in sorted({path for folder in near for path in self._storage.list(folder)}):
            with suppress(MalformedError):
                if parse_number_path(path.partition("/")[2]) > self.size:
                    later.append(path)
        if len(later) > 1:
            raise LogError(
                f"the log {self.origin} has {self.size} entries, and keeps later checkpoints ({', '.join(later[:3])})",
                "Do not append to it: it was cut back. Restore its newest copy, and find out who did that.",
            )
        for path in later:
            self._storage.remove(path)

    def _drop_superseded(self, old_size: int) -> None:
        """Remove the partial files that wider ones have replaced; one that stays does no harm."""
        for grown in growth(old_size, self.size):
            had = (old_size >> TILE_LEVELS * (grown.level or 0)) - grown.first
            if 0 < had < TILE_WIDTH:
                with suppress(StorageError):
                    self._storage.remove(Tile(grown.level, grown.index, had).path)

    def _tile(self, tile: Tile) -> bytes:
        content, stored = self._stored(tile)
        return content if stored == tile.width else content[: tile.width * (len(content) // stored)]

    def _stored(self, tile: Tile) -> tuple[bytes, int]:
        """Return the bytes of a bundle or tile and its width, which may be larger: growth replaces partial files."""
        for stored in self._candidates(tile):
            try:
                return self._storage.read_range(stored.path, 0, _LARGEST_FILE_BYTES + 1), stored.width
            except StorageError as error:
                if error.reason != "missing":
                    raise
        raise LogError(f"the file {tile.path} of the log {self.origin} is missing", _NEXT)

    def _candidates(self, tile: Tile) -> Iterator[Tile]:
        """Yield the file itself, then, for a partial one, the wider ones that begin with what it holds."""
        yield tile
        if tile.width < TILE_WIDTH:
            names = (path.rpartition("/")[2] for path in self._storage.list(tile.path.rpartition("/")[0]))
            widths = sorted(int(name) for name in names if name.isdecimal() and tile.width < int(name) < TILE_WIDTH)
            yield from (Tile(tile.level, tile.index, width) for width in [*widths, TILE_WIDTH])
