"""What stands on the two pages, block by block, cut to the room that there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_lab.dossier.content import Dossier, Fact, Happening
    from audit_lab.dossier.cutting import Cutter

__all__ = ["Block", "first_page", "footer", "second_page"]

Block = dict[str, Any]

#: What one entry, or several, of each part are.
_PARTS = {
    "approvals": ("act on this version is not shown here", "acts on this version are not shown here"),
    "inputs": ("input is not shown here", "inputs are not shown here"),
    "sentences": ("sentence is not shown here", "sentences are not shown here"),
    "reasons": ("sentence about the reasons is not shown here", "sentences about the reasons are not shown here"),
    "changes": ("sentence about the changes is not shown here", "sentences about the changes are not shown here"),
    "environment": ("fact about the environment is not shown here", "facts about the environment are not shown here"),
    "afterwards": ("thing that happened is not shown here", "things that happened are not shown here"),
    "wanting": ("missing thing is not shown here", "missing things are not shown here"),
    "integrity": ("line of the verification is not shown here", "lines of the verification are not shown here"),
    "personal": ("sentence about personal data is not shown here", "sentences about personal data are not shown here"),
    "notes": ("note of the log is not shown here", "notes of the log are not shown here"),
}

_NONE = "none"
_POINTS = " percentage points"
_NUMBERED = re.compile(r"[0-9]+\. ")


def first_page(dossier: Dossier, cut: Cutter) -> list[Block]:
    """Return the answer, what was decided, by which version, on which inputs, and why."""
    return [
        {"kind": "title", "text": "Dossier on a decision", "under": cut.text(_about(dossier), 200, 150)},
        {"kind": "answer", "lines": [cut.text(line, 620, 260) for line in dossier.answer]},
        _heading("What was decided, and when"),
        _facts(dossier.decided, cut),
        _heading("By which version"),
        *_version(dossier, cut),
        _heading("On which inputs, and how far each moved the score" if dossier.explained else "On which inputs"),
        *_inputs(dossier, cut),
        _heading("Why"),
        *_sentences("sentences", dossier.why.sentences, cut, (9, 640), (6, 150)),
    ]


def second_page(dossier: Dossier, cut: Cutter) -> list[Block]:
    """Return reasons, replay, what happened afterwards, what is missing, and what all of it rests on."""
    replay, integrity = dossier.replay, dossier.integrity
    blocks: list[Block] = []
    if dossier.why.reasons:
        blocks.append(_heading("Reasons, in the words of reason codes"))
        blocks += _sentences("reasons", dossier.why.reasons, cut, (14, 520), (6, 90))
    if dossier.why.changed is not None:
        blocks.append(_heading("What would have led to another decision"))
        blocks += _sentences("changes", dossier.why.changed.sentences, cut, (6, 420), (1, 160))
    blocks += [
        _heading("Does it come out again?"),
        {"kind": "verdict", "verdict": cut.text(replay.verdict, 40), "text": cut.text(replay.meaning, 400, 200)},
        {"kind": "paragraph", "text": cut.text(replay.why, 900, 200)},
        *_sentences("environment", replay.environment, cut, (6, 300)),
        _heading("What happened afterwards"),
        *_happenings(dossier.afterwards, cut),
        _heading("What is missing, or not as it should be, and who owns that"),
        *_wanting(dossier, cut),
        _heading("Is the log as it was written?"),
        {"kind": "verdict", "verdict": cut.text(integrity.verdict, 40), "text": cut.text(integrity.meaning, 500, 120)},
        *_integrity(dossier, cut),
        _heading("How to read this"),
        *_sentences("personal", _reading(dossier), cut, (8, 420), (3, 120)),
        *_sentences("notes", tuple(f"The log says: {note}" for note in dossier.notes), cut, (4, 260)),
    ]
    return blocks


def footer(dossier: Dossier, cut: Cutter) -> dict[str, Any]:
    """Return the lines at the foot of both pages: log, its state, artifact, explanation, tool, and when it was made."""
    source = dossier.source
    state = (
        ("checkpoint", source.checkpoint_sha256) if source.checkpoint_sha256 else ("manifest", source.manifest_sha256)
    )
    digests = [
        state,
        ("artifact", source.artifact_sha256),
        ("attribution", source.attribution_sha256),
        ("this dossier", dossier.digest),
    ]
    return {
        "line": f"Log {cut.text(source.log, 80)} · made {dossier.made_at.words()} by {source.tool}",
        "digests": [[name, "none" if value is None else cut.text(value, 64, 64)] for name, value in digests],
    }


def _about(dossier: Dossier) -> str:
    asked = "" if dossier.asked_by is None else f"Asked by {dossier.asked_by}. "
    return f"{asked}Prediction {dossier.prediction_id}"


def _heading(text: str) -> Block:
    return {"kind": "heading", "text": text}


def _facts(facts: Iterable[Fact], cut: Cutter) -> Block:
    return {"kind": "facts", "rows": [[each.name, cut.text(each.value, 320, 90)] for each in facts]}


def _version(dossier: Dossier, cut: Cutter) -> list[Block]:
    block = _facts(dossier.version, cut)
    if not dossier.approvals:
        block["rows"].append(["Approvals", "none on record"])
        return [block]
    for at, each in enumerate(cut.some("approvals", dossier.approvals, 6, 2)):
        told = f"{each.what} {each.at.short()} by {each.who or 'nobody named'}: {each.told or 'no words'}"
        block["rows"].append(["" if at else "Approvals", cut.text(told, 240, 80)])
    return [block, *_more(cut, "approvals")]


def _inputs(dossier: Dossier, cut: Cutter) -> list[Block]:
    if not dossier.inputs:
        return [{"kind": "paragraph", "text": "No inputs can be shown: see what is missing, on page 2."}]
    shown = cut.some("inputs", dossier.inputs, 24, 4)
    points = bool(shown) and all(each.amount is None or each.amount.endswith(_POINTS) for each in shown)
    rows = [
        {
            "feature": cut.text(each.feature, 70, 40),
            "value": cut.text(each.told, 110, 50),
            "amount": cut.text((each.amount or "not told").removesuffix(_POINTS if points else ""), 40),
            "share": each.share,
        }
        for each in shown
    ]
    bars: Block = {
        "kind": "bars",
        "rows": rows,
        "explained": dossier.explained is not None,
        "amount": "moved it by, in percentage points" if points else "moved it by",
    }
    caption = [{"kind": "small", "text": cut.text(dossier.explained, 400, 220)}] if dossier.explained else []
    return [bars, *caption, *_more(cut, "inputs")]


def _sentences(
    part: str, sentences: Sequence[str], cut: Cutter, most: tuple[int, int], least: tuple[int, int] = (1, 80)
) -> list[Block]:
    """Return sentences as a list, so many of them and of their characters; those that have a number keep it."""
    blocks: list[Block] = []
    for each in cut.some(part, sentences, most[0], least[0]):
        number = _NUMBERED.match(each)
        kind = "list" if number is None else "numbered"
        if not blocks or blocks[-1]["kind"] != kind:
            blocks.append({"kind": kind, "items": []})
        blocks[-1]["items"].append(cut.text(each[number.end() if number else 0 :], most[1], least[1]))
    return [*blocks, *_more(cut, part)]


def _happenings(happenings: Sequence[Happening], cut: Cutter) -> list[Block]:
    if not happenings:
        return [{"kind": "paragraph", "text": "Nothing is on record: no override, no contest, no outcome."}]
    shown = cut.some("afterwards", happenings, 14)
    rows = [
        [
            each.at.short(),
            cut.text(each.what, 50, 20),
            cut.text(each.who or _NONE, 80, 20),
            cut.text(each.told or _NONE, 260, 50),
        ]
        for each in shown
    ]
    zone = shown[0].at.zone
    return [
        {"kind": "table", "head": [f"when ({cut.text(zone, 40)})", "what", "by", "in words"], "rows": rows},
        *_more(cut, "afterwards"),
    ]


def _wanting(dossier: Dossier, cut: Cutter) -> list[Block]:
    if not dossier.wanting:
        return [{"kind": "paragraph", "text": "Nothing was found missing."}]
    shown = cut.some("wanting", dossier.wanting, 12, 2)
    others = ", ".join(each.code for each in dossier.wanting[len(shown) :])
    rows = [
        [
            cut.text(each.code, 60, 20),
            cut.text(f"{each.what} {each.effect}".strip(), 420, 70),
            cut.text(each.owner.words(), 320, 70),
        ]
        for each in shown
    ]
    return [
        {"kind": "table", "head": ["code", "what, and what follows", "who owns it"], "rows": rows, "wide": True},
        *_more(cut, "wanting", f" ({cut.text(others, 400, 120)})"),
    ]


def _integrity(dossier: Dossier, cut: Cutter) -> list[Block]:
    integrity = dossier.integrity
    lines = [
        *(f"Found: {each}" for each in integrity.findings),
        *(f"Checked: {each}." for each in integrity.checked),
        *(f"Not checked: {each}." for each in integrity.not_checked),
        *(f"Anchor: {each}." for each in integrity.anchors),
    ]
    return _sentences("integrity", lines, cut, (6, 300)) if lines else []


def _reading(dossier: Dossier) -> tuple[str, ...]:
    return (dossier.timezone, *dossier.personal)


def _more(cut: Cutter, part: str, which: str = "") -> list[Block]:
    """Return the line that says how many entries of a part are not shown, and perhaps which."""
    count = cut.left_out.get(part, 0)
    one, many = _PARTS[part]
    told = f"{count:,} more {one if count == 1 else many}{which}: in the JSON of this dossier."
    return [{"kind": "small", "text": told}] if count else []
