"""That the bundle's RO-Crate document speaks of the bundle's own files, and points nowhere else.

A tool that reads such a document may fetch what it points at. Of what lies outside the bundle only the names of the
specification, of its context and of the profile are allowed; nothing is ever fetched to check it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.strict_json import members, parse_json
from audit_lab.verifier.layout import PAYLOAD, RESEARCH_OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from audit_lab.verifier.contents import Contents

__all__ = [
    "CONTEXT",
    "CRATE",
    "DESCRIPTOR",
    "OUTSIDE",
    "POINTERS",
    "PROFILE",
    "ROOT",
    "TEXTS",
    "check_research_object",
]

#: The one context: its name says which words the document uses, and nothing is fetched from there.
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
#: How the document names itself, and the folder that it stands in.
DESCRIPTOR = RESEARCH_OBJECT.removeprefix(PAYLOAD)
ROOT = "./"

#: What of outside may be named.
OUTSIDE = frozenset({CRATE, PROFILE})
#: The members that are text, and those that point at something.
TEXTS = frozenset(
    {
        "contentSize", "datePublished", "description", "encodingFormat", "endTime", "identifier", "name",
        "programmingLanguage", "softwareVersion", "version",
    }
)  # fmt: skip
POINTERS = frozenset(
    {"about", "agent", "author", "conformsTo", "hasPart", "instrument", "license", "mentions", "object", "result"}
)
_OF_ENTITY = frozenset({"@id", "@type"})
_FILE = "File"
_ENTITY = f"An entity of {RESEARCH_OBJECT}"
_NEXT = "Open it with no tool that follows addresses; ask the investigator for a bundle that agrees with itself"


def check_research_object(contents: Contents, known_bad: AbstractSet[str]) -> list[Finding]:
    """Check the document, where there is one: its form, that it points nowhere else, and that it names every file.

    Raises
    ------
    MalformedError
        The document is not in its form (codes ``json.*`` and ``research-object.malformed``).
    """
    content = contents.document(RESEARCH_OBJECT)
    if content is None:
        return []
    value = members(parse_json(content, RESEARCH_OBJECT), frozenset({"@context", "@graph"}), RESEARCH_OBJECT)
    if value["@context"] != CONTEXT:
        meaning = "it takes the meaning of its words from another place than the RO-Crate 1.1 context"
        return [_finding("research-object.points-outside", RESEARCH_OBJECT, meaning)]
    if not isinstance(value["@graph"], list):
        raise _malformed("its graph is no list")
    entities = [members(entity, _OF_ENTITY, _ENTITY, TEXTS | POINTERS) for entity in value["@graph"]]
    files = {name.removeprefix(PAYLOAD) for name in contents.names if name.startswith(PAYLOAD)}
    named = [_text(entity["@id"]) for entity in entities]
    allowed = {DESCRIPTOR, ROOT, *OUTSIDE, *files, *(name for name in named if name.startswith("#"))}
    bad = {name.removeprefix(PAYLOAD) for name in known_bad}
    findings = [
        _finding("research-object.points-outside", RESEARCH_OBJECT, f"it points at {name[:200]!a}, outside the bundle")
        for name in sorted({*named, *_pointed_at(entities)} - allowed - bad)
    ]
    described = {name for name, entity in zip(named, entities, strict=True) if _FILE in _types(entity)}
    findings += [
        _finding("research-object.file-not-described", PAYLOAD + name, "the RO-Crate document does not name it")
        for name in sorted(files - described - {DESCRIPTOR} - bad)
    ]
    findings += [
        _finding("research-object.size-differs", PAYLOAD + name, "the RO-Crate document gives it another size")
        for name, entity in zip(named, entities, strict=True)
        if name in (files & described) - bad
        and _text(entity.get("contentSize")) != str(contents.container.size_bytes(PAYLOAD + name))
    ]
    return findings


def _pointed_at(entities: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what every pointer points at; texts are checked to be texts, which nobody follows."""
    for entity in entities:
        for member, value in entity.items():
            if member in POINTERS:
                for pointer in value if isinstance(value, list) else [value]:
                    yield _text(members(pointer, frozenset({"@id"}), _ENTITY)["@id"])
            elif member in TEXTS:
                _text(value)


def _types(entity: dict[str, Any]) -> list[str]:
    kinds = entity["@type"]
    return [_text(kind) for kind in kinds] if isinstance(kinds, list) else [_text(kinds)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _malformed("a member that should be text is none")
    return value


def _malformed(what: str) -> MalformedError:
    return MalformedError(f"{RESEARCH_OBJECT}: {what}", _NEXT, "research-object.malformed")


def _finding(code: str, file: str, meaning: str) -> Finding:
    return Finding(code, file, meaning, _NEXT)
