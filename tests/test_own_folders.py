"""No test writes into the folders of whoever runs it: its fixtures and child processes neither."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from audit_lab.explain import ExplanationCache

if TYPE_CHECKING:
    from pathlib import Path

WHERE = "from audit_lab.explain import ExplanationCache; print(ExplanationCache().folder)"


@pytest.fixture(scope="module")
def of_the_module() -> Path:
    """Where a fixture that outlives a test would keep explanations."""
    return ExplanationCache().folder


def test_fixtures_that_outlive_a_test_write_into_a_folder_of_the_run(
    of_the_module: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert of_the_module.is_relative_to(tmp_path_factory.getbasetemp())


def test_a_test_and_its_children_write_into_a_folder_of_their_own(
    of_the_module: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = ExplanationCache().folder
    said = subprocess.run([sys.executable, "-c", WHERE], capture_output=True, text=True, check=True).stdout
    assert folder.is_relative_to(tmp_path_factory.getbasetemp())
    assert folder != of_the_module
    assert said.strip() == str(folder)
