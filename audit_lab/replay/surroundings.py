"""In which environment a version is run, and how that differs from the one on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from audit_lab.errors import MisuseError
from audit_lab.replay.environment.comparison import compare, numerics_sentence, same_numerics
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.recorded import recorded_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.log.store import LogStore
    from audit_lab.replay.environment.comparison import Difference
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Ran
    from audit_lab.sandbox import PythonEnvironment

__all__ = ["Surroundings", "environment_choice", "surroundings_of"]


@dataclass(frozen=True)
class Surroundings:
    """How the environment that ran a version differs from the recorded one.

    Parameters
    ----------
    differences
        What was recorded and is otherwise.
    same_numerics
        Whether processor features and linear algebra are the same; None where they are not on record.
    problems
        What is recorded and cannot be read.
    sentence
        Whether the same bits may be expected.
    """

    differences: tuple[Difference, ...] = ()
    same_numerics: bool | None = None
    problems: tuple[str, ...] = ()
    sentence: str = ""


def surroundings_of(
    store: LogStore, prediction: Mapping[str, Any], version: Mapping[str, Any] | None, ran: Ran | None
) -> Surroundings:
    """Return how the environment that ran differs from the one recorded for a prediction.

    Parameters
    ----------
    store
        The log.
    prediction, version
        Its row of predictions, and its version's row of the registry.
    ran
        How the version was run; None where it was not: then what is installed here is compared.
    """
    recorded = recorded_runtime(store, prediction, version)
    present, _ = Fingerprint.parse(ran.fingerprint if ran else None)
    if present is None:
        from audit_lab.replay.environment.fingerprint_task import present_fingerprint

        # Nothing ran, perhaps because of what is installed: that is the same in this process as in a child of it.
        present = present_fingerprint()
    before = recorded.fingerprint
    return Surroundings(
        () if before is None else compare(before, present),
        None if before is None else same_numerics(before, present),
        recorded.problems,
        numerics_sentence(before, present),
    )


def environment_choice(
    store: LogStore, environment: Literal["present", "recorded"], prediction: Mapping[str, Any] | None = None
) -> Callable[[Model], PythonEnvironment | None] | None:
    """Return what gives the interpreter environment of a version; None where it is always the present one.

    Parameters
    ----------
    store
        The log.
    environment
        ``present`` or ``recorded``.
    prediction
        The prediction that is replayed, where it is one: it may record its own environment.

    Raises
    ------
    MisuseError
        There is no such choice.
    """
    if environment == "present":
        return None
    if environment != "recorded":
        raise MisuseError(f"there is no environment {environment!r}", "Choose present or recorded.")
    built: dict[str | None, PythonEnvironment] = {}

    def recorded(model: Model) -> PythonEnvironment:
        from audit_lab.replay.environment.construction import build_environment

        key = model.version["model_version"]
        if key not in built:
            built[key] = build_environment(recorded_runtime(store, prediction or {}, model.version))
        return built[key]

    return recorded
