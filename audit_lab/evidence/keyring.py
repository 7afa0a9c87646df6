"""The keys that a user has set up: the one to sign with, and those to accept."""

from __future__ import annotations

import os
from pathlib import Path

from audit_lab.errors import MisuseError
from audit_lab.face.accepted import TRUST_VARIABLE, accepted_keys
from audit_lab.seal.key_file import PASSPHRASE_VARIABLE, chosen_passphrase, read_key
from audit_lab.seal.keys import SigningKey

__all__ = ["KEY_VARIABLE", "PASSPHRASE_VARIABLE", "TRUST_VARIABLE", "accepted_keys", "chosen_passphrase", "signing_key"]

KEY_VARIABLE = "AUDIT_LAB_KEY"


def signing_key(key: SigningKey | Path | str | None = None, passphrase: str | None = None) -> SigningKey:
    """Return the key to sign with.

    Parameters
    ----------
    key
        A key, or the path of a key file; default: the path in the environment variable AUDIT_LAB_KEY.
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
    path = key or os.environ.get(KEY_VARIABLE)
    if not path:
        raise MisuseError(
            "There is no key to sign with",
            f"Give --key (in Python: key=...), or set {KEY_VARIABLE}; for a trial there is --demonstration-key",
        )
    return read_key(Path(path), chosen_passphrase(passphrase))
