"""From a serving log and a registry to evidence: what was adapted is reconstructed, replayed and handed over."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

import audit_lab as al
from audit_lab.capture.lineage import append_lineage, read_mlflow_runs
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey

CITIES = ("Bern", "Oslo", "Rome")
RUN = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
START = 1_709_542_800


def capture(model):
    """Return SageMaker's capture of what the small model was asked and answered, and the truth of some."""
    begin = datetime(2024, 3, 4, 9, tzinfo=UTC)
    for row, (inputs, score) in enumerate(zip(model.inputs.rows(), model.scores, strict=True)):
        sides = {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "encoding": "CSV"},
            "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "encoding": "CSV"},
        }
        sides["endpointInput"]["data"] = ",".join(map(str, inputs))
        sides["endpointOutput"]["data"] = repr(score)
        at = (begin + timedelta(hours=row)).isoformat()
        about = {"eventId": f"e-{row:03}", "inferenceTime": at}
        yield {"captureData": sides, "eventMetadata": about, "eventVersion": "0"}
        label = {"data": str(int(inputs[0] < 4_000)), "encoding": "CSV"}
        yield {"groundTruthData": label, "eventMetadata": {"eventId": f"e-{row:03}"}, "eventVersion": "0"}


def records(model, of):
    """Yield what `of` makes of each prediction of the small model: its id, when it was, its inputs and its score."""
    begin = datetime(2024, 3, 4, 9, tzinfo=UTC)
    for row, (inputs, score) in enumerate(zip(model.inputs.to_dicts(), model.scores, strict=True)):
        yield from of(f"e-{row:03}", (begin + timedelta(hours=row)).isoformat(), inputs, score)


def kserve(key, at, inputs, score):
    common = {"id": key, "time": at, "inferenceservicename": "loans", "specversion": "1.0"}
    for side, data in (("request", {"instances": [inputs]}), ("response", {"predictions": [score]})):
        yield {**common, "type": f"org.kubeflow.serving.inference.{side}", "data": data}


def seldon(key, at, inputs, score):
    common = {"requestid": key, "time": at, "modelid": "loans", "specversion": "1.0"}
    asked = {"data": {"names": list(inputs), "ndarray": [list(inputs.values())]}}
    for side, data in (("request", asked), ("response", {"data": {"ndarray": [score]}})):
        yield {**common, "id": f"{key}-{side}", "type": f"io.seldon.serving.inference.{side}", "data": data}


def azureml(key, at, inputs, score):
    common = {"correlationid": key, "time": at, "specversion": "1.0", "datacontenttype": "application/json"}
    for side, data in (("model_inputs", [inputs]), ("model_outputs", [{"0": score}])):
        yield {**common, "id": f"{key}-{side}", "type": f"azureml.inference.{side}", "source": "/x", "data": data}


def databricks(key, at, inputs, score):
    request, response = json.dumps({"dataframe_records": [inputs]}), json.dumps({"predictions": [score]})
    yield {"databricks_request_id": key, "request_time": at, "request": request, "response": response}


def vertex(key, at, inputs, score):
    bodies = {"request_payload": [json.dumps(inputs)], "response_payload": [json.dumps(score)]}
    number = str(10**20 + int(key.removeprefix("e-")))
    yield {"endpoint": "e", "deployed_model_id": "d", "logging_time": at, "request_id": number, **bodies}


def mlflow_store(folder):
    """Write the folder of MLflow's file store that describes the run and the registered version."""
    START * 1000 - 86_400_000
    metas = {
        "1/meta.yaml": {"experiment_id": "1", "name": "credit"},
        f"1/{RUN}/meta.yaml": {
            "run_id": RUN,
            "start_time": START * 1000 - 90_000_000,
            "end_time": START * 1000 - 86_400_000,
        },
        "models/loans/version-1/meta.yaml": {"name": "loans", "version": "1", "run_id": RUN},
    }
    for name, said in metas.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in said.items()))
    tags = folder / "1" / RUN / "tags"
    tags.mkdir()
    (tags / "mlflow.source.git.commit").write_text("a" * 40)
    return folder


@pytest.fixture
def filled(adapting, small_model, tmp_path, make_log):
    """Return what makes a log of some records, the registry and what MLflow knows."""
    return lambda lines: filled_log(lines, adapting, small_model, tmp_path, make_log)


@pytest.fixture
def bank(filled, small_model):
    """Return the log that holds SageMaker's capture, the registry and what MLflow knows."""
    return filled(capture(small_model))


def adapted(lines, adapting, **said):
    adapting(
        {"capture/loans/AllTraffic/2024/03/04/09/a.jsonl": list(lines)},
        model="loans",
        features={"income": "Float64", "city": "String", "years": "Int64"},
        environment="production",
        actor="records office",
        **said,
    )


def filled_log(lines, adapting, small_model, tmp_path, make_log):
    adapted(lines, adapting, version="1")
    registry = al.open(make_log("registry"))._store
    with al.open_writer(adapting.log, vault=adapting.vault) as writer:
        tables = ("model_versions", "deployments")
        writer.append({name: registry.table(name).collect().drop("_segment", "_row", strict=False) for name in tables})
    (adapting.log / "artifacts").mkdir()
    (adapting.log / "artifacts" / "loans-1.ubj").write_bytes(small_model.artifact)
    append_lineage(adapting.log, read_mlflow_runs(mlflow_store(tmp_path / "mlruns")), vault=adapting.vault)
    return al.open(adapting.log)


def handed_over(bank, decision, tmp_path):
    """Keep a decision's replay in a case, export it, and return the verdict on the bundle."""
    case = al.Case.create(
        "INC-7", bank, question="Why?", actor="Jane Doe", purpose="complaint", folder=tmp_path / "case"
    )
    kept = case.keep(decision.replay(), "The decision, run again")
    case.finding("The version in force gives the same score again.", [kept], "high")
    case.conclude("Its score follows from its inputs.")
    key = SigningKey.generate("demonstration-jane-doe")
    bundle = case.export(tmp_path / "out", key=key)
    trust = Trust((TrustedKey(key.public, "investigator", "*"),), "the test's trust")
    return al.verify(bundle, trust).verdict


def test_an_adapted_log_with_a_registry_goes_the_whole_way_to_verified_evidence(bank, adapting, tmp_path):
    decision = bank.decision("e-003")
    assert decision.in_force.version == "1"
    assert decision.replay().verdict == "EXACT"
    assert bank.replay().groups.select("verdict", "predictions").rows() == [("EXACT", 40)]
    lineage = {node.name for node in decision.lineage_graph().nodes}
    assert {f"run:{RUN}", f"commit:{'a' * 40}"} <= lineage
    assert decision.outcomes[0]["label"] in {"0", "1"}
    assert {each.feature for each in decision.explain("shap").contributions} == {"income", "city", "years"}
    assert bank.drift(every="1d", model="loans").table.height > 0
    assert handed_over(bank, decision, tmp_path) in {"VERIFIED", "UNANCHORED"}
    assert not bank.verify(vault=adapting.vault).findings


@pytest.mark.parametrize("vendor", [kserve, seldon, azureml, databricks, vertex])
def test_what_any_vendor_logged_goes_the_whole_way_too(filled, adapting, small_model, tmp_path, vendor):
    bank = filled(records(small_model, vendor))
    assert bank.replay().groups.select("verdict", "predictions").rows() == [("EXACT", 40)]
    decision = bank.decision(bank.predictions.collect()["prediction_id"][3])
    assert decision.in_force.version == "1"
    assert f"run:{RUN}" in {node.name for node in decision.lineage_graph().nodes}
    assert {each.feature for each in decision.explain("shap").contributions} == {"income", "city", "years"}
    assert bank.drift(every="1d", model="loans").table.height > 0
    assert handed_over(bank, decision, tmp_path) in {"VERIFIED", "UNANCHORED"}
    assert not bank.verify(vault=adapting.vault).findings


def registered(adapting, small_model, tmp_path):
    """Register the model and its deployment with the writers, after its log was taken over."""
    artifact = tmp_path / "loans.ubj"
    artifact.write_bytes(small_model.artifact)
    features = [
        {"name": "income", "dtype": "float"},
        {"name": "city", "dtype": "str"},
        {"name": "years", "dtype": "int"},
    ]
    features[1]["categories"] = list(CITIES)
    al.record_model(
        adapting.log,
        "loans",
        "1",
        artifact,
        vault=adapting.vault,
        run_id=RUN,
        code_commit="a" * 40,
        artifact_format="xgboost-ubj",
        output_kind="probability",
        signature={"features": features, "output": {"kind": "probability", "positive": "bad", "negative": "good"}},
        training_cutoff=datetime(2024, 1, 1, tzinfo=UTC),
        sample_size=40,
        evaluation={"roc_auc": 0.9},
        threshold=0.5,
        monitoring={"psi_major": 0.25},
        justification="First version.",
        intended_use="proposes to an officer",
    )
    deployed(adapting, "primary", "1", traffic_share=1.0)
    append_lineage(adapting.log, read_mlflow_runs(mlflow_store(tmp_path / "mlruns")), vault=adapting.vault)


def deployed(adapting, slot, version, **said):
    since = datetime(2024, 3, 1, tzinfo=UTC)
    said |= {"environment": "production", "actor": "Jane Doe", "vault": adapting.vault}
    al.record_deployment(adapting.log, slot, "loans", version, from_time=since, **said)


@pytest.mark.parametrize("vendor", [None, kserve, seldon, azureml, databricks, vertex])
def test_a_log_that_states_no_version_goes_it_too_once_its_deployment_is_recorded(
    adapting, small_model, tmp_path, vendor
):
    adapted(capture(small_model) if vendor is None else records(small_model, vendor), adapting)
    before = al.open(adapting.log).replay()
    assert before.groups.select("code", "predictions").rows() == [("version-not-stated", 40)]
    registered(adapting, small_model, tmp_path)

    bank = al.open(adapting.log)
    assert bank.predictions.collect()["model_version"].null_count() == 40
    assert bank.replay().groups.select("verdict", "model_version", "predictions").rows() == [("EXACT", "1", 40)]
    assert bank.coverage().replayable == 40
    decision = bank.decision(bank.predictions.collect()["prediction_id"][3])
    assert decision.in_force.version == "1"
    follows = "follows from the deployment record primary of 2024-03-01 00:00 UTC alone."
    assert decision.replay().why.endswith(follows)
    explained = decision.explain("shap")
    assert {each.feature for each in explained.contributions} == {"income", "city", "years"}
    assert any(note.endswith(follows) for note in explained.notes)
    assert {f"run:{RUN}", f"commit:{'a' * 40}"} <= {node.name for node in decision.lineage_graph().nodes}
    drifted = bank.drift(every="1d", model="loans", reference=("2024-03-04", "2024-03-05")).table
    assert set(drifted["column"]) >= {"income", "city", "years"}
    assert handed_over(bank, decision, tmp_path) in {"VERIFIED", "UNANCHORED"}
    with zipfile.ZipFile(tmp_path / "out" / "INC-7.zip") as bundle:
        (kept,) = (name for name in bundle.namelist() if name.endswith("replay.json"))
        assert follows in json.loads(bundle.read(kept))["why"]
    assert not bank.verify(vault=adapting.vault).findings


def test_a_canary_leaves_it_open_which_version_decided(adapting, small_model, tmp_path):
    adapted(records(small_model, kserve), adapting)
    registered(adapting, small_model, tmp_path)
    deployed(adapting, "canary", "2", traffic_share=0.1)
    replay = al.open(adapting.log).decision("e-003").replay()
    assert replay.code == "version-not-stated"
    assert "1 with 100 % of the traffic (slot primary) and 2 with 10 % of the traffic (slot canary)" in replay.why
