"""One side of a comparison of explanations: values by feature, and what is known of how they came about.

An explanation of record is a row of the log's table `explanations`. Its `values` are JSON, an object of feature to
number, and as hostile as any text of a log: what is no such object is refused, and nothing is guessed.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, ModelError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.explain.attribution import Attribution

__all__ = ["Explained", "explained_of_record"]

_MOST_BYTES = 4_000_000
#: How far base value and values may be from a prediction that they are said to add up to: what is recorded is rounded.
_ADDS_UP = 5e-3


@dataclass(frozen=True)
class Explained:
    """Values by feature, and what is known of them; None where it was not recorded.

    Parameters
    ----------
    name
        What it is called in sentences, for example ``SHAP`` or ``the shap of record``.
    method
        As stated: ``shap``, ``lime``, or what the log has.
    contributions
        Feature to value, in the units of the output.
    output
        What the values are of: ``probability``, ``log-odds``, ``margin``, ``value``; of a record what they add up to.
    background_sha256, seed, version, base_value
        What the numbers rest on; `version` is that of the library.
    inconsistency
        Why it cannot be of this output, in words: Shapley values with a base add up to what they explain.
    """

    name: str
    method: str
    contributions: Mapping[str, float]
    output: str | None = None
    background_sha256: str | None = None
    seed: int | None = None
    version: str | None = None
    base_value: float | None = None
    inconsistency: str | None = None

    @classmethod
    def of(cls, attribution: Attribution) -> Explained:
        """Return an attribution as a side."""
        return cls(
            attribution.method.upper(),
            attribution.method,
            {entry.feature: entry.contribution for entry in attribution.contributions},
            attribution.output_explained,
            attribution.background.sha256,
            attribution.seed,
            f"{attribution.library} {attribution.library_version}",
            attribution.base_value,
        )


def explained_of_record(row: Mapping[str, Any], recomputed: Attribution) -> Explained:
    """Return an explanation of record as a side, beside the attribution that it is compared with.

    What its values are of is not recorded; it is told from what base value and values add up to, within 0.005: the
    model's output, or the log-odds of its probability. Else it stays unknown.

    Parameters
    ----------
    row
        A row of the log's table `explanations`.
    recomputed
        Of the same decision.

    Raises
    ------
    ModelError
        Its values are missing, or no JSON object of feature to finite number; code ``record-unreadable``.
    """
    method = row.get("method") or "explanation"
    name = f"the {method} of record"
    contributions = _values(row.get("values"), name)
    base = row.get("base_value")
    base = None if base is None or not math.isfinite(base) else float(base)
    output = _output(base, contributions, recomputed)
    return Explained(
        name,
        method,
        contributions,
        output,
        row.get("background_sha256"),
        row.get("seed"),
        _version(row.get("versions"), recomputed.library),
        base,
        None if base is None or output is not None else _inconsistency(method, base, contributions, recomputed),
    )


def _values(text: str | None, name: str) -> dict[str, float]:
    try:
        content = (text or "").encode()
        if len(content) > _MOST_BYTES:
            raise _unreadable(name, f"has values of more than {_MOST_BYTES:,} bytes")
        found = parse_json(content, "Its column values")
    except (AuditLabError, ValueError) as error:
        what = "has no values" if not text else f"cannot be read: {error}"
        raise _unreadable(name, what) from error
    if not isinstance(found, dict) or not found:
        raise _unreadable(name, "has values that are no JSON object of feature to number")
    numbers = {}
    for feature, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _unreadable(name, f"has a value of {feature} that is no finite number")
        numbers[feature] = float(value)
    return numbers


def _unreadable(name: str, what: str) -> ModelError:
    return ModelError(f"{name} {what}", "Ask its writer's owner for what was told at the time.", "record-unreadable")


def _output(base: float | None, contributions: Mapping[str, float], recomputed: Attribution) -> str | None:
    if base is None:
        return None
    total, output = base + sum(contributions.values()), recomputed.prediction_value
    if abs(total - output) <= _ADDS_UP * max(1.0, abs(output)):
        return recomputed.output_explained
    if recomputed.output_explained == "probability" and 0 < output < 1:
        log_odds = math.log(output / (1 - output))
        if abs(total - log_odds) <= _ADDS_UP * max(1.0, abs(log_odds)):
            return "log-odds"
    return None


def _inconsistency(method: str, base: float, contributions: Mapping[str, float], recomputed: Attribution) -> str | None:
    """Say what Shapley values add up to where that is no output of the model; other methods need not add up."""
    if "shap" not in method.lower():
        return None
    total, output = base + sum(contributions.values()), recomputed.prediction_value
    spaces = f"{output:.4g}"
    if recomputed.output_explained == "probability" and 0 < output < 1:
        spaces += f", as log-odds {math.log(output / (1 - output)):.4g}"
    return f"its base and values add up to {total:.4g}, and the model's output is {spaces}: it is not of this output"


def _version(text: str | None, library: str) -> str | None:
    """Return the library's version out of a JSON object of library to version; else those that it has, or the text."""
    if not text:
        return None
    try:
        found = json.loads(text) if len(text) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        return text
    if not isinstance(found, dict):
        return text
    stated = {name: release for name, release in found.items() if isinstance(release, str)}
    if library in stated:
        return f"{library} {stated[library]}"
    return ", ".join(f"{name} {stated[name]}" for name in sorted(stated)) or None
