"""Workers that stay warm between calls: one for each set of files, limits and environment."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.sandbox.job import Limits
from audit_lab.sandbox.run import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.sandbox.job import Library, PythonEnvironment

__all__ = ["warm_worker"]

_MOST = 4
_IDLE_S = 300.0

_lock = threading.Lock()
#: The most recently used last. A worker that is dropped here ends as soon as no caller holds it either.
_kept: OrderedDict[str, tuple[Worker, float]] = OrderedDict()


def warm_worker(
    files: Mapping[str, bytes | Path | Mapping[str, bytes]],
    *,
    limits: Limits | None = None,
    environment: PythonEnvironment | None = None,
    must_isolate: bool = False,
    libraries: Sequence[Library] = (),
    digests: Mapping[str, str] | None = None,
) -> Worker:
    """Return a worker for these files, the one from before where there is one; leave it open.

    The four used last are kept, and ended at the next call five minutes after their last use, or with this process. See
    `Worker` for what is given and raised.

    Parameters
    ----------
    digests
        SHA-256 digests of files given as bytes, by name, where the caller knows them.
    files, limits, environment, must_isolate, libraries
        As for `Worker`.
    """
    limits = limits or Limits()
    key = _key(files, digests or {}, (limits, environment, must_isolate, tuple(libraries)))
    with _lock:
        _drop_idle()
        worker, _ = _kept.pop(key, (None, 0.0))
        if worker is None or worker.closed:
            worker = Worker(
                files, limits=limits, environment=environment, must_isolate=must_isolate, libraries=libraries
            )
        _kept[key] = (worker, time.monotonic())
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
        return worker


def _drop_idle() -> None:
    oldest = time.monotonic() - _IDLE_S
    for key, (worker, used) in list(_kept.items()):
        if used < oldest or worker.closed:
            del _kept[key]


def _key(
    files: Mapping[str, bytes | Path | Mapping[str, bytes]],
    digests: Mapping[str, str],
    surroundings: tuple[object, ...],
) -> str:
    """Return a digest of everything that a worker is made of."""
    parts = [repr(surroundings)]
    for name, content in sorted(files.items()):
        if isinstance(content, bytes):
            parts.append(repr((name, "bytes", digests.get(name) or hashlib.sha256(content).hexdigest())))
        elif isinstance(content, Path):
            with content.open("rb") as file:
                parts.append(repr((name, "file", hashlib.file_digest(file, "sha256").hexdigest())))
        else:
            inner = [(path, hashlib.sha256(data).hexdigest()) for path, data in sorted(content.items())]
            parts.append(repr((name, "folder", inner)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _forget() -> None:
    """In a forked process: let go of workers that belong to the one it came from."""
    global _lock  # noqa: PLW0603 - another thread may have held the old one when this process was forked
    _lock = threading.Lock()
    _kept.clear()


os.register_at_fork(after_in_child=_forget)
