"""Constraints in a JSON file, read strictly: what is unknown, twice or of another kind is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import members, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["parse_constraints", "read_constraints"]

_MOST_BYTES = 1_000_000
_NAMES = ("immutable", "only_up", "only_down")
_NEXT = "Correct the document; docs/counterfactuals.md says what it holds."
_SIDES = 2


def read_constraints(path: str | Path) -> dict[str, Any]:
    """Return the parameters of `Constraints` that a file states.

    Raises
    ------
    MisuseError
        The file cannot be read, or is no constraints.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise MisuseError(f"there is no readable file of constraints at {path}", "Name the JSON file.") from error
    return parse_constraints(content, str(path))


def parse_constraints(content: bytes, name: str) -> dict[str, Any]:
    """Return the parameters of `Constraints` that a document states; whether they can be meant, a model says.

    Raises
    ------
    MisuseError
        It is no JSON object, has an unknown member, or one of another kind.
    """
    if len(content) > _MOST_BYTES:
        raise MisuseError(f"{name} is longer than {_MOST_BYTES:,} bytes", "Name the JSON file of constraints.")
    optional = frozenset({*_NAMES, "ranges", "categories", "one_of"})
    try:
        found = members(parse_json(content, name), frozenset(), name, optional)
        stated: dict[str, Any] = {each: _names(found[each], each) for each in _NAMES if each in found}
        if "one_of" in found:
            groups = _list(found["one_of"], "one_of")
            stated["one_of"] = tuple(_names(group, "group of one_of") for group in groups)
        if "ranges" in found:
            stated["ranges"] = {each: _range(each, bounds) for each, bounds in _object(found, "ranges").items()}
        if "categories" in found:
            named = _object(found, "categories")
            stated["categories"] = {each: tuple(_list(values, each)) for each, values in named.items()}
    except MalformedError as error:
        raise MisuseError(error.message, _NEXT) from error
    except ValueError as error:
        raise MisuseError(f"{name} cannot be used: {error}", _NEXT) from error
    return stated


def _other(what: str) -> ValueError:
    return ValueError(what)


def _list(written: Any, what: str) -> list[Any]:
    if not isinstance(written, list):
        raise _other(f"{printable(what)} is no list")
    return written


def _names(written: Any, what: str) -> tuple[str, ...]:
    found = _list(written, what)
    if not all(isinstance(each, str) for each in found):
        raise ValueError(f"{printable(what)} is no list of features")
    return tuple(found)


def _object(found: Mapping[str, Any], what: str) -> dict[str, Any]:
    if not isinstance(found[what], dict):
        raise _other(f"{what} is no object of features")
    return dict(found[what])


def _range(feature: str, written: Any) -> tuple[float | None, float | None]:
    bounds = _list(written, f"the range of {feature}")
    numbers = all(each is None or (isinstance(each, int | float) and not isinstance(each, bool)) for each in bounds)
    if len(bounds) != _SIDES or not numbers:
        raise ValueError(f"the range of {printable(feature)} is no list of a lowest and a highest number")
    low, high = bounds
    return low, high
