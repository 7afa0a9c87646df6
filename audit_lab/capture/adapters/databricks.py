"""Databricks inference tables: the Delta table, or Parquet and JSON lines exported of it, in three generations.

The generation is told by the columns: the first has `timestamp_ms`, that of AI Gateway `request_time`, that of Unity
`invocation_id`. A row holds both sides, as JSON in MLflow's scoring form, and may hold several instances. A side that
was too large is null. `served_entity_id` is an id of the platform and no version of a model: it counts as one only if
the caller's table of versions names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from audit_lab.capture.adapters.bodies import decode_exchange
from audit_lab.capture.adapters.exchange import BOTH, NULL_PAYLOAD, UNDECODABLE, Chunk, Decoded, Half, Refusal
from audit_lab.capture.adapters.table_rows import columns_of, moment, number_of, pairs_of, row_chunks, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["Databricks"]

_GENERATIONS = (
    frozenset({"databricks_request_id", "timestamp_ms", "request", "response"}),
    frozenset({"databricks_request_id", "request_time", "request", "response"}),
    frozenset({"invocation_id", "event_time", "status_code"}),
)
_ID, _TIME = ("databricks_request_id", "invocation_id"), ("timestamp_ms", "request_time", "event_time")
_LATENCY = ("execution_time_ms", "execution_duration_ms", "latency_ms")
_GOOD = range(200, 300)
_SHOWN = 500


class Databricks:
    """Rows of inference tables."""

    name: ClassVar[str] = "databricks"
    pairs: ClassVar[bool] = False
    containers: ClassVar[tuple[str, ...]] = ("Parquet",)

    def recognises(self, sample: Sample) -> bool:
        """Whether the columns are those of one of the generations."""
        columns = columns_of(sample)
        return any(generation <= columns for generation in _GENERATIONS)

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the rows of a file as exchanges."""
        known = frozenset(settings.version) if isinstance(settings.version, Mapping) else frozenset()
        yield from row_chunks(file, start, settings, lambda row, _: _half(row, known))

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:
        """Return the instances of an exchange."""
        return decode_exchange(half, settings)


def _half(row: dict[str, Any], known: frozenset[str]) -> Half | Refusal:
    """Return what a row says; `known` are the ids of served entities that the caller's table of versions names.

    Raises
    ------
    ValueError
        Its time, or a number, cannot be read.
    """
    key = next((found for name in _ID if (found := text_of(row.get(name)))), None)
    if key is None:
        return Refusal(UNDECODABLE, "the row has no databricks_request_id and no invocation_id")
    request, response = _body(row.get("request"), "request"), _body(row.get("response"), "response")
    about = _about(row, key, known)
    error = _error(row, response)
    if error is not None:
        # What a failed request was answered with is no prediction.
        about["error"], response = error, None
    if request is None and response is None and error is None:
        return Refusal(NULL_PAYLOAD, "neither the request nor the response is in the row")
    at = moment(next((row[name] for name in _TIME if row.get(name) is not None), None))
    if request is None and response is None:
        return Refusal(NULL_PAYLOAD, f"the request failed ({error}), and what was asked is not in the row")
    return Half(key, BOTH, at, request, response, about=about)


def _about(row: dict[str, Any], key: str, known: frozenset[str]) -> dict[str, Any]:
    said = pairs_of(row.get("request_metadata"))
    entity = text_of(row.get("served_entity_id"))
    version = said.get("model_version") or (entity if entity in known else None)
    about = {
        "request_id": text_of(row.get("client_request_id")) or key,
        "model_name": said.get("model_name") or said.get("endpoint_name"),
        "model_version": version,
        "endpoint": said.get("endpoint_name"),
        "node": entity,
        "latency_ms": number_of(next((row[name] for name in _LATENCY if row.get(name) is not None), None)),
        "sampling_rate": _rate(row.get("sampling_fraction")),
    }
    return {name: value for name, value in about.items() if value is not None}


def _rate(value: Any) -> float | None:
    rate = number_of(value)
    if rate is not None and not 0 < rate <= 1:
        raise ValueError(f"the sampling fraction is {rate:g}")
    return rate


def _body(value: Any, side: str) -> bytes | None:
    """Return a side's bytes; an empty text is a side that is not there.

    Raises
    ------
    ValueError
        It is neither a text nor null.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"the {side} is no text ({type(value).__name__})")  # noqa: TRY004 (of a record, not of a call)
    return value.encode()


def _error(row: dict[str, Any], response: bytes | None) -> str | None:
    """Return why a request failed; None where it did not, or where the row does not say."""
    status = number_of(row.get("status_code"))
    if status is None or int(status) in _GOOD:
        return None
    codes = row.get("logging_error_codes")
    told = [f"status {int(status)}"] + [str(each) for each in codes or () if isinstance(codes, list)]
    if response is not None:
        told.append(response.decode()[:_SHOWN])
    return ": ".join(told)
