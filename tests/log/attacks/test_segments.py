"""Attack 3: a middle segment is deleted, two are swapped, one is replaced by an older one."""

from __future__ import annotations

import os
import shutil

import pytest


def found(sealed_log, **options):
    return [(finding.code, finding.file) for finding in sealed_log.report(**options).findings]


def test_clean_log_holds(sealed_log):
    assert found(sealed_log) == []


def test_deleted_middle_segment_is_named(sealed_log):
    middle = sealed_log.files("predictions")[1]
    (sealed_log.folder / middle).unlink()
    assert found(sealed_log) == [("log.segment-missing", middle)]


def test_segment_deleted_with_all_that_belongs_to_it(sealed_log):
    middle = sealed_log.files("predictions")[1]
    stem = middle.removesuffix(".parquet")
    for path in [*sealed_log.folder.glob(f"{stem}.*"), *(sealed_log.folder / "index").rglob(f"{stem[12:]}.*")]:
        path.unlink()
    assert found(sealed_log) == [("log.segment-missing", middle), ("log.leaves-missing", f"{stem}.leaves")]


def test_swapped_segments_are_named_both(sealed_log):
    first, _, last = sealed_log.files("predictions")
    one, other = sealed_log.folder / first, sealed_log.folder / last
    aside = sealed_log.folder.parent / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    report = sealed_log.report()
    assert {(finding.code, finding.file) for finding in report.findings} == {
        ("log.segment-swapped", first),
        ("log.segment-swapped", last),
    }
    assert f"it holds what belongs in {last}" in report.findings[0].meaning + report.findings[1].meaning


def test_segment_replaced_by_an_older_one_is_named(sealed_log):
    first, _, last = sealed_log.files("predictions")
    shutil.copy(sealed_log.folder / first, sealed_log.folder / last)
    assert found(sealed_log) == [("log.segment-older", last)]
    assert sealed_log.meaning("log.segment-older") == [f"it holds what was sealed earlier as {first}"]


def test_segment_replaced_by_a_later_one_is_named(sealed_log):
    first, _, last = sealed_log.files("predictions")
    shutil.copy(sealed_log.folder / last, sealed_log.folder / first)
    assert found(sealed_log) == [("log.segment-swapped", first)]


def test_segment_of_another_table_is_named(sealed_log):
    prediction, inputs = sealed_log.files("predictions")[0], sealed_log.files("inputs/loans")[0]
    shutil.copy(sealed_log.folder / inputs, sealed_log.folder / prediction)
    assert [file for _, file in found(sealed_log)] == [prediction]


def test_segment_that_is_a_link_out_of_the_log_is_refused(sealed_log):
    path = sealed_log.files("predictions")[1]
    outside = sealed_log.folder.parent / "outside.parquet"
    shutil.move(sealed_log.folder / path, outside)
    (sealed_log.folder / path).symlink_to(outside)
    assert found(sealed_log) == [("log.path-outside", path)]


def test_segment_that_is_a_folder_is_missing(sealed_log):
    path = sealed_log.files("predictions")[1]
    (sealed_log.folder / path).unlink()
    (sealed_log.folder / path).mkdir()
    assert found(sealed_log) == [("log.segment-missing", path)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("checkpoint", "log.checkpoint-missing"),
        ("manifest.json", "log.manifest-missing"),
        ("tile/0/000.p/21", "log.tile-missing"),
        ("tile/entries/000.p/21", "log.entries-missing"),
        ("checkpoints/013", "log.checkpoint-missing"),
    ],
)
def test_pipe_in_the_place_of_a_file_holds_nobody_up(sealed_log, name, code):
    (sealed_log.folder / name).unlink()
    os.mkfifo(sealed_log.folder / name)
    assert code in {each for each, _ in found(sealed_log)}


def test_file_that_no_entry_speaks_of_is_told_and_not_taken_into_account(sealed_log):
    path = sealed_log.files("predictions")[1]
    shutil.copy(sealed_log.folder / path, sealed_log.folder / "predictions" / "planted.parquet")
    report = sealed_log.report()
    assert report.findings == ()
    assert any(note.startswith("no entry speaks of predictions/planted.parquet") for note in report.notes)


def test_changed_index_is_named_and_a_missing_one_is_only_told(sealed_log):
    path = sealed_log.files("predictions")[1]
    index = next((sealed_log.folder / "index" / "predictions").glob(f"{path[12:-8]}.prediction_id.index"))
    index.write_bytes(index.read_bytes()[:-4] + b"\0\0\0\0")
    assert found(sealed_log) == [("log.index-changed", path)]
    index.unlink()
    report = sealed_log.report()
    assert report.findings == ()
    assert any(f"index of {path}" in note for note in report.notes)


def test_all_findings_are_reported_at_once(sealed_log):
    first, second, third = sealed_log.files("predictions")
    (sealed_log.folder / first).unlink()
    shutil.copy(sealed_log.folder / sealed_log.files("inputs/loans")[0], sealed_log.folder / second)
    (sealed_log.folder / third.replace(".parquet", ".leaves")).unlink()
    (sealed_log.folder / "manifest.json").write_text("{}")
    assert {code for code, _ in found(sealed_log)} == {
        "log.segment-missing",
        "log.segment-older",
        "log.leaves-missing",
        "log.manifest-differs",
    }
