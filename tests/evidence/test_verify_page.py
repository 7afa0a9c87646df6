"""The page that checks a bundle: in every bundle, the same everywhere, and to be had apart from any."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile

from audit_lab.cli import main
from audit_lab.evidence import export_case
from audit_lab.evidence.verify_page import PAGE_NAME, checking_page
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.statement import Statement


def test_every_bundle_holds_the_page_and_its_signer_attests_it(case, key, tmp_path):
    with zipfile.ZipFile(export_case(case, tmp_path, key=key)) as archive:
        assert archive.read(PAGE_NAME) == checking_page()
        envelope = Envelope.parse(archive.read("attestation.dsse.json"), "it")
    attested = Statement.parse(envelope.payload, "it").subjects
    assert attested[PAGE_NAME] == hashlib.sha256(checking_page()).hexdigest()


def test_another_process_makes_the_same_bytes():
    take = "import sys; from audit_lab.evidence.verify_page import checking_page"
    source = f"{take}; sys.stdout.buffer.write(checking_page())"
    assert subprocess.run([sys.executable, "-c", source], check=True, capture_output=True).stdout == checking_page()


def test_the_command_writes_it(tmp_path, capsys):
    path = tmp_path / "verify.html"
    assert main(["verifier", "--page", "--out", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "page": str(path),
        "sha256": hashlib.sha256(checking_page()).hexdigest(),
    }
    assert path.read_bytes() == checking_page()


def test_the_policy_names_the_digests_of_its_own_script_and_style():
    text = checking_page().decode()
    for tag, kind in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"(?s)<{tag}>(.*?)</{tag}>", text)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in text
