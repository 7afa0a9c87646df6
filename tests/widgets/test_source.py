"""From a row of the explorer, and from a decision, to the stored bytes; and the code that shows them again."""

from __future__ import annotations

import re

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def log(make_log):
    def changed(inputs):
        return inputs.with_columns(pl.lit(HOSTILE).alias("said"), pl.lit(b"\x00\xff").alias("scan"))

    return al.open(make_log(inputs_loans=changed))


def test_a_decision_shows_its_stored_bytes_when_asked(log):
    view = al.view(log.decision("p-003"))
    assert "Canonical bytes" not in view.static_html()
    assert "source_rows" not in view.code()
    view.stored.value = True
    html = view.static_html()
    found = log.decision("p-003").source_rows()
    for row in found.rows:
        assert row.file in html
        assert row.file_sha256 in html
        assert row.leaf in html
    assert "x00ff;" in html
    assert "<img src=x" not in html
    assert "s28:&lt;img src=x onerror=alert(1)&gt;" in html
    assert "Canonical bytes" in view._source.value
    view.stored.value = False
    assert "Canonical bytes" not in view._source.value + view.static_html()


def test_the_code_shows_them_again(log):
    view = al.view(log.decision("p-003")).choose(stored=True)
    names = {"log": log}
    exec(view.code(), names)
    assert names["source"].to_dict() == log.decision("p-003").source_rows().to_dict()
    assert ".choose(stored=True)" in view.code()


def test_what_is_kept_has_the_bytes_that_are_shown(log, tmp_path):
    case = al.Case.create(
        "INC-1", log, question="Which bytes?", actor="ada", purpose="a test", folder=tmp_path / "cases"
    )
    exhibit = al.view(log.decision("p-003")).choose(stored=True).keep(case)
    leaf = log.decision("p-003").source_rows().rows[0].leaf
    pages = [path.read_text() for path in (tmp_path / "cases").rglob("*.html")]
    assert any(leaf in page for page in pages)
    assert exhibit.title


def test_a_row_of_the_explorer_leads_to_its_bytes(log):
    view = al.view(log)
    assert view.stored.layout.display == "none"
    place = view.table.browse.page(0, 1)["place"][0]
    view.table.opened = place
    assert view.stored.layout.display is None
    view.stored.value = True
    leaf = log.decision(place).source_rows().rows[0].leaf
    assert leaf in view._detail.value
    assert leaf in view.static_html()
    assert f"al.view(browse).choose(opened={place!r}, stored=True)" in view._code.value


def test_a_bar_leads_to_rows_whose_bytes_hold_its_value(log):
    table = al.view(log).table
    ask = {"id": 1, "kind": "histogram", "state": 0, "first": 0, "count": 1, "column": "inputs.city"}
    bar = table.answer(ask)[0]["bars"][0]
    rows = log.find(bar["where"])
    assert rows.height == bar["count"]
    inputs = log.decision(rows["place"][0]).source_rows().rows[1]
    stored = {one.column: one.content.decode() for one in inputs.values}
    assert re.fullmatch(rf"s\d+:{re.escape(bar['words'])}", stored["city"])


def test_bytes_that_cannot_be_read_any_more_are_said(log, monkeypatch):
    view = al.view(log.decision("p-003"))

    def gone(*_):
        raise LogError("the file is gone", "Restore it.")

    monkeypatch.setattr("audit_lab.log.source_rows.source_rows", gone)
    view.stored.value = True
    assert "the file is gone" in view.static_html()
