"""Search predictions and inputs by an expression that is parsed, never evaluated as Python."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    import narwhals as nw

    from audit_lab.log.search.expression import Expression
    from audit_lab.log.search.wide import Beside
    from audit_lab.log.store import LogStore

__all__ = ["Question", "find", "instant", "matching"]

_INPUTS = "inputs"
_ORDER = ("occurred_at", "prediction_id", "place")


@dataclass(frozen=True)
class Question:
    """What is asked of a log: an expression, a half-open time range [since, until) and a model."""

    expression: str | pl.Expr | None = None
    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """Return it as JSON-safe values; a polars expression stands as text under ``by_polars``."""
        times = {"since": self.since, "until": self.until}
        is_text = isinstance(self.expression, str | None)
        return {
            "expression": self.expression if isinstance(self.expression, str) else None,
            **({} if is_text else {"by_polars": str(self.expression)}),
            **{name: None if at is None else at.isoformat() for name, at in times.items()},
            "model": self.model,
        }


def instant(value: str | date | datetime | None, name: str) -> datetime | None:
    """Read a point in time; a date is its midnight, and what states no zone is UTC.

    Raises
    ------
    MisuseError
        The text is not an ISO 8601 date or time.
    """
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise MisuseError(
                f"{name} is {value!r}, which is not a date or time",
                "Write it like 2015-07-01 or 2015-07-01T14:30:00+00:00.",
            ) from error
    elif not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def find(store: LogStore, question: Question, limit: int | None = None) -> pl.DataFrame:
    """Return the predictions that answer a question, in order of time, then id.

    Returns
    -------
    pl.DataFrame
        The canonical prediction columns, ``place`` (``id@segment:row``) and, where the expression speaks of inputs, the
        struct ``inputs``.

    Raises
    ------
    MisuseError
        The expression cannot be read, names a column that is not there, or does not run on the log's engine.
    NotFoundError
        The model has no inputs in this log.
    """
    from audit_lab.log.search.wide import Beside

    models = (question.model,) if question.model else store.models()
    beside = Beside(store, models, question.since, question.until)
    if question.expression is None:
        return _answer(beside, _placed(beside.predictions(), question), limit)
    if isinstance(question.expression, str):
        return _found(beside, question, question.expression, limit)
    return _found_by_polars(beside, question, question.expression, limit)


def matching(store: LogStore, question: Question) -> nw.LazyFrame[Any]:
    """Return where the predictions stand that answer a question: ``_segment`` and ``_row``, in no particular order.

    Raises
    ------
    MisuseError, NotFoundError
        As `find`.
    """
    from audit_lab.log.search.expression import parse_expression
    from audit_lab.log.search.wide import Beside

    models = (question.model,) if question.model else store.models()
    beside = Beside(store, models, question.since, question.until)
    if question.expression is None:
        frame = _placed(beside.predictions(), question)
    elif isinstance(question.expression, str):
        frame, _ = _matching_text(beside, question, parse_expression(question.expression))
    else:
        frame = _matching_polars(beside, question, question.expression)
    return frame.select(SEGMENT, ROW)


def _found(beside: Beside, question: Question, text: str, limit: int | None) -> pl.DataFrame:
    from audit_lab.log.search.expression import parse_expression
    from audit_lab.log.search.wide import HAS_INPUTS, INPUT

    expression = parse_expression(text)
    matching, asked = _matching_text(beside, question, expression)
    if not expression.speaks_of(_INPUTS):
        return _answer(beside, matching, limit)
    matching = matching.drop(HAS_INPUTS, *(INPUT + name for name in asked))
    found = _answer_in_two(beside, matching, limit) if _is_polars(beside) else _answer(beside, matching, limit)
    return found.join(
        beside.inputs_of(found["prediction_id"]),
        on=["prediction_id", "model_name"],
        how="left",
        maintain_order="left",
        validate="m:1",
    )


def _matching_text(beside: Beside, question: Question, expression: Expression) -> tuple[nw.LazyFrame[Any], list[str]]:
    """Return the rows for which an expression holds, and the inputs that it names and that stand beside them."""
    from audit_lab.log.search.expression import Scope
    from audit_lab.log.search.wide import HAS_INPUTS, INPUT

    if not expression.speaks_of(_INPUTS):
        frame = _placed(beside.predictions(), question)
        return frame.filter(expression.bind(Scope.of(_without_places(dict(frame.collect_schema()))))), []
    features = list(beside.dtypes)
    asked = [name for name in features if any(path[:2] == (_INPUTS, name) for path in expression.paths)]
    frame = _placed(beside.frame(asked, others=not question.model), question)
    dtypes = _without_places(dict(frame.collect_schema()))
    paths: dict[tuple[str, ...], str] = {
        (name,): name for name in dtypes if name != HAS_INPUTS and not name.startswith(INPUT)
    }
    paths |= {(_INPUTS, name): INPUT + name for name in features}
    paths[_INPUTS,] = HAS_INPUTS
    return frame.filter(expression.bind(Scope(paths, dtypes))), asked


def _found_by_polars(beside: Beside, question: Question, expression: pl.Expr, limit: int | None) -> pl.DataFrame:
    return _answer(beside, _matching_polars(beside, question, expression), limit)


def _matching_polars(beside: Beside, question: Question, expression: pl.Expr) -> nw.LazyFrame[Any]:
    import narwhals as nw

    if not _is_polars(beside):
        raise MisuseError(
            f"a polars expression cannot run on the engine {beside.store.engine.name}",
            "Write the expression as text, which every engine takes, or leave engine out.",
        )
    if _INPUTS in expression.meta.root_names():
        frame = _with_struct(beside, _placed(beside.frame(others=not question.model), question).to_native())
    else:
        frame = _placed(beside.predictions(), question).to_native()
    found: nw.LazyFrame[Any] = nw.from_native(_filtered(frame, expression))
    return found


def _placed(frame: nw.LazyFrame[Any], question: Question) -> nw.LazyFrame[Any]:
    """Keep the model asked for, and say where each row stands in one column."""
    import narwhals as nw

    return _with_place(frame if question.model is None else frame.filter(nw.col("model_name") == question.model))


def _with_place(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    import narwhals as nw

    place = nw.concat_str(
        nw.col("prediction_id"), nw.lit("@"), nw.col(SEGMENT), nw.lit(":"), nw.col(ROW).cast(nw.String())
    )
    return frame.with_columns(place.alias("place"))


def _without_places(dtypes: dict[str, Any]) -> dict[str, Any]:
    return {name: dtype for name, dtype in dtypes.items() if name not in {SEGMENT, ROW}}


def _answer(beside: Beside, frame: nw.LazyFrame[Any], limit: int | None) -> pl.DataFrame:
    from audit_lab.log.engines.answers import collected

    frame = frame.drop(SEGMENT, ROW, strict=False)
    if limit is not None:
        frame = frame.sort(*_ORDER).head(limit)
    answer = collected(frame, f"the predictions of {beside.store.location}")
    if not _is_polars(beside):
        wanted = beside.store.source.scan("predictions", beside.since, beside.until).collect_schema()
        answer = answer.cast({name: wanted[name] for name in answer.columns if name in wanted})
    return answer.sort(*_ORDER, maintain_order=True)


def _answer_in_two(beside: Beside, frame: nw.LazyFrame[Any], limit: int | None) -> pl.DataFrame:
    """Find which rows answer first, then read those: beside inputs, columns of all rows would be decoded at once."""
    import narwhals as nw

    keys = _answer(beside, frame.select(*_ORDER), limit)
    ids = keys["prediction_id"]
    wanted = nw.col("prediction_id").is_in(ids.drop_nulls().unique().to_list())
    if ids.null_count():
        wanted |= nw.col("prediction_id").is_null()
    rows = _answer(beside, _with_place(beside.predictions()).filter(wanted), None)
    return rows.filter(pl.col("place").is_in(keys["place"].implode(), nulls_equal=True))


def _is_polars(beside: Beside) -> bool:
    return beside.store.engine.name == "polars"


def _with_struct(beside: Beside, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Gather the columns of the features in the struct ``inputs``, null where a prediction has none."""
    from audit_lab.log.search.wide import HAS_INPUTS, INPUT

    flat = [pl.col(INPUT + name).alias(name) for name in beside.dtypes]
    if not flat:
        return frame.drop(HAS_INPUTS).with_columns(pl.lit(None, dtype=pl.Struct({})).alias(_INPUTS))
    gathered = pl.when(pl.col(HAS_INPUTS)).then(pl.struct(flat)).alias(_INPUTS)
    return frame.with_columns(gathered).drop(HAS_INPUTS, *(INPUT + name for name in beside.dtypes))


def _filtered(frame: pl.LazyFrame, expression: pl.Expr) -> pl.LazyFrame:
    schema = frame.collect_schema()
    shown = str(expression)[:200]
    try:
        # Run on no rows: types that cannot be compared show only when the expression runs.
        kind = pl.LazyFrame(schema=schema).select(expression.alias("kept")).collect().schema["kept"]
    except pl.exceptions.PolarsError as error:
        inputs = schema.get(_INPUTS)
        features = list(inputs.to_schema()) if isinstance(inputs, pl.Struct) else []
        known = [name for name in schema.names() if name not in {_INPUTS, SEGMENT, ROW}] + [
            f"{_INPUTS}.{name}" for name in features
        ]
        raise MisuseError(
            f"the expression {shown!r} does not fit this log ({str(error).splitlines()[0][:160]})",
            f"Columns: {', '.join(known)}.",
        ) from error
    if kind != pl.Boolean:
        raise MisuseError(
            f"the expression {shown!r} gives {kind}, not true or false",
            "Compare it with something, for example: pl.col('latency_ms') > 500.",
        )
    return frame.filter(expression)
