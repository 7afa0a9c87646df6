"""What a cause says in plain sentences, computed from its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.monitor.cause.agreement import agreement
from audit_lab.monitor.cause.contribution import ATTRIBUTION, EXCHANGE, REWEIGHTING
from audit_lab.monitor.sentences import sentence

if TYPE_CHECKING:
    from audit_lab.monitor.cause.contribution import Contribution, Method
    from audit_lab.monitor.cause.decomposition import Splits
    from audit_lab.monitor.cause.result import Cause

__all__ = ["cause_sentences"]

_NAMED = 3
_SURE = 0.05
_ASKED = {
    ATTRIBUTION: "By attribution (SHAP values of the window after less those of the window before)",
    REWEIGHTING: "By re-weighting (what disappears when one feature is spread as before)",
    EXCHANGE: "By exchange (one feature's values of the other window, through the model)",
}
_LIMITS = (
    "These numbers say what of the shift goes with which feature, by the recorded inputs and the model; they say "
    "nothing of causes outside of both, and features that change together cannot be told apart by any of them."
)


def cause_sentences(cause: Cause) -> list[str]:
    """Return the answer: how much it moved, then what of that is whose, by each method, and where they disagree."""
    said = [_shift(cause)]
    if cause.shift.is_within_days:
        low, high = cause.shift.by_days or (0.0, 0.0)
        said.append(
            "The days of a window, weekdays perhaps, differ as much: with days in the place of decisions the interval "
            f"is {_range(low, high)}."
        )
    if not cause.was_looked_for:
        return [*said, "Causes are not looked for where nothing moved (what cancels out shows with anyway=True)."]
    said += _model(cause)
    said += [_method(cause, each) for each in cause.methods]
    said += agreement(cause.methods)
    said += [_splits(cause, cause.splits)] if cause.splits is not None else []
    said += cause.change_sentences()
    facts = [*cause.facts, *(fact for each in cause.methods for fact in each.facts)]
    return [*said, *(sentence(fact) for fact in dict.fromkeys(facts)), _LIMITS]


def _shift(cause: Cause) -> str:
    shift, asked = cause.shift, cause.asked
    what = f"the {asked.what} of {asked.model}"
    sizes = f"{asked.after.words()} ({shift.rows_after:,} decisions)"
    earlier = f"{asked.before.words()} ({shift.rows_before:,})"
    levels = f"{_level(cause, shift.before)} to {_level(cause, shift.after)}"
    interval = _range(*shift.interval)
    if shift.is_beyond_chance:
        return (
            f"{what[0].upper()}{what[1:]} moved by {shift.moved:+.4f} {interval}, from {levels}, between {earlier} and "
            f"{sizes}: that is beyond chance."
        )
    return (
        f"Nothing moved: {what} went from {levels} between {earlier} and {sizes}, a difference of {shift.moved:+.4f} "
        f"{interval}, which chance alone gives."
    )


def _level(cause: Cause, value: float) -> str:
    return f"{value:.1%}" if cause.asked.of == "decision" else f"{value:.4g}"


def _range(low: float, high: float) -> str:
    return f"[{low:+.4f} to {high:+.4f}]"


def _model(cause: Cause) -> list[str]:
    part = cause.model_part
    if part is None:
        return (
            [] if cause.model_absent is None else [f"What another version does cannot be told: {cause.model_absent}."]
        )
    return [
        (
            f"Of the {part.value + part.data:+.4f} between the decisions that both versions were run on, the change "
            f"from version {part.version_before} to {part.version_after} does {part.value:+.4f} "
            f"{_range(part.low, part.high)}, and the data do {part.data:+.4f} (mean of both orders: the version "
            f"changes the decisions before by {part.on_before:+.4f} and those after by {part.on_after:+.4f})."
        )
    ]


def _method(cause: Cause, method: Method) -> str:
    asked = _ASKED[method.name]
    if method.absent is not None:
        return f"{asked}: absent, because {method.absent}."
    named = [each for each in method.contributions if each.is_sure][:_NAMED]
    looked = _looked_at(cause, method)
    where = "" if method.name == REWEIGHTING else f" of {method.moved:+.4f} {_unit(cause, method)}{looked}"
    if not named:
        return f"{asked}{where}: no feature contributes beyond chance."
    shown = "; ".join(_one(each) for each in named)
    others = len(method.contributions) - len(named)
    rest = ""
    if method.name != REWEIGHTING:
        left = sum(each.value or 0.0 for each in method.contributions) - sum(each.value or 0.0 for each in named)
        model = f"; the other version {method.model:+.4f}" if method.model else ""
        added = f"; {others} other feature{'s' if others != 1 else ''} {left:+.4f}" if others else ""
        left_over = f"; left over, as features act together, {method.remainder:+.4f}" if method.name == EXCHANGE else ""
        rest = f"{added}{model}{left_over}"
    return f"{asked}{where}: {shown}{rest}."


def _looked_at(cause: Cause, method: Method) -> str:
    """Say at once where a method looked at fewer decisions than moved, so that its shift is another one."""
    looked, whole = method.rows_before + method.rows_after, cause.shift.rows_before + cause.shift.rows_after
    return f" between the {looked:,} of {whole:,} decisions that it looked at" if looked < whole else ""


def _unit(cause: Cause, method: Method) -> str:
    if method.unit == "decision":
        return f"in the rate of {cause.asked.favourable!r}"
    return f"in the mean {method.unit}"


def _one(each: Contribution) -> str:
    return f"{each.feature} {each.value:+.4f} {_range(each.low or 0.0, each.high or 0.0)}"


def _splits(cause: Cause, found: Splits) -> str:
    looked = f"{found.columns} columns with {found.groups} groups were looked at ({found.method})"
    sure = [each for each in found.splits if each.p_value <= _SURE][:_NAMED]
    if not sure:
        return (
            f"By segments: in no column do changed shares of groups explain more than chance gives somewhere; {looked}."
        )
    shown = []
    for each in sure:
        group = max(each.groups, key=lambda one: abs(one.mix))
        shares = (group.before / cause.shift.rows_before, group.after / cause.shift.rows_after)
        shown.append(
            f"{each.column} {each.mix:+.4f} {_range(each.mix_low, each.mix_high)}, foremost {group.level} ("
            f"{shares[0]:.1%} of decisions before, {shares[1]:.1%} after)"
        )
    return (
        f"By segments, of {cause.shift.moved:+.4f} come from changed shares of groups: {'; '.join(shown)}; the rest is "
        f"movement within groups. This is a search: {looked}."
    )
