"""The view of SHAP values of many decisions: what moved the output, one feature by its values, the decisions behind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.charts.cohort import attribution_beeswarm, attribution_importance
from audit_lab.charts.dependence import attribution_dependence
from audit_lab.seal.hidden_letters import spelled
from audit_lab.widgets.asking import asking_again, narrowed
from audit_lab.widgets.opening import OpeningPanel
from audit_lab.widgets.page import choice, facts, listed, page, paragraph, picture, section, table

if TYPE_CHECKING:
    from audit_lab.explain.cohorts import CohortAttribution

__all__ = ["CohortView"]

_BEESWARM, _IMPORTANCE = "Contributions of kept decisions", "Mean magnitude"
_MOST_ROWS = 50
_FEATURES = {
    "rank": "Rank",
    "feature": "Feature",
    "unit": "Unit",
    "mean_magnitude": "Mean magnitude",
    "mean": "Mean",
    "least": "Least",
    "most": "Most",
    "raised": "Raised",
    "lowered": "Lowered",
}
_ROWS = {"prediction_id": "Prediction", "occurred_at": "At", "value": "Recorded value"}
_CHECKS = {"name": "Check", "passed": "Passed", "detail": "What was found"}
_LEFT_OUT = {"code": "Left out", "rows": "Rows", "first_id": "The first", "effect": "What that means"}
_LABEL_LENGTH = 40
#: So many decisions are the background unless another number is asked for.
_BACKGROUND = 100
_COULD = re.compile(r"of ([\d,]+) that can be")


class CohortView(OpeningPanel):
    """Sentences, picture and features; of a chosen feature its contributions by value, with a button for each mark.

    A button shows the decisions behind its mark, which the log is asked for again; they can be opened.

    Parameters
    ----------
    attributions
        What ``log.attributions(...)`` returned.
    """

    controls = ("picture", "feature", "mark", "opened", "decision", "stored")

    def __init__(self, attributions: CohortAttribution) -> None:
        self._found = attributions
        self._behind: pl.DataFrame | None = None
        self.picture = ipywidgets.Dropdown(options=[_BEESWARM, _IMPORTANCE], description="Picture")
        self.feature = ipywidgets.Dropdown(
            options=[(choice(each.feature), each.feature) for each in attributions.features]
        )
        self.feature.description = "Feature"
        self.mark = ipywidgets.ToggleButtons(
            options=self._marks(),
            value=None,
            style=ipywidgets.ToggleButtonsStyle(button_width="auto"),
            layout=ipywidgets.Layout(max_width="900px"),
        )
        self._content, self._detail, self._rows = (ipywidgets.HTML() for _ in range(3))
        listing = self._opening()
        drawer, self._code = self._code_drawer()
        shown = [self.picture, self._content, self.feature, self._detail, self.mark, self._rows, listing, drawer]
        super().__init__(shown)
        self.picture.observe(self._refresh, names="value")
        self.feature.observe(self._feature_changed, names="value")
        self.mark.observe(self._pressed, names="value")
        self._name()
        self._refresh()

    @property
    def rows(self) -> pl.DataFrame | None:
        """The decisions behind the pressed mark, as ``rows_of`` returned them; None while none is pressed."""
        return self._behind

    @property
    def subject(self) -> CohortAttribution:
        """The attributions of the cohort."""
        return self._found

    def parts(self) -> list[str]:
        """Return sentences, picture and features, the chosen feature, the rows behind its mark, and what is opened."""
        return [*self._overview(), *self._chosen(), *self._marked(), *self.listing.parts()]

    def text(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self._found.describe())

    def code(self) -> str:
        """Return the Python that adds up the same values again, and shows them as they are shown.

        Trust and limits are not in the attributions, and so not in the code.
        """
        found, asked = self._found, self._found.asked
        given = [*(["ids"] if asked.get("ids") else []), *narrowed(asked)]
        given += [f"version={asked['version']!r}"] if asked.get("version") is not None else []
        given.append(f"perturbation={found.perturbation!r}")
        given += [f"output={found.output_explained!r}", f"seed={found.seed}", *_how_many(found)]
        shown = "\n".join([*self.listing.code(), self._showing("attributions")])
        if self.mark.value is not None:
            shown = f"rows = attributions.rows_of({self.feature.value!r}, {self.mark.value})\n{shown}"
        made = asking_again("attributions", "log.attributions", given, {} if asked.get("ids") else asked, shown)
        if asked.get("ids"):
            made = made.replace("\n\n", f"\n\n# ids: the {asked['ids']:,} that were asked for\n", 1)
        return made

    def _marks(self) -> list[tuple[str, int]]:
        """Return a text for each mark of the chosen feature, no two alike, and its number."""
        bins = self._found.feature(self.feature.value).bins
        seen: dict[str, int] = {}
        marks = []
        for one in bins:
            label = spelled(f"{one.label[:_LABEL_LENGTH]}: {one.moments.rows:,}")
            seen[label] = seen.get(label, 0) + 1
            marks.append((label if seen[label] == 1 else f"{label} ({seen[label]})", one.number))
        return marks

    def _feature_changed(self, _: Any) -> None:
        self.mark.options = self._marks()
        self.mark.value = None
        self._behind = None
        self._name()
        self._refresh()

    def _pressed(self, _: Any) -> None:
        number = self.mark.value
        self._behind = None if number is None else self._found.rows_of(self.feature.value, number)
        self._name()
        self._rows.value = page(self._marked())
        self._code.value = self._shown_code()

    def _name(self) -> None:
        """Offer the decisions behind the pressed mark, or the first of those that are left out."""
        behind, ask = self._behind, self._found.decisions_of
        if behind is None:
            self.listing.name(
                "The first decisions that are left out", (one.first_id for one in self._found.left_out), ask
            )
        else:
            self.listing.name(f"Of the decisions behind {self._label()}", behind["place"].head(_MOST_ROWS), ask)

    def _refresh(self, _: Any = None) -> None:
        self._content.value = page(self._overview())
        self._detail.value = page(self._chosen())
        self._rows.value = page(self._marked())
        self._code.value = self._shown_code()

    def _overview(self) -> list[str]:
        found = self._found
        axis = _axis(found)
        words: dict[str, Any] = {"title": f"What moved the {axis}", "subtitle": self._words()}
        if self.picture.value == _IMPORTANCE:
            chart = attribution_importance(found.importance, axis_title=f"mean |{axis}|", **words)
        else:
            chart = attribution_beeswarm(found.importance, found.points, axis_title=axis, **words)
        checks = [{"name": one.name, "passed": one.passed, "detail": one.detail} for one in found.checks]
        left = [
            {"code": one.code, "rows": one.rows, "first_id": one.first_id, "effect": one.effect}
            for one in found.left_out
        ]
        rests = [
            ("Algorithm", found.algorithm),
            ("Library", f"{found.library} {found.library_version}"),
            ("Seed", found.seed),
            ("Compared with", found.background.description),
            ("Artifact (SHA-256)", found.artifact_sha256),
            ("This answer (SHA-256)", found.digest),
        ]
        more = found.importance.height - _MOST_ROWS
        return [
            section("What moved the output", listed(found.describe())),
            picture(chart, "; ".join(found.describe()[:1])),
            section("Features", table(found.importance.head(_MOST_ROWS).to_dicts(), _FEATURES)),
            paragraph(f"{more:,} more are in attributions.importance." if more > 0 else ""),
            section("Decisions that are left out", table(left, _LEFT_OUT)),
            section("Checks", table(checks, _CHECKS)),
            section("What the numbers rest on", facts(rests)),
        ]

    def _chosen(self) -> list[str]:
        found, feature = self._found, self.feature.value
        chart = attribution_dependence(
            found.dependence(feature),
            found.points_of(feature),
            feature=feature,
            unit=found.feature(feature).unit,
            title=f"What {feature} contributed",
            subtitle=self._words(),
            axis_title=_axis(found),
        )
        return [section(f"{feature} by its recorded value", picture(chart, f"Contributions of {feature} by its value"))]

    def _label(self) -> str:
        mark = next(text for text, number in self.mark.options if number == self.mark.value)
        return f"{self.feature.value}, {mark}"

    def _marked(self) -> list[str]:
        if self._behind is None:
            return []
        shown = self._behind.head(_MOST_ROWS).with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S"))
        more = self._behind.height - _MOST_ROWS
        return [
            section(f"Decisions behind {self._label()}", table(shown.to_dicts(), _ROWS)),
            paragraph(f"{more:,} more are in view.rows." if more > 0 else ""),
        ]

    def _words(self) -> list[str]:
        found = self._found
        window = " to ".join(str(found.asked[name]) for name in ("since", "until") if found.asked.get(name))
        about = ", ".join(part for part in (f"{found.model_name} {found.model_version}", window) if part)
        return [
            f"{about}: {found.explained:,} of {found.matching:,} decisions",
            f"SHAP, {found.algorithm}; against {found.background.description.split('; ')[0]}",
        ]


def _how_many(found: CohortAttribution) -> list[str]:
    """Return the arguments that say how many rows were explained, and against how many, where that is not the usual."""
    given = []
    against = found.background_rows
    if against is not None and len(found.background.rows) != _BACKGROUND:
        given.append(f"background={len(found.background.rows)}")
    if found.chosen is not None and (could := _COULD.search(found.chosen)) is not None:
        left_out = sum(one.rows for one in found.left_out)
        before = found.matching - int(could[1].replace(",", ""))
        # What the model refused was chosen, too.
        given.append(f"rows={found.explained + left_out - before}")
    return given


def _axis(found: CohortAttribution) -> str:
    return f"{found.output_explained} of {found.label}" if found.label else found.output_explained
