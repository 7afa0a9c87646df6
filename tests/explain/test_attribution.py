"""The attribution type: canonical bytes, digest, frame, sentences, HTML."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest
from attributions import EXAMPLE

from audit_lab.explain import Contribution


def test_json_is_sorted_compact_and_ends_in_no_newline() -> None:
    text = EXAMPLE.to_json().decode()

    assert text.startswith('{"algorithm":"exact enumeration of coalitions, interventional","artifact_sha256":"cdcd')
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_json_keeps_floats_exact() -> None:
    third = replace(EXAMPLE, base_value=1 / 3)

    assert json.loads(third.to_json())["base_value"] == 1 / 3


def test_digest_is_pinned() -> None:
    assert EXAMPLE.digest == "b8bc696be4e2d52e5bcfc44871c7127f468dce9966126a8ab09080472c33fc83"


def test_digest_ignores_isolation() -> None:
    assert replace(EXAMPLE, isolation={"network": "audit hook only"}).digest == EXAMPLE.digest


def test_notes_are_sentences_of_their_own_and_name_nothing_else() -> None:
    noted = replace(EXAMPLE, notes=("The registry said otherwise <later>.",))
    assert noted.digest == EXAMPLE.digest
    assert noted.describe() == [*EXAMPLE.describe(), "The registry said otherwise <later>."]
    assert "<li>The registry said otherwise &lt;later&gt;.</li>" in noted._repr_html_()
    assert json.loads(noted.to_json())["notes"] == ["The registry said otherwise <later>."]


@pytest.mark.parametrize("change", [{"seed": 1}, {"base_value": 0.41}, {"checks": ()}, {"artifact_sha256": "ef" * 32}])
def test_digest_follows_everything_else(change: dict[str, object]) -> None:
    assert replace(EXAMPLE, **change).digest != EXAMPLE.digest  # type: ignore[arg-type]


def test_frame_is_sorted_by_magnitude_with_values_as_text() -> None:
    assert EXAMPLE.to_frame().equals(
        pl.DataFrame(
            {
                "feature": ["carrier", "hour", "distance", "weekend", "idle"],
                "value": ["US", "19", "412.5", "no", "missing"],
                "contribution": [0.25, 0.10, -0.05, 0.0002, 0.0],
            }
        )
    )


def test_frame_orders_equal_magnitudes_by_name() -> None:
    tied = replace(EXAMPLE, contributions=(Contribution("b", 1, -0.1), Contribution("a", 1, 0.1)))

    assert tied.to_frame()["feature"].to_list() == ["a", "b"]


def test_html_escapes_what_a_log_holds() -> None:
    hostile = replace(
        EXAMPLE, prediction_id="<script>1</script>", contributions=(Contribution("<b>x</b>", "<img src=x>", 0.1),)
    )

    html = hostile._repr_html_()

    assert "<script>" not in html
    assert "<b>x" not in html
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html
