"""The child's side: shut the doors, load the one task that was named, run it, write the answer."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

_TASK_PACKAGE = "audit_lab."


def main(folder: str) -> int:
    """Run the job that lies in `folder`; return 0 when an answer, good or bad, was written."""
    work = Path(folder)
    job = json.loads((work / "job.json").read_text("utf-8"))
    from audit_lab.sandbox.isolation import isolate

    isolation = isolate(work, job["memory_bytes"], job["cpu_s"])
    try:
        reply = _run(work, job, isolation)
    except Exception as error:  # noqa: BLE001 - whatever the task raised becomes its answer
        reply = {"error": {"type": type(error).__name__, "message": " ".join(str(error).split())[:500]}}
    aside = work / "answer.json.tmp"
    aside.write_text(json.dumps(reply), "utf-8")
    aside.replace(work / "answer.json")
    sys.stderr.flush()
    os._exit(0)  # no exit handlers of a library that met a hostile file


def _run(work: Path, job: dict[str, Any], isolation: dict[str, str]) -> dict[str, Any]:
    import polars as pl

    from audit_lab.sandbox.job import Job

    module_name, _, function = job["task"].partition(":")
    if not module_name.startswith(_TASK_PACKAGE):
        message = f"{module_name} is not a task of this package"
        raise ValueError(message)
    task = getattr(importlib.import_module(module_name), function)
    tables = {name: pl.read_ipc(work / f"table-{name}.arrow") for name in job["tables"]}
    files = {name: work / f"file-{name}" for name in job["files"]}
    answer = task(Job(job["header"], tables, files))
    for name, frame in answer.tables.items():
        frame.write_ipc(work / f"answer-{name}.arrow")
    return {"header": answer.header, "tables": sorted(answer.tables), "isolation": isolation}
