"""Seldon Core 1: CloudEvents of requests, responses and feedback, joined on `requestid`, not on the event's own id.

A graph of several nodes emits a pair for each: each node is a model of its own. Feedback that names the truth is a
label; one with a reward alone says nothing that a table has, and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from audit_lab.capture.adapters.bodies import decode_exchange, json_value
from audit_lab.capture.adapters.cloud_events import Event, event_of
from audit_lab.capture.adapters.exchange import (
    LABEL,
    NULL_PAYLOAD,
    REQUEST,
    RESPONSE,
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

__all__ = ["Seldon"]

_TYPE = "io.seldon.serving."
_KINDS = {
    "io.seldon.serving.inference.request": REQUEST,
    "io.seldon.serving.inference.response": RESPONSE,
    "io.seldon.serving.feedback": LABEL,
}


class Seldon:
    """Events of Seldon Core 1 as JSON."""

    name: ClassVar[str] = "seldon"
    pairs: ClassVar[bool] = True
    containers: ClassVar[tuple[str, ...]] = ()

    def recognises(self, sample: Sample) -> bool:
        """Whether the vendor's types are there."""
        return _TYPE.encode() in sample.head and b'"' in sample.head

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the records of a file as requests, responses and labels."""
        yield from json_chunks(file, start, settings.largest_record, _half)

    def of_value(self, value: bytes, made_id: str, settings: Settings) -> Half | Refusal:  # noqa: ARG002 (a form's)
        """Return what a message of a stream says."""
        return _half(value)

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:
        """Return the instances of an exchange."""
        return decode_exchange(half, settings)


def _half(text: bytes) -> Half | Refusal:
    try:
        event = event_of(text)
        side = _KINDS.get(event.type)
        if side is None:
            return Refusal(UNDECODABLE, f"the record is of type {event.type[:60]!a}")
        if not event.requestid:
            return Refusal(UNDECODABLE, "the record has no requestid")
        return _taken(event, event.requestid, side)
    except ValueError as error:
        return Refusal(UNDECODABLE, str(error))


def _taken(event: Event, key: str, side: str) -> Half | Refusal:
    body = event.body()
    if body is None:
        return Refusal(NULL_PAYLOAD, "the record has no payload")
    at = micros_of(event.time) if event.time else None
    step = event.modelid or ""
    if side == LABEL:
        truth = _truth(body)
        if truth is None:
            return Refusal(NULL_PAYLOAD, "the feedback names no truth")
        return Half(key, LABEL, at, None, truth, step=step)
    service = event.inferenceservicename
    model = event.modelid or service
    where = event.endpoint or "default"
    parts = [part for part in (event.namespace, service, where) if part]
    about = {"model_name": model, "endpoint": "/".join(parts), "request_id": key}
    content = event.datacontenttype or ""
    if side == REQUEST:
        return Half(key, REQUEST, at, body, None, content, "", about, step)
    return Half(key, RESPONSE, at, None, body, "", content, about, step)


def _truth(body: bytes) -> bytes | None:
    """Return the truth that a feedback names, as JSON.

    Raises
    ------
    ValueError
        The feedback is no JSON.
    """
    value = json_value(body)
    truth = value.get("truth") if isinstance(value, dict) else None
    return (
        None if truth in (None, {}, []) else msgspec.json.encode(truth if isinstance(truth, dict | list) else [truth])
    )
