"""The view of an attribution: what moved the score, in sentences and pictures, and what the numbers rest on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.attribution import attribution_bars, shap_against_lime, waterfall
from audit_lab.errors import MisuseError
from audit_lab.explain.describing import Decided
from audit_lab.widgets.page import facts, listed, page, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from audit_lab.explain.attribution import Attribution
    from audit_lab.face import Decision

__all__ = ["AttributionView"]

_COLUMNS = {"feature": "Feature", "value": "Recorded value", "contribution": "Contribution"}
_CHECKS = {"name": "Check", "passed": "Passed", "detail": "What was found"}
_BY_SHAP = re.compile(r"permutation explainer of shap, (\d+) evaluations")
_WAY, _BARS, _BOTH = "Way from base to prediction", "Bars by feature", "Both side by side"


class AttributionView(Panel):
    """Sentences, picture, table, checks and provenance of an attribution; beside another one if given.

    Parameters
    ----------
    attribution
        The explanation to show.
    other
        A second explanation of the same decision by another method, to be shown beside the first.
    decision
        The decision that is explained, which knows what was decided, by what rule, and the units of its inputs; the
        sentences say so then.

    Raises
    ------
    MisuseError
        An explanation is of another decision.
    """

    controls = ("method", "picture")

    def __init__(
        self, attribution: Attribution, other: Attribution | None = None, *, decision: Decision | None = None
    ) -> None:
        self._decided: Decided | None = None
        self._units: dict[str, str | None] = {}
        if decision is not None:
            for one in (attribution, other):
                if one is not None and one.prediction_id != decision.prediction_id:
                    message = f"The explanation is of {one.prediction_id}, not of {decision.prediction_id}"
                    raise MisuseError(message, "Give the decision that was explained.")
            self._decided = Decided.of(
                decision.prediction, decision.final_decision, (decision.model_version or {}).get("threshold")
            )
            self._units = {one.name: one.unit for one in decision.signature.features} if decision.signature else {}
        self._shown = {one.method: one for one in (attribution, other) if one is not None}
        both = [_BOTH] if {"shap", "lime"} <= set(self._shown) else []
        self.method = ipywidgets.Dropdown(
            options=[(name.upper(), name) for name in self._shown], value=attribution.method, description="Method"
        )
        self.picture = ipywidgets.Dropdown(options=[*both, _WAY, _BARS], description="Picture")
        self._content = ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        self.method.observe(self._refresh, names="value")
        self.picture.observe(self._refresh, names="value")
        super().__init__([ipywidgets.HBox([self.method, self.picture]), self._content, drawer])
        self._refresh()

    @property
    def subject(self) -> Any:
        """The first attribution."""
        return next(iter(self._shown.values()))

    @property
    def beside(self) -> Any:
        """The other attribution."""
        return next(iter(list(self._shown.values())[1:]), None)

    def parts(self) -> list[str]:
        """Return the chosen method's sentences, the picture, the table and what it all rests on."""
        chosen = self._chosen
        rows = [{"name": check.name, "passed": check.passed, "detail": check.detail} for check in chosen.checks]
        return [
            section(f"{chosen.method.upper()} of {chosen.prediction_id}", listed(self._said(chosen))),
            picture(self._chart(), "; ".join(self._said(chosen)[:1])),
            table(chosen.to_frame().to_dicts(), _COLUMNS),
            section("Checks", table(rows, _CHECKS)),
            section("What the numbers rest on", facts(_provenance(chosen))),
        ]

    def text(self) -> str:
        """Return the sentences of each method."""
        return "\n".join(line for name, one in self._shown.items() for line in [f"{name.upper()}:", *self._said(one)])

    def code(self) -> str:
        """Return the Python that explains the decision again in the way that was asked, and shows it as it is shown.

        Groups of features, trust and limits are not in an attribution, and so not in the code.
        """
        first = next(iter(self._shown.values()))
        explained = [
            f"{name} = decision.explain({', '.join([repr(name), *_asked(one)])})" for name, one in self._shown.items()
        ]
        lines = ["import audit_lab as al", "", f"decision = log.decision({first.prediction_id!r})", *explained]
        given = [*self._shown, *(["decision=decision"] if self._decided is not None else [])]
        return "\n".join([*lines, self._showing(", ".join(given)), ""])

    @property
    def _chosen(self) -> Attribution:
        chosen: Attribution = self._shown[self.method.value]
        return chosen

    def _said(self, attribution: Attribution) -> list[str]:
        return attribution.describe(self._units, self._decided)

    def _refresh(self, _: Any = None) -> None:
        self._content.value = page(self.parts())
        self._code.value = self._shown_code()

    def _chart(self) -> Any:
        chosen, frame = self._chosen, self._chosen.to_frame()
        unit = f"{chosen.output_explained} of {chosen.label}"
        rest = [
            f"{chosen.prediction_id}, against {len(chosen.background.rows):,} background decisions, seed {chosen.seed}",
            f"{chosen.algorithm}; {chosen.library} {chosen.library_version}; digest {chosen.digest[:12]}",
        ]
        if self.picture.value == _BOTH:
            return shap_against_lime(
                self._shown["shap"].to_frame(),
                self._shown["lime"].to_frame(),
                title="SHAP beside LIME",
                subtitle=rest[:1],
                axis_title=unit,
            )
        title = f"What moved the {unit} ({chosen.method.upper()})"
        if self.picture.value == _BARS:
            return attribution_bars(frame, title=title, subtitle=rest, axis_title=unit)
        return waterfall(
            frame,
            base_value=chosen.base_value,
            prediction_value=chosen.prediction_value,
            title=title,
            subtitle=rest,
            axis_title=unit,
        )


def _asked(found: Attribution) -> list[str]:
    """Return the arguments by which an explanation was asked for, those left out that are so anyway."""
    given = [f"seed={found.seed}"]
    if "path-dependent" in found.algorithm:
        return [*given, "perturbation='path-dependent'"]
    given += ["output='log-odds'"] if found.output_explained == "log-odds" else []
    by_shap = _BY_SHAP.match(found.algorithm)
    return [*given, "sampling='shap'", f"max_evals={by_shap[1]}"] if by_shap else given


def _provenance(chosen: Attribution) -> list[tuple[str, Any]]:
    return [
        ("Algorithm", chosen.algorithm),
        ("Library", f"{chosen.library} {chosen.library_version}"),
        ("Seed", chosen.seed),
        ("Compared with", chosen.background.description),
        ("Background (SHA-256)", chosen.background.sha256),
        ("Artifact (SHA-256)", chosen.artifact_sha256),
        ("This explanation (SHA-256)", chosen.digest),
        ("Isolation", ", ".join(f"{name}: {value}" for name, value in sorted(chosen.isolation.items()))),
    ]
