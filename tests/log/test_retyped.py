"""A feature whose type changed between the files of a log: read as numbers where all fit, else as text, and told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.log.files.write import write_log
from audit_lab.log.store import open_store

START = datetime(2024, 3, 4, tzinfo=UTC)
ROWS = 600
FITS = "numbers with fractions, each of the same value"


@pytest.fixture
def log_of(tmp_path):
    """Return what makes a log whose inputs lie in one file for each of some columns of a feature ``income``."""

    def make(*files: pl.Series) -> str:
        count = sum(map(len, files))
        ids = [f"p{number}" for number in range(count)]
        times = [START + timedelta(hours=number * 24 * 14 / count) for number in range(count)]
        predictions = pl.DataFrame(
            {
                "prediction_id": ids,
                "occurred_at": times,
                "model_name": "loans",
                "model_version": "1",
                "decision": ["yes", "no"] * (count // 2) + ["yes"] * (count % 2),
            }
        )
        age = pl.Series("age", [20 + number % 40 for number in range(count)])
        folder, begin, segments = tmp_path / "log", 0, []
        write_log(
            folder, {"predictions": predictions, "inputs/loans": pl.DataFrame({"prediction_id": []})}, {"origin": "o"}
        )
        for number, values in enumerate(files):
            end = begin + len(values)
            rows = pl.DataFrame({"prediction_id": ids[begin:end], "income": values, "age": age[begin:end]})
            path = folder / "inputs" / "loans" / f"part-{number:05}.parquet"
            rows.write_parquet(path)
            content = path.read_bytes()
            segments.append(
                {
                    "path": f"inputs/loans/{path.name}",
                    "rows": rows.height,
                    "size_bytes": len(content),
                    "sha256": sha256(content).hexdigest(),
                    "first_time": None,
                    "last_time": None,
                }
            )
            begin = end
        manifest = json.loads((folder / "manifest.json").read_bytes())
        manifest["tables"]["inputs/loans"]["segments"] = segments
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return str(folder)

    return make


def halves(one, other, count: int = ROWS // 2):
    first = pl.Series("income", [one(number) for number in range(count)])
    return first, pl.Series("income", [other(number) for number in range(count)])


def incomes(folder: str, engine: str = "polars") -> pl.Series:
    store = open_store(folder, engine=engine)
    rows = store.inputs_frame("loans", ("prediction_id", "income")).select("prediction_id", "income").collect()
    return rows.to_polars().sort(pl.col("prediction_id").str.slice(1).cast(pl.Int64))["income"]


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("is_turned", [False, True])
def test_whole_numbers_and_fractions_are_read_as_fractions_where_each_has_an_equal_one(log_of, engine, is_turned):
    files = halves(lambda number: number + 0.5, lambda number: 2**53 - number)
    files = files[::-1] if is_turned else files
    folder = log_of(*files)
    found = incomes(folder, engine)
    assert found.dtype == pl.Float64
    assert [int(value * 2) for value in found] == [int(value * 2) for file in files for value in file]
    (said,) = open_store(folder).retyped("loans")
    kinds = ["numbers with fractions up to part-00000", "whole numbers from part-00001 on"]
    if is_turned:
        kinds = ["whole numbers up to part-00000", "numbers with fractions from part-00001 on"]
    assert said == f"the feature income has {kinds[0]} and {kinds[1]}: it is read as {FITS}"


@pytest.mark.parametrize("wide", [2**53 + 1, -(2**53) - 1])
def test_a_whole_number_that_no_fraction_equals_makes_its_column_text_and_rounds_nothing(log_of, wide):
    folder = log_of(*halves(lambda number: wide if number == 7 else number, lambda number: number + 0.25))
    found = incomes(folder)
    assert found.dtype == pl.String
    assert found[7] == str(wide)
    assert found[ROWS // 2 : ROWS // 2 + 2].to_list() == ["0.25", "1.25"]
    assert al.open(folder).decision("p7").inputs["income"] == wide
    (said,) = open_store(folder).retyped("loans")
    assert said.endswith(": as no type of number has all of its values, it is read as text, each value as it stands")


def test_unsigned_numbers_beside_negative_ones_are_read_as_whole_numbers_where_they_fit(log_of):
    wide, below = pl.Series("income", [2**60] * 10, dtype=pl.UInt64), pl.Series("income", [-3] * 10, dtype=pl.Int8)
    assert incomes(log_of(wide, below)).to_list() == [2**60] * 10 + [-3] * 10


def test_text_beside_numbers_keeps_the_log_open_and_is_said_in_what_is_asked_of_it(log_of):
    folder = log_of(*halves(lambda number: number % 40 + 0.5, lambda number: "much" if number % 2 else "little"))
    log = al.open(folder)
    for engine in ("polars", "duckdb"):
        ages = open_store(folder, engine=engine).inputs_frame("loans", ("prediction_id", "age")).select("age").collect()
        assert ages.to_polars()["age"].len() == ROWS
    assert log.find("inputs.age > 30").height > 0
    assert log.find("inputs.income = 'much'").height == ROWS // 4
    assert log.decision("p3").inputs["income"] == 3.5
    assert log.decision(f"p{ROWS - 1}").inputs["income"] == "much"
    drift = log.drift(every="1w")
    assert {"age", "income"} <= set(drift.columns)
    said = "the feature income has numbers with fractions up to part-00000 and text from part-00001 on"
    for found in (drift, log.onset(["age"], every="1d")):
        assert sum(fact.startswith(said) for fact in found.facts) == 1
        assert any(sentence.startswith(said.capitalize()) for sentence in found.summary())
    violations = drift.table.filter(column="income").sort("window_start")["type_violations"].to_list()
    assert violations == [0.0, 1.0]


def test_what_another_engine_writes_as_another_text_is_refused_by_name_where_it_is_asked_for(log_of):
    folder = log_of(*halves(lambda number: number + 0.5, str))
    with pytest.raises(MisuseError, match="the engine duckdb .*'income'.* Leave engine out"):
        incomes(folder, "duckdb")
    whole = log_of(*halves(lambda number: number, str))
    assert (
        incomes(whole, "duckdb").to_list() == incomes(whole).to_list() == [*map(str, range(300)), *map(str, range(300))]
    )


def test_lists_beside_numbers_are_left_out_and_that_is_said(log_of):
    folder = log_of(*halves(float, lambda number: [number]))
    log = al.open(folder)
    assert "income" not in open_store(folder).inputs("loans").collect_schema()
    assert log.decision("p3").inputs["income"] == 3.0
    assert log.decision(f"p{ROWS - 1}").inputs["income"] == [ROWS // 2 - 1]
    (said,) = open_store(folder).retyped("loans")
    assert said.endswith(": it is left out where both are asked for, and stands in each decision as it was recorded")
    assert any(said in fact for fact in log.drift(every="1w").facts)


def test_a_column_that_changes_back_and_forth_is_said_once(log_of):
    files = halves(lambda number: number + 0.5, str, 10) * 2
    (said,) = open_store(log_of(*files)).retyped("loans")
    assert said.startswith(
        "the feature income changes its type 3 times: numbers with fractions in 2 files, first part-00000; "
        "text in 2 files, first part-00001: "
    )


def test_a_log_whose_types_stay_says_nothing(log_of):
    assert open_store(log_of(*halves(float, float))).retyped("loans") == ()
