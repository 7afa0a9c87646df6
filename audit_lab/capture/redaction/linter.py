"""Look for columns that seem personal and have no rule: by their names, and by what a sample of their values shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.redaction.personal_names import KINDS, kind_of_name
from audit_lab.capture.redaction.personal_values import kind_of_values
from audit_lab.capture.redaction.rule import WITHHELD
from audit_lab.capture.redaction.source_redaction import COLUMNS, SourceRedaction
from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.store import open_store
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PersonalColumn", "PersonalColumns", "lint_personal"]

#: Values of a table that are looked at, unless told otherwise.
_ROWS = 10_000
_SPECIAL = '"\\'
_NO_FEATURES = frozenset({"prediction_id", "recorded_at"})
_PSEUDONYM = r"^([0-9a-f]{64}|\*{4}.{0,8})$"
_READERS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".parquet": pl.scan_parquet,
    ".csv": lambda path: pl.scan_csv(path, infer_schema=False),
    ".jsonl": pl.scan_ndjson,
    ".ndjson": pl.scan_ndjson,
}


@dataclass(frozen=True)
class PersonalColumn:
    """A column that seems personal and has no rule.

    Attributes
    ----------
    column
        Its name, with the table's before it (``inputs/loans.email``); of a file, the name alone.
    kind, what
        A key of `audit_lab.capture.redaction.personal_names.KINDS`, and what that is.
    by_name
        Whether its name says so.
    matching, values
        How many of the different values that were looked at show it; 0 where only the name does.
    proposed
        A rule for it, as TOML.
    """

    column: str
    kind: str
    what: str
    by_name: bool
    matching: int
    values: int
    proposed: str

    def __str__(self) -> str:
        """Say why it seems personal, without a value of it."""
        said = ["its name says so"] if self.by_name else []
        said += [f"{self.matching:,} of {self.values:,} different values do"] if self.matching else []
        return f"{printable(self.column)} looks like {self.what}: {', and '.join(said)}."


@dataclass(frozen=True)
class PersonalColumns:
    """What was looked at, and what was found.

    Attributes
    ----------
    findings
        Columns that seem personal and have no rule.
    columns, ruled
        How many columns were looked at, and how many of them have a rule.
    rows
        So many rows of each table at most were looked at.
    """

    findings: tuple[PersonalColumn, ...]
    columns: int
    ruled: int
    rows: int

    @spelling_text
    def summary(self) -> list[str]:
        """Return what was found, in sentences."""
        seen = f"{self.columns:,} columns were looked at, up to {self.rows:,} rows of each table"
        return [
            f"{seen}; {self.ruled:,} have a rule.",
            *map(str, self.findings),
            "Not looked at: pictures, sound, and what free text says.",
        ]

    def to_toml(self) -> str:
        """Return lines for the table ``[columns]`` of a redaction, with a proposed rule for each finding."""
        return "".join(f"{_toml_key(each.column)} = {each.proposed}\n" for each in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values; none of them is a value of a column."""
        return asdict(self)


def lint_personal(source: str | Path, *, redaction: str | Path | None = None, rows: int = _ROWS) -> PersonalColumns:
    """Find columns of a log or a file that seem personal, by name or by value, and have no rule in a redaction.

    Parameters
    ----------
    source
        The folder of a log, or a file: Parquet, CSV, or JSON lines.
    redaction
        The TOML file with rules; ``keep`` is one.
    rows
        So many rows of each table are looked at, spread over the table.

    Raises
    ------
    MisuseError
        It is neither a log nor such a file; the redaction is none.
    LogError
        It cannot be read.
    """
    if rows < 1:
        raise MisuseError(f"{rows} rows cannot be looked at", "Look at one at least.")
    profile = None if redaction is None else SourceRedaction.read(redaction)
    findings, looked, ruled = [], 0, 0
    for table, frame in _tables(Path(source), rows):
        for values in frame:
            looked += 1
            if profile is not None and _has_rule(profile, table, values.name):
                ruled += 1
                continue
            found = _finding(table, values)
            if found is not None:
                findings.append(found)
    return PersonalColumns(tuple(findings), looked, ruled, rows)


def _tables(source: Path, rows: int) -> Iterator[tuple[str | None, pl.DataFrame]]:
    if source.is_file():
        reader = _READERS.get(source.suffix.lower())
        if reader is None:
            raise MisuseError(f"{source} is no file that is read here", f"Give one of {', '.join(_READERS)}, or a log.")
        try:
            sample = _sample(reader(source), rows, str(source))
        except LogError as error:
            message = f"{source} cannot be read as {source.suffix.lower().removeprefix('.')}"
            raise LogError(message, "See whether it is whole, and whether its name ends as its form says.") from error
        yield None, sample
        return
    if not (source / MANIFEST_NAME).exists():
        raise MisuseError(
            f"{source} is neither a log nor a file", "Give a log's folder, or a Parquet, CSV or JSON file."
        )
    store = open_store(source)
    for model in store.models():
        frame = store.inputs(model)
        names = [name for name in frame.collect_schema().names() if name not in _NO_FEATURES]
        yield f"{INPUTS_PREFIX}{model}", _sample(frame.select(names), rows, f"the inputs of {printable(model)}")
    present = store.source.tables()
    for table, columns in COLUMNS.items():
        if present.get(table):
            yield table, _sample(store.table(table).select(columns), rows, f"the {table} of {source}")


def _sample(frame: pl.LazyFrame, rows: int, what: str) -> pl.DataFrame:
    """Return rows spread evenly over a table."""
    count = int(collect(frame.select(pl.len()), what).item())
    return collect(frame.gather_every(max(1, -(-count // rows))), what)


def _has_rule(profile: SourceRedaction, table: str | None, column: str) -> bool:
    if table is None or table.startswith(INPUTS_PREFIX):
        model = "" if table is None else table.removeprefix(INPUTS_PREFIX)
        named = column in profile.rules or f"{INPUTS_PREFIX}{model}.{column}" in profile.rules
        return named or profile.others.name == "drop"
    return profile.of_column(table, column) is not None


def _finding(table: str | None, values: pl.Series) -> PersonalColumn | None:
    """Return what a column seems to be; of one that holds pseudonyms or what a mask left, nothing."""
    if values.dtype == pl.String():
        values = values.filter(values.is_not_null() & (values != WITHHELD) & ~values.str.contains(_PSEUDONYM))
    if values.null_count() == values.len():
        return None
    named = kind_of_name(values.name) if table is None or table.startswith(INPUTS_PREFIX) else None
    shown = kind_of_values(values)
    kind = shown.kind if shown is not None else named
    if kind is None:
        return None
    what, proposed = KINDS[kind]
    name = values.name if table is None else f"{table}.{values.name}"
    matching, looked_at = (0, values.n_unique()) if shown is None else (shown.matching, shown.values)
    return PersonalColumn(name, kind, what, named is not None, matching, looked_at, proposed)


def _toml_key(column: str) -> str:
    """Return a name as a TOML key."""
    if column.isascii() and column.replace("_", "").replace("-", "").isalnum():
        return column
    spelt = (each if each.isprintable() and each not in _SPECIAL else f"\\U{ord(each):08x}" for each in column)
    return f'"{"".join(spelt)}"'
