"""Sign-offs that stand in a bundle: by accepted keys, about this bundle, from the persons that the case asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.seal.digests import sha256
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.sign_off import MEANINGS, SignOff, folded_name
from audit_lab.seal.statement import PAYLOAD_TYPE, Statement
from audit_lab.seal.strict_json import parse_json
from audit_lab.seal.trust import ANY_ORIGIN
from audit_lab.verifier.layout import ATTESTATION, INVESTIGATION, SIGN_OFF_NAME, SIGN_OFFS

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.contents import Contents
    from audit_lab.verifier.predicate import Predicate

__all__ = ["CheckedSignOffs", "SignOffRule", "check_sign_offs", "is_sign_off", "sign_off_name", "stated_rule"]

_ROLE = "sign-off"
_AGAIN = "Ask the signer to sign this bundle again"
_PIN = "Get the signer's public key from the signer, not from the bundle, and pin it for the role sign-off"
_UNGUARDED = (
    "Sign-offs can be taken out of a bundle without a trace: require the ones that must be there (--require-sign-off)"
)


@dataclass(frozen=True)
class SignOffRule:
    """Which meanings must be there, and whether whoever reviews or approves must be another than the author."""

    required: tuple[str, ...] = ()
    two_persons: bool = True


@dataclass
class CheckedSignOffs:
    """What came of the sign-offs: those that hold, a line for each, findings and notes."""

    held: list[SignOff] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_sign_off(name: str) -> bool:
    """Whether a file of a bundle is a sign-off by its name."""
    return SIGN_OFF_NAME.fullmatch(name) is not None


def sign_off_name(meaning: str, public: PublicKey) -> str:
    """Return where the sign-off of a key with a meaning stands: one key says one thing once."""
    return f"{SIGN_OFFS}{meaning}-{public.key_id[:16]}.dsse.json"


def stated_rule(investigation: bytes) -> SignOffRule:
    """Return the rule that a case states for its own sign-offs; an empty one where it states none.

    Raises
    ------
    MalformedError
        The document is not JSON, or states no rule that is one (codes ``json.*`` and ``case.malformed``).
    """
    value = parse_json(investigation, INVESTIGATION)
    case = value.get("case") if isinstance(value, dict) else None
    rule = case.get("sign_offs") if isinstance(case, dict) else None
    if rule is None:
        return SignOffRule()
    if not isinstance(rule, dict) or rule.keys() != {"required", "two_persons"}:
        raise _no_rule()
    required, two_persons = rule["required"], rule["two_persons"]
    known = isinstance(required, list) and all(each in MEANINGS for each in required)
    if not known or not isinstance(two_persons, bool):
        raise _no_rule()
    return SignOffRule(tuple(required), two_persons)


def check_sign_offs(
    contents: Contents,
    predicate: Predicate,
    author_keys: Collection[PublicKey],
    trust: Trust,
    required: Collection[str] | None,
) -> CheckedSignOffs:
    """Check every sign-off, and that those are there which must be.

    Parameters
    ----------
    contents
        The bundle's files.
    predicate
        What its author attests.
    author_keys
        The accepted keys that signed that.
    trust
        The keys that the reader accepts, for the role ``sign-off``.
    required
        Meanings that the reader requires; empty for those that the case itself asks for. When None, missing ones are
        noted and are no finding.

    Raises
    ------
    MisuseError
        A required meaning is none.
    """
    unknown = [meaning for meaning in required or () if meaning not in MEANINGS]
    if unknown:
        raise MisuseError(f"{unknown[0][:60]!a} is no meaning of a sign-off", f"Use one of {', '.join(MEANINGS)}")
    checked = CheckedSignOffs()
    rule, author = _said_by_the_case(contents.document(INVESTIGATION) or b"{}")
    own = {public.raw for public in author_keys}
    attested = sha256(contents.document(ATTESTATION) or b"")
    for name in filter(is_sign_off, contents.names):
        try:
            envelope = Envelope.parse(contents.document(name) or b"", name)
            public = _signer(envelope, name, trust, predicate.log_origin)
            stated = SignOff.parse(Statement.parse(envelope.payload, name), ATTESTATION, name)
            _check_belongs(stated, name, public, attested, predicate)
            if rule.two_persons:
                same = public.raw in own or folded_name(stated.printed_name) == folded_name(author)
                _check_person(stated, same=same)
        except MalformedError as error:
            checked.findings.append(Finding(error.code, name, error.message, error.next_step))
            continue
        checked.held.append(stated)
        checked.signers.append(f"{stated.sentence()} (key {stated.signer})")
        if public.is_demonstration:
            checked.notes.append(f"{stated.signer} is a demonstration key: its sign-off proves nothing")
    _complete(checked, rule, required)
    if checked.held and required is None:
        checked.notes.append(_UNGUARDED)
    return checked


def _signer(envelope: Envelope, name: str, trust: Trust, origin: str) -> PublicKey:
    """Return the one key that signed an envelope, which must be accepted for sign-offs of this log and not revoked."""
    if envelope.payload_type != PAYLOAD_TYPE or len(envelope.signatures) != 1:
        raise _wrong("malformed", f"{name} is not one signature under one sign-off")
    signature = envelope.signatures[0]
    pinned = trust.pinned(signature.key_id, _ROLE)
    if not pinned:
        key = f"the key {signature.key_id[:16]!a}, which is not accepted for the role {_ROLE} ({trust.name})"
        raise MalformedError(f"it is signed by {key}", _PIN, "sign-off.key-not-trusted")
    public = pinned[0].public
    if not public.accepts(signature.value, envelope.signed_bytes):
        raise _wrong("invalid", f"{public.name} did not sign these bytes")
    if not {entry.origin for entry in pinned} & {ANY_ORIGIN, origin}:
        raise _wrong("wrong-origin", f"{public.name} is not accepted for the log {origin!a}")
    revoked = min((entry.revoked_from for entry in pinned if entry.revoked_from is not None), default=None)
    if revoked is not None:
        since = f"{public.name} is revoked from {revoked.isoformat()}"
        raise _wrong("key-revoked", f"{since}, and no timestamp proves an earlier signature")
    return public


def _check_belongs(stated: SignOff, name: str, public: PublicKey, attested: str, predicate: Predicate) -> None:
    """Check that a sign-off is its signer's, about this bundle as it is, and not older than it."""
    if stated.signer != public.name or name != sign_off_name(stated.meaning, public):
        raise _wrong("signer-differs", f"it names {stated.signer!a} and {stated.meaning}; {public.name} signed it")
    if stated.case_id != predicate.case_id:
        raise _wrong("other-case", f"it is about the case {stated.case_id!a}")
    if stated.attestation_sha256 != attested:
        raise _wrong("content-changed", "it is void: the content changed after it was signed")
    if stated.signed_at < predicate.signed_at:
        raise _wrong("time-out-of-order", f"it states {stated.signed_at}, which is before the bundle was signed")


def _check_person(stated: SignOff, *, same: bool) -> None:
    """Check that whoever reviewed or approved is another than the author."""
    if same and stated.meaning != "authored":
        meaning = f"{stated.printed_name} made the bundle and {stated.meaning} it; the case asks for two persons"
        raise MalformedError(meaning, "Ask another person to sign", "sign-off.same-person")


def _complete(checked: CheckedSignOffs, rule: SignOffRule, required: Collection[str] | None) -> None:
    """Say which sign-offs are lacking, and whether somebody rejected the bundle."""
    held = {each.meaning for each in checked.held}
    wanted = required or rule.required
    lacking = [meaning for meaning in wanted if meaning not in held]
    rejections = [each for each in checked.held if each.meaning == "rejected"]
    if required is None:
        if lacking:
            words = " and ".join(lacking)
            checked.notes.append(f"By its own rule this bundle is not finished: nobody signed that it is {words}")
        checked.notes += [f"REJECTED: {each.sentence()}" for each in rejections]
        return
    checked.findings += [
        Finding(
            "sign-off.missing", SIGN_OFFS, f"nobody signed that it is {meaning}", f"Ask for the one who {meaning} it"
        )
        for meaning in lacking
    ]
    if "rejected" not in wanted:
        checked.findings += [
            Finding("sign-off.rejected", SIGN_OFFS, each.sentence(), "Read the reason; ask for a corrected bundle")
            for each in rejections
        ]


def _said_by_the_case(investigation: bytes) -> tuple[SignOffRule, str]:
    """Return the case's rule and its author's name; what cannot be read is a finding of its own elsewhere."""
    try:
        value: Any = parse_json(investigation, INVESTIGATION)
        rule = stated_rule(investigation)
    except MalformedError:
        return SignOffRule(), ""
    case = value.get("case") if isinstance(value, dict) else None
    actor = case.get("actor") if isinstance(case, dict) else None
    return rule, actor if isinstance(actor, str) else ""


def _wrong(reason: str, meaning: str) -> MalformedError:
    return MalformedError(meaning, _AGAIN, f"sign-off.{reason}")


def _no_rule() -> MalformedError:
    message = f"{INVESTIGATION} states no rule for sign-offs that is one"
    return MalformedError(message, "Ask the investigator for a bundle that agrees with itself", "case.malformed")
