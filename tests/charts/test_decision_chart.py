from __future__ import annotations

import polars as pl
import pytest

from audit_lab import charts
from audit_lab.errors import MisuseError


def title(chart):
    return chart.to_dict()["title"]["text"]


@pytest.mark.parametrize(
    ("score", "threshold", "said"),
    [
        (0.2, 0.25, "Score 0.2000, below the threshold 0.25"),
        (0.25, 0.25, "Score 0.2500, at or above the threshold 0.25"),
        (0.9, None, "Score 0.9000"),
    ],
)
def test_the_title_says_on_which_side_the_score_is(score, threshold, said):
    assert title(charts.score_against_threshold(score, threshold)) == said


def test_both_sides_carry_their_labels():
    drawn = charts.svg(charts.score_against_threshold(0.7, 0.5, positive="deny", negative="approve"))
    assert ">deny<" in drawn
    assert ">approve<" in drawn


def test_the_scores_to_compare_with_are_counted_in_the_subtitle():
    others = pl.DataFrame({"lower": [0.0, 0.5], "upper": [0.5, 1.0], "rows": [30, 12]})
    chart = charts.score_against_threshold(0.7, 0.5, distribution=others, subtitle="p-1")
    assert chart.to_dict()["title"]["subtitle"] == ["p-1", "Shaded: 42 scores to compare with"]


@pytest.mark.parametrize(("score", "threshold"), [(1.2, 0.5), (0.5, -0.1), (float("nan"), 0.5)])
def test_what_is_no_probability_is_refused(score, threshold):
    with pytest.raises(MisuseError, match="not between 0 and 1"):
        charts.score_against_threshold(score, threshold)
