"""The process that seals, as a recorder sees it: started when nobody seals, let go at the end."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.capture.recorder.spool_file import CLOSED, DAMAGED, OPEN, QUARANTINE, is_written, read_header
from audit_lab.errors import LogError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "LOCK",
    "PROBLEM",
    "Sealing",
    "SpoolState",
    "is_sealing",
    "spool_files",
    "spool_of",
    "spool_state",
    "unsealed_since",
]

#: Beside the recorders' folders: the lock of whoever seals, and what it met, as JSON.
LOCK, PROBLEM = "sealing.lock", "sealing.problem.json"

_MODULE = "audit_lab.capture.recorder.sealing_process"
_LOOK_S = 0.05
#: A process that ended is not started again before so long.
_PAUSE_S = 5.0


def spool_of(log: Path) -> Path:
    """Return the folder for what is not sealed yet, where none is named: beside the log."""
    return log.with_name(f"{log.name}.spool")


def spool_files(spool: Path, *suffixes: str) -> list[Path]:
    """Return the spool files of all recorders with these endings, each recorder's in its order."""
    return sorted(path for suffix in suffixes for path in spool.glob(f"*/*{suffix}"))


def unsealed_since(spool: Path) -> float | None:
    """Return when the oldest spool file was begun, in seconds since 1970; None where everything is sealed."""
    oldest: dict[Path, Path] = {}
    for path in spool_files(spool, CLOSED, OPEN):
        oldest.setdefault(path.parent, path)
    times = []
    for path in oldest.values():
        with suppress(OSError, LogError), path.open("rb") as file:  # it was sealed meanwhile
            header = read_header(file, str(path))
            times.append(path.stat().st_mtime if header is None else header.begun / 1e6)
    return min(times, default=None)


def is_sealing(spool: Path) -> bool:
    """Whether a process seals what lies in a spool."""
    lock = spool / LOCK
    return lock.exists() and is_written(lock)


@dataclass(frozen=True)
class SpoolState:
    """What lies in a spool.

    Attributes
    ----------
    files, size_bytes
        Spool files that are not sealed, those that are being written among them.
    since
        When the oldest of them was begun, in seconds since 1970; None where there is none.
    is_sealing
        Whether a process seals them.
    problem
        What keeps it from that; None where nothing does.
    kept_aside
        Files with what cannot be sealed, or is damaged: they stay until somebody has looked at them.
    """

    files: int
    size_bytes: int
    since: float | None
    is_sealing: bool
    problem: str | None
    kept_aside: int

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes by name."""
        return asdict(self)


def spool_state(spool: Path) -> SpoolState:
    """Return what lies in a spool; one that is not there is empty."""
    sizes = []
    for path in spool_files(spool, OPEN, CLOSED):
        with suppress(FileNotFoundError):  # it was sealed meanwhile
            sizes.append(path.stat().st_size)
    aside = len(spool_files(spool, QUARANTINE, DAMAGED))
    return SpoolState(len(sizes), sum(sizes), unsealed_since(spool), is_sealing(spool), sealing_problem(spool), aside)


def sealing_problem(spool: Path) -> str | None:
    """Return what keeps the process that seals a spool from it; None where nothing does."""
    try:
        return str(json.loads((spool / PROBLEM).read_text("utf-8"))["problem"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Sealing:
    """Keeps a process that seals going, for all recorders of a spool together.

    Parameters
    ----------
    log, spool
        The log and its spool.
    vault, passphrase
        As for `audit_lab.open_writer`.
    """

    def __init__(self, log: Path, spool: Path, vault: Path | str | None, passphrase: bytes | str | None) -> None:
        said = passphrase.decode() if isinstance(passphrase, bytes) else passphrase
        told = {"log": str(log.absolute()), "spool": str(spool.absolute()), "passphrase": said}
        self._told = told | {"vault": None if vault is None else str(vault)}
        self._spool = spool
        self._process: subprocess.Popen[bytes] | None = None
        self._started = -_PAUSE_S
        self._guard = threading.Lock()
        self._failed: str | None = None

    def ensure(self) -> None:
        """Start the process where a file is to be sealed, and none seals this spool; what prevents that is told."""
        if not spool_files(self._spool, CLOSED):
            return
        with self._guard:
            if self._process is not None and self._process.poll() is None:
                return
            if time.monotonic() - self._started < _PAUSE_S or is_sealing(self._spool):
                return
            self._started = time.monotonic()
            self._close_orders()
            try:
                self._start()
            except (OSError, RuntimeError) as error:
                self._failed = f"the process that seals cannot be started ({error}); it is tried again"
            else:
                self._failed = None

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 (this package's own module)
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it ended at once; what it met it has told
                self._process.stdin.write(json.dumps(self._told).encode() + b"\n")
                self._process.stdin.flush()
        threading.Thread(target=self._process.wait, name="audit_lab sealing", daemon=True).start()

    def let_go(self) -> None:
        """Let the process end when all is sealed."""
        self._started = -_PAUSE_S
        self.ensure()
        with self._guard:
            self._close_orders()

    def _close_orders(self) -> None:
        """Close the stream whose end tells the process that who started it has ended."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def forget(self) -> None:
        """Leave the process to the parent, in a forked child."""
        self._close_orders()
        self._process = None
        self._guard = threading.Lock()

    def wait(self, timeout: float | None) -> None:
        """Return when no file that was handed over is left.

        Raises
        ------
        StorageError
            A problem was told, or it took longer.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while spool_files(self._spool, CLOSED):
            problem = self.problem()
            if problem is not None:
                raise StorageError(problem.removesuffix("."), "What is not sealed stays in the spool.", "other")
            if deadline is not None and time.monotonic() > deadline:
                raise StorageError(
                    f"records were not sealed after {timeout:g} s", "They are in the spool: wait again.", "other"
                )
            self._started = min(self._started, time.monotonic() - _PAUSE_S)
            self.ensure()
            time.sleep(_LOOK_S)

    def problem(self) -> str | None:
        """Return what keeps the process from sealing; None where nothing does."""
        return self._failed or sealing_problem(self._spool)
