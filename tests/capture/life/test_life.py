"""What happens to a model besides predicting is in the log as it happened, or refused with what is missing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest

import audit_lab as al
from audit_lab.capture.life.registration import MANDATORY, OUTPUT_KINDS
from audit_lab.capture.life.runs import record_past_run
from audit_lab.cli import main
from audit_lab.errors import MisuseError
from audit_lab.replay.registration import editions
from audit_lab.replay.signature import KINDS

COMMIT = "6b41d88a0bc8ec95f53f25b146a5b4f1c3739e68"
REGISTRATION = {
    "artifact_format": "xgboost-ubj",
    "output_kind": "probability",
    "signature": {"features": [{"name": "income", "dtype": "float"}], "output": {"kind": "probability"}},
    "training_cutoff": datetime(2026, 1, 1, tzinfo=UTC),
    "sample_size": 338,
    "evaluation": {"roc_auc": 0.75},
    "threshold": 0.5,
    "monitoring": {"psi_major": 0.25},
    "justification": "First version.",
    "intended_use": "proposes to an officer",
    "code_commit": COMMIT,
}


BEFORE = "2026-05-04T08:00:00+00:00"


def past_run(log, **said):
    times = {"started_at": "2026-05-04T09:00:00+00:00", "ended_at": datetime(2026, 5, 4, 10, tzinfo=UTC)}
    return record_past_run(log, run_id="r", **{**times, **said})


class Kept:
    """A sealed log, and what it holds."""

    def __init__(self, folder) -> None:
        self.log, self.vault = folder / "log", folder / "vault"
        self.options = {"log": self.log, "vault": self.vault}
        al.create_log(self.log, "demonstration-life", vault=self.vault).close()

    def rows(self, table: str) -> list[dict]:
        store = al.open(self.log)._store
        return store.table(table).collect().to_dicts() if table in store.source.tables() else []


@pytest.fixture
def kept(tmp_path) -> Kept:
    return Kept(tmp_path)


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "loans.ubj"
    path.write_bytes(b"a booster")
    return path


def test_a_model_is_registered_with_its_artifact_in_the_log_and_in_the_tree(kept, artifact):
    al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, packages=("numpy",), **REGISTRATION)
    (row,) = kept.rows("model_versions")
    digest = hashlib.sha256(b"a booster").hexdigest()
    assert row["artifact_sha256"] == digest
    assert row["artifact_uri"] == f"artifacts/{digest[:12]}-loans.ubj"
    assert (kept.log / row["artifact_uri"]).read_bytes() == b"a booster"
    assert json.loads(row["evaluation"]) == {"roc_auc": 0.75}
    assert row["training_cutoff"] == REGISTRATION["training_cutoff"]
    assert "numpy" in json.loads(row["runtime"])["packages"]
    with al.open_writer(kept.log, vault=kept.vault) as writer:
        assert writer.state.models["loans", "7"].artifact_sha256 == digest
    assert not al.open(kept.log).verify(vault=kept.vault).findings


@pytest.mark.parametrize(
    "left_out", [["training_cutoff"], ["evaluation", "intended_use", "code_commit"], list(MANDATORY)]
)
def test_a_registration_that_lacks_something_is_refused_with_the_list(kept, artifact, left_out):
    said = {name: value for name, value in REGISTRATION.items() if name not in left_out}
    with pytest.raises(MisuseError) as refused:
        al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, **said)
    assert all(name in str(refused.value) for name in left_out)
    assert kept.rows("model_versions") == []
    assert not (kept.log / "artifacts").exists()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"justification": " ", "monitoring": "\t"}, r"without monitoring \(.*\); justification \(why this version\)"),
        ({"sample_size": 0}, "sample_size is 0, no whole"),
        ({"sample_size": "many"}, "sample_size is 'many'"),
        ({"output_kind": "nonsense"}, "cannot put out 'nonsense'"),
        ({"threshold": float("nan")}, "threshold is 'nan', no number"),
    ],
)
def test_a_registration_that_says_nothing_with_many_words_is_refused(kept, artifact, said, message):
    with pytest.raises(MisuseError, match=message):
        al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, **{**REGISTRATION, **said})
    assert kept.rows("model_versions") == []
    assert OUTPUT_KINDS == KINDS


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"evaluation": {"roc_auc": None}}, "evaluation has no value of 'roc_auc'"),
        ({"evaluation": {"": {}}}, "evaluation has a metric without a name"),
        ({"evaluation": "good"}, "evaluation says nothing that was measured: 'good'"),
        ({"monitoring": {"psi": None}}, "monitoring has no value of 'psi'"),
        ({"signature": "x"}, "signature names no features: 'x'"),
        ({"signature": {"features": []}}, "signature names no features"),
        ({"signature": {"features": [{"dtype": "float"}]}}, "signature has a feature without a name"),
        ({"threshold": 7.0}, "threshold is 7.0, no probability"),
        ({"threshold": "half"}, "threshold is 'half', no number"),
        ({"training_cutoff": datetime(2999, 1, 1, tzinfo=UTC)}, "training_cutoff 2999-.* lies in the future"),
    ],
)
def test_a_registration_that_cannot_be_is_refused_with_all_that_is_wrong(kept, artifact, said, fault):
    for more in ({}, {"sample_size": 0}):
        with pytest.raises(MisuseError, match=fault) as refusal:
            al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, **{**REGISTRATION, **said, **more})
        assert ("sample_size is 0" in str(refusal.value)) == bool(more)
    assert kept.rows("model_versions") == []


def test_what_was_measured_may_stand_in_groups_and_beside_text(kept, artifact):
    found = {"roc_auc": np.float64(0.75), "by": {"f": {"tpr": 0.5}}, "dataset": "loans@1"}
    al.record_model(kept.log, "l", "7", artifact, vault=kept.vault, **{**REGISTRATION, "evaluation": found})
    al.record_model(kept.log, "l", "8", artifact, vault=kept.vault, **{**REGISTRATION, "evaluation": [found, found]})
    assert len(kept.rows("model_versions")) == 2


def test_a_version_is_registered_once_unless_the_second_says_that_it_corrects_the_first(kept, artifact):
    al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, **REGISTRATION)
    artifact.write_bytes(b"another booster")
    said = {**REGISTRATION, "threshold": 0.75}
    with pytest.raises(MisuseError, match="loans 7 is registered already, with the artifact"):
        al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, **said)
    assert [row["threshold"] for row in kept.rows("model_versions")] == [0.5]
    al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, supersedes="loans@7", **said)
    al.record_model(kept.log, "loans", "8", artifact, vault=kept.vault, **said)
    assert [row["threshold"] for row in kept.rows("model_versions")] == [0.5, 0.75, 0.75]
    (_, last) = editions(al.open(kept.log)._store, "loans", "7")
    assert [row["threshold"] for row in last.rows] == [0.75]
    assert not last.findings


def test_numbers_that_json_lacks_are_named_and_those_of_numpy_are_numbers(kept):
    metrics = {"auc": np.float32(0.5), "n": np.int64(3), "loss": float("nan"), "folds": np.array([0.5, np.inf])}
    al.record_evaluation(kept.log, "loans", "7", metrics, vault=kept.vault)
    (row,) = kept.rows("runs")
    assert row["metrics"] == '{"auc": 0.5, "folds": [0.5, "Infinity"], "loss": "NaN", "n": 3}'


def test_the_commit_of_the_run_counts_and_a_label_needs_no_threshold(kept, artifact):
    with al.record_run(kept.log, "r-1", code_commit=COMMIT, vault=kept.vault) as run:
        run.metric(roc_auc=0.75)
    said = {**REGISTRATION, "output_kind": "label", "threshold": None, "code_commit": None}
    al.record_model(kept.log, "loans", "7", artifact, run_id="r-1", vault=kept.vault, **said)
    edges = {(row["from_node"], row["relation"], row["to_node"]) for row in kept.rows("lineage")}
    assert ("model:loans@7", "wasGeneratedBy", "run:r-1") in edges
    assert ("run:r-1", "wasAssociatedWith", f"commit:{COMMIT}") in edges


def test_a_folder_is_an_artifact_by_the_digest_of_its_files(kept, tmp_path):
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "model.ubj").write_bytes(b"a booster")
    al.record_model(kept.log, "loans", "7", folder, vault=kept.vault, **REGISTRATION)
    (row,) = kept.rows("model_versions")
    assert (kept.log / row["artifact_uri"] / "data" / "model.ubj").read_bytes() == b"a booster"
    (folder / "link").symlink_to(folder / "MLmodel")
    with pytest.raises(MisuseError, match="symbolic link"):
        al.record_model(kept.log, "loans", "8", folder, vault=kept.vault, **REGISTRATION)
    with pytest.raises(MisuseError, match="there is no artifact"):
        al.record_model(kept.log, "loans", "8", tmp_path / "none", vault=kept.vault, **REGISTRATION)


def test_the_commit_of_a_registration_without_a_run_stands_in_the_lineage(kept, tmp_path):
    artifact = tmp_path / "model.ubj"
    artifact.write_bytes(b"a booster")
    al.record_model(kept.log, "loans", "7", artifact, vault=kept.vault, **REGISTRATION)
    (edge,) = kept.rows("lineage")
    assert (edge["from_node"], edge["relation"], edge["to_node"]) == (
        "model:loans@7",
        "wasDerivedFrom",
        f"commit:{COMMIT}",
    )
    graph = al.open(kept.log).lineage_graph("loans", "7")
    assert f"commit:{COMMIT}" in {node.name for node in graph.nodes}


def test_a_run_says_what_it_used_and_made_and_how_long_it_took(kept, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    for words in (["init", "-q"], ["config", "user.email", "a@b.example"], ["config", "user.name", "A"]):
        subprocess.run(["git", "-C", str(code), *words], check=True)
    (code / "train.py").write_text("1\n")
    subprocess.run(["git", "-C", str(code), "add", "."], check=True)
    subprocess.run(["git", "-C", str(code), "commit", "-qm", "first"], check=True)
    head = subprocess.run(["git", "-C", str(code), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    options = {"datasets_in": [("loans", "1")], "seeds": {"numpy": 7}, "hyperparameters": {"depth": 3}}
    with al.record_run(kept.log, "r-1", repository=code, packages=["numpy"], vault=kept.vault, **options) as run:
        run.metric(1, loss=0.5)
        run.metric(2, loss=0.25)
        run.produced("scores", "1")
    (row,) = kept.rows("runs")
    assert row["code_commit"] == head.stdout.strip()
    assert row["started_at"] <= row["ended_at"]
    assert json.loads(row["metrics"]) == [{"checkpoint": 1, "loss": 0.5}, {"checkpoint": 2, "loss": 0.25}]
    assert json.loads(row["seeds"]) == {"numpy": 7}
    assert json.loads(row["datasets_in"]) == ["loans@1"]
    assert json.loads(row["datasets_out"]) == ["scores@1"]
    assert "numpy" in json.loads(row["environment"])["packages"]
    edges = {(each["from_node"], each["relation"], each["to_node"]) for each in kept.rows("lineage")}
    assert edges == {("run:r-1", "used", "dataset:loans@1"), ("dataset:scores@1", "wasGeneratedBy", "run:r-1")}
    (code / "train.py").write_text("2\n")
    with al.record_run(kept.log, "r-2", repository=code, vault=kept.vault):
        pass
    assert kept.rows("runs")[1]["code_commit"] == f"{head.stdout.strip()}+changes"


def test_a_run_that_fails_is_in_the_log_and_raises(kept):
    @al.recorded_run(kept.log, run_id="r-1", kind="retraining", code_commit=COMMIT, vault=kept.vault)
    def train() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        train()
    (row,), (event,) = kept.rows("runs"), kept.rows("events")
    assert (row["kind"], row["run_id"]) == ("retraining", "r-1")
    assert (event["kind"], event["severity"]) == ("failed-job", "error")
    assert event["summary"] == "retraining run r-1 failed: RuntimeError: out of memory"


def test_a_coroutine_is_a_run_until_it_is_over(kept):
    @al.recorded_run(kept.log, code_commit=COMMIT, vault=kept.vault)
    async def train(answer: int | None) -> int:
        await asyncio.sleep(0.2)
        if answer is None:
            raise RuntimeError("out of memory")
        return answer

    assert asyncio.run(train(7)) == 7
    with pytest.raises(RuntimeError):
        asyncio.run(train(None))
    rows = kept.rows("runs")
    assert all((row["ended_at"] - row["started_at"]).total_seconds() >= 0.2 for row in rows)
    assert len({row["run_id"] for row in rows}) == 2
    assert [event["kind"] for event in kept.rows("events")].count("failed-job") == 1


def test_what_is_no_run_or_one_already_is_refused(kept):
    with pytest.raises(MisuseError, match="is a generator, whose end nobody can tell"):

        @al.recorded_run(kept.log, vault=kept.vault)
        def batches():
            yield 1

    @al.recorded_run(kept.log, run_id="r-1", code_commit=COMMIT, vault=kept.vault)
    def train() -> None:
        pass

    train()
    with pytest.raises(MisuseError, match="the run r-1 is recorded already"):
        train()
    assert len(kept.rows("runs")) == 1


def test_what_cannot_be_recorded_is_told_before_the_block_runs(kept, tmp_path):
    ran = []
    for log, options in ((kept.log, {"colour": "red"}), (tmp_path / "nowhere", {})):
        with pytest.raises(MisuseError), al.record_run(log, "r-1", vault=kept.vault, code_commit=COMMIT, **options):
            ran.append(log)
    assert ran == []


def test_what_a_run_raised_is_raised_though_it_cannot_be_recorded(kept):
    def train() -> None:
        with al.record_run(kept.log, "r-1", vault=kept.vault, code_commit=COMMIT) as run:
            run.note(object())
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory") as raised:
        train()
    assert "The run r-1 is not in the log: " in raised.value.__notes__[0]


def test_each_other_thing_is_a_row_of_its_table(kept, tmp_path):
    data = tmp_path / "loans.csv"
    data.write_text("a\n1\n")
    al.record_dataset(kept.log, "loans", "1", file=data, rows=1, legal_basis="contract", vault=kept.vault)
    al.record_evaluation(kept.log, "loans", "7", {"roc_auc": 0.75}, datasets=[("loans", "1")], vault=kept.vault)
    al.record_approval(kept.log, "loans", "7", "approved", approver="Ines", role="reviewer", vault=kept.vault)
    al.record_deployment(kept.log, "primary", "loans", "7", environment="production", vault=kept.vault)
    al.record_override(kept.log, "p-1", actor="Rex", reason="new payslip", decision_after="approve", vault=kept.vault)
    al.record_outcome(kept.log, "p-1", label="good", vault=kept.vault)
    al.record_event(kept.log, "complaint", "A complaint came in", about=("prediction", "p-1"), vault=kept.vault)
    (dataset,) = kept.rows("datasets")
    assert dataset["sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
    assert kept.rows("runs")[0]["kind"] == "evaluation"
    assert kept.rows("approvals")[0]["act"] == "approved"
    assert kept.rows("deployments")[0]["traffic_share"] == 1.0
    assert kept.rows("overrides")[0]["decision_after"] == "approve"
    assert kept.rows("outcomes")[0]["label"] == "good"
    assert [row["kind"] for row in kept.rows("events")] == ["evaluation", "complaint"]
    assert not al.open(kept.log).verify(vault=kept.vault).findings


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda log, **o: al.record_approval(log, "m", "1", "blessed", approver="A", **o), "there is no act 'blessed'"),
        (lambda log, **o: al.record_approval(log, "m", "1", "approved", approver=" ", **o), "nobody is named"),
        (lambda log, **o: al.record_deployment(log, "d", "m", "1", traffic_share=2, **o), "is no share"),
        (lambda log, **o: al.record_override(log, "p", actor="A", reason="", **o), "no actor or no reason"),
        (lambda log, **o: al.record_outcome(log, "p", **o), "is a label or a value"),
        (lambda log, **o: al.record_outcome(log, "p", value=float("inf"), **o), "inf is no value of an outcome"),
        (lambda log, **o: al.record_outcome(log, "p", value=float("nan"), **o), "nan is no value of an outcome"),
        (lambda log, **o: al.record_outcome(log, " ", label="good", **o), "has no prediction_id"),
        (lambda log, **o: al.record_event(log, "k", "s", about="p-1", **o), "is about is no kind with an id: 'p-1'"),
        (lambda log, **o: al.record_evaluation(log, "m", "1", 0.7, **o), "found has no names: '0.7'"),
        (lambda log, **o: al.record_dataset(log, "d", "1", file="/nowhere", **o), "there is no file /nowhere"),
        (lambda log, **o: al.record_deployment(log, "d", "m", "1", traffic_share=float("nan"), **o), "is no share"),
        (lambda log, **o: past_run(log, ended_at=BEFORE, **o), "ended at .*, before it began"),
        (
            lambda log, **o: past_run(log, datasets_in=["loans"], **o),
            "datasets_in are no data sets with their versions",
        ),
        (lambda log, **o: past_run(log, datasets_out="loans", **o), "datasets_out are no data sets"),
        (lambda log, **o: past_run(log, started_at="yesterday", **o), "started_at is no time: 'yesterday'"),
        (lambda log, **o: al.record_event(log, "k", "s", colour="red", **o), "has no column 'colour'"),
        (lambda log, **o: al.record_event(log, "", " ", **o), "kind is empty; summary is empty"),
        (
            lambda log, **o: al.record_approval(log, " ", "", "approved", approver="A", **o),
            "model is empty; version is",
        ),
        (lambda log, **o: al.record_deployment(log, "d", " ", " ", **o), "model is empty; version is empty"),
        (
            lambda log, **o: al.record_evaluation(log, "", "", {"a": None, "": 1, "by": {"f": None}}, **o),
            "model is empty; version is empty; metrics has no value of 'a'; .* without a name; metrics.by has no value",
        ),
        (lambda log, **o: al.record_dataset(log, "d", "1", rows="many", **o), "a value of another type"),
        (lambda log, **o: al.record_event(log, "k", "s", at=datetime(2026, 1, 1), **o), "has no zone"),  # noqa: DTZ001
    ],
)
def test_what_says_too_little_or_cannot_be_is_refused(kept, call, message):
    with pytest.raises(MisuseError, match=message):
        call(kept.log, vault=kept.vault)


@pytest.mark.parametrize(
    ("kind", "settings", "missing"),
    [
        ("run", [], "this run lacks run_id, started_at, ended_at. Add --set run_id=..."),
        ("run", ["run_id=r-1", "ended_at=x"], "this run lacks started_at. Add --set started_at=..."),
        ("model", ["model=loans"], "this model lacks version, artifact. Add --set version=..."),
        ("event", [], "this event lacks kind, summary. Add --set kind=..."),
        ("override", ["prediction_id=p"], "this override lacks actor, reason. Add --set actor=..."),
        ("approval", ["model=m", "version=1", "act=approved"], "this approval lacks approver. Add --set approver=..."),
        ("event", ["kind=a", "kind=b", "summary=s"], "--set says kind more than once"),
    ],
)
def test_what_a_shell_script_did_not_say_is_listed_by_the_names_that_it_sets(kept, capsys, kind, settings, missing):
    words = [word for text in settings for word in ("--set", text)]
    assert main(["record", kind, str(kept.log), *words, "--vault", str(kept.vault)]) == 2
    assert missing in " ".join(capsys.readouterr().err.split())


def test_a_pipeline_records_from_the_shell(kept, artifact, capsys):
    def run(kind: str, *settings: str) -> int:
        words = [word for text in settings for word in ("--set", text)]
        return main(["record", kind, str(kept.log), *words, "--vault", str(kept.vault)])

    times = ("started_at=2026-05-04T09:00:00+00:00", "ended_at=2026-05-04T10:00:00+00:00")
    assert run("run", "run_id=r-1", *times, f"code_commit={COMMIT}", 'datasets_in=[["loans","1"]]') == 0
    said = {name: value for name, value in REGISTRATION.items() if name not in ("code_commit", "training_cutoff")}
    settings = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in said.items()]
    given = ("model=loans", "version=7", f"artifact={artifact}", "run_id=r-1")
    assert run("model", *given, *settings) == 2
    assert "training_cutoff (up to when" in capsys.readouterr().err
    assert run("model", *given, *settings, "training_cutoff=2026-01-01T00:00:00+00:00") == 0
    assert "Sealed at" in capsys.readouterr().out
    assert run("approval", "model=loans", "version=7", "act=approved", "approver=Ines") == 0
    assert run("deployment", "deployment_id=primary", "model=loans", "version=7", "traffic_share=0.5") == 0
    assert run("evaluation", "model=loans", "version=7", 'metrics={"auc": 0.7}') == 0
    assert run("outcome", "prediction_id=p-1", "label=good") == 0
    assert run("event", "summary=Paused") == 2
    assert run("event", "kind=configuration", "summary=Paused", "colour=red") == 2
    for cannot_be in (
        ("event", "kind=complaint", "summary=x", "about=p-1"),
        ("evaluation", "model=loans", "version=7", "metrics=0.7"),
        ("outcome", "prediction_id=p-1", "value=1e999"),
        ("run", "run_id=r-2", *times, "datasets_in=loans"),
        ("run", "run_id=r-2", *times, 'datasets_in=["loans"]'),
        ("run", "run_id=r-2", *reversed(times), "ended_at=2026-05-04T08:00:00+00:00"),
        ("override", "prediction_id=p-1", 'actor=["Rex"]', "reason=x"),
        ("override", "prediction_id=p-1", "reason=x"),
        ("dataset", "dataset_id=loans", "version=1", "file=/nowhere"),
    ):
        capsys.readouterr()
        assert run(*cannot_be) == 2
        assert "Traceback" not in capsys.readouterr().err
    data = artifact.with_name("loans.csv")
    data.write_text("income\n1\n")
    assert run("dataset", "dataset_id=loans", "version=1", f"file={data}", "rows=1", 'schema={"income": "int"}') == 0
    (dataset,) = kept.rows("datasets")
    digest = hashlib.sha256(b"income\n1\n").hexdigest()
    assert (dataset["version"], dataset["rows"], dataset["sha256"]) == ("1", 1, digest)
    assert dataset["schema"] == '{"income": "int"}'
    assert run("override", "prediction_id=p-1", "actor=Rex", "reason=a pledge", "decision_after=approve") == 0
    (override,) = kept.rows("overrides")
    told = (override["prediction_id"], override["kind"], override["actor"], override["decision_after"])
    assert told == ("p-1", "override", "Rex", "approve")
    assert run("event", "kind=complaint", "summary=x", 'about=["prediction", "p-1"]') == 0
    assert [(row["subject_kind"], row["subject"]) for row in kept.rows("events")][-1] == ("prediction", "p-1")
    assert run("approval", "model=loans") == 2
    assert kept.rows("model_versions")[0]["model_version"] == "7"
    assert kept.rows("deployments")[0]["traffic_share"] == 0.5


def test_a_recorded_function_notes_metrics_and_data_sets_with_the_run_that_goes_on(kept):
    @al.recorded_run(kept.log, vault=kept.vault)
    def train(loss):
        run = al.current_run()
        run.metric(1, loss=loss)
        run.produced("scored", "1")
        return run.run_id

    @al.recorded_run(kept.log, vault=kept.vault)
    async def train_slowly(loss):
        await asyncio.sleep(0.01)
        al.current_run().metric(1, loss=loss)
        return al.current_run().run_id

    async def both():
        return await asyncio.gather(train_slowly(0.25), train_slowly(0.125))

    with al.record_run(kept.log, vault=kept.vault) as outer:
        first = train(0.5)
        assert al.current_run() is outer  # a run within a run has its own
    second, third = asyncio.run(both())
    found = {row["run_id"]: row["metrics"] for row in kept.rows("runs")}
    assert {first: 0.5, second: 0.25, third: 0.125} == {
        name: json.loads(found[name])["loss"] for name in (first, second, third)
    }
    assert f"run:{first}" in [row["to_node"] for row in kept.rows("lineage")]
    with pytest.raises(MisuseError, match="no run goes on here"):
        al.current_run()
