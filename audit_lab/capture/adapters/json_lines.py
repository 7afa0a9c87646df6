"""Plain JSON records, one to a line or in one array, as logging, structlog or loguru write them, through a mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit_lab.capture.adapters.bodies import json_value
from audit_lab.capture.adapters.exchange import UNDECODABLE, Chunk, Decoded, Half, Refusal
from audit_lab.capture.adapters.json_records import json_chunks
from audit_lab.capture.adapters.mapped_records import decoded_record, mapped_half

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["JsonLines"]


class JsonLines:
    """Records of JSON whose fields a mapping explains."""

    name: ClassVar[str] = "json-lines"
    pairs: ClassVar[bool] = False
    containers: ClassVar[tuple[str, ...]] = ()
    needs_mapping: ClassVar[bool] = True

    def recognises(self, sample: Sample) -> bool:
        """Whether the first line is a JSON object, or an array of them begins."""
        head = sample.head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return head[:1] == b"{" or (head[:1] == b"[" and head[1:].lstrip()[:1] == b"{")

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the records of a file; one whose id no field says is called by the file's digest and its number."""
        for chunk in json_chunks(file, start, settings.largest_record, _nothing):
            found = [
                each if isinstance(each, Refusal) and each.code != _NOTHING.code else _half(raw, number, file, settings)
                for number, raw, each in chunk.one_by_one()
            ]
            yield chunk._replace(found=found)

    def of_value(self, value: bytes, made_id: str, settings: Settings) -> Half | Refusal:
        """Return what a message of a stream says."""
        return _named(value, made_id, settings)

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:  # noqa: ARG002 (the mapping said it all)
        """Return the record's one instance."""
        return decoded_record(half)


_NOTHING = Refusal("not-yet", "the record is looked at with its number")


def _nothing(_: bytes) -> Half | Refusal:
    return _NOTHING


def _half(raw: bytes, number: int, file: SourceFile, settings: Settings) -> Half | Refusal:
    return _named(raw, f"{file.sha256[:16]}:{number}", settings)


def _named(raw: bytes, made_id: str, settings: Settings) -> Half | Refusal:
    try:
        record = json_value(raw)
    except ValueError as error:
        return Refusal(UNDECODABLE, f"the record is no JSON ({error})")
    return mapped_half(record, settings.mapping, made_id)  # type: ignore[arg-type]
