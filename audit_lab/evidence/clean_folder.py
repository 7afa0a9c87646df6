"""The clean folder that an exported notebook runs in: nothing stands in it, and its log where the notebook opens it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.evidence.rerun.log_place import only_log, opened_logs

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["clean_folder"]

_UP = ".."
_NEXT = "Export it in its own folder: --own-folder (in Python: own_folder=True)"


def clean_folder(world: Path, sources: Iterable[str], home: Path, log: Path | None = None) -> Path:
    """Make an empty folder inside another one, from which relative paths to logs lead where they led from `home`.

    Parameters
    ----------
    world
        The folder to make it in, however deep the paths climb; it is made.
    sources
        The code cells: what they hand to ``al.open``, where it can be read from them, is what leads somewhere.
    home
        The folder of the notebook.
    log
        The log that the notebook is to find in the place of its own.

    Returns
    -------
    Path
        The folder, with nothing in it but logs below it, where some are opened there.

    Raises
    ------
    MisuseError
        A log was given, and not exactly one is opened by a relative path.
    AuditLabError
        No links can be made here.
    """
    cells = list(sources)
    opened = opened_logs(cells) if log is None else {only_log(cells)}
    paths = [path for each in sorted(opened) if not (path := PurePosixPath(each)).is_absolute()]
    depth = max([path.parts.count(_UP) for path in paths], default=0)
    folder = world.joinpath(*home.resolve().parts[1:][-depth - 1 :])  # the same names, for paths that come back down
    folder.mkdir(parents=True, mode=0o700)
    for path in paths:
        target = home / path if log is None else log
        if target.is_dir() and path.name not in {"", _UP}:
            _link(folder, path, target.resolve())
    return folder


def _link(folder: Path, path: PurePosixPath, target: Path) -> None:
    place = folder
    for part in path.parts[:-1]:
        place = place.parent if part == _UP else place / part
        if place.is_symlink():  # inside a log that is there already
            return
        place.mkdir(exist_ok=True)
    link = place / path.name
    if link.exists():
        return
    try:
        link.symlink_to(target, target_is_directory=True)
    except OSError as error:
        raise AuditLabError(f"No clean folder can be made for the notebook ({error.strerror})", _NEXT) from error
