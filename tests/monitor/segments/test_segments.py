"""Segments equal a brute-force count, the planted one leads, and noise gives none."""

from __future__ import annotations

import json
from itertools import combinations, product

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError
from audit_lab.monitor.segments.concentration import concentration, groupings
from audit_lab.monitor.segments.levels import levels_of
from audit_lab.monitor.segments.search import find_segments

FEATURES = ("city", "age", "plan")


def rows(seed=0, count=3_000):
    generator = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "city": generator.choice(["Bern", "Oslo", "Rome"], count),
            "age": generator.uniform(18, 80, count),
            "plan": generator.choice(["a", "b"], count),
            "__after__": generator.random(count) < 0.5,
            "__value__": generator.beta(2, 5, count),
        }
    )


def shifted(seed=0):
    in_segment = pl.col("__after__") & (pl.col("city") == "Oslo") & (pl.col("age") > 67.6)
    value = pl.when(in_segment).then(pl.col("__value__") + 0.25).otherwise(pl.col("__value__"))
    return rows(seed).with_columns(__value__=value)


def test_every_segment_equals_a_count_by_hand():
    frame = shifted()
    after, values = frame["__after__"].to_numpy(), frame["__value__"].to_numpy()
    levels = [levels_of(frame[name], ~after) for name in FEATURES]
    found = concentration(values, after, groupings(levels, pairs=True), 50, 0)
    expected = {}
    sets = [(one,) for one in range(3)] + list(combinations(range(3), 2))
    m1, m0, mean = values[after].mean(), values[~after].mean(), values.mean()
    for features in sets:
        for codes in product(*(range(len(levels[one].labels)) for one in features)):
            held = np.logical_and.reduce([levels[one].codes == code for one, code in zip(features, codes, strict=True)])
            if held.sum() < 50:
                continue
            one, other = values[held & after], values[held & ~after]
            w1, w0 = one.size / after.sum(), other.size / (~after).sum()
            deviation = np.where(held, values - np.where(after, m1, m0), 0.0)
            error = np.sqrt(deviation.var(ddof=1) * (1 / after.sum() + 1 / (~after).sum()))
            excess = w1 * (one.mean() - m1) - w0 * (other.mean() - m0)
            contribution = w1 * (one.mean() - mean) - w0 * (other.mean() - mean)
            expected[features, codes] = (other.size, one.size, contribution, excess, excess / error)
    groups = groupings(levels, pairs=True)
    assert len(found.excess) == len(expected)
    for place in range(found.excess.size):
        group = groups[found.grouping[place]]
        figures = expected[group.features, tuple(group.levels(int(found.cell[place])))]
        assert (found.before[place], found.after[place]) == figures[:2]
        got = found.contribution[place], found.excess[place], found.deviations[place]
        assert got == pytest.approx(figures[2:], rel=1e-9, abs=1e-12)


def test_the_levels_of_a_feature_add_up_to_the_shift():
    frame = shifted()
    after, values = frame["__after__"].to_numpy(), frame["__value__"].to_numpy()
    levels = [levels_of(frame[name], ~after) for name in FEATURES]
    for group in groupings(levels, pairs=True):
        found = concentration(values, after, [group], 1, 0)
        assert found.contribution.sum() == pytest.approx(values[after].mean() - values[~after].mean(), abs=1e-12)
        assert found.excess.sum() == pytest.approx(0, abs=1e-12)


def test_the_planted_segment_leads_and_its_expression_is_its_rows():
    found = find_segments(shifted(), FEATURES, measure="score", expressions={"city": "city", "age": "age"})
    best = max(found.leading, key=lambda one: abs(one.deviations))
    assert best.features == ("city", "age")
    assert best.levels[0] == "Oslo"
    assert best.levels[1].startswith("> 6")
    assert best.contribution > 0.6 * (found.after - found.before)
    assert best.p_value == 1 / 200
    assert best.expression.startswith("city = 'Oslo' and age > 6")
    assert found.summary()[0].startswith("city Oslo")


def test_an_even_shift_concentrates_nowhere():
    even = rows(3).with_columns(__value__=pl.col("__value__") + pl.col("__after__").cast(pl.Float64) * 0.2)
    found = find_segments(even, FEATURES, measure="score")
    assert found.segments == ()
    assert found.summary()[0] == "No segment stands out: the shift of the score is spread evenly."


def test_noise_gives_a_segment_in_five_percent_of_cases():
    hits = sum(
        bool(find_segments(rows(seed, 800), FEATURES, measure="score", seed=seed).segments) for seed in range(60)
    )
    assert hits <= 9  # the 99.9 % quantile of 60 at 5 %


@pytest.mark.soak
def test_noise_gives_a_segment_in_five_percent_of_a_thousand_cases():
    hits = 0
    for seed in range(1_000):
        hits += bool(find_segments(rows(seed + 100, 800), FEATURES, measure="score", seed=seed).segments)
    assert 33 <= hits <= 68  # the 99 % interval


def test_errors_are_compared_with_all_rows_and_only_worse_segments_count():
    generator = np.random.default_rng(5)
    frame = rows(5).with_columns(__after__=pl.lit(value=True))
    wrong = np.where((frame["plan"] == "a") & (frame["city"] == "Rome"), 0.4, 0.06)
    frame = frame.with_columns(__value__=pl.Series((generator.random(frame.height) < wrong).astype(float)))
    found = find_segments(frame, FEATURES, measure="error")
    assert found.before is None
    assert [one.name for one in found.leading] == ["city Rome, plan a"]
    one = found.leading[0]
    mine = frame.filter(pl.col("city") == "Rome", pl.col("plan") == "a")
    assert one.mean_after == pytest.approx(mine["__value__"].mean())
    assert one.contribution == pytest.approx(mine.height / frame.height * (one.mean_after - frame["__value__"].mean()))
    assert all(each.excess > 0 for each in found.segments)
    assert "error rate" in found.summary()[0]


def test_the_same_question_gives_the_same_answer_without_nan():
    answers = [find_segments(shifted(), FEATURES, measure="score", seed=1).to_dict() for _ in range(2)]
    assert answers[0] == answers[1]
    assert json.loads(json.dumps(answers[0], allow_nan=False))["tried"] > 20


def test_a_segment_that_vanished_has_a_contribution_and_no_mean_after():
    frame = shifted().filter(~(pl.col("__after__") & (pl.col("city") == "Rome")))
    frame = frame.with_columns(
        __value__=pl.when(pl.col("city") == "Rome").then(pl.col("__value__") + 0.4).otherwise("__value__")
    )
    found = find_segments(frame, ["city"], measure="score")
    gone = next(one for one in found.segments if one.levels == ("Rome",))
    assert (gone.after, gone.share_after, gone.mean_after) == (0, 0.0, None)
    assert "none after" in next(line for line in found.summary() if line.startswith("city Rome"))


def test_missing_infinite_constant_and_rare_values_are_levels():
    frame = rows(7, 400).with_columns(
        age=pl.when(pl.int_range(pl.len()) % 3 == 0)
        .then(None)
        .when(pl.int_range(pl.len()) % 3 == 1)
        .then(float("inf"))
        .otherwise("age"),
        plan=pl.lit("same"),
        city=pl.int_range(pl.len()).cast(pl.String),
        __value__=pl.when(pl.int_range(pl.len()) < 10).then(float("nan")).otherwise("__value__"),
    )
    found = find_segments(frame, FEATURES, measure="score")
    assert "10 rows have no score and are left out" in found.facts
    levels = levels_of(frame["age"], np.ones(400, bool))
    assert levels.labels[-1] == "missing"
    assert set(levels.codes[frame["age"].is_null().to_numpy()]) == {len(levels.labels) - 1}
    assert set(levels.codes[(frame["age"] == float("inf")).fill_null(value=False).to_numpy()]) == {
        len(levels.labels) - 2
    }
    assert len(levels_of(frame["city"], np.ones(400, bool)).labels) == 32


def test_a_column_that_is_retyped_half_way_has_a_level_that_came():
    late = pl.col("__after__") & (pl.int_range(pl.len()) % 2 == 0)
    text = (pl.col("age") // 10).cast(pl.Int64).cast(pl.String)
    frame = rows(3).with_columns(
        age=pl.when(late).then(pl.lit("unknown")).otherwise(text),
        __value__=pl.col("__value__") + late.cast(pl.Float64) / 4,
    )
    found = find_segments(frame, FEATURES, measure="score")
    unknown = next(one for one in found.segments if (one.features, one.levels) == (("age",), ("unknown",)))
    assert (unknown.before, unknown.after, unknown.mean_before) == (0, frame.filter(late).height, None)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["segments"]


def test_ten_rows_of_a_reference_are_too_few_for_a_segment():
    after = pl.col("__after__")
    frame = shifted(4).filter(after | (after.not_().cum_sum() <= 10))
    assert frame.filter(~after).height == 10
    found = find_segments(frame, FEATURES, measure="score")
    assert all(one.before <= 10 for one in found.segments)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows_before"] == 10


def test_a_hostile_category_is_quoted_in_its_expression():
    bad = "O'{0} {}--"
    frame = shifted().with_columns(city=pl.when(pl.col("city") == "Oslo").then(pl.lit(bad)).otherwise("city"))
    found = find_segments(frame, ["city"], measure="score", expressions={"city": 'inputs."ci{t}y"'})
    one = next(each for each in found.segments if each.levels == (bad,))
    assert one.expression == "inputs.\"ci{t}y\" = 'O''{0} {}--'"


def test_more_rows_than_are_permuted_are_bounded_by_bonferroni():
    noise = find_segments(rows(8, 120_000), FEATURES, measure="score")
    assert noise.method == "Bonferroni, normal distribution"
    assert noise.segments == ()
    assert find_segments(shifted(8), FEATURES, measure="score").method.startswith("largest of all")


def test_an_empty_side_and_too_small_segments_are_refused():
    with pytest.raises(LogError, match="known score in the reference"):
        find_segments(
            rows().with_columns(__value__=pl.when(pl.col("__after__")).then("__value__")), FEATURES, measure="score"
        )
    with pytest.raises(LogError, match="known score in the window"):
        find_segments(rows().filter(~pl.col("__after__")), FEATURES, measure="score")
    with pytest.raises(MisuseError, match="a segment of 1 rows"):
        find_segments(rows(), FEATURES, measure="score", minimum=1)


def test_the_log_is_asked_by_score_and_by_error(flights):
    log = al.open(flights)
    found = log.segments(["carrier", "distance_miles"], since="2015-07-01", until="2015-08-01", pairs=False)
    gone = next(one for one in found.segments if one.levels == ("US",))
    assert (gone.before, gone.after) == (log.find(gone.expression, since="2015-05-31", until="2015-07-01").height, 0)
    wrong = log.segments(["carrier"], measure="error", pairs=False)
    assert wrong.together is not None
    assert "an association only" in " ".join(wrong.summary())
    assert wrong.rows_after == 99_951


def test_what_a_log_cannot_answer_is_refused(flights):
    log = al.open(flights)
    with pytest.raises(MisuseError, match="no beginning or no end"):
        log.segments(["carrier"])
    with pytest.raises(MisuseError, match="not found by 'latency'"):
        log.segments(["carrier"], measure="latency", since="2015-07-01", until="2015-08-01")
    with pytest.raises(MisuseError, match="there is no column 'colour'"):
        log.segments(["colour"], since="2015-07-01", until="2015-08-01")
    with pytest.raises(LogError, match="has no predictions in the period"):
        log.segments(["carrier"], since="2015-01-01", until="2015-02-01")


def judged(make_log, outcome, **more):
    """Return the small log with an outcome for each prediction, and what is done to other tables."""
    ids = [f"p-{row:03d}" for row in range(40)]
    moment = pl.datetime(2024, 4, 1, time_zone="UTC")
    rows = pl.DataFrame({"prediction_id": ids}).with_columns(observed_at=moment, recorded_at=moment)
    return al.open(make_log(outcomes=rows.with_columns(**outcome), **more))


def test_an_outcome_in_no_word_of_the_model_is_missing_as_performance_counts_it(make_log):
    place = pl.int_range(pl.len())
    word = pl.when(place < 3).then(pl.lit("unknown")).when(place % 2 == 0).then(pl.lit("good")).otherwise(pl.lit("bad"))
    log = judged(make_log, {"label": word})
    found = log.segments(measure="error", minimum=2)
    assert found.rows_after == 37
    assert "outcomes that are not bad or good, which count as missing: 3" in found.facts
    accuracy = log.performance().table.filter(of="label", measure="accuracy", known="now", estimated=False)
    assert found.after == pytest.approx(1 - accuracy["value"][0])
    assert accuracy["rows"][0] == 37


def test_the_errors_of_a_model_that_puts_out_a_number_are_distances(make_log):
    score = log_score(make_log)
    log = judged(
        make_log, {"value": pl.Series(score) + pl.when(pl.int_range(pl.len()) % 2 == 0).then(0.5).otherwise(0.1)}
    )
    found = log.segments(measure="error", minimum=2)
    assert found.measure == "absolute error"
    assert found.after == pytest.approx(0.3)
    assert any(sentence.startswith("Overall: mean absolute error 0.3 over 40 rows") for sentence in found.summary())


def log_score(make_log):
    frame = al.open(make_log("scores")).predictions.select("prediction_id", "outputs").collect()
    return frame.sort("prediction_id")["outputs"].struct.field("score").to_list()


def test_outcomes_and_inputs_that_stand_twice_are_stated_wherever_they_count(make_log):
    twice = lambda frame: pl.concat([frame, frame.head(2)])
    log = judged(make_log, {"label": pl.lit("good")}, inputs_loans=twice)
    rows = log.outcomes.collect().select("prediction_id", "observed_at", "recorded_at", "label")
    other = pl.concat(
        [rows, rows.head(4).with_columns(label=pl.lit("bad")), rows.head(1).with_columns(prediction_id=pl.lit("x"))]
    )
    log = al.open(make_log("twice", outcomes=other, inputs_loans=twice))
    inputs = "ids that stand on several rows of inputs, whose features count as missing: 2"
    differ = "predictions with several outcomes that differ, none of them a correction; the last recorded counts: 4"
    answers = [
        log.segments(measure="error", minimum=2).facts,
        log.onset(every="1h").facts,
        log.drift([*["income", "outcome"]], every="1d", reference=("2024-03-04", "2024-03-05")).facts,
    ]
    for facts in answers:
        assert inputs in facts
        assert any(fact.startswith(differ) for fact in facts)
        assert "outcomes of ids that no prediction has: 1 (x)" in facts
    assert differ in " ".join(log.performance().facts)


def test_where_no_segment_was_tried_nothing_is_said_to_be_spread(make_log):
    found = al.open(make_log()).segments(since="2024-03-05", until="2024-03-06", minimum=30)
    assert found.tried == 0
    assert found.summary()[0] == "Nothing can be told of segments: none has 30 rows and others beside it."
