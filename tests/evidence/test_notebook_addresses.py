"""A notebook that would fetch something from elsewhere (attack 27): not exported, and named where it was signed."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from audit_lab.errors import NotebookError
from audit_lab.evidence import examine_in_full
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.notebook_addresses import outside_addresses
from audit_lab.evidence.notebook_document import ShownCell, ShownOutput
from audit_lab.evidence.notebook_pages import notebook_pages
from audit_lab.evidence.notebook_run import ExecutedNotebook
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.statement import Statement
from audit_lab.verifier.predicate import Predicate

NOTEBOOK = "data/notebook/investigation.ipynb"
MOMENT = datetime(2026, 2, 1, tzinfo=UTC)


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
def pointing(exported):
    """Return the files of a bundle, its notebook with a picture from elsewhere, and what is attested of it."""
    with zipfile.ZipFile(exported) as file:
        content = {info.filename: file.read(info) for info in file.infolist()}
    notebook = content[NOTEBOOK].replace(b'"# The story"', b'"# ![a](https://evil.example/a.png)"')
    envelope = Envelope.parse(content["attestation.dsse.json"], "a")
    predicate = Predicate.parse(Statement.parse(envelope.payload, "a").predicate, "a")
    return content, ExecutedNotebook(b"", notebook, b"", predicate.notebook.renderer), predicate


def test_such_a_notebook_is_not_exported(pointing, signed_at):
    content, ran, predicate = pointing
    with pytest.raises(NotebookError, match=r"no signature covers it \(cell 1: https://evil.example/a.png\)"):
        notebook_pages(ran, content["data/investigation.json"], predicate, signed_at)


def test_such_a_notebook_is_named_where_it_was_signed(pointing, key, trust, monkeypatch, tmp_path):
    content, ran, predicate = pointing
    monkeypatch.setattr("audit_lab.evidence.notebook_pages.outside_addresses", lambda _: [])
    attested, files = notebook_pages(ran, content["data/investigation.json"], predicate, MOMENT)
    payload = {name: each for name, each in {**content, **files}.items() if name.startswith("data/")}
    for name in ("data/ro-crate-metadata.json", "data/notebook/investigation.pdf"):  # they speak of the other files
        payload.pop(name, None)
    path = tmp_path / "case.zip"
    with path.open("wb") as file:
        write_archive(file, bundle_files(payload, replace(predicate, notebook=attested), key))
    found = [(each.code, each.file) for each in examine_in_full(path, trust).findings]
    of_page = ("page.rendering-differs", "data/README.html")  # it names the PDF that was taken out
    assert found == [of_page, ("notebook.points-outside", NOTEBOOK)]
    assert b'src="http' not in files["data/notebook/investigation.html"]
