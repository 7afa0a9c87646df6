"""A decision rejoined with everything the log knows, and every gap named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AmbiguousIdError, NotFoundError

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)


def gaps(decision):
    return [gap.code for gap in decision.gaps]


def test_everything_about_one_prediction(make_log, small_model):
    decision = al.open(make_log()).decision("p-001")
    assert decision.place == "p-001@part-00000:1"
    assert decision.inputs == small_model.inputs.row(1, named=True)
    assert list(decision.inputs) == ["income", "city", "years"]
    assert decision.model_version["artifact_format"] == "xgboost-ubj"
    assert decision.in_force.versions == ("1",)
    assert decision.in_force.agrees is True
    assert decision.outcome["label"] == "good"
    assert gaps(decision) == []


def lineage(*rows):
    """Return a change that replaces the lineage by other edges: from, relation, to."""
    names = ("from_node", "relation", "to_node")
    edges = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return lambda _: edges.with_columns(edge_id=pl.int_range(pl.len()).cast(pl.String), recorded_at=pl.lit(START))


def test_lineage_is_walked_to_its_end_and_a_cycle_ends_and_is_a_gap(make_log):
    around = lambda frame: frame.with_columns(to_node=pl.col("to_node").replace("source:intake", "run:r1"))
    decision = al.open(make_log(lineage=around)).decision("p-001")
    assert [(edge.from_node, edge.relation, edge.to_node) for edge in decision.lineage] == [
        ("model:loans@1", "wasGeneratedBy", "run:r1"),
        ("run:r1", "used", "dataset:d@1"),
        ("run:r1", "wasAssociatedWith", "commit:abc"),
        ("dataset:d@1", "wasDerivedFrom", "run:r1"),
    ]
    assert [(gap.code, gap.what, gap.effect.partition(";")[0]) for gap in decision.gaps] == [
        (
            "lineage-cycle",
            "The lineage leads back to itself: dataset:d@1 -> run:r1 -> dataset:d@1.",
            "Cannot tell which edges of its lineage are true: nothing can have come from itself",
        )
    ]


def test_three_cycles_are_named_and_further_ones_counted(make_log):
    knots = [(f"dataset:{name}@1", "wasDerivedFrom", f"dataset:{name}@1") for name in "abcde"]
    start = [("model:loans@1", "used", to_node) for to_node, _, _ in knots]
    (gap,) = al.open(make_log(lineage=lineage(*start, *knots))).decision("p-001").gaps
    named = "".join(f"The lineage leads back to itself: dataset:{name}@1 -> dataset:{name}@1. " for name in "abc")
    assert (gap.code, gap.what) == ("lineage-cycle", f"{named}It does so in 2 more places.")


def test_more_lineage_than_is_walked_is_a_gap(make_log):
    whole = [("model:loans@1", "used", f"dataset:{number}") for number in range(10_000)]
    assert gaps(al.open(make_log("whole", lineage=lineage(*whole))).decision("p-001")) == []
    log = al.open(make_log("more", lineage=lineage(*whole, ("model:loans@1", "used", "dataset:last"))))
    decision = log.decision("p-001")
    assert len(decision.lineage) == 10_000
    assert [(gap.code, gap.what, gap.effect) for gap in decision.gaps] == [
        (
            "lineage-cut",
            "More than 10,000 edges lead back from loans 1; the nearest are shown.",
            (
                "Cannot tell what is further back in its lineage; can still replay and explain it, and show score, "
                "label, decision, rule, threshold, inputs, registered version, lineage, deployments, outcome."
            ),
        )
    ]
    assert log.decisions(["p-001"]).frame["gaps"].to_list() == [["lineage-cut"]]


def test_unknown_id_says_how_to_search(make_log):
    with pytest.raises(NotFoundError, match="holds no prediction 'p-999'.*audit-lab find"):
        al.open(make_log()).decision("p-999")


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "--x", "*", "' OR 1=1 --", "p-001@part-00000:2", "é\0", "x" * 1_000_000]
)
def test_hostile_ids_are_only_ids(make_log, hostile):
    with pytest.raises(NotFoundError):
        al.open(make_log()).decision(hostile)


def test_repeated_id_names_each_place_and_each_can_be_asked_for(make_log):
    folder = make_log(
        predictions=lambda frame: pl.concat([frame, frame[3:4].with_columns(sequence=pl.lit(40, dtype=pl.Int64))])
    )
    log = al.open(folder)
    with pytest.raises(AmbiguousIdError) as caught:
        log.decision("p-003")
    assert caught.value.places == ("p-003@part-00000:3", "p-003@part-00000:40")
    second = log.decision("p-003@part-00000:40")
    assert second.prediction["sequence"] == 40
    assert second.inputs is None
    assert gaps(second) == ["ambiguous-id", "id-repeated", "outcome-missing"]


def test_missing_inputs_are_a_gap_with_its_effect(make_log):
    folder = make_log(inputs_loans=lambda frame: frame.filter(pl.col("prediction_id") != "p-001"))
    decision = al.open(folder).decision("p-001")
    assert gaps(decision) == ["inputs-missing"]
    assert str(decision.gaps[0]) == (
        "inputs missing: cannot replay or explain; can still show score, label, decision, rule, threshold, "
        "registered version, lineage, deployments, outcome."
    )


def test_no_inputs_table_at_all(make_log):
    assert gaps(al.open(make_log(inputs_loans=None)).decision("p-001")) == ["inputs-missing"]


def test_input_column_that_the_model_takes_is_missing(make_log):
    decision = al.open(make_log(inputs_loans=lambda frame: frame.drop("city"))).decision("p-001")
    assert gaps(decision) == ["inputs-incomplete"]
    assert "city" in decision.gaps[0].what


def test_version_that_was_never_registered(make_log):
    assert gaps(al.open(make_log(model_versions=None)).decision("p-001")) == ["version-not-registered"]


def test_version_registered_twice_with_other_digests(make_log):
    two = lambda frame: pl.concat([frame, frame.with_columns(artifact_sha256=pl.lit("0" * 64))])
    assert gaps(al.open(make_log(model_versions=two)).decision("p-001")) == ["version-ambiguous"]


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"features": []}', '{"features": [{"name": "a", "dtype": "blob"}]}']
)
def test_unreadable_signature(make_log, text):
    change = lambda frame: frame.with_columns(signature=pl.lit(text, dtype=pl.String))
    assert gaps(al.open(make_log(model_versions=change)).decision("p-001")) == ["signature-unreadable"]


def test_replaced_artifact(make_log):
    assert gaps(al.open(make_log(artifact=b"other")).decision("p-001")) == ["artifact-digest-mismatch"]


def test_deployments_that_say_another_version(make_log):
    change = lambda frame: frame.with_columns(model_version=pl.lit("2"))
    decision = al.open(make_log(deployments=change)).decision("p-001")
    assert decision.in_force.agrees is False
    assert decision.in_force.versions == ("2",)
    assert gaps(decision) == []
    assert [finding.code for finding in decision.findings] == ["version-disagrees"]
    assert decision.findings[0].what == decision.in_force.statement


def test_canary_is_one_of_several_candidates(make_log):
    canary = lambda frame: pl.concat(
        [
            frame,
            frame.with_columns(deployment_id=pl.lit("canary"), model_version=pl.lit("2"), traffic_share=pl.lit(0.02)),
        ]
    )
    decision = al.open(make_log(deployments=canary)).decision("p-001")
    assert decision.in_force.versions == ("1", "2")
    assert decision.in_force.agrees is True


def test_slot_that_ended_is_not_in_force(make_log):
    ended = lambda frame: pl.concat(
        [
            frame,
            frame.with_columns(pl.col("from_time") + timedelta(minutes=30), traffic_share=pl.lit(0.0)),
        ]
    )
    decision = al.open(make_log(deployments=ended)).decision("p-001")
    assert decision.in_force.versions == ()
    assert gaps(decision) == ["version-in-force-unknown"]


def test_later_deployment_does_not_count(make_log):
    later = lambda frame: frame.with_columns(pl.col("from_time") + timedelta(days=30))
    assert al.open(make_log(deployments=later)).decision("p-001").in_force.versions == ()


def test_to_dict_is_json(make_log):
    document = al.open(make_log()).decision("p-001").to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["inputs"][0] == {"feature": "income", "value": document["inputs"][0]["value"], "unit": "EUR"}


def test_numbers_that_json_lacks_become_text(make_log):
    change = lambda frame: frame.with_columns(income=pl.lit(float("nan")))
    document = al.open(make_log(inputs_loans=change)).decision("p-001").to_dict()
    assert document["inputs"][0]["value"] == "nan"
    json.dumps(document, allow_nan=False)


def test_html_is_escaped(make_log):
    hostile = "<img src=x onerror=alert(1)>"
    change = lambda frame: frame.with_columns(decision=pl.lit(hostile))
    shown = al.open(make_log(predictions=change)).decision("p-001")._repr_html_()
    assert "<img" not in shown
    assert "&lt;img" in shown


def test_repr_names_what_was_decided_and_the_gaps(make_log):
    shown = repr(al.open(make_log(inputs_loans=None)).decision("p-001"))
    assert shown.startswith("Decision p-001: '")
    assert "at 2024-03-04T10:00:00+00:00 by loans 1; gaps: inputs-missing" in shown


def test_override_is_told_beside_the_decision(credit):
    log = al.open(credit)
    changed = log.overrides.filter(pl.col("decision_after") != pl.col("decision_before")).collect().row(0, named=True)
    decision = log.decision(changed["prediction_id"])
    assert decision.prediction["decision"] == changed["decision_before"]
    told = f"to {changed['decision_after']}, by {changed['actor']}"
    assert told in decision._repr_html_()
    assert "Overridden" in decision._repr_html_()


def events(*subjects):
    when = datetime(2024, 3, 4, 12, tzinfo=UTC)
    return pl.DataFrame(
        {
            "event_id": [f"e{row}" for row in range(len(subjects))],
            "at": [when] * len(subjects),
            "recorded_at": [when] * len(subjects),
            "kind": ["note"] * len(subjects),
            "subject_kind": [kind for kind, _ in subjects],
            "subject": [subject for _, subject in subjects],
        }
    )


def test_events_of_another_model_are_not_told(make_log):
    other = lambda frame: pl.concat(
        [frame, frame.with_columns(model_name=pl.lit("loans-eu"), deployment_id=pl.lit("eu"))]
    )
    told = [
        ("model", "loans"),
        ("model_version", "loans@1"),
        ("deployment", "primary"),
        ("feature-source", "bureau"),
    ]
    hidden = [("model", "loans-eu"), ("model_version", "loans-eu@1"), ("deployment", "eu")]
    decision = al.open(make_log(deployments=other, events=events(*told, *hidden))).decision("p-001")
    assert [(event["subject_kind"], event["subject"]) for event in decision.events] == told


def test_correction_is_not_called_a_reused_id(make_log):
    corrected = lambda frame: pl.concat(
        [
            frame.with_columns(supersedes=pl.lit(None, dtype=pl.String)),
            frame[3:4].with_columns(supersedes=pl.lit("p-003@part-00000:3")),
        ]
    )
    with pytest.raises(AmbiguousIdError, match="corrects another"):
        al.open(make_log(predictions=corrected)).decision("p-003")
