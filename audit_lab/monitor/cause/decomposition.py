"""A shift split over the groups of a column: because groups became more or less frequent, or because they moved.

With w the shares and m the means of the groups, ``sum (w1 - w0) (m0 + m1) / 2`` is what the mix does and
``sum (m1 - m0) (w0 + w1) / 2`` what the groups do: Kitagawa, *Components of a difference between two rates* (1955);
Oaxaca, *Male-female wage differentials in urban labor markets* (1973). Both together are the whole shift. Group by
group, means are counted from the mean of all decisions, which changes no sum. A group without decisions in one window
has no mean there: it gets that of the other, so that all of it is mix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.monitor.cause.coupling import generator
from audit_lab.monitor.cause.shift import normal_quantile
from audit_lab.monitor.cause.window_rows import plain_feature
from audit_lab.monitor.segments.concentration import MOST_PERMUTED, RESAMPLES
from audit_lab.monitor.segments.levels import levels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from audit_lab.monitor.cause.question import CauseQuestion
    from audit_lab.monitor.cause.window_rows import WindowRows
    from audit_lab.monitor.segments.levels import Levels

    Numbers = npt.NDArray[np.float64]

__all__ = ["VERSION", "Group", "Split", "Splits", "find_splits", "split"]

#: The column of the version that decided, beside the inputs.
VERSION = "model_version"


@dataclass(frozen=True)
class Group:
    """One group of a column: its decisions and mean in each window, and what mix and rate add to the shift.

    `mean_before` or `mean_after` is None without decisions; `expression` is what `AuditLog.find` takes, where it can.
    """

    level: str
    before: int
    after: int
    mean_before: float | None
    mean_after: float | None
    mix: float
    rate: float
    expression: str | None


@dataclass(frozen=True)
class Split:
    """A shift over the groups of a column.

    Parameters
    ----------
    column
        The column.
    mix, mix_low, mix_high
        What its groups' shares do, and the interval.
    rate, rate_low, rate_high
        What happens within the groups, and the interval; `mix` and `rate` add up to the shift.
    p_value
        How often chance gives any column a mix as large, in its standard errors: adjusted for all that were looked at.
    groups
        Largest contribution (mix and rate together) first.
    """

    column: str
    mix: float
    mix_low: float
    mix_high: float
    rate: float
    rate_low: float
    rate_high: float
    p_value: float
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Splits:
    """The splits of all columns that were looked at, largest mix first; how many groups; how chance was told."""

    splits: tuple[Split, ...]
    groups: int
    method: str

    @property
    def columns(self) -> int:
        """How many columns were looked at."""
        return len(self.splits)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {
            "columns": self.columns,
            "groups": self.groups,
            "method": self.method,
            "splits": [
                {
                    **{name: value for name, value in vars(each).items() if name != "groups"},
                    "groups": [vars(group) for group in each.groups],
                }
                for each in self.splits
            ],
        }


def find_splits(before: WindowRows, after: WindowRows, features: Sequence[str], asked: CauseQuestion) -> Splits:
    """Split the shift over each input, and over the version where the windows share one of several."""
    is_after = np.repeat([False, True], [before.frame.height, after.frame.height])
    values = np.concatenate([before.values, after.values])
    cut: list[tuple[Levels, str]] = []
    for name in features:
        both = [plain_feature(each.frame, name) for each in (before, after)]
        if both[0] is not None and both[1] is not None:
            cut.append((levels_of(pl.concat([both[0], both[1]]), ~is_after), _input(name)))
    versions = pl.concat([each.frame["model_version"] for each in (before, after)]).alias(VERSION)
    shared = {name for name, _ in before.versions} & {name for name, _ in after.versions}
    if versions.n_unique() > 1 and shared and VERSION not in features:
        cut.append((levels_of(versions, ~is_after), VERSION))
    p_values, method = _chance([levels.codes for levels, _ in cut], values, is_after, asked.seed)
    found = [
        split(levels, values, is_after, asked.confidence, expression=expression, p_value=float(p_value))
        for (levels, expression), p_value in zip(cut, p_values, strict=True)
    ]
    found.sort(key=lambda each: (-abs(each.mix), each.column))
    return Splits(tuple(found), sum(len(each.groups) for each in found), method)


def split(
    levels: Levels,
    values: Numbers,
    is_after: npt.NDArray[np.bool_],
    confidence: float,
    *,
    expression: str | None = None,
    p_value: float = 1.0,
) -> Split:
    """Split a shift over the levels of one column.

    Parameters
    ----------
    levels
        The level of each decision of both windows.
    values, is_after
        What is asked of each, finite, and which are of the window after.
    confidence
        Of the intervals, by the delta method.
    expression
        What `AuditLog.find` calls the column.
    p_value
        As in `Split`.
    """
    size = len(levels.labels)
    codes = [levels.codes[~is_after], levels.codes[is_after]]
    own = [values[~is_after], values[is_after]]
    counts = [np.bincount(each, minlength=size) for each in codes]
    share = [count / len(each) for count, each in zip(counts, own, strict=True)]
    sums = [np.bincount(code, each, minlength=size) for code, each in zip(codes, own, strict=True)]
    mean = [
        np.divide(total, count, out=np.zeros(size), where=count > 0) for total, count in zip(sums, counts, strict=True)
    ]
    filled = [np.where(counts[here] > 0, mean[here], mean[1 - here]) for here in (0, 1)]
    middle = (filled[0] + filled[1]) / 2
    wider = share[1] - share[0]
    mix = wider * (middle - values.mean())
    rate = (share[0] + share[1]) / 2 * (filled[1] - filled[0])
    # A group that is in one window only has one mean, which stands for both of `middle`.
    weight = [wider * np.where(counts[1 - here] > 0, 0.5, 1.0) for here in (0, 1)]
    mixed, rated = [], []
    for here, sign in ((0, -1.0), (1, 1.0)):
        code, each = codes[here], own[here]
        part = np.divide(weight[here], share[here], out=np.zeros(size), where=share[here] > 0)
        by_mix = sign * (middle[code] - share[here] @ middle) + part[code] * (each - mean[here][code])
        mixed.append(by_mix / len(each))
        rated.append((sign * (each - each.mean()) - by_mix) / len(each))
    reach = [
        normal_quantile(confidence) * sum(float((each**2).sum()) for each in both) ** 0.5 for both in (mixed, rated)
    ]
    total_mix, total_rate = float(mix.sum()), float(rate.sum())
    there = np.flatnonzero(counts[0] + counts[1])
    groups = [
        Group(
            levels.labels[place],
            int(counts[0][place]),
            int(counts[1][place]),
            float(mean[0][place]) if counts[0][place] else None,
            float(mean[1][place]) if counts[1][place] else None,
            float(mix[place]),
            float(rate[place]),
            None
            if expression is None or levels.conditions[place] is None
            else str(levels.conditions[place]).format(expression),
        )
        for place in there.tolist()
    ]
    groups.sort(key=lambda each: (-abs(each.mix + each.rate), each.level))
    return Split(
        levels.feature,
        total_mix,
        total_mix - reach[0],
        total_mix + reach[0],
        total_rate,
        total_rate - reach[1],
        total_rate + reach[1],
        p_value,
        tuple(groups),
    )


def _chance(
    codes: Sequence[npt.NDArray[np.int64]], values: Numbers, is_after: npt.NDArray[np.bool_], seed: int
) -> tuple[Numbers, str]:
    """Return how often chance gives any column a mix as large; decisions change windows, all columns together.

    Each decision stands for the mean of its group over both windows; the difference of the windows' means of that is
    the mix, with pooled means in the place of the averages of two. The largest of all columns, in standard errors, is
    kept of each resample (Westfall and Young's maxT).
    """
    if not codes:
        return np.zeros(0), "nothing to look at"
    stands = np.empty((len(values), len(codes)))
    for place, code in enumerate(codes):
        held = np.bincount(code)
        means = np.divide(np.bincount(code, values), held, out=np.zeros(len(held)), where=held > 0)
        stands[:, place] = means[code] - values.mean()
    spread = stands.std(axis=0)
    scaled = np.divide(stands, spread, out=np.zeros_like(stands), where=spread > 1e-12)  # noqa: PLR2004 - rounding
    sizes = int(is_after.sum()), int((~is_after).sum())
    error = (1 / sizes[0] + 1 / sizes[1]) ** 0.5
    apart = np.abs(_apart(scaled, is_after)) / error
    if len(values) > MOST_PERMUTED:
        from scipy.special import ndtr

        p_values = np.minimum(2 * ndtr(-apart) * len(codes), 1.0)
        return p_values, f"Bonferroni over {len(codes)} columns, normal distribution"
    drawn = generator(seed, "splits")
    highest = np.array([np.abs(_apart(scaled, drawn.permutation(is_after))).max() / error for _ in range(RESAMPLES)])
    found = (1 + (highest[None, :] >= apart[:, None] * (1 - 1e-12)).sum(axis=1)) / (1 + RESAMPLES)
    return found, f"largest mix of {len(codes)} columns in {RESAMPLES} permutations of the windows"


def _apart(scaled: Numbers, is_after: npt.NDArray[np.bool_]) -> Numbers:
    weight = np.where(is_after, 1.0 / is_after.sum(), -1.0 / (~is_after).sum())
    found: Numbers = weight @ scaled
    return found


def _input(name: str) -> str:
    quoted = name.replace('"', '""')
    return f'inputs."{quoted}"'
