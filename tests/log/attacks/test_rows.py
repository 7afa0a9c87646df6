"""Attack 2: rows are dropped, inserted, reordered or duplicated inside a segment."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

TABLES = ("predictions", "inputs/loans")
DIFFERS = {"log.segment-changed", "log.rows-root-differs"}


def attacked(sealed_log, table, change):
    path = sealed_log.files(table)[1]
    sealed_log.rewrite(path, change)
    return path.rpartition("/")[2].removesuffix(".parquet")


def stranger(frame):
    return frame[4:5].with_columns(pl.lit("p-999").alias("prediction_id"))


@pytest.mark.parametrize("table", TABLES)
def test_dropped_rows_are_named(sealed_log, table):
    segment = attacked(sealed_log, table, lambda frame: frame[[0, 1, 3, 4, 5, 6, 8, 9]])
    assert sealed_log.found() == DIFFERS | {"log.row-dropped"}
    assert sealed_log.meaning("log.row-dropped") == [f"these rows are gone: @{segment}:2, @{segment}:7"]


@pytest.mark.parametrize("table", TABLES)
def test_first_and_last_row_dropped(sealed_log, table):
    segment = attacked(sealed_log, table, lambda frame: frame[1:9])
    assert sealed_log.found() == DIFFERS | {"log.row-dropped"}
    assert sealed_log.meaning("log.row-dropped") == [f"these rows are gone: @{segment}:0, @{segment}:9"]


@pytest.mark.parametrize("table", TABLES)
def test_inserted_row_is_named(sealed_log, table):
    segment = attacked(sealed_log, table, lambda frame: pl.concat([frame[:5], stranger(frame), frame[5:]]))
    assert sealed_log.found() == DIFFERS | {"log.row-added"}
    assert sealed_log.meaning("log.row-added") == [f"these rows were never sealed: p-999 now {segment}:5"]


@pytest.mark.parametrize("table", TABLES)
def test_reordered_rows_are_named(sealed_log, table):
    segment = attacked(sealed_log, table, lambda frame: frame[[0, 1, 2, 8, 4, 5, 6, 7, 3, 9]])
    assert sealed_log.found() == DIFFERS | {"log.row-moved"}
    assert sealed_log.meaning("log.row-moved") == [
        f"these rows stand in another place: p-013@{segment}:3 now {segment}:8, p-018@{segment}:8 now {segment}:3"
    ]


@pytest.mark.parametrize("table", TABLES)
def test_reversed_segment_is_all_moved(sealed_log, table):
    # Not frame.reverse(): of a list that is null everywhere, polars forgets the type of its elements there.
    attacked(sealed_log, table, lambda frame: frame[list(range(frame.height))[::-1]])
    assert sealed_log.found() == DIFFERS | {"log.row-moved"}


@pytest.mark.parametrize("table", TABLES)
def test_duplicated_row_is_named(sealed_log, table):
    segment = attacked(sealed_log, table, lambda frame: pl.concat([frame[:6], frame[2:3], frame[6:]]))
    assert sealed_log.found() == DIFFERS | {"log.row-duplicated"}
    assert sealed_log.meaning("log.row-duplicated") == [
        f"these rows stand there again: p-012@{segment}:2 now {segment}:6"
    ]


@pytest.mark.parametrize("table", TABLES)
def test_row_put_in_the_place_of_another_is_a_changed_row(sealed_log, table):
    segment = attacked(sealed_log, table, lambda frame: pl.concat([frame[:4], stranger(frame), frame[5:]]))
    assert sealed_log.found() == DIFFERS | {"log.row-changed"}
    assert sealed_log.meaning("log.row-changed") == [
        f"these rows hold other values than were sealed: p-999@{segment}:4"
    ]


def test_everything_at_once_is_told_apart(sealed_log):
    def change(frame):
        odd = frame.with_columns(
            pl.when(pl.col("prediction_id") == "p-018").then(pl.lit("x")).otherwise("decision").alias("decision")
        )
        return pl.concat([odd[[0, 2, 1, 4]], stranger(odd), odd[[5, 6, 7, 8, 9, 9]]])

    segment = attacked(sealed_log, "predictions", change)
    found = {finding.code: finding.meaning for finding in sealed_log.report().findings}
    assert found.keys() == DIFFERS | {
        f"log.row-{kind}" for kind in ("changed", "dropped", "moved", "added", "duplicated")
    }
    assert found["log.row-duplicated"] == f"these rows stand there again: p-019@{segment}:9 now {segment}:9"
    assert found["log.row-moved"] == f"these rows stand in another place: p-011@{segment}:1 now {segment}:2"
    assert found["log.row-dropped"] == f"these rows are gone: @{segment}:3"
    assert found["log.row-added"] == f"these rows were never sealed: p-999 now {segment}:4"
    assert found["log.row-changed"] == f"these rows hold other values than were sealed: p-018@{segment}:8"


def test_all_rows_dropped(sealed_log):
    attacked(sealed_log, "predictions", lambda frame: frame.clear())
    assert sealed_log.found() == DIFFERS | {"log.row-dropped"}


def test_row_moved_to_another_segment_is_dropped_here_and_added_there(sealed_log):
    first, second, _ = sealed_log.files("predictions")
    row = sealed_log.read(first)[4:5]
    sealed_log.rewrite(first, lambda frame: pl.concat([frame[:4], frame[5:]]))
    sealed_log.rewrite(second, lambda frame: pl.concat([frame, row]))
    assert sealed_log.found() == DIFFERS | {"log.row-dropped", "log.row-added"}


def test_search_for_moved_rows_is_given_up_in_time_and_says_so(sealed_log, small_log):
    with sealed_log.writer() as writer:
        writer.append({"predictions": small_log.some_predictions(100, 800)})
    path = list(sealed_log.state.files["predictions"])[-1]
    generator = np.random.default_rng(3)
    order = [int(row) for row in generator.permutation(700)]
    sealed_log.rewrite(path, lambda frame: frame[order])
    report = sealed_log.report()
    codes = {finding.code for finding in report.findings}
    assert DIFFERS | {"log.row-changed", "log.row-moved"} <= codes
    (meaning,) = [finding.meaning for finding in report.findings if finding.code == "log.row-changed"]
    assert meaning.startswith("these rows hold other values than were sealed, or stand elsewhere: too many differ")
