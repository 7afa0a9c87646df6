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
from audit_lab.log.manifest import inside
from audit_lab.log.private_file import (
    make_private_folder,
    overwrite_file,
    sync_folder,
    write_private_file,
    zero_ranges,
)
from audit_lab.seal.key_file import chosen_passphrase, key_file_bytes, key_file_name, read_key
from audit_lab.seal.keys import DEMONSTRATION_PREFIX, SigningKey, check_key_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

    from audit_lab.seal.keys import PublicKey

__all__ = ["ROW_KEY_BYTES", "Vault", "state_folder", "vault_folder"]

#: The secret of one row.
ROW_KEY_BYTES = 32

_KEY, _NEXT_KEY, _DIGEST_KEY = "log.key", "log.next.key", "digest.key"
_ROW_KEYS = "row_keys"
_DEMONSTRATION_PASSPHRASE = b"demonstration"
_RESTORE = "Restore the vault from its backup, and then apply the log's erasures to it again"


def state_folder() -> Path:
    """Return the folder in which audit_lab keeps what outlives a session: vaults, remembered checkpoints, journals."""
    named = os.environ.get("XDG_STATE_HOME")
    return (Path(named) if named else Path.home() / ".local" / "state") / "audit_lab"


def vault_folder(origin: str) -> Path:
    """Return where the vault of a log is kept unless another folder is named."""
    return state_folder() / "vaults" / check_key_name(origin).replace("/", "_")


class Vault:
    """The secrets of one log: see the module; made by `create` or `open`.

    Parameters
    ----------
    folder
        The vault's folder; it must exist.
    passphrase
        What the key files are encrypted with: the bytes themselves, or where they come from (``prompt``, ``env:NAME``,
        ``fd:NUMBER``; None as `chosen_passphrase` says). A source is asked when a key is first needed, and the
        passphrase is then kept in memory: a writer that runs unattended has to sign with tomorrow's key too. Row keys
        need none. The vault of a demonstration log never asks: anybody knows its passphrase.
    """

    def __init__(self, folder: Path, passphrase: bytes | str | None = None) -> None:
        self.folder = folder
        self._source = passphrase
        self._keys: dict[str, SigningKey] = {}

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
            As for the class.
        log
            The log's folder, which the vault must lie outside of; None where it is on no local disk.
        key
            The log's first key; a new one by default.

        Raises
        ------
        MisuseError
            The folder lies inside the log, or is the vault of another log.
        """
        place = _outside(vault_folder(origin) if folder is None else folder, log)
        vault = cls(place, passphrase)
        if (place / _KEY).exists():
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
        make_private_folder(place)
        make_private_folder(place / _ROW_KEYS)
        if not (place / _DIGEST_KEY).exists():
            write_private_file(place / _DIGEST_KEY, os.urandom(ROW_KEY_BYTES))
        write_private_file(place / _KEY, key_file_bytes(first, vault._passphrase(origin)))
        vault._keys[first.public.key_id] = first
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

    @property
    def origin(self) -> str:
        """The name of the log whose vault this is."""
        try:
            return key_file_name(self.folder / _KEY)
        except MisuseError:
            if (self.folder / _NEXT_KEY).exists():
                return key_file_name(self.folder / _NEXT_KEY)
            raise

    def signing_key(self, public: PublicKey) -> SigningKey:
        """Return the private key that the log's entries say is in force.

        Parameters
        ----------
        public
            That key's public half: of the genesis entry, or of the last rotation that was sealed. A crash may have
            left the key under either of two names, and only the log knows which one counts.

        Raises
        ------
        LogError
            The vault does not hold this key.
        MisuseError
            The passphrase does not open it.
        """
        if public.key_id not in self._keys:
            for name in (_KEY, _NEXT_KEY):
                if self._names_a_key(name):
                    key = read_key(self.folder / name, self._passphrase(self.origin))
                    self._keys[key.public.key_id] = key
        try:
            return self._keys[public.key_id]
        except KeyError as error:
            raise LogError(
                f"The vault {self.folder} does not hold the key that signs the log now ({public.key_id[:16]})",
                "Open the log with its own, current vault: one restored from an older backup cannot continue the log",
            ) from error

    def first_key(self) -> SigningKey:
        """Return the key that a log which is begun with this vault is signed with.

        Raises
        ------
        MisuseError
            The passphrase does not open it.
        """
        key = read_key(self.folder / _KEY, self._passphrase(self.origin))
        self._keys[key.public.key_id] = key
        return key

    def prepare_key(self) -> SigningKey:
        """Make the next epoch's key and keep it, durably, beside the one in force; an unused one is replaced."""
        origin = self.origin
        if (self.folder / _NEXT_KEY).exists():
            overwrite_file(self.folder / _NEXT_KEY)
        key = SigningKey.generate(origin)
        write_private_file(self.folder / _NEXT_KEY, key_file_bytes(key, self._passphrase(origin)))
        self._keys[key.public.key_id] = key
        return key

    def has_prepared_key(self) -> bool:
        """Whether a rotation was begun and not ended: by a process that stopped, since each ends its own."""
        return (self.folder / _NEXT_KEY).exists()

    def adopt_key(self, public: PublicKey) -> None:
        """Put the prepared key in the old one's place and destroy the old one; nothing where that is done already.

        To be called when the rotation to `public` is sealed and on disk, and not before: what is destroyed here signed
        the log up to then. The old file is overwritten before it is replaced; a file system that copies on write, a
        disk that spreads its writes, and backups can keep it all the same, under its passphrase.

        Raises
        ------
        LogError
            The prepared key is not this one.
        """
        self.signing_key(public)
        path, prepared = self.folder / _KEY, self.folder / _NEXT_KEY
        self._keys = {public.key_id: self._keys[public.key_id]}
        if not self._names_a_key(_NEXT_KEY):
            return
        if read_key(prepared, self._passphrase(self.origin)).public != public:
            overwrite_file(prepared)
            prepared.unlink()
        else:
            overwrite_file(path)
            prepared.replace(path)
        sync_folder(self.folder)

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
        """
        path = self._row_key_path(table, segment)
        if path.exists():
            raise MisuseError(
                f"The vault {self.folder} has row keys of {table}/{segment} already", "Name the segment otherwise"
            )
        for folder in reversed([each for each in path.parents if each.is_relative_to(self.folder)]):
            make_private_folder(folder)
        keys = os.urandom(rows * ROW_KEY_BYTES)
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
        it again (`audit_lab.log.erasure.reapply_erasures`).

        Raises
        ------
        LogError
            The vault has no row keys of this segment, or fewer than a row's number.
        """
        path = self._row_key_path(table, segment)
        numbers = sorted(set(rows))
        if not path.is_file():
            raise LogError(f"The vault {self.folder} has no row keys of {table}/{segment}", _RESTORE)
        if numbers and not 0 <= numbers[0] <= numbers[-1] < path.stat().st_size // ROW_KEY_BYTES:
            raise LogError(f"The vault {self.folder} has no key of row {numbers[-1]} of {table}/{segment}", _RESTORE)
        zero_ranges(path, [(first * ROW_KEY_BYTES, rows * ROW_KEY_BYTES) for first, rows in _runs(numbers)])

    def drop_row_keys(self, table: str, segment: str) -> None:
        """Overwrite and remove all row keys of a segment that was never sealed; nothing where there are none."""
        path = self._row_key_path(table, segment)
        if path.exists():
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

    def _names_a_key(self, name: str) -> bool:
        """Whether a key file is there and was not overwritten."""
        path = self.folder / name
        return path.exists() and path.read_bytes()[:1] != b"\0"

    def _passphrase(self, origin: str) -> bytes:
        if origin.startswith(DEMONSTRATION_PREFIX):
            return _DEMONSTRATION_PASSPHRASE
        if not isinstance(self._source, bytes):
            self._source = chosen_passphrase(self._source)
        return self._source


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
