"""Names and values that no log can keep stop no run: their records go to quarantine, and the others are kept."""

from __future__ import annotations

import json

import pytest

import audit_lab as al
from audit_lab.capture.adapters.mapped_records import mapped_half
from audit_lab.log.foreign.mapping import Mapping

MAPPING = Mapping(
    "x",
    {"prediction_id": "id", "score": "score", "latency_ms": "took", "label": "label"},
    inputs=("a",),
    model_name="loans",
)


def captured(key, instance, answer=0.5, **more):
    """Return a record of SageMaker with a body of JSON."""
    bodies = {"endpointInput": {"instances": [instance]}, "endpointOutput": {"predictions": [answer]}}
    sides = {name: {"data": json.dumps(body), "encoding": "JSON"} for name, body in bodies.items()}
    return {"captureData": sides, "eventMetadata": {"eventId": key}, **more}


GOOD = captured("good", {"a": 1.5})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([captured("b", {"x" * 70_000: 1.5})], "more columns than the statement"),
        ([captured("b", {f"k{number}": 1.5 for number in range(9_000)})], "more columns than the statement"),
        ([captured("b", [1.5] * 9_000)], "more columns than the statement"),
        ([captured("b", {"x\0y": 1.5})], "has a zero character"),
        ([captured("b", {"*": 1.5})], "a feature is called '*', which is read as a pattern of names"),
        ([captured("b", {"^.*$": 1.5})], "which is read as a pattern of names"),
        ([captured("b", {"a": "\ud800", "b": float("nan")})], "is no JSON"),
        ([captured("b", {"a": 1.5}, {"score": float("nan"), "why": "\ud800"})], "is no JSON"),
        ([captured("b\ud800", {"a": 1.5})], "is no JSON"),
    ],
)
def test_a_record_that_no_log_can_keep_is_quarantined(adapting, bad, reason):
    report = adapting({"a.jsonl": [*bad, GOOD]}, model="loans")
    assert (report.rows_kept, report.rows_quarantined) == (1, len(bad))
    assert reason in report.quarantine()["reason"][0]
    assert al.open(adapting.log).predictions.collect()["prediction_id"].to_list() == ["good"]


def test_of_records_with_more_names_than_fit_together_the_most_usual_are_kept(adapting):
    odd = [captured(f"b{each}", {f"k{each}_{number}": 1.5 for number in range(600)}) for each in range(10)]
    report = adapting({"a.jsonl": [*odd, GOOD, captured("good2", {"a": 2.5})]}, model="loans")
    assert report.rows_read == report.rows_kept + report.rows_quarantined == 12
    assert report.unfit > 0
    kept = al.open(adapting.log).predictions.collect()["prediction_id"].to_list()
    assert {"good", "good2"} < set(kept)


def test_a_label_beside_both_sides_becomes_an_outcome(adapting):
    beside = {**GOOD, "groundTruthData": {"data": "1", "encoding": "CSV"}}
    wrong = {**captured("b", {"a": 1.5}), "groundTruthData": {"data": "1\n0", "encoding": "CSV"}}
    report = adapting({"a.jsonl": [beside, wrong]}, model="loans")
    assert (report.labels, report.rows_kept, report.rows_quarantined) == (1, 1, 1)
    assert report.quarantine()["reason"].to_list() == ["the record has 1 instances and 2 labels"]
    assert al.open(adapting.log).outcomes.collect().select("prediction_id", "label").rows() == [("good", "1")]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"score": "0,75"}, "the score is no number ('0,75')"),
        ({"score": "1_000"}, "the score is no number ('1_000')"),
        ({"score": [0.5]}, "the score is no number ('[0.5]')"),
        ({"score": 2**53 + 1}, "the score is a whole number that is too large (9007199254740993)"),
        ({"score": 0.5, "took": "12ms"}, "the latency_ms is no number ('12ms')"),
        ({"score": 0.5, "label": ["x"]}, "the label is no text (list)"),
        ({"score": 0.5, "id": {"n": 1}}, "the prediction_id is no text (dict)"),
    ],
)
def test_a_mapped_value_that_is_not_of_its_kind_is_refused_and_no_null_stands_for_it(record, reason):
    assert mapped_half({"id": "p", "a": 1.0, **record}, MAPPING, "made").reason == reason


def test_a_number_in_a_text_and_what_is_no_number_are_kept_and_repeats_of_it_are_seen(adapting):
    odd = {"id": "p2", "score": float("nan"), "a": float("nan")}
    report = adapting({"a.jsonl": [{"id": "p1", "score": "0.75", "a": 1.0}, odd, odd]}, mapping=MAPPING)
    log = al.open(adapting.log)
    scores = log.predictions.collect()["outputs"].struct.field("score")
    assert (scores[0], scores.is_nan().to_list()) == (0.75, [False, True])
    assert log.inputs("loans").collect()["a"].is_nan().to_list() == [False, True]
    assert report.repeated_records == 1
    later = adapting({"b.jsonl": [odd, {**odd, "a": float("inf")}]}, mapping=MAPPING)
    assert (later.repeated_records, later.duplicate_ids) == (2, 1)


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00Z", "0999-12-31T23:59:59Z", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"]
)
def test_a_time_that_no_log_can_keep_stops_no_run(adapting, time):
    def record(key, at):
        sides = {"endpointInput": {"data": "1,2", "encoding": "CSV"}, "endpointOutput": {"data": "0.5"}}
        return {"captureData": sides, "eventMetadata": {"eventId": key, "inferenceTime": at}}

    report = adapting({"a.jsonl": [record("a", time), record("b", "2026-05-04T09:00:00Z")]}, model="loans")
    assert (report.rows_read, report.rows_kept, report.undecodable_payloads) == (2, 1, 1)
    assert "the time cannot be read" in report.quarantine()["reason"][0]


def test_a_last_record_that_is_whole_and_has_no_end_of_line_is_not_called_cut_off(adapting):
    whole = b'{"captureData": {}, "eventMetadata": {"eventId": "a", "inferenceTime": "yesterday"}}'
    report = adapting({"a.jsonl": whole, "b.jsonl": whole[:-9]}, form="sagemaker")
    assert report.quarantine().select("file", "code").rows() == [("a.jsonl", "undecodable"), ("b.jsonl", "truncated")]
