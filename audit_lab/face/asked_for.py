"""Find out which predictions a question about many decisions is about: ids, an expression, or a subject."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.index.batch_lookup import find_at, find_predictions, look_up_many
from audit_lab.log.search.query import Question, find
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.reconstruction.gathering import prediction_columns

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.index.batch_lookup import FoundPredictions
    from audit_lab.log.store import LogStore

__all__ = ["AskedFor"]

#: So many ids are written out in words; more are named by their number and digest.
_MOST_IDS = 20
_ID = "prediction_id"
_POSITION = r"(?s)^(.*):([0-9]+)$"


@dataclass(frozen=True)
class AskedFor:
    """A question about many decisions.

    Parameters
    ----------
    what
        Text or a polars expression is an expression; a list, tuple or series holds ids or places; None is everything.
    since, until, model
        Only predictions of ``since <= occurred_at < until`` and of this model; not beside ids.
    subject
        Only predictions about this subject, by the pseudonym that stands in the log; not beside ids.
    limit
        At most so many, the first ones by time; not beside ids.

    Raises
    ------
    MisuseError
        Something else was given, an id is no text, or ids stand beside what narrows a search.
    """

    what: str | pl.Expr | Sequence[str] | pl.Series | None
    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None
    subject: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        """Check what was given."""
        if self.subject is not None and not isinstance(self.subject, str):
            raise MisuseError(f"a subject is text, not {type(self.subject).__name__}", "Give the pseudonym as text.")
        if self.limit is not None and self.limit < 0:
            raise MisuseError(f"limit is {self.limit}", "Give 0 or more, or leave it out.")
        if self.ids is not None and any(
            given is not None for given in (self.since, self.until, self.model, self.subject, self.limit)
        ):
            raise MisuseError(
                "ids were given together with since, until, model, subject or limit",
                "Ids already say which decisions are meant: leave the others out, or search by an expression.",
            )

    @property
    def ids(self) -> pl.Series | None:
        """The ids or places that were given; None where a search was."""
        given = self.what
        if given is None or isinstance(given, str | pl.Expr):
            return None
        if not isinstance(given, pl.Series):
            if not isinstance(given, Sequence):
                raise MisuseError(
                    f"decisions were asked for by {type(given).__name__}",
                    "Give a list of ids, a series of them, or an expression.",
                )
            wrong = [each for each in given if not isinstance(each, str)]
            if wrong:
                raise MisuseError(f"a prediction id is text, not {type(wrong[0]).__name__}", "Give each as text.")
            given = _series(list(given))
        if given.dtype not in (pl.String, pl.Categorical, pl.Enum) or given.null_count():
            what = "a null" if given.null_count() else str(given.dtype)
            raise MisuseError(f"a prediction id is text, not {what}", "Give a series of texts without nulls.")
        return given.cast(pl.String)

    @property
    def words(self) -> object:
        """What was given, in words for a journal; very many ids by their number and the SHA-256 of a line for each."""
        ids = self.ids
        if ids is None:
            return self.what
        if ids.len() <= _MOST_IDS:
            return ", ".join(ids)
        digest = hashlib.sha256("".join(f"{each}\n" for each in ids).encode("utf-8", "surrogatepass")).hexdigest()
        return f"{ids.len()} ids, one a line: SHA-256 {digest}"

    def found(self, store: LogStore) -> FoundPredictions:
        """Look up the predictions; those of a search in order of time, then id.

        Raises
        ------
        MisuseError, NotFoundError
            As `audit_lab.log.search.query.find`.
        LogError
            The predictions cannot be read.
        """
        ids = self.ids
        if ids is not None:
            return find_predictions(store, ids, prediction_columns(store))
        rows = self._of_subject(store) if self.what is None and self.subject is not None else self._searched(store)
        rows = rows.drop_nulls(_ID)
        rows = rows if self.limit is None else rows.head(self.limit)
        return find_at(store, rows[_ID], rows[SEGMENT], rows[ROW], prediction_columns(store))

    def _of_subject(self, store: LogStore) -> pl.DataFrame:
        subject = _series([self.subject])
        rows = look_up_many(
            store, "predictions", "subject_id", subject, columns=[_ID, "occurred_at", "model_name"]
        ).rows
        at = pl.col("occurred_at")
        if self.since is not None:
            rows = rows.filter(at >= self.since)
        if self.until is not None:
            rows = rows.filter(at < self.until)
        if self.model is not None:
            rows = rows.filter(pl.col("model_name") == self.model)
        return rows.sort("occurred_at", _ID, SEGMENT, ROW)

    def _searched(self, store: LogStore) -> pl.DataFrame:
        expression: Any = self.what
        question = Question(expression, self.since, self.until, self.model)
        rows = find(store, question, None if self.subject is not None else self.limit)
        if self.subject is not None:
            rows = rows.filter(pl.col("subject_id") == self.subject)
        position = pl.col("place").str.slice(pl.col(_ID).str.len_chars() + 1).str.extract_groups(_POSITION).struct
        return rows.select(_ID, position.field("1").alias(SEGMENT), position.field("2").cast(pl.UInt32).alias(ROW))


def _series(ids: list[Any]) -> pl.Series:
    try:
        return pl.Series(ids, dtype=pl.String)
    except UnicodeEncodeError as error:
        raise MisuseError(
            "an id is no text that a log can hold: it has half of a surrogate pair", "Check it."
        ) from error
