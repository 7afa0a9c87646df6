"""Since when: the dates on which the rows of a log began to be otherwise.

Rows are cut into days or hours of a named zone (:mod:`~audit_lab.monitor.onset.grid`). One pass counts what each
window holds (:mod:`~audit_lab.monitor.onset.tallies`), from which come raw series: means, quantiles, missing rates,
shares, volume, and each column's distance from the reference (:mod:`~audit_lab.monitor.onset.series`). The recurring
pattern of weekday and hour is taken away, and each series is brought to one scale
(:mod:`~audit_lab.monitor.onset.season`). Resampling gives the penalty at which a log without changes shows one in 5 %
of cases (:mod:`~audit_lab.monitor.onset.calibration`), ruptures finds the changes at that penalty
(:mod:`~audit_lab.monitor.onset.changes`), and those of one date are one event
(:mod:`~audit_lab.monitor.onset.events`), said in words (:mod:`~audit_lab.monitor.onset.words`).
:func:`audit_lab.monitor.onset.search.find_onsets` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.onset.events import Onset, OnsetEvent
from audit_lab.monitor.onset.search import Onsets

__all__ = ["Onset", "OnsetEvent", "Onsets"]
