"""Input that no log should choke on: each is a clear error, or is kept exactly and told."""

from __future__ import annotations

import json
import math
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.errors import AmbiguousIdError, LogError, MisuseError, StorageError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.store import open_store
from audit_lab.log.writing.writer import create_log

ORIGIN = "demonstration-tests"
STRANGE_IDS = [
    "",
    " ",
    "a b",
    "a\nb",
    "a\0b",
    "'; DROP TABLE predictions; --",
    "../../etc/passwd",
    "--help",
    "*",
    "[a-z]*",
    "a@b:0",
    "e\u0301",
    "\u00e9",
    "\u202e1234",
    "\U0001f511\ufe0f",
    "\uffff",
    "x" * 100_000,
]


@pytest.fixture
def log(tmp_path, sealed):
    """Return the folder and the writer of a new log; the writer's clock is its attribute `clock`."""
    clock = sealed.Clock()
    writer = sealed.begun(LocalStorage(tmp_path / "log"), sealed.MemoryVault(), clock)
    writer.clock = clock
    return tmp_path / "log", writer


def opened(folder, table="predictions"):
    return open_store(folder).placed(table).collect()


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def test_ids_of_any_characters_are_kept_and_found(log, sealed):
    folder, writer = log
    writer.append({"predictions": sealed.predictions(*STRANGE_IDS)})
    assert opened(folder)["prediction_id"].to_list() == STRANGE_IDS
    audit_log = al.open(folder)
    for name in STRANGE_IDS:
        assert audit_log.decision(name).prediction["prediction_id"] == name
    sealed.check_log(writer._storage)


@settings(max_examples=30, deadline=None)
@given(ids=st.lists(st.text(max_size=20), min_size=1, max_size=5, unique=True))
def test_any_text_can_be_an_id(simulated, sealed, ids):
    storage = LocalStorage(Path("/disk/log"), simulated.SimulatedDisk({"/disk/": b""}))
    writer = sealed.begun(storage, sealed.MemoryVault())
    writer.append({"predictions": sealed.predictions(*ids)})
    assert sealed.stored_ids(storage, sealed.check_log(storage)) == ids


def test_numbers_are_kept_to_the_bit(log):
    folder, writer = log
    payload = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_BEEF))[0]
    values = [math.nan, payload, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, None]
    whole = [2**53 + 1, -(2**63), 2**63 - 1, 0, None, 1, 2, 3, 4]
    ids = [f"p{number}" for number in range(9)]
    rows = pl.DataFrame({"prediction_id": ids, "x": values, "n": pl.Series(whole, dtype=pl.Int64)})
    writer.append({"inputs/loans": rows})
    found = opened(folder, "inputs/loans")
    assert [None if value is None else bits(value) for value in found["x"]] == [
        None if value is None else bits(value) for value in values
    ]
    assert found["n"].to_list() == whole


def test_a_number_that_a_canonical_column_cannot_hold_is_refused_by_name(log, sealed):
    folder, writer = log
    with pytest.raises(
        MisuseError, match="column latency_ms of predictions is Int64 and must be Float64, which cannot"
    ):
        writer.append({"predictions": sealed.predictions("a", latency_ms=[2**53 + 1])})
    writer.append({"predictions": sealed.predictions("a", latency_ms=[2**53], sequence=[4.0])})
    assert opened(folder)["latency_ms"].to_list() == [2.0**53]
    assert opened(folder)["sequence"].to_list() == [4]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prediction_id": [1]}, "column prediction_id of predictions is Int64 and must be String"),
        (
            {"prediction_id": ["a"], "threshold": ["0.5"]},
            "column threshold of predictions is String and must be Float64",
        ),
        ({"prediction_id": ["a"], "sequence": [1.5]}, "cannot hold 1 of its values exactly .the first is in row 0"),
        ({"prediction_id": ["a"], "sequence": [math.nan]}, "cannot hold 1 of its values"),
        (
            {"prediction_id": ["a"], "occurred_at": [datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)]},
            "column occurred_at .* must be Datetime",
        ),
        (
            {"prediction_id": ["a", None]},
            "rows of predictions have no prediction_id, .* .1 of 2 rows, the first is row 1",
        ),
        ({"model_name": ["m"]}, "have no prediction_id"),
        ({"prediction_id": ["a"], "outputs": [{"score": 1.0, "rank": 2}]}, "has a field rank"),
        ({"prediction_id": ["a"], "_segment": ["x"]}, "a column _segment, a name that the log itself uses"),
        ({"prediction_id": ["a"], "*": ["x"]}, r"a column '\*', which is read as a pattern"),
        ({"prediction_id": ["a"], "^p.*$": ["x"]}, "which is read as a pattern"),
        ({"prediction_id": ["a"], "big": pl.Series([1], dtype=pl.Int128)}, "cannot be stored as Parquet"),
        ({"prediction_id": ["a"], "thing": pl.Series([object()], dtype=pl.Object)}, "thing"),
    ],
)
def test_rows_that_would_have_to_be_changed_are_refused_by_name(log, columns, message):
    folder, writer = log
    before = sorted(folder.rglob("*"))
    with pytest.raises((MisuseError, LogError), match=message):
        writer.append({"predictions": pl.DataFrame(columns)})
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "table",
    [
        "nonsense",
        "inputs/",
        "inputs/../x",
        "inputs/a//b",
        "inputs/a\\b",
        "inputs/" + "m" * 300,
        "inputs/.aside-1",
        "/etc",
    ],
)
def test_a_table_that_cannot_be_is_refused(log, table):
    folder, writer = log
    with pytest.raises(MisuseError, match=r"there is no table|cannot name a folder"):
        writer.append({table: pl.DataFrame({"prediction_id": ["a"]})})
    assert not (folder / "inputs").exists()


def test_model_names_of_any_language_can_be_tables(log):
    folder, writer = log
    for model in ("crédit 2", "\u8d37\u6b3e", "team/loans"):
        writer.append({f"inputs/{model}": pl.DataFrame({"prediction_id": ["a"], "x": [1.0]})})
    assert open_store(folder).models() == ("crédit 2", "team/loans", "\u8d37\u6b3e")


def test_repeated_ids_are_kept_counted_and_recorded(log, sealed):
    folder, writer = log
    receipt = writer.append({"predictions": sealed.predictions("a", "b", "a", "a")})
    (fact,) = receipt.facts
    assert (fact.code, fact.count, fact.details) == ("writer.repeated-ids", 2, {"rows": [2, 3]})
    assert [each.table for each in receipt.segments] == ["predictions", "events"]
    assert opened(folder)["prediction_id"].to_list() == ["a", "b", "a", "a"]
    (event,) = opened(folder, "events").to_dicts()
    assert (event["kind"], event["actor"], event["severity"]) == ("writer.repeated-ids", "tests", "warning")
    assert event["subject"] == f"predictions/{receipt.segments[0].segment}"
    assert json.loads(event["payload"]) == {"count": 2, "rows": [2, 3]}
    with pytest.raises(AmbiguousIdError, match="stands in 3 places"):
        al.open(folder).decision("a")


def test_two_writers_that_use_one_id_are_both_kept_and_named(log, sealed):
    folder, writer = log
    other = sealed.resumed(writer._storage, writer._vault)
    receipts = [each.append({"predictions": sealed.predictions("a")}) for each in (writer, other)]
    with pytest.raises(AmbiguousIdError) as told:
        al.open(folder).decision("a")
    assert sorted(told.value.places) == sorted(f"a@{receipt.segments[0].segment}:0" for receipt in receipts)


def test_two_writers_that_share_a_writer_id_are_noticed(log, sealed):
    _, writer = log

    def rows(name, sequence):
        return {"predictions": sealed.predictions(name, writer_id=["w-1"], sequence=[sequence])}

    assert writer.append(rows("a", 7)).facts == ()
    assert writer.append(rows("b", 8)).facts == ()
    (fact,) = writer.append(rows("c", 8)).facts
    assert (fact.code, fact.details) == ("writer.sequence-repeated", {"first": "8", "highest": "8"})
    assert writer.append(rows("d", 8)).facts == ()
    other = sealed.resumed(writer._storage, writer._vault)
    assert [fact.code for fact in other.append(rows("e", 1)).facts] == ["writer.sequence-repeated"]
    assert other.append(rows("f", 9)).facts == ()


def test_a_clock_that_goes_back_is_held_and_told_once(log, sealed):
    folder, writer = log
    first = writer.append({"predictions": sealed.predictions("a")})
    writer.clock.now -= timedelta(hours=2)
    second = writer.append({"predictions": sealed.predictions("b")})
    third = writer.append({"predictions": sealed.predictions("c")})
    writer.clock.now += timedelta(hours=3)
    fourth = writer.append({"predictions": sealed.predictions("d")})
    assert second.sealed_at == third.sealed_at == first.sealed_at < fourth.sealed_at
    (fact,) = second.facts
    assert (fact.code, fact.count) == ("writer.clock-back", 7200)
    assert (third.facts, fourth.facts) == ((), ())
    writer.clock.now -= timedelta(hours=2)
    fifth = writer.append({"predictions": sealed.predictions("e")})
    assert [fact.code for fact in fifth.facts] == ["writer.clock-back"]
    assert opened(folder, "events")["kind"].to_list() == ["writer.clock-back"] * 2
    sealed.check_log(writer._storage, [first, second, third, fourth, fifth])


def test_what_could_not_be_sealed_is_told_with_the_next_append(log, sealed, monkeypatch):
    _, writer = log
    writer.append({"events": sealed.events("e1")})
    writer.clock.now -= timedelta(hours=2)
    with monkeypatch.context() as patch:
        patch.setattr("audit_lab.log.writing.turn.Turn.seal", _fail)
        with pytest.raises(StorageError):
            writer.append({"events": sealed.events("e2")})
    assert [fact.code for fact in writer.append({"events": sealed.events("e2")}).facts] == ["writer.clock-back"]


def _fail(*_):
    raise StorageError("the disk failed", "Look.", "failing")


def test_a_clock_that_is_adjusted_a_little_is_held_and_not_told(log, sealed):
    _, writer = log
    first = writer.append({"predictions": sealed.predictions("a")})
    writer.clock.now -= timedelta(milliseconds=500)
    second = writer.append({"predictions": sealed.predictions("b")})
    assert second.sealed_at == first.sealed_at
    assert second.facts == ()


def test_a_table_without_rows_is_sealed_and_tells_its_columns(log):
    folder, writer = log
    empty = pl.DataFrame(schema={"prediction_id": pl.String, "income": pl.Float64})
    receipt = writer.append({"inputs/loans": empty})
    assert [(each.table, each.rows) for each in receipt.segments] == [("inputs/loans", 0)]
    found = opened(folder, "inputs/loans")
    assert found.height == 0
    assert found.schema["income"] == pl.Float64
    with pytest.raises(LogError, match="column income of the new rows is String"):
        writer.append({"inputs/loans": pl.DataFrame({"prediction_id": ["a"], "income": ["much"]})})


def test_nothing_at_all_is_refused(log):
    _, writer = log
    with pytest.raises(MisuseError, match="there is no table to append"):
        writer.append({})


def test_a_log_without_rows_opens(log):
    folder, _ = log
    assert opened(folder).height == 0
    assert al.open(folder).find().height == 0


def test_foreign_files_in_the_folder_are_left_alone(log, sealed):
    folder, writer = log
    (folder / "notes.txt").write_text("mine")
    (folder / "predictions").mkdir()
    pl.DataFrame({"prediction_id": ["x"]}).write_parquet(folder / "predictions" / "backup.parquet")
    receipt = writer.append({"predictions": sealed.predictions("a")})
    writer.compact()
    sealed.resumed(writer._storage, writer._vault)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "predictions" / "backup.parquet").exists()
    assert opened(folder)["prediction_id"].to_list() == ["a"]
    sealed.check_log(writer._storage, [receipt])


def test_a_manifest_of_a_newer_schema_version_is_refused(log):
    folder, _ = log
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 3}))
    with pytest.raises(LogError, match="has schema version 3; this audit_lab reads 1 to 2"):
        open_store(folder)


def test_times_before_our_era_and_far_ahead_are_kept(log, sealed):
    folder, writer = log
    times = [datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None]
    rows = sealed.predictions("a", "b", "c").with_columns(
        pl.Series("occurred_at", times, dtype=pl.Datetime("us", "UTC"))
    )
    writer.append({"predictions": rows})
    assert opened(folder)["occurred_at"].to_list() == times


def test_a_vault_inside_the_log_is_refused(tmp_path):
    with pytest.raises(MisuseError, match="lies inside the log"):
        create_log(tmp_path / "log", ORIGIN, vault=tmp_path / "log" / "vault")
    assert not (tmp_path / "log").exists()


def test_an_origin_that_no_key_can_bear_is_refused(tmp_path):
    with pytest.raises(MisuseError, match="cannot be a key's name"):
        create_log(tmp_path / "log", "a b", vault=tmp_path / "vault")
