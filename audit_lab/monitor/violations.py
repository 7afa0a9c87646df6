"""What no reference row did, in too many rows for chance: values of another kind, new categories, a column that froze.

The tests of shares pool rare bins and what is new, so that a text column of many values can be exchanged as a whole and
stay within chance. What is told here is counted instead, and is what chance does in one column and window of a million.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import CategoryBins

if TYPE_CHECKING:
    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.compared import Compared

__all__ = ["FROZEN", "KIND", "NEW", "is_frozen_beyond_chance", "new_category_share", "violated"]

KIND, NEW, FROZEN = "values of another kind than in the reference", "new categories", "one value throughout"

#: So few of the values are no violation yet.
_LEAST = {KIND: 0.01, NEW: 0.1}
#: What chance does more seldom than this, in one column and window, is none.
_CHANCE = 1e-6
#: What none of n rows of a reference has is rarer than this over n, but in as few cases: exp(-15).
_UNSEEN = 15
#: By so many standard deviations more values may be new than the reference's singletons say.
_DEVIATIONS = 4
#: A text column with more different texts than this part of the reference is an id: all of its texts are new.
_SCATTERED_PART = 0.5


def new_category_share(bins: Bins, seen: np.ndarray, against: Compared) -> float | None:
    """Return the share of a window's values that are categories which the reference has not; None where not known."""
    values = int(seen[:-1].sum())
    if not isinstance(bins, CategoryBins) or against.rolling or not values:
        return None
    return float(seen[bins.named + 1] / values)


def violated(bins: Bins, values: int, kind: float | None, new: float | None, *, rolling: bool) -> tuple[str, ...]:
    """Return which of `KIND` and `NEW` are in more of so many values than chance would have.

    Parameters
    ----------
    bins
        The column's bins.
    values
        The window's values, missing ones aside.
    kind, new
        The shares of them that are of another kind, and of new categories; None where not known.
    rolling
        Whether the window is compared with those before it, and the bins are those of the whole log.

    Notes
    -----
    The share of unseen categories is about that of the reference's singletons: Good, *The population frequencies of
    species* (1953). The tail is the binomial one.
    """
    reference = bins.category_rows if isinstance(bins, CategoryBins) else bins.value_rows
    known = int(reference.sum())
    if rolling or not known:
        return ()
    found = [KIND] if kind and _is_beyond(KIND, kind, values, _UNSEEN / known) else []
    if new and isinstance(bins, CategoryBins) and bins.distinct <= _SCATTERED_PART * known:
        single = int((reference == 1).sum())
        usual = (single + _DEVIATIONS * math.sqrt(single) + _UNSEEN) / known
        found += [NEW] if _is_beyond(NEW, new, values, usual) else []
    return tuple(found)


def is_frozen_beyond_chance(bins: Bins, values: int, against: Compared) -> bool:
    """Return whether so many values would hardly be one and the same, if each came as often as on the other side."""
    if not against.rolling:
        rows = bins.category_rows if isinstance(bins, CategoryBins) else bins.value_rows
    elif against.cumulated is not None:
        rows = np.diff(against.cumulated, prepend=0)
    else:
        rows = against.binned[:-1]
    known = int(rows.sum())
    return bool(known) and values * math.log(int(rows.max()) / known) < math.log(_CHANCE)


def _is_beyond(name: str, share: float, values: int, usual: float) -> bool:
    from scipy.special import bdtrc

    count = round(share * values)
    return share >= _LEAST[name] and usual < share and float(bdtrc(count - 1, values, usual)) < _CHANCE
