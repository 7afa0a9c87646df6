"""An impact in plain sentences, each of which says what it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.replay.impact.cases import STAGES
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit_lab.replay.impact.result import Impact

__all__ = ["impact_sentences"]

_MOST_DIRECTIONS = 4
_MOST_VALUES = 3
_OWN_CODES = {
    "replacement-missing": "The correction has no row for them.",
    "score-differs": "Replayed without the correction, the score is not the recorded one.",
    "label-differs": "Replayed without the correction, the label is not the recorded one.",
    "rule-differs": "Replayed without the correction, another rule decides than the recorded one.",
    "decision-differs": "Replayed without the correction, the decision is not the recorded one.",
}


def impact_sentences(impact: Impact) -> list[str]:
    """Return the answer of an impact, one sentence or two a line."""
    counts = impact.counts
    if not counts.predictions:
        return [f"Correction: {impact.description}.", "No prediction matches, so nothing was decided again."]
    lines = [f"Correction: {impact.description}.", *(each.sentence for each in impact.unmet), _headline(impact)]
    lines += _directions(impact)
    lines += _overridden(impact)
    lines += _subjects(impact)
    lines += _groups(impact)
    lines += _shifts(impact.score_shifts)
    lines += _not_decided(impact)
    if impact.sampled is not None:
        lines.append(f"{impact.sampled[0].upper()}{impact.sampled[1:]}.")
    lines.append(
        "Counted is what the registered model, threshold and rules would have decided. Whether that would have been "
        "right, or what a person would have made of it, is not said."
    )
    return lines


def _headline(impact: Impact) -> str:
    counts = impact.counts
    share = f" ({counts.affected / counts.decided:.2%})" if counts.decided else ""
    touched = f"the model is given something else in {counts.touched:,} of them"
    if not counts.touched:
        touched = "the model itself is given the same in all of them" if counts.decided else "so nothing is compared"
    said = (
        f"Of {counts.predictions:,} predictions {counts.decided:,} were decided both as recorded and as corrected; "
        f"{touched}. {counts.affected:,}{share} would have been decided otherwise."
    )
    if counts.undecided:
        said += f" {counts.undecided:,} have no decision either way: their version gives a score and decides nothing."
    return said


def _directions(impact: Impact) -> Iterator[str]:
    rows = impact.directions.to_dicts()
    if rows:
        parts = [
            f"{row['decisions']:,} from {_word(row['decision_before'])} to {_word(row['decision_after'])}"
            for row in rows[:_MOST_DIRECTIONS]
        ]
        rest = sum(row["decisions"] for row in rows[_MOST_DIRECTIONS:])
        more = f", {rest:,} otherwise" if rest else ""
        yield f"Decided otherwise: {', '.join(parts)}{more}."


def _overridden(impact: Impact) -> Iterator[str]:
    overridden = int(impact.affected["is_overridden"].sum())
    if overridden:
        put_right = int(impact.affected["is_put_right"].sum())
        yield (
            f"Of the affected decisions {overridden:,} were overridden afterwards, {put_right:,} of these to what the "
            "correction gives."
        )


def _subjects(impact: Impact) -> Iterator[str]:
    subjects, affected = impact.by_subject, impact.counts.affected
    if not affected or not impact.asked["subjects"]:
        return
    nameless = affected - int(subjects["affected"].sum())
    if subjects.height:
        most = subjects.row(0, named=True)
        said = (
            f"The affected decisions are about {subjects.height:,} {_plural('subject', subjects.height)} (pseudonyms)"
        )
        yield (
            f"{said}; {most['subject_id']} has most of them, {most['affected']:,}."
            if most["affected"] > 1
            else f"{said}, one each."
        )
    if nameless:
        yield f"{nameless:,} of the affected decisions state no subject."


def _groups(impact: Impact) -> Iterator[str]:
    for name in impact.asked["groups"]:
        rows = impact.by_group.filter(group=name)
        hit = [row for row in rows.to_dicts() if row["affected"]]
        if hit and rows.height > 1:
            parts = [
                f"{_word(row['value'])} {row['affected']:,} of {row['decided']:,} ({row['share']:.1%})"
                for row in hit[:_MOST_VALUES]
            ]
            rest = len(hit) - _MOST_VALUES
            more = (
                f"; {rest:,} further {_plural('value', rest)} {'has' if rest == 1 else 'have'} some" if rest > 0 else ""
            )
            yield f"By {name}, most affected: {', '.join(parts)}{more}."


def _shifts(shifts: Mapping[str, Any]) -> Iterator[str]:
    if shifts["moved"]:
        yield (
            f"{shifts['moved']:,} scores move, by {shifts['lowest']:+.4g} to {shifts['highest']:+.4g}, "
            f"{shifts['median']:+.4g} at the median."
        )
    if shifts["not_numbers"]:
        yield f"{shifts['not_numbers']:,} scores change from or to something that is no number."


def _not_decided(impact: Impact) -> Iterator[str]:
    for row in impact.why_not_decided.to_dicts():
        code = row["code"]
        what = EFFECTS.get(code) or _OWN_CODES.get(code) or ""
        version = f"{row['model_name'] or 'no model'} {row['model_version'] or 'without a version'}"
        yield (
            f"{row['predictions']:,} of {version} not counted, because {STAGES[row['stage']]} ({code}), "
            f"first {row['first_id']}. {what}".rstrip()
        )
    missing = int(impact.why_not_decided["predictions"].sum()) - impact.not_decided.height
    if missing:
        yield f"Of those that are not counted {missing:,} are not listed one by one."


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _word(value: Any) -> str:
    return "none" if value is None else repr(value)
