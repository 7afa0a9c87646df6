"""Runs that W&B recorded offline: one that W&B itself wrote, older ones, and hostile ones."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.capture.lineage import read_wandb_runs, wandb_log
from audit_lab.capture.lineage.plain_yaml import RefusedError
from audit_lab.errors import MisuseError

#: W&B 0.31.0 wrote it: three steps, a media file, an artifact and a model.
OFFLINE = Path(__file__).with_name("wandb_offline")
COMMIT, DIGEST = "20f3f0df9846afa432ab11b8e55ef70abe9385da", "a8117d6920690907d573cec141477108"

CONFIG = """wandb_version: 1

lr:
  desc: null
  value: 0.01
seed:
  desc: null
  value: 7
_wandb:
  desc: null
  value: {python_version: 3.9.1}
"""


def field(number, value):
    """Write a field of Protocol Buffers: a whole number, or text, bytes or a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value):
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def log(*messages, block=32_768):
    """Write a log as W&B does: a head, and frames that fill blocks."""
    out = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
    for message in messages:
        parts, is_first = message, True
        while True:
            left = block - len(out) % block
            if left < 7:
                out += bytes(left)
                continue
            part, parts = parts[: left - 7], parts[left - 7 :]
            kind = (1 if not parts else 2) if is_first else (4 if not parts else 3)
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            is_first = False
            if not parts:
                break
    return out


def item(name, value):
    return field(1, name) + field(16, value if isinstance(value, str) else json.dumps(value))


def a_run(run_id="abc", **config):
    said = b"".join(field(1, item(name, value)) for name, value in config.items())
    return field(17, field(1, run_id) + field(3, "credit") + field(4, said) + field(17, field(1, 1_700_000_000)))


def a_step(number, **values):
    items = b"".join(
        field(1, item(name, value)) for name, value in {**values, "_timestamp": 1_700_000_000.5 + number}.items()
    )
    return field(2, items + field(2, field(1, number)))


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a run's folder: its log, and files beside it."""

    def call(content=None, files=None, name="offline-run-20250101_000000-abc"):
        folder = tmp_path / "wandb" / name
        (folder / "files").mkdir(parents=True)
        if content is not None:
            (folder / f"run-{name.rpartition('-')[2]}.wandb").write_bytes(content)
        for file, said in (files or {}).items():
            (folder / "files" / file).write_bytes(said if isinstance(said, bytes) else said.encode())
        return folder.parent

    return call


def only(rows):
    (row,) = rows.runs.to_dicts()
    return row


def test_a_run_that_wandb_itself_wrote_is_read_whole():
    rows = read_wandb_runs(OFFLINE)
    node = "run:r1offline"
    assert set(rows.lineage.select("from_node", "relation", "to_node").iter_rows()) == {
        (node, "wasAssociatedWith", f"commit:{COMMIT}"),
        (f"dataset:applicants@{DIGEST}", "wasGeneratedBy", node),
        (f"logged-model:loans@{DIGEST}", "wasGeneratedBy", node),
    }
    row = only(rows)
    assert (row["pipeline_id"], row["kind"], row["state"], row["code_commit"]) == (
        "credit",
        "training",
        "FINISHED",
        COMMIT,
    )
    assert (row["started_at"], row["ended_at"]) == (
        datetime(2026, 11, 29, 22, 59, 48, 46884, tzinfo=UTC),
        datetime(2026, 11, 29, 22, 59, 53, 46884, tzinfo=UTC),
    )
    assert json.loads(row["hyperparameters"]) == {"late": 1, "lr": 0.01, "nested": {"a": [1, 2]}, "seed": 7}
    assert json.loads(row["seeds"]) == {"seed": 7}
    assert json.loads(row["metrics"]) == {
        "loss": [
            [1795993192074, 1, 0],
            [1795993194183, 0.5, 1],
            [1795993194194, 0.3333333333333333, 2],
            [1795993194209, "nan", 3],
        ],
        "valid/auc": [[1795993192074, 0.7, 0], [1795993194183, 0.71, 1], [1795993194194, 0.72, 2]],
    }
    assert json.loads(row["environment"]) == {"packages": ["numpy==2.4.6", "wandb==0.31.0"]}
    assert json.loads(row["facets"])["summary"]["best"] == 0.72
    assert rows.datasets.select("dataset_id", "version", "digest", "size_bytes").rows() == [
        ("applicants", DIGEST, f"wandb:{DIGEST}", 4)
    ]
    assert (rows.report.refused, rows.report.read) == (0, rows.report.kept)
    assert "trainer" not in str(rows.runs.rows())  # the machine's name


def test_files_of_older_releases_are_read_without_a_log(make):
    rows = read_wandb_runs(
        make(
            files={
                "config.yaml": CONFIG,
                "wandb-metadata.json": json.dumps(
                    {
                        "os": "Linux",
                        "python": "3.9.1",
                        "startedAt": "2023-03-01T10:00:00.000Z",
                        "git": {"remote": "x", "commit": "c0ffee"},
                        "codePath": "train.py",
                        "username": "somebody",
                        "host": "secret-host",
                    }
                ),
                "wandb-summary.json": '{"loss": 0.25, "_step": 3, "_wandb": {"runtime": 1}}',
                "requirements.txt": "b==1\na==2\n",
            }
        )
    )
    row = only(rows)
    assert json.loads(row["hyperparameters"]) == {"lr": 0.01, "seed": 7}
    assert (row["run_id"], row["code_commit"]) == ("abc", "c0ffee")
    assert row["started_at"] == datetime(2023, 3, 1, 10, tzinfo=UTC)
    assert json.loads(row["environment"]) == {"os": "Linux", "packages": ["a==2", "b==1"], "python": "3.9.1"}
    assert json.loads(row["facets"]) == {
        "folder": "offline-run-20250101_000000-abc",
        "program": "train.py",
        "summary": {"loss": 0.25},
    }
    assert not {"somebody", "secret-host"} & set(json.dumps(row, default=str).replace('"', " ").split())
    assert any("without their .wandb log" in note for note in rows.report.notes)


def test_data_that_a_run_used_is_told_with_its_id(make):
    used = field(25, field(1, "QXJ0") + field(2, "dataset") + field(3, "applicants"))
    rows = read_wandb_runs(make(log(a_run(), used, field(18, field(1, 3) + field(2, 60)))))
    assert ("run:abc", "used", "dataset:applicants@QXJ0") in set(
        rows.lineage.select("from_node", "relation", "to_node").iter_rows()
    )
    assert only(rows)["state"] == "FAILED"
    assert only(rows)["ended_at"] == datetime(2023, 11, 14, 22, 14, 20, tzinfo=UTC)


def test_a_run_that_was_killed_keeps_what_was_written_whole(make):
    whole = log(a_run(), a_step(0, loss=1.0), a_step(1, loss=0.5))
    for cut in range(1, 40):
        folder = make(whole[:-cut], name=f"offline-run-20250101_0000{cut:02}-abc")
    rows = read_wandb_runs(folder / "offline-run-20250101_000001-abc")
    assert json.loads(only(rows)["metrics"]) == {"loss": [[1_700_000_000_500, 1.0, 0]]}
    assert rows.report.refused == 0
    assert any("no end" in note for note in rows.report.notes)
    assert read_wandb_runs(folder).report.refused == 0


def test_what_stands_before_damage_is_kept_and_the_damage_refused(make):
    content = bytearray(log(a_run(), a_step(0, loss=1.0), a_step(1, loss=0.5)))
    content[-1] ^= 1
    rows = read_wandb_runs(make(bytes(content)))
    assert json.loads(only(rows)["metrics"]) == {"loss": [[1_700_000_000_500, 1.0, 0]]}
    (refused,) = rows.report.quarantine.to_dicts()
    assert (refused["place"], "a check sum does not fit" in refused["reason"]) == ("behind record 2", True)


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 40_000))
def test_messages_come_back_as_they_were_written_wherever_a_block_ends(messages, padding):
    content = log(bytes(padding), *messages)
    import io

    assert list(wandb_log.records(io.BytesIO(content))) == [bytes(padding), *messages]


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_them_fail_otherwise(content):
    try:
        found = wandb_log.messages(content)
    except RefusedError:
        return
    assert isinstance(found, dict)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\xff" * 20, "no message of Protocol Buffers"),
        (field(17, 7), "no message of Protocol Buffers"),
        (field(17, field(1, b"\xff\xfe")), "not UTF-8"),
        (field(8, field(4, "model")), "an artifact without a name"),
        (field(25, b""), "without a name"),
        (field(2, field(1, item("loss", 1.0))), "without a time and a number"),
        (
            a_step(2**62 * 3, loss=1.0)[:0] + field(2, field(1, item("_timestamp", 1e300)) + field(2, field(1, 1))),
            "without a time",
        ),
        (b"\x0b\x0c", "no message of Protocol Buffers"),
    ],
)
def test_a_hostile_record_is_put_aside_and_the_others_are_taken(make, message, reason):
    rows = read_wandb_runs(make(log(a_run(), message, a_step(0, loss=1.0))))
    (refused,) = rows.report.quarantine.to_dicts()
    assert (refused["place"], refused["raw_bytes"]) == ("record 2", message)
    assert reason in refused["reason"]
    assert json.loads(only(rows)["metrics"]) == {"loss": [[1_700_000_000_500, 1.0, 0]]}
    assert rows.report.kept + rows.report.refused == rows.report.read


def test_a_value_that_two_readers_could_take_differently_is_kept_as_text(make):
    rows = read_wandb_runs(
        make(log(a_run(seed="12345678901234567890", twice='{"a": 1, "a": 2}', deep="[" * 100, none="NaN")))
    )
    assert json.loads(only(rows)["hyperparameters"]) == {
        "seed": "12345678901234567890",
        "twice": '{"a": 1, "a": 2}',
        "deep": "[" * 100,
        "none": "nan",
    }


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.yaml", b"a: &x {value: 1}\nb: *x\n", "aliases"),
        ("config.yaml", b"a: !!python/object/apply:os.system ['touch owned']\n", "not YAML that can be taken over"),
        ("config.yaml", b"a: " + b"[" * 100, "nests deeper"),
        ("wandb-metadata.json", b'{"a": 1, "a": 2}', "more than once"),
        ("wandb-summary.json", b"[1]", "it is no object"),
        ("wandb-summary.json", b'{"loss": NaN}', "NaN"),
        ("requirements.txt", b"\xff", "not UTF-8"),
    ],
)
def test_a_hostile_file_is_put_aside_and_the_log_is_read(make, name, content, reason):
    rows = read_wandb_runs(make(log(a_run()), {name: content}))
    (refused,) = rows.report.quarantine.to_dicts()
    assert (refused["file"], refused["raw_bytes"]) == (f"offline-run-20250101_000000-abc/files/{name}", content)
    assert reason in refused["reason"]
    assert only(rows)["pipeline_id"] == "credit"
    assert not Path("owned").exists()


def test_a_log_of_another_kind_and_an_endless_record_are_refused(make, monkeypatch):
    assert "no log of a W&B run" in read_wandb_runs(make(b"PK\x03\x04rubbish")).report.quarantine["reason"][0]
    monkeypatch.setattr(wandb_log, "_LARGEST_RECORD_BYTES", 50_000)
    endless = make(log(bytes(200_000)), name="offline-run-20250101_000001-big") / "offline-run-20250101_000001-big"
    assert "a record of more than 50,000 bytes" in read_wandb_runs(endless).report.quarantine["reason"][0]


def test_links_are_not_followed(make, tmp_path):
    folder = make(log(a_run()))
    (tmp_path / "secret").write_text("hidden==1\n")
    (folder / "offline-run-20250101_000000-abc" / "files" / "requirements.txt").symlink_to(tmp_path / "secret")
    (folder / "run-20250101_000000-abc").symlink_to(folder / "offline-run-20250101_000000-abc")
    rows = read_wandb_runs(folder)
    assert "hidden" not in str(rows.runs.rows())
    assert rows.report.quarantine["reason"].to_list() == ["it is no regular file"]
    assert any("links" in note for note in rows.report.notes)


def test_a_folder_without_runs_is_misuse(tmp_path):
    with pytest.raises(MisuseError, match="holds no run of W&B"):
        read_wandb_runs(tmp_path)
    with pytest.raises(MisuseError, match="is no folder"):
        read_wandb_runs(tmp_path / "none")


def test_reading_twice_gives_the_same(tmp_path):
    copied = shutil.copytree(OFFLINE, tmp_path / "wandb")
    first, second = read_wandb_runs(OFFLINE), read_wandb_runs(copied)
    for table, frame in first.tables().items():
        assert second.tables()[table].equals(frame)
