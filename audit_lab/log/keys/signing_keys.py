"""The signing keys of a log as files: the one in force and, while a rotation is under way, the next one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.durable import sync_folder
from audit_lab.log.files.private_file import overwrite_file, write_private_file
from audit_lab.log.files.storage import disk_error
from audit_lab.seal.key_file import chosen_passphrase, key_file_bytes, key_file_name, read_key
from audit_lab.seal.keys import DEMONSTRATION_PREFIX, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from audit_lab.seal.keys import PublicKey

__all__ = ["SigningKeys", "writing"]

_KEY, _NEXT_KEY = "log.key", "log.next.key"
_DEMONSTRATION_PASSPHRASE = b"demonstration"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make a sentence of what the disk refuses inside the block.

    Raises
    ------
    StorageError
        The disk refused.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(error, f"cannot write to the vault {folder}") from error


class SigningKeys:
    """The signing keys in a vault's folder.

    Parameters
    ----------
    folder
        The vault's folder.
    passphrase
        What the key files are encrypted with: the bytes themselves, or where they come from (``prompt``, ``env:NAME``,
        ``fd:NUMBER``; None as `chosen_passphrase` says). A source is asked when a key is first needed, and the
        passphrase is then kept in memory: a writer that runs unattended has to sign with tomorrow's key too. The vault
        of a demonstration log never asks: anybody knows its passphrase.
    """

    def __init__(self, folder: Path, passphrase: bytes | str | None = None) -> None:
        self.folder = folder
        self._source = passphrase
        self._keys: dict[str, SigningKey] = {}

    def has_key(self) -> bool:
        """Whether there is a key: a vault gets it last when it is made."""
        return (self.folder / _KEY).exists()

    def keep_first_key(self, key: SigningKey) -> None:
        """Keep the key that a log will be begun with.

        Raises
        ------
        MisuseError
            The passphrase is empty.
        StorageError
            The disk refused.
        """
        content = key_file_bytes(key, self._passphrase(key.name))
        with writing(self.folder):
            write_private_file(self.folder / _KEY, content)
        self._keys[key.public.key_id] = key

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
            self._keys |= self._stored()
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

    def public_keys(self) -> frozenset[PublicKey]:
        """Return the public halves of the keys that are there.

        Raises
        ------
        MisuseError
            The passphrase does not open them.
        """
        return frozenset(key.public for key in self._stored().values())

    def prepare_key(self) -> SigningKey:
        """Make the next epoch's key and keep it, durably, beside the one in force; an unused one is replaced.

        Raises
        ------
        StorageError
            The disk refused; the key in force is as it was.
        """
        origin = self.origin
        key = SigningKey.generate(origin)
        content = key_file_bytes(key, self._passphrase(origin))
        with writing(self.folder):
            if (self.folder / _NEXT_KEY).exists():
                overwrite_file(self.folder / _NEXT_KEY)
            write_private_file(self.folder / _NEXT_KEY, content)
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
            The vault does not hold this key.
        StorageError
            The disk refused; the key is there under one name or the other.
        """
        self._keys = {public.key_id: self.signing_key(public)}
        path, prepared = self.folder / _KEY, self.folder / _NEXT_KEY
        if not prepared.exists():
            return
        is_it = self._names_a_key(_NEXT_KEY) and read_key(prepared, self._passphrase(self.origin)).public == public
        with writing(self.folder):
            overwrite_file(path if is_it else prepared)
            if is_it:
                prepared.replace(path)
            else:
                prepared.unlink()
            sync_folder(self.folder)

    def _stored(self) -> dict[str, SigningKey]:
        """Return the keys that are there and were not overwritten, by their ids."""
        passphrase = self._passphrase(self.origin)
        keys = [read_key(self.folder / name, passphrase) for name in (_KEY, _NEXT_KEY) if self._names_a_key(name)]
        return {key.public.key_id: key for key in keys}

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
