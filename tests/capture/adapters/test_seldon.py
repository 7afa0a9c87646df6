"""Seldon Core's events, each quirk by itself."""

from __future__ import annotations

import pytest

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


def feedback(key="q1", truth=1, node="classifier"):
    return event("feedback", key, node, {"truth": {"data": {"ndarray": [truth]}}})


def outcomes(adapting):
    """Return the labels of predictions that the log has, and of none."""
    log = al.open(adapting.log)
    there = set(log.predictions.collect()["prediction_id"])
    found = sorted(log.outcomes.collect().select("prediction_id", "label").rows())
    return [each for each in found if each[0] in there], [each for each in found if each[0] not in there]


def test_feedback_that_comes_in_a_later_run_finds_the_node_that_it_speaks_of(adapting):
    adapting({"a.jsonl": [*pair(), *pair(node="scaler"), *pair(key="q3")]}, outputs={"score": "bad"})
    later = [feedback(), feedback("q2", 0), feedback("q3", 0), feedback("q3", 1, node="scaler")]
    report = adapting({"b.jsonl": later}, outputs={"score": "bad"})
    # Of a node that the log does not have, the label is no label of the node that it has.
    assert outcomes(adapting) == ([("q1/classifier", "1"), ("q3", "0")], [("q2/classifier", "0"), ("q3/scaler", "1")])
    assert report.labels_added == 4


@pytest.mark.parametrize("nodes", [["classifier", "scaler"], ["classifier"]])
def test_feedback_that_comes_before_its_exchange_is_found_by_it_in_a_later_run(adapting, nodes):
    adapting({"a.jsonl": [feedback()]})
    exchange = [each for node in nodes for each in pair(node=node)]
    report = adapting({"b.jsonl": exchange})
    assert outcomes(adapting) == ([("q1/classifier", "1")], [])
    assert sorted(al.open(adapting.log).predictions.collect()["prediction_id"]) == [f"q1/{node}" for node in nodes]
    assert al.open(adapting.log).decision("q1/classifier").outcomes[0]["label"] == "1"
    # Whatever is handed over again adds nothing.
    again = adapting({"c.jsonl": [*exchange, feedback()]})
    assert (again.predictions_added, again.labels_added) == (0, 0)
    assert report.predictions == len(nodes)


def test_feedback_before_an_exchange_of_another_node_waits_for_its_own(adapting):
    adapting({"a.jsonl": [feedback(truth=1, node="scaler")]})
    adapting({"b.jsonl": pair()})
    assert outcomes(adapting) == ([], [("q1/scaler", "1")])
    adapting({"c.jsonl": pair(node="scaler")})
    assert outcomes(adapting) == ([("q1/scaler", "1")], [])
    assert sorted(al.open(adapting.log).predictions.collect()["prediction_id"]) == ["q1", "q1/scaler"]


def test_a_model_that_the_caller_names_does_not_hide_whose_feedback_it_is(adapting):
    adapting({"a.jsonl": pair()}, model="loans")
    adapting({"b.jsonl": [feedback()]}, model="loans")
    assert outcomes(adapting) == ([("q1", "1")], [])


def test_feedback_without_a_truth_and_events_of_another_type_are_refused(adapting):
    records = [event("feedback", data={"reward": 0.5}), event("other", data={}), {**pair()[0], "requestid": None}]
    report = adapting({"a.jsonl": records})
    assert (report.null_payloads, report.undecodable_payloads, report.rows_kept) == (1, 2, 0)


OTHER = {"data": {"names": ["amount", "months"], "ndarray": [[9.5, 2]]}}


def ids(adapting):
    return sorted(al.open(adapting.log).predictions.collect().select("prediction_id", "model_name").rows())


def test_a_node_that_comes_in_a_later_run_is_called_by_its_step_and_its_feedback_finds_it(adapting):
    adapting({"a.jsonl": pair()})
    report = adapting({"b.jsonl": pair(node="scaler")})
    assert ids(adapting) == [("q1", "classifier"), ("q1/scaler", "scaler")]
    assert (report.predictions_added, report.duplicate_ids) == (1, 0)
    adapting({"c.jsonl": [feedback(node="scaler"), feedback(truth=0)]})
    assert outcomes(adapting) == ([("q1", "0"), ("q1/scaler", "1")], [])
    # Handed over once more, in whichever company, the same says nothing new.
    again = adapting({"d.jsonl": [*pair(), *pair(node="scaler"), *pair("q9")]})
    assert (again.predictions_added, ids(adapting)[:2]) == (1, [("q1", "classifier"), ("q1/scaler", "scaler")])


@pytest.mark.parametrize("first", [["classifier"], ["classifier", "scaler"]])
def test_an_id_of_a_graph_that_is_used_again_in_a_later_run_is_counted_for_each_node(adapting, first):
    adapting({"a.jsonl": [each for node in first for each in pair(node=node)]})
    both = [*pair(asked=OTHER), *pair(node="scaler", asked=OTHER)]
    report = adapting({"b.jsonl": both})
    name = "q1/classifier" if len(first) == 2 else "q1"
    scaler = ["q1/scaler", "q1/scaler~2"][: len(first)]
    assert [key for key, _ in ids(adapting)] == sorted([name, f"{name}~2", *scaler])
    assert (report.predictions_added, report.rows_quarantined) == (2, 0)
    again = adapting({"c.jsonl": [*both, *pair("q9")]})
    assert (again.predictions_added, again.rows_kept + again.rows_quarantined) == (1, again.rows_read)
