"""Where a withheld value still stands in a bundle that is about to be signed."""

from __future__ import annotations

import html
import io
import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.case.frame_files import csv_bytes
from audit_lab.errors import AuditLabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit_lab.evidence.redaction.values import Withheld

__all__ = ["NOT_SEARCHED", "SHORTEST", "Needles", "check_withheld", "needles_of"]

#: A shorter value would be found everywhere, and is not searched for.
SHORTEST = 6
#: What no search for values finds, in any bundle.
NOT_SEARCHED = (
    "pictures made of pixels, model artifacts and the PDF were not searched; the PDF is printed from pages that were",
    "only whole values were searched for, not their parts, nor other ways to write them",
    "digests in custody, and ids that exhibits had, are of unredacted files: whoever guesses all of one can confirm it",
)

_NOT_TEXT = (".pdf", ".png", ".jpg", ".jpeg", ".gif")
_TAG = re.compile(r"<[^>]*>")
_MOST_NAMED = 5


@dataclass(frozen=True)
class Needles:
    """What is searched for: text to the column whose value it is; and sentences about what is not."""

    texts: Mapping[str, str]
    not_searched: tuple[str, ...]


def needles_of(withheld: Withheld) -> Needles:
    """Return the texts of withheld values, and how many were too short, or are names of columns, by column."""
    texts: dict[str, str] = {}
    left_out = []
    names = {_plain(name) for name in withheld.names}
    for column, values in sorted(withheld.values.items()):
        short = 0
        for value in values:
            written = {_plain(text) for text in _texts(value)}
            usable = {text for text in written if len(text) >= SHORTEST and text not in names}
            short += not usable
            texts |= dict.fromkeys(usable, column)
        if short:
            left_out.append(
                f"{column}: {short:,} of its {len(values):,} withheld values were not searched for, being shorter than "
                f"{SHORTEST} characters or names of columns"
            )
    return Needles(texts, tuple(left_out))


def check_withheld(files: Mapping[str, bytes], needles: Needles) -> None:
    """Refuse files in which a withheld value stands.

    Parameters
    ----------
    files
        Name to content.
    needles
        What is searched for.

    Raises
    ------
    AuditLabError
        A value stands in a file; the error names column and file, and never the value.
    """
    if not needles.texts:
        return
    found = []
    for name, content in sorted(files.items()):
        for place, text in _pieces(name, content):
            columns = {needles.texts[each] for each in _found(text, needles)}
            found += [f"{column} in {place}" for column in sorted(columns)]
    if found:
        more = f" and in {len(found) - _MOST_NAMED} more places" if len(found) > _MOST_NAMED else ""
        raise AuditLabError(
            f"Nothing was exported: withheld values still stand in it, of {', of '.join(found[:_MOST_NAMED])}{more}",
            "Take them out of what the case and its notebook say and show, or export without the notebook",
        )


def _texts(value: Any) -> Iterator[str]:
    """Yield the ways in which a value is written."""
    if isinstance(value, bool):
        return
    if isinstance(value, datetime | date):
        yield value.isoformat()
        yield str(value)
    elif isinstance(value, float):
        yield repr(value)
        yield f"{value:,}"
        if value.is_integer():
            yield f"{value:.0f}"
            yield f"{value:,.0f}"
    elif isinstance(value, int):
        yield str(value)
        yield f"{value:,}"
    else:
        yield str(value)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().strip()


def _found(text: str, needles: Needles) -> set[str]:
    """Return the needles that stand in a text; one that begins or ends with a digit is not cut from a longer one."""
    plain = _plain(text)
    hits = pl.Series([plain]).str.extract_many(list(needles.texts), overlapping=True).to_list()[0]
    return {each for each in set(hits) if _stands(each, plain)}


def _stands(needle: str, text: str) -> bool:
    before = r"(?<![0-9a-z])" if needle[0].isdigit() else ""
    after = r"(?![0-9a-z])" if needle[-1].isdigit() else ""
    return re.search(f"{before}{re.escape(needle)}{after}", text) is not None


def _pieces(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the texts of a file, each with where it stands: as written, and as a reader sees it."""
    if name.endswith(_NOT_TEXT):
        return
    if name.endswith(".parquet"):
        yield name, csv_bytes(pl.read_parquet(io.BytesIO(content))).decode()
        return
    text = content.decode("utf-8", "replace")
    if name.endswith(".ipynb"):
        cells = json.loads(text).get("cells", [])
        for number, cell in enumerate(cells, start=1):
            yield from ((f"cell {number} of {name}", each) for each in _readings("\n".join(_strings(cell))))
        return
    yield from ((name, each) for each in _readings(text))
    if name.endswith((".json", ".jsonl")):
        documents = text.splitlines() if name.endswith(".jsonl") else [text]
        for document in documents:
            yield from ((name, each) for each in _readings("\n".join(_strings(json.loads(document)))))


def _readings(text: str) -> set[str]:
    """Return a text as it is written, without the escapes of HTML, and without its tags."""
    bare = html.unescape(text)
    return {text, bare, html.unescape(_TAG.sub("", text))}


def _strings(value: Any) -> Iterator[str]:
    """Yield every text and number of a document; a text that was divided into lines as one."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _strings(each)
    elif isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            yield "".join(value)
        for each in value:
            yield from _strings(each)
    elif value is not None and not isinstance(value, bool):
        yield from _texts(value)
