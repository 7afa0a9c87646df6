"""One recorded prediction as bytes: taken at once, so that nothing that happens to its values later is in the record.

A record is a MessagePack array in the order of `FIELDS`; a float keeps its 64 bits, an integer is never a float, and a
missing value never a number. The id and the time are made when the record is taken.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "EXTRAS",
    "FIELDS",
    "Numbering",
    "checked_extras",
    "decoded",
    "encoded",
    "id_text",
    "microseconds",
    "outputs_of",
]

#: What stands where in a record. ``inputs`` is an array in the order of the file's features, or a map where the names
#: are others; ``id`` 16 bytes of a UUID, or text; ``at`` microseconds since 1970 in UTC; ``extras`` a map or nil.
FIELDS = ("id", "at", "inputs", "score", "label", "probabilities", "decision", "latency_ms", "extras")

#: What ``extras`` may hold: columns of the table predictions that few records need, and an explanation.
EXTRAS = frozenset(
    {
        "decision_rule",
        "endpoint",
        "environment",
        "error",
        "explanation",
        "model_version",
        "node",
        "parameters",
        "request_id",
        "risk_tier",
        "sampling_rate",
        "sampling_rule",
        "subject_id",
        "threshold",
        "trace_id",
    }
)

_EXTRA_TYPES: dict[str, tuple[type, ...]] = {
    "threshold": (int, float),
    "sampling_rate": (int, float),
    "explanation": (Mapping, str),
}
_VERSION_7, _VARIANT = 0x7 << 76, 0b10 << 62
_TWELVE_BITS, _SIXTY_TWO_BITS = (1 << 12) - 1, (1 << 62) - 1
_LONGEST_TEXT = 1_000


def _plain(value: Any) -> Any:
    """Return what a value of a library's own type is in Python's: one of numpy as the number or list that it holds."""
    for name in ("tolist", "item", "isoformat"):
        made = getattr(value, name, None)
        if made is not None and type(value).__module__ != "builtins":
            return made()
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    raise MisuseError(
        f"a value of type {kind} cannot be recorded",
        "Give numbers, text, bytes, booleans, times with a zone, None, or lists and mappings of these.",
    )


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain, decimal_format="string")
_DECODER = msgspec.msgpack.Decoder()

#: Encode a record: a tuple in the order of `FIELDS`.
encoded: Callable[[tuple[Any, ...]], bytes] = _ENCODER.encode


def decoded(content: bytes) -> Any:
    """Return what some bytes hold.

    Raises
    ------
    ValueError
        They are not MessagePack.
    """
    try:
        return _DECODER.decode(content)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


class Numbering:
    """Gives UUIDs of version 7: the time in milliseconds, then random bits; made anew in a forked child."""

    def __init__(self) -> None:
        # The ids must differ, not be hard to guess; a system call for each would cost more than the record.
        self.bits = random.Random(os.urandom(32)).getrandbits  # noqa: S311

    def next(self, nanoseconds: int) -> bytes:
        """Return the 16 bytes of a new id."""
        drawn = self.bits(74)
        number = (
            (nanoseconds // 1_000_000) << 80
            | _VERSION_7
            | (drawn >> 62 & _TWELVE_BITS) << 64
            | _VARIANT
            | (drawn & _SIXTY_TWO_BITS)
        )
        return number.to_bytes(16, "big")


def id_text(stored: bytes | str) -> str:
    """Return an id as it stands in the log."""
    if isinstance(stored, str):
        return stored
    digits = stored.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def microseconds(at: datetime | None) -> int:
    """Return a time in microseconds since 1970 in UTC; the present one for None.

    Raises
    ------
    MisuseError
        The time has no zone.
    """
    if at is None:
        return time.time_ns() // 1_000
    if at.tzinfo is None:
        raise MisuseError(f"the time {at.isoformat()} has no zone", "Give datetime.now(UTC), or a time with its zone.")
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def checked_extras(extras: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what few records need, without what is None.

    Raises
    ------
    MisuseError
        A name is not one of `EXTRAS`, or a value has another type.
    """
    unknown = sorted(set(extras) - EXTRAS)
    if unknown:
        message = f"a record has no {unknown[0][:_LONGEST_TEXT]!a}"
        raise MisuseError(message, f"Besides inputs and outputs it may have {', '.join(sorted(EXTRAS))}.")
    for name, value in extras.items():
        wanted: Any = _EXTRA_TYPES.get(name, str)
        if value is not None and not isinstance(value, wanted):
            message = f"the {name} of a record cannot be a {type(value).__name__}"
            raise MisuseError(
                message, "Numbers are threshold and sampling_rate, all else is text; see Recorder.record."
            )
    return {name: value for name, value in extras.items() if value is not None} or None


def outputs_of(outputs: Any) -> tuple[Any, Any, Any]:
    """Return score, label and probabilities of what a model gave, where it is neither a float nor a text.

    Raises
    ------
    MisuseError
        A mapping has other names, or it is no number.
    """
    if isinstance(outputs, Mapping):
        unknown = sorted(set(outputs) - {"score", "label", "probabilities"})
        if unknown:
            message = f"outputs have no {str(unknown[0])[:80]!a}"
            raise MisuseError(
                message, "They are score, label and probabilities; what else there is goes to parameters=."
            )
        score = outputs.get("score")
        return None if score is None else float(score), outputs.get("label"), outputs.get("probabilities")
    if isinstance(outputs, bool):
        return None, json.dumps(outputs), None
    try:
        return float(outputs), None, None
    except (TypeError, ValueError) as error:
        message = f"outputs cannot be a {type(outputs).__name__}"
        raise MisuseError(
            message, "Give a score, a label, or a mapping with score, label and probabilities."
        ) from error
