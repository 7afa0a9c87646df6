"""Say an ingest report in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.capture.ingest import IngestReport

__all__ = ["sentences"]

_SHOWN = 5


def sentences(report: IngestReport) -> list[str]:
    """Return what a reader must know of an ingest, most important first, foreign text made safe for a terminal."""
    return [*_rows(report), *_identity(report), *_contents(report), *_stated(report), *_files(report)]


def _rows(report: IngestReport) -> Iterable[str]:
    yield (
        f"{_count(report.rows_read, 'row')} read from {_count(len(report.files), 'file')}: "
        f"{report.rows_kept:,} kept as predictions, {report.rows_quarantined:,} quarantined."
    )
    if report.null_ids:
        yield f"{_count(report.null_ids, 'row')} quarantined because the id is missing."
    if report.unreadable_times:
        yield f"{_count(report.unreadable_times, 'row')} quarantined because the time cannot be read."


def _identity(report: IngestReport) -> Iterable[str]:
    if report.duplicate_ids is None:
        yield "Ids are made from file and row, as no column is mapped: whether the writer repeated one is unknown."
    elif report.duplicate_ids:
        verb = "stand" if report.duplicate_ids > 1 else "stands"
        shown = _named(report.duplicate_examples, report.duplicate_ids)
        extra = _count(report.duplicate_rows or 0, "row")
        yield f"{_count(report.duplicate_ids, 'id')} {verb} more than once ({extra} too many): {shown}."
    else:
        yield "No id stands twice."
    if report.rows_without_time is None:
        yield "No column is mapped as the time: nothing can be ordered or cut into windows."
    elif report.rows_without_time:
        yield f"{_count(report.rows_without_time, 'row')} kept without a time: no window will hold them."


def _contents(report: IngestReport) -> Iterable[str]:
    if report.null_inputs_rows is None:
        yield "No column is mapped as an input."
    if report.null_inputs_rows:
        yield f"{_count(report.null_inputs_rows, 'row')} kept without inputs: every input is null."
    if report.partial_inputs_rows:
        yield f"{_count(report.partial_inputs_rows, 'row')} kept with some inputs null."
    if report.truncated_inputs_rows:
        yield f"{_count(report.truncated_inputs_rows, 'row')} kept with a text input that looks cut off."
    if report.requests_without_response:
        yield f"{_count(report.requests_without_response, 'row')} with inputs but no result (no response)."
    if report.responses_without_request:
        yield f"{_count(report.responses_without_request, 'row')} with a result but no inputs (no request)."
    if report.undecodable_scores:
        shown = _named(report.undecodable_examples, report.undecodable_scores)
        yield f"{_count(report.undecodable_scores, 'score')} kept as missing, being no finite number: {shown}."
    if report.scores_out_of_range:
        yield f"{_count(report.scores_out_of_range, 'score')} outside 0 to 1, where nearly all are probabilities."
    if report.scores_are_probabilities is False:
        yield "The scores are no probabilities: many lie outside 0 to 1."


def _stated(report: IngestReport) -> Iterable[str]:
    if report.rows_without_model_name:
        yield f"{_count(report.rows_without_model_name, 'row')} without a model name: they bear the mapping's."
    yield f"Model version: {report.model_version}."
    yield f"Sampling rate: {report.sampling}."


def _files(report: IngestReport) -> Iterable[str]:
    unlike = [file for file in report.files if file.missing or file.extra or file.retyped]
    for file in unlike[:_SHOWN]:
        parts = [
            f"{what} {_named(names, len(names))}"
            for what, names in (("lacks", file.missing), ("adds", file.extra), ("retypes", file.retyped))
            if names
        ]
        yield f"File {printable(file.name)} {'; '.join(parts)}."
    if len(unlike) > _SHOWN:
        yield f"{_count(len(unlike) - _SHOWN, 'more file')} with other columns than most."
    if report.unread_files:
        shown = _named(report.unread_files, len(report.unread_files))
        yield f"{_count(len(report.unread_files), 'file')} not read: {shown}."
    if any(name.startswith("_delta_log/") for name in report.unread_files):
        yield "This is a Delta table read as plain files: rows that the table has deleted or replaced are read too."
    if report.unused_columns:
        yield f"Columns that the mapping leaves out: {_named(report.unused_columns, len(report.unused_columns))}."


def _named(names: tuple[str, ...], total: int) -> str:
    shown = [printable(str(name), 60) for name in names[:_SHOWN]]
    return ", ".join(shown) + (f" and {total - len(shown):,} more" if total > len(shown) else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
