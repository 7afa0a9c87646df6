"""Attack 29: a time stamp of something else, by an unknown authority, or of a time before the data."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from attack import FAILED, UNANCHORED, VERIFIED, Attack
from attack_scene import ATTESTATION, TRUST, Files, Scene, archived, attested

from audit_lab.seal.trust import Trust, TrustedAuthority
from audit_lab.verifier.age import Known

sys.path.insert(0, str(Path(__file__).parents[1]))
from local_authority import LocalAuthority, make_local_authority

if TYPE_CHECKING:
    from collections.abc import Callable

STAMP = "timestamp.tsr"
MALFORMED = f"timestamp.malformed {STAMP}"


@cache
def authority(name: str) -> LocalAuthority:
    """Return an authority that ``openssl ts`` plays in this run."""
    return make_local_authority(Path(tempfile.mkdtemp()) / name)


def accepting(*names: str) -> Callable[[], Trust]:
    """Return a function that returns the trust file with some authorities."""

    def trust() -> Trust:
        stated = [TrustedAuthority.parse(name, authority(name).root.read_text()) for name in names]
        return Trust(TRUST.keys, TRUST.name, tuple(stated))

    return trust


@cache
def token(name: str, content: bytes) -> bytes:
    """Return an authority's token over some bytes."""
    return authority(name).stamp(content)


def stamped(scene: Scene, name: str = "clock") -> Files:
    """Return the clean bundle, stamped by an authority."""
    return {**scene.files, STAMP: token(name, scene.files[ATTESTATION])}


def with_stamp(change: Callable[[bytes], bytes]) -> Callable[[Scene], Files]:
    """Return the stamped bundle with its stamp changed."""

    def edit(scene: Scene) -> Files:
        files = stamped(scene)
        return {**files, STAMP: change(files[STAMP])}

    return edit


def from_the_future(scene: Scene) -> Files:
    """Return a bundle that says that it was signed a hundred years from now, stamped today."""
    when = "2126-02-01T00:00:00.000000Z"
    files = attested(scene.copy(), change=lambda value: value["predicate"].update(signed_at=when))
    files = {name: content for name, content in files.items() if not name.startswith("signatures/")}
    return {**files, STAMP: token("clock", files[ATTESTATION])}


def of_another_kind(scene: Scene) -> Files:
    """Return a bundle whose attestation is of another kind, stamped."""
    files = attested(scene.copy(), change=lambda value: value.update(predicateType="urn:x"))
    return {**files, STAMP: token("clock", files[ATTESTATION])}


def changed_since(scene: Scene) -> Files:
    """Return the stamped bundle with another attestation."""
    files = attested(scene.copy(), change=lambda value: value["predicate"].update(environment={}))
    return {**files, STAMP: stamped(scene)[STAMP]}


def on_disk(scene: Scene, folder: Path) -> Path:
    """Write the stamped bundle."""
    (folder / "INC-1.zip").write_bytes(archived(stamped(scene)))
    return folder / "INC-1.zip"


def _stamp(what: str, change: Callable[[Scene], Files], *found: str, trust: tuple[str, ...] = ("clock",)) -> Attack:
    return Attack(29, what, change, found, trust=accepting(*trust))


def ending(name: str, **ends: datetime) -> Callable[[], Trust]:
    """Return a function that returns the trust file with an authority, and with an end of Jane's key."""

    def trust() -> Trust:
        accepted = accepting(name)()
        return replace(accepted, keys=(replace(accepted.keys[0], **ends), *accepted.keys[1:]))

    return trust


#: After any stamp of this run; and when that is past.
LATE, LATER = datetime(2127, 1, 1, tzinfo=UTC), {"known": Known(clock=datetime(2128, 1, 1, tzinfo=UTC))}
EARLY = datetime(2025, 1, 1, tzinfo=UTC)
REVOKED = f"signature.key-revoked {ATTESTATION}"

ATTACKS = (
    Attack(
        0,
        "a time stamp from before the key was revoked",
        stamped,
        (),
        VERIFIED,
        ending("clock", revoked_from=LATE),
        LATER,
        says=("note: jane@bank is revoked from 2127-01-01T00:00:00+00:00; the time stamp dates its signature before",),
    ),
    Attack(
        0, "a time stamp from before the key expired", stamped, (), VERIFIED, ending("clock", valid_until=LATE), LATER
    ),
    Attack(19, "key revoked before the time stamp", stamped, (REVOKED,), FAILED, ending("clock", revoked_from=EARLY)),
    Attack(
        19,
        "key revoked, and a time stamp of a demonstration authority",
        lambda scene: stamped(scene, "demonstration-clock"),
        (REVOKED,),
        FAILED,
        ending("demonstration-clock", revoked_from=LATE),
        LATER,
    ),
    Attack(
        19,
        "key revoked, and a time stamp of something else",
        changed_since,
        (REVOKED, f"timestamp.other-bytes {STAMP}"),
        FAILED,
        ending("clock", revoked_from=LATE),
        LATER,
    ),
    Attack(
        0,
        "a time stamp",
        stamped,
        (),
        VERIFIED,
        accepting("clock"),
        says=("checked: time stamp: over the attestation", "anchor: the attestation, time-stamped by clock on 20"),
        unsaid=("note: No timestamp",),
    ),
    Attack(
        0,
        "an anchor that is required",
        on_disk,
        (),
        VERIFIED,
        accepting("clock"),
        {"require_anchor": True},
        on_disk=True,
    ),
    Attack(
        0,
        "a time stamp, and a reader who accepts no authority",
        stamped,
        (),
        UNANCHORED,
        says=("not checked: time stamp: the trust file accepts no authority", "note: No timestamp"),
    ),
    Attack(
        0,
        "a demonstration authority",
        lambda scene: stamped(scene, "demonstration-clock"),
        (),
        UNANCHORED,
        accepting("demonstration-clock"),
        says=("note: demonstration-clock is a demonstration authority: its time stamp proves nothing",),
    ),
    _stamp(
        "time stamp of an unknown authority", stamped, f"timestamp.authority-not-trusted {STAMP}", trust=("another",)
    ),
    _stamp("time stamp over other bytes", changed_since, f"timestamp.other-bytes {STAMP}"),
    _stamp("time stamp from before the data", from_the_future, f"timestamp.before-data {STAMP}"),
    _stamp("time stamp of what is no attestation", of_another_kind, f"attestation.unknown-kind {ATTESTATION}"),
    _stamp("text in the place of a time stamp", with_stamp(lambda _: b"stamped, honestly"), MALFORMED),
    Attack(
        29,
        "text in the place of a time stamp, and a reader who accepts no authority",
        with_stamp(lambda _: b"stamped, honestly"),
        (MALFORMED,),
    ),
    _stamp("no bytes in the place of a time stamp", with_stamp(lambda _: b""), MALFORMED),
    _stamp("half a time stamp", with_stamp(lambda content: content[: len(content) // 2]), MALFORMED),
    _stamp(
        "time stamp of a bundle that was changed since",
        lambda scene: {**stamped(scene), "data/README.html": b"<p>another answer</p>"},
        "bundle.file-changed data/README.html",
    ),
    Attack(
        29,
        "an anchor required, and the authority not accepted",
        on_disk,
        (f"anchor.missing {ATTESTATION}",),
        FAILED,
        options={"require_anchor": True},
        on_disk=True,
    ),
)
