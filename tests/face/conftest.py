"""A small sealed log that can be asked, and a journal of what was asked of it."""

from __future__ import annotations

import shutil

import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.keys.pseudonym import PseudonymKey

ORIGIN = "demonstration-loans"


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Return where the log is kept that every test gets a copy of, once one of them has made it."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    return PseudonymKey.generate("bank").write(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def sealed(make_log, tmp_path, built, key):
    """Return the folder of a sealed log whose subjects are pseudonyms of the customers C-0 to C-9."""
    if not (built / "log").exists():
        _build(al.open(make_log("plain")), built, key)
    shutil.copytree(built / "log", tmp_path / "sealed")
    shutil.copytree(built / "vault", tmp_path / "vault")
    return tmp_path / "sealed"


def _build(plain, built, key):
    tables = {name: plain._store.table(name).collect() for name in plain.describe()["tables"]}
    rows = range(tables["predictions"].height)
    tables["predictions"] = tables["predictions"].with_columns(
        pl.Series("subject_id", [al.pseudonym(f"C-{row % 10}", key) for row in rows]),
        pl.Series("request_id", [f"r-{row // 2}" for row in rows]),
    )
    with al.create_log(built / "log", ORIGIN, vault=built / "vault") as writer:
        writer.append({name: frame for name, frame in tables.items() if name != "outcomes"})
        writer.append({"outcomes": tables["outcomes"]})
    shutil.copytree(plain.path / "artifacts", built / "log" / "artifacts")


@pytest.fixture
def vault(sealed, tmp_path):
    return tmp_path / "vault"


@pytest.fixture
def asked(sealed, tmp_path):
    """Return the sealed log, opened by somebody for a reason, with its journal in a file of its own."""
    return al.open(sealed, actor="Jane Doe", purpose="complaint 2026/17", journal=tmp_path / "asked.jsonl")
