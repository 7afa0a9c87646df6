"""What the values of a column show about whom they speak of: addresses, numbers with a check sum, dates of birth.

Check sums and forms of numbers are those of python-stdnum and phonenumbers. No value leaves this module: what comes out
is a kind, and how many of the values that were looked at have it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Shown", "kind_of_values"]

_LONGEST = 2_000
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+\d[\d ()./-]{6,20}\d")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")
_CARD = re.compile(r"(?:4|5[1-5]|2[2-7]|3[47]|6)(?:[ -]?\d){12,18}")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})|(\d{1,2})[./](\d{1,2})[./](\d{4})")
_FEWEST = 5
_YOUNGEST, _OLDEST = 14, 110
_DAYS_A_YEAR = 365.25

#: Numbers of states: modules of python-stdnum, those with letters or signs in them, and those of digits alone.
_SPELT = ("us.ssn", "gb.nhs", "it.codicefiscale", "es.dni", "es.nie", "fi.hetu", "ch.ssn", "se.personnummer", "fr.nir")
_DIGITS = ("de.idnr", "pl.pesel", "nl.bsn", "br.cpf", "be.nn", "dk.cpr", "no.fodselsnummer", "at.vnr", "in_.aadhaar")
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")


@dataclass(frozen=True)
class Shown:
    """A kind of personal data that values show, and how many of how many different ones do."""

    kind: str
    matching: int
    values: int


def kind_of_values(values: pl.Series) -> Shown | None:
    """Return the kind of personal data that most tells of some values; None where they show none.

    Parameters
    ----------
    values
        A sample of a column, of any type.
    """
    present = values.drop_nulls().unique(maintain_order=True)
    if isinstance(present.dtype, pl.Date | pl.Datetime):
        return _births(present.to_list())
    if not (present.dtype == pl.String() or isinstance(present.dtype, pl.Categorical | pl.Enum)):
        if not present.dtype.is_integer():
            return None
        present = present.filter(present.abs() >= 10**8)  # a number of fewer digits is nobody's
    texts = [text[:_LONGEST].strip() for text in present.cast(pl.String).to_list()]
    if not texts:
        return None
    for kind, least, holds in _TESTS:
        matching = sum(map(holds, texts))
        if matching and matching >= least * len(texts) and (least == 0 or matching >= _FEWEST):
            return Shown(kind, matching, len(texts))
    return _births([_day(text) for text in texts])


def _births(days: Sequence[Any]) -> Shown | None:
    """Return births where nearly all values are days as long ago as people are old, and not of one year."""
    today = date.today()  # noqa: DTZ011 (a day more or less does not matter)
    dated = [each.date() if isinstance(each, datetime) else each for each in days if each is not None]
    alike = [each for each in dated if _YOUNGEST <= (today - each).days / _DAYS_A_YEAR <= _OLDEST]
    spread = len({each.year for each in alike})
    if len(alike) < _FEWEST or spread < _FEWEST or len(alike) < _NEARLY_ALL * len(days):
        return None
    return Shown("birth", len(alike), len(days))


def _day(text: str) -> date | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day, own_day, own_month, own_year = (int(each or 0) for each in found.groups())
    try:
        return date(year or own_year, month or own_month, day or own_day)
    except ValueError:
        return None


def _is_iban(text: str) -> bool:
    from stdnum import iban

    return any(iban.is_valid(found) for found in _IBAN.findall(text.upper()))


def _is_card(text: str) -> bool:
    from stdnum import luhn

    return _CARD.fullmatch(text) is not None and bool(luhn.is_valid(re.sub(r"\D", "", text)))


def _is_phone(text: str) -> bool:
    import phonenumbers

    for found in _PHONE.findall(text):
        try:
            number = phonenumbers.parse(found, None)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False


def _is_ip(text: str) -> bool:
    try:
        return ("." in text or text.count(":") > 1) and bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_email(text: str) -> bool:
    return _EMAIL.search(text) is not None


def _of_states(modules: Sequence[str]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        return any(
            import_module(f"stdnum.{name}").is_valid(text) and (name != "us.ssn" or _SSN.fullmatch(text) is not None)
            for name in modules
        )

    return holds


_NEARLY_ALL = 0.9
#: Kind, the least share of values that must have it, and what tells; where one value is enough, chance makes none.
_TESTS: tuple[tuple[str, float, Callable[[str], bool]], ...] = (
    ("email", 0, _is_email),
    ("iban", 0, _is_iban),
    ("phone", 0, _is_phone),
    ("ip", 0.5, _is_ip),
    ("card", 0.5, _is_card),
    ("national-id", 0.5, _of_states(_SPELT)),
    ("national-id", _NEARLY_ALL, _of_states(_DIGITS)),
)
