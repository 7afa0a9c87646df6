from __future__ import annotations

import json
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
    folder = tmp_path_factory.mktemp("exported")
    key = demonstration_key(folder / "demonstration-key")
    bundle = export_notebook(STORY, folder, key=key.key)
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return Exported(bundle, key.trust, files)
