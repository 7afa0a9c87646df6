"""SageMaker: data capture, and the ground truth that is merged with it, as JSON lines.

A record holds both sides. Bodies are texts even where they are JSON, and base64 where a container answers so. The key
is `inferenceId`, wherever it stands, else `eventId`: that is how labels name it. The path says endpoint and variant.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from audit_lab.capture.adapters.block import Block, Places
from audit_lab.capture.adapters.bodies import decode_exchange
from audit_lab.capture.adapters.exchange import (
    BOTH,
    LABEL,
    NULL_PAYLOAD,
    UNDECODABLE,
    Chunk,
    Decoded,
    Half,
    Refusal,
)
from audit_lab.capture.adapters.json_records import json_chunks
from audit_lab.capture.adapters.labels import with_truth
from audit_lab.capture.adapters.plain_bodies import plain_table
from audit_lab.capture.adapters.times import micros_of, micros_of_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["SageMaker"]

_BASE64 = "BASE64"
_CAPTURED = re.compile(r"([^/]+)/([^/]+)/(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]+\Z")
_HOUR = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})/[^/]+\Z")


class _Side(msgspec.Struct, gc=False):
    data: str | None = None
    encoding: str = ""
    observedContentType: str = ""  # noqa: N815 (the vendor's name)


class _Captured(msgspec.Struct, gc=False):
    endpointInput: _Side | None = None  # noqa: N815
    endpointOutput: _Side | None = None  # noqa: N815


class _About(msgspec.Struct, gc=False):
    eventId: str | None = None  # noqa: N815
    inferenceTime: str | None = None  # noqa: N815
    inferenceId: str | None = None  # noqa: N815


class _Record(msgspec.Struct, gc=False):
    eventMetadata: _About  # noqa: N815
    captureData: _Captured | None = None  # noqa: N815
    groundTruthData: _Side | None = None  # noqa: N815
    inferenceId: str | None = None  # noqa: N815


_decode = msgspec.json.Decoder(_Record).decode


class SageMaker:
    """JSON lines of data capture and of ground truth."""

    name: ClassVar[str] = "sagemaker"
    pairs: ClassVar[bool] = False
    containers: ClassVar[tuple[str, ...]] = ()

    def recognises(self, sample: Sample) -> bool:
        """Whether a line among the first has the vendor's fields."""
        for line in sample.lines()[:20]:
            if b'"captureData"' in line and (b'"eventMetadata"' in line or b'"endpointInput"' in line):
                return True
            if b'"groundTruthData"' in line and b'"eventMetadata"' in line:
                return True
        return False

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the lines of a file as exchanges and labels."""
        about = _stated_by(file.path.as_posix())
        hour = _hour_of(file.path.as_posix())
        yield from json_chunks(
            file,
            start,
            settings.largest_record,
            lambda line: _half(line, about, hour),
            lambda numbers, lines: _block(numbers, lines, about, settings),
        )

    def of_value(self, value: bytes, made_id: str, settings: Settings) -> Half | Refusal:  # noqa: ARG002 (a form's)
        """Return what a message of a stream says."""
        return _half(value, {}, None)

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:
        """Return the instances of an exchange, and their labels where the record has them too."""
        return with_truth(decode_exchange(half, settings), half)


def _stated_by(path: str) -> dict[str, Any]:
    found = _CAPTURED.search(path)
    return {} if found is None else {"model_name": found[1], "endpoint": f"{found[1]}/{found[2]}"}


def _hour_of(path: str) -> int | None:
    found = _HOUR.search(path)
    if found is None:
        return None
    try:
        hour = datetime(int(found[1]), int(found[2]), int(found[3]), int(found[4]), tzinfo=UTC)
    except ValueError:
        return None
    return int(hour.timestamp()) * 1_000_000


def _block(numbers: list[int], lines: list[bytes], about: dict[str, Any], settings: Settings) -> Block | None:
    """Return captures that have both sides, in clear, with plain bodies; None where a record is anything else."""
    try:
        records = list(map(_decode, lines))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    captured = [each.captureData for each in records if each.captureData is not None and each.groundTruthData is None]
    sides = [each.endpointInput for each in captured], [each.endpointOutput for each in captured]
    bodies = [[each.data for each in side if each is not None and each.encoding.upper() != _BASE64] for side in sides]
    abouts = [each.eventMetadata for each in records]
    events = [each.eventId for each in abouts if each.eventId]
    if not len(events) == len(bodies[0]) == len(bodies[1]) == len(lines) or None in bodies[0] or None in bodies[1]:
        return None
    ats = micros_of_all([each.inferenceTime for each in abouts])
    requests, responses = ([text for text in side if text is not None] for side in bodies)
    table = None if ats is None else plain_table(requests, responses, settings)
    if ats is None or table is None:
        return None
    keys = [each.inferenceId or said.inferenceId or said.eventId for each, said in zip(records, abouts, strict=True)]
    where = Places([0] * len(lines), numbers, lines)
    return Block(keys, ats, about, {"request_id": events}, table, (where,))  # type: ignore[arg-type]


def _half(line: bytes, about: dict[str, Any], hour: int | None) -> Half | Refusal:
    try:
        record = _decode(line)
    except msgspec.ValidationError as error:
        return Refusal(UNDECODABLE, f"the record has other fields than the vendor's ({error})")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Refusal(UNDECODABLE, f"the record is no JSON ({error})")
    except RecursionError:
        return Refusal(UNDECODABLE, "the record is nested too deeply")
    try:
        return _taken(record, about, hour)
    except ValueError as error:
        return Refusal(UNDECODABLE, str(error))


def _taken(record: _Record, about: dict[str, Any], hour: int | None) -> Half | Refusal:
    said = record.eventMetadata
    key = record.inferenceId or said.inferenceId or said.eventId
    if not key:
        return Refusal(UNDECODABLE, "the record has no eventId and no inferenceId")
    if record.captureData is None:
        return _label(key, record.groundTruthData, hour)
    at = None if said.inferenceTime is None else micros_of(said.inferenceTime)
    request, request_type = _body(record.captureData.endpointInput)
    response, response_type = _body(record.captureData.endpointOutput)
    if request is None and response is None:
        return Refusal(NULL_PAYLOAD, "neither the request nor the response was captured")
    stated = {**about, "request_id": said.eventId} if said.eventId else about
    truth, truth_type = _body(record.groundTruthData)
    sides = (request, response, request_type, response_type)
    return Half(key, BOTH, at, *sides, stated, truth=truth, truth_type=truth_type)


def _label(key: str, side: _Side | None, hour: int | None) -> Half | Refusal:
    label, label_type = _body(side)
    if label is None:
        return Refusal(NULL_PAYLOAD, "the record has neither captureData nor a label")
    return Half(key, LABEL, hour, None, label, "", label_type)


def _body(side: _Side | None) -> tuple[bytes | None, str]:
    """Return a side's bytes and its content type.

    Raises
    ------
    ValueError
        It says base64 and is none.
    """
    if side is None or side.data is None:
        return None, ""
    if side.encoding.upper() == _BASE64:
        try:
            return b64decode(side.data, validate=True), side.observedContentType
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"the payload is said to be base64 and is not ({error})") from error
    return side.data.encode(), side.observedContentType
