"""Whoever waits for a command longer than a second sees for what, and can stop it: one line, and the exit code 130."""

from __future__ import annotations

import io
import sys
from threading import Event
from types import SimpleNamespace

import pytest

import audit_lab as al
from audit_lab.capture import propose
from audit_lab.capture.redaction import linter
from audit_lab.cli import examination, output
from audit_lab.face import keeping, progress

BY = ["--actor", "Ida Berg", "--reason", "a request"]
#: A command, the object that does its work, its name, and what the line begins with.
COMMANDS = {
    "adapt": (["adapt", "LOG"], propose, "propose", "adapt"),
    "compact": (["compact", "LOG"], keeping, "compact", "compact"),
    "diff": (["diff", "LOG", "LOG"], al, "diff", "diff"),
    "doctor": (["doctor", "--log", "LOG"], examination, "examine_log", "doctor"),
    "erase": (["erase", "LOG", *BY, "--prediction", "p-001"], al, "erase", "erase"),
    "lint": (["lint", "LOG"], linter, "lint_personal", "lint"),
    "reapply-erasures": (["reapply-erasures", "LOG"], al, "reapply_erasures", "reapply erasures"),
}


class Terminal(io.StringIO):
    """Standard error as a terminal, which says when something was written to it."""

    def __init__(self):
        super().__init__()
        self.written = Event()

    def isatty(self):
        return True

    def write(self, text):
        length = super().write(text)
        self.written.set()
        return length


@pytest.fixture
def terminal(monkeypatch):
    made = Terminal()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=made, modules=sys.modules))
    monkeypatch.setattr(progress, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_shell", lambda: None)
    return made


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_takes_long_says_so_and_is_stopped(name, run, make_log, terminal, monkeypatch):
    arguments, home, work, said = COMMANDS[name]
    seen = []

    def waited_for(*_, **__):
        seen.append(terminal.written.wait(10))
        raise KeyboardInterrupt

    monkeypatch.setattr(home, work, waited_for)
    answer = run(*(str(make_log()) if each == "LOG" else each for each in arguments))
    assert (answer.code, answer.err) == (130, "audit-lab: stopped.\n")
    assert seen == [True], "the line was there while it worked"
    assert f"{said}: 0 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_nothing_is_written_over_a_passphrase_that_is_asked_for(run, make_log, terminal, monkeypatch):
    monkeypatch.setattr(keeping, "compact", lambda *_, **__: terminal.written.wait(0.3) or ())
    assert run("compact", make_log(), "--passphrase", "prompt").code == 0
    assert terminal.getvalue() == ""


def test_a_name_of_the_log_on_a_bar_speaks_to_no_terminal():
    shown = output.bar()
    task = shown.add_task("sealing \x1b[2J")
    assert shown.tasks[0].description == "sealing \\x1b[2J"
    shown.update(task, description="inputs/\x1b]0;owned\x07", advance=1)
    assert shown.tasks[0].description == "inputs/\\x1b]0;owned\\x07"
