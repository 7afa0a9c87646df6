"""Each check of the light verifier is needed; what may be taken out unnoticed stands in docs/verifier.md."""

from __future__ import annotations

import re
from pathlib import Path

import mutation
import pytest
import recorded

PAGE = (Path(__file__).parents[2] / "docs" / "verifier.md").read_text("utf-8")


def stated() -> set[str]:
    """Return the checks that the page says may be taken out."""
    return {f"{module}: {what}" for module, what in re.findall(r"(?m)^\| `([a-z_.]+)` \| `` (.+) `` \| .+ \|$", PAGE)}


def test_the_page_states_what_may_be_taken_out():
    assert stated()
    modules = (*mutation.MODULES, *recorded.MODULES)
    known = {f"{module}: {what}" for module in modules for _, what, _ in mutation.checks(mutation.parsed(module))}
    assert stated() - known == set()


@pytest.mark.soak
def test_nothing_else_may_be_taken_out(tmp_path):
    done = mutation.run((*mutation.MODULES, *recorded.MODULES), tmp_path)
    assert {mutant.name for _, _, survivors in done for mutant in survivors} == stated()
