"""What is missing about a decision, or is not as it should be, with what follows and who owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.dossier.content import Integrity, Owner, Wanting
from audit_lab.dossier.owners import asker, owner_of

if TYPE_CHECKING:
    from audit_lab.dossier.outcomes import Attempt
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.verdict import Replay

__all__ = ["NOT_CHECKED", "wanting_of"]

NOT_CHECKED = "NOT CHECKED"

#: A finding that is told where what happened afterwards is told.
_TOLD_ELSEWHERE = ("overridden",)
_REPRODUCED = ("exact", "within-tolerance")


def wanting_of(
    parts: Reconstruction,
    replay: Replay | Attempt,
    attempts: tuple[Attempt, ...],
    integrity: Integrity,
    *,
    asked_by: str | None,
    erasers: tuple[str, ...] = (),
) -> tuple[Wanting, ...]:
    """Return gaps, findings, what could not be done for this dossier, and what was not asked for.

    Parameters
    ----------
    parts
        The decision.
    replay
        How it was replayed, or why that could not even be tried.
    attempts
        What else could not be done, and why.
    integrity
        What is known of the log.
    asked_by
        Who asks, in words.
    erasers
        Who erased what of the decision, as `audit_lab.dossier.erasers.erasers_of` returns them.
    """
    told = [
        Wanting("gap", gap.code, _sentence(gap.what), _sentence(gap.effect), owner_of(gap.code, parts, erasers))
        for gap in parts.gaps
    ]
    told += [
        Wanting("finding", found.code, _sentence(found.what), "", owner_of(found.code, parts))
        for found in parts.findings
        if found.code not in _TOLD_ELSEWHERE
    ]
    known = {each.code for each in told}
    if replay.code not in known and replay.code not in _REPRODUCED:
        told.append(
            Wanting("replay", replay.code, _sentence(replay.why), "The record is not confirmed.", _of(replay, parts))
        )
        known.add(replay.code)
    for each in attempts:
        if each.code not in known:
            told.append(Wanting(each.what, each.code, _sentence(each.why), _sentence(each.next_step), _of(each, parts)))
            known.add(each.code)
    if integrity.verdict == NOT_CHECKED:
        effect = (
            "Ask for the log to be verified: in the form, what is written as a file says what that says; or audit-lab "
            "dossier --verify, or verification=log.verify()."
        )
        told.append(Wanting("integrity", "integrity-not-checked", integrity.meaning, effect, asker(asked_by)))
    elif integrity.findings:
        what = f"The log is {integrity.verdict}: {integrity.findings[0]}"
        more = len(integrity.findings) - 1
        effect = "Nothing here holds before that is cleared up." + (f" {more} more findings." if more else "")
        told.append(Wanting("integrity", "integrity-failed", what, effect, owner_of("log", parts)))
    return tuple(told)


def _of(each: Replay | Attempt, parts: Reconstruction) -> Owner:
    return owner_of(each.code, parts)


def _sentence(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        return ""
    closed = stripped if stripped[-1] in ".!?" else f"{stripped}."
    return f"{closed[:1].upper()}{closed[1:]}"
