"""That the rows in a bundle stand in its log: row in segment, segment in the tree, tree in the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.merkle import check_consistency
from audit_lab.seal.row_proofs import LogProof, SegmentProof
from audit_lab.verifier.layout import ATTESTATION, PROOF_CHECKPOINT, PROOF_INDEX, PROOF_PARTS, PROOFS, PROVEN_ROWS
from audit_lab.verifier.log_signature import CheckedCheckpoint, check_checkpoint
from audit_lab.verifier.named_rows import named_rows, not_computed, not_here
from audit_lab.verifier.sealed_rows import ProofFindings, check_genesis, check_row, check_statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from audit_lab.seal.checkpoint import Checkpoint, SignedCheckpoint
    from audit_lab.seal.report import Finding
    from audit_lab.seal.row_proofs import ProvenPart
    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.contents import Contents
    from audit_lab.verifier.predicate import Predicate

__all__ = ["FULL_ONLY_EXHIBITS", "FULL_ONLY_ROWS", "CheckedRows", "check_rows", "is_redacted"]

#: What only the full verifier checks; it takes these lines out of the report.
FULL_ONLY_ROWS = "rows as Parquet against their committed bytes: compared by the full verifier"
FULL_ONLY_EXHIBITS = "exhibits against the proven rows, where they show them: compared by the full verifier"

_LOG = "log"
_PREDICTIONS, _ID = "predictions", "prediction_id"
_EARLIER_VERSION = "inclusion of the rows in the log: this version of the bundle carries no proofs of it"
_NO_ROWS = "inclusion of rows in the log: no document or CSV of an exhibit names a row, and no proofs are here"
_STATED = "rows of the log: the signer states {!a}"
_LONGEST_STATED = 300
_NO_PROOFS = "inclusion of the rows in the log: no proofs of it are here"
_PROVEN = "{:,} rows of the log: each in its segment, the segment in the log's tree, the tree in the checkpoint"
_GREW = "growth of the log: the tree of {:,} entries begins with that of {:,}, a checkpoint that was known before"
_NO_GROWTH = "growth of the log: the bundle starts from no earlier checkpoint"
_SIGNED = "signature over the log's checkpoint, by a key of the log that the trust file accepts"
_NOT_SIGNED = (
    "signature over the log's checkpoint: the trust file names no key of the log {}, so that the rows are proven "
    "under the checkpoint that the investigator attests, and no further"
)


@dataclass
class CheckedRows:
    """What came of the proofs of a bundle's rows; but for the last two, the members are those of a `Verification`.

    `grown_from` is the checkpoint from which the log is proven to have grown, `predictions` are those whose row holds.
    """

    findings: list[Finding] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    grown_from: Checkpoint | None = None
    predictions: set[str] = field(default_factory=set)


def check_rows(
    contents: Contents,
    predicate: Predicate,
    trust: Trust,
    known_bad: AbstractSet[str],
    stamped: datetime | None = None,
) -> CheckedRows:
    """Check every proof in a bundle, without the log; a file in `known_bad` is not looked into.

    Parameters
    ----------
    contents
        The bundle's files.
    predicate
        What the investigator attested: the log's checkpoint, how many rows are proven, what was withheld.
    trust
        The keys that the reader accepts. A key of the role ``log`` for this log makes its signature count.
    known_bad
        Files that were found added, missing or changed.
    stamped
        When an accepted time stamp saw the bundle; None where none did.
    """
    result, findings = CheckedRows(), ProofFindings()
    exhibits = named_rows(contents, known_bad)
    result.not_checked += not_computed(exhibits)
    if predicate.version == 1:
        result.not_checked.append(_EARLIER_VERSION)
        return result
    stated = predicate.rows.proven if predicate.rows is not None else 0
    parts: tuple[ProvenPart, ...] = ()
    if PROOF_INDEX in contents.names and PROOF_INDEX not in known_bad:
        proof = None
        with findings.collecting(PROOF_INDEX):
            proof = LogProof.parse(contents.again(PROOF_INDEX), PROOF_INDEX)
        if proof is not None:
            parts = proof.parts
            _ProvenRows(contents, predicate, known_bad, findings, result, stamped).check(proof, trust)
    elif stated and PROOF_INDEX not in known_bad:
        findings.add("rows.proofs-missing", PROOF_INDEX, "rows are attested as proven, and there is no proof")
    names = any(each.names for each in exhibits)
    if not parts:
        result.not_checked.append(_NO_PROOFS if names else _NO_ROWS)
    result.not_checked += not_here(exhibits, result.predictions)
    if predicate.rows is None and names:
        findings.add(
            "rows.not-stated", ATTESTATION, "it says that the case names no row of its log, and exhibits name some"
        )
    for why in predicate.rows.not_proven if predicate.rows is not None else ():
        result.not_checked.append(_STATED.format(why[:_LONGEST_STATED]))
    if PROOF_INDEX not in known_bad and sum(part.rows for part in parts) != stated:
        findings.add("rows.count-differs", PROOF_INDEX, f"it is not about the {stated} rows that are attested")
    if PROOF_INDEX not in known_bad:
        _check_listed(contents, parts, known_bad, findings)
    result.findings += findings.found
    return result


def is_redacted(columns: Mapping[str, str], table: str, column: str) -> bool:
    """Whether a redaction takes a column of a table: by the column's name, or by ``table.column``."""
    return column in columns or f"{table}.{column}" in columns


@dataclass
class _ProvenRows:
    """The proofs of one bundle while they are looked at; `places` are those of the rows so far."""

    contents: Contents
    predicate: Predicate
    known_bad: AbstractSet[str]
    findings: ProofFindings
    result: CheckedRows
    stamped: datetime | None
    places: set[str] = field(default_factory=set)

    def check(self, proof: LogProof, trust: Trust) -> None:
        signed = self._checkpoint(proof)
        if signed is None:
            return
        checked = self._signatures(signed, proof, trust)
        self.result.notes += check_genesis(proof.genesis, proof.genesis_path, checked, self.findings, PROOF_INDEX)
        self._check_growth(proof, checked)
        proven = 0
        for part in proof.parts:
            name = f"{PROOF_PARTS}{part.name}.json"
            if name in self.known_bad or name not in self.contents.names:
                continue
            with self.findings.collecting(name):
                segment = SegmentProof.parse(self.contents.again(name), name)
                proven += self._check_segment(segment, part, checked, name)
        if proven:
            self.result.checked.append(_PROVEN.format(proven))
            self.result.not_checked += [FULL_ONLY_ROWS, FULL_ONLY_EXHIBITS]

    def _checkpoint(self, proof: LogProof) -> SignedCheckpoint | None:
        """Return the bundle's checkpoint, if it is the one that was attested: nothing is proven under another."""
        name, add = PROOF_CHECKPOINT, self.findings.add
        if name not in self.contents.names or name in self.known_bad:
            return None
        signed = attested = None
        with self.findings.collecting(name):
            signed = parse_checkpoint(self.contents.again(name), name)
            attested = parse_checkpoint((self.predicate.log_checkpoint or "").encode(), "The attested checkpoint")
        if signed is None or attested is None:
            return None
        if {signed.checkpoint.origin, proof.origin} != {self.predicate.log_origin}:
            add("rows.other-log", name, f"the proofs are from the log {signed.checkpoint.origin!a}, not the case's")
        elif attested.checkpoint != signed.checkpoint:
            add("rows.other-checkpoint", name, "it is not the checkpoint that was attested")
        else:
            return signed
        return None

    def _signatures(self, signed: SignedCheckpoint, proof: LogProof, trust: Trust) -> CheckedCheckpoint:
        """Check the checkpoint's signatures where the reader accepts a key of the log; say so where not."""
        if not _is_pinned(signed, trust):
            self.result.not_checked.append(_NOT_SIGNED.format(ascii(signed.checkpoint.origin)))
            return CheckedCheckpoint(signed)
        checked = check_checkpoint(signed, proof.key_chain, trust, self.stamped)
        self.findings.found += [replace(finding, file=PROOF_CHECKPOINT) for finding in checked.findings]
        self.result.signers += [f"{signer}, for the log's checkpoint" for signer in checked.signers]
        self.result.notes += [*checked.notes, *(f"The log's checkpoint was {anchor}" for anchor in checked.anchors)]
        self.result.checked.append(_SIGNED)
        return checked

    def _check_growth(self, proof: LogProof, checked: CheckedCheckpoint) -> None:
        """Check that the log's tree begins with that of the checkpoint that was known before."""
        if proof.growth is None:
            self.result.not_checked.append(_NO_GROWTH)
            return
        new = checked.signed.checkpoint
        with self.findings.collecting(PROOF_INDEX):
            old = parse_checkpoint(proof.growth.checkpoint, "The checkpoint that was known before").checkpoint
            if old.origin != new.origin:
                self.findings.add("rows.other-log", PROOF_INDEX, f"it grows from the log {old.origin!a}")
                return
            check_consistency(old.size, old.root, new.size, new.root, proof.growth.path)
            self.result.checked.append(_GREW.format(new.size, old.size))
            self.result.grown_from = old

    def _check_segment(self, proof: SegmentProof, part: ProvenPart, checked: CheckedCheckpoint, name: str) -> int:
        """Check the rows of one file of proofs, and return how many hold."""
        findings = self.findings
        statement = check_statement(proof, checked, name, findings)
        if statement is None:
            return 0
        table, segment = statement.table, statement.segment
        if (table, segment, len(proof.rows)) != (part.table, part.segment, part.rows):
            findings.add("rows.part-differs", name, "table, segment or number of rows are not those in the index")
        redaction = self.predicate.redaction
        taken = {} if redaction is None else redaction.columns
        withheld = {column for column, _ in statement.schema if is_redacted(taken, table, column)}
        if set(proof.withheld) != withheld:
            findings.add("rows.withheld-differs", name, "it does not withhold the columns that the redaction takes")
        hold = 0
        for row in proof.rows:
            where, before = f"{name}, row {row.row}", len(findings.found)
            place = f"{table} {segment}:{row.row}"
            if place in self.places:
                findings.add("rows.duplicate", where, "the same row is shown twice")
            self.places.add(place)
            shown = check_row(row, statement, place, where, findings)
            if shown is None:
                continue
            if withheld & shown.keys():
                findings.add("rows.withheld-shown", where, "it shows a column that the redaction withholds")
            holds = len(findings.found) == before
            hold += holds
            if holds and table == _PREDICTIONS and _ID in shown:
                self.result.predictions.add(str(shown[_ID].content))
        return hold


def _is_pinned(signed: SignedCheckpoint, trust: Trust) -> bool:
    """Whether the reader accepts any key of this log, or one that made a signature of the checkpoint."""
    note = signed.note
    return any(
        key.public.name == signed.checkpoint.origin
        or any(key.public.accepts(line.value, note.body) for line in note.signatures)
        for key in trust.keys
        if key.role == _LOG and not key.public.is_cosigner
    )


def _check_listed(
    contents: Contents, parts: Collection[ProvenPart], known_bad: AbstractSet[str], findings: ProofFindings
) -> None:
    """Check that the files of rows and of proofs are those that the index lists."""
    listed = {PROOF_INDEX, PROOF_CHECKPOINT} if parts else set[str]()
    for part in parts:
        listed |= {f"{PROOF_PARTS}{part.name}.json", f"{PROVEN_ROWS}{part.name}.parquet"}
    there = {name for name in contents.names if name.startswith((PROOFS, PROVEN_ROWS))}
    for name in sorted(there - listed - known_bad):
        findings.add("rows.unlisted", name, "no proof of the bundle is about it")
    for name in sorted(listed - there - known_bad):
        findings.add("rows.file-missing", name, "the index of the proofs lists it, and it is not here")
