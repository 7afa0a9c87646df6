"""Signing a bundle off: whoever reviewed, approved or rejected it adds a signature of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence.added_file import add_file
from audit_lab.evidence.investigation import investigation_bytes
from audit_lab.evidence.keyring import accepted_keys
from audit_lab.seal.custody import time_text
from audit_lab.seal.digests import sha256
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.report import settle
from audit_lab.seal.sign_off import USUAL_ROLE, SignOff, sign_off_envelope
from audit_lab.seal.statement import Statement
from audit_lab.seal.trust import ANY_ORIGIN, Trust, TrustedKey
from audit_lab.verifier.bundle import examine_bundle, opened
from audit_lab.verifier.layout import ATTESTATION, INVESTIGATION
from audit_lab.verifier.predicate import Predicate
from audit_lab.verifier.sign_offs import is_sign_off, sign_off_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.casefile import CaseFile
    from audit_lab.seal.keys import SigningKey
    from audit_lab.verifier.container import Container

__all__ = ["SignedOff", "changed_since", "faults_of_sign_offs", "read_sign_offs", "sign_off"]


@dataclass(frozen=True)
class SignedOff:
    """A sign-off of a case's bundle, and why it is void where it is: the case changed since, or it does not hold."""

    stated: SignOff
    void: str | None = None

    def __str__(self) -> str:
        """Return both as one line."""
        return self.stated.sentence() if self.void is None else f"VOID ({self.void}): {self.stated.sentence()}"


def sign_off(
    bundle: Path | str,
    *,
    key: SigningKey,
    printed_name: str,
    meaning: str,
    role: str | None = None,
    reason: str = "",
    signed_at: datetime | None = None,
    trust: Trust | Path | str | Sequence[Path | str] | None = None,
) -> SignOff:
    """Add a sign-off to a bundle, which must hold before and after.

    Parameters
    ----------
    bundle
        ``<case>.zip`` or a folder. An archive is written aside and takes the place of the one that was there.
    key
        The signer's own key.
    printed_name
        The signer's name as a reader knows it.
    meaning
        ``authored``, ``reviewed``, ``approved`` or ``rejected``.
    role
        ``investigator``, ``reviewer`` or ``approver``; default: whoever usually says that.
    reason
        Why; a rejection must say it.
    signed_at
        The time to state; default: now.
    trust
        The keys that the signer accepts: nobody signs what does not hold before them. Default: the user's own.

    Returns
    -------
    SignOff
        What was signed.

    Raises
    ------
    IntegrityError
        The bundle does not hold, or would not with this sign-off: the same person made it, or the time is before it.
    MisuseError
        There is no bundle, the key says this already, or a part of the sign-off is none.
    """
    path, accepted = Path(bundle), accepted_keys(trust)
    settle(examine_bundle(path, accepted))
    with opened(path) as (container, _):
        if container is None:
            raise AuditLabError(f"{path} changed while it was read", "Sign it again")
        stated = SignOff(
            attestation_sha256=sha256(_whole(container, ATTESTATION)),
            case_id=_predicate(container).case_id,
            printed_name=printed_name,
            role=role or USUAL_ROLE.get(meaning, ""),
            meaning=meaning,
            reason=reason,
            signed_at=time_text(signed_at or datetime.now(UTC)),
            signer=key.name,
        )
        name = sign_off_name(meaning, key.public)
        if name in container.names:
            message = f"{key.name} signed already that {path.name} is {meaning}"
            raise MisuseError(message, "One key says one thing once; nothing was changed")
        envelope = sign_off_envelope(stated, ATTESTATION, key)
        own = TrustedKey(key.public, "sign-off", ANY_ORIGIN)
        add_file(path, container, name, envelope, Trust((*accepted.keys, own), accepted.name))
    return stated


def read_sign_offs(bundle: Path | str) -> tuple[SignOff, ...]:
    """Return what the sign-offs in a bundle say, by time; whether they hold, only its verification tells.

    Raises
    ------
    MalformedError
        A sign-off is not one.
    MisuseError
        There is nothing at `bundle`, or it is no bundle.
    """
    found = _read_all(bundle).values()
    return tuple(sorted(found, key=lambda each: (each.signed_at, each.meaning, each.signer)))


def _read_all(bundle: Path | str) -> dict[str, SignOff]:
    """Return what every sign-off in a bundle says, by the file that it is."""
    with opened(Path(bundle)) as (container, _):
        if container is None:
            raise MisuseError(f"{bundle} is no bundle whose files can be read", "Run audit-lab verify to see why")
        return {
            name: SignOff.parse(
                Statement.parse(Envelope.parse(_whole(container, name), name).payload, name), ATTESTATION, name
            )
            for name in container.names
            if is_sign_off(name)
        }


def faults_of_sign_offs(bundle: Path | str, trust: Trust) -> dict[SignOff, str]:
    """Return what speaks against each sign-off of a bundle, for those that do not hold before the accepted keys.

    Where the bundle itself does not hold, none of them does.

    Raises
    ------
    MalformedError
        A sign-off is not one.
    MisuseError
        There is nothing at `bundle`, or it is no bundle.
    """
    report = examine_bundle(Path(bundle), trust)
    whole = [each for each in report.findings if not is_sign_off(each.file)]
    faults = {}
    for name, stated in _read_all(bundle).items():
        found = [*(each for each in report.findings if each.file == name), *whole]
        if found:
            faults[stated] = f"{found[0].code}: {found[0].meaning}"
    return faults


def changed_since(case: CaseFile, bundle: Path | str) -> bool:
    """Whether a case says something else by now than a bundle of it does.

    Raises
    ------
    MisuseError
        There is nothing at `bundle`, it is no bundle, or it is of another case.
    """
    with opened(Path(bundle)) as (container, _):
        if container is None or not {INVESTIGATION, ATTESTATION} <= set(container.names):
            raise MisuseError(f"{bundle} is no bundle of a case", "Give the archive that the case was exported to")
        predicate = _predicate(container)
        if predicate.case_id != case.case_id:
            raise MisuseError(f"{bundle} is of another case than {case.case_id}", "Give the bundle of this case")
        said = investigation_bytes(case, case.exhibits)
        if predicate.redaction is not None:
            return sha256(said) != predicate.redaction.investigation_sha256
        return _whole(container, INVESTIGATION) != said


def _predicate(container: Container) -> Predicate:
    envelope = Envelope.parse(_whole(container, ATTESTATION), ATTESTATION)
    return Predicate.parse(Statement.parse(envelope.payload, ATTESTATION).predicate, ATTESTATION)


def _whole(container: Container, name: str) -> bytes:
    return b"".join(container.chunks(name))
