"""What the system would have made of other inputs: the real artifact, threshold and rules, the original kept in view.

`checked_changes` refuses values that cannot be meant. `RecordedValues` says which values a log has of a feature at all.
`run_beside` runs the recorded row and the changed one through the artifact together, each twice. `explained_beside`
explains both against one background. `ask_what_if` puts them together and hands back a `WhatIf`: frozen, canonical,
with the code that makes it again, and the way on to further changes.
"""

from __future__ import annotations

from audit_lab.explain.what_if.asked import Asked
from audit_lab.explain.what_if.asking import ask_what_if
from audit_lab.explain.what_if.result import WhatIf
from audit_lab.explain.what_if.state import Input, Refusal, Remark, Side

__all__ = ["Asked", "Input", "Refusal", "Remark", "Side", "WhatIf", "ask_what_if"]
