"""Conversions between units that services are known to mix up."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

__all__ = ["CONVERSIONS", "NAMES", "Conversion", "named"]


@dataclass(frozen=True)
class Conversion:
    """``converted = (value + before) * factor / divisor + after``; `name` says from what to what.

    A division is kept as one: to multiply by the reciprocal can give the neighbouring number.
    """

    name: str
    factor: float = 1.0
    divisor: float = 1.0
    before: float = 0.0
    after: float = 0.0

    def of(self, values: pl.Expr) -> pl.Expr:
        """Return converted values, float64."""
        converted = values.cast(pl.Float64)
        if self.before:
            converted = converted + self.before
        if self.factor != 1.0:
            converted = converted * self.factor
        if self.divisor != 1.0:
            converted = converted / self.divisor
        return converted + self.after if self.after else converted

    def __str__(self) -> str:
        """Return the name and the numbers."""
        parts = [f"{self.before:+.7g}"] if self.before else []
        parts += [f"x {self.factor:.7g}"] if self.factor != 1.0 else []
        parts += [f"/ {self.divisor:.7g}"] if self.divisor != 1.0 else []
        parts += [f"{self.after:+.7g}"] if self.after else []
        return f"{self.name} ({' '.join(parts)})"


#: Factor and the units it leads from and to; each is tried in both directions. Exact by definition (NIST SP 811,
#: appendix B) or rounded as programs round them: a service that multiplied by 1.609 is recognised by 1.609.
_FACTORS: tuple[tuple[str, str, float], ...] = (
    ("mile", "km", 1.609344),
    ("mile", "km", 1.60934),
    ("mile", "km", 1.6093),
    ("mile", "km", 1.609),
    ("mile", "km", 1.61),
    ("mile", "km", 1.6),
    ("km", "mile", 0.621371),
    ("km", "mile", 0.6214),
    ("km", "mile", 0.62),
    ("mile", "metre", 1609.344),
    ("mile", "metre", 1609.34),
    ("nautical mile", "km", 1.852),
    ("mile", "nautical mile", 0.868976),
    ("yard", "metre", 0.9144),
    ("foot", "metre", 0.3048),
    ("metre", "foot", 3.28084),
    ("metre", "foot", 3.2808),
    ("metre", "foot", 3.281),
    ("foot", "inch", 12.0),
    ("yard", "foot", 3.0),
    ("inch", "cm", 2.54),
    ("inch", "mm", 25.4),
    ("square foot", "square metre", 0.09290304),
    ("acre", "hectare", 0.40468564224),
    ("pound", "kg", 0.45359237),
    ("pound", "kg", 0.453592),
    ("pound", "kg", 0.4536),
    ("pound", "kg", 0.454),
    ("kg", "pound", 2.20462),
    ("kg", "pound", 2.2046),
    ("kg", "pound", 2.205),
    ("kg", "pound", 2.2),
    ("ounce", "gram", 28.349523125),
    ("ounce", "gram", 28.35),
    ("pound", "ounce", 16.0),
    ("stone", "kg", 6.35029318),
    ("US gallon", "litre", 3.785411784),
    ("US gallon", "litre", 3.785),
    ("UK gallon", "litre", 4.54609),
    ("kcal", "kJ", 4.184),
    ("kWh", "MJ", 3.6),
    ("horsepower", "kW", 0.745699872),
    ("bar", "psi", 14.5037738),
    ("mmHg", "kPa", 0.133322387),
    ("mmol/L of glucose", "mg/dL", 18.0182),
    ("mmol/L of glucose", "mg/dL", 18.0),
    ("mmol/L of cholesterol", "mg/dL", 38.67),
    ("mg/dL", "umol/L of creatinine", 88.4),
    ("km/h", "mph", 0.621371192),
    ("m/s", "km/h", 3.6),
    ("knot", "km/h", 1.852),
    ("degree", "radian", 0.017453292519943295),
    ("minute", "second or hour -> minute", 60.0),
    ("hour", "second", 3600.0),
    ("day", "hour", 24.0),
    ("day", "minute", 1440.0),
    ("day", "second", 86400.0),
    ("week", "day", 7.0),
    ("year", "month", 12.0),
    ("year", "day", 365.25),
    ("year", "day", 365.0),
    ("year", "week", 52.0),
    ("month", "day", 30.0),
    ("dozen", "piece", 12.0),
    ("kibi", "unit", 1024.0),
    ("mebi", "unit", 1048576.0),
    ("ten", "unit", 10.0),
    ("hundred or share", "unit or per cent", 100.0),
    ("thousand", "unit", 1_000.0),
    ("ten thousand or share", "unit or basis point", 10_000.0),
    ("hundred thousand", "unit", 100_000.0),
    ("million", "unit", 1_000_000.0),
    ("thousand million", "unit", 1_000_000_000.0),
    ("the other sign", "this sign", -1.0),
)

#: ``converted = value * factor + after``.
_SCALES: tuple[tuple[str, str, float, float], ...] = (
    ("Celsius", "Fahrenheit", 1.8, 32.0),
    ("Celsius", "kelvin", 1.0, 273.15),
    ("Celsius", "kelvin", 1.0, 273.0),
)


def _both_ways() -> list[Conversion]:
    found = []
    for one, other, factor in _FACTORS:
        found.append(Conversion(f"{one} -> {other}", factor))
        if abs(factor) != 1.0:
            found.append(Conversion(f"{other} -> {one}", divisor=factor))
    for one, other, factor, after in _SCALES:
        found.append(Conversion(f"{one} -> {other}", factor, after=after))
        found.append(Conversion(f"{other} -> {one}", divisor=factor, before=-after))
    return found


def _without_repeats() -> list[Conversion]:
    """Return each conversion of numbers once, under all of its names: twelve inches are as many as twelve months."""
    names: dict[tuple[float, float, float, float], list[str]] = {}
    for each in _both_ways():
        names.setdefault((each.factor, each.divisor, each.before, each.after), []).append(each.name)
    return [Conversion(" or ".join(dict.fromkeys(known)), *numbers) for numbers, known in names.items()]


def named(text: str) -> Conversion | None:
    """Return the conversion of a name, with its numbers or without; of several of one name the first, the exact one."""
    return next((each for each in (*_BY_NAME, *CONVERSIONS) if text in (str(each), each.name)), None)


_BY_NAME: tuple[Conversion, ...] = tuple(_both_ways())

#: The names that `named` knows, each once.
NAMES: tuple[str, ...] = tuple(dict.fromkeys(each.name for each in _BY_NAME))

#: What is tried: factors in both directions and the scales of temperature, each conversion of numbers once.
CONVERSIONS: tuple[Conversion, ...] = tuple(_without_repeats())
