"""The errors that audit_lab raises: one base, few kinds, each message ends in what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AmbiguousIdError",
    "AuditLabError",
    "IntegrityError",
    "LogError",
    "MisuseError",
    "ModelError",
    "NotFoundError",
    "NotebookError",
    "SandboxClosedError",
    "SandboxError",
    "StorageError",
]


class AuditLabError(Exception):
    """Base of every error that audit_lab raises on purpose.

    Parameters
    ----------
    message
        What happened, and to which file or id; one sentence without a final full stop.
    next_step
        What the reader should do about it; shown after the message.

    Attributes
    ----------
    exit_code
        What the command line exits with: 1 where what was examined was found wanting, 2 where the call was wrong.
    """

    exit_code: int = 1

    def __init__(self, message: str, next_step: str) -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        """Return the message and the next step, with what would speak to a terminal as escapes."""
        told = f"{self.message}. {self.next_step}"
        return told if told.isprintable() else "".join(map(_seen, told))


class MisuseError(AuditLabError):
    """The call itself was wrong: an option, an expression or a path that cannot be meant."""

    exit_code = 2


class LogError(AuditLabError):
    """A log, or one of its files, cannot be read as what it claims to be."""


class NotFoundError(AuditLabError):
    """An id, a version or a table is not in the log."""


class AmbiguousIdError(AuditLabError):
    """An id stands in more than one place; `places` names each as ``id@segment:row``."""

    def __init__(self, message: str, next_step: str, places: Sequence[str]) -> None:
        super().__init__(message, next_step)
        self.places = tuple(places)


class ModelError(AuditLabError):
    """A model version or its artifact cannot be used; `code` is the stable reason."""

    def __init__(self, message: str, next_step: str, code: str) -> None:
        super().__init__(message, next_step)
        self.code = code


class SandboxError(AuditLabError):
    """A task in the isolated child did not end well.

    `reason` is one of ``timeout``, ``memory``, ``crash``, ``error``, ``output``, and ``isolation`` where the task did
    not run because a wall is missing that it must have.
    """

    def __init__(self, message: str, next_step: str, reason: str) -> None:
        super().__init__(message, next_step)
        self.reason = reason


class SandboxClosedError(SandboxError):
    """The child had ended before a job came to its turn; reason ``crash``."""


class StorageError(AuditLabError):
    """A file could not be read or written.

    `reason` is one of ``full``, ``read-only``, ``denied``, ``missing``, ``failing`` (an input or output error),
    ``locked`` and ``other``.
    """

    def __init__(self, message: str, next_step: str, reason: str) -> None:
        super().__init__(message, next_step)
        self.reason = reason


class NotebookError(AuditLabError):
    """A notebook did not run to its end; nothing was exported."""


class IntegrityError(AuditLabError):
    """A log or a bundle failed verification; `report` carries every finding."""

    def __init__(self, message: str, next_step: str, report: Any) -> None:
        super().__init__(message, next_step)
        self.report = report


def _seen(letter: str) -> str:
    if letter.isprintable() or letter in "\n\t\u00a0\u3000":
        return letter
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
