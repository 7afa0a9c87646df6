"""The last file of the browser tests: what all of them together must have done."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent


def test_every_command_of_the_extension_was_executed_in_some_test(window, request):
    """A command is executed by what a test presses: those by which pages are made ready do not count."""
    asked = {Path(item.path) for item in request.session.items}
    if not asked >= {path for path in FOLDER.glob("test_*.py") if "from lab_page import" in path.read_text("utf-8")}:
        pytest.skip("only a session of all the tests that use JupyterLab executes every command")
    commands = {name for name in window.known if name.startswith("audit-lab:")}
    assert len(commands) > 10
    assert commands - window.executed == set()
