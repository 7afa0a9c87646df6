"""One recorded prediction as bytes: taken at once, so that nothing that happens to its values later is in the record.

A record is a MessagePack array in the order of `FIELDS`; a float keeps its 64 bits, an integer is never a float, and a
missing value never a number. The id and the time are made when the record is taken.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "EXTRAS",
    "FIELDS",
    "LARGEST_RECORD_BYTES",
    "LATER",
    "Numbering",
    "checked_extras",
    "constants_of",
    "decoded",
    "encoded",
    "id_text",
    "is_missing",
    "microseconds",
    "milliseconds",
    "outputs_of",
    "own_id",
    "plain_scalar",
    "record_bytes",
    "score_of",
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

#: Stands in the place of an explanation that is to be computed later.
LATER = "later"

#: A record of more bytes is refused: whoever seals it needs many times its size in memory.
LARGEST_RECORD_BYTES = 16 << 20

_NUMBER = (int, float)
_EXTRA_TYPES: dict[str, tuple[type, ...]] = {
    "threshold": _NUMBER,
    "sampling_rate": _NUMBER,
    "explanation": (Mapping, str),
}
#: What an explanation may say, and of which type.
_EXPLANATION: dict[str, tuple[type, ...]] = {
    "method": (str,),
    "values": (Mapping, list, tuple, str),
    "base_value": _NUMBER,
    "background_sha256": (str,),
    "seed": (int,),
    "versions": (Mapping, list, tuple, str),
    "supersedes": (str,),
}
_VERSION_7, _VARIANT = 0x7 << 76, 0b10 << 62
_TWELVE_BITS, _SIXTY_TWO_BITS = (1 << 12) - 1, (1 << 62) - 1
_LONGEST_TEXT = 1_000
_LARGEST_SEED = 2**63
#: The types of pandas' missing values, and numpy's kinds of times and durations.
_MISSING = frozenset({"NAType", "NaTType"})
_TIME_KINDS = frozenset("mM")


def _plain(value: Any) -> Any:
    """Return what a value of a library's own type is in Python's: one of numpy as the number or list that it holds."""
    if type(value).__name__ in _MISSING:
        return None
    if getattr(getattr(value, "dtype", None), "kind", None) in _TIME_KINDS and hasattr(value, "astype"):
        return _times(value)
    is_table = hasattr(value, "columns")
    for name in () if is_table else ("tolist", "to_list", "item", "isoformat"):
        made = getattr(value, name, None)
        if made is not None and type(value).__module__ != "builtins":
            plain = made()
            if type(plain) is type(value):  # it has no plain form: a number of more bits than any of Python's
                break
            return plain
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    raise MisuseError(
        f"a value of type {kind} cannot be recorded",
        "Give numbers, text, bytes, booleans, times with a zone, None, or lists and mappings of these.",
    )


def _times(value: Any) -> Any:
    """Return numpy's times as they are written: in nanoseconds they would become bare numbers."""
    if getattr(value, "ndim", 0):
        return [_times(each) for each in value]
    text = str(value)
    return None if text == "NaT" else text


def is_missing(value: Any) -> bool:
    """Whether a value is None, or what pandas has in its place."""
    return value is None or type(value).__name__ in _MISSING


def plain_scalar(value: Any) -> Any:
    """Return the number or text that a library's scalar holds, None for a missing one, and anything else as it is."""
    if type(value).__module__ == "builtins":
        return value
    if type(value).__name__ in _MISSING:
        return None
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain, decimal_format="string")
_DECODER = msgspec.msgpack.Decoder()

#: Encode a record: a tuple in the order of `FIELDS`.
encoded: Callable[[tuple[Any, ...]], bytes] = _ENCODER.encode


def decoded(content: bytes | memoryview) -> Any:
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


def record_bytes(values: Any, model: str) -> bytes:
    """Return the bytes of a record, or of its inputs.

    Raises
    ------
    MisuseError
        A value has a type that cannot be recorded, or they are too many bytes.
    """
    try:
        content = encoded(values)
    except (OverflowError, TypeError, ValueError, RecursionError) as error:
        message = f"a prediction of {model} cannot be recorded ({error})"
        raise MisuseError(message, "Integers have up to 64 bits, and text is valid Unicode.") from error
    if len(content) > LARGEST_RECORD_BYTES:
        message = f"a prediction of {len(content):,} bytes cannot be recorded: {LARGEST_RECORD_BYTES:,} are the most"
        raise MisuseError(message, "Record the digest of what is so large, and where it is kept.")
    return content


class Numbering:
    """Gives UUIDs of version 7: the time in milliseconds, then random bits; made anew in a forked child."""

    def __init__(self) -> None:
        # The ids must differ, not be hard to guess; a system call for each would cost more than the record.
        self.bits = random.Random(os.urandom(32)).getrandbits  # noqa: S311

    def next(self, nanoseconds: int) -> bytes:
        """Return the 16 bytes of a new id; one of a time before 1970, which no such id can hold, bears 1970."""
        drawn = self.bits(74)
        number = (
            (nanoseconds // 1_000_000 if nanoseconds > 0 else 0) << 80
            | _VERSION_7
            | (drawn >> 62 & _TWELVE_BITS) << 64
            | _VARIANT
            | (drawn & _SIXTY_TWO_BITS)
        )
        return number.to_bytes(16, "big")


def id_text(stored: bytes | str | int) -> str:
    """Return an id as it stands in the log."""
    if not isinstance(stored, bytes):
        return str(stored)  # another type was spooled by a version that did not refuse it
    digits = stored.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def own_id(given: Any) -> str:
    """Return the id that a caller gives to a prediction.

    Raises
    ------
    MisuseError
        It is neither a text nor a UUID, or is empty or too long.
    """
    text = str(given) if isinstance(given, UUID) else given
    if not isinstance(text, str):
        raise MisuseError(f"a prediction's id is a text, not a {type(given).__name__}", "Give str(id).")
    if not 0 < len(text) <= _LONGEST_TEXT:
        raise MisuseError(
            f"the id of a prediction has {len(text):,} characters", f"Give an id of 1 to {_LONGEST_TEXT:,}."
        )
    return text


def milliseconds(given: Any, decision: Any) -> float | None:
    """Return how long a prediction took, where it is a number and what was decided a text.

    Raises
    ------
    MisuseError
        One of them is something else.
    """
    if decision is not None and not isinstance(decision, str):
        raise MisuseError(f"a decision is a text, not a {type(decision).__name__}", "Give the word for it.")
    if given is None:
        return None
    number = plain_scalar(given)
    if isinstance(number, bool) or not isinstance(number, _NUMBER):
        raise MisuseError(f"latency_ms is a number, not a {type(given).__name__}", "Give milliseconds.")
    return float(number)


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
    made = {name: value for name, value in extras.items() if value is not None}
    if "explanation" in made and made["explanation"] != LATER:
        made["explanation"] = _explanation(made["explanation"])
    return made or None


def _explanation(given: Any) -> dict[str, Any]:
    """Return an explanation of record without what is None, its numbers in Python's own types."""
    if not isinstance(given, Mapping):
        message = f"the explanation {str(given)[:80]!a} is none"
        raise MisuseError(message, f'Give a mapping with method, values and base_value; or "{LATER}".')
    made = {}
    for name, value in given.items():
        if name not in _EXPLANATION:
            message = f"an explanation has no {str(name)[:80]!a}"
            raise MisuseError(message, f"It may have {', '.join(_EXPLANATION)}.")
        plain: Any = value if value is None or isinstance(value, _EXPLANATION[name]) else plain_scalar(value)
        if plain is None:
            continue
        fits = isinstance(plain, _EXPLANATION[name]) and not isinstance(plain, bool)
        if not fits:
            message = f"the {name} of an explanation cannot be a {type(value).__name__}"
            raise MisuseError(message, "It is a table of docs/formats.md: explanations.")
        if name == "seed" and not -_LARGEST_SEED <= plain < _LARGEST_SEED:
            raise MisuseError("the seed of an explanation has more than 64 bits", "Give a smaller one.")
        made[name] = float(plain) if name == "base_value" else plain
    return made


def outputs_of(outputs: Any) -> tuple[Any, Any, Any]:
    """Return score, label and probabilities of what a model gave, where it is neither a float nor a text.

    Raises
    ------
    MisuseError
        A mapping has other names, or a value has another type.
    """
    if isinstance(outputs, Mapping):
        unknown = sorted(set(outputs) - {"score", "label", "probabilities"})
        if unknown:
            message = f"outputs have no {str(unknown[0])[:80]!a}"
            raise MisuseError(
                message, "They are score, label and probabilities; what else there is goes to parameters=."
            )
        score, label = outputs.get("score"), outputs.get("label")
        if label is not None and not isinstance(label, str):
            raise MisuseError(f"a label is a text, not a {type(label).__name__}", "Give str(label).")
        return None if score is None else _number(score, "a score"), label, _chances(outputs.get("probabilities"))
    if isinstance(outputs, bool):
        return None, json.dumps(outputs), None
    return _number(outputs, "outputs"), None, None


def score_of(outputs: Any) -> float | None:
    """Return the score among what a model gave, where there is one; raises what `outputs_of` does."""
    if outputs is None or isinstance(outputs, str):
        return None
    score = outputs if isinstance(outputs, float) else outputs_of(outputs)[0]
    return None if score is None else float(score)


def constants_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is the same in all records of a recorder, without what is None; raises what `checked_extras` does."""
    constants = {name: value for name, value in said.items() if value is not None}
    checked_extras({name: value for name, value in constants.items() if name != "clock_source"})
    return constants


def _number(value: Any, what: str) -> float:
    try:
        if not isinstance(value, str | bytes):
            return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_number(value, what) from error
    raise _no_number(value, what)


def _no_number(value: Any, what: str) -> MisuseError:
    message = f"{what} cannot be a {type(value).__name__}"
    return MisuseError(message, "Give a score, a label, or a mapping with score, label and probabilities.")


def _chances(given: Any) -> list[float] | None:
    if given is None:
        return None
    values = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise MisuseError(f"probabilities cannot be a {type(given).__name__}", "Give a list of numbers.")
    return [_number(each, "a probability") for each in values]
