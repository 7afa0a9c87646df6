"""A checkpoint's signatures against the keys that the reader pinned: the log's own, and those of witnesses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_lab.seal.cosignature import check_cosignature
from audit_lab.seal.key_chain import follow_key_chain
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import check_inclusion, leaf_hash
from audit_lab.seal.report import Finding
from audit_lab.seal.trust import ANY_ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.seal.checkpoint import SignedCheckpoint
    from audit_lab.seal.key_chain import KeyLink
    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust, TrustedKey

__all__ = ["CheckedCheckpoint", "check_checkpoint"]

_LOG, _WITNESS = "log", "witness"
_NEXT = "Ask whoever gave the proof for one made from the log itself; do not rely on this one"
_PIN = "Get the log's public key from whoever keeps the log, not from the proof, and pin it for the role log"
_DEMONSTRATION = "{} is a demonstration key: its signature shows how signing works and proves nothing"


@dataclass
class CheckedCheckpoint:
    """What came of a checkpoint's signatures.

    Attributes
    ----------
    signed
        The checkpoint, whether its signatures hold or not.
    findings, signers, notes
        As in a `Verification`.
    anchors
        A phrase for each accepted witness that saw the checkpoint.
    seen
        When the first of them did, by its own clock.
    """

    signed: SignedCheckpoint
    findings: list[Finding] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    seen: datetime | None = None

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.signed.checkpoint.origin

    def check_entry(self, entry: bytes, index: int, path: Sequence[bytes]) -> None:
        """Check that an entry stands in the log's tree at this checkpoint.

        Raises
        ------
        MalformedError
            Codes ``proof.*``.
        """
        checkpoint = self.signed.checkpoint
        check_inclusion(leaf_hash(entry), index, checkpoint.size, path, checkpoint.root)

    def add(self, code: str, meaning: str, next_step: str = _NEXT) -> None:
        """Add a finding about the checkpoint."""
        self.findings.append(Finding(code, "checkpoint", meaning, next_step))


def check_checkpoint(
    signed: SignedCheckpoint, links: Sequence[KeyLink], trust: Trust, stamped: datetime | None = None
) -> CheckedCheckpoint:
    """Check that a pinned key of the log vouches for a checkpoint, by itself or by the log's rotations; and who saw it.

    Parameters
    ----------
    signed
        The checkpoint.
    links
        The log's rotations from a pinned key to the one that signed; none where a pinned key signed.
    trust
        The keys that the reader accepts.
    stamped
        When an accepted time stamp saw what the checkpoint stands in; None where none did.
    """
    checked = CheckedCheckpoint(signed)
    _check_witnesses(checked, trust)
    pinned = [key for key in trust.keys if key.role == _LOG and not key.public.is_cosigner]
    try:
        signers = _signers(checked, links, [key.public for key in _usable(checked, pinned, stamped)])
    except MalformedError as error:
        checked.add(error.code, error.message, error.next_step)
        return checked
    is_revoked = any(finding.code == "signature.key-revoked" for finding in checked.findings)
    if not signers and not is_revoked:
        _add_not_trusted(checked, pinned, trust)
    for key in signers:
        checked.signers.append(f"{key.name} (key id {key.key_id[:16]})")
        _note_demonstration(checked, key)
    return checked


def _usable(checked: CheckedCheckpoint, pinned: Sequence[TrustedKey], stamped: datetime | None) -> list[TrustedKey]:
    """Return the pinned keys of this log; a revoked one counts if a witness or a time stamp saw the checkpoint before.

    What dates it is noted.
    """
    usable = []
    for key in pinned:
        if not _is_of(key, checked.origin):
            continue
        if key.revoked_from is None:
            usable.append(key)
            continue
        what = f"{key.public.name} (key id {key.public.key_id[:16]}) is revoked from {key.revoked_from.isoformat()}"
        dated = (
            ("an accepted witness saw the checkpoint", checked.seen),
            ("the time stamp dates the checkpoint", stamped),
        )
        before = [how for how, seen in dated if seen is not None and seen < key.revoked_from]
        if before:
            usable.append(key)
            checked.notes.append(f"{what}; {before[0]} before")
        else:
            checked.add(
                "signature.key-revoked",
                f"{what}, and neither an accepted witness nor a time stamp saw the checkpoint before",
            )
    return usable


def _is_of(key: TrustedKey, origin: str) -> bool:
    """Whether a pinned key is one of this log, whose keys bear its name."""
    return key.public.name == origin and key.origin in {ANY_ORIGIN, origin}


def _signers(
    checked: CheckedCheckpoint, links: Sequence[KeyLink], pinned: Sequence[PublicKey]
) -> tuple[PublicKey, ...]:
    """Return the accepted keys that signed the checkpoint; a signature that does not hold is refused."""
    if not pinned:
        return ()
    accepted = follow_key_chain(links, pinned, checked.signed.checkpoint)
    signers = tuple(key for key in accepted if checked.signed.note.by(key) is not None)
    for key in signers:
        checked.signed.check_signature(key)
    return signers


def _check_witnesses(checked: CheckedCheckpoint, trust: Trust) -> None:
    """Take down which accepted witnesses saw the checkpoint; lines of others are not looked at."""
    note = checked.signed.note
    log_keys = {key.public.raw for key in trust.keys if key.role == _LOG}
    known = set()
    for entry in trust.keys:
        witness = entry.public
        is_accepted = entry.role == _WITNESS and witness.is_cosigner and entry.origin in {ANY_ORIGIN, checked.origin}
        if not is_accepted or witness in known or note.by(witness) is None:
            continue
        known.add(witness)
        try:
            time = check_cosignature(note, witness)
        except MalformedError as error:
            checked.add(error.code, error.message, error.next_step)
            continue
        _note_demonstration(checked, witness)
        if entry.revoked_from is not None:
            checked.notes.append(f"{witness.name} is revoked, so that its cosignature anchors nothing")
        elif witness.raw in log_keys:
            checked.notes.append(f"{witness.name} has the key of a log, and is no independent witness")
        elif not witness.is_demonstration:
            checked.anchors.append(f"seen by the witness {witness.name} on {time:%Y-%m-%d %H:%M:%S} UTC, by its clock")
            checked.seen = time if checked.seen is None else min(time, checked.seen)
    others = sum(line.name != checked.origin for line in note.signatures) - len(known)
    if others > 0:
        checked.notes.append(f"{others} further signature lines do not count: they are of no accepted witness")


def _add_not_trusted(checked: CheckedCheckpoint, pinned: Sequence[TrustedKey], trust: Trust) -> None:
    """Say why no signature was accepted: a pinned key of another log or of former days, or no pinned key at all."""
    note = checked.signed.note
    for key in pinned:
        if any(key.public.accepts(line.value, note.body) for line in note.signatures):
            if _is_of(key, checked.origin):
                checked.add("signature.key-retired", "it is signed with a key that the log had replaced before")
                return
            checked.add(
                "signature.wrong-origin",
                f"it is a checkpoint of the log {checked.origin!a}, signed with the key {key.public.name!a}, which is "
                f"pinned for {'its own log' if key.origin == ANY_ORIGIN else ascii(key.origin)}",
            )
            return
    named = ", ".join(ascii(f"{line.name}+{line.key_hash.hex()}") for line in note.signatures[:3])
    checked.add(
        "signature.key-not-trusted",
        f"it is signed by {named}, and no key of this log that is accepted for the role log vouches for it "
        f"({trust.name})",
        _PIN,
    )


def _note_demonstration(checked: CheckedCheckpoint, key: PublicKey) -> None:
    if key.is_demonstration:
        checked.notes.append(_DEMONSTRATION.format(key.name))
