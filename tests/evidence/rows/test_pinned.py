"""The notebook of an export runs against the log as the case saw it, whatever is sealed meanwhile."""

from __future__ import annotations

import shutil
import zipfile

import nbformat
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError, NotebookError
from audit_lab.evidence.export import export_case, export_notebook
from audit_lab.evidence.leaving import Leaving
from audit_lab.face.opening import PINS_VARIABLE
from audit_lab.log.keys.vault import Vault
from audit_lab.log.writing.writer import open_writer
from audit_lab.seal.checkpoint import parse_checkpoint

COUNT = 'print(log._store.table("outcomes").collect().height, log.checkpoint.split("\\n")[1])'


@pytest.fixture
def own(loans, tmp_path):
    """Return a copy of the log that may be changed."""
    return loans.copy(tmp_path)


def seal_another(loans, number):
    """Seal one more outcome."""
    rows = al.open(loans.folder)._store.table("outcomes").head(1).collect()
    with open_writer(loans.folder, vault=Vault.open("demonstration-loans", loans.vault)) as writer:
        writer.append({"outcomes": rows.with_columns(prediction_id=pl.lit(f"p-00{number}"))})


def size_of(log):
    return parse_checkpoint(log.checkpoint.encode()).checkpoint.size


def texts_of(bundle):
    """Return what the cells of a bundle's notebook printed."""
    with zipfile.ZipFile(bundle) as archive:
        notebook = nbformat.reads(archive.read("data/notebook/investigation.ipynb").decode(), as_version=4)
    return [output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]


@pytest.fixture
def pinned(monkeypatch, tmp_path):
    (tmp_path / "pins").mkdir()
    monkeypatch.setenv(PINS_VARIABLE, str(tmp_path / "pins"))


def test_rows_that_are_sealed_while_the_notebook_runs_are_not_seen(own, write_notebook, key, tmp_path):
    story = write_notebook(
        "from pathlib import Path\nimport audit_lab as al\nfrom audit_lab.log.keys.vault import Vault\n"
        "from audit_lab.log.writing.writer import open_writer\n"
        f'log = al.open("log")\n{COUNT}',
        "rows = log._store.table('outcomes').head(1).collect()\n"
        f"with open_writer('log', vault=Vault.open('demonstration-loans', Path({str(own.vault)!r}))) as out:\n"
        "    out.append({'outcomes': rows})",
        f'log = al.open("log")\n{COUNT}',
        "import subprocess, sys\n"
        """code = 'import audit_lab as al; print(al.open("log")._store.table("outcomes").collect().height)'\n"""
        "print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout)",
        'case = al.Case.create("LOANS-2", log, question="Why?", actor="jane", purpose="c")\n'
        'case.keep(log.decision("p-001"), "The decision")',
    )
    before = size_of(al.open(own.folder))
    bundle = export_notebook(story, tmp_path / "out", key=key, leaving=Leaving(vault=own.vault))
    assert size_of(al.open(own.folder)) > before
    assert [text.split() for text in texts_of(bundle)] == [["1", str(before)], ["1", str(before)], ["1"]]


def test_a_notebook_runs_against_the_log_as_its_case_saw_it(own, make_loans_case, write_notebook, key, tmp_path):
    case = make_loans_case(own.folder)
    before = size_of(al.open(own.folder))
    seal_another(own, 7)
    story = write_notebook(f'import audit_lab as al\nlog = al.open("log")\n{COUNT}')
    bundle = export_case(case, tmp_path / "out", key=key, notebook=story, leaving=Leaving(vault=own.vault))
    assert texts_of(bundle) == [f"1 {before}\n"]


@pytest.fixture
def forked(own, make_loans_case, make_log, tmp_path):
    """Return a case in whose log's place another of the same name and size was put."""
    case = make_loans_case(own.folder)
    shutil.rmtree(own.folder)
    plain = al.open(make_log("other"))
    tables = {name: plain._store.table(name).collect() for name in plain.describe()["tables"]}
    with al.create_log(own.folder, "demonstration-loans", vault=tmp_path / "other-vault") as writer:
        writer.append({name: frame for name, frame in tables.items() if name != "outcomes"})
        writer.append({"outcomes": tables["outcomes"]})
    return case


def test_a_log_that_no_longer_matches_the_cases_checkpoint_is_refused(forked, key, tmp_path):
    with pytest.raises(LogError, match="no longer matches the case's checkpoint"):
        export_case(forked, tmp_path / "out", key=key)
    assert not list(tmp_path.glob("out/*"))


def test_in_the_run_of_the_notebook_too(forked, write_notebook, key, tmp_path):
    story = write_notebook('import audit_lab as al\nlog = al.open("log")')
    with pytest.raises(NotebookError, match="no longer matches the checkpoint"):
        export_case(forked, tmp_path / "out", key=key, notebook=story)
    assert not list(tmp_path.glob("out/*"))


def test_a_log_that_was_cut_is_refused(own, make_loans_case, loans, key, tmp_path):
    seal_another(own, 7)
    case = make_loans_case(own.folder)
    shutil.rmtree(own.folder)
    shutil.copytree(loans.folder, own.folder)
    with pytest.raises(LogError, match="cannot be opened at the case's checkpoint"):
        export_case(case, tmp_path / "out", key=key)


@pytest.mark.usefixtures("pinned")
def test_an_earlier_state_can_be_asked_for_and_a_later_one_cannot(own):
    first = al.open(own.folder)
    seal_another(own, 7)
    size = size_of(first)
    assert size_of(al.open(own.folder)) == size
    assert size_of(al.open(own.folder, as_of="2100-01-01")) == size
    with pytest.raises(MisuseError, match="the notebook runs against the log as it was"):
        al.open(own.folder, as_of=size_of_newest(own))


def size_of_newest(own):
    return parse_checkpoint((own.folder / "checkpoint").read_bytes()).checkpoint.size


@pytest.mark.usefixtures("pinned")
def test_the_state_asked_for_first_is_not_the_one_that_is_kept(own):
    newest = al.open(own.folder)
    sizes = newest.snapshots()["size"].to_list()
    seal_another(own, 7)
    assert size_of(al.open(own.folder, as_of=min(sizes))) == min(sizes)
    assert size_of(al.open(own.folder)) == size_of(newest)


@pytest.mark.usefixtures("pinned")
def test_a_log_that_is_not_sealed_must_stay_as_it_is(make_log):
    folder = make_log()
    al.open(folder)
    al.open(folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("Forty loans", "Fifty loans"))
    with pytest.raises(LogError, match="is not sealed, and not what it was"):
        al.open(folder)
