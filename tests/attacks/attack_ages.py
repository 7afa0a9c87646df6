"""Attack 21, where the reader knows more than the bundle: a checkpoint of its log, or since when it must be signed."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from attack import FAILED, UNANCHORED, Attack
from attack_contents import in_investigation, insider
from attack_scene import ATTESTATION, ORIGIN, Files, Scene
from attack_signatures import nothing_changed, statement

from audit_lab.seal.checkpoint import Checkpoint
from audit_lab.verifier.age import Known, known_to_reader

if TYPE_CHECKING:
    from collections.abc import Callable

STALE = "STALE"
SIZE, ROOT, OTHER_ROOT = 7, bytes(32), bytes(31) + b"\1"
LONG = "checked: age: its log is as long as the checkpoint that you know"
NOT_GROWN = "not checked: growth of the log from the checkpoint that you know"
SIGNED_SINCE = "checked: age: by its own statement it was signed after 2026-"


def of_log(note: str) -> Callable[[Scene], Files]:
    """Return the clean bundle of a case at a checkpoint."""
    return insider(
        in_investigation(lambda value: value["log"].update(checkpoint=note)),
        lambda value: value["predicate"]["log"].update(checkpoint=note),
    )


def sealed(size: int = SIZE, root: bytes = ROOT) -> Callable[[Scene], Files]:
    """Return the clean bundle about a log of so many entries."""
    line = f"\u2014 {ORIGIN} {base64.b64encode(bytes(68)).decode()}\n"
    return of_log(f"{Checkpoint(ORIGIN, size, root).body.decode()}\n{line}")


def knowing(size: int, root: bytes = ROOT, origin: str = ORIGIN) -> Known:
    """Return what a reader knows who has a checkpoint."""
    return Known(Checkpoint(origin, size, root))


def _asked(number: int, what: str, change: Callable, known: Known, *found: str, verdict: str = FAILED) -> Attack:
    files = tuple(f"{each} {ATTESTATION}" for each in found)
    return Attack(number, what, change, files, verdict, options={"known": known})


def _holds(what: str, change: Callable, known: Known, says: tuple[str, ...], unsaid: tuple[str, ...] = ()) -> Attack:
    return Attack(0, what, change, (), UNANCHORED, options={"known": known}, says=says, unsaid=unsaid)


_EDITED = "bundle.file-changed data/README.html"
_JANUARY, _MARCH = known_to_reader(signed_since="2026-01-31"), known_to_reader(signed_since="2026-03-01T00:00:00Z")

ATTACKS = (
    _holds("the state that the reader knows", sealed(), knowing(SIZE), (LONG, NOT_GROWN), (SIGNED_SINCE,)),
    _holds("a newer state than the reader knows", sealed(), knowing(SIZE - 1, OTHER_ROOT), (LONG, NOT_GROWN)),
    _holds("signed since then", nothing_changed, _JANUARY, (SIGNED_SINCE,), (LONG, NOT_GROWN)),
    _holds(
        "signed at that moment",
        nothing_changed,
        known_to_reader(signed_since="2026-02-01T01:00:00+01:00"),
        (SIGNED_SINCE,),
    ),
    _asked(21, "an old state of the log", sealed(), knowing(SIZE + 1), "bundle.older-log", verdict=STALE),
    _asked(21, "an old bundle", nothing_changed, _MARCH, "bundle.older-signature", verdict=STALE),
    _asked(
        21,
        "an old bundle of an old state",
        sealed(),
        Known(knowing(SIZE + 1).checkpoint, _MARCH.signed_since),
        "bundle.older-log",
        "bundle.older-signature",
        verdict=STALE,
    ),
    _asked(21, "another history of the same length", sealed(), knowing(SIZE, OTHER_ROOT), "bundle.forked-log"),
    _asked(21, "a log that was never sealed", nothing_changed, knowing(SIZE), "bundle.no-checkpoint"),
    _asked(21, "another log", sealed(), knowing(SIZE, origin="credit"), "bundle.other-log"),
    _asked(21, "a checkpoint that is none", of_log("seven entries"), knowing(SIZE), "bundle.no-checkpoint"),
    Attack(
        21,
        "an old bundle that somebody edited",
        lambda scene: {**scene.files, "data/README.html": b"<p>the newest</p>"},
        (_EDITED, f"bundle.older-signature {ATTESTATION}"),
        FAILED,
        options={"known": _MARCH},
    ),
    Attack(
        21,
        "an old bundle that nobody can read",
        statement(lambda value: value.update(predicateType="urn:x")),
        (f"attestation.unknown-kind {ATTESTATION}",),
        FAILED,
        options={"known": _MARCH},
    ),
)
