"""Features that come and go together: which groups are taken, and what they are said to have been."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from audit_lab.errors import MisuseError
from audit_lab.explain import explain, lime_task
from audit_lab.explain.grouping import checked_groups, group_value, players_of, taken_apart
from audit_lab.explain.sampling import Sampling
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from conftest import Model

NAMES = ("income", "city_Oslo", "city_Rome", "years")
SIGNATURE = Signature.parse(
    json.dumps({"features": [{"name": name, "dtype": "float"} for name in NAMES], "output": {"kind": "regression"}})
)


def test_a_group_stands_where_its_first_feature_does() -> None:
    assert players_of(SIGNATURE, {"city": ("city_Oslo", "city_Rome")}) == {
        "income": ("income",),
        "city": ("city_Oslo", "city_Rome"),
        "years": ("years",),
    }
    assert list(players_of(SIGNATURE, {})) == list(NAMES)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"city": ["city_Oslo", "city_Bern"]}, "the group 'city' has the feature 'city_Bern'"),
        ({"city": []}, "the group 'city' has no list of features"),
        ({"city": "income"}, "the group 'city' has no list of features"),
        ({"a": ["income"], "b": ["income"]}, "the feature 'income' stands in two groups"),
        ({"a": ["income", "income"]}, "the feature 'income' stands in two groups, or twice in one"),
        ({"years": ["income", "city_Oslo"]}, "has the name of a feature that is not in it"),
        ("city", "groups are given as a text"),
    ],
)
def test_groups_that_cannot_be_meant_are_misuse(groups: Any, message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        checked_groups(SIGNATURE, groups)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"city_Oslo": 0, "city_Rome": 1}, "Rome"),
        ({"city=Oslo": 0.0, "city=Rome": 1.0, "city=Bern": None}, "Rome"),
        ({"is red": True, "is blue": False}, "red"),
        ({"Oslo": 1, "Rome": 0}, "Oslo"),
        ({"city_Oslo": 1, "city_Rome": 1}, "city_Oslo = 1, city_Rome = 1"),
        ({"city_Oslo": 0, "city_Rome": None}, "city_Oslo = 0, city_Rome = missing"),
        ({"income": 1.0, "years": 7}, "income = 1.0, years = 7"),
        ({"flag": 1}, "flag"),
    ],
)
def test_the_value_of_a_group_names_the_column_that_is_set(values: Any, expected: str) -> None:
    assert group_value(values) == expected


def test_a_group_has_one_contribution_and_a_question_of_its_own(booster: Model) -> None:
    groups = {"route": ["carrier", "distance"]}
    found = explain("shap", **booster.request(), groups=groups)
    again = explain("shap", **booster.request(), groups=groups)
    assert [each.feature for each in found.contributions] == ["route", "hour", "weekend", "idle"]
    assert found.contributions[0].value == "carrier = US, distance = 412.5"
    assert again == found
    assert len(explain("shap", **booster.request()).contributions) == 5


def test_groups_are_not_offered_for_what_boosters_give_for_columns_alone(booster: Model) -> None:
    with pytest.raises(
        MisuseError, match=r"path-dependent values \(route\): the booster gives a value for each column"
    ):
        explain("shap", **booster.request(), perturbation="path-dependent", groups={"route": ["carrier", "distance"]})


def test_lime_of_a_group_is_that_of_lime_called_with_one_category(booster: Model, pipeline: Model) -> None:
    from lime.lime_tabular import LimeTabularExplainer

    scorer, background = booster.scorer(), pipeline.background.with_columns(hour=pl.col("hour") // 8 * 8)
    row = booster.row.with_columns(hour=pl.lit(16, dtype=pl.Int64))
    both = pl.concat([row, background])
    pairs = list(dict.fromkeys(both.select("hour", "weekend").rows()))
    carriers = sorted(set(both["carrier"]))

    def positive(matrix: np.ndarray[Any, Any]) -> Any:
        drawn = [pairs[int(code)] for code in matrix[:, 2]]
        frame = pl.DataFrame(
            {
                "carrier": [carriers[int(code)] for code in matrix[:, 0]],
                "distance": matrix[:, 1],
                "hour": [hour for hour, _ in drawn],
                "weekend": [weekend for _, weekend in drawn],
                "idle": matrix[:, 3],
            }
        )
        return scorer.scores(frame)

    def coded(frame: pl.DataFrame) -> np.ndarray[Any, Any]:
        codes = [pairs.index(pair) for pair in frame.select("hour", "weekend").rows()]
        texts = [carriers.index(carrier) for carrier in frame["carrier"]]
        return np.column_stack([texts, frame["distance"], codes, frame["idle"]]).astype(np.float64)

    direct = LimeTabularExplainer(
        coded(background), categorical_features=[0, 2], feature_selection="none", random_state=4
    ).explain_instance(
        coded(row)[0],
        lambda matrix: np.column_stack([1 - positive(matrix), positive(matrix)]),
        num_features=4,
        num_samples=800,
    )

    groups = {"time": ["hour", "weekend"]}
    found = lime_task.attribute(booster.job(row, background, seed=4, samples=800, groups=groups)).header

    weights = dict(direct.local_exp[1])
    assert found["contributions"] == pytest.approx([weights[place] for place in range(4)], abs=1e-12)
    assert found["base_value"] == pytest.approx(direct.intercept[1], abs=1e-12)


def test_lime_through_the_sandbox_has_one_contribution_of_a_group(booster: Model) -> None:
    groups = {"route": ["carrier", "distance"]}
    found = explain("lime", **booster.request(), groups=groups, further_seeds=0)
    assert [each.feature for each in found.contributions] == ["route", "hour", "weekend", "idle"]
    assert found.contributions[0].value == "carrier = US, distance = 412.5"
    familiar = next(check for check in found.checks if check.name == "familiarity")
    assert not familiar.passed  # no other flight is of this carrier and this distance
    assert familiar.detail == "the background holds nothing like route = (carrier = US, distance = 412.5)"


def test_what_is_taken_apart_is_said() -> None:
    features = ",".join(f'{{"name":"{name}","dtype":"bool","group":"city"}}' for name in ("city_Oslo", "city_Rome"))
    signature = Signature.parse(f'{{"features":[{features}],"output":{{"kind":"regression"}}}}')
    assert taken_apart(signature, {"town": ["city_Rome", "city_Oslo"]}) is None
    assert taken_apart(signature) == (
        "The signature declares that features belong together (city: city_Oslo, city_Rome); here each is taken by "
        "itself."
    )


def test_columns_recorded_one_hot_fold_to_what_the_one_column_has(booster: Model) -> None:
    """A model of one column and of its one-hot columns, folded, are one model: so are the values."""
    from audit_lab.explain.model_values import model_values

    cities = pl.DataFrame({"city": ["Rome", "Oslo", "Bern", "Rome", "Oslo"], "years": [3.0, 5.0, 1.0, 4.0, 2.0]})
    columns = cities.to_dummies("city")
    worth = {"Rome": 2.0, "Oslo": -1.0, "Bern": 0.5}
    hot = [f"city_{name}" for name in worth]

    def of_text(frame: pl.DataFrame) -> Any:
        return (frame["city"].replace_strict(worth, return_dtype=pl.Float64) * frame["years"]).to_numpy()

    def of_columns(frame: pl.DataFrame) -> Any:
        one = sum(frame[name].to_numpy() * value for name, value in zip(hot, worth.values(), strict=True))
        return one * frame["years"].to_numpy()

    asked: dict[str, Any] = {"sampling": Sampling(), "additive": False, "probabilities": False}
    whole = model_values(of_text, cities[:1], cities[1:], {"city": ("city",), "years": ("years",)}, **asked)
    folded = model_values(of_columns, columns[:1], columns[1:], {"city": tuple(hot), "years": ("years",)}, **asked)
    assert folded.values == pytest.approx(whole.values, abs=1e-12)
