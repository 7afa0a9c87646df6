"""The catalogue of measures of one column in one window: what each is, its range, and from where on it counts."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATALOGUE", "Measure"]


@dataclass(frozen=True)
class Measure:
    """One measure: the column of ``Drift.table`` that has it, its formula, range and unit, thresholds and sources.

    `moderate` and `major` are effect sizes, None where the measure has none; `exact` says for which columns a value is
    exact, and what its error is elsewhere. p and q are the shares of reference and window, F and G their distribution
    functions.
    """

    name: str
    title: str
    formula: str
    values: str
    exact: str
    moderate: float | None
    major: float | None
    threshold_source: str
    source: str


_EVIDENTLY = "default of Evidently"
_OWN = "own choice"
_BINS = "over the bins"
_CELLS = "exact up to 10,000 distinct values in the reference"

CATALOGUE: tuple[Measure, ...] = (
    Measure(
        "psi",
        "Population stability index",
        "sum((q - p) ln(q / p)), empty bins as half a row",
        "[0, inf)",
        _BINS,
        0.1,
        0.25,
        "Siddiqi 2006",
        "Siddiqi 2006; Kullback and Leibler 1951",
    ),
    Measure(
        "js_distance",
        "Jensen-Shannon distance",
        "sqrt((KL(p, m) + KL(q, m)) / 2), m = (p + q) / 2, base 2",
        "[0, 1]",
        _BINS,
        0.1,
        None,
        _EVIDENTLY,
        "Lin 1991; Endres and Schindelin 2003",
    ),
    Measure(
        "hellinger",
        "Hellinger distance",
        "sqrt(sum((sqrt(p) - sqrt(q))^2) / 2)",
        "[0, 1]",
        _BINS,
        0.1,
        None,
        _EVIDENTLY,
        "Hellinger 1909",
    ),
    Measure(
        "total_variation",
        "Total variation distance",
        "sum(|p - q|) / 2",
        "[0, 1]",
        _BINS,
        0.1,
        None,
        f"{_OWN}: a tenth of the rows in other bins",
        "Levin, Peres and Wilmer 2009",
    ),
    Measure(
        "ks",
        "Kolmogorov-Smirnov statistic",
        "max |F - G|",
        "[0, 1]",
        f"{_CELLS}, else up to 0.01 too small",
        0.1,
        None,
        f"{_OWN}: a tenth of the rows on the other side of a value",
        "Smirnov 1948",
    ),
    Measure(
        "wasserstein",
        "Wasserstein-1 distance",
        "integral |F - G| dx",
        "[0, inf), unit of the column",
        f"{_CELLS}, else within wasserstein_error",
        None,
        None,
        "",
        "Vallender 1973",
    ),
    Measure(
        "wasserstein_scaled",
        "Wasserstein-1 by the reference's standard deviation",
        "wasserstein / standard deviation of the reference",
        "[0, inf)",
        "as wasserstein",
        0.1,
        None,
        _EVIDENTLY,
        "Vallender 1973",
    ),
    Measure(
        "chi_square",
        "Chi-squared statistic",
        "sum((observed - expected)^2 / expected), thin bins pooled",
        "[0, inf)",
        _BINS,
        None,
        None,
        "",
        "Pearson 1900; Cochran 1952",
    ),
    Measure(
        "missing_change",
        "Change of the missing rate",
        "missing / rows - reference missing / reference rows",
        "[-1, 1]",
        "exact",
        0.05,
        None,
        f"{_OWN}: one row in twenty",
        "Agresti 2013, section 2.2",
    ),
    Measure(
        "out_of_range",
        "Values outside the reference's range",
        "(below + above) / values",
        "[0, 1]",
        "exact",
        0.01,
        None,
        f"{_OWN}: one value in a hundred",
        "Breck et al. 2019, section 3",
    ),
    Measure(
        "type_violations",
        "Values of another kind",
        "violations / values",
        "[0, 1]",
        "exact",
        0.01,
        None,
        f"{_OWN}: one value in a hundred",
        "Breck et al. 2019, section 3",
    ),
)
