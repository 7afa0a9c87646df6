"""What the child must be able to read: the interpreter, its libraries, and of this project the package alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.sandbox.job import PythonEnvironment

__all__ = ["PACKAGE", "interpreter", "readable_places"]

#: The package itself.
PACKAGE = Path(__file__).resolve().parents[1]
#: Where a Linux system keeps what programs load: libraries, their cache, time zones. /sys is not among them.
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"),
)
_PARTS_OF_A_PREFIX = ("bin", "etc", "include", "lib", "lib64", "libexec", "pyvenv.cfg", "share", "ssl")


def interpreter(environment: PythonEnvironment | None) -> Path:
    """Return the program that runs the worker."""
    return environment.python.absolute() if environment else Path(sys.executable)


def readable_places(environment: PythonEnvironment | None, package: Path) -> list[Path]:
    """Return the absolute paths that the child may read, none below another, symbolic links as they are."""
    places = [Path(name) for name in _SYSTEM]
    if environment is None:
        for prefix in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix):
            places += _parts(Path(prefix))
    else:
        python = interpreter(environment)
        places += [*_parts(python.parents[1]), *_parts(python.resolve().parents[1])]
        places += [folder.absolute() for folder in (*environment.folders, *environment.overlay)]
    places.append(package)
    return sorted(_outermost({place for place in places if place.exists()}))


def _parts(prefix: Path) -> Iterator[Path]:
    """Yield an environment's folder, or its parts where that would show a whole home or the whole machine."""
    if prefix in (Path("/"), Path.home(), *Path.home().parents):
        yield from (prefix / name for name in _PARTS_OF_A_PREFIX)
    else:
        yield prefix


def _outermost(places: Iterable[Path]) -> list[Path]:
    every = set(places)
    return [place for place in every if not any(ancestor in every for ancestor in place.parents)]
