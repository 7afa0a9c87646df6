"""The limits of a model are the same from the command line as from Python, until somebody gives others."""

from __future__ import annotations

import os

import pytest

import audit_lab as al
from audit_lab.cli.limits import limits_of
from audit_lab.sandbox import Limits


def test_what_is_left_open_is_as_in_python():
    assert limits_of(None, None) == Limits()
    assert limits_of(None, 3) == Limits(memory_bytes=3_000_000_000)
    assert limits_of(7.5, None) == Limits(wall_s=7.5, cpu_s=int(7.5 * os.cpu_count()))


def test_a_replay_begun_in_python_goes_on_from_the_command_line(run, loans, tmp_path):
    al.open(loans).replay(keep=tmp_path / "kept", causes=False)
    answer = run("replay", "--all", "--log", loans, "--keep", tmp_path / "kept", "--no-causes")
    assert (answer.code, answer.err) == (0, "")
    assert "40 of 40 predictions were reproduced" in answer.out


def test_an_impact_begun_on_the_command_line_goes_on_in_python(run, loans, tmp_path):
    run("impact", "--log", loans, "--threshold", "0.95", "--keep", tmp_path / "kept")
    found = al.open(loans).impact(al.Correction.threshold(0.95), keep=tmp_path / "kept")
    assert found.counts.predictions == 40


def test_default_limits_that_are_given_are_the_same_replay(loans, tmp_path):
    log = al.open(loans)
    log.replay(keep=tmp_path / "kept", causes=False)
    assert log.replay(keep=tmp_path / "kept", causes=False, limits=Limits()).predictions == 40


def test_other_limits_are_another_replay(run, loans, tmp_path):
    al.open(loans).replay(keep=tmp_path / "kept", causes=False)
    answer = run("replay", "--all", "--log", loans, "--keep", tmp_path / "kept", "--time-limit", "7")
    assert answer.code == 2
    assert "limits was" in answer.err


@pytest.mark.parametrize("command", ["replay", "explore", "explain", "impact"])
def test_the_help_states_the_limits_in_force(run, command):
    told = " ".join(run(command, "--help").out.replace("│", " ").split())
    assert f"[default: ({Limits().wall_s:g})]" in told
    assert f"[default: ({Limits().memory_bytes / 1e9:g})]" in told
