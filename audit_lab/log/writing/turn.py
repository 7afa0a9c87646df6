"""One writer's turn at a log: the lock is held, the log's state is the newest, and what is sealed follows from it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, LogError, StorageError
from audit_lab.log.files.storage import ASIDE_PREFIX
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.keys.epochs import signer_at
from audit_lab.log.tree.state import LogState, manifest_bytes
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.traces import remove_traces
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint
from audit_lab.seal.custody import time_text
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.merkle import EMPTY_ROOT, Frontier, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from audit_lab.log.files.storage import Storage
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.time_anchors.remembered import Remembered
    from audit_lab.seal.entry import Entry
    from audit_lab.seal.keys import SigningKey

__all__ = ["Turn", "Turns"]

_FORKED = "Do not append to it: restore the newest copy of the log, and find out who replaced it."


@dataclass
class Turn:
    """What a writer may do while it is its turn.

    Attributes
    ----------
    storage, vault
        The log's files and its secrets.
    state
        The sum of the log's entries; kept current by `seal`.
    sealed_at
        What entries that are sealed in this turn must be dated: never earlier than the last entry.
    clock_behind
        How far the clock stands before the last entry; zero where it does not.
    """

    storage: Storage
    vault: Vault
    state: LogState
    sealed_at: str
    clock_behind: timedelta
    _turns: Turns
    _signer: SigningKey
    _written: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.state.origin

    @property
    def now(self) -> datetime:
        """The moment that `sealed_at` says."""
        return datetime.fromisoformat(self.sealed_at)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write new files, which are on the disk when this returns, and are removed again if nothing is sealed after.

        Raises
        ------
        LogError
            A file has such a name already.
        StorageError
            The disk refused.
        """
        with nothing_sealed():
            self._claim(files)
            self.storage.create_all(files)

    def seal(self, entries: Sequence[Entry], files: Mapping[str, bytes] | None = None) -> None:
        """Seal entries in one checkpoint; they are on the disk when this returns.

        Parameters
        ----------
        entries
            Dated `sealed_at`.
        files
            Path to content of new files that the entries speak of, to be written before. What else they speak of must
            be on the disk already.

        Raises
        ------
        LogError
            An entry contradicts those before it, or a file has such a name already.
        StorageError
            The disk refused; the message says what became of the entries.
        """
        with nothing_sealed():
            self._claim(files or {})
        self._turns.append(entries, self._signer, files)
        self._written.clear()
        self._turns.write_manifest()

    def _claim(self, files: Mapping[str, bytes]) -> None:
        for path in files:
            if self.storage.exists(path):
                raise LogError(
                    f"a file {path} is in the log {self.origin} already",
                    "Nothing was overwritten: find out who wrote it.",
                )
        self._written += files

    def discard(self) -> None:
        """Remove what was written and not sealed; what cannot be removed is left over, and no part of the log."""
        for path in self._written:
            with suppress(StorageError):
                self.storage.remove(path)
        self._written.clear()


class Turns:
    """The turns of one writer at one log, and what it remembers between them.

    Parameters
    ----------
    storage, vault
        The log's files and its secrets.
    origin
        The log's name.
    clock
        Gives the present time.
    """

    def __init__(self, storage: Storage, vault: Vault, origin: str, clock: Callable[[], datetime]) -> None:
        self._storage = storage
        self._vault = vault
        self._clock = clock
        self._tree = LogTree(storage, origin)
        self._state = LogState()
        self._frontier = Frontier()
        #: The newest checkpoint that this writer saw; the log may only ever have grown from there.
        self._seen = Checkpoint(origin, 0, EMPTY_ROOT)
        #: Whether what was last written for a seal may stand in the log: then it must stay.
        self._may_stand = False

    @property
    def seen(self) -> Checkpoint:
        """The newest checkpoint that this writer saw."""
        return self._seen

    @property
    def note(self) -> bytes:
        """The same as it was signed."""
        return self._tree.note

    @property
    def state(self) -> LogState:
        """The state as of the last turn; to be read only."""
        return self._state

    @contextmanager
    def take(self) -> Iterator[Turn]:
        """Wait for the lock, catch up with the log and yield the turn.

        Raises
        ------
        LogError
            The log is not a continuation of what this writer saw before, or contradicts itself; the vault does not
            hold its key.
        StorageError
            The lock could not be taken, or a file not be read.
        """
        self._may_stand = False
        with ExitStack() as held:
            with nothing_sealed():
                held.enter_context(self._storage.lock())
                self._catch_up()
            if self._state.genesis is None:
                raise LogError(f"the log {self._tree.origin} was never begun", "Begin it with `create_log`.")
            last, now = datetime.fromisoformat(self._state.sealed_at), self._clock()
            sealed_at = max(last, now)
            with nothing_sealed():
                signer, rotated = signer_at(self._tree, self._vault, self._state.keys[-1], sealed_at)
                if rotated:
                    self._catch_up()
            behind = max(last - now, timedelta(0))
            turn = Turn(self._storage, self._vault, self._state, time_text(sealed_at), behind, self, signer)
            try:
                yield turn
            except BaseException:
                if not self._may_stand:
                    turn.discard()
                raise

    def resume(self, memory: Remembered | None = None) -> None:
        """Catch up with the log, and remove what writers left that were stopped: files aside, and what was erased.

        Who holds the lock knows that nobody is writing them. Files that were written and never sealed stay: a log that
        was cut back holds such files too, and they may be what shows it.

        Parameters
        ----------
        memory
            What earlier writers saw of the log.

        Raises
        ------
        LogError
            The log contradicts itself, or does not continue what an earlier writer saw.
        StorageError
            The disk refused.
        """
        with self._storage.lock():
            self._catch_up()
            known = memory.recall(self._state.genesis.log_key) if memory and self._state.genesis else None
            if known is not None and known.size > self._tree.size:
                raise self._forked(f"has {self._tree.size} entries, and an earlier writer saw {known.size}")
            if known is not None and self._tree.root_at(known.size) != known.root:
                raise self._forked("does not continue what an earlier writer saw")
            for path in self._storage.list():
                if path.rpartition("/")[2].startswith(ASIDE_PREFIX):
                    self._storage.remove(path)
            if self._state.erasures:
                # Only a log that this vault signs may have keys of it destroyed.
                self._vault.signing_key(self._state.keys[-1].key)
                remove_traces(self._storage, self._state, self._vault)

    def begin(self, entries: Sequence[Entry], signer: SigningKey) -> None:
        """Begin a log with its first entries.

        Raises
        ------
        LogError
            It was begun already.
        """
        with self._storage.lock():
            self._catch_up()
            if self._seen.size:
                raise LogError(
                    f"the log {self._tree.origin} was begun already", "Open it for writing: it is not begun twice."
                )
            self.append(entries, signer)
            self.write_manifest(first=True)

    def append(self, entries: Sequence[Entry], signer: SigningKey, files: Mapping[str, bytes] | None = None) -> None:
        """Seal entries while the lock is held; parameters as for `LogTree.append`."""
        contents = [entry.to_bytes() for entry in entries]
        try:
            for entry, content in zip(entries, contents, strict=True):
                self._state.take(entry)
                self._frontier.append(leaf_hash(content))
            # Until it is known better, also to an interrupt: who sees nothing of a seal must not undo it.
            self._may_stand = True
            with nothing_sealed(self._stands):
                self._seen = self._tree.append(contents, signer, files)
        except BaseException as error:
            if isinstance(error, AuditLabError):
                self._may_stand = self._stands()
            self._forget()
            raise

    def write_manifest(self, *, first: bool = False) -> None:
        """Write the manifest. Readers do without one that lags behind, so a disk that refuses it now is no failure.

        The first one is there for good; of those after it a power loss may bring back the one before.
        """
        with suppress(StorageError):
            content = manifest_bytes(self._state, self._seen.root)
            derived = not first and self._storage.exists(MANIFEST_NAME)
            self._storage.create_all({MANIFEST_NAME: content}, replace=True, derived=derived)

    def _catch_up(self) -> None:
        """Read what other writers sealed since, and check that it continues what this one saw."""
        if not self._tree.refresh() and self._state.size == self._tree.size:
            return
        try:
            self._read_on()
        except BaseException:
            self._forget()
            raise
        self._seen = Checkpoint(self._tree.origin, self._tree.size, self._tree.root)

    def _read_on(self) -> None:
        tree, state, frontier = self._tree, self._state, self._frontier
        if tree.size < self._seen.size:
            raise self._forked(f"has {tree.size} entries, and had {self._seen.size}")
        if state.size > tree.size:
            raise self._forked("changed under the lock")
        for number, content in enumerate(tree.entries(state.size), start=state.size):
            state.take(parse_entry(content, f"Entry {number}"))
            frontier.append(leaf_hash(content))
            if frontier.size == self._seen.size and frontier.root() != self._seen.root:
                raise self._forked("does not continue what this writer saw: it holds other entries")
        if frontier.root() != tree.root:
            raise self._forked("does not continue what this writer saw: its entries do not lead to its checkpoint")
        if tree.size:
            key = next(key.key for key in state.keys if key.covers(tree.size))
            parse_checkpoint(tree.note).check_signature(key)

    def _forget(self) -> None:
        """Read all entries again at the next turn; what was seen stays known."""
        self._state, self._frontier = LogState(), Frontier()

    def _forked(self, what: str) -> LogError:
        return LogError(f"the log {self._tree.origin} {what}", _FORKED)

    def _stands(self) -> bool:
        """Whether a seal that failed stands in the log all the same; true where that cannot be read."""
        try:
            return LogTree(self._storage).root == self._frontier.root()
        except AuditLabError:
            return True


@contextmanager
def nothing_sealed(in_doubt: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Say in an error of the disk what became of the log.

    Parameters
    ----------
    in_doubt
        Tells whether the entries may stand in the log although the disk failed.
    """
    try:
        yield
    except StorageError as error:
        if in_doubt():
            raise StorageError(
                f"{error.message}, at the very end: the entries stand in the log, but a power loss may take them away",
                f"{error.next_step} Look whether they are in the log before you append them again.",
                error.reason,
            ) from error
        raise StorageError(
            f"{error.message}; nothing of this is in the log, and all that was acknowledged before is kept",
            error.next_step,
            error.reason,
        ) from error
