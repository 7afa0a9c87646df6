"""A disk in memory that records what it is asked, fails where it is told, and can lose what was not synced.

The model is the least that POSIX promises. Bytes of a file are safe when the file was synced; a name in a folder is
safe when the folder was synced, and that says nothing of what the name stands for; renaming is atomic. Whatever is not
safe may be there after a power loss or not, in any combination, and unsafe bytes may be missing, cut or zero.
"""

from __future__ import annotations

import errno
import hashlib
import os
import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = 0

#: What a read-only medium refuses.
CHANGING = {"make", "open", "rename", "unlink", "lock"}


class Killed(BaseException):
    """The process ended at this operation."""


@dataclass(frozen=True)
class Operation:
    """One thing that a disk was asked to do, by numbers of folders and files, so that it can be done again."""

    kind: str
    at: int
    name: str = ""
    target: str = ""
    number: int = 0
    content: bytes = b""
    path: str = ""


@dataclass
class File:
    live: bytes = b""
    synced: bytes = b""


@dataclass
class Folder:
    live: dict[str, int] = field(default_factory=dict)
    synced: dict[str, int] = field(default_factory=dict)
    pending: list[Operation] = field(default_factory=list)


class Content:
    """Folders and files by number; number 0 is the root. Folders that a test begins with are safe."""

    def __init__(self) -> None:
        self.nodes: dict[int, File | Folder] = {ROOT: Folder()}

    def apply(self, operation: Operation) -> None:
        node = self.nodes[operation.at]
        if operation.kind == "write":
            node.live += operation.content
        elif operation.kind == "sync":
            node.synced = node.live
        elif operation.kind == "sync-folder":
            node.synced, node.pending = dict(node.live), []
        else:
            if operation.kind == "make":
                self.nodes[operation.number] = Folder()
            elif operation.kind == "open":
                self.nodes[operation.number] = File()
            _name(node.live, operation)
            node.pending.append(operation)

    def after_power_loss(self, names: set[int] | None, data: str, only: set[int] | None = None) -> dict[str, bytes]:
        """Return path to bytes of what a power loss leaves.

        Parameters
        ----------
        names
            Which of the unsafe names persist, by the identity of their operations; None for all.
        data
            What becomes of unsafe bytes: ``lost``, ``kept``, ``half`` or ``zeros``.
        only
            The files that this happens to; the unsafe bytes of all others are kept. None for every file.
        """
        found: dict[str, bytes] = {}
        waiting = [("", ROOT)]
        while waiting:
            path, number = waiting.pop()
            node = self.nodes[number]
            if isinstance(node, File):
                affected = only is None or number in only
                found[path] = _damaged(node, data if affected else "kept")
                continue
            entries = dict(node.synced)
            for operation in node.pending:
                if names is None or id(operation) in names:
                    _name(entries, operation)
            found[path + "/"] = b""
            waiting += [(f"{path}/{name}", inner) for name, inner in entries.items()]
        return found

    def is_unsafe(self, number: int) -> bool:
        node = self.nodes[number]
        return bool(node.pending) if isinstance(node, Folder) else node.live != node.synced

    def pending(self) -> list[Operation]:
        return [each for node in self.nodes.values() if isinstance(node, Folder) for each in node.pending]

    def unsynced(self) -> list[int]:
        return [number for number, node in self.nodes.items() if isinstance(node, File) and node.live != node.synced]


class SimulatedDisk:
    """A `Disk` in memory; operations, reads included, are counted from 0."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.content = Content()
        self.trace: list[Operation] = []
        self.count = 0
        #: Number of an operation to the error that it ends in.
        self.fail: dict[int, int] = {}
        self.interrupt_at: int | None = None
        self.kill_at: int | None = None
        self.kill_when: tuple[str, str] | None = None
        self.is_dead = False
        self.is_read_only = False
        self.asked: list[tuple[str, str]] = []
        self._next = 1
        self._handles: dict[int, int] = {}
        for path, content in sorted((files or {}).items()):
            self._plant(path, content)

    def _plant(self, path: str, content: bytes) -> None:
        number = ROOT
        *folders, name = path.strip("/").split("/") if path.strip("/") else [""]
        for each in [*folders, *([name] if path.endswith("/") else [])]:
            if not each:
                continue
            entries = self.content.nodes[number]
            if each not in entries.live:
                self.content.nodes[self._next] = Folder()
                entries.live[each] = entries.synced[each] = self._next
                self._next += 1
            number = entries.live[each]
        if not path.endswith("/"):
            self.content.nodes[self._next] = File(content, content)
            self.content.nodes[number].live[name] = self.content.nodes[number].synced[name] = self._next
            self._next += 1

    def copy(self) -> SimulatedDisk:
        """Return another disk with the same files, all of them safe."""
        return SimulatedDisk(self.files())

    def restart(self) -> None:
        """Let another process use the disk after one was killed."""
        self.is_dead, self.kill_at, self.kill_when, self.fail = False, None, None, {}

    def files(self) -> dict[str, bytes]:
        """Return path to bytes as a process sees them now."""
        return self.content.after_power_loss(None, "kept")

    # Disk

    def read(self, path: str, start: int, length: int | None) -> bytes:
        self._ask("read", path)
        node = self._find(path)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return node.live[start:] if length is None else node.live[start : start + length]

    def size(self, path: str) -> int | None:
        self._ask("size", path)
        node = self._find(path)
        return len(node.live) if isinstance(node, File) else None

    def names(self, path: str) -> list[tuple[str, bool]]:
        self._ask("names", path)
        node = self._find(path)
        if not isinstance(node, Folder):
            return []
        return [(name, isinstance(self.content.nodes[number], Folder)) for name, number in node.live.items()]

    def has_folder(self, path: str) -> bool:
        return isinstance(self._find(path), Folder)

    def resolve(self, path: str) -> str:
        return path

    def make_folder(self, path: str) -> None:
        self._ask("make", path)
        self._record("make", path, number=self._fresh())

    def open_new(self, path: str) -> int:
        self._ask("open", path)
        number = self._fresh()
        self._record("open", path, number=number)
        return number

    def write(self, handle: int, content: bytes) -> None:
        half = content[: len(content) // 2]
        try:
            self._ask("write", "")
        except OSError:
            self._do(Operation("write", handle, content=half))
            raise
        self._do(Operation("write", handle, content=content))

    def sync(self, handles: Sequence[int]) -> None:
        for handle in handles:
            self._ask("sync", "")
            self._do(Operation("sync", handle))

    def close(self, handle: int) -> None:
        self._ask("close", "")

    def sync_folders(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._ask("sync-folder", path)
            self._do(Operation("sync-folder", self._number(path), path=path))

    def rename(self, source: str, target: str) -> None:
        self._ask("rename", target)
        number = self._number(source)
        self._record("rename", source, target=target.rpartition("/")[2], number=number)

    def unlink(self, path: str) -> None:
        self._ask("unlink", path)
        if self._find(path) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self._record("unlink", path)

    @contextmanager
    def lock(self, path: str) -> Iterator[None]:
        self._ask("lock", path)
        yield

    def _ask(self, kind: str, path: str) -> None:
        number = self.count
        self.count += 1
        self.asked.append((kind, path))
        if number == self.interrupt_at:
            raise KeyboardInterrupt
        if number == self.kill_at or (kind, path) == self.kill_when or self.is_dead:
            self.is_dead = True
            raise Killed
        if number in self.fail or (self.is_read_only and kind in CHANGING):
            code = self.fail.get(number, errno.EROFS)
            raise OSError(code, os.strerror(code), path)

    def _record(self, kind: str, path: str, target: str = "", number: int = 0) -> None:
        folder, _, name = path.rpartition("/")
        self._do(Operation(kind, self._number(folder), name, target, number, path=path))

    def _do(self, operation: Operation) -> None:
        self.trace.append(operation)
        self.content.apply(operation)

    def _fresh(self) -> int:
        self._next += 1
        return self._next - 1

    def _number(self, path: str) -> int:
        number = ROOT
        for name in path.split("/"):
            if name:
                node = self.content.nodes[number]
                if not isinstance(node, Folder) or name not in node.live:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
                number = node.live[name]
        return number

    def _find(self, path: str) -> File | Folder | None:
        try:
            return self.content.nodes[self._number(path)]
        except FileNotFoundError:
            return None


def power_losses(
    trace: Sequence[Operation], start: Content, promises: Sequence[int], begin: int, seen: set[tuple[int, bytes]]
) -> Iterator[tuple[int, str, dict[str, bytes]]]:
    """Yield how many promises had been made, what was lost in a phrase, and the files that are left.

    Every prefix of the trace from `begin` operations on, each with unsafe names and bytes lost in many combinations.

    Parameters
    ----------
    trace, start
        The operations, and what was there before the first.
    promises
        After how many operations each promise was made.
    seen
        The states that came up before, each under so many promises; they are left out, and new ones are added.
    """
    generator = random.Random(7)
    for done in range(len(trace) + 1):
        if done:
            start.apply(trace[done - 1])
        if done < begin:
            continue
        promised = sum(after <= done for after in promises)
        for what, files in _variants(start, generator):
            state = (promised, _digest(files))
            if state not in seen:
                seen.add(state)
                yield promised, f"after {done} operations, {what}", files


def _variants(content: Content, generator: random.Random) -> Iterator[tuple[str, dict[str, bytes]]]:
    pending, unsynced = content.pending(), content.unsynced()
    every = {id(each) for each in pending}
    yield "nothing unsafe persists", content.after_power_loss(set(), "lost")
    yield "everything persists", content.after_power_loss(None, "kept")
    for data in ("lost", "half", "zeros"):
        yield f"names persist, bytes {data}", content.after_power_loss(None, data)
    yield "bytes persist, names lost", content.after_power_loss(set(), "kept")
    for number in unsynced:
        yield f"bytes of file {number} cut", content.after_power_loss(None, "half", {number})
    for each in pending:
        yield f"only {_phrase(each)} persists", content.after_power_loss({id(each)}, "lost")
        yield f"only {_phrase(each)} is lost", content.after_power_loss(every - {id(each)}, "kept")
    for _ in range(2 if pending else 0):
        some = {id(each) for each in pending if generator.random() < 0.5}
        yield "some names persist", content.after_power_loss(some, generator.choice(["lost", "kept", "half"]))


def _phrase(operation: Operation) -> str:
    return f"{operation.kind} {operation.path} {operation.target}".strip()


def _digest(files: dict[str, bytes]) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode() + files[path])
    return digest.digest()


def _name(entries: dict[str, int], operation: Operation) -> None:
    if operation.kind == "unlink":
        entries.pop(operation.name, None)
    elif operation.kind == "rename":
        entries.pop(operation.name, None)
        entries[operation.target] = operation.number
    else:
        entries[operation.name] = operation.number


def _damaged(file: File, data: str) -> bytes:
    unsafe = file.live.removeprefix(file.synced)
    if data == "kept" or not unsafe:
        return file.live
    return file.synced + {"lost": b"", "half": unsafe[: len(unsafe) // 2], "zeros": bytes(len(unsafe))}[data]
