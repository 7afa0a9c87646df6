"""Each way of going wrong is found by itself, for the formats of boosters; anything else is not explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cases import everyday
from checked import check


@pytest.mark.parametrize(("artifact_format", "kind", "seed"), everyday(pipelines=False))
def test_every_cause_comes_first_where_it_is_true(tmp_path, artifact_format, kind, seed):
    strangers = 4 if kind == "probability" else 2  # all of them in the soak
    check(tmp_path / "log", artifact_format, kind, seed, strangers=strangers)
