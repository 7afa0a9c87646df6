"""Whether an artifact lies in its log, which is the only place where one is looked for."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, ModelError
from audit_lab.log.manifest import inside

if TYPE_CHECKING:
    from audit_lab.log.folder import LogFolder

__all__ = ["check_location"]

#: ``s3://bucket/x``, ``models:/loans/3``, ``file:/x`` and ``C:\\x``; a colon elsewhere may stand in a file's name.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[/\\]")
_SHOWN = 200


def check_location(folder: LogFolder, uri: str, name: str) -> None:
    """Refuse an address, and a path that leads out of the log, before anything is looked for there.

    Parameters
    ----------
    folder
        The log's.
    uri
        What the registry states.
    name
        Model and version, for the message.

    Raises
    ------
    ModelError
        Code ``artifact-outside``.
    """
    if not _leads_out(folder, uri):
        return
    own = re.split(r"[/\\:]", uri.rstrip("/\\"))[-1]
    place = f"artifacts/{own}" if own not in ("", ".", "..") else "artifacts/"
    raise ModelError(
        f"the registry says that the artifact of {name} is at {uri[:_SHOWN]!r}, which is outside the log; nothing "
        "there is looked for or opened",
        f"Copy it into the log's folder, for example to {place[:_SHOWN]}, and record a row of the registry that "
        "corrects this one (supersedes) and states that place; the recorded digest will show whether it is the right "
        "file.",
        "artifact-outside",
    )


def _leads_out(folder: LogFolder, uri: str) -> bool:
    path = PurePosixPath(uri)
    if _ADDRESS.match(uri) or path.is_absolute() or ".." in path.parts or "\\" in uri:
        return True
    if folder.path is None:
        return False
    try:
        inside(folder.path, uri)
    except LogError:
        return True
    return False
