"""Faults of each kind in the list of causes, in each of its ways: drawn until what is on record can show which it was.

A fault shows where it alters enough decisions, and where the changes that nobody makes (another factor, another number
in the place of what is missing, one category in every case) would have altered them in another way. A fault of which
no draw shows is an error of the model here, never left out: what cannot be is listed in `impossible`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.replay.units import CONVERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from identifiable import IdentifiableModel

__all__ = [
    "FEWEST",
    "INPUT_WAYS",
    "SPELLINGS",
    "Draw",
    "FaultError",
    "Planted",
    "Truth",
    "differing",
    "plant",
    "rows_of",
]

#: At least so many decisions of a block must come out otherwise, or the fault is drawn again.
FEWEST = 20
#: Fewer are enough where nothing is to be found in them.
FEWEST_STRANGE = 6
MOST_DRAWS = 400
#: Of a score, or of its size if that is more: well beyond what is tolerated of any kind of output.
FURTHEST_TOLERATED = 1e-5

#: How the categories must be spelt for a form of them to be what the model knows: in which case, and with what between.
SPELLINGS: dict[str, tuple[str, str]] = {
    "without spaces around it": ("lower upper title", " _"),
    "in lower case": ("lower", " _"),
    "in upper case": ("upper", " _"),
    "with a capital first": ("title", " _"),
    "without spaces around it, in lower case": ("lower", " _"),
    "without spaces around it, in upper case": ("upper", " _"),
    "with _ for spaces": ("lower upper title", "_"),
    "with spaces for _": ("lower upper title", " "),
}

_FILLS = {"-1 for a missing value": -1.0, "-999 for a missing value": -999.0, "-9999 for a missing value": -9999.0}


class FaultError(AssertionError):
    """No draw of a fault shows in what the model answers."""


@dataclass(frozen=True)
class Truth:
    """What really happened to a block: kind, feature and value of the cause; kind None: none that is listed."""

    kind: str | None
    feature: str | None = None
    value: str | float | None = None


@dataclass(frozen=True)
class Planted:
    """The inputs on record, and what the model answered to those that really reached it.

    `threshold` is what was in force where that is not the registered one, `stated` what the predictions state,
    `version` the version by whose rules and mapping of labels was decided, `without` the rules that were not applied.
    """

    truth: Truth
    inputs: pl.DataFrame
    outputs: pl.DataFrame
    threshold: float | None = None
    stated: float | None = None
    version: str = "1"
    decisions_of: str = "1"
    without: tuple[str, ...] = ()
    labels: list[str] | None = None
    decisions: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Draw:
    """Inputs on record and those that reached the model.

    `others` are inputs of changes that must have come out otherwise; `coded` has categories by whose order the model
    read the real inputs.
    """

    truth: Truth
    recorded: pl.DataFrame
    real: pl.DataFrame
    others: tuple[pl.DataFrame, ...] = ()
    coded: dict[str, list[str]] | None = None


def rows_of(model: IdentifiableModel) -> int:
    """Return how many decisions a block has: labels alone say little each."""
    return 240 if model.has_threshold else 300


def differing(one: pl.DataFrame, other: pl.DataFrame) -> pl.Series:
    """Return which rows of two outputs are not the same."""
    return pl.Series([a != b for a, b in zip(one.rows(), other.rows(), strict=True)], dtype=pl.Boolean)


def _told(one: pl.DataFrame, other: pl.DataFrame) -> int:
    """Return how many rows of two outputs are further apart than any tolerance; where there are labels alone, differ.

    Scores that are all but nought or one differ in bits that another number of rows at once may round otherwise.
    """
    if one["score"].null_count() == one.height:
        return int(differing(one, other).sum())
    apart = (one["score"] - other["score"]).abs()
    return int((apart > FURTHEST_TOLERATED * other["score"].abs().clip(lower_bound=1.0)).sum())


def plant(model: IdentifiableModel, draws: Iterator[Draw], name: str) -> Planted:
    """Return the first draw that shows.

    Raises
    ------
    FaultError
        Where none does.
    """
    for _, draw in zip(range(MOST_DRAWS), draws, strict=False):
        plain = model.asked(draw.recorded)
        real = model.asked(draw.real, coded=draw.coded)
        changed = differing(real, plain)
        if int(changed.sum()) < (FEWEST if draw.truth.kind else FEWEST_STRANGE):
            continue
        kept = real.filter(changed)
        answers = model.asked(*(each.filter(changed) for each in (draw.recorded, *draw.others)))
        others = answers[1:] if draw.others else []
        # A search looks at some of the decisions, so more than one must tell them apart; labels tell least.
        apart = (2 if model.kind == "label" else 5) if draw.truth.kind else 1
        if all(_told(each, kept) >= apart for each in others):
            return Planted(draw.truth, draw.recorded, real)
    raise FaultError(f"{name} does not show in {model.artifact_format}, {model.kind}, seed {model.seed}")


def _units(model: IdentifiableModel, _way: str) -> Iterator[Draw]:
    while True:
        for conversion in model.shuffled(list(CONVERSIONS)):
            name = model.shuffled(model.numbers("float", "int"))[0]
            recorded = model.rows(rows_of(model))
            real = recorded.with_columns(conversion.of(pl.col(name)).alias(name))
            others = [real.with_columns(pl.col(name) * factor) for factor in (1 / 30, 0.3, 1 / 1.1, 1 / 1.03)]
            others += [real.with_columns(pl.col(name) * factor) for factor in (1.03, 1.1, 3.0, 30.0)]
            if model.artifact_format != "onnx" or name not in model.numbers("int"):  # of those its graph misses none
                others.append(real.with_columns(pl.lit(None, dtype=pl.Float64).alias(name)))
            middle, there = (float(each[name].drop_nulls().median()) for each in (recorded, real))
            others.append(real.with_columns(pl.lit(middle).alias(name)))
            if conversion.factor != 1.0 or conversion.divisor != 1.0:
                others.append(recorded.with_columns(pl.col(name) + (there - middle)))
            if middle:
                others += [
                    recorded.with_columns(
                        (pl.col(name) / middle).abs().pow(power) * there * pl.col(name).sign() * np.sign(middle)
                    )
                    for power in (0.5, 0.8, 1.25, 2.0)
                ]
            yield Draw(Truth("unit", name, str(conversion)), recorded, real, tuple(others))


def _missing(model: IdentifiableModel, way: str) -> Iterator[Draw]:
    floats = model.numbers("float")
    while True:
        names = model.shuffled(floats)[: 2 if way.endswith("every feature") else 1]
        recorded = model.rows(rows_of(model))
        if way.endswith("every feature"):  # then nothing else is missing, or zero
            recorded = recorded.with_columns(
                pl.col(name).fill_null(3).replace(0, 3) for name in model.numbers("float", "int") if name not in names
            )
        filled: list[pl.Series] = []
        others: tuple[list[pl.Series], list[pl.Series]] = ([], [])
        for name in names:
            values = recorded[name]
            places = (values == 0) if "for 0" in way else values.is_null()
            places = places.fill_null(value=False)
            given = None if "for 0" in way else _FILLS.get(way, 0.0)
            filled.append(_put(values, places, given))
            for each, number in zip(others, _elsewhere(values.filter(~places)), strict=True):
                each.append(_put(values, places, number))
        truth = Truth("missing-value", names[0] if len(names) == 1 else None, way)
        changes = [*others, *([each] for each in filled if len(names) > 1)]
        real = recorded.with_columns(filled)
        yield Draw(truth, recorded, real, tuple(recorded.with_columns(each) for each in changes))


def _put(values: pl.Series, places: pl.Series, number: float | None) -> pl.Series:
    frame = pl.DataFrame({"value": values, "place": places})
    lit = pl.lit(number, dtype=pl.Float64)
    return frame.select(pl.when("place").then(lit).otherwise("value").alias(values.name))[values.name]


def _elsewhere(values: pl.Series) -> tuple[float, float]:
    """Two values that are far from nothing: in the middle, and beyond the largest."""
    return float(values.filter(values != 0).drop_nulls().median()), 2 * float(values.max()) + 1


def _missing_text(model: IdentifiableModel, _way: str) -> Iterator[Draw]:
    name, known = "region", model.categories("region")
    while True:
        recorded = model.rows(rows_of(model))
        real = recorded.with_columns(pl.col(name).fill_null(known[0]))
        others = tuple(recorded.with_columns(pl.col(name).fill_null(text)) for text in known[1:])
        yield Draw(Truth("missing-value", name, f"{known[0]!r} for a missing value"), recorded, real, others)


def _precision(model: IdentifiableModel, way: str) -> Iterator[Draw]:
    """Numbers of more digits than a 32-bit float has, where the model leaps at values, next to these."""
    rounded: Callable[[float], float] = {
        "inputs in 32-bit": lambda value: float(np.float32(value)),
        "inputs in 64-bit, compared below": lambda value: _towards(value, -np.inf),
        "inputs in 64-bit, compared above": lambda value: _towards(value, np.inf),
    }[way]
    count = rows_of(model) if model.has_threshold or model.kind == "multiclass" else 4000
    while True:
        recorded = model.rows(count)
        sides = {"below": [-1.0], "above": [1.0]}.get(way.rpartition(" ")[2], [-1.0, 1.0])
        for name in model.numbers("float"):
            edges = [each for each in model.edges[name] if each] or [1.0]
            at = np.array([edges[place] for place in model.generator.integers(0, len(edges), count)])
            near = at + np.abs(at) * 1e-9 * model.generator.choice(sides, count)
            if not model.edges[name]:
                near = recorded[name].to_numpy() * (1 + 1e-9)
            recorded = recorded.with_columns(
                pl.when(pl.col(name).is_not_null()).then(pl.Series(near)).alias(name).fill_nan(None)
            )
        real = recorded.with_columns(
            pl.Series(name, [None if each is None else rounded(each) for each in recorded[name]], dtype=pl.Float64)
            for name in model.numbers("float")
        )
        if model.kind == "label":  # few labels change, so that these are looked for
            changed = differing(*model.asked(recorded, real))
            places = pl.concat([changed.arg_true()[:60], (~changed).arg_true()[: rows_of(model) - 60]])
            recorded, real = recorded[places.sort()], real[places.sort()]
        yield Draw(Truth("precision", None, way), recorded, real)


def _towards(value: float, direction: float) -> float:
    """Return the nearest 32-bit float on one side."""
    narrow = np.float32(value)
    if float(narrow) > value if direction < 0 else float(narrow) < value:
        narrow = np.nextafter(narrow, np.float32(direction))
    return float(narrow)


def _text_forms(model: IdentifiableModel, way: str) -> Iterator[Draw]:
    spoilt: Callable[[pl.Expr], pl.Expr] = {
        "without spaces around it": lambda text: " " + text + " ",
        "in lower case": lambda text: text.str.to_uppercase(),
        "in upper case": lambda text: text.str.to_lowercase(),
        "with a capital first": lambda text: text.str.to_lowercase(),
        "without spaces around it, in lower case": lambda text: " " + text.str.to_uppercase(),
        "without spaces around it, in upper case": lambda text: text.str.to_lowercase() + " ",
        "with _ for spaces": lambda text: text.str.replace_all("_", " ", literal=True),
        "with spaces for _": lambda text: text.str.replace_all(" ", "_", literal=True),
    }[way]
    for _ in range(MOST_DRAWS):
        for name in model.shuffled(["region", "channel"]):
            real = model.rows(rows_of(model))
            recorded = real.with_columns(spoilt(pl.col(name)).alias(name))
            truth, others = Truth("category-encoding", name, way), _in_every_case(model, recorded, name)
            yield Draw(truth, recorded, real, others)


def _orders(model: IdentifiableModel, way: str) -> Iterator[Draw]:
    ordered: Callable[[list[str]], list[str]] = {
        "in alphabetical order": sorted,
        "in reversed alphabetical order": lambda known: sorted(known, reverse=True),
        "in reversed order": lambda known: known[::-1],
        "one place further on": lambda known: known[-1:] + known[:-1],
        "one place before": lambda known: known[1:] + known[:1],
    }[way]
    for _ in range(MOST_DRAWS):
        for name in model.shuffled(["region", "channel"]):
            known = model.categories(name)
            order = ordered(known)
            alphabetical = [sorted(known), sorted(known, reverse=True)]
            if order == known or (way == "in reversed order" and order in alphabetical):  # it has another name then
                continue
            recoded = [known[order.index(each)] for each in known]
            recorded = model.rows(rows_of(model))
            real = recorded.with_columns(pl.col(name).replace(known, recoded))
            moved = {new for old, new in zip(known, recoded, strict=True) if old != new}
            truth = Truth("category-encoding", name, way)
            others = (*_in_every_case(model, recorded, name), *_exchanged(model, real, name, moved))
            yield Draw(truth, recorded, real, others)


def _from_one(model: IdentifiableModel, way: str) -> Iterator[Draw]:
    while True:
        for name in model.shuffled(["region", "channel"]):
            known = model.categories(name)
            order = sorted(known) if way.endswith("none") else known
            recorded = model.rows(rows_of(model))
            truth = Truth("category-encoding", name, way)
            others = _in_every_case(model, recorded, name)
            yield Draw(truth, recorded, recorded, others, {name: ["\0", *order]})


def _in_every_case(model: IdentifiableModel, recorded: pl.DataFrame, name: str) -> tuple[pl.DataFrame, ...]:
    """Return the inputs with one category, or an unknown one, in every case."""
    constants = (*model.categories(name), "no category")
    return tuple(recorded.with_columns(pl.lit(text).alias(name)) for text in constants)


def _exchanged(model: IdentifiableModel, real: pl.DataFrame, name: str, moved: set[str]) -> tuple[pl.DataFrame, ...]:
    """Return real inputs with two categories exchanged: a model that takes them for one another shows no coding.

    Of two that the coding leaves where they are nothing need show.
    """
    return tuple(
        real.with_columns(pl.col(name).replace([one, other], [other, one]))
        for one, other in combinations(model.categories(name), 2)
        if moved & {one, other}
    )


#: The ways in which each kind of fault in the inputs comes.
INPUT_WAYS: dict[str, dict[str, Callable[[IdentifiableModel, str], Iterator[Draw]]]] = {
    "precision": dict.fromkeys(
        ("inputs in 32-bit", "inputs in 64-bit, compared below", "inputs in 64-bit, compared above"), _precision
    ),
    "missing-value": {
        **dict.fromkeys(
            (
                "0 for a missing value",
                "a missing value for 0",
                "0 for a missing value, in every feature",
                "a missing value for 0, in every feature",
                *_FILLS,
            ),
            _missing,
        ),
        "a text for a missing value": _missing_text,
    },
    "category-encoding": {
        **dict.fromkeys(
            SPELLINGS,
            _text_forms,
        ),
        **dict.fromkeys(
            (
                "in alphabetical order",
                "in reversed alphabetical order",
                "in reversed order",
                "one place further on",
                "one place before",
            ),
            _orders,
        ),
        **dict.fromkeys(("from one", "from one, after 0 for none"), _from_one),
    },
    "unit": {"another unit": _units},
}
