"""Findings of a reconstruction, gaps with what can still be done, its history and where its version comes from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.replay.reconstruction import FINDINGS, GAPS
from audit_lab.replay.reconstruction.finding_rules import FINDING_RULES
from audit_lab.replay.reconstruction.gap_rules import GAP_RULES

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)


def at(hours):
    return START + timedelta(hours=hours)


def rows(**columns):
    return pl.DataFrame(
        columns, schema_overrides={name: pl.String for name, values in columns.items() if values == [None]}
    )


def acts(*told, version="1"):
    return rows(
        model_name=["loans"] * len(told),
        model_version=[version] * len(told),
        recorded_at=[at(hours) for hours, _ in told],
        act=[act for _, act in told],
    )


def changed_registry(**columns):
    return lambda frame: frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def override(hours, kind, before, after, *, supersedes=None, prediction_id="p-001", actor="nadia.osei"):
    return {
        "prediction_id": prediction_id,
        "recorded_at": at(hours),
        "kind": kind,
        "actor": actor,
        "role": "credit officer",
        "reason": "second income",
        "decision_before": before,
        "decision_after": after,
        "supersedes": supersedes,
    }


def overrides(*told):
    return pl.DataFrame(told, schema_overrides={"decision_after": pl.String, "supersedes": pl.String})


def denied(frame):
    return frame.with_columns(decision=pl.lit("deny"))


def findings(decision):
    return [(finding.code, finding.what) for finding in decision.findings]


#: What is changed about the small log, and what is found about the decision p-001, of 10:00.
FOUND = {
    "nothing": ({}, []),
    "deployments contradict themselves": (
        {"deployments": lambda frame: pl.concat([frame, frame.with_columns(endpoint=pl.lit("/b"))], how="diagonal")},
        ["deployments-contradict"],
    ),
    "approved before": ({"approvals": acts((-5, "submitted"), (-4, "approved"), (-3, "promoted"))}, []),
    "an approval that was entered by mistake": (
        {
            "approvals": pl.concat(
                [
                    acts((-5, "approved")).with_columns(supersedes=pl.lit(None, dtype=pl.String)),
                    acts((-4, "rejected")).with_columns(supersedes=pl.lit("loans@1@part-00000:0")),
                ]
            )
        },
        ["version-not-approved", "version-rejected"],
    ),
    "approved again after a rejection": ({"approvals": acts((-5, "approved"), (-4, "rejected"), (-3, "approved"))}, []),
    "retired and promoted again": ({"approvals": acts((-5, "approved"), (-4, "retired"), (-3, "promoted"))}, []),
    "no threshold in the prediction": (
        {"predictions": lambda frame: frame.with_columns(threshold=pl.lit(None, dtype=pl.Float64))},
        [],
    ),
    "no times": (
        {
            "predictions": lambda frame: frame.with_columns(occurred_at=pl.lit(None, dtype=pl.Datetime("us", "UTC"))),
            "approvals": acts((-5, "approved"), (-4, "retired")),
        },
        [],
    ),
}


@pytest.mark.parametrize(("changed", "codes"), FOUND.values(), ids=FOUND)
def test_what_is_found(make_log, changed, codes):
    assert [code for code, _ in findings(al.open(make_log(**changed)).decision("p-001"))] == codes


SAID = {
    "version-not-approved": (
        {"approvals": acts((-5, "approved"), version="2")},
        "No approval of loans 1 is on record.",
    ),
    "approved after the decision": (
        {"approvals": acts((5, "approved"))},
        "loans 1 decided on 2024-03-04 10:00 UTC and was first approved on 2024-03-04 14:00 UTC.",
    ),
    "approved-after-deployment": (
        {"approvals": acts((0, "approved"))},
        "loans 1 went into service on 2024-03-04 08:00 UTC and was first approved on 2024-03-04 09:00 UTC.",
    ),
    "version-rejected": (
        {"approvals": acts((-5, "approved"), (-4, "rejected"))},
        "loans 1 was rejected on 2024-03-04 05:00 UTC and decided after that.",
    ),
    "served-after-retirement": (
        {"approvals": acts((-5, "approved"), (-4, "retired"))},
        "loans 1 was retired on 2024-03-04 05:00 UTC and decided after that.",
    ),
    "retired by the registry": (
        {"model_versions": changed_registry(retirement="2024-03-04T09:30:00+00:00")},
        "loans 1 was retired on 2024-03-04 09:30 UTC and decided after that.",
    ),
    "decided-before-registration": (
        {"model_versions": changed_registry(recorded_at=at(3))},
        "loans 1 was registered on 2024-03-04 12:00 UTC, after this decision.",
    ),
    "trained-after-decision": (
        {"model_versions": changed_registry(training_cutoff=at(24))},
        "loans 1 was trained on data up to 2024-03-05 09:00 UTC, which is after this decision.",
    ),
    "threshold-differs": (
        {"model_versions": changed_registry(threshold=0.25)},
        "The prediction states the threshold 0.5, the registry 0.25.",
    ),
    "overridden": (
        {"predictions": denied, "overrides": overrides(override(5, "override", "deny", "approve"))},
        "Changed from deny to approve by nadia.osei (credit officer) on 2024-03-04 14:00 UTC: second income.",
    ),
    "contested": (
        {"predictions": denied, "overrides": overrides(override(5, "contest", "deny", None, actor="applicant"))},
        "The subject contested the decision on 2024-03-04 14:00 UTC; no answer is on record.",
    ),
    "contested and answered": (
        {
            "predictions": denied,
            "overrides": overrides(override(5, "contest", "deny", None), override(6, "contest answer", "deny", "deny")),
        },
        "The subject contested the decision on 2024-03-04 14:00 UTC; it was answered.",
    ),
    "outcome-revised": (
        {
            "outcomes": rows(
                prediction_id=["p-001"] * 2,
                observed_at=[START] * 2,
                recorded_at=[at(1), at(2)],
                label=["good", "bad"],
            )
        },
        "2 outcomes are recorded, and they differ.",
    ),
    "correction-unclear": (
        {"predictions": denied, "overrides": overrides(override(5, None, None, None, supersedes="p-009@x:1"))},
        "p-001 says that it corrects 'p-009@x:1', which names no earlier row of it.",
    ),
}


@pytest.mark.parametrize(("changed", "said"), SAID.values(), ids=SAID)
def test_what_is_said(make_log, changed, said):
    assert said in [what for _, what in findings(al.open(make_log(**changed)).decision("p-001"))]


def test_an_artifact_that_changed_is_told_once_as_a_gap_with_both_digests(make_log):
    decision = al.open(make_log(artifact=b"other")).decision("p-001")
    (gap,) = decision.gaps
    assert gap.code == "artifact-digest-mismatch"
    registered = decision.model_version["artifact_sha256"]
    assert f"SHA-256 d9298a10d1b0… instead of {registered[:12]}…" in gap.what
    assert findings(decision) == []


def test_a_finding_is_told_on_one_line(make_log):
    (finding,) = (
        al.open(make_log(predictions=denied, overrides=overrides(override(5, "overridden", "deny", "approve"))))
        .decision("p-001")
        .findings
    )
    assert str(finding).startswith("overridden: Changed from deny to ")


def test_every_code_is_documented_once():
    assert [rule.code for rule in FINDING_RULES] == list(FINDINGS)
    assert list(dict.fromkeys(rule.code for rule in GAP_RULES)) == list(GAPS)


EFFECTS = {
    "everything is there": (
        {"outcomes": None},
        (
            "Cannot tell whether the decision proved right; can still replay and explain it, and show score, label, "
            "decision, rule, threshold, inputs, registered version, lineage, deployments."
        ),
    ),
    "without a score": (
        {
            "predictions": lambda frame: frame.with_columns(
                outputs=pl.struct(score=pl.lit(None, dtype=pl.Float64), label=pl.lit("good"))
            )
        },
        (
            "Cannot replay: there is no answer to compare with; can still explain it, and show label, decision, rule, "
            "threshold, inputs, registered version, lineage, deployments, outcome."
        ),
    ),
    "without inputs and registry": (
        {"inputs_loans": None, "model_versions": None, "lineage": None, "deployments": None, "outcomes": None},
        "Cannot replay or explain; can still show score, label, decision, rule, threshold.",
    ),
}


@pytest.mark.parametrize(("changed", "effect"), EFFECTS.values(), ids=EFFECTS)
def test_what_can_still_be_done_is_what_is_there(make_log, changed, effect):
    assert al.open(make_log(**changed)).decision("p-001").gaps[0].effect == effect


def test_an_empty_row_can_be_shown_to_have_been_made(make_log):
    bare = lambda frame: frame.select("prediction_id", "sequence")
    log = al.open(make_log(predictions=bare, inputs_loans=None, outcomes=None))
    effects = {gap.effect for gap in log.decision("p-001").gaps}
    assert "Cannot tell whether the decision proved right; can still show that it was made." in effects


def test_thresholds_and_types_that_keep_from_replaying_are_gaps(make_log):
    nothing = lambda frame: frame.with_columns(threshold=pl.lit(None, dtype=pl.Float64))
    log = al.open(make_log(predictions=nothing, model_versions=nothing))
    assert [gap.code for gap in log.decision("p-001").gaps] == ["threshold-missing"]
    typed = al.open(make_log("typed", inputs_loans=lambda frame: frame.with_columns(income=pl.lit("much"))))
    gap = typed.decision("p-001").gaps[0]
    assert (gap.code, gap.what) == (
        "inputs-mistyped",
        "Recorded inputs are not of the types that the version takes: income is String.",
    )


def test_overrides_that_are_corrected_stay_and_do_not_count(make_log):
    told = overrides(
        override(5, "override", "deny", "approve"),
        override(6, "override", "deny", "refer", supersedes="p-001@part-00000:0"),
        override(7, "contest", "refer", None),
    )
    decision = al.open(make_log(predictions=denied, overrides=told)).decision("p-001")
    assert decision.final_decision == "refer"
    assert [(row["place"], row["corrected_by"]) for row in decision.overrides] == [
        ("p-001@part-00000:0", "p-001@part-00000:1"),
        ("p-001@part-00000:1", None),
        ("p-001@part-00000:2", None),
    ]
    assert "to refer, by nadia.osei" in decision._repr_html_()


def test_outcomes_come_latest_first_and_the_corrected_one_does_not_count(make_log):
    told = rows(
        prediction_id=["p-001"] * 3,
        observed_at=[START] * 3,
        recorded_at=[at(1), at(2), at(3)],
        label=["good", "bad", "worse"],
        supersedes=[None, None, "p-001@part-00000:1"],
    )
    decision = al.open(make_log(outcomes=told)).decision("p-001")
    assert [row["label"] for row in decision.outcomes] == ["worse", "bad", "good"]
    assert [row["corrected_by"] for row in decision.outcomes] == [None, "p-001@part-00000:2", None]
    assert decision.outcome["label"] == "worse"


def test_an_override_that_was_erased_leaves_the_final_decision_open(tmp_path):
    from audit_lab.log.erasure.erasure import erase
    from audit_lab.log.writing.writer import create_log

    predictions = pl.DataFrame(
        {
            "prediction_id": ["p-001"],
            "occurred_at": [START],
            "recorded_at": [START],
            "model_name": ["loans"],
            "model_version": ["1"],
            "subject_id": ["s-1"],
            "decision": ["deny"],
        }
    )
    with create_log(tmp_path / "log", "tests/erased", vault=tmp_path / "vault", passphrase=b"none") as writer:
        writer.append({"predictions": predictions, "overrides": overrides(override(5, "override", "deny", "approve"))})
        fields = {"overrides": ["decision_after"]}
        erase(writer, prediction_ids=["p-001"], fields=fields, reason="asked", actor="dpo")
    log = al.open(tmp_path / "log")
    assert log.decision("p-001").final_decision is None
    assert "override-erased" in [gap.code for gap in log.decision("p-001").gaps]
    assert log.decisions(["p-001"]).frame["final_decision"].to_list() == [None]
    assert "override-erased" in log.decisions(["p-001"]).frame["gaps"][0]


def test_lineage_leads_to_rows(make_log):
    runs = rows(
        run_id=["r1", "r2"], recorded_at=[START] * 2, code_commit=["abc", "def"], kind=["training", "evaluation"]
    )
    datasets = rows(dataset_id=["d", "d"], version=["1", "2"], recorded_at=[START] * 2, source=["bureau", "bureau"])
    lineage = lambda frame: pl.concat(
        [
            frame,
            rows(
                edge_id=["e5"],
                from_node=["prediction-inputs:loans"],
                relation=["wasDerivedFrom"],
                to_node=["feature-source:bureau"],
                at=[START],
                recorded_at=[START],
            ),
        ]
    )
    decision = al.open(make_log(runs=runs, datasets=datasets, lineage=lineage)).decision("p-001")
    assert [row["kind"] for row in decision.runs] == ["training"]
    assert [(row["dataset_id"], row["version"]) for row in decision.datasets] == [("d", "1")]
    assert decision.commits == ("abc",)
    assert [(row["source"], row["relation"]) for row in decision.feature_sources] == [("bureau", "wasDerivedFrom")]
    assert al.open(make_log("without")).decision("p-001")._parts.provenance.unresolved == ("run:r1", "dataset:d@1")


def test_events_before_and_after(make_log):
    when = [at(-1), at(1), at(2)]
    events = rows(event_id=["a", "b", "c"], at=when, recorded_at=when, kind=["note"] * 3)
    decision = al.open(make_log(events=events)).decision("p-001")
    assert [event["event_id"] for event in decision.events_before] == ["a", "b"]
    assert [event["event_id"] for event in decision.events_after] == ["c"]
    assert [event["when"] for event in decision.to_dict()["events"]] == ["before", "before", "after"]


def test_deployments_that_say_who_was_in_force(make_log):
    ended = lambda frame: pl.concat(
        [frame, frame.with_columns(pl.col("from_time") + timedelta(hours=20), model_version=pl.lit("2"))]
    )
    decision = al.open(make_log(deployments=ended)).decision("p-001")
    told = [(row["place"], row["model_version"], row["until"]) for row in decision.deployments]
    assert told == [("primary@part-00000:0", "1", at(19))]


def test_explanations_of_record(make_log):
    told = rows(prediction_id=["p-001"], method=["shap"], recorded_at=[START], seed=[7], values=['{"income": 0.5}'])
    decision = al.open(make_log(explanations=told)).decision("p-001")
    assert [(row["method"], row["seed"]) for row in decision.explanations] == [("shap", 7)]
    assert decision.to_dict()["explanations"][0]["values"] == '{"income": 0.5}'
    assert al.open(make_log("without")).decision("p-001").explanations == ()
