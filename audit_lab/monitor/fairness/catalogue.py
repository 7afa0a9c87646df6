"""Every rate and comparison of groups: its formula, range, interval and source, as the documentation states them."""

from __future__ import annotations

from audit_lab.monitor.performance.catalogue import Described
from audit_lab.monitor.performance.intervals import KATZ, NEWCOMBE, WILSON

__all__ = ["COMPARED", "RATED"]

_HARDT = "Hardt, Price and Srebro 2016"
_DWORK = "Dwork et al. 2012"

#: What the formulas speak of: favoured is the favourable decision; qualified is the outcome that shows that it was
#: right, unqualified the other one; p is the model's probability.
RATED: dict[str, Described] = {
    "selection_rate": Described("favoured / decided", 0, 1, WILSON, "29 CFR 1607.16 R"),
    "true_positive_rate": Described("favoured and qualified / qualified", 0, 1, WILSON, _HARDT),
    "false_negative_rate": Described("not favoured and qualified / qualified", 0, 1, WILSON, _HARDT),
    "false_positive_rate": Described("favoured and unqualified / unqualified", 0, 1, WILSON, _HARDT),
    "qualified_rate": Described("qualified / with an outcome", 0, 1, WILSON, "a share"),
    "calibration_gap": Described("mean of p - positives / rows", -1, 1, WILSON, "Pleiss et al. 2017"),
    "adverse_impact_ratio": Described("selection rate / the highest one", 0, 1, KATZ, "29 CFR 1607.4 D"),
}

#: Over the groups that are shown.
COMPARED: dict[str, Described] = {
    "demographic_parity_difference": Described("highest - lowest selection rate", 0, 1, NEWCOMBE, _DWORK),
    "demographic_parity_ratio": Described("lowest / highest selection rate", 0, 1, KATZ, "29 CFR 1607.4 D"),
    "equal_opportunity_difference": Described("highest - lowest true positive rate", 0, 1, NEWCOMBE, _HARDT),
    "equal_opportunity_ratio": Described("lowest / highest true positive rate", 0, 1, KATZ, _HARDT),
    "equalized_odds_difference": Described("the larger one of true and false positive rates", 0, 1, NEWCOMBE, _HARDT),
    "equalized_odds_ratio": Described("the smaller one of true and false positive rates", 0, 1, KATZ, _HARDT),
}
