"""The file system below a folder, watched: it fails or ends where it is told, and remembers what a power loss may take.

Recorder, sealer and log write to real files; what changes these goes through a few functions of `os`, which count it
here. Where something fails, half of what was to be written is in the file.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.capture.recorder import spool_file

if TYPE_CHECKING:
    from types import ModuleType

    import pytest

#: What asks for space, or for a place in a folder.
GROWING = {"make", "open", "write", "sync", "rename", "sync-folder"}


class WatchedDisk:
    """What is asked of the file system below `root`.

    Attributes
    ----------
    asked
        Kind and path, relative to `root`, of each operation that changes something.
    fail
        Number of an operation to the error that it ends in.
    fail_from
        From which number on all that asks for space ends in which error.
    end_at
        The number of the operation at which the process ends: it and all later ones raise `simulated.Killed`.
    disk
        The simulated disk, whose trace has the same operations.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, simulated: ModuleType) -> None:
        self.root, self.simulated = root, simulated
        self.asked: list[tuple[str, str]] = []
        self.fail: dict[int, int] = {}
        self.fail_from: tuple[int, int] | None = None
        self.end_at: int | None = None
        self._guard = threading.RLock()
        self.before = _everything(root)
        self.disk = simulated.SimulatedDisk(self.before)
        self._real = {name: getattr(os, name) for name in (*_NAMES, "write", "open", "fsync")}
        for name in _NAMES:
            monkeypatch.setattr(os, name, self._named(name))
        monkeypatch.setattr(os, "write", self._write)
        monkeypatch.setattr(os, "open", self._open)
        monkeypatch.setattr(os, "fsync", self._sync)
        monkeypatch.setattr(spool_file, "_sync", self._sync)

    def restart(self) -> None:
        """Let another process use a disk that works."""
        self.fail, self.fail_from, self.end_at = {}, None, None

    def _inside(self, path: object) -> str | None:
        """Return a path relative to the root, with a slash before it; None of one elsewhere."""
        if not isinstance(path, str | os.PathLike):
            return None
        full = Path(path)
        if not full.is_relative_to(self.root):
            return None
        return "/" + "/".join(full.relative_to(self.root).parts)

    def _ask(self, kind: str, path: str) -> None:
        number = len(self.asked)
        self.asked.append((kind, path))
        if self.end_at is not None and number >= self.end_at:
            raise self.simulated.Killed
        code = self.fail.get(number)
        if self.fail_from is not None and number >= self.fail_from[0] and kind in GROWING:
            code = self.fail_from[1]
        if code is not None:
            raise OSError(code, os.strerror(code), path)

    def _named(self, name: str):
        real, kind = self._real[name], _NAMES[name]

        def call(path, *others, **named):
            inside = self._inside(path)
            if inside is None:
                return real(path, *others, **named)
            with self._guard:
                if os.path.lexists(path) == (name == "mkdir"):  # refused by itself
                    return real(path, *others, **named)
                self._ask(kind, inside)
                made = real(path, *others, **named)
                if kind == "make":
                    self.disk.make_folder(inside)
                elif kind == "rename":
                    self._written(inside, Path(others[0]))
                    self.disk.rename(inside, self._inside(others[0]))
                else:
                    self.disk.unlink(inside)
                return made

        return call

    def _open(self, path, flags, *others, **named):
        inside = self._inside(path)
        if inside is None or not flags & os.O_CREAT or os.path.lexists(path):
            return self._real["open"](path, flags, *others, **named)
        with self._guard:
            self._ask("open", inside)
            handle = self._real["open"](path, flags, *others, **named)
            self.disk.open_new(inside)
            return handle

    def _write(self, handle, content):
        place = Path(f"/proc/self/fd/{handle}").readlink()
        inside = self._inside(place)
        if inside is None:
            return self._real["write"](handle, content)
        with self._guard:
            try:
                self._ask("write", inside)
            except BaseException:
                self._real["write"](handle, content[: len(content) // 2])
                raise
            count = self._real["write"](handle, content)
            self._written(inside, place)
            return count

    def _sync(self, handle):
        place = Path(f"/proc/self/fd/{handle}").readlink()
        inside = self._inside(place)
        if inside is None:
            return self._real["fsync"](handle)
        with self._guard:
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                self._ask("sync-folder", inside)
                return self.disk.sync_folders([inside])
            self._ask("sync", inside)
            self._written(inside, place)
            return self.disk.sync([self.disk._number(inside)])

    def _written(self, inside: str, place: Path) -> None:
        """Tell the simulated disk what was written to a file since it was last told."""
        node = self.disk._find(inside)
        if not isinstance(node, self.simulated.File):
            return
        content = place.read_bytes()
        if content != node.live and content.startswith(node.live):
            self.disk.write(self.disk._number(inside), content[len(node.live) :])


_NAMES = {"mkdir": "make", "rename": "rename", "replace": "rename", "unlink": "unlink", "rmdir": "unlink"}


def _everything(root: Path) -> dict[str, bytes]:
    """Return path to bytes of all below a folder; that of a folder ends in a slash."""
    found = {"/": b""}
    for path in sorted(root.rglob("*")):
        inside = "/" + path.relative_to(root).as_posix()
        found |= {f"{inside}/": b""} if path.is_dir() else {inside: path.read_bytes()}
    return found
