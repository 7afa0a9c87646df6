"""Every measure of performance: its formula, range, interval and source, as the documentation states them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from audit_lab.monitor.performance.intervals import CLOPPER_PEARSON
from audit_lab.monitor.performance.resampling import BOOTSTRAP
from audit_lab.monitor.performance.scored import DELONG

__all__ = ["MEASURES", "Described"]


@dataclass(frozen=True)
class Described:
    """What a measure is: its formula, the ends of its range, how its interval is found (empty: none), its source."""

    formula: str
    lowest: float
    highest: float
    interval: str
    source: str

    @property
    def range(self) -> str:
        """The range as people write it."""
        if math.isinf(self.lowest):
            return "any"
        return f"{self.lowest:g} or more" if math.isinf(self.highest) else f"{self.lowest:g} to {self.highest:g}"


_VAN_RIJSBERGEN = "van Rijsbergen 1979"
_BOTH = "mean over classes said or come true"

#: What the formulas speak of: p is the score as a probability, y is 1 where the positive label came true and else 0;
#: TP, FP, FN and TN count what was said against what came true; e is the score less the value that came true.
MEASURES: dict[str, Described] = {
    "outcome_rate": Described("positives / outcomes", 0, 1, CLOPPER_PEARSON, "a share"),
    "auc": Described("P(score of a positive > of a negative) + P(equal) / 2", 0, 1, DELONG, "Hanley and McNeil 1982"),
    "brier": Described("mean of (p - y)^2; of classes, mean of the sum over them", 0, 2, BOOTSTRAP, "Brier 1950"),
    "log_loss": Described("-mean of log(p given to what came true)", 0, math.inf, BOOTSTRAP, "Good 1952"),
    "calibration_error": Described("sum over 10 bins of |sum of p - positives| / rows", 0, 1, BOOTSTRAP, "Naeini 2015"),
    "hosmer_lemeshow_p": Described(
        "chi-squared test over 10 groups of the score", 0, 1, "", "Hosmer and Lemeshow 1980"
    ),
    "accuracy": Described("(TP + TN) / all; of classes, right / all", 0, 1, CLOPPER_PEARSON, _VAN_RIJSBERGEN),
    "precision": Described("TP / (TP + FP)", 0, 1, CLOPPER_PEARSON, _VAN_RIJSBERGEN),
    "recall": Described("TP / (TP + FN)", 0, 1, CLOPPER_PEARSON, _VAN_RIJSBERGEN),
    "f1": Described("2 TP / (2 TP + FP + FN)", 0, 1, BOOTSTRAP, _VAN_RIJSBERGEN),
    "macro_precision": Described(f"precision, {_BOTH}", 0, 1, BOOTSTRAP, "Sokolova and Lapalme 2009"),
    "macro_recall": Described(f"recall, {_BOTH}", 0, 1, BOOTSTRAP, "Sokolova and Lapalme 2009"),
    "macro_f1": Described(f"F1, {_BOTH}", 0, 1, BOOTSTRAP, "Sokolova and Lapalme 2009"),
    "cost": Described("mean of the cost of (said, came true)", -math.inf, math.inf, BOOTSTRAP, "the user's matrix"),
    "rmse": Described("square root of the mean of e^2", 0, math.inf, BOOTSTRAP, "Gauss 1823"),
    "mae": Described("mean of |e|", 0, math.inf, BOOTSTRAP, "Willmott and Matsuura 2005"),
    "mean_error": Described("mean of e", -math.inf, math.inf, BOOTSTRAP, "a mean"),
}
