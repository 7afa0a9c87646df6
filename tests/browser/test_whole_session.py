"""The last file of the browser tests: what all of them together must have done."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent


def test_every_command_of_the_extension_was_executed_in_some_test(window, request):
    """A command is executed by what a test presses: those by which pages are made ready do not count."""
    asked = {Path(item.path).name for item in request.session.items}
    if not asked >= {path.name for path in FOLDER.glob("test_*.py")}:
        pytest.skip("only a session of all the browser tests executes every command")
    commands = {name for name in window.known if name.startswith("audit-lab:")}
    assert len(commands) > 10
    assert commands - window.executed == set()
