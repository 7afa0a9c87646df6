"""What is no attack: bundles that hold, and what their reports must say beside (number 0)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attack import MISUSE, UNANCHORED, Attack
from attack_archives import unpacked
from attack_contents import (
    both,
    in_custody,
    in_investigation,
    insider,
    insider_with_head,
    line_with,
    of_both_formats,
    withhold,
)
from attack_scene import (
    ADA,
    JANE,
    NOTEBOOK,
    RESEARCH_OBJECT,
    REX,
    TRUST,
    Files,
    Scene,
    archived,
    attested,
    resigned,
    said,
    tagged,
)
from attack_signatures import (
    ALSO_BY_REX,
    APPROVAL,
    BOTH,
    BY_ADA,
    BY_REX,
    REDACTION,
    REVIEW,
    REVOKED_LATE,
    nothing_changed,
    predicate,
    signed_by,
    trusting,
    with_sign_off,
    without,
)

from audit_lab.seal.digests import sha256
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.age import Known

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parents[1] / "verifier" / "golden" / "bundle-v1.zip"
PRETENDER = SigningKey("demonstration-jane", JANE.private)
SHAPE = "checked: shape of the bundle"
STAGES = (
    SHAPE,
    "checked: signature over the exact bytes",
    "checked: attested files are",
    "checked: SHA-256 of every file",
    "checked: exhibits are named",
    "checked: HTML names the notebook",
)
SIGN_OFFS = "checked: sign-offs: each by a key"
NEVER = (
    "not checked: CSV against Parquet",
    "not checked: HTML rendered again",
    "not checked: truth of the log",
    "not checked: re-run",
    "not checked: inclusion of",
    "note: No timestamp and no witness anchors this bundle",
    "note: A public key proves something only if",
)
SIGNED = f"signed: jane@bank (key id {JANE.public.key_id[:16]})"
REVIEWED = "signed: reviewed by Rex Holm, reviewer, at 2026-02-02T00:00:00.000000Z (key rex@bank)"
APPROVED = "signed: approved by Ada Byron, approver"
UNGUARDED = "note: Sign-offs can be taken out of a bundle without a trace"
HOLDERS = "not checked: who holds the keys that signed: the trust file names no person for"
PDF = "data/notebook/investigation.pdf"
UNSIGNED = "not checked: sign-offs: nobody but the investigator signed this bundle"


def pretended(scene: Scene) -> Files:
    """Return the clean bundle signed with a demonstration key."""
    return resigned(scene.copy(), PRETENDER, lambda value: value["predicate"].update(signer=PRETENDER.name))


def pretended_review(scene: Scene) -> Files:
    """Return the clean bundle with a sign-off by a demonstration key."""
    name, content = said(scene.files, replace(REX, name="demonstration-rex"), "reviewed", "Rex Holm")
    return {**scene.files, name: content}


def without_notebook(scene: Scene) -> Files:
    """Return the bundle of a case without a notebook."""
    files = {name: content for name, content in scene.files.items() if not name.startswith("data/notebook/")}
    return resigned(files, change=lambda value: value["predicate"].update(notebook=None))


def without_crate(scene: Scene) -> Files:
    """Return a bundle as an earlier release wrote it, without an RO-Crate document."""
    return attested(tagged({name: content for name, content in scene.files.items() if name != RESEARCH_OBJECT}))


def with_pdf(place: int) -> Callable[[Scene], Files]:
    """Return the bundle with a PDF that says at a place which notebook it shows."""

    def change(scene: Scene) -> Files:
        mark = b"(audit-lab-notebook-sha256 " + sha256(scene.files[NOTEBOOK]).encode() + b")"
        return resigned({**scene.files, PDF: b"%PDF-1.7\n" + bytes(place) + mark + bytes(80_000 - place)})

    return change


def _holds(what: str, change: Callable, *says: str, trust: Trust = TRUST, **options: object) -> Attack:
    on_disk = bool(options.pop("on_disk", False))
    undone = tuple(each.replace("checked:", "not checked:", 1) for each in STAGES)
    if "require_sign_offs" in options or UNSIGNED in says:
        undone += (UNGUARDED,)
    return Attack(0, what, change, (), UNANCHORED, trust, options, on_disk, (*STAGES, *says), undone)


def _accepting(*keys: TrustedKey) -> Trust:
    return Trust((*TRUST.keys, *keys), TRUST.name)


ATTACKS = (
    Attack(0, "nothing there", lambda _, folder: folder / "none.zip", (), MISUSE, on_disk=True),
    Attack(
        0, "a meaning that is none, required", nothing_changed, (), MISUSE, options={"require_sign_offs": ("aproved",)}
    ),
    _holds("the clean bundle", nothing_changed, SIGN_OFFS, *NEVER, SIGNED, REVIEWED, APPROVED, UNGUARDED),
    _holds("sign-offs that the case asks for", nothing_changed, REVIEWED, APPROVED, require_sign_offs=()),
    _holds("a review that is required", nothing_changed, require_sign_offs=("reviewed",)),
    _holds("the same in a folder", unpacked(lambda _: None), SIGN_OFFS, *NEVER, SIGNED, REVIEWED, on_disk=True),
    _holds(
        "nobody signed it off",
        without("signatures/"),
        UNSIGNED,
        SIGNED,
        "note: By its own rule this bundle is not finished: nobody signed that it is reviewed and approved",
    ),
    _holds("nobody approved it", without(APPROVAL), REVIEWED, "note: By its own rule this bundle is not finished"),
    _holds(
        "somebody rejected it",
        with_sign_off(ADA, "rejected", "Ada Byron", reason="Exhibit 1 is of another week"),
        "note: REJECTED: rejected by Ada Byron, reviewer, at 2026-02-02T00:00:00.000000Z: Exhibit 1",
    ),
    _holds(
        "a rejection that is required",
        with_sign_off(ADA, "rejected", "Ada Byron", reason="Exhibit 1 is of another week"),
        require_sign_offs=("rejected",),
    ),
    _holds(
        "its author says so",
        with_sign_off(JANE, "authored", "Jane Doe"),
        "signed: authored by Jane Doe",
        f"{HOLDERS} jane@bank, ada@bank, rex@bank",
    ),
    *(
        _holds(
            f"a case that one person may sign, approved by its author ({rule})",
            signed_by({"required": ["approved"]} | rule, (JANE, "approved", "Jane Doe")),
            "signed: approved by Jane Doe",
            require_sign_offs=(),
        )
        for rule in ({"persons": 1}, {"two_persons": False})
    ),
    *(
        _holds(
            f"reviewed and approved by one other person ({rule})",
            signed_by(rule, BY_REX, ALSO_BY_REX),
            "signed: approved by Rex Holm",
        )
        for rule in (
            {**BOTH, "persons": 2},
            {"required": ["approved"], "persons": 2},
            {"required": ["approved"], "two_persons": True},
            {"required": ["authored", "approved"], "two_persons": True},
            {**BOTH, "two_persons": False},
            None,
        )
    ),
    _holds(
        "an attestation as it was made before, with results that are none",
        predicate(results={"log_verification": None, "rerun": None}),
    ),
    _holds(
        "three persons, one of whom reviews and approves",
        signed_by({**BOTH, "persons": 3}, BY_REX, ALSO_BY_REX, BY_ADA),
        REVIEWED,
        APPROVED,
        require_sign_offs=(),
    ),
    _holds(
        "three persons, by the rule of the release before",
        signed_by({**BOTH, "two_persons": True}, BY_REX, BY_ADA),
        REVIEWED,
        APPROVED,
        require_sign_offs=(),
    ),
    _holds("a key accepted for every log", nothing_changed, trust=trusting(origin="*")),
    _holds(
        "a key accepted for several logs",
        nothing_changed,
        trust=_accepting(TrustedKey(JANE.public, "investigator", "credit")),
    ),
    _holds(
        "a demonstration key",
        pretended,
        "note: demonstration-jane is a demonstration key: its signature shows how signing works and proves nothing",
        trust=_accepting(TrustedKey(PRETENDER.public, "investigator", "*")),
    ),
    _holds(
        "a demonstration key that signs it off",
        pretended_review,
        "note: demonstration-rex is a demonstration key: its sign-off proves nothing",
        trust=_accepting(TrustedKey(replace(REX, name="demonstration-rex").public, "sign-off", "*")),
    ),
    _holds(
        "a case that names no row",
        predicate(rows=None),
        "not checked: inclusion of rows in the log: no document or CSV of an",
    ),
    _holds(
        "an exhibit that withholds something, as is attested",
        insider(in_investigation(withhold), lambda value: value["predicate"].update(redaction=REDACTION)),
    ),
    _holds("a PDF that names its notebook first", with_pdf(0), "not checked: PDF: that its pages show the notebook"),
    _holds(
        "a PDF that names its notebook last", with_pdf(80_000), "not checked: PDF: that its pages show the notebook"
    ),
    _holds(
        "a picture",
        lambda scene: archived(scene.files),
        "not checked: pictures: that each shows the data beside it; neither verifier draws one again",
    ),
    Attack(
        0,
        "no notebook",
        without_notebook,
        (),
        UNANCHORED,
        says=STAGES[:-1],
        unsaid=(STAGES[-1], "not checked: HTML", "not checked: re-run"),
    ),
    _holds("no RO-Crate document", without_crate),
    replace(
        _holds(
            "whose keys they are, which the trust file says",
            nothing_changed,
            f"signed: jane@bank (key id {JANE.public.key_id[:16]}, which is that of Jane Doe by the trust file)",
            f"{REVIEWED[:-1]}, which is that of rex  holm by the trust file)",
            "not checked: who holds the keys that signed: the trust file names no person for ada@bank",
            trust=Trust(
                (
                    replace(TRUST.keys[0], person="Jane Doe"),
                    TRUST.keys[1],
                    replace(TRUST.keys[2], person="rex  holm", roles=("reviewer", "approver")),
                    TRUST.keys[3],
                )
            ),
        ),
        unsaid=(f"{HOLDERS} ada@bank, ",),
    ),
    replace(
        _holds(
            "one key that says two things",
            with_sign_off(REX, "rejected", "Rex Holm", reason="Read again"),
            f"{HOLDERS} jane@bank, ada@bank, rex@bank",
        ),
        unsaid=(f"{HOLDERS} jane@bank, ada@bank, rex@bank, ",),
    ),
    _holds(
        "a key whose holder one of two entries states",
        nothing_changed,
        f"{REVIEWED[:-1]}, which is that of Rex Holm by the trust file)",
        trust=_accepting(replace(TRUST.keys[2], origin="*", person="Rex Holm")),
    ),
    _holds(
        "keys whose holders nobody states",
        nothing_changed,
        "not checked: who holds the keys that signed: the trust file names no person for jane@bank, ada@bank, rex@bank",
    ),
    _holds(
        "keys that end later",
        nothing_changed,
        "note: jane@bank is revoked from 2027-01-01T00:00:00+00:00, which is still to come by this machine's clock",
        "note: rex@bank is accepted for what was signed before 2027-01-01T00:00:00+00:00, which is still to come",
        trust=Trust(
            (
                replace(TRUST.keys[0], revoked_from=REVOKED_LATE),
                TRUST.keys[1],
                replace(TRUST.keys[2], valid_until=REVOKED_LATE),
                TRUST.keys[3],
            )
        ),
        known=Known(clock=datetime(2026, 12, 31, tzinfo=UTC)),
    ),
    _holds(
        "a reader's clock that is behind the signers'",
        nothing_changed,
        "note: It states that it was signed at 2026-02-01T00:00:00.000000Z, and this machine's clock says 2026-01-31",
        f"note: {REVIEW} states 2026-02-02T00:00:00.000000Z, which is still to come by this machine's clock",
        known=Known(clock=datetime(2026, 1, 31, 23, 54, tzinfo=UTC)),
    ),
    _holds(
        "the case's sign-offs required, which asks for none and has some",
        insider(in_investigation(lambda value: value["case"].update(sign_offs=None))),
        require_sign_offs=(),
    ),
    _holds(
        "an investigation with many brackets, none of them deep",
        insider(in_investigation(lambda value: value.update(actions=[{"[[": "{{"}] * 70))),
    ),
    _holds(
        "custody that an earlier release began",
        insider_with_head(in_custody(of_both_formats, chained=True)),
    ),
    _holds(
        "custody whose times are equal",
        insider_with_head(
            both(
                in_custody(line_with(1, at="2026-01-01T00:00:01.000000Z"), chained=True),
                in_investigation(lambda value: value["exhibits"][0].update(kept_at="2026-01-01T00:00:01.000000Z")),
            )
        ),
    ),
    _holds(
        "a bundle of version 1",
        lambda _: GOLDEN.read_bytes(),
        "not checked: inclusion of the rows in the log: this version of the bundle carries no proofs of it",
        UNSIGNED,
        trust=trusting(origin="flights"),
    ),
)
