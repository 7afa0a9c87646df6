"""Key files: a private key under a passphrase (PKCS #8, PBES2 with scrypt), its public line beside it."""

from __future__ import annotations

import getpass
import os
import secrets
import sys
from base64 import encodebytes
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from audit_lab.errors import MisuseError
from audit_lab.seal.keys import SigningKey, check_key_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "PASSPHRASE_VARIABLE",
    "chosen_passphrase",
    "is_encrypted",
    "is_long_enough",
    "key_file_bytes",
    "key_file_name",
    "key_from",
    "read_key",
    "read_passphrase",
    "write_key",
]

PASSPHRASE_VARIABLE = "AUDIT_LAB_PASSPHRASE"  # noqa: S105 - the name of a variable

_NAME_LINE = "audit_lab signing key: "
_COST, _BLOCK_SIZE, _PARALLEL = 2**14, 8, 5
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_LONGEST_FILE_BYTES = 16_384
_SHORTEST_PASSPHRASE = 8
_INTEGER, _OCTETS, _SEQUENCE, _LONG_FORM = 0x02, 0x04, 0x30, 0x80


def write_key(folder: Path, key: SigningKey, passphrase: bytes) -> Path:
    """Write ``<name>.pem`` (private, mode 0600) and ``<name>.pub`` (the verifier line) into a folder.

    Parameters
    ----------
    folder
        Created with mode 0700 when missing.
    key
        The key to keep.
    passphrase
        What the private file is encrypted with: scrypt (N = 2^14, r = 8, p = 5), AES-256-CBC.

    Returns
    -------
    Path
        The private file.

    Raises
    ------
    MisuseError
        The passphrase is empty or has fewer than eight bytes, or the file exists already.
    """
    if passphrase and not is_long_enough(passphrase):
        message = f"The passphrase has fewer than {_SHORTEST_PASSPHRASE} characters"
        raise MisuseError(message, "Give a longer one: whoever gets the file can try short ones all")
    content = key_file_bytes(key, passphrase)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stem = key.name.replace("/", "_")
    path = folder / f"{stem}.pem"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise MisuseError(f"The key file {path} exists", "Choose another name: a key is never overwritten") from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    (folder / f"{stem}.pub").write_text(f"{key.public}\n", encoding="utf-8")
    return path


def is_long_enough(passphrase: bytes) -> bool:
    """Whether a passphrase may encrypt a new key; one that is shorter still opens the key that was made with it."""
    return len(passphrase) >= _SHORTEST_PASSPHRASE


def key_file_bytes(key: SigningKey, passphrase: bytes) -> bytes:
    """Return the content of a private key file.

    Raises
    ------
    MisuseError
        The passphrase is empty, or an agent holds the key and does not give it away.
    """
    if not passphrase:
        raise MisuseError("The passphrase is empty", "Give one: a key file is never written in the clear")
    return f"{_NAME_LINE}{key.name}\n".encode() + _encrypted_pem(key, passphrase)


def key_file_name(path: Path) -> str:
    """Return the name of the key in a private key file, which its passphrase does not hide.

    Raises
    ------
    MisuseError
        The file is missing, readable by others, or no key file of ours.
    """
    return _name_and_pem(path)[0]


def read_key(path: Path, passphrase: bytes) -> SigningKey:
    """Read a private key file.

    Raises
    ------
    MisuseError
        The file is missing, readable by others, no key file of ours, or the passphrase is wrong.
    """
    name, pem = _name_and_pem(path)
    return _opened(name, pem, f"the key file {path}", passphrase)


def key_from(content: bytes, where: str, passphrase: bytes | None) -> SigningKey:
    """Return the key in the content of a key file; one that is not encrypted is taken without a passphrase.

    Parameters
    ----------
    content
        The line with the key's name, and the PEM.
    where
        What it was read from, for the message.
    passphrase
        What it is encrypted with; None where it is not.

    Raises
    ------
    MisuseError
        It is no key file of ours, or does not open. The message holds nothing of the content.
    """
    return _opened(*_parts(content, where), where, passphrase)


def is_encrypted(content: bytes) -> bool:
    """Whether the content of a key file says that it needs a passphrase."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in content


def _opened(name: str, pem: bytes, where: str, passphrase: bytes | None) -> SigningKey:
    try:
        private = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        with_it = "without a passphrase" if passphrase is None else "with this passphrase"
        raise MisuseError(
            f"A key does not open {with_it}: {where}", "Give the passphrase that the key was made with"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise MisuseError(f"A key is not Ed25519: {where}", "Make one with audit-lab keys new")
    return SigningKey(name, private)


def chosen_passphrase(source: str | None = None) -> bytes:
    """Return the passphrase from a source (``prompt``, ``env:NAME``, ``fd:NUMBER``).

    The default is the environment variable AUDIT_LAB_PASSPHRASE where it is set, else the prompt.
    """
    default = f"env:{PASSPHRASE_VARIABLE}" if PASSPHRASE_VARIABLE in os.environ else "prompt"
    return read_passphrase(source or default)


def read_passphrase(source: str, of: str = "the key") -> bytes:
    """Read a passphrase from where `source` says; it is never itself an argument.

    Parameters
    ----------
    source
        ``prompt``, ``env:NAME`` or ``fd:NUMBER``.
    of
        What it is the passphrase of, for the prompt.

    Raises
    ------
    MisuseError
        The source is unknown or gives nothing.
    """
    kind, _, place = source.partition(":")
    if kind == "prompt" and not place:
        if not sys.stdin.isatty():
            raise MisuseError(
                "There is no terminal to ask for the passphrase of the key",
                "Give it by --passphrase env:NAME or fd:NUMBER (in Python: passphrase=...)",
            )
        text = getpass.getpass(f"Passphrase of {of}: ").encode()
    elif kind == "env" and place:
        text = os.environ.get(place, "").encode()
    elif kind == "fd" and place.isdecimal():
        try:
            with os.fdopen(int(place), "rb", closefd=False) as file:
                text = file.read(_LONGEST_FILE_BYTES).removesuffix(b"\n")
        except OSError as error:
            raise MisuseError(f"File descriptor {place} cannot be read", "Open it for the command") from error
    else:
        message = "That is no source of a passphrase; it is not repeated here, since it may be one"
        raise MisuseError(message, "Use prompt, env:NAME or fd:NUMBER: a passphrase is never an argument")
    if not text:
        raise MisuseError(f"The passphrase from {source} is empty", "Set it there, or use another source")
    return text


def _name_and_pem(path: Path) -> tuple[str, bytes]:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise MisuseError(f"The key file {path} can be read by others", f"Run: chmod 600 {path}")
        with path.open("rb") as file:
            content = file.read(_LONGEST_FILE_BYTES)
    except OSError as error:
        raise MisuseError(
            f"The key file {path} cannot be read ({error.strerror})", "Give the path of a key's .pem file"
        ) from error
    return _parts(content, str(path))


def _parts(content: bytes, where: str) -> tuple[str, bytes]:
    """Return the name and the PEM that stand in the content of a key file."""
    first, _, pem = content.partition(b"\n")
    line = first.decode("utf-8", "replace").rstrip("\r")
    if not line.startswith(_NAME_LINE):
        raise MisuseError(
            f"There is no key of audit_lab in {where}",
            f"Give the .pem file that was made with the key; its first line is {_NAME_LINE!r} and the key's name",
        )
    return check_key_name(line.removeprefix(_NAME_LINE)), pem


def _encrypted_pem(key: SigningKey, passphrase: bytes) -> bytes:
    """Return the key as EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018) and scrypt (RFC 7914, section 7)."""
    salt, start = secrets.token_bytes(16), secrets.token_bytes(16)
    if not isinstance(key.private, Ed25519PrivateKey):
        raise MisuseError(
            f"The key {key.name} cannot be written to a file: an agent holds it, and signs with it only",
            "Use a key file where a key must be kept, as that of a log",
        )
    derived = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK_SIZE, p=_PARALLEL).derive(passphrase)
    plain = key.private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(start)).encryptor()
    hidden = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    cost = [_der(_OCTETS, [salt]), *(_der(_INTEGER, [_positive(n)]) for n in (_COST, _BLOCK_SIZE, _PARALLEL))]
    derivation = _der(_SEQUENCE, [_SCRYPT, _der(_SEQUENCE, cost)])
    cipher = _der(_SEQUENCE, [_AES_256_CBC, _der(_OCTETS, [start])])
    algorithm = _der(_SEQUENCE, [_PBES2, _der(_SEQUENCE, [derivation, cipher])])
    body = encodebytes(_der(_SEQUENCE, [algorithm, _der(_OCTETS, [hidden])])).replace(b"\n", b"")
    lines = b"".join(body[at : at + 64] + b"\n" for at in range(0, len(body), 64))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + lines + b"-----END ENCRYPTED PRIVATE KEY-----\n"


def _positive(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def _der(tag: int, parts: Iterable[bytes]) -> bytes:
    content = b"".join(parts)
    size = bytes([len(content)]) if len(content) < _LONG_FORM else bytes([_LONG_FORM | 1, len(content)])
    return bytes([tag]) + size + content
