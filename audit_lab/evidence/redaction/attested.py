"""What an attestation states of a redaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.evidence.investigation import investigation_bytes
from audit_lab.evidence.redaction.search import NOT_SEARCHED
from audit_lab.evidence.redaction.sentences import needles_of
from audit_lab.seal.digests import sha256
from audit_lab.verifier.predicate import AttestedRedaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.case.casefile import CaseFile
    from audit_lab.evidence.redaction.values import Redaction

__all__ = ["attested_redaction"]


def attested_redaction(case: CaseFile, redaction: Redaction, also_withheld: Mapping[str, str]) -> AttestedRedaction:
    """Return what is stated once everything was withheld.

    Parameters
    ----------
    case
        The case as it is kept.
    redaction
        The profile, and what was withheld by it.
    also_withheld
        Columns that the profile does not name, withheld because fields within them are.
    """
    profile = redaction.profile
    return AttestedRedaction(
        profile=profile.name,
        profile_sha256=profile.sha256,
        columns={**also_withheld, **profile.columns},
        not_searched=(*needles_of(redaction.withheld).not_searched, *NOT_SEARCHED),
        investigation_sha256=sha256(investigation_bytes(case, case.exhibits)),
    )
