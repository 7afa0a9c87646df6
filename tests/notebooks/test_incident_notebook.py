"""The incident notebook: committed without outputs, runs unattended, reaches the true conclusion, becomes evidence."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.cli import main
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import Trust

REPOSITORY = Path(__file__).resolve().parents[2]
EXECUTED = "data/notebook/investigation.ipynb"
HTML = "data/notebook/investigation.html"


@pytest.fixture
def verify(exported, tmp_path, capsys):
    """Return a function that verifies a changed copy of the bundle on the command line: code, findings, one line."""

    def call(content):
        copy = tmp_path / "changed.zip"
        copy.write_bytes(content)
        code = main(["verify", str(copy), "--trust", str(exported.trust), "--json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        assert main(["verify", str(copy), "--trust", str(exported.trust)]) == code
        return code, {finding["file"] for finding in findings}, capsys.readouterr().err

    return call


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_it_is_committed_without_outputs(story):
    notebook = json.loads(story.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 10
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook["metadata"]


def test_it_names_no_place_of_one_machine(story):
    text = story.read_text()
    assert "/home/" not in text
    assert str(REPOSITORY) not in text
    assert '"../sample_data/flights\\"' in text


def test_it_ran_to_its_end_in_order(exported):
    cells = [cell for cell in exported.json(EXECUTED)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert [output for output in exported.outputs() if output["output_type"] == "error"] == []
    assert [output for output in exported.outputs() if output.get("name") == "stderr"] == []


def test_the_source_is_the_committed_one(exported, story):
    sources = [
        ["".join(cell["source"]) for cell in json.loads(text)["cells"]]
        for text in (story.read_text(), exported.files[EXECUTED])
    ]
    assert sources[0] == sources[1]


def test_the_conclusion_names_the_carrier_and_its_last_day(exported):
    investigation = exported.json("data/investigation.json")
    first = investigation["findings"][0]["claim"]
    assert first.startswith("Carrier US was last seen on 2015-06-30 and did not return")
    assert (
        "from 1 July 2015 the flights of US Airways were reported under American Airlines"
        in investigation["conclusion"]
    )
    for page in ("data/README.html", HTML):
        text = exported.files[page].decode()
        assert "Carrier US was last seen on 2015-06-30" in text
        assert "The model did not change" in text


def test_every_finding_rests_on_exhibits_of_the_bundle(exported):
    investigation = exported.json("data/investigation.json")
    known = {exhibit["id"]: exhibit for exhibit in investigation["exhibits"]}
    for finding in investigation["findings"]:
        assert finding["supported_by"]
        assert set(finding["supported_by"]) <= set(known)
    for exhibit in known.values():
        assert {f"data/{file['path']}" for file in exhibit["files"]} <= set(exported.files)


def test_the_decision_is_replayed_exactly(exported):
    (name,) = [name for name in exported.files if name.endswith("/replay.json")]
    assert (exported.json(name)["verdict"], exported.json(name)["distance"]) == ("EXACT", 0.0)


def test_the_bundle_is_unanchored_without_findings(exported):
    report = al.verify(exported.bundle, exported.trust)
    assert report.verdict is Verdict.UNANCHORED
    assert report.findings == ()


def test_the_demonstration_key_is_said_to_be_one(exported):
    (signer,) = al.verify(exported.bundle, exported.trust).signers
    assert signer.startswith("demonstration-investigator")
    assert (
        "demonstration key: this shows how evidence looks and proves nothing"
        in exported.files["data/README.html"].decode()
    )


def test_without_its_trust_file_nothing_is_accepted(exported):
    with pytest.raises(al.AuditLabError, match=r"signature\.key-not-trusted"):
        al.verify(exported.bundle, Trust())


@pytest.mark.parametrize("where", ["first byte", "middle", "last byte"])
@pytest.mark.parametrize(
    "what",
    [
        "README.html",
        "investigation.ipynb",
        "investigation.html",
        ".parquet",
        "custody.jsonl",
        "chart.svg",
        "digests.json",
    ],
)
def test_a_byte_changed_in_a_file_names_the_file(exported, verify, what, where):
    with zipfile.ZipFile(exported.bundle) as archive:
        member = next(info for info in archive.infolist() if info.filename.endswith(what))
    content = exported.bundle.read_bytes()
    start = member.header_offset + 30 + sum(struct.unpack_from("<HH", content, member.header_offset + 26))
    at = start + {"first byte": 0, "middle": member.file_size // 2, "last byte": member.file_size - 1}[where]
    assert content[start : start + member.file_size] == exported.files[member.filename]

    code, files, line = verify(flipped(content, at))
    assert code == 1
    assert files == {member.filename}
    assert member.filename in line


@pytest.mark.parametrize("field", [0, 4, 6, 8, 10, 14, 18, 22, 26, 28, 30])
def test_a_byte_changed_in_a_header_of_the_archive_names_the_file(exported, verify, field):
    """Signature, version, flags, method, time, checksum, two sizes, two lengths and the name of a local header."""
    with zipfile.ZipFile(exported.bundle) as archive:
        member = archive.infolist()[20]
    code, files, line = verify(flipped(exported.bundle.read_bytes(), member.header_offset + field))
    assert (code, files) == (1, {member.filename})
    assert member.filename in line


def test_a_byte_changed_in_the_directory_of_the_archive_is_found(exported, verify):
    content = exported.bundle.read_bytes()
    end = content.rindex(b"PK\5\6")
    directory = struct.unpack_from("<I", content, end + 16)[0]
    for at in (
        directory,
        directory + 6,
        directory + 16,
        directory + 42,
        directory + 46,
        end,
        end + 8,
        end + 12,
        end + 16,
    ):
        assert verify(flipped(content, at))[0] == 1, at


def test_a_byte_changed_in_the_attestation_names_it(exported, verify):
    content = exported.bundle.read_bytes()
    start = content.index(exported.files["attestation.dsse.json"])
    for at in (0, 100, len(exported.files["attestation.dsse.json"]) - 5):
        code, files, _ = verify(flipped(content, start + at))
        assert (code, files) == (1, {"attestation.dsse.json"})


@pytest.mark.parametrize("name", ["data/README.html", HTML])
def test_a_file_left_out_or_put_in_is_named(exported, verify, name):
    def archive(files):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as made:
            for each, content in files.items():
                made.writestr(zipfile.ZipInfo(each, (1980, 1, 1, 0, 0, 0)), content)
        return buffer.getvalue()

    without = {each: content for each, content in exported.files.items() if each != name}
    assert verify(archive(without))[0] == 1
    assert verify(archive({**exported.files, f"{name}.bak": b"more"}))[0] == 1
