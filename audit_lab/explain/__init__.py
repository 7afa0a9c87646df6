"""Explain one prediction of one artifact against one declared background, so that it comes out the same next year.

`choose_background` picks recorded decisions by a rule that anyone can repeat. `explain` runs SHAP or LIME over the
recorded features in the sandbox and returns an `Attribution`: frozen, canonical in bytes, named by its digest, with
the checks that it passed or failed. `ExplanationCache` is where it is found when it is asked for again. `explain_rows`
gives the SHAP values of many rows.
"""

from __future__ import annotations

from audit_lab.explain.attribution import Attribution, Background, Check, Contribution
from audit_lab.explain.background import BackgroundRows, choose_background
from audit_lab.explain.explainer import explain
from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.explain.of_rows import RowAttributions, explain_rows

__all__ = [
    "Attribution",
    "Background",
    "BackgroundRows",
    "Check",
    "Contribution",
    "ExplanationCache",
    "RowAttributions",
    "choose_background",
    "explain",
    "explain_rows",
]
