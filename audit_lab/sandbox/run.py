"""The parent's side: a worker that is given its files once, and jobs after that."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from audit_lab.errors import SandboxError, StorageError
from audit_lab.sandbox import arrow, ends
from audit_lab.sandbox.child import Gone, TooLate, TooLoud
from audit_lab.sandbox.folder import total_bytes
from audit_lab.sandbox.job import Limits, TaskResult
from audit_lab.sandbox.launch import Launch
from audit_lab.sandbox.messages import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from audit_lab.sandbox.job import Isolation, Library, PythonEnvironment

__all__ = ["Worker", "isolation_offered", "run_task"]


class Worker(contextlib.AbstractContextManager["Worker"]):
    """A child that stays: its files are handed over once, and jobs follow.

    The child starts at once and comes up while the caller goes on; the first job waits for it. Several threads may use
    one worker: their jobs come one after the other, and the tables of the next are written while one runs.

    Parameters
    ----------
    files
        What the child is given: bytes, a file (copied), or a folder as names and bytes. It never sees the originals.
    limits
        Memory for good, processor and wall time for each job; `Limits()` when omitted.
    environment
        Another interpreter environment to run in.
    threads
        Threads that libraries may use; the processors this process may use when omitted.
    must_isolate
        Refuse, before anything is handed over, where network, files, processes, system calls and user are not all
        closed by the kernel.
    libraries
        What the child imports, in this order, while the caller goes on.

    Raises
    ------
    SandboxError
        Reason ``isolation`` where it must be isolated and is not.
    StorageError
        There is no room for the files.
    """

    def __init__(
        self,
        files: Mapping[str, bytes | Path | Mapping[str, bytes]],
        *,
        limits: Limits | None = None,
        environment: PythonEnvironment | None = None,
        threads: int | None = None,
        must_isolate: bool = False,
        libraries: Sequence[Library] = (),
    ) -> None:
        self._limits = limits or Limits()
        self._threads = threads or _processors()
        self._files: Mapping[str, bytes | Path | Mapping[str, bytes]] = dict(files)
        self._paths: dict[str, str] = {}
        self._isolation: Isolation | None = None
        self._must_isolate = must_isolate
        self._lock = threading.RLock()
        if must_isolate:
            _demand(isolation_offered(environment))
        self._launch = Launch(
            self._limits,
            environment=environment,
            threads=self._threads,
            files_bytes=total_bytes(self._files),
            libraries=libraries,
        )
        self._end = weakref.finalize(self, self._launch.end)
        if must_isolate:
            self._settle()

    @property
    def closed(self) -> bool:
        """Whether the child is gone, so that no further job can be run."""
        return not self._end.alive

    def run(self, task: str, *, header: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> TaskResult:
        """Run ``module:function`` in the child and return its answer.

        Parameters
        ----------
        task
            A function ``(Job) -> Answer`` of this package, for example ``audit_lab.replay.scoring:score``.
        header, tables
            What the task is given beside the worker's files.

        Raises
        ------
        SandboxError
            With reason ``timeout``, ``memory``, ``crash``, ``output`` (no readable answer): the worker is closed then;
            or ``error`` (the task raised), after which it takes further jobs.
        StorageError
            There is no room for the tables.
        """
        started = time.monotonic()
        isolation = self.isolation()
        with self._written(tables) as paths, self._lock:
            answer = self._ask(task, header, paths)
            if "error" in answer:
                raised = ends.raised(task, _mapping(answer["error"]), self._limits)
                if raised.reason != "error":
                    self.close()
                raise raised
            if "unwritable" in answer:
                self.close()
                raise ends.unwritable(task, _mapping(answer["unwritable"]))
            result = self._read(task, answer, isolation)
            return replace(result, duration_s=time.monotonic() - started)

    @property
    def in_force(self) -> dict[str, str]:
        """What bound the child, as it found it itself, with its limits; empty where it never came so far."""
        return {} if self._isolation is None else {**self._isolation.record, **self._limits_in_words()}

    def isolation(self) -> Isolation:
        """Return what the child found in force around it; once that is known, the end of a job is not waited for."""
        if self._isolation is not None and not self.closed:
            return self._isolation
        with self._lock:
            return self._settle()

    def _settle(self) -> Isolation:
        """Wait for the child once, and hand the files over when its isolation is what it must be."""
        if self.closed:
            raise ends.closed_too_early()
        if self._isolation is None:
            import pyarrow as pa  # noqa: F401 - to read answers with: now, while the child comes up

            try:
                isolation = self._launch.settle()
                if self._must_isolate:
                    _demand(isolation)
                for name, content in self._files.items():
                    self._paths[name] = str(self._launch.folder.add_file(name, content))
                self._files = {}
                self._launch.await_ready()
            except BaseException:
                self.close()
                raise
            self._isolation = isolation
        return self._isolation

    @contextlib.contextmanager
    def _written(self, tables: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Path]]:
        """Write the tables of a job, and remove them in the end."""
        paths: dict[str, Path] = {}
        try:
            for name, frame in tables.items():
                try:
                    paths[name] = self._launch.folder.add_table(name, frame)
                except StorageError:
                    if self.closed:  # the folder went with the child
                        raise ends.closed_too_early() from None
                    raise
            yield paths
        finally:
            for path in paths.values():
                path.unlink(missing_ok=True)

    def _ask(self, task: str, header: Mapping[str, Any], paths: Mapping[str, Path]) -> dict[str, Any]:
        if self.closed:
            raise ends.closed_too_early()
        child, limits = self._launch.child, self._limits
        try:
            job = encode(
                {
                    "task": task,
                    "header": dict(header),
                    "tables": {name: str(path) for name, path in paths.items()},
                    "files": self._paths,
                    "cpu_s": None if self._launch.watched else limits.cpu_s,
                }
            )
            try:
                return child.exchange(job, wall_s=limits.wall_s, cpu_s=limits.cpu_s if self._launch.watched else None)
            except Gone:
                code = child.leave()
                raise ends.ended(task, code, child.text, limits) from None
            except TooLate as late:
                raise (ends.processor_used_up if late.args == ("processor",) else ends.too_late)(task, limits) from None
            except (TooLoud, ValueError) as error:
                raise ends.unreadable(task, str(error)) from error
            except BaseException:
                self.close()
                raise
        except SandboxError:
            self.close()
            raise

    def _read(self, task: str, answer: dict[str, Any], isolation: Isolation) -> TaskResult:
        try:
            header = {**answer["header"]}
            tables = arrow.read_tables(self._launch.child.answers, answer.get("tables"))
        except (ValueError, KeyError, TypeError, OSError) as error:
            self.close()
            raise ends.unreadable(task, str(error)) from error
        except BaseException:
            self.close()
            raise
        return TaskResult(header, tables, {**isolation.record, **self._limits_in_words()}, 0.0)

    def _limits_in_words(self) -> dict[str, str]:
        return {
            "memory_bytes": str(self._limits.memory_bytes),
            "cpu_s": str(self._limits.cpu_s),
            "wall_s": f"{self._limits.wall_s:g}",
            "threads": str(self._threads),
        }

    def close(self) -> None:
        """End the child and all it started, and remove its folder; a job in another thread has crashed then."""
        if not self._lock.acquire(blocking=False):
            self._launch.child.kill()
            self._lock.acquire()
        try:
            self._end()
        finally:
            self._lock.release()

    def __exit__(self, *_: object) -> None:
        """Close the worker."""
        self.close()

    def __enter__(self) -> Self:
        """Return the worker."""
        return self


def run_task(
    task: str,
    *,
    header: Mapping[str, Any],
    tables: Mapping[str, pl.DataFrame],
    files: Mapping[str, bytes | Path | Mapping[str, bytes]],
    limits: Limits | None = None,
    environment: PythonEnvironment | None = None,
    must_isolate: bool = False,
) -> TaskResult:
    """Run one job in a child of its own; see `Worker` for what is given and raised."""
    started = time.monotonic()
    with Worker(files, limits=limits, environment=environment, must_isolate=must_isolate) as worker:
        result = worker.run(task, header=header, tables=tables)
    return replace(result, duration_s=time.monotonic() - started)


def isolation_offered(environment: PythonEnvironment | None = None) -> Isolation:
    """Start a child that does nothing, once, and return what it found in force around it.

    Parameters
    ----------
    environment
        The interpreter environment it is asked for: where it lies decides whether an unprivileged user can read it.

    Raises
    ------
    SandboxError
        Reason ``error``: no child can be started at all.
    """
    return _offer(environment)


@cache
def _offer(environment: PythonEnvironment | None) -> Isolation:
    with Worker({}, environment=environment) as worker:
        return worker.isolation()


def _demand(isolation: Isolation) -> None:
    if isolation.missing:
        raise ends.isolation_missing(isolation.missing, isolation.record)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
