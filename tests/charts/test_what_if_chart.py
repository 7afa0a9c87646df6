"""The picture of a what-if: which rows it draws, and that the quick specification is the checked one."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.charts.beside import what_if_specification
from audit_lab.charts.render import _drawn


def tried(features=2, **changed):
    rows = pl.DataFrame(
        {
            "feature": [f"f{number:02}" for number in range(features)],
            "unit": ["EUR", *([None] * (features - 1))],
            "recorded": ["1,000"] * features,
            "value": ["2,000", *(["1,000"] * (features - 1))],
            "is_changed": [True, *([False] * (features - 1))],
            "contribution": [0.001, *(-0.01 * number for number in range(1, features))],
            "changed_contribution": [0.1, *(-0.02 * number for number in range(1, features))],
            "difference": [0.099, *(-0.01 * number for number in range(1, features))],
        }
    )
    sides = pl.DataFrame(
        {
            "side": ["recorded", "original", "changed"],
            "score": [0.4, 0.4, 0.62],
            "decision": ["approve", "approve", "deny"],
            "refused": pl.Series([None, None, None], dtype=pl.String),
        }
    )
    given = {
        "headline": "1 input changed",
        "caption": ["p-1"],
        "threshold": 0.5,
        "score_title": "Score: probability of bad",
        "score_range": (0.0, 1.0),
        "share_title": "Contribution to the probability of 'bad'",
        "sides": sides,
        "rows": rows,
    }
    return SimpleNamespace(**{**given, **changed})


def datasets(found):
    return charts.what_if(found).to_dict()["datasets"]


def test_both_scores_stand_against_the_threshold():
    drawn = datasets(tried())
    assert drawn["scores"] == [
        {"side": "original", "score": 0.4, "text": "0.4000  approve"},
        {"side": "changed", "score": 0.62, "text": "0.6200  deny"},
    ]
    assert drawn["threshold"] == [{"at": 0.5, "text": "threshold 0.5"}]
    assert "threshold 0.5" in charts.svg(charts.what_if(tried()))


def test_changed_features_come_first_and_are_marked_by_a_sign():
    labels = [row["label"] for row in datasets(tried(3))["contributions"]]
    assert list(dict.fromkeys(labels)) == [
        "\N{BLACK CIRCLE} f00 = 2,000 EUR (was 1,000)",
        "f02 = 1,000",
        "f01 = 1,000",
    ]


def test_each_feature_has_both_contributions_and_the_rest_is_added_up():
    drawn = datasets(tried(20))["contributions"]
    assert len(drawn) == 2 * 13
    assert [row["label"] for row in drawn[-2:]] == ["all other features (8)"] * 2
    assert round(drawn[-2]["share"], 6) == round(-0.01 * sum(range(1, 9)), 6)
    assert (drawn[0]["text"], drawn[1]["text"]) == ("+0.001", "+0.100")
    assert drawn[2]["text"] == "\N{MINUS SIGN}0.190"


def test_contributions_that_are_not_of_one_output_are_not_put_side_by_side():
    found = tried()
    found.rows = found.rows.with_columns(difference=pl.lit(None, dtype=pl.Float64))
    assert {row["side"] for row in datasets(found)["contributions"]} == {"original"}


def test_features_whose_names_are_cut_alike_keep_bars_of_their_own():
    found = tried()
    found.rows = found.rows.with_columns(
        feature=pl.Series(["x" * 40 + "1", "x" * 40 + "2"]), value=pl.lit("1"), is_changed=False, unit=None
    )
    assert len({row["label"] for row in datasets(found)["contributions"]}) == 2


def test_without_threshold_or_attribution_only_the_scores_are_drawn():
    found = tried(threshold=None, share_title=None)
    drawn = charts.what_if(found).to_dict()
    assert set(drawn["datasets"]) == {"scores"}
    assert len(drawn["vconcat"]) == 1
    charts.svg(drawn)


def test_the_quick_specification_is_that_of_the_chart_and_draws_the_same():
    for found in (tried(), tried(5), tried(threshold=None), tried(share_title=None, score_range=None)):
        specification = what_if_specification(found)
        assert specification == charts.what_if(found).to_dict()
        assert charts.svg(specification) == charts.svg(charts.what_if(found))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"features": 20},
        {"threshold": None, "score_range": None},
        {"share_title": None},
        {"caption": []},
        {"headline": "a\x1b \\x1b <b>&", "caption": ["\\x1b\x00", ""]},
        {"headline": ""},
    ],
)
def test_a_shape_that_is_compiled_once_is_drawn_as_one_compiled_with_its_rows(changed):
    specification = what_if_specification(tried(**changed))
    assert charts.svg(specification) == _drawn(specification)
    assert charts.svg(specification) == _drawn(specification)


def test_pictures_of_one_shape_have_their_own_rows():
    first, second = (charts.svg(what_if_specification(tried(threshold=edge))) for edge in (0.5, 0.25))
    assert "threshold 0.5" in first
    assert "threshold 0.25" in second
    assert "threshold 0.5" not in second


def test_a_label_is_measured_only_where_it_may_be_too_wide():
    rows = tried().rows
    long = tried(rows=rows.with_columns(pl.lit("W" * 28).alias("value"), pl.lit("W" * 28).alias("recorded")))
    limits = [_limit(what_if_specification(found)) for found in (long, tried())]
    assert limits == [300, 0]
    assert "\N{HORIZONTAL ELLIPSIS}</text>" in charts.svg(what_if_specification(long))
    assert "\N{HORIZONTAL ELLIPSIS}</text>" not in charts.svg(what_if_specification(tried()))


def _limit(specification):
    return specification["vconcat"][1]["layer"][0]["encoding"]["y"]["axis"]["labelLimit"]
