"""Long work on a real server: begun, watched, cancelled, and held to the root folder."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

import audit_lab
from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.lab.work import TASKS, Told
from audit_lab.seal.key_file import write_key
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.report import Finding, Verdict, Verification
from audit_lab.seal.trust import ANY_ORIGIN, Trust, TrustedKey

sys.path.insert(0, str(Path(__file__).parent))
from stated import answers_to


def processes_of(marker):
    """Return the processes whose command line holds a word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker.encode() in (entry / "cmdline").read_bytes() and os.getpgid(int(entry.name)):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_a_log_is_verified_and_its_badge_says_when(server, make_log):
    folder = make_log(server.root / "made" / "verified")
    job = server.begin(kind="verify-log", log="made/verified")
    assert (job.status, job.body["kind"], job.body["about"]) == (202, "verify-log", "made/verified")
    ended = server.ended(job.body["id"])
    answers_to({"$ref": "#/components/schemas/Job"}, ended)
    assert (ended["state"], ended["problem"]) == ("done", None)
    report = ended["result"]["verification"]
    assert ended["result"]["sealed"] is False
    assert report["subject"] == "log verified at made/verified"
    assert str(server.root) not in str(ended)

    def badge():
        return next(entry for entry in server.ask("logs").body["logs"] if entry["path"] == "made/verified")["integrity"]

    assert badge() == {
        "sealed": False,
        "verdict": report["verdict"],
        "verified_at": ended["ended_at"],
        "findings": len(report["findings"]),
    }
    before = sorted(path.name for path in folder.rglob("*"))
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text() + "\n")
    assert badge()["verdict"] is None
    assert sorted(path.name for path in folder.rglob("*")) == before


def test_a_changed_segment_fails_the_verification_and_the_badge_says_so(server, make_log):
    folder = make_log(server.root / "made" / "tampered")
    segment = next((folder / "predictions").glob("*.parquet"))
    segment.write_bytes(segment.read_bytes()[:-1] + b"X")
    ended = server.ended(server.begin(kind="verify-log", log="made/tampered").body["id"])
    assert (ended["state"], ended["result"]["verification"]["verdict"]) == ("done", "FAILED")
    entry = next(entry for entry in server.ask("logs").body["logs"] if entry["path"] == "made/tampered")
    assert entry["integrity"]["verdict"] == "FAILED"
    assert entry["integrity"]["findings"] >= 1


def test_a_hostile_bundle_is_refused_with_a_report(server):
    ended = server.ended(server.begin(kind="verify-bundle", bundle="no-bundle.zip").body["id"])
    assert ended["state"] == "done"
    assert ended["result"]["verification"]["verdict"] == "REFUSED"
    assert ended["result"]["verification"]["findings"][0]["next_step"]


def test_a_dossier_is_made_and_written_beside_the_log(server):
    def made():
        asked = {"kind": "dossier", "log": "logs/loans", "id": "p-001", "formats": ["html", "pdf"], "folder": "answers"}
        ended = server.ended(server.begin(**asked).body["id"])
        assert ended["state"] == "done", ended
        return ended["result"]

    first, second = made(), made()
    answers_to({"$ref": "#/components/schemas/Result"}, first)
    assert first["dossier"]["decision"] == "'approve'"
    assert first["files"] == ["answers/dossier-p-001.pdf", "answers/dossier-p-001.html"]
    assert second["files"] == ["answers/dossier-p-001-2.pdf", "answers/dossier-p-001-2.html"]
    assert (server.root / "answers" / "dossier-p-001.pdf").read_bytes().startswith(b"%PDF")
    written = (server.root / "answers" / "dossier-p-001.html").read_text()
    assert "NOT CHECKED" not in written
    assert "UNANCHORED" in written
    read = server.ended(server.begin(kind="dossier", log="logs/loans", id="p-001").body["id"])
    assert read["result"]["dossier"]["integrity"]["verdict"] == "NOT CHECKED"
    assert first["dossier"]["integrity"]["verdict"] == "UNANCHORED"


@pytest.fixture
def asked_bundle(make_log, tmp_path):
    """Return the arguments of the work that exports a bundle about a decision."""
    about = {"id": "decision-p-001", "question": "What was decided?", "actor": "ana", "purpose": "a test"}
    folder = tmp_path / "out"
    return {"path": str(make_log(tmp_path / "loans")), "id": "p-001", "case": about, "folder": str(folder)}


def test_a_bundle_about_a_decision_rests_on_cells_of_the_library_alone(asked_bundle, monkeypatch, tmp_path):
    key = SigningKey.generate("records-office")
    monkeypatch.setenv("AUDIT_LAB_KEY", str(write_key(tmp_path / "key", key, b"for this test")))
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "for this test")
    said = io.StringIO()
    bundle, notebook = TASKS["bundle"](asked_bundle, Told(said))["files"]
    assert (Path(bundle).name, Path(notebook).name) == ("decision-p-001.zip", "decision-p-001.ipynb")
    trust = Trust(keys=(TrustedKey(key.public, "investigator", ANY_ORIGIN),), name="pinned")
    report = audit_lab.verify(bundle, trust)
    assert (report.verdict.name, report.findings) == ("UNANCHORED", ())
    with ZipFile(bundle) as archive:
        made = json.loads(archive.read("data/investigation.json"))
    # There is no model to explain it with, which is no reason to hand nothing over.
    assert [step["question"] for step in made["steps"]] == ["verify", "decision", "replay", "lineage"]
    assert made["case"]["actor"] == "ana"
    assert "reconstruction" in said.getvalue()


def test_a_bundle_without_a_key_writes_nothing(asked_bundle, monkeypatch):
    monkeypatch.delenv("AUDIT_LAB_KEY", raising=False)
    with pytest.raises(MisuseError, match="This Jupyter server has no key to sign evidence with"):
        TASKS["bundle"](asked_bundle, Told(io.StringIO()))
    assert not Path(asked_bundle["folder"]).exists()


def test_a_bundle_is_asked_for_with_a_purpose(server):
    asked = {"kind": "bundle", "log": "logs/loans", "id": "p-001", "folder": "none", "actor": "ana"}
    assert server.begin(**asked).status == 400
    assert "purpose" in server.begin(**asked, purpose=" ").body["message"]


def test_an_id_that_is_not_there_is_a_failed_job_with_what_to_do(server):
    ended = server.ended(server.begin(kind="dossier", log="logs/loans", id="nobody").body["id"])
    assert (ended["state"], ended["result"]) == ("failed", None)
    assert "nobody" in ended["problem"]["message"]
    assert ended["problem"]["next_step"]


def test_a_job_that_is_cancelled_leaves_no_process(server, make_log):
    make_log(server.root / "made" / "long", 20_000)
    job = server.begin(kind="verify-log", log="made/long").body["id"]
    deadline = time.monotonic() + 240
    while not processes_of("audit_lab.lab.work") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_of("audit_lab.lab.work")
    cancelled = server.send("DELETE", f"jobs/{job}")
    assert (cancelled.status, cancelled.body["state"], cancelled.body["result"]) == (200, "cancelled", None)
    while processes_of("audit_lab.lab.work") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes_of("audit_lab.lab.work") == []
    assert server.ask(f"jobs/{job}").body["state"] == "cancelled"
    assert server.send("DELETE", f"jobs/{job}").body["state"] == "cancelled"


def test_no_process_outlives_the_server(start, tmp_path, make_log):
    make_log(tmp_path / "log", 20_000)
    with start(tmp_path) as server:
        server.begin(kind="verify-log", log="log")
        deadline = time.monotonic() + 240
        while not processes_of("audit_lab.lab.work") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert processes_of("audit_lab.lab.work")
    while processes_of("audit_lab.lab.work") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of("audit_lab.lab.work") == []


@pytest.mark.parametrize("folder", ["../outside", "/tmp", "linked", ".hidden", "logs/loans", "logs/loans/new"])
def test_results_go_below_the_root_and_never_into_a_log(server, folder):
    reply = server.begin(kind="dossier", log="logs/loans", id="p-001", formats=["pdf"], folder=folder)
    assert reply.status == 400
    assert reply.body["next_step"]


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "verify-bundle", "bundle": "linked.zip"},
        {"kind": "verify-bundle", "bundle": "../outside/manifest.json"},
        {"kind": "verify-bundle", "bundle": "/etc/hostname"},
        {"kind": "verify-log", "log": "linked"},
        {"kind": "verify-log", "log": "logs/loans", "trust": "../trust.toml"},
        {"kind": "export", "case": "cases/INC-1", "notebook": "no-bundle.zip"},
        {"kind": "dossier", "log": "logs/loans", "id": 7},
        {"kind": "dossier", "log": "logs/loans", "id": "p-001", "formats": ["exe"]},
        {"log": "logs/loans"},
        ["verify-log"],
    ],
)
def test_what_cannot_be_meant_begins_nothing(server, asked):
    before = len(server.ask("jobs").body["jobs"])
    assert server.send("POST", "jobs", json.dumps(asked).encode()).status == 400
    assert server.send("POST", "jobs", b"{").status == 400
    assert len(server.ask("jobs").body["jobs"]) == before


def test_a_folder_named_like_the_package_is_not_imported(start, tmp_path, make_log):
    make_log(tmp_path / "log")
    (tmp_path / "audit_lab").mkdir()
    (tmp_path / "audit_lab" / "__init__.py").write_text("open('owned', 'w').close()\n")
    (tmp_path / "json.py").write_text("open('owned', 'w').close()\n")
    with start(tmp_path) as server:
        assert server.ended(server.begin(kind="verify-log", log="log").body["id"])["state"] == "done"
    assert not (tmp_path / "owned").exists()


def test_who_may_not_run_code_may_not_run_a_notebook(server, start, tmp_path):
    (server.root / "work.ipynb").write_text("{}")
    with start(server.root, "--ServerApp.authorizer_class=without_audit_lab.WithoutKernels") as strict:
        asked = {"kind": "export", "case": "cases/INC-1", "folder": "out"}
        refused = strict.begin(**asked, notebook="work.ipynb")
        assert refused.status == 403
        assert "may not run code" in refused.body["message"]
        assert strict.begin(**asked).status == 202
        about = {"log": "logs/loans", "id": "p-001", "folder": "out", "actor": "ana", "purpose": "a test"}
        refused = strict.begin(kind="bundle", **about)
        assert refused.status == 403
        assert "may not run code" in refused.body["message"]
        assert not (server.root / "out" / "decision-p-001.ipynb").exists()
    allowed = server.begin(kind="bundle", **about)
    assert allowed.status == 202
    server.send("DELETE", f"jobs/{allowed.body['id']}")


def test_an_export_without_a_key_says_what_to_do(server):
    ended = server.ended(server.begin(kind="export", case="cases/INC-1", folder="out").body["id"])
    assert ended["state"] == "failed"
    assert "key" in ended["problem"]["message"]
    assert "AUDIT_LAB_KEY" in ended["problem"]["next_step"]


def test_of_very_many_findings_the_first_are_told_and_how_many_there_are(tmp_path, monkeypatch):
    found = tuple(
        Finding("segment.changed", f"{number}.parquet", "It was changed.", "Ask.") for number in range(100_000)
    )
    report = Verification("log", Verdict.FAILED, found)

    def failed(*_, **__):
        raise IntegrityError("failed", "Look.", report)

    monkeypatch.setattr(audit_lab, "verify", failed)
    told = TASKS["verify-log"]({"path": str(tmp_path), "trust": None}, Told(io.StringIO()))
    assert len(told["verification"]["findings"]) == 500
    assert told["found"] == 100_000
    assert told["verification"]["notes"][0].startswith("The first 500 of 100,000 findings are listed here")
    assert len(json.dumps(told)) < 200_000
