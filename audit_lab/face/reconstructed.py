"""What a reconstruction holds beside the prediction and its version, for the `Decision` that users hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.face.access import Access
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from audit_lab.face.access import Answer
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Finding, Reconstruction

__all__ = ["Reconstructed"]


class Reconstructed:
    """History, provenance and findings of a decision; rows are dicts by canonical column name."""

    def __init__(self, store: LogStore, parts: Reconstruction, access: Access | None = None) -> None:
        self._store = store
        self._parts = parts
        self._access = access or Access()

    @property
    def prediction_id(self) -> str:
        """Its id."""
        return self._parts.prediction_id

    @property
    def place(self) -> str:
        """Where its row stands: ``id@segment:row``."""
        return self._parts.place

    @property
    def searched(self) -> str:
        """How its id was looked for in the log, and what that could miss; one sentence."""
        return self._parts.searched

    @property
    def prediction(self) -> dict[str, Any]:
        """Its row of the predictions table."""
        return self._parts.prediction

    @property
    def inputs(self) -> dict[str, Any] | None:
        """Feature to recorded value, in the model's order; None where they are missing or ambiguous."""
        return self._parts.inputs

    @property
    def places(self) -> tuple[str, ...]:
        """Every place where its id stands; more than one where a writer used it twice, or corrected the row."""
        return self._parts.places

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is on record about it and should not be as it is, or must be known to judge it."""
        return self._parts.findings

    @property
    def final_decision(self) -> str | None:
        """The decision after the last override that no later row corrects; None where that was erased."""
        return self._parts.final_decision

    @property
    def outcomes(self) -> tuple[dict[str, Any], ...]:
        """Every outcome on record, latest first; corrected ones say so in ``corrected_by``."""
        return self._parts.outcomes

    @property
    def explanations(self) -> tuple[dict[str, Any], ...]:
        """The explanations of record: what was told at the time; not to be confused with `explain`."""
        return self._parts.explanations

    @property
    def deployments(self) -> tuple[dict[str, Any], ...]:
        """The rows that say what each slot of its model served at that moment, and until when."""
        return self._parts.deployments

    @property
    def runs(self) -> tuple[dict[str, Any], ...]:
        """The runs that its lineage leads to, as their table has them."""
        return self._parts.provenance.runs

    @property
    def datasets(self) -> tuple[dict[str, Any], ...]:
        """The data sets that its lineage leads to, as their table has them."""
        return self._parts.provenance.datasets

    @property
    def commits(self) -> tuple[str, ...]:
        """The code commits that its lineage or its runs name."""
        return self._parts.provenance.commits

    @property
    def feature_sources(self) -> tuple[dict[str, Any], ...]:
        """The rows of lineage that say where its features come from."""
        return self._parts.provenance.feature_sources

    @property
    def events_before(self) -> tuple[dict[str, Any], ...]:
        """What happened around the model within 14 days before it."""
        return self._parts.events_before

    @property
    def events_after(self) -> tuple[dict[str, Any], ...]:
        """What happened around the model within 14 days after it."""
        return self._parts.events_after

    @property
    def overrides(self) -> tuple[dict[str, Any], ...]:
        """What persons changed afterwards."""
        return self._parts.overrides

    def tell(self, answer: Answer) -> None:
        """Say in a journal's answer which personal columns this decision is made of."""
        answer.rows = 1
        answer.touches("predictions", self.prediction)
        answer.touches(INPUTS_PREFIX, self.inputs or {})
        for row in self.outcomes:
            answer.touches("outcomes", row)
        for row in self.explanations:
            answer.touches("explanations", row)
        for row in self.overrides:
            answer.touches("overrides", row)
