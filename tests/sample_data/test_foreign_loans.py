from __future__ import annotations

import polars as pl
import pytest

from audit_lab.log.schema import TABLES


@pytest.fixture(scope="module")
def parts(committed) -> dict[str, pl.DataFrame]:
    return {path.name: pl.read_parquet(path) for path in sorted((committed / "foreign_loans").iterdir())}


def test_three_files_with_two_thousand_rows(parts):
    assert {name: part.height for name, part in parts.items()} == {
        "scores_q1.parquet": 700,
        "scores_q2.parquet": 700,
        "scores_q3.parquet": 600,
    }


def test_no_column_has_one_of_our_names(parts, credit):
    ours = {column for table in TABLES.values() for column in table.columns}
    ours |= set(credit["inputs/credit-approval"].columns)
    assert [column for part in parts.values() for column in part.columns if column in ours] == []


def test_only_the_last_file_has_the_additional_column(parts):
    assert [name for name, part in parts.items() if "x_home" in part.columns] == ["scores_q3.parquet"]


def test_some_revisions_and_the_latest_truths_are_missing(parts):
    rows = pl.concat(parts.values(), how="diagonal")
    missing = {name: count for name, count in rows.null_count().row(0, named=True).items() if count}
    assert missing == {"algo_rev": 21, "x_home": 1400, "truth": 120}


def test_the_scores_are_those_of_the_credit_models(parts, credit):
    rows = pl.concat(parts.values(), how="diagonal")
    ours = credit["predictions"].select(
        pl.col("occurred_at").dt.epoch("ms").alias("ts_epoch_ms"),
        pl.col("model_version").replace_strict({"1.0.0": "r7", "2.0.0": "r8"}).alias("algo_rev"),
        pl.col("outputs").struct.field("score"),
    )
    joined = rows.join(ours, on=["ts_epoch_ms", "algo_rev"])
    assert joined.height > 950
    assert joined["p_bad"].to_list() == joined["score"].to_list()
