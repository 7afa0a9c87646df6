"""What a reconstruction found wanting, and what it found that should not be: gaps and findings, by stable codes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FINDINGS", "GAPS", "Finding", "Gap"]


@dataclass(frozen=True)
class Gap:
    """Something that should be there and is not: a stable code, what is missing, and what follows from that.

    `effect` says what cannot be done without it, and what still can: both from what the log has about this decision.
    """

    code: str
    what: str
    effect: str

    def __str__(self) -> str:
        """Return it as ``inputs missing: cannot replay or explain; can still show ...``."""
        return f"{self.code.replace('-', ' ')}: {self.effect[:1].lower()}{self.effect[1:]}"


@dataclass(frozen=True)
class Finding:
    """Something that is on record and should not be as it is, or that whoever judges the decision must know."""

    code: str
    what: str

    def __str__(self) -> str:
        """Return code and sentence on one line."""
        return f"{self.code.replace('-', ' ')}: {self.what}"


#: Codes of gaps in the order in which they are told, and what each keeps from being done. What keeps a version from
#: being run has the codes of `audit_lab.replay.verdict.EFFECTS`.
GAPS: dict[str, str] = {
    "erased": "Cannot replay or explain: what that takes was erased",
    "partly-erased": "Cannot show what was erased",
    "inputs-redacted": "Cannot replay or explain: the log never had what the model scored",
    "partly-redacted": "Cannot show what was changed before it was recorded",
    "inputs-missing": "Cannot replay or explain",
    "ambiguous-id": "Cannot replay or explain",
    "inputs-incomplete": "Cannot replay or explain",
    "inputs-mistyped": "Cannot replay or explain",
    "version": "Cannot replay or explain",
    "id-repeated": "Cannot tell to which of them overrides, outcomes and explanations under this id belong",
    "version-from-deployments": "Cannot confirm that this version answered",
    "version-in-force-unknown": "Cannot confirm that the stated version answered",
    "lineage-missing": "Cannot tell what the version was trained on",
    "lineage-cut": "Cannot tell what is further back in its lineage",
    "lineage-cycle": "Cannot tell which edges of its lineage are true: nothing can have come from itself",
    "prediction-failed": "Cannot replay: there is no answer to compare with",
    "output-missing": "Cannot replay: there is no answer to compare with",
    "threshold-missing": "Cannot replay the decision",
    "override-erased": "Cannot tell the final decision",
    "outcome-missing": "Cannot tell whether the decision proved right",
}

#: Codes of findings in the order in which they are told, and what each means.
FINDINGS: dict[str, str] = {
    "corrected-later": "A later row of the log says that it corrects this prediction.",
    "corrects-earlier": "This prediction says that it corrects an earlier row.",
    "version-disagrees": "The prediction states a version that deployments do not say was in force.",
    "deployments-contradict": "The deployments of that moment contradict themselves or do not add up.",
    "version-not-approved": "The version decided without an approval on record at that time, in a log that keeps them.",
    "version-rejected": "The last word on the version before the decision was a rejection.",
    "approved-after-deployment": "The version was first approved after it went into service.",
    "served-after-retirement": "The version decided after it was retired.",
    "decided-before-registration": "The version decided before the registry knew it.",
    "trained-after-decision": "The registry says that the version was trained on data later than the decision.",
    "registration-corrected": "The registry corrected its row of the version after the decision.",
    "threshold-differs": "The prediction states another threshold than the registry.",
    "overridden": "Somebody changed the decision.",
    "contested": "The subject contested the decision.",
    "outcome-revised": "The outcome was recorded more than once, not always as the same.",
    "correction-unclear": "A row says that it corrects another, and names none that can be found before it.",
}
