from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.evidence import Case, export_notebook
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey

SOURCE = """
from pathlib import Path
from types import SimpleNamespace
import polars as pl
from audit_lab.evidence import Case
log = SimpleNamespace(origin="flights.example", path=Path("flights"), manifest_sha256="ab" * 32, checkpoint=None)
case = Case.create("INC-1", log, question="Why?", actor="jane", purpose="complaint")
rows = case.keep(pl.DataFrame({"carrier": ["AA", "US"], "rows": [10, 0]}), "Rows by carrier")
case.finding("US vanished", [rows], "high")
case.conclude("It merged.")
"""


#: The same, with a clock that stands still: two runs of it make the same case to the last byte.
TIMELESS = "from datetime import UTC, datetime\n" + SOURCE.replace(
    'purpose="complaint")', 'purpose="complaint", clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))'
)


@dataclass
class FakeLog:
    origin: str = "flights.example"
    path: Path = Path("flights")
    manifest_sha256: str = "ab" * 32
    checkpoint: str | None = None


def notebook_text(*sources):
    cells = [
        {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        if not source.startswith("#")
        else {"cell_type": "markdown", "metadata": {}, "source": source}
        for source in sources
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})


@pytest.fixture
def write_notebook(tmp_path):
    """Write a notebook of these cells (a cell that starts with # is text) and return its path."""

    def write(*sources, name="story.ipynb"):
        path = tmp_path / name
        path.write_text(notebook_text(*sources))
        return path

    return write


@pytest.fixture
def story(write_notebook):
    return write_notebook("# The story", SOURCE, "case")


@pytest.fixture(scope="session")
def timeless(tmp_path_factory):
    """Return a notebook whose case is the same to the last byte whenever it is run."""
    path = tmp_path_factory.mktemp("timeless") / "story.ipynb"
    path.write_text(notebook_text("# The story", TIMELESS, "case"))
    return path


@pytest.fixture(scope="session")
def exported(tmp_path_factory, timeless, key):
    """Return a bundle of that notebook, exported once for all tests: copy it before you change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AUDIT_LAB_PDF", raising=False)  # with its PDF, where something prints
        signed_at = datetime(2026, 2, 1, tzinfo=UTC)
        return export_notebook(timeless, tmp_path_factory.mktemp("exported"), key=key, signed_at=signed_at)


@pytest.fixture(scope="session")
def key():
    return SigningKey("jane@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture(scope="session")
def trust(key):
    return Trust((TrustedKey(key.public, "investigator", "*"),), "the test's trust")


@pytest.fixture
def signed_at():
    return datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def make_case(tmp_path):
    """Create a case with a table, a finding and a conclusion; its clock starts on 1 January 2026."""

    def make(folder="cases", case_id="INC-1", question="Why?", **about):
        now = datetime(2026, 1, 1, tzinfo=UTC)

        def clock():
            nonlocal now
            now += timedelta(seconds=1)
            return now

        about |= {"question": question, "actor": "jane", "purpose": "c", "folder": tmp_path / folder, "clock": clock}
        case = Case.create(case_id, FakeLog(), **about)
        rows = case.keep(pl.DataFrame({"carrier": ["AA", "US"], "rows": [10, 0]}), "Rows by carrier")
        case.finding("US vanished", [rows], "high")
        case.conclude("It merged.")
        return case

    return make


@pytest.fixture
def case(make_case):
    return make_case()
