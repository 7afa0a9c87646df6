"""Checkpoints (C2SP tlog-checkpoint): a log's origin, its size and its root, as a note that the log signs."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import EMPTY_ROOT, HASH_BYTES, LARGEST_SIZE
from audit_lab.seal.note import MOST_SIGNATURES, parse_note, sign_note

if TYPE_CHECKING:
    from audit_lab.seal.keys import PublicKey, SigningKey
    from audit_lab.seal.note import Note

__all__ = ["Checkpoint", "SignedCheckpoint", "open_checkpoint", "parse_checkpoint", "sign_checkpoint"]

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES = 3
_NEXT = "Ask whoever keeps the log for the checkpoint exactly as it was signed"


@dataclass(frozen=True)
class Checkpoint:
    """What a log commits itself to: its name, how many entries its tree has, and the tree's root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> bytes:
        """The text that is signed: three lines, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()

    def __str__(self) -> str:
        """Return a phrase for a report."""
        return f"{self.origin} at size {self.size}, root {self.root.hex()[:16]}"


@dataclass(frozen=True)
class SignedCheckpoint:
    """A checkpoint and the note that it was read from; its signatures are checked by whoever knows the keys."""

    checkpoint: Checkpoint
    note: Note

    def check_signature(self, key: PublicKey, name: str = "The checkpoint") -> None:
        """Check that the log's key signed it.

        Raises
        ------
        MalformedError
            The key's name is not the origin (``checkpoint.wrong-origin``), or as `Note.check_signature`.
        """
        if key.name != self.checkpoint.origin:
            what = f"is of the log {self.checkpoint.origin!a}, not of {key.name}"
            raise _refused(name, what, "checkpoint.wrong-origin")
        self.note.check_signature(key, name)


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """Return the note of a checkpoint, signed by the log's key, whose name is the log's origin.

    Raises
    ------
    MisuseError
        The key bears another name, or the checkpoint's text would not be read back.
    """
    if key.name != checkpoint.origin:
        raise MisuseError(
            f"The key {key.name} cannot sign checkpoints of {checkpoint.origin}", "Use the key that bears its name"
        )
    content = sign_note(checkpoint.body, [key])
    try:
        parse_checkpoint(content)
    except MalformedError as error:
        raise MisuseError(error.message, "Give an origin, a size and a root of 32 bytes") from error
    return content


def parse_checkpoint(
    content: bytes, name: str = "The checkpoint", *, most_signatures: int = MOST_SIGNATURES
) -> SignedCheckpoint:
    """Parse a checkpoint strictly; its signatures are not checked here.

    Raises
    ------
    MalformedError
        Codes ``note.*``; ``checkpoint.malformed`` for a body that is not three lines of the right form, with no
        extension line.
    """
    note = parse_note(content, name, most_signatures=most_signatures)
    lines = note.body.decode().removesuffix("\n").split("\n")
    if len(lines) != _LINES:
        raise _refused(name, "does not have exactly three lines of text", "checkpoint.malformed")
    origin, size, root = lines
    if not origin or _SIZE.fullmatch(size) is None or int(size) > LARGEST_SIZE:
        raise _refused(name, "states no origin and tree size", "checkpoint.malformed")
    try:
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except (binascii.Error, ValueError) as error:
        raise _refused(name, "states a root that is not base64", "checkpoint.malformed") from error
    if len(checkpoint.root) != HASH_BYTES or checkpoint.body != note.body:
        raise _refused(name, "states a root that is not 32 bytes in base64", "checkpoint.malformed")
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise _refused(name, "states a root for a tree without entries", "checkpoint.malformed")
    return SignedCheckpoint(checkpoint, note)


def open_checkpoint(content: bytes, key: PublicKey, name: str = "The checkpoint") -> Checkpoint:
    """Return a checkpoint that carries one signature, by this key of the log, and no other line.

    Raises
    ------
    MalformedError
        As `parse_checkpoint` and `SignedCheckpoint.check_signature`.
    """
    signed = parse_checkpoint(content, name, most_signatures=1)
    signed.check_signature(key, name)
    return signed.checkpoint


def _refused(name: str, what: str, code: str) -> MalformedError:
    return MalformedError(f"{name} {what}", _NEXT, code)
