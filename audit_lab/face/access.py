"""The journal's side of every question: in which words it was asked, how many rows and which personal columns it met.

A question is written when its answer is ready and before it is handed out; a question that failed is written too.
Without an actor nothing is written, and the log says so in its repr.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.face.progress import shown_while
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import polars as pl

    from audit_lab.log.journal.journal import Journal

__all__ = ["Access", "Answer", "personal_columns", "words_of"]

_PLACE, _INPUTS = "place", "inputs"


@dataclass
class Answer:
    """What the journal says about an answer, filled in while it is made: rows (None: not known) and columns.

    Where no journal is kept, columns are not even looked up.
    """

    rows: int | None = None
    columns: set[str] = field(default_factory=set)
    is_kept: bool = True

    def touches(self, table: str, columns: Iterable[str]) -> None:
        """Add those of a table's columns that hold personal data."""
        if self.is_kept:
            self.columns |= personal_columns(table, columns)

    def shows(self, found: pl.DataFrame) -> None:
        """Take rows and columns from rows of predictions, which may have their inputs beside them."""
        self.rows = found.height
        self.touches("predictions", [name for name in found.columns if name not in {_PLACE, _INPUTS}])
        if _INPUTS in found.columns:
            self.touches(INPUTS_PREFIX, found.select(_INPUTS).unnest(_INPUTS).columns)


@dataclass(frozen=True)
class Access:
    """How one opened log is asked: with a journal, or without."""

    journal: Journal | None = None

    @contextmanager
    def asking(self, kind: str, what: object = None, **parts: Any) -> Iterator[Answer]:
        """Ask a question inside the block; its line is on disk when the block ends.

        Where that takes longer than a second, whoever waits is shown what is asked and for how long by now.

        Parameters
        ----------
        kind, what, parts
            As in `words_of`.
        """
        answer = Answer(is_kept=self.journal is not None)
        try:
            with shown_while(kind.removesuffix(" by")):
                yield answer
        except BaseException as error:
            self._write(kind, words_of(kind, what, **parts), answer, f"failed: {type(error).__name__}")
            raise
        self._write(kind, words_of(kind, what, **parts), answer, "answered")

    def _write(self, kind: str, words: str, answer: Answer, said: str) -> None:
        if self.journal is not None:
            self.journal.append(kind, words, rows=answer.rows, columns=answer.columns, answer=said)


def words_of(kind: str, what: object = None, **parts: Any) -> str:
    """Return a question in words: its name, what it is about, then each parameter that was given (is not None)."""
    asked = kind if what is None else f"{kind} {what}"
    given = [f"{name} {_word(value)}" for name, value in parts.items() if value is not None]
    return "; ".join([asked, *given])


def personal_columns(table: str, columns: Iterable[str]) -> set[str]:
    """Return, as ``table.column``, the columns that an erasure would take: those that speak of a person.

    Inputs are named ``inputs.<feature>``, as in expressions.
    """
    from audit_lab.log.erasure.erasable import erasable_fields
    from audit_lab.log.writing.segment_file import is_personal

    if not is_personal(table):
        return set()
    shown = _INPUTS if table.startswith(INPUTS_PREFIX) else table
    return {f"{shown}.{name}" for name in erasable_fields(table, tuple(columns))}


def _word(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(each) for each in value)
    return str(value)
