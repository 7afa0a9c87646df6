"""The side behind the walls: runs one notebook in a clean kernel, under limits, and prints how it ran.

Started as ``python -m audit_lab.evidence.rerun.inside NOTEBOOK FOLDER CELL_SECONDS PROCESSOR_SECONDS MEMORY_BYTES
PIN``, the last one being the JSON of the state that the log is kept at.
Standard output is a line of JSON for each cell that begins, ``{"begun": count}``, and a last one: ``{"executed":
text, "exhibits": list}``, ``{"failed": message}``, or, where a cell failed, ``{"failed": message, "cell": number,
"executed": text}``.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from audit_lab.errors import NotebookError

__all__ = ["main"]

_FILE_BYTES = 2_000_000_000
_OPEN_FILES = 4096


def main(arguments: list[str]) -> int:
    """Run the notebook under limits that its kernel inherits, and print what became of it."""
    notebook, folder, cell_s, cpu_s, memory_bytes, pin = arguments
    for kind, limit in (
        (resource.RLIMIT_CPU, int(cpu_s)),
        # Not RLIMIT_AS: the engine that draws charts reserves far more addresses than it uses.
        (resource.RLIMIT_DATA, int(memory_bytes)),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (value, value))
    from audit_lab.evidence.notebook_run import CellFailedError, execute_notebook
    from audit_lab.evidence.rerun.made import made_exhibits
    from audit_lab.face.pinned import LogPin

    pins = [LogPin(**json.loads(pin))]
    told: dict[str, Any]
    try:
        ran = execute_notebook(Path(notebook), Path(folder), float(cell_s), pins, _tell_begun)
        told = {"executed": ran.executed.decode(), "exhibits": made_exhibits(Path(folder))}
    except CellFailedError as error:
        told = {"failed": error.message, "cell": error.cell, "executed": error.executed.decode()}
    except NotebookError as error:
        told = {"failed": error.message}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _tell_begun(_what: str, count: int) -> None:
    sys.stdout.write(json.dumps({"begun": count}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
