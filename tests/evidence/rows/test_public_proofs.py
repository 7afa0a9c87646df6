"""The proofs of a bundle's rows, checked by the library of Go's checksum database, which nobody here wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from go_program import built

SOURCE = Path(__file__).parent / "sumdb" / "main.go"


@pytest.fixture(scope="module")
def sumdb(tmp_path_factory):
    return built(SOURCE, tmp_path_factory.mktemp("sumdb"))


@pytest.fixture
def folder(loans_bundle, tmp_path):
    with zipfile.ZipFile(loans_bundle) as file:
        file.extractall(tmp_path / "bundle")
    return tmp_path / "bundle"


def run(program, loans, folder):
    return subprocess.run([program, str(loans.key.public), folder], capture_output=True, text=True, check=False)


def changed(folder, name, change):
    path = folder / "data" / "proofs" / name
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))


def test_another_implementation_accepts_checkpoint_growth_and_every_row(sumdb, loans, folder):
    done = run(sumdb, loans, folder)
    listed = json.loads((folder / "data" / "proofs" / "log.json").read_bytes())["parts"]
    rows = sum(part["rows"] for part in listed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f", {len(listed)} parts, {rows} rows\n")
    assert rows > len(listed) > 1
    assert "grown from a tree of" in done.stdout


@pytest.mark.parametrize("part", ["row_bytes", "path", "row"])
def test_another_implementation_refuses_another_row(sumdb, loans, folder, part):
    values = {"row_bytes": "another", "path": ["00" * 32], "row": 0}
    name = json.loads((folder / "data" / "proofs" / "log.json").read_bytes())["parts"][-1]["name"]
    changed(folder, f"rows/{name}.json", lambda value: value["rows"][-1].update({part: values[part]}))
    assert "invalid transparency proof" in run(sumdb, loans, folder).stderr


def test_another_implementation_refuses_another_history(sumdb, loans, folder):
    changed(folder, "log.json", lambda value: value["growth"].update(path=["00" * 32]))
    assert "invalid transparency proof" in run(sumdb, loans, folder).stderr
    checkpoint = folder / "data" / "proofs" / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"demonstration-loans\n", b"demonstration-Loans\n", 1))
    assert "invalid signature" in run(sumdb, loans, folder).stderr
