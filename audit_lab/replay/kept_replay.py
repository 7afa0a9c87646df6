"""A batch replay that is kept in a folder as it goes on, so that one that was stopped goes on where it was."""

from __future__ import annotations

import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.files.durable import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.replay.recorded_rows import Chunk
    from audit_lab.replay.runner import Ran

__all__ = ["KeptReplay"]

_QUESTION = "replay.json"
_VERSION = 1
_RAN = "audit_lab.ran"


class KeptReplay:
    """A folder with ``replay.json`` (what was asked) and one Parquet file for each chunk that was replayed.

    Parameters
    ----------
    folder
        Made where it is missing.
    asked
        The log and its state, the question and the limits, as JSON-safe values. Only a replay of the very same goes on.
    schema
        Of the files.
    kind
        What is kept: ``audit_lab.replay`` or ``audit_lab.impact``.

    Raises
    ------
    MisuseError
        The folder holds the replay of something else, or something that is no replay.
    """

    def __init__(
        self, folder: Path | str, asked: Mapping[str, Any], schema: pl.Schema, kind: str = "audit_lab.replay"
    ) -> None:
        self.folder = Path(folder).expanduser()
        self._schema = schema
        document = {**asked, "format": kind, "format_version": _VERSION}
        content = (json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
        path = self.folder / _QUESTION
        if not path.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise MisuseError(
                    f"{self.folder} holds something that is no replay", "Name a folder that is empty or not there yet."
                )
            write_bytes(path, content)
        elif path.read_bytes() != content:
            differing = _differing(path.read_bytes(), document)
            raise MisuseError(
                f"{self.folder} holds a replay of something else: {differing}",
                "Name another folder; or open the log and ask as it was asked then, to go on with it.",
            )

    def done(self) -> frozenset[tuple[int, int]]:
        """Return part and number of each chunk that is there whole."""
        found = set()
        for path in self._files():
            part, _, number = path.stem.removeprefix("part-").partition("-")
            if part.isdigit() and number.isdigit() and self._is_whole(path):
                found.add((int(part), int(number)))
        return frozenset(found)

    def add(
        self, chunk: Chunk, result: pl.DataFrame, ran: Mapping[str, Ran], told: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the result of a chunk, and what is told of it under further keys; it is on disk when this returns.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        buffer = BytesIO()
        said = {_RAN: {name: asdict(each) for name, each in sorted(ran.items())}, **(told or {})}
        result.write_parquet(buffer, metadata={key: json.dumps(each, sort_keys=True) for key, each in said.items()})
        path = self.folder / f"part-{chunk.part:05d}-{chunk.number:07d}.parquet"
        try:
            write_bytes(path, buffer.getvalue())
        except OSError as error:
            raise StorageError(
                f"{path} could not be written ({error.strerror})",
                "Make room, or name another folder; what is kept so far stays, and the replay goes on from there.",
                "failing",
            ) from error

    def rows(self) -> pl.LazyFrame:
        """Return the results of all chunks, in the order in which the log holds the rows."""
        files = self._files()
        return pl.scan_parquet(files, glob=False) if files else pl.LazyFrame(schema=self._schema)

    def ran(self) -> dict[str, Ran]:
        """Return how each version was run, as the last of its chunks says."""
        from audit_lab.replay.runner import Ran

        found = {}
        for path in self._files():
            told = json.loads(pl.read_parquet_metadata(path).get(_RAN, "{}"))
            found.update({name: Ran(**{**each, "notes": tuple(each["notes"])}) for name, each in told.items()})
        return found

    def told(self, key: str) -> list[Any]:
        """Return what is told under a key of each chunk.

        Raises
        ------
        MisuseError
            Nothing is told of one.
        """
        found = [(path, pl.read_parquet_metadata(path).get(key)) for path in self._files()]
        lacking = [path for path, text in found if text is None]
        if lacking:
            raise MisuseError(
                f"{lacking[0]} does not say {key}", "It was kept otherwise than here: name another folder."
            )
        return [json.loads(text) for _, text in found if text is not None]

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _is_whole(self, path: Path) -> bool:
        try:
            return pl.read_parquet_schema(path) == self._schema
        except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException):
            return False


def _differing(content: bytes, asked: Mapping[str, Any]) -> str:
    """Name what a kept replay was asked otherwise."""
    try:
        before = json.loads(content)
        names = sorted(name for name in {*before, *asked} if before.get(name) != asked.get(name))
    except (ValueError, AttributeError):
        return "its replay.json cannot be read"
    return "; ".join(f"{name} was {before.get(name)!r}, not {asked.get(name)!r}" for name in names[:3])
