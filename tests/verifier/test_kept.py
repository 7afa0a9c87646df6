"""Exhibits are those that custody knows: kept, or left so by an edit by hand that it tells of."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audit_lab.seal.custody import NO_LINE, CustodyLine, FileChange
from audit_lab.verifier.kept import check_kept

AT, ID = "2026-01-01T00:00:00.000000Z", "a" * 64
FILE = {"name": "rows/x.parquet", "path": "rows/001-x/x.parquet", "sha256": "c" * 64}


class Contents:
    """Custody of one line, and an investigation of one exhibit."""

    def __init__(self, line, exhibit):
        investigation = {"exhibits": [{"number": 1, "id": ID, "files": [FILE], **exhibit}]}
        self.documents = {
            "data/custody.jsonl": line.to_bytes() + b"\n",
            "data/investigation.json": json.dumps(investigation).encode(),
        }

    def document(self, name):
        return self.documents[name]


def act(action="exhibit kept", subject=ID, file="exhibits/001-x/rows/x.parquet", after="c" * 64):
    return CustodyLine(1, AT, "jane", action, subject, "why", NO_LINE, (FileChange(file, None, after),))


@pytest.mark.parametrize(
    ("line", "exhibit", "found"),
    [
        (act(), {}, 0),
        (act(), {"kept_at": AT, "kept_by": "jane"}, 0),
        (act(), {"kept_at": AT, "kept_by": "joe"}, 1),
        (act(), {"kept_at": "2026-01-02T00:00:00.000000Z", "kept_by": "jane"}, 1),
        (act(subject="b" * 64), {}, 1),
        (act(subject="b" * 64), {"redacted_from": "b" * 64}, 0),
        (act(), {"redacted_from": "b" * 64}, 1),
        (act(), {"redacted_from": 7}, 1),
        (act("seen"), {}, 1),
        (act("edited by hand", "x"), {}, 0),
        (act("edited by hand", "x", after="d" * 64), {}, 1),
        (act("edited by hand", "x", after="d" * 64), {"redacted_from": "b" * 64}, 0),
        (act("edited by hand", "x", file="exhibits/002-x/rows/x.parquet"), {}, 1),
        (act("edited by hand", "x"), {"number": "1"}, 1),
        (act("edited by hand", "x"), {"number": [1]}, 1),
        (act("edited by hand", "x"), {"kept_at": AT, "kept_by": "jane"}, 0),
        (replace(act("seen"), changes=None), {}, 1),
        (act(), {"redacted_from": ["b" * 64]}, 1),
        (act("edited by hand", "x"), {"files": [7]}, 1),
        (act("edited by hand", "x"), {"files": 7}, 1),
    ],
)
def test_an_exhibit_is_one_that_custody_knows(line, exhibit, found):
    findings = check_kept(Contents(line, exhibit))
    assert [each.code for each in findings] == ["case.exhibit-not-kept"] * found


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"exhibits":7}', b'{"exhibits":[7,{"id":7}]}'])
def test_what_is_no_investigation_is_found_elsewhere(content):
    contents = Contents(act(), {})
    contents.documents["data/investigation.json"] = content
    assert check_kept(contents) == []
