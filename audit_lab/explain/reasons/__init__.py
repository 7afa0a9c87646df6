"""The reasons of an adverse decision: codes for the features that truly pushed it, and a notice in plain language.

`ReasonCodes` (`codes`) is the versioned document that says which feature stands for which reason. `reasons_of_decision`
(`of_decision`) finds who decided (the score, a rule, a person), explains the score against one of the
declared `REFERENCES` (`reference`), puts the reference's values in the place of the decision's own with the real model
(`trial`), and chooses up to four principal reasons (`choice`). What comes out is `Reasons` (`principal`), with its
`notice` (`notice_text`).
"""

from __future__ import annotations

from audit_lab.explain.reasons.codes import ReasonCodes
from audit_lab.explain.reasons.of_decision import reasons_of_decision
from audit_lab.explain.reasons.principal import Push, Reason, Reasons, Reference
from audit_lab.explain.reasons.reference import REFERENCES

__all__ = ["REFERENCES", "Push", "Reason", "ReasonCodes", "Reasons", "Reference", "reasons_of_decision"]
