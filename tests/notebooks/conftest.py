from __future__ import annotations

import fcntl
import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit_lab.evidence import demonstration_key, export_notebook

REPOSITORY = Path(__file__).parents[2]
STORY = REPOSITORY / "notebooks" / "01_investigate_an_incident.ipynb"


@dataclass(frozen=True)
class Exported:
    """The incident notebook as a bundle: where it stands, what accepts it, and its files."""

    bundle: Path
    trust: Path
    files: dict[str, bytes]

    def json(self, name):
        return json.loads(self.files[name])

    def outputs(self):
        """Return the outputs of the executed notebook, in order."""
        cells = self.json("data/notebook/investigation.ipynb")["cells"]
        return [output for cell in cells for output in cell.get("outputs", [])]


@pytest.fixture(scope="session")
def story() -> Path:
    return STORY


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Exported:
    """Export the notebook once, also where several processes run the tests: the first one does, the others wait."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = base / "exported", base / "exported.json"
    with (base / "exported.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            key = demonstration_key(folder / "demonstration-key")
            bundle = export_notebook(STORY, folder, key=key.key)
            done.write_text(json.dumps([str(bundle), str(key.trust)]))
    bundle, trust = (Path(place) for place in json.loads(done.read_text()))
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return Exported(bundle, trust, files)
