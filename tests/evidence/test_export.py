from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from audit_lab.case.case_folder import CaseEditedWarning
from audit_lab.errors import AuditLabError, IntegrityError, MisuseError, NotebookError
from audit_lab.evidence import Case, examine_in_full, export_case, export_notebook, verify_in_full
from audit_lab.seal.digests import sha256
from audit_lab.seal.report import Verdict, Verification
from audit_lab.verifier import examine_bundle


def _read(path):
    with zipfile.ZipFile(path) as file:
        return {info.filename: file.read(info) for info in file.infolist()}


def _changed(path, name, content):
    """Rewrite the archive with one file changed."""
    from audit_lab.evidence.archive_writer import write_archive

    buffer = io.BytesIO()
    write_archive(buffer, {**_read(path), name: content})
    path.write_bytes(buffer.getvalue())


def test_a_case_alone_is_exported_and_accepted(case, key, trust, tmp_path):
    path = export_case(case, tmp_path / "out", key=key)
    assert path == tmp_path / "out" / "INC-1.zip"
    assert verify_in_full(path, trust).verdict is Verdict.UNANCHORED


def test_the_layout_of_a_bundle(case, key, tmp_path):
    table = f"data/exhibits/{case.exhibits[0].folder.name}/table"
    assert sorted(_read(export_case(case, tmp_path, key=key))) == sorted(
        [
            "attestation.dsse.json",
            "bag-info.txt",
            "bagit.txt",
            "data/README.html",
            "data/custody.jsonl",
            "data/environment/environment.json",
            "data/environment/requirements.txt",
            f"{table}.csv",
            f"{table}.parquet",
            "data/investigation.json",
            "data/models/digests.json",
            "data/ro-crate-metadata.json",
            "data/verify.html",
            "manifest-sha256.txt",
            "tagmanifest-sha256.txt",
        ]
    )


def test_sha256sum_accepts_the_unpacked_bundle(case, key, tmp_path):
    with zipfile.ZipFile(export_case(case, tmp_path, key=key)) as file:
        file.extractall(tmp_path / "unpacked")
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        command = ["sha256sum", "--strict", "-c", manifest]
        subprocess.run(command, cwd=tmp_path / "unpacked", check=True, capture_output=True)


def test_equal_contents_give_equal_bytes(make_case, key, signed_at, tmp_path):
    paths = [
        export_case(make_case(folder), tmp_path / folder / "out", key=key, signed_at=signed_at) for folder in ("a", "b")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_time_stated_is_the_time_given(case, key, signed_at, tmp_path):
    content = _read(export_case(case, tmp_path, key=key, signed_at=signed_at))
    assert b"Bagging-Date: 2026-02-01\n" in content["bag-info.txt"]
    assert b"2026-02-01T00:00:00.000000Z" in content["data/README.html"]


def test_the_export_is_recorded_after_it_is_cut(case, key, tmp_path):
    content = _read(export_case(case, tmp_path, key=key))
    assert b"exported" not in content["data/custody.jsonl"]
    assert case.custody[-1].action == "exported"


def test_no_path_of_this_machine_is_in_a_bundle(case, key, tmp_path):
    for name, content in _read(export_case(case, tmp_path, key=key)).items():
        assert str(tmp_path).encode() not in content, name
        assert sys.prefix.encode() not in content, name


def test_model_versions_are_listed_once(case, key, tmp_path):
    class Decision:
        prediction_id = "p1"
        prediction = {"prediction_id": "p1"}  # noqa: RUF012
        inputs = {"distance": 3.0}  # noqa: RUF012
        model_version = {"model_name": "delay", "artifact_sha256": "cd" * 32}  # noqa: RUF012

        def to_dict(self):
            return {"prediction_id": "p1"}

    kept = case.keep(Decision(), "The decision")
    content = _read(export_case(case, tmp_path, key=key))
    models = json.loads(content["data/models/digests.json"])["models"]
    assert models == [{"model_name": "delay", "artifact_sha256": "cd" * 32}]
    rows = pl.read_parquet(io.BytesIO(content[f"data/rows/{kept.folder.name}/inputs.parquet"]))
    assert rows["distance"].to_list() == [3.0]


def test_the_environment_names_exact_packages(case, key, tmp_path):
    facts = json.loads(_read(export_case(case, tmp_path, key=key))["data/environment/environment.json"])
    assert facts["packages"]["polars"] == pl.__version__
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))


# --- the page that is read first --------------------------------------------------------------------------------------


def test_the_readme_answers_the_question(case, key, tmp_path):
    page = _read(export_case(case, tmp_path, key=key))["data/README.html"].decode()
    for words in ("Why?", "It merged.", "US vanished", "Rows by carrier", "jane@bank", "<td>AA</td>", "not sealed"):
        assert words in page
    assert "demonstration" not in page


def test_the_readme_says_how_to_check_the_bundle_and_what_cannot_vouch_for_it(case, key, tmp_path):
    content = _read(export_case(case, tmp_path, key=key))
    page = " ".join(re.sub("<[^>]+>", "", content["data/README.html"].decode()).split())
    assert "data/verify.html checks the bundle in a browser without a network, and cannot vouch for itself" in page
    assert "data/verify.html" in content


def test_a_bundle_about_a_sealed_log_states_its_checkpoint(case, key, tmp_path):
    note = "flights.example\n7\nq83v\n\n— flights.example AAAA\n"
    sealed = replace(case, about=replace(case.about, log_checkpoint=note))
    content = _read(export_case(sealed, tmp_path, key=key))
    assert json.loads(content["data/investigation.json"])["log"]["checkpoint"] == note
    page = content["data/README.html"].decode()
    assert "size 7, root q83v" in page
    assert "carries no proofs of inclusion" in page
    assert "not sealed" not in page


def test_nothing_in_the_readme_is_markup(make_case, key, tmp_path):
    attack = "</title><script>alert(1)</script><img src=x onerror=alert(1)>"
    case = make_case(question=attack)
    exhibit = case.keep(pl.DataFrame({attack: [attack]}), attack, note=attack, query=attack)
    case.finding(attack, [exhibit], "low")
    case.conclude(attack)
    page = _read(export_case(case, tmp_path, key=key))["data/README.html"].decode()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_the_readme_shows_times_and_numbers_for_people(case, key, tmp_path):
    at = [datetime(2014, 12, 29, tzinfo=UTC), datetime(2014, 12, 29, 1, 2, 3, tzinfo=UTC), None]
    frame = pl.DataFrame({"at": at, "psi": [0.12345678901234567, None, 2.0], "list": [[0.5], [], None]})
    exhibit = case.keep(frame, "Drift")
    content = _read(export_case(case, tmp_path, key=key))
    page = content["data/README.html"].decode()
    for row in ("2014-12-29 00:00 UTC</td><td>0.123457</td><td>[0.5]", "2014-12-29 01:02:03 UTC</td><td></td><td>[]"):
        assert f"<tr><td>{row}</td></tr>" in page
    assert "<tr><td></td><td>2</td><td></td></tr>" in page
    assert page.count("numbers to 6 significant digits") == 1
    assert b",0.12345678901234566," in content[f"data/exhibits/{exhibit.folder.name}/table.csv"]


def test_the_readme_shows_the_first_rows_and_says_of_how_many(case, key, tmp_path):
    case.keep(pl.DataFrame({"row": [f"<{number}>" for number in range(1200)]}), "Many")
    page = _read(export_case(case, tmp_path, key=key))["data/README.html"].decode()
    assert "<td>&lt;9&gt;</td>" in page
    assert "<td>&lt;10&gt;</td>" not in page
    assert "The first 10 of 1,200 rows." in page


# --- whether the log's segments were compared -------------------------------------------------------------------------

COMPARED = Verification(
    "log flights.example at /home/jane/flights", Verdict.UNANCHORED, checked=("SHA-256 of 3 segments (abababababab…)",)
)


def test_a_bundle_says_when_the_segments_were_not_compared(case, key, trust, tmp_path):
    path = export_case(case, tmp_path, key=key)
    page = _read(path)["data/README.html"].decode()
    assert "the case keeps no verification of it.</li>" in page
    assert [line for line in verify_in_full(path, trust).not_checked if "the digests of its manifest" in line] != []


def test_a_bundle_names_the_exhibit_that_compared_the_segments(case, key, trust, tmp_path):
    exhibit = case.keep(COMPARED, "The log's segments against its manifest")
    path = export_case(case, tmp_path, key=key)
    content = _read(path)
    page = content["data/README.html"].decode()
    assert f"digests of its manifest when they were verified: see exhibit {exhibit.number}." in page
    assert "keeps no verification" not in page
    assert [line for line in verify_in_full(path, trust).not_checked if "the digests of its manifest" in line] == []
    kept = json.loads(content[f"data/exhibits/{exhibit.folder.name}/verification.json"])
    assert (kept["subject"], kept["verdict"]) == ("log flights.example", "UNANCHORED")


@pytest.mark.parametrize(
    "changes",
    [{"verdict": Verdict.FAILED}, {"checked": ("SHA-256 of 3 segments (cdcdcdcdcdcd…)",)}, {"checked": ()}],
    ids=["it failed", "of another manifest", "of nothing"],
)
def test_a_verification_that_shows_nothing_is_not_counted(case, key, trust, tmp_path, changes):
    case.keep(replace(COMPARED, **changes), "A verification")
    path = export_case(case, tmp_path, key=key)
    assert "the case keeps no verification" in _read(path)["data/README.html"].decode()
    assert [line for line in verify_in_full(path, trust).not_checked if "the digests of its manifest" in line] != []


# --- nothing half-made ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device"), MemoryError])
def test_an_export_that_is_interrupted_leaves_nothing(case, key, tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("audit_lab.evidence.archive_writer.central_header", fail)
    with pytest.raises((KeyboardInterrupt, MemoryError, AuditLabError)):
        export_case(case, tmp_path / "out", key=key)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_cannot_be_written(case, key, tmp_path):
    (tmp_path / "out").write_text("a file")
    for out in (tmp_path / "out", tmp_path / "out" / "within"):
        with pytest.raises(AuditLabError, match=r"cannot be written \(a file stands where its folder should be\)"):
            export_case(case, out, key=key)


def test_an_interrupted_export_leaves_the_earlier_one(case, key, trust, tmp_path, monkeypatch):
    path = export_case(case, tmp_path, key=key)
    before = path.read_bytes()

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        export_case(case, tmp_path, key=key, overwrite=True)
    assert path.read_bytes() == before
    assert examine_bundle(path, trust).holds


def test_an_export_that_is_killed_leaves_no_bundle(case, tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path; import audit_lab.evidence.archive_writer as writer;"
        "from audit_lab.evidence import Case, export_case; from audit_lab.seal.keys import SigningKey;"
        "writer.central_header = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "export_case(Case.open(sys.argv[1]), Path(sys.argv[2]), key=SigningKey.generate('k'))"
    )
    out = tmp_path / "out"
    command = [sys.executable, "-c", program, case.folder, out]
    temporary = {**os.environ, "TMPDIR": str(tmp_path)}  # what a kill leaves there goes with the test
    done = subprocess.run(command, check=False, capture_output=True, env=temporary)
    assert done.returncode == -signal.SIGKILL
    assert list(out.glob("*.zip")) == []


def test_a_bundle_is_replaced_only_on_demand(case, key, signed_at, tmp_path):
    path = case.export(tmp_path, key=key)
    before = path.read_bytes()
    for out in (tmp_path, path):
        with pytest.raises(MisuseError, match=r"There is a bundle already: .*INC-1\.zip.*overwrite"):
            case.export(out, key=key, signed_at=signed_at)
    assert path.read_bytes() == before
    assert [line.action for line in case.custody].count("exported") == 1
    assert case.export(tmp_path, key=key, signed_at=signed_at, overwrite=True) == path
    assert path.read_bytes() != before


def test_a_bundle_of_a_notebook_is_replaced_only_on_demand(story, write_notebook, key, tmp_path):
    path = export_notebook(story, tmp_path / "out", key=key)
    before = path.read_bytes()
    with pytest.raises(MisuseError, match="There is a bundle already"):
        export_notebook(story, tmp_path / "out", key=key)
    with pytest.raises(MisuseError, match="There is a bundle already"):
        export_notebook(write_notebook("1 / 0", name="fails.ipynb"), path, key=key)  # refused before it runs
    assert path.read_bytes() == before
    export_notebook(story, tmp_path / "out", key=key, overwrite=True)
    assert path.read_bytes() != before


def test_a_case_that_was_tampered_with_is_not_exported(case, key, tmp_path):
    folder, forged = case.exhibits[0].folder, b"carrier,rows\nAA,99\n"
    record = (folder / "exhibit.json").read_bytes()
    (folder / "exhibit.json").write_bytes(
        record.replace(sha256((folder / "table.csv").read_bytes()).encode(), sha256(forged).encode())
    )
    (folder / "table.csv").write_bytes(forged)
    with pytest.warns(CaseEditedWarning, match=r"table\.csv"), pytest.raises(IntegrityError) as caught:
        export_case(case, tmp_path / "out", key=key)
    assert [finding.code for finding in caught.value.report.findings] == ["case.exhibit-id-wrong"]
    assert list((tmp_path / "out").iterdir()) == []


# --- with a notebook --------------------------------------------------------------------------------------------------


def test_a_notebook_is_run_and_its_case_exported(story, key, trust, tmp_path):
    path = export_notebook(story, tmp_path / "out", key=key)
    content = _read(path)
    assert b"US vanished" in content["data/notebook/investigation.html"]
    assert json.loads(content["data/investigation.json"])["conclusion"] == "It merged."
    report = verify_in_full(path, trust)
    assert report.verdict is Verdict.UNANCHORED
    assert "HTML rendered again from the notebook against the bytes of the one here" in report.checked
    assert "CSV of every table against its Parquet" in report.checked

    # Each file changed names that file, whatever stage would have looked into it.
    original = path.read_bytes()
    for name, old in content.items():
        if name != "attestation.dsse.json":
            _changed(path, name, old[:-1] + bytes([old[-1] ^ 1]))
            assert [(f.code, f.file) for f in examine_in_full(path, trust).findings] == [("bundle.file-changed", name)]
            path.write_bytes(original)


def test_a_failing_notebook_exports_nothing(write_notebook, key, tmp_path):
    with pytest.raises(NotebookError, match="Cell 1"):
        export_notebook(write_notebook("1 / 0"), tmp_path / "out", key=key)
    assert not (tmp_path / "out").exists()


def test_a_notebook_without_a_case(write_notebook, key, tmp_path):
    with pytest.raises(NotebookError, match="should make one case and made 0"):
        export_notebook(write_notebook("1 + 1"), tmp_path / "out", key=key)


def test_a_case_exported_with_its_notebook(case, story, key, trust, tmp_path):
    path = case.export(tmp_path / "out", key=key, notebook=story)
    assert verify_in_full(path, trust).holds
    case.keep(pl.DataFrame({"x": [1]}), "Kept by hand")
    with pytest.raises(NotebookError, match="Kept by hand"):
        case.export(tmp_path / "out", key=key, notebook=story, overwrite=True)


def test_a_notebook_is_exported_from_a_cell(write_notebook, story, key, trust, tmp_path):
    """A kernel runs a loop of its own; the notebook of the export runs beside it."""

    async def cell():
        return export_notebook(story, tmp_path / "out", key=key)

    assert verify_in_full(asyncio.run(cell()), trust).holds


def test_a_notebook_that_exports_itself_is_refused(case, key, story, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_EXPORTING", "1")
    with pytest.raises(NotebookError, match="exports itself"):
        case.export("out", key=key, notebook=story)


def test_without_a_key_nothing_is_exported(case, monkeypatch, tmp_path):
    monkeypatch.delenv("AUDIT_LAB_KEY", raising=False)
    with pytest.raises(MisuseError, match="no key to sign with"):
        case.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_case_is_a_case_file(case):
    assert isinstance(Case.open(case.folder), Case)
