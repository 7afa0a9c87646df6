"""The page about attacks on the light verifier says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attack_table import ATTACKS

PAGE = (Path(__file__).parents[2] / "docs" / "verifier.md").read_text("utf-8")


def listed() -> dict[int, set[str]]:
    """Return the findings of each attack on the page."""
    rows = re.findall(r"(?m)^\| (\d+) \| .* \| (.*) \|$", PAGE)
    return {int(number): set(re.findall(r"`([^`]+)`", codes)) for number, codes in rows}


@pytest.mark.parametrize("number", sorted({each.number for each in ATTACKS} - {0}))
def test_the_page_names_the_findings_of_each_attack(number):
    assert listed()[number] == {
        found.split(" ")[0] for each in ATTACKS if each.number == number for found in each.found
    }


def test_the_page_names_no_other_attack():
    assert listed().keys() == {each.number for each in ATTACKS} - {0}


def test_what_the_page_names_is_there():
    for name in re.findall(r"`(tests/[a-z_/]+(?:\.py|/))`", PAGE):
        assert (Path(__file__).parents[2] / name).exists(), name
