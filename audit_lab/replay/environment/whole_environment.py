"""Build an environment whose record names every package and the digest of its files, as a bundle's does.

What is installed here with the very files that are recorded is linked from here. The rest are wheels, from a registry
or from a folder: nothing is built from source, and no code of a package runs. What came of it is kept only when every
file that lies there is one that the record's digests are about, so that neither a registry nor a folder can choose
what runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import ModelError
from audit_lab.replay.environment.child_packages import copy_installed
from audit_lab.replay.environment.construction import compile_packages, taken_out
from audit_lab.replay.environment.environment_cache import BuiltEnvironment, EnvironmentCache
from audit_lab.replay.environment.fingerprint import normal_name
from audit_lab.replay.environment.interpreters import find_interpreter
from audit_lab.replay.environment.package_files import files_digest, installed_digests, unlike_recorded
from audit_lab.replay.environment.requirements import Requirements, whole_requirements
from audit_lab.replay.environment.resolution import locked, unavailable
from audit_lab.replay.environment.uv_command import Uv

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from audit_lab.replay.environment.fingerprint import Fingerprint
    from audit_lab.replay.environment.interpreters import Interpreter
    from audit_lab.replay.environment.resolution import Resolution
    from audit_lab.replay.environment.uv_command import Outcome

__all__ = ["packages_folder", "whole_environment"]

_SITE = "lib/python*/site-packages"
_MOST_NAMED = 10
_ADVICE = (
    "Give the wheels that it lacks (--wheels FOLDER), do without some (--leave-out NAME), or re-run in the present "
    "environment: the report then says how it differs"
)


def whole_environment(
    recorded: Fingerprint,
    digests: Mapping[str, str],
    name: str,
    *,
    wheels: Path | None = None,
    leave_out: Collection[str] = (),
    cache: EnvironmentCache | None = None,
    progress: Callable[[str], None] | None = None,
) -> BuiltEnvironment:
    """Return the environment, built at the first call and found again at the next.

    Parameters
    ----------
    recorded
        What is recorded: its Python and its packages.
    digests
        The digest of each package's files, as `files_digest` gives it; one without a digest cannot be had.
    name
        Whose environment it is, for messages.
    wheels
        A folder of wheels to take packages from; the user's registry when omitted.
    leave_out
        Recorded packages to do without.
    cache
        Where environments are kept; the user's when omitted.
    progress
        Called with what is being done.

    Raises
    ------
    ModelError
        Code ``environment-not-recorded`` or ``environment-malformed``: the record cannot be used.
        ``environment-not-built``: the interpreter or a package is not to be had, or has other files than the recorded.
    """
    cache, tell = cache or EnvironmentCache(), progress or _nothing
    requirements = whole_requirements(recorded, name, leave_out)
    known = {normal_name(each): digest for each, digest in digests.items() if digest}
    if lacking := [each for each, _ in requirements.pins if each not in known]:
        raise _not_built(f"the digest of the files of {_listed(lacking)} is not recorded")
    cache.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    interpreter = find_interpreter(requirements.python, Uv(cache.folder, offline=True))
    wanted = _Wanted(requirements, {each: known[each] for each, _ in requirements.pins}, interpreter)
    found = cache.find(wanted.name)
    if found is None:
        with cache.building(wanted.name) as aside:
            found = cache.find(wanted.name)  # another process may have built it meanwhile
            if found is None:
                made = aside / "made"
                notes = tuple(_Building(aside, wanted, wheels, tell).run(made))
                known = {each: version for each, (version, _) in installed_digests(packages_folder(made)).items()}
                built = BuiltEnvironment(
                    wanted.name, made, name, interpreter.version, interpreter.prefix, known, notes=notes
                )
                found = cache.keep(made, built)
    return found


def packages_folder(built: Path) -> Path:
    """Return where the packages of a built environment lie."""
    return next((built / "venv").glob(_SITE))


def _nothing(_what: str) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class _Wanted:
    """What is to be there: the packages, the digests of their files, and the interpreter."""

    requirements: Requirements
    digests: Mapping[str, str]
    interpreter: Interpreter

    @property
    def name(self) -> str:
        """Return the SHA-256 of all that decides what is installed."""
        lines = (
            "audit_lab whole environment 1",
            f"python {self.interpreter.version}",
            f"platform {platform.system()} {platform.machine()}",
            *(f"without {each}" for each in self.requirements.left_out),
            *(f"{each}=={version} {self.digests[each]}" for each, version in self.requirements.pins),
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class _Building:
    """One building of an environment, in a folder that is removed in the end."""

    def __init__(self, aside: Path, wanted: _Wanted, wheels: Path | None, tell: Callable[[str], None]) -> None:
        self.aside, self.wanted, self.tell = aside, wanted, tell
        empty = aside / "empty"
        empty.mkdir()
        self.uv = Uv(empty, wheels=wheels)

    def run(self, made: Path) -> list[str]:
        """Build it in a new folder, and return what is not as recorded, a sentence each."""
        made.mkdir()
        wanted, python = self.wanted.requirements, str(self.wanted.interpreter.path)
        outcome = self.uv.run("venv", "--no-project", "--relocatable", "--python", python, str(made / "venv"))
        self._check(outcome, Requirements(wanted.python, ()))
        site = packages_folder(made)
        shutil.rmtree(site)
        here = self._here()
        missing = tuple(pin for pin in wanted.pins if pin[0] not in here)
        if missing:
            self._install(Requirements(wanted.python, missing), site, made / "lock.txt")
        site.mkdir(exist_ok=True)
        self.tell("linking packages that are here")
        copy_installed(site, here.keys(), self.wanted.interpreter.version)
        for found in here.values():
            _link_compiled(found, site)
        notes = taken_out(site)
        self.tell("checking every file")
        if wrong := unlike_recorded(site, self.wanted.digests):
            raise _not_built(f"what is to be had is not what was recorded: {_listed(wrong)}")
        return notes

    def _here(self) -> dict[str, metadata.Distribution]:
        """Return what is installed here with the recorded version and files."""
        found: dict[str, metadata.Distribution] = {}
        if self.wanted.interpreter.prefix != Path(sys.base_prefix):
            return found
        pins = dict(self.wanted.requirements.pins)
        for each in metadata.distributions():
            name = normal_name(each.metadata["Name"] or "")
            same = each.version == pins.get(name)
            if same and files_digest(each.read_text("RECORD") or "") == self.wanted.digests[name]:
                found.setdefault(name, each)
        return found

    def _install(self, missing: Requirements, site: Path, lock: Path) -> None:
        self.tell("choosing packages")
        resolution = locked(missing, self.wanted.interpreter, self.uv)
        if resolution.outcome.unreachable and not self.uv.offline:
            self.uv = Uv(self.uv.folder, offline=True, wheels=self.uv.wheels)
            resolution = locked(missing, self.wanted.interpreter, self.uv)
        self._check(resolution.outcome, missing)
        lock.write_text(resolution.lock, "utf-8")
        self.tell("installing packages")
        # Apart from the virtual environment: a wheel may bring files for bin/, and python is one that it could bring.
        prefix = self.aside / "prefix"
        options = ["--prefix", str(prefix), "--no-deps", "--only-binary", ":all:", "-r", str(lock)]
        options += _hashes(resolution)
        self._check(self.uv.run("pip", "install", "--python", str(self.wanted.interpreter.path), *options), missing)
        installed = next(prefix.glob(_SITE))
        for folder in list(installed.rglob("__pycache__")):  # what it brought may be compiled from something else
            shutil.rmtree(folder)
        installed.rename(site)
        self.tell("compiling packages")
        compile_packages(self.wanted.interpreter, site.parents[3], self.uv.folder)

    def _check(self, outcome: Outcome, wanted: Requirements) -> None:
        if outcome.done:
            return
        uv = Uv(self.uv.folder, offline=self.uv.offline or outcome.unreachable, wheels=self.uv.wheels)
        missing = unavailable(wanted, self.wanted.interpreter, uv)
        raise _not_built(f"no wheel is to be had of {_listed(missing)}" if missing else outcome.reason)


def _hashes(resolution: Resolution) -> list[str]:
    """Ask for the wheels' digests where the registry states them; the files' own digests are checked in any case."""
    return [] if resolution.without_digest else ["--require-hashes"]


def _link_compiled(found: metadata.Distribution, site: Path) -> None:
    """Link what is compiled of a package's files: it is used as long as its source has the same time."""
    for file in found.files or ():
        if file.suffix != ".py" or ".." in file.parts:
            continue
        compiled = Path(importlib.util.cache_from_source(str(found.locate_file(file))))
        target = Path(importlib.util.cache_from_source(str(site.joinpath(*file.parts))))
        if compiled.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                target.hardlink_to(compiled)


def _not_built(what: str) -> ModelError:
    return ModelError(f"the recorded environment cannot be made: {what}", _ADVICE, "environment-not-built")


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown
