"""Attack 1: one cell of a segment is changed, and the Parquet file rewritten validly."""

from __future__ import annotations

import polars as pl
import pytest

CHANGED = {"log.segment-changed", "log.rows-root-differs", "log.row-changed"}


def set_cell(column, row, value):
    return lambda frame: frame.with_columns(
        pl.when(pl.int_range(pl.len()) == row)
        .then(pl.lit(value, dtype=frame.schema[column]))
        .otherwise(column)
        .alias(column)
    )


def segment_of(path):
    return path.rpartition("/")[2].removesuffix(".parquet")


def test_clean_log_holds(sealed_log):
    report = sealed_log.report()
    assert (report.verdict, report.findings) == ("UNANCHORED", ())
    assert "66 rows: their hashes recomputed from their values" in report.checked


@pytest.mark.parametrize(
    ("table", "cell", "name"),
    [
        ("predictions", ("decision", 3, "deny"), "p-013@{}:3"),
        ("predictions", ("threshold", 0, 0.25), "p-010@{}:0"),
        ("inputs/loans", ("income", 9, 1_019.6), "p-019@{}:9"),
    ],
)
def test_changed_cell_of_a_personal_table_is_named(sealed_log, table, cell, name):
    path = sealed_log.files(table)[1]
    sealed_log.rewrite(path, set_cell(*cell))
    report = sealed_log.report()
    assert report.verdict == "FAILED"
    assert {finding.code for finding in report.findings} == CHANGED
    assert {finding.file for finding in report.findings} == {path}
    (meaning,) = sealed_log.meaning("log.row-changed")
    assert meaning == f"these rows hold other values than were sealed: {name.format(segment_of(path))}"


def test_without_the_vault_the_file_is_named_and_its_rows_are_said_to_be_unchecked(sealed_log):
    path = sealed_log.files("predictions")[0]
    sealed_log.rewrite(path, set_cell("decision", 3, "deny"))
    report = sealed_log.report(vault=None)
    assert [(finding.code, finding.file) for finding in report.findings] == [("log.segment-changed", path)]
    assert any("60 rows of inputs/loans, predictions" in text for text in report.not_checked)
    assert "6 rows: their hashes recomputed from their values" in report.checked


@pytest.mark.parametrize(
    ("table", "cell", "name"),
    [
        ("model_versions", ("threshold", 1, 0.75), "loans, 2@{}:1"),
        ("model_versions", ("artifact_sha256", 0, "c" * 64), "loans, 1@{}:0"),
        ("approvals", ("approver", 0, "S. Huber"), "loans, 1, 2026-03-04 09:00:00+00:00@{}:0"),
        ("deployments", ("traffic_share", 0, 0.5), "primary, 2026-03-04 09:00:00+00:00@{}:0"),
        ("events", ("kind", 1, "nothing"), "e-2@{}:1"),
    ],
)
def test_changed_cell_of_a_plain_table_is_named_without_the_vault_too(sealed_log, table, cell, name):
    (path,) = sealed_log.files(table)
    sealed_log.rewrite(path, set_cell(*cell))
    for options in ({}, {"vault": None}):
        assert sealed_log.found(**options) == CHANGED
        (meaning,) = sealed_log.meaning("log.row-changed", **options)
        assert meaning == f"these rows hold other values than were sealed: {name.format(segment_of(path))}"


def test_same_rows_in_another_file_are_told_from_changed_rows(sealed_log):
    path = sealed_log.files("predictions")[1]
    sealed_log.rewrite(path, lambda frame: frame)
    assert sealed_log.found() == {"log.segment-changed"}


def test_every_changed_file_is_named(sealed_log):
    paths = [sealed_log.files(table)[0] for table in ("predictions", "inputs/loans", "events")]
    for path, column, value in zip(paths, ("decision", "city", "kind"), ("x", "y", "z"), strict=True):
        sealed_log.rewrite(path, set_cell(column, 1, value))
    report = sealed_log.report()
    assert {finding.file for finding in report.findings if finding.code == "log.row-changed"} == set(paths)


def test_many_changed_rows_are_counted_and_the_first_are_named(sealed_log):
    path = sealed_log.files("predictions")[2]
    sealed_log.rewrite(path, lambda frame: frame.with_columns(threshold=pl.lit(0.125)))
    (meaning,) = sealed_log.meaning("log.row-changed")
    assert meaning.count("@") == 10
    assert meaning.endswith(f"p-029@{segment_of(path)}:9")


def test_changed_file_of_row_hashes_leaves_the_rows_unnamed(sealed_log):
    path = sealed_log.files("predictions")[1]
    leaves = sealed_log.folder / path.replace(".parquet", ".leaves")
    sealed_log.rewrite(path, set_cell("decision", 3, "deny"))
    content = leaves.read_bytes()
    leaves.write_bytes(content[:96] + bytes(32) + content[128:])
    assert sealed_log.found() == {"log.segment-changed", "log.leaves-changed", "log.rows-root-differs"}
    (meaning,) = sealed_log.meaning("log.rows-root-differs")
    assert meaning.endswith("rows cannot be named: the file of their hashes is missing or changed too")


def test_changed_file_of_row_hashes_alone_does_not_accuse_the_rows(sealed_log):
    leaves = sealed_log.folder / sealed_log.files("predictions")[1].replace(".parquet", ".leaves")
    leaves.write_bytes(bytes(len(leaves.read_bytes())))
    assert sealed_log.found() == {"log.leaves-changed"}
    leaves.unlink()
    assert sealed_log.found() == {"log.leaves-missing"}
