"""What every proof of rows comes down to: the first entry, a segment's statement, a row and the values shown of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from audit_lab.seal.column_type import check_type, parse_type
from audit_lab.seal.disclosure import check_disclosures
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import GenesisEntry, SegmentEntry
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import check_inclusion, leaf_hash
from audit_lab.seal.report import Finding
from audit_lab.seal.values import parse_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_lab.seal.entry import Entry
    from audit_lab.seal.row_proofs import ShownRow
    from audit_lab.seal.values import Value
    from audit_lab.verifier.log_signature import CheckedCheckpoint

__all__ = ["ProofFindings", "StatedSegment", "check_genesis", "check_row", "check_statement"]

#: How far the clocks of a witness and of a writer may be apart.
_CLOCK_SKEW = timedelta(minutes=5)
_ARRIVAL = (
    "The log was sealed on arrival, on {}: the proof shows that its records are unchanged since then, and says nothing "
    "about the time before"
)
_NEXT = "Ask whoever gave the proof for one made from the log itself; do not rely on this one"


class StatedSegment(Protocol):
    """A segment's entry, and its inclusion in a checkpoint, as a document states them."""

    @property
    def statement(self) -> bytes:
        """The exact bytes of the entry."""
        ...

    @property
    def entry_index(self) -> int:
        """Where it stands in the log's tree."""
        ...

    @property
    def entry_path(self) -> tuple[bytes, ...]:
        """Its path, leaf to root."""
        ...


@dataclass
class ProofFindings:
    """What is wrong, in the order in which it was looked for.

    `salts` are those of the rows before, with their places: one that comes again would tell equal values of two
    records from unequal.
    """

    found: list[Finding] = field(default_factory=list)
    salts: dict[str, str] = field(default_factory=dict)

    def add(self, code: str, where: str, meaning: str) -> None:
        """Add a finding."""
        self.found.append(Finding(code, where, meaning, _NEXT))

    @contextmanager
    def collecting(self, where: str) -> Iterator[None]:
        """Turn a refusal into a finding, so that the rest is looked at too."""
        try:
            yield
        except MalformedError as error:
            self.found.append(Finding(error.code, where, error.message, error.next_step))


def check_genesis(
    genesis: bytes,
    path: Sequence[bytes],
    checked: CheckedCheckpoint,
    findings: ProofFindings,
    where: str = "genesis",
) -> list[str]:
    """Check that the log's first entry is the one shown; return what it says that every reader must know."""
    entry: Entry | None = None
    with findings.collecting(where):
        checked.check_entry(genesis, 0, path)
        entry = parse_entry(genesis, "The genesis entry")
    if entry is None:
        return []
    if not isinstance(entry, GenesisEntry) or entry.origin != checked.origin:
        findings.add("record-proof.wrong-origin", where, "the first entry is no beginning of this log")
        return []
    return [_ARRIVAL.format(entry.sealed_at)] if entry.sealed_from == "arrival" else []


def check_statement(
    stated: StatedSegment, checked: CheckedCheckpoint, where: str, findings: ProofFindings
) -> SegmentEntry | None:
    """Check that a segment's entry stands in the log's tree, and is none that a witness saw well before its time.

    Returns None where it is no segment's entry of this log, and so says nothing about any row.
    """
    with findings.collecting(where):
        checked.check_entry(stated.statement, stated.entry_index, stated.entry_path)
    statement = None
    with findings.collecting(where):
        statement = _statement(stated.statement, checked.origin)
    if statement is None:
        return None
    sealed_at = datetime.fromisoformat(statement.sealed_at)
    if checked.seen is not None and checked.seen + _CLOCK_SKEW < sealed_at:
        what = f"the log says that it was sealed at {sealed_at}, and a witness saw it on {checked.seen}"
        findings.add("cosignature.before-data", where, what)
    return statement


def check_row(
    row: ShownRow, statement: SegmentEntry, place: str, where: str, findings: ProofFindings
) -> dict[str, Value] | None:
    """Check that a row stands in its segment, and that what is shown of it was committed to.

    Parameters
    ----------
    row
        The row as the document shows it.
    statement
        Its segment's statement, which a proof binds to the log.
    place
        The row's place: table, segment and number.
    where
        What findings name.
    findings
        Where they are collected.

    Returns
    -------
    dict
        The values that the row shows, by column, each of its column's type; None where they cannot be relied on.
    """
    with findings.collecting(where):
        leaf, root = leaf_hash(row.row_bytes), bytes.fromhex(statement.rows_root)
        check_inclusion(leaf, row.row, statement.rows, row.path, root)
    with findings.collecting(where):
        return _shown_values(row, statement, place, findings.salts)
    return None


def _statement(content: bytes, origin: str) -> SegmentEntry:
    entry = parse_entry(content, "The statement of its segment")
    if not isinstance(entry, SegmentEntry):
        raise MalformedError("The statement of its segment is of another kind", _NEXT, "record-proof.no-statement")
    if entry.origin != origin:
        raise MalformedError(
            f"The statement of its segment is of the log {entry.origin!a}", _NEXT, "record-proof.wrong-origin"
        )
    return entry


def _shown_values(row: ShownRow, statement: SegmentEntry, place: str, salts: dict[str, str]) -> dict[str, Value]:
    columns = dict(statement.schema)
    if statement.commitment == "fields":
        disclosed = check_disclosures(row.row_bytes, tuple(columns), row.disclosures)
        for disclosure in disclosed.values():
            if salts.setdefault(disclosure.salt, place) != place:
                raise MalformedError(
                    f"The salt of {disclosure.name!a} is that of a field of {salts[disclosure.salt]!a}",
                    _NEXT,
                    "disclosure.salt-reused",
                )
        shown = {name: disclosure.value for name, disclosure in disclosed.items()}
    elif row.disclosures:
        raise MalformedError("The row is plain and needs no disclosures", _NEXT, "disclosure.unmatched")
    else:
        shown = dict(zip(columns, parse_row(row.row_bytes, len(columns)), strict=True))
    for name, value in shown.items():
        check_type(value, parse_type(columns[name]), name)
    return shown
