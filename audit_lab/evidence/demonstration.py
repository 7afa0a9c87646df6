"""A key to try things with: anybody has its passphrase, and its name says that it proves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.key_file import read_key, write_key
from audit_lab.seal.keys import DEMONSTRATION_PREFIX, SigningKey
from audit_lab.seal.trust import ANY_ORIGIN, TrustedKey, format_trust

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Demonstration", "demonstration_key"]

_NAME = f"{DEMONSTRATION_PREFIX}investigator"
_PASSPHRASE = b"demonstration"


@dataclass(frozen=True)
class Demonstration:
    """A demonstration key and the trust file that accepts it."""

    key: SigningKey
    trust: Path


def demonstration_key(folder: Path) -> Demonstration:
    """Return the demonstration key of a folder, made when there is none, and pinned in ``trust.toml`` beside it.

    Raises
    ------
    MisuseError
        The folder holds a key of that name that does not open.
    """
    path = folder / f"{_NAME}.pem"
    if path.exists():
        key = read_key(path, _PASSPHRASE)
    else:
        key = SigningKey.generate(_NAME)
        write_key(folder, key, _PASSPHRASE)
    trust = folder / "trust.toml"
    write_bytes(trust, format_trust([TrustedKey(key.public, "investigator", ANY_ORIGIN)]).encode())
    return Demonstration(key, trust)
