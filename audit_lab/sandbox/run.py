"""The parent's side: write the job, start the child, wait within the limits, read the answer."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import SandboxError
from audit_lab.sandbox.job import Limits, PythonEnvironment, TaskResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

__all__ = ["Worker", "isolation_offered", "run_task", "warm_worker"]

_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from audit_lab.sandbox.worker import main; raise SystemExit(main(sys.argv[2]))"
)
_STDERR_TAIL = 4_000
_MEMORY_MARKS = ("MemoryError", "bad_alloc", "memory allocation of", "Cannot allocate memory", "out of memory")


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
    """Run ``module:function`` in a fresh child process and return its answer.

    Parameters
    ----------
    task
        A function ``(Job) -> Answer`` of this package, for example ``audit_lab.replay.scoring:score``.
    header, tables, files
        What the task is given. Files are copied: the child never sees the originals.
    limits
        Memory, processor and wall time; `Limits()` when omitted.

    Raises
    ------
    SandboxError
        With reason ``timeout``, ``memory``, ``crash``, ``error`` (the task raised) or ``output`` (no readable answer).
    """
    if must_isolate:
        raise SandboxError("the isolation asked for is not offered here", "Run on another machine.", "isolation")
    limits = limits or Limits()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="audit-lab-") as folder:
        work = Path(folder)
        _write_job(work, task, header=header, tables=tables, files=files, limits=limits)
        code = _run_child(work, task, limits, environment)
        answer = _read_answer(work, task, code, limits)
    return TaskResult(answer[0], answer[1], answer[2], time.monotonic() - started)


def _write_job(
    work: Path,
    task: str,
    *,
    header: Mapping[str, Any],
    tables: Mapping[str, pl.DataFrame],
    files: Mapping[str, bytes | Path | Mapping[str, bytes]],
    limits: Limits,
) -> None:
    for name, content in files.items():
        target = work / f"file-{name}"
        if isinstance(content, bytes):
            target.write_bytes(content)
        elif not isinstance(content, Path):
            for inner, data in content.items():
                (target / inner).parent.mkdir(parents=True, exist_ok=True)
                (target / inner).write_bytes(data)
        else:
            shutil.copyfile(content, target)
    for name, frame in tables.items():
        frame.write_ipc(work / f"table-{name}.arrow")
    job = {
        "task": task,
        "header": dict(header),
        "tables": sorted(tables),
        "files": sorted(files),
        "memory_bytes": limits.memory_bytes,
        "cpu_s": limits.cpu_s,
    }
    (work / "job.json").write_text(json.dumps(job))


def _run_child(work: Path, task: str, limits: Limits, environment: PythonEnvironment | None) -> int:
    """Start the child in a session of its own and wait; whatever it started dies with it."""
    package_parent = str(Path(__file__).resolve().parents[2])
    with (work / "stderr.txt").open("wb") as stderr:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and our own code; no shell, no text from a log
            [str(environment.python) if environment else sys.executable, "-I", "-c", _START, package_parent, str(work)],
            cwd=work,
            env=_environment(work),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            return child.wait(limits.wall_s)
        except subprocess.TimeoutExpired:
            raise SandboxError(
                f"the task {task} was stopped after {limits.wall_s:g} s",
                "The model hangs or needs longer: give it more time (--time-limit), or examine the artifact apart.",
                "timeout",
            ) from None
        finally:
            _kill_session(child)


def _kill_session(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _environment(work: Path) -> dict[str, str]:
    threads = str(os.cpu_count() or 1)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
    return {
        "HOME": str(work),
        "TMPDIR": str(work),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(work / "numba"),
        "MPLCONFIGDIR": str(work / "matplotlib"),
        **dict.fromkeys(names, threads),
    }


def _read_answer(
    work: Path, task: str, code: int, limits: Limits
) -> tuple[dict[str, Any], dict[str, pl.DataFrame], dict[str, str]]:
    import polars as pl

    error = (work / "stderr.txt").read_bytes()[-_STDERR_TAIL:].decode("utf-8", "replace").strip()
    reply = work / "answer.json"
    if not reply.is_file():
        raise _death(task, code, error, limits)
    try:
        answer = json.loads(reply.read_text("utf-8"))
        if "error" in answer:
            raise _task_error(task, answer["error"], limits)
        tables = {str(name): pl.read_ipc(work / f"answer-{name}.arrow") for name in answer["tables"]}
        return dict(answer["header"]), tables, {str(k): str(v) for k, v in answer["isolation"].items()}
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as error_:
        raise SandboxError(
            f"the task {task} left an answer that cannot be read ({type(error_).__name__})",
            "Treat the artifact as hostile: examine it apart from this machine.",
            "output",
        ) from error_


def _task_error(task: str, error: dict[str, Any], limits: Limits) -> SandboxError:
    if error.get("type") == "MemoryError" or any(mark in str(error.get("message")) for mark in _MEMORY_MARKS):
        return _memory_error(task, limits)
    return SandboxError(
        f"the task {task} raised {error.get('type')}: {error.get('message')}",
        "The model or its inputs do not fit together in this environment: compare the recorded runtime with this one.",
        "error",
    )


def _memory_error(task: str, limits: Limits) -> SandboxError:
    return SandboxError(
        f"the task {task} wanted more than its {limits.memory_bytes / 1e9:.1f} GB of memory",
        "Give it more (--memory-limit), or examine the artifact apart: an honest model of this kind needs less.",
        "memory",
    )


def _death(task: str, code: int, error: str, limits: Limits) -> SandboxError:
    if -code == signal.SIGXCPU:
        return SandboxError(
            f"the task {task} used up its {limits.cpu_s} s of processor time",
            "The model hangs or needs longer: give it more time (--time-limit), or examine the artifact apart.",
            "timeout",
        )
    if any(mark in error for mark in _MEMORY_MARKS):
        return _memory_error(task, limits)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    last = error.splitlines()[-1] if error else "no message"
    return SandboxError(
        f"the task {task} died with {how}: {last}",
        "The artifact crashes its library: compare the recorded runtime with this one, and treat the file with care.",
        "crash",
    )


class Worker(contextlib.AbstractContextManager["Worker"]):
    """A child that was given its files once; jobs follow."""

    def __init__(
        self,
        files: Mapping[str, bytes | Path | Mapping[str, bytes]],
        *,
        limits: Limits | None = None,
        environment: PythonEnvironment | None = None,
        threads: int | None = None,
        must_isolate: bool = False,
    ) -> None:
        self._files = dict(files)
        self._limits = limits
        self._environment = environment
        self._threads = threads
        self._must_isolate = must_isolate

    def run(self, task: str, *, header: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> TaskResult:
        """Run one job."""
        return run_task(
            task,
            header=header,
            tables=tables,
            files=self._files,
            limits=self._limits,
            environment=self._environment,
            must_isolate=self._must_isolate,
        )

    def close(self) -> None:
        """End the child."""

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def warm_worker(
    files: Mapping[str, bytes | Path | Mapping[str, bytes]],
    *,
    limits: Limits | None = None,
    environment: PythonEnvironment | None = None,
    must_isolate: bool = False,
) -> Worker:
    """Return a worker for these files, kept between calls."""
    return Worker(files, limits=limits, environment=environment, must_isolate=must_isolate)


def isolation_offered() -> dict[str, str]:
    """Return what is in force in a child that does nothing."""
    return run_task("audit_lab.sandbox.probe:report", header={}, tables={}, files={}).isolation
