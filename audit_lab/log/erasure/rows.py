"""Rows of one segment that are being erased: what is kept of them, and that it leads to what was sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import LogError
from audit_lab.log.commitment.leaves import leaves_of_digests
from audit_lab.log.erasure.kept import Kept, keep
from audit_lab.log.keys.vault import ROW_KEY_BYTES
from audit_lab.log.writing.traces import current_kept
from audit_lab.seal.merkle import HASH_BYTES

if TYPE_CHECKING:
    import polars as pl

    from audit_lab.log.files.storage import Storage
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.tree.state import LogState
    from audit_lab.seal.entry_kinds import SegmentEntry

__all__ = ["ErasedRows", "read_kept"]


@dataclass(frozen=True)
class ErasedRows:
    """Some rows of a segment, and which fields of each go.

    Attributes
    ----------
    statement
        The segment.
    offset
        What is added to a row's number in the segment to get its number in the file.
    erased
        Row of the segment to the fields that go, in rising order.
    earlier
        What is kept of the segment up to now.
    """

    statement: SegmentEntry
    offset: int
    erased: dict[int, tuple[str, ...]]
    earlier: Kept | None

    @property
    def _name(self) -> str:
        return f"{self.statement.table}/{self.statement.segment}"

    def keep(self, frame: pl.DataFrame, vault: Vault) -> Kept:
        """Return what is kept of the segment after the erasure; `frame` is the file before it.

        Raises
        ------
        LogError
            The vault lacks the rows' keys.
        """
        keys = vault.row_keys(self.statement.table, self.statement.segment)
        if keys is None or len(keys) != self.statement.rows * ROW_KEY_BYTES:
            raise LogError(
                f"the vault {vault.folder} does not hold the row keys of {self._name}",
                "Restore the vault from its backup: without them the rows could not be proven after the erasure.",
            )
        own = {row: keys[row * ROW_KEY_BYTES : (row + 1) * ROW_KEY_BYTES] for row in self.erased}
        return keep(self._rows(frame), own, self.erased, self.earlier)

    def check(self, frame: pl.DataFrame, kept: Kept, storage: Storage) -> None:
        """Check that the erased rows still lead to their sealed leaves; `frame` is the file after the erasure.

        Raises
        ------
        LogError
            They do not: the rows, or their keys, were not those that were sealed.
        """
        leaves = leaves_of_digests(kept.of(self.erased).digests(self._rows(frame)))
        for at, row in enumerate(self.erased):
            sealed = storage.read_range(f"{self._name}.leaves", row * HASH_BYTES, HASH_BYTES)
            if sealed != leaves[at * HASH_BYTES : (at + 1) * HASH_BYTES]:
                raise LogError(
                    f"row {row} of {self._name} is not as it was sealed, or its row key is another",
                    "Nothing was erased: verify the log with its vault first.",
                )

    def _rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame[[row + self.offset for row in self.erased]].select(name for name, _ in self.statement.schema)


def read_kept(storage: Storage, state: LogState, statement: SegmentEntry) -> Kept | None:
    """Return what is kept of a segment's erased rows; None where none are erased.

    Raises
    ------
    LogError
        The kept file is not what it claims to be.
    """
    path = current_kept(state).get((statement.table, statement.segment))
    if path is None:
        return None
    return Kept.parse(storage.read(path), [name for name, _ in statement.schema], statement.rows, path)
