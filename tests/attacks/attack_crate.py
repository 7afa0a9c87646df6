"""Attack 27: an RO-Crate document that points outside the bundle or to the network, or is not in its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attack import Attack
from attack_contents import in_json, plain, put
from attack_scene import RESEARCH_OBJECT, Files, Scene, attested, described, tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

Change = Callable[[dict], object]
EVIL = "https://evil.example/"
CONTEXTS = {
    "another": f"{EVIL}context",
    "one more": ["https://w3id.org/ro/crate/1.1/context", f"{EVIL}more"],
    "one that imports": {"@import": f"{EVIL}context"},
    "none": None,
}
ADDRESSES = (
    f"{EVIL}payload.csv",
    "file:///etc/passwd",
    "//evil.example/x",
    "../attestation.dsse.json",
    "/etc/passwd",
    "./README.html",
    "exhibits/nobody/table.csv",
    "urn:x",
    "",
)
FOLLOWED = ("url", "contentUrl", "sameAs", "@reverse", "@context", "distribution", "image")


def crate(change: Change) -> Callable[[Scene], Files]:
    """Return the clean bundle with another document, signed by the trusted key."""
    return lambda scene: attested(tagged(plain(in_json(RESEARCH_OBJECT, change))(scene)))


def of_document(**members: Any) -> Change:
    """Return a change of the document itself."""
    return lambda value: value.update(members)


def of_root(**members: Any) -> Change:
    """Return a change of the document's entity for the folder itself."""
    return lambda value: value["@graph"][1].update(members)


def of_page(**members: Any) -> Change:
    """Return a change of the entity of the page to read first."""
    return lambda value: next(each for each in value["@graph"] if each["@id"] == "README.html").update(members)


def without_page(value: dict) -> None:
    """Let the document not name the page to read first."""
    value["@graph"] = [each for each in value["@graph"] if each["@id"] != "README.html"]


def undescribed(scene: Scene) -> Files:
    """Return the clean bundle with a file more that the document does not name, signed by the trusted key."""
    return attested(tagged(plain(put("data/notes.txt", b"x"))(scene)))


def _rows() -> Iterator[tuple[str, Change, str, str]]:
    outside, this = "research-object.points-outside", RESEARCH_OBJECT
    for what, context in CONTEXTS.items():
        yield (
            f"context that is {what}",
            (lambda value, context=context: value.update({"@context": context})),
            outside,
            this,
        )
    for address in ADDRESSES:
        entity = {"@id": address, "@type": "File"}
        yield f"entity {address!r}", (lambda value, entity=entity: value["@graph"].append(entity)), outside, this
        yield f"pointer to {address!r}", of_root(hasPart=[{"@id": address}]), outside, this
    for member in ("result", "license", "conformsTo", "about", "instrument"):
        yield f"{member} at the network", of_root(**{member: {"@id": EVIL}}), outside, this
    for member in FOLLOWED:
        yield f"member {member} that a tool could follow", of_root(**{member: EVIL}), "json.member-unknown", this
    malformed = "research-object.malformed"
    yield "pointer that is a text", of_root(hasPart="README.html"), "json.not-an-object", this
    yield "pointer at a number", of_root(hasPart=[{"@id": 7}]), malformed, this
    yield "pointer with more members", of_root(hasPart=[{"@id": "./", "@type": "x"}]), "json.member-unknown", this
    yield "text that is an object", of_root(name={"@id": EVIL}), malformed, this
    yield "type that is a number", of_root(**{"@type": [1]}), malformed, this
    yield "name that is none", of_root(**{"@id": None}), malformed, this
    yield "graph that is none", of_document(**{"@graph": {}}), malformed, this
    yield "entity that is a number", (lambda value: value["@graph"].append(7)), "json.not-an-object", this
    yield "document with more members", of_document(x=1), "json.member-unknown", this
    yield "file that it does not name", without_page, "research-object.file-not-described", "data/README.html"
    yield "file of another size", of_page(contentSize="1"), "research-object.size-differs", "data/README.html"


def _attacks() -> Iterator[Attack]:
    for what, change, code, file in _rows():
        yield Attack(27, f"RO-Crate: {what}; signed by the trusted key", crate(change), (f"{code} {file}",))
    yield Attack(
        27,
        "RO-Crate: file added that it does not name; signed by the trusted key",
        undescribed,
        ("research-object.file-not-described data/notes.txt",),
    )
    yield Attack(
        27,
        "RO-Crate: member twice; signed by the trusted key",
        lambda scene: attested(tagged(scene.copy() | {RESEARCH_OBJECT: b'{"@context":1,"@context":2}'})),
        (f"json.duplicate-member {RESEARCH_OBJECT}",),
    )
    yield Attack(
        27,
        "RO-Crate: changed; nothing signed",
        lambda scene: scene.copy() | {RESEARCH_OBJECT: described(scene.copy())[RESEARCH_OBJECT] + b" "},
        (f"bundle.file-changed {RESEARCH_OBJECT}",),
    )


ATTACKS = tuple(_attacks())
