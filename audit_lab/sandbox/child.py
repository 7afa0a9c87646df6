"""The parent's hold on one child process: pipes to it, a watch over its time, and its end.

Children are started from one thread that lives as long as this process, since the kernel ends a child whose starter
ends, and the starter is a thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.sandbox.messages import LONGEST, PREFIX, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Child", "Gone", "TooLate", "TooLoud"]

_STDERR_TAIL = 4_000
#: Bytes that a child may print during one job.
_LOUDEST = 16_000_000
_CHUNK = 1 << 16
_CPU_PERIOD_S = 0.1
_END_S = 5.0
_LEAVE_S = 2.0
_UTIME, _STIME = 11, 12  # after the name, in /proc/<pid>/stat


class Gone(Exception):  # noqa: N818 - not an error of the caller's
    """The child closed its side of the pipe."""


class TooLate(Exception):  # noqa: N818 - not an error of the caller's
    """Its time is over: ``wall`` or ``processor``."""


class TooLoud(Exception):  # noqa: N818 - not an error of the caller's
    """It sent a longer message, or printed more, than anybody needs."""


class Child:
    """A process and the four files between it and us.

    Parameters
    ----------
    command
        Its program and arguments; given the numbers of its pipes, the place to fill them in is at the end.
    environment
        All its environment variables.
    cwd
        The folder it starts in.
    """

    def __init__(
        self, command: Callable[[Sequence[int]], Sequence[str]], environment: Mapping[str, str], cwd: Path
    ) -> None:
        down_read, self._down = os.pipe()
        self._up, up_write = os.pipe()
        self._err, err_write = os.pipe()
        with tempfile.TemporaryFile(dir=cwd) as unnamed:
            self.answers = os.dup(unnamed.fileno())
        theirs = (down_read, up_write, self.answers)
        try:
            starting = _starter().submit(
                subprocess.Popen,
                list(command(theirs)),
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=err_write,
                stderr=err_write,
                pass_fds=theirs,
                start_new_session=True,
            )
            try:
                self._process = starting.result()
            except BaseException:
                starting.add_done_callback(_end_unwanted)
                raise
        except BaseException:
            self._close_files()
            raise
        finally:
            for descriptor in (down_read, up_write, err_write):
                os.close(descriptor)
        for descriptor in (self._down, self._up, self._err):
            os.set_blocking(descriptor, False)
        self._owner = os.getpid()
        self._code: int | None = None
        self._text = b""
        self._printed = 0
        self._buffer = bytearray()

    @property
    def pid(self) -> int:
        """The process that was started, which may be one that only waits for the worker."""
        return self._process.pid

    @property
    def text(self) -> str:
        """The last of what the child printed."""
        return self._text.decode("utf-8", "replace").strip()

    def post(self, message: Mapping[str, Any]) -> None:
        """Put a first, short message into the pipe without waiting for anything.

        Raises
        ------
        OSError
            The child is gone already, or the message is longer than a pipe.
        """
        encoded = encode(dict(message))
        if os.write(self._down, encoded) != len(encoded):
            raise OSError("the first message does not fit into a pipe")

    def exchange(self, message: bytes | None, *, wall_s: float, cpu_s: float | None = None) -> dict[str, Any]:
        """Send the bytes of a message, if there is one, and wait for the next one from the child.

        Raises
        ------
        Gone, TooLate, TooLoud
            Instead of an answer.
        ValueError
            The answer is not a JSON object.
        """
        rest = memoryview(message or b"")
        watch = _Watch(self, wall_s, cpu_s)
        self._printed = 0
        if message is None and (answer := self._whole()) is not None:
            return answer
        if message is not None and self._buffer:
            raise ValueError("an answer that nobody asked for")
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._up, selectors.EVENT_READ)
            waiting.register(self._err, selectors.EVENT_READ)
            if rest:
                waiting.register(self._down, selectors.EVENT_WRITE)
            while True:
                for key, _ in waiting.select(watch.patience_s()):
                    if key.fd == self._err:
                        self._listen(waiting)
                    elif key.fd == self._down:
                        rest = self._push(rest)
                        if not rest:
                            waiting.unregister(self._down)
                    elif (answer := self._take()) is not None:
                        return answer

    def _push(self, rest: memoryview) -> memoryview:
        try:
            return rest[os.write(self._down, rest[:_CHUNK]) :]
        except BlockingIOError:
            return rest
        except BrokenPipeError:
            raise Gone from None

    def _listen(self, waiting: selectors.BaseSelector) -> None:
        part = _read(self._err)
        if part == b"":
            waiting.unregister(self._err)
        if not part:
            return
        self._text = (self._text + part)[-_STDERR_TAIL:]
        self._printed += len(part)
        if self._printed > _LOUDEST:
            raise TooLoud("prints without end")

    def _take(self) -> dict[str, Any] | None:
        """Read what has come, and return the message when it is whole."""
        part = _read(self._up)
        if part is None:
            return None
        if not part:
            raise Gone
        self._buffer += part
        return self._whole()

    def _whole(self) -> dict[str, Any] | None:
        """Take the first message out of what has come, when it is whole."""
        if len(self._buffer) < PREFIX.size:
            return None
        length = PREFIX.unpack_from(self._buffer)[0]
        if length > LONGEST:
            raise TooLoud("a message that is too long")
        if len(self._buffer) < PREFIX.size + length:
            return None
        body = bytes(self._buffer[PREFIX.size : PREFIX.size + length])
        del self._buffer[: PREFIX.size + length]
        try:
            message = json.loads(body)
        except RecursionError:
            raise ValueError("a message nested too deep") from None
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")  # noqa: TRY004 - it is the content that is wrong
        return message

    def processor_s(self) -> float | None:
        """Return the processor seconds of the worker so far, over all threads, where the system tells."""
        worker = self._worker()
        if worker is None:
            return None
        try:
            told = Path(f"/proc/{worker}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            return None
        return (int(told[_UTIME]) + int(told[_STIME])) / os.sysconf("SC_CLK_TCK")

    def _worker(self) -> int | None:
        """Return the last of the processes that each wait for the next."""
        pid = self._process.pid
        try:
            while below := _children(pid):
                pid = below[0]
        except OSError:
            return None
        return pid

    def end(self) -> int:
        """End the child and all it started; return its exit code. In a process forked from ours, only let go of it."""
        if self._code is None:
            self._code = self._end() if os.getpid() == self._owner else 0
            self._close_files()
        return self._code

    def kill(self) -> None:
        """Kill the child and all it started; whoever waits for its answer finds it gone."""
        with contextlib.suppress(OSError):
            for inner in _children(self._process.pid):
                os.kill(inner, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self) -> int:
        # From the inside out, so that each is seen off by the one that waits for it.
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            inner = _children(self._process.pid)
            if inner:
                os.kill(inner[0], signal.SIGKILL)
                self._process.wait(_END_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self._await_silence()
        return code

    def leave(self) -> int:
        """Return the exit code of a child that closed its pipe by itself, after a moment for it to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE_S)
        return self.end()

    def _await_silence(self) -> None:
        """Wait until no process holds the pipe that all of them print to, and keep the last that they said."""
        deadline = time.monotonic() + _END_S
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._err, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0 and waiting.select(left):
                part = _read(self._err)
                if not part:
                    return
                self._text = (self._text + part)[-_STDERR_TAIL:]

    def _close_files(self) -> None:
        for descriptor in (self._down, self._up, self._err, self.answers):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class _Watch:
    """The time that one exchange may take, by the clock and by the processor."""

    def __init__(self, child: Child, wall_s: float, cpu_s: float | None) -> None:
        self._child = child
        self._deadline = time.monotonic() + wall_s
        self._cpu_end = None if cpu_s is None else (child.processor_s() or 0.0) + cpu_s
        self._looked = time.monotonic()

    def patience_s(self) -> float:
        """Return how long to wait before asking again; raise `TooLate` when the time is over."""
        now = time.monotonic()
        left = self._deadline - now
        if left <= 0:
            raise TooLate("wall")
        if self._cpu_end is None:
            return left
        if now - self._looked >= _CPU_PERIOD_S:
            self._looked = now
            if (self._child.processor_s() or 0.0) > self._cpu_end:
                raise TooLate("processor")
        return min(left, _CPU_PERIOD_S)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def _read(descriptor: int) -> bytes | None:
    """Read what is there: nothing yet is None, and the end is empty."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None


def _end_unwanted(starting: Future[subprocess.Popen[bytes]]) -> None:
    """End a process whose start was interrupted while it was under way."""
    if not starting.cancelled() and starting.exception() is None:
        starting.result().kill()
        starting.result().wait()


@cache
def _starter() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "audit-lab-sandbox")


os.register_at_fork(after_in_child=_starter.cache_clear)
