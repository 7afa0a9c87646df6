"""Until when a key's signatures count: its revocation, and the day until which the reader accepts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from audit_lab.seal.trust import TrustedKey

__all__ = ["CheckedPeriod", "check_period"]

_REVOKED, _EXPIRED = "key-revoked", "key-expired"
_WORDS = {_REVOKED: "is revoked from {}", _EXPIRED: "is accepted for what was signed before {}"}


@dataclass(frozen=True)
class CheckedPeriod:
    """Which ends of a key its signature may be after, each as reason and sentence; and what else is to be said."""

    wrong: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_period(entries: Iterable[TrustedKey], seen: datetime | None, now: datetime, no_stamp: str) -> CheckedPeriod:
    """Check that a signature is older than the end of its key.

    Only what lies outside the signer's reach says how old a signature is: whoever stole a key states any time.

    Parameters
    ----------
    entries
        What the trust file says of the key for this log; of several ends the earliest counts.
    seen
        When an accepted authority saw the signature at the latest; None where none did.
    now
        The reader's clock: what is here was signed before.
    no_stamp
        Why nothing proves an earlier signature, said where it is missing.
    """
    checked = CheckedPeriod()
    known = list(entries)
    ends = {_REVOKED: [each.revoked_from for each in known], _EXPIRED: [each.valid_until for each in known]}
    for reason, moments in ends.items():
        end = min((moment for moment in moments if moment is not None), default=None)
        if end is None:
            continue
        what = f"{known[0].public.name} {_WORDS[reason].format(end.isoformat())}"
        if seen is not None and seen < end:
            checked.notes.append(f"{what}; the time stamp dates its signature before")
        elif now < end:
            checked.notes.append(f"{what}, which is still to come by this machine's clock")
        else:
            checked.wrong.append((reason, f"{what}, and {no_stamp}"))
    return checked
