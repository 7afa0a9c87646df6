"""The digest of rows, computed by hand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import polars as pl

from audit_lab.replay.impact.row_digest import rows_sha256


def test_the_digest_is_that_of_the_lines():
    at = datetime(2024, 3, 4, 9, tzinfo=UTC)
    frame = pl.DataFrame(
        {"id": ["a", None], "score": [0.1, 2.0], "count": [1, 2], "yes": [True, None], "at": [at, None]}
    )
    lines = (
        b'["id","score","count","yes","at"]\n["a","0.1",1,true,"2024-03-04T09:00:00+00:00"]\n[null,"2.0",2,null,null]\n'
    )
    assert rows_sha256(frame) == hashlib.sha256(lines).hexdigest()


def test_the_order_of_rows_counts():
    frame = pl.DataFrame({"id": ["a", "b"]})
    assert rows_sha256(frame) != rows_sha256(frame.reverse())
