"""An offline witness: remembers the newest checkpoint it saw of a log, and cosigns only what that one grew into.

The request is the body of C2SP tlog-witness's ``add-checkpoint``, so that it can be carried as a file or sent to a
public witness. This module is the state transition alone; whoever calls it keeps the state, and stores the new one
before the cosignature leaves.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint
from audit_lab.seal.cosignature import cosignature_line, cosigned_note
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import EMPTY_ROOT, HASH_BYTES, LARGEST_SIZE, check_witness_consistency
from audit_lab.seal.note import MOST_NOTE_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from typing import Self

    from audit_lab.seal.checkpoint import SignedCheckpoint
    from audit_lab.seal.keys import PublicKey, SigningKey
    from audit_lab.seal.note import Note

__all__ = ["WitnessRequest", "Witnessed", "witness_checkpoint"]

_MOST_HASHES = 63
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
_NEXT = "Ask whoever keeps the log for a request made from its newest checkpoint"
_FORK = "Keep both checkpoints: two that contradict each other prove that the log shows different histories"


@dataclass(frozen=True)
class WitnessRequest:
    """A checkpoint's note, and the proof that it grew from the tree of `old_size`, which the witness saw last."""

    old_size: int
    path: tuple[bytes, ...]
    note: bytes

    def to_bytes(self) -> bytes:
        """Return the request as C2SP tlog-witness writes it."""
        lines = [b"old %d" % self.old_size, *(base64.b64encode(value) for value in self.path), b""]
        return b"".join(line + b"\n" for line in lines) + self.note

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Parse a request strictly; its checkpoint is parsed by `witness_checkpoint`.

        Raises
        ------
        MalformedError
            Code ``witness.malformed``.
        """
        head, found, note = content.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        match = _OLD.fullmatch(first)
        if match is None or not found or len(lines) > _MOST_HASHES or len(note) > MOST_NOTE_BYTES:
            raise _refused(f"{name} is no request to a witness", "witness.malformed")
        try:
            path = tuple(base64.b64decode(line, validate=True) for line in lines)
        except binascii.Error as error:
            raise _refused(f"{name} holds a hash that is not base64", "witness.malformed") from error
        request = cls(int(match[1]), path, note)
        if any(len(value) != HASH_BYTES for value in path) or request.to_bytes() != content:
            raise _refused(f"{name} is not in the form of C2SP tlog-witness", "witness.malformed")
        return request


@dataclass(frozen=True)
class Witnessed:
    """What a witness remembers from now on, and the log's note with the cosignature added."""

    checkpoint: Checkpoint
    note: Note


def witness_checkpoint(
    request: WitnessRequest,
    remembered: Checkpoint | None,
    log_keys: Collection[PublicKey],
    witness: SigningKey,
    at: datetime,
) -> Witnessed:
    """Cosign a checkpoint, or refuse it.

    Parameters
    ----------
    request
        The checkpoint and the proof of its growth.
    remembered
        The newest checkpoint of that log that this witness cosigned; None if it never did.
    log_keys
        The keys that the witness accepts for the log, whose name is the log's origin.
    witness
        The key that cosigns.
    at
        The time to state, with a zone.

    Raises
    ------
    MalformedError
        The checkpoint is malformed (``note.*``, ``checkpoint.*``), is of a log or by a key that is not accepted
        (``witness.unknown-log``, ``note.*``), the request does not start at what is remembered
        (``witness.size-conflict``), the log shrank (``witness.rolled-back``), it shows another history
        (``witness.forked``), or the proof is not one (``proof.*``).
    """
    signed = parse_checkpoint(request.note)
    checkpoint = signed.checkpoint
    _check_log(signed, log_keys)
    known_size, known_root = (remembered.size, remembered.root) if remembered else (0, EMPTY_ROOT)
    if remembered and remembered.origin != checkpoint.origin:
        raise _refused("The remembered checkpoint is of another log", "witness.unknown-log")
    if request.old_size > LARGEST_SIZE or checkpoint.size < request.old_size:
        raise _refused(f"The request goes from {request.old_size} to {checkpoint.size} entries", "witness.rolled-back")
    if request.old_size != known_size:
        raise _refused(
            f"The request starts at {request.old_size} entries, and the witness has seen {known_size}",
            "witness.size-conflict",
        )
    if checkpoint.size == known_size and checkpoint.root != known_root:
        what = f"{checkpoint.origin} shows two different histories of {known_size} entries"
        raise MalformedError(what, _FORK, "witness.forked")
    check_witness_consistency(known_size, known_root, checkpoint.size, checkpoint.root, request.path)
    line = cosignature_line(signed.note.body, witness, at)
    return Witnessed(checkpoint, cosigned_note(signed.note, line))


def _check_log(signed: SignedCheckpoint, log_keys: Collection[PublicKey]) -> None:
    """Check that an accepted key of the log signed; lines of keys that are not known are ignored, as C2SP demands."""
    origin = signed.checkpoint.origin
    known = [key for key in log_keys if key.name == origin and not key.is_cosigner]
    if not known:
        raise _refused(f"The witness does not know the log {origin!a}", "witness.unknown-log")
    present = [key for key in known if signed.note.by(key) is not None]
    for key in present or known[:1]:
        signed.check_signature(key)


def _refused(message: str, code: str) -> MalformedError:
    return MalformedError(message, _NEXT, code)
