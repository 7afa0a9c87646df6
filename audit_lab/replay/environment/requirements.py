"""Turn a recorded environment, which is foreign text, into pins that are safe to hand to an installer.

A line of a requirements file can be an option, an address or a path; a recorded name must never become one. Only names
as PEP 508 has them and versions as PEP 440 has them pass, and both are written out anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import ModelError
from audit_lab.log.files.printable import printable
from audit_lab.replay.environment.fingerprint import normal_name

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from audit_lab.replay.environment.fingerprint import Fingerprint
    from audit_lab.replay.environment.recorded import RecordedRuntime

__all__ = ["LIBRARIES", "OLDEST_PYTHON", "Requirements", "requirements_of", "whole_requirements"]

#: The child's own code needs this release of Python, or a newer one.
OLDEST_PYTHON = (3, 11)

#: Artifact format to the libraries that can run it, any one of which must be recorded.
LIBRARIES = {
    "skops": ("scikit-learn",),
    "xgboost-json": ("xgboost", "xgboost-cpu"),
    "xgboost-ubj": ("xgboost", "xgboost-cpu"),
    "xgboost-raw": ("xgboost", "xgboost-cpu"),
    "lightgbm-text": ("lightgbm",),
    "catboost-cbm": ("catboost",),
    "onnx": ("onnxruntime",),
}
#: What reads the artifact and hands over the inputs besides: chosen where the record does not name it.
_READERS = {
    "skops": ("pandas", "skops"),
    "pickle": ("pandas",),
    "joblib": ("joblib", "pandas"),
    "cloudpickle": ("cloudpickle", "pandas"),
    "dill": ("dill", "pandas"),
}
_ALWAYS = ("numpy",)

_MOST_PACKAGES = 1_000
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_LONGEST_NAME = 100
_PYTHON = re.compile(r"3\.(\d{1,2})(?:\.\d{1,3})?(?:(?:a|b|rc)\d{1,2})?\+?")
#: The child brings its own polars, of the present version, so a recorded one is not installed.
_OVERLAID = re.compile(r"polars|polars-runtime-\w+")
_OURS = "audit-lab"


@dataclass(frozen=True)
class Requirements:
    """What to install: a Python series, exact pins, and names whose version the record leaves open.

    Parameters
    ----------
    python
        Series of the interpreter, such as ``3.11``.
    pins
        Normal name and version as PEP 440 writes it, sorted by name.
    unpinned
        Names that must be there too, sorted.
    before
        When the version was registered: what is not pinned is taken from before then.
    left_out
        Recorded packages that the caller left out, sorted.
    notes
        What is not as recorded, a sentence each.
    """

    python: str
    pins: tuple[tuple[str, str], ...]
    unpinned: tuple[str, ...] = ()
    before: datetime | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of a requirements file, each of them a name, or a name and an exact version."""
        return (*(f"{name}=={version}" for name, version in self.pins), *self.unpinned)


def requirements_of(recorded: RecordedRuntime, leave_out: Collection[str] = ()) -> Requirements:
    """Check a recorded environment and return what to install.

    Parameters
    ----------
    recorded
        As the log has it.
    leave_out
        Recorded packages that the caller does without, such as those that are in no registry.

    Raises
    ------
    ModelError
        Code ``environment-not-recorded``: the record lacks the interpreter or the library that runs the artifact. Code
        ``environment-malformed``: it holds text that is no name or no version; each is named.
    """
    found = recorded.fingerprint
    if found is None:
        reason = "; ".join(recorded.problems) or "no runtime is stated"
        raise _not_recorded(f"the log does not record the environment of {recorded.name} ({printable(reason, 500)})")
    if found.python is None:
        raise _not_recorded(f"the recorded environment of {recorded.name} does not name its Python")
    omitted = {normal_name(name) for name in leave_out}
    python, pins = _python(found.python, recorded.name), _pins(found, recorded.name)
    _check_library(recorded, pins)
    kept = {name: version for name, version in pins.items() if not (name in omitted or _brought_along(name))}
    needed = {*_ALWAYS, *_READERS.get(recorded.artifact_format or "", ())}
    return Requirements(
        python,
        tuple(sorted(kept.items())),
        tuple(sorted(needed - kept.keys() - omitted)),
        recorded.registered_at,
        tuple(sorted(omitted & pins.keys())),
        tuple(_notes(recorded, found, pins, omitted)),
    )


def whole_requirements(found: Fingerprint, name: str, leave_out: Collection[str] = ()) -> Requirements:
    """Check the record of an environment that names all of its packages, and return them as they are, but for ours.

    Raises
    ------
    ModelError
        As for `requirements_of`.
    """
    if found.python is None:
        raise _not_recorded(f"the recorded environment of {name} does not name its Python")
    omitted = {normal_name(each) for each in leave_out}
    python, pins = _python(found.python, name), _pins(found, name)
    kept = {each: version for each, version in pins.items() if each not in omitted and each != _OURS}
    return Requirements(python, tuple(sorted(kept.items())), left_out=tuple(sorted(omitted & pins.keys())))


def _not_recorded(message: str) -> ModelError:
    advice = "Ask the model's owner for the interpreter and the exact packages; until then, replay in the present one."
    return ModelError(message, advice, "environment-not-recorded")


def _malformed(name: str, wrong: list[str]) -> ModelError:
    shown = "; ".join(wrong[:10]) + (f"; and {len(wrong) - 10} more" if len(wrong) > 10 else "")  # noqa: PLR2004
    return ModelError(
        f"the recorded environment of {name} cannot be installed: {shown}",
        "Nothing was installed. Ask the model's owner for the list of packages, and who wrote this one.",
        "environment-malformed",
    )


def _python(version: str, name: str) -> str:
    match = _PYTHON.fullmatch(version)
    if match is None:
        raise _malformed(name, [f"{printable(version)!r} is no version of Python 3"])
    return f"3.{int(match[1])}"


def _pins(found: Fingerprint, name: str) -> dict[str, str]:
    from packaging.version import InvalidVersion, Version

    if len(found.packages) > _MOST_PACKAGES:
        raise _malformed(name, [f"{len(found.packages):,} packages; {_MOST_PACKAGES:,} are allowed at most"])
    pins, wrong = {}, []
    for package, version in found.packages.items():
        if len(package) > _LONGEST_NAME or not _NAME.fullmatch(package):
            wrong.append(f"{printable(package)!r} is no name of a package")
            continue
        try:
            pins[package] = str(Version(version))
        except InvalidVersion:
            wrong.append(f"{printable(version)!r} is no version of {package}")
    if wrong:
        raise _malformed(name, wrong)
    return pins


def _brought_along(name: str) -> bool:
    return name == _OURS or _OVERLAID.fullmatch(name) is not None


def _check_library(recorded: RecordedRuntime, pins: dict[str, str]) -> None:
    """Refuse to choose the version of the very library that the scores came from."""
    libraries = LIBRARIES.get(recorded.artifact_format or "", ())
    if libraries and not any(library in pins for library in libraries):
        raise _not_recorded(
            f"the recorded environment of {recorded.name} names no {' or '.join(libraries)}, which runs its artifact"
        )


def _notes(recorded: RecordedRuntime, found: Fingerprint, pins: dict[str, str], omitted: set[str]) -> list[str]:
    notes = [f"The record cannot be read whole: {printable(problem, 200)}." for problem in recorded.problems]
    notes += [f"{name} {pins[name]} was left out, as asked." for name in sorted(omitted & pins.keys())]
    notes += [
        f"{name} {version} is not installed: the child brings its own."
        for name, version in pins.items()
        if _brought_along(name) and name != _OURS
    ]
    if found.implementation not in {None, "CPython"}:
        notes.append(f"The record was made by {printable(str(found.implementation))}; this is CPython.")
    return notes
