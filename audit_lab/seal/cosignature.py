"""Cosignatures (C2SP tlog-cosignature, version 1): a witness states when it saw a checkpoint as the log's newest one.

The witness signs ``cosignature/v1``, the time and the checkpoint's text. Its signature line carries the time (eight
bytes, big-endian) before the 64 bytes of the Ed25519 signature, under a key of type 0x04.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.note import Note, NoteSignature

if TYPE_CHECKING:
    from audit_lab.seal.keys import PublicKey, SigningKey

__all__ = ["check_cosignature", "cosignature_line", "cosigned_note"]

_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
#: The last second that a `datetime` can hold.
_LAST_SECOND = 253_402_300_799
_NEXT = "Ask the witness for its cosignature of this checkpoint"


def cosignature_line(body: bytes, witness: SigningKey, at: datetime) -> NoteSignature:
    """Return a witness's signature line for the text of a checkpoint, at a time with a zone (whole seconds count).

    Raises
    ------
    MisuseError
        The time has no zone, or lies before 1970.
    """
    seconds = -1 if at.tzinfo is None else int(at.timestamp())
    if seconds < 0:
        raise MisuseError(f"A witness cannot sign at {at}", "Give a time with a zone, since 1970")
    signature = witness.sign(_message(body, seconds))
    return NoteSignature(witness.name, witness.cosigner.key_hash, seconds.to_bytes(_TIME_BYTES, "big") + signature)


def cosigned_note(note: Note, line: NoteSignature) -> Note:
    """Return the note with one more signature line; a former line of the same key gives way."""
    key = (line.name, line.key_hash)
    return Note(note.body, (*(old for old in note.signatures if (old.name, old.key_hash) != key), line))


def check_cosignature(note: Note, witness: PublicKey, name: str = "The checkpoint") -> datetime:
    """Check that a witness cosigned a checkpoint's note.

    Returns
    -------
    datetime
        When, by the witness's clock, in UTC.

    Raises
    ------
    MisuseError
        The key is not a cosigner's.
    MalformedError
        Codes ``cosignature.missing``, ``cosignature.malformed`` and ``cosignature.invalid``.
    """
    if not witness.is_cosigner:
        raise MisuseError(f"The key {witness.name} is not a witness's", "Pin the cosigner line that the witness gives")
    line = note.by(witness)
    if line is None:
        raise _refused(name, f"is not cosigned by {witness.name}", "cosignature.missing")
    seconds = int.from_bytes(line.value[:_TIME_BYTES], "big")
    if len(line.value) != _TIME_BYTES + _SIGNATURE_BYTES or seconds > _LAST_SECOND:
        raise _refused(name, f"carries a malformed cosignature of {witness.name}", "cosignature.malformed")
    if not witness.accepts(line.value[_TIME_BYTES:], _message(note.body, seconds)):
        raise _refused(name, f"carries a cosignature that {witness.name} did not make", "cosignature.invalid")
    return datetime.fromtimestamp(seconds, UTC)


def _message(body: bytes, seconds: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (seconds, body)


def _refused(name: str, what: str, code: str) -> MalformedError:
    return MalformedError(f"{name} {what}", _NEXT, code)
