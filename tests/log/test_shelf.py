"""What an opened log keeps at hand is renewed when a file changes."""

from __future__ import annotations

import json

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError
from audit_lab.log.foreign.mapping import Mapping
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.store import open_store


def test_a_small_table_is_read_once(make_log, monkeypatch):
    store = open_store(make_log())
    before = table_rows(store, "deployments")
    monkeypatch.setattr(store.source, "scan", lambda name: pytest.fail(f"{name} was read again"))
    assert table_rows(store, "deployments").equals(before)
    assert table_rows(store, "deployments", pl.col("deployment_id") == "other").height == 0
    assert table_rows(store, "deployments").columns[:2] == ["deployment_id", "from_time"]


def test_a_table_whose_file_changed_is_read_again(make_log):
    store = open_store(make_log())
    assert table_rows(store, "outcomes")["label"].to_list() == ["good"]
    path = store.path / "outcomes" / "part-00000.parquet"
    pl.read_parquet(path).with_columns(label=pl.lit("a bad one")).write_parquet(path)
    assert table_rows(store, "outcomes")["label"].to_list() == ["a bad one"]


def test_a_table_whose_file_went_is_named(make_log):
    store = open_store(make_log())
    table_rows(store, "outcomes")
    (store.path / "outcomes" / "part-00000.parquet").unlink()
    with pytest.raises(LogError, match=r"outcomes/part-00000\.parquet .*missing"):
        table_rows(store, "outcomes")


def test_a_manifest_that_understates_a_table_does_not_fill_the_memory(make_log, monkeypatch):
    monkeypatch.setattr("audit_lab.log.index.shelf._MOST_ROWS", 39)
    folder = make_log()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["tables"]["predictions"]["segments"][0]["rows"] = 3
    (folder / "manifest.json").write_text(json.dumps(manifest))
    store = open_store(folder)
    assert store.shelf.small("predictions") is None
    assert table_rows(store, "predictions").height == 40
    assert store.shelf.small("deployments").height == 1


def test_a_table_in_large_files_is_not_kept(make_log, monkeypatch):
    monkeypatch.setattr("audit_lab.log.index.shelf._LARGEST_FILES_BYTES", 100)
    store = open_store(make_log())
    assert store.shelf.small("outcomes") is None
    assert table_rows(store, "outcomes")["label"].to_list() == ["good"]


def test_few_tables_are_kept_where_they_are_large(make_log, monkeypatch):
    store = open_store(make_log())
    monkeypatch.setattr(
        "audit_lab.log.index.shelf._LARGEST_FRAMES_BYTES", store.shelf.small("predictions").estimated_size()
    )
    for table in ("outcomes", "deployments"):
        assert table_rows(store, table).height == 1
    assert list(store.shelf._frames) == ["outcomes", "deployments"]


def test_what_is_derived_is_made_again_when_its_table_changed(make_log):
    store, made = open_store(make_log()), []

    def make():
        made.append(len(made))
        return made[-1]

    assert [derived(store, "key", ("outcomes",), make) for _ in range(3)] == [0, 0, 0]
    assert derived(store, "another key", ("outcomes",), make) == 1
    path = store.path / "outcomes" / "part-00000.parquet"
    pl.read_parquet(path).head(0).write_parquet(path)
    assert derived(store, "key", ("outcomes",), make) == 2


def test_not_everything_derived_is_kept(make_log):
    store = open_store(make_log())
    for number in range(200):
        derived(store, number, (), lambda: None)
    assert len(store.shelf._derived) == 64


def test_an_artifact_that_is_replaced_while_the_log_is_open(make_log, small_model):
    folder = make_log()
    log = al.open(folder)
    assert [gap.code for gap in log.decision("p-001").gaps] == []
    (folder / "artifacts" / "loans-1.ubj").write_bytes(small_model.artifact + b"\0")
    assert [gap.code for gap in log.decision("p-001").gaps] == ["artifact-digest-mismatch"]
    (folder / "artifacts" / "loans-1.ubj").unlink()
    assert [gap.code for gap in log.decision("p-001").gaps] == ["artifact-missing"]


def test_what_a_user_does_to_one_decision_changes_no_other(make_log):
    log = al.open(make_log())
    first = log.decision("p-001")
    for shown in (first.model_version, first.prediction, first.outcome, first.inputs):
        shown.clear()
    again = log.decision("p-001")
    assert again.model_version["artifact_format"] == "xgboost-ubj"
    assert again.prediction["decision"] is not None
    assert again.outcome["label"] == "good"
    assert set(again.inputs) == {"income", "city", "years"}


def test_a_log_read_through_a_mapping_has_no_shelf(tmp_path):
    pl.DataFrame({"id": ["a"], "score": [0.5]}).write_parquet(tmp_path / "a.parquet")
    mapping = Mapping(origin="o", columns={"prediction_id": "id", "score": "score"})
    store = open_store(tmp_path, mapping)
    assert store.shelf is None
    assert table_rows(store, "predictions")["prediction_id"].to_list() == ["a"]
    assert [derived(store, "key", (), lambda: 7) for _ in range(2)] == [7, 7]
