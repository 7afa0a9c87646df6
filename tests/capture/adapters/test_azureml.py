"""Azure ML's data collector, each quirk by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

import audit_lab as al

FOLDER = "modelDataCollector/loans/blue/model_inputs/2026/05/04/09"
BLOB = "https://store.example.org/container/modelDataCollector/payload.bin"


def event(kind, key="c1", data=None, **more):
    return {
        "specversion": "1.0",
        "id": f"id-{kind}-{key}",
        "source": "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
        "/onlineEndpoints/loans/deployments/blue",
        "type": f"azureml.inference.{kind}",
        "datacontenttype": "application/json",
        "time": "2026-05-04T09:00:00Z",
        "data": data
        if data is not None
        else [{"amount": 1.5, "city": "Bern"}]
        if kind.endswith("inputs")
        else [{"0": 0.25}],
        "correlationid": key,
        "xrequestid": f"x-{key}",
        "modelversion": "default",
        "collectdatatype": "pandas.core.frame.DataFrame",
        "agent": "azureml-ai-monitoring/0.1.0b4",
        "contentrange": "bytes 0-116/117",
        **more,
    }


def pair(key="c1", **more):
    return [event("model_inputs", key, **more), event("model_outputs", key, **more)]


def predictions(adapting):
    return al.open(adapting.log).predictions.sort("prediction_id").collect()


def test_inputs_and_outputs_are_paired_across_files_and_default_is_no_version(adapting):
    files = {f"{FOLDER}/a.jsonl": [pair()[0]], f"{FOLDER.replace('inputs', 'outputs')}/b.jsonl": [pair()[1]]}
    report = adapting(files)
    row = predictions(adapting).row(0, named=True)
    assert (row["prediction_id"], row["request_id"], row["model_name"], row["endpoint"]) == (
        "c1",
        "x-c1",
        "loans",
        "loans/blue",
    )
    assert (row["occurred_at"], row["model_version"]) == (datetime(2026, 5, 4, 9, tzinfo=UTC), None)
    assert row["outputs"]["score"] == 0.25
    assert al.open(adapting.log).inputs("loans").drop("recorded_at").collect().rows() == [("c1", 1.5, "Bern")]
    assert (report.form, report.rows_read, report.rows_kept, report.without_version) == ("azureml", 2, 2, 1)


def test_a_stated_version_is_one(adapting):
    adapting({"a.jsonl": pair(modelversion="7")})
    assert predictions(adapting)["model_version"].to_list() == ["7"]


def test_the_path_names_the_endpoint_where_the_source_does_not(adapting):
    adapting({f"{FOLDER}/a.jsonl": pair(source="somewhere")})
    assert predictions(adapting)["endpoint"].to_list() == ["loans/blue"]


def test_several_rows_are_several_predictions(adapting):
    inputs, outputs = [{"amount": 1.0}, {"amount": 2.0}], [{"0": 0.1}, {"0": 0.9}]
    adapting({"a.jsonl": [event("model_inputs", data=inputs), event("model_outputs", data=outputs)]})
    found = predictions(adapting)
    assert found["prediction_id"].to_list() == ["c1#0", "c1#1"]
    assert [each["score"] for each in found["outputs"]] == [0.1, 0.9]


@pytest.mark.parametrize(
    "more",
    [{"data": BLOB}, {"data": BLOB, "datainblob": "true"}, {"data": None, "dataref": BLOB}, {"datainblob": "true"}],
)
def test_a_payload_that_lies_elsewhere_is_quarantined_and_not_opened(adapting, more):
    record = event("model_inputs")
    record.update(more)
    report = adapting({"a.jsonl": [record, event("model_outputs")]})
    assert (report.rows_read, report.rows_kept, report.null_payloads) == (2, 1, 1)
    assert report.responses_without_request == 1
    assert "lies elsewhere and is not opened" in report.quarantine()["reason"][0]


def test_a_part_of_a_payload_is_none(adapting):
    report = adapting({"a.jsonl": [event("model_inputs", contentrange="bytes 0-99/200"), event("model_outputs")]})
    assert (report.rows_kept, report.truncated_payloads) == (1, 1)


def test_what_the_endpoint_was_sent_and_what_the_model_was_given_are_two_steps(adapting):
    http = [
        event("request", data='{"input_data": 1}', datacontenttype="text/plain", path="/score", method="POST"),
        event("response", data="0.25"),
    ]
    adapting({"a.jsonl": [*pair(), *http]})
    assert len(predictions(adapting)) == 2


def test_requests_and_responses_alone_are_plain_exchanges(adapting):
    records = [event("request", data='{"amount": 1.5}'), event("response", data="0.25")]
    adapting({"a.jsonl": records})
    found = predictions(adapting)
    assert (found["prediction_id"].to_list(), found["outputs"][0]["score"]) == (["c1"], 0.25)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**event("model_inputs"), "correlationid": None}, "no correlationid"),
        (event("explanations"), "of type"),
        ({**event("model_inputs"), "data": None}, "no payload"),
        ({**event("model_inputs"), "time": "yesterday"}, "time cannot be read"),
        ({**event("model_inputs"), "correlationid": 7}, "other fields"),
        ("{bad", "no JSON"),
        ("[" * 2_000, "other fields"),
    ],
)
def test_what_cannot_be_read_is_quarantined(adapting, record, reason):
    report = adapting({"a.jsonl": [*pair(), record]}, form="azureml")
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (3, 2, 1)
    assert reason in report.quarantine()["reason"][0]
    text = record if isinstance(record, str) else json.dumps(record)
    assert report.quarantine()["raw"].to_list() == [text.encode()]
