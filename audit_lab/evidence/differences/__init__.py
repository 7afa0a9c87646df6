"""What changed between two evidence bundles, or two states of a case, by meaning.

Each side is opened as the light verifier opens a bundle, and verified by it (`side`); nothing is extracted. Documents
are compared member by member (`values`), tables row by row (`tables`), exhibits file by file (`exhibits`), notebooks
cell by cell (`cells`), custody and signatures act by act (`acts`); `comparison` puts it together. What is only time
stands apart, so that two runs of one notebook can be told from two investigations.
"""

from __future__ import annotations

from audit_lab.evidence.differences.change import PARTS, Change, Differences, Seen
from audit_lab.evidence.differences.comparison import diff

__all__ = ["PARTS", "Change", "Differences", "Seen", "diff"]
