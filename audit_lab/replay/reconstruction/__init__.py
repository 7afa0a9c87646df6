"""Reconstruction: a prediction rejoined with everything the log knows about it, alone or with many others.

`reconstruct` fetches the rows of one decision (`decision_rows`) and puts them together with the facts about its version
(`version_facts`, `provenance`), the deployments (`serving`) and `events` around it and its `history`.
`Reconstructions` of `many` does the same for many at once, in frames (`gathering`, `stretches`). Gaps and findings
(`notes`) are told from one row of `facts` by the same rules (`gap_rules`, `finding_rules`, `telling`).
"""

from __future__ import annotations

from audit_lab.replay.reconstruction.notes import FINDINGS, GAPS, Finding, Gap
from audit_lab.replay.reconstruction.reconstruction import Reconstruction, reconstruct

__all__ = ["FINDINGS", "GAPS", "Finding", "Gap", "Reconstruction", "reconstruct"]
