"""Every cause, in every way it comes, with every format and kind of output: what is left out stands in one table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from audit_lab.replay.causes.cause import KINDS as KINDS_OF_CAUSE

sys.path.insert(0, str(Path(__file__).parent))
from cases import seeded, soaked
from checked import check, check_ways
from faulty_log import INPUT_WAYS, SPELLINGS, STEP_WAYS
from identifiable import FORMATS, KINDS
from impossible import CAUSES, IMPOSSIBLE_CAUSES, IMPOSSIBLE_FOR_KIND, IMPOSSIBLE_WAYS, ways_possible


def test_every_kind_of_cause_is_planted():
    assert tuple(KINDS_OF_CAUSE) == CAUSES
    assert {*INPUT_WAYS, *STEP_WAYS} == set(CAUSES)


def test_only_a_threshold_can_be_impossible():
    """No format leaves a cause out, and no kind of output but those without a threshold."""
    assert {*IMPOSSIBLE_CAUSES} == {
        (cause, kind) for cause in ("registered-threshold", "another-threshold") for kind in ("label", "multiclass")
    }


def test_each_possible_cause_has_a_way_with_every_format_and_kind():
    for cause in CAUSES:
        ways = [*INPUT_WAYS.get(cause, ()), *STEP_WAYS.get(cause, ())]
        for artifact_format in FORMATS:
            for kind in KINDS:
                assert ways_possible(ways, artifact_format, kind), (cause, artifact_format, kind)


def test_what_cannot_be_names_a_format_a_way_and_a_reason():
    ways = {way for known in (*INPUT_WAYS.values(), *STEP_WAYS.values()) for way in known}
    assert {way for way, _ in IMPOSSIBLE_WAYS} <= ways
    assert {artifact_format for _, artifact_format in IMPOSSIBLE_WAYS} <= set(FORMATS)
    assert IMPOSSIBLE_FOR_KIND.keys() == {("output in 32-bit", "label")}
    reasons = [*IMPOSSIBLE_CAUSES.values(), *IMPOSSIBLE_WAYS.values(), *IMPOSSIBLE_FOR_KIND.values()]
    assert all(len(reason) > 20 for reason in reasons)


@pytest.mark.soak
@pytest.mark.parametrize(("artifact_format", "kind", "seed"), soaked())
def test_every_cause_of_every_format_and_kind(tmp_path, artifact_format, kind, seed):
    check(tmp_path / "log", artifact_format, kind, seed)


#: Ways of spelling categories that together leave room for each form that a category comes in.
_SPELT = (("lower", "_"), ("upper", " "), ("title", "_"))


def test_the_spellings_leave_room_for_every_form():
    for cases, between in SPELLINGS.values():
        assert any(case in cases.split() and mark in between for case, mark in _SPELT)


@pytest.mark.soak
@pytest.mark.parametrize("spelling", _SPELT, ids=["_".join(each) for each in _SPELT])
@pytest.mark.parametrize("artifact_format", FORMATS)
def test_every_way_of_every_cause(tmp_path, artifact_format, spelling):
    seed = 2 * seeded(500 + 10 * FORMATS.index(artifact_format) + _SPELT.index(spelling))
    check_ways(tmp_path / "log", artifact_format, seed, spelling)
