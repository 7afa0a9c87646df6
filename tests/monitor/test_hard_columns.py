"""Columns that are null, constant, of endless texts, infinite or retyped half-way: stated, never dropped silently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit_lab.errors import MisuseError
from audit_lab.monitor import bins as bins_module
from audit_lab.monitor.drift import drift

START = datetime(2024, 3, 4, tzinfo=UTC)
WEEK = timedelta(weeks=1)
WEEKS, PER_WEEK = 8, 300


def rows(**columns) -> pl.DataFrame:
    count = WEEKS * PER_WEEK
    hours = (np.arange(count) + 0.5) * 168 / PER_WEEK
    random = np.random.default_rng(0)
    usual = {"amount": random.normal(50, 10, count), "city": random.choice(["Bern", "Oslo"], count)}
    return pl.DataFrame({"at": [START + timedelta(hours=float(hour)) for hour in hours], **usual, **columns})


def asked(frame: pl.DataFrame, *columns, **options):
    return drift(frame.lazy(), time="at", columns=columns or ["amount", "city"], **options)


def late(weeks: int = 2) -> np.ndarray:
    return np.arange(WEEKS * PER_WEEK) >= (WEEKS - weeks) * PER_WEEK


def verdicts(found, column: str) -> list[str]:
    return found.table.filter(column=column)["verdict"].to_list()


def test_a_number_that_freezes_is_stated_and_major():
    found = asked(rows(amount=np.where(late(), 50.0, rows()["amount"].to_numpy())))
    assert found.table.filter(column="amount")["frozen"].to_list() == [False] * 6 + [True] * 2
    assert verdicts(found, "amount")[-2:] == ["major"] * 2
    assert "amount has one value throughout 2 weeks, first the week of 2024-04-15, and had several" in found.facts


def test_a_constant_column_is_stable_and_its_measures_finite():
    found = asked(rows(amount=np.full(WEEKS * PER_WEEK, 7.0)), "amount")
    assert set(verdicts(found, "amount")) == {"stable"}
    # A fact begins with the column's name as it is.
    assert "amount has one value in every row of the reference that has any." in found.summary()
    assert found.table["wasserstein"].to_list() == [0.0] * WEEKS
    assert found.table["wasserstein_scaled"].null_count() == WEEKS


def test_a_constant_that_changes_is_major():
    found = asked(rows(amount=np.where(late(), 8.0, 7.0)), "amount")
    assert verdicts(found, "amount") == ["stable"] * 6 + ["major"] * 2
    assert found.table["out_of_range"].to_list() == [0.0] * 6 + [1.0] * 2
    assert found.table["wasserstein"].to_list() == [0.0] * 6 + [1.0] * 2


def test_a_column_that_becomes_null_is_major_and_one_that_is_null_throughout_is_stated():
    nothing = pl.Series([None] * (WEEKS * PER_WEEK), dtype=pl.Float64)
    gone = pl.Series(rows()["amount"]).set(pl.Series(late()), None)
    found = asked(rows(amount=gone, nothing=nothing), "amount", "nothing")
    assert verdicts(found, "amount")[-2:] == ["major"] * 2
    assert found.table.filter(column="amount")["missing_change"].to_list()[-2:] == [1.0, 1.0]
    assert found.table.filter(column="amount")["ks"].to_list()[-2:] == [None, None]
    assert set(verdicts(found, "nothing")) == {"stable"}
    assert "nothing is null in every row" in found.facts


def test_values_where_the_reference_has_none_are_major():
    values = pl.Series(rows()["amount"]).set(pl.Series(~late()), None)
    assert verdicts(asked(rows(amount=values), "amount"), "amount") == ["stable"] * 6 + ["major"] * 2


def test_texts_without_end_raise_no_alarm_for_being_new():
    found = asked(rows(city=[f"id-{place}" for place in range(WEEKS * PER_WEEK)]), "city")
    assert set(verdicts(found, "city")) == {"stable"}
    assert any("different texts in the" in fact and "drift says little" in fact for fact in found.facts)
    assert set(found.contradictions()["case"]) == {"within-chance"}


def test_texts_of_many_rare_kinds_raise_no_alarm_and_a_new_frequent_one_does():
    random = np.random.default_rng(1)
    texts = random.integers(0, 2_000, WEEKS * PER_WEEK).astype(str).astype(object)
    assert set(verdicts(asked(rows(city=texts.tolist()), "city"), "city")) == {"stable"}
    texts[late() & (random.random(texts.size) < 0.3)] = "new"
    assert verdicts(asked(rows(city=(["x"] * 1800) + texts[1800:].tolist()), "city"), "city")[-1] == "major"


def test_infinite_values_are_stated_and_measured_by_the_finite_ones():
    values = rows()["amount"].to_numpy().copy()
    values[::50] = np.inf
    values[7::50] = -np.inf
    found = asked(rows(amount=values), "amount")
    assert "amount: 96 values are infinite and sort below or above all others" in found.facts
    finite = [values[place : place + PER_WEEK] for place in range(0, values.size, PER_WEEK)]
    finite = [week[np.isfinite(week)] for week in finite]
    reference = np.concatenate(finite[:2])
    expected = [stats.wasserstein_distance(reference, week) for week in finite]
    assert found.table["wasserstein"].to_list() == pytest.approx(expected, abs=1e-9)
    assert set(verdicts(found, "amount")) == {"stable"}


def test_a_number_retyped_to_text_half_way_is_stated():
    texts = np.where(late(), "unknown", rows()["amount"].round(0).cast(pl.Int64).cast(pl.String).to_numpy())
    found = asked(rows(city=texts.tolist()), "city")
    assert found.table["type_violations"].to_list() == [0.0] * 6 + [1.0] * 2
    assert any(
        fact.startswith("city: values of another kind than in the reference in 2 weeks, first the week of 2024-04-15")
        for fact in found.facts
    )
    assert verdicts(found, "city")[-1] == "major"


def test_whole_numbers_that_become_fractions_are_stated():
    whole = rows()["amount"].round(0).to_numpy()
    found = asked(rows(amount=np.where(late(), whole + 0.5, whole)), "amount")
    assert found.table["type_violations"].to_list() == [0.0] * 6 + [1.0] * 2


def test_repeated_rows_are_counted_and_stated():
    place = np.where(late(1), 5, np.arange(WEEKS * PER_WEEK))
    frame = rows(amount=rows()["amount"].to_numpy()[place], city=["Bern"] * (WEEKS * PER_WEEK))
    found = asked(frame)
    assert found.volume["distinct_rows"].to_list() == [PER_WEEK] * 7 + [1]
    assert found.volume["duplicate_rate"].to_list()[-1] == pytest.approx(299 / 300)
    assert any("repeat another row of their week in every measured column: 99.7%" in fact for fact in found.facts)


def test_a_window_with_a_third_of_the_usual_rows_is_stated():
    few = rows().with_row_index().filter(~pl.Series(late(3) & ~late(2)) | (pl.col("index") % 3 == 0))
    found = asked(few.drop("index"), reference=(START, START + 4 * WEEK))
    assert found.volume["verdict"].to_list() == ["usual"] * 5 + ["few"] + ["usual"] * 2
    assert any(
        fact.startswith("far fewer rows than usual in 1 week, the farthest the week of 2024-04-08 (100 where")
        for fact in found.facts
    )


def test_a_time_that_is_the_same_for_every_row_is_one_window():
    frame = rows().with_columns(at=pl.lit(START).cast(pl.Datetime("us", "UTC")))
    with pytest.raises(MisuseError, match="All 2,400 rows lie in the week of 2024-03-04"):
        asked(frame)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=120, max_size=240), st.integers(0, 3))
def test_the_true_distance_lies_within_the_stated_error_of_columns_that_are_counted_between_marks(values, shift):
    count = len(values)
    frame = pl.DataFrame(
        {
            "at": [START + timedelta(hours=336 * place / count) for place in range(count)],
            "amount": np.array(values) + np.where(np.arange(count) >= count / 2, shift * 50.0, 0.0),
        }
    )
    before, kept = bins_module.MOST_VALUES, frame.filter(pl.col("at") < START + WEEK)["amount"]
    bins_module.MOST_VALUES = 0
    try:
        found = asked(frame, "amount", reference=(START, START + WEEK))
    finally:
        bins_module.MOST_VALUES = before
    window = frame.filter(pl.col("at") >= START + WEEK)["amount"]
    row = found.table.row(1, named=True)
    true = stats.wasserstein_distance(kept, window)
    assert abs(row["wasserstein"] - true) <= row["wasserstein_error"] + 1e-6


def test_moments_of_many_values_are_those_of_numpy(monkeypatch):
    exact = asked(rows(), "amount").counts[0].moments
    monkeypatch.setattr(bins_module, "MOST_VALUES", 10)
    marked = asked(rows(), "amount").counts[0]
    assert marked.bins.marked
    for name in ("values", "least", "greatest", "below", "above", "infinite", "fractions", "mean", "deviation"):
        assert marked.moments[name].to_list() == pytest.approx(exact[name].to_list(), rel=1e-9), name
    weeks = [rows()["amount"].to_numpy()[place : place + PER_WEEK] for place in range(0, WEEKS * PER_WEEK, PER_WEEK)]
    assert exact["mean"].to_list() == pytest.approx([week.mean() for week in weeks], rel=1e-12)
    assert exact["deviation"].to_list() == pytest.approx([week.std() for week in weeks], rel=1e-9)


def test_measures_that_contradict_one_another_stand_side_by_side():
    random = np.random.default_rng(6)
    place = np.arange(8_000)
    frame = pl.DataFrame(
        {
            "at": [START + timedelta(hours=float(hour)) for hour in place * 168 / 2_000],
            "amount": random.normal(50, 10, 8_000) + np.where(place >= 6_000, 2.9, 0),
        }
    )
    found = asked(frame, "amount")
    ((window, case, moved, not_moved, why),) = (
        found.contradictions().select("window", "case", "say_moved", "say_not", "why").rows()
    )
    assert (window, case) == ("the week of 2024-03-25", "not-in-the-index")
    assert any(said.startswith("Kolmogorov-Smirnov statistic 0.1") for said in moved)
    assert not_moved[0].startswith("Population stability index 0.0")
    assert why in next(sentence for sentence in found.summary() if sentence.startswith("Measures disagree in 1 place"))


def test_alerts_are_the_most_severe_first_and_no_other_severity_is_known():
    found = asked(rows(amount=np.where(late(1), 0.0, np.where(late(2), 55.0, 50.0) + rows()["amount"].to_numpy() / 5)))
    assert found.alerts("major")["verdict"].unique().to_list() == ["major"]
    assert found.alerts().height >= found.alerts("moderate").height >= found.alerts("major").height > 0
    assert found.alerts()["verdict"][0] == "major"
    with pytest.raises(MisuseError, match="'stable' is no severity"):
        found.alerts("stable")


def endless(count: int = WEEKS * PER_WEEK) -> np.ndarray:
    """Return numbers written as text, nearly each of them another one."""
    return np.array([f"{value:.2f}" for value in np.random.default_rng(1).normal(100, 15, count)])


def broken(found, column: str) -> list[list[str]]:
    return found.table.filter(column=column)["violations"].to_list()


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        (lambda number: np.where(np.char.startswith(number, "1"), "high", "low"), "values of another kind"),
        (lambda number: np.full(number.size, "N/A"), "one value throughout"),
        (lambda number: np.char.add(number, " EUR"), "values of another kind"),
    ],
)
def test_a_text_that_is_exchanged_as_a_whole_is_major_and_named_although_the_test_of_shares_sees_nothing(
    text, violation
):
    number = endless()
    found = asked(rows(code=np.where(late(), text(number), number)), "code")
    assert verdicts(found, "code") == ["stable"] * 6 + ["major"] * 2
    assert all(any(name.startswith(violation) for name in names) for names in broken(found, "code")[-2:])
    assert found.table["q_value"].to_list() == pytest.approx([1.0] * WEEKS)
    (said,) = (one for one in found.summary() if " since the week of 2024-04-15, in all 2 weeks up to the last" in one)
    assert said.startswith("code: ")
    assert violation in said
    assert not any("differ that far by chance" in sentence for sentence in found.summary() if "2024-04-15" in sentence)


def test_a_tenth_of_values_that_are_new_is_named_and_moderate():
    random = np.random.default_rng(2)
    usual = np.array([f"c{value}" for value in random.integers(0, 150, WEEKS * PER_WEEK)])
    new = late() & (random.random(usual.size) < 0.2)
    found = asked(rows(code=np.where(new, "unheard", usual)), "code")
    assert broken(found, "code") == [[]] * 6 + [["new categories"]] * 2
    assert set(verdicts(found, "code")[-2:]) <= {"moderate", "major"}
    share = found.table.filter(column="code")["new_share"].to_list()[-1]
    assert share == pytest.approx(np.mean(new[-PER_WEEK:]))


def test_ids_a_rare_category_and_one_odd_value_break_nothing():
    random = np.random.default_rng(3)
    count = WEEKS * PER_WEEK
    frame = rows(
        key=np.array([f"u{place}" for place in range(count)]),
        mostly=np.where(random.random(count) < 0.002, "B", "A"),
        city=np.array([f"c{int(value)}" for value in random.pareto(1.0, count) * 10]),
        whole=np.where(np.arange(count) == count - 5, 0.5, random.integers(0, 50, count)),
    )
    found = asked(frame, "key", "mostly", "city", "whole")
    assert found.alerts().is_empty()
    assert set(map(tuple, found.table["violations"].to_list())) == {()}
