"""How far sealing lags behind, and whether that is further than a recorder may let it be."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from audit_lab.capture.recorder.sealing import spool_files, unsealed_since
from audit_lab.capture.recorder.spool_file import CLOSED, OPEN
from audit_lab.errors import MisuseError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BEHIND", "SealingLag", "no_room"]

#: Between two looks.
_LOOK_S = 0.2
#: Why records are left out while the lag is over the limit.
BEHIND = "sealing lags too far behind"


class SealingLag:
    """Looks now and then how long the oldest file of a spool has been there.

    Files that came while this was looking are timed by a clock that only goes forward: a wall clock that is set makes
    nothing look old.

    Parameters
    ----------
    spool
        The folder of all recorders of a log.
    most_s
        A longer lag is over the limit; None for no limit.
    least_s
        The limit is above this: so long a file that is being written may be the oldest one.

    Raises
    ------
    MisuseError
        The limit is not above that.

    Attributes
    ----------
    is_over
        Whether the lag was over the limit when it was last looked at.
    """

    def __init__(self, spool: Path, most_s: float | None, least_s: float) -> None:
        if most_s is not None and not most_s > least_s:
            raise MisuseError(
                f"most_lag_s is {most_s:g}, and files are handed over to be sealed after {least_s:g} s only",
                "Give more, or a smaller seal_s.",
            )
        self._spool, self._most_s = spool, most_s
        self._since: dict[Path, float] | None = None
        self._looked = float("-inf")
        self._guard = threading.Lock()
        self.is_over = False

    @property
    def most_s(self) -> float:
        """The limit, in seconds; infinity where there is none."""
        return float("inf") if self._most_s is None else self._most_s

    def look(self, every_s: float = _LOOK_S) -> bool:
        """Look again unless that was done within some seconds, and return whether the lag is over the limit."""
        now = time.monotonic()
        if self._most_s is None or now - self._looked < every_s or not self._guard.acquire(blocking=False):
            return self.is_over
        try:
            self._looked = now
            self.is_over = self._lag(now) > self._most_s
        finally:
            self._guard.release()
        return self.is_over

    def begin_in_child(self) -> None:
        """After a fork: whoever was looking is in the parent."""
        self._guard = threading.Lock()

    def _lag(self, now: float) -> float:
        # A file keeps its name, but for its ending, when it is closed.
        there = {path.with_suffix("") for path in spool_files(self._spool, CLOSED, OPEN)}
        if self._since is None:
            since = unsealed_since(self._spool)
            age = 0.0 if since is None else max(time.time() - since, 0.0)
            self._since = dict.fromkeys(there, now - age)
        self._since = {path: self._since.get(path, now) for path in there}
        return now - min(self._since.values(), default=now)


def no_room(lag: SealingLag, spool: Path, patience_s: float, problem: str | None) -> StorageError:
    """Return what is raised where a record waited so long, and there was no room for it or sealing lagged behind."""
    waited = f"records waited {patience_s:g} s"
    if lag.is_over:
        what = f"{waited}, as sealing into the log lags behind by more than {lag.most_s:g} s"
        return StorageError(what, problem or "See what keeps the process that seals.", "other")
    what = f"{waited} for the disk of {spool}, and memory for them is full"
    return StorageError(what, "See whether that disk is slow, or give the recorder more memory_mb.", "other")
