"""What is opened: the newest state of a log or an earlier one, whole, whatever a writer does meanwhile."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.log.folder import LogFolder
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.store import open_store
from audit_lab.log.tree.snapshot import open_snapshot
from audit_lab.log.writing.compaction import compact, remove_replaced


def ids(store):
    return store.table("predictions").collect()["prediction_id"].to_list()


def named(first, last):
    return [f"p-{number:03d}" for number in range(first, last)]


def sizes(log):
    return sorted(int(path.name) for path in (log.folder / "checkpoints").iterdir())


def compacted(log):
    """Compact the log, and remove the files that were replaced."""
    with log.writer() as writer:
        compact(writer)
        log.clock.now += timedelta(days=1)
        remove_replaced(writer, older_than=timedelta(0), actor="tests")


def test_the_newest_state_bears_the_note_of_its_checkpoint(sealed_log):
    store = open_store(sealed_log.folder)
    assert ids(store) == named(0, 30)
    assert store.checkpoint == (sealed_log.folder / "checkpoint").read_text()
    assert store.manifest.tree_size == sizes(sealed_log)[-1]
    assert store.source.tables()["predictions"] == 30
    assert (store.origin, store.models()) == ("demonstration-loans/log", ("loans",))


def test_a_log_that_is_not_sealed_has_no_checkpoint(make_log):
    assert open_store(make_log()).checkpoint is None


def test_each_tree_size_opens_the_rows_of_then(sealed_log):
    _, first, second, third = sizes(sealed_log)
    for size, last in ((first, 10), (second, 20), (third, 30)):
        store = open_store(sealed_log.folder, as_of=size)
        assert ids(store) == named(0, last)
        assert store.source.tables()["predictions"] == last
        assert store.checkpoint.splitlines()[1] == str(size)
    assert ids(open_store(sealed_log.folder, as_of=sizes(sealed_log)[0])) == []


@pytest.mark.parametrize(
    ("as_of", "last"),
    [
        ("2026-03-04T09:15", 10),
        ("2026-03-04T09:20:00+00:00", 20),
        (datetime(2026, 3, 4, 10, 29, tzinfo=UTC), 30),
        (date(2026, 3, 5), 30),
    ],
)
def test_each_moment_opens_the_rows_that_were_sealed_by_then(sealed_log, as_of, last):
    assert ids(al.open(sealed_log.folder, as_of=as_of)._store) == named(0, last)


def test_a_moment_or_a_size_that_the_log_does_not_have_is_refused(sealed_log, make_log):
    last = sizes(sealed_log)[-1]
    with pytest.raises(MisuseError, match=r"no state as of 2020-01-01.*begun at 2026-03-04"):
        open_store(sealed_log.folder, as_of="2020-01-01")
    with pytest.raises(MisuseError, match=f"no state as of {last + 1}.*has {last} entries"):
        open_store(sealed_log.folder, as_of=last + 1)
    with pytest.raises(MisuseError, match=r"never sealed at a size of 2 entries. Sizes near it that were: 1\."):
        open_store(sealed_log.folder, as_of=2)
    for wrong in (-1, True, 2.5):
        with pytest.raises(MisuseError, match="as_of is"):
            open_store(sealed_log.folder, as_of=wrong)
    with pytest.raises(MisuseError, match="is not sealed, so its earlier states are not known"):
        open_store(make_log("unsealed"), as_of="2026-03-04")


def test_an_earlier_snapshot_shows_the_same_places_after_compaction(sealed_log):
    size = sizes(sealed_log)[2]
    before = open_store(sealed_log.folder, as_of=size).placed("predictions").collect()
    compacted(sealed_log)
    assert len(sealed_log.files("predictions")) == 1
    after = open_store(sealed_log.folder, as_of=size)
    assert after.placed("predictions").collect().equals(before)
    assert after.source.tables()["predictions"] == 20
    assert after.models() == ("loans",)
    found = al.open(sealed_log.folder, as_of=size).find("inputs.income > 1015")
    assert found["prediction_id"].to_list() == named(15, 20)


def test_places_stay_when_files_are_compacted(sealed_log):
    before = open_store(sealed_log.folder).placed("predictions").collect()
    compacted(sealed_log)
    after = open_store(sealed_log.folder).placed("predictions").collect()
    assert after.equals(before)
    assert after.schema == before.schema
    assert after.select(pl.col(SEGMENT).n_unique(), pl.col(ROW).max()).row(0) == (3, 9)


def test_an_open_log_finds_its_rows_when_their_files_were_replaced(sealed_log):
    store = open_store(sealed_log.folder)
    compacted(sealed_log)
    with sealed_log.writer() as writer:
        from_later = pl.DataFrame({"prediction_id": ["later"], "occurred_at": [datetime(2026, 3, 9, tzinfo=UTC)]})
        writer.append({"predictions": from_later})
    assert ids(store) == named(0, 30)
    assert store.inputs("loans").collect().height == 30
    assert ids(open_store(sealed_log.folder)) == [*named(0, 30), "later"]


def test_a_file_that_is_missing_and_was_never_replaced_is_named(sealed_log):
    path = sealed_log.files("predictions")[1]
    (sealed_log.folder / path).unlink()
    with pytest.raises(LogError, match=f"the segment {path} of table predictions is missing"):
        ids(open_store(sealed_log.folder))


def test_a_file_of_another_size_is_named_before_it_is_read(sealed_log):
    path = sealed_log.folder / sealed_log.files("predictions")[0]
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(
        LogError, match=r"predictions/.*\.parquet of table predictions has [0-9,]+ bytes instead of the"
    ):
        ids(open_store(sealed_log.folder))


def test_opening_parses_no_list_of_files(sealed_log, monkeypatch):
    asked = []
    monkeypatch.setattr("audit_lab.log.tree.snapshot.parse_manifest", lambda *_: asked.append(1) or 1 / 0)
    store = open_store(sealed_log.folder)
    assert (store.origin, store.description, store.notes) == ("demonstration-loans/log", "", ())
    assert asked == []
    with pytest.raises(ZeroDivisionError):
        store.source.tables()


def test_a_description_that_looks_like_the_rest_of_a_manifest_is_read_as_text(tmp_path, small_log):
    from audit_lab.log.writing.writer import create_log
    from audit_lab.seal.keys import SigningKey

    text = ',"schema_version":2,"tables":{","tree":{"root":"x","size":1}}'
    key = SigningKey.generate("demonstration-x")
    create_log(tmp_path / "log", "demonstration-x", vault=tmp_path / "vault", key=key, description=text, notes=[text])
    store = open_store(tmp_path / "log")
    assert (store.description, store.notes, store.source.tables()) == (text, (text,), {})


def test_a_manifest_that_a_stopped_writer_left_behind_is_completed_from_the_entries(sealed_log, small_log):
    manifest = (sealed_log.folder / "manifest.json").read_bytes()
    with sealed_log.writer() as writer:
        writer.append({"predictions": small_log.some_predictions(30, 35)})
    (sealed_log.folder / "manifest.json").write_bytes(manifest)
    store = open_store(sealed_log.folder)
    assert ids(store) == named(0, 35)
    assert store.checkpoint == (sealed_log.folder / "checkpoint").read_text()
    (sealed_log.folder / "manifest.json").unlink()
    assert ids(open_store(sealed_log.folder)) == named(0, 35)


def test_a_manifest_ahead_of_its_checkpoint_is_refused(sealed_log):
    earlier = sizes(sealed_log)[-2]
    (sealed_log.folder / "checkpoint").write_bytes((sealed_log.folder / "checkpoints" / f"{earlier:03d}").read_bytes())
    with pytest.raises(
        LogError, match=f"speaks of a tree of {sizes(sealed_log)[-1]} entries, its checkpoint of {earlier}"
    ):
        open_store(sealed_log.folder)


def test_a_manifest_with_another_root_is_refused(sealed_log):
    path = sealed_log.folder / "manifest.json"
    document = json.loads(path.read_bytes())
    root = document["tree"]["root"]
    path.write_bytes(path.read_bytes().replace(root.encode(), root[::-1].encode()))
    with pytest.raises(LogError, match="its checkpoint of another one"):
        open_store(sealed_log.folder)


def test_a_torn_checkpoint_is_told_as_such(sealed_log):
    (sealed_log.folder / "checkpoint").write_bytes(b"nonsense\n")
    with pytest.raises(LogError, match=r"the tree of .* cannot be read"):
        open_store(sealed_log.folder)


def test_a_damaged_list_of_files_is_told_when_it_is_needed(sealed_log):
    path = sealed_log.folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"rows":10', b'"rows":"a"', 1))
    store = open_store(sealed_log.folder)
    with pytest.raises(LogError, match=r"manifest\.json is not a readable manifest"):
        store.source.tables()


def test_reading_writes_nothing_to_the_log(sealed_log):
    def seen():
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sealed_log.folder.rglob("*")}

    before = seen()
    log = al.open(sealed_log.folder)
    log.find("inputs.income > 1010")
    log.coverage()
    log.decision("p-003")
    log.drift(every="1h", reference=("2026-03-04T09:00", "2026-03-04T09:20"))
    al.open(sealed_log.folder, as_of=sizes(sealed_log)[1]).find()
    assert seen() == before


def test_the_folder_refuses_to_be_written_to(sealed_log):
    folder = LogFolder(sealed_log.folder)
    for write in (
        lambda: folder.create("x", b""),
        lambda: folder.create_all({"x": b""}),
        lambda: folder.remove("checkpoint"),
        folder.lock,
    ):
        with pytest.raises(LogError, match="the log is only being read"):
            write()


def test_a_log_is_opened_from_a_folder_or_from_s3():
    for text in ("http://example.org/log", "gs://bucket/log", "file:///log"):
        with pytest.raises(MisuseError, match="a log cannot be read from"):
            LogFolder(text)
    for text in ("s3://", "s3://bucket/../other", ""):
        with pytest.raises(MisuseError, match="names no folder"):
            LogFolder(text)
    with pytest.raises(MisuseError, match="is a folder of this machine"):
        LogFolder("/tmp", {"aws_region": "x"})


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside", "a/../../b", "a\\b", "a\0b"])
def test_a_path_that_leads_out_is_refused_here_and_in_an_object_store(tmp_path, path):
    for folder in (LogFolder(tmp_path), LogFolder("s3://bucket/log")):
        with pytest.raises(LogError, match="outside itself"):
            folder.uri(path)
        with pytest.raises(LogError, match="outside itself"):
            folder.read(path)


def test_a_file_is_read_up_to_a_bound(tmp_path):
    (tmp_path / "x").write_bytes(b"0123456789")
    folder = LogFolder(tmp_path)
    assert folder.read("x") == b"0123456789"
    assert folder.read("x", 4) == b"01234"
    assert (folder.size("x"), folder.exists("x"), folder.exists("y"), folder.list()) == (10, True, False, ["x"])
    with pytest.raises(StorageError, match="missing|not there"):
        folder.read("y")


def test_credentials_are_never_shown():
    folder = LogFolder("s3://bucket/log", {"aws_secret_access_key": "hidden"})
    assert "hidden" not in f"{folder!r}{folder}"


def test_a_snapshot_of_nothing_points_to_what_can_be_done(tmp_path):
    with pytest.raises(MisuseError, match="audit-lab adapt"):
        open_snapshot(LogFolder(tmp_path))
