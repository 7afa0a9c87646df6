"""The view of an agreement: the verdict, both explanations side by side, and those of record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.widgets.attribution import AttributionView
from audit_lab.widgets.page import listed, section

if TYPE_CHECKING:
    from audit_lab.explain.agreement import Agreement

__all__ = ["AgreementView"]


class AgreementView(AttributionView):
    """SHAP and LIME of one decision, below what their comparison came to.

    Parameters
    ----------
    agreement
        The comparison to show.
    """

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        super().__init__(agreement.shap, agreement.lime)

    @property
    def subject(self) -> Agreement:
        """The agreement."""
        return self._agreement

    @property
    def beside(self) -> None:
        """Nothing: both explanations stand in the agreement."""

    def parts(self) -> list[str]:
        """Return the verdicts with their rules, and what is shown of both explanations."""
        rules = [f"{name}: {meaning}" for name, meaning in self._agreement.methods.rules.items()]
        said = section(f"Explanations of {self._agreement.prediction_id}", listed(self._agreement.summary()))
        return [said, *super().parts(), section("What the verdicts mean", listed(rules))]

    def text(self) -> str:
        """Return the verdicts, and the sentences of each method."""
        return "\n".join([*self._agreement.summary(), super().text()])

    def code(self) -> str:
        """Return the Python that compares the explanations again and shows them as they are shown."""
        shap = self._agreement.shap
        asked = f"agreement = log.decision({shap.prediction_id!r}).agreement(seed={shap.seed})"
        return f"import audit_lab as al\n\n{asked}\n{self._showing('agreement')}\n"
