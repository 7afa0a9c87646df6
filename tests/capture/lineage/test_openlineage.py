"""OpenLineage events: made by OpenLineage's own client, and hostile ones by hand."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    StaticDataset,
)
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    datasource_dataset,
    documentation_dataset,
    error_message_run,
    nominal_time_run,
    output_statistics_output_dataset,
    ownership_dataset,
    parent_run,
    schema_dataset,
    source_code_location_job,
)
from openlineage.client.serde import Serde

from audit_lab.capture.lineage import event_files, read_openlineage
from audit_lab.errors import MisuseError

RUN, PARENT = "0190a5c0-0000-7000-8000-000000000001", "0190a5c0-0000-7000-8000-000000000002"
PRODUCER = "https://example.org/trainer"
COMMIT = "693e35482bc2e526ced2b5f9f76ef83dec6ec691"
HEX = "ab" * 32


def event(state, time, *, run=None, job=None, inputs=(), outputs=(), run_id=RUN):
    return RunEvent(
        eventType=state,
        eventTime=time,
        run=Run(runId=run_id, facets=run or {}),
        job=Job(namespace="trainer", name="credit.train", facets=job or {}),
        inputs=list(inputs),
        outputs=list(outputs),
        producer=PRODUCER,
    )


def whole_run():
    """Return START and COMPLETE of one run, with the facets that are read."""
    located = source_code_location_job.SourceCodeLocationJobFacet(
        type="git", url="https://example.org/r/blob/main/train.py", repoUrl="https://example.org/r", version=COMMIT
    )
    applicants = InputDataset(
        "postgres://db:5432",
        "bank.public.applicants",
        facets={
            "version": dataset_version_dataset.DatasetVersionDatasetFacet("2024-03-01"),
            "schema": schema_dataset.SchemaDatasetFacet(
                fields=[schema_dataset.SchemaDatasetFacetFields("income", "DECIMAL", "per year")]
            ),
            "dataSource": datasource_dataset.DatasourceDatasetFacet("bank", "postgres://db:5432/bank"),
            "documentation": documentation_dataset.DocumentationDatasetFacet("Who applied."),
            "ownership": ownership_dataset.OwnershipDatasetFacet([ownership_dataset.Owner("team:credit")]),
        },
    )
    lineage = column_lineage_dataset.ColumnLineageDatasetFacet(
        fields={
            "income_k": column_lineage_dataset.Fields(
                [column_lineage_dataset.InputField("postgres://db:5432", "bank.public.applicants", "income")]
            )
        }
    )
    training = OutputDataset(
        "s3://lake",
        "credit/training.parquet",
        facets={"version": dataset_version_dataset.DatasetVersionDatasetFacet("v7"), "columnLineage": lineage},
        outputFacets={
            "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=812)
        },
    )
    start = event(
        RunState.START,
        "2024-03-01T08:00:00+01:00",
        run={
            "parent": parent_run.ParentRunFacet(parent_run.Run(PARENT), parent_run.Job("airflow", "nightly")),
            "nominalTime": nominal_time_run.NominalTimeRunFacet("2024-03-01T06:00:00Z"),
        },
        job={"sourceCodeLocation": located},
        inputs=[applicants],
    )
    complete = event(RunState.COMPLETE, "2024-03-01T07:20:00Z", outputs=[training])
    return [Serde.to_json(each) for each in (start, complete)]


@pytest.fixture
def write(tmp_path):
    def write_lines(*lines, name="events.ndjson"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(line.encode() if isinstance(line, str) else line for line in lines))
        return path

    return write_lines


def lines(*events):
    return [f"{each}\n" for each in events]


def triples(rows):
    return set(rows.lineage.select("from_node", "relation", "to_node").iter_rows())


APPLICANTS = "dataset:postgres://db:5432#bank.public.applicants@2024-03-01"
TRAINING = "dataset:s3://lake#credit/training.parquet@v7"


def test_start_and_complete_become_one_run(write):
    found = read_openlineage(write(*lines(*whole_run())))
    assert triples(found) == {
        (f"run:{RUN}", "used", APPLICANTS),
        (TRAINING, "wasGeneratedBy", f"run:{RUN}"),
        (TRAINING, "wasDerivedFrom", APPLICANTS),
        (f"run:{RUN}", "wasAssociatedWith", f"commit:{COMMIT}"),
        (f"run:{RUN}", "wasStartedBy", f"run:{PARENT}"),
    }
    (run,) = found.runs.to_dicts()
    assert (run["started_at"], run["ended_at"]) == (
        datetime(2024, 3, 1, 7, 0, tzinfo=UTC),
        datetime(2024, 3, 1, 7, 20, tzinfo=UTC),
    )
    assert (run["code_commit"], run["pipeline_id"], run["state"]) == (COMMIT, "trainer#credit.train", "COMPLETE")
    assert json.loads(run["datasets_in"]) == [APPLICANTS.removeprefix("dataset:")]
    assert json.loads(run["datasets_out"]) == [TRAINING.removeprefix("dataset:")]
    assert json.loads(run["facets"])["nominalTime"] == {"nominalStartTime": "2024-03-01T06:00:00Z"}
    assert set(found.lineage["openlineage_id"]) == {f"trainer#credit.train/{RUN}"}
    assert set(found.lineage["run_id"]) == {RUN}


def test_data_sets_bear_what_their_facets_say(write):
    found = read_openlineage(write(*lines(*whole_run())))
    applicants, training = found.datasets.sort("dataset_id").to_dicts()
    assert applicants["dataset_id"] == "postgres://db:5432#bank.public.applicants"
    assert (applicants["version"], applicants["uri"]) == ("2024-03-01", "postgres://db:5432/bank")
    assert (applicants["owner"], applicants["description"]) == ("team:credit", "Who applied.")
    assert json.loads(applicants["schema"]) == [{"name": "income", "type": "DECIMAL", "description": "per year"}]
    assert training["rows"] == 812
    (derived,) = found.lineage.filter(relation="wasDerivedFrom")["transformation"]
    assert json.loads(derived) == {"columns": {"income_k": ["income"]}}


def test_the_report_counts_and_reading_twice_gives_the_same(write):
    path = write(*lines(*whole_run(), *whole_run()))
    found = read_openlineage([path])
    counts = found.report.to_dict()
    assert {name: counts[name] for name in ("files", "read", "kept", "duplicates", "refused")} == {
        "files": 1,
        "read": 4,
        "kept": 2,
        "duplicates": 2,
        "refused": 0,
    }
    assert found.lineage.equals(read_openlineage([path, path]).lineage)
    assert found.report.lines()[0] == "4 events in 1 file: 2 kept, 2 repeated, 0 refused."


def test_the_order_of_events_and_files_changes_nothing(write):
    events = whole_run() + [
        Serde.to_json(event(RunState.RUNNING, f"2024-03-01T07:{minute:02d}:00Z", run_id=RUN)) for minute in range(9)
    ]
    first = read_openlineage(write(*lines(*events)))
    random.Random(5).shuffle(events)
    parts = [write(*lines(*events[:4]), name="a.jsonl"), write(*lines(*events[4:]), name="b.json")]
    second = read_openlineage(parts)
    for table in ("lineage", "runs", "datasets"):
        assert first.tables()[table].equals(second.tables()[table])


def test_edge_ids_are_digests_that_do_not_change_when_more_events_come(write):
    events = whole_run()
    start = read_openlineage(write(*lines(events[0])))
    both = read_openlineage(write(*lines(*events)))
    assert set(start.lineage["edge_id"]) <= set(both.lineage["edge_id"])
    assert all(len(each) == len("edge-") + 32 for each in both.lineage["edge_id"])


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_events_may_stand_in_one_json_document(write, pretty, listed):
    events = [json.loads(each) for each in whole_run()]
    text = json.dumps(events if listed else events[0], indent=2 if pretty else None)
    found = read_openlineage(write(text, name="events.json"))
    assert (found.report.read, found.report.refused) == (2 if listed else 1, 0)


def test_a_failed_run_says_so_and_why(write):
    error = error_message_run.ErrorMessageRunFacet("out of memory", "PYTHON", "Traceback ...")
    fail = event(RunState.FAIL, "2024-03-01T07:05:00Z", run={"errorMessage": error})
    (run,) = read_openlineage(write(*lines(whole_run()[0], Serde.to_json(fail)))).runs.to_dicts()
    assert (run["state"], run["error"]) == ("FAIL", "out of memory")


def test_a_run_that_ended_in_two_ways_is_told(write):
    fail = Serde.to_json(event(RunState.FAIL, "2024-03-01T09:00:00Z"))
    found = read_openlineage(write(*lines(*whole_run(), fail)))
    assert found.runs["state"].to_list() == ["FAIL"]
    assert any("ended in several ways: COMPLETE, FAIL" in note for note in found.report.notes)


def test_a_version_that_only_one_event_states_belongs_to_all(write):
    bare = Serde.to_json(
        event(RunState.RUNNING, "2024-03-01T07:10:00Z", outputs=[OutputDataset("s3://lake", "credit/training.parquet")])
    )
    assert triples(read_openlineage(write(*lines(*whole_run(), bare)))) == triples(
        read_openlineage(write(*lines(*whole_run())))
    )


def test_a_digest_facet_gives_version_and_sha256(write):
    document = json.loads(whole_run()[1])
    facets = {"digest": {"algorithm": "SHA-256", "value": HEX.upper()}}
    document["outputs"] = [{"namespace": "s3://lake", "name": "t", "facets": facets}]
    found = read_openlineage(write(json.dumps(document)))
    assert found.datasets.select("version", "sha256", "digest").rows() == [(f"sha256:{HEX}", HEX, f"sha256:{HEX}")]


@pytest.mark.parametrize(
    "digest", [{"algorithm": "sha256", "value": "zz"}, {"value": HEX}, {"sha256": "ab"}, "ab", None]
)
def test_what_is_no_digest_is_no_version(write, digest):
    document = json.loads(whole_run()[1])
    document["outputs"] = [{"namespace": "s3://lake", "name": "t", "facets": {"digest": digest}}]
    assert read_openlineage(write(json.dumps(document))).datasets["version"].to_list() == [""]


def test_a_model_in_a_version_is_a_node_of_the_registry(write):
    facets = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet("3"),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("MODEL"),
    }
    made = event(RunState.COMPLETE, "2024-03-01T07:20:00Z", outputs=[OutputDataset("mlflow", "loans", facets=facets)])
    found = read_openlineage(write(Serde.to_json(made)))
    assert triples(found) == {("model:loans@3", "wasGeneratedBy", f"run:{RUN}")}
    assert found.datasets.is_empty()


def test_events_of_jobs_and_data_sets_without_a_run_are_read(write):
    job = JobEvent(
        eventTime="2024-03-01T07:00:00Z",
        job=Job("trainer", "design"),
        inputs=[InputDataset("s3://lake", "a")],
        outputs=[OutputDataset("s3://lake", "b")],
        producer=PRODUCER,
    )
    docs = {"documentation": documentation_dataset.DocumentationDatasetFacet("Raw.")}
    data = DatasetEvent(
        eventTime="2024-03-01T07:00:00Z", dataset=StaticDataset("s3://lake", "a", facets=docs), producer=PRODUCER
    )
    found = read_openlineage(write(*lines(Serde.to_json(job), Serde.to_json(data))))
    assert triples(found) == {
        ("job:trainer#design", "used", "dataset:s3://lake#a"),
        ("dataset:s3://lake#b", "wasGeneratedBy", "job:trainer#design"),
    }
    assert found.datasets["description"].to_list() == ["Raw.", None]
    assert found.runs.is_empty()


def test_two_data_sets_whose_parts_join_to_the_same_text_stay_two(write):
    document = json.loads(whole_run()[0])
    document["inputs"] = [
        {"namespace": "a#b", "name": "c"},
        {"namespace": "a", "name": "b#c"},
        {"namespace": "a%23b", "name": "c"},
    ]
    assert read_openlineage(write(json.dumps(document))).datasets.height == 3


GOOD = json.loads(whole_run()[1])
BAD = {
    "no object": "3",
    "null": "null",
    "truncated": whole_run()[0][:80],
    "not utf-8": b'{"eventTime": "\xff"}',
    "duplicate key": '{"eventTime": "2024-03-01T07:00:00Z", "eventTime": "2024-03-01T07:00:00Z"}',
    "deep": "[" * 100 + "]" * 100,
    "no time": json.dumps({**GOOD, "eventTime": None}),
    "time without zone": json.dumps({**GOOD, "eventTime": "2024-03-01T07:00:00"}),
    "strange state": json.dumps({**GOOD, "eventType": "DONE"}),
    "no job": json.dumps({name: value for name, value in GOOD.items() if name != "job"}),
    "no run id": json.dumps({**GOOD, "run": {"runId": 7}}),
    "run is a list": json.dumps({**GOOD, "run": []}),
    "state without run": json.dumps({name: value for name, value in GOOD.items() if name != "run"}),
    "inputs are text": json.dumps({**GOOD, "inputs": "x"}),
    "unnamed output": json.dumps({**GOOD, "outputs": [{"namespace": "a"}]}),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_put_aside_with_its_bytes_and_the_rest_is_read(write, bad):
    content = BAD[bad] if isinstance(BAD[bad], bytes) else BAD[bad].encode()
    good = [f"{each}\n".encode() for each in whole_run()]
    found = read_openlineage(write(good[0], content + b"\n", good[1]))
    assert found.report.kept == 2
    (refused,) = found.report.quarantine.to_dicts()
    assert (refused["file"], refused["place"]) == ("events.ndjson", "line 2")
    assert refused["raw_bytes"].rstrip(b"\n") == content
    assert refused["reason"]
    assert triples(found) == triples(read_openlineage(write(*good)))


@pytest.mark.parametrize(
    "facets",
    [
        {"version": 7, "schema": [], "columnLineage": "x", "ownership": {"owners": "x"}, "dataSource": None},
        {"columnLineage": {"fields": {"a": {"inputFields": [3, {"namespace": "n"}]}}}, "schema": {"fields": [1, {}]}},
        {"outputStatistics": {"rowCount": -1}, "datasetType": {"datasetType": 3}, "digest": {"sha256": None}},
        [],
        "facets",
        7,
    ],
    ids=repr,
)
def test_facets_of_a_wrong_form_say_nothing(write, facets):
    document = {**GOOD, "outputs": [{"namespace": "n", "name": "t", "facets": facets}]}
    found = read_openlineage(write(json.dumps(document)))
    assert (found.report.kept, found.datasets["version"].to_list()) == (1, [""])
    assert found.datasets["rows"].to_list() == [None]


def test_facets_that_are_not_taken_over_are_told(write):
    document = {**GOOD, "run": {"runId": RUN, "facets": {"spark_properties": {}, "environmentVariables": {}}}}
    notes = read_openlineage(write(json.dumps(document))).report.notes
    assert notes == (
        "Facet of a run not taken over: 'environmentVariables'.",
        "Facet of a run not taken over: 'spark_properties'.",
    )


def test_a_line_beyond_every_limit_is_skipped_without_being_held(write, monkeypatch):
    monkeypatch.setattr(event_files, "LONGEST_LINE_BYTES", 100_000)
    found = read_openlineage(write(b'{"x": "' + b"y" * 1_000_000 + b'"}\n', *lines(*whole_run())))
    (refused,) = found.report.quarantine.to_dicts()
    assert (found.report.kept, len(refused["raw_bytes"])) == (2, 65_536)
    assert "1,000,010 bytes, of which the first 65,536 are kept" in refused["reason"]


def test_a_document_that_is_too_large_is_refused_whole(write, monkeypatch):
    monkeypatch.setattr(event_files, "LARGEST_DOCUMENT_BYTES", 100)
    found = read_openlineage(write(f"[{','.join(whole_run())}]"))
    assert (found.report.read, found.report.kept, found.report.refused) == (1, 0, 1)
    assert "write one event to a line" in found.report.quarantine["reason"][0]


def test_a_document_that_is_cut_off_is_one_refusal(write):
    text = json.dumps([json.loads(each) for each in whole_run()], indent=1)
    assert read_openlineage(write(text[:-40])).report.refused == 1


def test_folders_are_read_without_following_links(write, tmp_path):
    write(*lines(*whole_run()), name="in/a.ndjson")
    write("text", name="in/readme.txt")
    (tmp_path / "in" / "b.json").symlink_to(write(*lines(*whole_run()), name="outside.json"))
    found = read_openlineage(tmp_path / "in")
    assert (found.report.files, found.report.read) == (1, 2)
    assert found.report.notes == ("Files in folders that do not end in .json, .jsonl, .ndjson were not read.",)


def test_a_file_whose_name_is_no_utf_8_is_read_and_told(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.ndjson")).write_text("nonsense\n")
    assert read_openlineage(tmp_path).report.quarantine.select("file", "place").rows() == [("\\xff.ndjson", "line 1")]


def test_a_missing_file_and_an_empty_folder_are_misuse(tmp_path):
    with pytest.raises(MisuseError, match="neither a file nor a folder"):
        read_openlineage(tmp_path / "none")
    with pytest.raises(MisuseError, match="no file of events"):
        read_openlineage(tmp_path)


def test_an_empty_file_gives_nothing_and_refuses_nothing(write):
    found = read_openlineage(write("\n\n"))
    assert (found.report.read, found.report.refused, found.lineage.height) == (0, 0, 0)
