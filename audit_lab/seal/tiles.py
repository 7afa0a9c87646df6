"""The log tree as files (C2SP tlog-tiles): tiles of 256 hashes, bundles of 256 entries, and where each one stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import HASH_BYTES, LARGEST_SIZE, node_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "LARGEST_ENTRY_BYTES",
    "TILE_LEVELS",
    "TILE_WIDTH",
    "Tile",
    "TileHashes",
    "entries_path",
    "format_entries",
    "growth",
    "number_path",
    "parse_entries",
    "parse_number_path",
    "parse_tile",
    "tile_path",
]

#: Hashes in a full tile, and entries in a full bundle.
TILE_WIDTH = 256
#: Tree levels between one level of tiles and the next.
TILE_LEVELS = 8
#: An entry's length is written in two bytes.
LARGEST_ENTRY_BYTES = 2**16 - 1

_HIGHEST_LEVEL = 63
_NUMBER = re.compile(r"(?:x[0-9]{3}/){0,6}[0-9]{3}")
_NEXT = "Restore the log's tile folder from a backup; the log cannot be proven from this one"


@dataclass(frozen=True)
class Tile:
    """One file of the tree; `level` is None for a bundle of entries, `width` below 256 for a partial one."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where the file stands, below the log's folder."""
        if self.level is None:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)

    @property
    def first(self) -> int:
        """The number, on its own level, of the file's first hash or entry."""
        return self.index * TILE_WIDTH


def number_path(number: int) -> str:
    """Return a number as path parts of three digits, ``x001/x234/067`` for 1234067."""
    if not 0 <= number <= LARGEST_SIZE:
        raise MisuseError(f"{number} is no number of a tile", f"Use 0 to {LARGEST_SIZE}")
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])


def parse_number_path(text: str) -> int:
    """Parse what `number_path` writes, and nothing else.

    Raises
    ------
    MalformedError
        Code ``tile.path``.
    """
    number = int(text.replace("x", "").replace("/", "")) if _NUMBER.fullmatch(text) else -1
    if not 0 <= number <= LARGEST_SIZE or number_path(number) != text:
        raise MalformedError(f"{text[:80]!a} is no number in path form", _NEXT, "tile.path")
    return number


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile of hashes: ``tile/0/x001/067``, or ``tile/0/x001/067.p/8`` for a partial one."""
    if not 0 <= level <= _HIGHEST_LEVEL:
        raise MisuseError(f"{level} is no level of tiles", f"Use 0 to {_HIGHEST_LEVEL}")
    return f"tile/{level}/{number_path(index)}{_partial(width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a bundle of entries: ``tile/entries/x001/067``, with ``.p/8`` for a partial one."""
    return f"tile/entries/{number_path(index)}{_partial(width)}"


def growth(old_size: int, new_size: int) -> tuple[Tile, ...]:
    """Return the files that a tree's growth writes: bundles of entries first, then tiles from the lowest level up.

    A partial file belongs to one size and is never rewritten: growth writes it again, wider, under another name.
    """
    if not 0 <= old_size <= new_size <= LARGEST_SIZE:
        raise MisuseError(f"No tree grows from {old_size} to {new_size} leaves", "Give the smaller size first")
    tiles = [Tile(None, tile.index, tile.width) for tile in _level_growth(0, old_size, new_size)]
    level = 0
    while new_size >> TILE_LEVELS * level:
        tiles += _level_growth(level, old_size, new_size)
        level += 1
    return tuple(tiles)


def parse_tile(content: bytes, width: int, name: str) -> list[bytes]:
    """Return the hashes of a tile, which has exactly `width` of them.

    Raises
    ------
    MalformedError
        Code ``tile.length``.
    """
    if len(content) != width * HASH_BYTES:
        raise MalformedError(f"{name} is not {width} hashes long", _NEXT, "tile.length")
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def format_entries(entries: Iterable[bytes]) -> bytes:
    """Return a bundle: each entry's length in two bytes, big-endian, then the entry.

    Raises
    ------
    MisuseError
        An entry is longer than 65,535 bytes.
    """
    parts = []
    for entry in entries:
        if len(entry) > LARGEST_ENTRY_BYTES:
            raise MisuseError(
                f"An entry of {len(entry):,} bytes does not fit in the log's tree",
                f"Split it: an entry has at most {LARGEST_ENTRY_BYTES:,} bytes",
            )
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def parse_entries(content: bytes, width: int, name: str) -> tuple[bytes, ...]:
    """Return the entries of a bundle, which has exactly `width` of them.

    Raises
    ------
    MalformedError
        It ends inside an entry (``tile.truncated``), or holds more or fewer of them (``tile.length``).
    """
    entries, at = [], 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if end > len(content) or at + 2 > len(content):
            raise MalformedError(f"{name} ends inside an entry", _NEXT, "tile.truncated")
        entries.append(content[at + 2 : end])
        at = end
        if len(entries) > width:
            break
    if len(entries) != width:
        raise MalformedError(f"{name} does not hold {width} entries", _NEXT, "tile.length")
    return tuple(entries)


class TileHashes:
    """Reads the hashes of a tree of `size` leaves from its tiles; a `HashReader` that reads each tile once.

    Parameters
    ----------
    size
        The tree's size, as a checkpoint states it: it says how wide the last tile of each level is.
    read
        Gives the bytes of a tile's file.
    """

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return the roots of complete subtrees, as `HashReader` says.

        Raises
        ------
        MalformedError
            A tile is not as long as it must be.
        """
        return [self._subtree(level, number) for number in range(start, start + count)]

    def _subtree(self, level: int, number: int) -> bytes:
        if not 0 <= number < self._size >> level:
            raise MisuseError(f"A tree of {self._size} leaves has no complete subtree {number} of level {level}", _NEXT)
        tile_level, inner = divmod(level, TILE_LEVELS)
        first = number << inner
        tile = self._tile(tile_level, first // TILE_WIDTH)
        row: Sequence[bytes] = tile[first % TILE_WIDTH : first % TILE_WIDTH + (1 << inner)]
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        return row[0]

    def _tile(self, level: int, index: int) -> list[bytes]:
        if (level, index) not in self._tiles:
            present = (self._size >> TILE_LEVELS * level) - index * TILE_WIDTH
            tile = Tile(level, index, min(present, TILE_WIDTH))
            self._tiles[level, index] = parse_tile(self._read(tile), tile.width, tile.path)
        return self._tiles[level, index]


def _level_growth(level: int, old_size: int, new_size: int) -> list[Tile]:
    old, new = old_size >> TILE_LEVELS * level, new_size >> TILE_LEVELS * level
    if old == new:
        return []
    indices = range(old // TILE_WIDTH, -(-new // TILE_WIDTH))
    return [Tile(level, index, min(TILE_WIDTH, new - index * TILE_WIDTH)) for index in indices]


def _partial(width: int) -> str:
    if not 0 < width <= TILE_WIDTH:
        raise MisuseError(f"{width} is no width of a tile", f"Use 1 to {TILE_WIDTH}")
    return "" if width == TILE_WIDTH else f".p/{width}"
