from __future__ import annotations

import json
import math

import polars as pl
import pytest

SEX = {
    "A91": "male : divorced/separated",
    "A92": "female : divorced/separated/married",
    "A93": "male : single",
    "A94": "male : married/widowed",
}


@pytest.fixture(scope="module")
def decided(credit) -> pl.DataFrame:
    inputs = credit["inputs/credit-approval"].drop("recorded_at")
    return (
        credit["predictions"]
        .unnest("outputs")
        .join(inputs, on="prediction_id")
        .join(
            credit["outcomes"].select("prediction_id", "observed_at", pl.col("label").alias("truth")),
            on="prediction_id",
        )
    )


def test_all_thousand_applicants_are_scored_once(decided):
    assert decided.height == 1000
    assert decided["subject_id"].n_unique() == 1000
    assert decided.group_by("model_version").len().sort("model_version").rows() == [("1.0.0", 662), ("2.0.0", 338)]
    assert (decided["truth"] == "bad").sum() == 300


def test_no_prediction_precedes_its_version_s_training_cutoff(credit):
    joined = credit["predictions"].join(credit["model_versions"], on=["model_name", "model_version"])
    assert joined.height == 1000
    assert (joined["occurred_at"] > joined["training_cutoff"]).all()


def test_nobody_is_scored_by_a_version_trained_on_them(credit, decided):
    versions = {row["model_version"]: row for row in credit["model_versions"].iter_rows(named=True)}
    known = decided.filter(
        (pl.col("model_version") == "1.0.0") & (pl.col("observed_at") < versions["2.0.0"]["training_cutoff"])
    )
    assert versions["2.0.0"]["sample_size"] == known.height == 374
    assert versions["1.0.0"]["sample_size"] == (decided["model_version"] == "2.0.0").sum()


def test_the_rule_decides_first_then_the_threshold(decided):
    by_rule = decided.filter(pl.col("credit_amount") > 12_000)
    assert by_rule.height == 21
    assert by_rule["decision_rule"].unique().to_list() == ["amount-over-12000"]
    assert by_rule["decision"].unique().to_list() == ["deny"]
    assert by_rule.filter(pl.col("label") == "good").height == 9
    others = decided.filter(pl.col("credit_amount") <= 12_000)
    assert others["decision_rule"].unique().to_list() == ["threshold"]
    assert ((others["score"] >= others["threshold"]) == (others["decision"] == "deny")).all()
    assert 0.2 < (decided["decision"] == "deny").mean() < 0.3


def test_the_registry_has_the_rule_and_the_decisions(credit):
    for row in credit["model_versions"].iter_rows(named=True):
        assert json.loads(row["decision_rules"]) == [
            {"name": "amount-over-12000", "when": "inputs.credit_amount > 12000", "decision": "deny"}
        ]
        assert json.loads(row["signature"])["output"]["decisions"] == {"bad": "deny", "good": "approve"}


def test_one_pipeline_and_one_booster(credit):
    formats = credit["model_versions"].select("model_version", "artifact_format").rows()
    assert formats == [("1.0.0", "skops"), ("2.0.0", "xgboost-json")]


def test_sex_is_that_of_the_raw_codes(decided, committed):
    lines = [line.split() for line in (committed / "sources" / "german.data").read_text(encoding="ascii").splitlines()]
    raw = sorted((int(line[1]), int(line[4]), int(line[12]), SEX[line[8]]) for line in lines)
    logged = decided.select("duration_in_month", "credit_amount", "age_in_years", "personal_status_and_sex").rows()
    assert sorted(logged) == raw


def test_the_decoded_public_column_is_in_the_wrong_rows(committed):
    lines = (committed / "sources" / "german.data").read_text(encoding="ascii").splitlines()
    decoded = pl.read_csv(committed / "sources" / "germancredit.csv")["personal_status_and_sex"].to_list()
    assert sum(SEX[line.split()[8]] != value for line, value in zip(lines, decoded, strict=True)) == 599


def test_overrides_change_recorded_decisions_later(credit, decided):
    changed = credit["overrides"].drop("decision_rule", strict=False).join(decided, on="prediction_id")
    assert changed["kind"].value_counts().sort("kind").rows() == [
        ("contest", 1),
        ("contest answer", 1),
        ("override", 8),
    ]
    assert (changed["decision_before"] == changed["decision"]).all()
    assert (changed["recorded_at"] > changed["occurred_at"]).all()
    overridden = changed.filter(pl.col("kind") == "override")
    assert (overridden["decision_before"] != overridden["decision_after"]).all()
    assert sorted(overridden["decision_after"]) == ["approve"] * 6 + ["deny"] * 2


def test_outcomes_come_two_to_four_months_later(decided):
    days = (decided["observed_at"] - decided["occurred_at"]).dt.total_days()
    assert (days.min(), days.max()) == (59, 119)


def test_the_manifest_says_that_times_are_invented(credit):
    assert any("All times are invented" in note for note in credit.manifest["notes"])


def test_explanations_of_record_add_up_to_the_score_but_the_one_that_is_another_applicants(credit, decided):
    truth = credit.truth["credit"]
    scores = dict(decided.select("prediction_id", "score").iter_rows())
    rows = credit["explanations"].to_dicts()
    apart = {}
    for row in rows:
        total = row["base_value"] + sum(json.loads(row["values"]).values())
        apart[row["prediction_id"]] = abs(1 / (1 + math.exp(-total)) - scores[row["prediction_id"]])
    mixed = truth["mixed_up"]["prediction_id"]
    assert len(rows) == truth["explanations_of_record"] == 11
    assert [name for name, distance in apart.items() if distance > 1e-4] == [mixed]
    values = {row["prediction_id"]: row["values"] for row in rows}
    assert values[mixed] == values[truth["mixed_up"]["holds_the_values_of"]]
