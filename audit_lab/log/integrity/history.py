"""The log's history, recomputed: its entries as they stand in its files, the tree over them, and what they come to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, StorageError
from audit_lab.log.tree.state import LogState
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import MemoryTree, leaf_hash

if TYPE_CHECKING:
    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.tree.tree_file import LogTree
    from audit_lab.seal.entry import Entry
    from audit_lab.seal.entry_kinds import GenesisEntry

__all__ = ["MOST_ENTRIES", "History", "read_history"]

_BUNDLE = 256
#: A log of more entries than this is not examined: its parsed entries would not fit in memory.
MOST_ENTRIES = 10_000_000
_ENTRIES = "Restore the log's tile folder from a backup: what was sealed cannot be told without its entries."
_CONTRADICTS = "Ask whoever keeps the log: a sound writer never seals this."


class History:
    """All entries of a log in order, with the tree and the state that they lead to.

    Attributes
    ----------
    entries
        The entries, parsed.
    state
        What they amount to; entries that contradict those before them are left out.
    is_whole
        Whether every entry that the checkpoint counts was there and could be read.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.state = LogState()
        self.is_whole = True
        self._tree = MemoryTree()

    @property
    def genesis(self) -> GenesisEntry | None:
        """The first entry; None where it is not one that begins a log."""
        return self.state.genesis

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.state.origin

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._tree.size

    @property
    def log_keys(self) -> frozenset[bytes]:
        """The keys that sign, or signed, for the log, 32 bytes each."""
        return frozenset(each.key.raw for each in self.state.keys)

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` entries."""
        return self._tree.root(size)

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return the roots of complete subtrees (`audit_lab.seal.merkle.HashReader`)."""
        return self._tree.hashes(level, start, count)

    def sealed_at(self, size: int) -> datetime:
        """Return when the last of the first `size` entries was sealed, by the writer's clock."""
        return datetime.fromisoformat(self.entries[min(size, len(self.entries)) - 1].sealed_at)

    def state_at(self, size: int) -> LogState:
        """Return what the first `size` entries amounted to when they were the newest."""
        state = LogState()
        for entry in self.entries[:size]:
            _take(state, entry)
        return state

    def add(self, content: bytes, examination: Examination) -> None:
        """Take in the next entry; what is wrong with it becomes a finding."""
        number = self._tree.size
        self._tree.append(leaf_hash(content))
        if not self.is_whole:
            return
        try:
            entry = parse_entry(content, f"Entry {number}")
        except MalformedError as error:
            examination.refuse_malformed(error, f"entry {number}")
            self.is_whole = False
            return
        self.entries.append(entry)
        contradiction = _take(self.state, entry)
        if contradiction is not None:
            examination.refuse("log.entry-contradiction", f"entry {number}", contradiction, _CONTRADICTS)


def read_history(tree: LogTree, examination: Examination) -> History:
    """Read all entries that the checkpoint counts; missing or malformed ones become findings."""
    history = History()
    for start in range(0, tree.size, _BUNDLE):
        end = min(start + _BUNDLE, tree.size)
        try:
            bundle = tree.entries(start, end)
        except MalformedError as error:
            examination.refuse_malformed(error, f"entries {start} to {end - 1}")
        except (LogError, StorageError) as error:
            examination.refuse("log.entries-missing", f"entries {start} to {end - 1}", error.message, _ENTRIES)
        else:
            for content in bundle:
                history.add(content, examination)
            continue
        history.is_whole = False
        break
    return history


def _take(state: LogState, entry: Entry) -> str | None:
    """Take an entry into a state; return how it contradicts those before it, in which case it is left out."""
    number = state.size
    state.sealed_at = min(state.sealed_at, entry.sealed_at)  # times that go back are a finding of the epochs' check
    try:
        state.take(entry)
    except LogError as error:
        state.size = number + 1
        return error.message
    return None
