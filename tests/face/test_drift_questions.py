"""Drift as a user asks for it: around a decision, by version, against data of their own, of labels and outcomes."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError, NotFoundError


@pytest.fixture(scope="module")
def log(flights):
    return al.open(flights)


@pytest.fixture(scope="module")
def inputs(log):
    model = log._store.models()[0]
    return log._store.inputs(model).select("carrier", "distance_miles").collect()


def test_windows_end_with_the_decision_that_is_asked_about(log):
    decision = log.decision(log.find(since="2015-09-16", until="2015-09-17", limit=1)["prediction_id"][0])
    moment = decision.prediction["occurred_at"]
    for around in (decision, decision.prediction_id, moment):
        found = log.drift(["distance_miles"], around=around, before="2w", every="1w")
        assert found.cut.around.moment == moment
        assert found.volume["window"].to_list() == ["week 2 before the decision", "the week before the decision"]
    assert found.volume["window_end"][-1] == moment


def test_an_id_that_is_none_is_not_found(log):
    with pytest.raises(NotFoundError):
        log.drift(["carrier"], around="no-such-prediction")


def test_each_version_is_a_window(log):
    found = log.drift(["carrier", "distance_miles"], every="version")
    counted = log.find()["model_version"].value_counts().sort("model_version")
    assert found.volume.sort("window").select("window", "rows").rows() == [
        (f"version {name}", count) for name, count in counted.rows()
    ]


def test_a_parquet_file_is_named_with_its_digest(log, inputs, tmp_path):
    path = tmp_path / "training.parquet"
    inputs.head(5_000).write_parquet(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    found = log.drift(["carrier", "distance_miles", "score"], reference=path, every="1mo")
    assert found.reference.description == (
        f"the file training.parquet (SHA-256 {sha256[:12]}, no dataset of the log): 5,000 rows"
    )
    assert found.columns == ("carrier", "distance_miles")
    assert any(fact.startswith("score is not in the file training.parquet") for fact in found.facts)


def test_a_file_that_the_log_registered_is_called_by_its_name(make_log, tmp_path):
    path = tmp_path / "training.parquet"
    pl.DataFrame({"city": ["Bern", "Oslo", "Rome"] * 40}).write_parquet(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    registered = pl.DataFrame({"dataset_id": ["loans-2023"], "version": ["7"], "sha256": [sha256]})
    folder = make_log(datasets=registered)
    found = al.open(folder).drift(["city"], reference=str(path), every="1d")
    assert found.reference.description == (f"the dataset loans-2023 7 (SHA-256 {sha256[:12]}, as registered): 120 rows")


def test_a_file_that_is_no_parquet_or_not_there_is_refused(log, tmp_path):
    path = tmp_path / "training.parquet"
    with pytest.raises(LogError, match="cannot be read"):
        log.drift(["carrier"], reference=path)
    path.write_text("carrier\nAA\n")
    with pytest.raises(LogError, match="cannot be read as Parquet"):
        log.drift(["carrier"], reference=path)


def test_labels_and_outcomes_are_measured_when_named(log):
    found = log.drift(["label", "outcome", "outcome_value"], every="1mo")
    assert dict(found.table.select("column", "kind").unique().rows()) == {
        "label": "categorical",
        "outcome": "categorical",
        "outcome_value": "numeric",
    }
    february = found.bins("outcome", found.volume["window_start"][1])
    ids = log.find(since="2015-02-01", until="2015-03-01")["prediction_id"]
    known = log.outcomes.collect().filter(pl.col("prediction_id").is_in(ids.to_list()))
    expected = dict(known["label"].value_counts().rows())
    counted = {name: rows for name, rows in february.select("bin", "window_rows").rows() if name != "(missing)"}
    assert counted == expected


@pytest.mark.parametrize("reference", ["rolling:", "rolling:x", "rolling:1234567890", 3, ("2015-01-01", None)])
def test_a_reference_that_cannot_be_meant_is_refused(log, reference):
    with pytest.raises(MisuseError, match="reference"):
        log.drift(["carrier"], reference=reference)


def test_rows_as_wholes_are_asked_for(make_log):
    with pytest.raises(MisuseError, match="components take 100"):
        al.open(make_log()).drift_together(["income", "city"], every="1d")


def test_what_is_asked_stands_in_the_journal(make_log, tmp_path):
    log = al.open(make_log(), actor="ann", purpose="a complaint", journal=tmp_path / "journal")
    log.drift(["income"], every="1h", around="2024-03-05T12:00", before="6h", false_alarms=0.1, zone="Europe/Oslo")
    (line,) = (tmp_path / "journal").rglob("*.jsonl") if (tmp_path / "journal").is_dir() else [tmp_path / "journal"]
    said = line.read_text()
    asked = "drift; every 1h; columns income; around 2024-03-05T12:00; before 6h; after 0d; zone Europe/Oslo"
    assert f"{asked}; false_alarms 0.1" in said
