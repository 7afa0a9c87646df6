"""Where a withheld value still stands in a bundle that is about to be signed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import AuditLabError
from audit_lab.evidence.redaction.pieces import pieces_of
from audit_lab.evidence.redaction.sentences import Needles, names_column, needles_of, plain
from audit_lab.verifier.layout import NOTEBOOK, PROVEN_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from audit_lab.evidence.redaction.pieces import Piece

__all__ = ["NOT_SEARCHED", "Needles", "check_withheld", "needles_of"]

#: What no search for values finds, in any bundle.
NOT_SEARCHED = (
    "pictures made of pixels, model artifacts and the PDF were not searched; the PDF is printed from pages that were",
    "only whole values were searched for, not their parts, nor other ways to write them",
    "what a model's registration says of all decisions was not searched, and neither were facts of the machine",
    "digests in custody, and ids that exhibits had, are of unredacted files: whoever guesses all of one can confirm it",
)

_MOST_NAMED = 5
_IN_ROWS = re.compile(rf"column (.+) of {re.escape(PROVEN_ROWS)}\d+-(.+)\.parquet")


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
        A value stands in a file; the error names column and place, and never the value.
    """
    if not needles.texts and not needles.telling and not needles.short:
        return
    pieces = list(pieces_of(files))
    found = dict.fromkeys((*_anywhere(pieces, needles), *_in_words(pieces, needles)))
    # A document is searched as it is written too: what is known more exactly is said more exactly.
    found = {key: None for key in found if not any(_is_within(other, key) for other in found)}
    if found:
        named = [f"{column} in {place}" for column, place in found]
        more = f" and in {len(named) - _MOST_NAMED} more places" if len(named) > _MOST_NAMED else ""
        raise AuditLabError(
            f"Nothing was exported: withheld values still stand in it, of {', of '.join(named[:_MOST_NAMED])}{more}",
            _advice([place for _, place in found]),
        )


def _is_within(one: tuple[str, str], other: tuple[str, str]) -> bool:
    return one[0] == other[0] and one[1].endswith(f" of {other[1]}")


def _advice(places: Sequence[str]) -> str:
    """Return what to do about values that stand in places."""
    for place in places:
        if (match := _IN_ROWS.fullmatch(place)) is not None:
            return f'Withhold the column {match[1]} of these rows too, in the profile: "TABLE.{match[1]}" = "drop"'
    if any(NOTEBOOK in place for place in places):
        return "Take them out of what the notebook says and shows, or export without the notebook"
    return "Take them out of what the case says, or withhold in the profile the columns that they stand in too"


def _anywhere(pieces: Sequence[Piece], needles: Needles) -> Iterator[tuple[str, str]]:
    """Yield columns and places of values that are long enough to be searched for everywhere."""
    if not needles.texts:
        return
    texts = pl.Series("texts", [plain(piece.text) for piece in pieces], pl.String)
    hits = texts.str.extract_many(list(needles.texts), overlapping=True).to_list()
    for piece, text, standing in zip(pieces, texts.to_list(), hits, strict=True):
        for each in sorted(set(standing)):
            if _stands(each, text):
                yield needles.texts[each], piece.place


def _stands(needle: str, text: str) -> bool:
    """Whether a value stands in a text; one that begins or ends with a digit is not cut from a longer one."""
    before = r"(?<![0-9a-z])" if needle[0].isdigit() else ""
    after = r"(?![0-9a-z])" if needle[-1].isdigit() else ""
    return re.search(f"{before}{re.escape(needle)}{after}", text) is not None


def _in_words(pieces: Sequence[Piece], needles: Needles) -> Iterator[tuple[str, str]]:
    """Yield columns and places of short values that stand as words, or as cells of a table that names their column."""
    for piece in pieces:
        if piece.is_said:
            yield from ((column, piece.place) for column in sorted(needles.in_words(piece.text)))
        if piece.cells:
            cells = {plain(cell) for cell in piece.cells}
            for column, values in sorted(needles.short.items()):
                if cells & values and any(names_column(cell, column) for cell in cells):
                    yield column, piece.place
