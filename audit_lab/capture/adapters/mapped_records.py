"""Plain records as exchanges, through the same mapping by which Parquet of other systems is read in place.

A name of the mapping is a field of the record, or a path to one: ``payload.amount`` is the field ``amount`` within
``payload``, which may be JSON within a text. Of a record that loguru wrote (``serialize=True``) the fields of its
``extra`` are the record's own, and ``time``, ``message`` and ``level`` are where other loggers have them. The rule for
a row's fate is that of `audit_lab.log.foreign.mapped`: without its id, or with an unreadable time, it is refused.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import msgspec

from audit_lab.capture.adapters.bodies import json_value
from audit_lab.capture.adapters.exchange import BOTH, NULL_PAYLOAD, UNDECODABLE, Decoded, Half, Refusal
from audit_lab.capture.adapters.times import micros_of, micros_of_number
from audit_lab.log.foreign.mapped import NO_ID, UNREADABLE_TIME
from audit_lab.log.foreign.values import TIME_UNITS

if TYPE_CHECKING:
    from audit_lab.log.foreign.mapping import Mapping

__all__ = ["decoded_record", "mapped_half"]

_TEXTS = ("model_name", "model_version", "request_id", "subject_id", "decision")
_ANSWERS = ("score", "label")
_LARGEST_EXACT = 2**53
_encoded = msgspec.json.Encoder().encode


def mapped_half(record: Any, mapping: Mapping, made_id: str) -> Half | Refusal:
    """Return what a record says of a prediction.

    Parameters
    ----------
    record
        Its fields.
    mapping
        Which of them plays which role.
    made_id
        The id where no field is mapped as one.
    """
    if not isinstance(record, dict):
        return Refusal(UNDECODABLE, "the record is no mapping of fields")
    fields = _own_fields(record)
    try:
        return _mapped(fields, mapping, made_id)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return Refusal(UNDECODABLE, str(error) or "a value cannot be kept")


def _mapped(fields: dict[str, Any], mapping: Mapping, made_id: str) -> Half | Refusal:
    """Return what the fields of a record say of a prediction.

    Raises
    ------
    ValueError, TypeError, OverflowError, RecursionError
        A value is not of the kind of its role, or cannot be kept.
    """
    columns = mapping.columns
    found = {role: _value(fields, name) for role, name in columns.items()}
    key = _text("prediction_id", found.get("prediction_id")) if "prediction_id" in columns else made_id
    if key is None:
        return Refusal(UNDECODABLE, NO_ID)
    try:
        at = _time(found.get("occurred_at"), mapping.time_unit)
    except ValueError:
        return Refusal(UNDECODABLE, UNREADABLE_TIME)
    about: dict[str, Any] = {role: _text(role, found.get(role)) for role in _TEXTS if role in columns}
    about["model_name"] = about.get("model_name") or mapping.model_name
    for role in ("threshold", "latency_ms"):
        if role in columns:
            about[role] = _number(role, found.get(role))
    if about.get("latency_ms") is not None:
        about["latency_ms"] *= 1_000 / TIME_UNITS[mapping.latency_unit]
    inputs = {name: _value(fields, name) for name in mapping.inputs}
    asked = any(value is not None for value in inputs.values())
    score, label = _number("score", found.get("score")), _text("label", found.get("label"))
    answer = {"score": score, "label": label, "outcome": found.get("outcome")}
    answered = any(value is not None for value in answer.values()) or about.get("decision") is not None
    if not asked and not answered:
        return Refusal(NULL_PAYLOAD, "none of the mapped inputs and answers is in the record")
    request = _body(inputs) if asked else None
    return Half(key, BOTH, at, request, _body(answer) if answered else None, about=about)


def _body(values: dict[str, Any]) -> bytes:
    """Return values as JSON; NaN and infinities, which JSON does not have, as `json_value` reads them."""
    if all(_is_plain(value) for value in values.values()):
        return _encoded(values)
    return json.dumps(values, ensure_ascii=False).encode()


def _is_plain(value: Any) -> bool:
    """Whether a value is single, and no number that JSON does not have."""
    return math.isfinite(value) if type(value) is float else not isinstance(value, dict | list)


def decoded_record(half: Half) -> Decoded | Refusal:
    """Return the one instance of a record, its answer, and its label where one is known."""
    inputs = None if half.request is None else [json_value(half.request)]
    if half.response is None:
        return Decoded(inputs, None)
    answer = json_value(half.response)
    outcome = answer.pop("outcome")
    if answer["score"] is None and answer["label"] is None and not (half.about or {}).get("decision"):
        outputs: list[Any] | None = None if inputs is not None else [{}]
    else:
        outputs = [{name: value for name, value in answer.items() if value is not None}]
    return Decoded(inputs, outputs, labels=None if outcome is None else [outcome])


def _own_fields(record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a record; those that were given to loguru as if they were the record's own."""
    inner = record.get("record")
    if not isinstance(inner, dict) or not isinstance(inner.get("extra"), dict):
        return record
    time = inner.get("time")
    level = inner.get("level")
    said = {
        "time": time.get("timestamp") if isinstance(time, dict) else time,
        "level": level.get("name") if isinstance(level, dict) else level,
        "message": inner.get("message"),
    }
    return {**record, **said, **inner["extra"]}


def _value(fields: dict[str, Any], name: str) -> Any:
    """Return a field by its name, or by a path to it; None where there is none."""
    if name in fields:
        return fields[name]
    value: Any = fields
    rest = name
    while rest:
        if isinstance(value, str) and value[:1] == "{":
            try:
                value = json_value(value.encode())
            except ValueError:
                return None
        if not isinstance(value, dict):
            return None
        if rest in value:
            return value[rest]
        first, _, rest = rest.partition(".")
        value = value.get(first)
    return value


def _text(role: str, value: Any) -> str | None:
    """Return a value as text; whole numbers without a point, and nothing for a blank.

    Raises
    ------
    ValueError
        It is no single value.
    """
    if value is None or isinstance(value, str):
        return value if value and value.strip() else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_EXACT else str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    raise ValueError(f"the {role} is no text ({type(value).__name__})")


def _number(role: str, value: Any) -> float | None:
    """Return a number, None where there is none.

    Raises
    ------
    ValueError
        It is none, or one that a column of numbers cannot hold exactly.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str) and value.isascii() and "_" not in value:
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, int) and abs(value) > _LARGEST_EXACT:
        raise ValueError(f"the {role} is a whole number that is too large ({str(value)[:40]})")
    if isinstance(value, bool | int | float):
        return float(value)
    raise ValueError(f"the {role} is no number ({str(value)[:40]!a})")


def _time(value: Any, unit: str | None) -> int | None:
    """Return a time in microseconds.

    Raises
    ------
    ValueError
        It cannot be read, or is a number whose unit is not said.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if unit is None:
        # loguru's own time is a number of seconds; a number of another record says nothing without its unit.
        return micros_of(value) if isinstance(value, str) else micros_of_number(value, _unit_of(value))
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return micros_of(value)
    return micros_of_number(value, unit)


def _unit_of(value: Any) -> str:
    if isinstance(value, float):
        return "s"
    raise ValueError("the unit of the time is not said")
