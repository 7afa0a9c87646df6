"""Who else? A window is decided again under a named correction, by the real model, and what changes is listed.

`correction` names what is corrected: a unit, values from another source, a missing value, a category, the version, the
threshold or the rules; `kinds` and `replacement` are what it makes. `corrected_rows` makes the change on recorded rows,
`redecision` runs recorded and corrected rows through the version's artifact in one go: only a decision whose record is
reproduced without the correction can count as affected by it. `tally` and `score_shifts` count, in memory that grows
with the affected decisions only; `measure` goes through the window, and `result` is what comes out. `alongside` reads
what of the predictions a replay does not need.
"""

from __future__ import annotations

from audit_lab.replay.impact.correction import Correction
from audit_lab.replay.impact.measure import measure_impact
from audit_lab.replay.impact.result import Impact

__all__ = ["Correction", "Impact", "measure_impact"]
