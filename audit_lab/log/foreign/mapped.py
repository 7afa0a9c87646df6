"""Canonical tables made on the fly from foreign Parquet files, through a mapping."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.foreign.scan import collect_foreign, foreign_folder
from audit_lab.log.foreign.values import is_missing, parse_duration_ms, parse_number, parse_text, parse_time
from audit_lab.log.schema import INPUTS_PREFIX, TIME, table_schema
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from pathlib import Path

    import narwhals as nw

    from audit_lab.log.engines.choice import Engine
    from audit_lab.log.foreign.mapping import Mapping
    from audit_lab.log.foreign.scan import ForeignFolder

__all__ = ["NO_ID", "UNREADABLE_TIME", "MappedSource"]

#: Why a row cannot be mapped.
NO_ID = "the id is missing"
UNREADABLE_TIME = "the time cannot be read"

_NAMES = ("model_name", "model_version")
_VALUES = ("request_id", "subject_id", "decision")
_SHOWN = 20


class MappedSource:
    """Canonical tables made on the fly from foreign Parquet files.

    A row without an id, where a column should name it, or with a time that cannot be read, is in no table: it is
    quarantined (see `audit_lab.capture.ingest`). Every other row is one prediction. A row whose time is missing is
    kept, without a time. A row whose inputs are all null has no row in the inputs table: nothing was recorded.

    Parameters
    ----------
    folder
        Where the Parquet files are.
    mapping
        Which column plays which role.
    as_of
        Of a Delta table, the moment or the version to read; else it cannot be given.

    Raises
    ------
    MisuseError
        The folder is missing or holds no Parquet file, or the mapping names a column that is not there or whose type
        does not fit its role.
    LogError
        A file cannot be read as Parquet, or two files disagree on the type of a mapped column.
    """

    def __init__(self, folder: Path, mapping: Mapping, as_of: datetime | int | None = None) -> None:
        self.mapping = mapping
        self.folder: ForeignFolder = foreign_folder(folder, as_of)
        #: The columns that the mapping uses.
        self.used: frozenset[str] = frozenset({*mapping.columns.values(), *mapping.inputs})
        missing = sorted(self.used - set(self.folder.schema) - set(self.folder.conflicts))
        if missing:
            raise MisuseError(
                f"the mapping names columns that {folder} lacks: {_shown(missing)}",
                f"Columns there: {_shown(sorted(self.folder.schema))}.",
            )
        #: Every row of every file, the used columns only.
        self.rows: pl.LazyFrame = self.folder.scan(self.used)
        self._kept = self.rows.filter(self.reason().is_null())
        self._predictions().collect_schema()

    def reason(self) -> pl.Expr:
        """Return why a row cannot be mapped, null where it can."""
        columns = self.mapping.columns
        none = pl.lit(None, dtype=pl.String)
        no_id, no_time = none, none
        if "prediction_id" in columns:
            no_id = pl.when(self._text("prediction_id").is_null()).then(pl.lit(NO_ID))
        if "occurred_at" in columns:
            stated = ~is_missing(columns["occurred_at"], self._dtype("occurred_at"))
            no_time = pl.when(stated & self._time().is_null()).then(pl.lit(UNREADABLE_TIME))
        both = pl.concat_str(no_id, no_time, separator="; ", ignore_nulls=True)
        return pl.when(no_id.is_not_null() | no_time.is_not_null()).then(both)

    def tables(self) -> dict[str, int]:
        """Return the tables that the mapping yields and their rows."""
        counts = self._counts
        tables = {"predictions": int(counts["rows"].sum())}
        if self.mapping.inputs:
            with_inputs = counts.filter(pl.col("inputs") > 0)
            tables.update(
                {INPUTS_PREFIX + str(name): int(rows) for name, rows in with_inputs.select("model", "inputs").rows()}
            )
        if "outcome" in self.mapping.columns:
            tables["outcomes"] = int(counts["outcomes"].sum())
        return tables

    @cached_property
    def _counts(self) -> pl.DataFrame:
        """Rows, rows with inputs and rows with an outcome of each model; read once.

        ``_segment`` is selected for its length: constants alone would be one row, even of no rows.
        """
        counted = (
            self._kept.select(SEGMENT, model=self._name(), inputs=self._has_inputs(), outcome=self._has_outcome())
            .group_by("model")
            .agg(rows=pl.len(), inputs=pl.col("inputs").sum(), outcomes=pl.col("outcome").sum())
            .sort("model")
        )
        return self.collect(counted)

    def collect(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """Collect a frame made from `rows`, naming the damaged file when that fails."""
        return collect_foreign(frame, self.folder, self.used)

    def scan(self, name: str, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:  # noqa: ARG002
        """Return one canonical table, all of it; empty where the mapping yields none."""
        if name == "predictions":
            return self._predictions()
        if name == "outcomes" and "outcome" in self.mapping.columns:
            return self._outcomes()
        if name.startswith(INPUTS_PREFIX):
            keys = [self.key(), self._time().alias("recorded_at")]
            kept = self._kept.filter((self._name() == name.removeprefix(INPUTS_PREFIX)) & self._has_inputs())
            return kept.select(*keys, *self.mapping.inputs, SEGMENT, ROW)
        return pl.LazyFrame(schema={**table_schema(name), SEGMENT: pl.String, ROW: pl.UInt32})

    def frame(
        self,
        name: str,
        engine: Engine,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Collection[str] | None = None,  # noqa: ARG002 - polars leaves out by itself what nobody asks for
    ) -> nw.LazyFrame[Any]:
        """Return the same rows for an engine: polars, which alone reads what others wrote."""
        import narwhals as nw

        if engine.name != "polars":
            raise MisuseError(
                f"the engine {engine.name} reads logs of audit_lab only, and {self.folder.path} is read by a mapping",
                "Leave engine out, or make a log of it first.",
            )
        return nw.from_native(self.scan(name, since, until))

    def _predictions(self) -> pl.LazyFrame:
        made = {
            "prediction_id": self.key(),
            "occurred_at": self._time(),
            "recorded_at": self._time(),
            "model_name": self._name(),
            "model_version": self._text("model_version"),
            "outputs": pl.struct(
                self.score().alias("score"),
                self._text("label").alias("label"),
                pl.lit(None, dtype=pl.List(pl.Float64)).alias("probabilities"),
            ),
            "threshold": self._number("threshold"),
            "latency_ms": self._latency(),
            **{role: self._text(role) for role in _VALUES},
        }
        return self._kept.select(*_canonical("predictions", made), SEGMENT, ROW)

    def _outcomes(self) -> pl.LazyFrame:
        column, dtype = self.mapping.columns["outcome"], self._dtype("outcome")
        made = {
            "prediction_id": self.key(),
            "observed_at": self._time(),
            "recorded_at": self._time(),
            "label": self._text("outcome"),
            "source": pl.lit(f"column {column}"),
        }
        if dtype.is_numeric():
            made["value"] = parse_number(column, dtype)
        return self._kept.filter(self._has_outcome()).select(*_canonical("outcomes", made), SEGMENT, ROW)

    def key(self) -> pl.Expr:
        """Return the prediction's id: as the mapped column states it, or made from the file and the row."""
        made = pl.format("{}:{}", pl.col(SEGMENT), pl.col(ROW))
        return (self._text("prediction_id") if "prediction_id" in self.mapping.columns else made).alias("prediction_id")

    def score(self) -> pl.Expr:
        """Return the score, null where the file holds no finite number."""
        return self._number("score")

    def has_output(self) -> pl.Expr:
        """Return whether a row states a score, a label or a decision."""
        roles = [role for role in ("label", "decision") if role in self.mapping.columns]
        stated = [~is_missing(self.mapping.columns[role], self._dtype(role)) for role in roles]
        return pl.any_horizontal(*stated, self.has_score())

    def has_score(self) -> pl.Expr:
        """Return whether a row states a score, be it one that is no number."""
        if "score" not in self.mapping.columns:
            return pl.lit(value=False)
        column = pl.col(self.mapping.columns["score"])
        blank = is_missing(self.mapping.columns["score"], self._dtype("score"))
        return ~blank | column.is_nan().fill_null(value=False) if self._dtype("score").is_float() else ~blank

    def _name(self) -> pl.Expr:
        if "model_name" not in self.mapping.columns:
            return pl.lit(self.mapping.model_name, dtype=pl.String)
        return self._text("model_name").fill_null(self.mapping.model_name)

    def _has_inputs(self) -> pl.Expr:
        return pl.any_horizontal([pl.col(name).is_not_null() for name in self.mapping.inputs] or [pl.lit(value=False)])

    def _has_outcome(self) -> pl.Expr:
        return self._text("outcome").is_not_null()

    def _dtype(self, role: str) -> pl.DataType:
        return self.folder.schema[self.mapping.columns[role]]

    def _text(self, role: str) -> pl.Expr:
        if role not in self.mapping.columns:
            return pl.lit(None, dtype=pl.String)
        return parse_text(self.mapping.columns[role], self._dtype(role), whole_numbers=role not in _NAMES)

    def _number(self, role: str) -> pl.Expr:
        if role not in self.mapping.columns:
            return pl.lit(None, dtype=pl.Float64)
        return parse_number(self.mapping.columns[role], self._dtype(role))

    def _latency(self) -> pl.Expr:
        if "latency_ms" not in self.mapping.columns:
            return pl.lit(None, dtype=pl.Float64)
        return parse_duration_ms(
            self.mapping.columns["latency_ms"], self._dtype("latency_ms"), self.mapping.latency_unit
        )

    def _time(self) -> pl.Expr:
        if "occurred_at" not in self.mapping.columns:
            return pl.lit(None, dtype=TIME)
        return parse_time(self.mapping.columns["occurred_at"], self._dtype("occurred_at"), self.mapping.time_unit)


def _canonical(table: str, made: dict[str, pl.Expr]) -> list[pl.Expr]:
    return [made.get(name, pl.lit(None, dtype=dtype)).alias(name) for name, dtype in table_schema(table).items()]


def _shown(names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(printable(name) for name in names[:_SHOWN]) + rest
