"""Keys that an agent holds: the protocol of ``ssh-agent`` (draft-ietf-sshm-ssh-agent), Ed25519 signatures only.

The agent hands out public keys and signatures, never a secret. What it signs is exactly what it is given: an Ed25519
signature of an agent is a plain one over the same bytes (RFC 8709, section 6), without the header of ``ssh-keygen -Y``.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit_lab.errors import MisuseError

__all__ = ["AGENT_VARIABLE", "AgentKey", "agent_key", "agent_keys"]

#: Where the agent's socket is told.
AGENT_VARIABLE = "SSH_AUTH_SOCK"

_ALGORITHM = b"ssh-ed25519"
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14
_KEY_BYTES, _SIGNATURE_BYTES = 32, 64
_MOST_ANSWER_BYTES = 262_144
#: An agent may ask its owner before it signs (``ssh-add -c``).
_PATIENCE_S = 120.0
_FINGERPRINT = "SHA256:"
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class AgentKey:
    """One Ed25519 key in an agent: `raw` is its 32 public bytes, `comment` what its owner calls it."""

    raw: bytes
    comment: str
    place: str = field(repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint as ``ssh-add -l`` shows it."""
        digest = hashlib.sha256(_blob(self.raw)).digest()
        return _FINGERPRINT + base64.b64encode(digest).decode().rstrip("=")

    def public_key(self) -> Ed25519PublicKey:
        """Return the key that checks what this one signs."""
        return Ed25519PublicKey.from_public_bytes(self.raw)

    def sign(self, data: bytes) -> bytes:
        """Have the agent sign `data`, and return the 64 bytes.

        Raises
        ------
        MisuseError
            The agent is gone, locked, no longer has the key, was not allowed to sign, or gave no signature of it.
        """
        request = bytes([_SIGN]) + _text(_blob(self.raw)) + _text(data) + struct.pack(">I", 0)
        answer = _Answer(_ask(self.place, request))
        if answer.kind != _SIGNED:
            raise MisuseError(
                f"The agent did not sign with the key {_shown(self.comment)}",
                "Look with ssh-add -l whether it still has the key and is unlocked (ssh-add -X), and confirm",
            )
        signature = _Answer(bytes([_SIGNED]) + answer.text())
        algorithm, value = signature.text(), signature.text()
        try:
            self.public_key().verify(value, data)
        except InvalidSignature:
            value = b""
        if algorithm != _ALGORITHM or len(value) != _SIGNATURE_BYTES:
            raise MisuseError(
                f"The agent gave something else than a signature of the key {_shown(self.comment)}",
                "Use another agent, or a key file",
            )
        return value


def agent_keys() -> tuple[AgentKey, ...]:
    """Return the Ed25519 keys of the agent that SSH_AUTH_SOCK names, in its order; others are left out.

    Raises
    ------
    MisuseError
        There is no agent, or it does not answer as one.
    """
    place = os.environ.get(AGENT_VARIABLE, "")
    if not place:
        raise MisuseError(
            f"There is no agent: {AGENT_VARIABLE} is not set",
            'Start one with: eval "$(ssh-agent)"; then ssh-add your Ed25519 key',
        )
    answer = _Answer(_ask(place, bytes([_LIST])))
    if answer.kind != _LISTED:
        raise MisuseError("The agent does not list its keys", "Unlock it (ssh-add -X), or start another one")
    keys = []
    for _ in range(answer.number()):
        blob, comment = answer.text(), answer.text()
        raw = blob[-_KEY_BYTES:]
        if blob == _blob(raw):
            keys.append(AgentKey(raw, comment.decode("utf-8", "replace"), place))
    return tuple(keys)


def agent_key(wanted: str) -> AgentKey:
    """Return the one key that has this comment, or this fingerprint (``SHA256:...``).

    Raises
    ------
    MisuseError
        There is no agent, no such key in it, or several.
    """
    keys = agent_keys()
    found = {key.raw: key for key in keys if wanted in {key.comment, key.fingerprint}}
    if len(found) > 1:
        prints = ", ".join(key.fingerprint for key in found.values())
        raise MisuseError(
            f"The agent has {len(found)} Ed25519 keys with the comment {_shown(wanted)}",
            f"Name the one to use by its fingerprint: {prints}",
        )
    if not found:
        there = ", ".join(_shown(key.comment) for key in keys) or "none at all"
        raise MisuseError(
            f"The agent has no Ed25519 key {_shown(wanted)}; it has {there}",
            "Add it with ssh-add, and name it by its comment or its fingerprint (audit-lab keys show agent:)",
        )
    return next(iter(found.values()))


class _Answer:
    """An agent's answer, read from its front; whatever is cut short is refused."""

    def __init__(self, content: bytes) -> None:
        self._rest = content
        (self.kind,) = self._take(1)

    def number(self) -> int:
        value: int = struct.unpack(">I", self._take(4))[0]
        return value

    def text(self) -> bytes:
        return self._take(self.number())

    def _take(self, size_bytes: int) -> bytes:
        if size_bytes > len(self._rest):
            raise _no_agent("it answers in another form")
        taken, self._rest = self._rest[:size_bytes], self._rest[size_bytes:]
        return taken


def _ask(place: str, request: bytes) -> bytes:
    """Send one request to the agent and return its answer, without the length before it."""
    if not hasattr(socket, "AF_UNIX"):
        raise MisuseError("This system has no socket of the kind that agents use", "Use a key file")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE_S)
            connection.connect(place)
            connection.sendall(_text(request))
            (size_bytes,) = struct.unpack(">I", _receive(connection, 4))
            if not 0 < size_bytes <= _MOST_ANSWER_BYTES:
                raise _no_agent("it answers in another form")
            return _receive(connection, size_bytes)
    except TimeoutError as error:
        raise _no_agent(f"it did not answer within {_PATIENCE_S:.0f} seconds") from error
    except OSError as error:
        raise _no_agent(error.strerror or "it cannot be reached") from error


def _receive(connection: socket.socket, size_bytes: int) -> bytes:
    received = b""
    while len(received) < size_bytes:
        more = connection.recv(size_bytes - len(received))
        if not more:
            raise _no_agent("it ended the connection")
        received += more
    return received


def _no_agent(why: str) -> MisuseError:
    return MisuseError(
        f"The agent that {AGENT_VARIABLE} names cannot be asked ({why})",
        'Start one with: eval "$(ssh-agent)"; then ssh-add your Ed25519 key',
    )


def _text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _blob(raw: bytes) -> bytes:
    return _text(_ALGORITHM) + _text(raw)


def _shown(text: str) -> str:
    return ascii(text[:_LONGEST_SHOWN])
