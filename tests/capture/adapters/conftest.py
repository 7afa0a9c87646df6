"""What a source, a log and its vault are in these tests."""

from __future__ import annotations

import json

import pytest

import audit_lab as al


@pytest.fixture
def adapting(tmp_path):
    """Take files over into a log of this test; they are given as name to lines or bytes, or lie there already."""

    def adapt(files=None, **said):
        source = tmp_path / "source"
        for name, content in (files or {}).items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else lines(*content))
        return al.adapt(
            said.pop("source", source),
            tmp_path / "log",
            origin="demonstration-adapted",
            vault=tmp_path / "vault",
            **said,
        )

    adapt.source, adapt.log, adapt.vault = tmp_path / "source", tmp_path / "log", tmp_path / "vault"
    return adapt


def lines(*records):
    """Return records as JSON lines; bytes and texts stand as they are."""
    return b"".join(_line(each) + b"\n" for each in records)


def _line(record):
    if isinstance(record, bytes):
        return record
    return (record if isinstance(record, str) else json.dumps(record)).encode()
