"""What a recorder is told: of the right kind before anything is recorded, and not found out by a thread later."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Real
from typing import TYPE_CHECKING, Any

from audit_lab.capture.recorder.aggregates import Aggregates
from audit_lab.capture.recorder.sampling import Sampling
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_options"]

#: Numbers that may be zero: nothing is waited for.
_MAY_BE_ZERO = frozenset({"patience_s", "gather_s", "seal_s"})
_KINDS: dict[str, tuple[type, ...]] = {
    "sampling": (Sampling,),
    "aggregates": (Aggregates,),
    "redaction": (str, os.PathLike),
    "spool": (str, os.PathLike),
}
_WAYS = ("block", "drop")


def check_options(told: Mapping[str, Any]) -> None:
    """Check what `Recorder` was told, by the names of its parameters.

    Raises
    ------
    MisuseError
        Something is of another kind, or a number out of range.
    """
    for name in ("model", "version"):
        if not isinstance(told[name], str):
            raise MisuseError(f"a {name} is a text, not a {type(told[name]).__name__}", f"Give str({name}).")
    if told["when_full"] not in _WAYS:
        raise MisuseError(f"when_full cannot be {told['when_full']!r}", 'Give "block" or "drop".')
    for name in ("memory_mb", "patience_s", "gather_s", "seal_s", "most_lag_s"):
        if told[name] is not None or name != "most_lag_s":
            _check_number(name, told[name])
    for name, kinds in _KINDS.items():
        if told[name] is not None and not isinstance(told[name], kinds):
            raise _wrong(name, told[name], f"Give a {kinds[0].__name__}; see docs/recorder.md.")
    names = told["features"]
    if isinstance(names, str | bytes) or not (names is None or isinstance(names, Iterable)):
        raise _wrong("features", names, "Give names in order, or a mapping of each to its type.")


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise MisuseError(f"{name} is a number, not a {type(value).__name__}", "Give a number; see docs/recorder.md.")
    number = float(value)
    if not (number > 0 or (number == 0 and name in _MAY_BE_ZERO)):
        raise MisuseError(f"{name} cannot be {number:g}", "Give a greater one.")


def _wrong(name: str, value: Any, step: str) -> MisuseError:
    return MisuseError(f"{name} cannot be a {type(value).__name__}", step)
