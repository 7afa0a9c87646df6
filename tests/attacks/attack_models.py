"""Attacks 13 and 24: model artifacts that are not what they are named by, or that act on whoever opens them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from attack import UNANCHORED, Attack
from attack_contents import NOT_TRUSTED, both, gone, in_investigation, insider, plain, put
from attack_scene import ATTESTATION, INVESTIGATION, MALLORY, Files, Scene, resigned

from audit_lab.seal.digests import folder_digest, sha256

if TYPE_CHECKING:
    from collections.abc import Callable

    from attack_contents import Edit


class _Acts:
    """What divides by zero in whoever unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1 / 0",)


FOLDER = "data/models/artifacts"
MODEL, EQUAL, OTHER = b'{"trees":[1]}', b'{"trees": [1]}', b'{"trees":[2]}'
DIGEST, OTHER_DIGEST = sha256(MODEL), sha256(OTHER)
PLACE, OTHER_PLACE = f"{FOLDER}/{DIGEST}/model.json", f"{FOLDER}/{OTHER_DIGEST}/model.json"
PARTS = {"a.txt": b"1", "b/c.txt": b"22"}
PARTS_DIGEST = folder_digest({name: (sha256(content), len(content)) for name, content in PARTS.items()})
PARTS_PLACE = f"{FOLDER}/{PARTS_DIGEST}"
PICKLE = pickle.dumps(_Acts())
PICKLE_PLACE = f"{FOLDER}/{sha256(PICKLE)}/model.pkl"
CHECKED = "checked: model artifacts have the digests that they are named by"


def speaking_of(*digests: str) -> Edit:
    """Let the first exhibit speak of models with these artifacts."""
    models = [{"artifact_sha256": digest, "model": "delay-risk", "version": "1"} for digest in digests]
    return in_investigation(lambda value: value["exhibits"][0].update(models=models))


def attesting(*digests: str) -> Callable[[dict], object]:
    """Attest these artifacts."""
    return lambda statement: statement["predicate"].update(models=sorted(digests))


def _with_model(scene: Scene) -> Files:
    return insider(both(put(PLACE, MODEL), speaking_of(DIGEST)), attesting(DIGEST))(scene)


def _unsigned(edit: Edit) -> Callable[[Scene], Files]:
    def change(scene: Scene) -> Files:
        files = _with_model(scene)
        edit(files, scene)
        return files

    return change


def _stranger(scene: Scene) -> Files:
    files = plain(both(put(OTHER_PLACE, OTHER), speaking_of(OTHER_DIGEST)))(scene)
    return resigned(files, MALLORY, attesting(OTHER_DIGEST))


def _insider(number: int, what: str, edit: Edit, spoken: tuple[str, ...], said: tuple[str, ...], *found: str) -> Attack:
    change = insider(both(edit, speaking_of(*spoken)), attesting(*said))
    return Attack(number, f"{what}; signed by the trusted key", change, found)


def _parts(**changed: bytes) -> Edit:
    return both(*(put(f"{PARTS_PLACE}/{name}", changed.get(name[0], content)) for name, content in PARTS.items()))


_ONE = (DIGEST,)

ATTACKS = (
    Attack(0, "a model artifact", _with_model, (), UNANCHORED, says=(CHECKED,)),
    Attack(
        0,
        "a model artifact of two files",
        insider(both(_parts(), speaking_of(PARTS_DIGEST)), attesting(PARTS_DIGEST)),
        (),
        UNANCHORED,
        says=(CHECKED,),
    ),
    Attack(
        13,
        "artifact of another version; nothing signed",
        _unsigned(put(PLACE, OTHER)),
        (f"bundle.file-changed {PLACE}",),
    ),
    Attack(
        13,
        "artifact taken out; nothing signed",
        _unsigned(gone(PLACE)),
        (f"bundle.file-missing {PLACE}", f"model.missing {ATTESTATION}"),
    ),
    Attack(13, "artifact of another version; all signed by a stranger", _stranger, (NOT_TRUSTED,)),
    _insider(13, "artifact of another version", put(PLACE, OTHER), _ONE, _ONE, f"model.digest-differs {PLACE}"),
    _insider(13, "behaviour-equal but different file", put(PLACE, EQUAL), _ONE, _ONE, f"model.digest-differs {PLACE}"),
    _insider(13, "artifact that nobody attested", put(PLACE, MODEL), _ONE, (), f"model.not-attested {PLACE}"),
    _insider(
        13,
        "artifact that no exhibit speaks of",
        put(OTHER_PLACE, OTHER),
        _ONE,
        (OTHER_DIGEST,),
        f"model.of-no-exhibit {OTHER_PLACE}",
    ),
    _insider(13, "artifact that is not there", put("data/x", b""), _ONE, _ONE, f"model.missing {ATTESTATION}"),
    _insider(
        13,
        "one of two files of an artifact",
        _parts(b=b"23"),
        (PARTS_DIGEST,),
        (PARTS_DIGEST,),
        f"model.digest-differs {PARTS_PLACE}/a.txt",
    ),
    _insider(
        13,
        "artifact and one file more",
        both(put(PLACE, MODEL), put(f"{FOLDER}/{DIGEST}/more", b"")),
        _ONE,
        _ONE,
        f"model.digest-differs {PLACE}",
    ),
    Attack(
        24,
        "pickle that acts, slipped in",
        plain(put(PICKLE_PLACE, PICKLE)),
        (
            f"bundle.file-added {PICKLE_PLACE}",
            f"model.not-attested {PICKLE_PLACE}",
            f"model.of-no-exhibit {PICKLE_PLACE}",
        ),
    ),
    _insider(
        24,
        "pickle that acts, in the place of an artifact",
        put(PLACE, PICKLE),
        _ONE,
        _ONE,
        f"model.digest-differs {PLACE}",
    ),
    Attack(
        0,
        "a pickle that acts, attested: it is digested and never opened",
        insider(both(put(PICKLE_PLACE, PICKLE), speaking_of(sha256(PICKLE))), attesting(sha256(PICKLE))),
        (),
        UNANCHORED,
        says=(CHECKED,),
    ),
    Attack(
        13,
        "artifact, and another investigation; nothing signed",
        _unsigned(put(INVESTIGATION, b"{}")),
        (f"bundle.file-changed {INVESTIGATION}",),
    ),
    Attack(
        13,
        "artifact, and an investigation that speaks of another; nothing signed",
        _unsigned(speaking_of(OTHER_DIGEST)),
        (f"bundle.file-changed {INVESTIGATION}",),
    ),
    Attack(
        13,
        "artifact, and an investigation that nobody can read; signed by the trusted key",
        insider(both(put(PLACE, MODEL), put(INVESTIGATION, b"[]")), attesting(DIGEST)),
        (f"json.not-an-object {INVESTIGATION}",),
    ),
    Attack(
        13,
        "artifact, and no investigation; signed by the trusted key",
        insider(both(put(PLACE, MODEL), gone(INVESTIGATION)), attesting(DIGEST)),
        (f"case.investigation-missing {INVESTIGATION}",),
    ),
)
