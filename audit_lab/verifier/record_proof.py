"""The light verification of a record proof, from the checkpoint's signature down to each shown value.

Everything that the document can show is checked, and nothing else is claimed: the log itself is not at hand.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.column_type import check_type, parse_type
from audit_lab.seal.disclosure import check_disclosures
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import GenesisEntry, SegmentEntry
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import check_inclusion, leaf_hash
from audit_lab.seal.proof_document import RecordProof
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.trust import Trust
from audit_lab.seal.values import parse_row
from audit_lab.verifier.log_signature import CheckedCheckpoint, check_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.seal.entry import Entry
    from audit_lab.seal.proof_document import ProvenRecord
    from audit_lab.seal.values import Value

__all__ = ["examine_record_proof", "verify_record_proof"]

_ID_COLUMN = "prediction_id"
_LONGEST_SHOWN = 120
#: How far the clocks of a witness and of a writer may be apart.
_CLOCK_SKEW = timedelta(minutes=5)
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
_ARRIVAL = (
    "The log was sealed on arrival, on {}: the proof shows that its records are unchanged since then, and says nothing "
    "about the time before"
)
_PIN = "A public key proves something only if it reached you by another way than the proof"
_NEXT = "Ask whoever gave the proof for one made from the log itself; do not rely on this one"


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
    findings = _Findings()
    if signed.checkpoint.origin != proof.origin or origin not in {None, proof.origin}:
        wanted = proof.origin if origin is None else origin
        findings.add(
            "record-proof.wrong-origin", "checkpoint", f"it is of {signed.checkpoint.origin!a}, not {wanted!a}"
        )
    checked = check_checkpoint(signed, proof.key_chain, trust or Trust())
    findings.found += checked.findings
    if require_anchor and not checked.anchors:
        findings.add("anchor.missing", "checkpoint", _UNANCHORED)
    notes = [*checked.notes, *_check_genesis(proof, checked, findings)]
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


@dataclass
class _Findings:
    """What is wrong, in the order in which it was looked for."""

    found: list[Finding] = field(default_factory=list)

    def add(self, code: str, where: str, meaning: str) -> None:
        self.found.append(Finding(code, where, meaning, _NEXT))

    @contextmanager
    def collecting(self, where: str) -> Iterator[None]:
        """Turn a refusal into a finding, so that the rest is looked at too."""
        try:
            yield
        except MalformedError as error:
            self.found.append(Finding(error.code, where, error.message, error.next_step))


def _check_genesis(proof: RecordProof, checked: CheckedCheckpoint, findings: _Findings) -> list[str]:
    """Check that the log's first entry is the one shown; return what it says that every reader must know."""
    genesis: Entry | None = None
    with findings.collecting("genesis"):
        checked.check_entry(proof.genesis, 0, proof.genesis_path)
        genesis = parse_entry(proof.genesis, "The genesis entry")
    if genesis is None:
        return []
    if not isinstance(genesis, GenesisEntry) or genesis.origin != checked.origin:
        findings.add("record-proof.wrong-origin", "genesis", "the first entry is no beginning of this log")
        return []
    return [_ARRIVAL.format(genesis.sealed_at)] if genesis.sealed_from == "arrival" else []


def _check_records(proof: RecordProof, checked: CheckedCheckpoint, findings: _Findings) -> None:
    places: set[str] = set()
    salts: dict[str, str] = {}
    for number, record in enumerate(proof.records, start=1):
        where = f"record {number} ({_brief(record.place)})"
        if record.place in places:
            findings.add("record-proof.duplicate-record", where, "the same place is shown twice")
        places.add(record.place)
        with findings.collecting(where):
            checked.check_entry(record.statement, record.entry_index, record.entry_path)
        statement = None
        with findings.collecting(where):
            statement = _statement(record, checked.origin)
        if statement is None:
            continue
        _check_same(record, statement, where, findings)
        _check_time(statement, checked, where, findings)
        with findings.collecting(where):
            leaf, root = leaf_hash(record.row_bytes), bytes.fromhex(statement.rows_root)
            check_inclusion(leaf, record.row, statement.rows, record.path, root)
        with findings.collecting(where):
            shown = _shown_values(record, statement, salts)
            _check_id(shown, statement, proof.prediction_id, where, findings)


def _statement(record: ProvenRecord, origin: str) -> SegmentEntry:
    entry = parse_entry(record.statement, "The statement of its segment")
    if not isinstance(entry, SegmentEntry):
        raise MalformedError("The statement of its segment is of another kind", _NEXT, "record-proof.no-statement")
    if entry.origin != origin:
        raise MalformedError(
            f"The statement of its segment is of the log {entry.origin!a}", _NEXT, "record-proof.wrong-origin"
        )
    return entry


def _check_same(record: ProvenRecord, statement: SegmentEntry, where: str, findings: _Findings) -> None:
    """Check that what the document says of a record is what was sealed."""
    for name in ("table", "segment", "commitment", "schema"):
        if getattr(record, name) != getattr(statement, name):
            findings.add("record-proof.statement-differs", where, f"its {name} is not the one in the sealed statement")


def _check_time(statement: SegmentEntry, checked: CheckedCheckpoint, where: str, findings: _Findings) -> None:
    """Check that no witness saw a record well before it was sealed, as the log has it."""
    sealed_at = datetime.fromisoformat(statement.sealed_at)
    if checked.seen is not None and checked.seen + _CLOCK_SKEW < sealed_at:
        what = f"the log says that it was sealed at {sealed_at}, and a witness saw it on {checked.seen}"
        findings.add("cosignature.before-data", where, what)


def _shown_values(record: ProvenRecord, statement: SegmentEntry, salts: dict[str, str]) -> dict[str, Value]:
    """Return the values that the record shows, by column, each of its column's type.

    `salts` are those of the records before: one that comes again would tell equal values of two records from unequal.
    """
    columns = dict(statement.schema)
    if statement.commitment == "fields":
        disclosed = check_disclosures(record.row_bytes, tuple(columns), record.disclosures)
        for disclosure in disclosed.values():
            if salts.setdefault(disclosure.salt, record.place) != record.place:
                raise MalformedError(
                    f"The salt of {disclosure.name!a} is that of a field of {salts[disclosure.salt]!a}",
                    _NEXT,
                    "disclosure.salt-reused",
                )
        shown = {name: disclosure.value for name, disclosure in disclosed.items()}
    elif record.disclosures:
        raise MalformedError("The row is plain and needs no disclosures", _NEXT, "disclosure.unmatched")
    else:
        shown = dict(zip(columns, parse_row(record.row_bytes, len(columns)), strict=True))
    for name, value in shown.items():
        check_type(value, parse_type(columns[name]), name)
    return shown


def _brief(text: Any) -> str:
    return ascii(text)[:_LONGEST_SHOWN]


def _check_id(
    shown: dict[str, Value], statement: SegmentEntry, prediction_id: str, where: str, findings: _Findings
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
