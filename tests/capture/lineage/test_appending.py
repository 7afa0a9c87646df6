"""Lineage appended to a sealed log: once, however often it is read."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.lineage import append_lineage, appending, read_dvc_lock, read_openlineage
from audit_lab.capture.lineage.rows import Gathering
from audit_lab.errors import MisuseError
from audit_lab.log.writing.writer import open_writer

AT = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def sealed(tmp_path):
    with al.create_log(tmp_path / "log", "demonstration-lineage", vault=tmp_path / "vault") as writer:
        writer.append({"runs": pl.DataFrame({"run_id": ["old"], "kind": ["training"]})})
    return tmp_path / "log"


@pytest.fixture
def append(sealed, tmp_path):
    """Return a function that appends to the sealed log, each time a minute later."""
    times = iter(AT + timedelta(days=9000, minutes=minute) for minute in range(9))

    def call(rows, **options):
        now = next(times)
        return append_lineage(sealed, rows, vault=tmp_path / "vault", clock=lambda: now, **options)

    return call


def event(state, time, outputs=()):
    return {
        "eventType": state,
        "eventTime": time,
        "run": {"runId": "r-1"},
        "job": {"namespace": "n", "name": "train"},
        "inputs": [{"namespace": "n", "name": "raw", "facets": {"version": {"datasetVersion": "1"}}}],
        "outputs": list(outputs),
    }


@pytest.fixture
def read(tmp_path):
    def events(*given):
        path = tmp_path / "events.ndjson"
        path.write_text("".join(json.dumps(each) + "\n" for each in given))
        return read_openlineage(path)

    return events


START, COMPLETE = event("START", "2024-03-01T07:00:00Z"), event("COMPLETE", "2024-03-01T07:09:00Z")


def test_rows_are_added_once(sealed, append, read):
    rows = read(START, COMPLETE)
    first = append(rows, actor="keeper")
    assert first.rows == {"lineage": 1, "runs": 1, "datasets": 1, "model_versions": 0}
    assert first.known == {"lineage": 0, "runs": 0, "datasets": 0, "model_versions": 0}
    second = append(rows)
    assert second.rows == {"lineage": 0, "runs": 0, "datasets": 0, "model_versions": 0}
    assert second.known == {"lineage": 1, "runs": 1, "datasets": 1, "model_versions": 0}
    assert second.size is None
    log = al.open(sealed)
    assert log.lineage.collect()["from_node"].to_list() == ["run:r-1"]
    assert sorted(log.runs.collect()["run_id"]) == ["old", "r-1"]


def test_what_another_import_added_meanwhile_is_not_added_again(sealed, append, read, monkeypatch):
    rows, waited = read(START, COMPLETE), []

    def opened(*given, **options):
        if not waited:  # another import of the same runs through between the look at the log and the append
            waited.append(True)
            assert append(rows).rows == {"lineage": 1, "runs": 1, "datasets": 1, "model_versions": 0}
        return open_writer(*given, **options)

    monkeypatch.setattr(appending, "open_writer", opened)
    done = append(rows)
    assert (done.rows, done.size) == ({"lineage": 0, "runs": 0, "datasets": 0, "model_versions": 0}, None)
    assert done.known == {"lineage": 1, "runs": 1, "datasets": 1, "model_versions": 0}
    assert al.open(sealed).lineage.collect().height == 1
    assert al.open(sealed).events.filter(pl.col("kind") == "ingest").collect().height == 1


IMPORTS = """
import sys
from audit_lab.capture.lineage import append_lineage, read_openlineage

rows = read_openlineage(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
append_lineage(sys.argv[1], rows, vault=sys.argv[2])
"""


def test_imports_at_once_add_each_row_once(sealed, read, tmp_path):
    several = [json.loads(json.dumps(START).replace("r-1", f"r-{number}")) for number in range(20)]
    read(*several)
    command = [sys.executable, "-c", IMPORTS, sealed, tmp_path / "vault", tmp_path / "events.ndjson"]
    processes = [
        subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    log = al.open(sealed)
    assert log.lineage.collect().height == log.lineage.collect()["edge_id"].n_unique() == 20
    assert sorted(log.runs.collect()["run_id"]) == sorted(["old", *(f"r-{number}" for number in range(20))])
    assert log.events.filter(pl.col("kind") == "ingest").collect().height == 1
    assert log.verify(vault=tmp_path / "vault", remembered=False).holds


def test_what_became_known_later_corrects_and_is_marked(sealed, append, read):
    append(read(START))
    done = append(read(START, COMPLETE))
    assert (done.rows, done.corrected) == (
        {"lineage": 0, "runs": 1, "datasets": 0, "model_versions": 0},
        {"lineage": 0, "runs": 1, "datasets": 0, "model_versions": 0},
    )
    runs = al.open(sealed).runs.filter(pl.col("run_id") == "r-1").sort("recorded_at").collect()
    assert runs["state"].to_list() == ["START", "COMPLETE"]
    assert runs["supersedes"].to_list() == [None, "r-1"]
    assert append(read(START, COMPLETE)).size is None


def test_a_data_set_that_is_said_otherwise_is_corrected_by_id_and_version(sealed, append, read):
    append(read(START))
    changed = json.loads(json.dumps(START))
    changed["inputs"][0]["facets"]["documentation"] = {"description": "Raw."}
    assert append(read(changed)).corrected["datasets"] == 1
    rows = al.open(sealed).datasets.sort("recorded_at").collect()
    assert rows.select("supersedes", "description").rows() == [(None, None), ("n#raw@1", "Raw.")]


def test_the_event_says_what_was_read_by_whom_and_what_was_refused(sealed, append, tmp_path):
    lock = tmp_path / "dvc.lock"
    lock.write_text("schema: '2.0'\nstages:\n  s: {cmd: x, outs: [{path: a, md5: 1}, {path: b, md5: 'c0'}]}\n")
    append(read_dvc_lock(lock), actor="keeper")
    (told,) = al.open(sealed).events.filter(pl.col("kind") == "ingest").collect().to_dicts()
    assert (told["actor"], told["severity"], told["subject"]) == ("keeper", "warning", "dvc")
    assert told["summary"] == (
        "Lineage taken over from dvc: 1 edges, 1 runs, 1 data sets, 0 registered versions; "
        "1 of 3 stages and entries refused"
    )
    assert "may have lost digits" in json.loads(told["payload"])["quarantine"][0]["reason"]


def test_the_log_holds_afterwards_and_the_graph_is_there(sealed, append, read, tmp_path):
    made = {"namespace": "mlflow", "name": "loans", "facets": {"version": {"datasetVersion": "1"}}}
    made["facets"]["datasetType"] = {"datasetType": "MODEL"}
    append(read(START, {**COMPLETE, "outputs": [made]}))
    log = al.open(sealed)
    assert log.verify(vault=tmp_path / "vault", remembered=False).holds
    graph = log.lineage_graph("loans", "1")
    assert set(graph.names) == {"model:loans@1", "run:r-1", "dataset:n#raw@1"}
    assert graph.node("run:r-1").attributes["state"] == "COMPLETE"


def test_a_log_that_is_not_sealed_is_refused_with_what_to_do(make_log, read):
    with pytest.raises(MisuseError, match=r"not a sealed log.*audit-lab seal .*--out"):
        append_lineage(make_log(), read(START))


def test_nothing_is_appended_where_nothing_was_read(append, read):
    assert append(read()).size is None


def versions(**facts):
    """Return rows of a registry that has one version, of which it says `facts`."""
    gathering = Gathering("mlflow", "records")
    gathering.version("loans", "1", artifact_format="mlflow", **facts)
    return gathering.rows()


def test_a_registered_version_is_added_once_and_then_corrected_by_its_registry(sealed, append):
    first = versions(facets='{"aliases": []}', recorded_at=AT)
    second = versions(facets='{"aliases": ["champion"]}', recorded_at=AT)
    counts = [append(rows).rows["model_versions"] for rows in (first, first, second, second)]
    assert counts == [1, 0, 1, 0]
    earliest, last = al.open(sealed).model_versions.collect().sort("recorded_at").to_dicts()
    assert earliest["recorded_at"] == AT < last["recorded_at"]
    assert (last["facets"], last["supersedes"]) == ('{"aliases": ["champion"]}', "loans@1")


def test_what_was_registered_in_the_log_itself_is_not_corrected_by_a_foreign_registry(sealed, append, tmp_path):
    own = {"model_name": ["loans"], "model_version": ["1"], "artifact_format": ["xgboost-ubj"], "threshold": [0.5]}
    with open_writer(sealed, vault=tmp_path / "vault") as writer:
        writer.append({"model_versions": pl.DataFrame(own)})
    done = append(versions(facets='{"stage": "Production"}'))
    assert (done.rows["model_versions"], done.known["model_versions"], done.size) == (0, 1, None)
    assert al.open(sealed).model_versions.collect()["threshold"].to_list() == [0.5]
