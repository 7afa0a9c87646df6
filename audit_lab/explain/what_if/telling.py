"""A what-if in plain sentences and as a table, computed from its numbers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from audit_lab.explain.describing import amount_text, output_text
from audit_lab.explain.what_if.state import Refusal, Side, value_words
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.explain.reasons import Reasons
    from audit_lab.explain.what_if.result import WhatIf

__all__ = ["headline", "html", "sentences"]

_NO_INFLUENCE = 1e-9
_MOST_NAMED, _MOST_FEATURES = 3, 6
_LONGEST = 300
_SAMPLED = "sampling"
_MARK = "\N{BLACK CIRCLE}"
_NUMBER = "text-align:right; font-variant-numeric: tabular-nums"


def headline(found: WhatIf) -> str:
    """Return what came of it in a few words: whether the decision flips, and which inputs are others."""
    changed = found.changed
    number = len(found.changes)
    what = "1 input changed" if number == 1 else f"{number} inputs changed"
    if isinstance(changed, Refusal):
        said = f"{what}: the model gives no answer ({changed.code})"
    elif not number:
        said = f"nothing changed: {_decided(changed)}"
    elif found.flips:
        said = f"{what}: the decision flips to {printable(changed.decision or '')!r}"
    elif found.flips is None:
        said = f"{what}: {_decided(changed)}"
    else:
        said = f"{what}: the decision stays {printable(changed.decision or '')!r}"
    return said if found.replays else f"{said}; the original does not replay as recorded"


def sentences(found: WhatIf) -> list[str]:
    """Return the answer in sentences: what must be heeded, the original, the changed inputs, why, and its limits."""
    return [
        *_cautions(found),
        *_original(found),
        *_changed(found),
        *_attributed(found),
        *_reasons(found),
        *_limits(found),
    ]


def _cautions(found: WhatIf) -> Iterator[str]:
    if found.replay_code == "output-missing":
        yield "Caution: the original's score is not on record, so whether it replays cannot be told."
    elif not found.replays:
        yield (
            f"Caution: the original does not replay as recorded ({found.replay_code}). {found.replay_why} Whatever "
            "decided then is not what answers here. The changed inputs are compared with what this artifact gives for "
            "the recorded ones now, not with the record."
        )
    for each in found.unrepeated:
        yield f"Caution: {each} What is shown is the first; another run may come out otherwise."


def _original(found: WhatIf) -> Iterator[str]:
    who = f"{printable(found.model_name)} {printable(found.model_version or 'without a version')}"
    recorded = found.recorded.steps(found.threshold)
    yield f"{who} on {printable(found.prediction_id)}, as recorded: {recorded}."
    if found.replays:
        yield "Run again on the recorded inputs it gives the same" + (
            "." if found.replay_code == "exact" else ", within the tolerance."
        )
    else:
        yield f"Run again on the recorded inputs it gives: {found.original.steps(found.threshold)}."
    if found.overridden_to is not None:
        yield (
            f"A person changed the decision to {printable(found.overridden_to)!r} afterwards; what is asked here is "
            "what the system makes of other inputs."
        )


def _changed(found: WhatIf) -> Iterator[str]:
    words = [each.words() for each in found.inputs if each.is_changed]
    if not words:
        yield "Nothing is changed."
        return
    more = len(words) - _MOST_FEATURES
    shown = [*words[:_MOST_FEATURES], *([f"{more} more"] if more > 0 else [])]
    listed = " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))
    changed, original = found.changed, found.original
    if isinstance(changed, Refusal):
        yield f"With {listed} the model gives no answer ({changed.code}): {printable(changed.detail, _LONGEST)}"
    else:
        moved = ""
        if changed.score is not None and original.score is not None and _same_score(found):
            moved = f" The score moves by {changed.score - original.score:+.4g}."
        yield f"With {listed} it gives: {changed.steps(found.threshold)}.{moved}{_flip(found, changed)}"
    for remark in found.remarks:
        yield remark.sentence


def _same_score(found: WhatIf) -> bool:
    """Return whether both scores are of one thing; of several classes each is that of its own likeliest one."""
    return found.output_kind != "multiclass" or (
        isinstance(found.changed, Side) and found.changed.label == found.original.label
    )


def _flip(found: WhatIf, changed: Side) -> str:
    if found.flips is None:
        return " There is no decision to compare."
    if found.flips:
        now = f" The decision flips: {printable(changed.decision or '')!r} instead of"
        return f"{now} {printable(found.original.decision or '')!r}."
    if changed.label != found.original.label:
        return " The label is another one, the decision is not: a rule, or what labels lead to, keeps it."
    return " The decision does not flip."


def _attributed(found: WhatIf) -> Iterator[str]:
    explained = found.explained
    before, after = explained.original, explained.changed
    if explained.why_not is not None:
        yield explained.why_not
    if before is not None and after is not None and explained.is_comparable and found.changes:
        rows = found.rows.drop_nulls("difference").to_dicts()
        moved = [row for row in rows if abs(row["difference"]) > _NO_INFLUENCE]
        moved.sort(key=lambda row: (-abs(row["difference"]), row["feature"]))
        named = ", ".join(
            f"{printable(row['feature'])} {amount_text(before, row['contribution'])} "
            f"\N{RIGHTWARDS ARROW} {amount_text(before, row['changed_contribution'])}"
            for row in moved[:_MOST_NAMED]
        )
        what = f"{before.method.upper()} of {output_text(before)}, both against the same background and seed"
        others = len(moved) - _MOST_NAMED
        more = f"; {others} more move less" if others > 0 else ""
        yield f"{what}: {f'what moves most is {named}{more}' if named else 'no contribution moves'}."
        if _SAMPLED in before.algorithm:
            yield "These contributions are sampled: differences within the error that their checks state mean nothing."
    yield from explained.doubts
    if before is not None and found.environment != "present":
        yield "Scores ran in the recorded environment, attributions in the present one."
    for name, each in (("original", before), ("changed inputs", after if found.changes else None)):
        failed = [] if each is None else [check for check in each.checks if not check.passed]
        if failed:
            said = "; ".join(f"{check.name}: {printable(check.detail, _LONGEST)}" for check in failed)
            yield f"The attribution of the {name} did not pass every check ({said})."


def _reasons(found: WhatIf) -> Iterator[str]:
    if found.reasons_why_not is not None:
        yield found.reasons_why_not
    if found.original_reasons is not None:
        yield f"Reasons for the original: {_reasons_words(found.original_reasons)}"
    if found.changed_reasons is not None and found.changes:
        yield f"Reasons with the changed inputs: {_reasons_words(found.changed_reasons)}"


def _reasons_words(reasons: Reasons) -> str:
    said = [printable(each.text.rstrip("."), _LONGEST) for each in (*reasons.reasons, *reasons.secondary)]
    return f"{'; '.join(said)}." if said else printable(reasons.why, _LONGEST)


def _limits(found: WhatIf) -> Iterator[str]:
    if found.changes:
        yield (
            "It says what this version gives when these inputs are put in and all others stay as recorded; not that "
            "they could be so, that others would stay as they are, or what causes what."
        )


def _decided(side: Side) -> str:
    if side.decision is not None:
        return f"the decision is {printable(side.decision)!r}"
    return "no decision" if side.score is None else f"score {side.score:.4g}, no decision"


def html(found: WhatIf) -> str:
    """Return sentences, both sides and the inputs as HTML; changed inputs are marked by a sign, not by colour alone."""
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in found.summary())
    return (
        f"<div><strong>{escape(found.headline)}</strong><ul>{said}</ul>{_sides_html(found)}{_inputs_html(found)}"
        f"<small>{_MARK} changed. Digest {escape(found.digest)}</small></div>"
    )


def _sides_html(found: WhatIf) -> str:
    heads = "".join(f"<th>{name}</th>" for name in ("", "score", "label", "rule", "decision"))
    rows = ""
    for name, side in (("recorded", found.recorded), ("run again", found.original), ("changed", found.changed)):
        if isinstance(side, Refusal):
            rows += f"<tr><td>{name}</td><td colspan='4'>no answer: {escape(side.code)}</td></tr>"
            continue
        score = "" if side.score is None else repr(side.score)
        texts = "".join(f"<td>{escape(printable(text or ''))}</td>" for text in (side.label, side.rule, side.decision))
        rows += f"<tr><td>{name}</td><td style='{_NUMBER}'>{escape(score)}</td>{texts}</tr>"
    edge = "" if found.threshold is None else f"<p>Threshold: {escape(repr(found.threshold))}</p>"
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{edge}"


def _inputs_html(found: WhatIf) -> str:
    before, after = found.explained.original, found.explained.changed
    names = ["", "feature", "recorded", "in this state"]
    names += ["contribution"] if before is not None else []
    names += ["contribution in this state", "difference"] if after is not None and found.changes else []
    rows = ""
    for each, row in zip(found.inputs, found.rows.iter_rows(named=True), strict=True):
        mark = _MARK if each.is_changed else ""
        value = f"<strong>{escape(value_words(each.value, each.unit))}</strong>" if each.is_changed else ""
        texts = [mark, escape(printable(each.feature)), escape(value_words(each.recorded, each.unit)), value]
        columns = ["contribution", "changed_contribution", "difference"][: len(names) - 4]
        numbers = [_amount(found, row[name]) for name in columns]
        cells = "".join(f"<td>{text}</td>" for text in texts)
        rows += f"<tr>{cells}{''.join(f'<td style={_NUMBER!r}>{text}</td>' for text in numbers)}</tr>"
    heads = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _amount(found: WhatIf, value: float | None) -> str:
    if value is None or found.explained.original is None:
        return ""
    return escape(amount_text(found.explained.original, value))
