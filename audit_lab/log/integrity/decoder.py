"""Decode Parquet files in a child process: a file that crashes its reader, or eats its memory, ends only that one.

The child is started when the first file needs it, answers one file after another, and is started again after a file
that brought it down. It has a limit of memory, and each file a limit of time. A child that is done waits half a minute
for the next check before it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from audit_lab.log.integrity.decoder_child import read_frame, write_frame

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Decoder"]

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from audit_lab.log.integrity.decoder_child import main; raise SystemExit(main(int(sys.argv[2])))"
)
_MEMORY_BYTES = 8_000_000_000
_LEAST_SECONDS, _MOST_SECONDS = 120.0, 21_600.0
_BYTES_PER_SECOND = 1_000_000
_ROWS_PER_SECOND = 2_000
_STDERR_TAIL = 2_000
#: A child that has decoded more keeps too much memory to be left waiting.
_MOST_ROWS_AT_REST = 1_000_000
_ENDED_AT_REST = {"refused": "log.file-unreadable", "why": "the reader ended before it read the file"}


@dataclass
class _Child:
    """A running child, where its errors go, and how many rows it has decoded."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    memory_bytes: int
    rows: int = 0

    @classmethod
    def start(cls, memory_bytes: int) -> Self:
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and code; no text from a log
            [sys.executable, "-I", "-c", _START, str(Path(__file__).resolve().parents[3]), str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "POLARS_MAX_THREADS": str(os.cpu_count() or 1)},
        )
        return cls(process, errors, memory_bytes)

    def end(self) -> tuple[int, str]:
        """End the process; return how it ended and the last of what it said."""
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()
        self.errors.seek(0)
        said = self.errors.read()[-_STDERR_TAIL:].decode("utf-8", "replace")
        self.errors.close()
        return self.process.returncode, said


#: A child that waits for the next check, and the lock to take it or to leave it here.
_resting: list[_Child] = []
_lock = threading.Lock()


class Decoder:
    """A child process that decodes files; a context manager, which lets it go.

    Parameters
    ----------
    least_seconds
        How long a file may take at least; larger files may take longer.
    memory_bytes
        How much memory the child may reserve; libraries reserve some gigabytes that they never use.
    """

    def __init__(self, least_seconds: float = _LEAST_SECONDS, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._least_seconds = least_seconds
        self._memory_bytes = memory_bytes
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        """Return the decoder; the child is started when it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the child rest, or end it where another rests already or it has grown."""
        child, self._child = self._child, None
        if child is None:
            return
        with _lock:
            is_usual = child.memory_bytes == _MEMORY_BYTES and child.rows < _MOST_ROWS_AT_REST
            if not _resting and error is None and is_usual:
                _resting.append(child)
                return
        if error is not None:
            child.process.kill()
        child.end()

    def ask(self, request: dict[str, Any], blob: bytes = b"") -> dict[str, Any]:
        """Have one file examined.

        Parameters
        ----------
        request, blob
            As `audit_lab.log.integrity.row_task.examine_file` takes them.

        Returns
        -------
        dict
            The answer; ``{"refused": code, "why": phrase}`` where the file was refused, where it brought the child
            down (``log.file-crashes-reader``), or where it took too long (``log.file-beyond-limits``).
        """
        if self._child is None and self._memory_bytes == _MEMORY_BYTES:
            with _lock:
                self._child = _resting.pop() if _resting else None
            if self._child is not None:
                answer = self._ask(self._child, request, blob)
                if answer != _ENDED_AT_REST:
                    return answer
        self._child = self._child or _Child.start(self._memory_bytes)
        return self._ask(self._child, request, blob)

    def _ask(self, child: _Child, request: dict[str, Any], blob: bytes) -> dict[str, Any]:
        rows = sum(part["rows"] for part in request["parts"])
        size = Path(request["path"]).stat().st_size
        seconds = min(self._least_seconds + size / _BYTES_PER_SECOND + rows / _ROWS_PER_SECOND, _MOST_SECONDS)
        timer = threading.Timer(seconds, child.process.kill)
        timer.start()
        try:
            write_frame(child.process.stdin, request, blob)  # type: ignore[arg-type]
            answer = read_frame(child.process.stdout)  # type: ignore[arg-type]
        except (OSError, ValueError):
            answer = None
        finally:
            in_time = timer.is_alive()
            timer.cancel()
        child.rows += rows
        if answer is not None:
            return answer[0]
        self._child = None
        return _death(*child.end(), None if in_time else seconds)


def _death(code: int, said: str, seconds: float | None) -> dict[str, Any]:
    if seconds is not None:
        return {"refused": "log.file-beyond-limits", "why": f"reading it did not end within {seconds:.0f} s"}
    if code == 0:
        return _ENDED_AT_REST
    if "memory allocation" in said or "MemoryError" in said or "bad_alloc" in said:
        return {"refused": "log.file-beyond-limits", "why": "reading it wants more memory than a file may take"}
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return {"refused": "log.file-crashes-reader", "why": f"the reader died of it ({how})"}


@atexit.register
def _end_resting() -> None:
    while _resting:
        _resting.pop().end()
