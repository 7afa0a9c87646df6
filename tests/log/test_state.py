"""The state of a log: entry by entry, refused as soon as one contradicts those before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.manifest import parse_manifest
from audit_lab.log.tree.state import LogState, manifest_bytes, manifest_document, manifest_of
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.writer import LogWriter
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import (
    DisposalEntry,
    GenesisEntry,
    HeartbeatEntry,
    HoldEntry,
    ModelEntry,
    PlacementEntry,
    ReleaseEntry,
    RotateEntry,
    SegmentEntry,
)
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json

FOLDER = Path("/disk/log")


@pytest.fixture
def log(simulated, sealed):
    """Return the storage, the writer and the clock of a log with two appends."""
    storage, clock = LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""})), sealed.Clock()
    writer = sealed.begun(storage, sealed.MemoryVault(), clock)
    writer.append({"predictions": sealed.predictions("a", "b", at=sealed.START)})
    writer.append({"predictions": sealed.predictions("c", at=sealed.START + timedelta(days=1))})
    return storage, writer, clock


@pytest.fixture
def entries(log):
    storage, *_ = log
    return [parse_entry(content) for content in LogTree(storage).entries()]


def folded(entries):
    return LogState.fold(entry.to_bytes() for entry in entries)


def about(entries):
    return {"origin": entries[0].origin, "sealed_at": entries[-1].sealed_at}


def test_the_state_is_the_sum_of_the_entries(entries, sealed):
    state = folded(entries)
    assert [type(entry) for entry in entries] == [GenesisEntry, *[SegmentEntry, PlacementEntry] * 2]
    assert (state.origin, state.size, state.sealed_at) == (sealed.ORIGIN, 5, entries[-1].sealed_at)
    segments = list(state.segments["predictions"].values())
    assert [(each.index, each.statement.rows) for each in segments] == [(1, 2), (3, 1)]
    files = list(state.files["predictions"].values())
    assert [file.path for file in files] == [entries[2].file, entries[4].file]
    assert [(file.first_time, file.last_time) for file in files] == [
        ("2026-03-02T08:00:00.000000Z", "2026-03-02T08:00:00.000000Z"),
        ("2026-03-03T08:00:00.000000Z", "2026-03-03T08:00:00.000000Z"),
    ]
    assert len(state.schemas["predictions"]) == 1
    assert [key.key for key in state.keys] == [entries[0].log_key]


def changed(entries, number, **members):
    return [*entries[:number], replace(entries[number], **members), *entries[number + 1 :]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e[1:], "entry 0 of a log does not begin the log"),
        (lambda e: [*e, e[0]], "entry 5 .* begins the log again"),
        (lambda e: changed(e, 3, origin="tests/other"), "entry 3 .* is of another log, tests/other"),
        (lambda e: changed(e, 3, sealed_at="2020-01-01T00:00:00.000000Z"), "entry 3 .* is dated before"),
        (lambda e: [*e, replace(e[1], sealed_at=e[4].sealed_at)], "entry 5 .* states the segment .* again"),
        (lambda e: [*e, replace(e[2], file="x", sealed_at=e[4].sealed_at)], "entry 5 .* places .* a second time"),
        (lambda e: [*e[:3], e[4]], "entry 3 .* places rows of .* that no statement covers"),
        (lambda e: changed(e, 4, rows=0, holds=(replace(e[4].holds[0], rows=0),)), "no statement covers"),
        (lambda e: changed(e, 4, holds=(replace(e[4].holds[0], first_row=1),)), "no statement covers"),
        (lambda e: changed(e, 4, file=e[2].file), "entry 4 .* gives the name .* to a second file"),
        (lambda e: changed(e, 4, replaces=("predictions/y.parquet",)), "replaces a file that holds no rows"),
        (lambda e: changed(e, 4, replaces=(e[2].file,)), "holds other rows than the files that it replaces"),
    ],
)
def test_an_entry_that_contradicts_those_before_is_refused(entries, change, message):
    folded(entries)
    with pytest.raises(LogError, match=message):
        folded(change(entries))


def test_a_rotation_brings_the_next_key_into_force(entries):
    key = SigningKey.generate(entries[0].origin).public
    state = folded([*entries, RotateEntry(**about(entries), new_key=key, epoch="2026-03-03")])
    assert [(each.key, each.first_size, each.last_size) for each in state.keys] == [
        (entries[0].log_key, 1, 6),
        (key, 7, None),
    ]


def test_a_hold_stands_until_its_release(entries):
    hold = HoldEntry(
        **about(entries), name="case-7", subjects_sha256=("ab" * 32,), predictions_sha256=(), actor="j", reason="court"
    )
    assert folded([*entries, hold]).holds == {"case-7": (hold,)}
    release = ReleaseEntry(**about(entries), name="case-7", actor="j", reason="settled")
    assert folded([*entries, hold, release]).holds == {}


def test_models_are_known_by_name_and_version(entries):
    model = ModelEntry(**about(entries), model_name="loans", model_version="1", artifact_sha256="cd" * 32)
    assert folded([*entries, model]).models == {("loans", "1"): model}


def test_files_that_were_disposed_of_hold_nothing(entries):
    gone = DisposalEntry(**about(entries), files=(entries[2].file,), reason="retention", actor="j")
    state = folded([*entries, gone])
    assert list(state.files["predictions"]) == [entries[4].file]
    assert state.disposed == {entries[2].file}


def test_the_manifest_file_is_the_document(log):
    storage, writer, _ = log
    tree = LogTree(storage)
    content = storage.read("manifest.json")
    assert content == manifest_bytes(writer.state, tree.root)
    assert content == canonical_json(manifest_document(writer.state, tree.root)) + b"\n"
    parsed = parse_manifest(content, "manifest.json")
    assert parsed.tables == manifest_of(writer.state, tree.root).tables
    assert (parsed.schema_version, parsed.tree_size, parsed.tree_root) == (2, 5, tree.root.hex())
    assert (parsed.description, parsed.notes) == ("A log of tests", ("Invented.",))
    assert [hold.rows for file in parsed.tables["predictions"] for hold in file.holds] == [2, 1]


def test_the_manifest_file_is_canonical_whatever_a_log_says(simulated, sealed):
    storage = LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""}))
    writer = LogWriter(storage, sealed.MemoryVault(), sealed.ORIGIN, clock=sealed.Clock())
    writer.begin(description='say "tables":{} \U0001f511 \x7f', notes=['"tables":{}', "\u2028"])
    for model in ("\uffff", "\U0001f511", "a", "Z/b"):
        writer.append({f"inputs/{model}": pl.DataFrame({"prediction_id": ["é"]})})
    content = storage.read("manifest.json")
    document = manifest_document(writer.state, LogTree(storage).root)
    assert content == canonical_json(document) + b"\n"
    parsed = parse_manifest(content, "manifest.json")
    assert sorted(parsed.tables) == ["inputs/Z/b", "inputs/a", "inputs/\uffff", "inputs/\U0001f511"]
    assert parsed.description == 'say "tables":{} \U0001f511 \x7f'


def test_a_log_without_rows_has_a_manifest(simulated, sealed):
    storage = LocalStorage(FOLDER, simulated.SimulatedDisk({"/disk/": b""}))
    sealed.begun(storage, sealed.MemoryVault())
    parsed = parse_manifest(storage.read("manifest.json"), "manifest.json")
    assert (parsed.tables, parsed.tree_size) == ({}, 1)


def test_an_earlier_size_shows_what_was_sealed_then(log):
    storage, *_ = log
    tree = LogTree(storage)
    state = LogState.at(tree, 3)
    assert state.size == 3
    assert [each.statement.rows for each in state.segments["predictions"].values()] == [2]
    assert [file.rows for file in state.files["predictions"].values()] == [2]
    assert LogState.at(tree, 1).files == {}
    assert LogState.at(tree, 5).files == folded([parse_entry(each) for each in tree.entries()]).files


def test_an_earlier_moment_shows_what_was_sealed_then(log, entries):
    storage, *_ = log
    tree = LogTree(storage)
    first = datetime.fromisoformat(entries[2].sealed_at)
    assert LogState.at(tree, first).size == 3
    assert LogState.at(tree, first - timedelta(microseconds=1)).size == 1
    assert LogState.at(tree, datetime(2999, 1, 1, tzinfo=UTC)).size == 5


@pytest.mark.parametrize("as_of", [0, 6, -1, datetime(1999, 1, 1, tzinfo=UTC)])
def test_a_moment_without_a_state_is_refused(log, as_of):
    storage, *_ = log
    with pytest.raises(MisuseError, match="has no state as of"):
        LogState.at(LogTree(storage), as_of)


def test_an_entry_that_is_none_is_refused(entries):
    with pytest.raises(MalformedError, match="Entry 1"):
        LogState.fold([entries[0].to_bytes(), b"{}"])


def test_heartbeats_change_nothing_but_the_time(entries):
    state = folded([*entries, HeartbeatEntry(**about(entries))])
    assert (state.size, state.files) == (6, folded(entries).files)
