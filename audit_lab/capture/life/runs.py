"""A training or an evaluation, from its start to its end, failed or not."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import platform
import subprocess
import uuid
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from audit_lab.capture.life.rows import life_rows, node_name, utc_time, written
from audit_lab.capture.life.said import blank, measured_faults, refuse
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from audit_lab.log.writing.receipt import Receipt

__all__ = ["Run", "current_run", "record_evaluation", "record_past_run", "record_run", "recorded_run"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_LONGEST_ERROR = 2_000
_GIT_S = 10
_PAIR = 2


#: The run that goes on where the code runs: in its thread, or its task.
_CURRENT: ContextVar[Run | None] = ContextVar("audit_lab run", default=None)


class Run:
    """A run that is going on: what it says of itself is written when it ends.

    Attributes
    ----------
    run_id
        Its id.
    receipt
        What was sealed; None until it ended.
    """

    def __init__(self, run_id: str, about: dict[str, Any]) -> None:
        self.run_id = run_id
        self.receipt: Receipt | None = None
        self._about = about
        self._metrics: list[dict[str, Any]] = []
        self._edges: list[tuple[str, str, str]] = []

    def metric(self, checkpoint: str | int | None = None, **values: float) -> None:
        """Note metrics, of the whole run or of a checkpoint."""
        self.note({"checkpoint": checkpoint, **values} if checkpoint is not None else dict(values))

    def note(self, metrics: Any) -> None:
        """Note metrics that are a mapping or a list already."""
        self._metrics.append(metrics)

    def evaluated(self, model: str, version: str) -> None:
        """Note a model version that was evaluated."""
        self._edges.append((node_name("run", self.run_id), "used", node_name("model", model, version)))

    def used(self, dataset_id: str, version: str) -> None:
        """Note a data set that went in."""
        name = f"{dataset_id}@{version}"
        self._about.setdefault("datasets_in", []).append(name)
        self._edges.append((node_name("run", self.run_id), "used", node_name("dataset", dataset_id, version)))

    def produced(self, dataset_id: str, version: str) -> None:
        """Note a data set that came out."""
        name = f"{dataset_id}@{version}"
        self._about.setdefault("datasets_out", []).append(name)
        self._edges.append((node_name("dataset", dataset_id, version), "wasGeneratedBy", node_name("run", self.run_id)))

    def rows(
        self, started: datetime | str, ended: datetime | str, error: str | None
    ) -> dict[str, list[Mapping[str, Any]]]:
        """Return the rows that say what it was."""
        metrics: Any = self._metrics[0] if len(self._metrics) == 1 else self._metrics or None
        row = {"run_id": self.run_id, "started_at": started, "ended_at": ended, "metrics": metrics, **self._about}
        what = f"{row['kind']} run {self.run_id}"
        event = {
            "event_id": str(uuid.uuid4()),
            "at": ended,
            "kind": str(row["kind"]) if error is None else "failed-job",
            "severity": "info" if error is None else "error",
            "subject_kind": "run",
            "subject": self.run_id,
            "summary": f"{what} ended" if error is None else f"{what} failed: {error}",
        }
        edges: list[Mapping[str, Any]] = [
            {
                "edge_id": f"{source}>{relation}>{target}",
                "from_node": source,
                "to_node": target,
                "relation": relation,
                "at": ended,
                "run_id": self.run_id,
            }
            for source, relation, target in dict.fromkeys(self._edges)
        ]
        return {"runs": [row], "events": [event], "lineage": edges}


@contextmanager
def record_run(
    log: str | Path,
    run_id: str | None = None,
    *,
    kind: str = "training",
    datasets_in: Sequence[tuple[str, str]] = (),
    packages: Sequence[str] = (),
    code_commit: str | None = None,
    repository: str | Path = ".",
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    **more: Any,
) -> Iterator[Run]:
    """Record what happens in a ``with`` block as one run; a run that raises is recorded as failed, and raises.

    Parameters
    ----------
    log
        The folder of a sealed log.
    run_id
        Its id; one is made otherwise.
    kind
        ``training``, ``evaluation`` or ``retraining``.
    datasets_in
        Id and version of each data set that goes in.
    packages
        Packages whose versions are noted beside Python's.
    code_commit
        The commit of the code; that of the Git repository around `repository` unless told, with ``+changes`` where
        files of it were changed since.
    repository
        A folder of the code.
    vault, passphrase
        As for `audit_lab.open_writer`.
    more
        ``hyperparameters``, ``seeds``, ``pipeline_id``, ``reason``, ``cost``, ``environment``, ``hardware``.

    Yields
    ------
    Run
        Takes metrics and data sets.

    Raises
    ------
    MisuseError
        There is no such log, or a value has no such column, or another type: told before the block runs, and of what
        the block adds, when it ends.
    """
    about: dict[str, Any] = {
        "kind": kind,
        "code_commit": code_commit or _commit(Path(repository)),
        "environment": {
            "python": platform.python_version(),
            "packages": {name: importlib.metadata.version(name) for name in packages},
        },
        "hardware": {"machine": platform.machine(), "system": platform.platform(), "processors": os.cpu_count()},
        **more,
    }
    run = Run(run_id or f"run-{uuid.uuid4()}", about)
    for dataset_id, version in _pairs("datasets_in", datasets_in):
        run.used(dataset_id, version)
    started = datetime.now(UTC)

    def record(error: str | None) -> None:
        with written(log, vault=vault, passphrase=passphrase) as writing:
            run.receipt = writing.append(run.rows(started, datetime.now(UTC), error))

    with written(log, vault=vault, passphrase=passphrase):  # what cannot be recorded is told before a day of training
        for table, rows in run.rows(started, started, None).items():
            life_rows(table, rows)
    token = _CURRENT.set(run)
    try:
        try:
            yield run
        finally:
            with suppress(ValueError):  # a block that ends in another context than it began in
                _CURRENT.reset(token)
    except BaseException as raised:
        try:
            record(f"{type(raised).__name__}: {raised}"[:_LONGEST_ERROR])
        except Exception as unrecorded:  # noqa: BLE001 - whatever it is, it must not hide what the block raised
            raised.add_note(f"The run {run.run_id} is not in the log: {unrecorded}")
        raise
    record(None)


def current_run() -> Run:
    """Return the run that goes on here, innermost first: a function that is a `recorded_run` notes metrics with it.

    A thread that the function starts has none: hand the run over to it.

    Raises
    ------
    MisuseError
        None does.
    """
    run = _CURRENT.get()
    if run is None:
        raise MisuseError("no run goes on here", "Call it in a function under recorded_run, or a record_run block.")
    return run


def recorded_run(log: str | Path, **options: Any) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Return a decorator that records each call of a function as a run; `options` are those of `record_run`.

    The function notes metrics and data sets with `current_run`. Of a coroutine a run ends when it does.
    With a `run_id`, the function can be called once.

    Raises
    ------
    MisuseError
        The function is a generator, whose end nobody can tell; or a call is a second one by the same `run_id`.
    """
    called: list[str] = []

    def check() -> None:
        if options.get("run_id") is not None and called:
            message = f"the run {options['run_id']} is recorded already, and a second call is another run"
            raise MisuseError(message, "Leave out run_id: each call then gets an id of its own.")
        called.append("once")

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            message = f"{getattr(function, '__qualname__', function)} is a generator, whose end nobody can tell"
            raise MisuseError(message, "Use `with record_run(...)` around what goes through it.")
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*arguments: Any, **named: Any) -> Any:
                check()
                with record_run(log, **options):
                    return await function(*arguments, **named)

            return cast("Callable[_P, _R]", awaited)

        @wraps(function)
        def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
            check()
            with record_run(log, **options):
                return function(*arguments, **named)

        return call

    return decorate


def record_past_run(
    log: str | Path,
    *,
    run_id: str,
    started_at: datetime | str,
    ended_at: datetime | str,
    kind: str = "training",
    datasets_in: Sequence[Sequence[str]] = (),
    datasets_out: Sequence[Sequence[str]] = (),
    metrics: Any = None,
    error: str | None = None,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    **more: Any,
) -> Receipt:
    """Record a run that is over, of which somebody else noted the times; the rest is as in `record_run`.

    Nothing is asked of this machine: commit, environment and hardware are what `more` says.

    Raises
    ------
    MisuseError
        A value has no such column, or another type; it ended before it began.
    """
    began, ended = utc_time("started_at", started_at), utc_time("ended_at", ended_at)
    if ended < began:
        message = f"the run {run_id} ended at {ended.isoformat()}, before it began at {began.isoformat()}"
        raise MisuseError(message, "Correct started_at or ended_at.")
    run = Run(run_id, {"kind": kind, **more})
    for name, version in _pairs("datasets_in", datasets_in):
        run.used(name, version)
    for name, version in _pairs("datasets_out", datasets_out):
        run.produced(name, version)
    if metrics is not None:
        run.note(metrics)
    with written(log, vault=vault, passphrase=passphrase) as writing:
        return writing.append(run.rows(started_at, ended_at, error))


def record_evaluation(
    log: str | Path,
    model: str,
    version: str,
    metrics: Mapping[str, Any],
    *,
    datasets: Sequence[Sequence[str]] = (),
    run_id: str | None = None,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    **more: Any,
) -> Receipt:
    """Record what an evaluation of a model version found.

    Parameters
    ----------
    log, run_id, vault, passphrase
        As for `record_run`.
    model, version
        What was evaluated.
    metrics
        Name to value; kept as JSON.
    datasets
        Id and version of each data set that it was measured on.
    more
        As for `record_run`.

    Raises
    ------
    MisuseError
        A value has no such column, or another type; the metrics have no names or no values, or the model none.
    """
    if not isinstance(metrics, Mapping) or not metrics:
        message = f"what an evaluation of {model} {version} found has no names: {str(metrics)[:80]!a}"
        raise MisuseError(message, 'Give {"roc_auc": 0.7}.')
    faults = [*blank(model=model, version=version), *measured_faults("metrics", metrics)]
    refuse("the evaluation", faults, 'Say which version it is of, and what was measured: {"roc_auc": 0.7}.')
    run = Run(run_id or f"run-{uuid.uuid4()}", {"kind": "evaluation", **more})
    for name, its_version in _pairs("datasets", datasets):
        run.used(name, its_version)
    run.evaluated(model, version)
    run.note(dict(metrics))
    now = datetime.now(UTC)
    with written(log, vault=vault, passphrase=passphrase) as writing:
        return writing.append(run.rows(now, now, None))


def _pairs(what: str, given: Any) -> list[tuple[str, str]]:
    """Return data sets, each by id and version."""
    are_lists = isinstance(given, list | tuple) and all(isinstance(each, list | tuple) for each in given)
    if not are_lists or not all(len(each) == _PAIR and all(isinstance(part, str) for part in each) for each in given):
        raise MisuseError(
            f"{what} are no data sets with their versions: {str(given)[:80]!a}", 'Give [["loans", "2026-01"]].'
        )
    return [(name, version) for name, version in given]


def _commit(folder: Path) -> str | None:
    """Return the commit that a folder of code is at; None where Git does not know it."""

    def git(*words: str) -> str | None:
        try:
            said = subprocess.run(  # noqa: S603 (of words that are written here)
                ["git", "-C", str(folder), *words],  # noqa: S607 (Git is where the user has it)
                capture_output=True,
                text=True,
                timeout=_GIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return said.stdout.strip() if said.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if not commit:
        return None
    return f"{commit}+changes" if git("status", "--porcelain", "--untracked-files=no") else commit
