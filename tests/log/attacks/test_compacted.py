"""The attacks on rows again, after compaction: a file then holds several segments, and each row says its place."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from audit_lab.log.erasure.erasure import erase
from audit_lab.log.writing.compaction import compact, remove_replaced
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry_kinds import PlacementEntry

DIFFERS = {"log.segment-changed", "log.rows-root-differs"}


@pytest.fixture(scope="module")
def compacted_once(sealed_log_once, small_log, tmp_path_factory):
    log = sealed_log_once.copy(tmp_path_factory.mktemp("compacted"))
    with log.writer() as writer:
        compact(writer)
        remove_replaced(writer, older_than=small_log.timedelta(0), actor="tests")
    return log


@pytest.fixture
def compacted(compacted_once, tmp_path):
    return compacted_once.copy(tmp_path)


def only_file(log):
    (path,) = log.files("predictions")
    return path


def segments(log):
    return list(log.state.segments["predictions"])


def test_compacted_log_holds(compacted):
    report = compacted.report()
    assert report.findings == ()
    assert "66 rows: their hashes recomputed from their values" in report.checked
    assert compacted.read(only_file(compacted)).columns[-2:] == ["_segment", "_row"]


def test_changed_cell_is_named_by_its_logical_place(compacted):
    second = segments(compacted)[1]
    changed = pl.when(pl.col("prediction_id") == "p-013").then(pl.lit("deny")).otherwise("decision")
    compacted.rewrite(only_file(compacted), lambda frame: frame.with_columns(changed.alias("decision")))
    assert compacted.found() == DIFFERS | {"log.row-changed"}
    assert compacted.meaning("log.row-changed") == [f"these rows hold other values than were sealed: p-013@{second}:3"]


def test_dropped_row_is_named_by_its_logical_place(compacted):
    second = segments(compacted)[1]
    compacted.rewrite(only_file(compacted), lambda frame: frame.filter(pl.col("prediction_id") != "p-015"))
    assert compacted.found() == DIFFERS | {"log.row-dropped", "log.places-differ"}
    assert compacted.meaning("log.row-dropped") == [f"these rows are gone: @{second}:5"]


def test_rows_of_two_segments_exchanged_are_named(compacted):
    order = [*range(5), 15, *range(6, 15), 5, *range(16, 30)]
    compacted.rewrite(only_file(compacted), lambda frame: frame[order])
    assert compacted.found() == DIFFERS | {"log.places-differ", "log.row-changed"}


def test_changed_places_are_named_even_where_every_value_is_as_sealed(compacted):
    rows = pl.when(pl.col("prediction_id") == "p-007").then(pl.lit(8, dtype=pl.UInt32)).otherwise("_row")
    compacted.rewrite(only_file(compacted), lambda frame: frame.with_columns(rows.alias("_row")))
    assert compacted.found() == {"log.segment-changed", "log.places-differ"}


def test_wrong_places_that_the_log_itself_sealed_are_found(compacted):
    path = only_file(compacted)
    swap = dict(zip(segments(compacted), reversed(segments(compacted)), strict=True))
    compacted.rewrite(path, lambda frame: frame.with_columns(pl.col("_segment").replace(swap)))
    seal_file_as_it_is(compacted, path)
    assert compacted.found() == {"log.places-differ"}


def seal_file_as_it_is(log, path):
    content = (log.folder / path).read_bytes()

    def change(entry):
        if isinstance(entry, PlacementEntry) and entry.file == path:
            return replace(entry, sha256=sha256(content), size_bytes=len(content))
        return entry

    log.seal_again(change)


def test_rows_changed_by_a_compaction_that_the_log_itself_sealed_are_found(compacted):
    """A placement vouches for a file; only the statements of the segments vouch for rows."""
    path = only_file(compacted)
    compacted.rewrite(path, lambda frame: frame.with_columns(threshold=pl.lit(0.125)))
    seal_file_as_it_is(compacted, path)
    assert compacted.found() == {"log.rows-root-differs", "log.row-changed"}
    assert len(compacted.meaning("log.row-changed")) == 3


def test_compaction_of_erased_rows_holds(compacted):
    with compacted.writer() as writer:
        erase(writer, subject_id="subject-1", actor="dpo", reason="art. 17")
    assert compacted.found() == set()
    with compacted.writer() as writer:
        writer.append({"predictions": compacted.read(only_file(compacted)).drop("_segment", "_row")[:3]})
        compact(writer)
    assert compacted.found() == set()
