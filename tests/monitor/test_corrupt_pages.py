"""A segment whose footer can be read and whose rows cannot: every question ends in a `LogError`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import audit_lab as al
from audit_lab.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def log(make_log: Callable[..., Path]) -> al.AuditLog:
    """The small log with 40 bytes overwritten in the data page of the column `income`."""
    folder = make_log()
    segment = folder / "inputs" / "loans" / "part-00000.parquet"
    metadata = pq.read_metadata(segment).row_group(0)
    chunks = [metadata.column(number) for number in range(metadata.num_columns)]
    at = next(chunk.data_page_offset for chunk in chunks if chunk.path_in_schema == "income")
    content = bytearray(segment.read_bytes())
    content[at + 30 : at + 70] = b"\xa5" * 40
    segment.write_bytes(content)
    return al.open(folder)


def test_the_schema_still_reads(log: al.AuditLog) -> None:
    assert "income" in log.inputs("loans").collect_schema()


def test_drift_over_unreadable_rows(log: al.AuditLog) -> None:
    with pytest.raises(LogError, match="cannot be read as Parquet"):
        log.drift(columns=["income"], every="1h")


def test_an_explanation_against_unreadable_rows(log: al.AuditLog) -> None:
    with pytest.raises(LogError, match="cannot be read as Parquet"):
        log.decision("p-001").explain()
