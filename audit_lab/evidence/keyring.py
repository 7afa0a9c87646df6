"""The keys that a user has set up: the one to sign with, and those to accept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.face.accepted import TRUST_VARIABLE, accepted_keys
from audit_lab.seal.key_file import PASSPHRASE_VARIABLE, chosen_passphrase
from audit_lab.seal.key_source import open_key
from audit_lab.seal.keys import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEY_VARIABLE", "PASSPHRASE_VARIABLE", "TRUST_VARIABLE", "accepted_keys", "chosen_passphrase", "signing_key"]

KEY_VARIABLE = "AUDIT_LAB_KEY"


def signing_key(key: SigningKey | Path | str | None = None, passphrase: str | None = None) -> SigningKey:
    """Return the key to sign with.

    Parameters
    ----------
    key
        A key; the path of a key file; ``env:NAME`` or ``agent:COMMENT``, as `open_key` takes them. Default: what the
        environment variable AUDIT_LAB_KEY names, in any of these ways.
    passphrase
        Where the passphrase comes from: ``prompt``, ``env:NAME`` or ``fd:NUMBER``; default: the environment variable
        AUDIT_LAB_PASSPHRASE where it is set, else the prompt.

    Raises
    ------
    MisuseError
        No key is given, or it does not open.
    """
    if isinstance(key, SigningKey):
        return key
    place = key or os.environ.get(KEY_VARIABLE)
    if not place:
        raise MisuseError(
            "There is no key to sign with",
            f"Give --key (in Python: key=...), or set {KEY_VARIABLE}; for a trial there is --demonstration-key",
        )
    return open_key(place, passphrase)
