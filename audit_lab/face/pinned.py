"""A log that stays as it was first opened for as long as a notebook runs, whatever is sealed meanwhile.

The run of an export names a folder in an environment variable (`audit_lab.face.opening`). The first opening of a log
writes down there which state it found, or the export wrote it down before; every later one, in whichever process, gets
that state.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, MisuseError
from audit_lab.seal.checkpoint import parse_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit_lab.log.store import AsOf, LogStore
    from audit_lab.seal.checkpoint import Checkpoint

__all__ = ["LogPin", "as_pinned"]

_NEXT = "Find out with audit-lab verify which history is the log's, and export again"


@dataclass(frozen=True)
class LogPin:
    """The state that a log is kept at: its checkpoint's note, and the digest of its manifest where it is not sealed."""

    origin: str
    checkpoint: str
    manifest_sha256: str

    def write(self, folder: Path) -> None:
        """Write the state down, unless one of the same log is there already."""
        path = _path(folder, self.origin)
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        aside.write_text(json.dumps(asdict(self)), encoding="utf-8")
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()


def as_pinned(store: LogStore, as_of: AsOf, folder: Path, reopened: Callable[[AsOf], LogStore]) -> LogStore:
    """Return a log in the state that it is kept at; one that is read through a mapping has none, and stays as it is.

    Parameters
    ----------
    store
        The log as it was opened.
    as_of
        The earlier state that was asked for, if any.
    folder
        Where the states are written down.
    reopened
        Opens the same log as of a tree size, or now.

    Raises
    ------
    LogError
        The log never was in the state that it is to be kept at: it was cut, rewritten, or changed without a seal.
    MisuseError
        A later state was asked for by its size.
    """
    if store.mapping is not None:
        return store
    path = _path(folder, store.origin)
    if not path.exists():
        newest = store if as_of is None else reopened(None)
        LogPin(store.origin, newest.checkpoint or "", _manifest(newest)).write(folder)
    pin = LogPin(**json.loads(path.read_text(encoding="utf-8")))
    if not pin.checkpoint or not store.checkpoint:
        if (pin.checkpoint, pin.manifest_sha256) != (store.checkpoint or "", _manifest(store)):
            raise LogError(
                f"the log {store.location} is not sealed, and not what it was when its case was made, or the notebook "
                "began",
                "Make the case from the log as it is, or seal the log: earlier states of a sealed one can be opened",
            )
        return store
    kept, found = _checkpoint(pin.checkpoint), _checkpoint(store.checkpoint)
    if found == kept:
        return store
    if found.size > kept.size and isinstance(as_of, int):
        raise MisuseError(
            f"as_of is {as_of}, and the notebook runs against the log as it was at {kept.size} entries",
            "Ask for that state or an earlier one",
        )
    before = _reopened(store, kept, reopened)
    return store if found.size < kept.size and as_of is not None else before


def _reopened(store: LogStore, kept: Checkpoint, reopened: Callable[[AsOf], LogStore]) -> LogStore:
    """Return the log at the size that it is kept at, if it has the same root there."""
    try:
        before = reopened(kept.size)
    except (MisuseError, LogError) as error:
        raise LogError(f"the log {store.location} is no longer what it was at {kept.size} entries", _NEXT) from error
    if before.checkpoint is None or _checkpoint(before.checkpoint) != kept:
        raise LogError(
            f"the log {store.location} no longer matches the checkpoint of {kept.size} entries that the notebook is to "
            "run against",
            _NEXT,
        )
    return before


def _checkpoint(note: str) -> Checkpoint:
    return parse_checkpoint(note.encode(), "The checkpoint that the log is kept at").checkpoint


def _manifest(store: LogStore) -> str:
    """Return the digest of an unsealed log's manifest; a sealed one's says nothing that its checkpoint does not."""
    return "" if store.manifest is None or store.checkpoint else store.manifest.sha256


def _path(folder: Path, origin: str) -> Path:
    return folder / f"{sha256(origin.encode()).hexdigest()}.json"
