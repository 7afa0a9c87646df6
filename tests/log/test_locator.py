"""Finding, building and distrusting indexes; nothing of it ever writes to the log."""

from __future__ import annotations

import os
import stat
import threading

import polars as pl
import pytest

from audit_lab.log.index.index_builder import IndexBuilder
from audit_lab.log.index.index_cache import IndexCache
from audit_lab.log.index.index_file import index_bytes
from audit_lab.log.index.locator import Locator
from audit_lab.log.index.row_reader import RowReader, Stamp
from audit_lab.log.store import open_store

STAMP = Stamp(5, 7, 9)
DIGEST = "0f" * 32


@pytest.fixture
def opened(segmented_log, tmp_path):
    """The segments of the predictions, a locator over them and its cache."""

    def open_(*, indexes=False, cache=None):
        store = open_store(segmented_log(indexes=indexes))
        cache = cache or IndexCache(tmp_path / "cache")
        return (
            store.manifest.tables["predictions"],
            Locator(store.path, RowReader(store.source, store.path), cache),
            cache,
        )

    return open_


def rows(candidates):
    return [(segment.name, row) for segment, row in candidates.rows]


def test_indexes_of_the_log_are_used_as_they_are(opened):
    segments, locator, cache = opened(indexes=True)
    found = locator.candidates("predictions", segments, "prediction_id", "p-016")
    assert rows(found) == [("part-00001", 1)]
    assert (found.to_read, found.missing) == ([], [])
    assert not cache.folder.exists()


def test_missing_indexes_of_short_files_are_built_at_once(opened):
    segments, locator, cache = opened()
    found = locator.candidates("predictions", segments, "prediction_id", "p-016")
    assert rows(found) == [("part-00001", 1)]
    assert found.to_read == []
    kept = sorted(path.relative_to(cache.folder).parts[0] for path in cache.folder.glob("*/*"))
    assert kept == sorted(segment.sha256 for segment in segments)


def test_missing_indexes_of_long_files_are_built_beside_the_lookups(opened, monkeypatch):
    monkeypatch.setattr("audit_lab.log.index.index_builder._MOST_ROWS_AT_ONCE", 0)
    segments, locator, cache = opened()
    found = locator.candidates("predictions", segments, "prediction_id", "p-016")
    assert (rows(found), found.to_read, found.missing) == ([], list(segments), list(segments))
    assert not cache.folder.exists()
    locator.build("predictions", found.missing, "prediction_id")
    locator.finish()
    later = locator.candidates("predictions", segments, "prediction_id", "p-016")
    assert (rows(later), later.to_read) == ([("part-00001", 1)], [])


def test_an_interrupt_ends_the_building_quietly(opened, monkeypatch):
    monkeypatch.setattr("audit_lab.log.index.index_builder._MOST_ROWS_AT_ONCE", 0)
    asked = []

    def interrupted(self, table, segment, column):
        asked.append(segment.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(IndexBuilder, "_build", interrupted)
    segments, locator, _ = opened()
    locator.build("predictions", segments, "prediction_id")
    locator.finish()
    assert asked == ["part-00000"]


def test_own_indexes_are_found_by_the_next_who_opens_the_log(opened, monkeypatch):
    segments, locator, cache = opened()
    locator.candidates("predictions", segments, "prediction_id", "p-016")
    monkeypatch.setattr(IndexBuilder, "_build", lambda *_: pytest.fail("built again"))
    again = Locator(locator._folder, locator._reader, cache)
    assert rows(again.candidates("predictions", segments, "prediction_id", "p-039")) == [("part-00002", 9)]


def test_an_index_of_a_file_that_changed_is_not_used(opened):
    segments, locator, cache = opened()
    locator.candidates("predictions", segments, "prediction_id", "p-016")
    path = locator._folder / segments[1].path
    pl.read_parquet(path).reverse().write_parquet(path)
    again = Locator(locator._folder, locator._reader, cache)
    assert rows(again.candidates("predictions", segments, "prediction_id", "p-016")) == [("part-00001", 13)]


def test_a_distrusted_index_of_the_log_is_replaced_by_an_own_one(opened):
    segments, locator, cache = opened(indexes=True)
    locator.candidates("predictions", segments, "prediction_id", "p-016")
    locator.distrust("predictions", segments[1], "prediction_id")
    assert locator.damaged("predictions") == ("index/predictions/part-00001.prediction_id.index",)
    found = locator.candidates("predictions", segments, "prediction_id", "p-016")
    assert (rows(found), found.to_read) == ([("part-00001", 1)], [])
    assert [path.parent.name for path in cache.folder.glob("*/*")] == [segments[1].sha256]


def test_a_distrusted_own_index_is_built_anew(opened):
    segments, locator, cache = opened()
    locator.candidates("predictions", segments, "prediction_id", "p-016")
    (own,) = cache.folder.glob(f"{segments[1].sha256}/*.prediction_id.index")
    right = own.read_bytes()
    own.unlink()
    own.write_bytes(index_bytes(pl.Series([f"q-{number}" for number in range(15)]), segments[1].sha256))
    again = Locator(locator._folder, locator._reader, cache)
    assert rows(again.candidates("predictions", segments, "prediction_id", "p-016")) == []
    again.distrust("predictions", segments[1], "prediction_id")
    assert rows(again.candidates("predictions", segments, "prediction_id", "p-016")) == [("part-00001", 1)]
    assert own.read_bytes() == right
    assert again.damaged("predictions") == ()


def test_without_a_cache_folder_the_column_is_read(opened, tmp_path):
    (tmp_path / "file").write_text("")
    segments, locator, _ = opened(cache=IndexCache(tmp_path / "file" / "cache"))
    for _ in range(2):
        found = locator.candidates("predictions", segments, "prediction_id", "p-016")
        assert (rows(found), found.to_read) == ([], list(segments))


def test_a_digest_that_is_a_path_leads_nowhere(tmp_path):
    cache = IndexCache(tmp_path / "cache")
    for stated in ("../../x", "", DIGEST.upper(), DIGEST + "\n", "/etc"):
        assert cache.path(stated, STAMP, "prediction_id") is None
        cache.forget(stated)
    assert cache.path(DIGEST, STAMP, "prediction_id") == tmp_path / "cache" / DIGEST / "5-7.prediction_id.index"


def test_the_cache_is_the_users_own_and_bounded(tmp_path):
    cache = IndexCache(tmp_path / "cache", largest_bytes=250)
    kept = [cache.path(f"{number:064x}", STAMP, "prediction_id") for number in range(4)]
    for age, path in enumerate(kept):
        cache.keep(path, b"x" * 100)
        os.utime(path, ns=(age * 10**9, age * 10**9))
    assert [path.exists() for path in kept] == [False, False, True, True]
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


def test_what_a_killed_process_left_in_the_cache_is_removed(tmp_path):
    cache = IndexCache(tmp_path / "cache")
    path = cache.path(DIGEST, STAMP, "prediction_id")
    cache.keep(path, b"x")
    left, fresh = path.parent / ".a.index.x.tmp", path.parent / ".b.index.x.tmp"
    for aside in (left, fresh):
        aside.write_bytes(b"half")
    os.utime(left, ns=(0, 0))
    cache.keep(path, b"x")
    assert sorted(kept.name for kept in path.parent.iterdir()) == [".b.index.x.tmp", path.name]


def test_indexes_of_erased_values_are_forgotten(tmp_path):
    cache = IndexCache(tmp_path / "cache")
    erased, other = (cache.path(digest * 32, STAMP, "subject_id") for digest in ("0f", "1f"))
    for path in (erased, other):
        cache.keep(path, b"x")
    cache.forget(DIGEST)
    assert (erased.exists(), other.exists()) == (False, True)


def test_default_cache_is_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert IndexCache().folder == tmp_path / "audit_lab" / "index"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert IndexCache().folder == tmp_path / "home" / ".cache" / "audit_lab" / "index"


@pytest.mark.parametrize("most_bytes_read", [0, 262_144])
def test_few_indexes_are_kept_open(opened, monkeypatch, most_bytes_read):
    monkeypatch.setattr("audit_lab.log.index.open_indexes._MOST_BYTES_READ", most_bytes_read)
    monkeypatch.setattr("audit_lab.log.index.open_indexes._MOST_MAPPED", 2)
    monkeypatch.setattr("audit_lab.log.index.open_indexes._MOST_BYTES_HELD", 2 * (72 + 15 * 12))
    segments, locator, _ = opened(indexes=True)
    for number in (3, 17, 33) * 2:
        found = locator.candidates("predictions", segments, "prediction_id", f"p-{number:03d}")
        assert len(found.rows) == 1
        assert len(locator._open) <= 2
    locator.distrust("predictions", segments[2], "prediction_id")
    assert len(locator._open) == 1


def test_lookups_from_several_threads(opened):
    segments, locator, _ = opened()
    found = []

    def look():
        for number in range(40):
            candidates = locator.candidates("predictions", segments, "prediction_id", f"p-{number:03d}")
            locator.build("predictions", candidates.missing, "prediction_id")
            found.append(len(candidates.rows) + len(candidates.to_read) >= 1)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    locator.finish()
    assert found == [True] * 160
