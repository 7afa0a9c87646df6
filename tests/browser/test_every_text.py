"""Every text that a log can hold is text in JupyterLab, in exported pages and in static views: nothing of it runs.

Nor does any turn the direction of what is read.

The columns are those of the schema, so that one that is added is fed, shown and looked for without being named here.
"""

from __future__ import annotations

import json
import shutil
import zipfile

import nbformat
import polars as pl
import pytest
from hostile_columns import TURNS, columns_of_text, mark_of, text_of, write_hostile_log
from hostile_model import AFTER, BEFORE, CHANGED, FEATURES, write_hostile_model
from lab_page import predictions, ready, run_cell, select_log
from playwright.sync_api import expect

import audit_lab as al
from audit_lab.charts.interactive import interactive_html
from audit_lab.evidence import Case, demonstration_key, export_case
from audit_lab.evidence.notebook_html import render_html
from audit_lab.log.schema import TABLES
from audit_lab.widgets import viewing
from audit_lab.widgets.explorer import ExplorerView

pytestmark = pytest.mark.browser

#: Whether hostile text ran, and how many elements it made of itself.
HARM = """() => [
  globalThis.owned !== undefined,
  [...document.querySelectorAll('img, script, iframe')].filter(one => one.getAttribute('src') === 'x').length
]"""
NONE = [False, 0]

EVERY_TEXT = {(table, column): mark_of(table, column) for table in TABLES for column in columns_of_text(table)}
GROUPS = f"inputs.{text_of('inputs', 'text')}"
OF_PREDICTIONS = columns_of_text("predictions")

IN_LAB = f"""
import audit_lab as al
import polars as pl
from IPython.display import display
from audit_lab.log.schema import TABLES
from audit_lab.widgets.explorer import ExplorerView
log = al.open("../uploads/every-text")
display(ExplorerView(log.browse(), {OF_PREDICTIONS!r}))
newest = log.browse().page(0, 1)["place"][0]
display(al.view(log.decision(newest)), al.view(log.decision(newest).lineage_graph()), al.view(log.coverage()))
display(al.view(log.subject({text_of("predictions", "subject_id")!r})), al.view(log.drift()), al.view(log.onset()))
said = {text_of("predictions", "decision")!r}
display(al.view(log.performance(positive=log.outcomes.first().collect()["label"][0])))
display(al.view(log.fairness([{GROUPS!r}], favourable=log.decision(newest).prediction["decision"])))
log.raise_alerts(record="../uploads/record")
case = al.Case.create("INC-3", log, question=said, actor=said, purpose=said, folder="../uploads/cases")
case.comment(said)
display(al.view(log.alerts(record="../uploads/record")), al.view(case))
with pl.Config(tbl_cols=-1, fmt_str_lengths=4000):
    for table in TABLES:
        display(log._store.table(table).head(2).collect())
print("all is shown")
"""

#: What a model is asked, by the class of the view that shows it, and what of its texts is to be read there.
ASKED = {
    "ReplayView": ("decision.replay()", "decision."),
    "AttributionView": ("decision.explain('shap')", "feature.text"),
    "AgreementView": ("decision.agreement()", "feature.text"),
    "WhatIfView": (f"decision.what_if({CHANGED!r})", "value.2"),
    "ComparableView": ("decision.comparable()", "feature.text"),
    "BatchReplayView": ("log.replay(causes=False)", "model.name"),
    "CohortView": ("log.attributions(rows=40)", "feature.text"),
    "ExplorationView": ("log.explore(*[decision.prediction['model_version']] * 2)", "model.name"),
    "ImpactView": (f"log.impact(al.Correction.unit({FEATURES[0]!r}, factor=2.0))", "feature.number"),
    "CauseView": (f"log.cause(after={AFTER!r}, before={BEFORE!r}, rows=40)", "feature.number"),
}
WITH_A_MODEL = """
import audit_lab as al
from IPython.display import display
log = al.open("../uploads/model")
decision = log.decision(log.newest(1)["prediction_id"][0])
"""


@pytest.fixture(scope="module", params=[False, True], ids=["text", "JSON"])
def folder(request, tmp_path_factory):
    """Write a log whose every text is hostile, as it is or within JSON; return its folder."""
    folder = tmp_path_factory.mktemp("hostile") / "every-text"
    write_hostile_log(folder, is_json=request.param)
    return folder


@pytest.fixture
def shown_alone(browser, tmp_path):
    """Return what opens HTML as a page of its own, in which scripts may run, and looks for harm."""
    context = browser.new_context()
    page = context.new_page()

    def show(html, name="page.html"):
        (tmp_path / name).write_text(html, "utf-8")
        page.goto((tmp_path / name).as_uri())
        page.wait_for_timeout(200)  # what would load a picture, and run where there is none, has had its time
        assert page.evaluate(HARM) == NONE
        assert TURNS not in page.evaluate("document.documentElement.outerHTML")
        return page

    yield show
    context.close()


def views(log):
    """Return every view of a log that needs neither a model nor anything that is not in the log."""
    newest = log.decision(log.browse().page(0, 1)["place"][0])
    ids = log.browse().page(0, 3)["prediction_id"].to_list()
    return {
        "explorer": ExplorerView(log.browse(), OF_PREDICTIONS),
        "decision": al.view(newest),
        "decisions": al.view(log.decisions(ids)),
        "subject": al.view(log.subject(text_of("predictions", "subject_id"))),
        "lineage": al.view(newest.lineage_graph()),
        "coverage": al.view(log.coverage()),
        "replay": al.view(log.replay()),
        "drift": al.view(log.drift()),
        "onset": al.view(log.onset()),
        "performance": al.view(log.performance(positive=log.outcomes.first().collect()["label"][0])),
        "fairness": al.view(log.fairness([GROUPS], favourable=newest.prediction["decision"])),
        "alerts": al.view(alerts(log)),
    }


def alerts(log):
    """Raise what fires, and return it."""
    record = log.path.parent / "record"
    log.raise_alerts(record=record)
    found = log.alerts(record=record)
    assert found.table.height
    return found


def board(log, folder):
    """Return the board of a case whose every text is hostile."""
    said = text_of("predictions", "decision")
    case = Case.create("INC-2", log, question=said, actor=said, purpose=said, folder=folder)
    case.finding(said, [case.keep(al.view(log.coverage()), said)], "low")
    case.action(said, kind="corrective", owner=said, due="2026-12-01")
    case.comment(said)
    case.conclude(said)
    return al.view(case)


def tables(log):
    return {table: log._store.table(table).head(2).collect() for table in TABLES}


def missing(text, columns=EVERY_TEXT):
    return [column for column in columns if EVERY_TEXT[column] not in text]


def test_harm_would_be_noticed(shown_alone):
    with pytest.raises(AssertionError):
        shown_alone(f"<p>{text_of('predictions', 'decision')}</p>")
    with pytest.raises(AssertionError):
        shown_alone(f"<script>const said = {json.dumps(text_of('predictions', 'decision'))};</script>")


def test_nothing_runs_in_static_views(folder, shown_alone, tmp_path):
    log = al.open(folder)
    text = ""
    for name, view in {**views(log), "board": board(log, tmp_path / "cases")}.items():
        page = shown_alone(f"<!DOCTYPE html><meta charset=utf-8>{view.static_html()}", f"{name}.html")
        text += page.locator("body").inner_text()
    assert missing(text, [("predictions", column) for column in OF_PREDICTIONS]) == []


def test_nothing_runs_in_charts_that_can_be_moved(folder, shown_alone):
    log = al.open(folder)
    drift = log.drift()
    column = drift.columns[0]
    graph = log.decision(log.browse().page(0, 1)["place"][0]).lineage_graph()
    charts = {
        "map": al.charts.drift_heatmap(drift.table, reference=text_of("predictions", "decision")),
        "line": al.charts.drift_timeline(drift.table, column, "psi"),
        "lineage": al.charts.lineage_graph(*graph.to_frames(), subtitle=graph.origin),
    }
    for name, chart in charts.items():
        page = shown_alone(interactive_html(chart, text_of("predictions", "decision")), f"{name}.html")
        expect(page.locator("#chart svg")).to_be_visible()
        assert page.evaluate(HARM) == NONE


def test_nothing_runs_in_an_exported_notebook(folder, shown_alone):
    log = al.open(folder)
    cells = []
    with pl.Config(tbl_cols=-1, fmt_str_lengths=4000):
        for shown in (*views(log).values(), *tables(log).values()):
            html = shown.static_html() if hasattr(shown, "static_html") else shown._repr_html_()
            plain = shown.text() if hasattr(shown, "text") else str(shown)
            bundle = {"text/html": html, "text/plain": plain}
            cells.append(nbformat.v4.new_code_cell("shown", outputs=[nbformat.v4.new_output("display_data", bundle)]))
    cells.append(nbformat.v4.new_markdown_cell(text_of("predictions", "decision")))
    page = shown_alone(render_html(nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()).decode())
    assert missing(page.locator("body").inner_text()) == []


def test_nothing_runs_in_an_exported_case(folder, shown_alone, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = al.open(folder)
    question = text_of("predictions", "decision")
    case = Case.create("INC-1", log, question=question, actor="jane", purpose="complaint")
    kept = [view.keep(case) for view in views(log).values()]
    for table, frame in tables(log).items():
        # A page shows so many columns of a table.
        parts = [frame.select(frame.columns[first : first + 5]) for first in range(0, frame.width, 5)]
        kept += [case.keep(part, text_of(table, "title")) for part in parts]
    case.finding(question, kept[:1], "low")
    case.conclude(question)
    key = demonstration_key(tmp_path / "demonstration-key").key
    with zipfile.ZipFile(export_case(case, tmp_path / "out", key=key)) as archive:
        pages = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".html")}
    assert "data/README.html" in pages
    text = ""
    for number, (name, html) in enumerate(pages.items()):
        page = shown_alone(html, f"{number}.html")
        text += page.locator("body").inner_text() if not name.endswith("verify.html") else ""
    assert missing(text) == []


@pytest.fixture
def laid_out(folder, lab):
    """Lay the log into JupyterLab's folder, before anything there is looked at."""
    uploads = lab.folder / "uploads"
    shutil.copytree(folder, uploads / "every-text")
    yield
    shutil.rmtree(uploads)


def test_nothing_runs_in_jupyterlab(laid_out, notebook):
    page = notebook
    ready(page)
    cell = run_cell(page, IN_LAB)
    expect(cell.get_by_text("all is shown", exact=True)).to_be_visible(timeout=240_000)
    rows = cell.locator(".al-explorer tbody tr")
    expect(rows.first.locator("td").first).not_to_have_class("al-waiting")
    outputs = cell.locator(".jp-OutputArea").first.evaluate("all => all.textContent")
    assert missing(outputs) == []
    explorer = cell.locator(".al-explorer").evaluate("all => all.textContent")
    assert missing(explorer, [("predictions", column) for column in OF_PREDICTIONS]) == []
    rows.first.click()
    expect(cell.locator(".widget-html-content").first).to_contain_text(EVERY_TEXT["predictions", "decision"])
    select_log(page, "uploads/every-text")
    predictions(page).get_by_role("button").first.click()
    expect(page.get_by_role("article").first).to_contain_text(EVERY_TEXT["predictions", "decision"])
    for named in (page.get_by_role("article").first, cell.locator(".al-explorer")):
        expect(named).to_contain_text("[U+202E]dlrow")
    shown = page.locator(".auditlab-ShownView, .auditlab-Decision, #audit-lab-panel")
    written = shown.evaluate_all("all => all.map(one => one.outerHTML)")
    assert len(written) > 12
    assert [html[max(html.index(TURNS) - 200, 0) :][:400] for html in written if TURNS in html] == []
    assert page.evaluate(HARM) == NONE


@pytest.fixture(scope="module")
def modelled(tmp_path_factory):
    """Write a log whose model runs, and whose features, values and answers are hostile; return its folder."""
    folder = tmp_path_factory.mktemp("hostile") / "model"
    folder.mkdir()
    write_hostile_model(folder)
    return folder


def test_every_answer_of_a_model_is_asked_for():
    shown = {name for _, name in viewing._VIEWS.values()} | {"AttributionView", "DecisionView"}
    without_a_model = {*("AlertsView", "CaseBoardView", "CoverageView", "DecisionView", "DecisionsView", "DriftView")}
    without_a_model |= {"ExplorerView", "FairnessView", "LineageView", "OnsetView", "PerformanceView"}
    assert shown - without_a_model == set(ASKED)


def test_nothing_runs_in_what_a_model_answers(modelled, shown_alone):
    log = al.open(modelled)
    names = {"al": al, "log": log, "decision": log.decision(log.newest(1)["prediction_id"][0])}
    cells = []
    for name, (asked, said) in ASKED.items():
        view = al.view(eval(asked, names))
        assert type(view).__name__ == name
        page = shown_alone(f"<!DOCTYPE html><meta charset=utf-8>{view.static_html()}", f"{name}.html")
        assert said in page.locator("body").inner_text(), name
        bundle = {"text/html": view.static_html(), "text/plain": view.text()}
        cells.append(nbformat.v4.new_code_cell("shown", outputs=[nbformat.v4.new_output("display_data", bundle)]))
    shown_alone(render_html(nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()).decode())


def test_nothing_of_a_model_runs_in_jupyterlab(modelled, lab, notebook):
    page = notebook
    uploads = lab.folder / "uploads"
    shutil.copytree(modelled, uploads / "model")
    try:
        ready(page)
        shown = "".join(f"display(al.view({asked}))\n" for asked, _ in ASKED.values())
        cell = run_cell(page, f"{WITH_A_MODEL}{shown}")
        views = cell.locator(".auditlab-ShownView:has(.widget-vbox)")
        expect(views).to_have_count(len(ASKED), timeout=240_000)
        for name, (_, said) in ASKED.items():
            expect(views.nth(list(ASKED).index(name))).to_contain_text(said)
        cause, what_if = (views.nth(list(ASKED).index(name)) for name in ("CauseView", "WhatIfView"))
        cause.get_by_label("Method", exact=True).select_option("re-weighting")
        expect(cause.get_by_role("heading", name="Step by step, by re-weighting")).to_be_visible()
        what_if.get_by_label("feature.text", exact=False).select_option(index=1)
        expect(what_if).to_contain_text("Not in the answer below yet: feature.text")
        what_if.get_by_role("button", name="Ask the model").click()
        expect(what_if.get_by_text("Not in the answer below yet")).to_have_count(0)
        written = views.evaluate_all("all => all.map(one => one.outerHTML)")
        assert [html[max(html.index(TURNS) - 200, 0) :][:400] for html in written if TURNS in html] == []
        assert page.evaluate(HARM) == NONE
    finally:
        shutil.rmtree(uploads)
