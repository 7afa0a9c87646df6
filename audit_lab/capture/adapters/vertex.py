"""Vertex AI's request and response logging, exported of BigQuery as Parquet or JSON lines, in two generations.

A row holds both sides; a payload is a list of texts: one with the whole body, one for each instance, or pieces of one
body, whichever they can be read as. `request_id` has more digits than a number of 64 bits holds, and is read as text.
`deployed_model_id` is an id of the platform: it counts as a version only where the caller's table names it. The older
generation names model and version, has no id (the file's digest and the row make one) and may know the truth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from audit_lab.capture.adapters.bodies import decode_exchange, json_value
from audit_lab.capture.adapters.exchange import BOTH, NULL_PAYLOAD, UNDECODABLE, Chunk, Decoded, Half, Refusal
from audit_lab.capture.adapters.table_rows import columns_of, exact_id, moment, row_chunks, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["Vertex"]

_NEWER = frozenset({"deployed_model_id", "request_payload", "response_payload"})
_OLDER = frozenset({"raw_data", "raw_prediction", "model", "time"})
_ANSWER, _TRUTH = "audit_lab_answer", "audit_lab_truth"


class Vertex:
    """Rows of logging tables."""

    name: ClassVar[str] = "vertex"
    pairs: ClassVar[bool] = False
    containers: ClassVar[tuple[str, ...]] = ("Parquet",)

    def recognises(self, sample: Sample) -> bool:
        """Whether the columns are those of one of the generations."""
        columns = columns_of(sample)
        return columns >= _NEWER or columns >= _OLDER

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the rows of a file as exchanges."""
        known = frozenset(settings.version) if isinstance(settings.version, Mapping) else frozenset()

        def take(row: dict[str, Any], number: int) -> Half | Refusal:
            if "raw_data" in row or "raw_prediction" in row:
                return _older(row, f"{file.sha256[:16]}:{number}")
            return _newer(row, known)

        yield from row_chunks(file, start, settings, take)

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:
        """Return the instances of an exchange, and their labels where the row knows them."""
        if half.response is None or _TRUTH.encode() not in half.response:
            return decode_exchange(half, settings)
        said = json_value(half.response)
        answer = None if said[_ANSWER] is None else said[_ANSWER].encode()
        side = Half(half.key, BOTH, half.at, half.request, answer, about=half.about)
        decoded = decode_exchange(side, settings)
        if isinstance(decoded, Refusal):
            return decoded
        truth = said[_TRUTH]
        count = len(decoded.inputs or decoded.outputs or ())
        labels = truth if isinstance(truth, list) else [truth]
        if len(labels) != count:
            return Refusal(UNDECODABLE, f"the row has {count:,} instances and {len(labels):,} labels")
        return decoded._replace(labels=labels)


def _newer(row: dict[str, Any], known: frozenset[str]) -> Half | Refusal:
    """Return what a row of the newer generation says.

    Raises
    ------
    ValueError
        Its time or a payload cannot be read.
    """
    key = exact_id(row.get("request_id"))
    if key is None:
        return Refusal(UNDECODABLE, "the row has no request_id")
    request = _payload(row.get("request_payload"), "instances")
    response = _payload(row.get("response_payload"), "predictions")
    if request is None and response is None:
        return Refusal(NULL_PAYLOAD, "neither the request nor the response is in the row")
    served, endpoint = text_of(row.get("deployed_model_id")), text_of(row.get("endpoint"))
    about = {
        "request_id": key,
        "model_name": endpoint.rpartition("/")[2] if endpoint else None,
        "endpoint": endpoint,
        "node": served,
        "model_version": served if served in known else None,
    }
    stated = {name: value for name, value in about.items() if value is not None}
    return Half(key, BOTH, moment(row.get("logging_time")), request, response, about=stated)


def _older(row: dict[str, Any], made_id: str) -> Half | Refusal:
    """Return what a row of the older generation says; as `_newer`."""
    request, response = _text(row.get("raw_data"), "raw_data"), _text(row.get("raw_prediction"), "raw_prediction")
    if request is None and response is None:
        return Refusal(NULL_PAYLOAD, "neither raw_data nor raw_prediction is in the row")
    truth = row.get("groundtruth")
    if truth not in (None, "", []):
        answer = None if response is None else response.decode()
        response = json.dumps({_ANSWER: answer, _TRUTH: _truth(truth)}).encode()
    model = text_of(row.get("model"))
    about = {
        "request_id": made_id,
        "model_name": model.rpartition("/")[2] if model else None,
        "model_version": text_of(row.get("model_version")),
    }
    stated = {name: value for name, value in about.items() if value is not None}
    return Half(made_id, BOTH, moment(row.get("time")), request, response, about=stated)


def _truth(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json_value(value.encode())
        except ValueError:
            return value
    return value if isinstance(value, bool | int | float | list) else str(value)


def _text(value: Any, name: str) -> bytes | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text ({type(value).__name__})")  # noqa: TRY004 (of a record, not of a call)
    return value.encode()


def _payload(value: Any, name: str) -> bytes | None:
    """Return the body that a list of texts is; `name` is what a body calls its instances."""
    if isinstance(value, str):
        return value.encode() or None
    texts = texts_of(value)
    if not texts:
        return None
    if len(texts) == 1:
        return texts[0].encode()
    try:
        parts = [json_value(text.encode()) for text in texts]
    except ValueError:
        return "".join(texts).encode()
    if all(isinstance(part, dict) and isinstance(part.get(name), list) for part in parts):
        parts = [each for part in parts for each in part[name]]
    return json.dumps({name: parts}).encode()
