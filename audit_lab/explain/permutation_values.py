"""Shapley values of any model by random orders: orders of its own for each background row, each walked both ways.

A value against a background is the mean of the values against each of its rows. shap's permutation explainer takes the
same few orders for all rows, so that only the orders even out; here each row has its own, and the rows even out what
their orders leave. For the same precision that asks the model an order of magnitude less often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audit_lab.explain.attribution import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]
    Places = npt.NDArray[np.intp]

__all__ = ["Sampled", "check_sampling", "sample"]

#: Orders over all background rows together that are drawn at a time; with more features than `_WIDE` that differ from
#: the background, fewer: each order asks the model twice for each of them.
_ORDERS, _WIDE = 400, 50
#: With one order for a row, nothing would tell how far orders differ.
_FEWEST = 2
#: How often more are drawn, as long as the largest standard error is above half of what is allowed.
_MOST_ROUNDS = 4
#: In how many standard errors a value lies that is not rare: of 16,000 that are normally distributed, all but one.
_WITHIN = 4
#: Numbers that are handed to the model at once.
_MOST_CELLS = 4_000_000


class Sampled(NamedTuple):
    """Shapley values by random orders.

    Parameters
    ----------
    values
        Shape ``(features,)``.
    base
        The mean score of the background rows.
    errors
        Standard error of each value over other random orders, shape ``(features,)``.
    orders
        How many orders each background row had.
    allowed
        The standard error that is allowed, in the units of the score.
    """

    values: Numbers
    base: float
    errors: Numbers
    orders: int
    allowed: float


def sample(
    scores: Callable[[Numbers], Numbers],
    reference: Numbers,
    own: Numbers,
    seed: int,
    allowed: float,
    *,
    relative: bool = False,
) -> Sampled:
    """Return the values of one row against each row of a background, and how far they depend on the orders drawn.

    Along an order the features take the explained row's values one after the other, and then in the same order those of
    the background row again: the mean of both ways has no error from interactions of two features with one another
    (Mitchell, Cooper, Frank & Holmes, "Sampling Permutations for Shapley Value Estimation", JMLR 23, 2022, section 2).

    Parameters
    ----------
    scores
        The model: codes of shape ``(rows, features)`` to scores of shape ``(rows,)``.
    reference, own
        Codes of the background, shape ``(rows, features)``, and of the explained row, shape ``(features,)``.
    seed
        Of the orders.
    allowed
        The standard error that is allowed. More orders are drawn, four times as many at most, until the largest is half
        of it.
    relative
        Whether `allowed` is a part of how far the scores of row and background spread.
    """
    ends = scores(np.vstack([reference, own]))
    bound = allowed * (float(np.ptp(ends)) if relative else 1.0)
    game = _Game(scores, reference, own, ends[:-1], float(ends[-1]))
    varying = np.flatnonzero((reference != own).any(axis=0))
    at_once = max(_FEWEST, int(np.ceil(_ORDERS * min(1.0, _WIDE / max(len(varying), 1)) / len(reference))))
    random = np.random.RandomState(seed)
    drawn: list[Numbers] = []
    values, errors = np.zeros(reference.shape[1]), np.zeros(reference.shape[1])
    for _ in range(_MOST_ROUNDS if len(varying) else 0):
        drawn.append(_draw(game, varying, random.random_sample((len(reference), at_once, len(varying)))))
        draws = np.concatenate(drawn, axis=1)
        values[varying] = draws.mean(axis=(0, 1))
        errors[varying] = np.sqrt(draws.var(axis=1, ddof=1).mean(axis=0) / (len(reference) * draws.shape[1]))
        if errors.max() <= bound / 2:
            break
    return Sampled(values, float(game.lows.mean()), errors, at_once * len(drawn), bound)


class _Game(NamedTuple):
    """The model, the codes of background and explained row, and the scores of both."""

    scores: Callable[[Numbers], Numbers]
    reference: Numbers
    own: Numbers
    lows: Numbers
    high: float


def _draw(game: _Game, varying: Places, keys: Numbers) -> Numbers:
    """Return one draw of the value of each varying feature for each order, in the shape of `keys`."""
    rows, orders, length = keys.shape
    order = varying[np.argsort(keys, axis=2, kind="stable").reshape(-1, length)]
    of_row = np.repeat(np.arange(rows), orders)
    draws = np.empty((len(of_row), length))
    step = max(1, _MOST_CELLS // (2 * length * game.reference.shape[1]))
    for start in range(0, len(of_row), step):
        part = slice(start, start + step)
        draws[part] = _walk(game, of_row[part], order[part])[:, varying]
    return draws.reshape(keys.shape)


def _walk(game: _Game, of_row: Places, order: Places) -> Numbers:
    """Return the gain of each feature along each order, shape ``(orders, features)``, in the mean of both ways."""
    (count, length), backgrounds, lows = order.shape, game.reference[of_row], game.lows[of_row]
    position = np.full(backgrounds.shape, length)
    np.put_along_axis(position, order, np.arange(length), axis=1)
    # Where the feature of a step has one value on both sides nothing changes, and the model is not asked again.
    asked = np.take_along_axis(backgrounds != game.own, order, axis=1)[:, : length - 1]
    which, step = np.nonzero(asked)
    taken = position[which] <= step[:, None]
    # Both ways below one another from the start: the model is asked once, and nothing is copied for it.
    both, others = np.empty((2 * len(which), backgrounds.shape[1])), backgrounds[which]
    there, back = both[: len(which)], both[len(which) :]
    there[:], back[:] = others, game.own
    np.copyto(there, game.own, where=taken)
    np.copyto(back, others, where=taken)
    found = game.scores(both) if len(which) else np.empty(0)
    last = np.maximum.accumulate(np.where(asked, np.arange(1, length), 0), axis=1)
    gains = np.zeros(backgrounds.shape)
    for outputs, first, final, sign in (
        (found[: len(which)], lows, game.high, 1),
        (found[len(which) :], game.high, lows, -1),
    ):
        path = np.zeros((count, length + 1))
        path[which, step + 1] = outputs
        path[:, 0] = first
        path[:, 1:length] = np.take_along_axis(path, last, axis=1)
        path[:, length] = final
        change = sign * np.diff(path, axis=1) / 2
        np.put_along_axis(gains, order, np.take_along_axis(gains, order, axis=1) + change, axis=1)
    return gains


def check_sampling(names: Sequence[str], sampled: Sampled, rows: int) -> Check:
    """Test that no value's standard error is above what is allowed."""
    worst = int(np.argmax(sampled.errors))
    return Check(
        "sampling error",
        bool(sampled.errors[worst] <= sampled.allowed),
        f"the values are means over {sampled.orders} random orders for each of {rows} background rows, walked both "
        f"ways; the largest standard error is {sampled.errors[worst]:.4f} ({names[worst]}), allowed "
        f"{sampled.allowed:.4g}, so that each value lies within {_WITHIN * sampled.errors[worst]:.4f} ({_WITHIN} of "
        "them) of the exact one but for rare chance",
    )
