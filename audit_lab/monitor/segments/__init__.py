"""Where a shift of the score, or the errors, concentrate: segments of one feature or two.

Features are cut into levels by the reference (:mod:`~audit_lab.monitor.segments.levels`), every segment's contribution
is counted and tested against chance over all of them together (:mod:`~audit_lab.monitor.segments.concentration`), and
:mod:`~audit_lab.monitor.segments.search` says which ones lead. :mod:`~audit_lab.monitor.segments.together` says whether
drift and errors move together over time.
"""

from __future__ import annotations

from audit_lab.monitor.segments.search import Segment, Segments
from audit_lab.monitor.segments.together import Together

__all__ = ["Segment", "Segments", "Together"]
