"""KServe's logger, each quirk by itself."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al

V1 = ({"instances": [[1.0, 2], [3, 4]]}, {"predictions": [0.25, 0.5]})


def event(side, key="r1", body=None, at="2026-05-04T09:00:00.123456789Z", **more):
    """Return an event of the logger as structured JSON."""
    return {
        "specversion": "1.0",
        "id": key,
        "source": "http://localhost:9081/",
        "type": f"org.kubeflow.serving.inference.{side}",
        "time": at,
        "datacontenttype": "application/json",
        "inferenceservicename": "loans",
        "namespace": "bank",
        "component": "predictor",
        "endpoint": "default",
        "metadata": json.dumps({"Traceparent": ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]}),
        "data": body if body is not None else V1[side == "response"],
        **more,
    }


def batch_row(side, key="r1", body=None):
    """Return a row of the logger's own batches."""
    return {
        "url": "http://sink",
        "bytes": base64.b64encode(json.dumps(body or V1[side == "response"]).encode()).decode(),
        "contentType": "application/json",
        "reqType": side,
        "id": key,
        "sourceUri": "http://localhost:9081/",
        "inferenceService": "loans",
        "namespace": "bank",
        "component": "predictor",
        "endpoint": "canary",
        "metadata": json.dumps({"Authorization": ["Bearer secret"]}),
        "annotations": "{}",
        "certName": "",
        "tlsSkipVerify": False,
    }


def predictions(adapting):
    """Return the predictions of the log, by id."""
    return al.open(adapting.log).predictions.sort("prediction_id").collect()


def test_request_and_response_are_paired_across_files_and_hours(adapting):
    report = adapting({"10/b.jsonl": [event("response")], "09/a.jsonl": [event("request")]}, version="3")
    row = predictions(adapting).row(0, named=True)
    assert predictions(adapting)["prediction_id"].to_list() == ["r1#0", "r1#1"]
    assert row["occurred_at"] == datetime(2026, 5, 4, 9, 0, 0, 123456, tzinfo=UTC)
    assert (row["model_name"], row["model_version"], row["endpoint"]) == ("loans", "3", "bank/loans/default")
    assert row["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert row["outputs"]["score"] == 0.25
    assert al.open(adapting.log).inputs("loans").collect()["feature_1"].to_list() == [2.0, 4.0]
    assert (report.rows_read, report.rows_kept, report.predictions) == (2, 2, 2)


def test_version_2_bodies_are_tensors_and_may_state_the_model_s_version(adapting):
    request = {
        "id": "x",
        "inputs": [
            {"name": "amount", "shape": [2], "datatype": "FP64", "data": [1.5, 2.5]},
            {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": ["Bern", "Ys"]},
        ],
    }
    response = {
        "model_version": "12",
        "outputs": [{"name": "score", "shape": [2], "datatype": "FP64", "data": [0.1, 0.9]}],
    }
    report = adapting({"a.jsonl": [event("request", body=request), event("response", body=response)]})
    found = predictions(adapting)
    assert found["model_version"].to_list() == ["12", "12"]
    assert [each["score"] for each in found["outputs"]] == [0.1, 0.9]
    assert al.open(adapting.log).inputs("loans").drop("recorded_at").collect().rows() == [
        ("r1#0", 1.5, "Bern"),
        ("r1#1", 2.5, "Ys"),
    ]
    assert report.versions_stated == 1


def test_one_tensor_of_two_dimensions_is_a_table_of_values(adapting):
    request = {"inputs": [{"name": "in", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
    response = {"outputs": [{"name": "out", "shape": [2, 2], "datatype": "FP32", "data": [[0.25, 0.75], [0.5, 0.5]]}]}
    files = {"a.jsonl": [event("request", body=request), event("response", body=response)]}
    adapting(files, features=["amount", "months"])
    assert predictions(adapting)["outputs"][0]["probabilities"] == [0.25, 0.75]
    assert al.open(adapting.log).inputs("loans").collect()["months"].to_list() == [2.0, 4.0]


@pytest.mark.parametrize("style", ["base64", "text", "prefixed", "headers"])
def test_events_are_read_however_they_were_written_down(adapting, style):
    def written(side):
        plain = event(side)
        body = json.dumps(plain.pop("data"))
        if style == "base64":
            return {**plain, "data_base64": base64.b64encode(body.encode()).decode()}
        if style == "text":
            return {**plain, "data": body}
        headers = {f"Ce-{name.title()}": [value] for name, value in plain.items()}
        return {**headers, "body": body} if style == "prefixed" else {"headers": headers, "body": json.loads(body)}

    report = adapting({"a.jsonl": [written("request"), written("response")]}, form="kserve")
    assert report.rows_kept == 2
    assert [each["score"] for each in predictions(adapting)["outputs"]] == [0.25, 0.5]


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "array.json"])
def test_batches_are_read_in_each_format_and_only_json_has_a_time(adapting, ending):
    rows = [batch_row("request"), batch_row("response"), batch_row("request", "r2")]
    path = adapting.source / f"bank-loans-r1-request.{ending}"
    path.parent.mkdir()
    if ending == "parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif ending == "csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(buffer.getvalue())
    else:
        timed = [{**row, "occurrenceTime": "2026-05-04T09:00:00Z"} for row in rows]
        path.write_text(json.dumps(timed) if "array" in ending else "".join(json.dumps(row) + "\n" for row in timed))
    report = adapting()
    found = predictions(adapting)
    assert (report.form, report.rows_read, report.rows_kept) == ("kserve", 3, 3)
    assert report.requests_without_response == 1
    assert found["prediction_id"].to_list() == ["r1#0", "r1#1", "r2#0", "r2#1"]
    assert found["endpoint"].unique().to_list() == ["bank/loans/canary"]
    assert report.without_time == (0 if "json" in ending else 2)
    assert "secret" not in str(found.to_dicts())


@pytest.mark.parametrize("cut", [-2_000, -8])
def test_of_a_packed_array_that_is_cut_or_damaged_every_whole_record_is_read(adapting, cut):
    rows = [{**batch_row("request", f"r{n}"), "occurrenceTime": "2026-05-04T09:00:00Z"} for n in range(2_000)]
    packed = gzip.compress(json.dumps(rows).encode())
    (adapting.source / "a").mkdir(parents=True)
    (adapting.source / "a" / "bank-loans-r1-request.json.gz").write_bytes(packed[:cut])
    (adapting.source / "a" / "bank-loans-r2-request.json").write_text(json.dumps([batch_row("request", "other")]))
    report = adapting()
    assert report.rows_read == report.rows_kept
    assert report.rows_kept == 2_001 if cut == -8 else 500 < report.rows_kept < 2_000
    (row,) = report.quarantine().select("rows", "first_byte", "stop_byte", "reason").rows()
    assert (row[0], row[2], "damaged" in row[3]) == (0, None, True)
    assert report.files[0].unread == ((row[1], None),)
    assert row[1] == len(json.dumps(rows[: report.rows_kept - 1]))


@pytest.mark.parametrize("name", ["../x", "a\nb", "nul\0", "x" * 300, "a//b"])
def test_a_service_whose_name_no_log_can_have_is_put_aside_and_the_others_are_kept(adapting, name):
    records = [
        {**event("request", "r1", body={"instances": [[1]]}), "inferenceservicename": name},
        {**event("response", "r1", body={"predictions": [0.1]}), "inferenceservicename": name},
        event("request", "r2", body={"instances": [[2]]}),
        event("response", "r2", body={"predictions": [0.2]}),
    ]
    report = adapting({"a.jsonl": records})
    assert predictions(adapting)["prediction_id"].to_list() == ["r2"]
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (4, 2, 2)
    assert all("cannot name a folder" in reason for reason in report.quarantine()["reason"])


@pytest.mark.parametrize("said", [{}, {"time": "2026-05-04T11:00:00Z"}])
def test_where_an_event_has_no_time_it_is_when_it_was_recorded(adapting, said):
    """The extension `recordedtime` stands in for `time`, and never before it."""
    records = [{**event(side), "recordedtime": "2026-05-04T09:00:02Z"} for side in ("request", "response")]
    for record in records:
        del record["time"]
        record.update(said)
    adapting({"a.jsonl": records})
    hour, second = (11, 0) if said else (9, 2)
    assert predictions(adapting)["occurred_at"].unique().to_list() == [
        datetime(2026, 5, 4, hour, 0, second, tzinfo=UTC)
    ]


def test_an_id_that_a_caller_used_again_is_paired_in_order_of_time(adapting):
    records = [
        event("response", at="2026-05-04T09:00:01Z", body={"predictions": [0.1]}),
        event("response", at="2026-05-04T10:00:01Z", body={"predictions": [0.2]}),
        event("request", at="2026-05-04T10:00:00Z", body={"instances": [[2]]}),
        event("request", at="2026-05-04T09:00:00Z", body={"instances": [[1]]}),
    ]
    report = adapting({"a.jsonl": records})
    found = predictions(adapting)
    assert found["prediction_id"].to_list() == ["r1", "r1~2"]
    assert [each["score"] for each in found["outputs"]] == [0.1, 0.2]
    assert al.open(adapting.log).inputs("loans").collect()["feature_0"].to_list() == [1.0, 2.0]
    assert report.duplicate_ids == 1


def test_two_requests_and_one_response_of_one_id_are_not_guessed_at(adapting):
    records = [event("request"), event("request", body={"instances": [[9]]}), event("response")]
    report = adapting({"a.jsonl": records})
    assert (report.ambiguous_records, report.rows_kept, report.rows_quarantined) == (3, 0, 3)


def test_a_record_that_was_delivered_twice_counts_once(adapting):
    report = adapting({"a.jsonl": [event("request"), event("request"), event("response")]})
    assert (report.predictions, report.repeated_records) == (2, 1)


def test_a_transformer_and_its_predictor_share_an_id_and_stay_apart(adapting):
    records = [event("request"), event("response")]
    records += [
        event(side, component="transformer", body=body)
        for side, body in zip(("request", "response"), ({"instances": ["raw"]}, {"predictions": [7.0]}), strict=True)
    ]
    adapting({"a.jsonl": records})
    found = predictions(adapting).select("prediction_id", "model_name").rows()
    assert found == [("r1#0", "loans"), ("r1#1", "loans"), ("r1/transformer", "loans-transformer")]


def test_a_transformer_that_comes_in_a_later_run_is_no_second_use_of_the_predictor_s_id(adapting):
    adapting({"a.jsonl": [event("request"), event("response")]})
    raw = [event("request", component="transformer", body={"instances": ["raw"]})]
    raw += [event("response", component="transformer", body={"predictions": [7.0]})]
    report = adapting({"b.jsonl": raw})
    assert predictions(adapting)["prediction_id"].to_list() == ["r1#0", "r1#1", "r1/transformer"]
    assert (report.duplicate_ids, adapting({"c.jsonl": [*raw, event("request", "r9")]}).predictions_added) == (0, 2)


def test_a_request_that_comes_in_a_later_run_completes_what_is_there_and_a_response_is_kept_aside(adapting):
    adapting({"a.jsonl": [event("response", "r1"), event("request", "r2")]})
    report = adapting({"b.jsonl": [event("request", "r1"), event("response", "r2")]})
    log = al.open(adapting.log)
    assert predictions(adapting)["prediction_id"].to_list() == ["r1#0", "r1#1", "r2#0", "r2#1"]
    assert sorted(log.inputs("loans").collect()["prediction_id"]) == ["r1#0", "r1#1", "r2#0", "r2#1"]
    assert report.predictions_added == 0
    assert "without a response, since an earlier run" in report.quarantine()["reason"][0]


def test_what_is_no_event_of_the_logger_is_refused_and_counted(adapting):
    bad = [
        event("ping"),
        {**event("request"), "id": None},
        {**event("request"), "data": None},
        {**event("request", "r5"), "time": "yesterday"},
        {key: value for key, value in event("request", "r6").items() if key != "data"} | {"data_base64": "%%"},
        event("request", "r7", body={"instances": "[[["}),
        event("response", "r8", body='{"predictions": [0.5'),
        b'{"type": "org.kubeflow.serving.inference.request", "id": "\xff"}',
        "[1, 2]",
    ]
    report = adapting({"a.jsonl": bad}, form="kserve")
    assert report.rows_read == 9
    assert (report.null_payloads, report.truncated_payloads) == (1, 1)
    assert report.rows_kept + report.rows_quarantined == 9
    assert report.rows_kept == 1  # an instance may be a text
    assert report.undecodable_payloads == 6


def test_a_damaged_parquet_file_is_refused_whole(adapting):
    report = adapting({"a.parquet": b"PAR1" + b"\0" * 50}, form="kserve")
    assert (report.rows_read, report.files[0].unread) == (0, ((0, 54),))
    assert report.quarantine()["raw"][0].startswith(b"PAR1")
