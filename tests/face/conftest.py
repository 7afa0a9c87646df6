"""A small sealed log that can be asked, and a journal of what was asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import audit_lab as al
from audit_lab.log.journal_record import read_journal
from audit_lab.log.pseudonym import PseudonymKey
from audit_lab.log.writer import create_log

if TYPE_CHECKING:
    from audit_lab.log.journal_line import JournalLine

ORIGIN = "demonstration-loans"


@pytest.fixture
def key(tmp_path):
    return PseudonymKey.generate("bank").write(tmp_path / "keys")


@pytest.fixture
def sealed(make_log, tmp_path, key):
    """Return the folder of a sealed log whose subjects are pseudonyms of customers 0 to 9."""
    import polars as pl

    plain = al.open(make_log())
    tables = {name: plain._store.table(name).collect() for name in plain.describe()["tables"]}
    rows = tables["predictions"].height
    subjects = [al.pseudonym(f"C-{row % 10}", key) for row in range(rows)]
    tables["predictions"] = (
        tables["predictions"]
        .with_columns(pl.Series("subject_id", subjects))
        .with_columns(request_id=pl.format("r-{}", pl.int_range(pl.len()) // 2))
    )
    folder = tmp_path / "sealed"
    with create_log(folder, ORIGIN, vault=tmp_path / "vault") as writer:
        writer.append({name: frame for name, frame in tables.items() if name != "outcomes"})
        writer.append({"outcomes": tables["outcomes"]})
    (folder / "artifacts").symlink_to(plain.path / "artifacts")
    return folder


@pytest.fixture
def asked(sealed, tmp_path):
    """Return the sealed log, opened by somebody for a reason, with its journal in a file of its own."""
    return al.open(sealed, actor="Jane Doe", purpose="complaint 2026/17", journal=tmp_path / "asked.jsonl")


def lines_of(log: al.AuditLog) -> list[JournalLine]:
    assert log.journal is not None
    return list(read_journal(Path(log.journal.path)).lines)
