"""The measures of whole answers, taken again from the raw rows by numpy, pandas, scipy and scikit-learn alone."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from sklearn.calibration import calibration_curve

from audit_lab.monitor.drift import drift
from audit_lab.monitor.measures import CATALOGUE, jensen_shannon_distance
from audit_lab.monitor.performance.scored import CALIBRATION_BINS, bin_of_score, expected_calibration_error

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)
NUMBERS, TEXTS = ("amount", "steps"), ("city", "code")
LATER = (START + 4 * WEEK, START + 5 * WEEK)
#: What is asked of every column of its kind; `test_no_measure_is_left_out` holds it against the catalogue.
OF_BOTH = ("psi", "js_distance", "hellinger", "total_variation", "chi_square", "missing_change")
OF_NUMBERS = ("ks", "wasserstein", "wasserstein_scaled", "out_of_range", "type_violations")
OF_TEXTS = ("type_violations",)


def week(number, moved):
    """Return 900 rows of one week: two numbers, a text, and a code that is digits until it is not."""
    random = np.random.default_rng((3, number))
    rows = 900
    amount = np.round(np.exp(random.normal(3 + 0.3 * moved, 0.7, rows)), 2)
    amount[random.random(rows) < 0.02 + 0.06 * moved] = np.nan
    steps = random.integers(0, 40, rows) + (0.5 * (random.random(rows) < 0.1) if moved else 0.0)
    city = random.choice(["Bern", "Oslo", "Rome"], rows, p=[0.5 - 0.1 * moved, 0.3, 0.2 + 0.1 * moved])
    code = random.choice(["10", "20", "30"], rows).astype(object)
    if moved:
        code[random.random(rows) < 0.15] = "x"
    code[random.random(rows) < 0.01 + 0.04 * moved] = None
    frame = pd.DataFrame({"amount": amount, "steps": steps, "city": city, "code": code})
    if moved:
        frame.iloc[-9:] = frame.iloc[:9].to_numpy()
    frame["at"] = [START + number * WEEK + place * WEEK / rows for place in range(rows)]
    return frame


@pytest.fixture(scope="module")
def weeks():
    return [week(number, moved=number == 5) for number in range(6)]


@pytest.fixture(scope="module")
def asked(weeks):
    rows = pl.DataFrame({name: pl.concat([series(each, name) for each in weeks]) for name in (*NUMBERS, *TEXTS, "at")})
    return drift(rows.lazy(), time="at", columns=[*NUMBERS, *TEXTS], every="1w", reference=(START, START + 4 * WEEK))


def series(frame, name):
    if name == "at":
        return pl.Series(name, frame[name].to_list()).cast(pl.Datetime("us", "UTC"))
    if name in TEXTS:
        return pl.Series(name, [each if isinstance(each, str) else None for each in frame[name]], dtype=pl.String)
    return pl.Series(name, frame[name].to_numpy(), dtype=pl.Float64)


def binned(reference, window):
    """Return both sides' counts by the bins that the documentation states: deciles, below, above, missing."""
    if not pd.api.types.is_numeric_dtype(reference):
        names = [*reference.dropna().unique()]
        sides = []
        for side in (reference, window):
            counts = side.value_counts()
            known = [int(counts.get(name, 0)) for name in names]
            sides.append([*known, int(side.notna().sum()) - sum(known), int(side.isna().sum())])
        return np.array(sides)
    values = reference.dropna().to_numpy()
    inner = np.unique(np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf"))
    edges = [-math.inf, np.nextafter(values.min(), -math.inf), *inner[inner < values.max()], values.max(), math.inf]
    places = [pd.cut(side, edges, labels=False).dropna().astype(int) for side in (reference, window)]
    cut = [np.bincount(each, minlength=len(edges) - 1) for each in places]
    missing = [int(side.isna().sum()) for side in (reference, window)]
    return np.column_stack([np.array(cut), missing])


def outer_bins_joined(counts):
    """Add what lies below and above the reference to the bins beside it."""
    below, lowest, *inner, highest, above, missing = counts.T
    return np.column_stack([below + lowest, *inner, highest + above, missing])


def chi_squared(counts):
    """Return scipy's chi-squared statistic, bins that expect fewer than five rows, rounded, made one or left out."""
    table = counts[:, counts.sum(axis=0) > 0]
    totals = table.sum(axis=1)
    expected = table[int(totals.argmax())] * totals.min() / totals.max()
    thin = expected < 4.5
    pooled = table[:, thin].sum(axis=1, keepdims=True)
    enough = expected[thin].sum() >= 4.5
    table = np.column_stack([table[:, ~thin], pooled[:, : int(enough)]])
    return stats.chi2_contingency(table, correction=False).statistic


def independent(reference, window):
    """Return every measure of a column, by other libraries."""
    is_number = pd.api.types.is_numeric_dtype(reference)
    counts = binned(reference, window)
    seen = counts.sum(axis=0) > 0
    p, q = counts[:, seen] / counts.sum(axis=1, keepdims=True)
    rows = counts.sum(axis=1)
    filled = [np.where(side > 0, side, 0.5 / size) for side, size in zip((p, q), rows, strict=True)]
    expected = {
        "psi": float(rel_entr(*filled).sum() + rel_entr(*filled[::-1]).sum()),
        "js_distance": jensenshannon(p, q, base=2),
        "hellinger": math.sqrt(1 - np.sqrt(p * q).sum()),
        "total_variation": np.maximum(p - q, 0).sum(),
        "missing_change": window.isna().mean() - reference.isna().mean(),
    }
    expected["chi_square"] = chi_squared(outer_bins_joined(counts) if is_number else counts)
    if not is_number:
        digits = window.dropna().str.isdigit()
        is_code = bool(reference.dropna().str.isdigit().all())
        expected["type_violations"] = float((digits != is_code).mean())
        return expected
    before, now = reference.dropna(), window.dropna()
    distance = stats.wasserstein_distance(before, now)
    whole = bool((before % 1 == 0).all())
    return expected | {
        "ks": stats.ks_2samp(before, now).statistic,
        "wasserstein": distance,
        "wasserstein_scaled": distance / before.std(ddof=0),
        "out_of_range": float((~now.between(before.min(), before.max())).mean()),
        "type_violations": float((now % 1 != 0).mean()) if whole else 0.0,
    }


@pytest.mark.parametrize("number", [4, 5])
@pytest.mark.parametrize("column", [*NUMBERS, *TEXTS])
def test_every_measure_of_an_answer_is_what_other_libraries_make_of_the_rows(weeks, asked, column, number):
    reference = pd.concat(weeks[:4], ignore_index=True)[column]
    expected = independent(reference, weeks[number][column])
    row = asked.table.filter(column=column, window_start=START + number * WEEK).row(0, named=True)
    assert set(expected) == {*OF_BOTH, *(OF_NUMBERS if column in NUMBERS else OF_TEXTS)}
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert number == 4 or all(value != 0 for name, value in expected.items() if name in OF_BOTH[:5])


def test_no_measure_is_left_out():
    assert {each.name for each in CATALOGUE} == {*OF_BOTH, *OF_NUMBERS, *OF_TEXTS}


def test_what_moved_last_is_not_nothing(asked):
    """Else rates of nothing would have been held against nothing."""
    rows = {row["column"]: row for row in asked.table.filter(window_start=START + 5 * WEEK).iter_rows(named=True)}
    assert rows["amount"]["missing_change"] > 0.03
    assert 0.05 < rows["steps"]["type_violations"] < 0.15
    assert 0.1 < rows["code"]["type_violations"] < 0.2
    assert rows["code"]["new_categories"] == ["x"]


@pytest.mark.parametrize("number", [4, 5])
def test_repeated_rows_are_those_of_pandas(weeks, asked, number):
    repeated = weeks[number][[*NUMBERS, *TEXTS]].duplicated().mean()
    found = asked.volume.filter(window_start=START + number * WEEK)["duplicate_rate"].item()
    assert found == pytest.approx(repeated, abs=1e-9)
    assert number == 4 or repeated >= 0.01


shares = st.lists(st.integers(1, 4_000), min_size=2, max_size=12)


@given(shares, st.randoms(use_true_random=False))
def test_the_jensen_shannon_distance_equals_scipy_s_but_for_what_a_root_makes_of_rounding(reference, random):
    """Of a divergence right to 1e-15 the root is right to 3e-8 near zero, and to 1e-9 from 1e-5 on."""
    window = [random.randint(0, 4_000) for _ in reference[1:]] + [1]
    found, expected = jensen_shannon_distance(reference, window), jensenshannon(reference, window, base=2)
    assert found**2 == pytest.approx(expected**2, abs=1e-12)
    if expected > 1e-5:
        assert found == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80))
def test_the_calibration_error_equals_that_of_scikit_learn_s_curve(pairs):
    score, truth = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    share, mean = calibration_curve(truth, score, n_bins=CALIBRATION_BINS, strategy="uniform")
    # scikit-learn leaves empty bins out, and does not say how many rows the others have.
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    rows = pd.Series(pd.cut(score, edges, include_lowest=True)).value_counts(sort=False).to_numpy()
    expected = float(np.sum(rows[rows > 0] / score.size * np.abs(share - mean)))
    place = bin_of_score(score)
    held = [np.bincount(place, each, CALIBRATION_BINS) for each in (np.ones(score.size), score, truth)]
    assert expected_calibration_error(*held) == pytest.approx(expected, abs=1e-9)
