from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_lab.cli import main

REPOSITORY = Path(__file__).parents[2]
#: Variables that change how a program talks: ours, and those of a developer's machine.
LOUD = ("AUDIT_LAB_", "FORCE_", "PYTHONUNBUFFERED", "RUST_")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(LOUD)}


SEALED_ORIGIN = "demonstration-loans"


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Parse the output as strict JSON: `NaN` and `Infinity`, which Python would accept, are refused."""
        return json.loads(self.out, parse_constant=refuse)


def refuse(constant: str) -> None:
    raise ValueError(constant)


def own_folders() -> dict[str, str]:
    """Return where this test keeps what commands make for their user."""
    return {name: value for name, value in os.environ.items() if name.startswith("XDG_")}


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Return this process's environment without variables of ours, and those that make a program talk more."""
    return CLEAN


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs a command in this process; environment variables of ours are out of the way."""
    for name in list(os.environ):
        if name.startswith(LOUD):
            monkeypatch.delenv(name)

    def call(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def start():
    """Return a function that runs a command as a process of its own, as a shell does."""

    def call(*arguments, **settings):
        done = subprocess.run(
            [sys.executable, "-m", "audit_lab", *map(str, arguments)],
            **{"cwd": REPOSITORY, "env": {**CLEAN, **own_folders()}, "stdin": subprocess.DEVNULL, **settings},
            capture_output=True,
            check=False,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture(scope="session")
def foreign() -> Path:
    return REPOSITORY / "sample_data" / "foreign_loans"


@pytest.fixture
def mapping(run, foreign, tmp_path):
    path = tmp_path / "loans.toml"
    assert run("adapt", foreign, "--save", path).code == 0
    return path


@pytest.fixture
def write_notebook(tmp_path):
    """Return a function that writes a notebook of code cells."""

    def write(*sources):
        code = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
        cells = [{**code, "id": f"c{number}", "source": source} for number, source in enumerate(sources)]
        path = tmp_path / "story.ipynb"
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
        return path

    return write


@pytest.fixture
def loans(make_log):
    """Return the folder of an unsealed log whose predictions are about ten subjects."""
    subjects = pl.Series("subject_id", [f"s-{row % 10}" for row in range(40)])
    return make_log(predictions=lambda frame: frame.with_columns(subjects))


@pytest.fixture
def sealed(run, loans, tmp_path):
    """Return the same log, sealed; ``log.toml`` in the test's folder accepts its key."""
    given = ("--actor", "keeper", "--origin", SEALED_ORIGIN, "--trust", tmp_path / "log.toml", "--json")
    answer = run("seal", loans, *given)
    assert (answer.code, answer.err) == (0, "")
    return loans
