"""What moved in a log, since when, and by how much.

A log is cut into windows of time (:mod:`~audit_lab.monitor.windows`). The reference, a named period with a digest
(:mod:`~audit_lab.monitor.reference`), gives the bins (:mod:`~audit_lab.monitor.bins`). Lazy passes count the rows of
each window (:mod:`~audit_lab.monitor.counts`); from the counts come the measures
(:mod:`~audit_lab.monitor.measures`) and a verdict by effect size (:mod:`~audit_lab.monitor.verdict`). Runs of windows
become episodes (:mod:`~audit_lab.monitor.episodes`), numeric columns are searched for changes of unit
(:mod:`~audit_lab.monitor.units`), and :mod:`~audit_lab.monitor.report` says it all in words.
:func:`audit_lab.monitor.drift.drift` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.drift import Drift
from audit_lab.monitor.episodes import Episode, VanishedCategory
from audit_lab.monitor.reference import Reference
from audit_lab.monitor.units import UnitChange

__all__ = ["Drift", "Episode", "Reference", "UnitChange", "VanishedCategory"]
