"""SHAP values of a window or a group of decisions, added up as they come, and two groups side by side.

`Asked` says which decisions are meant (`asked`); `attribute_cohort` (`measure`) passes them through a sieve that knows
what cannot be explained (`sieve`), has the warm child explain block after block (`explained_blocks`), in the way that
the version allows (`way`), and adds them up (`fold`: means by `moments`, values by `cells`, single rows by
`kept_rows`). What comes out is a `CohortAttribution` (`result`, put together in `assembly`), whose sentences are in
`sentences` and whose bins lead back to their decisions (`selection`, `behind`). `contrast` (`comparison`) puts two of
them side by side.

Sums are made in float64 over blocks of one size, in the order of the log: neither how rows are read nor how many
threads run changes a digit.
"""

from __future__ import annotations

from audit_lab.explain.cohorts.asked import Asked
from audit_lab.explain.cohorts.comparison import Contrast, FeatureContrast, contrast
from audit_lab.explain.cohorts.measure import attribute_cohort
from audit_lab.explain.cohorts.result import CohortAttribution, DependenceBin, FeatureAttribution, LeftOut

__all__ = [
    "Asked",
    "CohortAttribution",
    "Contrast",
    "DependenceBin",
    "FeatureAttribution",
    "FeatureContrast",
    "LeftOut",
    "attribute_cohort",
    "contrast",
]
