"""Indexes that are open: long ones mapped into memory, short ones read; both bounded, whatever a log holds."""

from __future__ import annotations

import mmap
import os
import stat
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from audit_lab.log.index.index_file import MAXIMUM_INDEX_BYTES, IndexFile

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OpenIndexes"]

#: Longer ones are mapped: each keeps a file open, of which a process may have a limited number.
_MOST_BYTES_READ = 262_144
_MOST_MAPPED = 512
_MOST_BYTES_HELD = 128_000_000

_Key = tuple[str, str]


class OpenIndexes:
    """Indexes by file and column. The one that was opened first is closed first."""

    def __init__(self) -> None:
        self._mapped: OrderedDict[_Key, IndexFile] = OrderedDict()
        self._held: OrderedDict[_Key, IndexFile] = OrderedDict()
        self._held_bytes = 0
        self._most_mapped = _most_mapped()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._mapped) + len(self._held)

    def get(self, key: _Key) -> IndexFile | None:
        """Return an index that is open."""
        return self._mapped.get(key) or self._held.get(key)

    def open(self, key: _Key, path: Path) -> IndexFile | None:
        """Open an index and keep it; None where there is none at the path, or no sound one."""
        try:
            # A log may hold a pipe under this name: opening it must not wait for a writer.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except (OSError, ValueError):
            return None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= MAXIMUM_INDEX_BYTES:
                return None
            if status.st_size <= _MOST_BYTES_READ:
                return self._hold(key, os.pread(handle, status.st_size, 0))
            index = IndexFile.parse(mmap.mmap(handle, status.st_size, access=mmap.ACCESS_READ))
        except (OSError, ValueError):
            return None
        finally:
            os.close(handle)
        with self._lock:
            self._mapped[key] = index
            while len(self._mapped) > self._most_mapped:
                self._mapped.popitem(last=False)
        return index

    def close(self, key: _Key) -> None:
        """Let go of an index."""
        with self._lock:
            self._mapped.pop(key, None)
            self._let_go(self._held.pop(key, None))

    def _hold(self, key: _Key, content: bytes) -> IndexFile:
        index = IndexFile.parse(content)
        with self._lock:
            self._let_go(self._held.pop(key, None))
            self._held[key] = index
            self._held_bytes += index.size_bytes
            while self._held_bytes > _MOST_BYTES_HELD:
                self._let_go(self._held.popitem(last=False)[1])
        return index

    def _let_go(self, index: IndexFile | None) -> None:
        if index is not None:
            self._held_bytes -= index.size_bytes


def _most_mapped() -> int:
    try:
        import resource
    except ImportError:  # pragma: no cover - no such limit on this system
        return _MOST_MAPPED
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_MAPPED if allowed < 0 else min(_MOST_MAPPED, allowed // 2)
