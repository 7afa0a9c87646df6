"""From the spool into the log, each record once, whatever happened before."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.recorder import sealer, sealing_process
from audit_lab.capture.recorder.record_form import encoded
from audit_lab.capture.recorder.sealing import LOCK, spool_state, unsealed_since
from audit_lab.capture.recorder.spool_file import Header, SpoolFile, frame_of, hold, notice_of
from audit_lab.errors import LogError, StorageError

RECORD = ("id", 1_770_000_000_000_000, [1.0], 0.5, None, None, None, None, None)


def record(number: int, value=None, name: str | None = None) -> bytes:
    given = [float(number) if value is None else value]
    return encoded((name or f"p-{number}", RECORD[1] + number, given, *RECORD[3:]))


def spooled(recorded, *frames: bytes, number: int = 1, writer: str = "host:1:a", **options):
    """Write a spool file as a recorder does."""
    folder = recorded.spool / writer.replace(":", "-")
    folder.mkdir(parents=True, exist_ok=True)
    header = Header(writer, "loans", "7", ("a",), begun=RECORD[1], **options)
    file = SpoolFile(folder / f"{number:08}.open", header)
    for frame in frames:
        file.write(frame)
    file.close()
    return folder / f"{number:08}.spool"


def test_a_process_killed_before_it_removed_the_file_seals_nothing_twice(recorded, tmp_path):
    path = spooled(recorded, frame_of(1, [record(1), record(2)]), frame_of(3, [record(3)]))
    shutil.copy(path, tmp_path / "kept")
    assert recorded.seal().records == 3
    path.parent.mkdir()
    shutil.copy(tmp_path / "kept", path)
    again = recorded.seal()
    assert (again.records, again.repeated, again.files) == (0, 3, 1)
    assert recorded.inputs["a"].to_list() == [1.0, 2.0, 3.0]
    assert not path.exists()


def test_frames_that_were_written_again_in_another_file_count_once(recorded):
    spooled(recorded, frame_of(1, [record(1)]), frame_of(2, [record(2), record(3)]))
    spooled(recorded, frame_of(2, [record(2), record(3)]), frame_of(4, [record(4)]), number=2)
    sealed = recorded.seal()
    assert (sealed.records, sealed.repeated) == (4, 2)
    assert recorded.predictions["sequence"].to_list() == [1, 2, 3, 4]


@pytest.mark.parametrize("cut", [1, 5, 20, 40])
def test_a_torn_end_is_cut_off_and_told(recorded, cut):
    path = spooled(recorded, frame_of(1, [record(1)]), frame_of(2, [record(2)]))
    path.write_bytes(path.read_bytes()[:-cut])
    sealed = recorded.seal()
    assert sealed.records == 1
    assert sealed.torn_bytes == len(frame_of(2, [record(2)])) - cut
    (event,) = recorded.table("events").to_dicts()
    assert event["kind"] == "recorder.torn"


def test_a_torn_header_holds_nothing_that_was_acknowledged(recorded):
    path = spooled(recorded)
    content = path.read_bytes()[:-3]
    path.write_bytes(content)
    assert recorded.seal().torn_bytes == len(content)
    assert not path.exists()


def test_a_header_that_a_power_loss_left_as_zeros_holds_nothing_either(recorded):
    path = spooled(recorded)
    size = path.stat().st_size
    path.write_bytes(bytes(size))
    assert recorded.seal().torn_bytes == size
    assert not path.exists()


def test_a_file_of_another_kind_is_refused_and_left(recorded):
    path = spooled(recorded)
    path.write_bytes(b"something else\nentirely\n")
    spooled(recorded, frame_of(1, [record(1)]), writer="host:2:b")
    with pytest.raises(LogError, match="is no spool file"):
        recorded.seal()
    assert path.exists()
    assert recorded.inputs["a"].to_list() == [1.0]  # others are sealed all the same


@pytest.mark.parametrize("place", [30, 3])
def test_a_frame_that_is_damaged_hides_none_behind_it(recorded, place):
    path = spooled(recorded, *(frame_of(number, [record(number)]) for number in (1, 2, 3)))
    content = bytearray(path.read_bytes())
    content[content.index(b"ALF1", content.index(b"ALF1") + 1) + place] ^= 1
    path.write_bytes(content)
    sealed = recorded.seal()
    assert (sealed.records, sealed.torn_bytes) == (2, 0)
    assert sealed.damaged_bytes == len(frame_of(2, [record(2)]))
    assert recorded.inputs["a"].to_list() == [1.0, 3.0]
    (event,) = recorded.table("events").to_dicts()
    assert (event["kind"], event["severity"]) == ("recorder.damaged", "error")
    assert not path.exists()
    assert path.with_suffix(".damaged").read_bytes() == content
    assert recorded.seal().files == 0


def test_a_last_frame_of_full_length_that_is_not_whole_was_damaged_and_one_that_was_never_filled_was_torn(recorded):
    path = spooled(recorded, frame_of(1, [record(1)]), frame_of(2, [record(2)]))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    other = spooled(recorded, frame_of(1, [record(3)]), writer="host:2:b")
    other.write_bytes(other.read_bytes() + bytes(4096))
    sealed = recorded.seal()
    assert (sealed.damaged_bytes, sealed.torn_bytes) == (len(frame_of(2, [record(2)])), 4096)
    assert [each.name for each in recorded.spool.glob("*/*")] == ["00000001.damaged"]


def test_an_open_file_is_adopted_when_its_writer_is_gone_and_left_alone_before(recorded):
    with recorded.recorder() as recorder:
        recorder.record({"a": 1.0}, 0.5).wait()
        assert recorded.seal().records == 0
        (path,) = recorded.spool.glob("*/*.open")
        copy = path.parent.with_name("gone")
        copy.mkdir()
        shutil.copy(path, copy / path.name)
        assert recorded.seal().records == 1
    assert recorded.seal().repeated == 1


def test_notices_alone_are_sealed_once(recorded, tmp_path):
    path = spooled(recorded, notice_of(1, {"kind": "gap", "at": RECORD[1], "begun": RECORD[1], "count": 5}))
    shutil.copy(path, tmp_path / "kept")
    assert recorded.seal().missing == 5
    path.parent.mkdir()
    shutil.copy(tmp_path / "kept", path)
    recorded.seal()
    assert recorded.table("events").height == 1


def test_a_value_that_fits_no_column_is_kept_beside_and_told(recorded):
    spooled(recorded, frame_of(1, [record(1), record(2, "two"), record(3)]))
    sealed = recorded.seal()
    assert (sealed.records, sealed.quarantined) == (3, 1)
    assert recorded.predictions.height == 3
    assert recorded.inputs["a"].to_list() == [1.0, 3.0]
    (event,) = recorded.table("events").to_dicts()
    assert event["summary"] == "inputs of p-2 are kept in the spool: a: a text is no Float64"
    (kept,) = recorded.spool.glob("*/*.quarantine.jsonl")
    assert '"a": "two"' in kept.read_text()


def of_names(recorded, names: tuple[str, ...], *records: bytes, writer: str = "host:9:z"):
    """Write a spool file of features that `record` would refuse."""
    folder = recorded.spool / writer.replace(":", "-")
    folder.mkdir(parents=True)
    file = SpoolFile(folder / "00000001.open", Header(writer, "loans", "7", names, begun=RECORD[1]))
    file.write(frame_of(1, records))
    file.close()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("_row",), "the feature is a name that the log itself uses"),
        (("prediction_id",), "the feature is a name that the log itself uses"),
        (("a\0b",), "the feature has a character that no name can have"),
        (("n" * 70_000,), "the feature is longer than 1,000 characters"),
    ],
)
def test_a_name_that_no_column_can_have_keeps_nobody_else_from_being_sealed(recorded, names, reason):
    of_names(recorded, names, record(1))
    spooled(recorded, frame_of(1, [record(2)]))
    sealed = recorded.seal()
    assert (sealed.records, sealed.quarantined, sealed.set_aside) == (2, 1, 0)
    assert set(recorded.predictions["prediction_id"]) == {"p-1", "p-2"}
    assert recorded.inputs["a"].to_list() == [2.0]
    (event,) = recorded.table("events").to_dicts()
    assert event["summary"] == f"inputs of p-1 are kept in the spool: {names[0][:80]}: {reason}"
    (kept,) = recorded.spool.glob("*/*.quarantine.jsonl")
    assert '"sequence": 1' in kept.read_text()


def test_more_columns_than_a_segment_has_room_for_are_kept_aside(recorded):
    names = tuple(f"feature_{number:05}" for number in range(3_000))
    few = encoded(("few", RECORD[1], [0.5] * 100 + [None] * 2_900, *RECORD[3:]))
    of_names(recorded, names, encoded(("all", RECORD[1], [0.5] * 3_000, *RECORD[3:])), few)
    sealed = recorded.seal()
    assert (sealed.records, sealed.quarantined) == (2, 1)
    assert recorded.inputs["prediction_id"].to_list() == ["few"]
    (event,) = recorded.table("events").to_dicts()
    assert "the feature has no room in a segment beside the others; " in event["summary"]
    assert event["summary"].endswith(" more")


def test_a_record_that_cannot_be_sealed_is_found_and_kept_aside(recorded):
    """One has an explanation that is none, one a time that is none: neither is refused where the records are made."""
    explained = (*RECORD[3:-1], {"explanation": {"method": "shap", "base_value": "x"}})
    poisoned = encoded(("explained", RECORD[1], [2.0], *explained))
    timeless = encoded(("timeless", "noon", [3.0], *RECORD[3:]))
    good = [record(number) for number in range(10, 15)]
    spooled(recorded, frame_of(1, [*good[:2], poisoned, *good[2:4], timeless, good[4]]))
    sealed = recorded.seal()
    assert (sealed.records, sealed.quarantined, sealed.set_aside, sealed.files) == (6, 1, 1, 1)
    assert recorded.predictions["prediction_id"].to_list() == ["p-10", "p-11", "explained", "p-12", "p-13", "p-14"]
    assert recorded.predictions["sequence"].to_list() == [1, 2, 3, 4, 5, 7]
    assert recorded.inputs["a"].to_list() == [10.0, 11.0, 12.0, 13.0, 14.0]
    kinds = recorded.table("events").sort("kind").select("kind", "subject").rows()
    assert kinds == [("recorder.quarantined", "explained"), ("recorder.set-aside", "timeless")]
    (kept,) = recorded.spool.glob("*/*.quarantine.jsonl")
    lines = kept.read_text().splitlines()
    assert [json.loads(line)["record"]["id"] for line in lines] == ["explained", "timeless"]
    assert not al.open(recorded.folder).verify(vault=recorded.vault).findings


def test_a_process_killed_between_two_halves_goes_on_where_it_was(recorded, tmp_path, monkeypatch):
    timeless = encoded(("timeless", "noon", [3.0], *RECORD[3:]))
    notice = notice_of(1, {"kind": "gap", "at": RECORD[1], "begun": RECORD[1], "count": 5})
    path = spooled(recorded, notice, frame_of(6, [record(1), record(2), timeless]))
    shutil.copy(path, tmp_path / "kept")
    unlink = type(path).unlink
    monkeypatch.setattr(type(path), "unlink", lambda each, **how: each.suffix == ".spool" or unlink(each, **how))
    first = recorded.seal()
    monkeypatch.undo()
    again = recorded.seal()
    assert (first.records, first.set_aside) == (2, 1)
    assert (again.records, again.repeated, again.set_aside) == (0, 2, 1)
    assert recorded.predictions["prediction_id"].to_list() == ["p-1", "p-2"]
    kinds = recorded.table("events").sort("kind")["kind"].to_list()
    assert kinds == ["recorder.gap", "recorder.set-aside"]
    assert len((path.parent / "00000001.quarantine.jsonl").read_text().splitlines()) == 1


def test_where_too_many_cannot_be_sealed_the_rest_is_not_taken_apart(recorded, monkeypatch):
    monkeypatch.setattr(sealer, "_MOST_SINGLY", 2)
    explained = (*RECORD[3:-1], {"explanation": {"method": "shap", "base_value": "x"}})
    poisoned = [encoded((f"p-{number}", RECORD[1], [float(number)], *explained)) for number in range(1, 9)]
    spooled(recorded, frame_of(1, [*poisoned[:4], record(20), *poisoned[4:]]))
    sealed = recorded.seal()
    assert (sealed.records, sealed.quarantined, sealed.set_aside) == (9, 9, 0)
    assert recorded.predictions["sequence"].to_list() == list(range(1, 10))
    (kept,) = recorded.spool.glob("*/*.quarantine.jsonl")
    assert [json.loads(line)["sequence"] for line in kept.read_text().splitlines()] == list(range(1, 10))
    assert spool_state(recorded.spool).kept_aside == 1


def test_where_the_log_takes_nothing_nothing_is_set_aside(recorded, monkeypatch):
    path = spooled(recorded, frame_of(1, [record(1), record(2)]))

    def refused(*_):
        raise LogError("the log contradicts itself", "See what happened to it.")

    monkeypatch.setattr("audit_lab.log.writing.writer.LogWriter.append", refused)
    with pytest.raises(LogError, match="contradicts itself"):
        recorded.seal()
    monkeypatch.undo()
    assert recorded.seal().records == 2
    assert recorded.inputs["a"].to_list() == [1.0, 2.0]
    assert not path.exists()


def test_a_column_keeps_the_type_that_it_has_in_the_log(recorded):
    spooled(recorded, frame_of(1, [record(1)]))
    recorded.seal()
    spooled(recorded, frame_of(1, [record(2, 2), record(3, 2**53 + 1)]), writer="host:2:b")
    sealed = recorded.seal()
    assert sealed.quarantined == 1
    assert recorded.inputs["a"].to_list() == [1.0, 2.0]


def test_a_new_feature_is_a_new_column(recorded):
    with recorded.recorder() as recorder:
        recorder.record({"a": 1.0}, 0.5)
        recorder.record({"a": 2.0, "b": "x"}, 0.5)
        recorder.record({"b": "y"}, 0.5)
    recorded.seal()
    assert recorded.inputs.select("a", "b").rows() == [(1.0, None), (2.0, "x"), (None, "y")]


def test_two_do_not_seal_at_once(recorded):
    spooled(recorded, frame_of(1, [record(1)]))
    with hold(recorded.spool / LOCK) as held:
        assert held
        assert recorded.seal() is None


def test_the_age_of_what_is_not_sealed_is_known(recorded):
    assert unsealed_since(recorded.spool) is None
    spooled(recorded, frame_of(1, [record(1)]))
    assert unsealed_since(recorded.spool) == RECORD[1] / 1e6


def test_what_fails_leaves_the_file_where_it_is(recorded, monkeypatch):
    path = spooled(recorded, frame_of(1, [record(1)]))

    def refused(*_):
        raise StorageError("the disk is full", "Make room.", "full")

    monkeypatch.setattr(sealer.SpooledRows, "tables", refused)
    with pytest.raises(StorageError):
        recorded.seal()
    assert path.exists()


def test_a_process_seals_what_recorders_hand_over_and_ends_with_them(recorded):
    with recorded.recorder(seal=True, seal_s=0.1) as recorder:
        ticket = recorder.record({"a": 1.0}, 0.5)
        ticket.wait()
        deadline = time.monotonic() + 60
        while recorder.status().sealing_lag_s > 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process = recorder._sealing._process
        assert process.poll() is None
        recorder.record({"a": 2.0}, 0.5)
    assert process.wait(60) == 0
    assert recorded.inputs["a"].to_list() == [1.0, 2.0]
    assert recorded.predictions["occurred_at"].max() <= datetime.now(UTC)


def test_what_keeps_the_process_from_sealing_is_told(recorded, tmp_path):
    shutil.move(recorded.vault, tmp_path / "moved")
    with recorded.recorder(seal=True, seal_s=0.05) as recorder:
        recorder.record({"a": 1.0}, 0.5).wait()
        deadline = time.monotonic() + 60
        while recorder.status().problem is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "vault" in recorder.status().problem
        process = recorder._sealing._process
    process.wait(60)
    shutil.move(tmp_path / "moved", recorded.vault)
    assert recorded.seal().records == 1


def test_whatever_stops_the_process_that_seals_is_told(recorded, monkeypatch):
    def broken(*_):
        raise AttributeError("nobody thought of this")

    spooled(recorded, frame_of(1, [record(1)]))
    monkeypatch.setattr(sealing_process, "seal_spool", broken)
    monkeypatch.setattr(sealing_process.os, "nice", lambda _: None)
    read, write = os.pipe()
    with os.fdopen(write, "wb") as orders:
        told = {"log": str(recorded.folder), "spool": str(recorded.spool), "vault": str(recorded.vault)}
        orders.write(json.dumps({**told, "passphrase": None}).encode() + b"\n")
    with os.fdopen(read, "rb") as orders:
        sealing_process.main(orders)
    assert spool_state(recorded.spool).problem == "AttributeError: nobody thought of this"


def test_sequences_show_verification_what_is_missing(recorded):
    spooled(recorded, frame_of(1, [record(1)]), frame_of(4, [record(4)]))
    recorded.seal()
    report = al.open(recorded.folder).verify(vault=recorded.vault)
    assert any("left out 2 of its sequence numbers between 1 and 4" in note for note in report.notes)
    assert recorded.predictions.select(pl.col("sequence")).to_series().to_list() == [1, 4]
