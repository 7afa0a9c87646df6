"""CloudEvents as JSON, however they were written: with or without ``ce-``, headers apart, data as text or base64."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import msgspec

from audit_lab.capture.adapters.bodies import json_value

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Event", "event_of", "events_of"]

_HEADERS = ("headers", "attributes")


class Event(msgspec.Struct, gc=False):
    """The attributes of an event that forms ask for, those of KServe's own batches among them."""

    id: str | None = None
    type: str = ""
    time: str | None = None
    source: str | None = None
    datacontenttype: str | None = None
    inferenceservicename: str | None = None
    namespace: str | None = None
    component: str | None = None
    endpoint: str | None = None
    metadata: Any = None
    recordedtime: str | None = None
    requestid: str | None = None
    modelid: str | None = None
    protocol: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None
    payload: str | None = msgspec.field(default=None, name="bytes")
    contentType: str | None = None  # noqa: N815 (KServe's name)
    reqType: str | None = None  # noqa: N815
    inferenceService: str | None = None  # noqa: N815
    occurrenceTime: Any = None  # noqa: N815

    def body(self) -> bytes | None:
        """Return the data's bytes.

        Raises
        ------
        ValueError
            They are said to be base64 and are none.
        """
        packed = self.data_base64 if self.data_base64 is not None else self.payload
        if packed is not None:
            try:
                return b64decode(packed, validate=True)
            except (binascii.Error, ValueError) as error:
                raise ValueError(f"the payload is said to be base64 and is not ({error})") from error
        raw = memoryview(self.data).tobytes()
        if raw in {b"", b"null"}:
            return None
        return msgspec.json.decode(raw, type=str).encode() if raw[:1] == b'"' else raw


_decode = msgspec.json.Decoder(Event).decode
#: A name in lower case to the attribute that it means.
_NAMES = {name.lower(): name for name in Event.__struct_encode_fields__} | {
    "body": "data",
    "payload": "data",
    "content-type": "datacontenttype",
}


def event_of(text: bytes) -> Event:
    """Return an event.

    Raises
    ------
    ValueError
        It is no JSON object, or an attribute is of another type.
    """
    try:
        event = _decode(text)
    except msgspec.ValidationError:
        event = None
    except msgspec.DecodeError as error:
        raise ValueError(f"the record is no JSON ({error})") from error
    except RecursionError as error:
        raise ValueError("the record is nested too deeply") from error
    if event is not None and (event.type or event.reqType):
        return event
    value = json_value(text)
    if not isinstance(value, dict):
        raise ValueError("the record is no JSON object")  # noqa: TRY004 (of a record, not of a call)
    try:
        return _decode(msgspec.json.encode(_plain(value)))
    except msgspec.ValidationError as error:
        raise ValueError(f"the record has other fields than such an event ({error})") from error


def events_of(texts: Iterable[bytes]) -> list[Event] | None:
    """Return many events at once, as `event_of` does; None where one is not written as most are, or is none."""
    try:
        events = list(map(_decode, texts))
    except (msgspec.DecodeError, RecursionError):
        return None
    return events if all(each.type for each in events) else None


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes by their plain names."""
    found: dict[str, Any] = {}
    inner = [value[name] for name in _HEADERS if isinstance(value.get(name), dict)]
    for part in (*inner, value):
        for name, given in part.items():
            short = name.lower()
            short = short[3:] if short.startswith(("ce-", "ce_")) else short
            short = _NAMES.get(short, short)
            is_header = isinstance(given, list) and len(given) == 1 and short != "data"
            found[short] = given[0] if is_header else given
    return found
