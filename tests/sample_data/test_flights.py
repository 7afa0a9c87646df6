from __future__ import annotations

import json
from datetime import date, timedelta

import polars as pl
import pytest
from scipy.stats import rankdata


@pytest.fixture(scope="module")
def served(flights) -> pl.DataFrame:
    """Predictions with inputs and outcome, without the id that stands on two flights."""
    predictions = flights["predictions"].filter(~pl.col("prediction_id").is_duplicated()).unnest("outputs")
    outcomes = flights["outcomes"].select("prediction_id", "observed_at", pl.col("label").alias("truth"), "value")
    return predictions.join(outcomes, on="prediction_id").join(
        flights["inputs/delay-risk"].drop("recorded_at"), on="prediction_id", how="left"
    )


def test_no_prediction_precedes_its_version_s_training_cutoff(flights):
    joined = flights["predictions"].join(flights["model_versions"], on=["model_name", "model_version"])
    early = joined.filter(pl.col("occurred_at") < pl.col("training_cutoff"))
    assert early.height == 0
    assert joined.filter(pl.col("training_cutoff").is_not_null())["model_version"].n_unique() == 3


def test_a_version_is_trained_on_flights_whose_outcomes_were_known_at_its_cutoff(flights, source_flights):
    trained = flights["model_versions"].filter(pl.col("training_cutoff").is_not_null())
    for row in trained.iter_rows(named=True):
        until = row["training_cutoff"].date() - timedelta(days=2)
        assert row["sample_size"] == source_flights.filter(pl.col("DATE") <= until).height
        latest = (
            flights["outcomes"]
            .join(flights["predictions"], on="prediction_id")
            .filter(pl.col("occurred_at").dt.date() <= until)["observed_at"]
        )
        assert latest.max() < row["training_cutoff"]


def test_the_scorecard_was_fitted_to_nothing(flights):
    row = flights["model_versions"].filter(pl.col("model_version") == "1.0.0").row(0, named=True)
    assert (row["training_cutoff"], row["sample_size"]) == (None, 0)


def test_versions_are_in_force_as_the_story_says(flights):
    primary = flights["deployments"].filter(pl.col("deployment_id") == "delay-risk-primary")
    primary = primary.filter(pl.col("model_version") != pl.col("model_version").shift(1).fill_null(""))
    assert [(row[0].isoformat(), row[1]) for row in primary.select("from_time", "model_version").rows()] == [
        ("2015-01-01T00:00:00+00:00", "1.0.0"),
        ("2015-04-01T00:00:00+00:00", "2.0.0"),
        ("2015-06-15T08:00:00+00:00", "3.0.0"),
        ("2015-08-12T10:30:00+00:00", "2.0.0"),
    ]


def test_every_prediction_was_served_by_a_slot_in_force(flights):
    slots = (
        flights["deployments"]
        .sort("from_time")
        .with_columns(
            pl.col("from_time")
            .shift(-1)
            .over("deployment_id")
            .fill_null(pl.datetime(2100, 1, 1, time_zone="UTC"))
            .alias("until")
        )
    )
    joined = (
        flights["predictions"]
        .select("occurred_at", "model_version", "writer_id", "sequence")
        .join(slots.filter(pl.col("traffic_share") > 0), on="model_version")
    )
    in_force = joined.filter(pl.col("occurred_at").is_between("from_time", "until", closed="left"))
    assert in_force.unique(["writer_id", "sequence"]).height == flights["predictions"].height


def test_every_registered_version_is_approved_before_it_serves(flights):
    first = flights["deployments"].group_by("model_version").agg(pl.col("from_time").min())
    acts = (
        flights["approvals"]
        .sort("recorded_at")
        .group_by("model_version", maintain_order=True)
        .agg("act", pl.col("recorded_at").max())
    )
    assert sorted(acts["model_version"]) == sorted(flights["model_versions"]["model_version"])
    assert acts["act"].to_list() == [["submitted", "approved", "promoted"]] * 4
    assert acts.join(first, on="model_version").filter(pl.col("recorded_at") >= pl.col("from_time")).height == 0


def test_a_prediction_is_made_on_the_flight_s_own_date(flights, source_flights):
    lost = flights.fault("sequence-gap")
    real = source_flights.group_by(pl.col("DATE").alias("day")).len("flights")
    logged = flights["predictions"].group_by(pl.col("occurred_at").dt.date().alias("day")).len("predictions")
    differing = real.join(logged, on="day", how="full").filter(pl.col("flights") != pl.col("predictions"))
    assert differing["day"].to_list() == [date.fromisoformat(lost["since"])]
    assert (differing["flights"] - differing["predictions"]).to_list() == [lost["lost"]]


def test_the_outcome_is_observed_a_day_after_departure(served):
    ahead = (served["observed_at"] - timedelta(days=1)) - served["occurred_at"]
    assert timedelta(hours=2) <= ahead.min()
    assert ahead.max() <= timedelta(hours=4)


def test_outcomes_are_those_of_the_source(flights, source_flights):
    late = (source_flights["CANCELLED"] == 1) | (source_flights["DEPARTURE_DELAY"] > 15).fill_null(value=False)
    assert (flights["outcomes"]["label"] == "late").sum() == pytest.approx(late.sum(), abs=47)
    assert flights["outcomes"]["value"].null_count() == pytest.approx(1030 + 444, abs=47)
    assert flights["outcomes"]["label"].null_count() == 0


@pytest.mark.parametrize(
    ("carrier", "day"), [("WN", date(2015, 1, 3)), ("AA", date(2015, 2, 20)), ("HA", date(2015, 12, 31))]
)
def test_look_back_features_see_no_flight_later_than_two_days_before(served, source_flights, carrier, day):
    past = source_flights.filter(
        (pl.col("AIRLINE") == carrier) & pl.col("DATE").is_between(day - timedelta(days=8), day - timedelta(days=2))
    )
    late = past.filter((pl.col("CANCELLED") == 1) | (pl.col("DEPARTURE_DELAY") > 15)).height
    delays = past["DEPARTURE_DELAY"].drop_nulls()
    expected = ((late + 2) / (past.height + 10), (delays.sum() + 90) / (len(delays) + 10))
    rows = served.filter((pl.col("carrier") == carrier) & (pl.col("occurred_at").dt.date() == day))
    found = rows.select("carrier_delay_rate_7d", "carrier_mean_delay_7d").unique().row(0)
    assert found == (pytest.approx(expected[0], abs=6e-5), pytest.approx(expected[1], abs=6e-3))


def test_the_first_two_days_have_only_the_assumption(served):
    first = served.filter(pl.col("occurred_at").dt.date() <= date(2015, 1, 2))
    assert first.select("carrier_delay_rate_7d", "carrier_mean_delay_7d").unique().rows() == [(0.2, 9.0)]


def test_decisions_follow_score_and_threshold_and_both_are_common(served):
    late = served["score"] >= served["threshold"]
    assert (late == (served["decision"] == "late")).all()
    assert (served["decision"] == served["label"]).all()
    by_month = served.group_by(pl.col("occurred_at").dt.month()).agg((pl.col("decision") == "late").mean())["decision"]
    assert by_month.min() > 0.05
    assert by_month.max() < 0.5
    assert late.mean() == pytest.approx(0.245, abs=0.005)


def test_the_scorecard_scores_by_its_published_weights(flights, served):
    import numpy as np

    row = flights["model_versions"].filter(pl.col("model_version") == "1.0.0").row(0, named=True)
    weights = json.loads(row["justification"].split("weights ", 1)[1].split(". They were", 1)[0])
    rows = served.filter((pl.col("model_version") == "1.0.0") & pl.col("carrier").is_not_null())
    log_odds = weights["intercept"] + rows["carrier"].replace_strict(weights["carrier"])
    for name, scaled in weights["scaled"].items():
        log_odds += scaled["weight"] * (rows[name] - scaled["mean"]) / scaled["scale"]
    assert np.abs(1 / (1 + np.exp(-log_odds.to_numpy())) - rows["score"].to_numpy()).max() < 1e-12


def test_the_saved_scorecard_gives_the_recorded_scores(flights, served):
    import pandas as pd
    from skops.io import load

    row = flights["model_versions"].filter(pl.col("model_version") == "1.0.0").row(0, named=True)
    rows = served.filter((pl.col("model_version") == "1.0.0") & pl.col("carrier").is_not_null()).head(500)
    features = json.loads(row["signature"])["features"]
    frame = pd.DataFrame(
        {
            feature["name"]: pd.Series(
                rows[feature["name"]].to_list(), dtype=object if feature["dtype"] == "str" else None
            )
            for feature in features
        }
    )
    pipeline = load(flights.folder / row["artifact_uri"], trusted=[])
    assert pipeline.predict_proba(frame)[:, 1].tolist() == rows["score"].to_list()


def test_carrier_us_leaves_on_the_last_of_june(served):
    last = served.filter(pl.col("carrier") == "US")["occurred_at"].max()
    assert last.date() == date(2015, 6, 30)
    july = served.filter(pl.col("occurred_at").dt.month() == 7)
    assert "AA" in july["carrier"].to_list()


def test_february_s_storms_are_in_the_outcomes(served):
    never_left = served.group_by(pl.col("occurred_at").dt.month().alias("month")).agg(pl.col("value").is_null().mean())
    share = dict(never_left.iter_rows())
    assert share[2] == pytest.approx(0.0453, abs=0.001)
    assert max(share, key=share.get) == 2
    assert share[2] / share[4] > 4


def test_auc_by_month_is_as_stated_in_the_truth_and_the_readme(flights, served, committed):
    stated = flights.truth["auc_by_month"]
    computed = {}
    for (month,), rows in served.group_by(pl.col("occurred_at").dt.strftime("%Y-%m")):
        late = (rows["truth"] == "late").to_numpy()
        ranks = rankdata(rows["score"].to_numpy())
        positives, negatives = late.sum(), (~late).sum()
        computed[month] = (ranks[late].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    assert stated == pytest.approx(computed, abs=0.001)
    readme = (committed / "README.md").read_text(encoding="utf-8")
    assert [month for month, auc in stated.items() if f"| {month} | {auc:.3f} |" not in readme] == []


def test_lineage_leads_from_every_version_to_data_and_code(flights):
    edges = flights["lineage"].select("from_node", "relation", "to_node").rows()
    datasets = flights["datasets"].select(pl.format("dataset:{}@{}", "dataset_id", "version")).to_series().to_list()
    runs = [f"run:{run}" for run in flights["runs"]["run_id"]]
    for name in flights["model_versions"]["model_version"]:
        (run,) = [
            to for start, relation, to in edges if (start, relation) == (f"model:delay-risk@{name}", "wasGeneratedBy")
        ]
        assert run in runs
        (dataset,) = [to for start, relation, to in edges if (start, relation) == (run, "used")]
        assert dataset in datasets
        assert [to[:7] for start, relation, to in edges if (start, relation) == (run, "wasAssociatedWith")] == [
            "commit:"
        ]


def test_the_manifest_says_what_is_invented(flights):
    notes = " ".join(flights.manifest["notes"])
    assert "hour of departure is not in the source: it is invented" in notes
    assert "weakly" in notes
