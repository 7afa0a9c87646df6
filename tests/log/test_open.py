"""Opening a log, and what happens when it is not one."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError


def test_import_loads_nothing_heavy():
    code = (
        "import sys, audit_lab as al; al.open; heavy = {'shap', 'lime', 'altair', 'sklearn', 'xgboost', 'pandas', "
        "'IPython', 'ipywidgets', 'nbconvert', 'pyarrow', 'cryptography', 'rich', 'typer'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_opening_reads_no_segment(make_log):
    folder = make_log()
    (folder / "predictions" / "part-00000.parquet").unlink()
    assert al.open(folder).origin == "tests/loans"


def test_every_canonical_table_is_there_even_when_empty(make_log):
    log = al.open(make_log())
    assert log.events.collect().height == 0
    assert log.events.collect_schema()["at"] == pl.Datetime("us", "UTC")
    assert log.predictions.collect().height == 40


def test_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(MisuseError, match="there is no folder .*nowhere.*manifest.json"):
        al.open(tmp_path / "nowhere")


def test_folder_without_manifest_points_to_adapt(tmp_path):
    with pytest.raises(MisuseError, match="audit-lab adapt"):
        al.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not json", "is not JSON"),
        ("[]", "TypeError"),
        ('{"format": "other"}', "format is 'other'"),
        ('{"format": "audit_lab.log", "schema_version": 99}', "schema version 99"),
        ("[" * 100_000, "nests deeper than 64"),
    ],
)
def test_unreadable_manifest_is_refused(tmp_path, content, reason):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(LogError, match=reason):
        al.open(tmp_path)


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.parquet", "predictions\\part.parquet", "a\0b"])
def test_segment_outside_the_log_is_refused(make_log, path):
    folder = make_log()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["tables"]["predictions"]["segments"][0]["path"] = path
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LogError, match="outside itself"):
        al.open(folder).predictions  # noqa: B018 - asking for the table is what opens its segments


def test_link_out_of_the_log_is_refused(make_log, tmp_path):
    folder = make_log()
    segment = folder / "predictions" / "part-00000.parquet"
    segment.rename(tmp_path / "elsewhere.parquet")
    segment.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(LogError, match="outside itself"):
        al.open(folder).predictions  # noqa: B018


def test_missing_segment_is_named(make_log):
    folder = make_log()
    (folder / "predictions" / "part-00000.parquet").unlink()
    with pytest.raises(LogError, match=r"predictions/part-00000\.parquet of table predictions is missing"):
        al.open(folder).find()


@pytest.mark.parametrize("content", [b"", b"not parquet", b"PAR1" + b"\xff" * 64 + b"PAR1"])
def test_file_that_is_not_parquet_is_named(make_log, content):
    folder = make_log()
    (folder / "predictions" / "part-00000.parquet").write_bytes(content)
    with pytest.raises(LogError, match=r"part-00000\.parquet cannot be read as Parquet"):
        al.open(folder).find()


def test_truncated_parquet_is_named_at_every_length(make_log):
    folder = make_log()
    path = folder / "predictions" / "part-00000.parquet"
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:length])
        with pytest.raises(LogError, match="cannot be read as Parquet"):
            al.open(folder).find()


def test_corrupt_parquet_is_an_error_or_an_answer_but_never_a_panic(make_log):
    folder = make_log()
    path = folder / "predictions" / "part-00000.parquet"
    whole = bytearray(path.read_bytes())
    refused = 0
    for position in range(0, len(whole), 97):
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        path.write_bytes(broken)
        try:
            al.open(folder).find()
        except LogError:
            refused += 1
    assert refused > 0


def test_column_of_the_wrong_type_is_named(make_log):
    folder = make_log()
    path = folder / "predictions" / "part-00000.parquet"
    pl.read_parquet(path).with_columns(pl.col("threshold").cast(pl.String)).write_parquet(path)
    with pytest.raises(LogError, match=r"column threshold of predictions/part-00000.parquet is String.*Float64"):
        al.open(folder).find()


def test_narrower_columns_are_widened_and_missing_ones_are_null(make_log):
    folder = make_log()
    path = folder / "predictions" / "part-00000.parquet"
    narrow = pl.read_parquet(path).with_columns(pl.col("sequence").cast(pl.Int16)).drop("node")
    narrow.write_parquet(path)
    rows = al.open(folder).predictions.collect()
    assert rows["sequence"].dtype == pl.Int64
    assert rows["sequence"].to_list() == list(range(40))
    assert rows["node"].null_count() == 40


def test_columns_that_the_schema_does_not_know_are_kept(make_log):
    folder = make_log()
    path = folder / "predictions" / "part-00000.parquet"
    pl.read_parquet(path).with_columns(extra=pl.lit("kept")).write_parquet(path)
    assert al.open(folder).predictions.collect()["extra"].unique().to_list() == ["kept"]


def test_describe_is_json(flights):
    described = al.open(flights).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["models"] == ["delay-risk"]
