"""Where a key to sign with is: a key file, an environment variable, or an agent; one way to name each."""

from __future__ import annotations

import os
from pathlib import Path

from audit_lab.errors import MisuseError
from audit_lab.seal.agent import agent_key
from audit_lab.seal.key_file import chosen_passphrase, is_encrypted, key_from, read_key
from audit_lab.seal.keys import SigningKey, check_key_name

__all__ = ["AGENT", "ENVIRONMENT", "open_key"]

#: What a key in an agent, and one in an environment variable, are named with.
AGENT, ENVIRONMENT = "agent:", "env:"


def open_key(place: Path | str, passphrase: bytes | str | None = None) -> SigningKey:
    """Return the key that stands at a place.

    Parameters
    ----------
    place
        The path of a key file; ``env:NAME``: the environment variable that holds the content of one, encrypted or not;
        or ``agent:COMMENT`` and ``agent:SHA256:...``: an Ed25519 key that the agent behind SSH_AUTH_SOCK holds, whose
        comment is its name.
    passphrase
        What opens it: the bytes themselves, or where they come from (``prompt``, ``env:NAME``, ``fd:NUMBER``; None as
        `chosen_passphrase` says). It is asked for where the key is encrypted, and only there.

    Raises
    ------
    MisuseError
        There is no key, or it does not open.
    """
    text = place if isinstance(place, str) else ""
    if text.startswith(AGENT):
        return _from_agent(text.removeprefix(AGENT))
    if text.startswith(ENVIRONMENT):
        return _from_environment(text.removeprefix(ENVIRONMENT), passphrase)
    return read_key(Path(place).expanduser(), _secret(passphrase))


def _from_agent(wanted: str) -> SigningKey:
    held = agent_key(wanted)
    try:
        return SigningKey(check_key_name(held.comment), held)
    except MisuseError as error:
        raise MisuseError(
            f"The comment {held.comment[:60]!a} of a key in the agent cannot be a key's name",
            "Give the key one (ssh-keygen -c -C NAME -f FILE: letters, digits and . _ @ / - only), and add it again",
        ) from error


def _from_environment(name: str, passphrase: bytes | str | None) -> SigningKey:
    where = f"the environment variable {name[:60]!a}"
    content = os.environ.get(name, "").encode("utf-8", "surrogateescape")
    if not content.strip():
        raise MisuseError(f"There is no key in {where}", "Put the content of a key file into it, not its path")
    return key_from(content.strip() + b"\n", where, _secret(passphrase) if is_encrypted(content) else None)


def _secret(passphrase: bytes | str | None) -> bytes:
    return passphrase if isinstance(passphrase, bytes) else chosen_passphrase(passphrase)
