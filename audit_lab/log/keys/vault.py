"""The vault of a log: its signing key and the secrets of its rows, in a folder outside the log.

What stands in the log can be given away; what stands here cannot. Row keys salt the fields of personal tables: with a
row's key, guesses at its values can be confirmed, and without it they never can, which is what erasure rests on. The
layout is specified in ``docs/formats.md``, "Vault".
"""

from __future__ import annotations

import hmac
import os
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.durable import sync_folder
from audit_lab.log.files.private_file import make_private_folder, overwrite_file, write_private_file, zero_ranges
from audit_lab.log.keys.signing_keys import SigningKeys, writing
from audit_lab.log.manifest import inside
from audit_lab.seal.keys import SigningKey, check_key_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

__all__ = ["ROW_KEY_BYTES", "Vault", "state_folder", "vault_folder"]

#: The secret of one row.
ROW_KEY_BYTES = 32

_DIGEST_KEY = "digest.key"
_ROW_KEYS = "row_keys"
_RESTORE = "Restore the vault from its backup, and then apply the log's erasures to it again"


def state_folder() -> Path:
    """Return the folder in which audit_lab keeps what outlives a session: vaults, remembered checkpoints, journals."""
    named = os.environ.get("XDG_STATE_HOME")
    return (Path(named) if named else Path.home() / ".local" / "state") / "audit_lab"


def vault_folder(origin: str) -> Path:
    """Return where the vault of a log is kept unless another folder is named."""
    return state_folder() / "vaults" / check_key_name(origin).replace("/", "_")


class Vault(SigningKeys):
    """The secrets of one log: see the module; made by `create` or `open`. Row keys need no passphrase."""

    @classmethod
    def create(
        cls,
        origin: str,
        folder: Path | None = None,
        *,
        passphrase: bytes | str | None = None,
        log: Path | None = None,
        key: SigningKey | None = None,
    ) -> Self:
        """Make the vault of a new log, or open one that was made and never used.

        Parameters
        ----------
        origin
            The log's name, which its key bears. A name that begins ``demonstration-`` makes a key that proves nothing
            and asks for no passphrase.
        folder
            Where; `vault_folder` by default.
        passphrase
            As for `SigningKeys`.
        log
            The log's folder, which the vault must lie outside of; None where it is on no local disk.
        key
            The log's first key; a new one by default.

        Raises
        ------
        MisuseError
            The folder lies inside the log, or is the vault of another log.
        StorageError
            The disk refused.
        """
        place = _outside(vault_folder(origin) if folder is None else folder, log)
        vault = cls(place, passphrase)
        if vault.has_key():
            if vault.origin != origin:
                raise MisuseError(
                    f"{place} is the vault of the log {vault.origin}, not of {origin}", "Name another folder"
                )
            return vault
        first = SigningKey.generate(origin) if key is None else key
        if first.name != origin:
            raise MisuseError(
                f"The key {first.name} cannot sign the log {origin}", "Make one that bears the log's name"
            )
        with writing(place):
            make_private_folder(place)
            make_private_folder(place / _ROW_KEYS)
            if not (place / _DIGEST_KEY).exists():
                write_private_file(place / _DIGEST_KEY, os.urandom(ROW_KEY_BYTES))
        vault.keep_first_key(first)
        return vault

    @classmethod
    def open(
        cls, origin: str, folder: Path | None = None, *, passphrase: bytes | str | None = None, log: Path | None = None
    ) -> Self:
        """Open the vault of a log; parameters as for `create`.

        Raises
        ------
        MisuseError
            There is none, it lies inside the log, others can read it, or it is another log's.
        """
        place = _outside(vault_folder(origin) if folder is None else folder, log)
        if not place.is_dir():
            raise MisuseError(
                f"There is no vault {place}", "Name the folder that holds the keys of this log, or restore it"
            )
        if os.name == "posix" and place.stat().st_mode & 0o077:
            raise MisuseError(f"The vault {place} can be read by others", f"Run: chmod 700 {place}")
        vault = cls(place, passphrase)
        if vault.origin != origin:
            raise MisuseError(
                f"{place} is the vault of the log {vault.origin}, not of {origin}", "Name this log's own vault"
            )
        return vault

    def new_row_keys(self, table: str, segment: str, rows: int) -> bytes:
        """Make and keep the secrets of a new segment's rows; they are on disk when this returns.

        Returns
        -------
        bytes
            32 bytes for each row, in stored order.

        Raises
        ------
        MisuseError
            The segment has row keys already.
        StorageError
            The disk refused.
        """
        path = self._row_key_path(table, segment)
        if path.exists():
            raise MisuseError(
                f"The vault {self.folder} has row keys of {table}/{segment} already", "Name the segment otherwise"
            )
        keys = os.urandom(rows * ROW_KEY_BYTES)
        with writing(self.folder):
            for folder in reversed([each for each in path.parents if each.is_relative_to(self.folder)]):
                make_private_folder(folder)
            write_private_file(path, keys)
        return keys

    def row_keys(self, table: str, segment: str) -> bytes | None:
        """Return the secrets of a segment's rows, zeros for a row that was erased; None where there are none."""
        try:
            return self._row_key_path(table, segment).read_bytes()
        except FileNotFoundError:
            return None

    def destroy_row_keys(self, table: str, segment: str, rows: Iterable[int]) -> None:
        """Overwrite the secrets of some rows with zeros, in place, and flush that to disk.

        Copies of the file elsewhere are not reached: a file system that copies on write or a disk that spreads its
        writes can keep the old bytes for a while, and a backup of the vault has them until the erasures are applied to
        it again (`audit_lab.log.writing.traces.reapply_erasures`).

        Raises
        ------
        LogError
            The vault has no row keys of this segment, or fewer than a row's number.
        StorageError
            The disk refused.
        """
        path = self._row_key_path(table, segment)
        numbers = sorted(set(rows))
        if not path.is_file():
            raise LogError(f"The vault {self.folder} has no row keys of {table}/{segment}", _RESTORE)
        if numbers and not 0 <= numbers[0] <= numbers[-1] < path.stat().st_size // ROW_KEY_BYTES:
            raise LogError(f"The vault {self.folder} has no key of row {numbers[-1]} of {table}/{segment}", _RESTORE)
        with writing(self.folder):
            zero_ranges(path, [(first * ROW_KEY_BYTES, rows * ROW_KEY_BYTES) for first, rows in _runs(numbers)])

    def live_row_keys(self, table: str, segment: str, rows: Iterable[int]) -> list[int]:
        """Return those of some rows whose secrets are there and not destroyed, in rising order."""
        path = self._row_key_path(table, segment)
        if not path.is_file():
            return []
        with path.open("rb") as file:

            def lives(row: int) -> bool:
                file.seek(row * ROW_KEY_BYTES)
                return any(file.read(ROW_KEY_BYTES))

            return [row for row in sorted(set(rows)) if lives(row)]

    def drop_row_keys(self, table: str, segment: str) -> None:
        """Overwrite and remove all row keys of a segment that was never sealed; nothing where there are none."""
        path = self._row_key_path(table, segment)
        if path.exists():
            with writing(self.folder):
                overwrite_file(path)
                path.unlink()
                sync_folder(path.parent)

    def keyed_digest(self, kind: str, text: str) -> str:
        """Return HMAC-SHA256 of an id under a key of this vault: what may stand for the id in the log.

        Parameters
        ----------
        kind
            What the id names (``subject``, ``prediction``), so that equal texts of two kinds differ.
        text
            The id.

        Raises
        ------
        LogError
            The key is not in the vault.
        """
        message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._digest_key, message, sha256).hexdigest()

    @cached_property
    def _digest_key(self) -> bytes:
        try:
            return (self.folder / _DIGEST_KEY).read_bytes()
        except FileNotFoundError as error:
            raise LogError(f"The vault {self.folder} lacks {_DIGEST_KEY}", _RESTORE) from error

    def _row_key_path(self, table: str, segment: str) -> Path:
        return inside(self.folder, f"{_ROW_KEYS}/{table}/{segment}.keys")


def _outside(folder: Path, log: Path | None) -> Path:
    place = folder.expanduser().resolve()
    if log is not None and place.is_relative_to(log.expanduser().resolve()):
        raise MisuseError(
            f"The vault {folder} lies inside the log {log}", "Keep it elsewhere: whoever gets the log must not get it"
        )
    return place


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the count of each run of numbers that follow one another."""
    for _, pairs in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in pairs]
        yield run[0], len(run)
