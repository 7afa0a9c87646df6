"""Each planted fault is looked for without the builder, in the committed log and in one with the faults moved."""

from __future__ import annotations

import hashlib
import json
from datetime import date

import polars as pl
import pytest


def ids_digest(ids: pl.Series) -> str:
    return hashlib.sha256("\n".join(sorted(ids.unique())).encode()).hexdigest()


def days_of(frame: pl.DataFrame) -> tuple[date, date]:
    days = frame["occurred_at"].dt.date()
    return days.min(), days.max()


def within_window(frame: pl.DataFrame, fault: dict) -> bool:
    first, last = days_of(frame)
    return date.fromisoformat(fault["since"]) <= first and last < date.fromisoformat(fault["until"])


def test_predictions_without_inputs_are_those_named(faulty):
    fault = faulty.fault("inputs-missing")
    predictions = faulty["predictions"]
    missing = predictions.join(faulty["inputs/delay-risk"], on="prediction_id", how="anti")
    assert missing.height == fault["predictions"] > 0
    assert ids_digest(missing["prediction_id"]) == fault["ids_sha256"]
    assert within_window(missing, fault)


def test_the_named_carrier_has_no_inputs_in_its_window_and_others_have(faulty):
    fault = faulty.fault("inputs-missing")
    joined = faulty["predictions"].join(faulty["inputs/delay-risk"], on="prediction_id")
    window = joined.filter(
        pl.col("occurred_at")
        .dt.date()
        .is_between(date.fromisoformat(fault["since"]), date.fromisoformat(fault["until"]), "left")
    )
    assert fault["carrier"] not in window["carrier"].to_list()
    assert window["carrier"].n_unique() >= 12


def test_one_version_in_traffic_is_not_registered(faulty):
    fault = faulty.fault("version-not-registered")
    unknown = faulty["predictions"].join(faulty["model_versions"], on=["model_name", "model_version"], how="anti")
    assert unknown["model_version"].unique().to_list() == [fault["model_version"]]
    assert unknown.height == fault["predictions"] > 0
    assert ids_digest(unknown["prediction_id"]) == fault["ids_sha256"]
    assert within_window(unknown, fault)
    assert fault["model_version"] in faulty["deployments"]["model_version"].to_list()


def test_the_unregistered_version_scored_otherwise_than_the_primary(faulty):
    fault = faulty.fault("version-not-registered")
    artifacts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (faulty.folder / "artifacts").iterdir()]
    assert fault["artifact_sha256"] not in artifacts
    rows = faulty["predictions"].filter(pl.col("model_version") == fault["model_version"])
    inputs = rows.join(faulty["inputs/delay-risk"], on="prediction_id", maintain_order="left")
    assert abs(booster_scores(faulty, "2.0.0", inputs) - rows["outputs"].struct.field("score")).max() > 0.001


def test_one_artifact_has_another_digest_than_recorded(faulty):
    fault = faulty.fault("artifact-digest-mismatch")
    found = {
        row["model_version"]: hashlib.sha256((faulty.folder / row["artifact_uri"]).read_bytes()).hexdigest()
        for row in faulty["model_versions"].iter_rows(named=True)
    }
    recorded = dict(faulty["model_versions"].select("model_version", "artifact_sha256").iter_rows())
    assert [name for name in found if found[name] != recorded[name]] == [fault["model_version"]]
    assert found[fault["model_version"]] == fault["found_sha256"]
    assert recorded[fault["model_version"]] == fault["recorded_sha256"]
    served = faulty["predictions"].filter(pl.col("model_version") == fault["model_version"])
    assert ids_digest(served["prediction_id"]) == fault["ids_sha256"]
    assert within_window(served, fault)


def test_the_week_in_another_unit_stands_out(faulty):
    fault = faulty.fault("unit-change")
    joined = faulty["predictions"].unique("prediction_id").join(faulty["inputs/delay-risk"], on="prediction_id")
    weeks = joined.group_by(pl.col("occurred_at").dt.truncate("1w").dt.date().alias("week")).agg(
        pl.col(fault["feature"]).mean()
    )
    ratio = pl.col(fault["feature"]) / pl.col(fault["feature"]).median()
    worst = weeks.with_columns(ratio.alias("ratio")).sort(pl.col("ratio").log().abs()).row(-1, named=True)
    assert worst["week"] == date.fromisoformat(fault["since"])
    assert worst["ratio"] == pytest.approx(fault["factor"], rel=0.5)


def test_the_model_scored_the_values_in_the_other_unit(faulty):
    fault = faulty.fault("unit-change")
    in_week = (
        pl.col("occurred_at")
        .dt.date()
        .is_between(date.fromisoformat(fault["since"]), date.fromisoformat(fault["until"]), "left")
    )
    rows = faulty["predictions"].filter(in_week)
    assert rows.height == fault["predictions"]
    assert ids_digest(rows["prediction_id"]) == fault["ids_sha256"]
    inputs = rows.join(faulty["inputs/delay-risk"], on="prediction_id", maintain_order="left")
    versions = rows["model_version"].unique().to_list()
    assert versions == ["2.0.0"]
    assert booster_scores(faulty, "2.0.0", inputs).to_list() == rows["outputs"].struct.field("score").to_list()


def test_one_id_stands_on_two_flights(faulty):
    fault = faulty.fault("duplicate-id")
    predictions = faulty["predictions"]
    doubled = predictions.filter(pl.col("prediction_id").is_duplicated())
    assert doubled["prediction_id"].unique().to_list() == fault["ids"]
    assert doubled.height == fault["predictions"] == 2
    assert doubled["subject_id"].n_unique() == 2
    assert within_window(doubled, fault)
    of_id = pl.col("prediction_id") == fault["ids"][0]
    assert faulty["inputs/delay-risk"].filter(of_id)["carrier"].n_unique() == 2
    assert faulty["outcomes"].filter(of_id).height == 2


def test_the_only_gap_in_a_sequence_is_the_named_one(faulty):
    fault = faulty.fault("sequence-gap")
    after = (
        faulty["predictions"]
        .sort("writer_id", "sequence")
        .with_columns(
            pl.col("sequence").shift(1).over("writer_id").alias("before"),
            pl.col("sequence").min().over("writer_id").alias("first"),
        )
    )
    gaps = after.filter(pl.col("sequence") != pl.col("before") + 1)
    assert gaps.select("writer_id", "before", "sequence").rows() == [
        (fault["writer_id"], fault["first_lost"] - 1, fault["last_lost"] + 1)
    ]
    assert after["first"].unique().to_list() == [1]
    assert fault["lost"] == fault["last_lost"] - fault["first_lost"] + 1
    assert gaps["occurred_at"].dt.date().to_list() == [date.fromisoformat(fault["since"])]


def test_the_counts_of_the_truth_add_up(faulty):
    truth = faulty.truth
    assert truth["predictions"] == faulty["predictions"].height == 100_000 - faulty.fault("sequence-gap")["lost"]
    assert truth["replay"]["EXACT"] + sum(truth["replay"]["UNREPLAYABLE"].values()) == truth["predictions"]
    assert sorted(truth["replay"]["UNREPLAYABLE"]) == [
        "ambiguous-id",
        "artifact-digest-mismatch",
        "inputs-missing",
        "version-not-registered",
    ]


def test_every_writer_s_sequence_follows_time(faulty):
    ordered = faulty["predictions"].sort("writer_id", "sequence")
    assert ordered.select((pl.col("occurred_at").diff().over("writer_id") < pl.duration()).any()).item() is False


def test_another_seed_moves_every_fault(committed, moved):
    here, there = (
        json.loads((root / "TRUTH.json").read_text(encoding="utf-8"))["faults"] for root in (committed, moved)
    )
    assert [kind["kind"] for kind in here] == [kind["kind"] for kind in there]
    assert [a["kind"] for a, b in zip(here, there, strict=True) if a["since"] == b["since"]] == []
    by_kind = [{fault["kind"]: fault for fault in faults} for faults in (here, there)]
    carriers = [faults["inputs-missing"]["carrier"] for faults in by_kind]
    units = [(faults["unit-change"]["feature"], faults["unit-change"]["factor"]) for faults in by_kind]
    assert carriers[0] != carriers[1]
    assert units[0][0] != units[1][0]
    assert units[0][1] != units[1][1]
    assert by_kind[0]["duplicate-id"]["ids"] != by_kind[1]["duplicate-id"]["ids"]


def booster_scores(log, version: str, inputs: pl.DataFrame) -> pl.Series:
    """Score recorded inputs with the recorded artifact, as the signature says."""
    import numpy as np
    import xgboost

    row = log["model_versions"].filter(pl.col("model_version") == version).row(0, named=True)
    columns = []
    names = []
    for feature in json.loads(row["signature"])["features"]:
        column = inputs[feature["name"]]
        if feature["dtype"] == "str":
            column = column.replace_strict({value: place for place, value in enumerate(feature["categories"])})
        columns.append(column.to_numpy().astype(np.float32))
        names.append(feature["name"])
    booster = xgboost.Booster(model_file=str(log.folder / row["artifact_uri"]))
    scores = booster.predict(xgboost.DMatrix(np.column_stack(columns), feature_names=names))
    return pl.Series("score", scores.astype(np.float64))
