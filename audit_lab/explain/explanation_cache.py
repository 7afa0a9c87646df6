"""Explanations that were computed, kept in the user's cache folder, each under the digest of its question.

What is kept is personal data: recorded values, and what they did. Files lie in a folder for each decision that `forget`
removes; how they are kept, and when one is believed, stands in :mod:`audit_lab.log.files.kept_files`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from audit_lab.explain.attribution import Attribution
from audit_lab.log.files.kept_files import KeptFiles
from audit_lab.replay.environment.environment_cache import EnvironmentCache
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ExplanationCache"]

_FORMAT = "audit_lab.explanation-cache/1"
_MOST_BYTES = 16 * 1024 * 1024
_LARGEST_CACHE_BYTES = 100_000_000


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
        self._files = KeptFiles(self.folder, _FORMAT, _MOST_BYTES, largest_bytes)

    def folder_of(self, prediction_id: str) -> Path:
        """Return where the explanations of a decision stand, or would."""
        return self.folder / _within(prediction_id)

    def find(self, prediction_id: str, question: str) -> Attribution | None:
        """Return the explanation that answers a question, or None.

        Parameters
        ----------
        prediction_id
            The decision.
        question
            As `question_digest` gives it.
        """
        within, name = _within(prediction_id), f"{question}.json"
        body = self._files.read(within, name, question)
        if body is None:
            return None
        try:
            found = Attribution.from_json(body)
        except MalformedError:
            return None
        if found.prediction_id != prediction_id:
            return None
        self._files.used(within, name)
        return found

    def keep(self, question: str, attribution: Attribution) -> None:
        """Keep an explanation; where the folder cannot be written nothing is kept, and nothing is said."""
        within = _within(attribution.prediction_id)
        self._files.write(within, f"{question}.json", question, attribution.to_json())

    def forget(self, prediction_id: str) -> None:
        """Remove all explanations of a decision."""
        self._files.forget(_within(prediction_id))

    def clear(self) -> None:
        """Remove all explanations of all decisions."""
        self._files.clear()


def _within(prediction_id: str) -> str:
    return hashlib.sha256(prediction_id.encode("utf-8", "surrogatepass")).hexdigest()
