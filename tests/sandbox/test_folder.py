"""The folder that parent and child share: whose it is, where it lies, and what is told when it cannot be written."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import polars as pl
import pytest

from audit_lab.errors import StorageError
from audit_lab.sandbox import Worker, folder
from audit_lab.sandbox.folder import SharedFolder, total_bytes


@pytest.fixture
def shared(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "_base", lambda _: tmp_path)
    made = SharedFolder(0, None)
    yield made
    made.remove()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_may_enter(shared):
    assert [mode(place) for place in (shared.path, shared.inputs, shared.work)] == [0o700] * 3
    assert mode(shared.hidden) == 0o600


def test_the_user_of_a_child_may_read_its_inputs_and_owns_its_work_alone(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    monkeypatch.setattr(folder, "_base", lambda _: tmp_path)
    made = SharedFolder(0, 1_900_000_000)
    files = [made.add_file("a", b"x"), made.add_table("t", pl.DataFrame({"a": [1]}))]
    places = [made.path, made.inputs, made.work, made.hidden, *files]
    owners = [(place.stat().st_uid, place.stat().st_gid, mode(place)) for place in places]
    made.remove()
    child = 1_900_000_000
    assert owners == [
        *((0, child, 0o750), (0, child, 0o750), (child, child, 0o700), (0, 0, 0o600)),
        *((0, child, 0o640), (0, child, 0o640)),
    ]


def test_it_lies_in_memory_where_there_is_room(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "_IN_MEMORY", tmp_path / "memory")
    monkeypatch.setattr(folder.tempfile, "gettempdir", lambda: str(tmp_path / "disk"))
    assert folder._base(0) == tmp_path / "disk"
    (tmp_path / "memory").mkdir()
    assert folder._base(0) == tmp_path / "memory"
    assert folder._base(1 << 60) == tmp_path / "disk"


def test_a_folder_in_use_is_never_removed(shared, tmp_path):
    (tmp_path / "audit-lab-gone").mkdir()
    (tmp_path / "audit-lab-gone" / "lock").touch()
    (tmp_path / "audit-lab-young").mkdir()
    (tmp_path / "audit-lab-young" / "lock").touch()
    (tmp_path / "audit-lab-other").mkdir()
    for name in (shared.path.name, "audit-lab-gone", "audit-lab-other"):
        os.utime(tmp_path / name, (0, 0))
    folder._remove_abandoned.__wrapped__(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {shared.path.name, "audit-lab-young", "audit-lab-other"}


def test_no_folder_at_all_is_told(monkeypatch):
    monkeypatch.setattr(folder, "_base", lambda _: Path("/nowhere/at/all"))
    with pytest.raises(StorageError, match=r"no private folder could be made.*Point TMPDIR") as caught:
        Worker({})
    assert caught.value.reason == "denied"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "full"),
        (pl.exceptions.ComputeError("No space left on device (os error 28)"), "full"),
        (OSError(errno.EIO, "Input/output error"), "other"),
    ],
)
def test_a_table_without_room_is_told_and_the_worker_lives(monkeypatch, error, reason):
    def fail(*_, **__):
        raise error

    with Worker({}) as worker:
        with monkeypatch.context() as patched:
            patched.setattr(pl.DataFrame, "write_ipc_stream", fail)
            with pytest.raises(StorageError, match="could not be written for the sandbox") as caught:
                worker.run("audit_lab.sandbox.probe:report", header={}, tables={"t": pl.DataFrame({"a": [1]})})
        assert caught.value.reason == reason
        assert worker.run("audit_lab.sandbox.probe:report", header={"a": 1}, tables={}).header == {"a": 1}


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StorageError, match="missing.bin"):
        Worker({"artifact": tmp_path / "missing.bin"})


def test_sizes_are_added_up(tmp_path):
    (tmp_path / "file").write_bytes(b"123")
    assert total_bytes({"a": b"12", "b": tmp_path / "file", "c": {"x": b"1234", "y": b"1"}}) == 10
