"""The notice: what was decided, numbered reasons, what they are relative to, and what was not checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.explain.describing import plain_times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.explain.attribution import Check
    from audit_lab.explain.reasons.principal import Reason, Reasons, Reference

__all__ = ["notice_text"]

_NOT_CHECKED = (
    "Not checked: whether the recorded inputs are true, whether the model and its use are fair or lawful, and whether "
    "this text has the form that a law asks for."
)


def notice_text(reasons: Reasons) -> str:
    """Return the notice of some reasons, one paragraph after the other."""
    return "\n\n".join(_paragraphs(reasons)) + "\n"


def _paragraphs(reasons: Reasons) -> Iterator[str]:
    when = "" if reasons.occurred_at is None else f" of {plain_times(reasons.occurred_at)}"
    by = f"{reasons.model_name} {reasons.model_version}"
    yield f"Decision {reasons.prediction_id}{when}, by {by}: {reasons.standing}."
    failed = [_caution(check) for check in reasons.checks if not check.passed]
    if failed:
        yield f"Read this with caution: {'; '.join(failed)}."
    yield reasons.why
    if reasons.reasons:
        yield _numbered("Principal reasons:", reasons.reasons)
    if reasons.secondary:
        yield _numbered("The score alone would have led to an adverse decision too; its reasons:", reasons.secondary)
    if reasons.reference is not None:
        if not (reasons.reasons or reasons.secondary):
            yield "No reason of the score can be named: no input moved it to the adverse side by itself."
        yield _basis(reasons, reasons.reference)
        if reasons.joint:
            yield _jointly(reasons)
    missing = [each.text for each in reasons.further if each.code is None]
    if missing:
        yield " ".join(missing)
    pushed = (*reasons.reasons, *reasons.secondary, *reasons.further)
    cautions = sorted({each.caution for each in pushed if each.caution})
    if cautions:
        yield f"Before this is sent: {' '.join(cautions)}"
    yield f"Reason codes: version {reasons.codes_version}, SHA-256 {reasons.codes_sha256}."
    yield _not_checked(reasons)


def _caution(check: Check) -> str:
    """Say what a check found; which values are unfamiliar stands with the checks, for not all of them are reasons."""
    if check.name == "familiarity":
        return "some recorded values of this decision lie outside those of the reference"
    return check.detail.rstrip(".")


def _numbered(heading: str, reasons: tuple[Reason, ...]) -> str:
    lines = [f"{place}. {_line(reason)}" for place, reason in enumerate(reasons, 1)]
    return "\n".join([heading, *lines])


def _line(reason: Reason) -> str:
    return reason.text if reason.code is None else f"{reason.text} ({reason.code})"


def _basis(reasons: Reasons, reference: Reference) -> str:
    rows = len(reference.rows)
    compared = f"{rows} decisions" if rows > 1 else "one decision"
    which = f"the reference {reference.name!r}: {plain_times(reference.description)}; SHA-256 {reference.sha256}"
    return (
        f"{reasons.direction} Each reason of the score stands for recorded inputs that moved it to the "
        f"adverse side compared with {compared} ({which}); put in "
        "their place one at a time, the values of those decisions moved it back on average. That was tried with the "
        "model that decided. It does not say that another value would have changed the decision."
    )


def _jointly(reasons: Reasons) -> str:
    """Say which inputs count only together with others: naming one of them alone would not be true."""
    several = len(reasons.joint) > 1
    what = f"{len(reasons.joint)} more inputs are" if several else "one more input is"
    place = "the place of one" if several else "its place"
    said = (
        f"Not named: {what} adverse in the comparison, but only together with other inputs, since the reference's "
        f"values in {place} alone do not move the score back ({', '.join(reasons.joint)})."
    )
    if not several or reasons.joint_text is None or reasons.joint_effect is None:
        return said
    moved = "do not move it back"
    if reasons.joint_effect > 0:
        moved = f"move it back by {reasons.joint_text.lstrip('+')}"
    return f"{said} Put in the place of all of these at once, they {moved} on average."


def _not_checked(reasons: Reasons) -> str:
    if reasons.basis == "override":
        return _NOT_CHECKED.replace("Not checked: ", "Not checked: whether the person's reason holds, ")
    return _NOT_CHECKED
