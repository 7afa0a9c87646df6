"""A column that two files store alike has the same values: nothing that reads otherwise is taken for the same."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_lab.log.files.same_column import is_same_column

IDS = [f"id-{number * 7919 % 100_003:06d}" for number in range(3_000)]


def written(path, ids, *, beside=None, **how):
    """Write ids, of any type, in row groups of a thousand, with another column after them."""
    column = ids if isinstance(ids, pa.Array) else pa.array(ids)
    table = pa.table({"prediction_id": column, "beside": pa.array(beside or range(len(column)))})
    pq.write_table(table, path, row_group_size=1_000, **({"compression": "zstd"} | how))
    return path


@pytest.fixture
def first(tmp_path):
    return written(tmp_path / "first.parquet", IDS)


def test_two_tables_of_one_writer_are_seen_to_share_their_ids(first, tmp_path):
    other = written(tmp_path / "other.parquet", IDS, beside=[0.5] * 3_000)
    assert is_same_column(first, other, "prediction_id")
    assert not is_same_column(first, other, "beside")


@pytest.mark.parametrize("place", [0, 999, 1_000, 2_999])
def test_one_other_id_is_seen(first, tmp_path, place):
    ids = [*IDS[:place], "id-other1", *IDS[place + 1 :]]
    assert not is_same_column(first, written(tmp_path / "other.parquet", ids), "prediction_id")


@pytest.mark.parametrize(
    "ids",
    [IDS[1:], IDS[:2_000], [*IDS[1_000:2_000], *IDS[:1_000], *IDS[2_000:]], [None, *IDS[1:]], list(reversed(IDS))],
    ids=["one less", "a row group less", "row groups exchanged", "one missing", "reversed"],
)
def test_ids_in_another_order_or_number_are_others(first, tmp_path, ids):
    assert not is_same_column(first, written(tmp_path / "other.parquet", ids), "prediction_id")


@pytest.mark.parametrize(
    "how",
    [{"compression": "snappy"}, {"use_dictionary": False}, {"row_group_size": 500}],
    ids=["codec", "encoding", "row groups"],
)
def test_equal_ids_that_are_stored_otherwise_are_left_to_be_compared(first, tmp_path, how):
    other = tmp_path / "other.parquet"
    table = pq.read_table(first)
    pq.write_table(table, other, **({"compression": "zstd", "row_group_size": 1_000} | how))
    assert pl.read_parquet(other).equals(pl.read_parquet(first))
    assert not is_same_column(first, other, "prediction_id")


def test_the_same_bytes_of_another_type_are_no_same_values(tmp_path):
    numbers = list(range(3_000))
    one = written(tmp_path / "one.parquet", pa.array(numbers, pa.int64()))
    other = written(tmp_path / "other.parquet", pa.array(numbers, pa.timestamp("us")))
    assert not is_same_column(one, other, "prediction_id")
    required = pa.schema([pa.field("prediction_id", pa.int64(), nullable=False), pa.field("beside", pa.int64())])
    table = pa.table({"prediction_id": pa.array(numbers), "beside": pa.array(numbers)}, schema=required)
    pq.write_table(table, other, row_group_size=1_000, compression="zstd")
    assert not is_same_column(one, other, "prediction_id")


def test_a_missing_column_a_missing_file_and_what_is_no_parquet_are_not_the_same(first, tmp_path):
    assert not is_same_column(first, first, "other")
    assert not is_same_column(first, tmp_path / "absent.parquet", "prediction_id")
    for content in (b"", b"PAR1", b"PAR1" + bytes(64) + b"PAR1", first.read_bytes()[:-9]):
        (tmp_path / "other.parquet").write_bytes(content)
        assert not is_same_column(first, tmp_path / "other.parquet", "prediction_id")


def test_a_bit_flipped_in_a_page_is_seen(first, tmp_path):
    content = bytearray(first.read_bytes())
    chunk = pq.read_metadata(first).row_group(1).column(0)
    content[chunk.dictionary_page_offset + chunk.total_compressed_size // 2] ^= 1
    (tmp_path / "other.parquet").write_bytes(content)
    assert not is_same_column(first, tmp_path / "other.parquet", "prediction_id")


def test_files_without_rows_share_what_they_do_not_have(tmp_path):
    paths = [written(tmp_path / f"{name}.parquet", pa.array([], pa.string())) for name in "ab"]
    assert is_same_column(*paths, "prediction_id")
