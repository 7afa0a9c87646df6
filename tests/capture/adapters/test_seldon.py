"""Seldon Core's events, each quirk by itself."""

from __future__ import annotations

import audit_lab as al

ASKED = {"data": {"names": ["amount", "months"], "ndarray": [[1.5, 2]]}}
ANSWERED = {"data": {"names": ["bad"], "tensor": {"shape": [1, 1], "values": [0.25]}}}


def event(kind, key="q1", node="classifier", data=None, number=0):
    """Return an event; its own id is another for each, as the vendor makes them."""
    return {
        "specversion": "1.0",
        "id": f"event-{kind}-{node}-{number}",
        "type": f"io.seldon.serving.{kind}",
        "time": "2026-05-04T09:00:00Z",
        "requestid": key,
        "modelid": node,
        "inferenceservicename": "loans",
        "namespace": "bank",
        "endpoint": "default",
        "data": data,
    }


def pair(key="q1", node="classifier", asked=ASKED, answered=ANSWERED):
    """Return a request and its response."""
    return [event("inference.request", key, node, asked), event("inference.response", key, node, answered)]


def test_sides_are_joined_on_the_request_s_id_and_names_are_taken(adapting):
    report = adapting({"a.jsonl": pair()})
    log = al.open(adapting.log)
    row = log.predictions.collect().row(0, named=True)
    assert (report.form, report.rows_kept, row["prediction_id"]) == ("seldon", 2, "q1")
    assert (row["model_name"], row["endpoint"]) == ("classifier", "bank/loans/default")
    assert row["answer"] == '{"bad": 0.25}'
    assert log.inputs("classifier").drop("recorded_at").collect().rows() == [("q1", 1.5, 2.0)]


def test_each_node_of_a_graph_is_a_prediction_of_its_own_and_feedback_finds_it(adapting):
    records = [*pair(), *pair(node="scaler", answered={"data": {"ndarray": [[0.1, 0.2]]}})]
    records.append(event("feedback", data={"truth": {"data": {"ndarray": [1]}}, "reward": 1.0}))
    report = adapting({"a.jsonl": records}, outputs={"score": "bad"})
    log = al.open(adapting.log)
    assert sorted(log.predictions.collect()["prediction_id"]) == ["q1/classifier", "q1/scaler"]
    assert log.outcomes.collect().select("prediction_id", "label").rows() == [("q1/classifier", "1")]
    assert report.labels == 1


def test_feedback_that_comes_in_a_later_run_finds_the_node_that_it_speaks_of(adapting):
    adapting({"a.jsonl": [*pair(), *pair(node="scaler")]}, outputs={"score": "bad"})
    feedback = event("feedback", data={"truth": {"data": {"ndarray": [1]}}})
    other = event("feedback", key="q2", data={"truth": {"data": {"ndarray": [0]}}})
    report = adapting({"b.jsonl": [feedback, other]}, outputs={"score": "bad"})
    outcomes = al.open(adapting.log).outcomes.collect().select("prediction_id", "label").rows()
    assert (report.labels_added, sorted(outcomes)) == (2, [("q1/classifier", "1"), ("q2", "0")])


def test_feedback_without_a_truth_and_events_of_another_type_are_refused(adapting):
    records = [event("feedback", data={"reward": 0.5}), event("other", data={}), {**pair()[0], "requestid": None}]
    report = adapting({"a.jsonl": records})
    assert (report.null_payloads, report.undecodable_payloads, report.rows_kept) == (1, 2, 0)
