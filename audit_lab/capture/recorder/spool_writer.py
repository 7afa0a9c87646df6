"""The thread that brings records from memory to the disk, and tells whoever waits for them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from audit_lab.capture.recorder.spool_file import OPEN, SpoolFile, frame_of, notice_of
from audit_lab.errors import StorageError
from audit_lab.log.files.private_file import make_private_folder
from audit_lab.log.files.storage import disk_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit_lab.capture.recorder.spool_file import Header

__all__ = ["Gap", "Pending", "SpoolWriter"]

#: A spool file is closed, and can be sealed, when it holds so many bytes.
_FILE_BYTES = 8 << 20
#: Records of one frame at most, so that one check sum never covers more than can be held.
_FRAME_RECORDS = 50_000
#: What else there is to know is asked for so often.
_NOTICED_S = 60.0
#: After a disk refused, it is asked again so soon.
_PAUSE_S = 0.2
#: A wall clock that moved by more than this against one that only goes forward was set.
_CLOCK_MOVED_S = 1.0


@dataclass
class Gap:
    """Records that were not taken, because memory was full: how many, and between which times."""

    count: int
    begun: int
    ended: int


class Pending:
    """What waits in memory: encoded records and gaps, in the order of their sequence numbers.

    Guarded by `lock`; `next` is the number that the next record gets.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.items: list[bytes | Gap] = []
        self.size = 0
        self.next = 1
        self.dropped = 0
        #: Gaps among the items, and the records that were left out in them.
        self._gaps = self._missing = 0

    def put(self, content: bytes, most_bytes: int, wake: threading.Event) -> int | None:
        """Take a record, wake whoever waits for the first, and return its number; None where memory is full."""
        with self.lock:
            if self.size >= most_bytes:
                return None
            if not self.items:
                wake.set()
            number = self.next
            self.next = number + 1
            self.items.append(content)
            self.size += len(content)
            return number

    def drop(self) -> int:
        """Count a record that is left out, and return the number that it would have had."""
        now = time.time_ns() // 1_000
        with self.lock:
            number = self.next
            self.next += 1
            self.dropped += 1
            self._missing += 1
            last = self.items[-1] if self.items else None
            if isinstance(last, Gap):
                last.count += 1
                last.ended = now
            else:
                self.items.append(Gap(1, now, now))
                self._gaps += 1
        return number

    def take(self) -> tuple[list[bytes | Gap], int, bool]:
        """Return all that waits, the number of the first of it, and whether there are gaps in it."""
        with self.lock:
            items, self.items, self.size = self.items, [], 0
            gaps, missing, self._gaps, self._missing = self._gaps, self._missing, 0, 0
            upto = self.next
        return items, upto - (len(items) - gaps) - missing, gaps > 0


class SpoolWriter:
    """Writes what is pending into spool files of one folder, which nobody else writes to.

    Parameters
    ----------
    folder
        The writer's own folder; made when missing, for its owner only.
    pending
        Where the records come from.
    header
        Called when a file is begun, for what holds for its records.
    gather_seconds
        How long records gather before they go to the disk together, where nobody waits for them.
    close_seconds
        A file is closed when its first record is so old.
    closed
        Called, in this thread, after a file was closed.
    noticed
        Called, in this thread, about once a minute and at the end, for what else there is to know: mappings with
        their ``kind``. It is told the present time in microseconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        pending: Pending,
        header: Callable[[], Header],
        *,
        gather_seconds: float,
        close_seconds: float,
        closed: Callable[[], None],
        noticed: Callable[[int], list[dict[str, Any]]] = lambda _: [],
    ) -> None:
        self._noticed, self._noticed_at = noticed, time.monotonic()
        self._folder, self._pending, self._header = folder, pending, header
        self._gather_seconds, self._close_seconds, self._closed = gather_seconds, close_seconds, closed
        #: Set by who records when nothing was pending; and by who waits for the disk.
        self.wake, self.urgent = threading.Event(), threading.Event()
        #: All records with smaller numbers are on the disk, and the problem that keeps others from it.
        self.durable = 1
        self.problem: StorageError | None = None
        self._changed = threading.Condition()
        self._promises: list[tuple[int, Future[None]]] = []
        self._is_ending = False
        self._file: SpoolFile | None = None
        self._number, self._begun = 0, 0.0
        self._offset = time.time() - time.monotonic()
        self._thread = threading.Thread(target=self._run, name="audit_lab recorder", daemon=True)
        self._thread.start()

    def wait(self, number: int, timeout: float | None) -> None:
        """Return when the record of a number is on the disk.

        Raises
        ------
        StorageError
            The disk refuses, or it took longer than `timeout` seconds.
        """
        if number < self.durable:
            return
        self.urgent.set()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while number >= self.durable:
                left = None if deadline is None else deadline - time.monotonic()
                if self.problem is not None and timeout is None:
                    raise self.problem
                if left is not None and left <= 0:
                    raise self.problem or StorageError(
                        f"a record was not on the disk after {timeout:g} s",
                        "It may get there still: wait again.",
                        "other",
                    )
                self._changed.wait(left)

    def promise(self, number: int) -> Future[None]:
        """Return a future that is done when the record of a number is on the disk."""
        made: Future[None] = Future()
        with self._changed:
            if number >= self.durable:
                self._promises.append((number, made))
                self.urgent.set()
                return made
        made.set_result(None)
        return made

    def end(self, timeout: float | None) -> None:
        """Write what is pending, close the file, and end the thread.

        Raises
        ------
        StorageError
            The disk refuses what is pending, or it took longer than `timeout` seconds.
        """
        self._is_ending = True
        self.wake.set()
        self.urgent.set()
        self._thread.join(timeout)
        if self.problem is not None:
            raise self.problem
        if self._thread.is_alive():
            raise StorageError("the last records are not on the disk yet", "Close the recorder again later.", "other")

    def forget(self) -> None:
        """Let go of the file in a forked child, in which the thread does not run."""
        if self._file is not None:
            self._file.forget()

    def _run(self) -> None:
        kept: bytes = b""
        upto = self.durable
        goes_on = False
        while True:
            # Each time that this thread comes up it takes the interpreter from the model: while records come, once
            # for all that gather, and not for the first of them too.
            if not goes_on:
                self.wake.wait(self._left())
            if goes_on or self.wake.is_set():
                self.urgent.wait(self._gather_seconds)
            self.wake.clear()
            self.urgent.clear()
            ends = self._is_ending
            if not kept:
                kept, upto = self._frames()
            goes_on = bool(kept)
            if kept:
                try:
                    self._write(kept)
                except OSError as error:
                    self._refused(error)
                    if self._is_ending:
                        return
                    self.wake.set()
                    time.sleep(_PAUSE_S)
                    continue
                kept = b""
                self._written(upto)
            if self._file is not None and (ends or self._is_due()):
                self._close()
            if ends and not self._pending.items:
                return

    def _frames(self) -> tuple[bytes, int]:
        """Return what is pending as frames, and the number after its last."""
        items, first, has_gaps = self._pending.take()
        frames: list[bytes] = []
        moved = time.time() - time.monotonic() - self._offset
        if items and abs(moved) > _CLOCK_MOVED_S:
            self._offset += moved
            frames.append(notice_of(first, {"kind": "clock-set", "at": time.time_ns() // 1_000, "seconds": moved}))
        made, first = _gapped(items, first) if has_gaps else _ungapped(items, first)
        frames += made
        if self._is_ending or time.monotonic() - self._noticed_at >= _NOTICED_S:
            self._noticed_at = time.monotonic()
            frames += [notice_of(first, notice) for notice in self._noticed(time.time_ns() // 1_000)]
        return b"".join(frames), first

    def _write(self, content: bytes) -> None:
        if self._file is None:
            make_private_folder(self._folder)
            self._number += 1
            self._file = SpoolFile(self._folder / f"{self._number:08}{OPEN}", self._header())
            self._begun = time.monotonic()
        self._file.write(content)

    def _written(self, upto: int) -> None:
        with self._changed:
            self.durable, self.problem = upto, None
            kept: list[tuple[int, Future[None]]] = []
            done: list[tuple[int, Future[None]]] = []
            for number, promise in self._promises:
                (done if number < upto else kept).append((number, promise))
            self._promises = kept
            self._changed.notify_all()
        for _, promise in done:
            promise.set_result(None)

    def _refused(self, error: OSError) -> None:
        """Say what the disk said, and begin another file next time: how much of this one is there is not known."""
        problem = disk_error(error, f"cannot write records to {self._folder}")
        if self._file is not None:
            # What was acknowledged stays. Should its name not change either, it is adopted when this process ends.
            file, self._file = self._file, None
            try:
                file.close()
            except OSError:
                file.forget()
        with self._changed:
            self.problem = problem
            failed = self._promises if self._is_ending else []
            self._promises = [] if self._is_ending else self._promises
            self._changed.notify_all()
        for _, promise in failed:
            promise.set_exception(problem)

    def _left(self) -> float:
        """Return in how many seconds there is something to do though nothing is recorded."""
        if self._file is None:
            return self._close_seconds
        return max(self._begun + self._close_seconds - time.monotonic(), 0.0)

    def _is_due(self) -> bool:
        if self._file is None:
            return False
        return self._file.size >= _FILE_BYTES or time.monotonic() - self._begun >= self._close_seconds

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:
            file.forget()
            with self._changed:
                self.problem = disk_error(error, f"cannot close {file.path}")
            return
        self._closed()


def _ungapped(items: list[Any], first: int) -> tuple[list[bytes], int]:
    """Return records as frames, and the number after the last; asking something of each would hold the model up."""
    runs = range(0, len(items), _FRAME_RECORDS)
    return [frame_of(first + start, items[start : start + _FRAME_RECORDS]) for start in runs], first + len(items)


def _gapped(items: list[bytes | Gap], first: int) -> tuple[list[bytes], int]:
    """Return records and the gaps among them as frames, and the number after the last."""
    frames: list[bytes] = []
    for is_record, group in groupby(items, key=lambda item: isinstance(item, bytes)):
        if is_record:
            made, first = _ungapped(list(group), first)
            frames += made
            continue
        for gap in group:
            if isinstance(gap, Gap):
                notice = {"kind": "gap", "at": gap.ended, "begun": gap.begun, "count": gap.count}
                frames.append(notice_of(first, notice))
                first += gap.count
    return frames, first
