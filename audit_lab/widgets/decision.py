"""The view of one decision: what was decided, by which version, from what, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.decision import score_against_threshold
from audit_lab.widgets.page import badge, exact, facts, moment, note, page, paragraph, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from audit_lab.face import Decision

__all__ = ["DecisionView"]

_INPUTS = {"feature": "Feature", "value": "Value", "unit": "Unit"}
_LINEAGE = {"from": "From", "relation": "Relation", "to": "To"}
_EVENTS = {"at": "At", "kind": "Kind", "severity": "Severity", "summary": "Summary"}
_APPROVALS = {"recorded_at": "At", "act": "Act", "approver": "By", "role": "Role", "reason": "Reason"}
_OVERRIDES = {
    "recorded_at": "At",
    "actor": "By",
    "role": "Role",
    "decision_before": "Before",
    "decision_after": "After",
    "reason": "Reason",
}


class DecisionView(Panel):
    """Headline, score against threshold, gaps, version in force, inputs, lineage, events and outcome of a decision.

    Parameters
    ----------
    decision
        The decision, or anything with its ``to_dict()``.
    distribution
        Scores to compare with (``lower``, ``upper``, ``rows`` by bin), drawn behind the score.
    log_path
        Where the log lies; `code` opens it then, and otherwise counts on a variable `log`.
    """

    def __init__(
        self, decision: Decision, *, distribution: pl.DataFrame | None = None, log_path: str | Path | None = None
    ) -> None:
        self._facts: dict[str, Any] = decision.to_dict()
        self._output = getattr(getattr(decision, "signature", None), "output", None)
        self._distribution = distribution
        self._log_path = log_path
        tabs = {title: ipywidgets.HTML(page([body])) for title, body in self._details() if body}
        drawer, _ = self._code_drawer()
        detail = ipywidgets.Tab(children=list(tabs.values()), titles=list(tabs))
        super().__init__([ipywidgets.HTML(page(self._headline())), detail, drawer])

    def parts(self) -> list[str]:
        """Return headline and details, one below the other."""
        return [*self._headline(), *(section(title, body) for title, body in self._details())]

    def text(self) -> str:
        """Return decision, score, version and gaps in lines of text."""
        known = self._facts
        gaps = [f"gap {gap['code']}: {gap['what']}" for gap in known["gaps"]]
        return "\n".join([self._sentence(), known["in_force"]["statement"], *gaps])

    def code(self) -> str:
        """Return the Python that reconstructs and shows this decision."""
        opened = ["import audit_lab as al", ""]
        if self._log_path is not None:
            opened.append(f"log = al.open({str(self._log_path)!r})")
        return "\n".join([*opened, f"decision = log.decision({self._facts['place']!r})", "al.view(decision)", ""])

    def _sentence(self) -> str:
        known = self._facts
        version = f"{known['model_name']} {known['stated_version'] or '(no version stated)'}"
        return f"{known['prediction_id']}: {known['decision']} at {moment(known['occurred_at'])} by {version}"

    def _headline(self) -> list[str]:
        known = self._facts
        gaps = [f"{gap['code']}: {gap['what'].rstrip('.')}. {gap['effect']}" for gap in known["gaps"]]
        return [
            badge(str(known["decision"])),
            paragraph(self._sentence()),
            self._score(),
            *(note(gap, bad=True) for gap in gaps),
            note(known["in_force"]["statement"], bad=known["in_force"]["agrees"] is False),
        ]

    def _score(self) -> str:
        score, threshold = known_number(self._facts["score"]), known_number(self._facts["threshold"])
        rule = self._facts["decision_rule"]
        decided = f"Decided by rule: {rule}" if rule not in {None, "threshold"} else ""
        if score is None or not 0 <= score <= 1 or (threshold is not None and not 0 <= threshold <= 1):
            return facts([("Score", score), ("Threshold", threshold), ("Decided by", rule)])
        chart = score_against_threshold(
            score,
            threshold,
            distribution=self._distribution,
            positive=self._output.positive if self._output else "at or above",
            negative=self._output.negative if self._output else "below",
            subtitle=self._sentence(),
        )
        return picture(chart, f"Score {score}, threshold {threshold}") + paragraph(decided)

    def _details(self) -> list[tuple[str, str]]:
        known, outcome = self._facts, self._facts["outcome"]
        inputs = [{**row, "value": exact(row["value"])} for row in known["inputs"]]
        no_event = paragraph("No event within 14 days before and after.")
        missing = paragraph("No inputs are recorded for this decision.")
        version = [
            ("Model", known["model_name"]),
            ("Version stated", known["stated_version"]),
            ("In force", known["in_force"]["versions"]),
            ("Artifact (SHA-256)", known.get("artifact_sha256")),
            ("Trained on data up to", moment(known.get("training_cutoff"))),
            ("Place in the log", known["place"]),
        ]
        observed = (
            facts(
                [("Label", outcome["label"]), ("Value", outcome["value"]), ("Observed", moment(outcome["observed_at"]))]
            )
            if outcome
            else paragraph("No outcome is known yet.")
        )
        return [
            ("Inputs", table(inputs, _INPUTS) or missing),
            ("Model version", facts(version) + listed_acts(known["approvals"])),
            ("Lineage", table(known["lineage"], _LINEAGE) or paragraph("No lineage is recorded for this version.")),
            (
                "Events",
                table(dated(known["events"], "at"), _EVENTS) or no_event,
            ),
            ("Overrides", table(dated(known["overrides"], "recorded_at"), _OVERRIDES)),
            ("Outcome", observed),
        ]


def known_number(value: Any) -> float | None:
    """Return a number as float, and None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def dated(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return rows with one of their times as people write it."""
    return [{**row, name: moment(row[name])} for row in rows]


def listed_acts(approvals: list[dict[str, Any]]) -> str:
    """Return the approvals of a version as a table, or say that there are none."""
    return table(dated(approvals, "recorded_at"), _APPROVALS) or paragraph("No approval of this version is recorded.")
