"""The stored rows behind one prediction: which file and row, every value as it is committed to, and the sealed leaf.

The canonical bytes are those of ``docs/formats.md``, "Canonical bytes". Of a sealed log the leaf that was sealed stands
beside them, and whether the row leads to it; of any other log, what a seal of this row would commit to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.leaves import row_text, value_texts
from audit_lab.log.files.reading import collect
from audit_lab.log.index.lookup import find_prediction, look_up, places_of
from audit_lab.log.keys.vault import Vault, vault_folder
from audit_lab.log.prover import Prover
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.seal.hidden_letters import spelling_text
from audit_lab.seal.merkle import HASH_BYTES, leaf_hash

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.log.manifest import Segment
    from audit_lab.log.store import LogStore

__all__ = ["SourceRow", "SourceRows", "SourceValue", "as_text", "source_rows"]

_ID, _PREDICTIONS = "prediction_id", "predictions"
_NOT_SEALED = "the log is not sealed: this is what a seal of the row, as a whole, would commit to"


@dataclass(frozen=True)
class SourceValue:
    """One stored value: its column, its type in the file, and its canonical bytes."""

    column: str
    dtype: str
    content: bytes


@dataclass(frozen=True)
class SourceRow:
    """One row as it is stored.

    Attributes
    ----------
    table, segment, row
        Where it stands in the log.
    file, file_row, file_sha256
        The file that holds it, below the log's folder, its number in that file, and the digest that the log states of
        the whole file; None where the log states no files.
    values
        Every value of it.
    content
        Its canonical bytes: those of all values, or, of a row that is committed to field by field, of the digests of
        its fields; None where these need the keys of the log's vault.
    leaf
        SHA-256 of a zero byte and `content`, as in RFC 6962, in hexadecimal digits; None where there is no content.
    sealed_leaf
        The leaf that was sealed; None for a log that is not.
    is_as_sealed
        Whether the row leads to the sealed leaf, and this one to the root of its segment; None where that cannot be
        told.
    why
        A sentence on why that is not known, or is not so; empty where it is.
    """

    table: str
    segment: str
    row: int
    file: str | None
    file_row: int
    file_sha256: str | None
    values: tuple[SourceValue, ...]
    content: bytes | None
    leaf: str | None
    sealed_leaf: str | None
    is_as_sealed: bool | None
    why: str


@dataclass(frozen=True)
class SourceRows:
    """The stored rows of one prediction: its own, and those of its inputs; `Decision.source_rows` makes it."""

    origin: str
    prediction_id: str
    place: str
    rows: tuple[SourceRow, ...]

    @spelling_text
    def summary(self) -> list[str]:
        """Return a sentence for each row: where it is stored, and whether it is as it was sealed."""
        said = {
            True: "It is as it was sealed.",
            False: "It is NOT as it was sealed: ",
            None: "Not compared with a seal: ",
        }
        return [
            f"Row {each.row} of segment {each.segment} of {each.table}"
            + (f", row {each.file_row} of the file {each.file}." if each.file is not None else ".")
            + f" {said[each.is_as_sealed]}"
            + (f"{each.why}." if each.why else "")
            for each in self.rows
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return them JSON-safe: bytes as text where they are, else as hexadecimal digits after ``hex:``."""
        return {
            "origin": self.origin,
            "prediction_id": self.prediction_id,
            "place": self.place,
            "rows": [
                {
                    **{name: getattr(each, name) for name in _PLAIN},
                    "values": [[one.column, one.dtype, as_text(one.content)] for one in each.values],
                    "content": None if each.content is None else as_text(each.content),
                }
                for each in self.rows
            ],
        }


_PLAIN = (
    *("table", "segment", "row", "file", "file_row", "file_sha256"),
    *("leaf", "sealed_leaf", "is_as_sealed", "why"),
)


def as_text(content: bytes) -> str:
    """Return bytes as text where they are UTF-8, else as hexadecimal digits after ``hex:``."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"hex:{content.hex()}"


def source_rows(store: LogStore, place: str, vault: Vault | Path | None = None) -> SourceRows:
    """Return the stored rows of a prediction and of its inputs.

    Parameters
    ----------
    store, place
        The log, and the prediction's id or place.
    vault
        The log's vault, or its folder, for rows that are committed to field by field; its usual place by default.

    Raises
    ------
    NotFoundError, AmbiguousIdError
        As for a look-up of the prediction.
    LogError
        The log cannot be read.
    """
    found = find_prediction(store, place)
    own_id = str(found.row[_ID])
    named = [(_PREDICTIONS, *_split(found.place))]
    table = f"{INPUTS_PREFIX}{found.row['model_name']}"
    if found.row["model_name"] in store.models():
        named += [(table, *_split(each)) for each in places_of(look_up(store, table, _ID, own_id).rows)]
    prover = None
    if store.checkpoint is not None:
        prover = Prover(store, _opened(store, vault))
    return SourceRows(store.origin, own_id, found.place, tuple(_row(store, prover, *each) for each in named))


def _opened(store: LogStore, vault: Vault | Path | None) -> Vault | None:
    """Return the vault; None where none was named and there is none in its usual place."""
    if isinstance(vault, Vault):
        return vault
    if vault is None and not vault_folder(store.origin).is_dir():
        return None
    return Vault.open(store.origin, vault, log=store.folder.path)


def _row(store: LogStore, prover: Prover | None, table: str, segment: str, row: int) -> SourceRow:
    file, at = _file(store, table, segment, row)
    what = f"row {row} of {table}/{segment} of {store.location}"
    if file is None:
        here = (pl.col(SEGMENT) == segment) & (pl.col(ROW) == row)
        frame = collect(store.placed(table).filter(here).drop(SEGMENT, ROW), what)
    else:
        options = store.folder.storage_options
        scanned = pl.scan_parquet(store.folder.uri(file.path), glob=False, storage_options=options).slice(at, 1)
        names = None if prover is None else [name for name, _ in prover.schema(table, segment)[0]]
        frame = collect(scanned if names is None else scanned.select(names), what)
    if not frame.height:
        raise LogError(f"no file holds {what}", "Verify the log.")
    texts = value_texts(frame)
    values = tuple(SourceValue(name, str(dtype), texts[name][0].encode()) for name, dtype in frame.schema.items())
    content, sealed, is_as_sealed, why = _committed(
        None if prover is None else (store, prover), frame, table, segment, row
    )
    return SourceRow(
        table=table,
        segment=segment,
        row=row,
        file=None if file is None else file.path,
        file_row=at,
        file_sha256=None if file is None else file.sha256,
        values=values,
        content=content,
        leaf=None if content is None else leaf_hash(content).hex(),
        sealed_leaf=sealed,
        is_as_sealed=is_as_sealed,
        why=why,
    )


def _committed(
    leaves: tuple[LogStore, Prover] | None, frame: pl.DataFrame, table: str, segment: str, row: int
) -> tuple[bytes | None, str | None, bool | None, str]:
    """Return the row's canonical bytes, the sealed leaf, whether the one leads to the other, and why not."""
    if leaves is None:
        return row_text(frame)[0].encode(), None, None, _NOT_SEALED
    store, prover = leaves
    sealed = store.folder.read_range(f"{table}/{segment}.leaves", row * HASH_BYTES, HASH_BYTES).hex()
    try:
        proof, _ = prover.segment(table, segment, [row])
    except MisuseError as error:
        return None, sealed, None, error.message
    except LogError as error:
        plain = prover.schema(table, segment)[1] == "plain"
        return (row_text(frame)[0].encode() if plain else None), sealed, False, error.message
    return proof.rows[0].row_bytes, sealed, True, ""


def _file(store: LogStore, table: str, segment: str, row: int) -> tuple[Segment | None, int]:
    """Return the file that holds a row of a segment, and the row's number in it; None where no files are stated."""
    files = () if store.manifest is None else store.manifest.tables.get(table, ())
    for file in files:
        start = 0
        for hold in file.holds:
            if hold.segment == segment and hold.first_row <= row < hold.first_row + hold.rows:
                return file, start + row - hold.first_row
            start += hold.rows
        if not file.holds and file.name == segment:
            return file, row
    return None, row


def _split(place: str) -> tuple[str, int]:
    segment, _, row = place.rpartition("@")[2].rpartition(":")
    return segment, int(row)
