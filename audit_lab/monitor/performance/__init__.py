"""How good a model's answers, and the decisions, turned out to be, window by window, once outcomes arrive.

What outputs mean comes from the registry (:mod:`~audit_lab.monitor.performance.meaning`). Predictions are joined with
the outcomes and overrides that were known at a moment (:mod:`~audit_lab.monitor.performance.known`,
:mod:`~audit_lab.monitor.performance.rows`), and rows that are alike are counted together
(:mod:`~audit_lab.monitor.performance.cells`). From the counts come the measures of scores
(:mod:`~audit_lab.monitor.performance.scored`) and of what was said (:mod:`~audit_lab.monitor.performance.classified`),
each with its interval (:mod:`~audit_lab.monitor.performance.intervals`,
:mod:`~audit_lab.monitor.performance.resampling`). :mod:`~audit_lab.monitor.performance.delay` says which windows still
wait for outcomes, :mod:`~audit_lab.monitor.performance.estimate` what can be said without them.
:func:`audit_lab.monitor.performance.measuring.measure_performance` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.performance.result import Performance

__all__ = ["Performance"]
