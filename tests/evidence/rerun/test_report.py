"""The re-run of a small bundle: what is reproduced, what a trusted signer's forgeries give, what the walls hold."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

import audit_lab as al
from audit_lab.cli import main
from audit_lab.errors import IntegrityError, MisuseError, SandboxError
from audit_lab.evidence import export_notebook, render_html
from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.generated import generated_sources, notebook_bytes, parsed_step
from audit_lab.evidence.head_page import head_page
from audit_lab.evidence.rerun.own_cells import own_cells
from audit_lab.evidence.rerun.report import VOLATILE_TAG
from audit_lab.evidence.rerun.world import RerunLimits, ShownLog, run_behind_walls
from audit_lab.face.pinned import LogPin
from audit_lab.log.files.write import write_log
from audit_lab.seal.digests import sha256
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.statement import Statement
from audit_lab.seal.trust import format_trust
from audit_lab.verifier.layout import ATTESTATION, INVESTIGATION, NOTEBOOK, NOTEBOOK_HTML, PAYLOAD, RESEARCH_OBJECT
from audit_lab.verifier.predicate import Predicate

CELLS = (
    'import audit_lab as al\nlog = al.open("../log")\nlog',
    'case = al.Case.create("INC-1", log, question="Why?", actor="jane", purpose="complaint")\ncase',
    "print('sum:', 2 + 3)",
    "print('late:', 7)",
    "print('last')",
    "print(1)\nraise ValueError('on purpose')",
)
#: The last one shows an error on purpose, and says so to Jupyter.
ON_PURPOSE = "c5"
CURIOUS = """
import os, socket
from pathlib import Path, PurePosixPath
def tried(what, act):
    try:
        act()
    except OSError as error:
        print(what, type(error).__name__)
    else:
        print(what, "DONE")
tried("network", lambda: socket.create_connection(("192.0.2.1", 80), 2))
tried("log", lambda: Path("/rerun/a/b/c/d/log/manifest.json").write_text("x"))
tried("passwords", lambda: Path("/etc/passwd").read_text())
tried("outside", lambda: Path(OUTSIDE).read_text())
tried("root", lambda: os.setuid(0))
"""


def notebook_of(*sources):
    cells = [
        {"cell_type": "code", "id": f"c{at}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for at, source in enumerate(sources)
    ]
    for cell in cells:
        cell["metadata"] = {"tags": ["raises-exception"]} if cell["id"] == ON_PURPOSE else {}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


@pytest.fixture(scope="module")
def small(tmp_path_factory, key, trust):
    """Export a notebook about a small log; return its bundle, log, trust file and files."""
    folder = tmp_path_factory.mktemp("small")
    write_log(folder / "log", {}, {"origin": "tests/empty", "description": "Nothing", "notes": []})
    (folder / "notebook").mkdir()
    story = folder / "notebook" / "story.ipynb"
    story.write_text(notebook_of(*CELLS))
    bundle = export_notebook(story, folder / "small.zip", key=key)
    accepted = folder / "trust.toml"
    accepted.write_text(format_trust(trust.keys))
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return SimpleNamespace(folder=folder, bundle=bundle, log=folder / "log", trust=accepted, files=files)


def resized(payload):
    """Return the RO-Crate document with the sizes that the files have now."""
    document = json.loads(payload[RESEARCH_OBJECT])
    for entity in document["@graph"]:
        if "contentSize" in entity:
            entity["contentSize"] = str(len(payload[f"{PAYLOAD}{entity['@id']}"]))
    return json.dumps(document).encode()


@pytest.fixture
def resigned(small, key, tmp_path):
    """Return a function that changes the executed notebook and signs all of it anew with the trusted key."""

    def make(change):
        notebook = json.loads(small.files[NOTEBOOK])
        change(notebook["cells"])
        executed = (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
        said = Statement.parse(Envelope.parse(small.files[ATTESTATION], ATTESTATION).payload, ATTESTATION).predicate
        predicate = Predicate.parse(said, ATTESTATION)
        html = render_html(executed, head_page(small.files[INVESTIGATION], predicate, sha256(executed)))
        attested = replace(predicate.notebook, executed_sha256=sha256(executed), html_sha256=sha256(html))
        payload = {name: content for name, content in small.files.items() if name.startswith(PAYLOAD)}
        payload |= {NOTEBOOK: executed, NOTEBOOK_HTML: html}
        payload[RESEARCH_OBJECT] = resized(payload)
        path = tmp_path / "resigned.zip"
        with path.open("wb") as file:
            write_archive(file, bundle_files(payload, replace(predicate, notebook=attested), key))
        return path

    return make


def test_nothing_of_a_stranger_runs_unasked(small, monkeypatch):
    monkeypatch.setattr("audit_lab.evidence.rerun.report.run_behind_walls", lambda *_: pytest.fail("it ran"))
    report = al.verify(small.bundle, small.trust, rerun=True, log=small.log)
    assert [cell.verdict for cell in report.cells] == ["not re-executed"] * 6
    assert report.share_reproduced == 0.0
    (line,) = [line for line in report.not_checked if line.startswith("re-run:")]
    assert line.startswith("re-run: 6 free-form cells not re-executed")


def test_an_honest_bundle_is_reproduced_to_the_last_cell(small, capsys):
    told = []
    report = al.verify(
        small.bundle,
        small.trust,
        rerun=True,
        log=small.log,
        run_foreign_code=True,
        progress=lambda what, count: told.append((what, count)),
    )
    assert report.share_reproduced == 1.0
    assert report.environment_changes == ()
    assert report.to_dict()["rerun"]["counts"] == {
        "reproduced": 6,
        "differs": 0,
        "volatile": 0,
        "not re-executed": 0,
    }
    assert "re-run: 6 of 6 code cells reproduced (100.0%" in " ".join(report.checked)
    assert not [line for line in report.not_checked if line.startswith("re-run:")]
    assert {what for what, _ in told} == {"cells run again"}
    assert sum(count for _, count in told) == 6


def test_what_a_trusted_signer_forged_is_found_by_running_it(resigned, small, capsys):
    def forge(cells):
        cells[1]["execution_count"] = 7
        cells[1]["outputs"][0]["execution_count"] = 7
        cells[2]["outputs"][0]["text"] = ["sum: 6\n"]
        cells[3]["source"] = ["print('late:', 8)"]
        cells[4]["metadata"]["tags"] = [VOLATILE_TAG]

    path = resigned(forge)
    assert al.verify(path, small.trust).holds
    asked = ["verify", str(path), "--trust", str(small.trust), "--rerun", "--run-foreign-code", "--json"]
    assert main([*asked, "--log", str(small.log)]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == "FAILED"
    assert {each["code"] for each in said["findings"]} == {"rerun.output-differs"}
    found = {cell["id"]: (cell["verdict"], cell["differs"]) for cell in said["rerun"]["cells"]}
    assert found["c0"] == ("reproduced", [])
    assert found["c1"][1][0] == "its execution count is recorded as 7, and is 2"
    assert found["c2"] == ("differs", ["output 1, text: recorded 'sum: 6\\n', now 'sum: 5\\n' (from character 5)"])
    assert found["c3"] == ("differs", ["output 1, text: recorded 'late: 7\\n', now 'late: 8\\n' (from character 6)"])
    assert found["c4"] == ("volatile", [])
    assert "re-run: cells declared volatile were not compared (5)" in said["not_checked"]


def test_a_cell_that_fails_now_is_named(resigned, small):
    def break_it(cells):
        cells[3]["source"] = ["1 / 0"]

    with pytest.raises(IntegrityError, match=r"rerun\.cell-failed.*Cell 4 .*ZeroDivisionError") as failed:
        al.verify(resigned(break_it), small.trust, rerun=True, log=small.log, run_foreign_code=True)
    report = failed.value.report
    verdicts = [cell.verdict for cell in report.cells]
    assert verdicts == [*["reproduced"] * 3, "differs", "not re-executed", "not re-executed"]
    assert report.cells[3].differences[0].startswith("it failed: Cell 4 ")
    assert "re-run: 3 of 6 code cells reproduced (50.0%" in " ".join(report.checked)


def shown(log):
    found = al.open(log)
    return ShownLog(log, PurePosixPath("/rerun/a/b/c/d/log"), LogPin(found.origin, "", found.manifest_sha256))


def test_the_walls_hold_and_the_time_is_bounded(small, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("kept")
    source = f"OUTSIDE = {str(secret)!r}\n{CURIOUS}"
    told = run_behind_walls(notebook_of(source).encode(), shown(small.log), RerunLimits())
    (output,) = json.loads(told["executed"])["cells"][0]["outputs"]
    assert "".join(output["text"]).splitlines() == [
        "network OSError",
        "log OSError",  # a file system that is read-only
        "passwords FileNotFoundError",
        "outside FileNotFoundError",
        "root PermissionError",
    ]
    with pytest.raises(SandboxError, match="longer than 2 s") as ended:
        run_behind_walls(notebook_of("while True: pass").encode(), shown(small.log), RerunLimits(wall_s=2))
    assert ended.value.reason == "timeout"


def test_a_temporary_folder_that_is_full_is_said_in_a_line(small, monkeypatch, tmp_path, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("audit_lab.evidence.rerun.world.Path.write_bytes", full)
    asked = ["verify", str(small.bundle), "--trust", str(small.trust), "--rerun", "--run-foreign-code"]
    assert main([*asked, "--log", str(small.log)]) == 1
    assert f"The temporary folder {tmp_path} has no room left (No space left on device)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_where_no_walls_can_be_built_nothing_runs(small, monkeypatch):
    monkeypatch.setattr("audit_lab.evidence.rerun.world.bubblewrap.program", lambda: None)
    with pytest.raises(SandboxError, match="bubblewrap") as refused:
        al.verify(small.bundle, small.trust, rerun=True, log=small.log, run_foreign_code=True)
    assert refused.value.reason == "isolation"


def test_another_log_is_not_taken(small, tmp_path):
    write_log(tmp_path / "log", {}, {"origin": "tests/other", "description": "Nothing", "notes": []})
    with pytest.raises(IntegrityError, match=r"rerun\.other-log.*tests/other"):
        al.verify(small.bundle, small.trust, rerun=True, log=tmp_path / "log", run_foreign_code=True)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"rerun": True}, "needs the log"),
        ({"run_foreign_code": True}, "are for a re-run"),
        ({"environment": "recorded"}, "are for a re-run"),
        ({"rerun": True, "log": "x", "tolerance": -1.0}, "no tolerance"),
        ({"rerun": True, "log": "x", "environment": "best"}, "no environment"),
        ({"rerun": True, "log": "x", "leave_out": ["a"]}, "are for the recorded environment"),
        ({"rerun": True, "log": "x", "environment": "recorded", "wheels": "nowhere"}, "no folder nowhere"),
    ],
)
def test_options_that_do_not_belong_together(small, options, what):
    with pytest.raises(MisuseError, match=what):
        al.verify(small.bundle, small.trust, **options)


def test_a_log_is_not_run_again(small):
    with pytest.raises(MisuseError, match="only the notebook of an evidence bundle"):
        al.verify(small.log, rerun=True, log=small.log)


def test_ctrl_c_ends_the_re_run_and_all_that_it_started(resigned, small):
    def sleep(cells):
        cells[2]["source"] = ["import time\n", "time.sleep(300)"]

    command = [sys.executable, "-m", "audit_lab", "verify", str(resigned(sleep)), "--trust", str(small.trust)]
    child = subprocess.Popen(
        [*command, "--rerun", "--run-foreign-code", "--log", str(small.log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(started := descendants(child.pid)) < 3 and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (130, "", "audit-lab: stopped.\n")
    assert len(started) >= 3
    deadline = time.monotonic() + 30
    while any(is_running(pid) for pid in started) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [pid for pid in started if is_running(pid)] == []


def descendants(pid):
    """Return the numbers of all processes below one, by Linux's own list."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def is_running(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


# --- generated cells --------------------------------------------------------------------------------------------------

ABOUT = {"id": "INC-2", "question": "Whole?", "actor": "jane", "purpose": "complaint"}


@pytest.fixture(scope="module")
def generated(small, key):
    """Export a generated notebook into which its author put a cell of theirs."""
    value = json.loads(notebook_bytes(ABOUT, "../log", [parsed_step("verify")]))
    code = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    value["cells"].insert(2, {**code, "id": "mine", "source": "print('mine')"})
    notebook = small.folder / "notebook" / "generated.ipynb"
    notebook.write_text(json.dumps(value))
    return export_notebook(notebook, small.folder / "generated.zip", key=key)


def test_what_the_library_writes_runs_by_itself_and_nothing_else(generated, small):
    report = al.verify(generated, small.trust, rerun=True, log=small.log)
    told = [(cell.cell_id, cell.generated, cell.verdict) for cell in report.cells]
    assert told == [
        ("step-1", True, "reproduced"),
        ("mine", False, "not re-executed"),
        ("step-2", True, "reproduced"),
        ("step-3", True, "reproduced"),
    ]
    assert "re-run: 3 of 4 code cells reproduced (75.0%; 3 generated" in " ".join(report.checked)
    assert any(line.startswith("re-run: 1 free-form cells not re-executed") for line in report.not_checked)
    with zipfile.ZipFile(generated) as archive:
        investigation = json.loads(archive.read(INVESTIGATION))
    assert [(step["question"], step["parameters"]) for step in investigation["steps"]] == [("verify", {})]


def test_exhibits_that_it_makes_again_are_compared(generated, small):
    report = al.verify(generated, small.trust, rerun=True, log=small.log)
    assert report.holds
    said = [line for line in (*report.checked, *report.not_checked) if line.startswith("exhibits computed again")]
    assert said == ["exhibits computed again: 1 (verification), against those here"]


def test_a_cell_that_is_not_the_librarys_to_the_last_byte_is_its_authors():
    step = {"exhibit": "e", "question": "verify", "parameters": {}}
    investigation = {"case": ABOUT, "exhibits": [{"id": "e", "title": "T"}], "steps": [step]}
    sources = generated_sources(ABOUT, "../log", [(parsed_step("verify"), "T")])
    code = list(enumerate(sources, start=1))
    assert own_cells(investigation, code) == {1, 2, 3}
    assert own_cells(investigation, [(1, sources[0]), (2, sources[1] + " "), (3, sources[2])]) == {1, 3}
    assert own_cells(investigation, [(1, sources[0] + "\nimport os"), *code[1:]]) == frozenset()
    assert own_cells({**investigation, "steps": []}, code) == frozenset()
    assert own_cells({**investigation, "case": {**ABOUT, "actor": "joe"}}, code) == frozenset()
    assert own_cells(investigation, generated_at("/etc")) == frozenset()


def generated_at(path):
    return list(enumerate(generated_sources(ABOUT, path, [(parsed_step("verify"), "T")]), start=1))
