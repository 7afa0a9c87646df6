"""Signed notes (C2SP signed-note): text, an empty line, and signature lines; read strictly."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.seal.keys import PublicKey, SigningKey

__all__ = ["MOST_NOTE_BYTES", "MOST_SIGNATURES", "Note", "NoteSignature", "format_note", "parse_note", "sign_note"]

MOST_NOTE_BYTES = 1_000_000
#: A note with more signature lines than this is refused (C2SP asks for room for 16).
MOST_SIGNATURES = 64

_KEY_HASH_BYTES = 4
_LINE = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<value>[A-Za-z0-9+/=]+)")
_LOOSE_LINE = re.compile(r"\u2014 [^\s+]+ [^\n]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NEXT = "Ask whoever signed the note for it exactly as it was signed"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: the name and the 4-byte hash of the key that claims it, and the signature's bytes."""

    name: str
    key_hash: bytes
    value: bytes

    def __str__(self) -> str:
        """Return the line, without its newline."""
        return f"\u2014 {self.name} {base64.b64encode(self.key_hash + self.value).decode()}"


@dataclass(frozen=True)
class Note:
    """A signed note; `body` is exactly what is signed, its final newline included."""

    body: bytes
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """Return the note as it is stored."""
        return format_note(self.body, self.signatures)

    def by(self, key: PublicKey) -> NoteSignature | None:
        """Return the line that claims to be this key's, which is not yet checked; None without one."""
        wanted = (key.name, key.key_hash)
        return next((line for line in self.signatures if (line.name, line.key_hash) == wanted), None)

    def check_signature(self, key: PublicKey, name: str) -> None:
        """Check that an Ed25519 key signed the note; other lines are not looked at, as C2SP demands.

        Raises
        ------
        MalformedError
            No line is this key's (``note.not-signed``), one has its name and another key's id
            (``note.wrong-key-id``), or the signature is not over this text (``note.signature-invalid``).
        """
        line = self.by(key)
        if line is None:
            if any(other.name == key.name for other in self.signatures):
                what = f"is signed under the name {key.name} by another key"
                raise _refused(name, what, "note.wrong-key-id")
            raise _refused(name, f"is not signed by {key.name}", "note.not-signed")
        if not key.accepts(line.value, self.body):
            raise _refused(name, f"carries a signature that {key.name} did not make", "note.signature-invalid")


def format_note(body: bytes, signatures: Iterable[NoteSignature]) -> bytes:
    """Return the bytes of a note."""
    return body + b"\n" + "".join(f"{signature}\n" for signature in signatures).encode()


def sign_note(body: bytes, keys: Iterable[SigningKey]) -> bytes:
    """Return a note over `body`, signed by each key.

    Raises
    ------
    MisuseError
        The text cannot stand in a note, or there is no key.
    """
    lines = [NoteSignature(key.name, key.public.key_hash, key.sign(body)) for key in keys]
    content = format_note(body, lines)
    try:
        parse_note(content, "The note")
    except MalformedError as error:
        raise MisuseError(error.message, "Sign text without control characters that ends in a newline") from error
    return content


def parse_note(content: bytes, name: str, *, most_signatures: int = MOST_SIGNATURES) -> Note:
    """Parse a note and refuse all bytes that would not print back identically; signatures are not checked here.

    Parameters
    ----------
    content
        The exact bytes.
    name
        The file's name, for the message.
    most_signatures
        How many signature lines are allowed: 1 for a note that only its owner signs.

    Raises
    ------
    MalformedError
        Codes ``note.too-large``, ``note.not-utf8``, ``note.carriage-return``, ``note.control-character``,
        ``note.no-final-newline``, ``note.no-signature``, ``note.signature-line``, ``note.not-base64``,
        ``note.duplicate-signature`` and ``note.extra-signature``.
    """
    if len(content) > MOST_NOTE_BYTES:
        raise _refused(name, "is larger than a note can be", "note.too-large")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(name, f"is not UTF-8 at byte {error.start}", "note.not-utf8") from error
    if "\r" in text:
        raise _refused(name, "has carriage returns at its line ends", "note.carriage-return")
    if _CONTROL.search(text):
        raise _refused(name, "holds a control character", "note.control-character")
    if not text.endswith("\n"):
        raise _refused(name, "does not end in a newline", "note.no-final-newline")
    body, _, block = text.removesuffix("\n").rpartition("\n\n")
    if not body or not block:
        raise _refused(name, "carries no signature after an empty line", "note.no-signature")
    lines = block.split("\n")
    if len(lines) > most_signatures:
        raise _refused(name, f"carries more than {most_signatures} signature lines", "note.extra-signature")
    signatures = tuple(_signature(line, name) for line in lines)
    if len({(signature.name, signature.key_hash) for signature in signatures}) != len(signatures):
        raise _refused(name, "carries two signatures of one key", "note.duplicate-signature")
    return Note(f"{body}\n".encode(), signatures)


def _signature(line: str, name: str) -> NoteSignature:
    match = _LINE.fullmatch(line)
    if match is None:
        if _LOOSE_LINE.fullmatch(line):
            raise _refused(name, "has a signature that is not base64", "note.not-base64")
        raise _refused(name, "has a line among its signatures that is none", "note.signature-line")
    try:
        value = base64.b64decode(match["value"], validate=True)
    except binascii.Error as error:
        raise _refused(name, "has a signature that is not base64", "note.not-base64") from error
    if base64.b64encode(value).decode() != match["value"]:
        raise _refused(name, "has a signature with stray base64 bits", "note.not-base64")
    if len(value) <= _KEY_HASH_BYTES:
        raise _refused(name, "has a signature line without a signature", "note.signature-line")
    return NoteSignature(match["name"], value[:_KEY_HASH_BYTES], value[_KEY_HASH_BYTES:])


def _refused(name: str, what: str, code: str) -> MalformedError:
    return MalformedError(f"{name} {what}", _NEXT, code)
