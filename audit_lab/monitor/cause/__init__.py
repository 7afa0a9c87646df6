"""What moved a mean score, or the rate of a decision, between two windows of time: ranked contributions, three ways.

`CauseQuestion` (`question`) says what is asked; `find_cause` (`measure`) reads both windows (`window_rows`) and says
how far the mean moved and whether that is beyond chance (`shift`). Then each method answers by itself, and they are
never blended: attribution (`attributed`), re-weighting (`reweighting`), and exchange of one feature's values through
the real model (`exchange`, with the decisions it can be run on in `sides` and who gets whose value in `coupling`).
Where another version decided, its part is split off first. The shift is also split over the groups of each column
(`decomposition`). The answer is a `Cause` (`result`), whose sentences are in `telling`, and those on where the methods
disagree in `agreement`.
"""

from __future__ import annotations

from audit_lab.monitor.cause.contribution import Contribution, Method, ModelPart
from audit_lab.monitor.cause.decomposition import Group, Split, Splits
from audit_lab.monitor.cause.measure import find_cause
from audit_lab.monitor.cause.question import CauseQuestion, Span
from audit_lab.monitor.cause.result import Cause, NamedChange
from audit_lab.monitor.cause.shift import Shift

__all__ = [
    "Cause",
    "CauseQuestion",
    "Contribution",
    "Group",
    "Method",
    "ModelPart",
    "NamedChange",
    "Shift",
    "Span",
    "Split",
    "Splits",
    "find_cause",
]
