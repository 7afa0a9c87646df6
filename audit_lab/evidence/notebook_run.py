"""Runs a notebook from a clean kernel, in the interpreter that is running, so that two runs give equal bytes."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.case.casefile import CASES_VARIABLE
from audit_lab.errors import MisuseError, NotebookError
from audit_lab.evidence.clean_folder import clean_folder
from audit_lab.evidence.environment import KERNEL_SETTINGS
from audit_lab.evidence.notebook_html import render_html, renderer
from audit_lab.evidence.own_thread import run_in_own_thread
from audit_lab.face.opening import PINS_VARIABLE
from audit_lab.log.time_anchors.remembered import REMEMBERED_VARIABLE
from audit_lab.replay.environment.environment_cache import EnvironmentCache
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.face.pinned import LogPin
    from audit_lab.verifier.predicate import AttestedNotebook

__all__ = ["CASES_FOLDER", "RUN_VARIABLE", "CellFailedError", "ExecutedNotebook", "execute_notebook"]

#: Set in the kernel of a notebook that is being run for an export.
RUN_VARIABLE = "AUDIT_LAB_EXPORTING"
#: Where in the folder of a run the cases stand that its notebook makes.
CASES_FOLDER = "cases"

#: What the content of a key file holds: an output could show it, and no notebook needs it.
_PRIVATE_KEY = "PRIVATE KEY-----"

_ABOUT_KERNEL = {"display_name": "Python 3", "language": "python"}
_WIDGET_KINDS = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: The first place in a cell that a traceback of the kernel names is the line that the cell itself was at.
_CELL_LINE = re.compile(r"Cell In\[[0-9]+\], line ([0-9]+)")
_LONGEST_ERROR = 300
#: What a cell raises that looks for what stands beside its notebook, or for a log whose path cannot be read from it.
_MISSING = frozenset({"FileNotFoundError", "MisuseError", "ModuleNotFoundError"})
_IN_CLEAN_FOLDER = (
    " (it ran in a clean folder, where nothing stands but the logs that its source names in al.open; if it needs what "
    "stands beside it: --own-folder, in Python own_folder=True)"
)
_CACHE, _PINS, _REMEMBERED, _WORLD = "cache", "pins", "remembered", "world"
_IPYTHON, _RUNTIME, _TEMPORARY = _KERNEL_FOLDERS = ("ipython", "runtime", "tmp")


@dataclass(frozen=True)
class ExecutedNotebook:
    """A notebook's source file, the notebook as it ran, its rendering, and the folder it ran in: clean, or its own."""

    source: bytes
    executed: bytes
    html: bytes
    renderer: str
    folder: Path = Path()
    is_clean: bool = True

    def attested(self) -> AttestedNotebook:
        """Return the digests that an attestation states of it."""
        from audit_lab.verifier.predicate import AttestedNotebook

        return AttestedNotebook(sha256(self.source), sha256(self.executed), sha256(self.html), self.renderer)


class CellFailedError(NotebookError):
    """A cell raised, took too long or ended its kernel; `executed` is the notebook up to there, `cell` its number."""

    def __init__(self, message: str, next_step: str, cell: int, executed: bytes) -> None:
        super().__init__(message, next_step)
        self.cell, self.executed = cell, executed


def execute_notebook(
    path: Path,
    folder: Path,
    timeout_s: float = 600.0,
    pins: Sequence[LogPin] = (),
    progress: Callable[[str, int], None] | None = None,
    *,
    own_folder: bool = False,
    log: Path | None = None,
) -> ExecutedNotebook:
    """Run every cell of a notebook in a clean kernel and a clean folder, and render it.

    The kernel is the running interpreter, without start-up files, with fixed seeds and thread counts. It starts in an
    empty folder, from which the relative paths hold by which the notebook's source opens logs, and no others. Nothing
    that it needs or makes stands outside `folder`, but the logs. A log that it opens stays in the state in which it was
    first opened, or that `pins` names, and is verified without what the user remembers of it: a stranger's second run
    remembers nothing.

    Parameters
    ----------
    path
        The ``.ipynb`` file; it is not changed.
    folder
        An empty folder, for the cases that the notebook makes (in ``cases``) and for all that its kernel writes.
    timeout_s
        The longest that one cell may take.
    pins
        The states of logs that it is to run against.
    progress
        Called in another thread as each cell begins: which of how many it is, and 1.
    own_folder
        Whether it runs in its own folder instead, where it finds whatever stands beside it.
    log
        The log that it is to find in the place of the one that it opens.

    Raises
    ------
    NotebookError
        The file is no notebook, or, as `CellFailedError`, a cell failed, took too long or killed its kernel.
    MisuseError
        A log was given, and the notebook does not open exactly one by a relative path; or it runs in its own folder.
    """
    if own_folder and log is not None:
        raise MisuseError("another log can be put in its place in a clean folder only", "Leave one of the two out.")
    source, notebook = _read(path)
    home = path.resolve().parent
    for name in (CASES_FOLDER, _PINS, *_KERNEL_FOLDERS):
        (folder / name).mkdir(mode=0o700)
    for pin in pins:
        pin.write(folder / _PINS)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    place = home if own_folder else clean_folder(folder.resolve() / _WORLD, code, home, log)
    _run(_Run(path, folder.resolve(), place, timeout_s, not own_folder), notebook, progress or _nothing)
    executed = _normalised(notebook)
    return ExecutedNotebook(source, executed, render_html(executed), renderer(), place, not own_folder)


def _read(path: Path) -> tuple[bytes, Any]:
    import nbformat

    try:
        source = path.read_bytes()
    except OSError as error:
        raise NotebookError(f"The notebook {path} cannot be read ({error.strerror})", "Give an .ipynb file") from error
    try:
        notebook = nbformat.reads(_with_cell_ids(source), as_version=4)
        nbformat.validate(notebook)
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        first = str(error).strip().split("\n")[0][:_LONGEST_ERROR]
        raise NotebookError(f"{path} is not a notebook ({first})", "Save it again from Jupyter") from error
    return source, notebook


def _with_cell_ids(source: bytes) -> str:
    """Return the notebook as format 4.5 text in which every cell has an id; one that lacks it is named by position."""
    import json

    value = json.loads(source.decode("utf-8"))
    if value.get("nbformat") == 4:  # noqa: PLR2004 - the format's own version number
        value["nbformat_minor"] = max(5, value.get("nbformat_minor", 0))
        for number, cell in enumerate(value.get("cells", []), start=1):
            cell.setdefault("id", f"cell-{number}")
    return json.dumps(value)


def _nothing(_what: str, _count: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class _Run:
    """A notebook that is run: its file, the folder of the run, the one that its kernel starts in, a cell's limit."""

    path: Path
    folder: Path
    start: Path
    timeout_s: float
    is_clean: bool

    def cell_error(self, notebook: Any, index: int, what: str, name: str = "", line: int = 0) -> CellFailedError:
        """Return the error of a cell, which shows the line that failed, from 1; where none is known, its first one."""
        lines = notebook.cells[index].source.split("\n")
        known = 0 < line <= len(lines)
        shown = lines[line - 1] if known else next((each for each in lines if each.strip()), "")
        place = f"line {line}, " if known and len(lines) > 1 else ""
        reason = _ANSI.sub("", what).strip().split("\n")[0][:_LONGEST_ERROR]
        hint = _IN_CLEAN_FOLDER if self.is_clean and name in _MISSING else ""
        return CellFailedError(
            f"Cell {index + 1} of {self.path.name} ({place}{shown.strip()[:100]!r}) failed: {reason}",
            f"Correct the cell and export again{hint}; nothing was exported",
            index + 1,
            _normalised(notebook),
        )


def _failed_line(traceback: str) -> int:
    """Return the line of its cell at which a cell failed, as the kernel tells it; 0 where it does not."""
    found = _CELL_LINE.search(_ANSI.sub("", traceback))
    return int(found[1]) if found is not None else 0


def _run(run: _Run, notebook: Any, progress: Callable[[str, int], None]) -> None:
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    class OwnKernel(KernelSpecManager):
        """Knows one kernel: the running interpreter, whatever kernels the user installed."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:  # noqa: ARG002 - part of the interface
            launch = ["-m", "ipykernel_launcher", "--HistoryManager.enabled=False", "-f", "{connection_file}"]
            return KernelSpec(
                argv=[sys.executable, "-Xfrozen_modules=off", *launch],
                metadata={"supported_encryption": ["curve"]},
                **_ABOUT_KERNEL,
            )

    started = 0

    def note_start(cell_index: int, **_: Any) -> None:
        nonlocal started
        started = cell_index
        progress(f"cell {cell_index + 1} of {len(notebook.cells)}", 1)

    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=OwnKernel(),
            transport_encryption="auto",
            connection_file=str(run.folder / _RUNTIME / "kernel.json"),
        ),
        resources={"metadata": {"path": str(run.start)}},
        timeout=run.timeout_s,
        record_timing=False,
        shutdown_kernel="immediate",
        store_widget_state=False,
        coalesce_streams=True,
        on_cell_start=note_start,
    )
    try:
        run_in_own_thread(client.async_execute(cleanup_kc=True, env=_kernel_environment(run.folder)))
    except CellExecutionError as error:
        what = f"{error.ename}: {error.evalue}"
        raise run.cell_error(notebook, started, what, error.ename, _failed_line(error.traceback)) from error
    except CellTimeoutError as error:
        raise run.cell_error(notebook, started, f"it took longer than {run.timeout_s:g} s") from error
    except DeadKernelError as error:
        raise run.cell_error(notebook, started, "the kernel died") from error


def _kernel_environment(folder: Path) -> dict[str, str]:
    """Return the environment of the kernel: the caller's but for keys, seeds fixed and start-up files out of reach."""
    temporary = str(folder / _TEMPORARY)
    _make_cache(folder / _CACHE)
    return {
        **{name: value for name, value in os.environ.items() if _PRIVATE_KEY not in value},
        **KERNEL_SETTINGS,
        CASES_VARIABLE: str(folder / CASES_FOLDER),
        RUN_VARIABLE: "1",
        PINS_VARIABLE: str(folder / _PINS),
        REMEMBERED_VARIABLE: str(folder / _REMEMBERED),
        "IPYTHONDIR": str(folder / _IPYTHON),
        "JUPYTER_RUNTIME_DIR": str(folder / _RUNTIME),
        "XDG_CACHE_HOME": str(folder / _CACHE),
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
        "NO_COLOR": "1",
    }


def _make_cache(cache: Path) -> None:
    """Make an empty cache, so that no output depends on what was asked before; built environments are shared."""
    kept = cache / "audit_lab"
    kept.mkdir(mode=0o700, parents=True)
    built = EnvironmentCache().folder
    if built.is_dir():
        (kept / built.name).symlink_to(built.absolute(), target_is_directory=True)


def _normalised(notebook: Any) -> bytes:
    """Return the bytes of the executed notebook without what differs from run to run (widgets, names, times)."""
    import nbformat

    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {**_ABOUT_KERNEL, "name": "python3"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            for kind in _WIDGET_KINDS:
                if kind in output.get("data", {}) and len(output["data"]) > 1:
                    del output["data"][kind]
    text: str = nbformat.writes(notebook)
    return (text.rstrip("\n") + "\n").encode()
