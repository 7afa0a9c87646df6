"""Charts of an attribution: what is drawn, in which order, and that greyscale readers can tell signs apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import vl_convert

from audit_lab.charts import attribution
from audit_lab.charts.attribution import attribution_bars, shap_against_lime, waterfall
from audit_lab.errors import MisuseError

FRAME = pl.DataFrame(
    {
        "feature": ["carrier", "hour", "distance", "weekend"],
        "value": ["US", "19", "412.5", "no"],
        "contribution": [0.25, 0.10, -0.05, 0.01],
    }
)
WORDS = {
    "title": "What moved p-1",
    "subtitle": ["delay-risk 2.0.0, 100 rows, seed 0"],
    "axis_title": "probability of late",
}


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a chart with one data source."""
    if "values" in spec.get("data", {}):
        return list(spec["data"]["values"])
    return list(spec["datasets"][spec["data"]["name"]])


def domain(spec: dict[str, Any]) -> list[float]:
    return list(spec["layer"][0]["encoding"]["x"]["scale"]["domain"])


def test_bars_stand_in_order_of_magnitude_with_signed_labels() -> None:
    drawn = rows(attribution_bars(FRAME.reverse(), **WORDS).to_dict())

    assert [(row["label"], row["amount"], row["direction"]) for row in drawn] == [
        ("carrier = US", "+0.250", "raises"),
        ("hour = 19", "+0.100", "raises"),
        ("distance = 412.5", "\u22120.050", "lowers"),
        ("weekend = no", "+0.010", "raises"),
    ]


def test_bars_beyond_the_most_are_added_up() -> None:
    drawn = rows(attribution_bars(FRAME, most=2, **WORDS).to_dict())

    assert [row["label"] for row in drawn] == ["carrier = US", "hour = 19", "all other features (2)"]
    assert drawn[-1]["contribution"] == pytest.approx(-0.04)


def test_bars_scale_is_symmetric_about_zero() -> None:
    low, high = domain(attribution_bars(FRAME, **WORDS).to_dict())

    assert low == -high
    assert high > 0.25


def test_signs_stay_apart_in_greyscale() -> None:
    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    colours = attribution_bars(FRAME, **WORDS).to_dict()["layer"][0]["encoding"]["color"]["scale"]

    assert colours["domain"] == ["raises", "lowers"]
    raises, lowers = (lightness(colour) for colour in colours["range"])
    assert lowers - raises > 0.3


def test_shap_and_lime_share_features_order_and_scale() -> None:
    lime = FRAME.with_columns(contribution=pl.Series([0.1, 0.4, 0.02, -0.2]))

    spec = shap_against_lime(FRAME, lime, most=3, **WORDS).to_dict()

    panels = spec["hconcat"]
    assert [panel["title"] for panel in panels] == ["SHAP", "LIME"]
    assert domain(panels[0]) == domain(panels[1])
    drawn = [rows({**panel, "datasets": spec.get("datasets", {})}) for panel in panels]
    assert [row["label"] for row in drawn[1]] == [row["label"] for row in drawn[0]]
    assert [row["contribution"] for row in drawn[1]] == [0.1, 0.4, 0.02, -0.2]


def test_waterfall_leads_from_the_base_to_the_prediction() -> None:
    drawn = rows(waterfall(FRAME, base_value=0.4, prediction_value=0.71, **WORDS).to_dict())

    assert [row["label"] for row in drawn] == [
        "base value",
        "carrier = US",
        "hour = 19",
        "distance = 412.5",
        "weekend = no",
        "prediction",
    ]
    assert [row["start"] for row in drawn] == pytest.approx([0.4, 0.4, 0.65, 0.75, 0.70, 0.71])
    assert [row["end"] for row in drawn] == pytest.approx([0.4, 0.65, 0.75, 0.70, 0.71, 0.71])


def test_waterfall_shows_what_the_contributions_leave_unexplained() -> None:
    drawn = rows(waterfall(FRAME, base_value=0.4, prediction_value=0.6, **WORDS).to_dict())

    assert (drawn[-2]["label"], drawn[-2]["amount"]) == ("not explained", "\u22120.110")


@pytest.mark.parametrize(
    "chart",
    [
        lambda: attribution_bars(FRAME, **WORDS),
        lambda: shap_against_lime(FRAME, FRAME, **WORDS),
        lambda: waterfall(FRAME, base_value=0.4, prediction_value=0.71, **WORDS),
    ],
)
def test_charts_render_with_title_unit_and_values(chart: Any) -> None:
    svg = vl_convert.vegalite_to_svg(chart().to_dict())

    for text in (
        "What moved p-1",
        "delay-risk 2.0.0, 100 rows, seed 0",
        "probability of late",
        "carrier = US",
        "+0.250",
    ):
        assert text in svg


def test_an_attribution_without_influence_can_be_drawn() -> None:
    still = FRAME.with_columns(contribution=pl.lit(0.0))

    assert domain(attribution_bars(still, **WORDS).to_dict()) == [-1.5, 1.5]
    assert "prediction" in vl_convert.vegalite_to_svg(
        waterfall(still, base_value=0.4, prediction_value=0.4, **WORDS).to_dict()
    )


def test_a_frame_of_something_else_is_refused() -> None:
    with pytest.raises(MisuseError, match="lacks contribution"):
        attribution_bars(FRAME.drop("contribution"), **WORDS)


def test_importing_the_charts_does_not_load_altair() -> None:
    code = f"import sys, {attribution.__name__}; print('altair' in sys.modules)"
    root = Path(__file__).resolve().parents[2]

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)

    assert found.stdout.strip() == "False"
