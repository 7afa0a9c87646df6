"""Avro container files through a mapping: each file by its own schema, records as `json_lines` has them."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from audit_lab.capture.adapters.avro_container import MAGIC, avro_records
from audit_lab.capture.adapters.exchange import TOO_LARGE, TRUNCATED, UNDECODABLE, Chunk, Decoded, Half, Refusal
from audit_lab.capture.adapters.lines import KEPT_BYTES
from audit_lab.capture.adapters.mapped_records import decoded_record, mapped_half
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.avro_container import AvroRecord
    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import Sample, SourceFile

__all__ = ["Avro", "plain_value"]

_AT_ONCE, _BYTES_AT_ONCE = 16_384, 48_000_000


class Avro:
    """Records of Avro whose fields a mapping explains."""

    name: ClassVar[str] = "avro"
    pairs: ClassVar[bool] = False
    containers: ClassVar[tuple[str, ...]] = ("Avro",)
    needs_mapping: ClassVar[bool] = True

    def recognises(self, sample: Sample) -> bool:
        """Whether the file begins as a container of Avro does."""
        return sample.head[: len(MAGIC)] == MAGIC

    def read(self, file: SourceFile, start: int, settings: Settings) -> Iterator[Chunk]:
        """Yield the records of a file."""
        numbers: list[int] = []
        raws: list[bytes] = []
        found: list[Half | Refusal] = []
        number = held = 0
        with file.path.open("rb") as opened:
            for record in avro_records(opened):
                first, number = number + 1, number + max(record.rows, 1)
                if number <= start:
                    continue
                numbers.append(first)
                raws.append(record.raw[: max(KEPT_BYTES, settings.largest_record)])
                found.append(_half(record, f"{file.sha256[:16]}:{first}", settings))
                held += len(raws[-1])
                if len(found) >= _AT_ONCE or held >= _BYTES_AT_ONCE:
                    yield Chunk(numbers, raws, found, number)
                    numbers, raws, found, held = [], [], [], 0
        if found:
            yield Chunk(numbers, raws, found, number)

    def decode(self, half: Half, settings: Settings) -> Decoded | Refusal:  # noqa: ARG002 (the mapping said it all)
        """Return the record's one instance."""
        return decoded_record(half)


def _half(record: AvroRecord, made_id: str, settings: Settings) -> Half | Refusal:
    size = len(record.raw)
    if record.problem is not None:
        code = TRUNCATED if "cut off" in record.problem or "too early" in record.problem else UNDECODABLE
        size, digest = (size, sha256(record.raw)) if record.whole is None else record.whole
        return Refusal(code, record.problem, size, digest, record.rows, *(record.span or (None, None)))
    if size > settings.largest_record:
        return Refusal(TOO_LARGE, f"the record has {size:,} bytes, more than are read", size, sha256(record.raw))
    return mapped_half(plain_value(record.value), settings.mapping, made_id)  # type: ignore[arg-type]


def plain_value(value: Any) -> Any:
    """Return what Avro's logical types hold as JSON has it."""
    if isinstance(value, dict):
        return {name: plain_value(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain_value(each) for each in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value) if Decimal(float(value)) == value else str(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, UUID) else value
