"""Which predictions and model versions the exhibits of a case name, read from their files."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.verifier.named_rows import MADE_UP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from audit_lab.case.exhibit import Exhibit

__all__ = ["Named", "named_by"]

_ID, _PLACE = "prediction_id", "place"
_MODEL = ("model_name", "model_version")


@dataclass(frozen=True)
class Named:
    """What exhibits name.

    Attributes
    ----------
    predictions
        Ids, in the order in which the exhibits name them.
    models
        Name and version of the models that they speak of, sorted.
    silent
        The numbers of the exhibits that name no prediction.
    """

    predictions: tuple[str, ...]
    models: tuple[tuple[str, str], ...]
    silent: tuple[int, ...]


def named_by(exhibits: Sequence[Exhibit]) -> Named:
    """Return what the exhibits name: ids and places in their tables, documents and rows, and their models."""
    ids: dict[str, None] = {}
    models: set[tuple[str, str]] = set()
    silent = []
    for exhibit in exhibits:
        models |= {version for model in exhibit.models if (version := _version(model)) is not None}
        found = list(_in_files(exhibit))
        ids |= dict.fromkeys(each for each in found if not each.endswith(MADE_UP))
        if not found:
            silent.append(exhibit.number)
    return Named(tuple(ids), tuple(sorted(models)), tuple(silent))


def _version(model: Mapping[str, str]) -> tuple[str, str] | None:
    name, version = (model.get(each) for each in _MODEL)
    return None if name is None or version is None else (name, version)


def _in_files(exhibit: Exhibit) -> Iterator[str]:
    for name in sorted(exhibit.files):
        content = (exhibit.folder / name).read_bytes()
        kind = PurePosixPath(name).suffix
        if kind == ".parquet":
            yield from _in_table(pl.read_parquet(io.BytesIO(content)))
        elif kind == ".json":
            yield from _in_document(json.loads(content))


def _in_table(frame: pl.DataFrame) -> Iterator[str]:
    for column in (_PLACE, _ID):
        if column in frame.columns and not frame[column].dtype.is_nested():
            texts = frame[column].cast(pl.String, strict=False).drop_nulls().to_list()
            yield from (_id_of(column, text) for text in texts)


def _in_document(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (_id_of(name, value[name]) for name in (_PLACE, _ID) if isinstance(value.get(name), str))
        for each in value.values():
            yield from _in_document(each)
    elif isinstance(value, list):
        for each in value:
            yield from _in_document(each)


def _id_of(member: str, text: str) -> str:
    """Return the id in a place ``id@segment:row``, and an id as it is."""
    before, divided, _ = text.rpartition("@")
    return before if member == _PLACE and divided else text
