"""A part of a source: exchanges and labels that are appended together, and the rows that they become."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from audit_lab.capture.adapters.answers import Answers
from audit_lab.capture.adapters.block import Block
from audit_lab.capture.adapters.input_columns import input_columns
from audit_lab.errors import MisuseError
from audit_lab.log.schema import INPUTS_PREFIX, TABLES, TIME
from audit_lab.log.writing.canonical_rows import check_table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from audit_lab.capture.adapters.block import Exchange, Place
    from audit_lab.capture.adapters.exchange import Half, Refusal
    from audit_lab.capture.adapters.settings import Settings

__all__ = ["UNNAMED_MODEL", "Built", "Part", "instance_names", "label_text"]

UNNAMED_MODEL = "unnamed-model"

_COLUMNS = {
    name: dtype() if isinstance(dtype, type) else dtype for name, dtype in TABLES["predictions"].columns.items()
}
_EXACT = 2**53


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
        #: Exchanges in their order, one by one or as blocks.
        self.items: list[Exchange | Block] = []
        self.labels: list[tuple[Half, list[Any], Place]] = []
        #: Exchanges that are kept and know the truth already, with their ids.
        self.known_labels: list[tuple[str, Exchange]] = []
        self.refused: list[tuple[Place, Refusal]] = []
        self.rows = 0
        self.size_bytes = 0
        #: Rows that were built before it was known what the log has, and the ids that they were given.
        self._early: tuple[list[str], Built] | None = None

    @property
    def exchanges(self) -> list[Exchange]:
        """The exchanges one by one; blocks are unfolded for good."""
        if any(isinstance(each, Block) for each in self.items):
            self.items = [
                one for each in self.items for one in (each.exchanges() if isinstance(each, Block) else (each,))
            ]
        return self.items  # type: ignore[return-value]

    def keys(self) -> list[str]:
        """Return the key of each exchange."""
        keys: list[str] = []
        for each in self.items:
            if isinstance(each, Block):
                keys += each.keys
            else:
                keys.append(each.half.key)
        return keys

    def add(self, exchange: Exchange) -> None:
        """Add an exchange."""
        self.items.append(exchange)
        self.rows += exchange.size
        self.size_bytes += sum(len(place.raw) for place in exchange.places)

    def add_block(self, block: Block) -> None:
        """Add exchanges of one shape."""
        self.items.append(block)
        self.rows += len(block)
        self.size_bytes += sum(each.size_bytes for each in block.places)

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

    def prepare(self, settings: Settings) -> None:
        """Build the rows of blocks of one shape already, with their keys as ids: most often that is how they stay."""
        blocks = [each for each in self.items if isinstance(each, Block)]
        if blocks and len(blocks) == len(self.items) and len({each.table.shape for each in blocks}) == 1:
            ids = self.keys()
            built = self._built(ids, settings, lambda _: pl.Schema())
            # A feature without any value is a column only where the log has one: that cannot be told yet.
            widths = [frame.width for frame in built.inputs.values()]
            if not built.unfit and widths == [len(blocks[0].table.columns) + 2]:
                self._early = ids, built

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
        if self._early is not None and self._early[0] == ids:
            built = self._early[1]
            known = {model: types(model) for model in built.inputs}
            if all(known[model].get(name, kind) == kind for model, name, kind in _kinds(built.inputs)):
                return built
        return self._built(ids, settings, types)

    def _built(self, ids: Sequence[str], settings: Settings, types: Callable[[str], pl.Schema]) -> Built:
        owners, names = _instances(self.items, ids)
        models = [settings.model or model or UNNAMED_MODEL for model in _stated(self.items, "model_name")]
        nameless = {} if settings.model else _nameless(dict.fromkeys(models))
        unfit = {place: nameless[model] for place, model in enumerate(models) if model in nameless}
        inputs = {
            model: input_columns(self.items, names, models, model, settings=settings, known=types(model), unfit=unfit)
            for model in dict.fromkeys(models)
            if model not in nameless
        }
        predictions = self._predictions(owners, names, models, settings)
        if unfit:
            kept = ~pl.col("_owner").is_in(list(unfit))
            predictions = predictions.filter(kept)
            inputs = {model: frame.filter(kept) for model, frame in inputs.items()}
        return Built(predictions, {model: frame for model, frame in inputs.items() if frame.height}, unfit)

    def _predictions(self, owners: list[int], names: list[str], models: list[str], settings: Settings) -> pl.DataFrame:
        answers = Answers(settings.outputs)
        outputs = [_outputs(each) for each in self.items]
        if not answers.extend_scores([value for said, count in outputs for value in said or [None] * count]):
            for said, count in outputs:
                answers.extend(said, count)
        owner = pl.Series("_owner", owners, dtype=pl.UInt32)
        by_exchange = self._by_exchange(models, settings)
        columns = pl.DataFrame(
            {
                "score": pl.Series(answers.score, dtype=pl.Float64),
                "label": pl.Series(answers.label, dtype=pl.String),
                "probabilities": pl.Series(answers.probabilities, dtype=pl.List(pl.Float64)),
            }
        )
        known = pl.any_horizontal(pl.all().is_not_null())
        struct = columns.select(outputs=pl.when(known).then(pl.struct(pl.all())))["outputs"]
        decision = pl.Series("decision", answers.decision, dtype=pl.String)
        answer = pl.Series("answer", answers.answer, dtype=pl.String)
        rows = by_exchange[owner] if len(owners) != by_exchange.height else by_exchange
        if "decision" in rows.columns:
            decision = decision.zip_with(decision.is_not_null(), rows["decision"])
        more = [pl.Series("prediction_id", names, dtype=pl.String), struct, decision, owner]
        if answer.null_count() < answer.len():
            more.append(answer)
        return rows.with_columns(more)

    def _by_exchange(self, models: list[str], settings: Settings) -> pl.DataFrame:
        stated: set[str] = set()
        for each in self.items:
            stated |= each.names() if isinstance(each, Block) else (each.half.about or {}).keys()
        said = {name: settings.version_of(name) for name in set(self.versions())}
        columns: dict[str, Any] = {
            "occurred_at": pl.Series(_each(self.items, _ats), dtype=pl.Int64).cast(TIME),
            "model_name": pl.Series(models, dtype=pl.String),
            "model_version": pl.Series([said[name] for name in self.versions()], dtype=pl.String),
            "source_row": pl.Series(_each(self.items, _numbers), dtype=pl.Int64),
            "_file": pl.Series(_each(self.items, _files), dtype=pl.UInt32),
        }
        for name in sorted(stated - {"model_name", "model_version"}):
            columns[name] = pl.Series(_stated(self.items, name), dtype=_COLUMNS.get(name, pl.String()), strict=True)
        parameters = _each(self.items, _parameters)
        if any(each is not None for each in parameters):
            texts = [None if each is None else json.dumps(each, sort_keys=True) for each in parameters]
            columns["parameters"] = pl.Series(texts, dtype=pl.String)
        frame = pl.DataFrame(columns)
        if settings.environment is not None:
            frame = frame.with_columns(environment=pl.lit(settings.environment))
        if settings.sampling_rate is not None and "sampling_rate" not in frame.columns:
            frame = frame.with_columns(sampling_rate=pl.lit(settings.sampling_rate))
        return frame

    def versions(self) -> list[str | None]:
        """Return the version that each exchange states."""
        return _each(self.items, _versions)

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


def _nameless(models: Iterable[str]) -> dict[str, str]:
    """Return the names that records give their model and that no table of a log can have, each with the reason."""
    found = {}
    for model in models:
        try:
            check_table_name(f"{INPUTS_PREFIX}{model}")
        except MisuseError as error:
            found[model] = error.message
    return found


def _kinds(frames: dict[str, pl.DataFrame]) -> Iterator[tuple[str, str, pl.DataType]]:
    """Yield the model, the name and the type of each column of inputs."""
    for model, frame in frames.items():
        for name, kind in frame.drop("_owner").schema.items():
            yield model, name, kind


def _instances(items: Sequence[Exchange | Block], ids: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the exchange of each instance, and its id."""
    owners: list[int] = []
    names: list[str] = []
    number = 0
    for each in items:
        if isinstance(each, Block):
            owners += range(number, number + len(each))
            names += ids[number : number + len(each)]
            number += len(each)
            continue
        owners += [number] * each.size
        names += instance_names(ids[number], each.size)
        number += 1
    return owners, names


def _each(items: Sequence[Exchange | Block], of: Callable[[Exchange | Block], Sequence[Any]]) -> list[Any]:
    """Return something of each exchange."""
    found: list[Any] = []
    for each in items:
        found += of(each)
    return found


def _stated(items: Sequence[Exchange | Block], name: str) -> list[Any]:
    """Return what each exchange states of a column."""
    return _each(
        items,
        lambda each: each.column(name) if isinstance(each, Block) else [(each.half.about or {}).get(name)],
    )


def _versions(each: Exchange | Block) -> Sequence[str | None]:
    if isinstance(each, Block):
        return each.column("model_version")
    return [(each.half.about or {}).get("model_version") or each.decoded.version]


def _ats(each: Exchange | Block) -> Sequence[int | None]:
    return each.ats if isinstance(each, Block) else [each.half.at]


def _numbers(each: Exchange | Block) -> Sequence[int]:
    return each.places[0].numbers if isinstance(each, Block) else [each.places[0].number]


def _files(each: Exchange | Block) -> Sequence[int]:
    return each.places[0].files if isinstance(each, Block) else [each.places[0].file]


def _parameters(each: Exchange | Block) -> Sequence[Any]:
    return [None] * len(each) if isinstance(each, Block) else [each.decoded.parameters]


def _outputs(each: Exchange | Block) -> tuple[list[Any] | None, int]:
    return (each.table.answers, len(each)) if isinstance(each, Block) else (each.decoded.outputs, each.size)
