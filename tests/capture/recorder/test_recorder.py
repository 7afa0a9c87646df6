"""What a recorder takes, promises and refuses."""

from __future__ import annotations

import asyncio
import errno
import gc
import multiprocessing
import os
import struct
import threading
import time
import weakref
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.recorder import lifetime, sealing, spool_writer
from audit_lab.capture.recorder.recorder import Recorder
from audit_lab.capture.recorder.spool_file import SpoolFile
from audit_lab.errors import MisuseError, StorageError

AT = datetime(2026, 5, 4, 9, 30, 0, 123456, tzinfo=UTC)


def test_a_prediction_is_in_the_log_as_it_was_scored(recorded):
    with recorded.recorder(environment="production", threshold=0.5) as recorder:
        ticket = recorder.record(
            {"amount": 1200.5, "months": 24, "city": "Bern", "owner": True, "note": None},
            {"score": 0.25, "label": "good", "probabilities": [0.75, 0.25]},
            decision="approve",
            occurred_at=AT.astimezone(timezone(timedelta(hours=2))),
            latency_ms=1.5,
            subject_id="applicant-1",
            request_id="r-1",
        )
        ticket.wait()
        assert ticket.is_durable
    assert recorded.seal().records == 1
    (row,) = recorded.predictions.to_dicts()
    expected = {
        "prediction_id": ticket.prediction_id,
        "occurred_at": AT,
        "model_name": "loans",
        "model_version": "7",
        "request_id": "r-1",
        "subject_id": "applicant-1",
        "outputs": {"score": 0.25, "label": "good", "probabilities": [0.75, 0.25]},
        "decision": "approve",
        "environment": "production",
        "threshold": 0.5,
        "latency_ms": 1.5,
        "sequence": 1,
        "writer_id": recorder.writer_id,
        "error": None,
    }
    assert {name: row[name] for name in expected} == expected
    (inputs,) = recorded.inputs.drop("recorded_at").to_dicts()
    assert inputs == {
        "prediction_id": ticket.prediction_id,
        "amount": 1200.5,
        "months": 24,
        "city": "Bern",
        "owner": True,
    }
    assert al.open(recorded.folder).verify().verdict == "UNANCHORED"


def test_a_value_that_changes_after_the_call_is_recorded_as_it_was(recorded):
    inputs = {"history": [1.0, 2.0], "amount": np.array([3.0, 4.0])}
    with recorded.recorder() as recorder:
        recorder.record(inputs, 0.5)
        inputs["history"].append(9.0)
        inputs["amount"][0] = 9.0
        inputs["more"] = 1
    recorded.seal()
    assert recorded.inputs.select("history", "amount").rows() == [([1.0, 2.0], [3.0, 4.0])]


def test_numbers_of_numpy_are_the_numbers_that_they_hold(recorded):
    values = {"a": np.float32(0.1), "b": np.int64(2**62 + 1), "c": np.bool_(1), "d": np.float64("nan")}
    with recorded.recorder() as recorder:
        recorder.record(values, np.float32(0.3))
    recorded.seal()
    row = recorded.inputs.to_dicts()[0]
    assert (row["a"], row["b"], row["c"]) == (float(np.float32(0.1)), 2**62 + 1, True)
    assert np.isnan(row["d"])
    assert recorded.predictions["outputs"].struct.field("score").to_list() == [float(np.float32(0.3))]


@pytest.mark.parametrize("given", [pl.Series([5]), pd.Series([5]), np.array([5]), [5], (5,)])
def test_one_value_of_a_series_is_a_list_of_one(recorded, given):
    with recorded.recorder(features=["a"]) as recorder:
        recorder.record({"a": given}, 0.5)
    recorded.seal()
    assert recorded.table("inputs/loans")["a"].to_list() == [[5]]


@pytest.mark.parametrize("given", [pl.Series([1.0, 2.0]), pd.Series([1.0, 2.0]), np.array([1.0, 2.0]), [1.0, 2.0]])
def test_rows_of_any_library_are_inputs_in_the_order_of_the_features(recorded, given):
    with recorded.recorder(features=["a", "b"]) as recorder:
        recorder.record(given, 0.5)
    recorded.seal()
    assert recorded.table("inputs/loans").select("a", "b").rows() == [(1.0, 2.0)]


def test_values_in_the_order_of_the_features(recorded):
    with recorded.recorder(features={"a": pl.Float32, "b": "Int8"}) as recorder:
        recorder.record([0.5, 3], 0.1)
        recorder.record(np.array([1.5, 4.0]), 0.2)
        recorder.record({"b": 5, "a": 2.5}, 0.3)
        with pytest.raises(MisuseError, match="3 inputs cannot be the 2 features of loans"):
            recorder.record([1, 2, 3], 0.1)
    sealed = recorded.seal()
    assert sealed.quarantined == 1  # 4.0 is no integer: nothing is made of it
    assert recorded.inputs.schema["a"] == pl.Float32
    assert recorded.inputs.schema["b"] == pl.Int8
    assert recorded.inputs.select("a", "b").rows() == [(0.5, 3), (2.5, 5)]


def test_a_failed_prediction_is_recorded(recorded):
    with recorded.recorder() as recorder:
        recorder.record({"a": 1.0}, error="ValueError: no such city", request_id="r-2")
    recorded.seal()
    (row,) = recorded.predictions.to_dicts()
    assert row["error"] == "ValueError: no such city"
    assert row["outputs"] is None


@pytest.mark.parametrize("explanation", [{"method": "shap", "values": {"a": 0.25}, "base_value": 0.5}, "later"])
def test_an_explanation_is_kept_or_noted_for_later(recorded, explanation):
    with recorded.recorder() as recorder:
        ticket = recorder.record({"a": 1.0}, 0.75, explanation=explanation)
    recorded.seal()
    if explanation == "later":
        (event,) = recorded.table("events").to_dicts()
        assert (event["kind"], event["subject"]) == ("recorder.explanation-due", ticket.prediction_id)
    else:
        (row,) = recorded.table("explanations").to_dicts()
        assert (row["prediction_id"], row["method"], row["base_value"]) == (ticket.prediction_id, "shap", 0.5)
        assert row["values"] == '{"a": 0.25}'


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": {"a": object()}}, "a value of type builtins.object cannot be recorded"),
        ({"inputs": {"a": 2**70}}, "cannot be recorded .*ints"),
        ({"inputs": {"a": "\ud800"}}, "cannot be recorded .*surrogates"),
        ({"decision": True}, "a decision is a text, not a bool"),
        ({"outputs": {"margin": 1.0}}, "outputs have no 'margin'"),
        ({"occurred_at": datetime(2026, 1, 1)}, "has no zone"),  # noqa: DTZ001
        ({"colour": "red"}, "a record has no 'colour'"),
        ({"threshold": "high"}, "the threshold of a record cannot be a str"),
        ({"inputs": [1.0]}, "inputs without names"),
        ({"inputs": {"prediction_id": "x"}}, "the feature 'prediction_id' is a name that the log itself uses"),
        ({"inputs": {"_row": 1.0}}, "the feature '_row' is a name that the log itself uses"),
        ({"inputs": {"a\0b": 1.0}}, "has a character that no name can have"),
        ({"inputs": {"n" * 1_001: 1.0}}, "is longer than 1,000 characters"),
        (
            {"inputs": {f"feature_{number:05}": 0.5 for number in range(3_000)}},
            "the names of 3,000 features take 75,000",
        ),
        ({"inputs": {1: 2.0}}, "the feature '1' is no name"),
        ({"inputs": {"*": 2.0}}, r"the feature '\*' is read as a pattern"),
        ({"inputs": {"^a.*$": 2.0}}, "is read as a pattern"),
        ({"inputs": None}, "inputs cannot be a NoneType"),
        ({"inputs": 3}, "inputs cannot be a int"),
        ({"inputs": "abc"}, "inputs cannot be a str"),
        ({"inputs": {1.0, 2.0}}, "inputs cannot be a set"),
        ({"inputs": pl.DataFrame({"a": [1.0]})}, "inputs cannot be a DataFrame"),
        ({"inputs": pd.DataFrame({"a": [1.0]})}, "inputs cannot be a DataFrame"),
        ({"inputs": {"a": pl.DataFrame({"b": [1.0]})}}, "a value of type polars.*DataFrame cannot be recorded"),
        ({"inputs": {"a": np.longdouble(1)}}, "a value of type numpy.longdouble cannot be recorded"),
        ({"prediction_id": 7}, "a prediction's id is a text, not a int"),
        ({"prediction_id": ""}, "the id of a prediction has 0 characters"),
        ({"latency_ms": "x"}, "latency_ms is a number, not a str"),
        ({"outputs": {"label": 3}}, "a label is a text, not a int"),
        ({"outputs": {"score": "0.5"}}, "a score cannot be a str"),
        ({"outputs": {"probabilities": "ab"}}, "probabilities cannot be a str"),
        ({"outputs": {"probabilities": [1, "x"]}}, "a probability cannot be a str"),
        ({"explanation": "soon"}, "the explanation 'soon' is none"),
        ({"explanation": {"base_value": "x"}}, "the base_value of an explanation cannot be a str"),
        ({"explanation": {"method": 3}}, "the method of an explanation cannot be a int"),
        ({"explanation": {"computed_at": AT}}, "an explanation has no 'computed_at'"),
    ],
)
def test_what_cannot_be_recorded_is_refused_at_once(recorded, options, message):
    with recorded.recorder() as recorder:
        with pytest.raises(MisuseError, match=message):
            recorder.record(options.pop("inputs", {"a": 1.0}), options.pop("outputs", 0.5), **options)
        assert recorder.status().recorded == 0


@pytest.mark.parametrize("table", [pl.DataFrame, pd.DataFrame])
def test_a_table_of_as_many_rows_as_features_is_no_row(recorded, table):
    with recorded.recorder(features=["a", "b"]) as recorder:
        with pytest.raises(MisuseError, match="inputs cannot be a DataFrame"):
            recorder.record(table({"a": [1.0, 2.0], "b": [3.0, 4.0]}), 0.5)
        with pytest.raises(MisuseError, match="inputs cannot be a DataFrame"):
            recorder.record(table({"other": [1.0, 2.0]}), 0.5)
        with pytest.raises(MisuseError, match="inputs cannot be a ndarray"):
            recorder.record(np.ones((2, 2)), 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": 3}, "a model is a text, not a int"),
        ({"sampling": 0.1}, "sampling cannot be a float"),
        ({"sampling": {"rate": 0.1}}, "sampling cannot be a dict"),
        ({"aggregates": True}, "aggregates cannot be a bool"),
        ({"redaction": 3}, "redaction cannot be a int"),
        ({"spool": 3}, "spool cannot be a int"),
        ({"features": "abc"}, "features cannot be a str"),
        ({"features": 3}, "features cannot be a int"),
        ({"memory_mb": "x"}, "memory_mb is a number, not a str"),
        ({"memory_mb": 0}, "memory_mb cannot be 0"),
        ({"patience_s": -1}, "patience_s cannot be -1"),
        ({"gather_s": float("nan")}, "gather_s cannot be nan"),
        ({"seal_s": "x"}, "seal_s is a number, not a str"),
        ({"seal_s": -1}, "seal_s cannot be -1"),
        ({"most_lag_s": True}, "most_lag_s is a number, not a bool"),
    ],
)
def test_what_a_recorder_is_told_is_looked_at_before_anything_is_recorded(recorded, options, message):
    with pytest.raises(MisuseError, match=message):
        recorded.recorder(seal=False, **options)


def test_a_recorder_needs_a_sealed_log_and_is_not_used_after_its_end(recorded, tmp_path):
    with pytest.raises(MisuseError, match="is not a sealed log"):
        Recorder(tmp_path, model="m", version="1")
    with pytest.raises(MisuseError, match="cannot be declared as 'Object'"):
        recorded.recorder(features={"a": pl.Object})
    with pytest.raises(MisuseError, match="the feature 'recorded_at' is a name that the log itself uses"):
        recorded.recorder(features=["recorded_at"])
    with pytest.raises(MisuseError, match="the environment of a record cannot be a int"):
        recorded.recorder(environment=5)
    with pytest.raises(MisuseError, match="a version is a text, not a int"):
        recorded.recorder(version=7)
    with pytest.raises(MisuseError, match="when_full cannot be 'wait'"):
        recorded.recorder(when_full="wait")
    recorder = recorded.recorder()
    recorder.close()
    with pytest.raises(MisuseError, match="is closed"):
        recorder.record({"a": 1}, 0.5)
    recorder.close()


def test_the_spool_is_for_its_owner_only(recorded):
    with recorded.recorder() as recorder:
        recorder.record({"a": 1.0}, 0.5).wait()
        (file,) = recorded.spool.glob("*/*.open")
        assert [each.stat().st_mode & 0o77 for each in (recorded.spool, file.parent, file)] == [0, 0, 0]


def test_threads_get_numbers_of_their_own_and_nothing_is_lost(recorded):
    count, threads, tickets = 500, 8, []

    def work(name: int) -> None:
        tickets.extend(recorder.record({"thread": name, "number": number}, 0.5) for number in range(count))

    with recorded.recorder(gather_s=0.0) as recorder:
        started = [threading.Thread(target=work, args=(name,)) for name in range(threads)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        recorder.flush()
        assert all(ticket.is_durable for ticket in tickets)
    assert recorded.seal().records == count * threads
    assert recorded.predictions["sequence"].to_list() == list(range(1, count * threads + 1))
    assert set(recorded.predictions["prediction_id"]) == {ticket.prediction_id for ticket in tickets}
    order = recorded.inputs.group_by("thread").agg(pl.col("number").is_sorted(), n=pl.len())
    assert order["number"].all()
    assert order["n"].to_list() == [count] * threads


def test_a_ticket_is_awaited_without_holding_up_the_loop(recorded, monkeypatch):
    disk = SlowDisk(monkeypatch)

    async def main() -> None:
        tickets = [recorder.record({"a": float(number)}, 0.5) for number in range(50)]
        waiting = asyncio.gather(*tickets)
        for _ in range(5):  # the loop goes on while the disk does not
            await asyncio.sleep(0.001)
        assert not waiting.done()
        assert not any(ticket.is_durable for ticket in tickets)
        disk.may.set()
        await waiting
        assert all(ticket.is_durable for ticket in tickets)
        await tickets[0]

    with recorded.recorder() as recorder:
        asyncio.run(main())
    assert recorded.seal().records == 50


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_records_on_its_own_and_the_parent_keeps_what_was_pending(recorded):
    recorder = recorded.recorder(gather_s=0.2)
    recorder.record({"who": "parent", "number": 1}, 0.5)
    child = os.fork()
    if child == 0:
        try:
            recorder.record({"who": "child", "number": 2}, 0.5)
            recorder.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    recorder.record({"who": "parent", "number": 3}, 0.5)
    recorder.close()
    assert recorded.seal().records == 3
    rows = recorded.inputs.join(recorded.predictions, on="prediction_id").sort("number")
    assert rows["number"].to_list() == [1, 2, 3]
    assert rows["sequence"].to_list() == [1, 1, 2]
    assert rows["writer_id"].n_unique() == 2


class SlowDisk:
    """A disk that writes only while it is let."""

    def __init__(self, monkeypatch) -> None:
        self.may = threading.Event()
        written = SpoolFile.write

        def write(file: SpoolFile, content: bytes) -> None:
            assert self.may.wait(60)
            written(file, content)

        monkeypatch.setattr(SpoolFile, "write", write)


def filled(recorder: Recorder) -> int:
    """Record until memory is full; return how many are in it, with what the thread has taken already."""
    recorder.record({"a": "x" * 100}, 0.5)
    while recorder._pending.items:
        time.sleep(0.001)
    recorded = 1
    while recorder.status().waiting_bytes < recorder._most_bytes:
        recorder.record({"a": "x" * 100}, 0.5)
        recorded += 1
    return recorded


def test_who_blocks_waits_for_the_disk_and_is_told_when_it_takes_too_long(recorded, monkeypatch):
    disk = SlowDisk(monkeypatch)
    with recorded.recorder(memory_mb=0.01, patience_s=0.05) as recorder:
        taken = filled(recorder)
        with pytest.raises(StorageError, match=r"records waited 0\.05 s for the disk"):
            recorder.record({"a": "y"}, 0.5)
        assert recorder.status().waiting_bytes < 2 * recorder._most_bytes
        threading.Timer(0.05, disk.may.set).start()
        recorder._patience_s = 60.0
        recorder.record({"a": "z"}, 0.5).wait()
    assert recorded.seal().records == taken + 1
    assert recorded.predictions["sequence"].to_list() == list(range(1, taken + 2))


def test_who_drops_goes_on_and_the_log_says_what_is_missing(recorded, monkeypatch):
    disk = SlowDisk(monkeypatch)
    with recorded.recorder(memory_mb=0.01, when_full="drop") as recorder:
        taken = filled(recorder)
        dropped = [recorder.record({"a": "y"}, 0.5) for _ in range(7)]
        assert all(ticket.is_dropped and not ticket.is_durable for ticket in dropped)
        dropped[0].wait()
        disk.may.set()
        recorder.flush()
        recorder.record({"a": "z"}, 0.5).wait()
        status = recorder.status()
        assert (status.recorded, status.dropped) == (taken + 1, 7)
    sealed = recorded.seal()
    assert (sealed.records, sealed.missing) == (taken + 1, 7)
    (event,) = recorded.table("events").to_dicts()
    assert event["kind"] == "recorder.gap"
    assert event["summary"] == "7 predictions were not recorded, because memory for records was full"
    assert recorded.predictions["sequence"].to_list() == [*range(1, taken + 1), taken + 8]


def behind(recorded, **options) -> Recorder:
    """Return a recorder whose records nobody seals though it counts on that, once the lag is over its limit."""
    recorder = recorded.recorder(seal=True, seal_s=0.01, most_lag_s=0.05, patience_s=0.05, **options)
    recorder._sealing.ensure = lambda: None
    recorder.record({"a": 1.0}, 0.5).wait()
    until = time.monotonic() + 20
    while not recorder._lag.is_over and time.monotonic() < until:
        time.sleep(0.01)
    assert recorder.status().sealing_lag_s > 0.05
    return recorder


def test_who_blocks_is_told_that_sealing_lags_too_far_behind_and_goes_on_when_it_has_caught_up(recorded):
    recorder = behind(recorded)
    with pytest.raises(StorageError, match=r"sealing into the log lags behind by more than 0\.05 s"):
        recorder.record({"a": 2.0}, 0.5)
    assert recorded.seal().records == 1
    recorder._patience_s = 60.0
    recorder.record({"a": 3.0}, 0.5).wait()
    recorder.close()
    assert recorded.seal().records == 1
    assert recorded.inputs["a"].to_list() == [1.0, 3.0]


def test_who_drops_while_sealing_lags_too_far_behind_finds_that_in_the_log(recorded):
    recorder = behind(recorded, when_full="drop")
    assert all(recorder.record({"a": 2.0}, 0.5).is_dropped for _ in range(3))
    until = time.monotonic() + 20
    while recorder._lag.look(0) and time.monotonic() < until:
        recorder.flush()
        recorded.seal()
    recorder.record({"a": 3.0}, 0.5).wait()
    recorder.close()
    recorded.seal()
    (event,) = recorded.table("events").to_dicts()
    assert event["summary"] == "3 predictions were not recorded, because sealing lags too far behind"
    assert recorded.predictions["sequence"].to_list() == [1, 5]


def test_a_clock_that_jumps_makes_no_lag_and_a_limit_below_what_gathers_is_refused(recorded, monkeypatch):
    recorder = recorded.recorder(seal=True, seal_s=30.0, most_lag_s=60.0)
    recorder._sealing.ensure = lambda: None
    recorder.record({"a": 1.0}, 0.5).wait()
    assert not recorder._lag.look(0)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 7_200)
    assert recorder.status().sealing_lag_s > 7_000
    assert not recorder._lag.look(0)
    recorder.close()
    with pytest.raises(MisuseError, match="most_lag_s is 10, and files are handed over to be sealed after 10 s only"):
        recorded.recorder(seal=True, most_lag_s=10)


@pytest.mark.parametrize("when", ["write", "sync"])
def test_a_disk_that_was_full_for_a_while_loses_nothing_and_repeats_nothing(recorded, monkeypatch, when):
    monkeypatch.setattr(spool_writer, "_PAUSE_S", 0.01)
    refusing = threading.Event()
    real = {"write": os.write, "sync": os.fdatasync}

    def refused(*arguments):
        if refusing.is_set():
            if when == "write":
                real["write"](arguments[0], bytes(arguments[1])[:7])
            raise OSError(errno.ENOSPC, "no space")
        return real[when](*arguments)

    if when == "write":
        monkeypatch.setattr("audit_lab.capture.recorder.spool_file.os.write", refused)
    else:
        monkeypatch.setattr("audit_lab.capture.recorder.spool_file._sync", refused)
    with recorded.recorder() as recorder:
        recorder.record({"a": 1.0}, 0.5).wait()
        refusing.set()
        ticket = recorder.record({"a": 2.0}, 0.5)
        with pytest.raises(StorageError, match="the disk is full"):
            ticket.wait(0.3)
        assert "the disk is full" in recorder.status().problem
        refusing.clear()
        recorder.record({"a": 3.0}, 0.5)
        recorder.flush(30)
        assert recorder.status().problem is None
    sealed = recorded.seal()
    assert recorded.inputs["a"].to_list() == [1.0, 2.0, 3.0]
    assert sealed.records == 3


def test_a_disk_that_stays_full_is_told_at_the_end(recorded, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOSPC, "no space")

    recorder = recorded.recorder()
    monkeypatch.setattr("audit_lab.capture.recorder.spool_file.os.write", refused)
    recorder.record({"a": 1.0}, 0.5)
    with pytest.raises(StorageError, match="the disk is full"):
        recorder.close()


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_was_set_is_noted_and_loses_nothing(recorded, monkeypatch, seconds):
    real, real_ns = time.time, time.time_ns
    with recorded.recorder(seal_s=0.05) as recorder:
        first = recorder.record({"a": 1.0}, 0.5)
        first.wait()
        monkeypatch.setattr(time, "time", lambda: real() + seconds)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + seconds * 10**9)
        second = recorder.record({"a": 2.0}, 0.5)
        second.wait()
        assert recorder.status().sealing_lag_s >= 0
        monkeypatch.undo()
        third = recorder.record({"a": 3.0}, 0.5)
    assert recorded.seal().records == 3
    events = recorded.table("events").filter(pl.col("kind") == "recorder.clock-set").sort("event_id")
    told = [float(text.rsplit("by ", 1)[1].removesuffix(" s")) for text in events["summary"]]
    assert [round(each / seconds, 2) for each in told] == [1, -1]
    assert recorded.predictions["sequence"].to_list() == [1, 2, 3]
    ids = [ticket.prediction_id for ticket in (first, second, third)]
    assert recorded.predictions["prediction_id"].to_list() == ids
    moved = recorded.predictions["occurred_at"].diff().dt.total_seconds().to_list()[1:]
    assert [round(each / seconds, 1) for each in moved] == [1, -1]


def test_a_recorder_that_nobody_closes_is_closed_at_the_end_of_its_process(recorded, tmp_path):
    import subprocess
    import sys

    code = (
        "import sys, audit_lab as al\n"
        "recorder = al.Recorder(sys.argv[1], model='loans', version='7', vault=sys.argv[2], seal=False, gather_s=5)\n"
        "print(recorder.record({'a': 1.0}, 0.5).prediction_id)\n"
    )
    words = [sys.executable, "-c", code, str(recorded.folder), str(recorded.vault)]
    told = subprocess.run(words, check=True, capture_output=True, text=True, cwd=tmp_path)
    recorded.seal()
    assert recorded.predictions["prediction_id"].to_list() == [told.stdout.strip()]
    assert told.stderr == ""


def test_a_recorder_that_was_closed_and_forgotten_is_collected(recorded):
    recorder = recorded.recorder()
    recorder.record({"a": 1.0}, 0.5)
    assert repr(recorder) == f"Recorder(loans 7 into {recorded.folder})"
    recorder.close()
    kept = weakref.ref(recorder)
    del recorder
    gc.collect()
    assert kept() is None


def test_a_prediction_without_inputs_is_recorded_and_later_inputs_keep_their_names(recorded):
    with recorded.recorder() as recorder:
        recorder.record({}, 0.5).wait()
        recorder.record({"a": 1.0}, 0.5)
    recorded.seal()
    assert recorded.inputs["a"].to_list() == [None, 1.0]


def test_who_closes_while_the_disk_is_slow_is_told_so_until_all_is_there(recorded, monkeypatch):
    disk = SlowDisk(monkeypatch)
    recorder = recorded.recorder()
    ticket = recorder.record({"a": 1.0}, 0.5)
    with pytest.raises(StorageError, match="the last records are not on the disk yet"):
        recorder.close(timeout=0.05)
    status = recorder.status()
    assert (status.recorded, status.durable, ticket.is_durable) == (1, 0, False)
    with pytest.raises(StorageError, match=r"was not on the disk after 0\.05 s"):
        recorder.flush(0.05)
    with pytest.raises(MisuseError, match="is closed"):
        recorder.record({"a": 2.0}, 0.5)
    disk.may.set()
    recorder.close()
    assert ticket.is_durable
    assert recorder.status().durable == 1
    assert recorded.seal().records == 1


def test_a_disk_that_was_full_at_the_end_is_asked_again_when_closed_again(recorded, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOSPC, "no space")

    recorder = recorded.recorder()
    with monkeypatch.context() as patched:
        patched.setattr("audit_lab.capture.recorder.spool_file.os.write", refused)
        ticket = recorder.record({"a": 1.0}, 0.5)
        with pytest.raises(StorageError, match="the disk is full"):
            recorder.close()
        with pytest.raises(StorageError, match="the disk is full"):
            ticket.wait(60)
    recorder.close()
    assert ticket.is_durable
    assert recorded.seal().records == 1


def test_a_process_that_cannot_be_started_is_told_and_stops_no_record(recorded, monkeypatch):
    def refused(*_, **__):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(sealing.subprocess, "Popen", refused)
    with recorded.recorder(seal=True, seal_s=0.02) as recorder:
        recorder.record({"a": 1.0}, 0.5).wait(60)
        deadline = time.monotonic() + 60
        while recorder.status().problem is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert "the process that seals cannot be started" in recorder.status().problem
        recorder.record({"a": 2.0}, 0.5).wait(60)
    assert recorded.seal().records == 2


def test_a_thread_that_meets_what_nobody_thought_of_tells_it_and_goes_on(recorded, monkeypatch):
    monkeypatch.setattr(spool_writer, "_PAUSE_S", 0.01)
    refusing = threading.Event()
    refusing.set()
    real = spool_writer.frame_of

    def broken(*arguments):
        if refusing.is_set():
            raise struct.error("argument out of range")
        return real(*arguments)

    monkeypatch.setattr(spool_writer, "frame_of", broken)
    with recorded.recorder() as recorder:
        ticket = recorder.record({"a": 1.0}, 0.5)
        with pytest.raises(StorageError, match="error: argument out of range"):
            ticket.wait(0.2)
        refusing.clear()
        ticket.wait(60)
    assert recorded.seal().records == 1


def test_large_records_go_into_files_that_can_be_sealed_one_by_one(recorded, monkeypatch):
    disk = SlowDisk(monkeypatch)
    with recorded.recorder(memory_mb=200) as recorder:
        for number in range(7):
            recorder.record({"number": number, "text": "x" * 3_000_000}, 0.5)
        disk.may.set()
        recorder.flush()
        sizes = [each.stat().st_size for each in recorded.spool.glob("*/*")]
        assert len(sizes) > 1
        assert max(sizes) < 2 * spool_writer._FILE_BYTES
        with pytest.raises(MisuseError, match=r"bytes cannot be recorded: 16,777,216 are the most"):
            recorder.record({"number": 8, "text": "x" * 100_000_000}, 0.5)
    assert recorded.seal().records == 7
    assert recorded.inputs["number"].to_list() == list(range(7))
    assert recorded.inputs["text"].str.len_bytes().to_list() == [3_000_000] * 7


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_a_child_of_multiprocessing_closes_its_recorder_at_its_end(recorded, method):
    context = multiprocessing.get_context(method)
    recorder = recorded.recorder(gather_s=0.2)
    if method == "fork":
        child = context.Process(target=five, args=(recorder,))
    else:
        child = context.Process(target=five_of_its_own, args=(recorded.folder, recorded.vault))
    child.start()
    child.join(120)
    assert child.exitcode == 0
    recorder.close()
    assert recorded.seal().records == 5


def five(recorder: Recorder) -> None:
    for number in range(5):
        recorder.record({"a": float(number)}, 0.5)


def five_of_its_own(folder, vault) -> None:
    five(Recorder(folder, model="loans", version="7", vault=vault, seal=False, gather_s=0.2))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_ticket_of_the_parent_is_not_waited_for_in_a_child(recorded):
    recorder = recorded.recorder(gather_s=60)
    ticket = recorder.record({"a": 1.0}, 0.5)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for wait in (ticket.wait, lambda: asyncio.run(awaited(ticket))):
                try:
                    wait()
                except StorageError as error:
                    os.write(writing, f"{error.message}\n".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read().splitlines()
    os.waitpid(child, 0)
    assert said == ["the record was taken before this process was forked, and its parent writes it"] * 2
    recorder.close()
    assert recorded.seal().records == 1


async def awaited(ticket) -> None:
    await ticket


def test_at_the_end_all_recorders_are_closed_though_some_cannot_be(recorded, tmp_path, monkeypatch):
    def refused() -> None:
        raise StorageError("the disk is full", "Make room.", "full")

    recorders = [recorded.recorder(spool=tmp_path / f"spool-{number}", gather_s=60) for number in range(3)]
    tickets = [recorder.record({"a": 1.0}, 0.5) for recorder in recorders]
    closing = [recorder.close for recorder in recorders]
    monkeypatch.setattr(lifetime, "_RECORDERS", recorders)
    for broken in recorders[:2]:
        monkeypatch.setattr(broken, "close", refused)
    with pytest.raises(ExceptionGroup) as told:
        lifetime._at_exit()
    assert [str(each) for each in told.value.exceptions] == ["the disk is full. Make room."] * 2
    assert tickets[2].is_durable
    for close in closing:
        close()


def test_a_clock_before_1970_is_recorded_as_it_stands(recorded, monkeypatch):
    with recorded.recorder() as recorder:
        with monkeypatch.context() as patch:
            patch.setattr("time.time_ns", lambda: -86_400_000_000_000)
            first = recorder.record({"income": 1.0}, 0.5)
            second = recorder.record({"income": 2.0}, 0.5)
        assert first.prediction_id != second.prediction_id
    recorded.seal()
    rows = recorded.predictions
    assert rows["occurred_at"].to_list() == [datetime(1969, 12, 31, tzinfo=UTC)] * 2
    assert set(rows["prediction_id"]) == {first.prediction_id, second.prediction_id}
