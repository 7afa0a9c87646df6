"""What an engine reads of a log's files: their rows with their places, whatever the files and columns are called."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.engines.answers import collected
from audit_lab.log.engines.brought import brought
from audit_lab.log.engines.choice import engine_named
from audit_lab.log.engines.part import ROW, SEGMENT, Part, PlacedFile

SCHEMA = pl.Schema({"id": pl.String(), "n": pl.Int64()})
WANTED = pl.Schema(
    {
        "id": pl.String(),
        "n": pl.Float64(),
        "new": pl.String(),
        "outputs": pl.Struct({"score": pl.Float64(), "label": pl.String()}),
    }
)


def written(path, frame):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    return str(path)


def scanned(engine, part):
    return collected(engine.scan(part), "the rows").sort("id").cast({ROW: pl.UInt32})


def test_rows_have_their_places_and_the_types_wanted(engine, tmp_path):
    one = pl.DataFrame({"id": ["a", "b"], "n": [1, 2]})
    files = (
        PlacedFile(written(tmp_path / "odd [dir]*" / "part?.parquet", one), 2, "first"),
        PlacedFile(
            written(tmp_path / "odd [dir]*" / "it's ü +%2F&=.parquet", one.with_columns(id=pl.lit("c"))[:1]),
            1,
            "second",
        ),
    )
    expected = pl.DataFrame(
        {
            "id": ["a", "b", "c"],
            "n": [1.0, 2.0, 1.0],
            "new": [None, None, None],
            "outputs": [None, None, None],
            SEGMENT: ["first", "first", "second"],
            ROW: [0, 1, 0],
        },
        schema={**WANTED, SEGMENT: pl.String, ROW: pl.UInt32},
    )
    assert_frame_equal(scanned(engine, Part(files, SCHEMA, WANTED)), expected)


def test_a_file_that_says_its_places_is_believed(engine, tmp_path):
    rows = pl.DataFrame({"id": ["a", "b"], SEGMENT: ["s1", "s2"], ROW: pl.Series([7, 0], dtype=pl.UInt32)})
    file = PlacedFile(written(tmp_path / "merged.parquet", rows), 2, None)
    found = scanned(engine, Part((file,), rows.schema, pl.Schema({"id": pl.String()})))
    assert found.select(SEGMENT, ROW).rows() == [("s1", 7), ("s2", 0)]


def test_a_struct_gains_the_field_that_it_lacks(engine, tmp_path):
    rows = pl.DataFrame({"id": ["a", "b"], "outputs": [{"score": 0.5}, None]})
    file = PlacedFile(written(tmp_path / "x.parquet", rows), 2, "s")
    wanted = pl.Schema({"id": WANTED["id"], "outputs": WANTED["outputs"]})
    found = scanned(engine, Part((file,), rows.schema, wanted))
    assert found["outputs"].to_list() == [{"score": 0.5, "label": None}, None]


def test_a_part_can_be_narrowed(engine, tmp_path):
    rows = pl.DataFrame({"id": ["a"], "n": [1], "m": [2.5]})
    part = Part((PlacedFile(written(tmp_path / "x.parquet", rows), 1, "s"),), rows.schema, rows.schema)
    found = scanned(engine, part.narrowed(("id", "m", "absent")))
    assert found.to_dict(as_series=False) == {"id": ["a"], "m": [2.5], SEGMENT: ["s"], ROW: [0]}
    assert part.narrowed(None) is part


def test_columns_that_need_nothing_are_not_asked_for_again(tmp_path):
    pytest.importorskip("duckdb")
    rows = pl.DataFrame({f"feature_{number}": [0.5] for number in range(20)})
    part = Part((PlacedFile(written(tmp_path / "x.parquet", rows), 1, "s"),), rows.schema, rows.schema)
    frame = engine_named("duckdb").scan(part)
    assert brought(frame, part) is frame


@pytest.mark.parametrize(
    ("engine", "names", "said"),
    [
        ("duckdb", ["Age", "age"], "cannot tell the columns of .* apart that are named 'age'"),
        ("spark", ["a.b"], "cannot ask for a column named 'a.b'"),
        ("spark", ["a`b"], "cannot ask for a column named 'a`b'"),
    ],
    indirect=["engine"],
)
def test_names_that_an_engine_cannot_speak_are_refused(engine, tmp_path, names, said):
    rows = pl.DataFrame({name: [1] for name in names})
    file = PlacedFile(written(tmp_path / "x.parquet", rows), 1, "s")
    with pytest.raises(MisuseError, match=said):
        engine.scan(Part((file,), rows.schema, rows.schema))


def test_names_that_polars_can_speak(tmp_path):
    from audit_lab.log.engines.polars_engine import scan_part

    rows = pl.DataFrame({"Age": [1], "age": [2], "a.b": [3], "a`b": [4]})
    file = PlacedFile(written(tmp_path / "x.parquet", rows), 1, "s")
    assert scan_part(Part((file,), rows.schema, rows.schema)).drop(SEGMENT, ROW).collect().equals(rows)


@pytest.mark.parametrize("engine", ["duckdb", "spark"], indirect=True)
def test_a_file_that_is_no_parquet_is_named(engine, tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nonsense PAR1")
    file = PlacedFile(str(tmp_path / "x.parquet"), 1, "s")
    with pytest.raises(LogError, match=r"x\.parquet and the files of its kind cannot be read with"):
        engine.scan(Part((file,), SCHEMA, SCHEMA))


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_duckdb_reads_this_machine_only(engine):
    part = Part((PlacedFile("s3://bucket/x.parquet", 1, "s"),), SCHEMA, SCHEMA, {"aws_region": "x"})
    with pytest.raises(MisuseError, match="reads logs on this machine only"):
        engine.scan(part)


def test_rows_of_this_process_become_rows_of_the_engine(engine):
    rows = pl.DataFrame({"id": ["a", "b"], "n": [1, None]})
    assert_frame_equal(collected(engine.local(rows), "the rows").sort("id"), rows)
    assert collected(engine.local(rows.clear()), "the rows").height == 0
