"""Conversions from one unit to another that people make, and forget to make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.monitor.recognised.change import AFFINE, SIGN, UNIT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CONVERSIONS", "KNOWN_FACTORS", "TOLERANCE", "Conversion", "converts_from", "plain_multiples"]

#: Factor from one unit to another, and the conversion it stands for.
KNOWN_FACTORS: dict[float, str] = {
    1.609344: "mile -> km",
    1 / 1.609344: "km -> mile",
    1609.344: "mile -> metre",
    1 / 1609.344: "metre -> mile",
    1.852: "nautical mile -> km",
    1 / 1.852: "km -> nautical mile",
    0.3048: "foot -> metre",
    1 / 0.3048: "metre -> foot",
    2.54: "inch -> cm",
    1 / 2.54: "cm -> inch",
    0.45359237: "pound -> kg",
    1 / 0.45359237: "kg -> pound",
    12.0: "years -> months",
    1 / 12: "months -> years",
    24.0: "days -> hours",
    1 / 24: "hours -> days",
    60.0: "hours -> minutes, or minutes -> seconds",
    1 / 60: "minutes -> hours, or seconds -> minutes",
    3600.0: "hours -> seconds",
    1 / 3600: "seconds -> hours",
    100.0: "a share -> per cent, or an amount -> hundredths",
    0.01: "per cent -> a share, or hundredths -> an amount",
    1000.0: "a unit -> thousandths",
    0.001: "a unit -> thousands",
    1e6: "a unit -> millionths",
    1e-6: "a unit -> millions",
    1e9: "a unit -> billionths",
    1e-9: "a unit -> billions",
}

#: Units that are one thing and no other, unlike a share or a thousandth of something.
_CONCRETE = {"mile", "km", "metre", "nautical mile", "foot", "inch", "cm", "pound", "kg"}

#: A ratio must be this near to a known factor, beyond three times its error.
TOLERANCE = 0.03
_QUARTERS = 4


@dataclass(frozen=True)
class Conversion:
    """A named conversion: a value `x`, from `least` to `greatest`, arrives as ``factor * x + offset``."""

    kind: str
    name: str
    factor: float
    offset: float = 0.0
    least: float = -math.inf
    greatest: float = math.inf

    def plausible(self, low: float, high: float) -> bool:
        """Say whether values before the conversion, from `low` to `high`, can be of its unit at all."""
        return self.least <= low and high <= self.greatest

    def undone(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values as they were before the conversion."""
        return (values - self.offset) / self.factor

    def done(self, value: float) -> float:
        """Return what a value arrives as."""
        return self.factor * value + self.offset


#: For each unit of temperature the size of a kelvin in it, its value at 0 degrees Celsius, and -100 and 200 Celsius.
_TEMPERATURES = {
    "Celsius": (1.0, 0.0, -100.0, 200.0),
    "Fahrenheit": (1.8, 32.0, -148.0, 392.0),
    "kelvin": (1.0, 273.15, 173.15, 473.15),
}

CONVERSIONS: tuple[Conversion, ...] = (
    *(Conversion(UNIT, name, factor) for factor, name in KNOWN_FACTORS.items()),
    *(
        Conversion(
            AFFINE, f"{one} -> {two}", scale_two / scale_one, zero_two - zero_one * scale_two / scale_one, *around
        )
        for one, (scale_one, zero_one, *around) in _TEMPERATURES.items()
        for two, (scale_two, zero_two, *_) in _TEMPERATURES.items()
        if one != two
    ),
    Conversion(SIGN, "the other sign", -1.0),
)


def converts_from(conversion: str, unit: str | None) -> bool:
    """Say whether a conversion can be of values whose declared unit is this, or is not declared."""
    source = conversion.split(" -> ", maxsplit=1)[0]
    return unit is None or source not in _CONCRETE or unit.strip().casefold() in {source, f"{source}s"}


def plain_multiples(factor: float) -> tuple[float, ...]:
    """Return the nearest multiples of a quarter below and above a factor of 1 or more, but for those as good as it.

    Values that were multiplied by 1.75 are no kilometres of nautical miles, and few rows cannot tell.
    """
    low = math.floor(factor * _QUARTERS)
    places = (*range(low, 0, -1), *range(low + 1, low + _QUARTERS))
    apart = [place / _QUARTERS for place in places if abs(math.log(place / _QUARTERS / factor)) > TOLERANCE]
    below, above = [one for one in apart if one < factor], [one for one in apart if one > factor]
    return (*below[:1], *above[:1])
