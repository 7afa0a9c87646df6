"""The child's side: be shut in, then take one job after the other until the parent hangs up.

The interpreter starts without its site packages, so that nothing an environment brings along runs before the walls
stand; they are added afterwards.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.sandbox.imports import import_ahead
from audit_lab.sandbox.messages import encode, receive, send, write

if TYPE_CHECKING:
    import polars as pl

    from audit_lab.sandbox.job import Answer

__all__ = ["main"]

_TASK_PACKAGE = "audit_lab."
_LONGEST_TEXT = 500


def main(down: int, up: int, answers: int) -> None:
    """Serve the parent at the other end of the pipes; tables go into the open file `answers`."""
    start = receive(down)
    if start is None:
        os._exit(1)
    from audit_lab.sandbox.walls.shut import Plan, shut_in

    send(up, shut_in(Plan.of(start["plan"])))
    try:
        _find_libraries(start["overlay"], start["libraries"])
    except Exception as error:  # noqa: BLE001 - an environment may fail in any way; the parent is told which
        send(up, {"failed": _told(error)})
        os._exit(1)
    send(up, {"ready": True})
    failed = import_ahead(start["libraries"])
    while (job := receive(down)) is not None:
        write(up, encode({"error": _told(failed)}) if failed is not None else _reply(job, answers))
    os._exit(0)  # no exit handlers of a library that met a hostile file


def _find_libraries(overlay: list[str], libraries: list[tuple[str, list[str]]]) -> None:
    """Add the site packages, the overlay before them, and load what every job needs.

    Of further libraries those that are to come before polars are loaded now, the rest once the parent was told.
    """
    ours = sys.path.pop(0)
    import site

    site.main()
    sys.path[:0] = [*overlay, ours]
    names = [name for name, _ in libraries]
    import_ahead(libraries[: names.index("polars") if "polars" in names else 0])
    importlib.import_module("polars")  # here, and not within the first job's time
    with contextlib.suppress(ImportError):
        importlib.import_module("numpy")  # so that its generator can be seeded


def _reply(job: dict[str, Any], answers: int) -> bytes:
    try:
        answer = _run(job)
    except BaseException as error:  # noqa: BLE001 - whatever the task raised, a panic of polars too, becomes its answer
        return encode({"error": _told(error)})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    try:
        return encode({"header": answer.header, "tables": _write(answer.tables, answers)})
    except Exception as error:  # noqa: BLE001 - an answer that cannot be written down is told as one
        return encode({"unwritable": _told(error)})


def _told(error: BaseException) -> dict[str, str]:
    return {"type": type(error).__name__, "message": " ".join(str(error).split())[:_LONGEST_TEXT]}


def _run(job: dict[str, Any]) -> Answer:
    import polars as pl

    from audit_lab.sandbox.job import Answer, Job

    module_name, _, function = job["task"].partition(":")
    if not module_name.startswith(_TASK_PACKAGE):
        message = f"{module_name} is not a task of this package"
        raise ValueError(message)
    task = getattr(importlib.import_module(module_name), function)
    tables = {name: pl.read_ipc_stream(path) for name, path in job["tables"].items()}
    if job["cpu_s"] is not None:
        _limit_processor(job["cpu_s"])
    _seed()
    answer = task(Job(job["header"], tables, {name: Path(path) for name, path in job["files"].items()}))
    if not isinstance(answer, Answer):
        message = f"the task answered {type(answer).__name__}"
        raise TypeError(message)
    return answer


def _limit_processor(cpu_s: int) -> None:
    """Bind this job only: the time used so far does not count."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _seed() -> None:
    random.seed(0)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)


def _write(tables: dict[str, pl.DataFrame], descriptor: int) -> list[list[Any]]:
    """Write the frames one after the other; return the name, the start and the length of each."""
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    places: list[list[Any]] = []
    for name, frame in sorted(tables.items()):
        start = os.lseek(descriptor, 0, os.SEEK_CUR)
        with os.fdopen(os.dup(descriptor), "wb") as file:
            frame.write_ipc_stream(file, compression="uncompressed")
        places.append([name, start, os.lseek(descriptor, 0, os.SEEK_CUR) - start])
    return places
