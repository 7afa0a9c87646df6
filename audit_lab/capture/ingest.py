"""The ingest report of a foreign log: what came through its mapping, what did not, and what was never stated.

One rule decides a row's fate, and `audit_lab.log.foreign.mapped.MappedSource` holds it: a row whose id is missing, or
whose time cannot be read, is quarantined with its raw values and the reason; every other row is kept. What a kept row
lacks (a time, a version, a number where a score should be) is counted here, and stays a gap of that row.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.file_report import FileReport, file_reports
from audit_lab.capture.ingest_sentences import sentences
from audit_lab.capture.raw_values import raw_rows, to_json
from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect
from audit_lab.log.foreign.mapped import NO_ID, UNREADABLE_TIME, MappedSource
from audit_lab.log.foreign.values import is_missing
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.log.foreign.mapping import Mapping

__all__ = ["FileReport", "IngestReport", "ingest_report", "quarantine"]

QUARANTINE_SCHEMA = {"file": pl.String, "row": pl.UInt32, "reason": pl.String, "raw_values": pl.String}

_EXAMPLES = 5
_IDS_PER_PASS = 2_000_000
#: Lengths at which writers cut text off: character limits of common databases and loggers.
_USUAL_LIMITS = (
    128,
    255,
    256,
    500,
    512,
    1_000,
    1_024,
    2_000,
    2_048,
    4_000,
    4_096,
    8_192,
    32_766,
    32_767,
    65_535,
    65_536,
)
_MOSTLY = 0.9
_SAMPLING_NAMES = ("sampling_rate", "sample_rate", "sampling_fraction", "sample_fraction", "samplingrate", "samplerate")


@dataclass(frozen=True)
class IngestReport:
    """What came through a mapping; counts are of rows unless named otherwise, None where no column plays the role.

    Parameters
    ----------
    rows_read, rows_kept, rows_quarantined
        ``rows_kept + rows_quarantined == rows_read``; the kept rows are the predictions of the mapped log.
    null_ids, unreadable_times
        Why rows were quarantined; a row can count in both.
    rows_without_time
        Kept, with no time: nothing orders them.
    duplicate_ids, duplicate_rows
        Ids that stand more than once among the kept rows, and the rows beyond each first.
    null_inputs_rows, partial_inputs_rows, truncated_inputs_rows
        Kept rows whose inputs are all null; some null; or a text of which ends at a usual length limit, or inside JSON.
    requests_without_response, responses_without_request
        Kept rows with inputs but neither score, label nor decision; and the reverse.
    undecodable_scores
        Kept rows whose score is there but is no finite number.
    scores_out_of_range
        Scores outside 0..1 where at least nine in ten lie within, so that they claim to be probabilities.
    """

    folder: str
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    null_ids: int | None
    unreadable_times: int | None
    rows_without_time: int | None
    duplicate_ids: int | None
    duplicate_rows: int | None
    duplicate_examples: tuple[str, ...]
    null_inputs_rows: int | None
    partial_inputs_rows: int | None
    truncated_inputs_rows: int | None
    requests_without_response: int | None
    responses_without_request: int | None
    undecodable_scores: int | None
    undecodable_examples: tuple[str, ...]
    scores_are_probabilities: bool | None
    scores_out_of_range: int | None
    rows_without_model_name: int | None
    rows_without_version: int | None
    model_version: str
    sampling: str
    files: tuple[FileReport, ...]
    unread_files: tuple[str, ...]
    unused_columns: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-safe values, names as the files have them."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the report as plain sentences, foreign text made safe for a terminal."""
        return sentences(self)


def ingest_report(folder: Path, mapping: Mapping) -> IngestReport:
    """Read a foreign folder through a mapping once, and report what came through.

    Raises
    ------
    MisuseError
        The folder is missing, holds no Parquet file, or lacks a column that the mapping names.
    LogError
        A file cannot be read as Parquet, or two files disagree on the type of a mapped column.
    """
    source = MappedSource(folder, mapping)
    counts = _counts(source)
    repeated = _repeated(source, int(counts["kept"])) if "prediction_id" in mapping.columns else None
    roles, inputs = mapping.columns, bool(mapping.inputs)
    outputs = bool({"score", "label", "decision"} & set(roles))

    def where(stated: bool, name: str) -> int | None:  # noqa: FBT001 - reads as "where stated, the count"
        return int(counts[name] or 0) if stated else None

    decoded = int(counts["scores"] or 0)
    probabilities = counts["scores_inside"] >= _MOSTLY * decoded if decoded else None
    return IngestReport(
        folder=str(folder),
        rows_read=int(counts["read"]),
        rows_kept=int(counts["kept"] or 0),
        rows_quarantined=int(counts["quarantined"] or 0),
        null_ids=where("prediction_id" in roles, "no_id"),
        unreadable_times=where("occurred_at" in roles, "no_time"),
        rows_without_time=where("occurred_at" in roles, "without_time"),
        duplicate_ids=repeated and repeated[0],
        duplicate_rows=repeated and repeated[1],
        duplicate_examples=repeated[2] if repeated else (),
        null_inputs_rows=where(inputs, "null_inputs"),
        partial_inputs_rows=where(inputs, "partial_inputs"),
        truncated_inputs_rows=_truncated(source) if inputs else None,
        requests_without_response=where(inputs, "no_response") if outputs else None,
        responses_without_request=where(inputs, "no_request"),
        undecodable_scores=where("score" in roles, "undecodable"),
        undecodable_examples=_undecodable(source) if counts["undecodable"] else (),
        scores_are_probabilities=probabilities,
        scores_out_of_range=decoded - int(counts["scores_inside"]) if probabilities else None,
        rows_without_model_name=where("model_name" in roles, "no_name"),
        rows_without_version=where("model_version" in roles, "no_version"),
        model_version=_version(mapping, counts),
        sampling=_sampling(source),
        files=file_reports(source),
        unread_files=source.folder.unread,
        unused_columns=tuple(sorted({*source.folder.schema, *source.folder.conflicts} - source.used)),
    )


def _counts(source: MappedSource) -> dict[str, Any]:
    """Count everything that one pass over the rows can tell."""
    columns, schema, inputs = source.mapping.columns, source.folder.schema, source.mapping.inputs

    def absent(role: str) -> pl.Expr:
        return is_missing(columns[role], schema[columns[role]]) if role in columns else pl.lit(value=False)

    nulls = pl.sum_horizontal(
        [pl.col(name).is_null().cast(pl.UInt32) for name in inputs] or [pl.lit(0, dtype=pl.UInt32)]
    )
    stated, none = nulls < len(inputs), nulls == len(inputs)
    score = source.score()
    kept = source.reason().is_null()
    facts = {
        "kept": kept,
        "quarantined": ~kept,
        "no_id": source.reason().str.contains(NO_ID, literal=True),
        "no_time": source.reason().str.contains(UNREADABLE_TIME, literal=True),
        "without_time": kept & absent("occurred_at"),
        "null_inputs": kept & none,
        "partial_inputs": kept & stated & (nulls > 0),
        "no_response": kept & stated & ~source.has_output(),
        "no_request": kept & none & source.has_output(),
        "undecodable": kept & source.has_score() & score.is_null(),
        "scores": kept & score.is_not_null(),
        "scores_inside": kept & score.is_between(0, 1),
        "no_name": kept & absent("model_name"),
        "no_version": kept & absent("model_version"),
    }
    # The segment is there for its length: constants alone would be one row, whatever the number of rows.
    rows = source.rows.select(SEGMENT, **facts).select(pl.len().alias("read"), pl.col(list(facts)).sum())
    return source.collect(rows).row(0, named=True)


def _repeated(source: MappedSource, rows: int) -> tuple[int, int, tuple[str, ...]]:
    """Count the ids that repeat, in as many passes as keep the table of ids in bounds."""
    passes = rows // _IDS_PER_PASS + 1
    ids, extra, examples = 0, 0, []
    for turn in range(passes):
        kept = source.rows.filter(source.reason().is_null()).select(source.key())
        part = kept if passes == 1 else kept.filter(pl.col("prediction_id").hash() % passes == turn)
        counted = part.group_by("prediction_id").len().filter(pl.col("len") > 1)
        summed = counted.select(
            ids=pl.len(), extra=(pl.col("len") - 1).sum(), first=pl.col("prediction_id").bottom_k(_EXAMPLES).implode()
        )
        found = source.collect(summed).row(0, named=True)
        ids, extra = ids + int(found["ids"]), extra + int(found["extra"])
        examples += found["first"]
    return ids, extra, tuple(sorted(examples)[:_EXAMPLES])


def _undecodable(source: MappedSource) -> tuple[str, ...]:
    column = source.mapping.columns["score"]
    wrong = source.rows.filter(source.reason().is_null() & source.has_score() & source.score().is_null())
    return tuple(source.collect(wrong.select(pl.col(column).cast(pl.String)).head(_EXAMPLES))[column])


def _truncated(source: MappedSource) -> int:
    """Count rows with a text input cut at a usual length, or that opens JSON and never closes it."""
    texts = [name for name in source.mapping.inputs if source.folder.schema[name] == pl.String]
    if not texts:
        return 0
    longest = source.collect(source.rows.select(pl.col(texts).str.len_chars().max())).row(0, named=True)
    cut = []
    for name in texts:
        text = pl.col(name)
        opened = text.str.contains(r'^\s*[\[{]\s*["\[{]')
        cut.append(opened & ~text.str.contains(r"[\]}]\s*$"))
        if longest[name] in _USUAL_LIMITS:
            cut.append(text.str.len_chars() == longest[name])
    kept = source.rows.filter(source.reason().is_null())
    return int(source.collect(kept.select(pl.any_horizontal(cut).sum())).item() or 0)


def _version(mapping: Mapping, counts: dict[str, Any]) -> str:
    column = mapping.columns.get("model_version")
    if column is None:
        return "not stated"
    kept = int(counts["kept"] or 0)
    return f"stated by column {printable(column)} in {kept - int(counts['no_version'] or 0):,} of {kept:,} rows"


def _sampling(source: MappedSource) -> str:
    schema = source.folder.schema
    named = [name for name, dtype in schema.items() if name.lower() in _SAMPLING_NAMES and dtype.is_numeric()]
    if not named:
        return "not stated"
    rate = pl.col(named[0])
    low, high = source.collect(
        source.folder.scan(named[:1]).select(rate.min().alias("low"), rate.max().alias("high"))
    ).row(0)
    return f"stated by column {printable(named[0])}: {low} to {high}"


def quarantine(folder: Path, mapping: Mapping, limit: int | None = None) -> pl.DataFrame:
    """Return the rows that cannot be mapped, each with its file, row, reason and raw values (JSON text).

    Parameters
    ----------
    limit
        At most so many rows, first files first; None for all.

    Raises
    ------
    MisuseError, LogError
        As `ingest_report` does.
    """
    source = MappedSource(folder, mapping)
    out = source.rows.select(SEGMENT, ROW, reason=source.reason()).filter(pl.col("reason").is_not_null())
    found = source.collect(out if limit is None else out.head(limit))
    frames = [pl.DataFrame(schema=QUARANTINE_SCHEMA)]
    for file in source.folder.files:
        mine = found.filter(pl.col(SEGMENT) == file.name).select(ROW, "reason").sort(ROW)
        if mine.height:
            raw = collect(raw_rows(file).filter(pl.col(ROW).is_in(mine[ROW].to_list())).sort(ROW), str(file.path))
            texts = [to_json(row) for row in raw.iter_rows(named=True)]
            columns = {
                "file": [file.name] * mine.height,
                "row": mine[ROW],
                "reason": mine["reason"],
                "raw_values": texts,
            }
            frames.append(pl.DataFrame(columns, schema=QUARANTINE_SCHEMA))
    return pl.concat(frames)
