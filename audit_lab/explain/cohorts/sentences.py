"""What attributions of a group, and the contrast of two, say in plain sentences, computed from their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.explain.cohorts.comparison import Contrast, FeatureContrast
    from audit_lab.explain.cohorts.result import CohortAttribution, FeatureAttribution

__all__ = ["amount", "cohort_sentences", "contrast_sentences", "level", "output_words"]

_MOST_NAMED = 3
_MOST_IDLE = 5
_NO_INFLUENCE = 1e-9
_LIMITS = (
    "These numbers describe the model's output on the recorded inputs, not what causes what outside of it, nor whether "
    "the model is right."
)


def cohort_sentences(cohort: CohortAttribution) -> list[str]:
    """Return four or five sentences: what was explained, what moved it most, which way, what is left out, limits."""
    return [
        _what(cohort),
        _most(cohort),
        _ways(cohort),
        *_left_out(cohort),
        _checks(cohort),
    ]


def contrast_sentences(contrast: Contrast) -> list[str]:
    """Return what moved the mean output between two groups, feature by feature, and how sure that is."""
    group, reference = contrast.group, contrast.reference
    moved = contrast.moved
    what, output = output_words(group), group.output_explained
    first = (
        f"The mean of {what} is {level(output, group.output.mean)} over the {group.explained:,} explained decisions of "
        f"the group and {level(output, reference.output.mean)} over the {reference.explained:,} of the reference: it "
        f"moved by {amount(output, moved)}."
    )
    said = [first]
    named = [each for each in contrast.features if abs(each.mean) > _NO_INFLUENCE]
    if not named:
        said.append("No feature's mean contribution differs.")
    else:
        shown = "; ".join(f"{each.feature} {_with_interval(output, each)}" for each in named[:_MOST_NAMED])
        rest = named[_MOST_NAMED:]
        together = f"; the other {len(rest)} together {amount(output, sum(each.mean for each in rest))}" if rest else ""
        said.append(f"Of that, feature by feature and largest first, come from {shown}{together}.")
    level_text = f"{100 * contrast.confidence:g} %"
    if contrast.without_interval:
        said.append(f"There is no interval: {contrast.without_interval}.")
    else:
        within = sum(each.interval is not None and each.interval[0] <= 0 <= each.interval[1] for each in named)
        said.append(
            f"In brackets stand {level_text} intervals by Welch's method, each for one feature alone, of decisions "
            f"that are independent of one another; those of {within} of {len(named)} features include no difference."
        )
    if contrast.shared:
        said.append(
            f"The groups share decisions ({contrast.shared:,} of the sampled ones stand in both), so they are not "
            "independent and the intervals do not hold."
        )
    failed = [
        f"{name} ({check.name}: {check.detail})"
        for name, cohort in (("the group", group), ("the reference", reference))
        for check in cohort.checks
        if not check.passed
    ]
    if failed:
        said.append(f"Read this with caution: checks did not pass, of {'; '.join(failed)}.")
    return [*said, _LIMITS]


def output_words(cohort: CohortAttribution) -> str:
    """Return what the numbers are about, for example ``the log-odds of 'late'``."""
    label = "" if cohort.label is None else f" of {cohort.label!r}"
    names = {"margin": f"the raw score (margin){label}", "value": "the predicted value"}
    return names.get(cohort.output_explained, f"the {cohort.output_explained}{label}")


def level(output: str, value: float) -> str:
    """Return a value of the output, in per cent where that is a probability."""
    return f"{100 * value:.1f} %" if output == "probability" else f"{value:,.4g}"


def amount(output: str, value: float) -> str:
    """Return a difference of the output with its sign, in percentage points where that is a probability."""
    if output == "probability":
        return f"{100 * value:+.2f} percentage points"
    return f"{value:+,.4g}"


def _what(cohort: CohortAttribution) -> str:
    from_base = cohort.output.mean - cohort.base_value
    against = cohort.background.description.split("; ")[0]
    explained = f"{cohort.explained:,} of {cohort.matching:,} decisions"
    if cohort.explained == cohort.matching:
        explained = "1 decision" if cohort.matching == 1 else f"{cohort.matching:,} decisions"
    chosen = f" ({cohort.chosen})" if cohort.chosen else ""
    output = cohort.output_explained
    moved = f"{amount(output, abs(from_base)).removeprefix('+')} {'above' if from_base > 0 else 'below'}"
    return (
        f"This adds up SHAP values of {explained} of {cohort.model_name} {cohort.model_version}{chosen}: "
        f"{output_words(cohort)} is {level(output, cohort.output.mean)} on average, {moved} the "
        f"{level(output, cohort.base_value)} of {against}."
    )


def _most(cohort: CohortAttribution) -> str:
    total = sum(each.size.mean for each in cohort.features)
    moved = [each for each in cohort.features if each.size.mean > _NO_INFLUENCE]
    if not moved or not total:
        return "No feature moved it in any of these decisions."
    named = moved[:_MOST_NAMED]
    shown = ", ".join(f"{each.feature} ({_magnitude(cohort, each)} per decision)" for each in named)
    share = sum(each.size.mean for each in named) / total
    idle = sorted(each.feature for each in cohort.features if each.size.mean <= _NO_INFLUENCE)
    without = f"; without influence here: {_some(idle)}" if idle else ""
    return f"What moved it most, whichever way, was {shown}: {share:.0%} of all that features moved it{without}."


def _ways(cohort: CohortAttribution) -> str:
    by_mean = sorted(cohort.features, key=lambda each: (-abs(each.value.mean), each.feature))
    moving = [each for each in by_mean if abs(each.value.mean) > _NO_INFLUENCE]
    output = cohort.output_explained
    up, down = (
        ", ".join(f"{each.feature} ({amount(output, each.value.mean)})" for each in side[:_MOST_NAMED])
        for side in (
            [each for each in moving if each.value.mean > 0],
            [each for each in moving if each.value.mean < 0],
        )
    )
    said = [f"{up} raised it" if up else "nothing raised it", f"{down} lowered it" if down else "nothing lowered it"]
    return f"On average over these decisions {said[0]} and {said[1]}."


def _left_out(cohort: CohortAttribution) -> list[str]:
    if not cohort.left_out:
        return []
    total = sum(each.rows for each in cohort.left_out)
    shown = "; ".join(f"{each.rows:,} {each.code}, first {each.first_id}" for each in cohort.left_out)
    return [f"Left out, because they cannot be explained: {total:,} ({shown})."]


def _checks(cohort: CohortAttribution) -> str:
    failed = [f"{check.name}: {check.detail}" for check in cohort.checks if not check.passed]
    if failed:
        return (
            f"Read this with caution: {len(failed)} of {len(cohort.checks)} checks did not pass ({'; '.join(failed)})."
        )
    return _LIMITS


def _with_interval(output: str, each: FeatureContrast) -> str:
    if each.interval is None:
        return amount(output, each.mean)
    low, high = (amount(output, end) for end in each.interval)
    return f"{amount(output, each.mean)} [{low} to {high}]"


def _magnitude(cohort: CohortAttribution, each: FeatureAttribution) -> str:
    return amount(cohort.output_explained, each.size.mean).removeprefix("+")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_IDLE} more" if len(names) > _MOST_IDLE else ""
    return f"{', '.join(names[:_MOST_IDLE])}{more}"
