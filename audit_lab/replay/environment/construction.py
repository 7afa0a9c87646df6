"""Build a recorded environment once, and find it again.

No code of a recorded package runs while it is built. Only wheels are installed: building from source would execute a
``setup.py`` that a stranger chose. They are unpacked apart from the interpreter, so that no file of theirs takes its
place, and what Python would run at any start in the environment (``.pth`` files, ``sitecustomize``) is taken out, so
that their first line of code is one that the model imports, in the sandbox.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from audit_lab.errors import ModelError
from audit_lab.replay.environment.child_packages import CHILD_PACKAGES, child_versions, copy_installed
from audit_lab.replay.environment.environment_cache import BuiltEnvironment, EnvironmentCache
from audit_lab.replay.environment.fingerprint import normal_name
from audit_lab.replay.environment.interpreters import find_interpreter
from audit_lab.replay.environment.package_files import RUN_AT_START
from audit_lab.replay.environment.requirements import requirements_of
from audit_lab.replay.environment.resolution import resolve, unavailable
from audit_lab.replay.environment.uv_command import Uv

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from audit_lab.replay.environment.interpreters import Interpreter
    from audit_lab.replay.environment.recorded import RecordedRuntime
    from audit_lab.replay.environment.requirements import Requirements
    from audit_lab.replay.environment.resolution import Resolution
    from audit_lab.replay.environment.uv_command import Outcome
    from audit_lab.sandbox import PythonEnvironment

__all__ = ["build_environment", "built_environment", "compile_packages", "prepare_environment", "taken_out"]

_STEPS = ("choosing packages", "installing packages", "compiling packages", "keeping the environment")
_TESTS = r"[/\\]tests?[/\\]"
_LONGEST_COMPILATION_S = 900
_WORTH_PROCESSES = 500
_WHEEL_RECORD = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.dist-info")


def build_environment(
    recorded: RecordedRuntime, *, progress: Callable[[str, int, int], None] | None = None, offline: bool = False
) -> PythonEnvironment:
    """Return a recorded environment for the sandbox, built at the first call and found again at the next.

    Raises and parameters are those of `prepare_environment`.
    """
    return prepare_environment(recorded, progress=progress, offline=offline).environment


def built_environment(
    recorded: RecordedRuntime, *, leave_out: Collection[str] = (), cache: EnvironmentCache | None = None
) -> BuiltEnvironment | None:
    """Return a recorded environment where it stands ready, or None; nothing is built and nobody is asked.

    Raises
    ------
    ModelError
        Codes ``environment-not-recorded``, ``environment-malformed`` and ``environment-not-built`` (no interpreter).
    """
    cache = cache or EnvironmentCache()
    requirements = requirements_of(recorded, leave_out)
    cache.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    interpreter = find_interpreter(requirements.python, Uv(cache.folder, offline=True))
    found = cache.find(_digest(requirements, interpreter))
    return found and _with_notes(found, requirements)


def prepare_environment(
    recorded: RecordedRuntime,
    *,
    progress: Callable[[str, int, int], None] | None = None,
    offline: bool = False,
    leave_out: Collection[str] = (),
    cache: EnvironmentCache | None = None,
) -> BuiltEnvironment:
    """Return a recorded environment with what is known of it: what was filled in, left out and not as recorded.

    Parameters
    ----------
    recorded
        As `audit_lab.replay.environment.recorded.recorded_runtime` returns it.
    progress
        Called with what is being done, the steps done and all steps.
    offline
        Whether to use nothing but what uv has in its cache.
    leave_out
        Recorded packages to do without.
    cache
        Where environments are kept; the user's when omitted.

    Raises
    ------
    ModelError
        Code ``environment-not-recorded`` or ``environment-malformed`` as `requirements_of`; ``environment-not-built``
        where the interpreter or a package is not to be had: each is named.
    """
    cache = cache or EnvironmentCache()
    requirements = requirements_of(recorded, leave_out)
    cache.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    interpreter = find_interpreter(requirements.python, Uv(cache.folder, offline=True))
    digest = _digest(requirements, interpreter)
    found = cache.find(digest)
    if found is None:
        with cache.building(digest) as aside:
            found = cache.find(digest)  # another process may have built it while this one waited for the lock
            if found is None:
                made, built = _build(
                    aside, requirements=requirements, interpreter=interpreter, progress=progress, offline=offline
                )
                found = cache.keep(made, replace(built, digest=digest, name=recorded.name))
    return _with_notes(found, requirements)


def _with_notes(found: BuiltEnvironment, requirements: Requirements) -> BuiltEnvironment:
    return replace(found, notes=(*requirements.notes, *found.notes))


def _digest(requirements: Requirements, interpreter: Interpreter) -> str:
    """Return the SHA-256 of all that decides what is installed."""
    before = requirements.before
    lines = (
        "audit_lab environment 1",
        f"python {interpreter.version}",
        f"platform {platform.system()} {platform.machine()}",
        f"before {before:%Y-%m-%d}" if before else "no date",
        *(f"child {name}=={version}" for name, version in child_versions().items()),
        *(f"without {name}" for name in requirements.left_out),
        *requirements.lines,
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _build(
    aside: Path,
    *,
    requirements: Requirements,
    interpreter: Interpreter,
    progress: Callable[[str, int, int], None] | None,
    offline: bool,
) -> tuple[Path, BuiltEnvironment]:
    def tell(step: int) -> None:
        if progress is not None:
            progress(_STEPS[step], step, len(_STEPS))

    made, empty = aside / "made", aside / "empty"
    made.mkdir()
    empty.mkdir()
    uv = Uv(empty, offline=offline)
    tell(0)
    resolution, uv = _resolved(requirements, interpreter, uv)
    tell(1)
    packages = aside / "packages"
    lock = made / "lock.txt"
    lock.write_text(resolution.lock, "utf-8")
    # Apart from the virtual environment: a wheel may bring files for bin/, and python is one that it could bring.
    options = ["--target", str(packages), "--no-deps", "--only-binary", ":all:", "-r", str(lock)]
    undigested = resolution.without_digest
    options += [] if undigested else ["--require-hashes"]
    _check(uv.run("pip", "install", "--python", str(interpreter.path), *options), requirements, interpreter, uv)
    _check(
        uv.run("venv", "--no-project", "--relocatable", "--python", str(interpreter.path), str(made / "venv")),
        requirements,
        interpreter,
        uv,
    )
    notes = [*resolution.notes, *taken_out(packages)]
    if undigested:
        notes.append(
            f"The registry states no digest of {', '.join(undigested)}: that they are the same was not checked."
        )
    site = next((made / "venv").glob("lib/python*/site-packages"))
    shutil.rmtree(site)
    packages.rename(site)
    installed, digests = _installed(site)
    # Where the record has a threadpoolctl, scikit-learn gets that one.
    overlay = copy_installed(made / "overlay", set(CHILD_PACKAGES) - installed.keys(), interpreter.version)
    tell(2)
    compile_packages(interpreter, made, empty)
    tell(3)
    built = BuiltEnvironment(
        digest="",
        folder=made,
        name="",
        python=interpreter.version,
        prefix=interpreter.prefix,
        packages=installed,
        filled={each: version for each, version in installed.items() if each not in dict(requirements.pins)},
        overlay=overlay,
        file_digests=digests,
        notes=tuple(notes),
    )
    return made, built


def _resolved(requirements: Requirements, interpreter: Interpreter, uv: Uv) -> tuple[Resolution, Uv]:
    """Resolve with a registry, and where none answers with what uv has kept."""
    found = resolve(requirements, interpreter, uv)
    if found.outcome.done:
        return found, uv
    if found.outcome.unreachable and not uv.offline:
        uv = Uv(uv.folder, offline=True)
        kept = resolve(requirements, interpreter, uv)
        if kept.outcome.done:
            return kept, uv
    raise _not_built(found.outcome, requirements, interpreter, uv)


def _check(outcome: Outcome, requirements: Requirements, interpreter: Interpreter, uv: Uv) -> None:
    if outcome.done:
        return
    if outcome.unreachable:
        uv = Uv(uv.folder, offline=True)
    raise _not_built(outcome, requirements, interpreter, uv)


def _not_built(outcome: Outcome, requirements: Requirements, interpreter: Interpreter, uv: Uv) -> ModelError:
    """Say which packages are not to be had, and what can be done without them."""
    missing = unavailable(requirements, interpreter, uv)
    if uv.offline and missing:
        what = f"no package registry was reached, and uv's cache lacks {', '.join(missing)}"
        advice = (
            "Build it where a registry is reached (audit-lab environments build), then replay offline; "
            "until then replay in the present environment: the verdict says which versions differ."
        )
    elif missing:
        what = f"no wheel for this interpreter and machine is in the registry: {', '.join(missing)}"
        advice = (
            "Building from source would run code that a stranger chose, so it is not done. Set up a registry that has "
            "them, or name those that the model does not need with --leave-out."
        )
    else:
        what = outcome.reason
        advice = "Ask the model's owner, with what uv says; until then replay in the present environment."
    return ModelError(f"the recorded environment cannot be built: {what}", advice, "environment-not-built")


def taken_out(packages: Path) -> list[str]:
    """Remove what an interpreter would run at its start, and say so."""
    notes = []
    for pattern in RUN_AT_START:
        for path in sorted(packages.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            notes.append(f"{path.name} of a package was taken out: Python would run it at every start.")
    return notes


def _installed(site: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return each package's version, and the digest of the list of its files."""
    versions, digests = {}, {}
    for folder in sorted(site.glob("*.dist-info")):
        match, record = _WHEEL_RECORD.fullmatch(folder.name), folder / "RECORD"
        if match is not None and record.is_file():
            name = normal_name(match["name"])
            versions[name] = match["version"]
            digests[name] = hashlib.sha256(record.read_bytes()).hexdigest()
    return versions, digests


def compile_packages(interpreter: Interpreter, made: Path, empty: Path) -> None:
    """Compile to byte code, which executes none of it: the child may not write, and would compile at each start."""
    folders = [*(made / "venv").glob("lib/python*/site-packages"), made / "overlay"]
    many = sum(1 for folder in folders for _ in folder.rglob("*.py")) > _WORTH_PROCESSES
    processes = str(os.cpu_count() or 1) if many else "1"
    options = ["-I", "-S", "-m", "compileall", "-q", "-q", "-j", processes, "-x", _TESTS]
    try:
        subprocess.run(  # noqa: S603 - an interpreter of this machine, without the packages that it compiles
            [os.fspath(interpreter.path), *options, *map(os.fspath, folders)],
            cwd=empty,
            capture_output=True,
            timeout=_LONGEST_COMPILATION_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return  # slower at each start, and otherwise the same
