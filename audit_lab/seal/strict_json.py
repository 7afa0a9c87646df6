"""JSON read strictly and written canonically (RFC 8785)."""

from __future__ import annotations

import json
import re
from typing import Any

from audit_lab.seal.malformed import MalformedError

__all__ = ["canonical_json", "canonical_text", "members", "parse_json"]

_MOST_NESTING = 64
_MOST_DIGITS = 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: A string, or what begins as one and never ends; possessive, so that no input makes it slow.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_NEXT = "Ask whoever made the file for an unaltered copy"


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON-safe value.

    Parameters
    ----------
    value
        Objects, lists, strings, booleans, null, finite floats, and integers within +-(2^53 - 1).

    Raises
    ------
    MalformedError
        The value holds something that RFC 8785 cannot write (code ``json.not-canonical``).
    """
    import rfc8785

    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise MalformedError(
            f"A value cannot be written as canonical JSON: {error}",
            "Write big integers, NaN and infinities as strings",
            "json.not-canonical",
        ) from error


def canonical_text(value: Any) -> bytes:
    """Return the same bytes as `canonical_json` for a value without floats, by the standard library alone.

    Parameters
    ----------
    value
        Objects whose member names are ASCII, lists, strings, booleans, null and integers within +-(2^53 - 1).

    Raises
    ------
    MalformedError
        A string holds half of a surrogate pair (code ``json.not-canonical``).
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedError(
            "A value cannot be written as canonical JSON: a text holds half of a surrogate pair",
            "Correct the text, or write it escaped",
            "json.not-canonical",
        ) from error


def parse_json(content: bytes, name: str) -> Any:
    """Parse JSON and refuse whatever two readers could understand differently.

    Refused are a byte order mark, invalid UTF-8, lone surrogates, duplicate keys, NaN and infinities, integers of more
    than 16 digits, floats that overflow, and nesting deeper than 64.

    Parameters
    ----------
    content
        The exact bytes.
    name
        The file's name, for the message.

    Raises
    ------
    MalformedError
        With a code that begins ``json.``.
    """
    if content.startswith(_BYTE_ORDER_MARK):
        raise _refusal(name, "starts with a byte order mark", "json.byte-order-mark")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refusal(name, f"is not UTF-8 at byte {error.start}", "json.not-utf8") from error
    _check_nesting(text, name)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique_members, parse_constant=_no_constant, parse_int=_integer, parse_float=_float
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except _RefusedValueError as error:
        raise _refusal(name, str(error), error.code) from error
    except UnicodeEncodeError as error:
        raise _refusal(name, "escapes half of a surrogate pair", "json.lone-surrogate") from error
    except (ValueError, RecursionError) as error:
        raise _refusal(name, f"is not JSON ({error})", "json.not-json") from error
    return value


def members(value: Any, required: frozenset[str], name: str, optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return `value` as an object that has every required member and none that is unknown.

    Raises
    ------
    MalformedError
        It is no object, lacks a member or has an unknown one (codes ``json.not-an-object``, ``json.member-missing``,
        ``json.member-unknown``).
    """
    if not isinstance(value, dict):
        raise _refusal(name, "should be a JSON object", "json.not-an-object")
    missing = sorted(required - value.keys())
    if missing:
        raise _refusal(name, f"lacks the members {', '.join(missing)}", "json.member-missing")
    unknown = sorted(value.keys() - required - optional)
    if unknown:
        raise _refusal(name, f"has unknown members {', '.join(map(ascii, unknown))}", "json.member-unknown")
    return value


class _RefusedValueError(ValueError):
    """A value that JSON allows and we do not; carries the finding's code out of the json module's hooks."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def _refusal(name: str, what: str, code: str) -> MalformedError:
    return MalformedError(f"{name} {what}", _NEXT, code)


def _check_nesting(text: str, name: str) -> None:
    if text.count("[") + text.count("{") <= _MOST_NESTING:
        return
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > _MOST_NESTING:
            raise _refusal(name, f"nests deeper than {_MOST_NESTING}", "json.too-deep")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise _RefusedValueError(f"has the member {twice[0]!a} more than once", "json.duplicate-member")
    return value


def _no_constant(text: str) -> Any:
    raise _RefusedValueError(f"holds {text}, which is not JSON", "json.not-json")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MOST_DIGITS:
        raise _RefusedValueError("holds an integer of more than 16 digits", "json.number-too-big")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise _RefusedValueError("holds a number beyond double precision", "json.number-too-big")
    return value
