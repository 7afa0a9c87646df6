"""The pages on explanations and formats: the tests that a table names are there, every member of a cohort is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import audit_lab as al

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanations.md").read_text("utf-8")
FORMATS = (
    (ROOT / "docs" / "formats.md").read_text("utf-8").partition("## Cohort of attributions")[2].partition("\n## ")[0]
)


def test_each_test_that_the_table_names_is_there() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE.partition("### Equal to which call")[2].partition("\n## ")[0])
    written = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "tests" / "explain").glob("test_*.py")))
    assert len(named) >= 13
    assert [name for name in named if f"def {name}(" not in written] == []


@pytest.fixture(scope="module")
def documented() -> set[str]:
    return set(re.findall(r"`(\w+)`", FORMATS))


def names_of(found: Any) -> set[str]:
    """Return the names of all members that a format fixes, at any depth."""
    if isinstance(found, list):
        return set().union(*map(names_of, found))
    if not isinstance(found, dict):
        return set()
    inner = {name: each for name, each in found.items() if name not in {"asked", "isolation", "environment"}}
    return set(found).union(*map(names_of, inner.values()))


def test_every_member_of_a_cohorts_json_is_documented(make_log: Callable[..., Path], documented: set[str]) -> None:
    log = al.open(make_log())
    group, reference = (log.attributions(f"inputs.years {side} 8") for side in ("<", ">="))

    assert names_of(group.to_dict()) - documented == set()
    assert names_of(group.against(reference).to_dict()) - documented == set()
    assert {"log", "state", "version"} <= group.to_dict()["asked"].keys()
