"""The command line that makes a child's world with bubblewrap."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.sandbox.folder import SharedFolder

__all__ = ["command_line", "program", "version"]

_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
_SHARED_MEMORY_BYTES = 64_000_000


def program() -> str | None:
    """Return the path of bubblewrap, if it is installed."""
    return shutil.which("bwrap")


@cache
def version(path: str) -> str:
    """Return its name and version, such as ``bubblewrap 0.8.0``."""
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - found on the path
    except (OSError, subprocess.SubprocessError):
        return "bubblewrap"
    return told.stdout.strip() or "bubblewrap"


def command_line(
    path: str, folder: SharedFolder, readable: Iterable[Path], *, uid: int | None, work_bytes: int
) -> list[str]:
    """Return bubblewrap's arguments; the child's program and its own follow.

    Parameters
    ----------
    path
        Of bubblewrap.
    folder
        ``in`` is bound read-only; ``work`` is memory of its own, as large as `work_bytes`, and unseen from outside.
    readable
        What else exists in the child's world, read-only.
    uid
        As root: the user the child will become, for which it keeps the right to change its user until it has done so.
        Without: a user namespace in which the caller's user has no power.
    """
    arguments = [path, *_NAMESPACES, "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if uid is None:
        arguments += ["--unshare-user", "--uid", str(os.getuid()), "--gid", str(os.getgid())]
    else:
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108 - a private one
    made: set[Path] = set()
    for place in readable:
        arguments += [*_ancestors(place, made), *_shown(place)]
    for place in (folder.inputs, folder.work):
        arguments += _ancestors(place, made)
    arguments += ["--ro-bind", str(folder.inputs), str(folder.inputs)]
    mode = "0700" if uid is None else "1777"
    arguments += ["--perms", mode, "--size", str(work_bytes), "--tmpfs", str(folder.work)]
    return [*arguments, "--chdir", str(folder.work), "--remount-ro", "/dev", "--remount-ro", "/", "--"]


def _ancestors(place: Path, made: set[Path]) -> list[str]:
    """Make the folders above a place so that any user may pass through; bubblewrap's own would be closed."""
    arguments = []
    for ancestor in reversed(place.parents[:-1]):
        if ancestor not in made and ancestor not in (Path("/dev"), Path("/dev/shm")):  # noqa: S108 - a private one
            made.add(ancestor)
            arguments += ["--perms", "0755", "--dir", str(ancestor)]
    return arguments


def _shown(place: Path) -> list[str]:
    if place.is_symlink() and len(place.parts) == len(("/", "lib")):
        return ["--symlink", str(place.readlink()), str(place)]
    return ["--ro-bind", str(place), str(place)]
