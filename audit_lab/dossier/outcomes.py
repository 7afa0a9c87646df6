"""What was tried for a dossier and did not come to an answer: that is told, and nothing stops for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from audit_lab.errors import AuditLabError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Attempt", "attempted"]

T = TypeVar("T")

#: The folder of a child has another name each time, and says nothing.
_OWN_FOLDER = re.compile(r"/[^\s'\"]*/audit-lab-[0-9a-z_]+/")


@dataclass(frozen=True)
class Attempt:
    """What could not be done: what it was, a stable code, why, and what to do next."""

    what: str
    code: str
    why: str
    next_step: str

    def sentence(self) -> str:
        """Return why, and what to do next."""
        return f"{self.why[:1].upper()}{self.why[1:]}. {self.next_step}"


def attempted(what: str, do: Callable[[], T]) -> T | Attempt:
    """Return what a question is answered with, or why it is not.

    Parameters
    ----------
    what
        What is asked, in a word.
    do
        Asks it.

    Raises
    ------
    MisuseError
        The question itself was wrong: no dossier is owed then.
    """
    try:
        return do()
    except MisuseError:
        raise
    except AuditLabError as error:
        code = getattr(error, "code", None) or getattr(error, "reason", None) or type(error).__name__
        return Attempt(what, str(code), _OWN_FOLDER.sub("", error.message), error.next_step)
