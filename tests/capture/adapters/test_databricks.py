"""Databricks inference tables, each generation and each quirk by itself."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError

AT = datetime(2026, 5, 4, 9, 0, 0, 123000, tzinfo=UTC)
SPLIT = json.dumps({"dataframe_split": {"columns": ["amount", "city"], "data": [[1.5, "Bern"], [2.5, "Ys"]]}})
RECORDS = json.dumps({"dataframe_records": [{"amount": 1.5, "city": "Bern"}]})
ONE, TWO = '{"predictions": [0.25]}', '{"predictions": [0.25, 0.75]}'


def legacy(key="r1", request=SPLIT, response=TWO, **more):
    return {
        "databricks_request_id": key,
        "client_request_id": None,
        "date": date(2026, 5, 4),
        "timestamp_ms": 1_777_885_200_123,
        "status_code": 200,
        "sampling_fraction": 1.0,
        "execution_time_ms": 12,
        "request": request,
        "response": response,
        "request_metadata": [
            {"key": "model_name", "value": "loans"},
            {"key": "model_version", "value": "7"},
            {"key": "endpoint_name", "value": "loans-prod"},
        ],
        **more,
    }


def gateway(key="r1", request=RECORDS, response=ONE, **more):
    return {
        "databricks_request_id": key,
        "request_date": date(2026, 5, 4),
        "client_request_id": "c1",
        "request_time": AT,
        "status_code": 200,
        "sampling_fraction": 0.5,
        "execution_duration_ms": 12,
        "request": request,
        "response": response,
        "logging_error_codes": [],
        "served_entity_id": "entity-9",
        "requester": "somebody@example.org",
        **more,
    }


def unity(key="r1", request=RECORDS, response=ONE, **more):
    return {
        "event_time": AT,
        "invocation_id": key,
        "status_code": 200,
        "latency_ms": 12,
        "logging_error_codes": [],
        "request": request,
        "response": response,
        **more,
    }


@pytest.fixture
def parquet(adapting):
    """Return a function that writes rows as Parquet and takes them over."""

    def take(*rows, name="a.parquet", **said):
        path = adapting.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        schema = {
            "status_code": pl.Int32,
            "logging_error_codes": pl.List(pl.String),
            "request": pl.String,
            "response": pl.String,
        }
        used = {column: dtype for column, dtype in schema.items() if any(column in row for row in rows)}
        pl.DataFrame(list(rows), schema_overrides=used, infer_schema_length=None).write_parquet(path)
        return adapting(**said)

    return take


def predictions(adapting):
    return al.open(adapting.log).predictions.sort("prediction_id").collect()


def test_the_first_generation_states_model_and_version_in_its_metadata(parquet, adapting):
    report = parquet(legacy())
    found = predictions(adapting)
    columns = ("prediction_id", "occurred_at", "model_name", "model_version", "request_id", "endpoint")
    assert found.select(columns).rows() == [
        (f"r1#{number}", AT, "loans", "7", "r1", "loans-prod") for number in range(2)
    ]
    assert found.select("latency_ms", "sampling_rate").rows() == [(12.0, 1.0)] * 2
    assert [each["score"] for each in found["outputs"]] == [0.25, 0.75]
    assert al.open(adapting.log).inputs("loans").drop("recorded_at").collect().rows() == [
        ("r1#0", 1.5, "Bern"),
        ("r1#1", 2.5, "Ys"),
    ]
    assert (report.rows_read, report.rows_kept, report.predictions, report.versions_stated) == (1, 1, 2, 1)


def test_an_entity_s_id_is_no_version_unless_the_caller_s_table_says_which(parquet, adapting):
    report = parquet(gateway(), model="loans")
    assert predictions(adapting).select("model_version", "node", "request_id", "sampling_rate").rows() == [
        (None, "entity-9", "c1", 0.5)
    ]
    assert (report.without_version, report.sampling) == (1, "stated by the log: 0.5")


def test_a_table_of_versions_resolves_entities(parquet, adapting):
    report = parquet(
        gateway(), gateway("r2", served_entity_id="entity-unknown"), model="loans", version={"entity-9": "7"}
    )
    assert predictions(adapting)["model_version"].to_list() == ["7", None]
    assert (report.versions_supplied, report.without_version) == (1, 1)


def test_the_generation_of_unity_is_read(parquet, adapting):
    parquet(unity(), model="loans", version="7")
    row = predictions(adapting).row(0, named=True)
    assert (row["prediction_id"], row["occurred_at"], row["model_version"], row["latency_ms"]) == ("r1", AT, "7", 12.0)


def test_requesters_are_not_taken_over(parquet, adapting):
    parquet(gateway(), model="loans")
    assert "somebody" not in str(predictions(adapting).rows())


def test_a_payload_that_was_too_large_is_a_side_that_is_not_there(parquet, adapting):
    rows = [
        gateway("r1", request=None, logging_error_codes=["MAX_REQUEST_SIZE_EXCEEDED"]),
        gateway("r2", response=None),
        gateway("r3", None, None),
    ]
    report = parquet(*rows, model="loans")
    assert (report.rows_read, report.rows_kept, report.rows_quarantined, report.null_payloads) == (3, 2, 1, 1)
    assert (report.requests_without_response, report.responses_without_request) == (1, 1)
    assert report.quarantine()["code"].to_list() == ["null-payload"]
    assert json.loads(report.quarantine()["raw"][0])["databricks_request_id"] == "r3"


def test_a_failed_request_is_a_prediction_that_failed(parquet, adapting):
    parquet(gateway(response='{"error_code": "BAD_REQUEST"}', status_code=400), model="loans")
    row = predictions(adapting).row(0, named=True)
    assert (row["error"], row["outputs"]) == ('status 400: {"error_code": "BAD_REQUEST"}', None)


def test_rows_that_cannot_be_read_are_quarantined_and_the_others_kept(parquet):
    rows = [gateway(None), gateway("r2", "{bad"), gateway("r3", SPLIT, ONE), gateway("r4")]
    report = parquet(*rows, model="loans")
    assert (report.rows_read, report.rows_kept) == (4, 1)
    assert report.quarantine().select("row", "code").rows() == [
        (1, "undecodable"),
        (2, "undecodable"),
        (3, "undecodable"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"amount": 1.5, "city": "Bern"}]},
        {"inputs": {"amount": [1.5], "city": ["Bern"]}},
        {"dataframe_records": [{"amount": 1.5, "city": "Bern"}], "params": {"temperature": 0}},
    ],
)
def test_every_scoring_form_of_mlflow_is_read(parquet, adapting, body):
    parquet(gateway(request=json.dumps(body)), model="loans")
    assert al.open(adapting.log).inputs("loans").drop("recorded_at").collect().rows() == [("r1", 1.5, "Bern")]


def test_rows_as_json_lines_are_read_alike(adapting):
    row = json.loads(json.dumps(legacy(), default=str))
    row["request_metadata"] = {each["key"]: each["value"] for each in row["request_metadata"]}
    report = adapting({"a.jsonl": [row, "{bad"]})
    assert predictions(adapting)["model_version"].to_list() == ["7", "7"]
    assert (report.form, report.rows_read, report.rows_kept, report.rows_quarantined) == ("databricks", 2, 1, 1)


def test_a_delta_table_is_read_in_its_current_version(adapting):
    deltalake = pytest.importorskip("deltalake")
    table = str(adapting.source)
    write = lambda row, **more: deltalake.write_deltalake(table, pl.DataFrame([row]).to_arrow(), **more)
    write(gateway("old"), mode="append", partition_by=["request_date"])
    write(gateway("new", request_date=date(2026, 5, 5)), mode="append")
    deltalake.DeltaTable(table).delete("request_date = '2026-05-04'")
    report = adapting(model="loans")
    assert predictions(adapting)["prediction_id"].to_list() == ["new"]
    assert len(report.unread_files) == 1
    write(gateway("later", request_date=date(2026, 5, 6)), mode="append")
    again = adapting(model="loans")
    assert predictions(adapting)["prediction_id"].to_list() == ["later", "new"]
    assert again.predictions_added == 1


def test_a_delta_table_that_cannot_be_read_says_so(adapting):
    (adapting.source / "_delta_log").mkdir(parents=True)
    (adapting.source / "_delta_log" / "00000000000000000000.json").write_text("{bad\n")
    with pytest.raises(LogError, match="the Delta table .* cannot be read"):
        adapting(model="loans")
