"""The record proof: one document that shows some records of a log and proves them, to be checked without the log.

It holds, for each record, the row's committed bytes, what is disclosed of it, its path to the root in the segment's
statement, the statement, and the statement's path to the root of a signed checkpoint. Here it is written and read;
`audit_lab.verifier.record_proof` checks it.
"""

from __future__ import annotations

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
                    "genesis_path": hash_texts(self.genesis_path),
                    "key_chain": [link_members(link) for link in self.key_chain],
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
            raise malformed_proof(f"{name} is larger than 16 MiB", "record-proof.too-large")
        value = parse_json(content, name)
        if isinstance(value, dict) and value.get("format") != RECORD_PROOF_FORMAT:
            raise _other_format(value.get("format"), name)
        known = {"origin", "prediction_id", "checkpoint", "genesis", "genesis_path", "key_chain", "records"}
        value = members(value, frozenset({"format", "limits", *known}), name)
        if value["limits"] != list(LIMITS):
            raise malformed_proof(f"{name} does not state the limits of such a proof")
        records = tuple(_record(each, f"{name}, record {at}") for at, each in list_member(value, "records", name))
        if not records:
            raise malformed_proof(f"{name} proves no record")
        proof = cls(
            text_member(value, "origin", name),
            text_member(value, "prediction_id", name),
            text_member(value, "checkpoint", name).encode(),
            text_member(value, "genesis", name).encode(),
            hashes_member(value, "genesis_path", name),
            tuple(link_of(each, f"{name}, key rotation {at}") for at, each in list_member(value, "key_chain", name)),
            records,
        )
        if canonical_text(value) != content:
            raise malformed_proof(f"{name} is not in canonical form", "record-proof.not-canonical")
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
        "path": hash_texts(record.path),
        "statement": record.statement.decode(),
        "entry_index": record.entry_index,
        "entry_path": hash_texts(record.entry_path),
    }


def _record(value: Any, name: str) -> ProvenRecord:
    value = members(value, frozenset(ProvenRecord.__annotations__), name)
    schema = [column for _, column in list_member(value, "schema", name)]
    for column in schema:
        if not isinstance(column, list) or [type(part) for part in column] != [str, str]:
            raise malformed_proof(f"{name} has a column that is not a name and a dtype")
    return ProvenRecord(
        text_member(value, "table", name),
        text_member(value, "segment", name),
        count_member(value, "row", name),
        text_member(value, "commitment", name),
        tuple((column, dtype) for column, dtype in schema),
        text_member(value, "row_bytes", name).encode(),
        tuple(disclosure.encode() for disclosure in texts_member(value, "disclosures", name)),
        hashes_member(value, "path", name),
        text_member(value, "statement", name).encode(),
        count_member(value, "entry_index", name),
        hashes_member(value, "entry_path", name),
    )


def _other_format(stated: Any, name: str) -> MalformedError:
    if isinstance(stated, str) and stated.startswith("audit_lab.record-proof/"):
        what = f"{name} is in the form {stated[:60]!a}, which this audit_lab does not know"
        return MalformedError(what, "Install a newer audit_lab release", "record-proof.newer-version")
    return malformed_proof(f"{name} is no record proof")
