"""The keys that a user has set up: the one to sign with, and those to accept."""

from __future__ import annotations

import os
from pathlib import Path

from audit_lab.errors import MisuseError
from audit_lab.seal.key_file import PASSPHRASE_VARIABLE, chosen_passphrase, read_key
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust

__all__ = ["KEY_VARIABLE", "PASSPHRASE_VARIABLE", "TRUST_VARIABLE", "accepted_keys", "chosen_passphrase", "signing_key"]

KEY_VARIABLE = "AUDIT_LAB_KEY"
TRUST_VARIABLE = "AUDIT_LAB_TRUST"


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


def accepted_keys(trust: Trust | Path | str | None = None) -> Trust:
    """Return the keys to accept.

    Parameters
    ----------
    trust
        A trust, or the path of a trust file; default: the path in the environment variable AUDIT_LAB_TRUST, else
        ``audit_lab/trust.toml`` in the user's configuration folder. Where there is none, nothing is accepted.

    Raises
    ------
    MisuseError
        A file that was named cannot be read.
    """
    if isinstance(trust, Trust):
        return trust
    named = trust or os.environ.get(TRUST_VARIABLE)
    if named:
        return Trust.read(Path(named))
    configuration = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    usual = Path(configuration) / "audit_lab" / "trust.toml"
    return Trust.read(usual) if usual.exists() else Trust((), f"no trust file (none at {usual})")
