"""Each way of computing Shapley values, against the definition, on models of up to eight features."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.explain import model_values as module
from audit_lab.explain.model_values import model_values
from audit_lab.explain.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORDS = ["x", "y", None]


def frames(features: int, rows: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a row and a background of numbers (some missing), whole numbers, truth values and texts."""
    generator = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for place in range(features):
        values = generator.integers(0, 3, rows + 1)
        columns[f"f{place}"] = [
            [None if value == 2 else value / 3 for value in values.tolist()],
            values.tolist(),
            [bool(value) for value in values],
            [WORDS[value] for value in values],
        ][place % 4]
    frame = pl.DataFrame(columns, schema={name: _kind(place) for place, name in enumerate(columns)})
    return frame[:1], frame[1:]


def _kind(place: int) -> Any:
    return [pl.Float64, pl.Int64, pl.Boolean, pl.String][place % 4]


def numbers(frame: pl.DataFrame) -> Any:
    """Return a matrix of what a frame holds; what is missing counts as a half."""
    coded = frame.with_columns(pl.col(pl.String).replace_strict({"x": 1.5, "y": -1.0}, return_dtype=pl.Float64))
    return coded.cast(pl.Float64).fill_null(0.5).to_numpy()


def bent(frame: pl.DataFrame) -> Any:
    matrix = numbers(frame)
    return np.tanh(matrix @ np.arange(1, matrix.shape[1] + 1) / 4 - matrix[:, 0] * matrix[:, -1])


def straight(frame: pl.DataFrame) -> Any:
    matrix = numbers(frame)
    return matrix @ np.arange(1, matrix.shape[1] + 1)


def by_definition(
    score: Callable[[pl.DataFrame], Any], row: pl.DataFrame, background: pl.DataFrame, players: Sequence[Sequence[str]]
) -> list[float]:
    """Shapley's formula, term by term."""

    @cache
    def worth(coalition: frozenset[int]) -> float:
        taken = [name for place in coalition for name in players[place]]
        replaced = [pl.lit(row[name].item(), dtype=row.schema[name]).alias(name) for name in taken]
        return float(np.mean(score(background.with_columns(replaced))))

    count = len(players)
    found = []
    for player in range(count):
        others = [other for other in range(count) if other != player]
        found.append(
            sum(
                (worth(frozenset({*coalition, player})) - worth(frozenset(coalition))) / comb(count - 1, size) / count
                for size in range(count)
                for coalition in combinations(others, size)
            )
        )
    return found


def asked(score: Any, row: pl.DataFrame, background: pl.DataFrame, **more: Any) -> Any:
    players = {name: (name,) for name in row.columns}
    given_ = {"players": players, "sampling": Sampling(), "additive": False, "probabilities": False, **more}
    return model_values(score, row, background, given_.pop("players"), **given_)


@settings(deadline=None, max_examples=8)
@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 99))
def test_enumeration_is_the_definition(features: int, rows: int, seed: int) -> None:
    row, background = frames(features, rows, seed)
    found = asked(bent, row, background)
    expected = by_definition(bent, row, background, [[name] for name in row.columns])
    assert found.values == pytest.approx(expected, abs=1e-9)
    assert found.algorithm == "exact enumeration of coalitions, interventional"


@settings(deadline=None, max_examples=8)
@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 99))
def test_adding_up_is_the_definition(features: int, rows: int, seed: int) -> None:
    row, background = frames(features, rows, seed)
    found = asked(straight, row, background, additive=True)
    expected = by_definition(straight, row, background, [[name] for name in row.columns])
    assert found.values == pytest.approx(expected, abs=1e-9)
    assert found.base == pytest.approx(float(np.mean(straight(background))))
    assert (found.algorithm, found.library) == ("linear, interventional", "audit_lab")


@settings(deadline=None, max_examples=8)
@given(st.integers(2, 8), st.integers(1, 5), st.integers(0, 99))
def test_groups_are_players_of_the_definition(features: int, rows: int, seed: int) -> None:
    row, background = frames(features, rows, seed)
    together, *alone = [row.columns[:2], *([name] for name in row.columns[2:])]
    players = {"group": tuple(together), **{name: (name,) for (name,) in alone}}
    found = asked(bent, row, background, players=players)
    assert found.values == pytest.approx(by_definition(bent, row, background, [together, *alone]), abs=1e-9)


def test_sampling_comes_close_to_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ENUMERATED", 0)
    row, background = frames(8, 5, seed=4)
    found = asked(bent, row, background)
    expected = by_definition(bent, row, background, [[name] for name in row.columns])
    assert found.values != pytest.approx(expected, abs=1e-9)
    assert found.values == pytest.approx(expected, abs=0.03)
    assert [check.name for check in found.checks] == ["sampling error"]
    assert found.algorithm.startswith("permutation sampling of ")


def test_what_is_said_to_add_up_and_does_not_is_enumerated() -> None:
    row, background = frames(5, 4, seed=1)
    found = asked(bent, row, background, additive=True)
    assert found.algorithm == "exact enumeration of coalitions, interventional"
    assert found.values.tolist() == asked(bent, row, background).values.tolist()


def test_the_bits_are_those_of_shaps_exact_explainer() -> None:
    row, background = frames(5, 6, seed=2)
    names = row.columns
    values = {name: [*row[name], *background[name]] for name in names}
    known = {name: list(dict.fromkeys(values[name])) for name in names}
    codes = np.array([[known[name].index(value) for value in values[name]] for name in names], dtype=float).T

    def score(matrix: Any) -> Any:
        columns = {name: [known[name][int(code)] for code in matrix[:, place]] for place, name in enumerate(names)}
        return bent(pl.DataFrame(columns, schema=row.schema))

    shap = module.import_shap()
    direct = shap.explainers.Exact(score, shap.maskers.Independent(codes[1:]))(codes[:1], silent=True)
    assert asked(bent, row, background).values.tolist() == direct.values[0].tolist()
