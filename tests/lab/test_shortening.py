"""What is too long to be read in a browser does not cross to it whole, and says so."""

from __future__ import annotations

import json

from audit_lab.lab.shortening import shortened


def test_what_can_be_read_crosses_as_it_is():
    answer = {"decision": "deny", "inputs": [{"feature": "a", "value": "x" * 2_000, "unit": None}], "score": 0.5}
    assert shortened(answer) == answer


def test_a_long_text_is_cut_and_says_of_how_much():
    cut = shortened({"inputs": [{"feature": "letter", "value": "x" * 10_000_000}]})["inputs"][0]
    assert cut == {
        "feature": "letter",
        "value": "x" * 2_000 + "\N{HORIZONTAL ELLIPSIS} (cut: 2,000 of 10,000,000 characters)",
    }


def test_of_very_many_long_texts_each_has_its_share():
    cut = shortened({"inputs": ["x" * 5_000] * 4_000})
    assert cut["inputs"][0] == "x" * 125 + "\N{HORIZONTAL ELLIPSIS} (cut: 125 of 5,000 characters)"
    assert len(json.dumps(cut)) < 1_000_000


def test_a_name_by_which_something_is_asked_for_is_cut_later():
    row = {"prediction_id": "x" * 8_000, "decision": "x" * 8_000}
    cut = shortened({"predictions": [row]})["predictions"][0]
    assert cut["prediction_id"] == row["prediction_id"]
    assert len(cut["decision"]) < 2_100
    assert "(cut: 8,000 of 8,001 characters)" in shortened({"place": "x" * 8_001})["place"]


def test_letters_that_json_writes_long_take_no_more_room():
    for letter in ("\x1b", "\U0001f600", "\u0436", '"'):
        cut = shortened({"predictions": [{"prediction_id": letter * 10_000} for _ in range(200)]})
        assert len(json.dumps(cut)) < 1_000_000
        assert "of 10,000 characters)" in cut["predictions"][0]["prediction_id"]


def test_what_was_cut_is_not_cut_again():
    once = shortened({"decision": "x" * 10_000, "notes": ["y"] * 5_000})
    assert shortened(once) == once


def test_very_many_lines_are_cut_and_say_of_how_many():
    cut = shortened({"notes": [f"line {number}" for number in range(100_000)]})["notes"]
    assert cut[:2] == ["line 0", "line 1"]
    assert cut[1_000:] == ["\N{HORIZONTAL ELLIPSIS} (cut: 1,000 of 100,000 lines)"]


def test_a_picture_is_left_whole():
    assert shortened({"picture": "x" * 100_000})["picture"] == "x" * 100_000
