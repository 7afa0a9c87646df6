"""Many decisions reconstructed at once say the same as each does alone, in frames and as objects."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.propose import propose
from audit_lab.errors import AmbiguousIdError, NotFoundError
from audit_lab.log.index.batch_lookup import find_predictions
from audit_lab.replay.reconstruction import Reconstruction, reconstruct
from audit_lab.replay.reconstruction.gathering import prediction_columns
from audit_lab.replay.reconstruction.many import Reconstructions

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
ALL = [f"p-{number:03d}" for number in range(40)]
FIELDS = [field.name for field in dataclasses.fields(Reconstruction)]


def many(log, ids):
    store = log._store
    return Reconstructions(store, find_predictions(store, pl.Series(ids, dtype=pl.String), prediction_columns(store)))


def row_of(one):
    """Return what the frame's row of a decision must say, from the decision alone."""
    outputs = one.prediction["outputs"] or {}
    outcome = one.outcome or {}
    taken = ("occurred_at", "model_name", "model_version", "decision", "decision_rule", "threshold")
    return {
        "prediction_id": one.prediction_id,
        "place": one.place,
        "places": len(one.places),
        "found": True,
        **{name: one.prediction[name] for name in taken},
        "in_force": list(one.in_force.versions),
        "agrees": one.in_force.agrees,
        **{name: outputs.get(name) for name in ("score", "label", "probabilities")},
        "has_inputs": one.inputs is not None,
        "outcome_label": outcome.get("label"),
        "outcome_value": outcome.get("value"),
        "outcome_observed_at": outcome.get("observed_at"),
        "outcomes": len(one.outcomes),
        "overrides": len(one.overrides),
        "final_decision": one.final_decision,
        "explained": any(each["corrected_by"] is None for each in one.explanations),
        "gaps": [gap.code for gap in one.gaps],
        "findings": [finding.code for finding in one.findings],
    }


def check_the_same(log, ids):
    """Check frames and objects of many decisions against each decision alone; return the frames."""
    together = many(log, ids)
    alone = {name: reconstruct(log._store, name) for name in ids}
    rows = together.frame.drop("asked").rows(named=True)
    assert rows == [row_of(alone[name]) for name in ids]
    gaps = [(at, gap.code, gap.what, gap.effect) for at, name in enumerate(ids) for gap in alone[name].gaps]
    assert together.gaps.select("row", "code", "what", "effect").rows() == gaps
    findings = [(at, one.code, one.what) for at, name in enumerate(ids) for one in alone[name].findings]
    assert together.findings.select("row", "code", "what").rows() == findings
    certain = {alone[name].place: alone[name].inputs for name in ids if alone[name].inputs is not None}
    assert together.inputs["place"].to_list() == list(certain)
    for row, inputs in zip(together.inputs.rows(named=True), certain.values(), strict=True):
        assert {name: row[name] for name in inputs} == inputs
    made = list(together.all())
    for name, one in zip(ids, made, strict=True):
        for field in FIELDS:
            assert getattr(one, field) == getattr(alone[name], field), (name, field)
    return together


def text(value):
    return pl.lit(value, dtype=pl.String)


def twice(frame):
    later = {"deployment_id": text("canary"), "model_version": text("2"), "traffic_share": pl.lit(0.02)}
    return pl.concat([frame, frame.with_columns(**later)])


def ended(frame):
    later = frame.with_columns(pl.col("from_time") + timedelta(hours=20), traffic_share=pl.lit(0.0))
    return pl.concat([frame, later])


def contradicting(frame):
    return pl.concat([frame, frame.with_columns(model_version=text("2"))])


def events(*hours):
    return pl.DataFrame(
        {
            "event_id": [f"e{hour}" for hour in hours],
            "at": [START + timedelta(hours=hour) for hour in hours],
            "recorded_at": [START] * len(hours),
            "kind": ["note"] * len(hours),
            "subject_kind": ["model" if hour % 2 else "deployment" for hour in hours],
            "subject": ["loans" if hour % 3 else "another" for hour in hours],
        }
    )


def overrides(*rows):
    columns = ("prediction_id", "hour", "kind", "decision_before", "decision_after", "supersedes")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String) | {"hour": pl.Int64}, orient="row")
    return frame.select(
        pl.exclude("hour"),
        (pl.lit(START) + pl.duration(hours=pl.col("hour"))).cast(pl.Datetime("us", "UTC")).alias("recorded_at"),
        text("nadia.osei").alias("actor"),
    )


def outcomes(*rows):
    columns = {"prediction_id": pl.String, "label": pl.String, "value": pl.Float64, "supersedes": pl.String}
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    return frame.with_row_index("n").select(
        pl.exclude("n"),
        (pl.lit(START) + pl.duration(hours=pl.col("n"))).cast(pl.Datetime("us", "UTC")).alias("recorded_at"),
        pl.lit(START).cast(pl.Datetime("us", "UTC")).alias("observed_at"),
    )


def acts(*rows):
    frame = pl.DataFrame(rows, schema={"hour": pl.Int64, "act": pl.String, "model_version": pl.String}, orient="row")
    recorded = (pl.lit(START) + pl.duration(hours=pl.col("hour"))).cast(pl.Datetime("us", "UTC"))
    return frame.select("act", "model_version", text("loans").alias("model_name"), recorded.alias("recorded_at"))


def explanations(*ids):
    return pl.DataFrame(
        {"prediction_id": ids, "method": ["shap"] * len(ids), "recorded_at": [START] * len(ids), "seed": [1] * len(ids)}
    )


def without_score(frame):
    nothing = pl.when(pl.col("sequence") % 5 == 0).then(None)
    return frame.with_columns(
        outputs=nothing.otherwise(pl.col("outputs")),
        threshold=pl.when(pl.col("sequence") % 3 == 0).then("threshold"),
        error=pl.when(pl.col("sequence") % 7 == 0).then(pl.lit("no answer")),
        occurred_at=pl.when(pl.col("sequence") % 11 != 0).then("occurred_at"),
        environment=pl.when(pl.col("sequence") % 2 == 0).then("environment"),
    )


def of_nobody(frame):
    return frame.with_columns(
        model_name=pl.when(pl.col("sequence") % 4 > 1).then("model_name"),
        model_version=pl.when(pl.col("sequence") % 4 != 1).then("model_version"),
    )


def of_another_model(frame):
    other = pl.col("sequence") % 2 == 1
    return frame.with_columns(model_name=pl.when(other).then(pl.lit("cards")).otherwise("model_name"))


LOGS = {
    "as it is": {},
    "no inputs": {"inputs_loans": None},
    "half of the inputs": {"inputs_loans": lambda frame: frame[::2]},
    "inputs twice": {"inputs_loans": lambda frame: pl.concat([frame, frame[3:6]])},
    "a column is missing": {"inputs_loans": lambda frame: frame.drop("city")},
    "a column of another type": {"inputs_loans": lambda frame: frame.with_columns(income=text("much"))},
    "not registered": {"model_versions": None},
    "no threshold anywhere": {
        "model_versions": lambda frame: frame.with_columns(threshold=pl.lit(None, dtype=pl.Float64)),
        "predictions": lambda frame: frame.with_columns(threshold=pl.lit(None, dtype=pl.Float64)),
    },
    "registered later, trained later, another threshold": {
        "model_versions": lambda frame: frame.with_columns(
            recorded_at=pl.lit(START + timedelta(hours=10)),
            training_cutoff=pl.lit(START + timedelta(hours=20)),
            threshold=pl.lit(0.4),
        )
    },
    "a registry that was corrected": {
        "model_versions": lambda frame: pl.concat(
            [
                frame.with_columns(supersedes=text(None)),
                frame.with_columns(
                    supersedes=text("loans@1"), recorded_at=pl.lit(START + timedelta(hours=10)), threshold=pl.lit(0.4)
                ),
            ]
        ),
        "predictions": without_score,
    },
    "lineage that leads back to itself": {
        "lineage": lambda frame: frame.with_columns(to_node=pl.col("to_node").replace("source:intake", "run:r1"))
    },
    "an unreadable signature": {"model_versions": lambda frame: frame.with_columns(signature=text("{"))},
    "another artifact": {"artifact": b"other"},
    "a canary": {"deployments": twice},
    "a slot that ended": {"deployments": ended},
    "deployments that contradict themselves": {"deployments": contradicting},
    "another version deployed": {"deployments": lambda frame: frame.with_columns(model_version=text("2"))},
    "no deployments, no lineage": {"deployments": None, "lineage": None},
    "events": {"events": events(-400, -30, 0, 1, 3, 5, 40, 300, 400)},
    "failed, without scores, thresholds, times": {"predictions": without_score},
    "without models and versions": {"predictions": of_nobody},
    "two models": {"predictions": of_another_model},
    "approved late, rejected, retired": {
        "approvals": acts((5, "approved", "1"), (15, "rejected", "1"), (20, "approved", "1"), (30, "retired", "1"))
    },
    "another version approved": {"approvals": acts((-5, "approved", "2"))},
    "retirement in the registry": {
        "model_versions": lambda frame: frame.with_columns(retirement=text("2024-03-05T09:00:00"))
    },
    "overrides, contests, corrections": {
        "overrides": overrides(
            ("p-001", 1, "override", "approve", "deny", None),
            ("p-001", 2, "override", "deny", "approve", "p-001@part-00000:0"),
            ("p-002", 3, "contest", "deny", None, None),
            ("p-003", 3, "contest", "deny", None, None),
            ("p-003", 4, "contest answer", "deny", "approve", None),
            ("p-004", 5, "override", "deny", "approve", "nowhere@part-00000:9"),
            ("p-005", 6, None, None, None, None),
            ("p-006", 7, "override", "approve", "deny", None),
            ("p-006", 8, "override", "approve", "approve", "p-006"),
        )
    },
    "outcomes that change, corrections": {
        "outcomes": outcomes(
            ("p-001", "good", None, None),
            ("p-001", "bad", None, None),
            ("p-002", "good", None, None),
            ("p-002", "bad", None, "p-002@part-00000:2"),
            ("p-003", None, 1.5, None),
            ("p-003", None, 1.5, None),
            ("p-004", "good", None, "p-004"),
        )
    },
    "explanations": {"explanations": explanations("p-001", "p-001", "p-007")},
}


@pytest.mark.parametrize("changed", LOGS.values(), ids=LOGS)
def test_many_say_what_each_says_alone(make_log, changed):
    check_the_same(al.open(make_log(**changed)), ALL)


def test_asked_in_any_order_and_more_than_once(make_log):
    check_the_same(al.open(make_log()), ["p-007", "p-003", "p-007", "p-003@part-00000:3"])


def test_through_the_index_as_through_the_whole_table(make_log, monkeypatch):
    monkeypatch.setattr("audit_lab.log.index.shelf._MOST_ROWS", 0)
    changed = {**LOGS["overrides, contests, corrections"], **LOGS["outcomes that change, corrections"]}
    check_the_same(al.open(make_log(events=events(-30, 1, 3), **changed)), ALL)


def test_an_id_in_several_places_and_its_correction(make_log):
    repeated = lambda frame: pl.concat(
        [
            frame.with_columns(supersedes=pl.lit(None, dtype=pl.String)),
            frame[3:4].with_columns(supersedes=text("p-003@part-00000:3")),
            frame[5:6].with_columns(supersedes=text(None)),
        ]
    )
    log = al.open(make_log(predictions=repeated))
    places = ["p-003@part-00000:3", "p-003@part-00000:40", "p-005@part-00000:5", "p-005@part-00000:41", "p-001"]
    together = check_the_same(log, places)
    assert together.frame["findings"].to_list() == [["corrected-later"], ["corrects-earlier"], [], [], []]
    asked = many(log, ["p-003", "p-001", "p-999"])
    assert asked.frame.select("found", "places").rows() == [(False, 2), (True, 1), (False, 0)]
    assert asked.missing == ("p-999",)
    assert asked.ambiguous.rows() == [("p-003", "p-003@part-00000:3"), ("p-003", "p-003@part-00000:40")]
    assert [one.prediction_id for one in asked.all()] == ["p-001"]
    with pytest.raises(AmbiguousIdError, match="corrects another") as raised:
        asked.at(0)
    assert raised.value.places == ("p-003@part-00000:3", "p-003@part-00000:40")
    with pytest.raises(NotFoundError, match="holds no prediction 'p-999'"):
        asked.at(2)
    with pytest.raises(IndexError):
        asked.at(3)


def test_an_id_in_more_places_than_a_sentence_holds(make_log):
    log = al.open(make_log(predictions=lambda frame: pl.concat([frame, *[frame[3:4]] * 12])))
    together = check_the_same(log, ["p-003@part-00000:3"])
    gap = together.gaps.filter(pl.col("code") == "id-repeated").row(0, named=True)
    assert gap["what"].endswith("p-003@part-00000:48 and 3 more.")


def test_what_was_not_found_has_no_facts(make_log):
    frame = many(al.open(make_log()), ["p-999"]).frame
    told = {name: frame[name][0] for name in frame.columns if frame[name][0] is not None}
    assert told == {"asked": "p-999", "prediction_id": "p-999", "places": 0, "found": False}


def test_nothing_asked_for(make_log):
    empty = many(al.open(make_log()), [])
    assert len(empty) == 0
    assert empty.gaps.columns == ["row", "prediction_id", "code", "what", "effect"]
    assert empty.findings.columns == ["row", "prediction_id", "code", "what"]
    assert empty.inputs.columns == ["place", "prediction_id", "model_name"]
    assert list(empty.all()) == []


AMISS = ["signature-unreadable", "version-in-force-unknown", "lineage-missing", "outcome-missing"]


def test_erased_ones_are_told_as_erased(tmp_path, small_model):
    log = erased_log(tmp_path, small_model)
    ids = [f"p-{number:03d}" for number in range(6)]
    together = check_the_same(log, ids)
    assert together.frame["gaps"].to_list()[:3] == [
        ["erased", "erased", *AMISS],
        AMISS,
        ["erased", *AMISS],
    ]


def erased_log(tmp_path, small_model):
    """A sealed log of six decisions: of one everything personal was erased, of another one feature."""
    from audit_lab.log.erasure.erasure import erase
    from audit_lab.log.writing.writer import create_log

    ids = [f"p-{number:03d}" for number in range(6)]
    predictions = pl.DataFrame(
        {
            "prediction_id": ids,
            "occurred_at": [START] * 6,
            "recorded_at": [START] * 6,
            "model_name": ["loans"] * 6,
            "model_version": ["1"] * 6,
            "subject_id": [f"s-{number}" for number in range(6)],
            "outputs": [{"score": 0.25, "label": "good"}] * 6,
            "decision": ["approve"] * 6,
        }
    )
    registry = pl.DataFrame({"model_name": ["loans"], "model_version": ["1"], "recorded_at": [START]})
    folder = tmp_path / "sealed"
    with create_log(folder, "tests/erased", vault=tmp_path / "vault", passphrase=b"none") as writer:
        writer.append(
            {
                "predictions": predictions,
                "inputs/loans": small_model.inputs[:6].select(pl.Series("prediction_id", ids), pl.all()),
                "model_versions": registry,
            }
        )
        erase(writer, subject_id="s-0", reason="asked", actor="dpo")
        erase(writer, prediction_ids=["p-002"], fields={"inputs/loans": ["income"]}, reason="asked", actor="dpo")
    return al.open(folder)


def test_a_foreign_log_through_its_mapping():
    folder = Path(__file__).parents[2] / "sample_data" / "foreign_loans"
    log = al.open(folder, propose(folder).mapping)
    ids = log.newest(30)["prediction_id"].to_list()
    assert check_the_same(log, ids).frame["found"].all()


@pytest.mark.parametrize("sample", ["credit", "flights"])
def test_sample_logs(request, sample):
    log = al.open(request.getfixturevalue(sample))
    ids = log.predictions.select("prediction_id").collect()["prediction_id"]
    together = many(log, ids)
    assert together.frame["places"].to_list() == [2 if name == TWICE else 1 for name in ids]
    some = ids.sample(60, seed=11).to_list() + faulty(request.getfixturevalue(sample), sample)
    check_the_same(log, [name for name in some if name != TWICE])


TWICE = "014f0715-c3bc-7085-83a3-78a1bbf8c01e"


def faulty(folder, sample):
    """Return ids of every planted fault of a sample log, and the places of the id that stands twice."""
    if sample == "credit":
        return (
            pl.read_parquet(folder / "overrides" / "*.parquet")["prediction_id"].unique(maintain_order=True).to_list()
        )
    truth = json.loads((folder.parent / "TRUTH.json").read_text())
    ids = [name for fault in truth["faults"] for name in fault.get("prediction_ids", [])[:4]]
    return [name for name in ids if name != TWICE]


def test_the_faults_of_the_flights_are_gaps_and_findings(flights):
    log = al.open(flights)
    ids = log.predictions.select("prediction_id").collect()["prediction_id"]
    together = many(log, ids)
    gaps = dict(together.gaps.group_by("code").len().rows())
    assert gaps == {
        "inputs-missing": 42,
        "version-not-registered": 131,
        "lineage-missing": 131,
        "artifact-digest-mismatch": 50,
    }
    findings = dict(together.findings.group_by("code").len().rows())
    assert findings == {"version-not-approved": 131}
    assert together.ambiguous["asked"].unique().to_list() == [TWICE]
    twins = many(log, together.ambiguous["place"]).gaps
    assert twins["code"].to_list() == ["ambiguous-id", "id-repeated"] * 2


def test_inputs_in_the_order_asked_and_of_two_models(make_log):
    other = lambda frame: frame.rename({"income": "salary"})
    log = al.open(make_log(predictions=of_another_model))
    assert many(log, ["p-004", "p-002", "p-003"]).inputs["prediction_id"].to_list() == ["p-004", "p-002"]
    folder = make_log("both", predictions=of_another_model)
    inputs = pl.read_parquet(folder / "inputs" / "loans" / "part-00000.parquet")
    both = al.open(make_log("two", predictions=of_another_model, inputs_cards=other(inputs)))
    together = many(both, ["p-003", "p-002", "p-005"])
    assert together.models == ("cards", "loans")
    assert together.inputs.select("prediction_id", "model_name").rows() == [
        ("p-003", "cards"),
        ("p-002", "loans"),
        ("p-005", "cards"),
    ]
    assert together.inputs.columns[3:] == ["salary", "city", "years", "income"]
    assert together.inputs_of("loans").columns[3:] == ["income", "city", "years"]
    check_the_same(both, ALL)


def test_histories_have_every_row_and_what_corrects_it(make_log):
    log = al.open(make_log(**LOGS["overrides, contests, corrections"], **LOGS["outcomes that change, corrections"]))
    together = many(log, ["p-001", "p-006"])
    assert together.overrides.select("place", "corrected_by", "decision_after").rows() == [
        ("p-001@part-00000:0", "p-001@part-00000:1", "deny"),
        ("p-001@part-00000:1", None, "approve"),
        ("p-006@part-00000:7", "p-006@part-00000:8", "deny"),
        ("p-006@part-00000:8", None, "approve"),
    ]
    assert together.outcomes["label"].to_list() == ["good", "bad"]
