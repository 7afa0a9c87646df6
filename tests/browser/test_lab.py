"""A real JupyterLab, driven as a user drives it: from the list of logs to a decision that runs in a notebook."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import polars as pl
import pytest
from accessibility import violations
from lab_page import (
    active_cell,
    decision,
    open_by_id,
    panel,
    predictions,
    ready,
    run_cell,
    run_command,
    select_log,
    theme,
)
from playwright.sync_api import expect

import audit_lab as al

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def newest():
    """The newest prediction of the sample log, as the library reconstructs it."""
    log = al.open(ROOT / "sample_data" / "flights")
    return log.decision(log.newest(1)["prediction_id"][0]).to_dict()


@pytest.fixture(scope="module")
def of_changed_artifact():
    """A prediction of the version whose artifact is not the registered one."""
    log = al.open(ROOT / "sample_data" / "flights")
    return log.find("model_version = '4.0.0-rc.1'", limit=1)["prediction_id"][0]


@pytest.fixture(scope="module")
def last_of_merged_carrier():
    """The last prediction for the carrier that left the reporting on 1 July 2015."""
    log = al.open(ROOT / "sample_data" / "flights")
    return log.find("inputs.carrier = 'US'", until="2015-07-01")["prediction_id"][-1]


def test_from_the_list_of_logs_to_a_decision_that_runs_in_the_notebook(notebook, newest, picture):
    page = notebook
    flights = panel(page).get_by_role("button", name="sample_data/flights")
    expect(flights).to_contain_text("99,953 predictions")
    expect(flights).to_contain_text("2015-01-01 \N{EN DASH} 2015-12-31")
    expect(flights).to_contain_text("delay-risk")

    select_log(page, "sample_data/flights")
    first = predictions(page).get_by_role("button").first
    expect(first).to_contain_text(newest["prediction_id"])
    expect(first).to_contain_text(newest["stated_version"])
    expect(first).to_contain_text(newest["decision"])
    expect(first).to_contain_text(f"{newest['score']:.4f}")
    expect(predictions(page).get_by_role("button")).to_have_count(50)

    first.click()
    shown = decision(page, newest["prediction_id"])
    expect(shown.get_by_role("heading", level=1)).to_have_text(newest["decision"])
    version = shown.get_by_role("region", name="Version")
    expect(version).to_contain_text(newest["stated_version"])
    expect(version).to_contain_text("✓ agree")
    rows = shown.get_by_role("table").get_by_role("row")
    expect(rows).to_have_count(1 + len(newest["inputs"]))
    distance = next(entry for entry in newest["inputs"] if entry["feature"] == "distance_miles")
    expect(rows.filter(has_text="distance_miles")).to_have_text(f"distance_miles{distance['value']:.0f}mile")
    expect(shown.get_by_role("img", name=re.compile("at or above the threshold 0.22"))).to_be_visible()

    page.get_by_role("button", name="Insert cell").click()
    cell = page.locator(".jp-NotebookPanel .jp-CodeCell.jp-mod-active")
    expect(cell.locator(".cm-content")).to_contain_text('al.open("../sample_data/flights")')
    expect(cell.locator(".cm-content")).to_contain_text(f'log.decision("{newest["prediction_id"]}")')
    ready(page)
    page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text(newest["place"])
    picture(page, "panel")


def test_an_id_is_searched_in_the_whole_log_and_opens_its_decision(notebook, last_of_merged_carrier):
    page = notebook
    select_log(page, "sample_data/flights")
    search = panel(page).get_by_role("searchbox", name="Search for a prediction id")
    search.fill(last_of_merged_carrier[4:])
    expect(predictions(page).get_by_role("button")).to_have_count(1)
    search.press("Enter")
    expect(decision(page, last_of_merged_carrier).get_by_role("row", name="carrier US")).to_be_visible()


def test_a_gap_is_called_out_with_its_effect(notebook, of_changed_artifact, picture):
    page = notebook
    select_log(page, "sample_data/flights")
    open_by_id(page, of_changed_artifact)
    gaps = decision(page, of_changed_artifact).get_by_role("region", name="Gaps")
    expect(gaps).to_contain_text("artifact-digest-mismatch")
    expect(gaps).to_contain_text("SHA-256")
    expect(gaps.locator(".auditlab-Callout-effect").first).not_to_be_empty()
    picture(page, "decision")


def test_the_stored_rows_of_a_decision_are_shown_when_they_are_asked_for(notebook, newest):
    page = notebook
    log = al.open(ROOT / "sample_data" / "flights")
    found = log.decision(newest["prediction_id"]).source_rows()
    select_log(page, "sample_data/flights")
    open_by_id(page, newest["prediction_id"])
    shown = decision(page, newest["prediction_id"])
    expect(shown.get_by_role("region", name="Stored in predictions")).to_have_count(0)
    asked = shown.get_by_role("button", name="Stored bytes")
    asked.click()
    for row, sentence in zip(found.rows, found.summary(), strict=True):
        part = shown.get_by_role("region", name=f"Stored in {row.table}")
        expect(part).to_contain_text(sentence)
        expect(part).to_contain_text(row.leaf)
        expect(part.get_by_role("table").get_by_role("row")).to_have_count(1 + len(row.values))
    stored = shown.get_by_role("region", name="Stored in predictions")
    expect(stored.get_by_role("row", name=f"prediction_id String s{len(newest['prediction_id'])}:")).to_be_visible()
    assert violations(page, ".auditlab-Decision") == {}
    asked.click()
    expect(stored).to_have_count(0)


def test_an_override_is_announced_beside_the_decision(notebook):
    page = notebook
    override = al.open(ROOT / "sample_data" / "credit").overrides.first().collect().row(0, named=True)
    select_log(page, "sample_data/credit")
    open_by_id(page, override["prediction_id"])
    shown = decision(page, override["prediction_id"])
    expect(shown).to_contain_text(f"Overridden afterwards; it stands as {override['decision_after']} by now")
    expect(shown.get_by_role("region", name="Findings")).to_contain_text(f"by {override['actor']}")
    changed = f"{override['decision_before']} → {override['decision_after']}"
    expect(shown.get_by_role("region", name="Overrides")).to_contain_text(changed)


def test_an_id_that_stands_twice_lets_the_user_choose_the_place(notebook, watch):
    page = notebook
    log = al.open(ROOT / "sample_data" / "flights")
    twice = log.predictions.filter(pl.col("prediction_id").is_duplicated()).first().collect()["prediction_id"][0]
    select_log(page, "sample_data/flights")
    open_by_id(page, twice)
    choices = page.locator(".auditlab-Decision").get_by_role("alert").get_by_role("button", name=f"{twice}@")
    expect(choices).to_have_count(2)
    choices.first.click()
    expect(decision(page, twice)).to_contain_text(f"{twice}@")
    assert watch.excuse("422", f"id={twice}") == 2


def test_an_unknown_id_says_what_to_do(notebook, watch):
    page = notebook
    select_log(page, "sample_data/flights")
    open_by_id(page, "nobody")
    expect(page.locator(".auditlab-Decision").get_by_role("alert")).to_contain_text("nobody")
    assert watch.excuse("404", "id=nobody") == 2


def test_a_broken_log_is_listed_with_its_problem(unreadable_log, notebook):
    broken = panel(notebook).get_by_role("button", name="unreadable")
    expect(broken).to_contain_text("cannot be read")
    expect(broken).to_contain_text("unreadable/manifest.json")
    expect(broken).not_to_contain_text("sealed")  # nobody knows


def test_what_a_log_says_is_shown_as_text_and_inserted_as_a_literal(hostile_log, notebook):
    page = notebook
    select_log(page, "uploads/")
    row = predictions(page).get_by_role("button")
    expect(row).to_contain_text(hostile_log[:-8])
    row.click()
    expect(decision(page, hostile_log).get_by_role("heading", level=1)).to_have_text(hostile_log)
    expect(page.locator('img[src="x"]')).to_have_count(0)
    assert page.title() != "owned"
    page.get_by_role("button", name="Insert cell").click()
    expect(active_cell(page)).to_contain_text(f'log.decision("{hostile_log}")')


def test_commands_act_on_the_decision_that_was_looked_at_last(notebook, newest):
    page = notebook
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    select_log(page, "sample_data/flights")
    open_by_id(page, newest["prediction_id"])
    expect(decision(page, newest["prediction_id"])).to_be_visible()
    page.get_by_role("button", name="Copy id").click()
    assert page.evaluate("navigator.clipboard.readText()") == newest["prediction_id"]
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("Insert Decision into Notebook")
    page.locator(".lm-CommandPalette-item", has_text="Insert Decision into Notebook").click()
    expect(active_cell(page)).to_contain_text(f'log.decision("{newest["prediction_id"]}")')


def test_an_open_decision_comes_back_after_a_reload(notebook, newest):
    page = notebook
    select_log(page, "sample_data/flights")
    with page.expect_response(
        lambda response: (
            "/lab/api/workspaces" in response.url
            and response.request.method == "PUT"
            and newest["prediction_id"] in (response.request.post_data or "")
        )
    ):
        open_by_id(page, newest["prediction_id"])
    page.reload()
    expect(decision(page, newest["prediction_id"])).to_be_visible(timeout=60_000)
    expect(decision(page, newest["prediction_id"]).get_by_role("heading", level=1)).to_have_text(newest["decision"])


def test_the_keyboard_alone_reaches_a_decision(notebook, newest):
    page = notebook
    panel(page).get_by_role("button", name="sample_data/flights").focus()
    page.keyboard.press("Enter")
    expect(predictions(page).get_by_role("button")).to_have_count(50)
    panel(page).get_by_role("searchbox").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(decision(page, newest["prediction_id"])).to_be_visible()


def test_the_dark_theme_reaches_the_decision(notebook, newest):
    page = notebook
    select_log(page, "sample_data/flights")
    open_by_id(page, newest["prediction_id"])
    shown = decision(page, newest["prediction_id"])
    expect(shown).to_be_visible()
    theme(page, "dark")
    background, text = json.loads(
        page.evaluate(
            """() => {
                const of = (selector, what) => getComputedStyle(document.querySelector(selector))[what];
                return JSON.stringify([of('.auditlab-Decision', 'backgroundColor'), of('.auditlab-Verdict', 'color')]);
            }"""
        )
    )
    assert brightness(background) < 0.2
    assert brightness(text) > 0.8
    theme(page, "light")


def brightness(colour):
    """Mean of red, green and blue of a CSS ``rgb(...)`` colour, times its opacity, 0 to 1."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)]
    return pl.Series(numbers[:3]).mean() / 255 * (numbers[3] if len(numbers) > 3 else 1)


def test_a_log_is_verified_from_the_panel_and_its_badge_says_so(notebook, picture):
    page = notebook
    flights = panel(page).get_by_role("list", name="Audit logs").get_by_role("button", name="sample_data/flights")
    expect(flights).to_contain_text("not sealed")
    select_log(page, "sample_data/flights")
    panel(page).get_by_role("button", name="Verify", exact=True).click()
    report = page.get_by_role("article", name="Verification of sample_data/flights")
    expect(report.get_by_role("button", name=re.compile("^Cancel"))).to_be_visible()
    verdict = report.get_by_role("region", name=re.compile("^Verdict"))
    expect(verdict).to_contain_text("What to do next:")
    expect(report.get_by_role("region", name="Not checked")).to_be_visible()
    expect(flights).to_contain_text(re.compile(r"(VERIFIED|UNANCHORED), \d{4}-\d\d-\d\d"))
    expect(panel(page).get_by_role("list", name="Jobs")).to_contain_text("Verification of the log sample_data/flights")
    picture(page, "verification")


def test_a_verification_is_cancelled(notebook):
    page = notebook
    select_log(page, "sample_data/flights")
    panel(page).get_by_role("button", name="Verify", exact=True).click()
    report = page.get_by_role("article", name="Verification of sample_data/flights")
    report.get_by_role("button", name=re.compile("^Cancel")).click()
    expect(report).to_contain_text("Cancelled. Nothing is known of it.")
    expect(report.get_by_role("progressbar")).to_have_count(0)


def open_form(page):
    run_command(page, "Replay a Decision")
    form = page.get_by_role("article", name="Replay a decision")
    form.get_by_role("combobox", name="Audit log").select_option("sample_data/credit")
    return form


def test_an_auditor_finds_a_decision_by_what_a_letter_says_and_takes_the_dossier_along(lab, notebook, picture):
    page = notebook
    row = al.open(ROOT / "sample_data" / "credit").newest(1).row(0, named=True)
    form = open_form(page)
    form.get_by_role("textbox", name="Pseudonym").fill(row["subject_id"])
    form.get_by_role("textbox", name="What was decided").fill(row["decision"])
    form.get_by_role("button", name="Find the decision").click()
    candidates = form.get_by_role("list", name="Candidates").get_by_role("button")
    expect(candidates.first).to_contain_text(row["prediction_id"])
    expect(candidates.first).to_contain_text("matches 2 of 2")
    form.get_by_text("Is the log whole?").click()
    expect(form.get_by_role("button", name="Verify this log")).to_be_enabled()
    candidates.first.click()
    answer = form.get_by_role("region", name=f"Answer about {row['prediction_id']}")
    expect(answer).to_contain_text(f"decided '{row['decision']}'")
    verdict = answer.get_by_role("region", name=re.compile("^Verdict (EXACT|WITHIN_TOLERANCE)"))
    expect(verdict).to_contain_text("What to do next:")
    expect(answer.get_by_role("region", name="What is missing")).to_be_visible()
    expect(answer.get_by_role("region", name="Reasons")).to_contain_text("probability of 'bad'")
    picture(page, "auditor")
    answer.get_by_role("button", name="Dossier as PDF").click()
    written = answer.get_by_role("list", name="Written files").get_by_role("button")
    expect(written).to_have_text(f"dossiers/dossier-{row['prediction_id']}.pdf")
    assert (lab.folder / "dossiers" / f"dossier-{row['prediction_id']}.pdf").read_bytes().startswith(b"%PDF")

    jobs = panel(page).get_by_role("list", name="Jobs").get_by_role("listitem")
    jobs.filter(has_text="Dossier").first.get_by_role("button", name=re.compile("^Show the result")).click()
    page.get_by_role("tab", name=re.compile(f"dossier-{row['prediction_id']}")).first.wait_for()


def test_the_form_says_what_is_lacking_and_what_to_do_about_an_unknown_id(notebook):
    page = notebook
    form = open_form(page)
    form.get_by_role("button", name="Find the decision").click()
    expect(form.get_by_role("alert")).to_contain_text("Give the id of the decision")
    form.get_by_role("textbox", name="Decision id").fill("<img src=x onerror=document.title='owned'>")
    form.get_by_role("textbox", name="Decision id").press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("<img src=x")
    assert page.title() != "owned"


def test_the_lineage_of_a_decision_is_a_tab_that_comes_back_after_a_reload(notebook, newest):
    page = notebook
    select_log(page, "sample_data/flights")
    open_by_id(page, newest["prediction_id"])
    expect(decision(page, newest["prediction_id"])).to_be_visible()
    with page.expect_response(
        lambda response: (
            "/lab/api/workspaces" in response.url
            and response.request.method == "PUT"
            and "audit-lab-lineage" in (response.request.post_data or "")
        )
    ):
        page.get_by_role("button", name="Lineage", exact=True).click()
    lineage = page.get_by_role("article", name=f"Lineage of {newest['prediction_id']}")
    expect(lineage.get_by_role("table").get_by_role("row")).not_to_have_count(1)
    assert lineage.get_by_role("img").evaluate("image => image.complete && image.naturalWidth > 0")
    page.reload()
    lineage = page.get_by_role("article", name=f"Lineage of {newest['prediction_id']}")
    expect(lineage).to_be_visible(timeout=60_000)


def test_cases_are_listed_with_how_they_stand(lab, notebook):
    page = notebook
    log = al.open(lab.folder / "sample_data" / "credit")
    case = al.Case.create(
        "INC-7", log, question="<b>Who</b> decided?", actor="ana", purpose="a test", folder=lab.folder / "cases"
    )
    case.keep(log.newest(3), "The newest three")
    panel(page).get_by_role("button", name="Look for audit logs again").click()
    entry = panel(page).get_by_role("list", name="Cases").get_by_role("button", name="INC-7")
    expect(entry).to_contain_text("<b>Who</b> decided?")
    expect(entry).to_contain_text("1 exhibit")
    expect(entry).to_contain_text("open")


def test_the_form_stands_in_the_launcher(notebook):
    page = notebook
    page.keyboard.press("Control+Shift+L")
    page.locator(".jp-LauncherCard", has_text="Replay a Decision").click()
    expect(page.get_by_role("article", name="Replay a decision")).to_be_visible()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_panel_and_its_tabs_can_be_used_by_everybody(notebook, newest, colours):
    page = notebook
    theme(page, colours)
    select_log(page, "sample_data/flights")
    open_by_id(page, newest["prediction_id"])
    expect(decision(page, newest["prediction_id"]).get_by_role("region", name="Version")).to_be_visible()
    found = {"decision": violations(page, ".auditlab-Decision"), "panel": violations(page, "#audit-lab-panel")}
    page.get_by_role("button", name="Lineage", exact=True).click()
    expect(page.get_by_role("article", name=f"Lineage of {newest['prediction_id']}")).to_be_visible()
    found["lineage"] = violations(page, ".auditlab-Decision")
    select_log(page, "sample_data/credit")
    panel(page).get_by_role("button", name="Verify", exact=True).click()
    report = page.get_by_role("article", name="Verification of sample_data/credit")
    expect(report.get_by_role("region", name="Not checked")).to_be_visible()
    found["verification"] = violations(page, ".auditlab-Decision")
    open_form(page)
    found["form"] = violations(page, ".auditlab-Decision")
    run_command(page, "Investigate an Incident")
    expect(page.locator(".jp-Dialog").get_by_text("Investigate an incident")).to_be_visible()
    found["dialog"] = violations(page, ".jp-Dialog .jp-Dialog-body")
    page.keyboard.press("Escape")
    found["status"] = violations(page, ".auditlab-Status")
    theme(page, "light")
    assert {name: each for name, each in found.items() if each} == {}


def test_the_whole_front_end_is_small(prefix):
    built = prefix / "share" / "jupyter" / "labextensions" / "audit-lab-labextension" / "static"
    assert 0 < sum(path.stat().st_size for path in built.glob("*.js")) <= 400_000


def test_an_investigation_begins_with_a_notebook_that_is_set_to_a_log(lab, notebook):
    page = notebook
    page.keyboard.press("Control+Shift+L")
    page.locator(".jp-LauncherCard", has_text="Investigate an Incident").click()
    form = page.get_by_role("dialog", name="Investigate an incident").or_(page.locator(".jp-Dialog"))
    form.get_by_label("Audit log").select_option("sample_data/credit")
    form.get_by_label("Case id").fill("INC-9")
    form.get_by_label("Question").fill("Why 'deny'? </script>")
    form.get_by_label("Actor").fill("ana")
    form.get_by_label("Purpose").fill("a test")
    form.get_by_role("button", name="Begin").click()
    said = page.locator(".jp-NotebookPanel:visible .jp-RenderedMarkdown", has_text="Why 'deny'? </script>")
    expect(said.first).to_be_visible()
    begun = next(lab.folder.rglob("INC-9.ipynb"))
    assert os.path.relpath(lab.folder / "sample_data" / "credit", begun.parent) in begun.read_text()


def test_what_goes_wrong_is_said_where_it_is_seen(notebook, watch):
    """Jupyter keeps a message in its notification centre alone unless it is told for how long to show it."""
    page = notebook
    page.keyboard.press("Control+Shift+L")
    page.locator(".jp-LauncherCard", has_text="Investigate an Incident").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Begin").click()
    said = page.get_by_role("alert").filter(has_text="case")
    expect(said).to_be_visible()
    assert watch.excuse("400", "/audit-lab/") == 2
    page.locator(".Toastify__toast").filter(has_text="case").get_by_role("button").first.click()
    expect(said).to_have_count(0)


def test_a_cell_is_kept_only_where_a_case_is_open(notebook):
    page = notebook
    ready(page)
    # The tests of a page share its kernel, in which another may have opened one.
    cell = run_cell(page, "globals().pop('case', None); 6 * 7")
    expect(cell.locator(".jp-OutputArea-output")).to_contain_text("42")
    page.keyboard.press("Control+Alt+Shift+K")
    said = page.get_by_role("alert").filter(has_text="No case is open in the kernel of this notebook.")
    expect(said).to_be_visible()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    page.locator(".Toastify__toast").filter(has_text="No case is open").get_by_role("button").first.click()
    expect(said).to_have_count(0)
