"""The lock file of DVC, in the form that its documentation shows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from audit_lab.capture.lineage import plain_yaml, read_dvc_lock

MD5, OTHER, CODE = (
    "a304afb96060aad90176268345e10355",
    "20b786b6e6f80e2b3fcf17827ad18597",
    "51549a1c87b182ebdd785704f56ffaf1",
)
LOCK = f"""\
schema: '2.0'
stages:
  prepare:
    cmd: python src/prepare.py data/data.xml
    deps:
    - path: data/data.xml
      md5: {MD5}
      size: 37891850
    - path: src/prepare.py
      hash: md5
      md5: {CODE}
      size: 1581
    params:
      params.yaml:
        prepare.seed: 20170428
        prepare.split: 0.2
    outs:
    - path: data/prepared
      hash: md5
      md5: {OTHER}.dir
      size: 23861319
      nfiles: 2
  train:
    cmd: python src/train.py data/prepared model.pkl
    deps:
    - path: data/prepared
      hash: md5
      md5: {OTHER}.dir
      size: 23861319
      nfiles: 2
    outs:
    - path: model.pkl
      md5: 484fab565aec49c5f704a3783235d237
      size: 2206748
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text, **options):
        path = tmp_path / "dvc.lock"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_dvc_lock(path, **options)

    return read_text


def triples(rows):
    return set(rows.lineage.select("from_node", "relation", "to_node").iter_rows())


def test_stages_are_runs_that_are_joined_by_what_they_hand_on(read):
    found = read(LOCK, commit="c0ffee")
    prepare, train = (f"run:{run}" for run in sorted(found.runs["run_id"]))
    prepared = f"dataset:data/prepared@md5:{OTHER}.dir"
    assert triples(found) == {
        (prepare, "used", f"dataset:data/data.xml@md5:{MD5}"),
        (prepare, "used", f"code:src/prepare.py@md5:{CODE}"),
        (prepare, "wasAssociatedWith", "commit:c0ffee"),
        (prepared, "wasGeneratedBy", prepare),
        (train, "used", prepared),
        (train, "wasAssociatedWith", "commit:c0ffee"),
        ("dataset:model.pkl@md5:484fab565aec49c5f704a3783235d237", "wasGeneratedBy", train),
    }


def test_a_run_bears_command_parameters_and_seeds(read):
    run = read(LOCK).runs.filter(pipeline_id="prepare").to_dicts()[0]
    assert json.loads(run["facets"]) == {"cmd": "python src/prepare.py data/data.xml"}
    assert json.loads(run["hyperparameters"]) == {"params.yaml": {"prepare.seed": 20170428, "prepare.split": 0.2}}
    assert json.loads(run["seeds"]) == {"params.yaml:prepare.seed": 20170428}
    assert (run["started_at"], run["code_commit"]) == (None, None)


def test_data_bear_digest_size_and_the_number_of_files(read):
    data = {row["dataset_id"]: row for row in read(LOCK).datasets.to_dicts()}
    assert (data["data/data.xml"]["digest"], data["data/data.xml"]["size_bytes"]) == (f"md5:{MD5}", 37891850)
    assert json.loads(data["data/prepared"]["facets"]) == {"nfiles": 2}
    assert data["data/data.xml"]["sha256"] is None


def test_a_stage_in_another_state_is_another_run_and_in_the_same_state_the_same(read):
    first, second = read(LOCK), read(LOCK.replace("0.2", "0.3"))
    assert first.runs.equals(read(LOCK).runs)
    assert len(set(first.runs["run_id"]) & set(second.runs["run_id"])) == 1


def test_data_in_a_cloud_bear_the_version_of_the_store(read):
    entry = {"path": "s3://b/x", "cloud": {"s3": {"version_id": "v1", "etag": "e"}}}
    stage = {"cmd": "x", "outs": [entry, {"path": "https://h/y", "etag": "abc"}]}
    found = read(json.dumps({"schema": "2.0", "stages": {"s": stage}}))
    assert sorted(found.datasets["version"]) == ["etag:abc", "version_id:v1"]


def test_what_the_file_cannot_say_is_told(read):
    notes = read(LOCK).report.notes
    assert any("not when they ran" in note for note in notes)
    assert any("The commit was not given" in note for note in notes)
    assert not any("commit was not given" in note for note in read(LOCK, commit="c").report.notes)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (3, "it names no path"),
        ({"md5": MD5}, "it names no path"),
        ({"path": ""}, "it names no path"),
        ({"path": ["a"]}, "it names no path"),
        ({"path": "a", "md5": 12345678901234567890123456789012}, "may have lost digits"),
    ],
)
def test_a_bad_entry_is_put_aside_and_the_rest_is_kept(read, entry, reason):
    stage = {"cmd": "x", "deps": [entry, {"path": "good", "md5": MD5}]}
    found = read(json.dumps({"schema": "2.0", "stages": {"s": stage}}))
    (refused,) = found.report.quarantine.to_dicts()
    assert reason in refused["reason"]
    assert json.loads(refused["raw_bytes"]) == entry
    assert (found.report.read, found.report.kept) == (3, 2)
    assert found.datasets["dataset_id"].to_list() == ["good"]


def test_paths_that_lead_elsewhere_are_only_names(read):
    paths = ["../../etc/passwd", "/etc/passwd", "~/x", "file:///etc/passwd"]
    stage = {"cmd": "x", "outs": [{"path": path, "md5": MD5} for path in paths]}
    found = read(json.dumps({"schema": "2.0", "stages": {"s": stage}}))
    assert sorted(found.datasets["dataset_id"]) == sorted(paths)
    assert found.datasets["size_bytes"].null_count() == 4


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nschema: '2.0'\nstages: {}\n", "aliases"),
        ("schema: '3.0'\nstages: {}\n", "its schema is"),
        ("prepare:\n  cmd: x\n", "its schema is null"),
        ("schema: '2.0'\nstages: []\n", "no mapping"),
        ("schema: '2.0'\nstages: {a: {cmd: x}, a: {cmd: y}}\n", "the key 'a' twice"),
        ("schema: '2.0'\nstages: !!python/object/apply:os.getcwd []\n", "not YAML"),
        (b"\xff", "not UTF-8"),
        ("", "no mapping"),
        ("--- {schema: '2.0'}\n--- {}\n", "not YAML"),
    ],
)
def test_a_hostile_file_is_put_aside_whole(read, content, reason):
    found = read(content)
    assert (found.report.read, found.report.kept, found.report.refused) == (1, 0, 1)
    assert reason in found.report.quarantine["reason"][0]
    assert found.lineage.is_empty()


def test_a_file_beyond_the_limit_is_not_parsed(read, monkeypatch):
    monkeypatch.setattr(plain_yaml.read_bytes, "__defaults__", (1_000,))
    found = read(LOCK + "#" * 100_000)
    (refused,) = found.report.quarantine.to_dicts()
    assert refused["reason"].startswith("it is larger than 1,000 bytes (100,")
    assert len(refused["raw_bytes"]) == 1_001


def test_a_file_of_too_many_parts_is_not_built(read, monkeypatch):
    monkeypatch.setattr(plain_yaml, "_MOST_PARTS", 200)
    assert read(LOCK).report.refused == 0
    crowded = read(LOCK + "more: [" + "x, " * 200 + "x]\n")
    assert crowded.report.quarantine["reason"].to_list() == ["it has more than 200 parts"]


def test_a_name_that_is_no_utf_8_is_told(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.lock"))
    path.write_text("[")
    assert read_dvc_lock(path).report.quarantine["file"].to_list() == ["\\xff.lock"]


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        assert read_dvc_lock(path).report.quarantine["reason"].to_list() == ["it is no regular file"]


def test_stages_that_are_none_are_put_aside(read):
    found = read("schema: '2.0'\nstages: {a: 3, b: {cmd: x}}\n")
    assert (found.report.read, found.report.refused, found.runs.height) == (2, 1, 1)
