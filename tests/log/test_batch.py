"""A batch: one seal for many hand-ins, and a promise kept only when the rows are on the disk."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.batch import Batch
from audit_lab.seal.entry import parse_entry

FOLDER = Path("/disk/log")
FOR_EVER = 1000.0


@pytest.fixture
def storage(simulated):
    return LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""}))


@pytest.fixture
def writer(storage, sealed):
    return sealed.begun(storage, sealed.MemoryVault())


def test_rows_are_sealed_together_when_there_are_enough(storage, writer, sealed):
    with Batch(writer, rows=3, seconds=FOR_EVER) as batch:
        promises = [batch.add({"events": sealed.events(name)}) for name in ("e1", "e2", "e3")]
        receipts = {promise.result(30) for promise in promises}
    (receipt,) = receipts
    assert [(each.table, each.rows) for each in receipt.segments] == [("events", 3)]
    state = sealed.check_log(storage, receipts)
    assert sealed.stored_ids(storage, state, "events") == ["e1", "e2", "e3"]


def test_rows_are_sealed_when_they_have_waited_long_enough(storage, writer, sealed):
    with Batch(writer, rows=1000, seconds=0.01) as batch:
        receipt = batch.add({"events": sealed.events("e1")}).result(30)
    sealed.check_log(storage, [receipt])


def test_rows_that_wait_are_sealed_at_the_end(storage, writer, sealed):
    with Batch(writer, rows=1000, seconds=FOR_EVER) as batch:
        promise = batch.add({"events": sealed.events("e1")})
        assert not promise.done()
    assert promise.result(0).size == LogTree(storage).size == 3


def test_a_flush_returns_when_all_is_sealed(storage, writer, sealed):
    with Batch(writer, rows=1000, seconds=FOR_EVER) as batch:
        batch.flush()
        promise = batch.add({"events": sealed.events("e1")})
        batch.flush()
        assert promise.done()
        assert LogTree(storage).size == 3


def test_hand_ins_from_many_threads_are_all_sealed(storage, writer, sealed):
    promises = []
    with Batch(writer, rows=7, seconds=0.01) as batch:

        def hand_in(name):
            promises.extend(batch.add({"events": sealed.events(f"{name}-{number}")}) for number in range(5))

        threads = [threading.Thread(target=hand_in, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    state = sealed.check_log(storage, [promise.result(0) for promise in promises])
    ids = sealed.stored_ids(storage, state, "events")
    assert sorted(ids) == sorted(f"{name}-{number}" for name in range(4) for number in range(5))


def test_hand_ins_of_other_tables_or_columns_are_sealed_apart(storage, writer, sealed):
    with Batch(writer, rows=1000, seconds=FOR_EVER) as batch:
        first = batch.add({"events": sealed.events("e1")})
        second = batch.add({"events": sealed.events("e2").with_columns(weight=pl.lit(1))})
        third = batch.add({"predictions": sealed.predictions("a")})
    assert [promise.result(0).size for promise in (first, second, third)] == [3, 5, 7]
    sealed.check_log(storage, [promise.result(0) for promise in (first, second, third)])


def test_rows_that_cannot_be_stored_are_refused_at_once(writer, sealed):
    with Batch(writer, seconds=FOR_EVER) as batch:
        with pytest.raises(MisuseError, match="there is no table 'nonsense'"):
            batch.add({"nonsense": sealed.events("e1")})
        good = batch.add({"events": sealed.events("e1")})
    assert good.result(0).size == 3


def test_one_hand_in_that_does_not_fit_takes_no_other_with_it(writer):
    def inputs(name, income):
        return {"inputs/loans": pl.DataFrame({"prediction_id": [name], "income": [income]})}

    with Batch(writer, rows=1000, seconds=FOR_EVER) as batch:
        promises = [batch.add(inputs("a", 1.5)), batch.add(inputs("b", "much")), batch.add(inputs("c", 2.5))]
    assert promises[0].result(0).size == 3
    assert isinstance(promises[1].exception(0), LogError)
    assert promises[2].result(0).size == 5


def test_a_disk_that_refuses_is_told_by_every_promise(storage, writer, sealed):
    with Batch(writer, rows=2, seconds=FOR_EVER) as batch:
        storage._disk.fail = dict.fromkeys(range(storage._disk.count, storage._disk.count + 1000), errno.ENOSPC)
        promises = [batch.add({"events": sealed.events(name)}) for name in ("e1", "e2")]
        for promise in promises:
            with pytest.raises(StorageError, match="the disk is full"):
                promise.result(30)
        storage._disk.restart()
        later = batch.add({"events": sealed.events("e3")})
    assert sealed.stored_ids(storage, sealed.check_log(storage, [later.result(0)]), "events") == ["e3"]


def test_an_idle_batch_seals_heartbeats(storage, writer, monkeypatch):
    beaten = threading.Event()
    heartbeat = writer.heartbeat

    def beat():
        heartbeat()
        beaten.set()

    monkeypatch.setattr(writer, "heartbeat", beat)
    with Batch(writer, heartbeat_seconds=0.01):
        assert beaten.wait(30)
    assert parse_entry(LogTree(storage).entries()[1]).kind == "heartbeat"


def test_a_heartbeat_that_failed_is_told_once(storage, writer, sealed, monkeypatch):
    beaten = threading.Event()

    def fail():
        if not beaten.is_set():
            beaten.set()
            raise StorageError("the disk failed", "Look.", "failing")

    monkeypatch.setattr(writer, "heartbeat", fail)
    with Batch(writer, heartbeat_seconds=0.01, seconds=FOR_EVER) as batch:
        assert beaten.wait(30)
        told = []
        while not told:
            try:
                batch.add({"events": sealed.events("e1")})
            except StorageError as error:
                told.append(error.message)
        batch.add({"events": sealed.events("e2")})
    assert told == ["the disk failed"]


def test_a_closed_batch_takes_nothing(writer, sealed):
    batch = Batch(writer)
    batch.close()
    with pytest.raises(MisuseError, match="the batch is closed"):
        batch.add({"events": sealed.events("e1")})


def test_what_waits_is_sealed_when_a_program_ends_without_closing(tmp_path):
    program = """
import sys, polars as pl
from datetime import UTC, datetime
from audit_lab.log.writing.batch import Batch
from audit_lab.log.writing.writer import create_log
writer = create_log(sys.argv[1] + "/log", "demonstration-tests", vault=sys.argv[1] + "/vault")
batch = Batch(writer, seconds=1000.0)
batch.add({"events": pl.DataFrame({"event_id": ["e1"], "at": [datetime(2026, 3, 2, tzinfo=UTC)]})})
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)
    assert LogTree(LocalStorage(tmp_path / "log")).size == 3
