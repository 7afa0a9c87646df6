"""Decode Parquet files in a child process: a file that crashes its reader, or eats its memory, ends only that one.

The child is started when the first file needs it, answers one file after another, and is started again after a file
that brought it down. It has a limit of memory, and each file a limit of time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.log.integrity.decoder_child import read_frame, write_frame

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Decoder"]

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from audit_lab.log.integrity.decoder_child import main; raise SystemExit(main())"
)
_LEAST_SECONDS = 120.0
_BYTES_PER_SECOND = 1_000_000
_ROWS_PER_SECOND = 2_000
_STDERR_TAIL = 2_000


class Decoder:
    """The child process that decodes files; a context manager, which ends it.

    Parameters
    ----------
    least_seconds
        How long a file may take at least; larger files may take longer.
    """

    def __init__(self, least_seconds: float = _LEAST_SECONDS) -> None:
        self._least_seconds = least_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the decoder

    def __enter__(self) -> Self:
        """Return the decoder; the child is started when it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the child."""
        self._end()
        self._errors.close()

    def ask(self, request: dict[str, Any], blob: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """Have one file examined.

        Parameters
        ----------
        request, blob
            As `audit_lab.log.integrity.row_task.examine_file` takes them.

        Returns
        -------
        tuple of dict and bytes
            The answer; ``{"refused": code, "why": phrase}`` where the file was refused, where it brought the child
            down (``log.file-crashes-reader``), or where it took too long (``log.file-beyond-limits``).
        """
        rows = sum(part["rows"] for part in request["parts"])
        size = Path(request["path"]).stat().st_size
        seconds = self._least_seconds + size / _BYTES_PER_SECOND + rows / _ROWS_PER_SECOND
        child = self._running()
        timer = threading.Timer(seconds, child.kill)
        timer.start()
        try:
            write_frame(child.stdin, request, blob)  # type: ignore[arg-type]
            answer = read_frame(child.stdout)  # type: ignore[arg-type]
        except (OSError, ValueError):
            answer = None
        finally:
            in_time = timer.is_alive()
            timer.cancel()
        if answer is not None:
            return answer
        self._end()
        return self._death(child.returncode, None if in_time else seconds), b""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._errors.seek(0)
            self._errors.truncate()
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and code; no text from a log
                [sys.executable, "-I", "-c", _START, str(Path(__file__).resolve().parents[3])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={"LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "POLARS_MAX_THREADS": str(os.cpu_count() or 1)},
            )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
        child.kill()
        child.wait()

    def _death(self, code: int, seconds: float | None) -> dict[str, Any]:
        if seconds is not None:
            return {"refused": "log.file-beyond-limits", "why": f"reading it did not end within {seconds:.0f} s"}
        self._errors.seek(0)
        said = self._errors.read()[-_STDERR_TAIL:].decode("utf-8", "replace")
        if "memory allocation" in said or "MemoryError" in said or "bad_alloc" in said:
            return {"refused": "log.file-beyond-limits", "why": "reading it wants more memory than a file may take"}
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return {"refused": "log.file-crashes-reader", "why": f"the reader died of it ({how})"}
