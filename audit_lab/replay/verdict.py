"""What a replay ends in: a verdict, a stable code, and the reason in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["EFFECTS", "TOLERANCE", "Replay", "Verdict"]

#: Largest absolute difference of two probabilities that still counts as the same answer. About sixteen steps of a
#: 32-bit float near one: what another processor or thread count may change, and far below what moves a decision.
TOLERANCE = 1e-6


class Verdict(StrEnum):
    """How a replayed decision compares with the recorded one."""

    EXACT = "EXACT"
    WITHIN_TOLERANCE = "WITHIN_TOLERANCE"
    DIVERGED = "DIVERGED"
    UNREPLAYABLE = "UNREPLAYABLE"


#: For each code that makes a prediction unreplayable: what is wrong, and what an investigator can do about it.
EFFECTS: dict[str, str] = {
    "prediction-failed": "The model gave no answer at the time: the log records an error instead of a score.",
    "erased": "What a replay needs was erased from this row; the log shows when and why, and nothing of what it was.",
    "ambiguous-id": "The id stands in more than one place: which inputs belong to which prediction cannot be told.",
    "model-not-stated": "The prediction does not state its model.",
    "version-not-stated": "The prediction does not state its model version.",
    "version-not-registered": "The registry has no row for this model version: its artifact is unknown.",
    "version-ambiguous": "The registry has several rows for this model version that contradict each other.",
    "signature-unreadable": "The registry's feature signature cannot be read: inputs cannot be matched to the model.",
    "artifact-missing": "The artifact is not where the registry says.",
    "artifact-too-large": "The artifact is too large to be loaded here.",
    "artifact-digest-missing": "The registry holds no digest: nothing shows that the file is the model that decided.",
    "artifact-digest-mismatch": "The artifact is not the registered one: its SHA-256 differs, so it was not opened.",
    "artifact-format-unknown": "The artifact's format is not one that can be read safely.",
    "artifact-format-unsafe": "The artifact runs code when it is opened, so it was not opened.",
    "inputs-missing": "The log holds no inputs for this prediction.",
    "inputs-incomplete": "The recorded inputs lack a column that the model takes.",
    "inputs-mistyped": "A recorded input is of another type than the model's signature says.",
    "threshold-missing": "Neither prediction nor registry states the threshold: the decision cannot be replayed.",
    "output-missing": "The prediction's score was not recorded: there is nothing to compare with.",
    "rules-unreadable": "The decision rules in the registry cannot be read: the score replays, the decision cannot.",
    "model-timeout": "The model did not answer within its time limit.",
    "model-memory": "The model wanted more memory than its limit.",
    "model-crash": "The model's library died while it ran.",
    "model-error": "The model raised an error on these inputs.",
    "model-output": "The model's answer could not be read.",
}


@dataclass(frozen=True)
class Replay:
    """One decision run again through its recorded artifact.

    Parameters
    ----------
    verdict, code, why
        The verdict, its stable code (``exact``, ``within-tolerance``, ``score-differs`` ... or a key of `EFFECTS`) and
        the reason in a sentence.
    recorded, replayed
        Score, label, rule and decision as the log has them, and as they came out now (None where nothing came out).
    distance
        Absolute difference of the two scores.
    tolerance
        The largest distance that counts as the same answer.
    isolation
        What bound the child process that ran the model.
    environment
        Packages whose recorded version differs from the one that ran: name to (recorded, present).
    """

    prediction_id: str
    place: str
    model_name: str
    model_version: str | None
    verdict: Verdict
    code: str
    why: str
    recorded: dict[str, Any]
    replayed: dict[str, Any]
    distance: float | None
    tolerance: float
    artifact_sha256: str | None
    isolation: dict[str, str]
    environment: dict[str, tuple[str, str | None]]

    @property
    def reproduced(self) -> bool:
        """Whether score and decision came out the same, exactly or within the tolerance."""
        return self.verdict in (Verdict.EXACT, Verdict.WITHIN_TOLERANCE)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values."""
        return {**asdict(self), "verdict": str(self.verdict)}

    def __str__(self) -> str:
        """Return verdict and reason on one line."""
        return f"{self.verdict}: {self.why}"
