"""KServe's logger: CloudEvents as JSON, or its own batches as Parquet, CSV or JSON.

Request and response are records of their own that share an id, which a caller may choose and use again. Only exchanges
that went well are logged. The response bears the request's content type, so bodies are told by what they hold. Parquet
and CSV have no time; that is a gap of their predictions. Headers (`metadata`) are not taken over, as they may hold
credentials; of them only the trace is read.
"""

from __future__ import annotations

import csv
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import polars as pl

from audit_lab.capture.adapters.block import Sides
from audit_lab.capture.adapters.bodies import decode_exchange, json_value
from audit_lab.capture.adapters.cloud_events import Event, event_of, events_of
from audit_lab.capture.adapters.exchange import (
    NULL_PAYLOAD,
    REQUEST,
    RESPONSE,
    TRUNCATED,
    UNDECODABLE,
    Chunk,
    Decoded,
    Half,
    Refusal,
)
from audit_lab.capture.adapters.json_records import json_chunks
from audit_lab.capture.adapters.lines import read_lines
from audit_lab.capture.adapters.parquet_records import is_parquet, parquet_chunks, parquet_columns
from audit_lab.capture.adapters.times import micros_of, micros_of_all, micros_of_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["KServe"]

_TYPE = "org.kubeflow.serving.inference."
#: Columns of a batch that tell it from other tables.
_BATCH = {"bytes", "reqType", "id", "inferenceService"}
_PREDICTOR = ("", "predictor")
_PREDICTORS = {None, *_PREDICTOR}
_LONGEST_HEADER, _LONGEST_FIELD = 10_000, 131_072
#: A time that is a number counts in the unit whose numbers of this century are so large.
_UNITS = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))


class KServe:
    """Records of KServe's logger, in each of its formats."""

    name: ClassVar[str] = "kserve"
    pairs: ClassVar[bool] = True
    containers: ClassVar[tuple[str, ...]] = ("Parquet",)

    def recognises(self, sample: Sample) -> bool:
        """Whether the vendor's types, or the columns of its batches, are there."""
        if is_parquet(sample.head):
            return set(parquet_columns(sample)) >= _BATCH
        head = sample.head
        if _TYPE.encode() in head and b'"' in head:
            return True
        first = next(iter(sample.lines()), b"")
        return _is_header(first) or all(f'"{name}"'.encode() in head for name in _BATCH)

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the records of a file as requests and responses."""
        with file.path.open("rb") as opened:
            head = opened.read(4)
        if is_parquet(head):
            yield from parquet_chunks(file, start, settings.largest_record, _half_of_row)
            return
        first = next(iter(read_lines(file.path, 0, settings.largest_record)), None)
        if first is not None and _is_header(first.lines[0]):
            yield from _csv_chunks(file, max(start, first.numbers[0]), settings, _fields(first.lines[0]))
        else:
            yield from json_chunks(file, start, settings.largest_record, _half_of_json, _sides)

    def of_value(self, value: bytes, made_id: str, settings: Settings) -> Half | Refusal:  # noqa: ARG002 (a form's)
        """Return what a message of a stream says."""
        return _half_of_json(value)

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:
        """Return the instances of an exchange."""
        return decode_exchange(half, settings)


def _is_header(line: bytes) -> bool:
    return line[:1] not in b"{[" and set(_fields(line)) >= _BATCH


def _fields(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line[:_LONGEST_HEADER].decode("utf-8", "replace")]), [])
    except csv.Error:
        return []


def _csv_chunks(file: SourceFile, start: int, settings: Settings, header: list[str]) -> Iterator[Chunk]:
    for part in read_lines(file.path, start, settings.largest_record):
        found: list[Half | Refusal] = [_half_of_csv(line, header) for line in part.lines]
        for place, refusal in part.refused.items():
            found[place] = refusal
        last = found[-1]
        if part.last_is_open and isinstance(last, Refusal) and last.code == UNDECODABLE:
            found[-1] = Refusal(TRUNCATED, f"the file ends in the middle of a record: {last.reason}")
        yield Chunk(part.numbers, part.lines, found, part.next_start)


def _half_of_csv(line: bytes, header: list[str]) -> Half | Refusal:
    try:
        text = line.decode("utf-8")
        values = next(csv.reader([text], strict=True)) if len(text) < _LONGEST_FIELD else _long_fields(line)
    except (csv.Error, UnicodeDecodeError, StopIteration, pl.exceptions.PolarsError) as error:
        return Refusal(UNDECODABLE, f"the record is no CSV in UTF-8 ({error})")
    if len(values) != len(header):
        return Refusal(UNDECODABLE, f"the record has {len(values)} fields, and the header {len(header)}")
    return _half_of_row({name: value or None for name, value in zip(header, values, strict=True)})


def _long_fields(line: bytes) -> list[str]:
    """Return the fields of a record that may have longer ones than the standard library reads."""
    row = pl.read_csv(BytesIO(line), has_header=False, infer_schema=False).row(0)
    return ["" if value is None else value for value in row]


def _half_of_row(row: dict[str, Any]) -> Half | Refusal:
    known = {name: value for name, value in row.items() if name in _ROW and value is not None}
    try:
        return _half(msgspec.convert(known, Event))
    except (msgspec.ValidationError, ValueError) as error:
        return Refusal(UNDECODABLE, f"the record has other fields than a batch of the logger ({error})")


_ROW = frozenset(
    ("id", "bytes", "contentType", "reqType", "inferenceService", "namespace", "component", "endpoint", "metadata")
)


def _half_of_json(text: bytes) -> Half | Refusal:
    try:
        return _half(event_of(text))
    except ValueError as error:
        return Refusal(UNDECODABLE, str(error))


def _sides(_: list[int], texts: list[bytes]) -> Sides | None:
    """Return events that have an id, a predictor and a body of JSON; None where a record is anything else."""
    events = events_of(texts)
    if events is None:
        return None
    kinds = {name: name.rpartition(".")[2] for name in {each.type for each in events}}
    packed = any(each.data_base64 is not None or each.payload is not None for each in events)
    if packed or not {*kinds.values()} <= {REQUEST, RESPONSE} or not {each.component for each in events} <= _PREDICTORS:
        return None
    keys = [each.id for each in events if each.id]
    bodies = [bytes(each.data) for each in events]
    times = [each.time for each in events]
    timed = all(times) or not any(each.time or each.occurrenceTime or each.recordedtime for each in events)
    if not timed or len(keys) != len(events) or {each[:1] for each in bodies} != {b"{"}:
        return None
    ats = micros_of_all(times) if all(times) else [None] * len(events)
    if ats is None:
        return None
    known: dict[tuple[Any, ...], bytes] = {}
    abouts: list[bytes] = []
    for each in events:
        trace = None if each.metadata is None else _trace(each.metadata)
        said = (each.inferenceservicename or each.inferenceService, each.namespace, each.endpoint, trace)
        if said not in known:
            about = _stated(each, said[0], trace)
            del about["request_id"]
            known[said] = msgspec.json.encode(about)
        abouts.append(known[said])
    return Sides(keys, ats, [kinds[each.type] == RESPONSE for each in events], bodies, abouts)


def _half(event: Event) -> Half | Refusal:
    """Return what an event, or a row of a batch, says.

    Raises
    ------
    ValueError
        Its payload or its time cannot be read.
    """
    kind = (event.type or event.reqType or "").rpartition(".")[2]
    if kind not in (REQUEST, RESPONSE):
        return Refusal(UNDECODABLE, f"the record is of type {(event.type or event.reqType or '')[:60]!a}")
    if not event.id:
        return Refusal(UNDECODABLE, "the record has no id")
    body = event.body()
    if body is None:
        return Refusal(NULL_PAYLOAD, f"the {kind} has no payload")
    model = event.inferenceservicename or event.inferenceService
    component = event.component or ""
    if model and component not in _PREDICTOR:
        model = f"{model}-{component}"
    about = _stated(event, model, _trace(event.metadata))
    content = event.datacontenttype or event.contentType or ""
    step = "" if component in _PREDICTOR else component
    if kind == REQUEST:
        return Half(event.id, REQUEST, _time(event), body, None, content, "", about, step)
    return Half(event.id, RESPONSE, _time(event), None, body, "", content, about, step)


def _stated(event: Event, model: str | None, trace: str | None) -> dict[str, Any]:
    """Return the columns of the predictions that an event states."""
    where = event.endpoint or "default"
    about = {
        "model_name": model,
        "endpoint": f"{event.namespace}/{model}/{where}" if event.namespace else f"{model}/{where}",
        "request_id": event.id,
    }
    return about if trace is None else {**about, "trace_id": trace}


def _time(event: Event) -> int | None:
    said = event.time or event.occurrenceTime or event.recordedtime
    if said is None or isinstance(said, str):
        return micros_of(said) if said else None
    if type(said) not in (int, float):
        raise ValueError(f"the time is no text and no number ({type(said).__name__})")
    unit = next((name for least, name in _UNITS if abs(said) >= least), "s")
    return micros_of_number(said, unit)


def _trace(metadata: Any) -> str | None:
    """Return the trace that a header names, where one does."""
    if isinstance(metadata, str):
        if "raceparent" not in metadata:
            return None
        try:
            metadata = json_value(metadata.encode())
        except ValueError:
            return None
    if not isinstance(metadata, dict):
        return None
    for name, value in metadata.items():
        if name.lower() == "traceparent":
            text = value[0] if isinstance(value, list) and value else value
            parts = text.split("-") if isinstance(text, str) else []
            return parts[1] if len(parts) == 4 else None  # noqa: PLR2004 (as W3C's trace context has it)
    return None
