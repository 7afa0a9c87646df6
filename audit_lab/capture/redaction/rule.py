"""What is done to the values of one column before they are recorded: one rule, as its TOML states it."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.log.redactions import KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.log.keys.pseudonym import PseudonymKey

__all__ = ["RULES", "WITHHELD", "Rule", "stated_rule"]

#: What stands where a rule does not take a value: of another type, or too short to hide anything of it.
WITHHELD = "[withheld]"

#: What can be done to a column, and what each rule may be told besides.
RULES: dict[str, frozenset[str]] = {
    "drop": frozenset(),
    "mask": frozenset({"keep_last"}),
    "pseudonym": frozenset(),
    "generalise": frozenset({"step", "edges", "to", "prefix", "map", "otherwise"}),
    "keep": frozenset(),
}

_WAYS = ("step", "edges", "to", "prefix", "map")
_MOST_KEPT = 8
_HIDDEN = "****"
_OTHER = "other"
_PLAIN = frozenset({str, int, float, bool, bytes, datetime, date, Decimal})
_DAY = len("2026-11-30")


@dataclass(frozen=True)
class Rule:
    """What is done to the values of a column.

    Attributes
    ----------
    name
        A key of `RULES`.
    said
        What was done, in words.
    apply
        Makes of a value what is recorded; None where it is left out (``drop``) or recorded as it is (``keep``).
    gives_text
        Whether what comes out is text whatever goes in.
    """

    name: str
    said: str
    apply: Callable[[Any], Any] | None = None
    gives_text: bool = False


def stated_rule(stated: Any, where: str, key: Callable[[], PseudonymKey]) -> Rule:
    """Return the rule that a TOML value states: its name, or a table with ``rule`` and what belongs to it.

    Parameters
    ----------
    stated
        The value.
    where
        File and column, for messages.
    key
        Called where a pseudonym is stated, for the key.

    Raises
    ------
    MisuseError
        It is no rule, or there is no key.
    """
    told = {"rule": stated} if isinstance(stated, str) else stated
    if not isinstance(told, dict):
        raise MisuseError(f"{where}: no rule is stated", _next())
    name, further = told.get("rule"), {option: value for option, value in told.items() if option != "rule"}
    if not isinstance(name, str) or name not in RULES:
        raise MisuseError(f"{where}: there is no rule {str(name)[:80]!a}", _next())
    unknown = sorted(further.keys() - RULES[name])
    if unknown:
        raise MisuseError(f"{where}: {name} takes no {unknown[0][:80]!a}", _next())
    if name == "drop":
        return Rule(name, "left out")
    if name == "keep":
        return Rule(name, KEPT)
    if name == "mask":
        return _mask(_whole(further.get("keep_last", 0), f"{where}: keep_last", least=0, most=_MOST_KEPT))
    if name == "pseudonym":
        return _pseudonym(key())
    return _generalise(further, where)


def _next() -> str:
    return (
        f'Write one of {", ".join(RULES)}; or with options: {{ rule = "mask", keep_last = 2 }}, '
        '{ rule = "generalise", step = 10 } (or edges = [...], to = "month", prefix = 2, map = {...}).'
    )


def _whole(value: Any, what: str, *, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise MisuseError(f"{what} is no whole number from {least} to {most}", _next())
    return value


def _mask(kept: int) -> Rule:
    def apply(value: Any) -> str:
        text = _text(value)
        if text is None:
            return WITHHELD
        return _HIDDEN + text[-kept:] if kept and len(text) >= 2 * kept else _HIDDEN

    return Rule("mask", f"masked but for the last {kept} characters" if kept else "masked", apply, gives_text=True)


def _pseudonym(key: PseudonymKey) -> Rule:
    def apply(value: Any) -> str:
        text = _text(value)
        try:
            return WITHHELD if text is None else key.pseudonym(text)
        except AuditLabError:  # nothing is left of it, or it is too long
            return WITHHELD

    return Rule("pseudonym", f"replaced by a pseudonym under the key {key.name}", apply, gives_text=True)


def _generalise(further: Mapping[str, Any], where: str) -> Rule:
    ways = [way for way in _WAYS if way in further]
    if len(ways) != 1 or ("otherwise" in further and ways != ["map"]):
        raise MisuseError(f"{where}: generalise takes one of {', '.join(_WAYS)}, and otherwise beside map", _next())
    (way,) = ways
    value = further[way]
    if way == "step":
        return _step(value, where)
    if way == "edges":
        return _edges(value, where)
    if way == "to":
        return _to(value, where)
    if way == "prefix":
        return _prefix(_whole(value, f"{where}: prefix", least=1, most=_MOST_KEPT))
    return _map(value, further.get("otherwise", _OTHER), where)


def _step(step: Any, where: str) -> Rule:
    if isinstance(step, bool) or not isinstance(step, int | float) or not math.isfinite(step) or step <= 0:
        raise MisuseError(f"{where}: step is no number above 0", _next())
    width: int | float = int(step) if step == int(step) else step
    exact = Decimal(str(width))

    def of_number(value: float) -> Any:
        try:
            return float(math.floor(value / width) * width)
        except (ValueError, OverflowError):  # not a number, infinite, or too large
            return value if math.isnan(value) or math.isinf(value) else WITHHELD

    def apply(value: Any) -> Any:
        if type(value) is float:
            return of_number(value)
        if type(value) not in _PLAIN:
            value = _plain(value)
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return WITHHELD
        if isinstance(value, Decimal):
            return (value / exact).to_integral_value(ROUND_FLOOR) * exact if value.is_finite() else value
        return value // width * width if isinstance(value, int) and isinstance(width, int) else of_number(value)

    return Rule("generalise", f"generalised to steps of {width}", apply)


def _edges(edges: Any, where: str) -> Rule:
    are_numbers = isinstance(edges, list) and all(
        isinstance(edge, int | float) and not isinstance(edge, bool) and math.isfinite(edge) for edge in edges
    )
    if not are_numbers or not edges or any(one >= other for one, other in pairwise(edges)):
        raise MisuseError(f"{where}: edges are not rising numbers", _next())

    def apply(value: Any) -> Any:
        if type(value) not in _PLAIN:
            value = _plain(value)
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return WITHHELD
        if value != value:  # noqa: PLR0124 (not a number)
            return value
        edge = edges[max(bisect_right(edges, value) - 1, 0)]
        if isinstance(value, Decimal):
            return Decimal(str(edge))
        return float(edge) if isinstance(value, float) else edge

    listed = ", ".join(f"{edge:g}" for edge in edges)
    return Rule("generalise", f"generalised to the edge below it, of {listed}", apply)


def _to(to: Any, where: str) -> Rule:
    if to not in ("month", "year"):
        raise MisuseError(f"{where}: a date is generalised to month or year", _next())

    def first(value: date) -> date:
        month = value.month if to == "month" else 1
        if isinstance(value, datetime):
            return datetime(value.year, month, 1, tzinfo=value.tzinfo)
        return date(value.year, month, 1)

    def apply(value: Any) -> Any:
        text = value if isinstance(value, str) else ""
        try:
            if isinstance(value, date):
                return first(value)
            return first(date.fromisoformat(text[:_DAY])).isoformat() if text[_DAY : _DAY + 1] in "T " else WITHHELD
        except (TypeError, ValueError):  # no date, or pandas' missing one
            return WITHHELD

    return Rule("generalise", f"generalised to the first day of its {to}", apply)


def _prefix(length: int) -> Rule:
    def apply(value: Any) -> str:
        text = value.strip() if isinstance(value, str) else ""
        return text[:length] if len(text) > length else WITHHELD

    return Rule("generalise", f"generalised to its first {length} characters", apply, gives_text=True)


def _map(categories: Any, otherwise: Any, where: str) -> Rule:
    if not isinstance(categories, dict) or not all(isinstance(each, str) for each in (*categories.values(), otherwise)):
        raise MisuseError(f"{where}: map is no table of texts, or otherwise is none", _next())

    def apply(value: Any) -> str:
        text = _text(value)
        return WITHHELD if text is None else categories.get(text, otherwise)

    kinds = len({*categories.values(), otherwise})
    return Rule("generalise", f"generalised to {kinds} categories", apply, gives_text=True)


def _text(value: Any) -> str | None:
    """Return a text, or a whole number, as text; None for anything else: 7.0 and 7 must not be two people."""
    if isinstance(value, str):
        return value
    if type(value) not in _PLAIN:
        value = _plain(value)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _plain(value: Any) -> Any:
    """Return what a value of a library's own type is in Python's, where it says so."""
    for name in ("tolist", "item"):
        made = getattr(value, name, None)
        if made is not None:
            return made()
    return value
