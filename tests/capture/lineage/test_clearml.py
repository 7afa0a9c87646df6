"""Sessions that ClearML recorded offline: as ClearML writes them, and hostile ones."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from audit_lab.capture.lineage import clearml, read_clearml_sessions
from audit_lab.errors import MisuseError

SHA = "a76762e9bc54e47c09455bdb226e23887793c23075a1c97d8792ec6cd7912307"
ID = "offline-6c5dd1f42be5407eae3b77e4a287e16f"
#: As ClearML 2.1.12 writes it, shortened.
TASK = {
    "execution": {
        "artifacts": [
            {
                "content_size": 14,
                "hash": SHA,
                "key": "applicants",
                "mode": "output",
                "type": "dict",
                "type_data": {"content_type": "application/json", "preview": "a secret row"},
                "uri": "/cache/offline/data/applicants.json",
            },
            {"key": "raw", "mode": "input", "hash": "md5-of-it"},
        ],
        "docker_cmd": "",
    },
    "hyperparams": {"General": {"lr": {"name": "lr", "value": "0.01"}, "seed": {"name": "seed", "value": "7"}}},
    "id": ID,
    "name": "nightly",
    "offline_output_models": [{"id": "m1", "init": {"name": "loans"}}],
    "project_name": "credit",
    "script": {
        "branch": "master",
        "diff": "+ a secret line",
        "entry_point": "train.py",
        "repository": "",
        "requirements": {"pip": "# Python 3.11.7\n\nclearml == 2.1.12\n"},
        "version_num": "c0ffee",
    },
    "tags": ["t"],
    "type": "training",
    "user": "somebody",
}


def scalar(step, value, metric="loss", variant="train"):
    return {
        "timestamp": 1_795_992_500_391 + step,
        "type": "training_stats_scalar",
        "task": ID,
        "iter": step,
        "metric": metric,
        "variant": variant,
        "value": value,
    }


POINTS = [scalar(0, 1.0), scalar(1, 0.5), {**scalar(0, 0.7, "Summary", "best"), "iter": -(2**31)}, {"type": "plot"}]


@pytest.fixture
def make(tmp_path):
    """Return a function that writes a session's zip file."""

    def call(task=None, metrics=(), name=f"{ID}.zip", **members):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("task.json", task if isinstance(task, bytes) else json.dumps(TASK if task is None else task))
            if metrics:
                file.writestr(
                    "metrics.jsonl", metrics if isinstance(metrics, bytes) else json.dumps(list(metrics)) + "\n"
                )
            for member, content in members.items():
                file.writestr(member, content)
        return path

    return call


def only(rows):
    (row,) = rows.runs.to_dicts()
    return row


def test_a_session_is_read_whole(make):
    rows = read_clearml_sessions(make(metrics=POINTS))
    assert set(rows.lineage.select("from_node", "relation", "to_node", "at").iter_rows()) == {
        (f"run:{ID}", "wasAssociatedWith", "commit:c0ffee", None),
        (f"run:{ID}", "used", "dataset:credit/raw@md5-of-it", None),
        (f"dataset:credit/applicants@sha256:{SHA}", "wasGeneratedBy", f"run:{ID}", None),
        (f"logged-model:{ID}/m1", "wasGeneratedBy", f"run:{ID}", None),
    }
    row = only(rows)
    assert json.loads(row["hyperparameters"]) == {"General/lr": "0.01", "General/seed": "7"}
    assert json.loads(row["seeds"]) == {"General/seed": "7"}
    assert json.loads(row["metrics"]) == {"loss/train": [[1_795_992_500_391, 1.0, 0], [1_795_992_500_392, 0.5, 1]]}
    assert json.loads(row["environment"]) == {"packages": ["clearml == 2.1.12"]}
    assert json.loads(row["facets"]) == {
        "branch": "master",
        "entry_point": "train.py",
        "name": "nightly",
        "summary": {"Summary/best": 0.7},
        "tags": ["t"],
        "uncommitted": "yes",
    }
    assert rows.datasets.filter(dataset_id="credit/applicants")["sha256"].to_list() == [SHA]
    assert (rows.report.read, rows.report.kept, rows.report.refused) == (4, 4, 0)
    assert not any(word in str(rows.runs.rows()) + str(rows.datasets.rows()) for word in ("secret", "somebody"))


def test_a_folder_of_sessions_is_read_once_each(make, tmp_path):
    path = make()
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / ID)
    make({**TASK, "id": "other"}, name="other.zip")
    assert read_clearml_sessions(tmp_path).runs["run_id"].to_list() == [ID, "other"]
    assert read_clearml_sessions(tmp_path / ID).runs.equals(read_clearml_sessions(path).runs)


def test_numbers_that_are_none_are_kept_as_text(make):
    rows = read_clearml_sessions(make(metrics=[scalar(0, float("nan")), scalar(1, float("-inf"), "a NaN", "Infinity")]))
    assert json.loads(only(rows)["metrics"]) == {
        "a NaN/Infinity": [[1_795_992_500_392, "-inf", 1]],
        "loss/train": [[1_795_992_500_391, "nan", 0]],
    }


def test_events_and_lines_that_are_none_are_refused_and_the_others_kept(make):
    bad = [{**scalar(0, 1.0), "iter": "x"}, {**scalar(0, 1.0), "iter": 10**15 * 9999}, scalar(0, "x"), 7]
    lines = b"\n".join(
        [json.dumps(bad[:1] + bad[2:]).encode(), json.dumps(bad[1:2]).encode(), b"{}", json.dumps(POINTS[:1]).encode()]
    )
    rows = read_clearml_sessions(make(metrics=lines))
    report = rows.report
    assert (report.read, report.kept, report.refused) == (7, 2, 5)
    assert report.quarantine["place"].to_list() == [f"metrics.jsonl line {n}" for n in (1, 1, 1, 2, 3)]
    assert json.loads(only(rows)["metrics"]) == {"loss/train": [[1_795_992_500_391, 1.0, 0]]}


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (b"{", "not JSON"),
        (b"[]", "no task with an id"),
        (b'{"id": ""}', "no task with an id"),
        (b'{"id": "a", "id": "b"}', "more than once"),
        (b'{"id": ' + b"9" * 10_000 + b"}", "16 digits"),
        (b"[" * 100_000, "nests deeper"),
    ],
)
def test_a_hostile_task_is_refused_with_its_bytes(make, task, reason):
    (refused,) = read_clearml_sessions(make(task)).report.quarantine.to_dicts()
    assert (refused["place"], refused["raw_bytes"]) == ("task.json", task[:65_536])
    assert reason in refused["reason"]


def test_no_name_in_a_zip_file_leads_anywhere(make, tmp_path):
    path = make(**{"../../outside": "x", "/etc/owned": "x", "data/../../up": "x"})
    before = set(tmp_path.parent.rglob("*"))
    assert read_clearml_sessions(path).report.refused == 0
    assert set(tmp_path.parent.rglob("*")) == before


def test_a_bomb_is_not_unpacked(make, monkeypatch):
    monkeypatch.setattr(clearml, "MAXIMUM_BYTES", 100_000)
    (refused,) = read_clearml_sessions(make(b" " * 5_000_000)).report.quarantine.to_dicts()
    assert "larger than 100,000 bytes" in refused["reason"]


def twice(path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("task.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("task.json", "{}")
    path.write_bytes(content.getvalue())


def encrypted(path):
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))


def damaged(path):
    content = bytearray(path.read_bytes())
    content[45] ^= 0xFF
    path.write_bytes(bytes(content))


def damaged_lzma(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("task.json", json.dumps(TASK))
    content = bytearray(path.read_bytes())
    content[55:75] = b"\xff" * 20
    path.write_bytes(bytes(content))


def cut_lzma(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("task.json", json.dumps(TASK))
    content = bytearray(path.read_bytes())
    content[41:43] = b"\x01\x00"  # how long LZMA's own settings are
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "harm", [twice, encrypted, damaged, damaged_lzma, cut_lzma, lambda path: path.write_bytes(b"PK\x03\x04")]
)
def test_a_zip_file_that_cannot_be_read_is_refused(make, harm):
    path = make()
    harm(path)
    rows = read_clearml_sessions(path)
    assert (rows.report.read, rows.report.refused, rows.runs.height) == (1, 1, 0)


def test_what_is_no_session_is_misuse(tmp_path):
    with pytest.raises(MisuseError, match="holds no ClearML session"):
        read_clearml_sessions(tmp_path)
    with pytest.raises(MisuseError, match="neither a file nor a folder"):
        read_clearml_sessions(tmp_path / "none")
