"""In which environment a version is run, and how that differs from the one on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from audit_lab.errors import MisuseError
from audit_lab.replay.environment.comparison import compare, numerics_sentence, same_numerics
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.recorded import recorded_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.log.store import LogStore
    from audit_lab.replay.environment.comparison import Difference
    from audit_lab.replay.environment.environment_cache import BuiltEnvironment
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Ran
    from audit_lab.sandbox import PythonEnvironment

__all__ = ["RecordedEnvironments", "Surroundings", "environment_choice", "surroundings_of"]


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


class RecordedEnvironments:
    """The environments that a log records for its versions, each built when it is first asked for.

    Parameters
    ----------
    store
        The log.
    prediction
        The prediction that is replayed, where it is one: it may record its own environment.
    """

    def __init__(self, store: LogStore, prediction: Mapping[str, Any] | None = None) -> None:
        self._store = store
        self._prediction = prediction or {}
        self._built: dict[tuple[str, str | None], BuiltEnvironment] = {}

    def of(self, model: Model) -> PythonEnvironment:
        """Return the environment of a version.

        Raises
        ------
        ModelError
            It is not recorded, or cannot be built; `code` says which.
        """
        return self._of(model).environment

    def notes(self, model: Model) -> tuple[str, ...]:
        """Return what of a version's environment is not as recorded: what was filled in, or left out."""
        return self._of(model).notes

    def _of(self, model: Model) -> BuiltEnvironment:
        from audit_lab.replay.environment.construction import prepare_environment

        key = (model.name, model.version["runtime"])
        if key not in self._built:
            self._built[key] = prepare_environment(recorded_runtime(self._store, self._prediction, model.version))
        return self._built[key]


def environment_choice(
    store: LogStore, environment: Literal["present", "recorded"], prediction: Mapping[str, Any] | None = None
) -> RecordedEnvironments | None:
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
    return RecordedEnvironments(store, prediction)
