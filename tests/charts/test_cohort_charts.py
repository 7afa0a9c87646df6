"""What is drawn of a group of decisions, and of one as two forces."""

from __future__ import annotations

import itertools
import re
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from audit_lab import charts
from audit_lab.charts.cohort import _LOW_TO_HIGH
from audit_lab.charts.signed import LOWERS, RAISES, amount_text
from audit_lab.errors import MisuseError

WORDS = {"title": "What moved 9 decisions", "subtitle": ["model 1"], "axis_title": "log-odds of late"}
ATTRIBUTION = pl.DataFrame(
    {"feature": ["a", "b", "c", "d"], "value": ["1", "x", "missing", "4"], "contribution": [0.3, -0.2, 0.1, 0.0]}
)


def importance(count: int) -> pl.DataFrame:
    sizes = [1 / (place + 1) for place in range(count)]
    return pl.DataFrame(
        {
            "feature": [f"f{place:03d}" for place in range(count)],
            "unit": ["mile", *[None] * (count - 1)],
            "mean_magnitude": sizes,
            "mean": [size * (-1) ** place for place, size in enumerate(sizes)],
            "least": [-size for size in sizes],
            "most": [2 * size for size in sizes],
        }
    )


def points(count: int, rows: int = 40) -> pl.DataFrame:
    generator = np.random.default_rng(1)
    return pl.concat(
        pl.DataFrame(
            {
                "feature": [f"f{place:03d}"] * rows,
                "kind": ["sample"] * (rows - 2) + ["lowest", "highest"],
                "prediction_id": [f"p-{row}" for row in range(rows)],
                "value": ["text" if place == 1 else None if row == 3 else str(row) for row in range(rows)],
                "number": [None if place == 1 or row == 3 else float(row) for row in range(rows)],
                "bin": [0 if row < 20 else 1 for row in range(rows)],
                "position": [None if place == 1 or row == 3 else row / rows for row in range(rows)],
                "contribution": generator.normal(size=rows) / (place + 1),
            },
            schema_overrides={"number": pl.Float64, "position": pl.Float64},
        )
        for place in range(count)
    )


BINS = pl.DataFrame(
    {
        "bin": [0, 1, 2, 3],
        "kind": ["number", "number", "text", "missing"],
        "label": ["1 to 5", "6 to 9", "red", "missing"],
        "lowest": [1.0, 6.0, None, None],
        "highest": [5.0, 9.0, None, None],
        "rows": [4, 3, 2, 1],
        "mean": [-0.2, 0.3, 0.1, 0.0],
        "spread": [0.1, 0.1, 0.1, None],
        "lower_quartile": [-0.3, 0.2, None, None],
        "upper_quartile": [-0.1, 0.4, None, None],
        "expression": ["inputs.a <= 5", "inputs.a >= 6", None, None],
    }
)
DIFFERENCES = pl.DataFrame(
    {
        "feature": ["a", "b", "c"],
        "unit": ["mile", None, None],
        "group_mean": [0.4, -0.1, 0.1],
        "reference_mean": [0.1, 0.1, 0.1],
        "mean": [0.3, -0.2, 0.0],
        "mean_low": [0.2, -0.3, None],
        "mean_high": [0.4, -0.1, None],
    }
)


def spoken(chart: Any) -> str:
    """Return the texts of a picture."""
    return " ".join(re.sub(r"<[^>]+>", " ", text) for text in re.findall(r"(?s)<text.*?</text>", charts.svg(chart)))


def rows_of(chart: Any) -> list[dict[str, Any]]:
    """Return all rows that a chart's data hold, in order."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_the_forces_meet_at_the_prediction_and_name_each_part_with_its_sign():
    chart = charts.attribution_force(ATTRIBUTION, base_value=0.4, prediction_value=0.6, **WORDS)
    text = spoken(chart)
    assert "base value 0.400" in text
    assert "prediction 0.600" in text
    for part in ("a = 1 (+0.300)", "b = x (\u22120.200)", "c = missing (+0.100)", "d = 4 (+0.000)"):
        assert part in text
    parts = {row["label"]: row for row in rows_of(chart) if "is_wide" in row}
    assert (parts["a = 1"]["start"], parts["b = x"]["start"]) == (0.6, 0.6)
    assert parts["a = 1"]["end"] == pytest.approx(0.3)
    assert parts["c = missing"]["end"] == pytest.approx(0.2)
    assert parts["b = x"]["end"] == pytest.approx(0.8)
    assert {parts[name]["direction"] for name in ("a = 1", "c = missing")} == {"raises"}
    assert parts["b = x"]["direction"] == "lowers"


def test_labels_of_forces_never_share_a_place():
    frame = pl.DataFrame(
        {
            "feature": [f"a_rather_long_feature_name_{place}" for place in range(30)],
            "value": ["value"] * 30,
            "contribution": [0.01 * (place - 15) for place in range(30)],
        }
    )
    chart = charts.attribution_force(frame, base_value=0.4, prediction_value=0.25, most=12, **WORDS)
    parts = {str(row["text"]): row for row in rows_of(chart) if "text_at" in row}
    assert len(parts) == 13
    assert any(text.startswith("all other features (18) (") for text in parts)
    low = min(row["text_at"] for row in parts.values())
    assert low > -1
    by_line: dict[object, list[tuple[float, int]]] = {}
    for text, row in parts.items():
        by_line.setdefault(row["at"], []).append((row["text_at"], len(text)))
    assert max(map(len, by_line.values())) <= 4


def test_importance_adds_up_what_is_beyond_the_most():
    chart = charts.attribution_importance(importance(500), most=3, **WORDS)
    text = spoken(chart)
    assert "f000 (mile)" in text
    assert "1.000, mean +1.000" in text
    assert "0.500, mean \u22120.500" in text
    rest = sum(1 / (place + 1) for place in range(3, 500))
    assert "and 497 other features" in text
    assert f"{rest:.3f} in sum, mean " in text
    assert "f003" not in text
    assert "and 1 other feature " in spoken(charts.attribution_importance(importance(4), most=3, **WORDS)) + " "


def test_a_beeswarm_of_many_features_stays_small_and_names_its_points():
    chart = charts.attribution_beeswarm(importance(500), points(20), most=4, most_points=10, **WORDS)
    rows = [row for row in rows_of(chart) if "prediction_id" in row]
    assert {row["feature"] for row in rows} == {"f000", "f001", "f002", "f003"}
    for name in ("f000", "f003"):
        mine = [row for row in rows if row["feature"] == name]
        assert len(mine) == 12
        assert {row["kind"] for row in mine} == {"sample", "lowest", "highest"}
    assert "and 496 other features: " in spoken(chart)
    places = {(row["contribution"], row["at"]) for row in rows}
    assert len(places) == len(rows)


def test_texts_and_missing_values_have_forms_of_their_own():
    chart = charts.attribution_beeswarm(importance(2), points(2), **WORDS)
    rows = [row for row in rows_of(chart) if "form" in row and "prediction_id" in row]
    assert {row["form"] for row in rows if row["feature"] == "f001"} == {"text"}
    assert [row["form"] for row in rows if row["feature"] == "f000" and row["prediction_id"] == "p-3"] == ["missing"]
    assert all(word in spoken(chart) for word in ("number", "text", "missing", "low", "high"))


def test_dependence_draws_numbers_along_and_other_values_beside():
    inside = points(1).with_columns(bin=pl.when(pl.col("number") < 6).then(0).otherwise(1).cast(pl.Int64))
    chart = charts.attribution_dependence(BINS, inside, feature="a", unit="mile", **WORDS)
    text = spoken(chart)
    assert "a (mile)" in text
    assert "red" in text
    assert "10 rows; lines: mean of all rows of a bin" in text
    bins = [row for row in rows_of(chart) if "expression" in row]
    assert {row["expression"] for row in bins} == {"inputs.a <= 5", "inputs.a >= 6", "rows_of(feature, bin)"}


def test_texts_beyond_the_most_are_counted():
    many = pl.DataFrame(
        {**{name: BINS[name][:1].to_list() * 30 for name in BINS.columns}, "kind": ["text"] * 30, "bin": range(30)},
        schema_overrides={"bin": pl.Int64},
    ).with_columns(label=pl.format("t{}", "bin"))
    chart = charts.attribution_dependence(many, points(1), feature="a", most=5, **WORDS)
    assert "25 further texts, of 100 rows, are not drawn" in spoken(chart)


def test_a_contrast_shows_differences_their_sum_and_intervals():
    chart = charts.attribution_contrast(DIFFERENCES, **WORDS)
    text = spoken(chart)
    assert all(part in text for part in ("a (mile)", "+0.300", "\u22120.200", "all features: mean output", "+0.100"))
    rows = {row["label"]: row for row in rows_of(chart) if "label" in row}
    assert rows["a (mile)"]["interval"] == "+0.200 to +0.400"
    assert rows["c"]["interval"] == "none"
    assert "and 2 other features" in spoken(charts.attribution_contrast(DIFFERENCES, most=1, **WORDS))


@pytest.mark.parametrize(
    "draw",
    [
        lambda frame: charts.attribution_force(frame, base_value=0.1, prediction_value=0.2, **WORDS),
        lambda frame: charts.attribution_importance(frame, **WORDS),
        lambda frame: charts.attribution_beeswarm(importance(1), frame, **WORDS),
        lambda frame: charts.attribution_dependence(frame, points(1), feature="a", **WORDS),
        lambda frame: charts.attribution_contrast(frame, **WORDS),
    ],
)
def test_frames_without_columns_or_rows_are_refused(draw):
    with pytest.raises(MisuseError, match="lacks"):
        draw(pl.DataFrame({"other": [1]}))


def test_colours_stay_apart_in_greyscale():
    def grey(colour: str) -> float:
        image = Image.new("RGB", (1, 1), colour).convert("L")
        return float(image.getpixel((0, 0)))  # type: ignore[arg-type]

    assert abs(grey(RAISES) - grey(LOWERS)) > 60
    steps = [grey(colour) for colour in _LOW_TO_HIGH]
    assert steps == sorted(steps, reverse=True)
    assert min(one - other for one, other in itertools.pairwise(steps)) > 15


def test_each_is_drawn_as_a_picture_that_is_not_empty():
    drawn = [
        charts.attribution_force(ATTRIBUTION, base_value=0.4, prediction_value=0.6, **WORDS),
        charts.attribution_importance(importance(3), **WORDS),
        charts.attribution_beeswarm(importance(2), points(2), **WORDS),
        charts.attribution_dependence(BINS, points(1), feature="a", **WORDS),
        charts.attribution_contrast(DIFFERENCES, **WORDS),
    ]
    for chart in drawn:
        image = Image.open(BytesIO(charts.png(chart, scale=1))).convert("L")
        assert image.width > 400
        assert len(image.getcolors(maxcolors=256) or []) > 10


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "+0.123"), (-0.5, "\u22120.500"), (0.0, "+0.000"), (-0.00004, "\u22124.00e\u221205")]
)
def test_amounts_have_their_sign_and_are_never_rounded_to_nought(value, text):
    assert amount_text(value) == text
