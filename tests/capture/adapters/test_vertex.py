"""Vertex AI's logging tables, both generations, as Parquet and as JSON lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

import audit_lab as al

AT = datetime(2026, 5, 4, 9, 0, 0, 123456, tzinfo=UTC)
ID = "8123456789012345678901234567"
BODY, ANSWER = '{"instances": [{"amount": 1.5}, {"amount": 2.5}]}', '{"predictions": [0.25, 0.75]}'


def newer(key=None, request=(BODY,), response=(ANSWER,), **more):
    return {
        "endpoint": "projects/p/locations/l/endpoints/loans",
        "deployed_model_id": "5550001",
        "logging_time": AT,
        "request_id": Decimal(ID) if key is None else key,
        "request_payload": None if request is None else list(request),
        "response_payload": None if response is None else list(response),
        **more,
    }


def older(**more):
    return {
        "model": "projects/p/models/loans",
        "model_version": "v7",
        "time": AT,
        "raw_data": '{"instances": [{"amount": 1.5}]}',
        "raw_prediction": '{"predictions": [0.25]}',
        "groundtruth": None,
        **more,
    }


@pytest.fixture
def parquet(adapting):
    """Return a function that writes rows as Parquet and takes them over."""

    def take(*rows, **said):
        adapting.source.mkdir(exist_ok=True)
        schema = {
            "request_id": pl.Decimal(38, 9),
            "request_payload": pl.List(pl.String),
            "response_payload": pl.List(pl.String),
            "groundtruth": pl.String,
            "raw_prediction": pl.String,
        }
        used = {name: dtype for name, dtype in schema.items() if name in rows[0]}
        pl.DataFrame(list(rows), schema_overrides=used).write_parquet(adapting.source / "a.parquet")
        return adapting(**said)

    return take


def predictions(adapting):
    return al.open(adapting.log).predictions.sort("prediction_id").collect()


def test_a_row_becomes_predictions_and_its_id_keeps_all_its_digits(parquet, adapting):
    report = parquet(newer())
    found = predictions(adapting)
    columns = ("prediction_id", "request_id", "occurred_at", "model_name", "node", "model_version")
    assert found.select(columns).rows() == [(f"{ID}#{number}", ID, AT, "loans", "5550001", None) for number in range(2)]
    assert [each["score"] for each in found["outputs"]] == [0.25, 0.75]
    assert al.open(adapting.log).inputs("loans").collect()["amount"].to_list() == [1.5, 2.5]
    assert (report.form, report.rows_read, report.rows_kept, report.predictions) == ("vertex", 1, 1, 2)


@pytest.mark.parametrize("written", [ID, f'"{ID}"', f"{ID}.000000000", "8.123456789012345678901234567e27"])
def test_an_id_in_json_keeps_all_its_digits_however_it_is_written(adapting, written):
    row = json.dumps({**newer(key=0), "logging_time": "2026-05-04 09:00:00.123456 UTC"})
    adapting({"a.jsonl": [row.replace('"request_id": 0', f'"request_id": {written}')]})
    assert predictions(adapting).select("request_id", "occurred_at").row(0) == (ID, AT)


def test_a_deployed_model_is_a_version_where_the_caller_s_table_says_so(parquet, adapting):
    parquet(newer(), newer(Decimal(2), deployed_model_id="other"), version={"5550001": "7"})
    assert predictions(adapting)["model_version"].to_list() == [None, None, "7", "7"]


@pytest.mark.parametrize(
    ("request_texts", "response_texts"),
    [
        (['{"amount": 1.5}', '{"amount": 2.5}'], ["0.25", "0.75"]),
        (
            ['{"instances": [{"amount": 1.5}]}', '{"instances": [{"amount": 2.5}]}'],
            ['{"predictions": [0.25]}', '{"predictions": [0.75]}'],
        ),
        ([BODY[:17], BODY[17:]], [ANSWER[:9], ANSWER[9:]]),
    ],
)
def test_a_list_of_texts_is_read_as_instances_or_as_pieces(parquet, adapting, request_texts, response_texts):
    parquet(newer(request=request_texts, response=response_texts))
    assert al.open(adapting.log).inputs("loans").collect()["amount"].to_list() == [1.5, 2.5]
    assert [each["score"] for each in predictions(adapting)["outputs"]] == [0.25, 0.75]


def test_the_older_generation_names_a_version_and_may_know_the_truth(parquet, adapting):
    report = parquet(older(), older(groundtruth="1", raw_data='{"instances": [{"amount": 9.5}]}'))
    found = predictions(adapting)
    assert found.select("model_name", "model_version").rows() == [("loans", "v7")] * 2
    assert all(name.endswith((":1", ":2")) for name in found["prediction_id"])
    assert al.open(adapting.log).outcomes.collect().select("prediction_id", "value").rows() == [
        (next(name for name in found["prediction_id"] if name.endswith(":2")), 1.0)
    ]
    assert (report.versions_stated, report.labels) == (2, 1)


def test_sides_that_are_not_there_and_rows_that_cannot_be_read(parquet):
    rows = [
        newer(Decimal(1), request=None),
        newer(Decimal(2), response=()),
        newer(Decimal(3), None, None),
        newer(Decimal(4), request=('{"instances": [',)),
        newer(Decimal(5), response=('{"predictions": [1, 2, 3]}',)),
    ]
    report = parquet(*rows)
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (5, 2, 3)
    assert report.quarantine().select("row", "code").rows() == [
        (3, "null-payload"),
        (4, "truncated"),
        (5, "undecodable"),
    ]


def test_a_row_without_an_id_or_with_labels_of_another_number_is_quarantined(adapting):
    rows = [json.dumps({**newer(key=0), "logging_time": None}).replace('"request_id": 0', '"request_id": "  "')]
    old = json.dumps({**older(groundtruth="[1, 0]"), "time": "2026-05-04T09:00:00Z"})
    report = adapting({"a.jsonl": rows, "b.jsonl": [old]})
    assert sorted(report.quarantine()["reason"]) == [
        "the row has 1 instances and 2 labels",
        "the row has no request_id",
    ]
