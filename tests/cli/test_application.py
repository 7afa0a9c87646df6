"""One command is found without importing the modules of the others."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.main import get_command

from audit_lab.cli import app


@pytest.mark.parametrize("module", app._COMMANDS)
def test_each_module_has_the_commands_that_are_looked_for_there(module):
    listed = app._COMMANDS[module]
    alone = app.application([module])
    alone.callback()(lambda: None)
    assert tuple(sorted(get_command(alone).commands)) == tuple(sorted(listed))


def test_no_command_is_in_two_modules():
    names = [name for names in app._COMMANDS.values() for name in names]
    assert len(names) == len(set(names))
    assert isinstance(app._needed([]), typer.Typer)


def test_what_a_command_does_not_need_is_not_imported():
    code = (
        "import sys; from audit_lab.cli.app import main; main(['verifier', '--help'])\n"
        "loaded = [name for name in sys.modules if name.startswith('audit_lab.cli.')]\n"
        "assert 'polars' not in sys.modules and 'audit_lab.cli.drift' not in sys.modules\n"
        "assert sorted(loaded) == ['audit_lab.cli.app', 'audit_lab.cli.hand_over', 'audit_lab.cli.opened_case', "
        "'audit_lab.cli.output', 'audit_lab.cli.reading'], loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
