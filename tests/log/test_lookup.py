"""Looking rows up by id: the same answers as reading every row, whatever state the indexes are in."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.errors import AmbiguousIdError, LogError, NotFoundError
from audit_lab.log.index.index_file import index_bytes, key_of
from audit_lab.log.index.lookup import find_prediction, look_up, rows_by
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.store import open_store

AT = datetime(2024, 3, 4, tzinfo=UTC)
INDEX = "index/predictions/part-00001.prediction_id.index"


def predictions(ids, **columns):
    return pl.DataFrame({"prediction_id": ids, "occurred_at": [AT] * len(ids), **columns})


def scanned(store, table, column, value):
    return store.placed(table).filter(pl.col(column) == value).collect().sort(SEGMENT, ROW)


def places(frame):
    return list(zip(frame[SEGMENT], frame[ROW], strict=True))


@pytest.mark.parametrize("indexes", [True, False])
def test_every_id_gives_the_row_that_a_scan_gives(segmented_log, indexes):
    store = open_store(segmented_log(indexes=indexes))
    for table in ("predictions", "inputs/loans"):
        for number in range(40):
            found = look_up(store, table, "prediction_id", f"p-{number:03d}")
            assert found.rows.equals(scanned(store, table, "prediction_id", f"p-{number:03d}"))
            assert not found.every_row_read


def test_a_small_table_is_read_whole(make_log):
    store = open_store(make_log())
    found = look_up(store, "predictions", "prediction_id", "p-003")
    assert places(found.rows) == [("part-00000", 3)]
    assert found.every_row_read
    assert found.searched == "Every row was looked at."


def test_requests_and_subjects_stand_in_several_segments(segmented_log):
    first = predictions(["a", "b"], request_id=["r1", "r2"], subject_id=["s1", "s2"])
    second = predictions(["c", "d"], request_id=["r1", None], subject_id=["s2", "s2"])
    store = open_store(segmented_log(predictions=[first, second]))
    assert rows_by(store, "predictions", "request_id", "r1")["prediction_id"].to_list() == ["a", "c"]
    assert rows_by(store, "predictions", "subject_id", "s2")["prediction_id"].to_list() == ["b", "c", "d"]
    assert rows_by(store, "predictions", "subject_id", "s9").height == 0


def test_column_without_an_index_is_read(segmented_log):
    store = open_store(segmented_log())
    found = look_up(store, "predictions", "decision", "deny")
    assert found.every_row_read
    assert found.rows.equals(scanned(store, "predictions", "decision", "deny"))


def test_segments_of_unlike_columns_are_unified_as_a_scan_does(segmented_log):
    first = predictions(["a"], sequence=pl.Series([1], dtype=pl.Int16))
    second = predictions(["b"], note=["kept"])
    third = predictions(["c"], sequence=[7])
    store = open_store(segmented_log(predictions=[first, second, third]))
    for value in "abc":
        found = rows_by(store, "predictions", "prediction_id", value)
        assert found.equals(scanned(store, "predictions", "prediction_id", value))
    assert rows_by(store, "predictions", "prediction_id", "a")["note"].to_list() == [None]
    absent = rows_by(store, "predictions", "prediction_id", "z")
    assert absent.schema == store.placed("predictions").collect_schema()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "é", "e\u0301", "a ", "", "x@part-00000:0", "\u202e"]), min_size=1))
def test_any_ids_any_number_of_times(segmented_log, ids):
    cut = len(ids) // 2
    frames = [predictions(part) for part in (ids[:cut], ids[cut:])]
    store = open_store(segmented_log(f"log-{abs(hash(tuple(ids)))}-{len(ids)}", predictions=frames))
    for value in [*set(ids), "absent"]:
        expected = [f"{value}:{number}" for number, other in enumerate(ids) if other == value]
        found = rows_by(store, "predictions", "prediction_id", value)
        assert len(expected) == found.height
        assert places(found) == places(scanned(store, "predictions", "prediction_id", value))


def test_absence_is_confirmed_by_reading_the_column(segmented_log):
    found = look_up(open_store(segmented_log()), "predictions", "prediction_id", "p-999")
    assert found.rows.height == 0
    assert found.every_row_read


def test_an_index_that_lacks_an_id_hides_nothing(segmented_log):
    folder = segmented_log()
    store = open_store(folder)
    segment = store.manifest.tables["predictions"][1]
    ids = pl.read_parquet(folder / segment.path)["prediction_id"].to_list()
    lacking = pl.Series([None if value == "p-020" else value for value in ids])
    (folder / INDEX).write_bytes(index_bytes(lacking, segment.sha256))
    found = look_up(store, "predictions", "prediction_id", "p-020")
    assert places(found.rows) == [("part-00001", 5)]
    assert found.damaged == (INDEX,)
    again = look_up(store, "predictions", "prediction_id", "p-020")
    assert places(again.rows) == [("part-00001", 5)]
    assert not again.every_row_read


def test_an_index_that_names_wrong_rows_is_told_and_replaced(segmented_log):
    folder = segmented_log()
    store = open_store(folder)
    segment = store.manifest.tables["predictions"][1]
    ids = pl.read_parquet(folder / segment.path)["prediction_id"]
    (folder / INDEX).write_bytes(index_bytes(ids.reverse(), segment.sha256))
    found = look_up(store, "predictions", "prediction_id", "p-016")
    assert places(found.rows) == [("part-00001", 1)]
    assert found.damaged == (INDEX,)
    assert f"Damaged, so not used: {INDEX}." in found.searched
    assert places(rows_by(store, "predictions", "prediction_id", "p-028")) == [("part-00001", 13)]


def test_a_further_row_that_no_index_lists_is_not_promised(segmented_log):
    folder = segmented_log(predictions=[predictions(["a", "b"]), predictions(["a", "c"])])
    store = open_store(folder)
    segment = store.manifest.tables["predictions"][1]
    (folder / INDEX).write_bytes(index_bytes(pl.Series([None, "c"]), segment.sha256))
    found = look_up(store, "predictions", "prediction_id", "a")
    assert places(found.rows) == [("part-00000", 0)]
    assert found.searched == "The rows, and others under the same value, were looked for through the locator index."


@pytest.mark.parametrize("most_bytes_read", [0, 262_144])
def test_every_byte_of_an_index_flipped_leaves_the_answer(segmented_log, monkeypatch, most_bytes_read):
    monkeypatch.setattr("audit_lab.log.index.open_indexes._MOST_BYTES_READ", most_bytes_read)
    folder = segmented_log(predictions=[predictions(["a"]), predictions(["b", "c"])])
    whole = (folder / INDEX).read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        (folder / INDEX).write_bytes(damaged)
        assert places(rows_by(open_store(folder), "predictions", "prediction_id", "c")) == [("part-00001", 1)]


@pytest.mark.parametrize("content", [b"", b"audit_lab.index\0", b"\0" * 72, struct.pack("<16sIIQQ", b"x", 1, 0, 1, 1)])
def test_a_file_that_is_no_index_is_left_aside(segmented_log, content):
    folder = segmented_log()
    (folder / INDEX).write_bytes(content)
    assert places(rows_by(open_store(folder), "predictions", "prediction_id", "p-017")) == [("part-00001", 2)]


def test_an_index_of_another_file_is_left_aside(segmented_log):
    folder = segmented_log()
    (folder / INDEX).write_bytes((folder / INDEX.replace("00001", "00000")).read_bytes())
    found = look_up(open_store(folder), "predictions", "prediction_id", "p-017")
    assert places(found.rows) == [("part-00001", 2)]
    assert found.damaged == ()


def test_a_pipe_a_folder_and_a_link_out_do_not_hang_or_lead_astray(segmented_log, tmp_path):
    folder = segmented_log()
    (folder / INDEX).unlink()
    os.mkfifo(folder / INDEX)
    first = folder / INDEX.replace("00001", "00000")
    first.unlink()
    first.mkdir()
    last = folder / INDEX.replace("00001", "00002")
    last.rename(tmp_path / "elsewhere.index")
    last.symlink_to(tmp_path / "elsewhere.index")
    store = open_store(folder)
    for number in (3, 17, 33):
        assert rows_by(store, "predictions", "prediction_id", f"p-{number:03d}").height == 1


def test_rows_beyond_the_file_and_one_key_for_all_rows(segmented_log):
    folder = segmented_log()
    store = open_store(folder)
    segment = store.manifest.tables["predictions"][1]
    header = (folder / INDEX).read_bytes()[:72]
    for rows in (range(2**32 - 15, 2**32), range(15), [14] * 15):
        forged = header + struct.pack("<15Q", *[key_of("p-017")] * 15) + struct.pack("<15I", *rows)
        (folder / INDEX).write_bytes(forged)
        assert places(rows_by(open_store(folder), "predictions", "prediction_id", "p-017")) == [("part-00001", 2)]
    assert segment.rows == 15


def test_two_ids_with_one_key_are_no_damage(segmented_log, monkeypatch):
    folder = segmented_log(predictions=[predictions(["a", "b"])])
    path = folder / INDEX.replace("00001", "00000")
    content = path.read_bytes()
    path.write_bytes(content[:72] + struct.pack("<QQII", *[key_of("a")] * 2, 0, 1))
    monkeypatch.setattr("audit_lab.log.index.row_search.key_of", lambda value: 5)
    found = look_up(open_store(folder), "predictions", "prediction_id", "a")
    assert places(found.rows) == [("part-00000", 0)]
    assert found.damaged == ()


def test_an_id_that_crowds_a_file(segmented_log):
    store = open_store(segmented_log(predictions=[predictions(["x"] * 70 + ["y"]), predictions(["x", "z"])]))
    assert rows_by(store, "predictions", "prediction_id", "x").height == 71
    with pytest.raises(AmbiguousIdError, match="stands in 71 places"):
        find_prediction(store, "x")
    assert find_prediction(store, "x@part-00000:69").place == "x@part-00000:69"
    assert len(find_prediction(store, "x@part-00001:0").places) == 71


def test_a_file_changed_in_place_is_looked_at_as_it_is(segmented_log):
    folder = segmented_log()
    store = open_store(folder)
    assert places(rows_by(store, "predictions", "prediction_id", "p-016")) == [("part-00001", 1)]
    path = folder / "predictions" / "part-00001.parquet"
    pl.read_parquet(path).reverse().write_parquet(path)
    found = look_up(store, "predictions", "prediction_id", "p-016")
    assert places(found.rows) == [("part-00001", 13)]
    assert found.damaged == (INDEX,)


def test_a_missing_file_is_named(segmented_log):
    folder = segmented_log()
    (folder / "predictions" / "part-00001.parquet").unlink()
    for asked in ("p-016", "p-001", "p-999"):
        with pytest.raises(LogError, match=r"part-00001\.parquet .*missing"):
            find_prediction(open_store(folder), asked)


def test_places(segmented_log):
    ids = [["a", "a"], ["a", "b@part-00000:1", "c@d"]]
    store = open_store(segmented_log(predictions=[predictions(part) for part in ids]))
    with pytest.raises(AmbiguousIdError) as raised:
        find_prediction(store, "a")
    assert raised.value.places == ("a@part-00000:0", "a@part-00000:1", "a@part-00001:0")
    for place in raised.value.places:
        found = find_prediction(store, place)
        assert (found.place, found.places) == (place, list(raised.value.places))
    assert find_prediction(store, "b@part-00000:1").place == "b@part-00000:1@part-00001:1"
    assert find_prediction(store, "c@d").place == "c@d@part-00001:2"
    for absent in ("a@part-00000:2", "a@part-00009:0", "c@part-00001:2", "c@d@part-00001:1", "@part-00000:0"):
        with pytest.raises(NotFoundError):
            find_prediction(store, absent)


def test_a_place_that_is_also_an_id_is_ambiguous(segmented_log):
    ids = [["a", "b"], ["a@part-00000:0", "a@part-00000:1", "a@part-00000:0"]]
    store = open_store(segmented_log(predictions=[predictions(part) for part in ids]))
    with pytest.raises(AmbiguousIdError, match="is the place of one prediction and the id of 2 others") as raised:
        find_prediction(store, "a@part-00000:0")
    assert raised.value.places == (
        "a@part-00000:00",
        "a@part-00000:0@part-00001:0",
        "a@part-00000:0@part-00001:2",
    )
    assert [find_prediction(store, place).row["prediction_id"] for place in raised.value.places] == [
        "a",
        "a@part-00000:0",
        "a@part-00000:0",
    ]
    assert find_prediction(store, "a").place == "a@part-00000:0"
    assert find_prediction(store, "a@part-00000:1").place == "a@part-00000:1@part-00001:1"  # no "a" stands there


def test_zeros_before_a_row_do_not_help_an_id_that_has_them_too(segmented_log):
    store = open_store(segmented_log(predictions=[predictions(["a", "a@part-00000:0", "a@part-00000:00"])]))
    with pytest.raises(AmbiguousIdError) as raised:
        find_prediction(store, "a@part-00000:00")
    assert raised.value.places == ("a@part-00000:000", "a@part-00000:00@part-00000:2")
    assert find_prediction(store, "a@part-00000:000").place == "a@part-00000:0"


def test_the_log_is_never_written(segmented_log, tmp_path):
    folder = segmented_log(indexes=False)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    al.open(folder).decision("p-017")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    kept = sorted((tmp_path / "caches" / "audit_lab" / "index").glob("*/*.prediction_id.index"))
    assert len(kept) == 7  # three segments of predictions, three of inputs, one of outcomes


def test_a_decision_says_how_its_id_was_looked_for(segmented_log, make_log):
    through_index = al.open(segmented_log()).decision("p-017")
    assert through_index.searched == (
        "The rows, and others under the same value, were looked for through the locator index."
    )
    assert through_index.place == "p-017@part-00001:2"
    assert set(through_index.inputs) == {"income", "city", "years"}


def test_a_decision_of_a_small_log_had_every_row_looked_at(make_log):
    assert al.open(make_log()).decision("p-017").searched == "Every row was looked at."
