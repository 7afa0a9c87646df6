"""One row of a canonical table from what a caller says of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.redaction.source_redaction import SourceRedaction
from audit_lab.errors import MisuseError
from audit_lab.log.index.shelf import table_rows
from audit_lab.log.redactions import TABLE_REDACTION
from audit_lab.log.schema import TABLES, TIME
from audit_lab.log.store import open_store
from audit_lab.log.writing.writer import open_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from audit_lab.log.writing.receipt import Receipt
    from audit_lab.log.writing.writer import LogWriter

__all__ = ["Writing", "life_rows", "node_name", "utc_time", "written"]


def node_name(kind: str, name: str, version: str | None = None) -> str:
    """Return what a lineage edge calls a thing: ``model:loans@7``, ``run:r-1``."""
    return f"{kind}:{name}" if version is None else f"{kind}:{name}@{version}"


def life_rows(table: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows of a canonical table; what is a mapping or a list becomes JSON, and what is missing null.

    Raises
    ------
    MisuseError
        A value has no column, lacks its zone, or is of a type that its column cannot hold; a key is missing.
    """
    columns = TABLES[table].columns
    made = [{name: _value(table, name, value) for name, value in row.items() if value is not None} for row in rows]
    for row in made:
        said = {name for name, value in row.items() if not isinstance(value, str) or value.strip()}
        missing = [name for name in TABLES[table].key if name not in said and name != "recorded_at"]
        if missing:
            raise MisuseError(f"a row of {table} has no {' and no '.join(missing)}", "Say what it speaks of.")
    names = [name for name in columns if any(name in row for row in made)]
    try:
        return pl.DataFrame(
            {name: pl.Series([row.get(name) for row in made], dtype=columns[name], strict=True) for name in names}
        )
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise MisuseError(f"a row of {table} has a value of another type ({error})", "See docs/life.md.") from error


def _value(table: str, name: str, value: Any) -> Any:
    columns = TABLES[table].columns
    if name not in columns:
        raise MisuseError(f"the table {table} has no column {name[:80]!a}", f"It has {', '.join(columns)}.")
    if isinstance(value, datetime):
        return utc_time(f"{name} of {table}", value)
    if isinstance(value, dict | list | tuple):
        return _json(table, name, value)
    if isinstance(value, float) and not math.isfinite(value):
        raise MisuseError(f"{name} of {table} is {value}, which is no number", "Leave it out, or say what is known.")
    if columns[name] == pl.Float64 and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if columns[name] == TIME and isinstance(value, str):
        return utc_time(name, value)
    return value


def _json(table: str, name: str, value: Any) -> str:
    """Return JSON; a number that JSON does not have, such as the loss of a training that went astray, as its name."""
    try:
        return json.dumps(_strict(value), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise MisuseError(f"{name} of {table} cannot be written as JSON ({error})", "Give plain values.") from error


def _strict(value: Any) -> Any:
    plain = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(plain, Mapping):
        return {str(key): _strict(each) for key, each in plain.items()}
    if isinstance(plain, list | tuple):
        return [_strict(each) for each in plain]
    if isinstance(plain, float) and not math.isfinite(plain):
        return "NaN" if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
    return plain if plain is None or isinstance(plain, str | int | float) else str(plain)


def utc_time(name: str, said: Any) -> datetime:
    """Return a time in UTC.

    Parameters
    ----------
    name
        What is told of it, for messages.
    said
        A time with its zone, or such a one as text.

    Raises
    ------
    MisuseError
        It is none, or has no zone.
    """
    try:
        read = said if isinstance(said, datetime) else datetime.fromisoformat(said)
    except (TypeError, ValueError) as error:
        raise MisuseError(
            f"{name} is no time: {str(said)[:80]!a}", "Write it like 2026-05-04T09:30:00+00:00."
        ) from error
    if read.tzinfo is None:
        raise MisuseError(f"{name} {read} has no zone", "Give datetime.now(UTC), or like 2026-05-04T09:30:00+00:00.")
    return read.astimezone(UTC)


@dataclass
class Writing:
    """How rows get into a log, whose folder and open writer these are."""

    folder: Path
    writer: LogWriter
    redaction: SourceRedaction | None = None

    def append(self, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Receipt:
        """Append the rows of those tables that have any, changed as the redaction says."""
        made = {table: list(rows) for table, rows in tables.items() if rows}
        if self.redaction is not None:
            told = self._statements(self.redaction, list(made))
            made = {table: [self.redaction.row(table, row) for row in rows] for table, rows in made.items()}
            if told:
                made["events"] = [*made.get("events", []), *told]
        return self.writer.append({table: life_rows(table, rows) for table, rows in made.items()})

    def append_from(self, make: Callable[[], Mapping[str, pl.DataFrame]]) -> Receipt:
        """Append what `make` returns, which is asked while nobody else appends.

        Raises
        ------
        MisuseError
            It returns nothing, or raises it.
        """
        receipt = self.writer.append_from(make)
        if receipt is None:
            raise MisuseError("there is nothing to record", "Say what happened.")
        return receipt

    def _statements(self, redaction: SourceRedaction, tables: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return events that say what is done to these tables, unless the log has them."""
        store = open_store(self.folder)
        rows: list[Mapping[str, Any]] = []
        for table in tables:
            statement = redaction.statement_of(table)
            name = f"redaction/{table}/{redaction.sha256[:16]}"
            if statement["columns"] and table_rows(store, "events", pl.col("event_id") == name).is_empty():
                summary = f"values of {table} are changed before they are recorded, as a profile says"
                row = {"event_id": name, "at": datetime.now(UTC), "kind": TABLE_REDACTION, "severity": "info"}
                about = {"subject_kind": "table", "subject": table, "summary": summary, "payload": statement}
                rows.append(row | about)
        return rows


@contextmanager
def written(
    log: str | Path,
    *,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    redaction: str | Path | None = None,
) -> Iterator[Writing]:
    """Open a sealed log's folder to write into it, and close it again; a redaction that is none is refused before."""
    profile = None if redaction is None else SourceRedaction.read(redaction)
    with open_writer(log, vault=vault, passphrase=passphrase) as writer:
        yield Writing(Path(log), writer, profile)
