"""Files of a log: each whole or not at all, none outside the folder, none overwritten by accident."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from audit_lab.errors import LogError, StorageError
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.files.storage import LocalStorage

FOLDER = Path("/disk/log")


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path / "log")


def test_what_was_created_is_read(storage):
    storage.create("a/b/rows.parquet", b"0123456789")
    assert storage.read("a/b/rows.parquet") == b"0123456789"
    assert storage.read_range("a/b/rows.parquet", 3, 4) == b"3456"
    assert storage.read_range("a/b/rows.parquet", 8, 100) == b"89"
    assert storage.size("a/b/rows.parquet") == 10
    assert storage.exists("a/b/rows.parquet")
    assert not storage.exists("a/b")
    assert (storage.folder / "a/b/rows.parquet").read_bytes() == b"0123456789"


def test_files_are_listed_by_folder(storage):
    storage.create_all({"b/2": b"", "b/1": b"", "a/x/y": b"", "c": b""})
    assert storage.list() == ["a/x/y", "b/1", "b/2", "c"]
    assert storage.list("b") == ["b/1", "b/2"]
    assert storage.list("a") == ["a/x/y"]
    assert storage.list("nowhere") == []


def test_nothing_is_left_aside(storage):
    storage.create("a", b"1")
    storage.create("a", b"2", replace=True)
    assert [path.name for path in storage.folder.iterdir()] == ["a"]


def test_a_file_is_not_overwritten_unless_told(storage):
    storage.create("a", b"1")
    with pytest.raises(LogError, match="the file a of the log .* exists already"):
        storage.create("a", b"2")
    assert storage.read("a") == b"1"
    storage.create("a", b"2", replace=True)
    assert storage.read("a") == b"2"


def test_none_of_several_is_written_when_one_is_there(storage):
    storage.create("b", b"1")
    with pytest.raises(LogError, match="exists already"):
        storage.create_all({"a": b"1", "b": b"2", "c": b"3"})
    assert storage.list() == ["b"]


@pytest.mark.parametrize("path", ["../a", "a/../../b", "/etc/passwd", "a//b", "a/./b", "a\\b", "a\0b", "a/"])
def test_a_path_out_of_the_folder_is_refused(storage, path):
    for act in (storage.read, storage.exists, storage.size, storage.remove, lambda name: storage.create(name, b"")):
        with pytest.raises(LogError, match="a file outside itself"):
            act(path)


def test_a_link_out_of_the_folder_is_refused(storage, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    storage.create("a", b"")
    (storage.folder / "tile").symlink_to(tmp_path / "outside")
    for act in (storage.read, storage.exists, lambda name: storage.create(name, b"", replace=True)):
        with pytest.raises(LogError, match="a file outside itself"):
            act("tile/secret")
    assert storage.list() == ["a", "tile"]


def test_a_missing_file_is_told(storage):
    for act in (storage.read, storage.size, storage.remove):
        with pytest.raises(StorageError, match="it is not there") as told:
            act("a/b")
        assert told.value.reason == "missing"


def test_a_file_in_place_of_a_folder_is_told(storage):
    storage.create("tile", b"")
    with pytest.raises(StorageError, match="cannot write tile/0"):
        storage.create("tile/0/000", b"")


def test_the_lock_is_held_by_one_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("audit_lab.log.files.disk._PATIENCE_S", 0.05)
    one, other = LocalStorage(tmp_path / "log"), LocalStorage(tmp_path / "log")
    with one.lock(), pytest.raises(StorageError, match="another process is writing") as told, other.lock():
        pass
    assert told.value.reason == "locked"
    with other.lock():
        pass


def test_a_file_is_synced_before_it_gets_its_name_and_the_folder_after(simulated):
    disk = simulated.SimulatedDisk({"/disk/log/": b""})
    LocalStorage(FOLDER, disk).create("rows", b"content")
    kinds = [operation.kind for operation in disk.trace]
    assert kinds == ["sync-folder", "sync-folder", "open", "write", "sync", "rename", "sync-folder"]
    opened, renamed = disk.trace[2], disk.trace[5]
    assert opened.path.startswith("/disk/log/.aside-")
    assert (renamed.path, renamed.target) == (opened.path, "rows")


def test_several_files_are_synced_before_the_first_gets_its_name(simulated):
    disk = simulated.SimulatedDisk({"/disk/log/": b""})
    storage = LocalStorage(FOLDER, disk)
    storage.create("a/first", b"")
    before = len(disk.trace)
    storage.create_all({"a/x": b"1", "a/y": b"2", "b/z": b"3"})
    kinds = [(each.kind, each.path.rpartition("/.aside")[0]) for each in disk.trace[before:]]
    assert [kind for kind, _ in kinds] == [
        *["make", "sync-folder"],
        *["open", "write"] * 3,
        *["sync"] * 3,
        *["rename"] * 3,
        *["sync-folder"] * 2,
    ]
    assert [operation.path for operation in disk.trace[-2:]] == ["/disk/log/a", "/disk/log/b"]


def test_a_derived_file_is_never_torn_and_its_folder_not_synced(simulated):
    disk = simulated.SimulatedDisk({"/disk/log/": b""})
    storage = LocalStorage(FOLDER, disk)
    storage.create("a", b"")
    before = len(disk.trace)
    storage.create_all({"manifest.json": b"{}"}, replace=True, derived=True)
    assert [each.kind for each in disk.trace[before:]] == ["open", "write", "sync", "rename"]


def test_the_aside_of_a_file_that_cannot_be_written_is_removed(simulated):
    tried = simulated.SimulatedDisk({"/disk/log/": b""})
    LocalStorage(FOLDER, tried).create("a", b"0123")
    written = [kind for kind, _ in tried.asked].index("write")
    disk = simulated.SimulatedDisk({"/disk/log/": b""})
    disk.fail = {written: errno.ENOSPC}
    storage = LocalStorage(FOLDER, disk)
    with pytest.raises(StorageError, match="cannot write a of /disk/log: the disk is full"):
        storage.create("a", b"0123")
    assert storage.list() == []
    assert ("unlink", "/disk/log/.aside-") in [(kind, path[:17]) for kind, path in disk.asked]


def test_a_disk_writes_all_that_it_is_given(tmp_path):
    disk, content = LocalDisk(), os.urandom(3_000_000)
    handle = disk.open_new(str(tmp_path / "a"))
    disk.write(handle, content)
    disk.sync([handle])
    disk.close(handle)
    assert (tmp_path / "a").read_bytes() == content


def test_a_new_file_does_not_replace_one(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    with pytest.raises(FileExistsError):
        LocalDisk().open_new(str(tmp_path / "a"))
