"""Drift of all columns together: what no column shows alone, as two that no longer go together.

Rows are written as numbers (:mod:`~audit_lab.monitor.multivariate.encoding`); principal components of the
reference, from a covariance that is added up block by block, say how well rows can be rebuilt
(:mod:`~audit_lab.monitor.multivariate.reconstruction`), and a classifier tries to tell a window's rows from the
reference's (:mod:`~audit_lab.monitor.multivariate.two_samples`). Both come with a p-value by resampling.
:func:`audit_lab.monitor.multivariate.together.multivariate_drift` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.multivariate.together import MultivariateDrift, multivariate_drift

__all__ = ["MultivariateDrift", "multivariate_drift"]
