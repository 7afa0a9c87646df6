"""What the sandbox's own code needs in any environment: polars, whose tables cross the border, and threadpoolctl.

They are taken from this installation, file by file, so that the child speaks the Arrow of its parent, and so that
nothing has to be fetched for it.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import ModelError
from audit_lab.replay.environment.fingerprint import normal_name

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["CHILD_PACKAGES", "child_versions", "copy_installed"]

#: Names, or beginnings of names that end in a hyphen.
CHILD_PACKAGES = ("polars", "polars-runtime-", "threadpoolctl")


def child_versions() -> dict[str, str]:
    """Return name and version of what the child brings along."""
    return {normal_name(found.name): found.version for found in _distributions(CHILD_PACKAGES)}


def copy_installed(folder: Path, names: Collection[str], python: str) -> dict[str, str]:
    """Put installed packages into a folder, as links where the file system allows it; return their versions.

    Raises
    ------
    ModelError
        Code ``environment-not-built``: one has code that runs under this interpreter's series only.
    """
    for found in _distributions(names):
        for file in found.files or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue  # a command, or what the compiler makes again
            _check_series(file.name, python, found.name)
            source, target = Path(str(found.locate_file(file))), folder.joinpath(*file.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(source, target)
    return {normal_name(found.name): found.version for found in _distributions(names)}


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it; one that is there already stays: it may be a name of another's file."""
    with suppress(FileExistsError):
        try:
            target.hardlink_to(source)
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, target)


def _distributions(names: Collection[str]) -> list[metadata.Distribution]:
    whole = {name for name in names if not name.endswith("-")}
    beginnings = tuple(name for name in names if name.endswith("-"))
    found: dict[str, metadata.Distribution] = {}
    for each in metadata.distributions():
        name = normal_name(each.metadata["Name"] or "")
        if name in whole or name.startswith(beginnings):
            found.setdefault(name, each)
    return [found[name] for name in sorted(found)]


def _check_series(file: str, python: str, package: str) -> None:
    """Refuse compiled code that is neither of the stable interface nor of the series that is built for."""
    series = "".join(python.split(".")[:2])
    tag = file.split(".")[1] if file.count(".") > 1 and file.endswith((".so", ".pyd")) else ""
    if tag.startswith(("cpython-", "cp")) and f"{series}-" not in f"{tag}-":
        raise ModelError(
            f"{package}, which the sandbox's own code needs, is installed for another series than Python {python}",
            "Replay in the present environment: the verdict then says which versions differ.",
            "environment-not-built",
        )
