"""The RO-Crate document of a bundle, read by the validator that the RO-Crate community publishes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__)


@pytest.fixture(scope="module")
def crate(tmp_path_factory, exported):
    """Return the payload's folder of an exported notebook."""
    folder = tmp_path_factory.mktemp("crate")
    with zipfile.ZipFile(exported) as file:
        file.extractall(folder)
    return folder / "data"


def entities(crate):
    value = json.loads((crate / "ro-crate-metadata.json").read_bytes())
    return {entity["@id"]: entity for entity in value["@graph"]}


def test_every_file_is_named_and_exhibits_by_their_titles(crate):
    files = {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}
    described = entities(crate)
    assert {name for name, entity in described.items() if "File" in entity["@type"]} == files - {
        "ro-crate-metadata.json"
    }
    (table,) = [name for name in files if name.endswith("table.csv")]
    assert described[table]["name"] == "Exhibit 1: Rows by carrier (table.csv)"
    assert described[table]["encodingFormat"] == "text/csv"
    assert described["custody.jsonl"]["name"] == "Custody record: who did what, when, why"


def test_the_run_says_who_ran_what_on_which_log_and_what_came_of_it(crate):
    described = entities(crate)
    run = described["#run"]
    assert run["instrument"] == {"@id": "notebook/investigation.ipynb"}
    assert described["notebook/investigation.ipynb"]["@type"] == ["File", "SoftwareSourceCode"]
    assert described[run["agent"]["@id"]] == {"@id": "#investigator", "@type": "Person", "name": "jane"}
    assert described[run["object"]["@id"]]["identifier"] == "ab" * 32
    made = {pointer["@id"].rpartition("/")[2] for pointer in run["result"]}
    assert {"table.csv", "table.parquet", "investigation.html"} <= made


def test_the_public_validator_accepts_it(crate, tmp_path):
    changed = json.loads((crate / "ro-crate-metadata.json").read_bytes())
    for entity in changed["@graph"]:
        entity.pop("instrument", None)
    shutil.copytree(crate, tmp_path / "changed")
    (tmp_path / "changed" / "ro-crate-metadata.json").write_text(json.dumps(changed))
    folders = [str(crate), str(tmp_path / "changed")]
    command = [sys.executable, str(HERE.with_name("crate_validator.py")), str(tmp_path / "cache"), *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    missing = "The Action MUST have an instrument property that references the executed tool"
    assert json.loads(done.stdout.splitlines()[-1]) == [[], [missing]]
