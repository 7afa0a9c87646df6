"""Messages of a topic as halves of exchanges: JSON, CloudEvents in either binding, and Avro."""

from __future__ import annotations

import json
from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING, Any

from audit_lab.capture.adapters.avro import plain_value
from audit_lab.capture.adapters.avro_container import MAGIC, avro_records
from audit_lab.capture.adapters.exchange import NULL_PAYLOAD, TOO_LARGE, UNDECODABLE, Half, Refusal
from audit_lab.capture.adapters.mapped_records import mapped_half
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.capture.adapters.settings import Settings

__all__ = ["STREAMED", "value_reader"]

#: Forms whose records can be the values of messages.
STREAMED = ("json-lines", "avro", "kserve", "seldon", "azureml", "sagemaker")
#: What Confluent's serializers put before a body: a zero, and the schema's number in four bytes.
_FRAMED, _FRAME_BYTES = b"\x00", 5
_CLOUD_EVENTS = ("kserve", "seldon", "azureml")


def value_reader(form: Any, settings: Settings, schema: dict[str, Any] | None) -> Callable[..., Any]:
    """Return what makes halves of the messages of a form.

    Parameters
    ----------
    form
        One of `STREAMED`.
    settings
        What the caller says; a mapping, for plain records.
    schema
        The schema of Avro values that do not bring their own.

    Raises
    ------
    MisuseError
        The form is not read from messages, or the schema cannot be meant.
    """
    if form.name not in STREAMED:
        raise MisuseError(f"the form {form.name} is not that of messages", f"Known are {', '.join(STREAMED)}.")
    parsed = None if schema is None else _parsed(schema)

    def read(value: bytes | None, headers: Sequence[tuple[str, bytes]], made_id: str) -> tuple[Half | Refusal, bytes]:
        if value is None:
            return Refusal(NULL_PAYLOAD, "the message has no value (a deletion in a compacted topic)"), b""
        if len(value) > settings.largest_record:
            return Refusal(TOO_LARGE, f"the record has {len(value):,} bytes, more than are read", len(value)), value
        if form.name == "avro":
            return _of_avro(value, parsed, settings, made_id), value
        if form.name in _CLOUD_EVENTS:
            value = _with_headers(value, headers)
        return form.of_value(value, made_id, settings), value

    return read


def _with_headers(value: bytes, headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Return an event of the binary binding, whose attributes are headers, as one document; others as they are."""
    said = {name.lower(): text.decode("utf-8", "replace") for name, text in headers if isinstance(text, bytes)}
    attributes = {name[3:]: text for name, text in said.items() if name.startswith(("ce_", "ce-"))}
    if "type" not in attributes:
        return value
    content = said.get("content-type", "application/json")
    body: dict[str, Any] = {"datacontenttype": content, **attributes}
    if "json" in content:
        try:
            return json.dumps({**body, "data": json.loads(value)}).encode()
        except (ValueError, RecursionError):
            pass
    return json.dumps({**body, "data_base64": b64encode(value).decode()}).encode()


def _parsed(schema: dict[str, Any]) -> Any:
    try:
        import fastavro

        return fastavro.parse_schema(schema)
    except ImportError as error:
        raise MisuseError(
            "what reads Avro is not installed", "Install it with the extra `avro`: pip install 'audit-lab[avro]'."
        ) from error
    except Exception as error:
        raise MisuseError(f"the Avro schema cannot be read ({str(error)[:200]})", "Correct the file.") from error


def _of_avro(value: bytes, schema: Any, settings: Settings, made_id: str) -> Half | Refusal:
    if value[: len(MAGIC)] == MAGIC:
        found = list(avro_records(BytesIO(value)))
        if len(found) != 1 or found[0].problem is not None:
            why = next((each.problem for each in found if each.problem is not None), f"it holds {len(found)} records")
            return Refusal(UNDECODABLE, f"the message is no Avro container of one record ({why})")
        record = found[0].value
    elif schema is None:
        return Refusal(UNDECODABLE, "the message is Avro without its schema, and none was given")
    else:
        record = _decoded(value[_FRAME_BYTES:] if value[:1] == _FRAMED else value, schema)
        if isinstance(record, Refusal):
            return record
    return mapped_half(plain_value(record), settings.mapping, made_id)  # type: ignore[arg-type]


def _decoded(body: bytes, schema: Any) -> Any:
    import fastavro

    stream = BytesIO(body)
    try:
        record = fastavro.schemaless_reader(stream, schema, None)
    except Exception as error:  # noqa: BLE001 (whatever hostile bytes make the library raise)
        return Refusal(UNDECODABLE, f"the message is no Avro of the given schema ({str(error)[:200]})")
    left = len(body) - stream.tell()
    return Refusal(UNDECODABLE, f"the message has {left} bytes behind its Avro record") if left else record
