"""An export that is interrupted, terminated or killed: no traceback, nothing half-written, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from audit_lab.evidence.export_folder import FOLDER_PREFIX, export_folder

SLEEPS = "from pathlib import Path; Path({!r}).touch()\nimport time; time.sleep(120)"
A_DAY_S = 24 * 3600


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files that only this test uses."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def start(write_notebook, tmp_path, temporary):
    """Return a function that starts an export of a notebook that sleeps, and returns when the notebook runs."""
    children = []

    def begin():
        story = write_notebook(SLEEPS.format(str(tmp_path / "begun")))
        command = [sys.executable, "-m", "audit_lab", "export", story, "--demonstration-key"]
        child = subprocess.Popen(
            [*command, "--out", tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        children.append(child)
        deadline = time.monotonic() + 60
        while not (tmp_path / "begun").exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (tmp_path / "begun").exists()
        assert [folder.name.startswith(FOLDER_PREFIX) for folder in temporary.iterdir()] == [True]
        return child

    yield begin
    for child in children:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_export_says_so_at_most_and_leaves_nothing(start, temporary, tmp_path, number):
    code, lines = {signal.SIGINT: (130, 1), signal.SIGTERM: (-signal.SIGTERM, 0)}[number]
    child = start()
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (code, "")
    assert len(err.splitlines()) == lines
    assert list(temporary.iterdir()) == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["demonstration-key"]


def test_all_that_a_killed_export_leaves_is_one_private_folder_that_the_next_one_removes(start, temporary):
    child = start()
    child.kill()
    child.communicate()
    (left,) = temporary.iterdir()
    assert left.stat().st_mode & 0o777 == 0o700
    with export_folder():
        assert left.exists()
    os.utime(left, (time.time() - A_DAY_S - 60,) * 2)
    with export_folder() as own:
        assert list(temporary.iterdir()) == [own]
    assert list(temporary.iterdir()) == []


def test_an_old_folder_of_a_process_that_runs_is_left_alone(temporary):
    other = temporary / f"{FOLDER_PREFIX}other"
    other.mkdir()
    (other / "pid").write_text(str(os.getppid()))
    os.utime(other, (time.time() - A_DAY_S - 60,) * 2)
    with export_folder():
        assert other.exists()


def test_a_link_to_a_folder_is_left_alone(temporary, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    os.utime(target, (time.time() - A_DAY_S - 60,) * 2)
    (temporary / f"{FOLDER_PREFIX}link").symlink_to(target)
    with export_folder():
        assert target.exists()
