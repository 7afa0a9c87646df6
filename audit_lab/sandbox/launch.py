"""Start a worker in the strongest way that works here, and hear from it what is in force.

With bubblewrap where it is, as root or with a user namespace; else the child shuts itself in. A way that fails is
remembered with its reason and not tried again.
"""

from __future__ import annotations

import base64
import contextlib
import os
import random
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from audit_lab.sandbox import bubblewrap, ends, surroundings
from audit_lab.sandbox.child import Child, Gone, TooLate, TooLoud
from audit_lab.sandbox.folder import SharedFolder
from audit_lab.sandbox.job import Isolation
from audit_lab.sandbox.walls import confirmed, system_calls
from audit_lab.sandbox.walls.shut import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_lab.sandbox.job import Library, Limits, PythonEnvironment

__all__ = ["Launch"]

#: Run by the child without site packages: of this project it finds the package alone.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from audit_lab.sandbox.worker import main; main(*map(int, sys.argv[2:]))"
)
_START_S = 120.0
_FILE_BYTES = 1_000_000_000
_WORK_BYTES = 1_000_000_000
_OPEN_FILES = 512
_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS", "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT"),
)
#: Users for children of root: far from those that people and services have.
_FIRST_USER, _USERS = 1_900_000_000, 90_000_000
_NOBODY = 65_534

#: Ways that failed where a later one served, and why.
_refused: dict[str, str] = {}


class _Way(NamedTuple):
    name: str
    program: str | None
    uid: int | None


class Launch:
    """A worker on its way up, and what belongs to it.

    Construction does not wait for the child; `settle` does.

    Attributes
    ----------
    child, folder
        Of the way that is being tried.
    watched
        Whether the system tells the child's processor time.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        environment: PythonEnvironment | None,
        threads: int,
        files_bytes: int,
        libraries: Sequence[Library] = (),
    ) -> None:
        self._limits, self._environment, self._threads = limits, environment, threads
        self._libraries = [(each.name, list(each.hidden)) for each in libraries]
        self._files_bytes = files_bytes
        self._owner = os.getpid()
        self._failures: dict[str, str] = {}
        self._ways = _ways()
        self.watched = False
        self._begin()

    def _begin(self) -> None:
        """Start the next way that gets as far as a process; without one, say why the last did not."""
        for way in self._ways:
            self._way = way
            self.folder = SharedFolder(self._files_bytes, self._way.uid)
            try:
                self._start()
            except OSError as error:
                self.folder.remove()
                self._failures[self._way.name] = str(error)
            except BaseException:
                self.folder.remove()
                raise
            else:
                return
        raise ends.not_started(self._place(), self._failures[self._way.name])

    def _start(self) -> None:
        code = self.folder.inputs / "code"
        code.mkdir()
        code.chmod(0o755)
        (code / "audit_lab").symlink_to(surroundings.PACKAGE)
        readable = surroundings.readable_places(self._environment, surroundings.PACKAGE)
        python = [str(surroundings.interpreter(self._environment)), "-I", "-S", "-c", _BOOT, str(code)]
        before = []
        if self._way.program is not None:
            before = bubblewrap.command_line(
                self._way.program, self.folder, readable, uid=self._way.uid, work_bytes=_WORK_BYTES
            )

        def command(pipes: Sequence[int]) -> list[str]:
            return [*before, *python, *map(str, pipes)]

        self.child = Child(command, _variables(self.folder, self._threads), self.folder.work)
        overlay = [str(folder.absolute()) for folder in self._environment.overlay] if self._environment else []
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already, and `settle` will hear why
                self.child.post(
                    {"plan": asdict(self._plan(readable)), "overlay": overlay, "libraries": self._libraries}
                )
        except BaseException:
            self.child.end()
            raise

    def _plan(self, readable: list[Path]) -> Plan:
        filters, missing = _filters(self.child.pid)
        program = self._way.program
        return Plan(
            contained="" if program is None else bubblewrap.version(program),
            parent=os.getpid() if program is None else None,
            caller=os.geteuid(),
            uid=self._way.uid,
            memory_bytes=self._limits.memory_bytes,
            file_bytes=_FILE_BYTES,
            work_bytes=_WORK_BYTES,
            open_files=_OPEN_FILES,
            processes=64 + 16 * self._threads,
            work=str(self.folder.work),
            readable=(*map(str, readable), str(self.folder.inputs), "/proc"),
            hidden=str(self.folder.hidden),
            elsewhere=self._elsewhere(),
            outside=confirmed.namespaces(),
            filters=filters,
            filters_missing=missing,
        )

    def _elsewhere(self) -> tuple[str, ...]:
        """Return folders in which the child must not be able to make a file."""
        places = [Path.home(), self.folder.inputs, surroundings.PACKAGE, *map(Path, ("/", "/tmp", "/var/tmp"))]  # noqa: S108 - to see that it cannot
        if self._way.program is None:  # bubblewrap puts a memory of the child's own around the shared folder
            places.append(self.folder.path)
        return tuple(map(str, places))

    def settle(self) -> Isolation:
        """Wait until the child is shut in; return what it found.

        Raises
        ------
        SandboxError
            Reason ``error``: no child came up in any way.
        """
        while True:
            try:
                told = self.child.exchange(None, wall_s=_START_S)
                isolation = Isolation(
                    {str(name): str(words) for name, words in told["record"].items()}, tuple(told["missing"])
                )
            except (Gone, TooLate, TooLoud, ValueError, KeyError, TypeError, AttributeError) as error:
                self._give_up(str(error))
            else:
                _refused.update(self._failures)
                self._note(isolation)
                self.watched = self.child.processor_s() is not None
                return isolation

    def _give_up(self, reason: str) -> None:
        """Try the next way."""
        self.child.leave()
        self.folder.remove()
        lines = self.child.text.splitlines()
        self._failures[self._way.name] = lines[-1] if lines else reason or "it ended without a word"
        self._begin()

    def _note(self, isolation: Isolation) -> None:
        """Add to the record why a stronger way was not taken."""
        reasons = [f"{name}: {why}" for name, why in _refused.items()]
        if bubblewrap.program() is None:
            reasons.append("bubblewrap is not installed")
        if reasons and self._way.program is None:
            isolation.record["started_by"] += f" ({'; '.join(reasons)})"

    def await_ready(self) -> None:
        """Wait until the child has loaded what every job needs.

        Raises
        ------
        SandboxError
            Reason ``error``: its environment lacks something.
        """
        try:
            told = self.child.exchange(None, wall_s=_START_S)
        except (Gone, TooLate, TooLoud, ValueError) as error:
            self.child.leave()
            raise ends.not_started(self._place(), self.child.text or str(error) or "it ended without a word") from error
        if "failed" in told:
            failed = told["failed"]
            raise ends.not_started(self._place(), f"{failed['type']}: {failed['message']}")

    def _place(self) -> str:
        return self._environment.name if self._environment else "this environment"

    def end(self) -> None:
        """End the child and remove its folder; in a process forked from ours, only let go of them."""
        self.child.end()
        if os.getpid() == self._owner:
            self.folder.remove()
        else:
            self.folder.forget()


def _ways() -> Iterator[_Way]:
    """Yield the ways to start a child, the strongest first."""
    program = bubblewrap.program() if sys.platform == "linux" else None
    user = _free_user() if os.geteuid() == 0 else None
    ways = []
    if program is not None and user is not None:
        ways.append(_Way("bubblewrap as root", program, user))
    if program is not None:
        ways.append(_Way("bubblewrap", program, None))
    ways.append(_Way("the sandbox itself", None, user))
    return iter([way for way in ways if way.name not in _refused])


def _free_user() -> int | None:
    """Return a user id that nobody has, for one child, if this machine knows so many."""
    wanted = _FIRST_USER + random.SystemRandom().randrange(_USERS)
    try:
        maps = [Path(f"/proc/self/{kind}_map").read_text("ascii").splitlines() for kind in ("uid", "gid")]
    except OSError:
        return None
    known = [[tuple(map(int, line.split())) for line in lines] for lines in maps]
    for uid in (wanted, _NOBODY):
        if all(any(first <= uid < first + count for first, _, count in lines) for lines in known):
            return uid
    return None


def _filters(pid: int) -> tuple[dict[str, str], str]:
    """Return the system call filters for a process namespace of its own and for a shared one."""
    try:
        filters = {"own": system_calls.compiled(None), "shared": system_calls.compiled(pid)}
    except OSError as error:
        return {}, str(error)
    return {name: base64.b64encode(content).decode("ascii") for name, content in filters.items()}, ""


def _variables(folder: SharedFolder, threads: int) -> dict[str, Any]:
    """Return the whole environment of the child."""
    work = str(folder.work)
    return {
        "HOME": work,
        "TMPDIR": work,
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": f"{work}/numba",
        "MPLCONFIGDIR": f"{work}/matplotlib",
        **dict.fromkeys(_THREAD_VARIABLES, str(threads)),
        # Threads that wait for one another sleep: where others want the processor too, spinning takes it from them.
        "OMP_WAIT_POLICY": "PASSIVE",
        # ONNX Runtime would send figures home by default, and be ended for the socket: an honest model blamed.
        "ORT_DISABLE_TELEMETRY": "1",
    }
