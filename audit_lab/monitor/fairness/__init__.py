"""How often groups of people had a favourable decision, how far the groups are apart, and what that does not show.

Groups are columns, bands of numbers or expressions (:mod:`~audit_lab.monitor.fairness.grouping`). One pass counts the
decisions, joined with the outcomes that are known, by group (:mod:`~audit_lab.monitor.fairness.tallies`). Groups that
are too small are suppressed, and others from which they could be computed
(:mod:`~audit_lab.monitor.fairness.suppression`). Rates and comparisons follow fairlearn's definitions
(:mod:`~audit_lab.monitor.fairness.rates`); :mod:`~audit_lab.monitor.fairness.telling` puts them into words.
:func:`audit_lab.monitor.fairness.measuring.measure_fairness` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.fairness.result import Fairness

__all__ = ["Fairness"]
