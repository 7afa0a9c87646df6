"""Explain one prediction of one artifact against one declared background, so that it comes out the same next year.

`choose_background` picks recorded decisions by a rule that anyone can repeat. `explain` runs SHAP or LIME over the
recorded features in the sandbox and returns an `Attribution`: frozen, canonical in bytes, named by its digest, with
the checks that it passed or failed.
"""

from __future__ import annotations

from audit_lab.explain.attribution import Attribution, Background, Check, Contribution
from audit_lab.explain.background import BackgroundRows, choose_background
from audit_lab.explain.explainer import explain

__all__ = ["Attribution", "Background", "BackgroundRows", "Check", "Contribution", "choose_background", "explain"]
