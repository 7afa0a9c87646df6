"""Choose the packages of an environment: those recorded, exactly, and what they need besides.

A record often names only some packages. The rest is resolved as it was when the version was registered: from releases
that were uploaded before then, the recorded ones excepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.replay.environment.interpreters import Interpreter
    from audit_lab.replay.environment.requirements import Requirements
    from audit_lab.replay.environment.uv_command import Outcome, Uv

__all__ = ["Resolution", "locked", "resolve", "unavailable"]

#: uv takes no later year than its calendar has.
_EVER = "2200-01-01T00:00:00Z"
_NO_SOLUTION = 1
_LOCKED = re.compile(r"(?m)^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?P<more>.*)$")


@dataclass(frozen=True)
class Resolution:
    """A lock (names, exact versions, the SHA-256 of their wheels) as uv wrote it, and how it came about."""

    lock: str
    outcome: Outcome
    notes: tuple[str, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        """Name to version."""
        return {match["name"]: match["version"] for match in _LOCKED.finditer(self.lock)}

    @property
    def without_digest(self) -> list[str]:
        """Names for which the registry states no digest."""
        return [match["name"] for match in _LOCKED.finditer(self.lock) if not match["more"].endswith("\\")]


def resolve(requirements: Requirements, interpreter: Interpreter, uv: Uv) -> Resolution:
    """Resolve; the outcome says whether it succeeded.

    Tried in this order: what is missing from before the registration; from today; and nothing but what is recorded,
    where the recorded packages contradict each other's requirements.
    """
    _write(requirements, uv)
    before = requirements.before
    first = outcome = _compiled(uv, interpreter, *_dated(requirements))
    moment = f"from before {before:%Y-%m-%d}, when the version was registered" if before else "as the newest that fit"
    if before is not None and outcome.code == _NO_SOLUTION:
        outcome = _compiled(uv, interpreter)
        moment = f"as the newest that fit, since none from before {before:%Y-%m-%d} do"
    if outcome.code == _NO_SOLUTION:
        outcome = _compiled(uv, interpreter, "--no-deps")
        if outcome.done:
            note = f"The recorded packages are installed as they are, though they do not fit together: {first.reason}."
            return Resolution(outcome.out, outcome, (note,))
    if not outcome.done:
        return Resolution("", first if outcome.code == _NO_SOLUTION else outcome)
    found = Resolution(outcome.out, outcome)
    filled = sorted(found.versions.keys() - dict(requirements.pins).keys())
    if not filled:
        return found
    note = f"Needed and not in the record: {', '.join(filled)}; taken {moment}."
    return Resolution(outcome.out, outcome, (note,))


def locked(requirements: Requirements, interpreter: Interpreter, uv: Uv) -> Resolution:
    """Lock what is recorded and nothing besides: a list that names everything is not asked whether it fits together."""
    _write(requirements, uv)
    outcome = _compiled(uv, interpreter, "--no-deps")
    return Resolution(outcome.out if outcome.done else "", outcome)


def unavailable(requirements: Requirements, interpreter: Interpreter, uv: Uv) -> list[str]:
    """Return the packages, one by one, that cannot be had from where uv may look."""
    probe = uv.folder / "probe"
    options = ("--python", str(interpreter.path), "--target", str(probe), "--no-deps", "--only-binary", ":all:")
    dry = () if uv.offline else ("--dry-run",)  # offline, only an installation tells whether the wheel itself is there
    return [line for line in requirements.lines if not uv.run("pip", "install", *options, *dry, line).done]


def _write(requirements: Requirements, uv: Uv) -> None:
    (uv.folder / "environment.in").write_text("".join(f"{line}\n" for line in requirements.lines), "utf-8")


def _dated(requirements: Requirements) -> list[str]:
    if requirements.before is None:
        return []
    exempt = [f"--exclude-newer-package={name}={_EVER}" for name, _ in requirements.pins]
    return ["--exclude-newer", f"{requirements.before:%Y-%m-%dT%H:%M:%SZ}", *exempt]


def _compiled(uv: Uv, interpreter: Interpreter, *options: str) -> Outcome:
    fixed = ("--only-binary", ":all:", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url")
    return uv.run("pip", "compile", "--python", str(interpreter.path), *fixed, *options, "environment.in")
