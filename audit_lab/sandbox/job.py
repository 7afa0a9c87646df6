"""What crosses the border of the sandbox: a job in, an answer out, and the limits between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

__all__ = ["Answer", "Isolation", "Job", "Library", "Limits", "PythonEnvironment", "TaskResult"]


@dataclass(frozen=True)
class Limits:
    """What a child process may use.

    Parameters
    ----------
    memory_bytes
        Address space (RLIMIT_AS); the libraries themselves map about 2 GB.
    cpu_s
        Processor seconds of one job over all threads, watched by the parent.
    wall_s
        Seconds of one job by the clock, after which the child and all it started are killed.
    """

    memory_bytes: int = 8_000_000_000
    cpu_s: int = 600
    wall_s: float = 300.0


@dataclass(frozen=True)
class PythonEnvironment:
    """Another interpreter environment to run the worker in, such as one built from a recorded lock.

    Parameters
    ----------
    name
        For messages and records.
    python
        Its interpreter, of Python 3.11 or later.
    folders
        Further folders that the child needs to read, such as those of the base interpreter.
    overlay
        Folders that come first on ``sys.path``; one of them holds polars where the environment itself has none.
    """

    name: str
    python: Path
    folders: tuple[Path, ...] = ()
    overlay: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Library:
    """A module that a child imports while it waits for its first job.

    Parameters
    ----------
    name
        The module. Without it installed, the job that needs it tells.
    hidden
        Modules that it does without where they are not installed, hidden from it: what they are for is not used in a
        child, and importing them takes most of the time.
    """

    name: str
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Isolation:
    """What a child found in force around it before anything was handed to it.

    Parameters
    ----------
    record
        What binds, in words: ``network``, ``files``, ``processes``, ``system_calls``, ``user`` and ``started_by``.
    missing
        Those of the first five that the kernel does not enforce, or not wholly.
    """

    record: dict[str, str]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """What a task is given: a JSON header, named frames and named files or folders (private copies)."""

    header: dict[str, Any]
    tables: dict[str, pl.DataFrame]
    files: dict[str, Path]


@dataclass(frozen=True)
class Answer:
    """What a task hands back: a JSON header and named frames."""

    header: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskResult:
    """An answer as the parent received it, with the isolation that was in force and the time it took.

    `isolation` holds `Isolation.record` and the limits: ``memory_bytes``, ``cpu_s``, ``wall_s`` and ``threads``.
    """

    header: dict[str, Any]
    tables: dict[str, pl.DataFrame]
    isolation: dict[str, str]
    duration_s: float
