"""All measures of one window, from its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.performance.cells import SAID, Coded
from audit_lab.monitor.performance.classified import Classified, Found, binary_measures, cost_of, macro_measures
from audit_lab.monitor.performance.estimate import ESTIMATED, estimated_auc, estimated_measures
from audit_lab.monitor.performance.intervals import CLOPPER_PEARSON, NO_INTERVAL, Interval, clopper_pearson
from audit_lab.monitor.performance.resampling import BOOTSTRAP, MOST_CELLS, mean_intervals, resampled
from audit_lab.monitor.performance.scored import (
    CALIBRATION_BINS,
    DELONG,
    Scored,
    auc,
    bin_of_score,
    delong,
    expected_calibration_error,
    hosmer_lemeshow,
    log_losses,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from audit_lab.monitor.performance.calibration import Calibrator

__all__ = ["Asked", "Measured", "estimates", "measured", "reliability_sums"]

_NO_OUTCOME = "no row has both a score and an outcome"
_ONE_CLASS = "all outcomes are of one class"


@dataclass(frozen=True)
class Asked:
    """What is measured besides what always is: a cost matrix, and the test of Hosmer and Lemeshow."""

    costs: Mapping[tuple[str, str], float] | None = None
    hosmer_lemeshow: bool = False


@dataclass(frozen=True)
class Measured:
    """A measure, and of what: ``score``, ``label``, ``decision``, ``final decision`` or ``outcome``."""

    of: str
    found: Found
    is_estimate: bool = False


def measured(cells: pl.DataFrame, code: Coded, asked: Asked) -> list[Measured]:
    """Return what the outcomes of a window show.

    Parameters
    ----------
    cells
        `Coded.keys` and ``rows``.
    """
    if code.kind == "number":
        return _number_measures(cells)
    labelled = cells.drop_nulls("truth")
    found = _score_measures(labelled, code, asked) if code.kind == "binary" else _chance_measures(labelled, code)
    for source in code.sources:
        both = labelled.drop_nulls(SAID[source])
        classified = Classified(code.classes, _matrix(both, SAID[source], len(code.classes)))
        measures = binary_measures(classified) if code.kind == "binary" else macro_measures(classified)
        if asked.costs is not None:
            measures.append(cost_of(classified, asked.costs))
        found += [Measured(source, each) for each in measures]
    return found


def estimates(cells: pl.DataFrame, code: Coded, calibrator: Calibrator) -> list[Measured]:
    """Return what would be measured if the probabilities held; nothing where scores are no probabilities."""
    scored = cells.drop_nulls("score") if code.meaning.has_probability else cells.head(0)
    if scored.is_empty():
        return []
    score, counts = scored["score"].to_numpy(), scored["rows"].to_numpy()
    chance = calibrator.probabilities(score)
    found = [Measured("score", _estimate("auc", estimated_auc(score, chance, counts), int(counts.sum())), True)]  # noqa: FBT003
    for source in code.sources:
        told = scored[SAID[source]].is_not_null().to_numpy()
        said = (scored[SAID[source]] == 0).fill_null(value=False).to_numpy()[told]
        rows = int(counts[told].sum())
        for name, value in estimated_measures(chance[told], said, counts[told]).items():
            found.append(Measured(source, _estimate(name, value, rows), is_estimate=True))
    return found


def reliability_sums(cells: pl.DataFrame) -> NDArray[np.float64]:
    """Return rows, sum of scores and positives of labelled rows by bin of the score; shape (3, bins)."""
    labelled = cells.drop_nulls(["truth", "score"])
    score, counts = labelled["score"].to_numpy(), labelled["rows"].to_numpy()
    place, positive = bin_of_score(score), (labelled["truth"] == 0).to_numpy()
    weights = (counts, counts * score, counts * positive)
    return np.stack([np.bincount(place, weights=each, minlength=CALIBRATION_BINS) for each in weights])


def _estimate(measure: str, value: float | None, rows: int) -> Found:
    return Found(measure, value, NO_INTERVAL, ESTIMATED, rows, "" if value is not None else "its denominator is 0")


def _score_measures(labelled: pl.DataFrame, code: Coded, asked: Asked) -> list[Measured]:
    rows = int(labelled["rows"].sum())
    positives = int(labelled.filter(labelled["truth"] == 0)["rows"].sum())
    rate = Found("outcome_rate", None, NO_INTERVAL, "", 0, "no row has an outcome")
    if rows:
        interval = clopper_pearson(positives, rows)
        rate = Found("outcome_rate", positives / rows, interval, CLOPPER_PEARSON, rows)
    scored = labelled.drop_nulls("score").group_by("score", "truth", maintain_order=True).agg(pl.col("rows").sum())
    scored = scored.sort("score", "truth")
    score, counts = scored["score"].to_numpy(), scored["rows"].to_numpy()
    truth = (scored["truth"] == 0).to_numpy().astype(np.float64)
    found = [Measured("outcome", rate), Measured("score", _area(Scored.of(score, truth, counts), int(counts.sum())))]
    if not code.meaning.has_probability:
        return found
    means = {"brier": (score - truth) ** 2, "log_loss": log_losses(score, truth)}
    found += [Measured("score", each) for each in _means(means, counts)]
    found.append(Measured("score", _calibration_error(score, truth, counts)))
    if asked.hosmer_lemeshow:
        found.append(Measured("score", _tested(Scored.of(score, truth, counts), int(counts.sum()))))
    return found


def _chance_measures(labelled: pl.DataFrame, code: Coded) -> list[Measured]:
    """Return log loss and Brier score of the probabilities of several classes, where the log has them."""
    if not code.meaning.output.classes:
        return []
    known = labelled.drop_nulls(["p_true", "p_squares"])
    chance, squares, counts = (known[name].to_numpy() for name in ("p_true", "p_squares", "rows"))
    brier = squares - 2 * chance + 1
    means = {"brier": brier, "log_loss": log_losses(chance, np.ones(chance.size))}
    return [Measured("score", each) for each in _means(means, counts)]


def _number_measures(cells: pl.DataFrame) -> list[Measured]:
    known = cells.drop_nulls("error").sort("error")
    error, counts = known["error"].to_numpy(), known["rows"].to_numpy()
    square, *others = _means({"rmse": error**2, "mae": np.abs(error), "mean_error": error}, counts)
    if square.value is not None:
        ends = [None if end is None else max(end, 0.0) ** 0.5 for end in square.interval]
        square = Found("rmse", square.value**0.5, Interval(*ends), square.method, square.rows)
    return [Measured("score", each) for each in (square, *others)]


def _area(scored: Scored, rows: int) -> Found:
    area = auc(scored)
    if area is None:
        return Found("auc", None, NO_INTERVAL, "", rows, _ONE_CLASS if rows else _NO_OUTCOME)
    interval = delong(scored)
    why = "" if interval.low is not None else "no interval: DeLong's variance is 0, or a class has one row"
    return Found("auc", area, interval, DELONG if interval.low is not None else "", rows, why)


def _means(values: dict[str, NDArray[np.float64]], counts: NDArray[np.int64]) -> list[Found]:
    rows = int(counts.sum())
    if not rows:
        return [Found(measure, None, NO_INTERVAL, "", 0, _NO_OUTCOME) for measure in values]
    intervals, method = mean_intervals(np.column_stack(list(values.values())), counts)
    return [
        Found(measure, float((each * counts).sum() / rows), interval, method, rows)
        for (measure, each), interval in zip(values.items(), intervals, strict=True)
    ]


def _calibration_error(score: NDArray[np.float64], truth: NDArray[np.float64], counts: NDArray[np.int64]) -> Found:
    rows = int(counts.sum())
    if not rows:
        return Found("calibration_error", None, NO_INTERVAL, "", 0, _NO_OUTCOME)
    place = bin_of_score(score)
    if score.size > MOST_CELLS:
        # Within a bin and an outcome the scores are nearly alike: their mean stands for them.
        key = place * 2 + truth.astype(np.int64)
        held, index = np.unique(key, return_inverse=True)
        together = np.bincount(index, weights=counts)
        score = np.bincount(index, weights=counts * score) / together
        place, truth, counts = held // 2, (held % 2).astype(np.float64), together.astype(np.int64)
    bins, begins = np.unique(place, return_index=True)  # scores are in order, and so are their bins

    def by_bin(draws: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.zeros((draws.shape[0], CALIBRATION_BINS))
        sums[:, bins] = np.add.reduceat(draws, begins, axis=1)
        return sums

    def error(draws: NDArray[np.float64]) -> NDArray[np.float64]:
        return expected_calibration_error(by_bin(draws), by_bin(draws * score), by_bin(draws * truth))

    value = float(error(counts[None].astype(np.float64))[0])
    interval = resampled(counts, lambda draws: error(draws)[:, None])[0]
    return Found("calibration_error", value, interval, BOOTSTRAP, rows)


def _tested(scored: Scored, rows: int) -> Found:
    tested = hosmer_lemeshow(scored) if rows else None
    if tested is None:
        why = "fewer than three groups of scores, or scores that are all 0 or all 1"
        return Found("hosmer_lemeshow_p", None, NO_INTERVAL, "", rows, why)
    statistic, p_value, groups = tested
    return Found("hosmer_lemeshow_p", p_value, NO_INTERVAL, f"chi-squared {statistic:.4g}, {groups} groups", rows)


def _matrix(both: pl.DataFrame, said: str, size: int) -> NDArray[np.int64]:
    flat = both[said].to_numpy().astype(np.int64) * size + both["truth"].to_numpy()
    counts = np.bincount(flat, weights=both["rows"].to_numpy(), minlength=size * size)
    return counts.astype(np.int64).reshape(size, size)
