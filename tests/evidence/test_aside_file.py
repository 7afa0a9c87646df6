"""A file that is written aside: whole under its name or not there, and nothing beside it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from audit_lab.evidence.aside_file import aside

NAMED = ("audit_lab.evidence.aside_file._UNNAMED", 0)


@pytest.fixture(params=["unnamed", "named"])
def way(request, monkeypatch):
    """Files without a name where there are such, and hidden files everywhere else."""
    if request.param == "named":
        monkeypatch.setattr(*NAMED)
    return request.param


def write(path, content, **how):
    with aside(path, **how) as file:
        file.write(content)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_with_the_folders_it_needs(way, tmp_path):
    write(tmp_path / "a" / "b" / "new", b"content", replace=False)
    assert (tmp_path / "a" / "b" / "new").read_bytes() == b"content"
    assert (tmp_path / "a" / "b" / "new").stat().st_mode & 0o777 == 0o644
    assert names(tmp_path / "a" / "b") == ["new"]


def test_one_that_is_there_is_replaced_or_stays(way, tmp_path):
    write(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        write(tmp_path / "file", b"second", replace=False)
    assert (tmp_path / "file").read_bytes() == b"first"
    write(tmp_path / "file", b"third")
    assert (tmp_path / "file").read_bytes() == b"third"
    assert names(tmp_path) == ["file"]


def test_of_two_at_once_the_first_to_end_stands(way, tmp_path):
    path = tmp_path / "file"

    def both():
        with aside(path, replace=False) as late:
            late.write(b"late")
            write(path, b"early", replace=False)

    with pytest.raises(FileExistsError):
        both()
    assert path.read_bytes() == b"early"
    assert names(tmp_path) == ["file"]


def test_until_it_is_whole_nothing_has_its_name(way, tmp_path):
    with aside(tmp_path / "file") as file:
        file.write(b"content")
        file.flush()
        assert not (tmp_path / "file").exists()
        hidden = names(tmp_path)
        assert [name.startswith(".file.") and name.endswith(".tmp") for name in hidden] == [True] * (way == "named")


@pytest.mark.parametrize("step", ["os.fsync", "os.link", "os.fchmod", "pathlib.Path.chmod", "pathlib.Path.replace"])
@pytest.mark.parametrize("replace", [True, False])
def test_an_error_at_any_step_leaves_all_as_it_was(way, tmp_path, monkeypatch, step, replace):
    if replace:
        write(tmp_path / "file", b"before")
    reached = False

    def fail(*_, **__):
        nonlocal reached
        reached = True
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(step, fail)
    with suppress(OSError):
        write(tmp_path / "file", b"after", replace=replace)
    monkeypatch.undo()
    failed = reached and (way, step, replace) != (
        "named",
        "os.link",
        False,
    )  # there, a rename does what a link does not
    before = {"file": b"before"} if replace else {}
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == (before if failed else {"file": b"after"})


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; import audit_lab.evidence.aside_file as place\n"
        "place._UNNAMED = 0\n"
        "with place.aside(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "file"], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(".file.")
    for other in (".file.of-somebody", ".other.1.tmp", "file.tmp"):
        (tmp_path / other).touch()
    (tmp_path / ".file.link.tmp").symlink_to(tmp_path / "file.tmp")
    write(tmp_path / "file", b"content")
    assert names(tmp_path) == [".file.link.tmp", ".file.of-somebody", ".other.1.tmp", "file", "file.tmp"]


def test_what_another_one_is_writing_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(*NAMED)
    path = tmp_path / "file"
    with aside(path) as slow:
        slow.write(b"slow")
        write(path, b"quick")
    assert path.read_bytes() == b"slow"
    assert names(tmp_path) == ["file"]
