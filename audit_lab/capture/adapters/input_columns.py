"""The instances of a part as columns of the inputs of a model."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from audit_lab.capture.adapters.block import Block
from audit_lab.capture.adapters.column_names import TOO_MANY, ColumnNames, name_fault
from audit_lab.capture.recorder.recorded_column import recorded_column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.capture.adapters.block import Exchange
    from audit_lab.capture.adapters.settings import Settings

__all__ = ["input_columns"]

_NUMBERS = frozenset({float, int, type(None)})
_SINGLE = frozenset({float, int, str, bool, type(None)})


def input_columns(
    items: Sequence[Exchange | Block],
    names: Sequence[str],
    models: Sequence[str],
    model: str,
    *,
    settings: Settings,
    known: pl.Schema,
    unfit: dict[int, str],
) -> pl.DataFrame:
    """Return the inputs of one model's exchanges, with ``prediction_id`` and ``_owner``.

    Parameters
    ----------
    items
        The exchanges of all models, in order.
    names
        The id of each instance.
    models, model
        The model of each exchange, and the one whose inputs are wanted.
    settings
        What the caller says of features.
    known
        The columns that the model's inputs have in the log.
    unfit
        Exchange to why a value of it fits no column; added to.
    """
    room = ColumnNames({**known, **settings.types})
    said = _of_blocks(items, names, models, settings.features)
    if said is None or not room.have_room(said[2]):
        said = _of_model(items, names, models, model, settings.features, room=room, unfit=unfit)
    ids, owners, columns = said
    frame = {"prediction_id": pl.Series(ids, dtype=pl.String), "_owner": pl.Series(owners, dtype=pl.UInt32)}
    for name, values in columns.items():
        fault = name_fault(name)
        if fault is not None:
            for row, value in enumerate(values):
                if value is not None:
                    unfit.setdefault(owners[row], fault)
            continue
        wanted = settings.types.get(name, known.get(name))
        made = recorded_column(name, values, wanted or _usual(values))
        for row, why in made.misfits.items():
            unfit.setdefault(owners[row], f"{name}: {why}")
        if made.series.dtype != pl.Null:
            frame[name] = made.series
    return pl.DataFrame(frame)


#: Ids, the exchange of each, and the values of each feature.
_Columns: TypeAlias = "tuple[Sequence[str], Sequence[int], dict[str, Sequence[Any]]]"


def _of_blocks(
    items: Sequence[Exchange | Block], names: Sequence[str], models: Sequence[str], features: Sequence[str]
) -> _Columns | None:
    """Return the inputs of exchanges of one model that are blocks of one shape; None where they are anything else."""
    blocks = [each for each in items if isinstance(each, Block)]
    shapes = {each.table.shape for each in blocks}
    if len(blocks) != len(items) or len(shapes) != 1 or len(set(models)) != 1:
        return None
    ((known, width),) = shapes
    columns = [
        blocks[0].table.columns[place]
        if len(blocks) == 1
        else list(chain.from_iterable(each.table.columns[place] for each in blocks))
        for place in range(width)
    ]
    return names, range(len(names)), dict(zip(known or _names(width, features), columns, strict=True))


def _of_model(
    items: Sequence[Exchange | Block],
    names: Sequence[str],
    models: Sequence[str],
    model: str,
    features: Sequence[str],
    *,
    room: ColumnNames,
    unfit: dict[int, str],
) -> _Columns:
    """Return the inputs of exchanges of one model, whatever they are; those without room for their names are unfit."""
    ids: list[str] = []
    owners: list[int] = []
    rows: list[Any] = []
    place = number = 0
    for each in items:
        some = [(row, 1) for row in each.rows()] if isinstance(each, Block) else [(each.decoded.inputs, each.size)]
        for said, count in some:
            if models[number] == model and said is not None:
                ids.extend(names[place : place + count])
                owners.extend([number] * count)
                rows.extend([said] if isinstance(each, Block) else said)
            place += count
            number += 1
    columns, without_room = _by_feature(rows, features, room)
    unfit |= {owners[row]: TOO_MANY for row in without_room if owners[row] not in unfit}
    return ids, owners, columns


def _by_feature(
    rows: Sequence[Any], features: Sequence[str], room: ColumnNames
) -> tuple[dict[str, Sequence[Any]], list[int]]:
    """Return rows, each a mapping or a list of values, as columns; and the rows without room for their names."""
    if not rows:
        return {}, []
    first = rows[0]
    if type(first) is list:
        width = len(first)
        if all(type(row) is list and len(row) == width for row in rows) and room.have_room(_names(width, features)):
            return dict(zip(_names(width, features), zip(*rows, strict=True), strict=True)), []
    elif type(first) is dict:
        keys = first.keys()
        if all(type(row) is dict and row.keys() == keys for row in rows) and room.have_room(keys):
            return {_text(name): _flat_all([row[name] for row in rows]) for name in keys}, []
    maps = [row if isinstance(row, dict) else dict(zip(_names(len(row), features), row, strict=True)) for row in rows]
    order = dict.fromkeys(name for row in maps for name in row)
    without_room: list[int] = []
    if not room.have_room(order):
        kept = room.with_room(maps)
        without_room = [
            place for place, row in enumerate(maps) if any(row[name] is not None for name in row.keys() - kept)
        ]
        order = {name: None for name in order if name in kept}
    return {_text(name): _flat_all([row.get(name) for row in maps]) for name in order}, without_room


def _names(width: int, features: Sequence[str]) -> list[str]:
    """Return names for values that have none: those that the caller gives, where it gives as many."""
    return list(features) if len(features) == width else [f"feature_{number}" for number in range(width)]


def _text(name: Any) -> str:
    return str(name)


def _flat_all(values: list[Any]) -> list[Any]:
    """Return values as a column can hold them."""
    return [_flat(value) for value in values] if not _SINGLE.issuperset(map(type, values)) else values


def _flat(value: Any) -> Any:
    """Return a value as a column can hold it: a mapping, or a list of unlike things, as JSON."""
    kind = type(value)
    if kind is dict:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if kind is list:
        kinds = set(map(type, value))
        if kinds <= {int, float}:
            return [float(each) for each in value]
        return value if kinds <= {str} else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value


def _usual(values: Sequence[Any]) -> pl.DataType | None:
    """Return the type that most values of a new column have; JSON has one kind of number, so whole ones are no type."""
    if _NUMBERS.issuperset(set(map(type, values))) and any(value is not None for value in values):
        return pl.Float64()
    kinds = Counter(map(type, values))
    kinds.pop(type(None), None)
    if not kinds:
        return None
    numbers = kinds.pop(int, 0) + kinds.pop(float, 0)
    if numbers and numbers >= max(kinds.values(), default=0):
        return pl.Float64()
    kind = kinds.most_common(1)[0][0]
    if kind is list:
        first = next(value for value in values if type(value) is list)
        return pl.List(pl.String()) if first and type(first[0]) is str else pl.List(pl.Float64())
    return pl.Boolean() if kind is bool else pl.String()
