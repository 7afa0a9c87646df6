"""Which predictions a recorder samples, what each record says of it, and that weighted counts are those of all."""

from __future__ import annotations

import gc
import hashlib
import json
import random
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.recorder import spool_writer
from audit_lab.capture.recorder.sampling import Sampling
from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.keys.pseudonym import PseudonymKey
from audit_lab.log.samplings import estimated

RULE = Sampling("tenth", rate=0.1, tiers={"medium": 0.5}, near=0.02, groups={"city": ["Ys"]})


def chosen(rule=RULE, *, request="r-1", values=("Bern",), score=0.9, keep=False, **about):
    return rule.chosen(request, values, ("city",), score, {"threshold": 0.5, **about}, keep=keep)


@pytest.mark.parametrize(
    ("asked", "rule", "rate"),
    [
        ({"risk_tier": "high"}, "tenth: by request, risk tier high", 1.0),
        ({"score": 0.51}, "tenth: near the threshold", 1.0),
        ({"score": 0.4799}, "tenth: by request", 0.1),
        ({"score": None}, "tenth: by request", 0.1),
        ({"error": "ValueError"}, "tenth: failed", 1.0),
        ({"values": ("Ys",)}, "tenth: rare group", 1.0),
        ({"values": {"city": "Ys"}}, "tenth: rare group", 1.0),
        ({"values": ([1],)}, "tenth: by request", 0.1),
        ({"keep": True}, "tenth: asked for", 1.0),
        ({"risk_tier": "medium"}, "tenth: by request, risk tier medium", 0.5),
        ({"risk_tier": "unheard of"}, "tenth: by request", 0.1),
    ],
)
def test_a_rule_says_why_and_how_likely_a_prediction_is_recorded(asked, rule, rate):
    made = chosen(**asked)
    assert (made.rule, made.rate) == (rule, rate)
    assert made.is_recorded or rate < 1


@pytest.mark.parametrize("value", [3, np.int64(3), np.int32(3), np.float32(3), np.uint8(3)])
def test_a_rare_number_is_one_whatever_library_holds_it(recorded, value):
    with recorded.recorder(sampling=Sampling("none", rate=0.0, groups={"age": [3]})) as recorder:
        assert recorder.record({"age": value}, 0.9).is_sampled
        assert not recorder.record({"age": value + 1}, 0.9).is_sampled
        assert not recorder.record({"age": pd.NA}, 0.9).is_sampled


def test_anybody_can_compute_the_hash_unless_it_has_a_key():
    digest = hashlib.sha256(b"tenth\0r-1").digest()
    assert RULE.share_of("r-1") == int.from_bytes(digest[:8], "big") / 2**64
    keyed = Sampling("tenth", rate=0.1, key=PseudonymKey("k", (), b"k" * 32))
    assert keyed.share_of("r-1") != RULE.share_of("r-1")
    assert "kkkk" not in repr(keyed)


def test_a_request_is_sampled_wholly_and_a_higher_rate_samples_what_a_lower_one_does():
    requests = [f"r-{number}" for number in range(3_000)]
    tenth = {each for each in requests if chosen(request=each).is_recorded}
    half = {each for each in requests if chosen(request=each, risk_tier="medium").is_recorded}
    assert tenth < half
    assert 240 < len(tenth) < 360  # 300, three standard deviations of 16.4 around it, and a little
    assert 1_400 < len(half) < 1_600


def test_a_request_of_several_is_whole_whatever_one_of_them_is(recorded):
    rule = Sampling("none", rate=0.0, tiers={"medium": 0.0, "low": 1.0}, near=0.02, groups={"city": ["Ys"]})
    far = {"inputs": {"city": "Bern"}, "outputs": 0.9}
    requests = {
        "near": [far, {**far, "outputs": {"score": 0.51, "label": "good"}}, far],
        "rare": [far, {**far, "inputs": {"city": "Ys"}}],
        "failed": [{**far, "outputs": None, "error": "ValueError: x"}, far],
        "asked": [far, {**far, "keep": True}],
        "tiers": [{**far, "risk_tier": "medium"}, {**far, "risk_tier": "low"}],
        "plain": [far, far],
    }
    with recorded.recorder(sampling=rule, threshold=0.5) as recorder:
        for name, instances in requests.items():
            tickets = recorder.record_request(instances, name)
            assert {ticket.is_sampled for ticket in tickets} == {name != "plain"}
        assert not recorder.record_request([far])[0].is_sampled
    recorded.seal()
    rows = recorded.predictions
    assert rows.group_by("request_id", maintain_order=True).len().rows() == [
        (name, len(instances)) for name, instances in requests.items() if name != "plain"
    ]
    assert rows["sampling_rate"].to_list() == [1.0] * 11
    assert rows.filter(request_id="near")["sampling_rule"].to_list() == [
        "none: beside another of its request",
        "none: near the threshold",
        "none: beside another of its request",
    ]


def test_a_batch_of_a_recorded_model_is_one_request(recorded):
    class Model:
        def predict(self, rows):
            return [row[0] for row in rows]

    rule = Sampling("none", rate=0.0, near=0.02)
    with recorded.recorder(sampling=rule, threshold=0.5) as recorder:
        model = al.RecordedModel(Model(), recorder, features=["a"])
        model.predict([[0.9], [0.51], [0.1]])
        model.predict([[0.9], [0.1]])
        model.predict([[0.9]])
    recorded.seal()
    assert recorded.inputs["a"].to_list() == [0.9, 0.51, 0.1]
    assert recorded.predictions["request_id"].n_unique() == 1


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"rate": 1.1}, {"rate": True}, {"tiers": {"low": -1}}, {"near": -0.1}, {"groups": {"city": "Ys"}}],
)
def test_what_is_no_rule_is_refused(wrong):
    with pytest.raises(MisuseError):
        Sampling(**{"name": "tenth", **wrong})


def served(seed=3, requests=2_500):
    """Return predictions of a service: requests of one to four, some failed, some near the threshold."""
    drawn = random.Random(seed)
    for request in range(requests):
        for _ in range(drawn.randint(1, 4)):
            failed = drawn.random() < 0.02
            score = None if failed else drawn.random()
            yield {
                "request_id": f"r-{request}",
                "inputs": {"city": drawn.choices(["Bern", "Oslo", "Ys"], [50, 49, 1])[0], "amount": drawn.random()},
                "outputs": score,
                "error": "ValueError: x" if failed else None,
                "risk_tier": drawn.choices([None, "medium", "high"], [90, 8, 2])[0],
            }


@pytest.fixture(scope="module")
def sampled(recorded_for_all):
    """Return a log that was sampled into, all that was served, the tickets, and what the recorder said of itself."""
    everything = list(served())
    with recorded_for_all.recorder(sampling=RULE, threshold=0.5, memory_mb=200, version="1") as recorder:
        about = ("request_id", "error", "risk_tier")
        tickets = [
            recorder.record(one["inputs"], one["outputs"], **{name: one[name] for name in about}) for one in everything
        ]
        status = recorder.status()
    recorded_for_all.seal()
    return recorded_for_all, everything, tickets, status


def test_what_is_recorded_is_what_the_rule_says_and_says_so(sampled):
    log, everything, tickets, status = sampled
    rows = {row["prediction_id"]: row for row in log.predictions.to_dicts()}
    inputs = dict(log.inputs.select("prediction_id", "city").iter_rows())
    assert (status.recorded, status.not_sampled, status.dropped) == (len(rows), len(everything) - len(rows), 0)
    for one, ticket in zip(everything, tickets, strict=True):
        made = RULE.chosen(one["request_id"], one["inputs"], (), one["outputs"], {**one, "threshold": 0.5})
        assert ticket.is_sampled == made.is_recorded == (ticket.prediction_id in rows)
        assert not ticket.is_dropped
        if made.is_recorded:
            row = rows[ticket.prediction_id]
            assert (row["sampling_rule"], row["sampling_rate"]) == (made.rule, made.rate)
            assert inputs[ticket.prediction_id] == one["inputs"]["city"]
        else:
            ticket.wait()  # nothing is waited for
            assert not ticket.is_durable
    assert log.predictions["sequence"].to_list() == list(range(1, len(rows) + 1))  # nothing is lost between them


def test_what_was_not_recorded_is_counted_in_the_log_and_by_coverage(sampled):
    log, everything, _, status = sampled
    (event,) = log.table("events").filter(kind="recorder.sampled").to_dicts()
    said = json.loads(event["payload"])
    assert (said["seen"], said["recorded"]) == (len(everything), status.recorded)
    by_rule = dict(log.predictions.group_by("sampling_rule").len().iter_rows())
    assert {one["rule"]: one["recorded"] for one in said["rules"]} == by_rule
    coverage = al.open(log.folder).coverage()
    assert coverage.sampled.seen == len(everything)
    assert any("of the others there is no row" in line for line in coverage.summary())
    assert coverage.to_dict()["sampled"]["recorded"] == status.recorded


def test_weighted_counts_are_those_of_a_plain_computation_and_near_the_truth(sampled):
    log, everything, _, _ = sampled
    represented = al.open(log.folder).coverage().represented.row(0, named=True)
    rows = log.predictions.select("request_id", "sampling_rate").rows()
    assert represented["predictions"] == pytest.approx(sum(1 / rate for _, rate in rows))
    requests: dict[str, list[float]] = {}
    for request, rate in rows:
        requests.setdefault(request, []).append(rate)
    variance = sum((min(p, q) - p * q) / min(p, q) / (p * q) for each in requests.values() for p in each for q in each)
    assert represented["error"] == pytest.approx(variance**0.5)
    assert abs(represented["predictions"] - len(everything)) < 4 * represented["error"]


def test_operations_are_of_what_was_served(sampled):
    log, everything, _, _ = sampled
    ran = al.open(log.folder).operations(every="1mo")
    failed = [one["error"] is not None for one in everything]
    assert ran.rows == log.predictions.height
    assert ran.failed == sum(failed)  # each failed one is recorded
    assert ran.represented == pytest.approx((1 / log.predictions["sampling_rate"]).sum())
    assert ran.error_rate == pytest.approx(sum(failed) / ran.represented)
    row = ran.table.row(0, named=True)
    assert row["error_low"] < sum(failed) / len(failed) < row["error_high"] < sum(failed) / ran.rows
    assert f"they stand for {ran.represented:,.0f}, of which by their weights failed" in ran.summary()[0]
    assert not any("unweighted" in fact for fact in ran.facts)


def test_the_estimate_is_unbiased_and_its_variance_true_over_many_samplings():
    everything = list(served(seed=11, requests=300))
    failed = [one["error"] is not None for one in everything]
    frame = pl.DataFrame({"request_id": [one["request_id"] for one in everything], "failed": failed}).with_columns(
        prediction_id=pl.int_range(pl.len()).cast(pl.String)
    )
    totals, variances = [], []
    for number in range(100):
        rule = Sampling(f"rule {number}", rate=0.2, tiers={"medium": 0.5}, near=0.02)
        made = [
            rule.chosen(one["request_id"], one["inputs"], (), one["outputs"], {**one, "threshold": 0.5})
            for one in everything
        ]
        recorded = frame.with_columns(sampling_rate=pl.Series([each.rate for each in made])).filter(
            pl.Series([each.is_recorded for each in made])
        )
        answer = estimated(recorded.lazy(), [], failed=pl.col("failed")).collect().row(0, named=True)
        assert answer["failed"] == answer["recorded_failed"] == frame["failed"].sum()
        assert answer["failed_variance"] == pytest.approx(0)
        totals.append(answer["predictions"])
        variances.append(answer["predictions_variance"])
    truth, spread = len(everything), pl.Series(totals).std()
    assert abs(pl.Series(totals).mean() - truth) < 4 * spread / 100**0.5
    assert pl.Series(variances).mean() ** 0.5 == pytest.approx(spread, rel=0.2)


def test_an_override_of_what_was_not_sampled_is_told_and_cannot_be_followed(sampled):
    log, _, tickets, _ = sampled
    gone = next(each for each in tickets if not each.is_sampled)
    al.record_override(
        log.folder, gone.prediction_id, actor="clerk", reason="x", decision_after="deny", vault=log.vault
    )
    opened = al.open(log.folder)
    with pytest.raises(
        NotFoundError, match="predictions that recorders counted were recorded: of the others there is no row"
    ):
        opened.decision(gone.prediction_id)
    assert any(
        "1 overrides speak of predictions that are not in the log" in line for line in opened.coverage().summary()
    )


def test_what_is_asked_for_is_recorded_and_a_call_has_no_rule_of_its_own(recorded):
    with recorded.recorder(sampling=Sampling("none", rate=0.0)) as recorder:
        assert not recorder.record({"city": "Bern"}, 0.9).is_sampled
        assert recorder.record({"city": "Bern"}, 0.9, keep=True).is_sampled
        assert "not sampled" in repr(recorder.record(recorder.take({"city": "Bern"}), 0.9))
        with pytest.raises(MisuseError, match="a rule of its own"):
            recorder.record({"city": "Bern"}, 0.9, sampling_rate=0.5)
    assert recorded.seal().records == 1


def test_counts_reach_the_log_though_nothing_is_recorded_and_are_in_it_once(recorded, monkeypatch):
    monkeypatch.setattr(spool_writer, "_NOTICED_S", 0.0)
    with recorded.recorder(sampling=Sampling("none", rate=0.0), seal_s=0.01) as recorder:
        for _ in range(3):
            recorder.record({"city": "Bern"}, 0.9)
            while recorder._selection._counted._counts:
                pass
    recorded.seal()
    recorded.seal()
    payloads = [json.loads(each) for each in recorded.table("events")["payload"]]
    assert sum(each["seen"] for each in payloads) == 3
    assert len(payloads) == len({each["part"] for each in payloads}) > 1
    assert al.open(recorded.folder).coverage().sampled.seen == 3


def test_a_rare_group_is_seen_in_what_was_taken_beforehand(recorded):
    with recorded.recorder(sampling=Sampling("rare", rate=0.0, groups={"city": ["Ys"]})) as recorder:
        assert recorder.record(recorder.take({"city": "Ys"}), 0.9).is_sampled
        assert not recorder.record(recorder.take({"city": "Bern"}), 0.9).is_sampled


def test_a_prediction_that_is_not_sampled_takes_no_memory_and_no_disk(recorded):
    def held() -> int:
        return sum(path.stat().st_size for path in recorded.spool.rglob("*") if path.is_file())

    with recorded.recorder(sampling=Sampling("none", rate=0.0)) as recorder:
        inputs = {f"f{number}": float(number) for number in range(20)}
        for _ in range(1_000):  # what is made once is made
            recorder.record(inputs, 0.5)
        recorder.record(inputs, 0.5, keep=True).wait(30)
        gc.collect()
        spooled = held()
        tracemalloc.start()
        try:
            for _ in range(10_000):
                recorder.record(inputs, 0.5)
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        recorder.flush()
        assert kept < 100_000  # less than 10 bytes each
        assert held() == spooled
        assert recorder.status().not_sampled == 11_000


KILLED = """
import os, signal, sys
import audit_lab as al
recorder = al.Recorder(
    sys.argv[1], model="loans", version="7", vault=sys.argv[2], seal=False,
    sampling=al.Sampling("none", rate=0.0), aggregates=al.Aggregates(bins={"income": [0.0, 10.0]}),
)
for number in range(100):
    recorder.record({"income": float(number)}, 0.5)
recorder.record({"income": 1.0}, 0.5, keep=True, prediction_id="kept").wait(30)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_takes_counts_with_it_and_no_record_that_was_acknowledged(recorded):
    words = [sys.executable, "-c", KILLED, str(recorded.folder), str(recorded.vault)]
    assert subprocess.run(words, check=False, timeout=60).returncode == -signal.SIGKILL
    recorded.seal()
    assert recorded.predictions["prediction_id"].to_list() == ["kept"]
    assert "events" not in al.open(recorded.folder)._store.source.tables()  # the counts of its last minute
