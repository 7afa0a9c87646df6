"""A notebook that would fetch something from elsewhere (attack 27): not exported, and named where it was signed."""

from __future__ import annotations

import zipfile

import pytest

from audit_lab.errors import NotebookError
from audit_lab.evidence import examine_in_full, export_notebook
from audit_lab.evidence.notebook_addresses import outside_addresses
from audit_lab.evidence.notebook_document import ShownCell, ShownOutput


def text(source, **attachments):
    return ShownCell("markdown", "a", source, attachments=attachments)


def output(content, kind="text/html"):
    return ShownCell("code", "a", "", outputs=(ShownOutput("display_data", data={kind: content}),))


@pytest.mark.parametrize(
    ("cell", "address"),
    [
        (text("![a](https://evil.example/a.png)"), "https://evil.example/a.png"),
        (text("![a][1]\n\n[1]: //evil.example/a.png"), "//evil.example/a.png"),
        (text("![a](figures/a.png)"), "figures/a.png"),
        (text("<img alt='x' src = 'http://evil.example/?a=1&amp;b=2'>"), "http://evil.example/?a=1&b=2"),
        (text("![a](attachment:b.png)", **{"a.png": {"image/png": "AAAA"}}), None),
        (output("<IMG SRC=//evil.example/a>"), "//evil.example/a"),
        (output("<img/src='file:///etc/passwd'>"), "file:///etc/passwd"),
        (output("<iframe src='https://evil.example'></iframe>"), "https://evil.example"),
        (output("<script src=https://cdn.example/vega.js></script>"), "https://cdn.example/vega.js"),
        (output("<link rel=stylesheet href=https://evil.example/s.css>"), "https://evil.example/s.css"),
        (output("<style>@import 'https://evil.example/s.css';</style>"), "https://evil.example/s.css"),
        (output("<p style=\"background: url('https://evil.example/b.png')\">"), "https://evil.example/b.png"),
        (
            output("<svg><image xlink:href='https://evil.example/i.svg'/></svg>", "image/svg+xml"),
            "https://evil.example/i.svg",
        ),
        (output("![a](https://evil.example/a.png)", "text/markdown"), "https://evil.example/a.png"),
    ],
)
def test_what_a_cell_would_fetch(cell, address):
    assert outside_addresses([text("# Nothing"), cell]) == ([] if address is None else [(2, address)])


@pytest.mark.parametrize(
    "cell",
    [
        text("[a link](https://example.com) and https://example.com and `<img src=https://example.com/a>`"),
        text("```html\n<img src='https://example.com/a.png'>\n```"),
        text("![a](attachment:a.png)", **{"a.png": {"image/png": "AAAA"}}),
        output("<img src='data:image/png;base64,AAAA'><a href='https://example.com'>x</a>"),
        output(
            "<svg><use xlink:href='#mark'/><path fill='url(#shade)' style='fill: url(#shade)'/></svg>", "image/svg+xml"
        ),
        output("https://example.com/a.png", "text/plain"),
        output("<p>src=https://example.com</p>"),
    ],
)
def test_what_no_program_fetches(cell):
    assert outside_addresses([cell]) == []


@pytest.fixture
def pointing(timeless, tmp_path):
    path = tmp_path / "pointing.ipynb"
    path.write_text(timeless.read_text().replace('"# The story"', '"# ![a](https://evil.example/a.png)"'))
    return path


def test_such_a_notebook_is_not_exported(pointing, key, tmp_path):
    with pytest.raises(NotebookError, match=r"no signature covers it \(cell 1: https://evil.example/a.png\)"):
        export_notebook(pointing, tmp_path / "out", key=key)
    assert not (tmp_path / "out").exists()


def test_such_a_notebook_is_named_where_it_was_signed(pointing, key, trust, tmp_path, monkeypatch):
    monkeypatch.setattr("audit_lab.evidence.notebook_pages.outside_addresses", lambda _: [])
    path = export_notebook(pointing, tmp_path / "out", key=key)
    report = examine_in_full(path, trust)
    assert [(each.code, each.file) for each in report.findings] == [
        ("notebook.points-outside", "data/notebook/investigation.ipynb")
    ]
    with zipfile.ZipFile(path) as file:
        assert b'src="http' not in file.read("data/notebook/investigation.html")
