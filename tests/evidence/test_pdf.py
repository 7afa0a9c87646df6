"""The PDF of a notebook: printed by what the machine has, the same each time, and named when it is another's."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import pypdf
import pytest

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence import examine_in_full, export_notebook
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.notebook_html import render_html
from audit_lab.evidence.notebook_pages import notebook_pages
from audit_lab.evidence.notebook_run import ExecutedNotebook
from audit_lab.evidence.pdf import NO_PRINTER, PdfPrinter, pdf_printer
from audit_lab.seal.digests import sha256
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.statement import Statement
from audit_lab.verifier import examine_bundle
from audit_lab.verifier.predicate import Predicate

PDF = "data/notebook/investigation.pdf"
HTML = "data/notebook/investigation.html"
NOTEBOOK = "data/notebook/investigation.ipynb"
MOMENT = datetime(2026, 2, 1, 3, 4, 5, tzinfo=UTC)
CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def content_of(path):
    with zipfile.ZipFile(path) as file:
        return {info.filename: file.read(info) for info in file.infolist()}


@pytest.fixture(scope="module")
def content(exported):
    return content_of(exported)


@pytest.fixture
def signed_again(content, key, tmp_path):
    """Return a function that changes files and attested facts of the bundle, as its signer could."""

    def sign(files, **facts):
        envelope = Envelope.parse(content["attestation.dsse.json"], "a")
        predicate = Predicate.parse(Statement.parse(envelope.payload, "a").predicate, "a")
        payload = {name: each for name, each in {**content, **files}.items() if name.startswith("data/")}
        path = tmp_path / "again.zip"
        with path.open("wb") as file:
            write_archive(file, bundle_files(payload, replace(predicate, **facts), key))
        return path

    return sign


# --- what stands in it ------------------------------------------------------------------------------------------------


@needs_chromium
def test_the_pdf_opens_on_question_and_answer_and_every_page_names_case_and_notebook(content):
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content[PDF])).pages]
    first = " ".join(pages[0].split())
    for words in ("Why?", "Answer", "It merged.", "What was checked", "Who signed it", "What is not known"):
        assert words in first
    for number, page in enumerate(pages, start=1):
        said = " ".join(page.split())
        assert f"Case INC-1, notebook {sha256(content[NOTEBOOK])}" in said
        assert f"{number} of {len(pages)}" in said


@needs_chromium
def test_the_pdf_states_the_time_of_the_bundle_and_names_its_notebook(content):
    facts = pypdf.PdfReader(io.BytesIO(content[PDF])).metadata
    assert facts.creation_date == facts.modification_date == datetime(2026, 2, 1, tzinfo=UTC)
    assert facts.creator == f"audit-lab-notebook-sha256 {sha256(content[NOTEBOOK])}"


@needs_chromium
def test_wide_tables_stand_across_and_nothing_is_cut_off(tmp_path):
    cells = "".join(f"<td>value{number}end</td>" for number in range(14))
    html = f"<table><thead><tr>{cells}</tr></thead><tbody><tr>{cells}</tr></tbody></table>"
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, "outputs": [output], "source": "x"}
    notebook = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}).encode()
    printed = PdfPrinter("chromium", CHROMIUM).print_page(render_html(notebook), "ab" * 32, MOMENT)
    across = [page for page in pypdf.PdfReader(io.BytesIO(printed)).pages if page.mediabox.width > page.mediabox.height]
    assert len(across) == 1
    right = float(across[0].mediabox.width)
    places = []

    def note(text, matrix, text_matrix, *_):
        if text.strip():
            places.append(matrix[0] * text_matrix[4] + matrix[4])

    text = "".join(across[0].extract_text(visitor_text=note).split())
    assert text.count("value13") == 2
    assert 0 < max(places) < right - 40


def test_any_text_at_the_foot_of_a_page_is_text():
    from audit_lab.evidence.stylesheet import footer_style

    styles = footer_style('"</style><script>alert(1)</script>\\é\n')
    assert styles.count("<") == 2
    assert "</style><script" not in styles
    assert "\\000022\\00003c\\00002fstyle\\00003e" in styles


# --- the same bytes each time -----------------------------------------------------------------------------------------


def test_two_exports_of_the_same_notebook_give_equal_bytes(exported, timeless, key, tmp_path, monkeypatch):
    """The whole bundle: notebook, page, PDF, RO-Crate, environment, custody, signature."""
    monkeypatch.delenv("AUDIT_LAB_PDF", raising=False)
    again = export_notebook(timeless, tmp_path, key=key, signed_at=datetime(2026, 2, 1, tzinfo=UTC))
    first, second = content_of(exported), content_of(again)
    assert [name for name in first if second.get(name) != first[name]] == []
    assert again.read_bytes() == exported.read_bytes()


# --- what a verifier finds --------------------------------------------------------------------------------------------


def test_a_bundle_with_a_pdf_holds_and_says_what_is_not_checked_of_it(exported, content, trust):
    if PDF not in content:
        pytest.skip("neither Chromium nor WeasyPrint is installed")
    for report in (examine_bundle(exported, trust), examine_in_full(exported, trust)):
        assert report.holds
        assert any(line.startswith("PDF: that its pages show the notebook") for line in report.not_checked)


@pytest.mark.parametrize("name", [PDF, HTML])
def test_a_rendering_edited_with_the_notebook_intact(name, content, trust, tmp_path):
    if name not in content:
        pytest.skip("neither Chromium nor WeasyPrint is installed")
    path = tmp_path / "edited.zip"
    with path.open("wb") as file:
        write_archive(file, {**content, name: content[name].replace(b"e", b"i", 1)})
    report = examine_bundle(path, trust)
    assert [(found.code, found.file) for found in report.findings] == [("bundle.file-changed", name)]


def test_a_pdf_of_another_notebook_signed_by_a_trusted_key(content, signed_again, trust):
    other = b"%PDF-1.4\n1 0 obj\n<</Creator (audit-lab-notebook-sha256 " + b"0" * 64 + b")>>\nendobj\n"
    report = examine_bundle(signed_again({PDF: other}), trust)
    found = [(each.code, each.file) for each in report.findings if not each.code.startswith("research-object.")]
    assert found == [("notebook.rendering-of-another", PDF)]


def test_a_page_that_opens_on_another_answer_signed_by_a_trusted_key(content, signed_again, trust):
    html = content[HTML].replace(b"It merged.", b"It burned.", 1)
    envelope = Envelope.parse(content["attestation.dsse.json"], "a")
    notebook = Predicate.parse(Statement.parse(envelope.payload, "a").predicate, "a").notebook
    path = signed_again({HTML: html}, notebook=replace(notebook, html_sha256=sha256(html)))
    report = examine_in_full(path, trust)
    assert [(each.code, each.file) for each in report.findings] == [("notebook.rendering-differs", HTML)]


# --- what prints ------------------------------------------------------------------------------------------------------


def test_without_a_printer_there_is_no_pdf_and_it_is_said_what_to_install(content, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_PDF", "none")
    assert pdf_printer() is None
    envelope = Envelope.parse(content["attestation.dsse.json"], "a")
    predicate = Predicate.parse(Statement.parse(envelope.payload, "a").predicate, "a")
    ran = ExecutedNotebook(b"", content[NOTEBOOK], b"", "r")
    _, files = notebook_pages(ran, content["data/investigation.json"], predicate, MOMENT)
    assert set(files) == {NOTEBOOK, HTML}
    assert files[HTML] == content[HTML]
    monkeypatch.delenv("AUDIT_LAB_PDF")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert pdf_printer() is None
    assert "apt install chromium" in NO_PRINTER


@pytest.mark.parametrize(("wanted", "said"), [("word", "Set it to"), ("weasyprint", "not installed")])
def test_a_printer_that_is_not_there(wanted, said, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_PDF", wanted)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MisuseError, match=said):
        pdf_printer()


@pytest.mark.parametrize(("script", "said"), [("exit 3", "code 3"), ("exit 0", "wrote nothing")])
def test_a_printer_that_fails(script, said, tmp_path):
    command = tmp_path / "chromium"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    with pytest.raises(AuditLabError, match=said):
        PdfPrinter("chromium", str(command)).print_page(b"<html></html>", "ab" * 32, MOMENT)


def test_weasyprint_is_asked_for_the_same_bytes(tmp_path, monkeypatch):
    """Without the program: it gets the page, the time, the mark as identifier, and no secret of the caller."""
    monkeypatch.setenv("SECRET", "x")
    command = tmp_path / "weasyprint"
    command.write_text('#!/bin/sh\n{ echo "$1 $2 $3 $SOURCE_DATE_EPOCH ${SECRET:-none}"; cat "$4"; } > "$5"\n')
    command.chmod(0o755)
    html = b"<html><head></head><body>page</body></html>"
    printed = PdfPrinter("weasyprint", str(command)).print_page(html, "ab" * 32, MOMENT).decode()
    mark = f"audit-lab-notebook-sha256 {'ab' * 32}"
    assert printed.startswith(f"--quiet --pdf-identifier {mark} {int(MOMENT.timestamp())} none\n")
    assert f'<meta name="generator" content="{mark}">' in printed
    assert '<meta name="dcterms.created" content="2026-02-01T03:04:05Z">' in printed


@needs_chromium
def test_nothing_is_fetched_and_nothing_runs_while_it_prints(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        html = f'<html><body><img src="{address}/a.png"><p>page</p><iframe src="{address}"></iframe></body></html>'
        PdfPrinter("chromium", CHROMIUM).print_page(html.encode(), "ab" * 32, MOMENT)
        with pytest.raises(TimeoutError):
            server.accept()


@needs_chromium
def test_poppler_or_ghostscript_reads_it(content, tmp_path):
    if shutil.which("pdfinfo") is None:
        pytest.skip("poppler-utils is not installed")
    (tmp_path / "a.pdf").write_bytes(content[PDF])
    said = subprocess.run(["pdfinfo", "a.pdf"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Creator:         audit-lab-notebook-sha256" in said.stdout
    assert said.stderr == ""
