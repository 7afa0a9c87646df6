"""The bodies of an exchange as instances and answers, whichever protocol of serving they are in.

What a body holds decides, not the content type that is said with it: a vendor may log the request's type with the
response. Known are MLflow's ``dataframe_split``, ``dataframe_records``, ``instances`` and ``inputs``; versions 1 and 2
of the open inference protocol; Seldon's ``data``; SageMaker's ``features``; bare JSON; JSON lines; CSV without header.
"""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from audit_lab.capture.adapters.exchange import TRUNCATED, UNDECODABLE, Decoded, Half, Refusal
from audit_lab.capture.adapters.tensors import instances_of_tensors, is_tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from audit_lab.capture.adapters.settings import Settings

__all__ = ["DEEPEST", "decode_exchange", "json_value"]

#: JSON that is nested deeper is refused.
DEEPEST = 64

_json = msgspec.json.Decoder().decode
_PLAIN = frozenset({float, int, str, bool, type(None)})
_NUMBERS = frozenset({float, int})
_PARAMETERS = ("params", "parameters")
_QUICK_BYTES = 1_000_000
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[+-]?([0-9]*\.[0-9]*|0|[1-9][0-9]*)([eE][+-]?[0-9]+)?|[+-]?(nan|inf(inity)?)", re.IGNORECASE)


class _InstancesAlone(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    instances: list[Any]


class _PredictionsAlone(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    predictions: list[Any]


_instances_alone = msgspec.json.Decoder(_InstancesAlone).decode
_predictions_alone = msgspec.json.Decoder(_PredictionsAlone).decode


class _RefusedError(Exception):
    """A body cannot be taken; carries the refusal."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.refusal = Refusal(code, reason)


def json_value(text: bytes) -> Any:
    """Return a JSON value; NaN and Infinity, which many writers write, are taken too.

    Raises
    ------
    ValueError
        It is no JSON, is nested too deeply, or is not valid UTF-8; one that ends too early says "truncated".
    """
    try:
        value = _json(text)
    except msgspec.DecodeError as error:
        if b"NaN" not in text and b"Infinity" not in text:
            raise ValueError(str(error)) from error
        try:
            value = json.loads(text.decode())
            # A half of a surrogate pair, which the decoder above refuses too, is no text that can be kept.
            json.dumps(value, ensure_ascii=False).encode()
        except RecursionError as deep:
            raise ValueError("it is nested too deeply") from deep
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if (text.count(b"[") > DEEPEST or text.count(b"{") > DEEPEST) and _depth(value) > DEEPEST:
        raise ValueError("it is nested too deeply")
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        inner = [each for each in level if isinstance(each, dict | list)]
        level = [part for each in inner for part in (each.values() if isinstance(each, dict) else each)]
    return depth


def decode_exchange(half: Half, settings: Settings) -> Decoded | Refusal:
    """Return the instances of an exchange and their answers, or why it has none that can be told.

    Parameters
    ----------
    half
        Both sides; a body that is None is a side that is not there.
    settings
        The names of the features, where bodies have values alone.
    """
    quick = None if settings.texts else _quick(half.request, half.response)
    if quick is not None:
        return quick
    try:
        inputs, parameters = (None, None) if half.request is None else _request(half.request, settings)
        count = None if inputs is None else len(inputs)
        outputs, version = (None, None) if half.response is None else _response(half.response, count)
    except _RefusedError as error:
        return error.refusal
    if count is not None and outputs is not None and count != len(outputs):
        return Refusal(UNDECODABLE, f"the request has {count:,} instances and the response {len(outputs):,} answers")
    if not count and not outputs:
        return Refusal(UNDECODABLE, "no instance is in it")
    return Decoded(inputs, outputs, parameters, version)


def _quick(request: bytes | None, response: bytes | None) -> Decoded | None:
    """Return what the two commonest kinds of bodies hold, as the slower way would; None where they are not that."""
    if not request or not response or len(request) > _QUICK_BYTES or len(response) > _QUICK_BYTES:
        return None
    try:
        is_json = request[:1] == b"{" and response[:1] == b"{"
        return _quick_json(request, response) if is_json else _quick_csv(request, response)
    except (msgspec.DecodeError, RecursionError):
        return None


def _quick_json(request: bytes, response: bytes) -> Decoded | None:
    inputs, outputs = _instances_alone(request).instances, _predictions_alone(response).predictions
    fits = bool(inputs) and len(inputs) == len(outputs) and _PLAIN.issuperset(map(type, outputs))
    return Decoded(inputs, outputs) if fits and all(map(_is_plain, inputs)) else None


def _quick_csv(request: bytes, response: bytes) -> Decoded | None:
    if b"\n" in request or b"\n" in response or b"\r" in request or b"\r" in response:
        return None
    row, answer = _json(b"[" + request + b"]"), _json(b"[" + response + b"]")
    fits = len(answer) == 1 and type(answer[0]) in _NUMBERS and bool(row) and _NUMBERS.issuperset(map(type, row))
    return Decoded([row], answer) if fits else None


def _is_plain(instance: Any) -> bool:
    """Whether an instance is a mapping of single values, none of which is the vendor's wrapping."""
    return type(instance) is dict and _PLAIN.issuperset(map(type, instance.values()))


def _request(body: bytes, settings: Settings) -> tuple[list[Any], Any]:
    value = _value(body, "request", settings.texts)
    if isinstance(value, _Rows):
        names = list(settings.features)
        return (value[1:] if names and value[0] == names else list(value)), None
    if not isinstance(value, dict):
        return _instances(value), None
    given = next((value[name] for name in _PARAMETERS if name in value), None)
    return _of_request(value), given


def _of_request(value: dict[str, Any]) -> list[Any]:
    """Return the instances of a request's document, by the first of the known fields that it has."""
    if "columns" in value and "data" in value:
        return _split(value)
    found = next((name for name in _REQUESTS if name in value), None)
    if found is None or (found == "data" and not isinstance(value["data"], dict)):
        return [_features(value)]
    return _REQUESTS[found](value[found])


def _response(body: bytes, count: int | None) -> tuple[list[Any], str | None]:
    value = _value(body, "response")
    if isinstance(value, _Rows):
        return _answers_of_rows(value, count), None
    if not isinstance(value, dict):
        return _answers(value, count), None
    version = value.get("model_version")
    stated = version if isinstance(version, str) and version else None
    found = next((name for name in _RESPONSES if name in value), None)
    if found is None or (found == "data" and not isinstance(value["data"], dict)):
        return [value], stated
    inner = value[found]
    if found == "data":
        return _seldon(inner), stated
    return (_tensors(inner) if is_tensors(inner) else _answers(inner, count)), stated


class _Rows(list[Any]):
    """Rows of CSV, each a list of values."""


def _value(body: bytes, side: str, texts: AbstractSet[int] = frozenset()) -> Any:
    """Return what a body holds: a JSON value, or `_Rows`, of which some columns are declared to be texts."""
    text = body.strip()
    if not text:
        raise _RefusedError(UNDECODABLE, f"the {side} is empty")
    if text[:1] not in b"{[":
        return _csv_of_text(text, side, texts) if texts else _csv(text, side)
    try:
        return json_value(text)
    except ValueError as error:
        lines = text.split(b"\n")
        if len(lines) > 1:
            try:
                return [json_value(line) for line in lines if line.strip()]
            except ValueError:
                pass
        code = TRUNCATED if "truncated" in str(error) else UNDECODABLE
        raise _RefusedError(code, f"the {side} is no JSON ({error})") from error


def _csv(text: bytes, side: str) -> _Rows:
    rows = _Rows()
    for line in text.splitlines() if b"\n" in text or b"\r" in text else (text,):
        try:
            row = _json(b"[" + line + b"]")
        except (msgspec.DecodeError, RecursionError):
            row = None
        if row is None or not _PLAIN.issuperset(map(type, row)):
            return _csv_of_text(text, side)
        rows.append(row)
    return rows


def _csv_of_text(text: bytes, side: str, texts: AbstractSet[int] = frozenset()) -> _Rows:
    try:
        read = csv.reader(text.decode("utf-8").splitlines(), strict=True)
        return _Rows(
            [value if place in texts else _scalar(value) for place, value in enumerate(row)] for row in read if row
        )
    except UnicodeDecodeError as error:
        raise _RefusedError(UNDECODABLE, f"the {side} is neither JSON nor text in UTF-8") from error
    except csv.Error as error:
        raise _RefusedError(UNDECODABLE, f"the {side} is neither JSON nor CSV ({error})") from error


def _scalar(text: str) -> Any:
    """Return a field of CSV: a number where it is written as one, nothing where it is empty, else the text."""
    value = text.strip()
    if not value:
        return None
    if _WHOLE.fullmatch(value):
        return int(value)
    # A text such as 007 or 1_000 is no number, though Python would take it for one.
    try:
        return float(value) if _NUMBER.fullmatch(value) else text
    except ValueError:
        return text


def _instances(value: Any, *, always_list: bool = False) -> list[Any]:
    """Return instances of a JSON value: a list of rows, or one row."""
    if not isinstance(value, list):
        return [_features(value)]
    if not always_list and value and not any(isinstance(each, dict | list) for each in value):
        return [value]
    return [_features(each) for each in value]


def _features(value: Any) -> Any:
    """Return one instance: a mapping, or a list of values."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(value.get("features"), list):
            return value["features"]
        inner = value.get("data")
        if len(value) == 1 and isinstance(inner, dict) and isinstance(inner.get("features"), dict):
            values = inner["features"].get("values")
            return values if isinstance(values, list) else value
        return value
    return value if isinstance(value, list) else [value]


def _split(value: Any) -> list[Any]:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise _RefusedError(UNDECODABLE, "the request's dataframe_split has no list of data")
    names, rows = value.get("columns"), value["data"]
    if names is None:
        return _instances(rows, always_list=True)
    wrong = not isinstance(names, list) or any(not isinstance(row, list) or len(row) != len(names) for row in rows)
    if wrong or len(set(map(str, names))) != len(names):
        raise _RefusedError(UNDECODABLE, "the request's dataframe_split has rows of another width than its columns")
    texts = [str(name) for name in names]
    return [dict(zip(texts, row, strict=True)) for row in rows]


def _listed(value: Any) -> list[Any]:
    return _instances(value, always_list=True)


def _of_inputs(value: Any) -> list[Any]:
    """Return instances of tensors, of rows, or of columns: a mapping of lists of one length."""
    if is_tensors(value):
        return _tensors(value)
    if not isinstance(value, dict):
        return _instances(value, always_list=isinstance(value, list) and not _is_row(value))
    lengths = {len(each) if isinstance(each, list) else -1 for each in value.values()}
    if len(lengths) != 1 or lengths == {-1}:
        return [_features(value)]
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _is_row(value: list[Any]) -> bool:
    return bool(value) and not any(isinstance(each, dict | list) for each in value)


def _tensors(value: Any) -> list[Any]:
    try:
        return instances_of_tensors(value)
    except ValueError as error:
        raise _RefusedError(UNDECODABLE, str(error)) from error


def _seldon(data: dict[str, Any]) -> list[Any]:
    names = data.get("names") or []
    if isinstance(data.get("tensor"), dict):
        tensor = data["tensor"]
        rows = _tensors([{"name": "t", "shape": tensor.get("shape"), "data": tensor.get("values")}])
        rows = [each if isinstance(each, list) else list(each.values()) for each in rows]
    else:
        given = data.get("ndarray")
        if not isinstance(given, list):
            raise _RefusedError(UNDECODABLE, "the payload's data has neither ndarray nor tensor")
        rows = [_features(each) for each in given]
    if not names or any(not isinstance(row, list) or len(row) != len(names) for row in rows):
        return rows
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _answers(value: Any, count: int | None) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    if count == 1 and len(value) != 1:
        return [value]
    return value


def _answers_of_rows(rows: _Rows, count: int | None) -> list[Any]:
    if len(rows) == 1 and count is not None and count > 1 and len(rows[0]) == count:
        return list(rows[0])
    return [row[0] if len(row) == 1 else row for row in rows]


#: Field of a request to what makes instances of its value, in the order in which they are looked for.
_REQUESTS: dict[str, Callable[[Any], list[Any]]] = {
    "instances": _listed,
    "dataframe_split": _split,
    "dataframe_records": _listed,
    "inputs": _of_inputs,
    "data": _seldon,
    "jsonData": _instances,
}
_RESPONSES = ("predictions", "outputs", "data", "jsonData")
