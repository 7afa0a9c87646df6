"""Sign-offs that stand in a bundle: by accepted keys, about this bundle, from the persons that the case asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.seal.digests import sha256
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.sign_off import MEANINGS, ROLES, SignOff, folded_name, most_persons, persons_before
from audit_lab.seal.statement import PAYLOAD_TYPE, Statement
from audit_lab.seal.strict_json import parse_json
from audit_lab.seal.trust import ANY_ORIGIN
from audit_lab.verifier.key_period import check_period
from audit_lab.verifier.layout import ATTESTATION, INVESTIGATION, SIGN_OFF_NAME, SIGN_OFFS
from audit_lab.verifier.time_stamp import CLOCKS_APART

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust, TrustedKey
    from audit_lab.verifier.contents import Contents
    from audit_lab.verifier.predicate import Predicate
    from audit_lab.verifier.signature import CheckedAttestation

__all__ = [
    "CheckedSignOffs",
    "SignOffRule",
    "check_sign_offs",
    "is_sign_off",
    "rule_of",
    "sign_off_name",
    "stated_rule",
]

_ROLE = "sign-off"
_AGAIN = "Ask the signer to sign this bundle again"
_PIN = "Get the signer's public key from the signer, not from the bundle, and pin it for the role sign-off"
#: What a rule said before it said by how many persons: whether all must differ.
_FORMER = "two_persons"
_NEVER_DATED = "nothing dates a sign-off from outside: the time stamp in a bundle is over the attestation alone"
_NO_RULE = "its case asks for no sign-offs, and nobody reviewed or approved it"
_UNGUARDED = (
    "Sign-offs can be taken out of a bundle without a trace: require the ones that must be there (--require-sign-off)"
)


@dataclass(frozen=True)
class SignOffRule:
    """Which meanings must be there, and by how many persons, the author among them, the bundle is signed at least.

    By two or more, and neither the review nor the approval is the author's.
    """

    required: tuple[str, ...] = ()
    persons: int = 2


@dataclass(frozen=True)
class _Person:
    """Who stands behind a signature, as far as anybody can tell two persons apart: by their keys and their names."""

    keys: frozenset[bytes]
    names: frozenset[str]

    def is_also(self, other: _Person) -> bool:
        return not self.keys.isdisjoint(other.keys) or not self.names.isdisjoint(other.names)

    def with_all_of(self, others: Iterable[_Person]) -> _Person:
        """Return the one person that this one and others are."""
        each = (self, *others)
        return _Person(frozenset().union(*(one.keys for one in each)), frozenset().union(*(one.names for one in each)))


@dataclass(frozen=True)
class _Read:
    """A sign-off that its own key signed, about this bundle."""

    name: str
    stated: SignOff
    public: PublicKey
    holder: str | None
    notes: tuple[str, ...]

    @property
    def person(self) -> _Person:
        names = {folded_name(each) for each in (self.stated.printed_name, self.holder) if each is not None}
        return _Person(frozenset({self.public.raw}), frozenset(names))

    @property
    def line(self) -> str:
        held = "" if self.holder is None else f", which is that of {self.holder} by the trust file"
        return f"{self.stated.sentence()} (key {self.stated.signer}{held})"


@dataclass
class CheckedSignOffs:
    """What came of the sign-offs: those that hold, a line for each, findings and notes.

    `unbound` names the keys of which the trust file does not say who holds them.
    """

    held: list[SignOff] = field(default_factory=list)
    unbound: list[str] = field(default_factory=list)
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
        The document is not JSON (codes ``json.*``), or as for `rule_of`.
    """
    value = parse_json(investigation, INVESTIGATION)
    return rule_of(value.get("case") if isinstance(value, dict) else None)


def rule_of(case: Any) -> SignOffRule:
    """Return the rule that the member ``case`` of an investigation states; an empty one where it states none.

    Raises
    ------
    MalformedError
        It states no rule that is one (code ``case.malformed``).
    """
    rule = case.get("sign_offs") if isinstance(case, dict) else None
    if rule is None:
        return SignOffRule()
    if not isinstance(rule, dict) or rule.keys() not in ({"required", "persons"}, {"required", _FORMER}):
        raise _no_rule()
    required = rule["required"]
    if not isinstance(required, list) or not all(each in MEANINGS for each in required):
        raise _no_rule()
    persons = rule["persons"] if "persons" in rule else persons_before(rule[_FORMER], required)
    if not isinstance(persons, int) or isinstance(persons, bool) or not 1 <= persons <= most_persons(required):
        raise _no_rule()
    return SignOffRule(tuple(required), persons)


def check_sign_offs(
    contents: Contents,
    attestation: CheckedAttestation,
    trust: Trust,
    required: Collection[str] | None,
    now: datetime,
) -> CheckedSignOffs:
    """Check every sign-off, and that those are there which must be.

    Parameters
    ----------
    contents
        The bundle's files.
    attestation
        What its author attests, and the accepted keys that signed that; its predicate could be read.
    trust
        The keys that the reader accepts, for the role ``sign-off``.
    required
        Meanings that the reader requires; empty for those that the case itself asks for. When None, missing ones are
        noted and are no finding.
    now
        The reader's clock.

    Raises
    ------
    MisuseError
        A required meaning is none.
    """
    unknown = [meaning for meaning in required or () if meaning not in MEANINGS]
    if unknown:
        raise MisuseError(f"{unknown[0][:60]!a} is no meaning of a sign-off", f"Use one of {', '.join(MEANINGS)}")
    checked, predicate = CheckedSignOffs(), attestation.predicate
    if predicate is None:
        return checked
    rule, actor = _said_by_the_case(contents.document(INVESTIGATION) or b"{}")
    read = []
    for name in filter(is_sign_off, contents.names):
        try:
            read.append(_read(contents, name, predicate, trust, now))
        except MalformedError as error:
            checked.findings.append(Finding(error.code, name, error.message, error.next_step))
    for each, fault in _faults(read, _author(actor, attestation.accepted), rule.persons):
        if fault is not None:
            checked.findings.append(Finding(fault.code, each.name, fault.message, fault.next_step))
        else:
            _hold(checked, each)
    _complete(checked, rule, required)
    if checked.held and required is None:
        checked.notes.append(_UNGUARDED)
    return checked


def _read(contents: Contents, name: str, predicate: Predicate, trust: Trust, now: datetime) -> _Read:
    """Read a sign-off that its own key signed, in time, about this bundle, as whom the trust file says that it is."""
    envelope = Envelope.parse(contents.document(name) or b"", name)
    entries = _signer(envelope, name, trust, predicate.log_origin)
    stated = SignOff.parse(Statement.parse(envelope.payload, name), ATTESTATION, name)
    attested = sha256(contents.document(ATTESTATION) or b"")
    _check_belongs(stated, name, entries[0].public, attested, predicate)
    _check_holder(stated, entries)
    period = check_period(entries, None, now, _NEVER_DATED)
    for reason, meaning in period.wrong:
        raise _wrong(reason, meaning)
    notes = list(period.notes)
    if datetime.fromisoformat(stated.signed_at) > now + CLOCKS_APART:
        notes.append(f"{name} states {stated.signed_at}, which is still to come by this machine's clock")
    holder = next((entry.person for entry in entries if entry.person is not None), None)
    return _Read(name, stated, entries[0].public, holder, tuple(notes))


def _hold(checked: CheckedSignOffs, each: _Read) -> None:
    """Take a sign-off that holds into what came of them all."""
    checked.held.append(each.stated)
    checked.signers.append(each.line)
    checked.notes += each.notes
    if each.holder is None and each.public.name not in checked.unbound:
        checked.unbound.append(each.public.name)
    if each.public.is_demonstration:
        checked.notes.append(f"{each.stated.signer} is a demonstration key: its sign-off proves nothing")


def _author(actor: str, accepted: Iterable[tuple[TrustedKey, ...]]) -> _Person:
    """Return who made the bundle: by the case, and by what the trust file says of the keys that signed it."""
    keys = [entry for entries in accepted for entry in entries]
    names = {folded_name(actor)} | {folded_name(key.person) for key in keys if key.person is not None}
    return _Person(frozenset(key.public.raw for key in keys), frozenset(names - {""}))


def _faults(read: Sequence[_Read], author: _Person, persons: int) -> Iterator[tuple[_Read, MalformedError | None]]:
    """Give each sign-off and what speaks against it beside the others."""
    reviewers = [each for each in read if each.stated.meaning == "reviewed"]
    signed = _distinct([author, *(each.person for each in read if each.stated.meaning in {"reviewed", "approved"})])
    for each in read:
        meaning, printed = each.stated.meaning, each.stated.printed_name
        names = {folded_name(other.stated.printed_name) for other in read if other.public.raw == each.public.raw}
        if len(names) > 1:
            yield each, _wrong("two-names", f"the key of {each.public.name} signed under {len(names)} printed names")
        elif persons > 1 and meaning != "authored" and each.person.is_also(author):
            yield each, _same_person(f"{printed} made the bundle and {meaning} it", persons)
        elif (
            signed < persons and meaning == "approved" and any(each.person.is_also(other.person) for other in reviewers)
        ):
            yield each, _same_person(f"{printed} reviewed the bundle, or the key did, and {meaning} it", persons)
        else:
            yield each, None


def _distinct(persons: Iterable[_Person]) -> int:
    """Return how many persons these are: those who share a key or a name are one."""
    known: list[_Person] = []
    for person in persons:
        same = [each for each in known if each.is_also(person)]
        known = [*(each for each in known if each not in same), person.with_all_of(same)]
    return len(known)


def _signer(envelope: Envelope, name: str, trust: Trust, origin: str) -> tuple[TrustedKey, ...]:
    """Return what the trust file says, for this log, of the one key that signed an envelope."""
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
    return pinned


def _check_holder(stated: SignOff, entries: Sequence[TrustedKey]) -> None:
    """Check that a sign-off is in the name, and in a role, of whoever the trust file says holds its key."""
    key = entries[0].public.name
    persons = {entry.person for entry in entries if entry.person is not None}
    if any(folded_name(person) != folded_name(stated.printed_name) for person in persons):
        names = " and ".join(sorted(persons))
        raise _wrong("other-person", f"{key} is the key of {names} by the trust file, not of {stated.printed_name}")
    roles = {role for entry in entries for role in entry.roles}
    if roles and stated.role not in roles:
        accepted = ", ".join(role for role in ROLES if role in roles)
        raise _wrong("role-not-accepted", f"{key} is accepted as {accepted}, and signed as {stated.role}")


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


def _same_person(what: str, persons: int) -> MalformedError:
    message = f"{what}; the case asks for {persons} persons"
    return MalformedError(message, "Ask another person to sign", "sign-off.same-person")


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
    if not wanted and not held & {"reviewed", "approved"}:
        checked.findings.append(Finding("sign-off.no-rule", SIGN_OFFS, _NO_RULE, "Say which sign-offs must be there"))
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
