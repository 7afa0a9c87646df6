"""The environment that a bundle records, made again to run its notebook in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.errors import ModelError
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.whole_environment import whole_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from audit_lab.replay.environment.environment_cache import BuiltEnvironment

__all__ = ["ENVIRONMENTS", "PRESENT", "RECORDED", "recorded_environment"]

#: Where a notebook can be run again: here, or in what the bundle records.
ENVIRONMENTS = PRESENT, RECORDED = "present", "recorded"


def recorded_environment(
    facts: Mapping[str, Any],
    *,
    wheels: Path | None = None,
    leave_out: Collection[str] = (),
    progress: Callable[[str, int], None] | None = None,
) -> BuiltEnvironment:
    """Return the environment of a bundle's ``environment.json``, which is foreign text, for this machine.

    Parameters
    ----------
    facts
        What it says.
    wheels, leave_out
        As for `whole_environment`.
    progress
        Called with what is being done, and 1.

    Raises
    ------
    ModelError
        It cannot be made here.
    """
    stated = {name: facts.get(name) for name in ("python", "implementation", "packages")}
    recorded, problems = Fingerprint.parse(stated)
    if recorded is None or problems:
        raise ModelError(
            f"the recorded environment cannot be read ({'; '.join(problems) or 'nothing is recorded'})",
            "Re-run in the present environment, and ask the investigator for theirs",
            "environment-malformed",
        )
    digests = facts.get("package_sha256")
    return whole_environment(
        recorded,
        {name: each for name, each in digests.items() if isinstance(each, str)} if isinstance(digests, dict) else {},
        "the bundle",
        wheels=wheels,
        leave_out=leave_out,
        progress=None if progress is None else lambda what: progress(what, 1),
    )
