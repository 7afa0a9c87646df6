"""What only the full verifier sees: a trusted signer whose files disagree (attack 16)."""

from __future__ import annotations

from dataclasses import replace

import nbformat
import polars as pl
import pytest

from audit_lab.case.case_folder import CaseEditedWarning
from audit_lab.case.frame_files import parquet_bytes
from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.evidence import examine_in_full, verify_in_full
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.export import _Material, _payload
from audit_lab.evidence.notebook_html import render_html, renderer
from audit_lab.evidence.notebook_run import ExecutedNotebook
from audit_lab.seal.digests import sha256
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import Trust, format_trust
from audit_lab.verifier.age import known_to_reader


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


@pytest.fixture
def other_csv(case):
    """Keep the exhibit anew with a CSV of other rows, so that all digests are right."""
    exhibit = case.exhibits[0]
    (exhibit.folder / "table.csv").write_bytes(b"carrier,rows\nAA,11\nUS,0\n")
    files = {name: sha256((exhibit.folder / name).read_bytes()) for name in exhibit.files}
    digest = sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode())
    changed = replace(exhibit, id=digest, files=files)
    (exhibit.folder / "exhibit.json").write_bytes(changed.content())
    findings = case.folder / "findings.json"
    findings.write_text(findings.read_text().replace(exhibit.id, digest))
    with pytest.warns(CaseEditedWarning):  # as an export does before it makes a page
        case.note_edits()


@pytest.mark.usefixtures("other_csv")
def test_a_csv_that_does_not_show_its_parquet(write, trust):
    report = examine_in_full(write(), trust)
    assert _codes(report) == ["exhibit.csv-differs"]
    with pytest.raises(IntegrityError):
        verify_in_full(write(), trust)


@pytest.mark.usefixtures("other_csv")
@pytest.mark.parametrize(
    ("required", "code"),
    [
        ({"known": known_to_reader(signed_since="2099-01-01")}, "bundle.older-signature"),
        ({"require_anchor": True}, "anchor.missing"),
        ({"require_sign_offs": ("approved",)}, "sign-off.missing"),
    ],
)
def test_what_the_reader_requires_hides_nothing(write, trust, required, code):
    report = examine_in_full(write(), trust, **required)
    assert _codes(report) == [code, "exhibit.csv-differs"]
    assert report.verdict is Verdict.FAILED


def test_a_bundle_that_is_only_old_stays_stale_and_is_compared(write, ran, trust):
    report = examine_in_full(write(ran), trust, known=known_to_reader(signed_since="2099-01-01"))
    assert report.verdict is Verdict.STALE
    assert "CSV of every table against its Parquet" in report.checked
    assert not any("full verifier" in line for line in report.not_checked)


@pytest.mark.usefixtures("other_csv")
def test_tables_are_compared_beside_what_else_is_wrong(write, trust):
    report = examine_in_full(write(change={"data/exhibits/999-x/table.csv": b""}), trust)
    assert _codes(report) == ["case.exhibit-unlisted", "research-object.file-not-described", "exhibit.csv-differs"]


@pytest.mark.usefixtures("other_csv")
def test_what_nobody_vouches_for_is_not_parsed_and_that_is_said(write):
    report = examine_in_full(write(), Trust())
    assert _codes(report) == ["signature.key-not-trusted"]
    why = (
        "CSV against Parquet: not compared, since nobody whom the trust file accepts vouches for the files as they are"
    )
    assert why in report.not_checked
    assert not any("full verifier" in line for line in report.not_checked)


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
    assert _codes(examine_in_full(write(), trust)) == ["case.exhibit-not-kept", "exhibit.unreadable", "case.malformed"]


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


def test_a_bundle_that_disagrees_with_itself_is_not_rendered(write, ran, trust):
    report = examine_in_full(write(ran, change={"data/exhibits/999-x/table.csv": b""}), trust)
    assert _codes(report) == ["case.exhibit-unlisted", "research-object.file-not-described"]
    why = "HTML rendered again from the notebook: not compared, since the bundle does not agree with itself"
    assert why in report.not_checked
    assert not any("rendered again" in line for line in report.checked)


def test_nothing_is_said_of_a_notebook_that_is_not_there(write, trust):
    report = examine_in_full(write(), trust)
    said = [line for line in (*report.checked, *report.not_checked) if "notebook" in line or "re-run" in line]
    assert said == []


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
