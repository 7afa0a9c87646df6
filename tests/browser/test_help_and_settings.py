"""Help, settings, keys, and what the auditor's form can hand over, as somebody uses them who reads no documentation."""

from __future__ import annotations

import re
import shutil

import pytest
from accessibility import violations
from lab_page import decision, panel, run_command
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def loans(lab, write_small_log):
    """Lay the small log, whose model can be asked, into the working folder; return its name."""
    write_small_log(lab.folder / "letters")
    yield "letters"
    shutil.rmtree(lab.folder / "letters")


def rows(section):
    """Return the first cell of each row of a section's table."""
    return section.locator("tbody th").all_inner_texts()


def test_the_help_explains_what_is_seen_and_lists_every_command_with_its_keys(notebook):
    page = notebook
    page.get_by_role("menuitem", name="Help", exact=True).click()
    page.get_by_role("menuitem", name="Audit Lab Help").click()
    told = page.get_by_role("article", name="Audit Lab help")
    expect(told.get_by_role("row", name=re.compile("^EXACT"))).to_be_visible()
    assert rows(told.get_by_role("region", name="How a replay ends")) == [
        *("EXACT", "WITHIN_TOLERANCE", "DIVERGED", "UNREPLAYABLE"),
    ]
    assert {"VERIFIED", "UNANCHORED", "STALE", "FAILED", "REFUSED"} < set(
        rows(told.get_by_role("region", name="How a verification ends"))
    )
    refused = told.get_by_role("row", name=re.compile("^REFUSED"))
    expect(refused).to_contain_text("Do not unpack or open it")
    expect(told.get_by_role("row", name=re.compile("^not sealed"))).to_contain_text("audit-lab seal")
    listed = told.get_by_role("region", name="Commands and keys")
    expect(listed.get_by_role("row", name=re.compile("^Show Audit Lab"))).to_contain_text("Ctrl+Alt+U")
    found = violations(page, ".auditlab-Decision")

    # What it lists is what the palette has.
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("audit")
    palette = page.locator('.lm-CommandPalette-item[data-command^="audit-lab:"]')
    expect(palette.filter(has_text="Audit Lab Help")).to_be_visible()
    offered = palette.locator(".lm-CommandPalette-itemLabel").all_inner_texts()
    page.keyboard.press("Escape")
    of_a_bundle = "Open as Evidence Bundle"  # offered where one is selected in the file browser
    assert sorted(rows(listed)) == sorted({*offered, of_a_bundle})
    assert found == {}


def test_the_panel_s_button_opens_the_help(notebook):
    page = notebook
    run_command(page, "Show Audit Lab")
    panel(page).get_by_role("button", name="Explain what badges and verdicts mean").click()
    expect(page.get_by_role("article", name="Audit Lab help")).to_be_visible()


def test_the_keys_open_the_panel_and_the_form(notebook):
    page = notebook
    page.get_by_role("tab", name="File Browser").click()
    expect(panel(page)).to_be_hidden()
    page.keyboard.press("Control+Alt+u")
    expect(panel(page)).to_be_visible()
    page.keyboard.press("Control+Alt+r")
    expect(page.get_by_role("article", name="Replay a decision")).to_be_visible()


def test_actor_role_and_folder_are_set_and_the_form_hands_over_all_that_it_offers(lab, notebook, loans):
    page = notebook
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Settings Editor")).click()
    page.locator(".jp-SettingsPanel").wait_for()
    page.locator(".jp-PluginList").get_by_role("searchbox").or_(page.locator(".jp-PluginList input")).first.fill(
        "Audit Lab"
    )
    page.locator(".jp-PluginList-entry", has_text="Audit Lab").first.click()
    for name, value in (("Actor", "Ida Berg"), ("Role", "auditor"), ("Folder for results", "answers")):
        page.locator(f'.jp-SettingsPanel input[label="{name}"]').fill(value)
    status = page.get_by_role("button", name=re.compile("^Audit Lab. Case"))
    expect(status).to_have_text("Case: none · Ida Berg · auditor")

    run_command(page, "Replay a Decision")
    form = page.get_by_role("article", name="Replay a decision")
    form.get_by_role("combobox", name="Audit log").select_option(loans)
    form.get_by_role("textbox", name="Decision id").fill("p-030")
    form.get_by_role("textbox", name="Decision id").press("Enter")
    answer = form.get_by_role("region", name="Answer about p-030")
    expect(answer.get_by_role("region", name=re.compile("^Verdict EXACT"))).to_be_visible()

    answer.get_by_role("button", name="Show the decision").click()
    expect(decision(page, "p-030")).to_be_visible()
    run_command(page, "Replay a Decision")
    answer.get_by_role("button", name="Show its lineage").click()
    expect(page.get_by_role("article", name="Lineage of p-030")).to_be_visible()
    run_command(page, "Replay a Decision")

    written = answer.get_by_role("list", name="Written files").get_by_role("button")
    answer.get_by_role("button", name="Dossier as a page (HTML)").click()
    expect(written).to_have_text(["answers/dossier-p-030.html"])
    assert "p-030" in (lab.folder / "answers" / "dossier-p-030.html").read_text()

    bundle = answer.get_by_role("form", name="Evidence bundle")
    expect(bundle.get_by_label("Your name")).to_have_value("Ida Berg")
    bundle.get_by_label("Why").fill("complaint 2026/17")
    bundle.get_by_role("button", name="Evidence bundle").click()
    expect(written.filter(has_text=".zip")).to_have_text("answers/decision-p-030.zip", timeout=240_000)
    written.filter(has_text=".zip").click()
    report = page.get_by_role("article", name="Verification of answers/decision-p-030.zip")
    expect(report.get_by_role("region", name=re.compile("^Verdict"))).to_be_visible()

    page.get_by_role("tab", name="Settings", exact=True).click()
    page.get_by_role("button", name="Restore to Defaults").click()
    expect(status).to_have_text("Case: none")
