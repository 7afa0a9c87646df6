"""SageMaker data capture and ground truth, each quirk by itself."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime

import pytest

import audit_lab as al

HOUR = "capture/loans/AllTraffic/2026/05/04/09"


def captured(event="e1", request="1.5,2,x", response="0.25", at="2026-05-04T09:00:00Z", **more):
    """Return a record of data capture; a side that is None is not there, a tuple is its data and its encoding."""
    sides = {}
    for name, mode, given in (("endpointInput", "INPUT", request), ("endpointOutput", "OUTPUT", response)):
        if given is not None:
            data, encoding = given if isinstance(given, tuple) else (given, "CSV")
            sides[name] = {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": encoding}
    about = {"eventId": event, "inferenceTime": at, **more}
    return {"captureData": sides, "eventMetadata": about, "eventVersion": "0"}


def truth(event="e1", data="1"):
    """Return a record of ground truth."""
    return {
        "groundTruthData": {"data": data, "encoding": "CSV"},
        "eventMetadata": {"eventId": event},
        "eventVersion": "0",
    }


def test_a_record_becomes_a_prediction_with_its_inputs(adapting):
    report = adapting({f"{HOUR}/a.jsonl": [captured()]}, version="7", features=["amount", "months", "city"])
    log = al.open(adapting.log)
    row = log.predictions.collect().row(0, named=True)
    assert row["prediction_id"] == "e1"
    assert row["occurred_at"] == datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert (row["model_name"], row["model_version"], row["endpoint"]) == ("loans", "7", "loans/AllTraffic")
    assert row["outputs"] == {"score": 0.25, "label": None, "probabilities": None}
    assert (row["source_file"], row["source_row"]) == (f"{HOUR}/a.jsonl", 1)
    assert log.inputs("loans").drop("recorded_at").collect().rows() == [("e1", 1.5, 2.0, "x")]
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (1, 1, 0)
    assert (report.versions_supplied, report.without_version, report.sampling) == (1, 0, "not stated")


def test_a_body_of_json_is_decoded_twice(adapting):
    record = captured(
        request=(json.dumps({"instances": [{"a": 1, "b": "x"}]}), "JSON"),
        response=(json.dumps({"predictions": [{"score": 0.5, "predicted_label": "good"}]}), "JSON"),
    )
    adapting({f"{HOUR}/a.jsonl": [record]})
    log = al.open(adapting.log)
    assert log.inputs("loans").drop("recorded_at").collect().rows() == [("e1", 1.0, "x")]
    outputs = log.predictions.collect()["outputs"][0]
    assert outputs == {"score": 0.5, "label": "good", "probabilities": None}


@pytest.mark.parametrize("word", ["BASE64", "base64"])
def test_a_body_in_base64_is_unpacked_and_one_that_is_none_is_refused(adapting, word):
    good = (base64.b64encode(b"1,2").decode(), word)
    report = adapting({"a.jsonl": [captured("e1", good), captured("e2", ("1,2!", "BASE64"))]}, model="loans")
    assert al.open(adapting.log).inputs("loans").collect()["feature_1"].to_list() == [2.0]
    assert report.undecodable_payloads == 1
    assert report.quarantine()["row"].to_list() == [2]


def test_a_batch_becomes_one_prediction_for_each_instance(adapting):
    adapting({"a.jsonl": [captured(request="1,2\n3,4\n5,6", response="0.1\n0.2\n0.3")]}, model="loans")
    log = al.open(adapting.log)
    found = log.predictions.collect()
    assert found["prediction_id"].to_list() == ["e1#0", "e1#1", "e1#2"]
    assert found["request_id"].to_list() == ["e1"] * 3
    assert [each["score"] for each in found["outputs"]] == [0.1, 0.2, 0.3]
    assert log.inputs("loans").collect()["feature_0"].to_list() == [1.0, 3.0, 5.0]


def test_a_batch_with_another_number_of_answers_is_refused_whole(adapting):
    report = adapting({"a.jsonl": [captured(request="1,2\n3,4\n5,6", response="0.1\n0.2")]}, model="loans")
    assert report.rows_quarantined == 1
    assert report.quarantine()["reason"].to_list() == ["the request has 3 instances and the response 2 answers"]


def test_the_inference_id_wins_over_the_event_id_wherever_it_stands(adapting):
    inside = captured("e1", inferenceId="i1")
    outside = {**captured("e2"), "inferenceId": "i2"}
    report = adapting({"a.jsonl": [inside, outside], f"{HOUR}/truth.jsonl": [truth("i2", "0")]}, model="loans")
    log = al.open(adapting.log)
    assert log.predictions.collect().select("prediction_id", "request_id").rows() == [("i1", "e1"), ("i2", "e2")]
    outcome = log.outcomes.collect().row(0, named=True)
    assert outcome["prediction_id"] == "i2"
    assert (outcome["label"], outcome["value"]) == ("0", 0.0)
    assert outcome["observed_at"] == datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert report.labels == 1


def test_a_label_that_is_given_again_is_not_added_again_and_another_one_is(adapting):
    adapting({"truth.jsonl": [truth("e1"), truth("e1")]})
    report = adapting({"truth.jsonl": [truth("e1"), truth("e1"), truth("e1", "0")]})
    assert (report.labels_added, report.repeated_records) == (1, 2)
    assert al.open(adapting.log).outcomes.collect()["label"].to_list() == ["1", "0"]


def test_the_log_itself_is_no_source_and_other_files_in_the_quarantine_stay(adapting):
    adapting({"a.jsonl": [captured(), "{bad"]}, model="loans")
    mine = adapting.log.with_name("log.adapted") / "quarantine" / "mine.parquet"
    mine.write_bytes(b"mine")
    report = adapting(source=adapting.log.parent, model="loans")
    assert [file.name for file in report.files if file.form] == ["source/a.jsonl"]
    assert not any(file.name.startswith("log") for file in report.files)
    assert mine.exists()


def test_labels_of_a_batch_go_to_its_instances(adapting):
    adapting({"truth.jsonl": [truth("e1", "1\n0")]})
    found = al.open(adapting.log).outcomes.collect()
    assert found.select("prediction_id", "label").rows() == [("e1#0", "1"), ("e1#1", "0")]
    assert "when it was observed is not said" in found["source"][0]


def test_a_side_that_was_not_captured_is_a_gap(adapting):
    records = [captured("e1", response=None), captured("e2", request=None), captured("e3", None, None)]
    report = adapting({"a.jsonl": records}, model="loans")
    assert (report.requests_without_response, report.responses_without_request) == (1, 1)
    assert report.null_payloads == 1
    assert (report.rows_kept, report.rows_quarantined) == (2, 1)
    found = al.open(adapting.log).predictions.collect()
    assert found["outputs"].to_list() == [None, {"score": 0.25, "label": None, "probabilities": None}]


def test_no_time_and_no_version_are_counted_as_gaps(adapting):
    report = adapting({"a.jsonl": [captured(at=None)]}, model="loans")
    assert (report.without_time, report.without_version) == (1, 1)
    assert al.open(adapting.log).predictions.collect()["occurred_at"].to_list() == [None]


def test_the_same_bytes_under_another_name_add_nothing(adapting):
    adapting({"a.jsonl": [captured("e1"), "{bad"]}, model="loans")
    report = adapting({"again/b.jsonl": [captured("e1"), "{bad"]}, model="loans")
    assert report.predictions_added == 0
    assert [file.state for file in report.files] == ["known", "known"]
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (2, 1, 1)
    assert al.open(adapting.log).predictions.collect().height == 1


def test_a_file_that_grew_adds_what_is_new_and_repeats_nothing(adapting):
    adapting({"a.jsonl": [captured("e1"), captured("e2")]}, model="loans")
    report = adapting({"a.jsonl": [captured("e1"), captured("e2"), captured("e3")]}, model="loans")
    assert (report.rows_read, report.rows_kept, report.repeated_records) == (3, 1, 2)
    assert al.open(adapting.log).predictions.collect()["prediction_id"].to_list() == ["e1", "e2", "e3"]


def test_an_id_that_is_used_again_gets_a_number(adapting):
    adapting({"a.jsonl": [captured("e1", response="0.1"), captured("e1", response="0.2")]}, model="loans")
    report = adapting({"b.jsonl": [captured("e1", "1,2,y\n2,3,z", "0.3\n0.4")]}, model="loans")
    found = al.open(adapting.log).predictions.collect()["prediction_id"].to_list()
    assert found == ["e1", "e1~2", "e1~3#0", "e1~3#1"]
    assert report.duplicate_ids == 2


def test_what_cannot_be_read_is_kept_with_its_bytes_and_its_place(adapting):
    bad = [b'{"captureData": \xff\xfe}', b"[" * 100_000, b"{}", b'{"eventMetadata": {"eventId": 7}}']
    report = adapting({"a.jsonl": [captured("e1"), *bad]}, form="sagemaker", model="loans")
    assert report.undecodable_payloads == 4
    quarantine = report.quarantine()
    assert quarantine["raw"].to_list() == bad
    assert quarantine["row"].to_list() == [2, 3, 4, 5]
    assert quarantine["file"].unique().to_list() == ["a.jsonl"]


def test_a_last_line_that_is_cut_off_is_told_apart_from_one_without_an_end(adapting):
    whole = json.dumps(captured("e1")).encode()
    report = adapting({"a.jsonl": whole, "b.jsonl": whole.replace(b"e1", b"e2") + b"\n" + whole[:50]}, model="loans")
    assert (report.rows_read, report.rows_kept, report.truncated_payloads) == (3, 2, 1)


def test_a_record_that_is_too_large_passes_by_its_beginning_size_and_digest(adapting):
    large = json.dumps(captured("e2", request="1," * 3_000_000 + "2")).encode()
    content = json.dumps(captured("e1")).encode() + b"\n" + large + b"\n" + json.dumps(captured("e3")).encode()
    report = adapting({"a.jsonl": content}, model="loans", largest_record_mb=1)
    assert (report.rows_kept, report.too_large) == (2, 1)
    row = report.quarantine().row(0, named=True)
    assert (row["row"], row["raw_size"], len(row["raw"])) == (2, len(large), 1_000_002)


def test_packed_files_are_unpacked_and_a_damaged_one_is_read_as_far_as_it_goes(adapting):
    packed = gzip.compress(b"".join(json.dumps(captured(f"e{n}")).encode() + b"\n" for n in range(2_000)))
    report = adapting(
        {"a.jsonl.gz": gzip.compress(json.dumps(captured("x")).encode()), "b.gz": packed[:-2_000]}, model="loans"
    )
    assert report.rows_read == report.rows_kept + report.rows_quarantined
    assert (report.rows_kept > 1, report.unread_ranges) == (True, 1)
    lines = [json.dumps(captured(f"e{n}")).encode() for n in range(report.rows_kept - 1)]
    assert report.files[1].unread == ((sum(len(line) + 1 for line in lines), None),)


def test_a_value_of_another_type_than_its_column_is_refused_and_a_new_column_is_not(adapting):
    def record(event, **features):
        return captured(event, (json.dumps({"instances": [features]}), "JSON"))

    records = [record("e1", a=1), record("e2", a="x"), record("e3", a=None, b=True), record("e4", a=2**60)]
    report = adapting({"a.jsonl": records}, model="loans")
    assert report.unfit == 2
    assert report.quarantine()["row"].to_list() == [2, 4]
    found = al.open(adapting.log).inputs("loans").collect().select("prediction_id", "a", "b")
    assert found.rows() == [("e1", 1.0, None), ("e3", None, True)]


def test_an_empty_file_and_one_of_another_form_are_told(adapting):
    report = adapting({"a.jsonl": [captured()], "empty.jsonl": b"", "notes.txt": b"hello\n"}, model="loans")
    assert [(file.name, file.state, file.rows) for file in report.files] == [
        ("a.jsonl", "new", 1),
        ("empty.jsonl", "new", 0),
        ("notes.txt", "unread", 0),
    ]
    assert "1 file of no known form, not read: notes.txt." in report.lines()


def test_the_report_can_be_read_as_text_html_and_json(adapting):
    report = adapting({"a.jsonl": [captured(), "{bad"]}, model="<b>")
    assert repr(report).startswith("2 records (sagemaker) in 1 file: 1 kept, 1 quarantined.")
    assert "<li>2 records" in report._repr_html_()
    assert json.loads(json.dumps(report.to_dict()))["rows_read"] == 2
