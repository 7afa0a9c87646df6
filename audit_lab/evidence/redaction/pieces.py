"""The texts of a bundle's files, each with where it stands, and whether somebody says something in it."""

from __future__ import annotations

import html
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.case.frame_files import csv_bytes
from audit_lab.evidence.redaction.sentences import is_sentence, written
from audit_lab.log.writing.segment_file import is_personal
from audit_lab.verifier.layout import (
    CUSTODY,
    ENVIRONMENT,
    ENVIRONMENT_LOCK,
    EXHIBITS,
    FOLLOW_UP,
    INVESTIGATION,
    PROOF_INDEX,
    PROOF_PARTS,
    PROVEN_ROWS,
    REPORT,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Piece", "pieces_of"]

_NOT_TEXT = (".pdf", ".png", ".jpg", ".jpeg", ".gif")
#: What no row of the log went into.
_OF_THE_MACHINE = (ENVIRONMENT, ENVIRONMENT_LOCK)
#: Where somebody says something in words; pages are made from these.
_SAID = (INVESTIGATION, FOLLOW_UP, CUSTODY)
_TOLD = ("conclusion", "claim", "title", "note", "question", "purpose", "what", "text", "why", "how")
_TAG = re.compile(r"<[^>]*>")
#: What divides the cells of a table that was printed as text or as a page.
_CELL = re.compile(r"<[^>]*>|[│┆|\n\t]")


@dataclass(frozen=True)
class Piece:
    """A text, and where it stands.

    Attributes
    ----------
    place
        The file, and where in it.
    text
        The text, as written or as a reader sees it.
    is_said
        Whether it says something in words, so that short values count in it too.
    cells
        The cells of printed tables, which together are beside whatever one of them names.
    """

    place: str
    text: str
    is_said: bool = False
    cells: frozenset[str] = frozenset()


def pieces_of(files: Mapping[str, bytes]) -> Iterator[Piece]:
    """Yield the texts of files that are about to be signed."""
    registered = _registered(files)
    for name, content in sorted(files.items()):
        if name.endswith(_NOT_TEXT) or name in registered or name in _OF_THE_MACHINE:
            continue
        if name.endswith(".parquet"):
            yield from _of_table(name, pl.read_parquet(io.BytesIO(content)))
        elif name.endswith(".ipynb"):
            yield from _of_notebook(name, content)
        else:
            yield from _of_text(name, content.decode("utf-8", "replace"))


def _registered(files: Mapping[str, bytes]) -> set[str]:
    """Return the files of rows that say nothing of any person: a model's registered facts may look like a value."""
    parts = json.loads(files[PROOF_INDEX])["parts"] if PROOF_INDEX in files else []
    names = [part["name"] for part in parts if not is_personal(part["table"])]
    return {place for name in names for place in (f"{PROOF_PARTS}{name}.json", f"{PROVEN_ROWS}{name}.parquet")}


def _of_table(name: str, frame: pl.DataFrame) -> Iterator[Piece]:
    for column in frame.columns:
        content = csv_bytes(frame.select(pl.col(column).unique())).decode().partition("\n")[2]
        yield Piece(f"column {column} of {name}", content)
        if name.startswith(EXHIBITS) and frame.schema[column] == pl.String:
            said = [each for each in frame[column].unique().to_list() if each and is_sentence(each)]
            yield from (Piece(f"column {column} of {name}", each, is_said=True) for each in said)
    yield Piece(f"the columns of {name}", "\n".join(frame.columns))


def _of_notebook(name: str, content: bytes) -> Iterator[Piece]:
    for number, cell in enumerate(json.loads(content).get("cells", []), start=1):
        place = f"cell {number} of {name}"
        strings = [each for _, each in _strings(cell)]
        yield from (Piece(place, each) for each in _readings("\n".join(strings)))
        for each in strings:
            cells = {html.unescape(part).strip() for part in _CELL.split(each)}
            yield Piece(place, "", cells=frozenset(cells - {""}))
            yield from (Piece(place, html.unescape(line), is_said=True) for line in _TAG.sub("\n", each).split("\n"))


def _of_text(name: str, text: str) -> Iterator[Piece]:
    if name == REPORT:
        lines = enumerate(text.split("\n"), start=1)
        yield from (Piece(f"line {number} of {name}", line, is_said=True) for number, line in lines)
    if not name.endswith((".json", ".jsonl")):
        yield from (Piece(name, each) for each in _readings(text))
        return
    yield Piece(name, text)
    documents = text.splitlines() if name.endswith(".jsonl") else [text]
    for number, document in enumerate(documents, start=1):
        line = f"line {number}, " if name.endswith(".jsonl") else ""
        value = json.loads(document)
        for where, each in _strings(value):
            place = f"{line}{where} of {name}" if where else name
            yield from (Piece(place, reading) for reading in _readings(each))
        for where, each in _strings(value, joined=False):
            if is_sentence(each) if name.startswith(EXHIBITS) else name in _SAID and _is_told(where, each):
                yield Piece(f"{line}{where} of {name}", each, is_said=True)


def _is_told(where: str, text: str) -> bool:
    """Whether a text of the case is somebody's words, and no id, digest or number."""
    return is_sentence(text) or where.rpartition(".")[2] in _TOLD


def _readings(text: str) -> set[str]:
    """Return a text as it is written, without the escapes of HTML, and without its tags."""
    bare = html.unescape(text)
    return {text, bare, html.unescape(_TAG.sub("", text))}


def _strings(value: Any, where: str = "", *, joined: bool = True) -> Iterator[tuple[str, str]]:
    """Yield every text and number of a document, with its member; one that was divided into lines `joined` too."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield where, name
            yield from _strings(each, f"{where}.{name}" if where else name, joined=joined)
    elif isinstance(value, list):
        if joined and all(isinstance(each, str) for each in value):
            yield where, "".join(value)
        for number, each in enumerate(value, start=1):
            yield from _strings(each, f"{where}[{number}]", joined=joined)
    elif value is not None and not isinstance(value, bool):
        yield from ((where, each) for each in written(value))
