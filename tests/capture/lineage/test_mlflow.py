"""MLflow run folders: a store that MLflow itself wrote, and hostile ones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lab.capture.lineage import mlflow_files, read_mlflow_runs
from audit_lab.errors import MisuseError


@pytest.fixture
def store(trained, tmp_path):
    """Return a copy of it to change."""
    return Path(shutil.copytree(trained[0], tmp_path / "mlruns"))


@pytest.fixture
def folder(store, trained):
    """Return the run's folder in the copy."""
    (found,) = store.glob(f"*/{trained[1]}")
    return found


def triples(rows):
    return set(rows.lineage.select("from_node", "relation", "to_node").iter_rows())


def of_run(rows, run_id):
    (found,) = rows.runs.filter(run_id=run_id).to_dicts()
    return found


def test_a_store_of_mlflow_itself_is_read_whole(trained):
    path, run, parent = trained
    found = read_mlflow_runs(path)
    (model,) = {end for end, _, _ in triples(found) if end.startswith("logged-model:")}
    (data,) = found.datasets.to_dicts()
    assert triples(found) == {
        (f"run:{run}", "used", f"dataset:applicants@{data['version']}"),
        (f"run:{run}", "wasAssociatedWith", f"commit:{'a' * 40}"),
        (f"run:{run}", "wasStartedBy", f"run:{parent}"),
        (model, "wasGeneratedBy", f"run:{run}"),
        ("model:loans@1", "wasGeneratedBy", f"run:{run}"),
        ("model:loans@1", "wasDerivedFrom", model),
    }
    assert (data["uri"], data["source"], data["digest"]) == (
        "http://example.org/a.csv",
        "http",
        f"mlflow:{data['version']}",
    )
    assert found.report.refused == 0
    assert found.report.read == found.report.kept


def test_a_run_bears_parameters_metrics_commit_and_data(trained):
    path, run, _ = trained
    row = of_run(read_mlflow_runs(path), run)
    assert json.loads(row["hyperparameters"]) == {"C": "0.3", "random_state": "7"}
    assert json.loads(row["seeds"]) == {"random_state": "7"}
    metrics = json.loads(row["metrics"])
    assert metrics["valid/auc"][:2] == [[1_700_000_000_000, 0.7, 0], [1_700_000_001_000, 0.75, 1]]
    assert metrics["loss"][0][1] == "nan"
    assert (row["code_commit"], row["pipeline_id"], row["kind"], row["state"]) == (
        "a" * 40,
        "credit",
        "training",
        "FINISHED",
    )
    assert row["started_at"] <= row["ended_at"] <= datetime.now(UTC)
    assert json.loads(row["facets"])["mlflow.runName"] == "train"
    assert "mlflow.user" not in row["facets"]


def test_one_experiment_and_one_run_can_be_read_alone(trained):
    path, run, parent = trained
    (experiment,) = {each.parent for each in path.glob(f"*/{run}")}
    assert set(read_mlflow_runs(experiment).runs["run_id"]) == {run, parent}
    alone = read_mlflow_runs(experiment / run)
    assert alone.runs["run_id"].to_list() == [run]
    assert any("without its experiment" in note for note in alone.report.notes)


def test_reading_twice_gives_the_same(trained):
    first, second = read_mlflow_runs(trained[0]), read_mlflow_runs(trained[0])
    for table in first.tables():
        assert first.tables()[table].equals(second.tables()[table])


def test_a_metric_with_bad_lines_keeps_the_good_ones(store, folder, trained):
    (folder / "metrics" / "loss").write_bytes(
        b"1700000000000 0.5 0\nrubbish\n1700000000001 inf 1\n99999999999999999999 1 1\n"
    )
    found = read_mlflow_runs(store)
    assert json.loads(of_run(found, trained[1])["metrics"])["loss"] == [
        [1_700_000_000_000, 0.5, 0],
        [1_700_000_000_001, "inf", 1],
    ]
    assert found.report.quarantine["place"].to_list() == ["line 2", "line 4"]
    assert found.report.quarantine["raw_bytes"].to_list() == [b"rubbish\n", b"99999999999999999999 1 1\n"]
    assert found.report.kept + found.report.refused == found.report.read


def test_a_long_history_keeps_its_end_and_says_so(store, folder, trained, monkeypatch):
    monkeypatch.setattr(mlflow_files, "MOST_POINTS", 3)
    (folder / "metrics" / "loss").write_text("".join(f"{step} 0.5 {step}\n" for step in range(9)))
    found = read_mlflow_runs(store)
    assert [point[2] for point in json.loads(of_run(found, trained[1])["metrics"])["loss"]] == [6, 7, 8]
    assert any("the last 3 kept" in note for note in found.report.notes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: &x [1]\nb: *x\n", "aliases"),
        (b"run_id: a\nrun_id: b\n", "twice"),
        (b"!!python/object/apply:os.system ['touch owned']\n", "not YAML that can be taken over"),
        (b"run_id: !!python/name:os.system ''\n", "not YAML that can be taken over"),
        (b"- 1\n", "no mapping"),
        (b"a: " + b"[" * 100 + b"]" * 100, "nests deeper"),
        (b"\xff\xfe", "not UTF-8"),
        (b'run_id: "\\ud800"\n', "not YAML that can be taken over"),
        (b"a: [\n", "not YAML that can be taken over"),
        (b"? [a]\n: 1\n", "a key that is no text"),
        (b"run_id: " + b"9" * 10_000 + b"\n", "not YAML that can be taken over"),
    ],
)
def test_a_hostile_meta_file_is_put_aside_and_the_other_runs_are_read(store, folder, trained, content, reason):
    (folder / "meta.yaml").write_bytes(content)
    found = read_mlflow_runs(store)
    (refused,) = found.report.quarantine.to_dicts()
    assert refused["file"].endswith(f"{trained[1]}/meta.yaml")
    assert refused["raw_bytes"] == content
    assert reason in refused["reason"]
    assert trained[2] in found.runs["run_id"].to_list()
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"artifact_path": "\\ud800"}]', "a JSON text escapes half of a surrogate pair"),
        ('[{"artifact_path": 1, "artifact_path": 2}]', "a JSON text has the member 'artifact_path' more than once"),
        ("[" * 5_000, "a JSON text nests deeper than 64"),
        ("[NaN]", "a JSON text holds NaN, which is not JSON"),
        ("[1e999]", "a JSON text holds a number beyond double precision"),
        ("[", "a JSON text is not JSON"),
    ],
)
def test_hostile_json_within_the_store_is_left_out_and_told(store, folder, trained, text, reason):
    (folder / "tags" / "mlflow.log-model.history").write_text(text)
    (described,) = store.glob("*/datasets/*/meta.yaml")
    described.write_text(
        json.dumps({"name": "d", "digest": "1", "source": f'{{"uri": {text}}}', "profile": text, "source_type": "x"})
    )
    found = read_mlflow_runs(store)
    assert trained[1] in found.runs["run_id"].to_list()
    assert found.datasets.select("dataset_id", "uri", "facets").row(0) == ("d", None, None)
    assert any(note.startswith(f"Left out of the store: {reason}") for note in found.report.notes)


def test_a_metric_of_one_endless_line_is_one_refusal(store, folder):
    (folder / "metrics" / "endless").write_bytes(b"1 " * 500_000 + b"\n1709542800000 0.5 1\n")
    refused = read_mlflow_runs(store).report.quarantine
    assert refused.select("file", "place", "reason").rows() == [
        (
            (folder / "metrics" / "endless").relative_to(store).as_posix(),
            "line 1",
            "it is not time, value and step (1,000,001 bytes, of which the first 65,536 are kept)",
        )
    ]
    assert refused["raw_bytes"][0] == b"1 " * 2_048 + b"1"


@pytest.mark.parametrize("name", ["../../outside", "/etc", "..", "a/b", "", ".", "-x", "\\x"])
def test_an_input_cannot_name_a_folder_elsewhere(store, folder, trained, name):
    (outside := store.parent / "outside").mkdir()
    (outside / "meta.yaml").write_text("name: stolen\ndigest: d\n")
    (meta,) = (folder / "inputs").glob("*/meta.yaml")
    meta.write_text(json.dumps({"source_id": name, "source_type": "DATASET"}))
    found = read_mlflow_runs(store)
    assert "stolen" not in str(found.lineage.rows())
    assert "used" not in found.lineage["relation"].to_list()


def test_links_are_not_followed(store, folder, trained):
    secret = store.parent / "secret"
    secret.write_text("hidden")
    (folder / "params" / "stolen").symlink_to(secret)
    (folder / "tags").rename(store.parent / "tags")
    (folder / "tags").symlink_to(store.parent / "tags")
    (store / "models" / "other").symlink_to(store / "models" / "loans")
    found = read_mlflow_runs(store)
    assert "hidden" not in str(found.runs.rows())
    assert of_run(found, trained[1])["code_commit"] is None
    assert [note for note in found.report.notes if note.startswith("Symbolic links were not followed.")]


def test_a_linked_meta_file_is_refused(store, folder):
    (folder / "meta.yaml").rename(store.parent / "meta.yaml")
    (folder / "meta.yaml").symlink_to(store.parent / "meta.yaml")
    assert read_mlflow_runs(store).report.quarantine["reason"].to_list() == ["it is no regular file"]


def test_names_and_values_that_are_no_utf_8_are_put_aside(store, folder):
    (folder / "params" / "bad").write_bytes(b"\xff")
    Path(os.fsdecode(os.fsencode(folder / "params") + b"/\xfe")).write_text("x")
    reasons = read_mlflow_runs(store).report.quarantine["reason"].to_list()
    assert sorted(reasons) == ["it is not UTF-8", "its name is not UTF-8"]


def test_a_registered_version_is_a_row_with_what_the_registry_says_of_it(trained):
    path, run, _ = trained
    (row,) = read_mlflow_runs(path).model_versions.to_dicts()
    facets = json.loads(row["facets"])
    assert (row["model_name"], row["model_version"], row["run_id"]) == ("loans", "1", run)
    assert (row["artifact_format"], row["changelog"]) == ("mlflow", "Trained on 2024.")
    assert row["artifact_uri"].startswith("models:/m-")
    assert (facets["aliases"], facets["tags"], facets["status"]) == (["champion"], {"validated": "yes"}, "READY")
    assert row["recorded_at"] == datetime.fromisoformat(facets["registered_at"])
    assert row["recorded_at"] <= datetime.fromisoformat(facets["updated_at"])
    assert (row["artifact_sha256"], row["threshold"]) == (None, None)


def test_an_alias_that_names_another_version_is_not_of_this_one(store):
    (store / "models" / "loans" / "aliases" / "champion").write_text("2")
    assert "aliases" not in json.loads(read_mlflow_runs(store).model_versions["facets"][0])


def test_a_version_that_names_only_its_model_finds_the_run(store, trained):
    (meta,) = store.glob("models/loans/version-1/meta.yaml")
    meta.write_text(meta.read_text().replace(f"run_id: {trained[1]}", "run_id: ''"))
    assert ("model:loans@1", "wasGeneratedBy", f"run:{trained[1]}") in triples(read_mlflow_runs(store))


def test_a_model_that_mlflow_2_noted_in_a_tag_is_read(store, folder, trained):
    shutil.rmtree(folder / "outputs")
    history = [{"run_id": trained[1], "artifact_path": "clf", "flavors": {}}]
    (folder / "tags" / "mlflow.log-model.history").write_text(json.dumps(history))
    expected = (f"logged-model:{trained[1]}/clf", "wasGeneratedBy", f"run:{trained[1]}")
    assert expected in triples(read_mlflow_runs(store))


def test_times_that_no_calendar_has_are_left_out(store, folder, trained):
    text = (folder / "meta.yaml").read_text()
    (folder / "meta.yaml").write_text(
        "\n".join(
            "end_time: 99999999999999999999" if line.startswith("end_time") else line for line in text.splitlines()
        )
    )
    assert of_run(read_mlflow_runs(store), trained[1])["ended_at"] is None


def test_what_an_mlmodel_says_stands_beside_the_run_and_the_version_that_it_is_of(trained):
    path, run, _ = trained
    found = read_mlflow_runs(path)
    (said,) = json.loads(of_run(found, run)["facets"])["models"].values()
    assert said == json.loads(found.model_versions["facets"][0])["model"]
    assert said["run_id"] == run
    assert "python_function" in said["flavors"]
    assert said["signature"]["inputs"][0]["type"] == "double"
    (file,) = path.glob("*/models/*/artifacts/MLmodel")
    assert said["mlmodel_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert datetime.fromisoformat(said["utc_time_created"]).tzinfo is not None
    alone = read_mlflow_runs(file.parent)
    assert triples(alone) == {(f"logged-model:{said['model_id']}", "wasGeneratedBy", f"run:{run}")}
    assert json.loads(of_run(alone, run)["facets"]) == {"models": {said["model_id"]: said}}
    assert of_run(alone, run)["kind"] == "training"


def test_tags_that_somebody_set_and_the_description_of_a_name_are_taken_over(store, folder, trained):
    (folder / "tags" / "team").write_text("credit")
    (folder / "tags" / "mlflow.other").write_text("x")
    meta = store / "models" / "loans" / "meta.yaml"
    lines = [line for line in meta.read_text().splitlines() if not line.startswith("description")]
    meta.write_text("\n".join([*lines, "description: Decides on loans."]))
    (store / "models" / "loans" / "tags").mkdir(exist_ok=True)
    (store / "models" / "loans" / "tags" / "tier").write_text("high")
    found = read_mlflow_runs(store)
    facets = json.loads(of_run(found, trained[1])["facets"])
    assert facets["tags"] == {"team": "credit"}
    assert not any(name in str(facets) for name in ("mlflow.other", "mlflow.user"))
    of_version = json.loads(found.model_versions["facets"][0])
    assert (of_version["model_description"], of_version["model_tags"]) == ("Decides on loans.", {"tier": "high"})


def test_the_mlmodel_that_mlflow_2_left_in_a_run_is_read(store, folder, trained):
    (file,) = store.glob("*/models/*/artifacts/MLmodel")
    place = folder / "artifacts" / "deep" / "clf"
    place.mkdir(parents=True)
    shutil.copy(file, place)
    history = [{"run_id": trained[1], "artifact_path": each, "flavors": {}} for each in ("deep/clf", "../../clf", "no")]
    (folder / "tags" / "mlflow.log-model.history").write_text(json.dumps(history))
    (meta,) = store.glob("models/loans/version-1/meta.yaml")
    lines = [line for line in meta.read_text().splitlines() if not line.startswith(("source", "model_id"))]
    meta.write_text("\n".join([*lines, f"source: file:///x/{trained[1]}/artifacts/deep/clf"]))
    found = read_mlflow_runs(store)
    name = f"{trained[1]}/deep/clf"
    assert name in json.loads(of_run(found, trained[1])["facets"])["models"]
    assert ("model:loans@1", "wasDerivedFrom", f"logged-model:{name}") in triples(found)
    assert json.loads(found.model_versions["facets"][0])["model"]["run_id"] == trained[1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: &x [1]\nflavors: *x\n", "aliases"),
        (b"run_id: x\n", "it names no flavors"),
        (b"flavors: {}\n#" + b"x" * 1_000_000, "larger than 1,000,000 bytes"),
    ],
)
def test_a_hostile_mlmodel_is_put_aside_and_all_else_is_read(store, trained, content, reason):
    (file,) = store.glob("*/models/*/artifacts/MLmodel")
    file.write_bytes(content)
    found = read_mlflow_runs(store)
    (refused,) = found.report.quarantine.to_dicts()
    assert refused["file"].endswith("artifacts/MLmodel")
    assert reason in refused["reason"]
    assert trained[1] in found.runs["run_id"].to_list()
    assert found.model_versions.height == 1


def test_a_folder_without_runs_is_misuse(tmp_path):
    with pytest.raises(MisuseError, match="holds no MLflow run"):
        read_mlflow_runs(tmp_path)
    with pytest.raises(MisuseError, match="is no folder"):
        read_mlflow_runs(tmp_path / "none")
