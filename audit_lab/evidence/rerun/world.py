"""The place in which a notebook of somebody else's runs: no network, nothing to write to, only the log to read."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError, SandboxError
from audit_lab.evidence.export_folder import room_in
from audit_lab.evidence.rerun.log_place import NOTEBOOK_FOLDER
from audit_lab.evidence.rerun.log_view import as_it_was
from audit_lab.sandbox import bubblewrap, surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import PurePath

    from audit_lab.face.pinned import LogPin
    from audit_lab.sandbox import PythonEnvironment

__all__ = ["WALLS", "RerunLimits", "ShownLog", "run_behind_walls"]

#: What stands around the notebook, for the report.
WALLS = (
    "bubblewrap: no network, an own process namespace, no file but the interpreter, its libraries and the log, all "
    "read-only, as a user without rights; no system call filter, since the notebook's replays start children"
)
_HOME, _WORK = "/rerun/home", "/rerun/work"
_NOTEBOOK = NOTEBOOK_FOLDER / "investigation.ipynb"
_PACKAGE = PurePosixPath("/rerun/package/audit_lab")
_USER = 61_999
_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
#: As root: what the first program inside needs to mount /proc and to become an ordinary user, which ends them all.
_RIGHTS = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
_STEP_DOWN = (
    "mount -t proc proc /proc && exec setpriv --reuid {user} --regid {user} --clear-groups --bounding-set -all "
    '--inh-caps -all --no-new-privs "$@"'
)
_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
_TICK_S = 0.5
_MOST_LINES_BYTES, _BEGUN = 1_000_000, b'{"begun": '
#: What the side behind the walls may answer: members and their types.
_ANSWERS = ({"executed": str, "exhibits": list}, {"failed": str}, {"failed": str, "cell": int, "executed": str})
_LONGEST_ANSWER = 500_000_000
_SAID_BYTES = 2_000
_NEXT = "Install bubblewrap and allow user namespaces (docs/sandbox.md), or re-run where they are"


@dataclass(frozen=True)
class RerunLimits:
    """What a re-run may use.

    Parameters
    ----------
    wall_s
        Seconds by the clock for the whole notebook, and for each cell.
    cpu_s
        Processor seconds of each process.
    memory_bytes
        Data that each process may hold.
    disk_bytes
        What it may write, in memory, to folders that vanish with it.
    """

    wall_s: float = 1800.0
    cpu_s: int = 1800
    memory_bytes: int = 8_000_000_000
    disk_bytes: int = 2_000_000_000


@dataclass(frozen=True)
class ShownLog:
    """The log as the notebook sees it: read-only.

    Parameters
    ----------
    folder
        Where it stands.
    place
        Where the notebook sees it.
    pin
        The state that it is kept at: what was written to it since is not there.
    """

    folder: Path
    place: PurePosixPath
    pin: LogPin


def run_behind_walls(
    notebook: bytes,
    log: ShownLog,
    limits: RerunLimits,
    progress: Callable[[str, int], None] | None = None,
    environment: PythonEnvironment | None = None,
) -> dict[str, Any]:
    """Run a notebook and return ``{"executed": text, "exhibits": list}``, or ``{"failed": message}``.

    Where a cell failed, the latter has its number as ``cell``, and the notebook up to there as ``executed``.

    Parameters
    ----------
    notebook
        The bytes of its file.
    log
        The log that it opens.
    limits
        What it may use; when the time is over, it and all that it started are killed.
    progress
        Called as cells begin.
    environment
        What it runs in, with our own package beside it; the present one when omitted.

    Raises
    ------
    SandboxError
        Reason ``isolation``: this machine cannot build the walls; ``timeout``: it took too long; ``crash``: no answer.
    AuditLabError
        The temporary folder is full.
    """
    program = bubblewrap.program() if sys.platform == "linux" else None
    if program is None:
        raise SandboxError("bubblewrap, which a notebook is re-run in, is not there", _NEXT, "isolation")
    if not log.folder.is_dir():
        raise MisuseError(f"there is no log folder {log.folder}", "Give the folder of the log that the case is about.")
    with (
        room_in(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="audit-lab-rerun-") as name,
        tempfile.TemporaryFile() as answer,
    ):
        file = Path(name) / "investigation.ipynb"
        file.write_bytes(notebook)
        file.chmod(0o644)
        shown = {**_shown(log, Path(name)), _NOTEBOOK: file}
        command = [*_walls(program, log.place, shown, limits, environment), *_inside(limits, log.pin, environment)]
        errors = Path(name) / "errors"
        with errors.open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - found on the path
                command, stdin=subprocess.DEVNULL, stdout=answer, stderr=said, start_new_session=True
            )
            try:
                _wait(process, limits.wall_s, answer.fileno(), progress)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()
        if process.returncode != 0:
            text = _end_of(errors)
            last = text.splitlines()[-1] if text else f"exit code {process.returncode}"
            if text.startswith(("bwrap:", "mount:", "setpriv:")):
                raise SandboxError(f"the walls around a re-run cannot be built here ({last})", _NEXT, "isolation")
            raise SandboxError(f"the re-run ended without an answer ({last})", "Run it again with more memory", "crash")
        answer.seek(0)
        return _parsed(answer.read(_LONGEST_ANSWER + 1))


def _end_of(file: Path) -> str:
    """Return the end of what was said; a notebook may say more than fits into memory."""
    with file.open("rb") as said:
        said.seek(max(0, file.stat().st_size - _SAID_BYTES))
        return said.read().decode(errors="replace").strip()


def _wait(
    process: subprocess.Popen[bytes], wall_s: float, answer: int, progress: Callable[[str, int], None] | None
) -> None:
    deadline, begun = time.monotonic() + wall_s, 0
    while True:
        try:
            process.wait(_TICK_S)
        except subprocess.TimeoutExpired:
            now = os.pread(answer, _MOST_LINES_BYTES, 0).count(_BEGUN)
            if progress is not None and now > begun:
                progress("cells run again", now - begun)
            begun = now
            if time.monotonic() > deadline:
                message = f"the re-run took longer than {wall_s:g} s, and was ended"
                raise SandboxError(message, "Give it more time", "timeout") from None
        else:
            return


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content.rstrip(b"\n").rpartition(b"\n")[2])  # the lines before say which cells began
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or {name: type(value) for name, value in told.items()} not in _ANSWERS:
        raise SandboxError(
            "the re-run gave no readable answer", "Read the notebook: it may end its own kernel", "crash"
        )
    return told


def _inside(limits: RerunLimits, pin: LogPin, environment: PythonEnvironment | None) -> list[str]:
    run = [
        str(surroundings.interpreter(environment)),
        "-m",
        "audit_lab.evidence.rerun.inside",
        str(_NOTEBOOK),
        _WORK,
        f"{limits.wall_s:g}",
    ]
    run += [str(limits.cpu_s), str(limits.memory_bytes), json.dumps(asdict(pin))]
    if os.geteuid() != 0:
        return run
    shell = shutil.which("sh", path=_PATH) or "/bin/sh"
    return [shell, "-c", _STEP_DOWN.format(user=_USER), "sh", *run]


def _shown(log: ShownLog, scratch: Path) -> dict[PurePosixPath, Path]:
    """Return what of a log is seen where: its folder, or, where it grew, its files of then."""
    folder, pinned = log.folder.resolve(), log.pin.checkpoint
    view = as_it_was(folder, pinned, scratch) if pinned else None
    return {log.place: folder} if view is None else {log.place / name: view[name] for name in sorted(view)}


def _walls(
    program: str,
    place: PurePosixPath,
    shown: Mapping[PurePosixPath, Path],
    limits: RerunLimits,
    environment: PythonEnvironment | None,
) -> list[str]:
    arguments = [program, *_NAMESPACES, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        arguments += [part for right in _RIGHTS for part in ("--cap-add", right)]
    else:
        arguments.append("--unshare-user")
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += [*_open_memory("/tmp", limits.disk_bytes), *_open_memory("/dev/shm", limits.disk_bytes)]  # noqa: S108 - private ones
    arguments += _open_memory("/rerun", limits.disk_bytes)
    made: set[PurePath] = set()
    for each in surroundings.readable_places(environment, surroundings.PACKAGE):
        arguments += _folders(each.parents[:-1], made)
        if each.is_symlink() and len(each.parts) == len(("/", "lib")):
            arguments += ["--symlink", str(each.readlink()), str(each)]
        else:
            arguments += ["--ro-bind", str(each), str(each)]
    if Path("/usr/sbin").is_dir():  # Python asks a program there, by this name, where libraries are
        arguments += ["--symlink", "usr/sbin", "/sbin"]
    arguments += [
        *_folders((NOTEBOOK_FOLDER, *NOTEBOOK_FOLDER.parents[:-1]), made),
        *_folders(place.parents[:-1], made),
    ]
    if environment is not None:  # alone: beside our package may lie the packages of the present environment
        shown = {**shown, _PACKAGE: surroundings.PACKAGE}
    if place not in shown:
        made.add(place)
        arguments += ["--perms", "0755", "--tmpfs", str(place)]
    for target, source in shown.items():
        arguments += _folders(target.parents[:-1], made)
        arguments += ["--ro-bind", str(source), str(target)]
    if place not in shown:
        arguments += ["--remount-ro", str(place)]
    for folder in (_HOME, _WORK):
        arguments += ["--perms", "0777", "--dir", folder]
    variables = {
        "HOME": _HOME,
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(surroundings.PACKAGE.parent if environment is None else _PACKAGE.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": _WORK,
    }
    arguments += [part for name, value in variables.items() for part in ("--setenv", name, value)]
    return [*arguments, "--chdir", _WORK, "--remount-ro", "/", "--"]


def _open_memory(place: str, size_bytes: int) -> list[str]:
    return ["--perms", "1777", "--size", str(size_bytes), "--tmpfs", place]


def _folders(ancestors: Iterable[PurePath], made: set[PurePath]) -> list[str]:
    """Make folders, the outermost first, so that any user may pass through."""
    arguments = []
    for ancestor in reversed(list(ancestors)):
        if ancestor not in made and str(ancestor) not in {"/rerun", "/tmp", "/dev", "/dev/shm"}:  # noqa: S108 - they stand
            made.add(ancestor)
            arguments += ["--perms", "0755", "--dir", str(ancestor)]
    return arguments
