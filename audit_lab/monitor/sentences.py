"""Facts as sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["sentence"]


def sentence(fact: str, columns: Collection[str] = ()) -> str:
    """Return a fact with a capital letter and a full stop; a column that it begins with keeps the name that it has.

    Facts about a column begin with its name and a colon, ``carrier_delay: values outside ...``, or with the name of one
    of `columns`.
    """
    first, _, rest = fact.partition(" ")
    is_name = first.endswith(":") or "_" in first or any(fact.startswith(f"{name} ") for name in columns)
    return f"{first if is_name else first[0].upper() + first[1:]}{' ' if rest else ''}{rest}."
