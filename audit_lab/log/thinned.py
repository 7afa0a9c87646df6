"""Which predictions of a request count where requests were sampled, so that alike ones are not taken for independent.

A request is sampled with all its predictions. Where those of one are alike, a batch of one branch for example, a
hundred of them tell little more of what was served than one does; tests and intervals that count rows would be too
sure. Of each request the same share of its predictions counts then: so small that what is left is as good as drawn one
by one, and no smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Thinned", "intraclass_correlation", "share_that_counts", "thinned"]

#: By so much the variance of a share may be larger than that of as many predictions drawn one by one.
_MOST_WIDENED = 0.1
#: How alike predictions are is measured on about so many, and on so many of one request.
_MOST_ROWS, _MOST_OF_ONE = 40_000, 1_000
#: Requests are compared with others of their time: in order of time, so many at once.
_AT_ONCE = 20
_BINS = 10
_HALVINGS = 50
_BYTES, _RANGE = 8, 2.0**64


@dataclass(frozen=True, eq=False)
class Thinned:
    """What counts of the predictions of requests.

    Parameters
    ----------
    together
        How many predictions a request has in the mean.
    alike
        How much more those of one request are alike than others are, between 0 and 1.
    share
        The share of each request's predictions that counts, above 0 and at most 1. None where too few would be left,
        and all of them count.
    left_out
        The ids of those that do not, sorted.
    """

    together: float
    alike: float
    share: float | None
    left_out: pl.Series


def thinned(rows: pl.DataFrame, rate: float, values: Callable[[pl.Series], pl.DataFrame]) -> Thinned:
    """Say which predictions of sampled requests count.

    Parameters
    ----------
    rows
        ``prediction_id`` and ``request``, of those that were, or would have been, recorded at one rate, and
        ``occurred_at``; none of them null but the time.
    rate
        That rate: the probability of each request, above 0 and at most 1.
    values
        Returns the columns to be compared of some ids, with ``prediction_id``, once each.

    Notes
    -----
    Of a request of k predictions, in order of their ids, those count whose place i has a whole number between
    u + i s and u + (i + 1) s, where s is the share and u is from the first 64 bits of the SHA-256 of the request's id,
    a zero byte and ``thinned``: each with the probability s.
    """
    nothing = pl.Series("prediction_id", [], dtype=pl.String)
    requests = rows.group_by("request").agg(pl.len().alias("size"), pl.col("occurred_at").min())
    sizes = requests.group_by("size").agg(pl.len().alias("requests")).sort("size")
    together = rows.height / requests.height if requests.height else 1.0
    if rate >= 1 or together <= 1:
        return Thinned(together, 0.0, 1.0, nothing)
    alike = _alike(rows, requests, values)
    share = share_that_counts(sizes["size"].to_numpy(), sizes["requests"].to_numpy(), alike * (1 - rate))
    return Thinned(together, alike, share, nothing if share >= 1 else _left_out(rows, share))


def share_that_counts(sizes: NDArray[np.integer], requests: NDArray[np.integer], alike: float) -> float:
    """Return the largest share of each request's predictions that is as good as drawn one by one.

    Parameters
    ----------
    sizes, requests
        How many predictions a request can have, and how many requests have so many.
    alike
        The intraclass correlation of those of a request, less where a large part of all requests was recorded.

    Notes
    -----
    The variance of the mean of n rows of which each has b others of its own request beside it, in the mean, is
    ``1 + b * alike`` times that of n independent ones (Kish, *Survey Sampling* (1965), section 5.4).
    """
    count = sizes * requests

    def beside(share: float) -> float:
        whole = np.floor(share * sizes)
        further = share * sizes - whole
        pairs = whole * (whole - 1) + 2 * whole * further
        return float((requests * pairs).sum() / (share * count.sum()))

    if beside(1.0) * alike <= _MOST_WIDENED:
        return 1.0
    low, high = 1 / float(sizes.max()), 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if beside(middle) * alike <= _MOST_WIDENED else (low, middle)
    return low


def intraclass_correlation(category: pl.Expr, rows: pl.DataFrame) -> float:
    """Return by how much two of a request agree more often than two of different ones, of what is possible.

    Parameters
    ----------
    category
        What two rows agree in.
    rows
        ``request`` and ``group``: only requests of one group are compared.

    Returns
    -------
    float
        0 where they agree no more often (or where all agree), 1 where those of a request always do and others do not
        always; 1 too where no two requests can be compared, as nothing is known then.
    """
    counts = rows.group_by("group", "request", category.alias("category")).agg(pl.len().cast(pl.Int64).alias("n"))
    n = pl.col("n")
    of_request = counts.group_by("group", "request").agg(n.sum().alias("n"))
    alike, pairs = (counts.select((n * (n - 1)).sum()).item(), of_request.select((n * (n - 1)).sum()).item())
    of_category = counts.group_by("group", "category").agg((n.sum() ** 2 - (n**2).sum()).alias("n"))
    of_group = of_request.group_by("group").agg((n.sum() ** 2 - (n**2).sum()).alias("n"))
    others, other_pairs = int(of_category["n"].sum()), int(of_group["n"].sum())
    if not pairs:
        return 0.0
    if not other_pairs:
        return 1.0
    within, between = alike / pairs, others / other_pairs
    return 0.0 if between >= 1 else min(max((within - between) / (1 - between), 0.0), 1.0)


def _alike(rows: pl.DataFrame, requests: pl.DataFrame, values: Callable[[pl.Series], pl.DataFrame]) -> float:
    """Return the highest intraclass correlation of any column, of requests from all over the period."""
    several = requests.filter(pl.col("size") > 1).sort("occurred_at", "request", nulls_last=True)
    many = int(several["size"].clip(upper_bound=_MOST_OF_ONE).sum())
    asked = several.gather_every(-(-many // _MOST_ROWS)).with_row_index("group")
    chosen = (
        rows.select("prediction_id", "request")
        .join(asked.select("request", pl.col("group") // _AT_ONCE), on="request")
        .filter(pl.int_range(pl.len()).over("request") < _MOST_OF_ONE)
    )
    found = chosen.join(values(chosen["prediction_id"]), on="prediction_id", how="left")
    compared = [name for name in found.columns if name not in chosen.columns]
    return max((intraclass_correlation(_category(found, name), found) for name in compared), default=1.0)


def _category(rows: pl.DataFrame, name: str) -> pl.Expr:
    """Return what two rows agree in: the value, or the tenth of all that a number is in; a missing one is one too."""
    value = pl.col(name)
    if not rows.schema[name].is_numeric():
        return value
    number = value.cast(pl.Float64).fill_nan(None)
    return (number.rank("average") * _BINS / number.count()).floor()


def _left_out(rows: pl.DataFrame, share: float) -> pl.Series:
    """Return the ids of those that do not count."""
    names = rows["request"].unique().sort()
    begins = [int.from_bytes(_digest(name), "big") / _RANGE for name in names.to_list()]
    begun = pl.DataFrame({"request": names, "begin": begins})
    placed = rows.select("request", "prediction_id").sort("request", "prediction_id").join(begun, on="request")
    place = pl.int_range(pl.len()).over("request")
    before, after = (pl.col("begin") + each * share for each in (place, place + 1))
    return placed.filter(after.floor() == before.floor())["prediction_id"].sort()


def _digest(request: str) -> bytes:
    return sha256(f"{request}\0thinned".encode("utf-8", "surrogatepass")).digest()[:_BYTES]
