"""Sealing on arrival: the files stay as they were, and from then on the log is a sealed one."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.leaves import row_leaves
from audit_lab.log.commitment.levels import levels_bytes, rows_root
from audit_lab.log.erasure.kept import committed_leaves
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.files.write import write_log
from audit_lab.log.integrity import examine_log
from audit_lab.log.keys.vault import Vault
from audit_lab.log.manifest import read_manifest
from audit_lab.log.store import open_store
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.arrival import seal_log
from audit_lab.log.writing.writer import open_writer
from audit_lab.seal import key_file
from audit_lab.seal.checkpoint import open_checkpoint
from audit_lab.seal.entry import parse_entry

ORIGIN = "tests/loans"
SEALED_AT = "2026-03-01T08:00:00.000000Z"
START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
NOTE = f"Sealed on arrival by Jane: from {SEALED_AT} on. Nothing is known about changes before."


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch):
    monkeypatch.setattr(key_file, "_COST", 2)


@pytest.fixture
def log(tmp_path):
    """A log of schema version 1 with three predictions, their inputs and one event."""
    times = [START + timedelta(hours=row) for row in range(3)]
    ids = ["a", "b", "c"]
    tables = {
        "predictions": pl.DataFrame(
            {
                "prediction_id": ids,
                "occurred_at": times,
                "recorded_at": times,
                "subject_id": ["s1", "s2", "s1"],
                "outputs": [{"score": 0.5, "label": "x"}, {"score": -0.0, "label": None}, None],
            }
        ),
        "inputs/loans": pl.DataFrame({"prediction_id": ids, "recorded_at": times, "income": [1.5, None, float("nan")]}),
        "events": pl.DataFrame({"event_id": ["e"], "at": [START], "recorded_at": [START], "summary": ["began"]}),
    }
    folder = tmp_path / "log"
    write_log(folder, tables, {"origin": ORIGIN, "description": "Three loans", "notes": ["Invented."]})
    return folder


def seal(log, **named):
    arguments = {
        "vault": log.parent / "vault",
        "passphrase": b"x",
        "clock": lambda: datetime(2026, 3, 1, 8, tzinfo=UTC),
    }
    return seal_log(log, actor="Jane", **{**arguments, **named})


def entries(log):
    return [parse_entry(content) for content in LogTree(LocalStorage(log)).entries()]


def digests(folder, *patterns):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for pattern in patterns
        for path in sorted(folder.rglob(pattern))
        if path.is_file()
    }


def test_files_are_untouched_byte_for_byte(log):
    before = digests(log, "*.parquet")
    assert sorted(before) == [
        "events/part-00000.parquet",
        "inputs/loans/part-00000.parquet",
        "predictions/part-00000.parquet",
    ]
    seal(log)
    assert digests(log, "*.parquet") == before


def test_what_is_sealed_says_what_was_there(log):
    former = (log / "manifest.json").read_bytes()
    arrival = seal(log)
    sealed = entries(log)
    assert [entry.kind for entry in sealed] == ["genesis", *["segment", "placement"] * 3]
    genesis = sealed[0]
    assert (genesis.sealed_from, genesis.sealed_at) == ("arrival", SEALED_AT)
    assert genesis.source == f"manifest.json sha256:{hashlib.sha256(former).hexdigest()}"
    assert (genesis.description, genesis.notes) == ("Three loans", ("Invented.", NOTE))
    assert (log / "arrival" / "manifest.json").read_bytes() == former
    assert (arrival.size, arrival.files, arrival.rows) == (7, 3, 7)
    assert str(arrival).endswith("7 rows in 3 files. Nothing is known about changes before.")


def test_the_checkpoint_is_signed_by_the_vaults_key(log):
    seal(log)
    (sealed, *_) = entries(log)
    checkpoint = open_checkpoint((log / "checkpoint").read_bytes(), sealed.log_key)
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 7)
    vault = Vault.open(ORIGIN, log.parent / "vault", passphrase=b"x", log=log)
    assert vault.signing_key(sealed.log_key).public == sealed.log_key


def test_leaves_follow_from_the_rows_and_for_personal_tables_from_the_vaults_keys(log):
    seal(log)
    vault = Vault.open(ORIGIN, log.parent / "vault", passphrase=b"x")
    for entry in entries(log):
        if entry.kind != "segment":
            continue
        rows = pl.read_parquet(log / entry.table / "part-00000.parquet", glob=False)
        keys = vault.row_keys(entry.table, entry.segment)
        personal = entry.table != "events"
        assert (entry.commitment, keys is not None) == (("fields", True) if personal else ("plain", False))
        leaves = committed_leaves(rows, keys, None) if personal else row_leaves(rows)
        assert entry.rows_root == rows_root(leaves).hex()
        assert (log / entry.table / "part-00000.leaves").read_bytes() == levels_bytes(leaves)
        assert (entry.schema[0], entry.rows) == (
            ((f"{'event' if not personal else 'prediction'}_id", "str")),
            rows.height,
        )


def test_statements_give_the_times_of_tables_that_have_one(log):
    seal(log)
    times = {entry.table: (entry.first_time, entry.last_time) for entry in entries(log) if entry.kind == "segment"}
    assert times == {
        "events": ("2024-03-04T09:00:00.000000Z", "2024-03-04T09:00:00.000000Z"),
        "inputs/loans": (None, None),
        "predictions": ("2024-03-04T09:00:00.000000Z", "2024-03-04T11:00:00.000000Z"),
    }


def test_the_manifest_is_version_2_and_places_keep_their_names(log):
    seal(log)
    manifest = read_manifest(log)
    assert (manifest.schema_version, manifest.origin, manifest.tree_size) == (2, ORIGIN, 7)
    assert manifest.notes == ("Invented.", NOTE)
    (file,) = manifest.tables["predictions"]
    assert (file.path, file.rows) == ("predictions/part-00000.parquet", 3)
    assert [(hold.segment, hold.first_row, hold.rows) for hold in file.holds] == [("part-00000", 0, 3)]


def test_the_former_manifest_put_back_does_not_unseal_the_log(log):
    former = (log / "manifest.json").read_bytes()
    seal(log)
    (log / "manifest.json").write_bytes(former)
    store = open_store(log)
    assert store.checkpoint is not None
    assert (store.manifest.schema_version, store.notes[-1]) == (2, NOTE)
    assert store.table("predictions").collect()["prediction_id"].to_list() == ["a", "b", "c"]


def test_it_verifies_and_says_from_when_on(log):
    seal(log)
    vault = Vault.open(ORIGIN, log.parent / "vault", passphrase=b"x")
    report = examine_log(log, vault=vault, remembered=False)
    assert report.findings == ()
    assert "7 rows: their hashes recomputed from their values" in report.checked
    assert NOTE in report.notes
    times = pl.col("occurred_at", "recorded_at") + pl.duration(milliseconds=1)
    rows = pl.read_parquet(log / "predictions" / "part-00000.parquet", glob=False).with_columns(times)
    with open_writer(log, vault=vault, clock=lambda: datetime(2026, 3, 3, tzinfo=UTC)) as writer:
        writer.append({"predictions": rows})
    report = examine_log(log, vault=vault, remembered=False)
    assert report.findings == ()
    assert NOTE in report.notes
    assert open_store(log).table("predictions").collect().height == 6


def test_a_row_that_changes_after_the_arrival_is_found(log):
    seal(log)
    path = log / "predictions" / "part-00000.parquet"
    pl.read_parquet(path, glob=False).with_columns(subject_id=pl.lit("s3")).write_parquet(path)
    vault = Vault.open(ORIGIN, log.parent / "vault", passphrase=b"x")
    found = {finding.code for finding in examine_log(log, vault=vault, remembered=False).findings}
    assert {"log.segment-changed", "log.row-changed"} <= found


def test_indexes_stand_beside_it(log):
    seal(log)
    assert sorted(path.name for path in (log / "index" / "predictions").iterdir()) == [
        "part-00000.prediction_id.index",
        "part-00000.request_id.index",
        "part-00000.subject_id.index",
    ]


def test_a_file_in_slices_gives_the_same_leaves(log, monkeypatch):
    monkeypatch.setattr("audit_lab.log.writing.arrival._ROWS_AT_ONCE", 2)
    told = []
    seal(log, progress=lambda *step: told.append(step))
    rows = pl.read_parquet(log / "predictions" / "part-00000.parquet", glob=False)
    keys = Vault.open(ORIGIN, log.parent / "vault").row_keys("predictions", "part-00000")
    statement = next(entry for entry in entries(log) if entry.kind == "segment" and entry.table == "predictions")
    assert statement.rows_root == rows_root(committed_leaves(rows, keys, None)).hex()
    total = sum(path.stat().st_size for path in log.rglob("*.parquet"))
    assert [path for path, *_ in told] == [
        "events/part-00000.parquet",
        *["inputs/loans/part-00000.parquet"] * 2,
        *["predictions/part-00000.parquet"] * 2,
    ]
    assert told[-1][1:] == (total, total)
    assert all(before[1] < after[1] for before, after in pairwise(told))


def test_an_empty_table_and_a_log_without_rows_are_sealed(tmp_path):
    folder = tmp_path / "log"
    write_log(folder, {"events": pl.DataFrame({"event_id": []}, schema={"event_id": pl.String})}, {"origin": ORIGIN})
    assert seal(folder).rows == 0
    (statement,) = (entry for entry in entries(folder) if entry.kind == "segment")
    assert (statement.rows, statement.rows_root) == (0, hashlib.sha256(b"").hexdigest())


# What is refused.


def test_a_log_that_is_sealed_stays_as_it_is(log):
    first = seal(log)
    before = digests(log, "*")
    assert seal(log, clock=lambda: datetime(2027, 1, 1, tzinfo=UTC), vault=log.parent / "another") == first
    assert digests(log, "*") == before
    assert not (log.parent / "another").exists()


def test_a_log_sealed_from_its_creation_is_not_sealed_on_arrival(log, monkeypatch):
    seal(log)
    genesis = entries(log)[0]
    monkeypatch.setattr(LogState, "fold", classmethod(lambda cls, _: fake_state(genesis)))
    with pytest.raises(LogError, match="is sealed from its creation on"):
        seal(log)


def fake_state(genesis):
    state = LogState()
    state.genesis = replace(genesis, sealed_from="creation", source="")
    return state


def test_a_name_that_no_key_can_have_is_refused_and_another_can_be_given(log):
    manifest = json.loads((log / "manifest.json").read_text())
    (log / "manifest.json").write_text(json.dumps({**manifest, "origin": "Müller & Söhne"}))
    with pytest.raises(MisuseError, match=r"'Müller & Söhne' cannot be that of a sealed log.*origin="):
        seal(log)
    assert seal(log, origin="mueller").origin == "mueller"


def test_a_vault_inside_the_log_or_of_another_log_is_refused(log, tmp_path):
    with pytest.raises(MisuseError, match="lies inside the log"):
        seal(log, vault=log / "vault")
    other = Vault.create("other", tmp_path / "other", passphrase=b"x")
    with pytest.raises(MisuseError, match="is the vault of other, not of tests/loans"):
        seal(log, vault=other)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "predictions/part-00000.parquet of .* is missing"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "is not what its manifest states"),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "is not what its manifest states"),
    ],
)
def test_a_damaged_log_is_not_vouched_for(log, damage, message):
    damage(log / "predictions" / "part-00000.parquet")
    with pytest.raises(LogError, match=message):
        seal(log)
    assert not (log / "checkpoint").exists()


def test_a_file_that_misstates_its_rows_is_refused(log):
    manifest = json.loads((log / "manifest.json").read_text())
    manifest["tables"]["predictions"]["segments"][0]["rows"] = 4
    (log / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LogError, match="has 3 rows; its manifest says 4"):
        seal(log)


def test_a_file_that_changes_meanwhile_is_refused(log):
    def change(path, *_):
        if path.startswith("predictions"):
            (log / path).write_bytes((log / path).read_bytes())

    with pytest.raises(LogError, match="predictions/part-00000.parquet of .* changed while it was sealed"):
        seal(log, progress=change)
    assert not (log / "checkpoint").exists()


def test_a_manifest_that_changes_meanwhile_is_refused(log):
    def change(*_):
        (log / "manifest.json").write_text((log / "manifest.json").read_text() + " ")

    with pytest.raises(LogError, match=r"manifest.json of .* changed while it was sealed"):
        seal(log, progress=change)


def test_reserved_columns_are_refused_by_name(log):
    path = log / "events" / "part-00000.parquet"
    pl.read_parquet(path).with_columns(_row=pl.lit(0)).write_parquet(path)
    manifest = json.loads((log / "manifest.json").read_text())
    entry = manifest["tables"]["events"]["segments"][0]
    entry["sha256"], entry["size_bytes"] = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
    (log / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LogError, match="has a column _row, a name that the log itself uses"):
        seal(log)


# Interrupted at any step.


class Stopped(BaseException):
    """The process ends here."""


def test_stopped_anywhere_it_is_unsealed_or_sealed_and_can_be_run_again(log, tmp_path, monkeypatch):
    """Each rename and each sync of a folder is a step; before each of them the process ends once."""
    steps = ("rename", "sync_folders")
    originals = {name: getattr(LocalDisk, name) for name in steps}
    write_log(log, {"predictions": pl.read_parquet(log / "predictions" / "part-00000.parquet")}, {"origin": ORIGIN})
    sealed_when_stopped = []
    finished = False
    while not finished:
        folder = tmp_path / "copy" / "log"
        shutil.copytree(log, folder)
        done = []

        def stopping(name, done=done):
            def step(disk, *arguments):
                if len(done) == len(sealed_when_stopped):
                    raise Stopped
                done.append(name)
                return originals[name](disk, *arguments)

            return step

        with monkeypatch.context() as patched:
            for name in steps:
                patched.setattr(LocalDisk, name, stopping(name))
            try:
                seal(folder)
                finished = True
            except Stopped:
                sealed_when_stopped.append((folder / "checkpoint").exists())
                assert read_manifest(folder).schema_version == 1 or sealed_when_stopped[-1]
        again = seal(folder)
        assert (again.size, again.rows) == (3, 3)
        state = LogState.fold(LogTree(LocalStorage(folder)).entries())
        rows = pl.read_parquet(folder / "predictions" / "part-00000.parquet", glob=False)
        keys = Vault.open(ORIGIN, folder.parent / "vault", passphrase=b"x").row_keys("predictions", "part-00000")
        root = rows_root(committed_leaves(rows, keys, None)).hex()
        assert state.segments["predictions"]["part-00000"].statement.rows_root == root
        assert read_manifest(folder).schema_version == 2
        shutil.rmtree(folder.parent)
    assert sealed_when_stopped.count(False) > 10
    assert sealed_when_stopped[-3:] == [True, True, True]
    assert sealed_when_stopped == sorted(sealed_when_stopped)
