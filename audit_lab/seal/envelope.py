"""Signed envelopes: DSSE 1.0 (secure-systems-lab), read strictly."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json, members, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from audit_lab.seal.keys import SigningKey

__all__ = ["Envelope", "Signature", "pre_authentication_encoding", "sign_envelope"]

_NEXT = "Ask the signer for the envelope as it was signed"


@dataclass(frozen=True)
class Signature:
    """One signature of an envelope: the id of the key that claims it, and its bytes."""

    key_id: str
    value: bytes


@dataclass(frozen=True)
class Envelope:
    """A signed payload."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that every signature is over."""
        return pre_authentication_encoding(self.payload_type, self.payload)

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Parse an envelope; refuse every byte sequence that would not print back identically.

        Raises
        ------
        MalformedError
            Codes ``json.*`` and ``envelope.*``.
        """
        value = members(parse_json(content, name), frozenset({"payload", "payloadType", "signatures"}), name)
        if not isinstance(value["payloadType"], str) or not isinstance(value["signatures"], list):
            raise MalformedError(f"{name} has members of the wrong type", _NEXT, "envelope.malformed")
        if not value["signatures"]:
            raise MalformedError(f"{name} carries no signature", _NEXT, "envelope.no-signature")
        signatures = tuple(_signature(entry, name) for entry in value["signatures"])
        if len({signature.key_id for signature in signatures}) != len(signatures):
            raise MalformedError(f"{name} carries two signatures of one key", _NEXT, "envelope.duplicate-signature")
        # Every string in an envelope of ours is ASCII, so that this is its RFC 8785 form.
        if json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != content:
            raise MalformedError(f"{name} is not in canonical form", _NEXT, "envelope.not-canonical")
        return cls(value["payloadType"], _decoded(value["payload"], name), signatures)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's PAE: ``DSSEv1``, then length and content of type and payload, separated by spaces."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign_envelope(payload: bytes, payload_type: str, keys: Sequence[SigningKey]) -> bytes:
    """Return the canonical bytes of an envelope around `payload`, signed by each key."""
    message = pre_authentication_encoding(payload_type, payload)
    signatures = [{"keyid": key.public.key_id, "sig": base64.b64encode(key.sign(message)).decode()} for key in keys]
    return canonical_json(
        {"payload": base64.b64encode(payload).decode(), "payloadType": payload_type, "signatures": signatures}
    )


def _signature(entry: Any, name: str) -> Signature:
    value = members(entry, frozenset({"keyid", "sig"}), name)
    if not isinstance(value["keyid"], str):
        raise MalformedError(f"{name} has a key id that is no text", _NEXT, "envelope.malformed")
    return Signature(value["keyid"], _decoded(value["sig"], name))


def _decoded(text: Any, name: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise MalformedError(f"{name} holds text that is not base64", _NEXT, "envelope.not-base64") from error
    if base64.b64encode(content).decode() != text:
        raise MalformedError(f"{name} holds base64 with stray bits", _NEXT, "envelope.not-base64")
    return content
