"""`audit-lab lineage`: show where something came from, and take over what other tools recorded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from prov.model import ProvDocument

PAGE = Path(__file__).parents[2] / "docs" / "lineage.md"
RUN, MODEL = "run:r1", "model:loans@1"
EVENT = {
    "eventType": "COMPLETE",
    "eventTime": "2024-03-01T07:20:00Z",
    "run": {"runId": "r-9"},
    "job": {"namespace": "n", "name": "train"},
    "inputs": [{"namespace": "n", "name": "raw", "facets": {"version": {"datasetVersion": "1"}}}],
}
ATTACK = "\x1b[31mred\x07\u202e"


def around(frame):
    """Let the data be derived from the run that used them."""
    return frame.with_columns(to_node=pl.col("to_node").replace("source:intake", RUN))


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.ndjson"
    path.write_text(json.dumps(EVENT) + "\nrubbish\n")
    return path


@pytest.fixture
def good_events(tmp_path):
    path = tmp_path / "good.ndjson"
    path.write_text(json.dumps(EVENT) + "\n")
    return path


def test_a_decision_is_followed_back_and_what_is_amiss_is_said(run, make_log):
    answer = run("lineage", "show", "p-001", "--log", make_log(lineage=around))
    assert (answer.code, answer.err) == (1, "")
    for said in ("prediction:p-001", "wasGeneratedBy", RUN, "commit:abc", "deployments", "What is amiss"):
        assert said in answer.out
    shown = " ".join(answer.out.split())
    assert "lineage-cycle: The lineage leads back to itself: dataset:d@1 -> run:r1 -> dataset:d@1." in shown


def test_a_sound_lineage_exits_0(run, flights):
    answer = run("lineage", "show", "--model", "delay-risk", "--version", "2.0.0", "--log", flights)
    assert (answer.code, answer.err) == (0, "")
    assert "What is amiss" not in answer.out


def test_json_is_the_whole_graph(run, make_log):
    answer = run("lineage", "show", "p-001", "--log", make_log(lineage=around), "--json")
    document = answer.json
    assert document["root"] == "prediction:p-001"
    assert document["cycles"] == [["dataset:d@1", "run:r1"]]
    assert {gap["code"] for gap in document["gaps"]} >= {"lineage-cycle", "dangling"}


def test_pictures_and_prov_are_written(run, make_log, tmp_path):
    log = make_log()
    for name, begins in (("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.html", b"<!DOCTYPE html>")):
        answer = run("lineage", "show", "p-001", "--log", log, "--picture", tmp_path / name)
        assert answer.err == ""
        assert (tmp_path / name).read_bytes().startswith(begins)
    answer = run("lineage", "show", "p-001", "--log", log, "--prov", tmp_path / "a.json")
    assert "Written:" in answer.out
    assert list(ProvDocument.deserialize(tmp_path / "a.json", format="json").get_records())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "whose lineage is not said"),
        (["p-001", "--model", "loans", "--version", "1"], "whose lineage is not said"),
        (["--model", "loans"], "whose lineage is not said"),
        (["p-001", "--picture", "a.gif"], "a picture cannot be written to"),
        (["p-001", "--picture", "a"], "a picture cannot be written to"),
    ],
)
def test_what_cannot_be_meant_is_misuse(run, make_log, given, said):
    answer = run("lineage", "show", *given, "--log", make_log())
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_a_version_that_is_not_there_is_said(run, make_log):
    answer = run("lineage", "show", "--model", "loans", "--version", "9", "--log", make_log())
    assert answer.code == 1
    assert "Registered are: loans 1." in answer.err


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_nothing_in_a_lineage_speaks_to_the_terminal(run, make_log, form):
    put = lambda frame: frame.with_columns(
        relation=pl.lit(ATTACK), to_node=pl.col("to_node") + ATTACK, transformation=pl.lit(ATTACK)
    )
    answer = run("lineage", "show", "p-001", "--log", make_log(lineage=put), *form)
    assert not {"\x1b", "\x07", "\u202e"} & set(answer.out + answer.err)


def test_events_are_written_to_files_and_what_was_refused_beside_them(run, events, tmp_path):
    answer = run("lineage", "import", "openlineage", events, "--out", tmp_path / "out")
    assert (answer.code, answer.err) == (1, "")
    assert "2 events in 1 file: 1 kept, 0 repeated, 1 refused." in answer.out
    assert pl.read_parquet(tmp_path / "out" / "lineage.parquet")["from_node"].to_list() == ["run:r-9"]
    assert pl.read_parquet(tmp_path / "out" / "quarantine.parquet")["raw_bytes"].to_list() == [b"rubbish"]
    assert answer.out.count("Written:") == 5


def test_rows_can_be_one_json_file(run, good_events, tmp_path):
    answer = run("lineage", "import", "openlineage", good_events, "--out", tmp_path / "rows.json", "--json")
    assert answer.code == 0
    assert answer.json["report"]["kept"] == 1
    document = json.loads((tmp_path / "rows.json").read_text())
    assert [row["to_node"] for row in document["lineage"]] == ["dataset:n#raw@1"]
    assert document["quarantine"] == []


def test_a_sealed_log_takes_it_over_once(run, sealed, good_events):
    given = ("lineage", "import", "openlineage", good_events, "--log", sealed, "--actor", "keeper")
    first = run(*given)
    assert (first.code, first.err) == (0, "")
    assert "lineage: 1 added, 0 were there." in first.out
    second = run(*given)
    assert second.code == 0
    assert "Nothing was added: the log has all of it." in second.out


def test_a_log_that_is_not_sealed_is_misuse(run, make_log, good_events):
    answer = run("lineage", "import", "openlineage", good_events, "--log", make_log())
    assert (answer.code, answer.out) == (2, "")
    assert "audit-lab seal" in answer.err
    assert "--out" in answer.err


def test_a_lock_file_is_taken_over_with_its_commit(run, tmp_path):
    lock = tmp_path / "dvc.lock"
    lock.write_text("schema: '2.0'\nstages:\n  s: {cmd: x, outs: [{path: a, md5: 'c0'}]}\n")
    out = tmp_path / "out"
    assert run("lineage", "import", "dvc", lock, "--commit", "c0ffee", "--out", out).code == 0
    assert "commit:c0ffee" in pl.read_parquet(out / "lineage.parquet")["to_node"].to_list()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["openlineage", "x", "--log", "a", "--out", "b"], "where the rows should go"),
        (["openlineage", "x"], "where the rows should go"),
        (["openlineage", "x", "--commit", "c", "--out", "b"], "goes with dvc alone"),
        (["dvc", "x", "y", "--out", "b"], "read from one path"),
        (["mlflow", "nowhere", "--out", "b"], "is no folder"),
        (["openlineage", "nowhere", "--out", "b"], "neither a file nor a folder"),
        (["prefect", "x", "--out", "b"], "prefect"),
        (["mlflow", "mlruns", "--experiment", "e", "--out", "b"], "--experiment goes with an MLflow server alone"),
        (["wandb", "x", "--artifacts", "a", "--out", "b"], "--artifacts goes with an MLflow server alone"),
        (["mlflow", "ftp://host", "--out", "b"], "is no folder"),
        (["mlflow", "http://user:p@host", "--out", "b"], "holds a name or a password"),
        (["wandb", "nowhere", "--out", "b"], "is no folder"),
        (["clearml", "nowhere", "--out", "b"], "neither a file nor a folder"),
    ],
)
def test_an_import_that_cannot_be_meant_is_misuse(run, tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    answer = run("lineage", "import", *given)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [("show", "What is amiss stands below"), ("import", "Nothing that is read is executed")],
)
def test_the_help_teaches(run, command, said):
    answer = run("lineage", command, "--help")
    assert answer.code == 0
    assert said in " ".join(answer.out.replace("│", " ").split())


def test_every_example_of_the_page_runs(credit, tmp_path):
    shutil.copytree(credit, tmp_path / "loans")
    text = PAGE.read_text()
    blocks = re.findall(r"(?ms)^```(sh|python)\n(.*?)^```$", text)
    assert len(blocks) == len(re.findall(r"(?m)^```$", text)) == 5
    environment = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    said = ""
    for language, content in blocks:
        command = ["bash", "-euo", "pipefail", "-c"] if language == "sh" else [sys.executable, "-c"]
        done = subprocess.run(
            [*command, content], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{content}\n{done.stdout}\n{done.stderr}"
        said += done.stdout
    assert "lineage: 4 added, 0 were there." in said
    assert "Nothing was added: the log has all of it." in said
    assert (tmp_path / "version.html").exists()
