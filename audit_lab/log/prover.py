"""Make record proofs: rows as they are committed, what is disclosed of them, and their paths to a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.leaves import row_text, value_texts
from audit_lab.log.commitment.levels import LevelsReader
from audit_lab.log.erasure.rows import read_kept
from audit_lab.log.files.reading import reading
from audit_lab.log.keys.vault import ROW_KEY_BYTES
from audit_lab.log.time_anchors.anchors import ANCHOR_NAME
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.disclosure import SALT_DIGITS, committed_row, disclosure_bytes, field_digest, field_salt
from audit_lab.seal.key_chain import KeyLink
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import check_inclusion, consistency_path, inclusion_path, leaf_hash
from audit_lab.seal.note import MOST_NOTE_BYTES
from audit_lab.seal.proof_document import ProvenRecord, RecordProof
from audit_lab.seal.row_proofs import Growth, LogProof, SegmentProof, ShownRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from audit_lab.log.folder import LogFolder
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.store import LogStore
    from audit_lab.log.tree.state import Sealed
    from audit_lab.seal.entry_kinds import SegmentEntry
    from audit_lab.seal.row_proofs import ProvenPart

__all__ = ["Prover"]

#: A row's committed bytes, what is disclosed of it, and the names of the disclosed columns.
_Committed: TypeAlias = tuple[bytes, tuple[bytes, ...], tuple[str, ...]]

#: So many rows of a file are read one by one; for more of them it is read whole.
_FEW_ROWS = 16
#: How many entries before a checkpoint the one before is looked for.
_FURTHEST_BACK = 1_000
_VERIFY = "Verify the log, with its vault, before you hand out a proof from it."


class Prover:
    """What the proofs from one log have in common: its tree, and what its entries amount to."""

    def __init__(self, store: LogStore, vault: Vault | None) -> None:
        self._folder: LogFolder = store.folder
        self._vault = vault
        self._tree = LogTree(store.folder, store.origin)
        self._entries = self._tree.entries()
        self._state = LogState.fold(self._entries)
        self._opened = (store.checkpoint or "").encode()

    def prove(
        self, prediction_id: str, rows: list[tuple[str, str, int]], fields: set[str] | None
    ) -> tuple[RecordProof, dict[str, tuple[str, ...]]]:
        """Return the proof of some rows (table, segment, row) of one prediction, and what it shows of each table.

        Raises
        ------
        MisuseError
            A column is not there, or the vault is needed.
        LogError
            A row is not as it was sealed.
        """
        statements = [self._state.segments[table][segment] for table, segment, _ in rows]
        if fields is not None:
            known = {name for sealed in statements for name, _ in sealed.statement.schema}
            if fields - known:
                raise MisuseError(
                    f"There is no column {', '.join(sorted(fields - known))} to show",
                    f"Columns of this prediction: {', '.join(sorted(known))}",
                )
        note = self._note(max(sealed.index for sealed in statements) + 1)
        size = parse_checkpoint(note).checkpoint.size
        shown: dict[str, tuple[str, ...]] = {}
        records = []
        for (table, _, row), sealed in zip(rows, statements, strict=True):
            record, names = self._record(sealed, row, fields, size)
            records.append(record)
            shown[table] = names
        proof = RecordProof(
            origin=self._tree.origin,
            prediction_id=prediction_id,
            checkpoint=note,
            genesis=self._entries[0],
            genesis_path=tuple(inclusion_path(self._tree.reader, 0, size)),
            key_chain=tuple(self._key_chain(size)),
            records=tuple(records),
        )
        return proof, shown

    def _note(self, least: int) -> bytes:
        """Return the newest cosigned checkpoint that covers `least` entries, else the one that was opened."""
        opened = parse_checkpoint(self._opened).checkpoint
        matches = [ANCHOR_NAME.fullmatch(path) for path in self._folder.list("anchors")]
        sizes = {int(match["size"]) for match in matches if match is not None and match["kind"] == "cosigned"}
        for size in sorted(sizes, reverse=True):
            if not least <= size <= opened.size:
                continue
            try:
                content = self._folder.read(f"anchors/{size}.cosigned", MOST_NOTE_BYTES)
                checkpoint = parse_checkpoint(content).checkpoint
            except MalformedError:
                continue
            stated = checkpoint.origin, checkpoint.size, checkpoint.root
            if stated == (opened.origin, size, self._tree.root_at(size)):
                return content
        return self._opened

    def _key_chain(self, size: int) -> list[KeyLink]:
        """Return the rotations from the log's first key to the one that signed the checkpoint of a size."""
        links = []
        for key in self._state.keys:
            if key.last_size is None or key.last_size >= size:
                break
            checkpoint = self._tree.checkpoint_at(key.last_size)
            if checkpoint is None:
                raise LogError(
                    f"the checkpoint of {key.last_size} entries, which ends {key.epoch}, is missing", _VERIFY
                )
            index = key.last_size - 1
            links.append(
                KeyLink(
                    self._entries[index],
                    index,
                    checkpoint,
                    tuple(inclusion_path(self._tree.reader, index, key.last_size)),
                    tuple(consistency_path(self._tree.reader, key.last_size, size)),
                )
            )
        return links

    def log_proof(self, parts: Sequence[ProvenPart], known: bytes | None = None) -> LogProof:
        """Return what the proofs of many rows have in common, at the checkpoint that was opened.

        Parameters
        ----------
        parts
            Which rows the proofs are about.
        known
            The note of an earlier checkpoint that the log's growth is proven from; default: the last one before.

        Raises
        ------
        LogError
            The log never was as `known` says, or a checkpoint that ends an epoch is missing.
        MalformedError
            `known` is no checkpoint.
        """
        size = parse_checkpoint(self._opened).checkpoint.size
        return LogProof(
            origin=self._tree.origin,
            genesis=self._entries[0],
            genesis_path=tuple(inclusion_path(self._tree.reader, 0, size)),
            key_chain=tuple(self._key_chain(size)),
            growth=self._growth(size, known),
            parts=tuple(parts),
        )

    def note(self) -> bytes:
        """Return the checkpoint that was opened, with the lines of witnesses where any saw it."""
        return self._note(parse_checkpoint(self._opened).checkpoint.size)

    def schema(self, table: str, segment: str) -> tuple[tuple[tuple[str, str], ...], str]:
        """Return the columns of a segment, name and dtype, and how its rows are committed: ``plain`` or ``fields``."""
        statement = self._state.segments[table][segment].statement
        return statement.schema, statement.commitment

    def segment(
        self, table: str, segment: str, rows: Collection[int], withheld: Collection[str] = ()
    ) -> tuple[SegmentProof, pl.DataFrame]:
        """Return the proof of some rows of one segment, and the rows as their file holds them, by number.

        Parameters
        ----------
        table, segment, rows
            Which rows; at least one.
        withheld
            Columns of which no value is disclosed.

        Raises
        ------
        MisuseError
            The vault is needed; or a column is to be withheld from rows that are committed to as a whole.
        LogError
            A row is not as it was sealed.
        """
        sealed = self._state.segments[table][segment]
        statement, numbers = sealed.statement, sorted(set(rows))
        hidden = {name for name, _ in statement.schema if name in withheld}
        values = self._stored_rows(sealed, numbers)
        if statement.commitment == "plain":
            if hidden:
                raise MisuseError(
                    f"The rows of {table} are committed to as a whole, and {min(hidden)} is to be withheld",
                    "Show them whole, or leave them out",
                )
            committed: list[_Committed] = [(text.encode(), (), ()) for text in row_text(values)]
        else:
            shown = {name for name, _ in statement.schema} - hidden
            committed = self._committed(sealed, numbers, values, shown)
        reader = self._leaves(statement)
        proven = []
        for number, (content, disclosures, _) in zip(numbers, committed, strict=True):
            path = inclusion_path(reader, number, statement.rows)
            self._check_path(statement, number, content, path)
            proven.append(ShownRow(number, content, disclosures, tuple(path)))
        size = parse_checkpoint(self._opened).checkpoint.size
        proof = SegmentProof(
            statement=self._entries[sealed.index],
            entry_index=sealed.index,
            entry_path=tuple(inclusion_path(self._tree.reader, sealed.index, size)),
            withheld=tuple(sorted(hidden)),
            rows=tuple(proven),
        )
        return proof, values

    def _growth(self, size: int, known: bytes | None) -> Growth | None:
        """Return how the log grew to a size from a known checkpoint, or else from the last one before."""
        if known is None:
            earlier = range(size - 1, max(size - _FURTHEST_BACK, 0), -1)
            known = next((note for at in earlier if (note := self._tree.checkpoint_at(at)) is not None), None)
        if known is None:
            return None
        old = parse_checkpoint(known, "The checkpoint that was known before").checkpoint
        stated = old.origin, old.root
        if not 0 < old.size <= size or stated != (self._tree.origin, self._tree.root_at(old.size)):
            raise LogError(
                f"the log {self._tree.origin} at {size} entries did not grow from the checkpoint of {old.size} entries "
                f"of {old.origin}",
                "Do not export from it before it is cleared which of the two histories is the log's.",
            )
        return Growth(known, tuple(consistency_path(self._tree.reader, old.size, size)))

    def _leaves(self, statement: SegmentEntry) -> LevelsReader:
        """Return the hashes of a segment's rows, from the file beside it."""

        def read(start: int, length: int) -> bytes:
            return self._folder.read_range(f"{statement.table}/{statement.segment}.leaves", start, length)

        return LevelsReader(read, statement.rows)

    @staticmethod
    def _check_path(statement: SegmentEntry, row: int, content: bytes, path: list[bytes]) -> None:
        try:
            check_inclusion(leaf_hash(content), row, statement.rows, path, bytes.fromhex(statement.rows_root))
        except MalformedError as error:
            where = f"{statement.table}/{statement.segment}"
            raise LogError(
                f"row {row} of {where} is not as it was sealed, or the vault's keys are not its own", _VERIFY
            ) from error

    def _record(
        self, sealed: Sealed, row: int, fields: set[str] | None, size: int
    ) -> tuple[ProvenRecord, tuple[str, ...]]:
        """Return one record's proof and the columns that it shows."""
        statement = sealed.statement
        values = self._stored_rows(sealed, [row])
        if statement.commitment == "plain":
            names = tuple(values.columns)
            content = row_text(values)[0].encode()
            disclosures: tuple[bytes, ...] = ()
        else:
            ((content, disclosures, names),) = self._committed(sealed, [row], values, fields)
        path = inclusion_path(self._leaves(statement), row, statement.rows)
        self._check_path(statement, row, content, path)
        record = ProvenRecord(
            table=statement.table,
            segment=statement.segment,
            row=row,
            commitment=statement.commitment,
            schema=statement.schema,
            row_bytes=content,
            disclosures=disclosures,
            path=tuple(path),
            statement=self._entries[sealed.index],
            entry_index=sealed.index,
            entry_path=tuple(inclusion_path(self._tree.reader, sealed.index, size)),
        )
        return record, names

    def _committed(
        self, sealed: Sealed, rows: Sequence[int], values: pl.DataFrame, fields: Collection[str] | None
    ) -> list[_Committed]:
        """Return, for each row, its field-committed bytes, the disclosures of the chosen fields, and their names."""
        statement, columns = sealed.statement, values.columns
        texts = value_texts(values)
        kept = read_kept(self._folder, self._state, statement)
        keys = b"" if self._vault is None else self._vault.row_keys(statement.table, statement.segment) or b""
        committed = []
        for at, row in enumerate(rows):
            line = None if kept is None else kept.row(row)
            if kept is not None and line is not None:
                digests = kept.of([row]).digests(values[at : at + 1]).row(0)
                salts = {name: text for name, text in line.items() if len(text) == SALT_DIGITS}
            else:
                key = self._row_key(sealed, row, keys)
                digests = ()
                salts = {name: field_salt(key, name) for name in columns}
            made = {
                name: disclosure_bytes(salts[name], name, text.encode())
                for name, text in zip(columns, texts.row(at), strict=True)
                if name in salts
            }
            names = tuple(name for name in made if fields is None or name in fields)
            content = committed_row(digests or [field_digest(made[name]) for name in columns])
            committed.append((content, tuple(made[name] for name in names), names))
        return committed

    def _row_key(self, sealed: Sealed, row: int, keys: bytes) -> bytes:
        statement = sealed.statement
        if self._vault is None:
            raise MisuseError(
                f"The rows of {statement.table} are committed to with keys that only the log's vault has",
                "Give the vault, or have whoever keeps the log make the proof",
            )
        key = keys[row * ROW_KEY_BYTES : (row + 1) * ROW_KEY_BYTES]
        if len(key) != ROW_KEY_BYTES or not any(key):
            raise LogError(
                f"The vault {self._vault.folder} has no key of row {row} of {statement.table}/{statement.segment}",
                "Restore the vault from its backup, and then apply the log's erasures to it again.",
            )
        return key

    def _stored_rows(self, sealed: Sealed, rows: Sequence[int]) -> pl.DataFrame:
        """Return rows, given by rising number, as their files hold them now, in the columns of their statement."""
        statement = sealed.statement
        found: dict[int, pl.DataFrame] = {}
        for file in self._state.files.get(statement.table, {}).values():
            start = 0
            for hold in file.holds:
                if hold.segment == statement.segment:
                    first = start - hold.first_row
                    here = [row for row in rows if hold.first_row <= row < hold.first_row + hold.rows]
                    found |= self._read(file.path, statement, {row: first + row for row in here})
                start += hold.rows
        missing = next((row for row in rows if row not in found), None)
        if missing is not None:
            raise LogError(f"no file holds row {missing} of {statement.table}/{statement.segment}", _VERIFY)
        return pl.concat([found[row] for row in rows])

    def _read(self, path: str, statement: SegmentEntry, places: dict[int, int]) -> dict[int, pl.DataFrame]:
        """Return some rows of a file, by number; the file is read once where they are many."""
        if not places:
            return {}
        with reading(path):
            options = self._folder.storage_options
            frame = pl.scan_parquet(self._folder.uri(path), glob=False, storage_options=options)
            named = frame.select(name for name, _ in statement.schema)
            if len(places) <= _FEW_ROWS:
                read = {row: named.slice(at, 1).collect() for row, at in places.items()}
            else:
                whole = named.collect()
                read = {row: whole[at : at + 1] for row, at in places.items()}
        return {row: each for row, each in read.items() if each.height}
