"""Taking over a foreign log: what is in the new one, what it says of its source, and interruptions lose nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import UTC, datetime

import polars as pl
import pytest

from audit_lab.capture.sealing import seal_foreign
from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.foreign.mapping import Mapping
from audit_lab.log.integrity import examine_log
from audit_lab.log.keys.vault import Vault
from audit_lab.log.store import open_store
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.writer import LogWriter
from audit_lab.seal import key_file

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
ORIGIN = "bank/old"


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch):
    monkeypatch.setattr(key_file, "_COST", 2)


@pytest.fixture
def source(tmp_path):
    """Seven rows in two files; one has no id, and one a time that cannot be read."""
    folder = tmp_path / "source"
    rows = pl.DataFrame(
        {
            "id": ["a", "b", None, "d", "e", "f", "g"],
            "when": [*(f"2024-01-0{day}T00:00:00Z" for day in (1, 2, 3, 4)), "soon", *("2024-01-06T00:00:00Z",) * 2],
            "p": [0.1, 0.2, 0.3, 0.4, 0.5, None, 0.7],
            "age": [30, 31, 32, 33, 34, 35, None],
            "truth": ["x", None, "y", "z", None, None, None],
        }
    )
    (folder / "day=1").mkdir(parents=True)
    rows[:4].write_parquet(folder / "day=1" / "one.parquet")
    rows[4:].write_parquet(folder / "two.parquet")
    return folder


@pytest.fixture
def mapping():
    columns = {"prediction_id": "id", "occurred_at": "when", "score": "p", "outcome": "truth"}
    return Mapping(origin=ORIGIN, columns=columns, inputs=("age",), model_name="risk", description="Old log")


def seal(source, mapping, tmp_path, **named):
    arguments = {"actor": "Jane", "vault": tmp_path / "vault", "passphrase": b"x", "clock": lambda: NOW, **named}
    return seal_foreign(source, mapping, tmp_path / "log", **arguments)


def rows_of(tmp_path, table):
    return open_store(tmp_path / "log").table(table).collect()


def test_rows_are_taken_over_and_the_rest_is_counted(source, mapping, tmp_path):
    done = seal(source, mapping, tmp_path)
    assert done.rows == {"predictions": 5, "inputs/risk": 4, "outcomes": 2}
    assert (done.report.rows_read, done.report.rows_kept, done.report.rows_quarantined) == (7, 5, 2)
    predictions = rows_of(tmp_path, "predictions")
    assert predictions.select(
        "prediction_id", pl.col("outputs").struct.field("score"), "source_file", "source_row"
    ).rows() == [
        ("a", 0.1, "day=1/one", 0),
        ("b", 0.2, "day=1/one", 1),
        ("d", 0.4, "day=1/one", 3),
        ("f", None, "two", 1),
        ("g", 0.7, "two", 2),
    ]
    assert rows_of(tmp_path, "inputs/risk").select("prediction_id", "age").rows() == [
        ("a", 30),
        ("b", 31),
        ("d", 33),
        ("f", 35),
    ]
    assert rows_of(tmp_path, "outcomes").select("prediction_id", "label").rows() == [("a", "x"), ("d", "z")]
    (event,) = rows_of(tmp_path, "events").filter(pl.col("kind") == "ingest").to_dicts()
    assert event["summary"] == "5 of 7 rows taken over, 2 quarantined"
    assert json.loads(event["payload"])["unreadable_times"] == 1


def test_the_source_is_sealed_so_that_anybody_can_check_it(source, mapping, tmp_path):
    done = seal(source, mapping, tmp_path)
    log = tmp_path / "log"
    listed = (log / "arrival" / "files.sha256").read_bytes()
    assert [line.split("  ")[1] for line in listed.decode().splitlines()] == ["day=1/one.parquet", "two.parquet"]
    subprocess.run(["sha256sum", "-c", "--strict", str(log / "arrival" / "files.sha256")], cwd=source, check=True)
    toml = (log / "arrival" / "mapping.toml").read_bytes()
    assert toml.decode() == mapping.to_toml()
    digests = hashlib.sha256(listed).hexdigest(), hashlib.sha256(toml).hexdigest()
    assert done.source == f"files sha256:{digests[0]} mapping sha256:{digests[1]}"
    genesis = LogState.fold(LogTree(LocalStorage(log)).entries()).genesis
    assert (genesis.sealed_from, genesis.source, genesis.description) == ("arrival", done.source, "Old log")


def test_every_report_says_from_when_on_it_is_sealed(source, mapping, tmp_path):
    done = seal(source, mapping, tmp_path)
    vault = Vault.open(ORIGIN, tmp_path / "vault", passphrase=b"x")
    report = examine_log(tmp_path / "log", vault=vault, remembered=False)
    assert report.findings == ()
    assert done.sealed_at == "2026-03-01T08:00:00.000000Z"
    note = "Sealed on arrival by Jane: from 2026-03-01T08:00:00.000000Z on. Nothing is known about changes before."
    assert note in open_store(tmp_path / "log").notes
    assert any("2026-03-01T08:00:00" in each for each in report.notes)


@pytest.mark.parametrize("stopped_at", range(5))
def test_stopped_at_any_append_it_goes_on_where_it_was(source, mapping, tmp_path, monkeypatch, stopped_at):
    monkeypatch.setattr("audit_lab.capture.sealing._ROWS_PER_SEGMENT", 2)
    original, done = LogWriter.append, []

    def append(writer, tables):
        if len(done) == stopped_at:
            raise KeyboardInterrupt
        done.append(1)
        return original(writer, tables)

    with monkeypatch.context() as patched:
        patched.setattr(LogWriter, "append", append)
        with pytest.raises(KeyboardInterrupt):
            seal(source, mapping, tmp_path)
    seal(source, mapping, tmp_path)
    seal(source, mapping, tmp_path)
    assert rows_of(tmp_path, "predictions")["prediction_id"].to_list() == ["a", "b", "d", "f", "g"]
    assert rows_of(tmp_path, "inputs/risk")["prediction_id"].to_list() == ["a", "b", "d", "f"]
    assert rows_of(tmp_path, "outcomes").height == 2
    assert rows_of(tmp_path, "events").height == 1


def test_progress_is_told_by_table(source, mapping, tmp_path):
    told = []
    seal(source, mapping, tmp_path, progress=lambda *step: told.append(step))
    assert told == [("inputs/risk", 4, 4), ("outcomes", 2, 2), ("predictions", 5, 5)]


def test_another_source_or_mapping_does_not_go_on(source, mapping, tmp_path):
    seal(source, mapping, tmp_path)
    pl.read_parquet(source / "two.parquet").head(1).write_parquet(source / "three.parquet")
    with pytest.raises(LogError, match="holds another log"):
        seal(source, mapping, tmp_path)


def test_a_source_that_changes_meanwhile_is_refused(source, mapping, tmp_path):
    def change(*_):
        (source / "two.parquet").write_bytes((source / "two.parquet").read_bytes())

    with pytest.raises(LogError, match="changed while they were taken over"):
        seal(source, mapping, tmp_path, progress=change)


def test_a_name_that_no_key_can_have_is_refused(source, mapping, tmp_path):
    with pytest.raises(MisuseError, match="cannot be a key's name"):
        seal(source, mapping, tmp_path, origin="Müller & Söhne")
