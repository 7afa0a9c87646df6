"""The nearest changes of the recorded inputs that would have flipped a decision, found by running the real model.

`Constraints` say what may change. `supported_values` reads from the log which values were seen at all; an `Axis` holds
those that one feature may take, and a `GroupAxis` those of a group of one-hot columns. `Judge` runs candidates through
the artifact in the sandbox, in batches, and through threshold and rules to the decision. `nearest_flips` looks for
them, fewest changed features first, then the nearest. `find_counterfactuals` puts them together and hands back
`Counterfactuals`: frozen, canonical, with what was tried; `flip_frames` makes frames of them.
"""

from __future__ import annotations

from audit_lab.explain.counterfactual.asking import find_counterfactuals
from audit_lab.explain.counterfactual.change import Change
from audit_lab.explain.counterfactual.constraints import Constraints
from audit_lab.explain.counterfactual.frames import flip_frames
from audit_lab.explain.counterfactual.result import Attempts, Counterfactual, Counterfactuals

__all__ = [
    "Attempts",
    "Change",
    "Constraints",
    "Counterfactual",
    "Counterfactuals",
    "find_counterfactuals",
    "flip_frames",
]
