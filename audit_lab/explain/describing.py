"""An attribution in three to five plain sentences, computed from its numbers, for whoever is no specialist.

They say the system's role and the main elements of its output, as Article 86 of Regulation (EU) 2024/1689 asks for a
decision, and keep to the model: nothing in an attribution tells what causes what outside of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.printable import printable
from audit_lab.replay.decision_rules import LABEL_RULE, THRESHOLD_RULE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.explain.attribution import Attribution, Contribution

__all__ = ["Decided", "amount_text", "level_text", "output_text", "plain_times", "sentences", "with_unit"]

_NO_INFLUENCE = 1e-9
_MOST_NAMED = 3
_MOST_IDLE = 5
_LONGEST_VALUE = 80
_SMALLEST_SHOWN_POINTS = 0.05
_WHOLE_FROM = 1000.0
_NO_LABEL = "the prediction"
#: Units that are counted in the plural; others are names or symbols, and stay as they are.
_COUNTED = frozenset(
    {"day", "fortnight", "hour", "kilometre", "metre", "mile", "minute", "month", "quarter", "second", "week", "year"}
)
_SCORES = ("probability", "margin", "value")
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?\+00:00")


@dataclass(frozen=True)
class Decided:
    """What was decided with the output that is explained, and by what: the system's role, as Article 86 names it.

    Parameters
    ----------
    decision
        What the system decided; None where it only gave a score.
    rule
        What decided: ``threshold``, ``label``, or the name of a rule of the version; None where that is not recorded.
    threshold
        The limit of the score; None where there is none.
    standing
        What stands after persons; None where that is not known.
    """

    decision: str | None
    rule: str | None = None
    threshold: float | None = None
    standing: str | None = None

    @classmethod
    def of(cls, prediction: Mapping[str, Any], standing: str | None = None, threshold: float | None = None) -> Decided:
        """Return what a row of predictions says; `threshold` is the version's, for rows that do not state it."""
        stated = prediction.get("threshold")
        known = threshold if stated is None else float(stated)
        return cls(prediction.get("decision"), prediction.get("decision_rule"), known, standing)


def sentences(
    attribution: Attribution, units: Mapping[str, str | None] | None = None, decided: Decided | None = None
) -> list[str]:
    """Return three to five sentences, the first of them about failed checks where there are any.

    Parameters
    ----------
    attribution
        What is described.
    units
        Feature to its unit, as the model's signature has them; they follow the recorded values.
    decided
        What was decided with the output; without it, the sentences are about the output alone.
    """
    influential = [entry for entry in attribution.ranked() if abs(entry.contribution) > _NO_INFLUENCE]
    raised = [entry for entry in influential if entry.contribution > 0]
    lowered = [entry for entry in influential if entry.contribution < 0]
    named = {entry.feature for entry in (*raised[:_MOST_NAMED], *lowered[:_MOST_NAMED])}
    failed = [f"{check.name}: {check.detail.rstrip('.')}" for check in attribution.checks if not check.passed]
    up, down = (_pushes(attribution, *side, units or {}) for side in (("raised", raised), ("lowered", lowered)))
    said = []
    if failed:
        said.append(
            f"Read this with caution: {len(failed)} of {len(attribution.checks)} checks of this explanation did not "
            f"pass ({'; '.join(failed)})."
        )
    return [
        *said,
        _role(attribution, decided),
        f"Within the model, compared with those decisions, {up}; {down}.",
        _rest(attribution, [entry for entry in influential if entry.feature not in named]),
        _limits(attribution, is_sound=not failed),
    ]


def plain_times(text: str) -> str:
    """Return a text in which moments of UTC stand as date and minute."""
    return _INSTANT.sub(r"\1 \2 UTC", text)


def output_text(attribution: Attribution) -> str:
    """Return what the numbers are about: a probability, log-odds, a raw score or a value."""
    label = "" if attribution.label == _NO_LABEL else f" of {attribution.label!r}"
    names = {"margin": f"the raw score (margin){label}", "value": "the predicted value"}
    return names.get(attribution.output_explained, f"the {attribution.output_explained}{label}")


def level_text(attribution: Attribution, value: float) -> str:
    """Return a value of the explained output, in per cent where that is a probability."""
    return f"{100 * value:.1f} %" if attribution.output_explained == "probability" else _number(value)


def amount_text(attribution: Attribution, value: float) -> str:
    """Return a difference of the explained output with its sign, in percentage points where that is a probability."""
    return _distance(attribution, value, "-" if value < 0 else "+")


def with_unit(text: str, value: object, unit: str | None) -> str:
    """Return a value's text with its unit as a reader expects it: ``36 months``, ``15.2 %`` of a fraction.

    Parameters
    ----------
    text, value
        The value as text, and as it was recorded.
    unit
        As the signature has it; None where there is none.
    """
    if not unit or value is None:
        return text
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if unit == "fraction" and isinstance(value, float):
        return f"{100 * value:.4g} %"
    return f"{text} {unit}s" if unit in _COUNTED and is_number and value != 1 else f"{text} {unit}"


def _distance(attribution: Attribution, value: float, sign: str = "") -> str:
    if attribution.output_explained != "probability":
        return f"{sign}{_number(abs(value))}"
    points = 100 * abs(value)
    shown = f"under {sign}0.1" if 0 < points < _SMALLEST_SHOWN_POINTS else f"{sign}{points:.1f}"
    return f"{shown} percentage points"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.4g}"


def _lead(attribution: Attribution, decided: Decided | None) -> str:
    """Return what the system decided and how, up to where the model's output is named."""
    if decided is None:
        return "The system's part in this decision was the output of a model, which put"
    if decided.decision is None:
        return "The system gave a score and decided nothing; the score is the output of a model, which put"
    what = f"The system decided {printable(decided.decision)!r}"
    changed = ""
    if decided.standing is not None and decided.standing != decided.decision:
        changed = f", and a person made that {printable(decided.standing)!r} afterwards"
    if decided.rule is not None and decided.rule not in {THRESHOLD_RULE, LABEL_RULE}:
        by = f"{what} by the rule {printable(decided.rule)}, whatever the output of its model{changed}"
        return f"{by}; that output is explained here: it put"
    limit = ""
    if decided.threshold is not None and decided.rule != LABEL_RULE:
        # A limit of the score says nothing in the units of another output.
        scored = attribution.output_explained in _SCORES
        limit = f" against a limit of {level_text(attribution, decided.threshold) if scored else 'its score'}"
    return f"{what} by the output of a model{limit}{changed}; the model put"


def _role(attribution: Attribution, decided: Decided | None) -> str:
    rows = len(attribution.background.rows)
    compared = f"{rows} decisions" if rows > 1 else "one decision"
    # How rows were drawn stands behind a semicolon, and among the facts of whoever shows the sentences.
    chosen = plain_times(attribution.background.description.split("; ")[0])
    used = f"the {compared} used for comparison ({chosen})" if rows else chosen
    put = (
        f"{_lead(attribution, decided)} {output_text(attribution)} at "
        f"{level_text(attribution, attribution.prediction_value)}"
    )
    base = level_text(attribution, attribution.base_value)
    if attribution.method == "lime":
        return f"{put}; LIME approximates the model by a straight line that starts at {base}, drawn from {used}."
    moved = attribution.prediction_value - attribution.base_value
    if abs(moved) <= _NO_INFLUENCE:
        return f"{put}, which is what it gives on average to {used}."
    side = "above" if moved > 0 else "below"
    return f"{put}: {_distance(attribution, moved)} {side} the {base} that it gives on average to {used}."


def _pushes(
    attribution: Attribution, verb: str, entries: Sequence[Contribution], units: Mapping[str, str | None]
) -> str:
    if not entries:
        return f"nothing {verb} it"
    named = ", ".join(
        f"{entry.feature} = {_value(entry, units.get(entry.feature))} ({amount_text(attribution, entry.contribution)})"
        for entry in entries[:_MOST_NAMED]
    )
    return f"what {verb} it most was {named}"


def _value(entry: Contribution, unit: str | None) -> str:
    text = entry.value_text
    shown = text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
    return with_unit(shown, entry.value, unit)


def _rest(attribution: Attribution, others: Sequence[Contribution]) -> str:
    """Say what the features that were not named come to, which have no influence, and what LIME leaves over."""
    idle = sorted(entry.feature for entry in attribution.contributions if abs(entry.contribution) <= _NO_INFLUENCE)
    together = amount_text(attribution, sum(entry.contribution for entry in others))
    said = f"The other {len(others)} features with any influence come to {together} together"
    if len(others) == 1:
        said = f"One more feature, {others[0].feature}, comes to {together}"
    elif not others:
        said = "No other feature had any influence"
    if idle:
        more = f" and {len(idle) - _MOST_IDLE} more" if len(idle) > _MOST_IDLE else ""
        said += f"; without influence here: {', '.join(idle[:_MOST_IDLE])}{more}"
    left = attribution.prediction_value - attribution.base_value
    left -= sum(entry.contribution for entry in attribution.contributions)
    if attribution.method == "lime" and abs(left) > _NO_INFLUENCE:
        said += f"; {amount_text(attribution, left)} of the model's output is left over by the approximation"
    return f"{said}."


def _limits(attribution: Attribution, *, is_sound: bool) -> str:
    limits = (
        "these numbers describe this model's output against that comparison, not what would happen in the world if a "
        "value were another, nor whether the model is right"
    )
    if is_sound and attribution.checks:
        passed = ", ".join(check.name for check in attribution.checks)
        return f"Every check of the explanation passed ({passed}); {limits}."
    return f"{limits[0].upper()}{limits[1:]}."
