"""Ed25519 keys and their names (RFC 8032; key strings as in the C2SP signed-note specification)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit_lab.errors import MisuseError
from audit_lab.seal.hidden_letters import spelling_text
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "DEMONSTRATION_PREFIX",
    "SMALL_ORDER_Y",
    "PublicKey",
    "Signer",
    "SigningKey",
    "check_key_name",
    "is_key_name",
]

#: What the name of a key that proves nothing begins with.
DEMONSTRATION_PREFIX = "demonstration-"

_ED25519 = b"\x01"
#: Timestamped Ed25519 cosignatures of witnesses (C2SP tlog-cosignature).
_COSIGNATURE = b"\x04"
_ALGORITHMS = frozenset({_ED25519, _COSIGNATURE})
_KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/-]{0,99}")
_FIELD_PRIME = 2**255 - 19
#: The y coordinates of the eight points of small order: anybody can make a signature that such a key accepts.
SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _FIELD_PRIME - 1,
        int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"),
        int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"),
    }
)


def check_key_name(name: str) -> str:
    """Return `name`, or raise `MisuseError` when it cannot stand in a signed note."""
    if not is_key_name(name):
        raise MisuseError(
            f"{name!r} cannot be a key's name", "Use letters, digits and . _ @ / - only, 100 characters at most"
        )
    return name


def is_key_name(name: str) -> bool:
    """Whether a text can be a key's name."""
    return _NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class PublicKey:
    """A named Ed25519 public key: `raw` is its 32 bytes, `algorithm` the signed-note byte of what it signs."""

    name: str
    raw: bytes
    algorithm: bytes = _ED25519

    @property
    def key_id(self) -> str:
        """SHA-256 over name, newline, algorithm byte and key; its first 8 digits are the signed-note key hash."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.algorithm + self.raw).hexdigest()

    @property
    def key_hash(self) -> bytes:
        """The four bytes that name the key in a signed note."""
        return bytes.fromhex(self.key_id[:8])

    @property
    def is_cosigner(self) -> bool:
        """Whether it checks the timestamped cosignatures of a witness, and nothing else."""
        return self.algorithm == _COSIGNATURE

    @property
    def is_demonstration(self) -> bool:
        """Whether the name says that a signature by this key proves nothing."""
        return self.name.startswith(DEMONSTRATION_PREFIX)

    def __str__(self) -> str:
        """Return the C2SP verifier key: ``name+hash+base64(algorithm || key)``."""
        return f"{self.name}+{self.key_id[:8]}+{base64.b64encode(self.algorithm + self.raw).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a C2SP verifier key; refuse any text that `str` would not write and keys of small order.

        Raises
        ------
        MalformedError
            Code ``key.malformed`` or ``key.small-order``.
        """
        name, _, rest = text.partition("+")
        try:
            blob = base64.b64decode(rest.partition("+")[2], validate=True)
        except binascii.Error:
            blob = b""
        if _NAME.fullmatch(name) is None or len(blob) != 1 + _KEY_BYTES or blob[:1] not in _ALGORITHMS:
            raise _refused_key(text, "is not an Ed25519 verifier key", "key.malformed")
        key = cls(name, blob[1:], blob[:1])
        if str(key) != text:
            raise _refused_key(text, "does not carry its own key hash", "key.malformed")
        y_coordinate = int.from_bytes(key.raw, "little") & (2**255 - 1)
        if y_coordinate >= _FIELD_PRIME or y_coordinate in SMALL_ORDER_Y:
            raise _refused_key(text, "is a key of small order, under which anybody can sign", "key.small-order")
        return key

    def accepts(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` is this key's over exactly `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer(Protocol):
    """What signs with one Ed25519 key: the key itself, or an agent that holds it."""

    def public_key(self) -> Ed25519PublicKey:
        """Return the key that checks what is signed."""
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return the 64 bytes of the signature over `data`."""
        ...


@dataclass(frozen=True)
class SigningKey:
    """A named Ed25519 key to sign with; its text form never shows the secret."""

    name: str
    private: Signer

    @classmethod
    def generate(cls, name: str) -> Self:
        """Make a new key from the system's random source."""
        return cls(check_key_name(name), Ed25519PrivateKey.generate())

    @property
    def public(self) -> PublicKey:
        """The key that checks what this one signs."""
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return PublicKey(self.name, raw)

    @property
    def cosigner(self) -> PublicKey:
        """The key that checks what this one cosigns as a witness."""
        return PublicKey(self.name, self.public.raw, _COSIGNATURE)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the deterministic signature over `message`."""
        return self.private.sign(message)

    @spelling_text
    def __repr__(self) -> str:
        """Name the key, never the secret."""
        return f"SigningKey({self.name!r}, key id {self.public.key_id[:16]})"


def _refused_key(text: str, what: str, code: str) -> MalformedError:
    return MalformedError(
        f"The key {text[:140]!a} {what}", "Ask its owner for the line that stands in the .pub file", code
    )
