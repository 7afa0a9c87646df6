"""Silence where nothing happened, and no silence where something did."""

from __future__ import annotations

import polars as pl
import pytest
from scipy import stats

import audit_lab as al
from audit_lab.cli import main
from audit_lab.log.files.write import write_log
from audit_lab.monitor.alerts.rule_file import rule_of
from audit_lab.monitor.alerts.rules import RuleSet


@pytest.mark.parametrize("seed", range(2))
def test_a_watch_of_real_rows_split_at_random_exits_0(split, seed, capsys):
    assert main(["watch", str(split(seed))]) == 0
    assert capsys.readouterr().out.startswith("No alert.\n")


def test_the_same_rows_are_not_passed_over_when_a_column_changes(split, tmp_path, capsys):
    log = al.open(split(0))
    middle = log.predictions.select(pl.col("occurred_at").quantile(0.75)).collect().item()
    late = log.predictions.filter(pl.col("occurred_at") > middle).select("prediction_id").collect()["prediction_id"]
    changed = pl.when(pl.col("prediction_id").is_in(late.implode())).then(pl.col("distance_miles") * 1.609344)
    inputs = log.inputs().collect().with_columns(changed.otherwise("distance_miles").alias("distance_miles"))
    tables = {"predictions": log.predictions.collect(), "inputs/delay-risk": inputs}
    write_log(tmp_path / "moved", tables, {"origin": "tests/moved", "description": "Moved", "notes": []})
    assert main(["watch", str(tmp_path / "moved"), "--json"]) == 1
    assert '"column": "distance_miles"' in capsys.readouterr().out


@pytest.mark.soak
def test_the_rate_of_watches_that_cry_wolf_is_at_most_the_stated_one(split):
    questions = 100
    alarms = sum(al.open(split(1_000 + seed)).watch().exit_code != 0 for seed in range(questions))
    assert alarms <= stats.binom(questions, 0.05).ppf(0.995)


@pytest.fixture(scope="module")
def watched(flights):
    return al.open(flights).watch()


def test_a_watch_of_the_flights_exits_1_with_the_merger(watched):
    carrier = watched.table.filter(pl.col("column") == "carrier")
    assert (watched.exit_code, carrier["kind"].unique().to_list()) == (1, ["drift"])
    assert (
        "categories that vanished: 1"
        in carrier.filter(pl.col("window_start").dt.date() == pl.date(2015, 7, 6))["what"][0]
    )


def test_a_watch_of_the_flights_alerts_on_the_week_of_the_changed_unit(watched):
    weeks = watched.table.filter(pl.col("column") == "distance_miles")["window_start"].dt.date().cast(pl.String)
    assert "2015-09-07" in weeks.to_list()


def test_look_back_features_that_move_all_the_time_raise_no_alert_and_it_is_said(watched):
    assert watched.table.filter(pl.col("column") == "carrier_mean_delay_7d").is_empty()
    assert any("carrier_mean_delay_7d" in fact for fact in watched.looked[0].facts)


def test_an_alert_carries_version_lineage_window_rows_and_the_reference(watched):
    alert = next(one for one in watched.alerts if one.column == "distance_miles")
    kept = alert.payload("audit_lab 0")
    assert kept["rows"] == sum(kept["versions"].values())
    assert kept["lineage"][0]["datasets_in"] is not None
    assert len(kept["lineage"][0]["artifact_sha256"]) == len(kept["reference"]) == 64
    assert kept["window_start"] < kept["window_end"]


def test_the_query_of_an_alert_makes_it_again(flights):
    given = {"name": "d", "kind": "drift", "columns": ["distance_miles"], "reference": ["2015-01-05", "2015-03-02"]}
    found = al.open(flights).watch(RuleSet((rule_of(given),)), since="2015-09-07", until="2015-09-14")
    (alert,) = found.alerts
    again = eval(alert.query, {"log": al.open(flights)})
    row = again.filter(pl.col("window_start") == alert.window_start)
    assert row["psi"].to_list() == [alert.value]
