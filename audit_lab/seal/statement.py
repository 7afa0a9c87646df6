"""Attestations: in-toto Statement v1, the list of files and what the signer says about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.seal.digests import DIGEST
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json, members, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["PAYLOAD_TYPE", "STATEMENT_TYPE", "Statement"]

#: The DSSE payload type of in-toto statements.
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"

_NEXT = "Ask the signer for the attestation as it was signed"


@dataclass(frozen=True)
class Statement:
    """What is attested: `subjects` maps each file's name to its SHA-256, `predicate` says the rest."""

    subjects: Mapping[str, str]
    predicate_type: str
    predicate: Mapping[str, Any]

    def to_json(self) -> bytes:
        """Return the canonical bytes of the statement, subjects sorted by name."""
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {"name": name, "digest": {"sha256": self.subjects[name]}} for name in sorted(self.subjects)
                ],
                "predicateType": self.predicate_type,
                "predicate": dict(self.predicate),
            }
        )

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Parse a statement strictly.

        Raises
        ------
        MalformedError
            Codes ``json.*`` and ``statement.*``: another type, no subjects, a subject twice, a digest that is none.
        """
        known = frozenset({"_type", "subject", "predicateType", "predicate"})
        value = members(parse_json(content, name), known, name)
        if value["_type"] != STATEMENT_TYPE:
            raise MalformedError(f"{name} is no in-toto Statement v1", _NEXT, "statement.wrong-type")
        entries, predicate, kind = value["subject"], value["predicate"], value["predicateType"]
        if not isinstance(entries, list) or not isinstance(predicate, dict) or not isinstance(kind, str):
            raise MalformedError(f"{name} has members of the wrong type", _NEXT, "statement.malformed")
        if not entries:
            raise MalformedError(f"{name} attests no file at all", _NEXT, "statement.no-subjects")
        subjects: dict[str, str] = {}
        for entry in entries:
            file, digest = _subject(entry, name)
            if file in subjects:
                raise MalformedError(f"{name} attests {file!a} twice", _NEXT, "statement.duplicate-subject")
            subjects[file] = digest
        return cls(subjects, kind, predicate)


def _subject(entry: Any, name: str) -> tuple[str, str]:
    value = members(entry, frozenset({"name", "digest"}), f"A subject of {name}")
    digest = members(value["digest"], frozenset({"sha256"}), f"A subject's digest in {name}")["sha256"]
    if not isinstance(value["name"], str) or not isinstance(digest, str) or DIGEST.fullmatch(digest) is None:
        raise MalformedError(f"{name} has a subject without name or SHA-256", _NEXT, "statement.malformed")
    return value["name"], digest
