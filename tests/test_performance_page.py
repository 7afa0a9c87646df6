"""What the pages about performance and fairness show is run; their tables are compared with the code."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from pages import blocks, run_all, table

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def folder(tmp_path, credit, flights):
    shutil.copytree(credit, tmp_path / "place" / "loans")
    shutil.copytree(flights, tmp_path / "place" / "flights")
    return tmp_path / "place"


@pytest.mark.parametrize("page", ["performance.md", "fairness.md"])
def test_every_example_runs_and_says_what_the_page_quotes(folder, page):
    text = (DOCS / page).read_text()
    shown = blocks(text)
    assert len(shown) == len(re.findall(r"(?m)^```$", text))
    printed = run_all(shown, folder)
    quoted = [" ".join(re.sub(r"(?m)^> ", "", each).split()) for each in re.findall(r"(?m)(?:^> .*\n)+", text)]
    assert quoted
    assert [each for each in quoted if each not in " ".join(printed)] == []


def described(catalogue):
    return [
        [f"`{name}`", each.formula, each.range, each.interval or "none", each.source]
        for name, each in catalogue.items()
    ]


def test_the_measures_of_the_page_are_those_of_the_product():
    from audit_lab.monitor.performance.catalogue import MEASURES
    from audit_lab.monitor.performance.telling import QUESTIONS

    text = (DOCS / "performance.md").read_text()
    assert table(text, "measure") == described(MEASURES)
    assert {row[0]: row[1] for row in table(text, "of")} == QUESTIONS


def test_the_rates_and_comparisons_of_the_page_are_those_of_the_product():
    from audit_lab.monitor.fairness.catalogue import COMPARED, RATED
    from audit_lab.monitor.fairness.grouping import MOST_GROUPS
    from audit_lab.monitor.fairness.rates import COMPARISONS, RATES

    text = (DOCS / "fairness.md").read_text()
    assert table(text, "rate") == described(RATED)
    assert table(text, "comparison") == described(COMPARED)
    assert list(COMPARED) == list(COMPARISONS)
    assert list(RATED) == [*RATES, "adverse_impact_ratio"]
    assert f"At most {MOST_GROUPS} groups" in text


def test_the_numbers_of_the_page_about_performance_are_those_of_the_product():
    from audit_lab.monitor.performance import calibration, delay, measuring, resampling, scored

    text = " ".join((DOCS / "performance.md").read_text().split())
    assert f"clipped to {scored.SMALLEST_PROBABILITY:.2g} from 0 and 1" in text
    assert f"more than {resampling.MOST_CELLS:,} distinct pairs" in text
    assert f"less than {delay.MATURE_SHARE:.0%}".replace("%", " %") in text
    assert f"calibration error is above {calibration._GOOD_ENOUGH:g}" in text
    assert f"beyond {measuring._ROWS_AT_ONCE // 1_000_000} million rows" in text
