"""The attestation's signature, over its exact bytes, against the keys that the reader pinned."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from audit_lab.seal.envelope import Envelope
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.statement import PAYLOAD_TYPE, Statement
from audit_lab.seal.trust import ANY_ORIGIN, Trust, TrustedKey
from audit_lab.verifier.key_period import check_period
from audit_lab.verifier.layout import ATTESTATION, PREDICATE_TYPES
from audit_lab.verifier.predicate import Predicate
from audit_lab.verifier.time_stamp import CLOCKS_APART

if TYPE_CHECKING:
    from audit_lab.seal.keys import PublicKey

__all__ = ["CheckedAttestation", "check_attestation", "check_keys"]

_ROLE = "investigator"
#: An old bundle is as valid as it was: only its date tells a reader that there may be a newer one.
_DATED = "It states that it was signed at {}, about the log {} {}; nothing here tells whether there is a newer one"
_NOT_DATED = "no time stamp of an accepted authority dates the signature before"
_FUTURE = (
    "It states that it was signed at {}, and this machine's clock says {:%Y-%m-%d %H:%M} UTC: one of the two is wrong"
)
_DEMONSTRATION = "{} is a demonstration key: its signature shows how signing works and proves nothing"


@dataclass
class CheckedAttestation:
    """What came of the attestation; `statement` and `predicate` are None where they could not be read.

    `accepted` is what the trust file says of each key that signed it and is in it.
    """

    statement: Statement | None = None
    predicate: Predicate | None = None
    findings: list[Finding] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)
    accepted: list[tuple[TrustedKey, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def keys(self) -> list[PublicKey]:
        """The accepted keys that signed it."""
        return [entries[0].public for entries in self.accepted]


def check_attestation(content: bytes, trust: Trust) -> CheckedAttestation:
    """Check signatures first, then read what is signed; an unaccepted signature does not stop the reading.

    What the accepted keys may sign, and since when no longer, `check_keys` checks.
    """
    checked = CheckedAttestation()
    try:
        envelope = Envelope.parse(content, ATTESTATION)
        _check_signatures(envelope, trust, checked)
        if envelope.payload_type != PAYLOAD_TYPE:
            checked.findings.append(
                _finding("signature.wrong-payload-type", f"it signs a payload of type {envelope.payload_type!a}")
            )
        checked.statement = Statement.parse(envelope.payload, ATTESTATION)
        if checked.statement.predicate_type not in PREDICATE_TYPES.values():
            kind = checked.statement.predicate_type
            checked.findings.append(_finding("attestation.unknown-kind", f"it attests something else: {kind!a}"))
            return checked
        predicate = Predicate.parse(checked.statement.predicate, ATTESTATION)
        if PREDICATE_TYPES[predicate.version] != checked.statement.predicate_type:
            checked.findings.append(_finding("attestation.unknown-kind", "it states two versions of the format"))
            return checked
        checked.predicate = predicate
        checked.notes.append(_DATED.format(predicate.signed_at, ascii(predicate.log_origin), _state(predicate)))
    except MalformedError as error:
        checked.findings.append(Finding(error.code, ATTESTATION, error.message, error.next_step))
    return checked


def _state(predicate: Predicate) -> str:
    """Return the state of the log that a bundle is about: the size in its checkpoint's second line."""
    lines = (predicate.log_checkpoint or "").split("\n")
    return f"at its checkpoint of {lines[1][:20]!a} entries" if len(lines) > 1 else "at no checkpoint"


def _check_signatures(envelope: Envelope, trust: Trust, checked: CheckedAttestation) -> None:
    """Collect, for each key whose signature holds, what the trust file says of it."""
    for signature in envelope.signatures:
        pinned = trust.pinned(signature.key_id, _ROLE)
        short = signature.key_id[:16]
        if not pinned:
            checked.findings.append(
                Finding(
                    "signature.key-not-trusted",
                    ATTESTATION,
                    f"it is signed by the key {short!a}, which is not accepted for the role {_ROLE} ({trust.name})",
                    "Get the investigator's public key from the investigator, not from the bundle, and pin it",
                )
            )
        elif not pinned[0].public.accepts(signature.value, envelope.signed_bytes):
            name = pinned[0].public.name
            checked.findings.append(_finding("signature.invalid", f"{name} did not sign these bytes"))
        else:
            checked.accepted.append(pinned)
            holder = next(
                (f", which is that of {entry.person} by the trust file" for entry in pinned if entry.person), ""
            )
            checked.signers.append(f"{pinned[0].public.name} (key id {short}{holder})")
            if pinned[0].public.is_demonstration:
                checked.notes.append(_DEMONSTRATION.format(pinned[0].public.name))


def check_keys(checked: CheckedAttestation, seen: datetime | None, now: datetime) -> None:
    """Check that the keys are accepted for this log and signed in time, and that the signer names himself.

    Parameters
    ----------
    checked
        An attestation that could be read; findings and notes are added to it.
    seen
        When an accepted authority saw the signature at the latest; None where none did.
    now
        The reader's clock.
    """
    predicate = checked.predicate
    if predicate is None:
        return
    for entries in checked.accepted:
        name = entries[0].public.name
        if not {entry.origin for entry in entries} & {ANY_ORIGIN, predicate.log_origin}:
            meaning = f"{name} is not accepted for the log {predicate.log_origin!a}"
            checked.findings.append(_finding("signature.wrong-origin", meaning))
        period = check_period(entries, seen, now, _NOT_DATED)
        checked.findings += [_finding(f"signature.{reason}", meaning) for reason, meaning in period.wrong]
        checked.notes += period.notes
        if predicate.signer != name:
            meaning = f"it names {predicate.signer!a} as signer, and {name} signed it"
            checked.findings.append(_finding("signature.signer-differs", meaning))
    if datetime.fromisoformat(predicate.signed_at) > now + CLOCKS_APART:
        checked.notes.append(_FUTURE.format(predicate.signed_at, now))


def _finding(code: str, meaning: str) -> Finding:
    return Finding(code, ATTESTATION, meaning, "Ask the investigator for the bundle as it was signed")
