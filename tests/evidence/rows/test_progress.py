"""An export says what it is doing, and one that is stopped there leaves nothing behind."""

from __future__ import annotations

import tempfile

import pytest

from audit_lab.evidence.export import export_case
from audit_lab.evidence.export_folder import FOLDER_PREFIX
from audit_lab.evidence.leaving import Leaving

STAGES = ["proving rows", "making pages", "writing the archive", "checking it"]


def test_every_stage_and_cell_is_told(loans, make_loans_case, write_notebook, key, tmp_path):
    told = []
    export_case(
        make_loans_case(loans.folder),
        tmp_path / "out",
        key=key,
        notebook=write_notebook("1 + 1", "# Text", "2 + 2"),
        leaving=Leaving(vault=loans.vault),
        progress=lambda what, count: told.append((what, count)),
    )
    cells = [what for what, _ in told if what.startswith("cell")]
    assert cells[0] == "cell 1 of 3"
    assert cells[-1] == "cell 3 of 3"
    assert [what for what, _ in told if not what.startswith("cell")] == STAGES


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Return the folder for temporary files."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_leaves_nothing_in_the_target_folder(loans, make_loans_case, key, scratch, stage):

    def interrupt(what, _count):
        if what == stage:
            raise KeyboardInterrupt

    case, out = make_loans_case(loans.folder), scratch / "out"
    with pytest.raises(KeyboardInterrupt):
        export_case(case, out, key=key, leaving=Leaving(vault=loans.vault), progress=interrupt)
    assert not out.exists() or not list(out.iterdir())
    assert not list(scratch.glob(f"{FOLDER_PREFIX}*"))
    assert [line.action for line in case.custody][-1] == "finding stated"
