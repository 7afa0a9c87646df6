"""What is in no list of causes, however near it comes to one: none of it may be explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from faults import FEWEST, Draw, Planted, Truth, differing, plant, rows_of

from audit_lab.replay.units import CONVERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from identifiable import IdentifiableModel

__all__ = ["STRANGERS", "stranger", "strangers_of"]

_NOBODY = Truth(None)


def _swapped(model: IdentifiableModel, recorded: pl.DataFrame, name: str) -> pl.DataFrame:
    other = next(each for each in model.shuffled(model.numbers("float")) if each != name)
    return recorded.with_columns(pl.col(other).alias(name), pl.col(name).alias(other))


def _with(change: Callable[[IdentifiableModel, pl.Series], Any]) -> Callable[..., pl.DataFrame]:
    def changed(model: IdentifiableModel, recorded: pl.DataFrame, name: str) -> pl.DataFrame:
        return recorded.with_columns(pl.Series(name, change(model, recorded[name])).cast(pl.Float64))

    return changed


def _of_one_group(model: IdentifiableModel, recorded: pl.DataFrame, name: str) -> pl.DataFrame:
    """A unit in one half of the cases, another in the other half."""
    half = pl.Series(model.generator.random(recorded.height) < 0.5)
    return recorded.with_columns(pl.when(half).then(pl.col(name) * 0.45359237).otherwise(pl.col(name) * 1.609344))


#: Changes of one float feature, or of two.
_INPUTS: dict[str, Callable[[IdentifiableModel, pl.DataFrame, str], pl.DataFrame]] = {
    "two features swapped": _swapped,
    "noise on a feature": _with(
        lambda model, values: values + pl.Series(model.generator.normal(0, float(values.std()) / 2, values.len()))
    ),
    "shifted by a constant": _with(lambda _, values: values + float(values.std()) * 0.4),
    "another person": _with(lambda model, values: model.shuffled(values.to_list())),
    "the same for everybody": _with(lambda _, values: [float(values.drop_nulls().median())] * values.len()),
    "factor 97": _with(lambda _, values: values * 97),
    "factor 1.25": _with(lambda _, values: values * 1.25),
    "factor 1.68": _with(lambda _, values: values * 1.68),
    "squared": _with(lambda _, values: values * values.abs()),
    "clipped": _with(lambda _, values: values.clip(upper_bound=float(values.quantile(0.4)))),
    "a usual number for a missing value": _with(lambda _, values: values.fill_null(float(values.quantile(0.85)))),
    "two units at once": _of_one_group,
}


def _input_draws(model: IdentifiableModel, name: str) -> Iterator[Draw]:
    near = [each for each in CONVERSIONS if 1.05 < each.factor / each.divisor < 2.2 and not each.before + each.after]
    while True:
        for feature in model.shuffled(model.numbers("float")):
            recorded = model.rows(rows_of(model))
            others = []
            if name in ("factor 1.25", "factor 1.68"):  # it must show that it is none of the units next to it
                others = [recorded.with_columns(each.of(pl.col(feature)).alias(feature)) for each in near]
            yield Draw(_NOBODY, recorded, _INPUTS[name](model, recorded, feature), tuple(others))


def _monotone(scores: np.ndarray) -> np.ndarray:
    """An increasing function of scores; of probabilities one that gives probabilities."""
    return np.sign(scores) * np.abs(scores) ** 1.1


def _scores(name: str, model: IdentifiableModel) -> Planted:
    inputs = model.rows(rows_of(model))
    plain = model.asked(inputs)
    lists = model.kind == "multiclass"
    scores = np.array(plain["probabilities"].to_list()) if lists else plain["score"].to_numpy()[:, None]
    size = 0.01 if model.kind in ("probability", "multiclass") else 0.01 * float(scores.std())
    noise = model.generator.uniform(size, 3 * size, scores.shape)
    changed = {
        "a monotone function of the score": lambda: _monotone(scores),
        "a bias added": lambda: scores + size * model.generator.uniform(1, 2),
        "noise on the score": lambda: scores + noise,
        "two decimals": lambda: scores.round(2),
    }[name]()
    if lists:
        outputs = plain.with_columns(
            pl.Series("probabilities", changed.tolist(), dtype=pl.List(pl.Float64)),
            pl.Series("score", changed.max(axis=1)),
        )
    else:
        outputs = plain.with_columns(pl.Series("score", changed[:, 0]))
    assert int(differing(outputs, plain).sum()) >= FEWEST
    return Planted(_NOBODY, inputs, outputs)


def _labels(name: str, model: IdentifiableModel) -> Planted:
    """Labels or decisions that somebody wrote over; where the label follows from a score, at its threshold too."""
    inputs = model.rows(rows_of(model))
    outputs = model.asked(inputs)
    rows, generator = inputs.height, model.generator
    own = model.labels(outputs)
    names = list(dict.fromkeys(own))
    some = generator.permutation(rows)[
        : {"some labels written over": 30, "four labels written over": 4}.get(name, rows)
    ]
    if name == "labels at random":
        return Planted(
            _NOBODY, inputs, outputs, labels=[names[place] for place in generator.integers(0, len(names), rows)]
        )
    if name == "decisions written over":
        return Planted(_NOBODY, inputs, outputs, decisions={int(row): "by hand" for row in some[:30]})
    if name == "a threshold for one group":
        lower = float(np.quantile(outputs["score"].to_numpy(), 0.3))
        group = inputs[model.numbers("int")[0]] % 2 == 0
        changed = pl.select(pl.when(group & (outputs["score"] >= lower)).then(pl.lit("bad")).otherwise(pl.Series(own)))
        return Planted(_NOBODY, inputs, outputs, labels=changed.to_series().to_list())
    if name == "every label the other one":
        following = dict(zip(names, names[1:] + names[:1], strict=True))
        return Planted(_NOBODY, inputs, outputs, labels=[following[label] for label in own])
    if name == "everybody refused":
        return Planted(_NOBODY, inputs, outputs, labels=[names[0]] * rows)
    if name == "some next to the threshold":
        # Of the twenty just below it every other one; whoever did that did not lay the threshold elsewhere.
        below = [int(row) for row in outputs["score"].arg_sort(descending=True) if own[int(row)] == "good"][:20]
        some = np.array(below[1::2])
    labels = list(own)
    for row in some:
        labels[int(row)] = next(each for each in model.shuffled(names) if each != own[int(row)])
    return Planted(_NOBODY, inputs, outputs, labels=labels)


_OF_SCORES = ("a monotone function of the score", "a bias added", "noise on the score", "two decimals")
_OF_LABELS = (
    "some labels written over",
    "four labels written over",
    "labels at random",
    "decisions written over",
    "every label the other one",
    "everybody refused",
)
_OF_THRESHOLDS = ("a threshold for one group", "some next to the threshold")
STRANGERS = (*_INPUTS, *_OF_SCORES, *_OF_LABELS, *_OF_THRESHOLDS)


def strangers_of(model: IdentifiableModel) -> list[str]:
    """Return what can befall a model: one that gives labels alone has no score, and one without a threshold none."""
    absent = (*(_OF_SCORES if model.kind == "label" else ()), *(() if model.has_threshold else _OF_THRESHOLDS))
    return [name for name in STRANGERS if name not in absent]


def stranger(model: IdentifiableModel, name: str) -> Planted:
    """Return a block that something in no list befell."""
    if name in _INPUTS:
        return plant(model, _input_draws(model, name), name)
    return _scores(name, model) if name in _OF_SCORES else _labels(name, model)
