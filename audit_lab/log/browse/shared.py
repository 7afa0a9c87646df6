"""What several orders and filters of one log share while it is looked at."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_lab.log.browse.column_values import ColumnValues
    from audit_lab.log.browse.stored_rows import StoredRows

__all__ = ["Shared"]

#: What sorted columns may take in memory together.
_MOST_BYTES = 1_000_000_000


@dataclass
class Shared:
    """Columns that were read, the rows that filters leave, and what else was found out."""

    rows: StoredRows
    columns: OrderedDict[tuple[str, tuple[str, ...]], ColumnValues] = field(default_factory=OrderedDict)
    filters: OrderedDict[Any, Any] = field(default_factory=OrderedDict)
    known: dict[Any, Any] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def keep(self, key: tuple[str, tuple[str, ...]], values: ColumnValues) -> ColumnValues:
        """Keep a column, unless it is kept already, and return it; the ones that were used longest ago go."""
        with self.lock:
            values = self.columns.setdefault(key, values)
            self.columns.move_to_end(key)
            while len(self.columns) > 1 and sum(each.size_bytes for each in self.columns.values()) > _MOST_BYTES:
                self.columns.popitem(last=False)
        return values
