"""The attestation's signature, over its exact bytes, against the keys that the reader pinned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_lab.seal.envelope import Envelope
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.statement import PAYLOAD_TYPE, Statement
from audit_lab.seal.trust import ANY_ORIGIN, Trust, TrustedKey
from audit_lab.verifier.layout import ATTESTATION, PREDICATE_TYPES
from audit_lab.verifier.predicate import Predicate

if TYPE_CHECKING:
    from audit_lab.seal.keys import PublicKey

__all__ = ["CheckedAttestation", "check_attestation"]

_ROLE = "investigator"
#: An old bundle is as valid as it was: only its date tells a reader that there may be a newer one.
_DATED = "It states that it was signed at {}, about the log {} {}; nothing here tells whether there is a newer one"
_DEMONSTRATION = "{} is a demonstration key: its signature shows how signing works and proves nothing"


@dataclass
class CheckedAttestation:
    """What came of the attestation; `statement` and `predicate` are None where they could not be read.

    `keys` are the accepted keys that signed it.
    """

    statement: Statement | None = None
    predicate: Predicate | None = None
    findings: list[Finding] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)
    keys: list[PublicKey] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_attestation(content: bytes, trust: Trust) -> CheckedAttestation:
    """Check signatures first, then read what is signed; an unaccepted signature does not stop the reading."""
    checked = CheckedAttestation()
    try:
        envelope = Envelope.parse(content, ATTESTATION)
        accepted = _accepted_keys(envelope, trust, checked)
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
        for entries in accepted:
            _check_scope(entries, checked.predicate, checked)
    except MalformedError as error:
        checked.findings.append(Finding(error.code, ATTESTATION, error.message, error.next_step))
    return checked


def _state(predicate: Predicate) -> str:
    """Return the state of the log that a bundle is about: the size in its checkpoint's second line."""
    lines = (predicate.log_checkpoint or "").split("\n")
    return f"at its checkpoint of {lines[1][:20]!a} entries" if len(lines) > 1 else "at no checkpoint"


def _accepted_keys(envelope: Envelope, trust: Trust, checked: CheckedAttestation) -> list[tuple[TrustedKey, ...]]:
    """Return, for each key whose signature holds, what the trust file says of it."""
    accepted: list[tuple[TrustedKey, ...]] = []
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
            accepted.append(pinned)
            checked.signers.append(f"{pinned[0].public.name} (key id {short})")
            checked.keys.append(pinned[0].public)
            if pinned[0].public.is_demonstration:
                checked.notes.append(_DEMONSTRATION.format(pinned[0].public.name))
    return accepted


def _check_scope(entries: tuple[TrustedKey, ...], predicate: Predicate, checked: CheckedAttestation) -> None:
    """Check that a key is accepted for this origin and not revoked, and that the signer names himself."""
    name = entries[0].public.name
    if not {entry.origin for entry in entries} & {ANY_ORIGIN, predicate.log_origin}:
        checked.findings.append(
            _finding("signature.wrong-origin", f"{name} is not accepted for the log {predicate.log_origin!a}")
        )
    revoked = min((entry.revoked_from for entry in entries if entry.revoked_from is not None), default=None)
    if revoked is not None:
        checked.findings.append(
            _finding(
                "signature.key-revoked",
                f"{name} is revoked from {revoked.isoformat()}, and no timestamp proves an earlier signature",
            )
        )
    if predicate.signer != name:
        checked.findings.append(
            _finding("signature.signer-differs", f"it names {predicate.signer!a} as signer, and {name} signed it")
        )


def _finding(code: str, meaning: str) -> Finding:
    return Finding(code, ATTESTATION, meaning, "Ask the investigator for the bundle as it was signed")
