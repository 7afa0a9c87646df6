"""What a replay ends in: a verdict, a stable code, and the reason in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_lab.replay.causes.cause import Explanation
    from audit_lab.replay.environment.comparison import Difference
    from audit_lab.replay.tolerance import Tolerance

__all__ = ["EFFECTS", "STEPS", "Replay", "Verdict"]

#: The way from a model's output to a decision; a replay names the first step at which it parted from the record.
STEPS = ("score", "label", "rule", "decision")


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
    "artifact-outside": "The registry says that the artifact is outside the log, where nothing is looked for.",
    "artifact-too-large": "The artifact is too large to be loaded here.",
    "artifact-digest-missing": "The registry holds no digest: nothing shows that the file is the model that decided.",
    "artifact-digest-mismatch": "The artifact is not the registered one: its SHA-256 differs, so it was not opened.",
    "artifact-format-unknown": "The artifact's format is not one that can be read safely.",
    "artifact-format-unsafe": "The artifact runs code when it is opened, so it was not opened.",
    "artifact-corrupt": "The libraries here cannot read the artifact as the format that the registry states.",
    "artifact-folder": "The artifact is a folder that does not say which of its files is the model, or cannot be used.",
    "artifact-not-self-contained": "The artifact needs files or code that are no part of it.",
    "artifact-too-old": "The artifact was written by a release that the installed library no longer reads.",
    "artifact-types-unknown": "The artifact holds types that nobody vouched for, so they were not built.",
    "features-differ": "The artifact takes other features than the signature states, or in another order.",
    "output-kind-differs": "The artifact gives another kind of output than the registry states.",
    "library-missing": "A library that the artifact needs is not installed where it was to run.",
    "inputs-refused": "The model's library does not take an input as it was recorded.",
    "inputs-missing": "The log holds no inputs for this prediction.",
    "inputs-redacted": "What the model takes was changed or left out before it was recorded: the log never had it.",
    "inputs-incomplete": "The recorded inputs lack a column that the model takes.",
    "inputs-mistyped": "A recorded input is of another type than the model's signature says.",
    "threshold-missing": "Neither prediction nor registry states the threshold: the decision cannot be replayed.",
    "output-missing": "The prediction's score was not recorded: there is nothing to compare with.",
    "rules-unreadable": "The decision rules in the registry cannot be read: the score replays, the decision cannot.",
    "model-timeout": "The model did not answer within its time limit.",
    "model-memory": "The model wanted more memory than its limit: it is larger than that, or its file is damaged.",
    "model-trespass": "The artifact tried what the sandbox forbids (files, processes or sockets) and was stopped.",
    "model-crash": "The artifact made its library die: it is damaged, hostile, or one that this release cannot run.",
    "model-error": "The model raised an error on these inputs.",
    "model-output": "The model's answer could not be read.",
    "isolation-missing": "The artifact is trusted for its digest alone, and this machine cannot isolate what it does.",
    "environment-not-built": "The recorded environment could not be built here.",
    "environment-not-recorded": "The log does not record in which environment the model ran.",
    "environment-malformed": "The recorded environment names something that is no package or no version.",
    "tolerance-unreadable": "The tolerance that the registry declares cannot be read.",
}


@dataclass(frozen=True)
class Replay:
    """One decision run again through its recorded artifact.

    Parameters
    ----------
    verdict, code, why
        The verdict, its stable code (``exact``, ``within-tolerance``, ``score-differs``, ``label-differs``,
        ``rule-differs``, ``decision-differs``, or a key of `EFFECTS`) and the reason in a sentence or more.
    recorded, replayed
        Score, probabilities, label, rule and decision as the log has them, and as they came out now (None where nothing
        came out, or the kind of output has none).
    distance, ulps, precision
        Absolute difference of the two scores (the largest one of several classes); the same in units in the last
        place, and of which precision these are (``float32`` where both scores are those of a 32-bit float).
    tolerance
        How far apart they may be and still count as the same answer; None where nothing ran.
    explanation
        What reproduces the record where it was not reproduced bit for bit, and what was tried; None where the replay
        is exact or did not run.
    override
        The last row of overrides of this decision, None where nobody changed it.
    isolation
        What bound the child process that ran the model.
    environment
        Which environment ran it: ``present``, or the name of the recorded one that was built.
    differences
        What differs between the recorded environment and the one that ran.
    same_numerics
        Whether processor features and linear algebra are those that were recorded; None where they were not recorded.
        Only then are the same bits promised.
    notes
        What else was seen: names that the model lacks, categories that it never saw, how the artifact came to be run.
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
    ulps: int | None
    precision: str | None
    tolerance: Tolerance | None
    explanation: Explanation | None
    override: dict[str, Any] | None
    artifact_sha256: str | None
    isolation: dict[str, str]
    environment: str
    differences: tuple[Difference, ...]
    same_numerics: bool | None
    notes: tuple[str, ...]

    @property
    def reproduced(self) -> bool:
        """Whether score and decision came out the same, exactly or within the tolerance."""
        return self.verdict in (Verdict.EXACT, Verdict.WITHIN_TOLERANCE)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values."""
        return {
            **asdict(self),
            "verdict": str(self.verdict),
            "override": None
            if self.override is None
            else {name: _plain(value) for name, value in self.override.items()},
            "tolerance": None if self.tolerance is None else self.tolerance.to_dict(),
            "explanation": None if self.explanation is None else self.explanation.to_dict(),
        }

    def __str__(self) -> str:
        """Return verdict and reason on one line."""
        return f"{self.verdict}: {self.why}"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
