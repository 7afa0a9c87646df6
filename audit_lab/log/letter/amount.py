"""An amount that a letter states, compared with numeric inputs: exactly, rounded, or in another power of its unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EXACT", "AmountMatch", "LetterAmount", "number_text", "numeric_inputs", "read_amount"]

_GROUPED = re.compile(r"[+-]?(?:[0-9]{1,3}(?:[,'_ \u00a0\u202f\u2019][0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
_GROUPING = re.compile(r"[,'_ \u00a0\u202f\u2019]")
_MOST_DIGITS = 30
#: A rounded amount is never further off than this share of it.
_LARGEST_ROUNDING = Decimal("0.05")
_HOW = "Give the number alone, like 2500, 2,500 or 2500.50."

#: How many of what the amount counts one unit of the input is, by the first word of the unit.
_FACTORS = {
    **dict.fromkeys(("thousand", "thousands", "k", "teur", "tsd"), Decimal(1_000)),
    **dict.fromkeys(("million", "millions", "mio"), Decimal(1_000_000)),
    **dict.fromkeys(("cent", "cents", "pence", "penny", "eurocent"), Decimal("0.01")),
}
#: Units in which nobody counts thousands or hundredths of an amount.
_PLAIN_UNITS = frozenset(
    {
        *("year", "years", "month", "months", "week", "weeks", "day", "days", "hour", "hours"),
        *("minute", "minutes", "second", "seconds", "fraction", "share", "percent", "%", "count", "number"),
    }
)
#: What else an input can be: its unit is not known, and one of it stands for so many of the amount's.
_SCALES = (("in thousands", Decimal(1_000)), ("in hundredths", Decimal("0.01")))
_GIVEN_IN_THOUSANDS = "with the amount in thousands"

#: How close a match is.
EXACT = 0
_ROUNDED, _SCALED = 1, 2


@dataclass(frozen=True)
class AmountMatch:
    """One way in which an input can be the amount: its values from `low` to `high`, and how to say it."""

    rank: int
    low: float
    high: float
    words: str

    def holds(self, value: float) -> bool:
        """Whether a value matches."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class LetterAmount:
    """An amount as a letter gives it; `half_step` is how far rounding may have moved it.

    With `is_exact`, only an input that equals it matches.
    """

    value: Decimal
    half_step: Decimal
    is_exact: bool = False

    def __str__(self) -> str:
        """Return the amount with its thousands grouped."""
        return number_text(self.value)

    def matches(self, unit: str | None) -> tuple[AmountMatch, ...]:
        """Return the ways in which an input of a unit can be this amount, closest first."""
        word = (unit or "").lower().split(maxsplit=1)[0] if unit and unit.strip() else ""
        factor = _FACTORS.get(word, Decimal(1))
        exact = _way(EXACT, self.value, Decimal(0), factor, "equals {}")
        if self.is_exact:
            return (exact,)
        ways = [
            exact,
            _way(_ROUNDED, self.value, self.half_step, factor, "is {} rounded"),
        ]
        if factor == 1 and word not in _PLAIN_UNITS and self.value:
            ways += [_way(_SCALED, self.value, self.half_step, scale, f"is {{}} {how}") for how, scale in _SCALES]
            ways.append(_way(_SCALED, self.value, self.half_step, Decimal("0.001"), f"is {{}} {_GIVEN_IN_THOUSANDS}"))
        return tuple(ways)

    def exactly(self) -> LetterAmount:
        """Return the same amount, neither rounded nor in another power of its unit."""
        return LetterAmount(self.value, Decimal(0), is_exact=True)

    def is_in(self, units: Mapping[str, str | None]) -> pl.Expr:
        """Return whether any of some numeric columns is the amount, in whichever way."""
        held = [
            pl.col(name).cast(pl.Float64).is_between(way.low, way.high)
            for name, unit in units.items()
            for way in _widest(self.matches(unit))
        ]
        return pl.any_horizontal(each.fill_null(value=False) for each in held) if held else pl.lit(value=False)

    def rank(self, units: Mapping[str, str | None]) -> pl.Expr:
        """Return the rank of the closest way in which any of some numeric columns matches; null where none does."""
        ranks = []
        for name, unit in units.items():
            value = pl.col(name).cast(pl.Float64)
            ranks += [
                pl.when(value.is_between(way.low, way.high)).then(pl.lit(way.rank, dtype=pl.Int8))
                for way in self.matches(unit)
            ]
        return pl.min_horizontal(ranks) if ranks else pl.lit(None, dtype=pl.Int8)

    def closest(self, row: Mapping[str, Any], units: Mapping[str, str | None]) -> tuple[str, Any, AmountMatch] | None:
        """Return the input of a row that matches in the closest way, its value, and the way."""
        found = [
            (way.rank, abs(float(row[name]) - float(self.value)), name, way)
            for name, unit in units.items()
            if row.get(name) is not None
            for way in self.matches(unit)
            if way.holds(float(row[name]))
        ]
        if not found:
            return None
        _, _, name, way = min(found, key=lambda each: each[:3])
        return name, row[name], way

    def nearest(self, row: Mapping[str, Any], units: Mapping[str, str | None]) -> tuple[str, Any] | None:
        """Return the numeric input of a row that comes nearest to the amount, where any is within half of it."""
        distances = [
            (abs(float(row[name]) - float(self.value)), name, row[name]) for name in units if row.get(name) is not None
        ]
        distances = [each for each in distances if each[0] <= abs(float(self.value)) / 2]
        return min(distances, key=lambda each: each[:2])[1:] if distances else None


def read_amount(amount: str | float | Decimal) -> LetterAmount:
    """Read an amount; its trailing zeros, or its decimals, say how far it may be rounded.

    2500 stands for anything from 2,450 to 2,550; 2,487 for 2,486.5 to 2,487.5; never further than 5 % off.

    Raises
    ------
    MisuseError
        It is no number, or a decimal comma makes it ambiguous.
    """
    if isinstance(amount, bool) or not isinstance(amount, str | int | float | Decimal):
        raise MisuseError(f"an amount is a number, not {type(amount).__name__}", _HOW)
    text = amount.strip() if isinstance(amount, str) else repr(amount) if isinstance(amount, float) else str(amount)
    if isinstance(amount, str) and not _GROUPED.fullmatch(text):
        raise MisuseError(f"the amount {printable(repr(text))} cannot be read", _HOW)
    try:
        value = Decimal(_GROUPING.sub("", text))
    except InvalidOperation as error:
        raise MisuseError(f"the amount {printable(repr(text))} cannot be read", _HOW) from error
    if not value.is_finite() or len(value.as_tuple().digits) > _MOST_DIGITS or abs(value.adjusted()) > _MOST_DIGITS:
        raise MisuseError(f"the amount {printable(text)} is no amount", _HOW)
    if not isinstance(amount, str) and value == value.to_integral_value():
        value = value.quantize(Decimal(1))
    return LetterAmount(value, min(_step(value) / 2, abs(value) * _LARGEST_ROUNDING))


def numeric_inputs(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns of an inputs table that an amount can be compared with."""
    return tuple(name for name, dtype in schema.items() if dtype.is_numeric())


def number_text(value: Any) -> str:
    """Return a number with its thousands grouped, and no more digits than it has."""
    if isinstance(value, float):
        return f"{int(value):,}" if value.is_integer() and abs(value) < 1e15 else repr(value)  # noqa: PLR2004
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"


def _step(value: Decimal) -> Decimal:
    """Return the value of the last digit that counts: trailing zeros of a whole number do not."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < 0:
        return Decimal(1).scaleb(exponent)
    digits = str(abs(int(value)))
    return Decimal(10) ** (len(digits) - len(digits.rstrip("0"))) if value else Decimal(0)


def _widest(ways: tuple[AmountMatch, ...]) -> list[AmountMatch]:
    """Return the ways that lie within no other."""
    return [
        way
        for way in ways
        if not any(o.low <= way.low and way.high <= o.high and (o.low, o.high) != (way.low, way.high) for o in ways)
    ]


def _way(rank: int, value: Decimal, half_step: Decimal, factor: Decimal, words: str) -> AmountMatch:
    """Return the range of input values which, times `factor`, are at most `half_step` off the amount."""
    return AmountMatch(rank, float((value - half_step) / factor), float((value + half_step) / factor), words)
