"""`diff`: every part of two sides, in the order in which a reader asks for them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.differences.acts import custody_changes, sign_off_changes, signature_changes, time_change
from audit_lab.evidence.differences.cells import cell_changes
from audit_lab.evidence.differences.change import PARTS, Change, Differences, shown
from audit_lab.evidence.differences.exhibits import exhibit_changes, file_lines, owned_files, paired_exhibits
from audit_lab.evidence.differences.side import open_side
from audit_lab.evidence.differences.values import records_of, value_changes
from audit_lab.evidence.verify_page import PAGE_NAME
from audit_lab.face.accepted import accepted_keys
from audit_lab.verifier import layout
from audit_lab.verifier.sign_offs import is_sign_off

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.evidence.differences.side import Side
    from audit_lab.seal.trust import Trust

__all__ = ["diff"]

#: What an export makes from the rest, and so what differs with it.
_PAGES = {
    layout.README,
    layout.NOTEBOOK_HTML,
    layout.NOTEBOOK_PDF,
    layout.REPORT_HTML,
    layout.RESEARCH_OBJECT,
    PAGE_NAME,
}
#: What is compared by itself, or only repeats the digests of the rest.
_DOCUMENTS = {
    layout.ATTESTATION,
    layout.BAG_DECLARATION,
    layout.BAG_INFO,
    layout.MANIFEST,
    layout.TAG_MANIFEST,
    layout.INVESTIGATION,
    layout.CUSTODY,
    layout.NOTEBOOK,
    layout.ENVIRONMENT,
    layout.ENVIRONMENT_LOCK,
    layout.MODELS,
    layout.FOLLOW_UP,
    layout.REPORT,
}
_ROWS = (layout.PROVEN_ROWS, layout.PROOFS)
_NO_EXPORT = "{}: it is a case that was not exported; notebook, environment, proofs and signatures were not compared"
_PAGES_SAY = "Pages are compared by their digests: what they show is compared where it stands"


def diff(
    before: Path | str, after: Path | str, trust: Trust | Path | str | Sequence[Path | str] | None = None
) -> Differences:
    """Compare two evidence bundles, or two states of a case, by what they say.

    Parameters
    ----------
    before, after
        Each an exported ``<case>.zip``, a bundle unpacked into a folder, or the folder of a case.
    trust
        The keys to accept when each bundle is verified, as for `verify`. What does not hold is compared all the same,
        and its verdict stated.

    Returns
    -------
    Differences
        Every change; `equal` where there is none.

    Raises
    ------
    MisuseError
        There is no bundle and no case at a path, or the shape of a bundle is refused.
    """
    accepted = accepted_keys(trust)
    with ExitStack() as stack:
        one, other = (stack.enter_context(open_side(Path(path), accepted)) for path in (before, after))
        exported = one.seen.kind == other.seen.kind == "bundle"
        found = _case_changes(one, other)
        found += _document(one, other, layout.FOLLOW_UP, "follow-up")
        found += _text(one, other, layout.REPORT, "report")
        found += _document(one, other, layout.MODELS, "models")
        found += custody_changes(one, other)
        if exported:
            found += _exported_changes(one, other)
        found += _unexplained(one, other, found, exported=exported)
        seen = one.seen, other.seen
    not_compared = [_NO_EXPORT.format(each.subject) for each in seen if each.kind == "case"]
    ordered = sorted(found, key=lambda change: PARTS.index(change.part))
    return Differences(*seen, tuple(ordered), (*not_compared, *([_PAGES_SAY] if exported else [])))


def _case_changes(one: Side, other: Side) -> list[Change]:
    """Compare what the investigation says."""
    values = [_members(side.document(layout.INVESTIGATION)) for side in (one, other)]
    cases, logs = ([_members(value.get(name)) for value in values] for name in ("case", "log"))
    question = [{"question": case.get("question")} for case in cases]
    scope = [{name: value for name, value in case.items() if name != "question"} for case in cases]
    rest = [{name: value for name, value in log.items() if name != "checkpoint"} for log in logs]
    checkpoints = [{"checkpoint": _checkpoint(log.get("checkpoint"))} for log in logs]
    found = value_changes("question", *question) + value_changes("scope", *scope)
    found += value_changes("scope", *({name: value.get(name) for name in ("parameters", "steps")} for value in values))
    found += value_changes("log", *rest) + value_changes("checkpoint", *checkpoints)
    exhibits = [[each for each in _list(value.get("exhibits")) if isinstance(each, dict)] for value in values]
    found += exhibit_changes(one, other, *exhibits)
    found += _strange_files(one, other, *exhibits)
    for exhibit, again in paired_exhibits(*exhibits)[0]:
        name = f"exhibit {shown(again.get('number'))} kept"
        found += time_change(name, exhibit.get("kept_at"), again.get("kept_at"))
    for part in ("findings", "actions", "timeline"):
        found += value_changes(part, *(records_of(value.get(part), "id") for value in values))
    return found + value_changes("conclusion", *({"conclusion": value.get("conclusion")} for value in values))


def _strange_files(one: Side, other: Side, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Change]:
    """Return the files of exhibits whose bytes are not those that the investigation states, or that none owns."""
    found, listed = [], owned_files(before) | owned_files(after)
    for name in sorted(one.names | other.names):
        if not name.startswith((layout.EXHIBITS, layout.ROWS)) or name.startswith(layout.PROVEN_ROWS):
            continue
        both = name in one.names and name in other.names
        if _digests(one, other, name) and (both or name not in listed):
            found.append(_file(one, other, name, "exhibits"))
    return found


def _exported_changes(one: Side, other: Side) -> list[Change]:
    """Compare what only an export holds."""
    found = cell_changes(one.document(layout.NOTEBOOK), other.document(layout.NOTEBOOK))
    found += _document(one, other, layout.ENVIRONMENT, "environment")
    found += signature_changes(one, other) + sign_off_changes(one, other)
    differing = [name for name in sorted(one.names | other.names) if _digests(one, other, name)]
    for name in differing:
        if name.startswith(_ROWS):
            found.append(_file(one, other, name, "rows"))
        elif name.startswith(layout.MODEL_FILES):
            found.append(_file(one, other, name, "models"))
        elif not _is_told(name):
            found.append(_file(one, other, name, "other files"))
    pages = [name for name in differing if name in _PAGES or name.endswith(".pdf")]
    return found + ([Change("pages", "changed", ", ".join(pages))] if pages else [])


def _is_told(name: str) -> bool:
    """Whether a file is compared elsewhere: as a document, as part of an exhibit, as a page or as a sign-off."""
    inside = name.startswith((layout.EXHIBITS, layout.ROWS))
    return name in _DOCUMENTS | _PAGES or inside or name.endswith(".pdf") or is_sign_off(name)


def _unexplained(one: Side, other: Side, found: Sequence[Change], *, exported: bool) -> list[Change]:
    """Return the documents whose bytes differ although nothing that they say was found to: none goes unsaid."""
    parts = {change.part for change in found}
    told = {
        layout.INVESTIGATION: parts & {*PARTS[:9], "times"},
        layout.CUSTODY: parts & {"custody", "times", "exhibits", "findings", "conclusion"},
        layout.MODELS: parts & {"models"},
        layout.FOLLOW_UP: parts & {"follow-up"},
        layout.REPORT: parts & {"report"},
    }
    if exported:
        told |= {layout.NOTEBOOK: parts & {"notebook"}, layout.ENVIRONMENT: parts & {"environment"}}
        told[layout.ENVIRONMENT_LOCK] = parts & {"environment"}
    return [
        Change("other files", "changed", f"{name} (other bytes; what differs in what it says was not found)")
        for name, explained in told.items()
        if not explained and _digests(one, other, name)
    ]


def _digests(one: Side, other: Side, name: str) -> bool:
    """Whether a file is on one side only, or has other bytes."""
    there = [name in side.names for side in (one, other)]
    return there[0] != there[1] or (all(there) and one.digest(name) != other.digest(name))


def _file(one: Side, other: Side, name: str, part: str) -> Change:
    if name not in one.names or name not in other.names:
        return Change(part, "removed" if name in one.names else "added", name)
    return Change(part, "changed", name, details=file_lines(name, one.content(name), other.content(name)))


def _document(one: Side, other: Side, name: str, part: str) -> list[Change]:
    return value_changes(part, *(_members(side.document(name)) for side in (one, other)))


def _text(one: Side, other: Side, name: str, part: str) -> list[Change]:
    texts = [(side.content(name) or b"").decode("utf-8", "replace") for side in (one, other)]
    source = [{"cells": [{"cell_type": part, "source": text}]} for text in texts]
    return [Change(part, change.what, part, details=change.details) for change in cell_changes(*source)]


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _checkpoint(note: Any) -> Any:
    """Return which state of the log a checkpoint's note states: its size and root."""
    if not isinstance(note, str):
        return note
    _, size, root, *_ = [*note.split("\n"), "?", "?", "?"]
    return f"size {size}, root {root}"
