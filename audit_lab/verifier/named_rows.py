"""What exhibits are, and which predictions they name, read from the bundle itself and not from what its signer says."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json
from audit_lab.verifier.layout import INVESTIGATION, PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from audit_lab.verifier.contents import Contents

__all__ = ["FROM_LOG", "MADE_UP", "NamingExhibit", "named_rows", "not_computed", "not_here"]

#: Kinds of exhibits that show rows of the log as they are; whatever is of another kind was computed.
FROM_LOG = ("decision", "decisions", "predictions")
#: How the name of a state ends that somebody made up of a prediction: it is no prediction.
MADE_UP = " (what if)"

_NAMING = ("prediction_id", "place")
_NAMED = re.compile(r'"(prediction_id|place)":("(?:[^"\\\x00-\x1f]|\\.)*")')
_NOT_COMPUTED = "exhibits computed again: none; {} say what the signer states"
_NOT_HERE = (
    "rows of the log: of {:,} predictions that the exhibits' documents and CSV name, {:,} have no proven row here"
)
_SILENT = "rows of the log: {} {} no prediction in any document or CSV: what was computed over is not here row by row"
_MOST_NAMED = 12


@dataclass(frozen=True)
class NamingExhibit:
    """An exhibit by number and kind, with the predictions that the beginning of its files names (64 KiB of each)."""

    number: Any
    kind: str
    names: frozenset[str]


def named_rows(contents: Contents, known_bad: AbstractSet[str]) -> tuple[NamingExhibit, ...]:
    """Return the exhibits of a case; none where its investigation is found wrong itself."""
    if INVESTIGATION in known_bad or INVESTIGATION not in contents.names:
        return ()
    try:
        value = parse_json(contents.document(INVESTIGATION) or b"", INVESTIGATION)
    except MalformedError:
        return ()
    exhibits = value.get("exhibits") if isinstance(value, dict) else None
    there = set(contents.names) - known_bad
    return tuple(
        NamingExhibit(each.get("number"), str(each.get("kind")), frozenset(_names(each.get("files"), there, contents)))
        for each in (exhibits if isinstance(exhibits, list) else ())
        if isinstance(each, dict)
    )


def not_computed(exhibits: Sequence[NamingExhibit]) -> list[str]:
    """Return the sentence that says which exhibits nobody computed again; none where all are rows of the log."""
    computed = [f"{each.number!a} ({each.kind[:40]})" for each in exhibits if each.kind not in FROM_LOG]
    return [_NOT_COMPUTED.format(_listed(computed))] if computed else []


def not_here(exhibits: Sequence[NamingExhibit], proven: Collection[str]) -> list[str]:
    """Return sentences on the rows that exhibits rest on and that the bundle does not prove."""
    named = {name for each in exhibits for name in each.names}
    lacking = len(named.difference(proven))
    silent = [f"{each.number!a}" for each in exhibits if not each.names]
    said = [_NOT_HERE.format(len(named), lacking)] if lacking else []
    if silent:
        who = "exhibit" if len(silent) == 1 else "exhibits"
        said.append(_SILENT.format(f"{who} {_listed(silent)}", "names" if len(silent) == 1 else "name"))
    return said


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _names(files: Any, there: AbstractSet[str], contents: Contents) -> Iterator[str]:
    for file in files if isinstance(files, list) else ():
        name = f"{PAYLOAD}{file.get('path')}" if isinstance(file, dict) else ""
        if name in there and name.endswith((".json", ".csv")):
            text = contents.head(name).decode("utf-8", "replace")
            found = _in_document(text) if name.endswith(".json") else _in_table(text)
            yield from (each for each in found if each and not each.endswith(MADE_UP))


def _in_document(text: str) -> Iterator[str]:
    for member, written in _NAMED.findall(text):
        try:
            yield _id_of(member, json.loads(written))
        except ValueError:  # half a surrogate pair, or another escape that is none
            continue


def _in_table(text: str) -> Iterator[str]:
    lines = text.split("\n")[:-1]  # the last one is empty, or cut off
    try:
        rows = list(csv.reader(lines))
    except csv.Error:
        return
    header = rows[0] if rows else []
    for member in _NAMING:
        if member in header:
            at = header.index(member)
            yield from (_id_of(member, row[at]) for row in rows[1:] if len(row) > at)


def _id_of(member: str, text: str) -> str:
    """Return the id in a place ``id@segment:row``, and an id as it is."""
    before, divided, _ = text.rpartition("@")
    return before if member == "place" and divided else text
