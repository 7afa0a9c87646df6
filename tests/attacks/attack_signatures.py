"""Attacks 19 to 21: who signed the bundle, what was signed, and who signed it off."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attack import REFUSED, UNANCHORED, Attack
from attack_contents import both, in_custody, in_investigation, insider, plain, put, with_head
from attack_scene import (
    ADA,
    ATTESTATION,
    IN_TOTO,
    INVESTIGATION,
    JANE,
    MALLORY,
    REX,
    TRUST,
    Files,
    Scene,
    archived,
    attested,
    compact,
    resigned,
    said,
    statement_of,
)

from audit_lab.seal.custody import NO_LINE, CustodyLine
from audit_lab.seal.envelope import sign_envelope
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.age import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: A key that is Jane's, under another name.
TWIN = SigningKey("approver@bank", JANE.private)
REVIEW = f"signatures/reviewed-{REX.public.key_id[:16]}.dsse.json"
APPROVAL = f"signatures/approved-{ADA.public.key_id[:16]}.dsse.json"
MISSING, VOID = (
    "sign-off.missing signatures/",
    ("sign-off.content-changed " + REVIEW, "sign-off.content-changed " + APPROVAL),
)
SHAPE_CHECKED = "checked: shape of the bundle"
#: What could not be checked of a bundle whose attestation is none, and of one whose predicate is none.
UNREAD_CASE = (
    "not checked: exhibits are named by their digests, findings rest on them, custody lines are chained: the att",
    "not checked: HTML names the notebook it was made from, and both are the attested ones: the attestation could",
    "not checked: sign-offs: each by a key that the trust file accepts, about this bundle, by whom the case asks for:",
)
UNREAD = (
    "not checked: attested files are the bundle's files, no more and no fewer: the attestation could not be read",
    "not checked: SHA-256 of every file, against the attestation and the BagIt manifests: the attestation could",
    *UNREAD_CASE,
)
REDACTION = {
    "profile": "p",
    "profile_sha256": "0" * 64,
    "investigation_sha256": "0" * 64,
    "not_searched": [],
    "columns": {"subject_id": "drop"},
}
DATED = "note: It states that it was signed at {}, about the log 'flights.example' "
FIRST_LINE = CustodyLine(1, "2025-01-01T00:00:00.000000Z", "Jane Doe", "created", "INC-1", "complaint 7", NO_LINE)
NO_ROWS = {"proven": 0, "not_proven": []}
REVOKED_EARLY, REVOKED_LATE = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
#: A reader to whom all of these are past.
LATER = {"known": Known(clock=datetime(2028, 1, 1, tzinfo=UTC))}


def envelope(change: Callable[[dict], object]) -> Callable[[Scene], Files]:
    """Return a change of the attestation's envelope, written in its canonical form."""

    def edit(scene: Scene) -> Files:
        value = json.loads(scene.files[ATTESTATION])
        change(value)
        return {**scene.files, ATTESTATION: compact(value)}

    return edit


def signed(
    *keys: SigningKey, kind: str = IN_TOTO, payload: Callable[[bytes], bytes] = bytes
) -> Callable[[Scene], Files]:
    """Return the clean bundle with its statement signed again, by others or as something else; sign-offs taken out."""

    def edit(scene: Scene) -> Files:
        content = payload(base64.b64decode(json.loads(scene.files[ATTESTATION])["payload"]))
        files = {name: each for name, each in scene.files.items() if not name.startswith("signatures/")}
        return {**files, ATTESTATION: sign_envelope(content, kind, keys)}

    return edit


def statement(change: Callable[[dict], object]) -> Callable[[Scene], Files]:
    """Return the clean bundle with another statement, signed by the trusted key."""
    return lambda scene: attested(scene.copy(), change=change)


def payload(change: Callable[[bytes], bytes]) -> Callable[[dict], object]:
    """Return the change of an envelope's payload, under the signature that is there."""
    return lambda value: value.update(payload=base64.b64encode(change(base64.b64decode(value["payload"]))).decode())


def predicate(**changes: object) -> Callable[[Scene], Files]:
    """Return the clean bundle with other members in the predicate, signed by the trusted key."""
    return statement(lambda value: value["predicate"].update(changes))


def within(name: str, **changes: object) -> Callable[[Scene], Files]:
    """Return the clean bundle with other members in a part of the predicate, signed by the trusted key."""
    return statement(lambda value: value["predicate"][name].update(changes))


def redacted(**changes: object) -> Callable[[Scene], Files]:
    """Return the clean bundle that says that it was redacted, in another way than a bundle can say it."""
    return predicate(redaction={**REDACTION, **changes})


def subjects(change: Callable[[list], object]) -> Callable[[Scene], Files]:
    """Return the clean bundle with other subjects, signed by the trusted key."""
    return statement(lambda value: change(value["subject"]))


def trusting(**changes: object) -> Trust:
    """Return the trust file with Jane's key as investigator limited."""
    return Trust((replace(TRUST.keys[0], **changes), *TRUST.keys[1:]), TRUST.name)


def trusting_rex(**changes: object) -> Trust:
    """Return the trust file with Rex's key limited."""
    return Trust((*TRUST.keys[:2], replace(TRUST.keys[2], **changes), TRUST.keys[3]), TRUST.name)


def with_sign_off(key: SigningKey, meaning: str, printed: str, *, at: str | None = None, **changes: str) -> Callable:
    """Return the clean bundle with a sign-off more (or in the place of one), which may stand under another name."""

    def edit(scene: Scene) -> Files:
        name, content = said(scene.files, key, meaning, printed, **changes)
        return {**scene.files, at or name: content}

    return edit


def in_review(change: Callable[[dict], object], *keys: SigningKey, kind: str = IN_TOTO) -> Callable[[Scene], Files]:
    """Return the clean bundle with another statement in Rex's review, signed by him."""

    def edit(scene: Scene) -> Files:
        value = statement_of(scene.files, REVIEW)
        change(value)
        return {**scene.files, REVIEW: sign_envelope(compact(value), kind, keys or [REX])}

    return edit


def forged_review(scene: Scene) -> Files:
    """Put the signature of another review under Rex's review."""
    value = json.loads(scene.files[REVIEW])
    other = json.loads(said(scene.files, REX, "reviewed", "Rex Holm", reason="other")[1])
    return {**scene.files, REVIEW: compact({**value, "signatures": other["signatures"]})}


def ruled(rule: object) -> Callable[[Scene], Files]:
    """Return the bundle of a case that states another rule for its sign-offs."""
    return insider(in_investigation(lambda value: value["case"].update(sign_offs=rule)))


BOTH = {"required": ["reviewed", "approved"]}
#: Who may sign what, under which name.
BY_REX, ALSO_BY_REX, BY_ADA = (
    (REX, "reviewed", "Rex Holm"),
    (REX, "approved", "Rex Holm"),
    (ADA, "approved", "Ada Byron"),
)


def signed_by(rule: object, *signers: tuple[SigningKey, str, str]) -> Callable[[Scene], Files]:
    """Return the bundle of a case that states a rule for its sign-offs, signed off by these and by nobody else."""

    def edit(scene: Scene) -> Files:
        files = {name: content for name, content in ruled(rule)(scene).items() if not name.startswith("signatures/")}
        reasons = {"rejected": {"reason": "Wrong week"}}
        return files | dict(said(files, *signer, **reasons.get(signer[1], {})) for signer in signers)

    return edit


def _signature_attacks() -> Iterator[Attack]:
    invalid = f"signature.invalid {ATTESTATION}"
    not_trusted = f"signature.key-not-trusted {ATTESTATION}"
    yield Attack(
        19,
        "attestation taken out",
        plain(lambda files, _: files.pop(ATTESTATION)),
        (f"signature.missing {ATTESTATION}",),
        REFUSED,
        says=(SHAPE_CHECKED, *UNREAD),
    )
    changes = {
        "signature stripped": (lambda value: value.update(signatures=[]), "envelope.no-signature"),
        "signature list that is none": (lambda value: value.update(signatures={}), "envelope.malformed"),
        "payload type that is no text": (lambda value: value.update(payloadType=7), "envelope.malformed"),
        "key id that is no text": (lambda value: value["signatures"][0].update(keyid=7), "envelope.malformed"),
        "signature twice": (
            lambda value: value["signatures"].append(value["signatures"][0]),
            "envelope.duplicate-signature",
        ),
        "signature that is no base64": (lambda value: value["signatures"][0].update(sig="!"), "envelope.not-base64"),
        "signature that is a number": (lambda value: value["signatures"][0].update(sig=7), "envelope.not-base64"),
        "base64 with stray bits": (lambda value: value["signatures"][0].update(sig="QR=="), "envelope.not-base64"),
        "two payloads in one envelope": (lambda value: value.update(payload2=value["payload"]), "json.member-unknown"),
        "signature with a certificate": (lambda value: value["signatures"][0].update(cert="x"), "json.member-unknown"),
        "signature that is a text": (lambda value: value.update(signatures=["x"]), "json.not-an-object"),
    }
    for what, (change, code) in changes.items():
        yield Attack(19, what, envelope(change), (f"{code} {ATTESTATION}",), REFUSED)
    yield Attack(
        19,
        "two payloads under one name",
        lambda scene: {**scene.files, ATTESTATION: scene.files[ATTESTATION][:-1] + b',"payload":""}'},
        (f"json.duplicate-member {ATTESTATION}",),
        REFUSED,
    )
    yield Attack(
        19,
        "envelope written another way",
        lambda scene: {**scene.files, ATTESTATION: scene.files[ATTESTATION] + b"\n"},
        (f"envelope.not-canonical {ATTESTATION}",),
        REFUSED,
    )
    yield Attack(19, "signed by an unknown key", signed(MALLORY), (not_trusted,))
    yield Attack(19, "signed by an unknown key too", signed(JANE, MALLORY), (not_trusted,))
    yield Attack(19, "signed by two unknown keys", signed(MALLORY, TWIN), (not_trusted, not_trusted))
    yield Attack(19, "signed by a reviewer", signed(REX), (not_trusted,))
    yield Attack(
        19,
        "signed by nobody whom the reader knows",
        nothing_changed,
        (not_trusted, *_untrusted_sign_offs()),
        trust=Trust(),
    )
    yield Attack(
        19,
        "signature of another key under the trusted key's id",
        envelope(lambda value: value["signatures"][0].update(sig=base64.b64encode(bytes(64)).decode())),
        (invalid, *VOID),
    )
    yield Attack(
        19, "signature cut short", envelope(lambda value: value["signatures"][0].update(sig="QUFB")), (invalid, *VOID)
    )
    yield Attack(
        19,
        "payload encoded again with the same meaning",
        envelope(payload(lambda content: json.dumps(json.loads(content)).encode())),
        (invalid, *VOID),
    )
    yield Attack(
        19,
        "payload edited under the old signature",
        envelope(payload(lambda content: content.replace(b"Why?", b"How?"))),
        (invalid, *VOID, f"case.other-case {INVESTIGATION}"),
    )
    yield Attack(
        19,
        "right key for another payload type",
        signed(JANE, kind="text/plain"),
        (f"signature.wrong-payload-type {ATTESTATION}",),
    )
    limits = {
        "only for the role log": ({"role": "log"}, "key-not-trusted"),
        "only for another log": ({"origin": "credit"}, "wrong-origin"),
        "revoked before it signed": ({"revoked_from": REVOKED_EARLY}, "key-revoked"),
        "revoked after it signed, which nothing proves": ({"revoked_from": REVOKED_LATE}, "key-revoked"),
        "expired before it signed": ({"valid_until": REVOKED_EARLY}, "key-expired"),
        "expired after it signed, which nothing proves": ({"valid_until": REVOKED_LATE}, "key-expired"),
    }
    for what, (change, code) in limits.items():
        yield Attack(
            19,
            f"key accepted {what}" if "only" in what else f"key {what}",
            nothing_changed,
            (f"signature.{code} {ATTESTATION}",),
            trust=trusting(**change),
            options=LATER,
        )
    twice = Trust((*TRUST.keys, replace(TRUST.keys[0], origin="credit", revoked_from=REVOKED_EARLY)), TRUST.name)
    yield Attack(
        19, "key revoked for one of its logs", nothing_changed, (f"signature.key-revoked {ATTESTATION}",), trust=twice
    )
    yield Attack(
        19, "signer who names another", predicate(signer="ceo@bank"), (f"signature.signer-differs {ATTESTATION}",)
    )


def nothing_changed(scene: Scene) -> Files:
    """Leave the bundle as it is: it is the reader who does not accept it."""
    return scene.copy()


def _untrusted_sign_offs() -> tuple[str, str]:
    return f"sign-off.key-not-trusted {REVIEW}", f"sign-off.key-not-trusted {APPROVAL}"


def _statement_attacks() -> Iterator[Attack]:
    refused = {
        "zero subjects": (lambda value: value.update(subject=[]), "statement.no-subjects"),
        "subjects that are no list": (lambda value: value.update(subject={}), "statement.malformed"),
        "predicate that is a list": (lambda value: value.update(predicate=[]), "statement.malformed"),
        "kind that is no text": (lambda value: value.update(predicateType=7), "statement.malformed"),
        "statement of another type": (lambda value: value.update(_type="x"), "statement.wrong-type"),
        "subject twice": (lambda value: value["subject"].append(value["subject"][0]), "statement.duplicate-subject"),
        "subject without a name": (lambda value: value["subject"][0].update(name=7), "statement.malformed"),
        "subject with half a digest": (
            lambda value: value["subject"][0]["digest"].update(sha256="ab"),
            "statement.malformed",
        ),
        "subject with a number for a digest": (
            lambda value: value["subject"][0]["digest"].update(sha256=7),
            "statement.malformed",
        ),
        "subject with a weaker digest too": (
            lambda value: value["subject"][0]["digest"].update(md5="0"),
            "json.member-unknown",
        ),
        "subject with an address": (lambda value: value["subject"][0].update(uri="x"), "json.member-unknown"),
        "statement with more members": (lambda value: value.update(x=1), "json.member-unknown"),
    }
    for what, (change, code) in refused.items():
        found = (f"{code} {ATTESTATION}",)
        yield Attack(18, f"{what}; signed by the trusted key", statement(change), found, REFUSED, says=UNREAD)
    failed = {
        "statement of another kind": (
            statement(lambda value: value.update(predicateType="urn:x")),
            "attestation.unknown-kind",
        ),
        "statement and predicate of another kind": (
            statement(lambda value: value.update(predicateType="urn:x", predicate={})),
            "attestation.unknown-kind",
        ),
        "predicate that states two versions": (
            statement(lambda value: value.update(predicateType="urn:audit-lab:predicate:investigation:1")),
            "attestation.unknown-kind",
        ),
        "predicate of a later version": (predicate(version=9), "attestation.version-unknown"),
        "predicate whose version is a list": (predicate(version=[]), "attestation.version-unknown"),
        "predicate whose version has a point": (predicate(version=2.0), "attestation.version-unknown"),
        "predicate without a version": (predicate(version=None), "attestation.version-unknown"),
        "predicate with more members": (predicate(x=1), "json.member-unknown"),
        "case with more members": (within("case", x=1), "json.member-unknown"),
        "log with more members": (within("log", x=1), "json.member-unknown"),
        "custody with more members": (within("custody", x=1), "json.member-unknown"),
        "notebook with more members": (within("notebook", x=1), "json.member-unknown"),
        "case id that is no text": (within("case", id=7), "attestation.malformed"),
        "question that is no text": (within("case", question=None), "attestation.malformed"),
        "origin that is no text": (within("log", origin=[]), "attestation.malformed"),
        "checkpoint that is no text": (within("log", checkpoint=7), "attestation.malformed"),
        "signer that is no text": (predicate(signer=7), "attestation.malformed"),
        "redaction of another kind": (redacted(columns={"subject_id": "blur"}), "attestation.malformed"),
        "redaction of nothing": (redacted(columns={}), "attestation.malformed"),
        "redaction of columns that are no object": (redacted(columns=[]), "attestation.malformed"),
        "redaction of columns that are a list": (redacted(columns=["drop"]), "attestation.malformed"),
        "redaction whose profile is no text": (redacted(profile=7), "attestation.malformed"),
        "redaction that says what it searched in a text": (redacted(not_searched="x"), "attestation.malformed"),
        "redaction with more members": (redacted(x=1), "json.member-unknown"),
        "model that is no digest": (predicate(models=["x"]), "attestation.malformed"),
        "models that are no list": (predicate(models="x"), "attestation.malformed"),
        "model that is a number": (predicate(models=[7]), "attestation.malformed"),
        "rows with more members": (predicate(rows={**NO_ROWS, "x": 1}), "json.member-unknown"),
        "rows counted in text": (predicate(rows={**NO_ROWS, "proven": "0"}), "attestation.malformed"),
        "rows counted by a truth": (predicate(rows={**NO_ROWS, "proven": True}), "attestation.malformed"),
        "rows fewer than none": (predicate(rows={**NO_ROWS, "proven": -1}), "attestation.malformed"),
        "rows not proven, in a text": (predicate(rows={**NO_ROWS, "not_proven": "x"}), "attestation.malformed"),
        "parameters that nothing asked for": (predicate(parameters={"window": "2025"}), "attestation.malformed"),
        "parameters that are a list": (predicate(parameters=[]), "attestation.malformed"),
        "results that nobody checked": (
            predicate(results={"log_verification": "VERIFIED", "rerun": None}),
            "attestation.malformed",
        ),
        "results of a re-run": (
            predicate(results={"log_verification": None, "rerun": {"verdict": "approved by the court"}}),
            "attestation.malformed",
        ),
        "results that are none": (predicate(results=None), "attestation.malformed"),
        "environment that is no object": (predicate(environment=["python"]), "attestation.malformed"),
        "environment with a number": (within("environment", python=3), "attestation.malformed"),
        "time that is no text": (predicate(signed_at=7), "attestation.malformed"),
        "time of another form": (predicate(signed_at="2026-02-01"), "attestation.malformed"),
        "time on no day": (predicate(signed_at="2026-02-30T00:00:00.000000Z"), "attestation.malformed"),
    }
    for what, (change, code) in failed.items():
        found, says = (f"{code} {ATTESTATION}",), ("checked: SHA-256 of every file", *UNREAD_CASE)
        yield Attack(19, f"{what}; signed by the trusted key", change, found, says=says)
    files = {
        "file that nobody attested": (subjects(lambda listed: listed.pop()), "file-added tagmanifest-sha256.txt"),
        "attested file that is not there": (
            subjects(lambda listed: listed.append({"name": "data/x", "digest": {"sha256": "0" * 64}})),
            "file-missing data/x",
        ),
        "attested digest of another file": (
            subjects(lambda listed: listed[0].update(digest=listed[1]["digest"])),
            "file-changed bag-info.txt",
        ),
    }
    for what, (change, found) in files.items():
        yield Attack(18, f"{what}; signed by the trusted key", change, (f"bundle.{found}",))


def _sign_off_attacks() -> Iterator[Attack]:
    required = {"require_sign_offs": ()}
    yield Attack(
        20,
        "sign-off moved from another case",
        with_sign_off(REX, "reviewed", "Rex Holm", case_id="INC-2"),
        (f"sign-off.other-case {REVIEW}",),
    )
    yield Attack(20, "content changed after sign-off", changed_after_sign_off, VOID)
    yield Attack(
        20,
        "attestation signed again after sign-off",
        lambda scene: {
            **resigned(
                scene.copy(), change=lambda value: value["predicate"].update(signed_at="2026-02-01T12:00:00.000000Z")
            ),
            REVIEW: scene.files[REVIEW],
        },
        VOID[:1],
    )
    yield Attack(
        20,
        "approval by the author's key",
        with_sign_off(JANE, "approved", "Somebody Else"),
        (f"sign-off.same-person {_at(JANE)}",),
    )
    yield Attack(
        20,
        "approval by the author's key under another name",
        with_sign_off(TWIN, "approved", "Somebody Else"),
        (f"sign-off.same-person {_at(TWIN)}",),
        trust=Trust((*TRUST.keys, TrustedKey(TWIN.public, "sign-off", "*")), TRUST.name),
    )
    yield Attack(
        20,
        "approval in the author's name by another key",
        with_sign_off(ADA, "approved", " JANE  doe "),
        (f"sign-off.same-person {APPROVAL}",),
    )
    yield Attack(
        20,
        "sign-off older than the bundle",
        with_sign_off(REX, "reviewed", "Rex Holm", signed_at="2026-01-01T00:00:00.000000Z"),
        (f"sign-off.time-out-of-order {REVIEW}",),
    )
    yield Attack(
        20,
        "sign-off by an unknown key",
        with_sign_off(MALLORY, "approved", "Mallory"),
        (f"sign-off.key-not-trusted {_at(MALLORY)}",),
    )
    for what, change, code in (
        ("only as an investigator", {"role": "investigator"}, "key-not-trusted"),
        ("only for another log", {"origin": "credit"}, "wrong-origin"),
    ):
        yield Attack(
            20,
            f"reviewer's key accepted {what}",
            nothing_changed,
            (f"sign-off.{code} {REVIEW}",),
            trust=trusting_rex(**change),
        )
    yield Attack(
        20,
        "reviewer's key revoked",
        nothing_changed,
        (f"sign-off.key-revoked {REVIEW}",),
        trust=trusting_rex(revoked_from=REVOKED_LATE),
        options=LATER,
    )
    yield Attack(
        20,
        "reviewer's key expired",
        nothing_changed,
        (f"sign-off.key-expired {REVIEW}",),
        trust=trusting_rex(valid_until=REVOKED_LATE),
        options=LATER,
    )
    yield from _person_attacks()
    yield Attack(
        20,
        "reviewer's key revoked for one of its logs",
        nothing_changed,
        (f"sign-off.key-revoked {REVIEW}",),
        trust=Trust((*TRUST.keys, TrustedKey(REX.public, "sign-off", "credit", REVOKED_EARLY)), TRUST.name),
    )
    yield Attack(
        20,
        "an author's word required, which the case does not ask for",
        nothing_changed,
        (MISSING,),
        options={"require_sign_offs": ("authored",)},
    )
    yield Attack(20, "signature of another sign-off", forged_review, (f"sign-off.invalid {REVIEW}",))
    yield Attack(
        20,
        "sign-off that names another key",
        with_sign_off(REX, "reviewed", "Rex Holm", signer="ada@bank"),
        (f"sign-off.signer-differs {REVIEW}",),
    )
    yield Attack(
        20,
        "review under the name of an approval",
        with_sign_off(REX, "reviewed", "Rex Holm", at=REVIEW.replace("reviewed", "approved")),
        (f"sign-off.signer-differs {REVIEW.replace('reviewed', 'approved')}",),
    )
    malformed = {
        "two signatures in one sign-off": in_review(nothing_in, REX, ADA),
        "sign-off of another payload type": in_review(nothing_in, kind="text/plain"),
        "sign-off of another kind": in_review(lambda value: value.update(predicateType="urn:x")),
        "sign-off of another file": in_review(lambda value: value["subject"][0].update(name="data/README.html")),
        "sign-off of two files": in_review(lambda value: value["subject"].append({**value["subject"][0], "name": "x"})),
        "sign-off of a later version": in_review(lambda value: value["predicate"].update(version=2)),
        "sign-off with a number for a text": in_review(lambda value: value["predicate"].update(reason=7)),
        "sign-off without a printed name": in_review(lambda value: value["predicate"].update(printed_name=" ")),
        "sign-off with a name of two lines": in_review(lambda value: value["predicate"].update(printed_name="a\nb")),
        "sign-off with a name of 201 letters": in_review(
            lambda value: value["predicate"].update(printed_name="a" * 201)
        ),
        "sign-off in no role": in_review(lambda value: value["predicate"].update(role="judge")),
        "sign-off that means nothing": in_review(lambda value: value["predicate"].update(meaning="liked")),
        "rejection without a reason": in_review(lambda value: value["predicate"].update(meaning="rejected")),
        "sign-off with a reason without end": in_review(lambda value: value["predicate"].update(reason="a" * 2001)),
        "sign-off at no time": in_review(lambda value: value["predicate"].update(signed_at="yesterday")),
        "attestation as a sign-off": lambda scene: {**scene.files, REVIEW: scene.files[ATTESTATION]},
    }
    for what, change in malformed.items():
        yield Attack(20, what, change, (f"sign-off.malformed {REVIEW}",))
    yield Attack(
        20,
        "sign-off with more members",
        in_review(lambda value: value["predicate"].update(x=1)),
        (f"json.member-unknown {REVIEW}",),
    )
    yield Attack(20, "sign-off that is no envelope", plain(put(REVIEW, b"{}")), (f"json.member-missing {REVIEW}",))
    yield Attack(
        20,
        "sign-offs taken out, where the case's are required",
        without("signatures/"),
        (MISSING, MISSING),
        options=required,
    )
    yield Attack(
        20, "approval taken out, where the case's are required", without(APPROVAL), (MISSING,), options=required
    )
    yield Attack(
        20,
        "review taken out, where a review is required",
        without(REVIEW),
        (MISSING,),
        options={"require_sign_offs": ("reviewed",)},
    )
    yield Attack(
        20,
        "rejected, where sign-offs are required",
        with_sign_off(ADA, "rejected", "Ada Byron", reason="Wrong week"),
        ("sign-off.rejected signatures/",),
        options=required,
    )
    rules = {
        "empty": {},
        "with a text for a list": {"required": "approved", "persons": 2},
        "with an object for a list": {"required": {}, "persons": 2},
        "with a meaning that is none": {"required": ["liked"], "persons": 2},
        "with a number among meanings": {"required": [7], "persons": 2},
        "with a truth for a number": {"required": [], "persons": True},
        "with a text for a number": {"required": [], "persons": "2"},
        "for nobody": {"required": ["approved"], "persons": 0},
        "for more persons than are asked for": {"required": ["authored", "approved"], "persons": 3},
        "with more members": {"required": [], "persons": 2, "x": 1},
        "with a number for a truth, as it was": {"required": [], "two_persons": 1},
        "of both releases": {"required": [], "two_persons": True, "persons": 2},
        "that is a number": 7,
    }
    for what, rule in rules.items():
        yield Attack(
            20,
            f"rule for sign-offs {what}; signed by the trusted key",
            ruled(rule),
            (f"case.malformed {INVESTIGATION}",),
        )


def _person_attacks() -> Iterator[Attack]:
    """Give attacks in which one person is several, several are one, or somebody is another than he says."""
    yield Attack(
        20,
        "one key under two names",
        with_sign_off(REX, "approved", "Somebody Else"),
        (f"sign-off.two-names {REVIEW}", f"sign-off.two-names {_at(REX)}"),
    )
    yield Attack(
        20,
        "approval with the reviewer's key, where three persons are to sign",
        signed_by({**BOTH, "persons": 3}, BY_REX, ALSO_BY_REX),
        (f"sign-off.same-person {_at(REX)}",),
    )
    yield Attack(
        20,
        "approval in the reviewer's name by another key",
        with_sign_off(ADA, "approved", "rex HOLM"),
        (f"sign-off.same-person {APPROVAL}",),
    )
    yield Attack(
        20,
        "approval by the reviewer, of a case of the release before",
        signed_by({**BOTH, "two_persons": True}, BY_REX, ALSO_BY_REX),
        (f"sign-off.same-person {_at(REX)}",),
    )
    yield Attack(
        20,
        "approval by the author, of a case that two persons are to sign",
        signed_by({"required": ["approved"], "persons": 2}, (JANE, "approved", "Jane Doe")),
        (f"sign-off.same-person {_at(JANE)}",),
    )
    yield Attack(
        20,
        "approval by the reviewer beside somebody who only rejected",
        signed_by({**BOTH, "persons": 3}, BY_REX, ALSO_BY_REX, (ADA, "rejected", "Ada Byron")),
        (f"sign-off.same-person {_at(REX)}",),
    )
    yield Attack(
        20,
        "approval by the reviewer, and by the same person with another key",
        signed_by({**BOTH, "persons": 3}, BY_REX, ALSO_BY_REX, (ADA, "approved", "rex holm")),
        (f"sign-off.same-person {_at(REX)}", f"sign-off.same-person {APPROVAL}"),
    )
    yield Attack(
        20,
        "review by whoever holds the author's key",
        nothing_changed,
        (f"sign-off.same-person {REVIEW}",),
        trust=trusting(person="Rex Holm"),
    )
    yield Attack(
        20,
        "review in a role that only approves",
        in_review(lambda value: value["predicate"].update(role="approver")),
        (f"sign-off.wrong-role {REVIEW}",),
    )
    yield Attack(
        20,
        "review in another name than its key's",
        nothing_changed,
        (f"sign-off.other-person {REVIEW}",),
        trust=trusting_rex(person="Rex Harrison"),
    )
    yield Attack(
        20,
        "review by a key that is accepted for approvals",
        nothing_changed,
        (f"sign-off.role-not-accepted {REVIEW}",),
        trust=trusting_rex(roles=("approver",)),
    )
    yield Attack(
        20,
        "the case's sign-offs required, and it asks for none and has none",
        lambda scene: ruled(None)(Scene(without("signatures/")(scene), scene.places)),
        ("sign-off.no-rule signatures/",),
        options={"require_sign_offs": ()},
    )


def _at(key: SigningKey, meaning: str = "approved") -> str:
    return f"signatures/{meaning}-{key.public.key_id[:16]}.dsse.json"


def nothing_in(_value: dict) -> None:
    """Leave a statement as it is."""


def without(prefix: str) -> Callable[[Scene], Files]:
    """Return the clean bundle without some files."""
    return lambda scene: {name: content for name, content in scene.files.items() if not name.startswith(prefix)}


def changed_after_sign_off(scene: Scene) -> Files:
    """Jane changes the page to read first and signs again; the sign-offs stay as they were."""
    files = insider(put("data/README.html", b"<p>another answer</p>"))(scene)
    return {**files, REVIEW: scene.files[REVIEW], APPROVAL: scene.files[APPROVAL]}


def dated_as(at: str, lines: list[CustodyLine]) -> list[CustodyLine]:
    """Return lines of custody that are all of one time."""
    return [replace(line, at=at) for line in lines]


def of_old_state(scene: Scene) -> Files:
    """Return a bundle of a year ago about the log as it was then."""
    note = "flights.example\n7\nAAAA\n"
    edit = both(
        in_investigation(lambda value: value["log"].update(checkpoint=note)),
        in_investigation(lambda value: [each.update(kept_at=FIRST_LINE.at) for each in value["exhibits"]]),
        in_custody(lambda lines: lines.__setitem__(slice(None), dated_as(FIRST_LINE.at, lines)), chained=True),
    )
    files = plain(edit)(scene)

    def dated(statement: dict) -> None:
        with_head(files)(statement)
        statement["predicate"]["log"]["checkpoint"] = note
        statement["predicate"]["signed_at"] = "2025-02-01T00:00:00.000000Z"

    return resigned(files, change=dated)


def on_disk(scene: Scene, folder: Path) -> Path:
    """Write the clean bundle."""
    (folder / "INC-1.zip").write_bytes(archived(scene.files))
    return folder / "INC-1.zip"


ATTACKS = (
    *_signature_attacks(),
    *_statement_attacks(),
    *_sign_off_attacks(),
    Attack(
        21,
        "an anchor required of a bundle that has none",
        on_disk,
        (f"anchor.missing {ATTESTATION}",),
        options={"require_anchor": True},
        on_disk=True,
    ),
    Attack(
        21,
        "an old bundle shown as the current one: it holds, and says what it is about",
        nothing_changed,
        (),
        UNANCHORED,
        says=(DATED.format("2026-02-01T00:00:00.000000Z") + "at no checkpoint; nothing here tells",),
    ),
    Attack(
        21,
        "an old state of the log: it is stated",
        of_old_state,
        (),
        UNANCHORED,
        says=(DATED.format("2025-02-01T00:00:00.000000Z") + "at its checkpoint of '7' entries; nothing here tells",),
        unsaid=("note: It states that it was signed at 2026",),
    ),
    Attack(
        21,
        "an anchor required of what is no bundle",
        lambda _, folder: folder,
        (f"signature.missing {ATTESTATION}",),
        REFUSED,
        options={"require_anchor": True},
        on_disk=True,
    ),
    Attack(
        19,
        "no trust file at all",
        on_disk,
        (f"signature.key-not-trusted {ATTESTATION}", *_untrusted_sign_offs()),
        trust=None,
        on_disk=True,
    ),
)
