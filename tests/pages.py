"""A page of the documentation, as its tests read and run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

__all__ = ["blocks", "command_of", "quotes", "run_all", "surroundings", "table"]

_BLOCK = re.compile(r"(?ms)^```(sh|python)\n(.*?)^```$")


def blocks(text):
    """Return language and content of each block that is run."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(text)]


def quotes(text):
    """Return what is quoted as printed, each on one line."""
    found = re.findall(r"(?m)^> .*\n(?:> .*\n)*", text)
    return [" ".join(re.sub(r"(?m)^> ", "", quoted).split()) for quoted in found]


def table(text, heading):
    """Return the cells of the table whose first column is headed so, row by row."""
    (found,) = re.findall(rf"(?m)^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text)
    lines = [line.strip("|").replace(r"\|", "\0") for line in found.splitlines()]
    return [[cell.strip().replace("\0", "|") for cell in line.split("|")] for line in lines]


def surroundings(home):
    """Return the environment of a reader's shell, whose home is another and who has set nothing for audit_lab."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AUDIT_LAB_", "XDG_"))},
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AUDIT_LAB_PASSPHRASE": "documented",
    }


def command_of(language, content):
    """Return how a block is run."""
    return ["bash", "-euo", "pipefail", "-c", content] if language == "sh" else [sys.executable, "-c", content]


#: Runs blocks of Python one after another, each with its own names: one start of the interpreter serves them all.
_ONE_AFTER_ANOTHER = """
import json, sys
for number, content in enumerate(json.load(sys.stdin), 1):
    print("\\0", end="")
    exec(compile(content, f"<block {number}>", "exec"), {"__name__": "__main__"})
"""


def run_all(shown, folder):
    """Run blocks one after another, and return what they printed, each on one line."""
    said = []
    for language, together in groupby(shown, key=lambda block: block[0]):
        contents = [content for _, content in together]
        if language == "python":
            done = _run([sys.executable, "-c", _ONE_AFTER_ANOTHER], folder, json.dumps(contents), contents)
            said += [" ".join(each.split()) for each in done.split("\0")[1:]]
        else:
            said += [" ".join(_run(command_of("sh", each), folder, "", [each]).split()) for each in contents]
    return said


def _run(command, folder, given, contents):
    home = surroundings(folder / "home")
    done = subprocess.run(
        command, cwd=folder, env=home, input=given.encode(), capture_output=True, check=False, timeout=600
    )
    shown = "\n---\n".join(contents)
    assert done.returncode == 0, f"{shown}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    return done.stdout.decode()
