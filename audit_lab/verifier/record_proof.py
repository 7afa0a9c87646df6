"""The light verification of a record proof, from the checkpoint's signature down to each shown value.

Everything that the document can show is checked, and nothing else is claimed: the log itself is not at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.proof_document import RecordProof
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.row_proofs import ShownRow
from audit_lab.seal.trust import Trust
from audit_lab.verifier.log_signature import CheckedCheckpoint, check_checkpoint
from audit_lab.verifier.sealed_rows import ProofFindings, check_genesis, check_row, check_statement

if TYPE_CHECKING:
    from audit_lab.seal.entry_kinds import SegmentEntry
    from audit_lab.seal.proof_document import ProvenRecord
    from audit_lab.seal.values import Value

__all__ = ["examine_record_proof", "verify_record_proof"]

_ID_COLUMN = "prediction_id"
_LONGEST_SHOWN = 120
_CHECKED = (
    "signature over the exact bytes of the checkpoint, by a key of this log that the trust file accepts",
    "each statement stands in the log's tree at that checkpoint",
    "each row stands in its segment, at the stated place, under the root in the statement",
    "each shown value is the one that was committed to, of the stated column and its type",
    "the records that have a prediction id have the stated one",
)
_NOT_CHECKED = (
    "whether these are the only records about this prediction: a proof shows what is there, not what is not",
    "completeness: no proof covers a decision that was never logged",
    "values that are not disclosed: nothing is said about them",
    "truth of the records: that they say what happened",
    "erasures, holds and what was sealed after this checkpoint: only the log itself shows them",
    "entries between the records: that days and keys follow one another is checked against the log",
)
_UNANCHORED = (
    "No witness that the trust file accepts saw this checkpoint: whoever holds the log's key could have made it today"
)
_PIN = "A public key proves something only if it reached you by another way than the proof"


def verify_record_proof(
    content: bytes, trust: Trust | None = None, *, origin: str | None = None, require_anchor: bool = False
) -> Verification:
    """Verify a record proof without the log.

    Parameters
    ----------
    content
        The document's exact bytes.
    trust
        The keys that the reader accepts: the log's (role ``log``) and witnesses' (role ``witness``).
    origin
        The log that the reader means; None for whichever log the document names, if its key is accepted.
    require_anchor
        Fail unless an accepted witness saw the checkpoint.

    Raises
    ------
    IntegrityError
        The verdict is FAILED or REFUSED; the error carries the report with every finding.
    """
    return settle(examine_record_proof(content, trust, origin=origin, require_anchor=require_anchor))


def examine_record_proof(
    content: bytes, trust: Trust | None = None, *, origin: str | None = None, require_anchor: bool = False
) -> Verification:
    """Return the report of `verify_record_proof` whatever the verdict."""
    try:
        proof = RecordProof.parse(content, "The record proof")
        signed = parse_checkpoint(proof.checkpoint, "The proof's checkpoint")
    except MalformedError as error:
        finding = Finding(error.code, "record proof", error.message, error.next_step)
        undone = tuple(f"{stage}: the document was refused" for stage in _CHECKED)
        return Verification("record proof", Verdict.REFUSED, (finding,), (), undone + _NOT_CHECKED)
    findings = ProofFindings()
    if signed.checkpoint.origin != proof.origin or origin not in {None, proof.origin}:
        wanted = proof.origin if origin is None else origin
        findings.add(
            "record-proof.wrong-origin", "checkpoint", f"it is of {signed.checkpoint.origin!a}, not {wanted!a}"
        )
    checked = check_checkpoint(signed, proof.key_chain, trust or Trust())
    findings.found += checked.findings
    if require_anchor and not checked.anchors:
        findings.add("anchor.missing", "checkpoint", _UNANCHORED)
    notes = [*checked.notes, *check_genesis(proof.genesis, proof.genesis_path, checked, findings)]
    _check_records(proof, checked, findings)
    return Verification(
        f"record proof of {_brief(proof.prediction_id)} from {signed.checkpoint.origin!a} "
        f"at size {signed.checkpoint.size}",
        Verdict.FAILED if findings.found else Verdict.VERIFIED if checked.anchors else Verdict.UNANCHORED,
        tuple(findings.found),
        _CHECKED,
        _NOT_CHECKED,
        anchors=tuple(checked.anchors),
        signers=tuple(checked.signers),
        notes=(*notes, *(() if checked.anchors else (_UNANCHORED,)), _PIN),
    )


def _check_records(proof: RecordProof, checked: CheckedCheckpoint, findings: ProofFindings) -> None:
    places: set[str] = set()
    for number, record in enumerate(proof.records, start=1):
        where = f"record {number} ({_brief(record.place)})"
        if record.place in places:
            findings.add("record-proof.duplicate-record", where, "the same place is shown twice")
        places.add(record.place)
        statement = check_statement(record, checked, where, findings)
        if statement is None:
            continue
        _check_same(record, statement, where, findings)
        row = ShownRow(record.row, record.row_bytes, record.disclosures, record.path)
        shown = check_row(row, statement, record.place, where, findings)
        if shown is not None:
            _check_id(shown, statement, proof.prediction_id, where, findings)


def _check_same(record: ProvenRecord, statement: SegmentEntry, where: str, findings: ProofFindings) -> None:
    """Check that what the document says of a record is what was sealed."""
    for name in ("table", "segment", "commitment", "schema"):
        if getattr(record, name) != getattr(statement, name):
            findings.add("record-proof.statement-differs", where, f"its {name} is not the one in the sealed statement")


def _brief(text: Any) -> str:
    return ascii(text)[:_LONGEST_SHOWN]


def _check_id(
    shown: dict[str, Value], statement: SegmentEntry, prediction_id: str, where: str, findings: ProofFindings
) -> None:
    if _ID_COLUMN not in dict(statement.schema):
        return
    value = shown.get(_ID_COLUMN)
    if value is None:
        findings.add("record-proof.id-not-shown", where, "nothing ties it to the prediction: its id is not disclosed")
    elif value.tag != "s" or value.content != prediction_id:
        findings.add(
            "record-proof.id-differs", where, f"it is about {_brief(value.content)}, not {_brief(prediction_id)}"
        )
