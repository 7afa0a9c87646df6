"""What is known of each log's integrity: whether it is sealed, and how its last verification here ended.

Kept in the server's memory, by the log's folder and the digest of its checkpoint (of its manifest where it is not
sealed): a log that was sealed anew since counts as not verified. Nothing is written into a log.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from audit_lab.lab.messages import Integrity

__all__ = ["Badges", "state_of"]

_MOST = 1_000
_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class _Ended:
    verdict: str
    at: datetime
    findings: int


class Badges:
    """The last verification of each state of each log."""

    def __init__(self) -> None:
        self._ended: OrderedDict[tuple[Path, str], _Ended] = OrderedDict()
        self._lock = Lock()

    def keep(self, folder: Path, state: str, result: dict[str, Any], at: datetime) -> None:
        """Remember the result of a verification of a log that was in this `state` when it began."""
        with self._lock:
            self._ended[folder, state] = _Ended(result["verification"]["verdict"], at, result["found"])
            while len(self._ended) > _MOST:
                self._ended.popitem(last=False)

    def of(self, folder: Path) -> Integrity:
        """Return the badge of a log as it lies there now."""
        with self._lock:
            ended = self._ended.get((folder, state_of(folder)))
        return {
            "sealed": _is_plain(folder / CHECKPOINT_NAME),
            "verdict": None if ended is None else ended.verdict,
            "verified_at": None if ended is None else ended.at.isoformat(),
            "findings": 0 if ended is None else ended.findings,
        }


def state_of(folder: Path) -> str:
    """Return what tells one state of a log from another: the digest of its checkpoint, or of its manifest."""
    sealed = folder / CHECKPOINT_NAME
    path = sealed if _is_plain(sealed) else folder / MANIFEST_NAME
    try:
        with path.open("rb") as file:
            return sha256(file.read(_MOST_BYTES)).hexdigest() if _is_plain(path) else ""
    except OSError:
        return ""


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
