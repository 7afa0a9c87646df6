"""Two tabs on one case: each sees what the other kept, and nothing of either is lost."""

from __future__ import annotations

import shutil

import pytest
from lab_page import TOKEN, panel, ready, run_cell
from playwright.sync_api import expect

import audit_lab as al

pytestmark = pytest.mark.browser

OPENED = (
    "import audit_lab as al\ncase = al.Case.open('../cases-of-two/INC-2')\nlog = al.open('../sample_data/credit')\n"
)


def test_two_tabs_on_one_case_lose_nothing(lab, notebook, window):
    log, folder = al.open(lab.folder / "sample_data" / "credit"), lab.folder / "cases-of-two"
    al.Case.create("INC-2", log, question="Who?", actor="ana", purpose="a test", folder=folder)
    first, second = notebook, window.page.context.new_page()
    shutil.copy(lab.folder / "notebooks" / "investigation.ipynb", lab.folder / "notebooks" / "second.ipynb")
    second.goto(f"{lab.url}/doc/tree/notebooks/second.ipynb?token={TOKEN}")
    second.locator(".jp-NotebookPanel").wait_for()
    for page in (first, second):
        ready(page)
    boards = [run_cell(page, f"{OPENED}al.view(case)", 0) for page in (first, second)]
    for board in boards:
        expect(board.get_by_role("button", name="Read again")).to_be_visible()

    # Both keep at the same time, in kernels of their own.
    keeping = [add_cell(page, board) for page, board in zip((first, second), boards, strict=True)]
    for cell, name, offset in zip(keeping, ("first", "second"), (1, 6), strict=True):
        cell.locator(".cm-content").fill(
            "\n".join(f"_ = case.keep(log.newest({n + offset}), 'Of the {name}: {n}')" for n in range(5))
            + "\nprint('kept')"
        )
    for cell in keeping:
        cell.locator(".cm-content").press("Control+Enter")
    for cell in keeping:
        expect(cell.locator(".jp-OutputArea-output")).to_have_text("kept")

    for board in boards:
        board.get_by_role("button", name="Read again").click()
        options = board.get_by_label("Exhibit", exact=True).locator("option")
        for name in ("first", "second"):
            expect(options.filter(has_text=f"Of the {name}: ")).to_have_count(5)
    assert sorted(exhibit.number for exhibit in al.Case.open(folder / "INC-2").exhibits) == list(range(1, 11))
    panel(first).get_by_role("button", name="Look for audit logs again").click()
    entry = panel(first).get_by_role("list", name="Cases").get_by_role("button", name="INC-2")
    expect(entry).to_contain_text("10 exhibits")

    # What the one has closed, the other is refused in a sentence, and shows as closed.
    ends(first, keeping[0], "case.change_status('closed', 'a duplicate')\nprint('closed')")
    expect(keeping[0].locator(".jp-OutputArea-output")).to_have_text("closed")
    ends(second, keeping[1], "case.keep(log.newest(20), 'Too late')")
    expect(keeping[1].locator(".jp-OutputArea-output")).to_contain_text("The case INC-2 is closed. Reopen it first")
    second.close()


def add_cell(page, cell):
    """Put an empty cell below another, and return it."""
    cell.locator(".jp-InputPrompt").click()
    page.keyboard.press("b")
    return page.locator(".jp-NotebookPanel .jp-CodeCell").nth(1)


def ends(page, cell, source):
    """Write another text into a cell, and run it."""
    cell.locator(".cm-content").fill(source)
    page.keyboard.press("Control+Enter")
