"""The other end of a pipe may leave at any time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "arguments",
    [["find", "-n", "3000"], ["find", "-n", "3000", "--json"], ["show"], ["show", "--json"], ["find", "--help"]],
    ids=" ".join,
)
def test_a_reader_that_leaves_is_no_error(flights, environment, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    log = [] if "--help" in arguments else ["--log", str(flights)]
    done = subprocess.run(
        [sys.executable, "-m", "audit_lab", *arguments, *log],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_first_line_is_enough_for_head(flights, environment):
    command = f"'{sys.executable}' -m audit_lab find --log '{flights}' -n 5000 | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    assert done.stdout.startswith("prediction_id")
    assert done.stderr == ""
