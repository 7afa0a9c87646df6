"""Make record proofs: rows as they are committed, what is disclosed of them, and their paths to a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.leaves import field_digests, row_text, value_texts
from audit_lab.log.commitment.levels import row_path
from audit_lab.log.erasure.rows import read_kept
from audit_lab.log.files.reading import reading
from audit_lab.log.keys.vault import ROW_KEY_BYTES
from audit_lab.log.time_anchors.anchors import ANCHOR_NAME
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.disclosure import SALT_DIGITS, committed_row, disclosure_bytes, field_salt
from audit_lab.seal.key_chain import KeyLink
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import check_inclusion, consistency_path, inclusion_path, leaf_hash
from audit_lab.seal.note import MOST_NOTE_BYTES
from audit_lab.seal.proof_document import ProvenRecord, RecordProof

if TYPE_CHECKING:
    from audit_lab.log.folder import LogFolder
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.store import LogStore
    from audit_lab.log.tree.state import Sealed

__all__ = ["Prover"]

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

    def _record(
        self, sealed: Sealed, row: int, fields: set[str] | None, size: int
    ) -> tuple[ProvenRecord, tuple[str, ...]]:
        """Return one record's proof and the columns that it shows."""
        statement = sealed.statement
        values = self._stored_row(sealed, row)
        if statement.commitment == "plain":
            names = tuple(values.columns)
            content = row_text(values)[0].encode()
            disclosures: tuple[bytes, ...] = ()
        else:
            content, disclosures, names = self._committed(sealed, row, values, fields)

        def read(start: int, length: int) -> bytes:
            return self._folder.read_range(f"{statement.table}/{statement.segment}.leaves", start, length)

        path = row_path(read, statement.rows, row)
        try:
            check_inclusion(leaf_hash(content), row, statement.rows, path, bytes.fromhex(statement.rows_root))
        except MalformedError as error:
            where = f"{statement.table}/{statement.segment}"
            raise LogError(
                f"row {row} of {where} is not as it was sealed, or the vault's keys are not its own", _VERIFY
            ) from error
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
        self, sealed: Sealed, row: int, values: pl.DataFrame, fields: set[str] | None
    ) -> tuple[bytes, tuple[bytes, ...], tuple[str, ...]]:
        """Return the bytes of a field-committed row, the disclosures of the chosen fields, and their names."""
        statement = sealed.statement
        texts = value_texts(values).row(0)
        kept = read_kept(self._folder, self._state, statement)
        line = None if kept is None else kept.row(row)
        if kept is not None and line is not None:
            digests = kept.of([row]).digests(values).row(0)
            salts = {name: text for name, text in line.items() if len(text) == SALT_DIGITS}
        else:
            key = self._row_key(sealed, row)
            digests = field_digests(values, key).row(0)
            salts = {name: field_salt(key, name) for name in values.columns}
        names = tuple(name for name in values.columns if name in salts and (fields is None or name in fields))
        disclosures = tuple(
            disclosure_bytes(salts[name], name, text.encode())
            for name, text in zip(values.columns, texts, strict=True)
            if name in names
        )
        return committed_row(digests), disclosures, names

    def _row_key(self, sealed: Sealed, row: int) -> bytes:
        statement = sealed.statement
        if self._vault is None:
            raise MisuseError(
                f"The rows of {statement.table} are committed to with keys that only the log's vault has",
                "Give the vault, or have whoever keeps the log make the proof",
            )
        keys = self._vault.row_keys(statement.table, statement.segment) or b""
        key = keys[row * ROW_KEY_BYTES : (row + 1) * ROW_KEY_BYTES]
        if len(key) != ROW_KEY_BYTES or not any(key):
            raise LogError(
                f"The vault {self._vault.folder} has no key of row {row} of {statement.table}/{statement.segment}",
                "Restore the vault from its backup, and then apply the log's erasures to it again.",
            )
        return key

    def _stored_row(self, sealed: Sealed, row: int) -> pl.DataFrame:
        """Return the row as its file holds it now, in the columns of its statement."""
        statement = sealed.statement
        for file in self._state.files.get(statement.table, {}).values():
            start = 0
            for hold in file.holds:
                if hold.segment == statement.segment and hold.first_row <= row < hold.first_row + hold.rows:
                    at = start + row - hold.first_row
                    with reading(file.path):
                        options = self._folder.storage_options
                        frame = pl.scan_parquet(self._folder.uri(file.path), glob=False, storage_options=options)
                        found = frame.slice(at, 1).select(name for name, _ in statement.schema).collect()
                    if found.height:
                        return found
                start += hold.rows
        raise LogError(f"no file holds row {row} of {statement.table}/{statement.segment}", _VERIFY)
