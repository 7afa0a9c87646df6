"""From what was added up to what is handed out: features by rank, their bins, and the rows that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.explain.cohorts.cells import NumberCells, TextCells
from audit_lab.explain.cohorts.result import DependenceBin, FeatureAttribution
from audit_lab.explain.cohorts.selection import Span, bin_expression, in_bin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.explain.cohorts.asked import Asked
    from audit_lab.explain.cohorts.cells import Cells
    from audit_lab.explain.cohorts.fold import Fold
    from audit_lab.explain.cohorts.moments import GroupedMoments
    from audit_lab.replay.signature import Feature, Signature

__all__ = ["MOST_BINS", "features_of", "points_of"]

#: Numbers are put into at most so many bins of about as many rows each.
MOST_BINS = 20
#: Quartiles of fewer sampled rows would be those rows.
_FEWEST_FOR_QUARTILES = 4
_POINTS = pl.Schema(
    {
        "feature": pl.String(),
        "kind": pl.String(),
        "prediction_id": pl.String(),
        "place": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "value": pl.String(),
        "number": pl.Float64(),
        "bin": pl.Int64(),
        "position": pl.Float64(),
        "contribution": pl.Float64(),
    }
)


def features_of(fold: Fold, signature: Signature, asked: Asked, version: str) -> tuple[FeatureAttribution, ...]:
    """Return each feature with its bins, in order of rank."""
    order = sorted(range(len(signature.names)), key=lambda place: (-fold.size(place).mean, signature.names[place]))
    return tuple(
        _feature(fold, signature.features[place], place, rank, (asked, version)) for rank, place in enumerate(order, 1)
    )


def points_of(fold: Fold, features: tuple[FeatureAttribution, ...]) -> pl.DataFrame:
    """Return the kept rows of all features."""
    return pl.concat([_points(fold, each) for each in features])


def _feature(fold: Fold, feature: Feature, place: int, rank: int, group: tuple[Asked, str]) -> FeatureAttribution:
    cells = fold.cells[feature.name]
    raw = list(_raw_bins(cells))
    sampled = fold.kept.points(feature.name).filter(pl.col("kind") == "sample")
    given = _as_recorded(sampled["given"])
    texts = [span.text for span, _ in raw if span.text is not None]
    bins = []
    for number, (span, moments) in enumerate(raw):
        chosen = sampled.with_columns(given).filter(in_bin(pl.col("given"), span, texts))
        bins.append(
            DependenceBin(
                number,
                *span,
                moments.at(0),
                float(moments.least[0]),
                float(moments.most[0]),
                _quartiles(chosen["contribution"]),
                chosen.height,
                bin_expression(*group, given.alias(feature.name), span, has_nan=cells.has_nan),
            )
        )
    least, most = fold.range(place)
    one = len(bins) == 1 and (bins[0].kind in {"missing", "text"} or bins[0].lowest == bins[0].highest)
    return FeatureAttribution(
        feature.name,
        feature.unit,
        rank,
        fold.value(place),
        fold.size(place),
        least,
        most,
        int(fold.raised[place]),
        int(fold.lowered[place]),
        tuple(bins),
        one and bins[0].kind != "others",
    )


def _raw_bins(cells: Cells) -> Iterator[tuple[Span, GroupedMoments]]:
    """Yield each bin and its moments, in one group."""
    if isinstance(cells, NumberCells) and cells.groups is not None:
        groups = cells.groups.grouped(_bin_numbers(cells.groups, MOST_BINS))
        for place in range(len(groups.keys)):
            ends = groups.first[place].item(), groups.last[place].item()
            yield Span("number", *ends), groups.only(np.array([place]))
    if isinstance(cells, TextCells):
        for text in sorted(cells.groups, key=lambda text: (-int(cells.groups[text].rows[0]), text)):
            yield Span("text", text=text), cells.groups[text]
        if cells.others is not None:
            yield Span("others"), cells.others
    if cells.missing is not None:
        yield Span("missing"), cells.missing


def _bin_numbers(groups: GroupedMoments, most: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the number of the bin of each cell: by its middle row, of bins with as many rows each."""
    if len(groups.keys) <= most:
        return np.arange(len(groups.keys))
    through = np.cumsum(groups.rows)
    # Twice the number of rows before the middle of a cell, in whole numbers: no rounding decides on a bin.
    middle = 2 * through - groups.rows
    found: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = np.minimum(middle * most // (2 * through[-1]), most - 1)
    return found


def _points(fold: Fold, feature: FeatureAttribution) -> pl.DataFrame:
    found = fold.kept.points(feature.feature)
    given = _as_recorded(found["given"])
    texts = [each.text for each in feature.bins if each.text is not None]
    number: pl.Expr = pl.lit(None, dtype=pl.Int64)
    for each in feature.bins:
        inside = in_bin(pl.col("given"), each.span, texts)
        number = pl.when(inside).then(pl.lit(each.number)).otherwise(number)
    numeric = [each for each in feature.bins if each.kind == "number"]
    last = max(len(numeric) - 1, 1)
    is_number = pl.col("bin") < len(numeric)
    numbers = given.cast(pl.Float64) if numeric else pl.Series([None], dtype=pl.Float64).new_from_index(0, found.height)
    told = found.with_columns(given).with_columns(number.cast(pl.Int64).alias("bin"))
    return told.select(
        pl.lit(feature.feature).alias("feature"),
        "kind",
        "prediction_id",
        "place",
        "occurred_at",
        pl.col("given").cast(pl.String).alias("value"),
        numbers.alias("number"),
        "bin",
        pl.when(is_number).then(pl.col("bin") / last).alias("position"),
        "contribution",
    ).cast(_POINTS)


def _as_recorded(given: pl.Series) -> pl.Series:
    return given.fill_nan(None) if given.dtype.is_float() else given


def _quartiles(contributions: pl.Series) -> tuple[float, float, float] | None:
    if contributions.len() < _FEWEST_FOR_QUARTILES:
        return None
    found = np.quantile(contributions.to_numpy(), [0.25, 0.5, 0.75])
    return float(found[0]), float(found[1]), float(found[2])
