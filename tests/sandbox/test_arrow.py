"""Tables that a hostile child may have written: each is refused with its reason, and the parent lives."""

from __future__ import annotations

import io
import os
import struct
import tempfile

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import SandboxError
from audit_lab.sandbox import arrow
from audit_lab.sandbox.arrow import read_tables


def written(frame, **options):
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, **options)
    return buffer.getvalue()


def of_pyarrow(table, **options):
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read(content, places=None):
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_tables(file.fileno(), [["a", 0, len(content)]] if places is None else places)


FRAME = pl.DataFrame({"score": [0.5, None], "label": ["a", "a label of more than twelve bytes"], "list": [[1.0], []]})


def test_what_polars_writes_is_read():
    one, two = written(FRAME), written(FRAME.head(1))
    found = read(one + two, [["a", 0, len(one)], ["b", len(one), len(two)]])
    assert found["a"].equals(FRAME, null_equal=True)
    assert found["b"].equals(FRAME.head(1), null_equal=True)


@pytest.mark.parametrize("method", ["lz4", "zstd"])
def test_a_compressed_table_is_refused(method):
    with pytest.raises(ValueError, match="compressed"):
        read(written(pl.DataFrame({"a": np.zeros(100_000)}), compression=method))


def test_a_compressed_dictionary_is_refused():
    values = pa.array(["x" * 1_000, "y"] * 10).dictionary_encode()
    with pytest.raises(ValueError, match="compressed"):
        read(of_pyarrow(pa.table({"a": values}), compression="zstd"))


@pytest.mark.parametrize(
    "places",
    [
        None,
        {},
        [["a"]],
        [["a", 0]],
        [[1, 0, 1]],
        [["a", "0", 1]],
        [["a", -1, 1]],
        [["a", 0, -1]],
        [["a", 1, 1]],
        [["a", 0, 1 << 62]],
        [["a", 0, 10**30]],
        [["a", 0, 8], ["b", 0, 8]],
        [["a", 0, 0]] * 1_001,
    ],
)
def test_places_that_cannot_be_are_refused(places):
    with tempfile.TemporaryFile() as file:
        file.write(bytes(64))
        file.flush()
        with pytest.raises(ValueError, match=r"."):
            read_tables(file.fileno(), places)


def test_a_table_beyond_the_end_of_the_file_is_refused():
    content = written(FRAME)
    with pytest.raises(ValueError, match="shorter"):
        read(content, [["a", 0, len(content) + 1]])


@pytest.mark.parametrize(
    "column",
    [
        pa.nulls(3, pa.list_(pa.null())),
        pa.array([{}, {}, {}], pa.struct([])),
        pa.array([[], [], []], pa.list_(pa.int8(), 0)),
        pa.array([b"", b"", b""], pa.binary(0)),
        pa.array([[("a", 1)], [], []], pa.map_(pa.string(), pa.int8())),
        pa.RunEndEncodedArray.from_arrays(pa.array([3], pa.int32()), pa.array([1])),
        pa.array([[1], [2], [3]], pa.list_view(pa.int8())),
    ],
    ids=lambda column: str(column.type),
)
def test_types_whose_values_may_cost_nothing_are_refused(column):
    with pytest.raises(ValueError, match="a column of type"):
        read(of_pyarrow(pa.table({"a": column})))


def test_deep_nesting_is_refused():
    kind = pa.int8()
    for _ in range(30):
        kind = pa.list_(kind)
    with pytest.raises(ValueError, match="nested too deep"):
        read(of_pyarrow(pa.table({"a": pa.array([], kind)})))


def test_more_rows_than_anybody_needs_are_refused():
    with pytest.raises(ValueError, match="too many rows"):
        read(of_pyarrow(pa.table({"a": pa.nulls(200_000_000)})))


def test_a_text_that_is_no_text_is_refused():
    content = of_pyarrow(pa.table({"a": ["abc"]})).replace(b"abc", b"\xff\xfe\xfd")
    with pytest.raises(ValueError, match="UTF8"):
        read(content)


def test_offsets_that_point_elsewhere_are_refused():
    whole = of_pyarrow(pa.table({"a": ["abc", "de"]}))
    offsets = struct.pack("<iii", 0, 3, 5)
    assert whole.count(offsets) == 1
    with pytest.raises(ValueError, match="ArrowInvalid"):
        read(whole.replace(offsets, struct.pack("<iii", 0, 1 << 30, 5)))


def test_cutting_anywhere_is_refused_or_reads_the_rows_before():
    content = written(FRAME)
    for length in range(0, len(content), 7):
        try:
            found = read(content[:length])
        except ValueError:
            continue
        assert found["a"].height in {0, 2}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_bytes_are_read_or_refused(data):
    content = bytearray(written(FRAME))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(content))
    except ValueError:
        return
    assert found["a"].height <= arrow._MOST_ROWS
    found["a"].to_dicts()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(content):
    with pytest.raises(ValueError, match=r"."):
        read(content)


def test_a_file_that_shrinks_while_it_is_read_is_refused(monkeypatch):
    content = written(FRAME)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        whole = os.preadv

        def shrinking(descriptor, buffers, offset):
            os.ftruncate(descriptor, 10)
            return whole(descriptor, buffers, offset)

        monkeypatch.setattr(arrow.os, "preadv", shrinking)
        with pytest.raises(ValueError, match="became shorter"):
            read_tables(file.fileno(), [["a", 0, len(content)]])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "cannot be read"), (b"nonsense", "cannot be read"), (written(FRAME, compression="zstd"), "compressed")],
    ids=["empty", "nonsense", "compressed"],
)
def test_a_forged_answer_ends_as_one(probe, content, words):
    with pytest.raises(SandboxError, match=words) as caught:
        probe("forge", {"content": content.hex(), "places": [["a", 0, len(content)]]})
    assert caught.value.reason == "output"


def test_a_forged_answer_that_is_sound_is_taken(probe):
    """The forgery itself works, so that the ones above are refused for what they hold."""
    content = written(FRAME)
    found = probe("forge", {"content": content.hex(), "places": [["a", 0, len(content)]]})
    assert found.tables["a"].equals(FRAME, null_equal=True)
