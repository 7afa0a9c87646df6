"""Azure ML's data collector: JSON lines of CloudEvents, paired on `correlationid`.

What goes into a model and comes out of it (`model_inputs`, `model_outputs`) and what the endpoint was sent and answered
(`request`, `response`) are collected apart. Where both are there under one id, they are two steps of it. The version
"default" is none. A payload that was too large, or is binary, is an address, which is not opened.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from audit_lab.capture.adapters.bodies import decode_exchange, json_value
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
from audit_lab.capture.adapters.times import micros_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["AzureMl"]

#: The last part of an event's type to the side, and the step that sides of one kind share.
_KINDS = {
    "inputs": (REQUEST, ""),
    "model_inputs": (REQUEST, ""),
    "outputs": (RESPONSE, ""),
    "model_outputs": (RESPONSE, ""),
    "request": (REQUEST, "http"),
    "response": (RESPONSE, "http"),
}
_PATH = re.compile(r"(?:\A|/)modelDataCollector/([^/]+)/([^/]+)/[^/]+/\d{4}/\d{2}/\d{2}/\d{2}/[^/]+\Z")
_SOURCE = re.compile(r"/(?:online|batch)Endpoints/([^/]+)/deployments/([^/]+)", re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_ADDRESS = re.compile(r"(?:https?|azureml|wasbs?|abfss?)://\S+")
_NO_VERSION = ("", "default")
_SHOWN = 200


class AzureMl:
    """Events of the data collector."""

    name: ClassVar[str] = "azureml"
    pairs: ClassVar[bool] = True
    containers: ClassVar[tuple[str, ...]] = ()

    def recognises(self, sample: Sample) -> bool:
        """Whether a line among the first has the collector's fields."""
        marks = (b'"azureml.', b'"collectdatatype"', b'"xrequestid"')
        return any(b'"correlationid"' in line and any(mark in line for mark in marks) for line in sample.lines()[:20])

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the lines of a file as requests and responses."""
        found = _PATH.search(file.path.as_posix())
        place = None if found is None else (found[1], found[2])
        yield from json_chunks(file, start, settings.largest_record, lambda line: _half(line, place))

    def of_value(self, value: bytes, made_id: str, settings: Settings) -> Half | Refusal:  # noqa: ARG002 (a form's)
        """Return what a message of a stream says."""
        return _half(value, None)

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:
        """Return the instances of an exchange."""
        return decode_exchange(half, settings)


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    correlationid: str | None = None
    xrequestid: str | None = None
    time: str | None = None
    source: str | None = None
    datacontenttype: str | None = None
    modelversion: Any = None
    contentrange: str | None = None
    datainblob: Any = None
    dataref: str | None = None
    data: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Event).decode


def _half(line: bytes, place: tuple[str, str] | None) -> Half | Refusal:
    try:
        event = _decode(line)
    except msgspec.ValidationError as error:
        return Refusal(UNDECODABLE, f"the record has other fields than the collector's ({error})")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return Refusal(UNDECODABLE, f"the record is no JSON ({error or 'nested too deeply'})")
    kind = _KINDS.get(event.type.rpartition(".")[2])
    if kind is None:
        return Refusal(UNDECODABLE, f"the record is of type {event.type[:60]!a}")
    if not event.correlationid:
        return Refusal(UNDECODABLE, "the record has no correlationid")
    try:
        return _taken(event, event.correlationid, kind, place)
    except ValueError as error:
        return Refusal(UNDECODABLE, str(error))


def _taken(event: _Event, key: str, kind: tuple[str, str], place: tuple[str, str] | None) -> Half | Refusal:
    """Return what an event says.

    Raises
    ------
    ValueError
        Its time, or its payload, cannot be read.
    """
    side, step = kind
    if not _is_whole(event.contentrange):
        return Refusal(TRUNCATED, f"the record holds a part of its payload alone ({str(event.contentrange)[:60]!a})")
    body = _body(event.data)
    address = event.dataref or _address(body)
    if address is not None or str(event.datainblob).lower() == "true":
        where = f": {address[:_SHOWN]!a}" if address else ""
        return Refusal(NULL_PAYLOAD, f"the payload of the {side} lies elsewhere and is not opened{where}")
    if body is None:
        return Refusal(NULL_PAYLOAD, f"the {side} has no payload")
    about = _about(event, key, place)
    at = micros_of(event.time) if event.time else None
    content = event.datacontenttype or ""
    if side == REQUEST:
        return Half(key, REQUEST, at, body, None, content, "", about, step)
    return Half(key, RESPONSE, at, None, body, "", content, about, step)


def _about(event: _Event, key: str, place: tuple[str, str] | None) -> dict[str, Any]:
    named = _SOURCE.search(event.source or "")
    endpoint, deployment = (named[1], named[2]) if named is not None else place or (None, None)
    version = str(event.modelversion) if isinstance(event.modelversion, str | int) else ""
    about = {
        "request_id": event.xrequestid or key,
        "model_name": endpoint,
        "endpoint": f"{endpoint}/{deployment}" if endpoint else None,
        "model_version": None if version.strip().lower() in _NO_VERSION else version,
    }
    return {name: value for name, value in about.items() if value is not None}


def _body(data: msgspec.Raw) -> bytes | None:
    """Return the payload's bytes: JSON as it stands, or what a text holds."""
    raw = memoryview(data).tobytes()
    if raw in {b"", b"null", b'""'}:
        return None
    if raw[:1] != b'"':
        return raw
    value = json_value(raw)
    return str(value).encode()


def _address(body: bytes | None) -> str | None:
    """Return the address that stands in a payload's place; None where the payload itself does."""
    if body is None or len(body) > 4_096:  # noqa: PLR2004 (no address is so long)
        return None
    text = body.decode("utf-8", "replace").strip()
    return text if _ADDRESS.fullmatch(text) else None


def _is_whole(stated: str | None) -> bool:
    """Whether a range, where one is said, is that of a whole payload."""
    found = _RANGE.fullmatch(stated.strip()) if stated else None
    return found is None or (int(found[1]) == 0 and int(found[2]) + 1 >= int(found[3]))
