"""What only the full verifier sees: a trusted signer whose files disagree (attack 16)."""

from __future__ import annotations

from dataclasses import replace

import nbformat
import polars as pl
import pytest

from audit_lab.case.frame_files import parquet_bytes
from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.evidence import examine_in_full, verify_in_full
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.export import _Material, _payload
from audit_lab.evidence.notebook_html import render_html, renderer
from audit_lab.evidence.notebook_run import ExecutedNotebook
from audit_lab.seal.digests import sha256
from audit_lab.seal.trust import format_trust


@pytest.fixture
def write(case, key, signed_at, tmp_path):
    """Write a bundle whose notebook and payload may be changed before it is signed."""

    def make(executed=None, change=None):
        predicate, payload = _payload(_Material(case, executed, None, [tmp_path], tmp_path), key, signed_at)
        for name, content in (change or {}).items():
            payload[name] = content
        path = tmp_path / "case.zip"
        with path.open("wb") as file:
            write_archive(file, bundle_files(payload, predicate, key))
        return path

    return make


@pytest.fixture
def ran():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# The story", id="a")])
    content = (nbformat.writes(notebook) + "\n").encode()
    return ExecutedNotebook(content, content, render_html(content), renderer())


def _codes(report):
    return [finding.code for finding in report.findings]


def test_a_good_bundle_passes(write, ran, trust):
    report = examine_in_full(write(ran), trust)
    assert report.holds
    assert not any("full verifier" in line for line in report.not_checked)


def test_a_csv_that_does_not_show_its_parquet(case, write, trust):
    # The exhibit is kept anew with a CSV of other rows, so that all digests are right.
    exhibit = case.exhibits[0]
    (exhibit.folder / "table.csv").write_bytes(b"carrier,rows\nAA,11\nUS,0\n")
    files = {name: sha256((exhibit.folder / name).read_bytes()) for name in exhibit.files}
    digest = sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode())
    changed = replace(exhibit, id=digest, files=files)
    (exhibit.folder / "exhibit.json").write_bytes(changed.content())
    findings = case.folder / "findings.json"
    findings.write_text(findings.read_text().replace(exhibit.id, digest))
    report = examine_in_full(write(), trust)
    assert _codes(report) == ["exhibit.csv-differs"]
    with pytest.raises(IntegrityError):
        verify_in_full(write(), trust)


def test_parquet_that_cannot_be_read(case, write, trust, monkeypatch):
    monkeypatch.setattr("audit_lab.evidence.export.readme_page", lambda *_, **__: b"")  # the real one needs the table
    exhibit = case.exhibits[0]
    good = parquet_bytes(pl.DataFrame({"a": [1]}))
    (exhibit.folder / "table.parquet").write_bytes(good[: len(good) // 2])
    files = {name: sha256((exhibit.folder / name).read_bytes()) for name in exhibit.files}
    digest = sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode())
    changed = replace(exhibit, id=digest, files=files)
    (exhibit.folder / "exhibit.json").write_bytes(changed.content())
    findings = case.folder / "findings.json"
    findings.write_text(findings.read_text().replace(exhibit.id, digest))
    assert _codes(examine_in_full(write(), trust)) == ["exhibit.unreadable"]


def test_html_that_is_not_what_the_notebook_renders_to(write, ran, trust, monkeypatch):
    def other(*arguments):
        return render_html(*arguments).replace(b"story", b"stork")

    monkeypatch.setattr("audit_lab.evidence.notebook_pages.render_html", other)
    report = examine_in_full(write(ran), trust)
    assert _codes(report) == ["notebook.rendering-differs"]


def test_html_made_by_other_versions_is_said_not_to_be_checked(write, ran, trust):
    report = examine_in_full(write(replace(ran, renderer="nbconvert 1")), trust)
    assert report.holds
    assert any(line.startswith("HTML rendered again: it was made with nbconvert 1") for line in report.not_checked)


def test_a_bundle_that_fails_is_not_looked_into_further(write, trust):
    report = examine_in_full(write(change={"data/exhibits/999-x/table.csv": b""}), trust)
    assert _codes(report) == ["case.exhibit-unlisted", "research-object.file-not-described"]
    assert not any("Parquet" in line for line in report.checked)


def test_the_users_own_trust_file(write, trust, tmp_path, monkeypatch):
    monkeypatch.delenv("AUDIT_LAB_TRUST", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = write()
    with pytest.raises(IntegrityError, match="no trust file"):
        verify_in_full(path)
    usual = tmp_path / "config" / "audit_lab" / "trust.toml"
    usual.parent.mkdir(parents=True)
    usual.write_text(format_trust(trust.keys))
    assert verify_in_full(path).holds
    monkeypatch.setenv("AUDIT_LAB_TRUST", str(tmp_path / "other.toml"))
    with pytest.raises(MisuseError, match=r"other\.toml"):
        verify_in_full(path)
