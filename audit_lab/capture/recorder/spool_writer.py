"""The thread that brings records from memory to the disk, and tells whoever waits for them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from itertools import groupby
from typing import TYPE_CHECKING, Any

from audit_lab.capture.recorder.pending import Gap
from audit_lab.capture.recorder.spool_file import OPEN, SpoolFile, frame_of, notice_of
from audit_lab.errors import StorageError
from audit_lab.log.files.private_file import make_private_folder
from audit_lab.log.files.storage import disk_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit_lab.capture.recorder.pending import Pending, Taken
    from audit_lab.capture.recorder.spool_file import Header

__all__ = ["SpoolWriter"]

#: A spool file is closed, and can be sealed, when it holds so many bytes.
_FILE_BYTES = 8 << 20
#: Records of one frame at most, and bytes of one with several: a check sum never covers more than can be held.
_FRAME_RECORDS, _FRAME_BYTES = 50_000, 8 << 20
#: Of so many bytes that wait, what is about as long as others on average could be more than a frame can hold.
_VAST_BYTES = 1 << 30
#: What else there is to know is asked for so often.
_NOTICED_S = 60.0
#: After a disk refused, it is asked again so soon.
_PAUSE_S = 0.2
#: A wall clock that moved by more than this against one that only goes forward was set.
_CLOCK_MOVED_S = 1.0


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
        Called, in this thread, after a file was closed, and now and then while nothing is recorded.
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
        self._is_ending = self._is_forgotten = False
        self._file: SpoolFile | None = None
        self._number, self._begun = 0, 0.0
        self._offset = time.time() - time.monotonic()
        #: What was taken and is no frame yet; frames that are not on the disk, each with the number after its last.
        self._taken: Taken | None = None
        self._kept: list[tuple[bytes, int]] = []
        self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="audit_lab recorder", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise StorageError(
                f"no thread can be started that writes records ({error})", "Let the process have more threads.", "other"
            ) from error

    def wait(self, number: int, timeout: float | None) -> None:
        """Return when the record of a number is on the disk.

        Raises
        ------
        StorageError
            The disk refuses, or it took longer than `timeout` seconds.
        """
        if number < self.durable:
            return
        if self._is_forgotten:
            raise _of_parent()
        self.urgent.set()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while number >= self.durable:
                left = None if deadline is None else deadline - time.monotonic()
                if self.problem is not None and (timeout is None or not self._thread.is_alive()):
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
        if self._is_forgotten and number >= self.durable:
            made.set_exception(_of_parent())
            return made
        with self._changed:
            if number >= self.durable:
                self._promises.append((number, made))
                self.urgent.set()
                return made
        made.set_result(None)
        return made

    def end(self, timeout: float | None) -> None:
        """Write what is pending, close the file, and end the thread; may be called again where that failed.

        Raises
        ------
        StorageError
            The disk refuses what is pending, or it took longer than `timeout` seconds.
        """
        self._is_ending = True
        if not self._thread.is_alive():
            self.problem = None  # it was raised when this was called before
            if self._is_unwritten():
                self._start()
        self.wake.set()
        self.urgent.set()
        self._thread.join(timeout)
        if self.problem is not None:
            raise self.problem
        if self._thread.is_alive():
            raise StorageError("the last records are not on the disk yet", "Close the recorder again later.", "other")

    def forget(self) -> None:
        """Let go of the file in a forked child, in which the thread does not run: what was pending is the parent's."""
        self._is_forgotten = True
        self._changed = threading.Condition()
        if self._file is not None:
            self._file.forget()

    def _is_unwritten(self) -> bool:
        return bool(self._kept or self._taken is not None or self._pending.items)

    def _run(self) -> None:
        """Write until the end. Whatever happens is told to who waits, and tried again."""
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
            try:
                goes_on = self._bring()
                if ends or self._is_due():
                    self._close()
                if self._file is None and not goes_on:
                    self._closed()
            except Exception as error:  # noqa: BLE001 (a thread that died would tell nobody)
                self._refused(error)
                if self._is_ending:
                    return
                goes_on = False
                self.wake.set()
                time.sleep(_PAUSE_S)
                continue
            if ends and not self._is_unwritten():
                return

    def _bring(self) -> bool:
        """Bring what is pending to the disk, and return whether there was anything."""
        if not self._kept:
            self._kept = self._frames()
        if not self._kept:
            return False
        while self._kept:
            count, size = 0, 0
            while count < len(self._kept) and size < _FILE_BYTES:
                size += len(self._kept[count][0])
                count += 1
            self._write(b"".join(frame for frame, _ in self._kept[:count]))
            _, upto = self._kept[count - 1]
            del self._kept[:count]
            self._written(upto)
            if self._kept and self._is_due():
                self._close()
        return True

    def _frames(self) -> list[tuple[bytes, int]]:
        """Return what is pending as frames, each with the number after its last."""
        if self._taken is None:
            self._taken = self._pending.take()
        taken, number = self._taken, self._taken.first
        frames: list[tuple[bytes, int]] = []
        moved = time.time() - time.monotonic() - self._offset
        if taken.items and abs(moved) > _CLOCK_MOVED_S:
            self._offset += moved
            about = {"kind": "clock-set", "at": time.time_ns() // 1_000, "seconds": moved}
            frames.append((notice_of(number, about), number))
        for frame, number in _framed(taken):
            frames.append((frame, number))
        if self._is_ending or time.monotonic() - self._noticed_at >= _NOTICED_S:
            self._noticed_at = time.monotonic()
            frames += [(notice_of(number, each), number) for each in self._noticed(time.time_ns() // 1_000)]
        self._taken = None
        return frames

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

    def _refused(self, error: Exception) -> None:
        """Say what the disk said, and begin another file next time: how much of this one is there is not known."""
        what = f"cannot write records to {self._folder}"
        if isinstance(error, OSError):
            problem = disk_error(error, what)
        else:
            problem = StorageError(f"{what} ({type(error).__name__}: {error})", "It is tried again.", "other")
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


def _of_parent() -> StorageError:
    return StorageError(
        "the record was taken before this process was forked, and its parent writes it",
        "Wait for it in the parent, or record it in the child.",
        "other",
    )


def _framed(taken: Taken) -> Iterator[tuple[bytes, int]]:
    """Yield what was taken as frames, each with the number after its last."""
    number = taken.first
    if not taken.has_gaps:
        yield from _ungapped(taken.items, number, taken.size)
        return
    for is_record, group in groupby(taken.items, key=lambda item: isinstance(item, bytes)):
        items = list(group)
        if is_record:
            yield from _ungapped(items, number, taken.size)
            number += len(items)
            continue
        for gap in items:
            if isinstance(gap, Gap):
                why = {"because": gap.because} if gap.because else {}
                notice = {"kind": "gap", "at": gap.ended, "begun": gap.begun, "count": gap.count, **why}
                frame = notice_of(number, notice)
                number += gap.count
                yield frame, number


def _ungapped(items: list[Any], number: int, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield records as frames; to ask each how long it is would hold the model up, and is done where memory is vast."""
    most = _FRAME_RECORDS if size <= _FRAME_BYTES else min(_FRAME_RECORDS, len(items) * _FRAME_BYTES // size)
    start = 0
    while start < len(items):
        end = start + max(most, 1)
        if size > _VAST_BYTES:
            held, end = len(items[start]), start + 1
            while end < min(start + _FRAME_RECORDS, len(items)) and held + len(items[end]) <= _FRAME_BYTES:
                held += len(items[end])
                end += 1
        records = items[start:end]
        yield frame_of(number + start, records), number + start + len(records)
        start = end
