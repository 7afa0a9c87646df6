"""A part of a source: exchanges and labels that are appended together, and the rows that they become."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from audit_lab.capture.adapters.answers import Answers
from audit_lab.capture.recorder.recorded_column import recorded_column
from audit_lab.log.schema import TABLES, TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from audit_lab.capture.adapters.exchange import Decoded, Half, Refusal
    from audit_lab.capture.adapters.settings import Settings

__all__ = ["UNNAMED_MODEL", "Built", "Exchange", "Part", "Place", "instance_names", "label_text"]

UNNAMED_MODEL = "unnamed-model"

_COLUMNS = {
    name: dtype() if isinstance(dtype, type) else dtype for name, dtype in TABLES["predictions"].columns.items()
}
_EXACT = 2**53


class Place(NamedTuple):
    """Where a record stood: the number of its file in the part's files, its number there, and its bytes."""

    file: int
    number: int
    raw: bytes


class Exchange(NamedTuple):
    """An exchange that can be told, where its records stood (request first), and how many instances it has."""

    half: Half
    decoded: Decoded
    places: tuple[Place, ...]
    size: int


class Built(NamedTuple):
    """Rows of a part.

    Attributes
    ----------
    predictions
        One row for each instance, with ``_owner``: the number of its exchange.
    inputs
        Model to rows with ``prediction_id``, ``_owner`` and the features.
    unfit
        Exchange to why a value of it fits no column; its rows are left out.
    """

    predictions: pl.DataFrame
    inputs: dict[str, pl.DataFrame]
    unfit: dict[int, str]


class Part:
    """Exchanges, labels and refusals, until they are appended."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.labels: list[tuple[Half, list[Any], Place]] = []
        #: Exchanges that are kept and know the truth already, with their ids.
        self.known_labels: list[tuple[str, Exchange]] = []
        self.refused: list[tuple[Place, Refusal]] = []
        self.rows = 0
        self.size_bytes = 0

    def add(self, exchange: Exchange) -> None:
        """Add an exchange."""
        self.exchanges.append(exchange)
        self.rows += exchange.size
        self.size_bytes += sum(len(place.raw) for place in exchange.places)

    def refuse(self, refusal: Refusal, places: Iterable[Place]) -> None:
        """Add records that go to quarantine."""
        for place in places:
            self.refused.append((place, refusal))
            self.size_bytes += len(place.raw)

    def add_label(self, half: Half, values: list[Any], place: Place) -> None:
        """Add labels, one for each instance of an exchange."""
        self.labels.append((half, values, place))
        self.rows += len(values)
        self.size_bytes += len(place.raw)

    def build(self, ids: Sequence[str], settings: Settings, types: Callable[[str], pl.Schema]) -> Built:
        """Return the rows of the exchanges.

        Parameters
        ----------
        ids
            The id of each exchange; that of its only instance, or what comes before ``#`` in those of several.
        settings
            What the caller says.
        types
            Gives the columns that a model's inputs have in the log.
        """
        owners, names = _instances(self.exchanges, ids)
        models = [
            settings.model or (each.half.about or {}).get("model_name") or UNNAMED_MODEL for each in self.exchanges
        ]
        unfit: dict[int, str] = {}
        inputs = {
            model: _inputs(self.exchanges, names, models, model, settings=settings, known=types(model), unfit=unfit)
            for model in dict.fromkeys(models)
        }
        predictions = self._predictions(owners, names, models, settings)
        if unfit:
            kept = ~pl.col("_owner").is_in(list(unfit))
            predictions = predictions.filter(kept)
            inputs = {model: frame.filter(kept) for model, frame in inputs.items()}
        return Built(predictions, {model: frame for model, frame in inputs.items() if frame.height}, unfit)

    def _predictions(self, owners: list[int], names: list[str], models: list[str], settings: Settings) -> pl.DataFrame:
        answers = Answers(settings.outputs)
        flat = [value for each in self.exchanges for value in each.decoded.outputs or [None] * each.size]
        if not answers.extend_scores(flat):
            for each in self.exchanges:
                answers.extend(each.decoded.outputs, each.size)
        owner = pl.Series("_owner", owners, dtype=pl.UInt32)
        by_exchange = self._by_exchange(models, settings)
        outputs = pl.DataFrame(
            {
                "score": pl.Series(answers.score, dtype=pl.Float64),
                "label": pl.Series(answers.label, dtype=pl.String),
                "probabilities": pl.Series(answers.probabilities, dtype=pl.List(pl.Float64)),
            }
        )
        known = pl.any_horizontal(pl.all().is_not_null())
        struct = outputs.select(outputs=pl.when(known).then(pl.struct(pl.all())))["outputs"]
        decision = pl.Series("decision", answers.decision, dtype=pl.String)
        answer = pl.Series("answer", answers.answer, dtype=pl.String)
        rows = by_exchange[owner] if len(owners) != by_exchange.height else by_exchange
        if "decision" in rows.columns:
            decision = decision.zip_with(decision.is_not_null(), rows["decision"])
        columns = [pl.Series("prediction_id", names, dtype=pl.String), struct, decision, owner]
        if answer.null_count() < answer.len():
            columns.append(answer)
        return rows.with_columns(columns)

    def _by_exchange(self, models: list[str], settings: Settings) -> pl.DataFrame:
        halves = [each.half for each in self.exchanges]
        abouts = [half.about or {} for half in halves]
        given = {id(each): each for each in abouts}.values()
        stated = {name for each in given for name in each} - {"model_name", "model_version"}
        versions = [
            settings.version_of(about.get("model_version") or each.decoded.version)
            for about, each in zip(abouts, self.exchanges, strict=True)
        ]
        columns: dict[str, Any] = {
            "occurred_at": pl.Series([half.at for half in halves], dtype=pl.Int64).cast(TIME),
            "model_name": pl.Series(models, dtype=pl.String),
            "model_version": pl.Series(versions, dtype=pl.String),
            "source_row": pl.Series([each.places[0].number for each in self.exchanges], dtype=pl.Int64),
            "_file": pl.Series([each.places[0].file for each in self.exchanges], dtype=pl.UInt32),
        }
        for name in sorted(stated):
            columns[name] = pl.Series(
                [about.get(name) for about in abouts], dtype=_COLUMNS.get(name, pl.String()), strict=True
            )
        parameters = [each.decoded.parameters for each in self.exchanges]
        if any(each is not None for each in parameters):
            texts = [None if each is None else json.dumps(each, sort_keys=True) for each in parameters]
            columns["parameters"] = pl.Series(texts, dtype=pl.String)
        frame = pl.DataFrame(columns)
        if settings.environment is not None:
            frame = frame.with_columns(environment=pl.lit(settings.environment))
        if settings.sampling_rate is not None and "sampling_rate" not in frame.columns:
            frame = frame.with_columns(sampling_rate=pl.lit(settings.sampling_rate))
        return frame

    def outcomes(self, now: int, source: str) -> pl.DataFrame:
        """Return the labels as rows of outcomes; one that has no time bears `now`, in microseconds."""
        rows: list[tuple[str, int, str | None, float | None, str]] = []
        said = [(half.key, half.at, values) for half, values, _ in self.labels]
        said += [(name, each.half.at, each.decoded.labels or []) for name, each in self.known_labels]
        for key, at, values in said:
            told = source if at is not None else f"{source}; when it was observed is not said"
            for name, value in zip(instance_names(key, len(values)), values, strict=True):
                rows.append((name, now if at is None else at, *label_text(value), told))
        schema = {
            "prediction_id": pl.String,
            "observed_at": pl.Int64,
            "label": pl.String,
            "value": pl.Float64,
            "source": pl.String,
        }
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("observed_at").cast(TIME))


def label_text(value: Any) -> tuple[str | None, float | None]:
    """Return a label as text, and as a number where it is one."""
    if type(value) in (int, float):
        whole = type(value) is float and value.is_integer() and abs(value) < _EXACT
        return str(int(value) if whole else value), float(value)
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    return (value if isinstance(value, str) else json.dumps(value, sort_keys=True)), None


def instance_names(name: str, count: int) -> list[str]:
    """Return the ids of so many instances of an exchange."""
    return [name] if count == 1 else [f"{name}#{place}" for place in range(count)]


def _instances(exchanges: Sequence[Exchange], ids: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the exchange of each instance, and its id."""
    owners: list[int] = []
    names: list[str] = []
    for number, (each, name) in enumerate(zip(exchanges, ids, strict=True)):
        count = each.size
        owners.extend([number] * count)
        names.extend(instance_names(name, count))
    return owners, names


def _inputs(
    exchanges: Sequence[Exchange],
    names: Sequence[str],
    models: Sequence[str],
    model: str,
    *,
    settings: Settings,
    known: pl.Schema,
    unfit: dict[int, str],
) -> pl.DataFrame:
    """Return the inputs of one model's exchanges."""
    ids: list[str] = []
    owners: list[int] = []
    rows: list[Any] = []
    place = 0
    for number, (each, of) in enumerate(zip(exchanges, models, strict=True)):
        count = each.size
        if of == model and each.decoded.inputs is not None:
            ids.extend(names[place : place + count])
            owners.extend([number] * count)
            rows.extend(each.decoded.inputs)
        place += count
    frame = {"prediction_id": pl.Series(ids, dtype=pl.String), "_owner": pl.Series(owners, dtype=pl.UInt32)}
    for name, values in _by_feature(rows, settings.features).items():
        if name in ("prediction_id", "recorded_at", "_owner", "_segment", "_row"):
            for row, value in enumerate(values):
                if value is not None:
                    unfit.setdefault(owners[row], f"a feature is called {name}, as a column of the log itself")
            continue
        wanted = settings.types.get(name, known.get(name))
        made = recorded_column(name, values, wanted or _usual(values))
        for row, why in made.misfits.items():
            unfit.setdefault(owners[row], f"{name}: {why}")
        if made.series.dtype != pl.Null:
            frame[name] = made.series
    return pl.DataFrame(frame)


def _by_feature(rows: Sequence[Any], features: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Return rows, each a mapping or a list of values, as columns."""
    if not rows:
        return {}
    first = rows[0]
    if type(first) is list:
        width = len(first)
        if all(type(row) is list and len(row) == width for row in rows):
            return dict(zip(_names(width, features), zip(*rows, strict=True), strict=True))
    elif type(first) is dict:
        keys = first.keys()
        if all(type(row) is dict and row.keys() == keys for row in rows):
            return {_text(name): [_flat(row[name]) for row in rows] for name in keys}
    maps = [row if isinstance(row, dict) else dict(zip(_names(len(row), features), row, strict=True)) for row in rows]
    order = dict.fromkeys(name for row in maps for name in row)
    return {_text(name): [_flat(row.get(name)) for row in maps] for name in order}


def _names(width: int, features: Sequence[str]) -> list[str]:
    """Return names for values that have none: those that the caller gives, where it gives as many."""
    return list(features) if len(features) == width else [f"feature_{number}" for number in range(width)]


def _text(name: Any) -> str:
    return str(name)


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
