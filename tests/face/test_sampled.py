"""A log of which some predictions were recorded answers as one of which all were: by weights, or evened out."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.evening import evened
from audit_lab.log.store import open_store

DAYS, A_DAY = 24, 1_500
START = datetime(2024, 3, 4, tzinfo=UTC)
RECORDED = datetime(2024, 4, 20, tzinfo=UTC)
MOMENT = pl.Datetime("us", "UTC")


def served(seed=5, days=DAYS, a_day=A_DAY):
    """Return what was served: nothing changes from day to day, and one group in forty is favoured less."""
    drawn = np.random.default_rng(seed)
    count = days * a_day
    score = drawn.beta(2, 2, count)
    city = np.where(drawn.random(count) < 1 / 40, "Ys", np.where(drawn.random(count) < 0.5, "Bern", "Genf"))
    score = np.where(city == "Ys", score**0.7, score)
    failed = drawn.random(count) < 0.01
    bad = score >= 0.5
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{row:06d}" for row in range(count)],
            "request_id": [f"r-{row // 2:06d}" for row in range(count)],
            "occurred_at": [START + timedelta(days=row / a_day) for row in range(count)],
            "score": score,
            "city": city,
            "years": drawn.integers(0, 40, count),
            "income": np.round(drawn.lognormal(8, 0.4, count), 2),
            "failed": failed,
            "label": np.where(bad, "bad", "good"),
            "turned_out": np.where(drawn.random(count) < score, "bad", "good"),
        }
    ).with_columns(pl.col("occurred_at").cast(MOMENT))


def rates(frame, first, then=None):
    """Return with which probability each is recorded, by a rule that changes in the middle where `then` is given."""
    near = (pl.col("score") - 0.5).abs() < 0.03
    always = pl.col("failed") | near | (pl.col("city") == "Ys")
    half = frame["occurred_at"][frame.height // 2]
    usual = pl.lit(first) if then is None else pl.when(pl.col("occurred_at") < half).then(first).otherwise(then)
    return frame.with_columns(sampling_rate=pl.when(always).then(1.0).otherwise(usual))


def recorded(frame, rule="rule"):
    share = [
        int.from_bytes(sha256(f"{rule}\0{name}".encode()).digest()[:8], "big") / 2**64 for name in frame["request_id"]
    ]
    return frame.filter(pl.Series(share) < frame["sampling_rate"])


def tables(frame):
    predictions = frame.select(
        "prediction_id",
        "request_id",
        "occurred_at",
        recorded_at="occurred_at",
        model_name=pl.lit("loans"),
        model_version=pl.lit("1"),
        outputs=pl.struct("score", "label"),
        threshold=pl.lit(0.5),
        decision=pl.when(pl.col("label") == "bad").then(pl.lit("deny")).otherwise(pl.lit("approve")),
        error=pl.when("failed").then(pl.lit("timeout")),
        **({"sampling_rate": pl.col("sampling_rate")} if "sampling_rate" in frame.columns else {}),
    )
    inputs = frame.select("prediction_id", "city", "years", "income", recorded_at="occurred_at")
    outcomes = frame.select(
        "prediction_id",
        label="turned_out",
        observed_at=pl.lit(RECORDED, MOMENT),
        recorded_at=pl.lit(RECORDED, MOMENT),
    )
    return {"predictions": predictions, "inputs_loans": inputs, "outcomes": outcomes}


@pytest.fixture(scope="module")
def logs(write_small_log, tmp_path_factory):
    """Return a log of all, and two of its samples: by one rule, and by a rule that changed in the middle."""
    folder, everything = tmp_path_factory.mktemp("logs"), served()
    frames = {
        "whole": everything,
        "sampled": recorded(rates(everything, 0.2)),
        "changed": recorded(rates(everything, 0.2, 0.4)),
    }
    return {name: al.open(write_small_log(folder / name, **tables(frame))) for name, frame in frames.items()}, frames


def test_each_counts_with_the_lowest_rate_whatever_it_was_recorded_at():
    everything = served(days=1, a_day=400)
    chances = rates(everything, 0.2)
    counted = np.zeros(everything.height)
    rounds = 400
    for number in range(rounds):
        named = chances.with_columns(request_id=pl.format("{}-{}", pl.lit(number), "prediction_id"))
        frame = recorded(named)
        left = _evened(frame.with_columns(prediction_id="request_id")).left_out.str.replace(r"^\d+-", "")
        counted[np.flatnonzero(everything["prediction_id"].is_in(frame["prediction_id"].to_list()))] += 1
        counted[np.flatnonzero(everything["prediction_id"].is_in(left.to_list()))] -= 1
    for rate in (0.2, 1.0):
        mine = counted[(chances["sampling_rate"] == rate).to_numpy()]
        error = (0.2 * 0.8 / (rounds * mine.size)) ** 0.5
        assert abs(mine.mean() / rounds - 0.2) < 4 * error


def _evened(frame):
    """Even out rows that need no log."""
    import narwhals as nw

    from audit_lab.log.engines.choice import engine_named
    from audit_lab.log.evening import _evened as made

    class Rows:
        location, engine = "memory", engine_named("polars")

        def frame(self, *_):
            alone = frame.with_columns(model_name=pl.lit("loans"), request_id="prediction_id")
            return nw.from_native(alone.lazy())

    return made(Rows(), "loans", None, None)


def test_what_counts_is_told_and_can_be_computed_again(logs):
    opened, frames = logs
    found = evened(open_store(opened["sampled"].path), "loans").evened
    frame = frames["sampled"]
    assert (found.rate, found.highest, found.rarer) == (0.2, 1.0, 0)
    assert found.recorded == frame.height
    assert found.represented == pytest.approx((1 / frame["sampling_rate"]).sum())
    shares = [int.from_bytes(sha256(f"{name}\0evened".encode()).digest()[:8], "big") for name in frame["request_id"]]
    counts = pl.Series(shares) / 2**64 < 0.2 / frame["sampling_rate"]
    assert found.left_out.to_list() == sorted(frame.filter(~counts)["prediction_id"])
    assert found.counted == counts.sum()
    assert abs(found.counted / 0.2 - DAYS * A_DAY) < 4 * (2 * DAYS * A_DAY * 0.2 * 0.8) ** 0.5 / 0.2
    assert evened(open_store(opened["whole"].path), "loans").evened is None


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_engines_count_the_same(logs, engine):
    opened, _ = logs
    log = al.open(opened["changed"].path, engine=engine)
    counted = evened(open_store(log.path), "loans").evened.counted
    assert log.drift(every="1d").volume["rows"].sum() == log.performance().windows["rows"].sum() == counted


def test_a_change_of_the_rule_is_no_drift_and_no_onset(logs):
    opened, frames = logs
    log, frame = opened["changed"], frames["changed"]
    middle = frame["occurred_at"][0] + timedelta(days=DAYS / 2)
    raw = frame.group_by(pl.col("occurred_at") < middle).agg((pl.col("failed").mean()), pl.len()).sort("occurred_at")
    assert raw["len"][0] > 1.5 * raw["len"][1]  # a plain count of rows would find both
    assert raw["failed"][1] > 1.25 * raw["failed"][0]
    drift = log.drift(every="1d")
    assert set(drift.table["verdict"]) <= {"stable", "slight"}
    assert drift.volume["ratio"].drop_nulls().is_between(0.75, 1.25).all()
    assert log.onset().onsets == ()
    for facts in (drift.facts, log.onset().facts):
        (fact,) = [fact for fact in facts if "that a rate of 0.2 for all would have recorded" in fact]
        assert "so each stands for 5" in fact


def test_a_shift_of_what_was_served_is_found_in_the_sample(write_small_log, tmp_path):
    later = pl.col("occurred_at") >= START + timedelta(days=16)
    frame = served().with_columns(income=pl.when(later).then(pl.col("income") * 1.5).otherwise("income"))
    log = al.open(write_small_log(tmp_path / "moved", **tables(recorded(rates(frame, 0.2)))))
    moved = log.drift(every="1d").table.filter(pl.col("verdict") == "major")
    assert set(moved["column"]) == {"income"}
    assert moved["window_start"].min() == START + timedelta(days=16)
    assert [(one.column, one.at) for one in log.onset().onsets][:1] == [("income", START + timedelta(days=16))]


def test_performance_is_that_of_what_was_served(logs):
    opened, frames = logs
    whole, sampled = (opened[name].performance() for name in ("whole", "sampled"))
    truth, found = (each.table.filter(measure="accuracy", of="label").row(0, named=True) for each in (whole, sampled))
    raw = (frames["sampled"]["label"] == frames["sampled"]["turned_out"]).mean()
    assert raw < found["low"] < truth["value"] < found["high"]
    assert sampled.windows["rows"].sum() < whole.windows["rows"].sum() / 4
    assert any("each stands for 5" in fact for fact in sampled.facts)


def test_fairness_weighs_each_and_uses_every_row_of_a_rare_group(logs):
    opened, frames = logs
    whole, sampled = (
        opened[name].fairness(["city"], favourable="approve", qualified="good") for name in ("whole", "sampled")
    )
    frame = frames["sampled"]
    for city in ("Bern", "Genf", "Ys"):
        truth, found = (
            each.table.filter(group=city, measure="selection_rate").row(0, named=True) for each in (whole, sampled)
        )
        mine = frame.filter(pl.col("city") == city)
        approved, weight = (mine["label"] == "good").cast(pl.Float64), 1 / mine["sampling_rate"]
        assert found["value"] == pytest.approx((approved * weight).sum() / weight.sum(), rel=1e-12)
        assert found["rows"] == mine.height
        assert found["low"] < truth["value"] < found["high"]
    rare = [each.table.filter(group="Ys", measure="selection_rate").row(0, named=True) for each in (whole, sampled)]
    assert rare[0] == rare[1]  # all of it was recorded: bit for bit the same
    gap = [each.table.filter(group="Bern", measure="calibration_gap")["value"].item() for each in (whole, sampled)]
    assert gap[1] == pytest.approx(gap[0], abs=0.03)
    assert any("each counts for one over its rate" in fact for fact in sampled.facts)


def test_the_intervals_of_weighted_rates_hold_what_they_say():
    """Of 400 samples the interval of 95 % holds the rate of what they were drawn from, nearly always as often."""
    from audit_lab.monitor.fairness.rates import rates_of
    from audit_lab.monitor.fairness.tallies import Tally

    drawn = np.random.default_rng(3)
    held = widths = 0
    rounds = 400
    for _ in range(rounds):
        score = drawn.beta(2, 2, 3_000)
        rate = np.where(np.abs(score - 0.5) < 0.1, 1.0, np.where(score < 0.2, 0.1, 0.3))
        is_there = drawn.random(score.size) < rate
        favoured = score < 0.5
        parts = {
            float(each): Tally(
                rows=int((is_there & (rate == each)).sum()), selected=int((is_there & (rate == each) & favoured).sum())
            )
            for each in (0.1, 0.3, 1.0)
        }
        found = rates_of(parts)[0]
        held += found.interval.low < 0.5 < found.interval.high
        widths += found.interval.high - found.interval.low
    assert 0.925 < held / rounds < 0.985
    assert widths / rounds > 2 * 1.96 * (0.25 / 3_000) ** 0.5  # wider than of all rows


def test_causes_are_of_what_was_served(logs):
    opened, _ = logs
    windows = ("2024-03-16", "2024-03-28"), ("2024-03-04", "2024-03-16")
    whole, changed = (opened[name].cause(windows[0], windows[1]) for name in ("whole", "changed"))
    assert abs(whole.shift.moved) < 0.01
    assert abs(changed.shift.moved) < 0.02
    assert any("each stands for 5" in fact for fact in changed.facts)


def test_a_watch_says_what_it_counts(logs):
    opened, _ = logs
    watch = opened["changed"].watch()
    assert any("loans: the " in fact and "each stands for 5" in fact for fact in watch.facts)
    assert not any("stands for" in fact for fact in opened["whole"].watch().facts)


def test_requests_of_several_are_named_with_what_that_does(logs, write_small_log, tmp_path):
    opened, frames = logs
    frame = frames["sampled"].filter(pl.col("sampling_rate") < 1)
    assert round(frame.height / frame["request_id"].n_unique(), 1) == 1.8
    said = re.compile(r"come by request, 1\.[5-9] in the mean, recorded all or none")
    for ask in (
        lambda log: log.drift(every="1d").facts,
        lambda log: log.fairness(["city"], favourable="approve").facts,
        lambda log: log.performance().facts,
    ):
        assert any(said.search(fact) for fact in ask(opened["sampled"]))
    assert any("those of one are hardly more alike than others" in fact for fact in opened["sampled"].onset().facts)
    alone = recorded(rates(served().with_columns(request_id="prediction_id"), 0.2))
    log = al.open(write_small_log(tmp_path / "alone", **tables(alone)))
    assert not any("by request" in fact for fact in log.drift(every="1d").facts)
    assert not any("by request" in fact for fact in log.fairness(["city"], favourable="approve").facts)


def batches(seed=5, a_day=400, size=10, days=DAYS):
    """Return what was served in batches, each of one branch that differs from others; nothing changes."""
    drawn = np.random.default_rng(seed)
    count = days * a_day
    branch = np.concatenate([drawn.permutation(a_day) % 20 for _ in range(days)])
    each = np.repeat(branch, size)
    score = np.minimum(1, drawn.beta(2, 2, count * size) * 0.6 + 0.02 * each)
    bad = score >= 0.5
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{row:06d}" for row in range(count * size)],
            "request_id": [f"r-{row // size:06d}" for row in range(count * size)],
            "occurred_at": [START + timedelta(days=row // size / a_day) for row in range(count * size)],
            "score": score,
            "city": [f"b{number % 5}" for number in each],
            "years": drawn.integers(0, 40, count * size),
            "income": np.round(drawn.lognormal(8 + 0.05 * each, 0.2), 2),
            "failed": False,
            "label": np.where(bad, "bad", "good"),
            "turned_out": np.where(drawn.random(count * size) < score, "bad", "good"),
            "sampling_rate": 0.2,
        }
    ).with_columns(pl.col("occurred_at").cast(MOMENT))


@pytest.fixture(scope="module")
def batched(write_small_log, tmp_path_factory):
    everything = batches()
    folder = tmp_path_factory.mktemp("batches")
    frames = {"whole": everything.drop("sampling_rate"), "sampled": recorded(everything)}
    return {name: al.open(write_small_log(folder / name, **tables(frame))) for name, frame in frames.items()}, frames


def test_alike_batches_of_which_some_were_recorded_are_no_drift(batched):
    opened, frames = batched
    whole, sampled = (opened[name].drift(every="1d") for name in ("whole", "sampled"))
    for drift in (whole, sampled):
        assert set(drift.table["verdict"]) <= {"stable", "slight"}
    assert opened["sampled"].onset(every="1d").onsets == ()
    assert [alert.rule.name for alert in opened["sampled"].watch().alerts] == []
    (fact,) = [fact for fact in sampled.facts if "by request" in fact]
    assert (
        "come by request, 10.0 in the mean, recorded all or none, and those of one are more alike than others" in fact
    )
    assert 0.09 * frames["sampled"].height < sampled.volume["rows"].sum() < 0.13 * frames["sampled"].height


def test_outcomes_that_are_alike_in_a_request_are_counted_so(write_small_log, tmp_path):
    """Predictions that differ in all that is known beforehand, and turn out alike."""
    drawn = np.random.default_rng(8)
    frame = served(days=8).with_columns(request_id=pl.format("r-{}", pl.int_range(pl.len()) // 10), sampling_rate=0.2)
    each = np.repeat(np.where(drawn.random(frame.height // 10) < 0.5, "bad", "good"), 10)
    log = al.open(write_small_log(tmp_path / "alike", **tables(recorded(frame.with_columns(turned_out=each)))))
    (fact,) = [fact for fact in log.performance().facts if "by request" in fact]
    assert "those of one are more alike than others (intraclass correlation 1)" in fact
    for before in (log.performance(as_of=RECORDED - timedelta(days=1)), log.drift(every="1d")):
        assert not any("more alike than others (intraclass correlation 1)" in fact for fact in before.facts)


def test_a_shift_is_found_in_alike_batches_all_the_same(write_small_log, tmp_path):
    later = pl.col("occurred_at") >= START + timedelta(days=16)
    frame = batches().with_columns(income=pl.when(later).then(pl.col("income") * 3).otherwise("income"))
    log = al.open(write_small_log(tmp_path / "moved", **tables(recorded(frame))))
    moved = log.drift(every="1d").table.filter(pl.col("verdict") == "major")
    assert set(moved["column"]) == {"income"}
    assert moved["window_start"].min() == START + timedelta(days=16)


def test_rates_of_alike_batches_have_intervals_that_count_them(batched):
    opened, frames = batched
    whole, sampled = (opened[name].fairness(["city"], favourable="approve", qualified="good") for name in opened)
    wide = held = 0
    for measure in (
        "selection_rate",
        "true_positive_rate",
        "false_negative_rate",
        "false_positive_rate",
        "qualified_rate",
    ):
        for row in sampled.table.filter(measure=measure).iter_rows(named=True):
            truth = whole.table.filter(measure=measure, group=row["group"]).row(0, named=True)
            held += row["low"] < truth["value"] < row["high"]
            if measure == "selection_rate":
                assert row["rows"] == frames["sampled"].filter(pl.col("city") == row["group"]).height
                of_rows = 2 * 1.96 * (row["value"] * (1 - row["value"]) / row["rows"]) ** 0.5
                wide += row["high"] - row["low"] > 1.5 * of_rows
    assert wide == 5
    assert held >= 23  # of 25
    assert any("recorded all or none, which intervals count" in fact for fact in sampled.facts)


@pytest.mark.parametrize("favoured", [1.0, 0.5, 0.05])
def test_the_intervals_of_sampled_requests_hold_what_they_say(favoured):
    """Of 400 samples of alike requests, at rates of two tiers in one, the interval of 95 % holds nearly always."""
    from audit_lab.monitor.fairness.rates import rates_of
    from audit_lab.monitor.fairness.requests import Products
    from audit_lab.monitor.fairness.tallies import Tally

    drawn = np.random.default_rng(3)
    held, rounds, size = 0, 400, 10
    for _ in range(rounds):
        chance = np.clip(drawn.beta(0.5, 0.5, 400), 0, 1) * (favoured if favoured < 1 else 0) + (favoured == 1)
        good = drawn.random((400, size)) < chance[:, None]
        rate = np.where(np.arange(size) < 4, 0.5, 0.2) * np.ones((400, 1))
        share = drawn.random(400)[:, None]
        there = share < rate
        counts, by_rate = {}, {}
        for each in (0.2, 0.5):
            mine = there & (rate == each)
            counts[each] = (mine & good).sum(axis=1), mine.sum(axis=1)
            by_rate[each] = Tally(rows=int(mine.sum()), selected=int((mine & good).sum()))
        products = [
            Products(p, q, float((s * u).sum()), float((s * v + t * u).sum() / 2), float((t * v).sum()))
            for p, (s, t) in counts.items()
            for q, (u, v) in counts.items()
        ]
        found = rates_of(by_rate, {"selection_rate": products})[0]
        held += found.interval.low <= good.mean() <= found.interval.high
    assert held / rounds > 0.93


def test_segments_and_drift_together_are_of_what_was_served(logs):
    opened, _ = logs
    asked = {"since": "2024-03-16", "until": "2024-03-28", "reference": ("2024-03-04", "2024-03-16")}
    assert opened["changed"].segments(**asked).segments == ()
    together = opened["changed"].drift_together(every="1d")
    assert any("each stands for 5" in fact for fact in together.facts)


def test_a_few_of_a_far_lower_rate_do_not_take_the_others_away():
    frame = rates(served(days=1), 1.0).with_columns(
        sampling_rate=pl.when(pl.int_range(pl.len()) == 7).then(0.5).otherwise(1.0)
    )
    found = _evened(frame)
    assert (found.rate, found.rarer, found.counted, found.left_out.len()) == (1.0, 1, frame.height, 0)
    assert "1 of them were recorded at a lower rate" in found.fact


def test_rates_too_far_apart_are_not_evened_out_and_the_answer_says_so():
    frame = rates(served(days=1), 1.0).with_columns(
        sampling_rate=pl.when(pl.int_range(pl.len()) == 7).then(1e-9).otherwise(1.0)
    )
    found = _evened(frame)
    assert (found.rate, found.counted, found.left_out.len()) == (None, frame.height, 0)
    assert "unweighted" in found.fact


def test_one_rate_for_all_leaves_nothing_out():
    frame = served(days=1).with_columns(sampling_rate=pl.lit(0.25), request_id="prediction_id")
    found = _evened(frame)
    assert (found.rate, found.counted, found.left_out.len()) == (0.25, frame.height, 0)
    assert found.fact == (
        "all 1,500 predictions were recorded at a rate of 0.25: each stands for 4 that were served, together for about "
        "6,000"
    )


@pytest.mark.parametrize("rate", [None, 0.0, -1.0, 1.0, 2.0, float("nan"), float("inf")])
def test_what_is_no_rate_is_one_of_one(rate):
    frame = served(days=1).with_columns(
        sampling_rate=pl.when(pl.int_range(pl.len()) < 700).then(0.5).otherwise(pl.lit(rate, dtype=pl.Float64))
    )
    found = _evened(frame)
    assert (found.rate, found.highest) == (0.5, 1.0)
    assert set(found.left_out) <= set(frame["prediction_id"][700:])
    assert abs(found.left_out.len() - 400) < 120


def test_operations_weigh_and_say_how_many_were_served(logs):
    opened, frames = logs
    whole, sampled = (opened[name].operations(every="1w") for name in ("whole", "sampled"))
    weights = (1 / frames["sampled"]["sampling_rate"]).sum()
    assert (whole.represented, sampled.represented) == (DAYS * A_DAY, pytest.approx(weights))
    assert f"they stand for {weights:,.0f}" in sampled.summary()[0]
    assert sampled.to_dict()["represented"] == pytest.approx(weights)


@pytest.mark.parametrize(
    "asked", [{}, {"expression": "inputs.city = 'Bern'"}, {"since": "2024-03-10", "until": "2024-03-20"}]
)
def test_the_explorer_says_for_how_many_served_ones_its_rows_stand(logs, asked):
    opened, frames = logs
    whole, sampled = (opened[name].browse(**asked) for name in ("whole", "sampled"))
    frame = frames["sampled"]
    if "expression" in asked:
        frame = frame.filter(pl.col("city") == "Bern")
    if "since" in asked:
        frame = frame.filter(pl.col("occurred_at").is_between(START + timedelta(days=6), START + timedelta(days=16)))
    weights = (1 / frame["sampling_rate"]).sum()
    assert (sampled.rows, sampled.represented) == (frame.height, pytest.approx(weights))
    assert sampled.summary()[1] == f"Recorded by a sampling rule, they stand for about {weights:,.0f} served ones."
    assert abs(weights - whole.rows) < 0.05 * whole.rows
    assert (whole.represented, len(whole.summary())) == (None, 1)


def test_a_log_without_a_rate_asks_nothing_more(logs):
    opened, _ = logs
    assert not any("stand for" in fact for fact in opened["whole"].drift(every="1d").facts)


def test_answers_about_single_decisions_say_that_others_were_not_recorded(make_log):
    rates = pl.when(pl.int_range(pl.len()) % 2 == 0).then(0.5).otherwise(1.0)
    whole = al.open(make_log("whole"))
    sampled = al.open(make_log("sampled", predictions=lambda frame: frame.with_columns(sampling_rate=rates)))
    said = (
        "Some predictions were recorded by a sampling rule: each counts once here, and those that were served and not"
    )
    for log, expected in ((whole, False), (sampled, True)):
        change = al.Correction.threshold(0.4)
        assert any(line.startswith(said) for line in log.impact(change).summary()) is expected
        assert any(line.startswith(said) for line in log.attributions().describe()) is expected
        assert any(line.startswith(said) for line in log.decision("p-030").comparable().summary()) is expected
