"""Looking many ids up at once: the same rows as each id gives alone, whatever state the indexes are in."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_lab.errors import AmbiguousIdError, LogError, NotFoundError
from audit_lab.log.index.batch_lookup import find_at, find_predictions, look_up_many
from audit_lab.log.index.index_file import IndexFile, index_bytes, key_of, keys_of
from audit_lab.log.index.lookup import find_prediction, look_up
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.store import open_store
from audit_lab.log.writing.compaction import compact, remove_replaced

AT = datetime(2024, 3, 4, tzinfo=UTC)
INDEX = "index/predictions/part-00001.prediction_id.index"
ALL = [f"p-{number:03d}" for number in range(40)]


def predictions(ids, **columns):
    return pl.DataFrame({"prediction_id": ids, "occurred_at": [AT] * len(ids), **columns})


def many(store, ids, table="predictions", column="prediction_id", **options):
    return look_up_many(store, table, column, pl.Series(ids, dtype=pl.String), **options)


def alone(folder, ids, table="predictions", column="prediction_id"):
    """Return what each id gives when it is looked up by itself, each time in a log opened anew."""
    rows = [look_up(open_store(folder), table, column, value).rows for value in dict.fromkeys(ids)]
    return pl.concat(rows).unique([SEGMENT, ROW]).sort(SEGMENT, ROW)


def places(frame):
    return list(zip(frame[SEGMENT], frame[ROW], strict=True))


@pytest.mark.parametrize("indexes", [True, False])
@pytest.mark.parametrize("asked", [ALL, ALL[3:5], [*ALL[::7], "absent", "p-003", "p-003"], ["absent"], []])
def test_many_ids_give_the_rows_that_each_gives_alone(segmented_log, indexes, asked):
    folder = segmented_log(indexes=indexes)
    for table in ("predictions", "inputs/loans", "outcomes"):
        found = many(open_store(folder), asked, table)
        expected = look_up(open_store(folder), table, "prediction_id", "p-001").rows.clear()
        if asked:
            expected = alone(folder, asked, table)
        assert found.rows.equals(expected)


def test_a_small_table_is_read_whole(make_log):
    found = many(open_store(make_log()), ["p-030", "p-003", "p-999"])
    assert places(found.rows) == [("part-00000", 3), ("part-00000", 30)]
    assert found.searched == "Every row was looked at."


def test_only_the_columns_that_are_wanted(segmented_log, make_log):
    for folder in (segmented_log(), make_log("small")):
        found = many(open_store(folder), ALL[:6], columns=["decision", "no such column"])
        assert found.rows.columns == ["prediction_id", "decision", SEGMENT, ROW]
        assert found.rows.height == 6


def test_subjects_stand_in_several_segments(segmented_log):
    first = predictions(["a", "b"], subject_id=["s1", "s2"])
    second = predictions(["c", "d", "e"], subject_id=["s2", None, "s3"])
    store = open_store(segmented_log(predictions=[first, second]))
    found = many(store, ["s2", "s1", "s9"], column="subject_id")
    assert found.rows["prediction_id"].to_list() == ["a", "b", "c"]


def test_column_without_an_index_is_read(segmented_log):
    found = many(open_store(segmented_log()), ["deny"], column="decision")
    assert found.every_row_read
    assert set(found.rows["decision"]) == {"deny"}


def test_segments_of_unlike_columns_are_unified_as_a_scan_does(segmented_log):
    first = predictions(["a"], sequence=pl.Series([1], dtype=pl.Int16))
    second = predictions(["b"], note=["kept"])
    third = predictions(["c"], sequence=[7])
    store = open_store(segmented_log(predictions=[first, second, third]))
    found = many(store, ["a", "b", "c"]).rows
    assert found.equals(store.placed("predictions").collect())


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "b", "é", "e\u0301", "a ", "", "x@part-00000:0", "a@part-00000:0", "x"]), min_size=1
    ),
    st.lists(
        st.sampled_from(["a", "b", "é", "", "x@part-00000:0", "x", "a@part-00000:0", "a@part-00000:00"]), min_size=1
    ),
)
def test_any_ids_any_number_of_times(segmented_log, ids, asked):
    cut = len(ids) // 2
    frames = [predictions(part) for part in (ids[:cut], ids[cut:])]
    store = open_store(segmented_log(f"log-{abs(hash((tuple(ids), tuple(asked))))}", predictions=frames))
    whole = store.placed("predictions").collect()
    assert many(store, asked).rows.equals(whole.filter(pl.col("prediction_id").is_in(asked)).sort(SEGMENT, ROW))
    answers = find_predictions(store, pl.Series(asked)).answers
    assert answers["asked"].to_list() == asked
    told = answers.select("found", "place", "places").rows()
    assert told == [named_alone(store, name) for name in asked]


def named_alone(store, asked):
    """Return whether one name names one row, which, and in how many places its id stands."""
    try:
        one = find_prediction(store, asked)
    except NotFoundError:
        return False, None, 0
    except AmbiguousIdError as error:
        return False, None, len(error.places)
    return True, one.place, len(one.places)


def test_absence_is_confirmed_by_reading_the_column(segmented_log):
    folder = segmented_log()
    store = open_store(folder)
    segment = store.manifest.tables["predictions"][1]
    ids = pl.read_parquet(folder / segment.path)["prediction_id"].to_list()
    lacking = pl.Series([None if value in ("p-020", "p-021") else value for value in ids])
    (folder / INDEX).write_bytes(index_bytes(lacking, segment.sha256))
    assert places(many(store, ["p-019", "p-020"], confirm=False).rows) == [("part-00001", 4)]
    found = many(store, ["p-019", "p-020", "p-021"])
    assert places(found.rows) == [("part-00001", 4), ("part-00001", 5), ("part-00001", 6)]
    assert found.damaged == (INDEX,)


def test_an_index_that_names_wrong_rows_is_told_and_replaced(segmented_log):
    folder = segmented_log()
    store = open_store(folder)
    segment = store.manifest.tables["predictions"][1]
    ids = pl.read_parquet(folder / segment.path)["prediction_id"]
    (folder / INDEX).write_bytes(index_bytes(ids.reverse(), segment.sha256))
    asked = ["p-015", "p-016", "p-017", "p-029", "p-003"]
    found = many(store, asked)
    assert found.rows.equals(alone(folder, asked))
    assert found.damaged == (INDEX,)
    assert f"Damaged, so not used: {INDEX}." in found.searched
    assert many(store, asked).rows.equals(found.rows)


def test_an_index_with_two_of_its_keys_swapped_is_found_out_though_both_are_asked_for(segmented_log):
    folder = segmented_log(predictions=[predictions(["a"]), predictions(["b", "c"])])
    store = open_store(folder)
    content = (folder / INDEX).read_bytes()
    rows = struct.unpack("<2I", content[-8:])
    (folder / INDEX).write_bytes(content[:-8] + struct.pack("<2I", *reversed(rows)))
    found = many(store, ["a", "b", "c"])
    assert found.rows["prediction_id"].to_list() == ["a", "b", "c"]
    assert found.damaged == (INDEX,)


@pytest.mark.parametrize("most_bytes_read", [0, 262_144])
def test_every_byte_of_an_index_flipped_leaves_the_answer(segmented_log, monkeypatch, most_bytes_read):
    monkeypatch.setattr("audit_lab.log.index.open_indexes._MOST_BYTES_READ", most_bytes_read)
    folder = segmented_log(predictions=[predictions(["a"]), predictions(["b", "c"])])
    whole = (folder / INDEX).read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        (folder / INDEX).write_bytes(damaged)
        assert many(open_store(folder), ["a", "b", "c"]).rows["prediction_id"].to_list() == ["a", "b", "c"]


def test_rows_beyond_the_file_and_one_key_for_all_rows(segmented_log):
    folder = segmented_log()
    header = (folder / INDEX).read_bytes()[:72]
    for rows in (range(2**32 - 15, 2**32), range(15), [14] * 15):
        forged = header + struct.pack("<15Q", *[key_of("p-017")] * 15) + struct.pack("<15I", *rows)
        (folder / INDEX).write_bytes(forged)
        found = many(open_store(folder), ["p-016", "p-017", "p-003"])
        assert found.rows["prediction_id"].to_list() == ["p-003", "p-016", "p-017"]


def test_a_forged_index_of_keys_without_order_costs_no_memory(segmented_log):
    rows = 200_000
    folder = segmented_log(predictions=[predictions(["a"]), predictions([str(n) for n in range(rows)])])
    index = IndexFile.parse((folder / INDEX).read_bytes())
    asked = np.sort(np.array([key_of(str(number)) for number in range(2_000)], dtype=np.uint64))
    keys = np.resize(asked, rows)
    header = (folder / INDEX).read_bytes()[:72]
    (folder / INDEX).write_bytes(header + keys.tobytes() + np.zeros(rows, dtype="<u4").tobytes())
    assert index.find_many(asked, 64) is not None
    assert many(open_store(folder), [str(number) for number in range(2_000)]).rows.height == 2_000


def test_two_ids_with_one_key_are_no_damage(segmented_log, monkeypatch):
    folder = segmented_log(predictions=[predictions(["a", "b"])])
    path = folder / INDEX.replace("00001", "00000")
    content = path.read_bytes()
    path.write_bytes(content[:72] + struct.pack("<QQII", 5, 5, 0, 1))
    monkeypatch.setattr(
        "audit_lab.log.index.batch_search.keys_of", lambda values: pl.Series([5] * values.len(), dtype=pl.UInt64)
    )
    found = many(open_store(folder), ["a"])
    assert places(found.rows) == [("part-00000", 0)]
    assert found.damaged == ()


def test_an_id_that_crowds_a_file(segmented_log):
    store = open_store(segmented_log(predictions=[predictions(["x"] * 70 + ["y"]), predictions(["x", "z"])]))
    found = many(store, ["x", "z"])
    assert found.rows.height == 72
    answers = find_predictions(store, pl.Series(["x", "x@part-00000:69", "y"])).answers
    assert answers["places"].to_list() == [71, 71, 1]
    assert answers["found"].to_list() == [False, True, True]


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
    assert many(open_store(folder), ["p-003", "p-017", "p-033"]).rows.height == 3


def test_a_file_changed_in_place_is_looked_at_as_it_is(segmented_log):
    folder = segmented_log()
    store = open_store(folder)
    assert many(store, ["p-016", "p-018"]).rows[ROW].to_list() == [1, 3]
    path = folder / "predictions" / "part-00001.parquet"
    pl.read_parquet(path).reverse().write_parquet(path)
    found = many(store, ["p-016", "p-018"])
    assert found.rows[ROW].to_list() == [11, 13]
    assert found.damaged == (INDEX,)


def test_a_missing_file_is_named(segmented_log):
    folder = segmented_log()
    (folder / "predictions" / "part-00001.parquet").unlink()
    with pytest.raises(LogError, match=r"part-00001\.parquet .*missing"):
        many(open_store(folder), ALL)


def test_rows_of_compacted_files_and_of_files_that_were_removed_since(sealed_log, monkeypatch):
    monkeypatch.setattr("audit_lab.log.index.shelf._MOST_ROWS", 0)
    store = open_store(sealed_log.folder)
    asked = [f"p-{number:03d}" for number in range(0, 30, 2)]
    expected = {table: alone(sealed_log.folder, asked, table) for table in ("predictions", "inputs/loans")}
    assert many(store, asked).rows.equals(expected["predictions"])
    with sealed_log.writer() as writer:
        compact(writer)
        sealed_log.clock.now += timedelta(days=1)
        remove_replaced(writer, older_than=timedelta(0), actor="tests")
    for opened in (store, open_store(sealed_log.folder)):
        for table, rows in expected.items():
            assert many(opened, asked, table).rows.equals(rows)
            assert len(opened.shelf.segments(table)) == 1


def test_an_earlier_state_does_not_hold_what_came_later(sealed_log, monkeypatch):
    monkeypatch.setattr("audit_lab.log.index.shelf._MOST_ROWS", 0)
    sizes = sorted(int(path.name) for path in (sealed_log.folder / "checkpoints").iterdir())
    with sealed_log.writer() as writer:
        compact(writer)
    asked = ["p-005", "p-015", "p-025"]
    counts = []
    for size in sizes:
        store = open_store(sealed_log.folder, as_of=size)
        there = set(store.placed("predictions").collect()["prediction_id"])
        found = many(store, asked)
        assert found.rows["prediction_id"].to_list() == [each for each in asked if each in there]
        counts.append(found.rows.height)
    assert set(counts) >= {1, 2, 3}


def test_places_and_ids_that_look_like_places(segmented_log):
    ids = [["a", "a"], ["a", "b@part-00000:1", "c@d"]]
    store = open_store(segmented_log(predictions=[predictions(part) for part in ids]))
    asked = ["a@part-00001:0", "b@part-00000:1", "c@d", "c@d@part-00001:2", "a", "a@part-00000:2", "c@part-00001:2"]
    answers = find_predictions(store, pl.Series(asked)).answers
    assert answers["place"].to_list() == [
        "a@part-00001:0",
        "b@part-00000:1@part-00001:1",
        "c@d@part-00001:2",
        "c@d@part-00001:2",
        None,
        None,
        None,
    ]
    assert answers["places"].to_list() == [3, 1, 1, 1, 3, 0, 0]


def test_a_place_that_is_also_an_id_names_no_row(segmented_log):
    ids = [["a", "b"], ["a@part-00000:0", "a@part-00000:1"]]
    store = open_store(segmented_log(predictions=[predictions(part) for part in ids]))
    answers = find_predictions(store, pl.Series(["a@part-00000:0", "a@part-00000:00", "a@part-00000:1"])).answers
    assert answers.select("found", "place", "places").rows() == [
        (False, None, 2),
        (True, "a@part-00000:0", 1),
        (True, "a@part-00000:1@part-00001:1", 1),
    ]


def test_known_places_are_taken_as_they_are_told(segmented_log):
    ids = [["a", "x"], ["a", "x@part-00000:1"]]
    store = open_store(segmented_log(predictions=[predictions(part) for part in ids]))
    found = find_at(store, pl.Series(["x", "a"]), pl.Series(["part-00000", "part-00001"]), pl.Series([1, 0]))
    assert found.answers["place"].to_list() == ["x@part-00000:1", "a@part-00001:0"]
    assert found.answers["places"].to_list() == [1, 2]
    assert found.answers["found"].to_list() == [True, True]


@given(st.lists(st.text(max_size=20)))
def test_keys_of_many_are_those_of_each(values):
    assert keys_of(pl.Series(values, dtype=pl.String)).to_list() == [key_of(value) for value in values]


def test_the_key_of_null_is_null():
    assert keys_of(pl.Series(["a", None])).to_list() == [key_of("a"), None]
