"""The proofs of a bundle's rows: what they have in common, and the rows of one segment after another.

`LogProof` ties a bundle to its log: the first entry, the rotations of its key, and how it grew from a checkpoint that
was known before. `SegmentProof` shows rows of one segment: their committed bytes, what is disclosed of them, and their
paths. Both are written and read here; `audit_lab.verifier.rows` checks them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.proof_members import (
    count_member,
    hash_texts,
    hashes_member,
    link_members,
    link_of,
    list_member,
    malformed_proof,
    text_member,
    texts_member,
)
from audit_lab.seal.strict_json import canonical_text, members, parse_json

if TYPE_CHECKING:
    from typing import Self

    from audit_lab.seal.key_chain import KeyLink

__all__ = [
    "LOG_PROOF_FORMAT",
    "PART_NAME",
    "SEGMENT_PROOF_FORMAT",
    "Growth",
    "LogProof",
    "ProvenPart",
    "SegmentProof",
    "ShownRow",
]

LOG_PROOF_FORMAT = "audit_lab.log-proof/1"
SEGMENT_PROOF_FORMAT = "audit_lab.segment-proof/1"

#: How the files of a part are named, without their endings.
PART_NAME = re.compile(r"[0-9]{4,6}-[a-z0-9_-]{1,60}")

_PART = frozenset({"name", "table", "segment", "rows"})


@dataclass(frozen=True)
class ShownRow:
    """A row of a segment: its number, its committed bytes, what is disclosed of it, and its path, leaf to root."""

    row: int
    row_bytes: bytes
    disclosures: tuple[bytes, ...]
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class SegmentProof:
    """Rows of one segment.

    Attributes
    ----------
    statement
        The exact bytes of the segment's entry.
    entry_index, entry_path
        Where it stands in the log's tree, and its inclusion in the checkpoint.
    withheld
        The columns of which no value is disclosed, sorted; other fields that are not disclosed were erased.
    rows
        At least one, by number.
    """

    statement: bytes
    entry_index: int
    entry_path: tuple[bytes, ...]
    withheld: tuple[str, ...]
    rows: tuple[ShownRow, ...]

    def to_bytes(self) -> bytes:
        """Return the document's canonical bytes.

        Raises
        ------
        MisuseError
            A reader would refuse it.
        """
        rows = [
            {
                "row": each.row,
                "row_bytes": each.row_bytes.decode(),
                "disclosures": [disclosure.decode() for disclosure in each.disclosures],
                "path": hash_texts(each.path),
            }
            for each in self.rows
        ]
        value = {
            "format": SEGMENT_PROOF_FORMAT,
            "statement": self.statement.decode(),
            "entry_index": self.entry_index,
            "entry_path": hash_texts(self.entry_path),
            "withheld": list(self.withheld),
            "rows": rows,
        }
        return _written(value, self)

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Parse a document strictly; nothing in it is checked against anything here.

        Raises
        ------
        MalformedError
            Codes ``json.*``, ``record-proof.malformed``, ``record-proof.newer-version`` and
            ``record-proof.not-canonical``.
        """
        value = _read(content, name, SEGMENT_PROOF_FORMAT, frozenset(cls.__annotations__))
        rows = tuple(_row(each, f"{name}, row {at}") for at, each in list_member(value, "rows", name))
        numbers = [each.row for each in rows]
        if not rows or sorted(set(numbers)) != numbers:
            raise malformed_proof(f"{name} does not show rows in the order of their numbers, each once")
        return cls(
            text_member(value, "statement", name).encode(),
            count_member(value, "entry_index", name),
            hashes_member(value, "entry_path", name),
            texts_member(value, "withheld", name),
            rows,
        )


@dataclass(frozen=True)
class ProvenPart:
    """Where rows of a segment stand: the name that the file of rows and the file of proofs share, and how many."""

    name: str
    table: str
    segment: str
    rows: int


@dataclass(frozen=True)
class Growth:
    """That the log grew from an earlier checkpoint: its note, and the consistency with the bundle's checkpoint."""

    checkpoint: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class LogProof:
    """What the proofs of one bundle have in common.

    Attributes
    ----------
    origin
        The log.
    genesis, genesis_path
        The exact bytes of its first entry, and its inclusion in the checkpoint.
    key_chain
        The rotations from its first key to the one that signed the checkpoint; often none.
    growth
        From the last checkpoint that was known before; None where none was.
    parts
        The files of rows, by name.
    """

    origin: str
    genesis: bytes
    genesis_path: tuple[bytes, ...]
    key_chain: tuple[KeyLink, ...]
    growth: Growth | None
    parts: tuple[ProvenPart, ...]

    def to_bytes(self) -> bytes:
        """Return the document's canonical bytes.

        Raises
        ------
        MisuseError
            A reader would refuse it.
        """
        grown = self.growth
        growth = None if grown is None else {"checkpoint": grown.checkpoint.decode(), "path": hash_texts(grown.path)}
        value = {
            "format": LOG_PROOF_FORMAT,
            "origin": self.origin,
            "genesis": self.genesis.decode(),
            "genesis_path": hash_texts(self.genesis_path),
            "key_chain": [link_members(link) for link in self.key_chain],
            "growth": growth,
            "parts": [vars(part) for part in self.parts],
        }
        return _written(value, self)

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Parse a document strictly; nothing in it is checked against anything here.

        Raises
        ------
        MalformedError
            As for `SegmentProof.parse`.
        """
        value = _read(content, name, LOG_PROOF_FORMAT, frozenset(cls.__annotations__))
        parts = tuple(_part(each, f"{name}, part {at}") for at, each in list_member(value, "parts", name))
        names = [part.name for part in parts]
        if sorted(set(names)) != names:
            raise malformed_proof(f"{name} does not list its parts in the order of their names, each once")
        growth = value["growth"]
        if growth is not None:
            grown = members(growth, frozenset({"checkpoint", "path"}), f"{name}, growth")
            growth = Growth(text_member(grown, "checkpoint", name).encode(), hashes_member(grown, "path", name))
        return cls(
            text_member(value, "origin", name),
            text_member(value, "genesis", name).encode(),
            hashes_member(value, "genesis_path", name),
            tuple(link_of(each, f"{name}, key rotation {at}") for at, each in list_member(value, "key_chain", name)),
            growth,
            parts,
        )


def _row(value: Any, name: str) -> ShownRow:
    value = members(value, frozenset(ShownRow.__annotations__), name)
    return ShownRow(
        count_member(value, "row", name),
        text_member(value, "row_bytes", name).encode(),
        tuple(disclosure.encode() for disclosure in texts_member(value, "disclosures", name)),
        hashes_member(value, "path", name),
    )


def _part(value: Any, name: str) -> ProvenPart:
    value = members(value, _PART, name)
    name_of, table, segment = (text_member(value, member, name) for member in ("name", "table", "segment"))
    if not PART_NAME.fullmatch(name_of):
        raise malformed_proof(f"{name}: its name is no name of a part")
    return ProvenPart(name_of, table, segment, count_member(value, "rows", name))


def _written(value: dict[str, Any], document: LogProof | SegmentProof) -> bytes:
    """Return a document's bytes once a reader takes them for the same document."""
    try:
        content = canonical_text(value)
        same = type(document).parse(content, "The proof") == document
    except (MalformedError, UnicodeDecodeError) as error:
        raise MisuseError(f"The proof would be refused: {error}", "Correct what it is made from") from error
    if not same:
        raise MisuseError("The proof would be read as another", "Give values of the stated types")
    return content


def _read(content: bytes, name: str, known_format: str, known: frozenset[str]) -> dict[str, Any]:
    """Return a document's members, once it is of the known format and would print back identically."""
    value = parse_json(content, name)
    stated = value.get("format") if isinstance(value, dict) else None
    if stated != known_format:
        family = known_format.partition("/")[0]
        if isinstance(stated, str) and stated.startswith(f"{family}/"):
            raise malformed_proof(f"{name} is in a form that a newer audit_lab wrote", "record-proof.newer-version")
        raise malformed_proof(f"{name} is no {family}")
    value = members(value, frozenset({"format", *known}), name)
    if canonical_text(value) != content:
        raise malformed_proof(f"{name} is not in canonical form", "record-proof.not-canonical")
    return value
