"""What was computed of files is found again, and a file that is damaged, foreign or old is as if it were not there."""

from __future__ import annotations

import os
import time

import polars as pl
import pytest

from audit_lab.log.index.sketch_cache import SketchCache

ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)
FRAMES = {
    "counts": pl.DataFrame({"key": ["Bern", None], "rows": [3, 4]}),
    "none": pl.DataFrame(schema={"x": pl.Float64}),
}
SCHEMAS = {name: dict(frame.schema) for name, frame in FRAMES.items()}


@pytest.fixture
def cache(tmp_path):
    return SketchCache(tmp_path / "sketches")


def only_file(cache):
    (path,) = (path for path in cache.folder.rglob("*") if path.is_file())
    return path


def test_what_was_kept_is_found_under_its_files_and_question_alone(cache):
    cache.keep(f"{ONE}-{TWO}", "weeks", FRAMES)
    found = cache.find(f"{ONE}-{TWO}", "weeks", SCHEMAS)
    assert all(found[name].equals(frame) for name, frame in FRAMES.items())
    assert cache.find(f"{ONE}-{TWO}", "days", SCHEMAS) is None
    assert cache.find(f"{ONE}-{THREE}", "weeks", SCHEMAS) is None
    assert only_file(cache).stat().st_mode & 0o777 == 0o600
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("place", [0, 30, 100, -200, -1])
def test_a_damaged_file_is_not_believed(cache, place):
    cache.keep(ONE, "weeks", FRAMES)
    path = only_file(cache)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert cache.find(ONE, "weeks", SCHEMAS) is None


@pytest.mark.parametrize("length", [0, 50, 200])
def test_a_torn_file_is_not_believed(cache, length):
    cache.keep(ONE, "weeks", FRAMES)
    path = only_file(cache)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.find(ONE, "weeks", SCHEMAS) is None


def test_the_answer_to_another_question_is_not_taken_for_this_one(cache):
    cache.keep(ONE, "days", FRAMES)
    days = only_file(cache)
    content = days.read_bytes()
    days.unlink()
    cache.keep(ONE, "weeks", FRAMES)
    only_file(cache).write_bytes(content)
    assert cache.find(ONE, "weeks", SCHEMAS) is None


def test_frames_of_other_columns_or_types_are_not_taken(cache):
    cache.keep(ONE, "weeks", FRAMES)
    assert cache.find(ONE, "weeks", SCHEMAS | {"more": {"x": pl.Int64()}}) is None
    assert cache.find(ONE, "weeks", SCHEMAS | {"counts": {"key": pl.String(), "rows": pl.Float64()}}) is None


def test_a_file_that_others_may_read_or_that_is_a_link_or_too_old_is_not_believed(cache, tmp_path):
    cache.keep(ONE, "weeks", FRAMES)
    path = only_file(cache)
    path.chmod(0o644)
    assert cache.find(ONE, "weeks", SCHEMAS) is None
    path.chmod(0o600)
    long_ago = time.time() - 31 * 86_400
    os.utime(path, (time.time(), long_ago))
    assert cache.find(ONE, "weeks", SCHEMAS) is None
    os.utime(path)
    assert cache.find(ONE, "weeks", SCHEMAS) is not None
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.find(ONE, "weeks", SCHEMAS) is None


def test_what_is_of_an_erased_file_goes_and_all_that_is_of_several(cache):
    for of in (f"{ONE}-{TWO}", f"{THREE}-{TWO}", ONE):
        cache.keep(of, "weeks", FRAMES)
    cache.forget(THREE)
    assert [cache.find(of, "weeks", SCHEMAS) is None for of in (f"{ONE}-{TWO}", f"{THREE}-{TWO}", ONE)] == [
        False,
        True,
        True,
    ]


def test_what_was_not_used_for_longest_goes_when_there_is_too_much(tmp_path):
    cache = SketchCache(tmp_path, largest_bytes=6_000)
    for number in range(80):
        cache.keep(ONE, f"question {number}", FRAMES)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.sketch")) < 60_000
    assert cache.find(ONE, "question 0", SCHEMAS) is None


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    cache = SketchCache(tmp_path / "file" / "sketches")
    cache.keep(ONE, "weeks", FRAMES)
    assert cache.find(ONE, "weeks", SCHEMAS) is None


def test_names_that_are_no_digests_make_no_folder(cache):
    cache.keep("../../elsewhere", "weeks", FRAMES)
    assert not cache.folder.exists()
