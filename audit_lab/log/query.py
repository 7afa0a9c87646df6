"""Search predictions and inputs by an expression that is parsed, never evaluated as Python."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.reading import collect
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["Question", "find", "instant", "parse_expression", "with_inputs"]

_INPUTS = "inputs"


@dataclass(frozen=True)
class Question:
    """What is asked of a log: an expression, a half-open time range [since, until) and a model."""

    expression: str | pl.Expr | None = None
    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None


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


def parse_expression(text: str) -> pl.Expr:
    """Parse a SQL expression such as ``inputs.distance > 500 and decision == 'late'``.

    Raises
    ------
    MisuseError
        The text is no expression, calls an unknown function, or holds a subquery.
    """
    try:
        expression = pl.sql_expr(text)
        plan = str(expression)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MisuseError(
            f"the expression {text[:200]!r} cannot be read ({reason[:200]})",
            "Write it like: inputs.distance_miles > 500 AND decision = 'late'. Text stands in single quotes.",
        ) from error
    if "subplan" in plan.lower() or not expression.meta.root_names():
        raise MisuseError(
            f"the expression {text[:200]!r} does not test a column",
            "Compare at least one column of predictions or inputs, for example: model_version = '2.0.0'.",
        )
    return expression


def with_inputs(store: LogStore, predictions: pl.LazyFrame, models: list[str]) -> pl.LazyFrame:
    """Add each prediction's inputs as a struct column ``inputs``; never multiplies rows.

    A prediction whose inputs are missing, or stand twice under its id, has a null struct.
    """
    frames = []
    for model in models:
        inputs = store.inputs(model).drop("recorded_at")
        features = [name for name in inputs.collect_schema().names() if name != "prediction_id"]
        once = inputs.filter(pl.len().over("prediction_id") == 1)
        frames.append(
            once.select("prediction_id", pl.struct(features).alias(_INPUTS), pl.lit(model).alias("model_name"))
        )
    if not frames:
        return predictions.with_columns(pl.lit(None, dtype=pl.Struct({})).alias(_INPUTS))
    if len(frames) == 1:
        return predictions.join(frames[0], on=["prediction_id", "model_name"], how="left", maintain_order="left")
    every = pl.concat(frames, how="diagonal_relaxed")
    return predictions.join(every, on=["prediction_id", "model_name"], how="left", maintain_order="left")


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
        The expression cannot be read or names a column that is not there.
    NotFoundError
        The model has no inputs in this log.
    """
    frame = store.placed("predictions")
    if question.since is not None:
        frame = frame.filter(pl.col("occurred_at") >= question.since)
    if question.until is not None:
        frame = frame.filter(pl.col("occurred_at") < question.until)
    if question.model is not None:
        frame = frame.filter(pl.col("model_name") == question.model)
    frame = frame.with_columns(place=pl.format("{}@{}:{}", "prediction_id", SEGMENT, ROW)).drop(SEGMENT, ROW)
    if question.expression is not None:
        text = question.expression
        expression = parse_expression(text) if isinstance(text, str) else text
        if _INPUTS in expression.meta.root_names():
            frame = with_inputs(store, frame, [question.model] if question.model else list(store.models()))
        frame = _filter(frame, expression, str(text))
    frame = frame.sort("occurred_at", "prediction_id", "place", maintain_order=True)
    return collect(frame if limit is None else frame.head(limit), f"the predictions of {store.path}")


def _filter(frame: pl.LazyFrame, expression: pl.Expr, text: str) -> pl.LazyFrame:
    schema = frame.collect_schema()
    try:
        # Run on no rows: types that cannot be compared show only when the expression runs.
        kind = pl.LazyFrame(schema=schema).select(expression.alias("kept")).collect().schema["kept"]
    except pl.exceptions.PolarsError as error:
        inputs = schema.get(_INPUTS)
        features = list(inputs.to_schema()) if isinstance(inputs, pl.Struct) else []
        known = [name for name in schema.names() if name != _INPUTS] + [f"{_INPUTS}.{name}" for name in features]
        raise MisuseError(
            f"the expression {text[:200]!r} does not fit this log ({str(error).splitlines()[0][:160]})",
            f"Columns: {', '.join(known)}.",
        ) from error
    if kind != pl.Boolean:
        raise MisuseError(
            f"the expression {text[:200]!r} gives {kind}, not true or false",
            "Compare it with something, for example: inputs.distance_miles > 500.",
        )
    return frame.filter(expression)
