"""From the spool into the log, each record once, whatever happened before."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.recorder import sealer
from audit_lab.capture.recorder.record_form import encoded
from audit_lab.capture.recorder.sealing import LOCK, unsealed_since
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


def test_a_file_of_another_kind_is_refused_and_left(recorded):
    path = spooled(recorded)
    path.write_bytes(b"something else\nentirely\n")
    with pytest.raises(LogError, match="is no spool file"):
        recorded.seal()
    assert path.exists()


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


def test_sequences_show_verification_what_is_missing(recorded):
    spooled(recorded, frame_of(1, [record(1)]), frame_of(4, [record(4)]))
    recorded.seal()
    report = al.open(recorded.folder).verify(vault=recorded.vault)
    assert any("left out 2 of its sequence numbers between 1 and 4" in note for note in report.notes)
    assert recorded.predictions.select(pl.col("sequence")).to_series().to_list() == [1, 4]
