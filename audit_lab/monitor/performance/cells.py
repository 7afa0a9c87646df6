"""The judged rows, counted: rows of a window that are alike in all that a measure reads are one cell.

Each window's cells give every measure exactly, and their intervals: nothing is read twice, and memory grows with the
distinct scores of the windows that are counted together rather than with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect
from audit_lab.monitor.performance.rows import window_start

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.monitor.performance.meaning import Meaning
    from audit_lab.monitor.performance.rows import JudgedRows
    from audit_lab.monitor.windows import WindowLength

__all__ = ["SAID", "Coded", "coded", "count_cells", "odd_values"]

#: What is held against outcomes, and the column that says which class it was.
SAID = {"label": "said_label", "decision": "said_decision", "final decision": "said_final"}

_SOURCES = {"said_label": "label", "said_decision": "decision", "said_final": "final_decision"}
_MOST_CLASSES = 500
_NUMBERS = (0.0, 1.0)


@dataclass(frozen=True)
class Coded:
    """How values become numbers of classes.

    Parameters
    ----------
    meaning
        What outputs mean.
    classes
        The labels; the positive one first where there is one. Empty for a model that puts out a number.
    sources
        Of `SAID`, what can be held against outcomes at all.
    facts
        Why others cannot.
    """

    meaning: Meaning
    classes: tuple[str, ...]
    sources: tuple[str, ...]
    facts: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Kind of output: ``binary``, ``classes`` or ``number``."""
        if self.meaning.output.kind == "regression":
            return "number"
        return "binary" if self.meaning.is_binary else "classes"

    def rows(self, frame: pl.LazyFrame, length: WindowLength | None) -> pl.LazyFrame:
        """Return the judged rows with their window, the classes that were said and the one that came true."""
        if length is not None:
            frame = frame.filter(pl.col("occurred_at").is_not_null())
        windowed = frame.with_columns(window_start(length).alias("window_start"), has_outcome=self._has_outcome())
        if self.kind == "number":
            value = pl.when(pl.col("outcome_value").is_finite()).then("outcome_value")
            error = pl.when(pl.col("score").is_finite()).then("score") - value
            return windowed.with_columns(error.alias("error"), value.is_not_null().alias("is_labelled"))
        said = [self._class(_SOURCES[SAID[source]], source).alias(SAID[source]) for source in self.sources]
        rows = windowed.with_columns(self._truth().alias("truth"), *said)
        return self._scored(rows).with_columns(is_labelled=pl.col("truth").is_not_null())

    @property
    def keys(self) -> list[str]:
        """The columns in which the rows of a cell are alike, besides window and version."""
        said = [SAID[source] for source in self.sources]
        if self.kind == "number":
            return ["error", "is_labelled"]
        own = ["score"] if self.kind == "binary" else ["p_true", "p_squares"]
        return [*own, *said, "truth", "is_labelled"]

    def _scored(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        score = pl.col("score")
        if self.kind == "binary":
            within = score.is_between(0, 1) if self.meaning.has_probability else score.is_not_nan()
            return rows.with_columns(pl.when(within).then(score).alias("score"))
        chances = pl.col("probabilities")
        fits = (chances.list.len() == len(self.classes)) & pl.lit(bool(self.meaning.output.classes))
        given = pl.when(fits & pl.col("truth").is_not_null())
        squares = chances.list.eval(pl.element() ** 2).list.sum()
        chance = given.then(chances.list.get(pl.col("truth"), null_on_oob=True)).fill_nan(None)
        return rows.with_columns(chance.alias("p_true"), given.then(squares).fill_nan(None).alias("p_squares"))

    def _has_outcome(self) -> pl.Expr:
        return pl.col("outcome_label").is_not_null() | pl.col("outcome_value").is_not_null()

    def _class(self, column: str, source: str) -> pl.Expr:
        names = self.classes
        if source != "label":
            names = tuple(self.meaning.decision(label) for label in self.classes)
        return self._number(pl.col(column), names)

    def _truth(self) -> pl.Expr:
        by_label = self._number(pl.col("outcome_label"), self.classes)
        if self.kind != "binary":
            return by_label
        # Without a label, an outcome that is the number 1 or 0 says the same.
        value = pl.col("outcome_value")
        numbered = pl.col("outcome_label").is_null() & value.is_in(_NUMBERS)
        return pl.when(numbered).then((1 - value).cast(pl.Int32)).otherwise(by_label)

    def _number(self, column: pl.Expr, names: tuple[str, ...]) -> pl.Expr:
        numbers = {name: place for place, name in enumerate(names) if name}
        others = 1 if self.kind == "binary" and self.meaning.output.negative is None else None
        coded = column.replace_strict(numbers, default=others, return_dtype=pl.Int32)
        return pl.when(column.is_not_null()).then(coded)


def coded(rows: JudgedRows, meaning: Meaning) -> Coded:
    """Return how the values of a log become numbers of classes.

    Raises
    ------
    MisuseError
        There are more than 500 labels.
    """
    if meaning.output.kind == "regression":
        return Coded(meaning, (), ())
    classes = meaning.classes or _classes_seen(rows)
    if meaning.is_binary and meaning.output.negative is None:
        why = "decisions cannot be held against outcomes: nothing says which label leads to which"
        return Coded(meaning, classes, ("label",), (why,))
    decisions = [meaning.decision(label) for label in classes]
    if len(set(decisions)) < len(decisions):
        why = "decisions cannot be held against outcomes: several labels lead to the same decision"
        return Coded(meaning, classes, ("label",), (why,))
    return Coded(meaning, classes, tuple(SAID))


def count_cells(
    rows: JudgedRows, code: Coded, length: WindowLength | None, since: datetime | None, until: datetime | None
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return the cells of a stretch of time, to be collected, and the rows that they are made of.

    Returns
    -------
    cells, rows
        `cells` has ``window_start``, ``model_version``, the columns of `Coded.keys` and ``rows``.
    """
    made = code.rows(rows.frame(since, until), length)
    cells = made.group_by("window_start", "model_version", *code.keys).agg(pl.len().cast(pl.Int64).alias("rows"))
    return cells, made


def odd_values(made: pl.LazyFrame, code: Coded) -> pl.LazyFrame:
    """Return one row that counts what could not be used: scores, outcomes and decisions."""
    outcome = pl.col("has_outcome") & ~pl.col("is_labelled")
    if code.kind == "number":
        return made.select(
            outcome.sum().alias("outcomes"), (pl.col("is_labelled") & pl.col("error").is_null()).sum().alias("scores")
        )
    parts: dict[str, Any] = {"outcomes": outcome.sum()}
    if code.kind == "binary":
        parts["scores"] = pl.col("score").is_null().sum()
        if code.meaning.has_probability:
            parts["certain"] = (pl.col("score").is_in(_NUMBERS) & pl.col("is_labelled")).sum()
    if code.kind == "binary" and "decision" in code.sources:
        for place in range(len(code.classes)):
            is_it = pl.col(SAID["decision"]) == place
            parts[f"decided_{place}"], parts[f"known_{place}"] = is_it.sum(), (is_it & pl.col("is_labelled")).sum()
    for source in code.sources:
        column = SAID[source]
        parts[source] = (pl.col(column).is_null() & pl.col(_SOURCES[column]).is_not_null()).sum()
    return made.select(**parts)


def _classes_seen(rows: JudgedRows) -> tuple[str, ...]:
    seen = pl.concat([rows.frame().select(pl.col(name).alias("label")) for name in ("label", "outcome_label")])
    found = collect(seen.drop_nulls().unique().head(_MOST_CLASSES + 1), "the labels of predictions and outcomes")
    if found.height > _MOST_CLASSES:
        raise MisuseError(
            f"predictions and outcomes have more than {_MOST_CLASSES} labels",
            "Register the model with kind regression, or with its classes.",
        )
    return tuple(found["label"].sort())
