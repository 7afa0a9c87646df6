"""One feature's values of other decisions put into these ones, each changed as little as the exchange needs.

A number goes by rank: the decision with the k-th smallest value gets the k-th smallest of the other ones (the coupling
of quantiles, which is the optimal transport of numbers; Villani, *Optimal Transport*, 2009, section 1). A text stays
where both have it, as often as both have it (the maximal coupling). So a feature that is spread as before changes next
to nothing, also where it goes along with others, and one that arrived in another unit gets that unit. What is equal is
put in an order by a seed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import numpy.typing as npt

    Whole = npt.NDArray[np.int64]

__all__ = ["donors", "generator"]


def generator(seed: int, *words: str) -> np.random.Generator:
    """Return a generator of its own for each use of a seed."""
    digest = hashlib.sha256("|".join((str(seed), *words)).encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def donors(own: pl.Series, other: pl.Series, drawn: np.random.Generator) -> Whole:
    """Return for each decision the place of the other decision whose value it gets.

    Parameters
    ----------
    own, other
        The values of both, float64 without NaN, or text; `other` with at least one row.
    drawn
        Puts in order what is equal.
    """
    is_number = own.dtype == pl.Float64
    here, there = (_kinds(each, is_number=is_number) for each in (own, other))
    size = len(own)
    counts = _shared(here, there, size, drawn)
    places = np.full(size, -1, np.int64)
    for name, wanted in counts.items():
        pool = np.flatnonzero(there == name)
        if is_number and name == 1:
            places[wanted] = _by_rank(own, other, wanted, pool, drawn)
        else:
            places[wanted] = pool[drawn.integers(0, len(pool), len(wanted))]
    return places


def _kinds(values: pl.Series, *, is_number: bool) -> npt.NDArray[np.object_]:
    """Return what must match: whether a number is there (0 or 1), or the text itself, None of a missing one."""
    if is_number:
        return values.is_not_null().cast(pl.Int64).to_numpy().astype(object)
    return np.array(values.to_list(), dtype=object)


def _shared(
    here: npt.NDArray[np.object_], there: npt.NDArray[np.object_], size: int, drawn: np.random.Generator
) -> dict[object, Whole]:
    """Return which decisions get which kind: each keeps its own while its share of the others allows that."""
    names = sorted({*here.tolist(), *there.tolist()}, key=lambda name: (name is None, str(name)))
    exact = {name: size * float((there == name).sum()) / len(there) for name in names}
    whole = {name: int(exact[name]) for name in names}
    short = size - sum(whole.values())
    for name in sorted(names, key=lambda name: (whole[name] - exact[name], name is None, str(name)))[:short]:
        whole[name] += 1
    kept: dict[object, list[int]] = {name: [] for name in names}
    free: list[int] = []
    order = drawn.permutation(size)
    for place in order.tolist():
        name = here[place]
        if len(kept[name]) < whole[name]:
            kept[name].append(place)
        else:
            free.append(place)
    for name in names:
        lacking = whole[name] - len(kept[name])
        kept[name] += free[:lacking]
        free = free[lacking:]
    return {name: np.sort(np.array(places, np.int64)) for name, places in kept.items() if places}


def _by_rank(own: pl.Series, other: pl.Series, wanted: Whole, pool: Whole, drawn: np.random.Generator) -> Whole:
    """Return the places in `other` of the values that decisions get: sorted to sorted, evenly where numbers differ.

    A decision whose own value is missing gets a rank by the seed.
    """
    given = own.to_numpy()[wanted] if own.null_count() == 0 else own.fill_null(np.nan).to_numpy()[wanted]
    lacking = np.isnan(given)
    known = np.sort(given[~lacking])
    if lacking.any() and known.size:
        given = given.copy()
        given[lacking] = known[drawn.integers(0, known.size, int(lacking.sum()))]
    order = np.lexsort((drawn.random(len(wanted)), given))
    theirs = other.fill_null(0.0).to_numpy()[pool]
    ascending = pool[np.lexsort((drawn.random(len(pool)), theirs))]
    taken = ((np.arange(len(wanted)) + 0.5) * len(pool) / len(wanted)).astype(np.int64)
    places = np.empty(len(wanted), np.int64)
    places[order] = ascending[np.minimum(taken, len(pool) - 1)]
    return places
