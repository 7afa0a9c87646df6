"""From a serving log and a registry to evidence: what was adapted is reconstructed, replayed and handed over."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

import audit_lab as al
from audit_lab.capture.lineage import append_lineage, read_mlflow_runs
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey

RUN = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
START = 1_709_542_800


def capture(model):
    """Return SageMaker's capture of what the small model was asked and answered, and the truth of some."""
    from datetime import UTC, datetime

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
def bank(adapting, small_model, tmp_path, make_log):
    """Return the log that holds the capture, the registry and what MLflow knows."""
    adapting(
        {"capture/loans/AllTraffic/2024/03/04/09/a.jsonl": list(capture(small_model))},
        version="1",
        features={"income": "Float64", "city": "String", "years": "Int64"},
        environment="production",
        actor="records office",
    )
    registry = al.open(make_log("registry"))._store
    with al.open_writer(adapting.log, vault=adapting.vault) as writer:
        tables = ("model_versions", "deployments")
        writer.append({name: registry.table(name).collect().drop("_segment", "_row", strict=False) for name in tables})
    (adapting.log / "artifacts").mkdir()
    (adapting.log / "artifacts" / "loans-1.ubj").write_bytes(small_model.artifact)
    append_lineage(adapting.log, read_mlflow_runs(mlflow_store(tmp_path / "mlruns")), vault=adapting.vault)
    return al.open(adapting.log)


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
    case = al.Case.create(
        "INC-7", bank, question="Why?", actor="Jane Doe", purpose="complaint", folder=tmp_path / "case"
    )
    kept = case.keep(decision.replay(), "The decision, run again")
    case.finding("The version in force gives the same score again.", [kept], "high")
    case.conclude("Its score follows from its inputs.")
    key = SigningKey.generate("demonstration-jane-doe")
    bundle = case.export(tmp_path / "out", key=key)
    trust = Trust((TrustedKey(key.public, "investigator", "*"),), "the test's trust")
    assert al.verify(bundle, trust).verdict in {"VERIFIED", "UNANCHORED"}
    assert not bank.verify(vault=adapting.vault).findings
