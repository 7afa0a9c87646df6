"""A sealed log's folder as it was at a checkpoint, where it only grew since: what came later is left out of it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.tree.state import LogState, manifest_bytes
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME, LogTree, checkpoint_path
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.tiles import parse_number_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["as_it_was"]

#: As many files as bubblewrap can be told of one by one.
_MOST_FILES = 2_000
_CHECKPOINTS = checkpoint_path(1).partition("/")[0]


def as_it_was(log: Path, checkpoint: str, scratch: Path) -> dict[str, Path] | None:
    """Return where each file of a log's folder is to be read, so that the folder is as it was at a checkpoint.

    None where it is so now, and where that cannot be had: a file that held rows then was rewritten or removed since, or
    there are too many.

    Parameters
    ----------
    log
        The folder; the log is known to have been as the checkpoint says.
    checkpoint
        The signed note.
    scratch
        An empty folder, for the two files that change as a log grows.
    """
    at, tree = parse_checkpoint(checkpoint.encode(), "The case's checkpoint").checkpoint, LogTree(LocalStorage(log))
    entries = tree.entries()
    if len(entries) == at.size:
        return None
    then, now = LogState.fold(entries[: at.size]), LogState.fold(entries)
    if _data(then) - _data(now):
        return None
    later = {path.rpartition(".")[0] for path in _data(now) - _data(then)}
    log = log.resolve()
    files = (path for path in log.rglob("*") if path.is_file() and path.resolve() == path)  # a link may lead anywhere
    names = (path.relative_to(log).as_posix() for path in files)
    view = {name: log / name for name in names if not _came_later(name, later, at.size)}
    if len(view) > _MOST_FILES:
        return None
    for name, content in (
        (CHECKPOINT_NAME, checkpoint.encode()),
        (MANIFEST_NAME, manifest_bytes(then, at.root)),
    ):
        view[name] = scratch / name
        view[name].write_bytes(content)
        view[name].chmod(0o644)
    return view


def _came_later(name: str, later: set[str], size: int) -> bool:
    """Whether a file came after a log had `size` entries: of later rows, or a later checkpoint."""
    folder, _, rest = name.partition("/")
    if folder == _CHECKPOINTS:
        with suppress(MalformedError):
            return parse_number_path(rest) > size
    return (rest.rsplit(".", 2) if folder == "index" else name.rsplit(".", 1))[0] in later


def _data(state: LogState) -> set[str]:
    return {path for files in state.files.values() for path in files}
