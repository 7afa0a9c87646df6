"""Explanations that were computed, kept in the user's cache folder, each under the digest of its question.

What is kept is personal data: recorded values, and what they did. So files are the user's alone, lie in a folder for
each decision that `forget` removes, are gone after thirty days, and what was not used for longest goes when there is
too much. A file is believed only when it is the user's own,
nobody else may write it, and it holds what its own digest says; else it is as if it were not there. No lock is needed:
each is written aside and renamed, and of two processes that compute the same either may be the last.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from audit_lab.explain.attribution import Attribution
from audit_lab.replay.environment.environment_cache import EnvironmentCache
from audit_lab.seal.malformed import MalformedError

__all__ = ["ExplanationCache"]

_FORMAT = b"audit_lab.explanation-cache/1"
_MOST_BYTES = 16 * 1024 * 1024
_KEPT_S = 30 * 86_400
#: What all files may take together, looked at whenever a question's digest begins so: one time in sixteen.
_LARGEST_CACHE_BYTES = 100_000_000
_LOOKED_AT = "0"
_ASIDE = ".aside-"
#: A file that was written aside and never renamed is removed after this time.
_ABANDONED_AFTER_S = 86_400


class ExplanationCache:
    """The folder of explanations.

    Parameters
    ----------
    folder
        Where it is; ``audit_lab/explanations`` in the user's cache folder when omitted.
    largest_bytes
        How much it may hold, give or take a few explanations; what was not used for longest goes first.
    """

    def __init__(self, folder: Path | None = None, largest_bytes: int = _LARGEST_CACHE_BYTES) -> None:
        self.folder = folder if folder is not None else EnvironmentCache().folder.with_name("explanations")
        self.largest_bytes = largest_bytes

    def find(self, prediction_id: str, question: str) -> Attribution | None:
        """Return the explanation that answers a question, or None.

        Parameters
        ----------
        prediction_id
            The decision.
        question
            As `question_digest` gives it.
        """
        place = self._place(prediction_id) / f"{question}.json"
        try:
            content = _read(place)
        except OSError:
            return None
        head, _, body = content.partition(b"\n")
        if head != _head(question, body):
            return None
        try:
            found = Attribution.from_json(body)
        except MalformedError:
            return None
        if found.prediction_id != prediction_id:
            return None
        with suppress(OSError):  # when it was used, and not when it was computed, which its age counts from
            _touch(place)
        return found

    def keep(self, question: str, attribution: Attribution) -> None:
        """Keep an explanation; where the folder cannot be written nothing is kept, and nothing is said."""
        body = attribution.to_json()
        place = self._place(attribution.prediction_id)
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.mkdir(mode=0o700, exist_ok=True)
            _write(place / f"{question}.json", _head(question, body) + b"\n" + body)
            if question.startswith(_LOOKED_AT):
                self._thin_out()

    def forget(self, prediction_id: str) -> None:
        """Remove all explanations of a decision."""
        shutil.rmtree(self._place(prediction_id), ignore_errors=True)

    def clear(self) -> None:
        """Remove all explanations of all decisions."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, prediction_id: str) -> Path:
        return self.folder / hashlib.sha256(prediction_id.encode("utf-8", "surrogatepass")).hexdigest()

    def _thin_out(self) -> None:
        """Remove what is older than thirty days, and of what is too much that which was not used for longest."""
        now = time.time()
        found = [(status, path) for path in self.folder.glob("*/*") if (status := _status(path))]
        found.sort(key=lambda each: max(each[0].st_atime_ns, each[0].st_mtime_ns))
        total = sum(status.st_size for status, _ in found)
        for status, path in found:
            kept_s = _ABANDONED_AFTER_S if path.name.startswith(_ASIDE) else _KEPT_S
            if total > self.largest_bytes or status.st_mtime < now - kept_s:
                total -= status.st_size
                path.unlink(missing_ok=True)
                with suppress(OSError):  # another explanation of the decision may be there, or just come
                    path.parent.rmdir()


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a file, and of no link's target; None where it is no file, or gone meanwhile."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return None if stat.S_ISDIR(status.st_mode) else status


def _touch(path: Path) -> None:
    """Set when a file was last used: file systems keep that to the day, or not at all."""
    changed_ns = path.stat(follow_symlinks=False).st_mtime_ns
    os.utime(path, ns=(time.time_ns(), changed_ns), follow_symlinks=False)


def _head(question: str, body: bytes) -> bytes:
    return b" ".join((_FORMAT, question.encode(), hashlib.sha256(body).hexdigest().encode()))


def _read(path: Path) -> bytes:
    """Return the bytes of a file of ours; raise OSError for any other, and for one that is too old."""
    # No link is followed, and no pipe that somebody put there is waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        about = os.fstat(file.fileno())
        mine = not hasattr(os, "geteuid") or (about.st_uid == os.geteuid() and not about.st_mode & 0o077)
        fresh = about.st_mtime >= time.time() - _KEPT_S
        if not (stat.S_ISREG(about.st_mode) and mine and fresh and about.st_size <= _MOST_BYTES):
            raise PermissionError(f"{path} is not a file that audit_lab kept")
        return file.read(_MOST_BYTES)


def _write(path: Path, content: bytes) -> None:
    """Write a file aside, readable by its owner alone, and rename it; a torn one is found by its digest."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=_ASIDE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
