"""Remembered checkpoints: the newest state of each log that this user has verified, kept in the user's state folder.

They are what makes a truncated or rewritten log visible to somebody who has seen it before. One file for each log,
named by its origin and its first key; never inside a log, and written only after a verification that holds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.files.private_file import make_private_folder, write_private_file
from audit_lab.log.keys.vault import state_folder
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.digests import sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.note import MOST_NOTE_BYTES

if TYPE_CHECKING:
    from audit_lab.seal.checkpoint import Checkpoint
    from audit_lab.seal.keys import PublicKey

__all__ = ["REMEMBERED_VARIABLE", "Remembered", "remembered_folder"]

#: Names another folder: the run of an export has one of its own, so that no output depends on who verified before.
REMEMBERED_VARIABLE = "AUDIT_LAB_REMEMBERED"


def remembered_folder() -> Path:
    """Return where checkpoints are remembered unless another folder is named."""
    named = os.environ.get(REMEMBERED_VARIABLE)
    return Path(named) if named else state_folder() / "remembered"


@dataclass(frozen=True)
class Remembered:
    """The checkpoints that a folder remembers."""

    folder: Path

    def path(self, log_key: PublicKey) -> Path:
        """Return the file of the log that began with this key."""
        name = sha256(f"{log_key.name}\n{log_key}".encode())
        return self.folder / f"{name}.note"

    def recall(self, log_key: PublicKey) -> Checkpoint | None:
        """Return the newest checkpoint that was verified of the log that began with this key; None if none ever was.

        Raises
        ------
        MisuseError
            The file is not what was written.
        """
        path = self.path(log_key)
        return _read(path) if path.exists() else None

    def others(self, log_key: PublicKey) -> tuple[Path, ...]:
        """Return the files of logs that bear the same origin and began with another key.

        Raises
        ------
        MisuseError
            A file is not what was written.
        """
        own = self.path(log_key)
        return tuple(path for path in self.of_origin(log_key.name) if path != own)

    def of_origin(self, origin: str) -> tuple[Path, ...]:
        """Return the files of logs that bear an origin.

        Raises
        ------
        MisuseError
            A file is not what was written.
        """
        known = sorted(self.folder.glob("*.note")) if self.folder.is_dir() else []
        return tuple(path for path in known if _read(path).origin == origin)

    def keep(self, log_key: PublicKey, note: bytes) -> None:
        """Remember the note of a checkpoint that was just verified, unless a larger one is remembered.

        Raises
        ------
        MisuseError
            The folder cannot be written, or holds a file that is not what was written.
        """
        known = self.recall(log_key)
        if known is not None and known.size >= parse_checkpoint(note).checkpoint.size:
            return
        try:
            make_private_folder(self.folder)
            write_private_file(self.path(log_key), note)
        except OSError as error:
            raise MisuseError(
                f"The checkpoint cannot be remembered in {self.folder} ({error.strerror})",
                "Name a folder that can be written, or none: then the next verification starts from nothing",
            ) from error


def _read(path: Path) -> Checkpoint:
    try:
        with path.open("rb") as file:
            return parse_checkpoint(file.read(MOST_NOTE_BYTES + 1), str(path)).checkpoint
    except (OSError, MalformedError) as error:
        reason = error.message if isinstance(error, MalformedError) else f"{path} cannot be read"
        raise MisuseError(
            f"A remembered checkpoint is damaged: {reason}",
            "Restore it: without it nobody can say whether the log was cut; remove it only if you know what happened",
        ) from error
