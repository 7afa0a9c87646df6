"""Appending: what is acknowledged is sealed, and what is sealed is what was given."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.commitment.leaves import row_leaves
from audit_lab.log.commitment.levels import levels_bytes, rows_root
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.keys.vault import Vault
from audit_lab.log.schema import TABLES
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.writer import LogWriter, create_log, open_writer
from audit_lab.seal.checkpoint import open_checkpoint, parse_checkpoint
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import GenesisEntry, HeartbeatEntry, RotateEntry
from audit_lab.seal.malformed import MalformedError

FOLDER = Path("/disk/log")
ORIGIN = "demonstration-tests"


@pytest.fixture
def storage(simulated):
    return LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""}))


@pytest.fixture
def vault(sealed):
    return sealed.MemoryVault()


@pytest.fixture
def writer(storage, vault, sealed):
    return sealed.begun(storage, vault)


def stored(storage, receipt, number=0):
    each = receipt.segments[number]
    return pl.read_parquet(io.BytesIO(storage.read(f"{each.table}/{each.segment}.parquet")))


def test_a_new_log_begins_with_its_genesis(storage, writer, vault):
    (content,) = LogTree(storage).entries()
    genesis = parse_entry(content)
    assert isinstance(genesis, GenesisEntry)
    assert (genesis.origin, genesis.sealed_from, genesis.source) == (ORIGIN, "creation", "")
    assert (genesis.description, genesis.notes) == ("A log of tests", ("Invented.",))
    assert genesis.log_key == vault.first_key().public
    assert genesis.tolerance == "0.000001"


def test_a_receipt_says_what_is_in_the_tree(storage, writer, vault, sealed):
    receipt = writer.append({"predictions": sealed.predictions("a", "b")})
    checkpoint = open_checkpoint(LogTree(storage).note, vault.first_key().public)
    assert (receipt.size, receipt.root) == (3, checkpoint.root.hex())
    assert checkpoint.size == 3
    assert [(each.table, each.rows) for each in receipt.segments] == [("predictions", 2)]
    assert receipt.facts == ()
    sealed.check_log(storage, [receipt])


def test_tables_of_one_append_are_sealed_in_one_checkpoint(storage, writer, sealed):
    inputs = pl.DataFrame({"prediction_id": ["a"], "income": [1200.5]})
    receipt = writer.append({"predictions": sealed.predictions("a"), "inputs/loans": inputs})
    assert [each.table for each in receipt.segments] == ["inputs/loans", "predictions"]
    assert storage.list("checkpoints") == ["checkpoints/001", "checkpoints/005"]


def test_the_statement_covers_the_stored_rows(storage, writer, vault, sealed):
    times = [sealed.START + timedelta(hours=hour) for hour in (3, 1, 2)]
    rows = sealed.predictions("a", "b", "c", writer_id=["w-1"] * 3, sequence=[7, 8, 9]).with_columns(
        occurred_at=pl.Series(times)
    )
    receipt = writer.append({"predictions": rows})
    name = receipt.segments[0].segment
    statement = writer.state.segments["predictions"][name].statement
    frame = stored(storage, receipt)
    leaves = row_leaves(frame, vault.row_keys("predictions", name))
    assert statement.rows_root == rows_root(leaves).hex()
    assert storage.read(f"predictions/{name}.leaves") == levels_bytes(leaves)
    assert statement.leaves_sha256 == hashlib.sha256(levels_bytes(leaves)).hexdigest()
    assert (statement.commitment, statement.rows) == ("fields", 3)
    assert (statement.first_time, statement.last_time) == ("2026-03-02T09:00:00.000000Z", "2026-03-02T11:00:00.000000Z")
    assert (statement.writer_id, statement.first_sequence, statement.last_sequence) == ("w-1", 7, 9)
    assert [column for column, _ in statement.schema] == frame.columns


def test_tables_that_are_not_personal_are_committed_plainly(storage, writer, vault, sealed):
    receipt = writer.append({"events": sealed.events("e1")})
    statement = writer.state.segments["events"][receipt.segments[0].segment].statement
    assert statement.commitment == "plain"
    assert statement.rows_root == rows_root(row_leaves(stored(storage, receipt), None)).hex()
    assert statement.writer_id == "tests"
    assert vault.row_keys("events", receipt.segments[0].segment) is None


def test_rows_are_stored_in_canonical_form_with_further_columns_after(storage, writer, sealed):
    receipt = writer.append({"predictions": sealed.predictions("a", channel=["web"], threshold=[1])})
    frame = stored(storage, receipt)
    assert frame.columns == [*TABLES["predictions"].columns, "channel"]
    assert frame.schema["threshold"] == pl.Float64
    assert frame.row(0, named=True)["channel"] == "web"


def test_a_row_that_does_not_say_when_it_was_recorded_is_given_the_time(storage, writer, sealed):
    given = datetime(2026, 3, 1, tzinfo=UTC)
    rows = sealed.predictions("a", "b", recorded_at=[given, None])
    frame = stored(storage, writer.append({"predictions": rows}))
    assert frame["recorded_at"].to_list() == [given, sealed.START + timedelta(milliseconds=2)]


def test_parquet_files_carry_page_checksums_and_small_row_groups(storage, writer):
    rows = pl.DataFrame({"prediction_id": [f"p{number}" for number in range(40_000)]})
    receipt = writer.append({"inputs/loans": rows})
    content = storage.read(f"inputs/loans/{receipt.segments[0].segment}.parquet")
    file = pq.ParquetFile(io.BytesIO(content))
    assert [file.metadata.row_group(number).num_rows for number in range(3)] == [16_384, 16_384, 7_232]
    assert file.metadata.row_group(0).column(0).statistics.min == "p0"
    assert pq.read_table(io.BytesIO(content), page_checksum_verification=True).num_rows == 40_000
    damaged = bytearray(content)
    damaged[3000] ^= 1
    with pytest.raises(OSError, match="CRC checksum"):
        pq.read_table(io.BytesIO(bytes(damaged)), page_checksum_verification=True)


def test_a_heartbeat_is_sealed(storage, writer):
    receipt = writer.heartbeat()
    assert (receipt.size, receipt.segments) == (2, ())
    assert isinstance(parse_entry(LogTree(storage).entries()[1]), HeartbeatEntry)


def test_a_column_may_be_added_and_left_out_again(storage, writer, sealed):
    for columns in ({}, {"channel": ["web"]}, {}):
        writer.append({"predictions": sealed.predictions("a", **columns)})
    assert len(writer.state.schemas["predictions"]) == 2
    sealed.check_log(storage)


def test_a_column_of_another_type_is_refused_by_name_and_nothing_written(storage, writer, sealed):
    writer.append({"inputs/loans": pl.DataFrame({"prediction_id": ["a"], "income": [1.5]})})
    before = storage.list()
    name = next(iter(writer.state.segments["inputs/loans"]))
    with pytest.raises(LogError, match=f"column income of the new rows is String, but segment {name} says Float64"):
        writer.append({"inputs/loans": pl.DataFrame({"prediction_id": ["b"], "income": ["much"]})})
    assert storage.list() == before
    assert sealed.check_log(storage).size == 3


def test_numbers_of_another_type_are_sealed_as_they_are(storage, writer, sealed):
    for values in ([1.5], [3], pl.Series([2**60], dtype=pl.UInt64)):
        writer.append({"inputs/loans": pl.DataFrame({"prediction_id": ["a"], "income": values})})
    stated = [dict(each.schema)["income"] for each in writer.state.schemas["inputs/loans"].values()]
    assert sorted(stated) == ["f64", "i64", "u64"]
    sealed.check_log(storage)


def test_a_change_that_another_writer_made_meanwhile_is_seen(storage, writer, vault, sealed):
    other = sealed.resumed(storage, vault)
    writer.append({"inputs/loans": pl.DataFrame({"prediction_id": ["a"], "income": [1.5]})})
    with pytest.raises(LogError, match="column income of the new rows is String"):
        other.append({"inputs/loans": pl.DataFrame({"prediction_id": ["b"], "income": ["much"]})})
    left = [path for path in storage.list("inputs/loans") if path.endswith(".parquet")]
    assert len(left) == 1


def test_writers_in_turn_see_each_other(storage, writer, vault, sealed):
    other = sealed.resumed(storage, vault)
    receipts = []
    for number in range(4):
        each = (writer, other)[number % 2]
        receipts.append(each.append({"events": sealed.events(f"e{number}")}))
    state = sealed.check_log(storage, receipts)
    assert sealed.stored_ids(storage, state, "events") == ["e0", "e1", "e2", "e3"]
    assert [receipt.size for receipt in receipts] == [3, 5, 7, 9]


def test_a_log_that_was_cut_back_is_not_appended_to(storage, writer, vault, sealed):
    writer.append({"events": sealed.events("e1")})
    old = storage.read("checkpoint")
    writer.append({"events": sealed.events("e2")})
    storage.create("checkpoint", old, replace=True)
    with pytest.raises(LogError, match="has 3 entries, and had 5"):
        writer.append({"events": sealed.events("e3")})
    assert parse_checkpoint(storage.read("checkpoint")).checkpoint.size == 3


def test_a_log_that_was_replaced_by_another_history_is_not_appended_to(storage, writer, vault, sealed):
    fork = LocalStorage(FOLDER, storage._disk.copy())
    forger = sealed.resumed(fork, vault)
    writer.append({"events": sealed.events("e1")})
    for name in ("x1", "x2"):
        forger.append({"events": sealed.events(name)})
    storage._disk = fork._disk
    with pytest.raises(LogError, match="does not continue what this writer saw"):
        writer.append({"events": sealed.events("e2")})


def test_a_checkpoint_that_the_log_key_did_not_sign_is_not_appended_to(storage, writer, vault, sealed):
    stranger = sealed.MemoryVault()
    tree = LogTree(storage)
    heartbeat = HeartbeatEntry(origin=ORIGIN, sealed_at=writer.state.sealed_at).to_bytes()
    tree.append([heartbeat], stranger.first_key())
    with pytest.raises(MalformedError, match="is signed under the name demonstration-tests by another key"):
        sealed.resumed(storage, vault)


def test_asides_of_a_stopped_writer_are_removed_and_nothing_else(storage, writer, vault, sealed):
    writer.append({"events": sealed.events("e1")})
    storage.create_all({"events/.aside-0123456789abcdef": b"half", "events/foreign.parquet": b"?", ".aside-1": b""})
    before = set(storage.list())
    sealed.resumed(storage, vault)
    assert before - set(storage.list()) == {"events/.aside-0123456789abcdef", ".aside-1"}


def test_a_log_in_a_folder_is_begun_opened_and_begun_only_once(tmp_path, sealed):
    with create_log(tmp_path / "log", ORIGIN, vault=tmp_path / "vault", description="x") as writer:
        first = writer.append({"events": sealed.events("e1")})
    with open_writer(tmp_path / "log", vault=tmp_path / "vault") as again:
        second = again.append({"predictions": sealed.predictions("a")})
    sealed.check_log(LocalStorage(tmp_path / "log"), [first, second])
    with pytest.raises(MisuseError, match="is a sealed log already"):
        create_log(tmp_path / "log", ORIGIN, vault=tmp_path / "vault")


def test_a_log_that_was_cut_back_between_two_writers_is_not_opened(tmp_path, sealed):
    folder, vault = tmp_path / "log", Vault.create(ORIGIN, tmp_path / "vault")
    with create_log(folder, ORIGIN, vault=vault) as writer:
        old = (folder / "checkpoint").read_bytes()
        writer.append({"events": sealed.events("e1")})
    newest = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").write_bytes(old)
    with pytest.raises(LogError, match="has 1 entries, and an earlier writer saw 3"):
        open_writer(folder, vault=vault)
    (folder / "checkpoint").write_bytes(newest)
    open_writer(folder, vault=vault).close()


def test_another_history_than_an_earlier_writer_saw_is_not_opened(tmp_path, sealed):
    folder, vault = tmp_path / "log", Vault.create(ORIGIN, tmp_path / "vault")
    create_log(folder, ORIGIN, vault=vault).close()
    shutil.copytree(folder, tmp_path / "fork")
    forger = LogWriter(LocalStorage(tmp_path / "fork"), vault, ORIGIN)
    for name in ("x1", "x2"):
        forger.append({"events": sealed.events(name)})
    with open_writer(folder, vault=vault) as writer:
        writer.append({"events": sealed.events("e1")})
    shutil.rmtree(folder)
    shutil.move(tmp_path / "fork", folder)
    with pytest.raises(LogError, match="does not continue what an earlier writer saw"):
        open_writer(folder, vault=vault)


def test_a_folder_without_a_log_is_not_opened(tmp_path):
    with pytest.raises(MisuseError, match="is not a sealed log: it has no checkpoint"):
        open_writer(tmp_path, vault=tmp_path / "vault")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(MisuseError, match="holds a log that is not sealed"):
        create_log(tmp_path, ORIGIN, vault=tmp_path.parent / "vault")


def test_a_log_is_sealed_on_arrival_together_with_what_is_there(storage, vault, sealed):
    writer = LogWriter(storage, vault, ORIGIN, clock=sealed.Clock())
    writer.begin(source="ab" * 32, first=lambda at: [HeartbeatEntry(origin=ORIGIN, sealed_at=at)])
    genesis, heartbeat = map(parse_entry, LogTree(storage).entries())
    assert (genesis.sealed_from, genesis.source) == ("arrival", "ab" * 32)
    assert heartbeat.sealed_at == genesis.sealed_at
    assert storage.list("checkpoints") == ["checkpoints/002"]


def test_a_new_day_is_sealed_by_a_new_key(tmp_path, sealed):
    clock = sealed.Clock()
    vault = Vault.create(ORIGIN, tmp_path / "vault")
    with create_log(tmp_path / "log", ORIGIN, vault=vault, clock=clock) as writer:
        writer.append({"events": sealed.events("e1")})
        old = vault.first_key().public
        clock.now += timedelta(days=3)
        receipt = writer.append({"events": sealed.events("e2")})
    storage = LocalStorage(tmp_path / "log")
    state = sealed.check_log(storage, [receipt])
    kinds = [parse_entry(content).kind for content in LogTree(storage).entries()]
    assert kinds == ["genesis", "segment", "placement", "pause", "rotate", "segment", "placement"]
    assert [key.key == old for key in state.keys] == [True, False]
    rotation = parse_entry(LogTree(storage).entries()[4])
    assert isinstance(rotation, RotateEntry)
    assert open_checkpoint(LogTree(storage).note, rotation.new_key).size == 7
    assert open_checkpoint(storage.read("checkpoints/005"), old).size == 5


def test_the_manifest_may_lag_behind(storage, writer, vault, sealed):
    manifest = storage.read("manifest.json")
    receipt = writer.append({"events": sealed.events("e1")})
    storage.create("manifest.json", manifest, replace=True)
    other = sealed.resumed(storage, vault)
    other.heartbeat()
    sealed.check_log(storage, [receipt])
    assert json.loads(storage.read("manifest.json"))["tree"]["size"] == 4
