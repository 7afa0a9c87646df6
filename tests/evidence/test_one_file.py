"""The verifier in one file: it runs where only cryptography is installed, and says what the library says."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from audit_lab.evidence.one_file import verifier_bytes, write_verifier
from audit_lab.seal.digests import sha256_file
from audit_lab.seal.trust import format_trust

NEEDED = ("cryptography", "cffi", "_cffi_backend", "pycparser")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return a function that runs the verifier by an interpreter that finds cryptography and nothing else of ours."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "packages").mkdir()
    for name in NEEDED:
        spec = find_spec(name)
        if spec is not None:
            home = Path(spec.submodule_search_locations[0] if spec.submodule_search_locations else spec.origin)
            (folder / "packages" / home.name).symlink_to(home)
    file = folder / "audit-lab-verify.pyz"
    write_verifier(file)
    start = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"

    def run(*arguments):
        command = [sys.executable, "-I", "-S", "-c", start, folder / "packages", file, *arguments]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=folder)

    run.file = file
    return run


@pytest.fixture
def bundle(case, key, signed_at, tmp_path):
    return case.export(tmp_path / "out", key=key, signed_at=signed_at)


@pytest.fixture
def pinned(trust, tmp_path):
    path = tmp_path / "trust.toml"
    path.write_text(format_trust(trust.keys))
    return path


def test_the_same_sources_give_the_same_bytes(tmp_path):
    digest = write_verifier(tmp_path / "v.pyz")
    assert (tmp_path / "v.pyz").read_bytes() == verifier_bytes()
    assert sha256_file(tmp_path / "v.pyz") == digest
    assert (tmp_path / "v.pyz").stat().st_mode & 0o111


def test_it_knows_nothing_of_audit_lab_but_itself(bare):
    said = bare("--help")
    assert said.returncode == 0, said.stderr
    assert "without a network" in " ".join(said.stdout.split())
    start = f"import sys; sys.path.insert(0, {str(bare.file)!r}); import audit_lab.face"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, check=False)
    assert "No module named 'audit_lab.face'" in done.stderr


def test_a_good_bundle_holds(bare, bundle, pinned):
    said = bare(bundle, "--trust", pinned)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("UNANCHORED  ")
    assert "- jane@bank (key id" in said.stdout
    assert "- sign-offs: nobody but the investigator signed this bundle" in said.stdout


def test_a_changed_bundle_fails_and_names_the_file(bare, bundle, pinned):
    content = bytearray(bundle.read_bytes())
    content[content.index(b'"claim":"US')] ^= 1
    bundle.write_bytes(content)
    said = bare(bundle, "--trust", pinned, "--json")
    report = json.loads(said.stdout)
    assert (said.returncode, report["verdict"]) == (1, "FAILED")
    assert ("bundle.file-changed", "data/investigation.json") in [(f["code"], f["file"]) for f in report["findings"]]


def test_what_is_required_and_what_is_missing(bare, bundle, pinned, tmp_path):
    assert bare(bundle).returncode == 1
    assert "sign-off.missing" in bare(bundle, "--trust", pinned, "--require-sign-off", "approved").stdout
    assert "anchor.missing" in bare(bundle, "--trust", pinned, "--require-anchor").stdout
    assert "sign-off.no-rule" in bare(bundle, "--trust", pinned, "--require-sign-off", "case").stdout
    for arguments in ((tmp_path / "none.zip",), (bundle, "--trust", tmp_path / "none.toml"), ()):
        assert bare(*arguments).returncode == 2
    unknown = bare(bundle, "--trust", pinned, "--require-sign-off", "liked")
    assert (unknown.returncode, "is no meaning of a sign-off" in unknown.stderr) == (2, True)


def test_hostile_names_cannot_move_the_cursor(bare, tmp_path):
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "a\x1b[2J.txt").write_text("x")
    said = bare(folder)
    assert said.returncode == 1
    assert "\x1b" not in said.stdout
    assert "\\x1b[2J" in said.stdout


def test_a_record_s_proof_is_checked_too(bare, tmp_path):
    proof = tmp_path / "proof.json"
    proof.write_text("{}")
    said = bare(proof)
    assert (said.returncode, said.stdout.split("  ")[0]) == (1, "REFUSED")
    assert bare(proof, "--require-sign-off", "approved").returncode == 2
