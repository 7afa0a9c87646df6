"""Measures of how far one distribution has moved from another: pure functions over counts and values.

From counts over the same bins come the shares' distances (:mod:`~audit_lab.monitor.measures.shares`), the population
stability index (:mod:`~audit_lab.monitor.measures.stability`) and the chi-squared test
(:mod:`~audit_lab.monitor.measures.chi_square`); from ordered values or cells the Kolmogorov-Smirnov test
(:mod:`~audit_lab.monitor.measures.kolmogorov`) and the Wasserstein distance
(:mod:`~audit_lab.monitor.measures.transport`); :mod:`~audit_lab.monitor.measures.quality` has the rates, and
:mod:`~audit_lab.monitor.measures.catalogue` lists each measure with its formula, range, thresholds and sources.
"""

from __future__ import annotations

from audit_lab.monitor.measures.catalogue import CATALOGUE, Measure
from audit_lab.monitor.measures.chi_square import (
    ChiSquare,
    binomial_tails,
    chi_square_quantile,
    chi_square_survival,
    chi_square_survivals,
    chi_square_test,
    pooled_chi_squares,
)
from audit_lab.monitor.measures.kolmogorov import (
    KolmogorovSmirnov,
    kolmogorov_smirnov,
    kolmogorov_smirnov_of_cells,
)
from audit_lab.monitor.measures.quality import (
    are_numbers,
    duplicate_rate,
    has_frozen,
    missing_rate_change,
    out_of_range_rate,
    type_violation_rate,
    volume_ratio,
)
from audit_lab.monitor.measures.shares import (
    hellinger_distance,
    jensen_shannon_distance,
    total_variation_distance,
)
from audit_lab.monitor.measures.stability import population_stability_index, stability_index_noise
from audit_lab.monitor.measures.transport import wasserstein_bounds, wasserstein_distance

__all__ = [
    "CATALOGUE",
    "ChiSquare",
    "KolmogorovSmirnov",
    "Measure",
    "are_numbers",
    "binomial_tails",
    "chi_square_quantile",
    "chi_square_survival",
    "chi_square_survivals",
    "chi_square_test",
    "duplicate_rate",
    "has_frozen",
    "hellinger_distance",
    "jensen_shannon_distance",
    "kolmogorov_smirnov",
    "kolmogorov_smirnov_of_cells",
    "missing_rate_change",
    "out_of_range_rate",
    "pooled_chi_squares",
    "population_stability_index",
    "stability_index_noise",
    "total_variation_distance",
    "type_violation_rate",
    "volume_ratio",
    "wasserstein_bounds",
    "wasserstein_distance",
]
