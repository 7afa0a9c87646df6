"""Tables read from several files: one schema, places, and no file touched that a time range leaves out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError
from audit_lab.log.search.wide import Beside
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.store import open_store

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)


def predictions(first, last, **columns):
    numbers = range(first, last)
    times = [START + timedelta(days=number) for number in numbers]
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{number}" for number in numbers],
            "occurred_at": times,
            "recorded_at": times,
            "model_name": ["loans"] * len(times),
            "model_version": ["1"] * len(times),
            **columns,
        }
    )


def inputs(first, last, **columns):
    return predictions(first, last, **columns).select("prediction_id", "recorded_at", *columns)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a log whose tables have the given frames as segments, with their times."""

    def make(**tables):
        listed = {}
        for name, frames in tables.items():
            table = name.replace("inputs_", "inputs/")
            listed[table] = {"segments": [entry(table, number, frame) for number, frame in enumerate(frames)]}
        document = {"format": "audit_lab.log", "schema_version": 1, "origin": "tests", "tables": listed}
        (tmp_path / "manifest.json").write_text(json.dumps(document))
        return tmp_path

    def entry(table, number, frame):
        path = tmp_path / table / f"part-{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
        column = "occurred_at" if table == "predictions" else "recorded_at"
        times = [None if value is None else value.isoformat() for value in (frame[column].min(), frame[column].max())]
        return {
            "path": f"{table}/part-{number}.parquet",
            "rows": frame.height,
            "size_bytes": path.stat().st_size,
            "sha256": "0" * 64,
            "first_time": times[0],
            "last_time": times[1],
        }

    return make


def test_new_missing_and_widened_columns_become_one_schema(write):
    folder = write(
        predictions=[
            predictions(0, 2, threshold=pl.Series([1, 2], dtype=pl.Int8), extra=pl.Series([1, 2], dtype=pl.Int32)),
            predictions(2, 3, sequence=[9], extra=[2.5]),
            predictions(3, 4, outputs=[{"score": 0.5}]),
        ],
        inputs_loans=[
            inputs(0, 2, age=pl.Series([1, 2], dtype=pl.UInt16)),
            inputs(2, 4, age=[3.5, None], city=["Bern", "Oslo"]),
        ],
    )
    store = open_store(folder)
    rows = store.table("predictions").collect()
    assert rows.select("threshold", "sequence", "extra").rows() == [
        (1.0, None, 1.0),
        (2.0, None, 2.0),
        (None, 9, 2.5),
        (None, None, None),
    ]
    assert rows["outputs"].to_list()[2:] == [None, {"score": 0.5, "label": None, "probabilities": None}]
    assert rows.schema["extra"] == pl.Float64
    features = store.inputs("loans").collect()
    assert features.select("age", "city").rows() == [(1.0, None), (2.0, None), (3.5, "Bern"), (None, "Oslo")]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"threshold": [0.5]}, {"threshold": ["high"]}, "column threshold of predictions/part-1.parquet is String"),
        ({"decision": ["x"]}, {"decision": [1]}, "column decision of predictions/part-1.parquet is Int64"),
    ],
)
def test_an_incompatible_change_is_refused_by_name(write, first, second, said):
    store = open_store(write(predictions=[predictions(0, 1, **first), predictions(1, 2, **second)]))
    with pytest.raises(LogError, match=said):
        store.table("predictions")


def test_a_column_that_says_where_rows_stand_is_refused_in_a_log_that_is_not_sealed(write):
    store = open_store(write(predictions=[predictions(0, 1, **{SEGMENT: ["x"]})]))
    with pytest.raises(LogError, match="has a column _segment, a name by which"):
        store.table("predictions")


@pytest.mark.parametrize("most", [256, 1])
def test_places_are_the_same_however_many_files_are_scanned_as_one(write, monkeypatch, most):
    monkeypatch.setattr("audit_lab.log.engines.polars_engine._MOST_SINGLE_SCANS", most)
    store = open_store(write(predictions=[predictions(0, 2), predictions(2, 2), predictions(2, 5), predictions(5, 6)]))
    assert store.placed("predictions").select(SEGMENT, ROW, "prediction_id").collect().rows() == [
        ("part-0", 0, "p-0"),
        ("part-0", 1, "p-1"),
        ("part-2", 0, "p-2"),
        ("part-2", 1, "p-3"),
        ("part-2", 2, "p-4"),
        ("part-3", 0, "p-5"),
    ]
    assert store.placed("predictions").collect_schema()[ROW] == pl.UInt32
    assert al.open(store.path).find("prediction_id = 'p-4'")["place"].to_list() == ["p-4@part-2:2"]


def test_files_outside_a_time_range_are_not_touched(write):
    folder = write(predictions=[predictions(0, 10), predictions(10, 20), predictions(20, 30)])
    (folder / "predictions" / "part-0.parquet").write_bytes(b"nonsense")
    (folder / "predictions" / "part-2.parquet").unlink()
    log = al.open(folder)
    found = log.find(since="2024-03-15", until="2024-03-17")
    assert found["prediction_id"].to_list() == ["p-11", "p-12"]
    assert log.find("model_name = 'loans'", since="2024-03-14T09:00", until="2024-03-24").height == 10
    for options in ({"since": "2024-03-14T08:00", "until": "2024-03-14T08:30"}, {}, {"since": "2024-03-13T09:00"}):
        if options.get("until"):
            assert log.find(**options).height == 0
        else:
            with pytest.raises(LogError, match="part-[02].parquet"):
                log.find(**options)


def test_files_that_state_no_time_are_read(write):
    untimed = predictions(0, 2).with_columns(occurred_at=pl.lit(None, dtype=pl.Datetime("us", "UTC")))
    folder = write(predictions=[untimed, predictions(2, 4)])
    assert al.open(folder).find(since="2024-03-07").height == 1
    assert al.open(folder).find().height == 4


def test_a_time_range_without_files_is_empty(write):
    found = al.open(write(predictions=[predictions(0, 2)])).find(since="2030-01-01")
    assert found.height == 0
    assert "prediction_id" in found.columns


def beside(store, since=None, until=None):
    frame = Beside(store, ("loans",), since, until).frame()
    return (
        frame.collect().to_native().sort("occurred_at").select("prediction_id", "inputs/age", "__has_inputs__").rows()
    )


EXPECTED = [(f"p-{number}", number, True) for number in range(12)]


@pytest.fixture(params=[200_000, 0], ids=["by id", "by order"])
def in_order(write, monkeypatch, request):
    """A log whose inputs follow in the order of the predictions, in files of other sizes."""
    monkeypatch.setattr("audit_lab.log.search.wide._FEW", request.param)
    ages = inputs(0, 12, age=list(range(12)))
    return open_store(
        write(
            predictions=[predictions(0, 4), predictions(4, 8), predictions(8, 12)],
            inputs_loans=[ages[:5], ages[5:11], ages[11:]],
        )
    )


@pytest.mark.parametrize(("first", "last"), [(0, 12), (0, 3), (3, 9), (5, 6), (8, 12), (11, 12), (4, 4)])
def test_inputs_stand_beside_the_predictions_of_a_time_range(in_order, first, last):
    since, until = (START + timedelta(days=number) for number in (first, last))
    assert beside(in_order, since, until) == EXPECTED[first:last]
    assert beside(in_order, since) == EXPECTED[first:]
    assert beside(in_order, None, until) == EXPECTED[:last]


def test_inputs_stand_beside_all_predictions(in_order):
    assert beside(in_order) == EXPECTED


@pytest.mark.parametrize("few", [200_000, 0])
@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.reverse(),
        lambda rows: pl.concat([rows[1:], rows[:1]]),
        lambda rows: rows.filter(pl.col("prediction_id") != "p-3"),
        lambda rows: pl.concat([rows, rows[3:4].with_columns(age=pl.lit(99, dtype=pl.Int64))]),
        lambda rows: pl.concat([rows[:3], rows[4:5], rows[4:]]),
    ],
    ids=["reversed", "rotated", "one missing", "one twice", "one in place of another"],
)
def test_inputs_in_another_order_are_joined_by_id(write, monkeypatch, change, few):
    monkeypatch.setattr("audit_lab.log.search.wide._FEW", few)
    ages = change(inputs(0, 6, age=list(range(6))))
    store = open_store(write(predictions=[predictions(0, 3), predictions(3, 6)], inputs_loans=[ages[:2], ages[2:]]))
    once = {row[0] for row in ages.group_by("prediction_id").len().filter(pl.col("len") == 1).rows()}
    expected = [row if row[0] in once else (row[0], None, None) for row in EXPECTED[:6]]
    assert beside(store) == expected
    assert beside(store, START, START + timedelta(days=5)) == expected[:5]


def test_a_manifest_that_miscounts_its_rows_does_not_shift_them(write, monkeypatch):
    monkeypatch.setattr("audit_lab.log.search.wide._FEW", 0)
    ages = inputs(0, 6, age=list(range(6)))
    folder = write(predictions=[predictions(0, 3), predictions(3, 6)], inputs_loans=[ages[:3], ages[3:]])
    document = json.loads((folder / "manifest.json").read_text())
    listed = document["tables"]["inputs/loans"]["segments"]
    listed[0]["rows"], listed[1]["rows"] = 2, 4
    (folder / "manifest.json").write_text(json.dumps(document))
    assert beside(open_store(folder), START + timedelta(days=3)) == EXPECTED[3:6]


def test_models_are_kept_apart(write):
    both = pl.concat([predictions(0, 3), predictions(3, 6).with_columns(model_name=pl.lit("cars"))])
    folder = write(
        predictions=[both, predictions(6, 7).with_columns(model_name=pl.lit(None, dtype=pl.String))],
        inputs_loans=[inputs(0, 3, age=[0, 1, 2])],
        inputs_cars=[inputs(3, 6, age=[3.5, 4.5, 5.5], doors=[3, 4, 5])],
    )
    assert beside(open_store(folder)) == EXPECTED[:3]
    found = al.open(folder).find("inputs.age >= 2 OR inputs IS NULL")
    assert [(row["prediction_id"], row["inputs"]) for row in found.iter_rows(named=True)] == [
        ("p-2", {"age": 2.0, "doors": None}),
        ("p-3", {"age": 3.5, "doors": 3}),
        ("p-4", {"age": 4.5, "doors": 4}),
        ("p-5", {"age": 5.5, "doors": 5}),
        ("p-6", None),
    ]
