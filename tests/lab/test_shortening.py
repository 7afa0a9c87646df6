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
