"""What the page about sampling shows is run, in order."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all

PAGE = Path(__file__).parents[1] / "docs" / "sampling.md"


def test_every_example_runs_and_the_numbers_are_those_of_what_was_served(tmp_path):
    recorded, counted, watched, aggregated = run_all(blocks(PAGE.read_text()), tmp_path)
    left_out = int(re.fullmatch(r"(\d+) were not recorded", recorded)[1])
    assert 700 < left_out < 900
    assert f"{1_000 - left_out} of 1,000 predictions that recorders counted were recorded" in counted
    represented, error = (
        float(each) for each in re.search(r"stand for ([\d.]+) .*error ([\d.]+)\)", counted.replace(",", "")).groups()
    )
    assert abs(represented - 1_000) < 4 * error
    evened = re.fullmatch(
        r"offers: the (\d+) predictions, which stand for about ([\d,]+) that were served, were recorded at rates up "
        r"to 1: those (\d+) are counted that a rate of 0.1 for all would have recorded; they come by request, "
        r"[12]\.\d in the mean, recorded all or none, and those of one are (more|hardly more) alike than others "
        r"\(intraclass correlation [\d.]+\).*; so each stands for \d.*",
        watched.strip(),
    )
    assert int(evened[1]) == 1_000 - left_out
    assert int(evened[2].replace(",", "")) == round(represented)
    assert int(evened[3]) < int(evened[1])
    assert "2,000 predictions of banners were counted, from 2026-11-02 00:00" in aggregated
    assert "2026-11-03 00:00:00 UTC" in aggregated
    assert "city" in aggregated.split("shape")[1]
    assert "visits" not in aggregated.split("shape")[1]
