"""The Python on the pages about explanations runs as it stands, and gives what the pages say of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"(?ms)^```python\n(.*?)^```$")


@pytest.fixture
def ran(monkeypatch):
    """Return a function that runs a page's Python in the repository's folder, and hands back its names."""
    monkeypatch.chdir(ROOT)

    def run(page):
        names = {}
        for number, block in enumerate(_BLOCK.findall((ROOT / "docs" / page).read_text())):
            # What a page writes as an expression is kept, so that it can be looked at.
            lines = [
                f"_{number}_{place} = {line}" if re.match(r"(Attribution|explained|found)\.", line) else line
                for place, line in enumerate(block.splitlines())
            ]
            exec(compile("\n".join(lines), page, "exec"), names)
        return names

    return run


def test_an_explanation_reads_back_repeats_and_says_what_was_decided(ran):
    names = ran("explanations.md")

    assert [value for name, value in names.items() if name.startswith("_0_") and value is True] == [True]
    assert names["found"].verdict == "equal bytes"
    described = [value for value in names.values() if isinstance(value, list) and len(value) >= 3]
    assert len(described) == 2
    assert described[0][0].startswith("The system's part in this decision was the output of a model")
    assert described[1][0].startswith("The system decided 'on time' by the output of a model against a limit of 24.0 %")


def test_agreement_has_a_verdict_and_sentences(ran):
    names = ran("lime-and-agreement.md")

    assert names["found"].methods.verdict in {"agree", "agree on the main features", "disagree"}
    assert names["found"].summary()[0].startswith("SHAP and LIME ")
