"""Features that come and go together: which groups are taken, and what they are said to have been."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from audit_lab.errors import MisuseError
from audit_lab.explain import explain
from audit_lab.explain.grouping import checked_groups, group_value, players_of
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


@pytest.mark.parametrize("more", [{"method": "lime"}, {"method": "shap", "perturbation": "path-dependent"}])
def test_groups_are_offered_for_interventional_shap_alone(booster: Model, more: dict[str, Any]) -> None:
    request = booster.request(**more)
    with pytest.raises(MisuseError, match="groups of features are not offered for"):
        explain(request.pop("method"), **request, groups={"route": ["carrier", "distance"]})


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

    asked = {"seed": 0, "additive": False, "probabilities": False}
    whole = model_values(of_text, cities[:1], cities[1:], {"city": ("city",), "years": ("years",)}, **asked)
    folded = model_values(of_columns, columns[:1], columns[1:], {"city": tuple(hot), "years": ("years",)}, **asked)
    assert folded.values == pytest.approx(whole.values, abs=1e-12)
