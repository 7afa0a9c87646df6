"""The view of an impact: who else, in sentences, pictures and tables, and what could not be said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.impact import decision_flow, impact_by_group, score_before_after
from audit_lab.widgets.opening import OpeningPanel
from audit_lab.widgets.page import choice, facts, listed, moment, page, picture, section, table

if TYPE_CHECKING:
    from audit_lab.replay.impact import Impact

__all__ = ["ImpactView"]

_GROUP, _FLOW, _SCORES = "By group", "From decision to decision", "Scores before and after"
_AFFECTED = {
    "prediction_id": "Prediction",
    "subject_id": "Subject (pseudonym)",
    "occurred_at": "At",
    "model_version": "Version",
    "score_before": "Score",
    "score_after": "Corrected",
    "decision_before": "Decided",
    "decision_after": "Would be",
    "final_decision": "Stands by now",
}
_SUBJECTS = {"subject_id": "Subject (pseudonym)", "affected": "Affected", "first": "First", "last": "Last"}
_WHY = {
    "stage": "Fell out at",
    "code": "Code",
    "model_name": "Model",
    "model_version": "Version",
    "predictions": "Predictions",
    "first_id": "First",
}
_MOST_ROWS = 25


class ImpactView(OpeningPanel):
    """Sentences, a picture to choose, and the affected decisions, which open, and subjects, the first of each.

    Parameters
    ----------
    impact
        What ``log.impact(...)`` returned.
    """

    controls = ("picture", "group", "opened", "decision", "stored")

    def __init__(self, impact: Impact) -> None:
        self._impact = impact
        groups = list(impact.asked["groups"])
        pictures = [_GROUP] if groups and impact.counts.predictions else []
        if impact.counts.affected:
            pictures += [_FLOW, _SCORES] if self._has_scores() else [_FLOW]
        self.group = ipywidgets.Dropdown(options=[(choice(each), each) for each in groups], description="Group")
        self.picture = ipywidgets.Dropdown(options=pictures, description="Picture")
        self._content, listing = ipywidgets.HTML(), self._opening()
        named = [*impact.affected["place"].head(_MOST_ROWS), *impact.why_not_decided["first_id"].head(_MOST_ROWS)]
        listing.name("Affected decisions, and the first of those not counted", named, impact.decisions_of)
        drawer, self._code = self._code_drawer()
        self.group.observe(self._refresh, names="value")
        self.picture.observe(self._refresh, names="value")
        super().__init__([ipywidgets.HBox([self.picture, self.group]), self._content, listing, drawer])
        self._refresh()

    @property
    def subject(self) -> Impact:
        """The impact."""
        return self._impact

    def parts(self) -> list[str]:
        """Return sentences, the chosen picture, tables, what it all rests on, and the decisions that are opened."""
        return [*self._shown(), *self.listing.parts()]

    def _shown(self) -> list[str]:
        impact = self._impact
        times = ("occurred_at", "first", "last")
        affected, subjects, why = (
            [
                {
                    name: f"{value:%Y-%m-%d %H:%M:%S}" if name in times and value else value
                    for name, value in row.items()
                }
                for row in frame.head(_MOST_ROWS).to_dicts()
            ]
            for frame in (impact.affected, impact.by_subject, impact.why_not_decided)
        )
        return [
            section("Who else?", listed(impact.summary())),
            picture(self._chart(), impact.summary()[1]) if self.picture.value else "",
            section(_first("Affected decisions", impact.counts.affected), table(affected, _AFFECTED)),
            section(_first("Affected subjects", impact.by_subject.height), table(subjects, _SUBJECTS)),
            section("Not counted", table(why, _WHY)),
            section("What this rests on", facts(self._provenance())),
        ]

    def text(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self._impact.summary())

    def code(self) -> str:
        """Return the Python that asks the same question and shows the answer as it is shown."""
        asked = self._impact.asked
        changes = [change.code for change in self._impact.changes]
        arguments = [f"    [{', '.join(changes)}]," if len(changes) > 1 else f"    {changes[0]},"]
        given = {name: asked[name] for name in ("expression", "since", "until", "model", "version")}
        arguments += [f"    {name}={value!r}," for name, value in given.items() if value is not None]
        arguments.append(f"    groups={tuple(asked['groups'])!r},")
        arguments += [] if asked["subjects"] else ["    subjects=False,"]
        imports = ["import audit_lab as al"]
        if any("Conversion(" in change for change in changes):
            imports.append("from audit_lab.replay.units import Conversion")
        asked_again = ["impact = log.impact(", *arguments, ")", *self.listing.code()]
        return "\n".join([*imports, "", *asked_again, self._showing("impact"), ""])

    def _refresh(self, _: Any = None) -> None:
        self._content.value = page(self._shown())
        self._code.value = self._shown_code()

    def _has_scores(self) -> bool:
        known = self._impact.affected.select("score_before", "score_after").drop_nulls()
        return known.filter(known["score_before"].is_finite() & known["score_after"].is_finite()).height > 0

    def _chart(self) -> Any:
        impact, asked = self._impact, self._impact.asked
        window = [f"{word} {moment(asked[name])}" for name, word in (("since", "from"), ("until", "to")) if asked[name]]
        said = [*impact.captions, f"{impact.counts.predictions:,} predictions {' '.join(window)}".rstrip()]
        if self.picture.value == _FLOW:
            return decision_flow(impact.directions, subtitle=said)
        if self.picture.value == _SCORES:
            return score_before_after(impact.affected, subtitle=said)
        return impact_by_group(impact.by_group, self.group.value, subtitle=said)

    def _provenance(self) -> list[tuple[str, Any]]:
        impact = self._impact
        return [
            ("Log", impact.asked["log"]),
            ("Correction (SHA-256)", impact.correction_sha256),
            ("Affected rows (SHA-256)", impact.affected_sha256),
            ("This answer (SHA-256)", impact.digest),
            *((f"{name} ran in", f"{ran.environment} environment") for name, ran in sorted(impact.ran.items())),
        ]


def _first(title: str, count: int) -> str:
    return f"{title}, the first {_MOST_ROWS} of {count:,}" if count > _MOST_ROWS else f"{title}: {count:,}"
