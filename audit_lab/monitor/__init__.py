"""What moved in a log, since when, and by how much.

A question about drift (:mod:`~audit_lab.monitor.question`) cuts a log into windows (:mod:`~audit_lab.monitor.cuts`) and
names a reference with a digest (:mod:`~audit_lab.monitor.reference`), which gives the bins
(:mod:`~audit_lab.monitor.bins`). Lazy passes count the rows of each window (:mod:`~audit_lab.monitor.window_counts`);
from the counts come the measures (:mod:`~audit_lab.monitor.measures`), one finding for each column and window
(:mod:`~audit_lab.monitor.findings`), and a verdict (:mod:`~audit_lab.monitor.verdict`) that raises no more false alarms
than stated (:mod:`~audit_lab.monitor.calibration`). Runs of windows become episodes
(:mod:`~audit_lab.monitor.episodes`), changes of the data that are known by name are recognised
(:mod:`~audit_lab.monitor.recognised`), and :mod:`~audit_lab.monitor.report` says it all in words.
:func:`audit_lab.monitor.drift.drift` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.cuts import Around
from audit_lab.monitor.drift import Drift
from audit_lab.monitor.episodes import Episode, VanishedCategory
from audit_lab.monitor.recognised import DataChange
from audit_lab.monitor.reference import Dataset, Reference, Rolling

__all__ = ["Around", "DataChange", "Dataset", "Drift", "Episode", "Reference", "Rolling", "VanishedCategory"]
