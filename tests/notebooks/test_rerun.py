"""Every notebook of the project: exported, verified, run again behind walls, and reproduced to its last cell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.evidence import demonstration_key, export_notebook
from audit_lab.seal.report import Verdict
from tests.pages import quotes

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
#: The log of each notebook, where it is not the one about flights.
LOGS: dict[str, str] = {}
EVERYDAY = "01_investigate_an_incident"


def reproduced(bundle, trust, name):
    log = REPOSITORY / "sample_data" / LOGS.get(name, "flights")
    report = al.verify(bundle, trust, rerun=True, log=log, run_foreign_code=True)
    assert report.verdict is Verdict.UNANCHORED
    source = json.loads((REPOSITORY / "notebooks" / f"{name}.ipynb").read_text())
    assert len(report.cells) == sum(cell["cell_type"] == "code" for cell in source["cells"])
    assert {cell.verdict for cell in report.cells} == {"reproduced"}
    assert (report.share_reproduced, report.tolerance) == (1.0, 0.0)
    return report


def test_the_incident_notebook_is_reproduced_to_its_last_cell(exported):
    report = reproduced(exported.bundle, exported.trust, EVERYDAY)
    (quoted,) = quotes((REPOSITORY / "docs" / "rerun.md").read_text())
    assert quoted in report.checked


@pytest.mark.soak
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda each: each.stem)
def test_every_notebook_is_reproduced_to_its_last_cell(notebook, tmp_path):
    key = demonstration_key(tmp_path / "demonstration-key")
    reproduced(export_notebook(notebook, tmp_path, key=key.key), key.trust, notebook.stem)
