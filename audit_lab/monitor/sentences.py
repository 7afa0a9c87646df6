"""Facts as sentences."""

from __future__ import annotations

__all__ = ["sentence"]


def sentence(fact: str) -> str:
    """Return a fact with a capital letter and a full stop; a column that it begins with keeps the name that it has.

    Facts about a column begin with its name and a colon: ``carrier_delay: values outside ...``.
    """
    first, _, rest = fact.partition(" ")
    is_name = first.endswith(":") or "_" in first
    return f"{first if is_name else first[0].upper() + first[1:]}{' ' if rest else ''}{rest}."
