"""What stands on the two pages, block by block, cut to the room that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.dossier.cutting import Cutter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_lab.dossier.content import Dossier, Fact, Happening

__all__ = ["Block", "first_page", "footer", "second_page"]

Block = dict[str, Any]

_NONE = "none"


def first_page(dossier: Dossier, cut: Cutter) -> list[Block]:
    """Return the answer, what was decided, by which version, on which inputs, and why."""
    return [
        {"kind": "title", "text": "Dossier on a decision", "under": cut.text(_about(dossier), 200)},
        {"kind": "answer", "lines": [cut.text(line, 620, 150) for line in dossier.answer]},
        _heading("What was decided, and when"),
        _facts(dossier.decided, cut),
        _heading("By which version"),
        _facts(dossier.version, cut),
        *_approvals(dossier, cut),
        _heading("On which inputs, and how far each moved the score" if dossier.explained else "On which inputs"),
        *_inputs(dossier, cut),
        _heading("Why"),
        {"kind": "paragraph", "text": cut.text(dossier.why.decided_by, 400)},
        *_sentences("sentences", "sentences", dossier.why.sentences, cut, 6, 640),
    ]


def second_page(dossier: Dossier, cut: Cutter) -> list[Block]:
    """Return reasons, replay, what happened afterwards, what is missing, and what all of it rests on."""
    replay, integrity = dossier.replay, dossier.integrity
    blocks: list[Block] = []
    if dossier.why.reasons:
        blocks.append(_heading("Reasons, in the words of reason codes"))
        blocks += _sentences("reasons", "sentences about reasons", dossier.why.reasons, cut, 14, 520)
    if dossier.why.changed is not None:
        blocks.append(_heading("What would have led to another decision"))
        blocks += _sentences("changes", "sentences about changes", dossier.why.changed.sentences, cut, 6, 420)
    blocks += [
        _heading("Does it come out again?"),
        {"kind": "verdict", "verdict": cut.text(replay.verdict, 40), "text": cut.text(replay.meaning, 400, 200)},
        {"kind": "paragraph", "text": cut.text(replay.why, 900)},
        *_sentences("environment", "facts about the environment", replay.environment, cut, 6, 300),
        _heading("What happened afterwards"),
        *_happenings("afterwards", "things that happened", dossier.afterwards, cut, 14),
        _heading("What is missing, or not as it should be, and who owns that"),
        *_wanting(dossier, cut),
        _heading("Is the log as it was written?"),
        {"kind": "verdict", "verdict": cut.text(integrity.verdict, 40), "text": cut.text(integrity.meaning, 500, 120)},
        *_integrity(dossier, cut),
        _heading("How to read this"),
        *_sentences("personal", "sentences about personal data", _reading(dossier), cut, 8, 420),
        *_sentences("notes", "notes of the log", tuple(f"The log says: {note}" for note in dossier.notes), cut, 4, 260),
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
    return {"kind": "facts", "rows": [[each.name, cut.text(each.value, 320, 70)] for each in facts]}


def _approvals(dossier: Dossier, cut: Cutter) -> list[Block]:
    if not dossier.approvals:
        return [{"kind": "facts", "rows": [["Approvals", "none on record"]]}]
    shown = cut.some("approvals", dossier.approvals, 6)
    rows = [
        [
            "Approvals" if not at else "",
            cut.text(
                f"{each.what} {each.at.short()} by {each.who or 'nobody named'}: {each.told or 'no words'}", 200, 60
            ),
        ]
        for at, each in enumerate(shown)
    ]
    return [{"kind": "facts", "rows": rows}, *_more(cut, "approvals", "approvals")]


def _inputs(dossier: Dossier, cut: Cutter) -> list[Block]:
    if not dossier.inputs:
        return [{"kind": "paragraph", "text": "No inputs can be shown: see what is missing, on page 2."}]
    shown = cut.some("inputs", dossier.inputs, 24, 4)
    rows = [
        {
            "feature": cut.text(each.feature, 70, 24),
            "value": cut.text(each.value, 90, 24),
            "unit": cut.text(each.unit or "", 20, 12),
            "amount": cut.text(each.amount or "", 40),
            "share": each.share,
        }
        for each in shown
    ]
    bars: Block = {"kind": "bars", "rows": rows, "explained": dossier.explained is not None}
    caption = [{"kind": "small", "text": cut.text(dossier.explained, 400, 160)}] if dossier.explained else []
    return [bars, *caption, *_more(cut, "inputs", "inputs")]


def _sentences(part: str, noun: str, sentences: Sequence[str], cut: Cutter, most: int, longest: int) -> list[Block]:
    shown = cut.some(part, sentences, most)
    return [{"kind": "list", "items": [cut.text(each, longest, 60) for each in shown]}, *_more(cut, part, noun)]


def _happenings(part: str, noun: str, happenings: Sequence[Happening], cut: Cutter, most: int) -> list[Block]:
    if not happenings:
        return [{"kind": "paragraph", "text": "Nothing is on record: no override, no contest, no outcome."}]
    shown = cut.some(part, happenings, most)
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
        *_more(cut, part, noun),
    ]


def _wanting(dossier: Dossier, cut: Cutter) -> list[Block]:
    if not dossier.wanting:
        return [{"kind": "paragraph", "text": "Nothing was found missing."}]
    shown = cut.some("wanting", dossier.wanting, 12)
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
        *_more(cut, "wanting", "things that are missing, or not as they should be,"),
    ]


def _integrity(dossier: Dossier, cut: Cutter) -> list[Block]:
    integrity = dossier.integrity
    lines = [
        *(f"Found: {each}" for each in integrity.findings),
        *(f"Checked: {each}." for each in integrity.checked),
        *(f"Not checked: {each}." for each in integrity.not_checked),
        *(f"Anchor: {each}." for each in integrity.anchors),
    ]
    return _sentences("integrity", "lines of the verification", lines, cut, 6, 300) if lines else []


def _reading(dossier: Dossier) -> tuple[str, ...]:
    return (dossier.timezone, *dossier.personal)


def _more(cut: Cutter, part: str, noun: str) -> list[Block]:
    line = cut.more(part, noun)
    return [] if line is None else [{"kind": "small", "text": line}]
