"""Looking rows up in a sealed log: places outlive compaction, snapshots stay apart, erased values are not found."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import NotFoundError
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.index.lookup import find_prediction, look_up, rows_by
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.store import open_store
from audit_lab.log.writing.compaction import compact, remove_replaced


@pytest.fixture(autouse=True)
def _found_by_index(monkeypatch, tmp_path):
    monkeypatch.setattr("audit_lab.log.index.shelf._MOST_ROWS", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


def ids(first=0, last=30):
    return [f"p-{number:03d}" for number in range(first, last)]


def scanned(store, table, column, value):
    return store.placed(table).filter(pl.col(column) == value).collect().sort(SEGMENT, ROW)


def test_every_row_is_found_through_the_indexes_that_the_writer_made(sealed_log, tmp_path):
    store = open_store(sealed_log.folder)
    for table in ("predictions", "inputs/loans"):
        for prediction_id in ids():
            found = look_up(store, table, "prediction_id", prediction_id)
            assert found.rows.equals(scanned(store, table, "prediction_id", prediction_id))
            assert (found.rows.height, found.every_row_read, found.damaged) == (1, False, ())
    assert rows_by(store, "predictions", "subject_id", "subject-3")["prediction_id"].to_list() == ids()[3::4]
    assert not (tmp_path / "caches").exists()


def test_places_stay_when_files_are_compacted(sealed_log):
    before = {name: find_prediction(open_store(sealed_log.folder), name).place for name in ids()}
    with sealed_log.writer() as writer:
        assert compact(writer)
    assert len(sealed_log.files("predictions")) == 4
    store = open_store(sealed_log.folder)
    assert len(store.shelf.segments("predictions")) == 1
    for name, place in before.items():
        assert find_prediction(store, name).place == place
        assert find_prediction(store, place).row["prediction_id"] == name
        assert rows_by(store, "inputs/loans", "prediction_id", name).equals(
            scanned(store, "inputs/loans", "prediction_id", name)
        )


def test_an_open_log_follows_when_its_files_are_replaced_and_removed(sealed_log):
    log = al.open(sealed_log.folder)
    place = log.decision("p-015").place
    with sealed_log.writer() as writer:
        compact(writer)
        sealed_log.clock.now += timedelta(days=1)
        remove_replaced(writer, older_than=timedelta(0), actor="tests")
    assert len(sealed_log.files("predictions")) == 1
    again = log.decision("p-015")
    assert again.place == place
    assert again.inputs == {"income": 1015.5, "city": "Oslo"}


def test_an_earlier_snapshot_does_not_find_what_came_later(sealed_log):
    sizes = sorted(int(path.name) for path in (sealed_log.folder / "checkpoints").iterdir())
    with sealed_log.writer() as writer:
        compact(writer)
    for size in sizes:
        store = open_store(sealed_log.folder, as_of=size)
        there = set(store.placed("predictions").collect()["prediction_id"])
        for name in ("p-005", "p-015", "p-025"):
            assert rows_by(store, "predictions", "prediction_id", name).height == (name in there)
        subject = rows_by(store, "predictions", "subject_id", "subject-1")
        assert set(subject["prediction_id"]) == there & set(ids()[1::4])
    first = open_store(sealed_log.folder, as_of=sizes[1])
    assert set(first.placed("predictions").collect()["prediction_id"]) == set(ids(0, 10))
    with pytest.raises(NotFoundError):
        find_prediction(first, "p-015")


@pytest.mark.parametrize("most_rows_kept", [0, 1000])
def test_an_erased_subject_is_not_found_and_the_place_stays(sealed_log, monkeypatch, most_rows_kept):
    monkeypatch.setattr("audit_lab.log.index.shelf._MOST_ROWS", most_rows_kept)
    log = open_store(sealed_log.folder)
    place = find_prediction(log, "p-005").place
    assert rows_by(log, "predictions", "subject_id", "subject-1").height == 8
    with sealed_log.writer() as writer:
        erase(writer, subject_id="subject-1", reason="asked", actor="dpo")
    for store in (log, open_store(sealed_log.folder)):
        assert rows_by(store, "predictions", "subject_id", "subject-1").height == 0
        found = find_prediction(store, "p-005")
        assert (found.place, found.row["subject_id"], found.row["decision"]) == (place, None, None)
