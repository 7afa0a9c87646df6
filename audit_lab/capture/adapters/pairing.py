"""Put request and response together by key, over all files of a call, in bounded memory.

Records are spilled into scratch files, each record by a check sum of its key, so that both sides of an exchange are in
one of them; each scratch file is paired by itself. What cannot be read goes by its number. Which records a scratch file
holds follows from the records alone.
"""

from __future__ import annotations

import shutil
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

import msgspec
import polars as pl

from audit_lab.capture.adapters.block import Place, Sides
from audit_lab.capture.adapters.exchange import (
    AMBIGUOUS,
    BOTH,
    LABEL,
    REPEATED,
    REQUEST,
    RESPONSE,
    Half,
    Refusal,
)
from audit_lab.log.files.private_file import make_private_folder
from audit_lab.log.files.storage import disk_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from audit_lab.capture.adapters.exchange import Chunk
    from audit_lab.capture.adapters.source import SourceFile

__all__ = ["ANSWERED", "ASKED", "PACKED", "REFUSED", "SCRATCH_SCHEMA", "Scratch", "paired", "parts_for", "records_of"]

#: Bytes of source files that are paired at once, and how much larger a packed file is taken to be.
_PART_BYTES, _PACKED = 48_000_000, 8
_PACKED_ENDINGS = (".gz", ".parquet", ".avro")

_encode = msgspec.json.Encoder().encode
_half = msgspec.json.Decoder(Half).decode
_refusal = msgspec.json.Decoder(Refusal).decode
_about = msgspec.json.Decoder(dict[str, Any]).decode
_Record = tuple[Half | Refusal, Place]

#: How a record is kept in a scratch file: packed whole, as a refusal or a half; or as columns, a request or a response.
REFUSED, PACKED, ASKED, ANSWERED = range(4)
#: Columns of scratch files. `found` is the refusal, the half, or what a record that is kept as columns states; the body
#: of such a one is `request`, whichever side it is. `rows` is how many records a refusal stands for, else 1.
SCRATCH_SCHEMA = {
    "kind": pl.UInt8,
    "key": pl.String,
    "at": pl.Int64,
    "found": pl.Binary,
    "request": pl.Binary,
    "response": pl.Binary,
    "number": pl.Int64,
    "raw": pl.Binary,
    "file": pl.UInt32,
    "rows": pl.Int64,
}


def parts_for(files: Sequence[SourceFile]) -> int:
    """Return into how many parts files are paired."""
    sizes = (file.size_bytes * (_PACKED if file.name.endswith(_PACKED_ENDINGS) else 1) for file in files)
    return max(1, -(-sum(sizes) // _PART_BYTES))


class Scratch:
    """Scratch files of a run; they hold recorded values in clear, for their owner only, and are removed at the end.

    Parameters
    ----------
    folder
        Where they are; what an earlier run left there is removed.
    parts
        How many there are.
    """

    def __init__(self, folder: Path, parts: int) -> None:
        self._folder = folder
        self._parts = parts
        shutil.rmtree(folder, ignore_errors=True)
        make_private_folder(folder)
        self._writers: list[Any] = []

    def __enter__(self) -> Self:
        """Return the scratch files."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove them."""
        for writer in self._writers:
            writer.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def spill(self, chunk: Chunk, file: int) -> None:
        """Write the records of a chunk of a file, which is told by its number.

        Raises
        ------
        StorageError
            The disk refused.
        """
        found = chunk.found
        packed = _sides(found) if isinstance(found, Sides) else _packed([each for _, _, each in chunk.one_by_one()])
        frame = packed.with_columns(
            number=pl.Series(chunk.numbers, dtype=pl.Int64),
            raw=pl.Series(chunk.raws, dtype=pl.Binary),
            file=pl.lit(file, dtype=pl.UInt32),
        )
        # What is refused has no key and belongs to nothing: it is spread, so that no part has all of it.
        part = [
            (line if key is None else zlib.crc32(key.encode())) % self._parts
            for key, line in zip(frame["key"].to_list(), chunk.numbers, strict=True)
        ]
        of = pl.Series("part", part, dtype=pl.UInt32)
        for number in range(self._parts):
            mine = frame if self._parts == 1 else frame.filter(of == number)
            if mine.height:
                self._write(number, mine)

    def _write(self, number: int, frame: pl.DataFrame) -> None:
        import pyarrow as pa

        table = frame.to_arrow()
        try:
            while len(self._writers) < self._parts:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                path = str(self._folder / f"{len(self._writers):05}.arrow")
                self._writers.append(pa.ipc.new_stream(path, table.schema, options=options))
            self._writers[number].write_table(table)
        except OSError as error:
            raise disk_error(error, f"the scratch files in {self._folder} cannot be written") from error

    def part(self, number: int) -> pl.DataFrame:
        """Return the records of a part (`SCRATCH_SCHEMA`), in the order of files and records; none is spilled after."""
        import pyarrow as pa

        for writer in self._writers:
            writer.close()
        path = self._folder / f"{number:05}.arrow"
        if not path.exists():
            return pl.DataFrame(schema=SCRATCH_SCHEMA)
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
            return pl.concat([pl.DataFrame(batch) for batch in stream])


def _sides(sides: Sides) -> pl.DataFrame:
    """Return records that are kept as columns, body and all."""
    return pl.DataFrame(
        {
            "kind": pl.Series(sides.are_responses).replace_strict(
                {False: ASKED, True: ANSWERED}, return_dtype=pl.UInt8
            ),
            "key": pl.Series(sides.keys, dtype=pl.String),
            "at": pl.Series(sides.ats, dtype=pl.Int64),
            "found": pl.Series(sides.abouts, dtype=pl.Binary),
            "request": pl.Series(sides.bodies, dtype=pl.Binary),
            "response": pl.Series([None] * len(sides), dtype=pl.Binary),
            "rows": pl.Series([1] * len(sides), dtype=pl.Int64),
        }
    )


def _packed(found: Sequence[Half | Refusal]) -> pl.DataFrame:
    """Return records that are packed whole, but for their bodies."""
    halves = [each if type(each) is Half else None for each in found]
    kinds = [REFUSED if each is None else PACKED for each in halves]
    bodies = [(None, None) if each is None else (each.request, each.response) for each in halves]
    for each in halves:
        if each is not None:
            each.request = each.response = None
    return pl.DataFrame(
        {
            "kind": pl.Series(kinds, dtype=pl.UInt8),
            "key": pl.Series([None if each is None else each.key for each in halves], dtype=pl.String),
            "at": pl.Series([None] * len(halves), dtype=pl.Int64),
            "found": pl.Series([_encode(each) for each in found], dtype=pl.Binary),
            "request": pl.Series([each[0] for each in bodies], dtype=pl.Binary),
            "response": pl.Series([each[1] for each in bodies], dtype=pl.Binary),
            "rows": pl.Series([each.rows if type(each) is Refusal else 1 for each in found], dtype=pl.Int64),
        }
    )


def records_of(frame: pl.DataFrame) -> list[_Record]:
    """Return records that were spilled, one by one."""
    return [
        (_unpacked(kind, key, at, found, (request, response)), Place(of, number, raw))
        for kind, key, at, found, request, response, number, raw, of, _ in frame.select(*SCRATCH_SCHEMA).iter_rows()
    ]


def _unpacked(
    kind: int, key: str, at: int | None, found: bytes, bodies: tuple[bytes | None, bytes | None]
) -> Half | Refusal:
    if kind == REFUSED:
        return _refusal(found)
    if kind == PACKED:
        half = _half(found)
        half.request, half.response = bodies
        return half
    about = {**_about(found), "request_id": key}
    if kind == ASKED:
        return Half(key, REQUEST, at, bodies[0], None, about=about)
    return Half(key, RESPONSE, at, None, bodies[0], about=about)


def paired(records: Iterable[_Record]) -> Iterator[tuple[Half | Refusal, tuple[Place, ...]]]:
    """Yield exchanges, labels and refusals, each with the places of its records (that of the request first).

    A record that says the same as an earlier one (key, side, time, body) is refused as repeated. Where a key was used
    for several exchanges, their requests and responses are put together in the order of their times, then of their
    records, where there are as many of the ones as of the others; else they are refused: it cannot be told.
    """
    groups: dict[tuple[str, str], list[tuple[Half, Place]]] = {}
    steps: dict[str, set[str]] = defaultdict(set)
    labels: list[tuple[Half, Place]] = []
    for found, place in records:
        if type(found) is Refusal:
            yield found, (place,)
        elif found.side == LABEL:  # type: ignore[union-attr]
            labels.append((found, place))  # type: ignore[arg-type]
        else:
            groups.setdefault((found.key, found.step), []).append((found, place))  # type: ignore[arg-type, union-attr]
            steps[found.key].add(found.step)  # type: ignore[union-attr]
    several = {key for key, names in steps.items() if len(names) > 1}
    for (key, step), group in groups.items():
        name = f"{key}/{step}" if key in several and step else key
        yield from _exchanges(name, group)
    for half, place in labels:
        if half.key in several and half.step in steps[half.key] and half.step:
            half.key = f"{half.key}/{half.step}"
        yield half, (place,)


def _exchanges(name: str, group: list[tuple[Half, Place]]) -> Iterator[tuple[Half | Refusal, tuple[Place, ...]]]:
    if len(group) > 2:  # noqa: PLR2004 (more than a request and its response)
        group, repeated = _distinct(group)
        yield from (
            (Refusal(REPEATED, "another record has the same id, side, time and body"), (each,)) for each in repeated
        )
    requests = [each for each in group if each[0].side == REQUEST]
    responses = [each for each in group if each[0].side == RESPONSE]
    for half, place in group:
        if half.side == BOTH:
            half.key = name
            yield half, (place,)
    if len(requests) > 1 or len(responses) > 1:
        if requests and responses and len(requests) != len(responses):
            reason = (
                f"{len(requests)} requests and {len(responses)} responses have this id, and no order tells them apart"
            )
            yield Refusal(AMBIGUOUS, reason), tuple(place for _, place in (*requests, *responses))
            return
        requests.sort(key=_order)
        responses.sort(key=_order)
    for number in range(max(len(requests), len(responses))):
        request = requests[number] if number < len(requests) else None
        response = responses[number] if number < len(responses) else None
        yield _joined(name, request, response)


def _order(each: tuple[Half, Place]) -> tuple[int, int, int]:
    half, place = each
    return (0 if half.at is None else half.at, place.file, place.number)


def _distinct(group: list[tuple[Half, Place]]) -> tuple[list[tuple[Half, Place]], list[Place]]:
    kept: dict[tuple[Any, ...], tuple[Half, Place]] = {}
    repeated: list[Place] = []
    for half, place in group:
        said = (half.side, half.at, half.request, half.response)
        if said in kept:
            repeated.append(place)
        else:
            kept[said] = (half, place)
    return list(kept.values()), repeated


def _joined(
    name: str, request: tuple[Half, Place] | None, response: tuple[Half, Place] | None
) -> tuple[Half, tuple[Place, ...]]:
    """Return an exchange of the sides that are there."""
    if request is None or response is None:
        only, place = request or response  # type: ignore[misc]
        only.key, only.side = name, BOTH
        return only, (place,)
    asked, answered = request[0], response[0]
    asked.key, asked.side = name, BOTH
    asked.response, asked.response_type = answered.response, answered.response_type
    asked.at = answered.at if asked.at is None else asked.at
    if answered.about and answered.about != asked.about:
        asked.about = {
            **(asked.about or {}),
            **{key: value for key, value in answered.about.items() if value is not None},
        }
    return asked, (request[1], response[1])
