"""How much of a shift disappears when the window after is weighted so that one feature is spread as before.

With p and q the shares of the bins before and after, and m(k) the mean of the window after within a bin, the weighted
mean is ``sum p(k) m(k)`` over the bins that have decisions in both windows, p scaled to sum to 1 there; it is the
standardisation of demography (Kitagawa, *Components of a difference between two rates*, 1955), and DiNardo, Fortin and
Lemieux's re-weighting (*Labor market institutions and the distribution of wages*, 1996) with one discrete feature. The
contribution is the mean after less that. Its standard error is that of its influence function (the delta method), which
counts the sampling of shares and of means in both windows; the bins are taken as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.bins import CategoryBins, NumericBins
from audit_lab.monitor.cause.contribution import REWEIGHTING, Contribution, Method, ranked
from audit_lab.monitor.cause.shift import normal_quantile
from audit_lab.monitor.cause.window_rows import plain_feature

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from audit_lab.monitor.cause.window_rows import WindowRows

    Numbers = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

__all__ = ["binned", "reweighted", "reweighting"]

#: A share beyond this in bins that the other window does not have is said.
_SMALL = 0.01
_FEW_EFFECTIVE = 0.1


def reweighting(
    before: WindowRows, after: WindowRows, features: Sequence[str], *, unit: str, confidence: float
) -> Method:
    """Return what each feature contributes by re-weighting.

    Parameters
    ----------
    before, after
        The windows.
    features
        Which of the recorded inputs.
    unit
        Of the values.
    confidence
        Of the intervals.
    """
    found, facts = [], []
    for name in features:
        one, other = plain_feature(before.frame, name), plain_feature(after.frame, name)
        if one is None or other is None:
            facts.append(f"{name} is neither number nor text, and is not looked at")
            continue
        bins_before, bins_after, size = binned(one, other)
        each = reweighted(name, (bins_before, bins_after), size, (before.values, after.values), confidence)
        found.append(each)
        facts += _facts(each, after.frame.height)
        if one.drop_nulls().n_unique() + other.drop_nulls().n_unique() == 0:
            facts.append(f"{name} is missing in every decision of both windows")
        elif pl.concat([one, other]).n_unique() == 1:
            facts.append(f"{name} has one value in both windows")
    means = float(before.values.mean()), float(after.values.mean())
    return Method(REWEIGHTING, unit, ranked(found), *means, 0.0, before.frame.height, after.frame.height, tuple(facts))


def binned(before: pl.Series, after: pl.Series) -> tuple[Whole, Whole, int]:
    """Return the bin of each value, and how many bins there are: those of the window before, and for missing values.

    Parameters
    ----------
    before, after
        Float64 without NaN, or text.
    """
    counts = before.drop_nulls().value_counts(name="__rows__").sort(before.name)
    rows = counts["__rows__"].cast(pl.Int64).to_numpy()
    if before.dtype == pl.Float64:
        numeric = NumericBins.of_counts(before.name, counts[before.name].to_numpy(), rows, before.null_count())
        size = len(numeric.labels)
        return _of_numbers(numeric, before), _of_numbers(numeric, after), size
    order = np.argsort(-rows, kind="stable")
    names = tuple(counts[before.name].to_list()[place] for place in order.tolist())
    named = CategoryBins(before.name, names, rows[order], before.null_count())
    return _of_texts(named, before), _of_texts(named, after), len(named.labels)


def reweighted(
    feature: str, bins: tuple[Whole, Whole], size: int, values: tuple[Numbers, Numbers], confidence: float
) -> Contribution:
    """Return how much of the shift disappears when the window after gets the shares of the window before.

    Parameters
    ----------
    feature
        Its name.
    bins
        The bin of each decision before and after, 0 to `size` less 1.
    values
        What is asked of each decision, before and after.
    confidence
        Of the interval.
    """
    p, q = (np.bincount(each, minlength=size) / len(each) for each in bins)
    both = (p > 0) & (q > 0)
    covered, unsupported = float(p[both].sum()), float(q[p == 0].sum())
    if not covered:
        return Contribution(feature, None, effective_rows=0.0, unsupported=unsupported, uncovered=1.0)
    own, later = values[1], bins[1]
    sums = np.bincount(later, own, minlength=size)
    means = np.divide(sums, q * len(own), out=np.zeros(size), where=q > 0)
    wanted = np.where(both, p / covered, 0.0)
    weight = np.divide(wanted, q, out=np.zeros(size), where=q > 0)
    standard = float((wanted * means).sum())
    mean = float(own.mean())
    by_after = ((own - mean) - weight[later] * (own - means[later])) / len(own)
    by_before = np.where(both, means - standard, 0.0)[bins[0]] / (covered * len(values[0]))
    error = float((by_after**2).sum() + (by_before**2).sum()) ** 0.5
    value = mean - standard
    reach = normal_quantile(confidence) * error
    return Contribution(
        feature,
        value,
        value - reach,
        value + reach,
        effective_rows=float(len(own) / (wanted * weight).sum()),
        unsupported=unsupported,
        uncovered=max(0.0, 1 - covered),
    )


def _facts(each: Contribution, rows: int) -> list[str]:
    said = []
    if each.value is None:
        return [f"{each.feature} has no bin with decisions in both windows, so nothing can be weighted by it"]
    if (each.unsupported or 0) > _SMALL:
        said.append(f"{each.unsupported:.1%} of the decisions after have a {each.feature} in bins without any before")
    if (each.uncovered or 0) > _SMALL:
        said.append(f"{each.uncovered:.1%} of the decisions before have a {each.feature} in bins without any after")
    if (each.effective_rows or 0) < _FEW_EFFECTIVE * rows:
        said.append(f"weighted by {each.feature}, {rows:,} decisions count as {each.effective_rows:,.0f}")
    return said


def _of_numbers(bins: NumericBins, values: pl.Series) -> Whole:
    missing = values.is_null().to_numpy()
    array = values.fill_null(0.0).to_numpy() + 0.0
    places = bins.bin_of_cell[bins.cells_of(array)] if bins.values.size else np.zeros(len(array), np.int64)
    return np.where(missing, len(bins.labels) - 1, places).astype(np.int64)


def _of_texts(bins: CategoryBins, values: pl.Series) -> Whole:
    last = len(bins.labels) - 1
    distinct = values.drop_nulls().unique().to_list()
    numbers = dict(zip(distinct, bins.bin_of(distinct).tolist(), strict=True))
    if not numbers:
        return np.full(len(values), last, np.int64)
    return values.replace_strict(numbers, default=last, return_dtype=pl.Int64).fill_null(last).to_numpy()
