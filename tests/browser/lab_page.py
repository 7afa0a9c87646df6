"""What a user sees and presses in JupyterLab, by the names that a screen reader says."""

from __future__ import annotations

from playwright.sync_api import expect

TOKEN = "a-token-for-this-test"


def panel(page):
    return page.get_by_role("region", name="Audit Lab")


def select_log(page, name):
    panel(page).get_by_role("list", name="Audit logs").get_by_role("button", name=name).click()


def predictions(page):
    return panel(page).get_by_role("list", name="Newest predictions")


def decision(page, prediction_id):
    return page.get_by_role("article", name=f"Decision {prediction_id}")


def active_cell(page):
    return page.locator(".jp-NotebookPanel .jp-CodeCell.jp-mod-active .cm-content")


def open_by_id(page, prediction_id):
    search = panel(page).get_by_role("searchbox", name="Search for a prediction id")
    search.fill(prediction_id)
    search.press("Enter")


def run_command(page, name):
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill(name)
    page.locator(".lm-CommandPalette-item", has_text=name).first.click()


def press_button(page, name):
    """Press a button of the notebook's toolbar."""
    page.locator(".jp-NotebookPanel-toolbar").get_by_role("button", name=name).click()


def answer(page, button="Ok", **given):
    """Answer JupyterLab's dialog: choose an item, or write a text."""
    dialog = page.locator(".jp-Dialog")
    if "item" in given:
        dialog.locator("select").select_option(given["item"])
    if "text" in given:
        dialog.locator("input").fill(given["text"])
    dialog.get_by_role("button", name=button).click()


def browse(page, *names):
    """Show the file browser at its root, and open one folder after the other."""
    # By its command: a click on its tab would hide a file browser that is in sight.
    page.evaluate("window.jupyterapp.commands.execute('filebrowser:activate')")
    page.locator(".jp-BreadCrumbs-home").click()
    page.get_by_role("button", name="Refresh the file browser").click()
    for name in names:
        file(page, name).dblclick()


def file(page, name):
    return page.locator(".jp-DirListing-item", has_text=name).first


def ready(page):
    """Wait until the notebook has its kernel: before that, its own indicator says idle too."""
    expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible()


def run_cell(page, source, number=-1):
    """Write a text into a cell of code, run it, and return the cell."""
    cells = page.locator(".jp-NotebookPanel .jp-CodeCell")
    cell = cells.last if number == -1 else cells.nth(number)
    cell.locator(".cm-content").fill(source)
    page.keyboard.press("Control+Enter")
    return cell


def keep_newest(page, opened, number, press):
    """Show the newest predictions in a cell below another, and keep it: `press` presses a button or runs a command."""
    page.keyboard.press("Escape")
    opened.locator(".jp-InputPrompt").click()
    page.keyboard.press("b")
    shown = run_cell(page, "al.open('../sample_data/credit').newest(3)", number)
    expect(shown.locator(".jp-OutputArea-output")).to_contain_text("prediction_id")
    press(page, "Keep Cell as Exhibit")
    answer(page, text="The newest three")
    kept = page.locator(".jp-NotebookPanel .jp-CodeCell.jp-mod-active")
    expect(kept.locator(".jp-OutputArea-output")).to_contain_text("The newest three")


def theme(page, name):
    """Choose one of JupyterLab's themes, ``light`` or ``dark``."""
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", _THEMES[name])
    page.locator(f'body[data-jp-theme-light="{str(name == "light").lower()}"]').wait_for(state="attached")
    page.locator("#jupyterlab-splash").wait_for(state="detached")


_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
