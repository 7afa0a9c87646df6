"""Logs and bundles as files are opened: double click, a path, the context menu; and how a bundle comes to be there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
from lab_page import (
    TOKEN,
    answer,
    browse,
    decision,
    file,
    keep_newest,
    open_by_id,
    panel,
    press_button,
    ready,
    run_cell,
    run_command,
    select_log,
)
from playwright.sync_api import expect

import audit_lab as al

pytestmark = pytest.mark.browser

SAMPLES = Path(__file__).parents[2]


def is_shown(page, log):
    """The panel is in sight, and shows a log."""
    expect(panel(page)).to_be_visible()
    logs = panel(page).get_by_role("list", name="Audit logs")
    expect(logs.get_by_role("button", name=log)).to_have_attribute("aria-current", "true")


def opened_by_path(page, path):
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name="Open from Path").click()
    answer(page, "Open", text=path)


def test_a_log_s_folder_is_opened_by_double_click_by_its_path_and_from_the_menu(notebook):
    page = notebook
    browse(page, "sample_data", "credit")
    is_shown(page, "sample_data/credit")

    opened_by_path(page, "sample_data/flights")
    is_shown(page, "sample_data/flights")

    # Where it leads is a folder as any other: its files are there to be seen, and no log is none.
    browse(page, "sample_data")
    expect(panel(page)).to_be_hidden()
    file(page, "credit").click(button="right")
    page.get_by_role("menuitem", name="Open as Audit Log").click()
    is_shown(page, "sample_data/credit")


def test_a_case_is_opened_a_cell_kept_and_the_evidence_exported_opened_and_verified(lab, notebook, window, picture):
    page = notebook
    log = al.open(lab.folder / "sample_data" / "credit")
    al.Case.create("INC-8", log, question="Who?", actor="ana", purpose="a test", folder=lab.folder / "cases")
    status = page.get_by_role("button", name=re.compile("^Audit Lab. Case"))
    expect(status).to_contain_text("Case: none")
    ready(page)
    press_button(page, "Open Case")
    answer(page, item="INC-8 (cases/INC-8)")
    expect(status).to_contain_text("Case: INC-8")
    cells = page.locator(".jp-NotebookPanel .jp-CodeCell")
    opened = cells.filter(has_text='al.Case.open("../cases/INC-8")')
    expect(opened.locator(".jp-OutputArea-output").first).to_contain_text("INC-8")
    keep_newest(page, opened, 2, press_button)
    exhibits = lab.folder / "cases" / "INC-8" / "exhibits"
    assert [path.name[:4] for path in exhibits.iterdir() if path.is_dir()] == ["001-"]

    # The notebook is run from a clean kernel, whose cells have other numbers, and the case is signed and handed over.
    press_button(page, "Export Evidence")
    job = (
        panel(page)
        .get_by_role("list", name="Jobs")
        .get_by_role("listitem")
        .filter(has_text="Export of the case cases/INC-8")
    )
    expect(job.first).to_contain_text("done", timeout=240_000)
    assert (lab.folder / "dossiers" / "INC-8.zip").is_file()

    # A bundle is judged by the keys that its reader accepts, and by no others.
    browse(page, "dossiers", "INC-8.zip")
    report = page.get_by_role("article", name="Verification of dossiers/INC-8.zip")
    expect(report.get_by_role("region", name="Verdict FAILED")).to_contain_text("What to do next:")
    expect(report.get_by_role("region", name="Findings")).to_contain_text("signature.key-not-trusted")
    report.get_by_role("textbox", name="Trust file").fill("pinned.trust.toml")
    report.get_by_role("button", name="Verify again").click()
    verdict = report.get_by_role("region", name="Verdict UNANCHORED")
    expect(verdict).to_contain_text("whoever has the key could have made it all today")
    expect(report.get_by_role("region", name="Signed by")).to_contain_text("records-office")
    picture(page, "bundle")

    with page.expect_response(lambda response: is_saved(response, "audit-lab-bundle")):
        file(page, "INC-8.zip").click()
    page.reload()
    expect(page.get_by_role("article", name="Verification of dossiers/INC-8.zip")).to_be_visible()
    window.is_fresh = True  # the address names a file: the browser goes back to its folder whenever it comes to it


def test_what_was_chosen_in_a_live_view_is_what_is_kept(lab, notebook, window):
    page = notebook
    log = al.open(lab.folder / "sample_data" / "flights")
    al.Case.create("INC-9", log, question="When?", actor="ana", purpose="a test", folder=lab.folder / "cases")
    begin_below_case(page, "INC-9")
    cell = run_cell(page, "al.view(al.open('../sample_data/flights').drift(['carrier', 'distance_miles']))", 2)
    cell.get_by_label("Column", exact=True).select_option("distance_miles", timeout=60_000)
    expect(cell.get_by_role("heading", name="distance_miles over time")).to_be_visible()
    keeping = keep(page, cell, "Distances")
    (exhibit,) = al.Case.open(lab.folder / "cases" / "INC-9", actor="ana", purpose="a test").exhibits
    pages = [path.read_text() for path in exhibit.folder.glob("*.html")]
    assert any("distance_miles over time" in each for each in pages)
    assert not any("carrier over time" in each for each in pages)
    assert "choose(column='distance_miles')" in exhibit.code
    # In a clean kernel, where nobody chooses, the cell chooses the same.
    expect(keeping.locator(".cm-content")).to_contain_text("view.choose(column='distance_miles')")
    window.is_fresh = True  # the case is open until the page is another


SHOWN = """import audit_lab as al
log = al.open('../sample_data/credit')
al.view(log)"""
LATER = "al.view(log.decision(log.newest(1)['prediction_id'][0]).what_if(explain=None))"


def test_what_is_typed_is_kept_the_same_in_a_clean_kernel_and_its_evidence_verifies(lab, notebook, window):
    """A filter, an order, an opened row and another input: nobody presses anything where the evidence is made."""
    page = notebook
    log = al.open(lab.folder / "sample_data" / "credit")
    about = {"question": "Which?", "actor": "ana", "purpose": "a test", "folder": lab.folder / "cases"}
    al.Case.create("INC-10", log, **about)
    begin_below_case(page, "INC-10")
    explorer = run_cell(page, SHOWN, 2)
    field = explorer.get_by_role("combobox")
    field.fill("decision = 'deny' and inputs.duration_in_month > 36")
    field.press("Enter")
    chosen = log.find("decision = 'deny' and inputs.duration_in_month > 36").height
    expect(explorer.get_by_role("status").first).to_have_text(re.compile(f"^{chosen} predictions"))
    explorer.get_by_role("button", name="outputs.score", exact=True).click()
    explorer.get_by_role("button", name="Greatest first").click()
    header = explorer.get_by_role("columnheader", name="outputs.score")
    expect(header).to_have_attribute("aria-sort", "descending")
    explorer.locator("tbody tr").first.click()
    expect(explorer).to_contain_text("Model version")
    keep(page, explorer, "Long ones").locator(".jp-InputPrompt").click()
    page.keyboard.press("b")
    asked = run_cell(page, LATER, 4)
    expect(asked).to_contain_text("4 to 72 on record")  # by then each control is the one that stays
    months = asked.get_by_label(re.compile("^duration_in_month")).first
    months.fill("6")
    months.press("Tab")
    asked.get_by_role("button", name="Ask the model").click()
    expect(asked).to_contain_text("1 input changed")
    keep(page, asked, "Six months")
    exhibits = {each.title: each for each in al.Case.open(lab.folder / "cases" / "INC-10").exhibits}
    before = {title: (each.code, each.content_of("shown.html")) for title, each in exhibits.items()}
    assert "inputs.duration_in_month > 36" in before["Long ones"][0]
    assert "sort='outputs.score'" in before["Long ones"][0]
    assert "'duration_in_month': 6" in before["Six months"][0]

    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    press_button(page, "Export Evidence")
    jobs = panel(page).get_by_role("list", name="Jobs").get_by_role("listitem")
    job = jobs.filter(has_text="Export of the case cases/INC-10")
    expect(job.first).to_contain_text("done", timeout=240_000)
    with ZipFile(lab.folder / "dossiers" / "INC-10.zip") as bundle:
        held = [bundle.read(name) for name in bundle.namelist() if name.endswith("shown.html")]
    for title, (_, seen) in before.items():
        assert seen in held, title
    told = al.verify(lab.folder / "dossiers" / "INC-10.zip", trust=lab.folder / "pinned.trust.toml")
    assert told.verdict == "UNANCHORED"
    window.is_fresh = True


def begin_below_case(page, name):
    """Open a case by the toolbar, and begin a cell below the one that it inserts."""
    ready(page)
    press_button(page, "Open Case")
    answer(page, item=f"{name} (cases/{name})")
    opened = page.locator(".jp-NotebookPanel .jp-CodeCell").filter(has_text=f'al.Case.open("../cases/{name}")')
    expect(opened.locator(".jp-OutputArea-output").first).to_contain_text(name)
    opened.locator(".jp-InputPrompt").click()
    page.keyboard.press("b")


def keep(page, cell, title):
    """Keep a view by the toolbar, and return the cell that keeps it."""
    cell.locator(".jp-InputPrompt").click()
    press_button(page, "Keep Cell as Exhibit")
    answer(page, text=title)
    kept = page.locator(".jp-NotebookPanel .jp-CodeCell").filter(has_text=f'view.keep(case, "{title}")')
    expect(kept.locator(".jp-OutputArea-output")).to_contain_text(title)
    return kept


def test_the_status_bar_says_what_is_open_in_the_kernel(lab, notebook, window):
    """Not what was pressed last: after a restart nothing is open, and a second window knows of what is."""
    page = notebook
    log = al.open(lab.folder / "sample_data" / "credit")
    al.Case.create("INC-11", log, question="Who?", actor="ana", purpose="a test", folder=lab.folder / "cases")
    status = page.get_by_role("button", name=re.compile("^Audit Lab. Case"))
    expect(status).to_contain_text("Case: none")
    ready(page)
    cell = run_cell(page, "import audit_lab as al\ncase = al.Case.open('../cases/INC-11')", 0)
    expect(status).to_contain_text("Case: INC-11")

    path = page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
    other = page.context.new_page()
    other.goto(f"{lab.url}/lab/workspaces/other/tree/{path}?token={TOKEN}")
    expect(other.get_by_role("button", name=re.compile("^Audit Lab. Case"))).to_contain_text("Case: INC-11")
    other.close()

    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(status).to_contain_text("Case: none")
    ready(page)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(status).to_contain_text("Case: INC-11")
    run_cell(page, "del case", 0)
    expect(status).to_contain_text("Case: none")
    window.is_fresh = True


def is_saved(response, words):
    """Whether this saved a workspace that holds certain words."""
    request = response.request
    return "/lab/api/workspaces" in response.url and request.method == "PUT" and words in (request.post_data or "")


def test_a_hostile_bundle_is_shown_as_refused(lab, notebook):
    page = notebook
    (lab.folder / "sent.zip").write_bytes(b"PK\x03\x04<img src=x onerror=document.title='owned'>")
    browse(page)
    file(page, "sent.zip").click(button="right")
    page.get_by_role("menuitem", name="Open as Evidence Bundle").click()
    report = page.get_by_role("article", name="Verification of sent.zip")
    expect(report.get_by_role("region", name="Verdict REFUSED")).to_contain_text("Do not unpack")
    expect(report.get_by_role("region", name="Findings")).to_contain_text("archive.not-a-zip")
    assert page.title() != "owned"


def test_the_commands_of_the_palette_do_what_they_say(lab, notebook, write_small_log):
    """Those that need more than a log are pressed in tests of what they need; `test_whole_session.py` misses none."""
    page = notebook
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    newest = al.open(SAMPLES / "sample_data" / "credit").newest(1)["prediction_id"][0]
    write_small_log(lab.folder / "come-since")
    logs = panel(page).get_by_role("list", name="Audit logs")
    expect(logs.get_by_role("button", name="come-since")).to_have_count(0)
    run_command(page, "Refresh Audit Logs")
    expect(logs.get_by_role("button", name="come-since")).to_contain_text("40 predictions")

    select_log(page, "sample_data/credit")
    open_by_id(page, newest)
    expect(decision(page, newest)).to_be_visible()
    run_command(page, "Copy Prediction Id")
    assert page.evaluate("navigator.clipboard.readText()") == newest
    run_command(page, "Insert Decision into Notebook")
    expect(page.locator(".jp-NotebookPanel .jp-CodeCell.jp-mod-active .cm-content")).to_contain_text(newest)
    run_command(page, "Show Lineage of Decision")
    expect(page.get_by_role("article", name=f"Lineage of {newest}")).to_be_visible()
    run_command(page, "Verify Selected Audit Log")
    report = page.get_by_role("article", name="Verification of sample_data/credit")
    verdict = report.get_by_role("region", name="Verdict UNANCHORED")
    expect(verdict).to_contain_text("It is not sealed")
    expect(verdict).not_to_contain_text("the key")
    run_command(page, "Verify Log")
    answer(page, item="come-since")
    other = page.get_by_role("article", name="Verification of come-since")
    expect(other.get_by_role("region", name="Verdict UNANCHORED")).to_be_visible()
    page.get_by_role("tab", name="File Browser").click()
    expect(panel(page)).to_be_hidden()
    run_command(page, "Show Audit Lab")
    expect(panel(page)).to_be_visible()
    run_command(page, "Replay a Decision")
    expect(page.get_by_role("article", name="Replay a decision")).to_be_visible()
    shutil.rmtree(lab.folder / "come-since")
