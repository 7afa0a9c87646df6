"""The rows of a case as files of its bundle: Parquet to be read, and beside it the bytes and paths that prove them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.case.frame_files import parquet_bytes
from audit_lab.errors import AuditLabError
from audit_lab.evidence.redaction.values import redacted_row_table
from audit_lab.evidence.rows.named import named_by
from audit_lab.evidence.rows.used import used_rows
from audit_lab.log.prover import Prover
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.writing.segment_file import is_personal
from audit_lab.seal.row_proofs import ProvenPart
from audit_lab.verifier.contents import MOST_DOCUMENT_BYTES
from audit_lab.verifier.layout import PROOF_CHECKPOINT, PROOF_INDEX, PROOF_PARTS, PROVEN_ROWS
from audit_lab.verifier.predicate import AttestedRows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from audit_lab.case.exhibit import Exhibit
    from audit_lab.evidence.redaction.values import Redaction
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.store import LogStore

__all__ = ["ROW_NUMBER", "ProvenRows", "proven_rows"]

#: The first column of a Parquet file of rows: the row's number in its segment.
ROW_NUMBER = "_row"

_ROWS_AT_ONCE = 500
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]+")
_LONGEST_NAME = 60
_NO_VAULT = (
    "the rows of {} are committed to with keys that only the log's vault has, and the vault was not at hand when the "
    "bundle was made"
)
_WHOLE = (
    "the rows of {} are committed to as a whole, and {} is withheld: such a row can only be shown whole, or not at all"
)
_EXPLANATIONS, _BY_FEATURE = "explanations", "values"
_NO_FEATURES = frozenset({"prediction_id", "recorded_at", "supersedes"})
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)":')
_FIELD = re.compile(r"([A-Za-z0-9_]+):")
_TOO_LARGE = "row {} of {} is too large for a document of a bundle"


@dataclass
class ProvenRows:
    """Files of rows and proofs by their names in the bundle, and what is attested about them."""

    files: dict[str, bytes] = field(default_factory=dict)
    attested: AttestedRows | None = None
    #: ``table.column`` of what is withheld because fields within it are.
    also_withheld: dict[str, str] = field(default_factory=dict)


def proven_rows(
    store: LogStore,
    exhibits: Sequence[Exhibit],
    vault: Vault | None,
    known: bytes | None = None,
    redaction: Redaction | None = None,
) -> ProvenRows:
    """Return the rows that exhibits name, with their proofs.

    Parameters
    ----------
    store
        The log, opened at the case's checkpoint.
    exhibits
        What the case keeps.
    vault
        The keys of the rows of personal tables; None leaves those out, and says so.
    known
        The note of a checkpoint that the log's growth is proven from; default: the last one before the case's.
    redaction
        What is withheld of the rows, which are proven all the same; None for nothing.

    Raises
    ------
    LogError
        A row is not as it was sealed, or the log did not grow from `known`.
    """
    if redaction is not None:
        redaction.withheld.know(_columns_of(store))
    named = named_by(exhibits)
    if not named.predictions and not named.models:
        return ProvenRows()
    used = used_rows(store, named)
    missing = list(used.missing)
    prover, made = Prover(store, vault), ProvenRows()
    parts: list[ProvenPart] = []
    for table, segments in sorted(used.places.items()):
        if vault is None and is_personal(table):
            missing.append(_NO_VAULT.format(table))
            continue
        taken = _taken(prover, table, segments, redaction)
        if taken and not is_personal(table):
            missing.append(_WHOLE.format(table, ", ".join(sorted(taken))))
            continue
        made.also_withheld |= {f"{table}.{name}": how for name, how in taken.items() if not _is_named(redaction, name)}
        for segment, rows in sorted(segments.items()):
            for proof, frame in _pieces(prover, (table, segment), rows, taken, missing):
                part = ProvenPart(_part_name(len(parts) + 1, table), table, segment, frame.height)
                parts.append(part)
                shown = frame if redaction is None else _shown(frame, table, taken, redaction)
                made.files[f"{PROOF_PARTS}{part.name}.json"] = proof
                made.files[f"{PROVEN_ROWS}{part.name}.parquet"] = parquet_bytes(shown)
    if parts:
        made.files[PROOF_INDEX] = prover.log_proof(parts, known).to_bytes()
        made.files[PROOF_CHECKPOINT] = prover.note()
    made.attested = AttestedRows(sum(part.rows for part in parts), tuple(missing))
    return made


def _taken(prover: Prover, table: str, segments: Iterable[str], redaction: Redaction | None) -> dict[str, str]:
    """Return the columns of a table that are withheld, with how; one that holds a withheld field is, as a whole."""
    taken: dict[str, str] = {}
    if redaction is None:
        return taken
    profile = redaction.profile
    for segment in segments:
        columns, _ = prover.schema(table, segment)
        for name, dtype in columns:
            inside = any(profile.how(each) for each in (*_FIELD.findall(dtype), *_QUOTED.findall(dtype)))
            inside = inside or "feature:" in dtype
            how = profile.how(name, table) or ("drop" if inside else None)
            if how is not None:
                taken[name] = how
    if table == _EXPLANATIONS and any(profile.how_shown(name) for name in _features(redaction)):
        taken.setdefault(_BY_FEATURE, "drop")
    return taken


def _features(redaction: Redaction) -> set[str]:
    """Return the names of all inputs: an explanation of record is a document of what it gives each of them."""
    known = redaction.withheld.tables.items()
    return {name for table, columns in known if table.startswith(INPUTS_PREFIX) for name in columns} - _NO_FEATURES


def _columns_of(store: LogStore) -> dict[str, tuple[str, ...]]:
    """Return the tables of a log with their columns, and after these the fields within them."""
    found = {}
    for table in store.source.tables():
        schema = store.placed(table).drop(SEGMENT, ROW).collect_schema()
        inside = (name for dtype in schema.dtypes() for name in _fields_of(dtype))
        found[table] = tuple(dict.fromkeys((*schema.names(), *inside)))
    return found


def _fields_of(dtype: pl.DataType) -> Iterator[str]:
    if isinstance(dtype, pl.Struct):
        for field_of in dtype.fields:
            yield field_of.name
            yield from _fields_of(field_of.dtype if isinstance(field_of.dtype, pl.DataType) else field_of.dtype())
    elif isinstance(dtype, pl.List | pl.Array):
        yield from _fields_of(dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner())


def _is_named(redaction: Redaction | None, column: str) -> bool:
    return redaction is not None and column in redaction.profile.columns


def _shown(frame: pl.DataFrame, table: str, taken: Mapping[str, str], redaction: Redaction) -> pl.DataFrame:
    """Return rows as they leave: what is withheld is gone, or replaced."""
    shown = redacted_row_table(frame, redaction.profile, redaction.withheld, table)
    inside = [name for name in shown.columns if name not in taken and not shown[name].equals(frame[name])]
    if inside:
        raise AuditLabError(
            f"The column {inside[0]} of {table} holds documents that name a withheld column, and a row proves it whole",
            f'Withhold it too: "{table}.{inside[0]}" = "drop" in the profile',
        )
    return shown.drop([name for name, how in taken.items() if how == "drop"], strict=False)


def _pieces(
    prover: Prover, where: tuple[str, str], rows: Sequence[int], taken: Collection[str], missing: list[str]
) -> Iterator[tuple[bytes, pl.DataFrame]]:
    """Yield proofs and rows of one segment, so many at once that every document stays small enough to be read."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield from _halved(prover, where, rows[start : start + _ROWS_AT_ONCE], taken, missing)


def _halved(
    prover: Prover, where: tuple[str, str], rows: Sequence[int], taken: Collection[str], missing: list[str]
) -> Iterator[tuple[bytes, pl.DataFrame]]:
    proof, frame = prover.segment(*where, rows, taken)
    size_bytes = sum(len(row.row_bytes) + sum(map(len, row.disclosures)) for row in proof.rows)
    if 2 * size_bytes <= MOST_DOCUMENT_BYTES:  # JSON may escape every quote and backslash
        numbers = pl.Series(ROW_NUMBER, [row.row for row in proof.rows], dtype=pl.UInt32)
        yield proof.to_bytes(), frame.insert_column(0, numbers)
    elif len(rows) == 1:
        missing.append(_TOO_LARGE.format(rows[0], "/".join(where)))
    else:
        middle = len(rows) // 2
        yield from _halved(prover, where, rows[:middle], taken, missing)
        yield from _halved(prover, where, rows[middle:], taken, missing)


def _part_name(number: int, table: str) -> str:
    return f"{number:04}-{_NOT_IN_NAMES.sub('-', table.lower())[:_LONGEST_NAME]}"
