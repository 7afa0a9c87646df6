"""Seal many small appends together: after so many rows or so many seconds, whichever is first.

A seal costs several waits for the disk, whatever it holds. Whoever logs one decision at a time hands it to a batch and
gets a promise, which is kept when the decision is on the disk and sealed.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import AuditLabError, MisuseError, StorageError
from audit_lab.log.writing.canonical_rows import canonical_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from audit_lab.log.writing.receipt import Receipt
    from audit_lab.log.writing.writer import LogWriter

__all__ = ["Batch"]

#: So long at most until the end of the interpreter is noticed.
_LONGEST_WAIT_S = 0.5

_Schemas = tuple[tuple[str, tuple[tuple[str, pl.DataType], ...]], ...]


@dataclass(frozen=True)
class _Waiting:
    """Rows that were handed in, and the promise that was given for them."""

    frames: dict[str, pl.DataFrame]
    promise: Future[Receipt]

    @property
    def rows(self) -> int:
        return sum(frame.height for frame in self.frames.values())

    @property
    def schemas(self) -> _Schemas:
        return tuple((table, tuple(frame.schema.items())) for table, frame in sorted(self.frames.items()))


class Batch:
    """Collects rows from any thread and seals them from one of its own, which is the only one that uses the writer.

    Parameters
    ----------
    writer
        What seals them; the batch does not close it.
    rows
        Seal when so many rows are waiting.
    seconds
        Seal when the first of them has waited so long.
    heartbeat_seconds
        Seal a heartbeat when nothing was sealed for so long; None for never.
    """

    def __init__(
        self, writer: LogWriter, *, rows: int = 10_000, seconds: float = 1.0, heartbeat_seconds: float | None = None
    ) -> None:
        self._writer = writer
        self._rows = rows
        self._seconds = seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._waiting: list[_Waiting] = []
        self._due: float | None = None
        self._is_closed = False
        self._failed_heartbeat: AuditLabError | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="audit_lab batch")
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the batch."""
        return self

    def __exit__(self, *_: object) -> None:
        """Seal what is waiting, and end."""
        self.close()

    def add(self, tables: Mapping[str, pl.DataFrame]) -> Future[Receipt]:
        """Hand in rows, as for `LogWriter.append`; they are in one seal together with others.

        Returns
        -------
        Future of Receipt
            Its `result` waits until the rows are sealed and on the disk, and raises what prevented it. The receipt is
            that of the whole seal.

        Raises
        ------
        MisuseError
            The rows cannot be stored as they are, or the batch is closed.
        AuditLabError
            The last heartbeat failed.
        """
        now = datetime.now(UTC)
        frames = {table: canonical_rows(table, rows, now) for table, rows in tables.items()}
        waiting = _Waiting(frames, Future())
        with self._changed:
            if self._is_closed:
                raise MisuseError("the batch is closed", "Make another one to append more rows.")
            if self._failed_heartbeat is not None:
                failed, self._failed_heartbeat = self._failed_heartbeat, None
                raise failed
            self._waiting.append(waiting)
            if self._due is None:
                self._due = time.monotonic() + self._seconds
            self._changed.notify()
        return waiting.promise

    def flush(self) -> None:
        """Seal what is waiting now, and return when that is done; failures are told by the promises."""
        with self._changed:
            promises = [each.promise for each in self._waiting]
            self._due = time.monotonic() if promises else None
            self._changed.notify()
        for promise in promises:
            promise.exception()

    def close(self) -> None:
        """Seal what is waiting, and end; failures are told by the promises."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._wait()
                taken, self._waiting, self._due = self._waiting, [], None
                ends = self._is_ending()
            for group in _alike(taken):
                self._seal(group)
            if ends:
                return
            if not taken:
                self._beat()

    def _wait(self) -> None:
        """Return when there is something to do: rows to seal, the end, or a heartbeat."""
        idle_since = time.monotonic()
        while not self._is_ending() and sum(each.rows for each in self._waiting) < self._rows:
            until = self._due
            if until is None and self._heartbeat_seconds is not None:
                until = idle_since + self._heartbeat_seconds
            left = _LONGEST_WAIT_S if until is None else until - time.monotonic()
            if left <= 0:
                return
            self._changed.wait(min(left, _LONGEST_WAIT_S))

    def _is_ending(self) -> bool:
        """Whether the batch was closed, or the interpreter ends without that."""
        return self._is_closed or not threading.main_thread().is_alive()

    def _seal(self, group: Sequence[_Waiting]) -> None:
        tables = {table: pl.concat([each.frames[table] for each in group]) for table in group[0].frames}
        try:
            receipt = self._writer.append(tables)
        except Exception as error:  # noqa: BLE001 (whatever it is, the promises carry it to who waits)
            # One hand-in that does not fit must not take others with it; a disk that refuses refuses all.
            if len(group) > 1 and not isinstance(error, StorageError):
                for each in group:
                    self._seal([each])
            else:
                for each in group:
                    each.promise.set_exception(error)
        else:
            for each in group:
                each.promise.set_result(receipt)

    def _beat(self) -> None:
        try:
            self._writer.heartbeat()
        except AuditLabError as error:
            self._failed_heartbeat = error


def _alike(waiting: Sequence[_Waiting]) -> Iterator[list[_Waiting]]:
    """Yield runs of what has the same tables with the same columns, in the order in which it was handed in."""
    for _, group in groupby(waiting, key=lambda each: each.schemas):
        yield list(group)
