from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab.log.store import open_store
from audit_lab.replay.environment.recorded import recorded_runtime, version_runtime

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
OF_VERSION, OF_SLOT, OF_PREDICTION = (
    {"python": "3.11.7", "packages": {"xgboost": version}} for version in ("2.1.1", "2.1.2", "2.1.3")
)


def text(value):
    return None if value is None else json.dumps(value)


def found(make_log, *, version=OF_VERSION, configuration=None, parameters=None, slots=None):
    """Return what is recorded for the small log's second prediction."""
    log = make_log(
        predictions=lambda frame: frame.with_columns(parameters=pl.lit(parameters, pl.String)),
        model_versions=lambda frame: frame.with_columns(runtime=pl.lit(text(version), pl.String)),
        deployments=slots or (lambda frame: frame.with_columns(configuration=pl.lit(configuration, pl.String))),
    )
    store = open_store(str(log))
    prediction = store.table("predictions").filter(pl.col("prediction_id") == "p-001").collect().row(0, named=True)
    return recorded_runtime(store, prediction, store.table("model_versions").collect().row(0, named=True))


def xgboost(recorded):
    return recorded.source, recorded.fingerprint and recorded.fingerprint.packages["xgboost"], recorded.problems


def test_the_version_s_row_is_what_there_is_at_least(make_log):
    recorded = found(make_log)
    assert xgboost(recorded) == ("model version", "2.1.1", ())
    assert (recorded.name, recorded.artifact_format) == ("loans 1", "xgboost-ubj")
    assert recorded.registered_at == START - timedelta(days=1)


def test_the_deployment_in_force_comes_before_it(make_log):
    assert xgboost(found(make_log, configuration=text({"runtime": OF_SLOT}))) == ("deployment", "2.1.2", ())


def test_the_prediction_s_own_comes_first(make_log):
    recorded = found(
        make_log, configuration=text({"runtime": OF_SLOT}), parameters=text({"seed": 1, "runtime": OF_PREDICTION})
    )
    assert xgboost(recorded) == ("prediction", "2.1.3", ())


def test_parameters_without_a_runtime_say_nothing(make_log):
    assert xgboost(found(make_log, parameters='{"temperature": 1}')) == ("model version", "2.1.1", ())


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ('{"runtime": ', "parameters cannot be read as a JSON object"),
        ('["runtime"]', "parameters cannot be read as a JSON object"),
        ('{"runtime": "{"}', "prediction: the runtime is no JSON (JSONDecodeError)"),
        ('{"runtime": 7}', "prediction: the runtime is a number, not an object"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_next_record_asked(make_log, parameters, problem):
    assert xgboost(found(make_log, parameters=parameters)) == ("model version", "2.1.1", (problem,))


def test_nothing_recorded_is_nowhere(make_log):
    recorded = found(make_log, version=None)
    assert (recorded.source, recorded.fingerprint, recorded.problems) == ("nowhere", None, ())


def slots(*configurations, **columns):
    """Return deployments of the version with one configuration each."""

    def make(frame):
        rows = pl.concat([frame] * len(configurations))
        names = pl.Series([f"slot {number}" for number in range(len(configurations))])
        texts = pl.Series([text(each) for each in configurations], dtype=pl.String)
        return rows.with_columns(deployment_id=names, configuration=texts, **columns)

    return make


def test_slots_that_disagree_are_not_believed(make_log):
    recorded = found(make_log, slots=slots({"runtime": OF_SLOT}, {"runtime": OF_PREDICTION}))
    problem = "deployment: 2 slots were in force, with different runtimes; none is believed"
    assert xgboost(recorded) == ("model version", "2.1.1", (problem,))


def test_slots_that_agree_are(make_log):
    recorded = found(make_log, slots=slots({"runtime": OF_SLOT}, {"runtime": OF_SLOT}, {}))
    assert xgboost(recorded) == ("deployment", "2.1.2", ())


@pytest.mark.parametrize(
    "columns",
    [
        {"environment": pl.lit("staging")},
        {"model_version": pl.lit("2")},
        {"traffic_share": pl.lit(0.0)},
        {"from_time": pl.lit(START + timedelta(hours=2))},
    ],
)
def test_a_slot_that_could_not_have_served_it_says_nothing(make_log, columns):
    assert xgboost(found(make_log, slots=slots({"runtime": OF_SLOT}, **columns)))[0] == "model version"


def test_a_version_that_is_not_registered_has_none():
    assert version_runtime({}).name == "a version that is not registered"
