"""The way on from a what-if: the same decision with other changes, and which values each input can be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.files.reading import collect
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.explain.what_if import WhatIf
    from audit_lab.face.access import Access
    from audit_lab.log.store import LogStore
    from audit_lab.replay.signature import Feature, Signature

__all__ = ["Offered", "WhatIfAgain"]

#: Texts that are offered are looked for in so many rows of the log, and are so many and so long at most.
_ROWS, _MOST, _LONGEST = 10_000, 60, 200
_ID = "prediction_id"


@dataclass(frozen=True)
class Offered:
    """What is known of an input's values.

    Parameters
    ----------
    kind
        ``float``, ``int``, ``str`` or ``bool``, as the signature has it.
    low, high
        Of a number: the least and the greatest on record; None where there is none.
    texts
        Of a text: the categories of the signature, or those that the first rows of the log have; None where these are
        too many, or too long, to be offered one by one.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    texts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class WhatIfAgain:
    """Asks a decision what-ifs in the way in which the first was asked.

    Parameters
    ----------
    what_if, given
        Asks the decision, and the arguments beside the changes.
    store, access, model, signature
        Where the values of its inputs stand, and what its model takes.
    """

    what_if: Callable[..., WhatIf]
    given: Mapping[str, Any]
    store: LogStore
    access: Access
    model: str
    signature: Signature | None

    def __call__(self, changes: Mapping[str, Any]) -> WhatIf:
        """Ask with these changes, and no others."""
        return self.what_if(changes, **self.given)

    def kinds(self) -> dict[str, Offered]:
        """Return by feature what the signature says of it; nothing is read for that."""
        features = () if self.signature is None else self.signature.features
        return {each.name: Offered(each.dtype, texts=_categories(each)) for each in features}

    def offered(self) -> dict[str, Offered]:
        """Return by feature what the log has of it, too: its columns are read once.

        Raises
        ------
        LogError
            The inputs cannot be read.
        """
        known = self.kinds()
        if self.model not in self.store.models():
            return known
        with self.access.asking("what if: values on record", self.model) as answer:
            rows = self.store.inputs(self.model)
            there = [name for name in known if name in rows.collect_schema()]
            answer.touches(INPUTS_PREFIX + self.model, there)
            if (erased := erased_ids(self.store, INPUTS_PREFIX + self.model, there)).len():
                rows = rows.filter(~pl.col(_ID).is_in(erased.implode()))
            numbers = [name for name in there if known[name].kind in {"float", "int"} and known[name].texts is None]
            texts = [name for name in there if known[name].kind == "str" and known[name].texts is None]
            told = f"the inputs of {self.model} of {self.store.location}"
            ends = collect(rows.select(*_ends(numbers)), told).row(0, named=True) if numbers else {}
            first = collect(rows.select(texts).head(_ROWS), told) if texts else pl.DataFrame()
            ranges = {name: Offered(known[name].kind, ends[f"{name}\n<"], ends[f"{name}\n>"]) for name in numbers}
            return {**known, **ranges, **{name: Offered("str", texts=_texts(first[name])) for name in texts}}


def _categories(feature: Feature) -> tuple[str, ...] | None:
    return feature.categories if feature.categories and len(feature.categories) <= _MOST else None


def _ends(names: list[str]) -> list[pl.Expr]:
    numbers = {name: pl.col(name).cast(pl.Float64, strict=False).fill_nan(None) for name in names}
    finite = {name: number.filter(number.is_finite()) for name, number in numbers.items()}
    return [
        each
        for name, number in finite.items()
        for each in (number.min().alias(f"{name}\n<"), number.max().alias(f"{name}\n>"))
    ]


def _texts(column: pl.Series) -> tuple[str, ...] | None:
    known = column.cast(pl.String).drop_nulls().unique().sort()
    is_short = not known.len() or known.str.len_chars().max() <= _LONGEST  # type: ignore[operator]
    return tuple(known) if 0 < known.len() <= _MOST and is_short else None
