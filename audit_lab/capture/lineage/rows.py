"""What a reader of foreign lineage brings: rows of the canonical tables, and a report of what came through."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.printable import printable
from audit_lab.log.schema import table_schema
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "QUARANTINE",
    "Gathering",
    "LineageReport",
    "LineageRows",
    "dataset_name",
    "instant",
    "instant_of_ms",
    "json_text",
    "plain",
]

#: Of what was refused, so many bytes are kept; the reason says how many there were.
KEPT_BYTES = 65_536

QUARANTINE: dict[str, pl.DataType | type[pl.DataType]] = {
    "file": pl.String,
    "place": pl.String,
    "reason": pl.String,
    "raw_bytes": pl.Binary,
}
#: Columns beside the canonical ones.
_FURTHER: dict[str, dict[str, pl.DataType | type[pl.DataType]]] = {
    "lineage": {},
    "runs": {"state": pl.String, "error": pl.String, "facets": pl.String},
    "datasets": {"digest": pl.String, "size_bytes": pl.Int64, "description": pl.String, "facets": pl.String},
    "model_versions": {"facets": pl.String},
}
_MADE = ("edges", "runs", "datasets", "model_versions")
_SHOWN, _NAMED = 5, 80
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LineageReport:
    """What came through, and what did not; ``kept + duplicates + refused == read``.

    Attributes
    ----------
    source
        What was read: ``openlineage``, ``mlflow``, ``dvc``, ``wandb`` or ``clearml``.
    files
        How many files were opened.
    records
        What is counted below: events, files and lines, or stages and their entries.
    read, kept, duplicates, refused
        Records; a duplicate says the same as one before it.
    edges, runs, datasets, model_versions
        Rows made.
    notes
        What a reader must know: what was left out, and why.
    quarantine
        What was refused: ``file``, ``place``, ``reason``, ``raw_bytes`` (at most 65,536 of them).
    """

    source: str
    files: int
    records: str
    read: int
    kept: int
    duplicates: int
    refused: int
    edges: int
    runs: int
    datasets: int
    model_versions: int
    notes: tuple[str, ...]
    quarantine: pl.DataFrame = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-safe values; of what was refused, the places and reasons."""
        counts = ("source", "files", "records", "read", "kept", "duplicates", "refused", *_MADE)
        refused = self.quarantine.drop("raw_bytes").to_dicts()
        return {**{name: getattr(self, name) for name in counts}, "notes": list(self.notes), "quarantine": refused}

    def lines(self) -> list[str]:
        """Return the report as sentences, foreign text made safe for a terminal."""
        read = f"{self.read:,} {self.records} in {_count(self.files, 'file')}: {self.kept:,} kept"
        first = f"{read}, {self.duplicates:,} repeated, {self.refused:,} refused."
        made = (
            f"They make {_count(self.edges, 'edge')}, {_count(self.runs, 'run')}, {_count(self.datasets, 'data set')}, "
            f"{_count(self.model_versions, 'registered version')}."
        )
        refused = [
            "Refused: "
            f"{printable(row['file'], _NAMED)} {printable(row['place'], _NAMED)}: {printable(row['reason'], 200)}."
            for row in self.quarantine.head(_SHOWN).iter_rows(named=True)
        ]
        more = [f"{self.refused - _SHOWN:,} more were refused."] if self.refused > _SHOWN else []
        return [first, made, *refused, *more, *self.notes]


@dataclass(frozen=True)
class LineageRows:
    """Rows of ``lineage``, ``runs``, ``datasets`` and ``model_versions``, canonical columns first, and the report."""

    lineage: pl.DataFrame
    runs: pl.DataFrame
    datasets: pl.DataFrame
    model_versions: pl.DataFrame
    report: LineageReport

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the tables by name."""
        return {
            "lineage": self.lineage,
            "runs": self.runs,
            "datasets": self.datasets,
            "model_versions": self.model_versions,
        }


class Gathering:
    """Collects rows while a source is read; made into `LineageRows` at the end."""

    def __init__(self, source: str, records: str) -> None:
        self._source, self._records = source, records
        self._edges: dict[str, dict[str, Any]] = {}
        self._runs: dict[str, dict[str, Any]] = {}
        self._datasets: dict[tuple[str, str], dict[str, Any]] = {}
        self._versions: dict[tuple[str, str], dict[str, Any]] = {}
        self._refused: list[dict[str, Any]] = []
        self._notes: Counter[str] = Counter()
        self.files = self.read = self.duplicates = 0

    def edge(self, from_node: str, relation: str, to_node: str, **facts: Any) -> None:
        """Add an edge; one that says the same as another is the same, and keeps the earlier time."""
        run_id, transformation = facts.get("run_id"), facts.get("transformation")
        said = json.dumps([from_node, relation, to_node, run_id, transformation], ensure_ascii=False)
        edge_id = f"edge-{sha256(said.encode())[:32]}"
        row = {"edge_id": edge_id, "from_node": from_node, "relation": relation, "to_node": to_node, **facts}
        known = self._edges.setdefault(edge_id, row)
        times = [each for each in (known.get("at"), row.get("at")) if each is not None]
        known["at"] = min(times, default=None)

    def run(self, run_id: str, **facts: Any) -> None:
        """Add a run, or facts to one: what is said later counts."""
        row = self._runs.setdefault(run_id, {"run_id": run_id})
        row.update({name: value for name, value in facts.items() if value is not None})

    def dataset(self, dataset_id: str, version: str, **facts: Any) -> str:
        """Add a data set's version, or facts to one, and return its node; what is said later counts."""
        row = self._datasets.setdefault((dataset_id, version), {"dataset_id": dataset_id, "version": version})
        row.update({name: value for name, value in facts.items() if value is not None})
        return f"dataset:{dataset_name(dataset_id, version)}"

    def version(self, name: str, version: str, **facts: Any) -> None:
        """Add a registered version of a model, or facts to one: what is said later counts."""
        row = self._versions.setdefault((name, version), {"model_name": name, "model_version": version})
        row.update({name: value for name, value in facts.items() if value is not None})

    def refuse(self, file: str, place: str, reason: str, raw: bytes, size: int | None = None) -> None:
        """Put a record aside, with its bytes and the reason; `size` is how many there were, if not all are given.

        Bytes of a file's name that are no UTF-8 are written in hexadecimal.
        """
        file = file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        whole = len(raw) if size is None else size
        if whole > KEPT_BYTES:
            reason = f"{reason} ({whole:,} bytes, of which the first {KEPT_BYTES:,} are kept)"
        self._refused.append({"file": file, "place": place, "reason": reason, "raw_bytes": raw[:KEPT_BYTES]})

    def note(self, text: str) -> None:
        """Add a sentence for the report; one that comes up often is told once, with its number."""
        self._notes[text] += 1

    def rows(self) -> LineageRows:
        """Return what was gathered, in order of ids."""
        lineage = _frame("lineage", (self._edges[key] for key in sorted(self._edges)))
        runs = _frame("runs", (self._runs[key] for key in sorted(self._runs)))
        datasets = _frame("datasets", (self._datasets[key] for key in sorted(self._datasets)))
        versions = _frame("model_versions", (self._versions[key] for key in sorted(self._versions)))
        refused = len(self._refused)
        notes = tuple(text if times == 1 else f"{text} ({times:,} times)" for text, times in self._notes.items())
        report = LineageReport(
            source=self._source,
            files=self.files,
            records=self._records,
            read=self.read,
            kept=self.read - self.duplicates - refused,
            duplicates=self.duplicates,
            refused=refused,
            edges=lineage.height,
            runs=runs.height,
            datasets=datasets.height,
            model_versions=versions.height,
            notes=notes,
            quarantine=pl.DataFrame(self._refused, QUARANTINE),
        )
        return LineageRows(lineage, runs, datasets, versions, report)


def dataset_name(dataset_id: str, version: str) -> str:
    """Return how a data set's version is called in the log: ``id@version``, or the id where it has none."""
    return f"{dataset_id}@{version}" if version else dataset_id


def instant(value: Any) -> datetime | None:
    """Return the time that an ISO 8601 text with a zone states, in UTC; None where it states none."""
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


def instant_of_ms(value: Any) -> datetime | None:
    """Return the time that is so many milliseconds after 1970, or None where it is none that Python can hold."""
    try:
        return None if value is None or isinstance(value, bool) else _FIRST + timedelta(milliseconds=int(value))
    except (OverflowError, ValueError, TypeError):
        return None


def json_text(value: Any) -> str | None:
    """Return a value as JSON text, keys in order; None for what is empty."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False) if value else None


def plain(value: Any) -> Any:
    """Return a parsed value as JSON takes it: times as ISO 8601, bytes as ``hex:...``, what is no number as text."""
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return f"hex:{value.hex()}"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _frame(table: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    schema = pl.Schema(list({**table_schema(table), **pl.Schema(_FURTHER[table])}.items()))
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
