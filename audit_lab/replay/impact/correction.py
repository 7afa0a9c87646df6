"""What a user says was wrong: each correction has a name, a line that describes it, and a digest."""

from __future__ import annotations

import difflib
import json
import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError, ModelError
from audit_lab.replay.decision_rules import parse_rules
from audit_lab.replay.impact.kinds import (
    Applies,
    MissingValue,
    Recoding,
    RegisteredRules,
    RegisteredVersion,
    StatedRules,
    Threshold,
    Unit,
    Value,
    WithoutRule,
)
from audit_lab.replay.impact.replacement import Replacement
from audit_lab.replay.units import NAMES, Conversion, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

__all__ = ["Correction"]

When = str | date | datetime | None


class Correction:
    """What was wrong, by name; several corrections are made in the order in which they are given.

    `where`, `since` and `until` of a correction narrow it down to the predictions that they find; what is asked about
    is narrowed down by those of `AuditLog.impact`.
    """

    @staticmethod
    def unit(
        feature: str,
        conversion: str | Conversion | None = None,
        *,
        factor: float = 1.0,
        divisor: float = 1.0,
        offset: float = 0.0,
        where: str | None = None,
        since: When = None,
        until: When = None,
    ) -> Unit:
        """Convert a feature that was recorded in another unit than the model takes.

        Parameters
        ----------
        feature
            Its name.
        conversion
            From the recorded unit to the right one, as in ``km -> mile`` (the exact one of that name) or as a replay's
            cause prints it, ``km -> mile (/ 1.60934)``. Or give numbers: ``value * factor / divisor + offset``.
        where, since, until
            Only for the predictions that these find.

        Raises
        ------
        MisuseError
            No conversion goes by that name, or nothing is converted.
        """
        if isinstance(conversion, str):
            conversion = _named(conversion)
        if conversion is None:
            conversion = Conversion("recorded -> right", factor, divisor, after=offset)
        elif (factor, divisor, offset) != (1.0, 1.0, 0.0):
            raise MisuseError("a unit is corrected by a conversion or by numbers", "Leave one of them out.")
        numbers = (conversion.factor, conversion.divisor, conversion.before, conversion.after)
        if numbers == (1.0, 1.0, 0.0, 0.0) or not all(map(math.isfinite, numbers)) or 0.0 in numbers[:2]:
            raise MisuseError(
                f"the conversion {conversion} of {feature} changes nothing, or is none",
                "Name a conversion such as 'km -> mile', or give a factor.",
            )
        return Unit(feature, conversion, Applies.of(where, since, until))

    @staticmethod
    def values(
        frame: pl.DataFrame | pl.LazyFrame,
        source: str = "another source",
        *,
        where: str | None = None,
        since: When = None,
        until: When = None,
    ) -> Replacement:
        """Replace features by values of another source, for example those that the right feature source gives.

        Parameters
        ----------
        frame
            ``prediction_id``, once each, and a column for each feature. A prediction without a row is not decided, and
            listed as such. A row with an empty value says that the source has none: the model is given none.
        source
            What the source is called.
        where, since, until
            Only for the predictions that these find; the others need no row.

        Raises
        ------
        MisuseError
            An id is missing or stands twice, or there is no feature.
        """
        return Replacement.of(frame, source, Applies.of(where, since, until))

    @staticmethod
    def missing(
        feature: str, value: Value, *, where: str | None = None, since: When = None, until: When = None
    ) -> MissingValue:
        """Read a missing value (null, or not a number) of a feature as this value."""
        if isinstance(value, float) and not math.isfinite(value):
            raise MisuseError(f"{value} is no value to read a missing one as", "Give a finite number or a text.")
        return MissingValue(feature, value, Applies.of(where, since, until))

    @staticmethod
    def recode(
        feature: str,
        mapping: Mapping[Any, Any],
        *,
        where: str | None = None,
        since: When = None,
        until: When = None,
    ) -> Recoding:
        """Read some values of a feature as others, all at once; None as the new value stands for a missing one.

        Raises
        ------
        MisuseError
            The mapping is empty, changes nothing, or changes a missing value (which `missing` does).
        """
        if not mapping or None in mapping:
            raise MisuseError(
                f"the recoding of {feature} is empty, or recodes a missing value",
                "Give the recorded values and what each stands for; a missing value is read by Correction.missing.",
            )
        if all(old == new for old, new in mapping.items()):
            raise MisuseError(
                f"the recoding of {feature} reads each value as itself",
                "Give recorded values and what each stands for.",
            )
        pairs = sorted(mapping.items(), key=lambda pair: (type(pair[0]).__name__, str(pair[0])))
        return Recoding(feature, tuple(pairs), Applies.of(where, since, until))

    @staticmethod
    def version(model_version: str) -> RegisteredVersion:
        """Let another registered version of the same model decide, by its own threshold and rules."""
        return RegisteredVersion(model_version)

    @staticmethod
    def threshold(value: float, *, where: str | None = None, since: When = None, until: When = None) -> Threshold:
        """Decide by another threshold.

        Raises
        ------
        MisuseError
            The threshold is not a finite number.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise MisuseError(f"the threshold {value!r} is not a finite number", "Give a number such as 0.4.")
        return Threshold(float(value), Applies.of(where, since, until))

    @staticmethod
    def rules(rules: str | Sequence[Mapping[str, str]]) -> StatedRules:
        """Decide by these rules instead of the version's: the registry's JSON, or the same as a list.

        Raises
        ------
        MisuseError
            They are no rules, or a condition cannot be read.
        """
        text = rules if isinstance(rules, str) else json.dumps([dict(rule) for rule in rules])
        try:
            return StatedRules(parse_rules(text, "the correction"))
        except ModelError as error:
            raise MisuseError(
                f"the rules cannot be read ({error.message})",
                'Write them as in the registry: [{"name": "...", "when": "inputs.x < 2", "decision": "..."}].',
            ) from error

    @staticmethod
    def rules_of(model_version: str) -> RegisteredRules:
        """Decide by the rules that the registry has for another version of the same model; all else stays."""
        return RegisteredRules(model_version)

    @staticmethod
    def without_rule(name: str) -> WithoutRule:
        """Decide by the version's rules without the one of this name."""
        return WithoutRule(name)


def _named(text: str) -> Conversion:
    """Return the conversion that a user names; of several with one name the first, which is exact by definition."""
    wanted = " ".join(text.split())
    conversion = named(wanted)
    if conversion is not None:
        return conversion
    near = difflib.get_close_matches(wanted, NAMES, 3, 0.4) or NAMES[:3]
    raise MisuseError(
        f"no conversion is called {text!r}", f"Did you mean {', '.join(near)}? Or give a factor, divisor or offset."
    )
