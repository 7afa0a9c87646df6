"""Reading one row of a file by its number."""

from __future__ import annotations

import polars as pl
import pytest

from audit_lab.errors import LogError
from audit_lab.log.index.row_reader import RowReader
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.store import open_store


@pytest.fixture
def opened(segmented_log):
    """The store, a reader and the segments of its predictions."""

    def open_(**options):
        store = open_store(segmented_log())
        return store, RowReader(store.source, store.path, **options), store.manifest.tables["predictions"]

    return open_


def test_every_row_is_the_one_that_a_scan_gives(opened):
    store, reader, segments = opened()
    every = store.placed("predictions").collect()
    wanted = [(segment, row) for segment in segments for row in range(segment.rows)]
    assert pl.concat(reader.rows("predictions", wanted)).equals(every)
    alone = reader.rows("predictions", [(segments[1], 14)])
    assert alone[0].row(0, named=True) == every.row(29, named=True)
    assert (alone[0][SEGMENT][0], alone[0][ROW][0]) == ("part-00001", 14)


def test_no_row_beyond_the_end(opened):
    _, reader, segments = opened()
    assert reader.rows("predictions", [(segments[0], 15)])[0].height == 0
    assert reader.rows("predictions", [(segments[0], 2**32 - 1)])[0].height == 0
    assert reader.rows("predictions", []) == []


def test_rows_across_row_groups_and_pages(segmented_log):
    folder = segmented_log()
    path = folder / "predictions" / "part-00000.parquet"
    wide = pl.concat([pl.read_parquet(path)] * 40).with_columns(sequence=pl.int_range(600, dtype=pl.Int64))
    wide.write_parquet(path, row_group_size=64, data_page_size=64)
    store = open_store(folder)
    reader = RowReader(store.source, store.path)
    segment = store.manifest.tables["predictions"][0]
    for row in (0, 63, 64, 65, 127, 128, 599):
        assert reader.rows("predictions", [(segment, row)])[0]["sequence"].to_list() == [row]


def test_a_file_that_was_replaced_is_read_anew(opened):
    store, reader, segments = opened()
    before = reader.rows("predictions", [(segments[0], 0)])[0]["prediction_id"].to_list()
    path = store.path / segments[0].path
    pl.read_parquet(path).reverse().write_parquet(path)
    after = reader.rows("predictions", [(segments[0], 0)])[0]["prediction_id"].to_list()
    assert (before, after) == (["p-000"], ["p-014"])


def test_a_file_that_was_removed_is_named(opened):
    store, reader, segments = opened()
    reader.rows("predictions", [(segments[0], 0)])
    (store.path / segments[0].path).unlink()
    with pytest.raises(LogError, match=r"predictions/part-00000\.parquet .*missing"):
        reader.rows("predictions", [(segments[0], 0)])


def test_few_files_are_kept_open(opened):
    _, reader, segments = opened(most_open_files=2)
    for segment in segments * 2:
        assert reader.rows("predictions", [(segment, 0)])[0].height == 1
    assert len(reader._opened) == 2


def test_stamp_changes_with_the_file_and_is_none_without_one(opened):
    store, reader, segments = opened()
    before = reader.stamp(segments[0])
    assert before == reader.stamp(segments[0])
    path = store.path / segments[0].path
    path.write_bytes(path.read_bytes() + b"\0")
    assert reader.stamp(segments[0]) != before
    path.unlink()
    assert reader.stamp(segments[0]) is None
