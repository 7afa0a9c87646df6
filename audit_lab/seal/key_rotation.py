"""A person's new key: a statement that the old key and the new one both sign."""

from __future__ import annotations

from dataclasses import dataclass

from audit_lab.seal.custody import is_time_text
from audit_lab.seal.envelope import Envelope, sign_envelope
from audit_lab.seal.keys import PublicKey, SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json, members, parse_json

__all__ = ["KeyRotation", "parse_rotation", "rotation_envelope"]

_TYPE = "application/vnd.audit-lab.key-rotation+json"
_FORMAT = "audit_lab.key-rotation"
_VERSION = 1
_MEMBERS = frozenset({"format", "version", "old", "new", "at", "reason"})
_NEXT = "Ask the key's owner for the rotation as it was signed"


@dataclass(frozen=True)
class KeyRotation:
    """From which key to which, when (UTC text with microseconds, as stated) and why."""

    old: PublicKey
    new: PublicKey
    at: str
    reason: str


def rotation_envelope(old: SigningKey, new: SigningKey, at: str, reason: str) -> bytes:
    """Return the statement that `new` takes the place of `old`, signed by both."""
    value = {"format": _FORMAT, "version": _VERSION, "old": str(old.public), "new": str(new.public)}
    return sign_envelope(canonical_json({**value, "at": at, "reason": reason}), _TYPE, [old, new])


def parse_rotation(content: bytes, name: str) -> KeyRotation:
    """Parse a rotation and check that both keys signed it; whether the old key is accepted is the reader's to say.

    Raises
    ------
    MalformedError
        Codes ``json.*``, ``envelope.*``, ``key.*``, ``key-rotation.malformed``, ``key-rotation.not-signed-by-both``.
    """
    envelope = Envelope.parse(content, name)
    value = members(parse_json(envelope.payload, name), _MEMBERS, name)
    texts = [value[member] for member in ("old", "new", "at", "reason")]
    form = envelope.payload_type == _TYPE and (value["format"], value["version"]) == (_FORMAT, _VERSION)
    if not form or not all(isinstance(text, str) for text in texts) or not is_time_text(value["at"]):
        raise MalformedError(f"{name} is not a {_FORMAT} of version {_VERSION}", _NEXT, "key-rotation.malformed")
    old, new = PublicKey.parse(value["old"]), PublicKey.parse(value["new"])
    by_key = {signature.key_id: signature.value for signature in envelope.signatures}
    signed = all(key.accepts(by_key.get(key.key_id, b""), envelope.signed_bytes) for key in (old, new))
    if not signed or by_key.keys() != {old.key_id, new.key_id}:
        raise MalformedError(
            f"{name} is not signed by both keys and nobody else", _NEXT, "key-rotation.not-signed-by-both"
        )
    if old.raw == new.raw:
        raise MalformedError(f"{name} names the same key twice", _NEXT, "key-rotation.malformed")
    return KeyRotation(old, new, value["at"], value["reason"])
