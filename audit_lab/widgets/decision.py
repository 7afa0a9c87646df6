"""The view of one decision: what was decided, by which version, from what, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.decision import score_against_threshold
from audit_lab.errors import MisuseError
from audit_lab.widgets.alike import asking, who_was_alike
from audit_lab.widgets.page import badge, cut, exact, facts, moment, note, page, paragraph, picture, section, table
from audit_lab.widgets.panel import Panel
from audit_lab.widgets.source import stored_parts, stored_toggle

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from audit_lab.face import Decision
    from audit_lab.replay.comparable_cases import Comparable

__all__ = ["DecisionView"]

_INPUTS = {"feature": "Feature", "value": "Value", "unit": "Unit"}
_LINEAGE = {"from": "From", "relation": "Relation", "to": "To"}
_EVENTS = {"at": "At", "kind": "Kind", "severity": "Severity", "summary": "Summary"}
_APPROVALS = {"recorded_at": "At", "act": "Act", "approver": "By", "role": "Role", "reason": "Reason"}
_OVERRIDES = {
    "recorded_at": "At",
    "kind": "Kind",
    "actor": "By",
    "role": "Role",
    "decision_before": "Before",
    "decision_after": "After",
    "reason": "Reason",
    "corrected_by": "Corrected by",
}
_MOST_EDGES = 100
#: So many characters of a decision stand in a sentence, and in the heading of its picture.
_LONGEST = 200
_WHO_ELSE = (
    "Nothing was asked about others yet: decision.comparable() finds the nearest cases decided otherwise, and "
    "log.impact(...) who else would be decided otherwise under a correction."
)


class DecisionView(Panel):
    """What was decided and what stands by now, findings, gaps, and the inputs, version, history and others around it.

    Parameters
    ----------
    decision
        The decision, or anything with its ``to_dict()``.
    distribution
        Scores to compare with (``lower``, ``upper``, ``rows`` by bin), drawn behind the score.
    log_path
        Where the log lies; `code` opens it then, and otherwise counts on a variable `log`.
    comparable
        What ``decision.comparable(...)`` returned, shown under "Who else".

    Raises
    ------
    MisuseError
        The comparable cases are those of another decision.
    """

    controls = ("stored",)

    def __init__(
        self,
        decision: Decision,
        *,
        distribution: pl.DataFrame | None = None,
        log_path: str | Path | None = None,
        comparable: Comparable | None = None,
    ) -> None:
        self._decision = decision
        self._facts: dict[str, Any] = decision.to_dict()
        if comparable is not None and comparable.place != self._facts["place"]:
            message = f"The comparable cases are those of {comparable.place}, not of {self._facts['place']}"
            raise MisuseError(message, "Ask this decision: decision.comparable().")
        self._comparable = comparable
        self._output = getattr(getattr(decision, "signature", None), "output", None)
        self._distribution = distribution
        self._log_path = log_path
        tabs = {title: ipywidgets.HTML(page([body])) for title, body in self._details() if body}
        self.stored = stored_toggle()
        self.stored.disabled = not hasattr(decision, "source_rows")
        self._source = ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        detail = ipywidgets.Tab(children=list(tabs.values()), titles=list(tabs))
        self.stored.observe(self._toggled, names="value")
        super().__init__([ipywidgets.HTML(page(self._headline())), detail, self.stored, self._source, drawer])

    @property
    def subject(self) -> Decision:
        """The decision."""
        return self._decision

    @property
    def beside(self) -> Comparable | None:
        """Its comparable cases."""
        return self._comparable

    def parts(self) -> list[str]:
        """Return headline and details, one below the other, and the stored rows where they are shown."""
        return [*self._headline(), *(section(title, body) for title, body in self._details()), *self._stored_parts()]

    def text(self) -> str:
        """Return decision, version, findings and gaps in lines of text."""
        known = self._facts
        findings = [f"finding {found['code']}: {found['what']}" for found in known["findings"]]
        gaps = [f"gap {gap['code']}: {gap['what']}" for gap in known["gaps"]]
        others = [] if self._comparable is None else self._comparable.summary()
        return "\n".join([self._sentence(), known["in_force"]["statement"], *findings, *gaps, *others])

    def code(self) -> str:
        """Return the Python that reconstructs and shows this decision."""
        opened = ["import audit_lab as al", ""]
        if self._log_path is not None:
            opened.append(f"log = al.open({str(self._log_path)!r})")
        beside = "" if self._comparable is None else f", {asking(self._comparable)}"
        source = ["source = decision.source_rows()"] if self.stored.value else []
        asked = f"decision = log.decision({self._facts['place']!r})"
        return "\n".join([*opened, asked, *source, self._showing(f"decision{beside}"), ""])

    def _stored_parts(self) -> list[str]:
        return stored_parts(self._decision) if self.stored.value else []

    def _toggled(self, _: Any) -> None:
        self._source.value = page(self._stored_parts())
        self._code.value = self._shown_code()

    def _sentence(self) -> str:
        known = self._facts
        final = known["final_decision"]
        since = f"; changed to {cut(str(final), _LONGEST)} since" if final not in (None, known["decision"]) else ""
        return f"{self._decided()}{since}"

    def _decided(self) -> str:
        known = self._facts
        version = f"{known['model_name']} {known['stated_version'] or '(no version stated)'}"
        decided = cut(str(known["decision"]), _LONGEST)
        return f"{known['prediction_id']}: {decided} at {moment(known['occurred_at'])} by {version}"

    def _headline(self) -> list[str]:
        known = self._facts
        final = known["final_decision"]
        decided = [badge(str(known["decision"]))]
        if final not in (None, known["decision"]):
            decided.append(f" {badge(f'by now: {final}')}")
        # What is in force stands below in its own words; to say it twice would make one matter look like two.
        findings = [found for found in known["findings"] if found["code"] != "version-disagrees"]
        return [
            *decided,
            paragraph(self._sentence()),
            self._score(),
            *(note(f"{found['code']}: {found['what']}", bad=True) for found in findings),
            *(note(f"{gap['code']}: {gap['what'].rstrip('.')}. {gap['effect']}", bad=True) for gap in known["gaps"]),
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
            subtitle=self._decided(),
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
            ("Lineage", listed_edges(known["lineage"])),
            (
                "Events",
                table(dated(known["events"], "at"), _EVENTS) or no_event,
            ),
            ("Overrides", table(dated(known["overrides"], "recorded_at"), _OVERRIDES)),
            ("Outcome", observed),
            (
                "Who else",
                paragraph(_WHO_ELSE) if self._comparable is None else "".join(who_was_alike(self._comparable)),
            ),
        ]


def known_number(value: Any) -> float | None:
    """Return a number as float, and None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def dated(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return rows with one of their times as people write it."""
    return [{**row, name: moment(row[name])} for row in rows]


def listed_edges(edges: list[dict[str, Any]]) -> str:
    """Return the nearest edges of a lineage as a table, and how many more there are; or say that there are none."""
    more = len(edges) - _MOST_EDGES
    shown = table(edges[:_MOST_EDGES], _LINEAGE)
    if more > 0:
        shown += paragraph(f"{more:,} more edges are not in this table: decision.lineage_graph() has them.")
    return shown or paragraph("No lineage is recorded for this version.")


def listed_acts(approvals: list[dict[str, Any]]) -> str:
    """Return the approvals of a version as a table, or say that there are none."""
    return table(dated(approvals, "recorded_at"), _APPROVALS) or paragraph("No approval of this version is recorded.")
