"""A letter's clues as a user gives them, read, and searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.face.feature_units import feature_units
from audit_lab.log.keys.pseudonym import pseudonym
from audit_lab.log.letter.amount import read_amount
from audit_lab.log.letter.candidate import Clues
from audit_lab.log.letter.local_time import read_letter_time
from audit_lab.log.letter.search import search_letter

if TYPE_CHECKING:
    from datetime import date, datetime, timedelta
    from decimal import Decimal
    from pathlib import Path

    from audit_lab.log.keys.pseudonym import PseudonymKey
    from audit_lab.log.letter.search import Letter
    from audit_lab.log.store import LogStore

__all__ = ["letter_of", "subject_of"]


def subject_of(customer: str | None, subject: str | None, key: PseudonymKey | Path | str | None) -> str | None:
    """Return the pseudonym that a letter is about: given itself, or made from a customer number; None for neither.

    Raises
    ------
    MisuseError
        Both are given, or there is no key for the number.
    """
    if customer is not None and subject is not None:
        raise MisuseError("customer and subject are both given", "Give one: the number, or its pseudonym.")
    return subject if customer is None else pseudonym(customer, key)


def letter_of(
    store: LogStore,
    *,
    subject: str | None,
    around: str | date | datetime | None,
    zone: str | None,
    within: str | timedelta,
    amount: str | float | Decimal | None,
    decision: str | None,
    model: str | None,
    limit: int,
) -> Letter:
    """Read the clues of a letter and search a log for them; parameters as for `AuditLog.letter`.

    Raises
    ------
    MisuseError
        A clue cannot be read.
    """
    if decision is not None and not (isinstance(decision, str) and decision.strip()):
        raise MisuseError("the decision is empty or no text", "Give the word that the letter uses.")
    clues = Clues(
        subject=subject,
        time=None if around is None else read_letter_time(around, zone, within),
        amount=None if amount is None else read_amount(amount),
        decision=decision,
        model=model,
    )
    return search_letter(store, clues, feature_units(store) if clues.amount else {}, limit)
