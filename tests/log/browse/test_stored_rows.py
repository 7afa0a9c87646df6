"""Rows are found by their number and by their place, whatever became of the files since they were written."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from audit_lab.log.browse.stored_rows import StoredRows
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.log.store import open_store
from audit_lab.log.writing.compaction import compact

COLUMNS = [pl.col("prediction_id"), pl.col(SEGMENT), pl.col(ROW)]


def check(store):
    rows = StoredRows(store, "predictions")
    stored = store.placed("predictions").select(COLUMNS).collect()
    assert rows.count == stored.height > 0
    wanted = np.array([stored.height - 1, 0, stored.height // 2, 0])
    assert rows.read(wanted, COLUMNS).equals(stored[wanted.tolist()])
    assert rows.numbers(stored.reverse()).tolist() == list(range(stored.height))[::-1]
    assert rows.read(np.array([], dtype=np.int64), COLUMNS).is_empty()


def test_rows_of_a_sealed_log_and_of_its_compacted_files(sealed_log):
    check(open_store(sealed_log.folder))
    with sealed_log.writer() as writer:
        compact(writer)
    store = open_store(sealed_log.folder)
    assert len(store.source.files("predictions")) == 1
    check(store)


def test_rows_of_an_earlier_state_of_compacted_files(sealed_log):
    sizes = sorted(int(path.name) for path in (sealed_log.folder / "checkpoints").iterdir())
    with sealed_log.writer() as writer:
        compact(writer)
    hidden = [store for size in sizes[1:] if (store := open_store(sealed_log.folder, as_of=size)).shelf]
    assert any(file.hidden for store in hidden for file in store.source.files("predictions"))
    for store in hidden:
        if store.source.tables().get("predictions"):
            check(store)


@pytest.mark.parametrize("descending", [False, True])
def test_the_first_by_time_are_those_of_the_whole_table(flights, descending):
    store = open_store(flights)
    found = StoredRows(store, "predictions").first_by_time(300, descending=descending)
    every = store.placed("predictions").select("occurred_at").with_row_index("number").collect()
    expected = every.sort("occurred_at", descending=descending, maintain_order=True, nulls_last=True).head(300)
    assert found.tolist() == expected["number"].to_list()


def test_times_that_the_manifest_does_not_state_say_nothing(make_log):
    folder = make_log()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["tables"]["predictions"]["segments"][0]["last_time"] = None
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert StoredRows(open_store(folder), "predictions").first_by_time(5, descending=True) is None
