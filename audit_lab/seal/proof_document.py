"""The record proof: one document that shows some records of a log and proves them, to be checked without the log.

It holds, for each record, the row's committed bytes, what is disclosed of it, its path to the root in the segment's
statement, the statement, and the statement's path to the root of a signed checkpoint. Here it is written and read;
`audit_lab.verifier.record_proof` checks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.seal.digests import DIGEST
from audit_lab.seal.key_chain import KeyLink
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_text, members, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

__all__ = ["MOST_PROOF_BYTES", "RECORD_PROOF_FORMAT", "ProvenRecord", "RecordProof"]

RECORD_PROOF_FORMAT = "audit_lab.record-proof/1"
MOST_PROOF_BYTES = 1 << 24
#: What the document says of itself, in every copy, in these words.
LIMITS = (
    "A proof shows that these records stand in the log; it does not show that what they say is true.",
    "It does not show that no other record about the same matter exists, nor that every decision was logged.",
    "Fields that are not disclosed are committed to, and nothing is said about their values.",
    "Whoever holds the log's key could have rebuilt the log, unless a witness or a remembered checkpoint holds it.",
)

_MOST_HASHES = 64
_LARGEST_INTEGER = 2**53 - 1
_NEXT = "Ask whoever gave the proof for it as it was made"


@dataclass(frozen=True)
class ProvenRecord:
    """One record and its proof.

    Attributes
    ----------
    table, segment, row
        Its place.
    commitment
        ``plain`` or ``fields``.
    schema
        The segment's columns: name and dtype.
    row_bytes
        The committed bytes of the row, whose leaf hash stands in the segment's tree.
    disclosures
        The exact bytes of each disclosed field; empty where the row is plain.
    path
        The row's inclusion in the segment, leaf to root.
    statement
        The exact bytes of the segment entry.
    entry_index, entry_path
        Where the statement stands in the log's tree, and its inclusion in the checkpoint.
    """

    table: str
    segment: str
    row: int
    commitment: str
    schema: tuple[tuple[str, str], ...]
    row_bytes: bytes
    disclosures: tuple[bytes, ...]
    path: tuple[bytes, ...]
    statement: bytes
    entry_index: int
    entry_path: tuple[bytes, ...]

    @property
    def place(self) -> str:
        """The record's place, for a report."""
        return f"{self.table} {self.segment}:{self.row}"


@dataclass(frozen=True)
class RecordProof:
    """Records of a log about one prediction, and all that proves them.

    Attributes
    ----------
    origin
        The log.
    prediction_id
        What the records are about.
    checkpoint
        The note of the checkpoint, with all its signature lines.
    genesis, genesis_path
        The exact bytes of the log's first entry, and its inclusion in the checkpoint.
    key_chain
        The rotations from a key that a reader may have pinned to the one that signed the checkpoint; often none.
    records
        At least one.
    """

    origin: str
    prediction_id: str
    checkpoint: bytes
    genesis: bytes
    genesis_path: tuple[bytes, ...]
    key_chain: tuple[KeyLink, ...]
    records: tuple[ProvenRecord, ...]

    def to_bytes(self) -> bytes:
        """Return the document's canonical bytes.

        Raises
        ------
        MisuseError
            A reader would refuse it.
        """
        try:
            content = canonical_text(
                {
                    "format": RECORD_PROOF_FORMAT,
                    "limits": list(LIMITS),
                    "origin": self.origin,
                    "prediction_id": self.prediction_id,
                    "checkpoint": self.checkpoint.decode(),
                    "genesis": self.genesis.decode(),
                    "genesis_path": _hex(self.genesis_path),
                    "key_chain": [_link_members(link) for link in self.key_chain],
                    "records": [_record_members(record) for record in self.records],
                }
            )
            same = self.parse(content, "The record proof") == self
        except (MalformedError, UnicodeDecodeError) as error:
            raise MisuseError(f"The record proof would be refused: {error}", "Correct what it is made from") from error
        if not same:
            raise MisuseError("The record proof would be read as another", "Give values of the stated types")
        return content

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """Parse a document strictly; nothing in it is checked against anything here.

        Raises
        ------
        MalformedError
            Codes ``json.*``, ``record-proof.too-large``, ``record-proof.newer-version``, ``record-proof.malformed``
            and ``record-proof.not-canonical``.
        """
        if len(content) > MOST_PROOF_BYTES:
            raise _refused(f"{name} is larger than 16 MiB", "record-proof.too-large")
        value = parse_json(content, name)
        if isinstance(value, dict) and value.get("format") != RECORD_PROOF_FORMAT:
            raise _other_format(value.get("format"), name)
        known = {"origin", "prediction_id", "checkpoint", "genesis", "genesis_path", "key_chain", "records"}
        value = members(value, frozenset({"format", "limits", *known}), name)
        if value["limits"] != list(LIMITS):
            raise _refused(f"{name} does not state the limits of such a proof", "record-proof.malformed")
        records = tuple(_record(each, f"{name}, record {at}") for at, each in _numbered(value, "records", name))
        if not records:
            raise _refused(f"{name} proves no record", "record-proof.malformed")
        proof = cls(
            _text(value, "origin", name),
            _text(value, "prediction_id", name),
            _text(value, "checkpoint", name).encode(),
            _text(value, "genesis", name).encode(),
            _hashes(value, "genesis_path", name),
            tuple(_link(each, f"{name}, key rotation {at}") for at, each in _numbered(value, "key_chain", name)),
            records,
        )
        if canonical_text(value) != content:
            raise _refused(f"{name} is not in canonical form", "record-proof.not-canonical")
        return proof


def _record_members(record: ProvenRecord) -> dict[str, Any]:
    return {
        "table": record.table,
        "segment": record.segment,
        "row": record.row,
        "commitment": record.commitment,
        "schema": [list(column) for column in record.schema],
        "row_bytes": record.row_bytes.decode(),
        "disclosures": [disclosure.decode() for disclosure in record.disclosures],
        "path": _hex(record.path),
        "statement": record.statement.decode(),
        "entry_index": record.entry_index,
        "entry_path": _hex(record.entry_path),
    }


def _link_members(link: KeyLink) -> dict[str, Any]:
    return {
        "entry": link.entry.decode(),
        "index": link.index,
        "checkpoint": link.checkpoint.decode(),
        "path": _hex(link.path),
        "growth": _hex(link.growth),
    }


def _record(value: Any, name: str) -> ProvenRecord:
    value = members(value, frozenset(ProvenRecord.__annotations__), name)
    schema, disclosures = value["schema"], value["disclosures"]
    if not isinstance(schema, list) or not isinstance(disclosures, list):
        raise _refused(f"{name} has members of the wrong type", "record-proof.malformed")
    for column in schema:
        if not isinstance(column, list) or [type(part) for part in column] != [str, str]:
            raise _refused(f"{name} has a column that is not a name and a dtype", "record-proof.malformed")
    if not all(isinstance(disclosure, str) for disclosure in disclosures):
        raise _refused(f"{name} has a disclosure that is no text", "record-proof.malformed")
    return ProvenRecord(
        _text(value, "table", name),
        _text(value, "segment", name),
        _count(value, "row", name),
        _text(value, "commitment", name),
        tuple((column, dtype) for column, dtype in schema),
        _text(value, "row_bytes", name).encode(),
        tuple(disclosure.encode() for disclosure in disclosures),
        _hashes(value, "path", name),
        _text(value, "statement", name).encode(),
        _count(value, "entry_index", name),
        _hashes(value, "entry_path", name),
    )


def _link(value: Any, name: str) -> KeyLink:
    value = members(value, frozenset(KeyLink.__annotations__), name)
    return KeyLink(
        _text(value, "entry", name).encode(),
        _count(value, "index", name),
        _text(value, "checkpoint", name).encode(),
        _hashes(value, "path", name),
        _hashes(value, "growth", name),
    )


def _numbered(value: dict[str, Any], member: str, name: str) -> list[tuple[int, Any]]:
    if not isinstance(value[member], list):
        raise _refused(f"{name}: its member {member} is no list", "record-proof.malformed")
    return list(enumerate(value[member], start=1))


def _text(value: dict[str, Any], member: str, name: str) -> str:
    text = value[member]
    if not isinstance(text, str):
        raise _refused(f"{name}: its member {member} is no text", "record-proof.malformed")
    return text


def _count(value: dict[str, Any], member: str, name: str) -> int:
    count = value[member]
    if type(count) is not int or not 0 <= count <= _LARGEST_INTEGER:
        raise _refused(f"{name}: its member {member} is no count", "record-proof.malformed")
    return count


def _hashes(value: dict[str, Any], member: str, name: str) -> tuple[bytes, ...]:
    texts = value[member]
    if not isinstance(texts, list) or len(texts) > _MOST_HASHES:
        raise _refused(f"{name}: its member {member} is no list of at most 64 hashes", "record-proof.malformed")
    if not all(isinstance(text, str) and DIGEST.fullmatch(text) for text in texts):
        raise _refused(f"{name}: its member {member} holds what is no hash", "record-proof.malformed")
    return tuple(bytes.fromhex(text) for text in texts)


def _hex(hashes: Iterable[bytes]) -> list[str]:
    return [value.hex() for value in hashes]


def _other_format(stated: Any, name: str) -> MalformedError:
    if isinstance(stated, str) and stated.startswith("audit_lab.record-proof/"):
        what = f"{name} is in the form {stated[:60]!a}, which this audit_lab does not know"
        return MalformedError(what, "Install a newer audit_lab release", "record-proof.newer-version")
    return _refused(f"{name} is no record proof", "record-proof.malformed")


def _refused(message: str, code: str) -> MalformedError:
    return MalformedError(message, _NEXT, code)
