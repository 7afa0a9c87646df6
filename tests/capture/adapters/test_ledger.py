"""What a log says that was taken over into it is read strictly: a log of somebody else may say anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from audit_lab.capture.adapters.ledger import PART_EVENT
from audit_lab.errors import LogError
from audit_lab.log.writing.writer import open_writer

RECORD = {
    "captureData": {"endpointInput": {"data": "1.5", "encoding": "CSV"}},
    "eventMetadata": {"eventId": "e-1", "inferenceTime": "2026-05-04T09:00:00Z"},
    "eventVersion": "0",
}
FILE = {"sha256": "0" * 64, "name": "a", "size_bytes": 1, "start": 0, "next_start": 1, "is_whole": True, "counts": {}}


@pytest.mark.parametrize(
    "payload",
    [
        "{",
        "[]",
        "[" * 100_000,
        json.dumps({}),
        json.dumps({"files": [{}]}),
        json.dumps({"files": [{**FILE, "next_start": "7"}]}),
        json.dumps({"files": [{**FILE, "counts": {"rows": "many"}}]}),
        json.dumps({"files": [{**FILE, "counts": ["rows"]}]}),
        json.dumps({"files": [FILE], "plan": ["a"], "part": 1, "parts": 2}),
        json.dumps({"files": [FILE], "quarantine": "a"}),
    ],
    ids=["cut", "a list", "deep", "empty", "no file", "start", "count", "counts", "plan", "quarantine"],
)
def test_an_event_that_no_part_has_is_a_stated_error(adapting, payload):
    adapting({"a.jsonl": [RECORD]}, model="loans", version="7")
    at = pl.Series([datetime(2026, 5, 5, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
    event = {"event_id": ["hostile"], "at": at, "kind": [PART_EVENT], "payload": [payload]}
    with open_writer(adapting.log, vault=adapting.vault) as writer:
        writer.append({"events": pl.DataFrame(event)})
    with pytest.raises(LogError, match=PART_EVENT):
        adapting({"b.jsonl": [RECORD]}, model="loans", version="7")
