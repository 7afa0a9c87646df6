"""How a person uses a view of each kind: what is chosen, pressed or moved, and what the view then shows.

Each is given the view and the folder of the cases, and returns what the code of the view must say of it afterwards.
"""

from __future__ import annotations

import re
from contextlib import contextmanager

from playwright.sync_api import expect

import audit_lab as al

__all__ = ["USES", "use"]


def use(view, name, cases):
    """Use a view as a person does, and look into its drawer; return what its code says of it."""
    view.scroll_into_view_if_needed()
    said = USES[name](view, cases)
    drawer = view.get_by_text("Python that shows this", exact=True).last
    drawer.click()
    code = view.locator("textarea").last
    expect(code).to_be_visible()
    for each in said:
        expect(code).to_have_value(re.compile(re.escape(each)))
    drawer.click()
    return said


def choose(view, label, option):
    view.get_by_label(label, exact=True).select_option(option)


def heading(view, text):
    return expect(view.get_by_role("heading", name=text))


@contextmanager
def another_picture(view, number=0):
    """Whatever is done, the picture is drawn anew, and can be seen."""
    image = view.locator("img").nth(number)
    before = image.get_attribute("src")
    yield
    expect(image).not_to_have_attribute("src", before)
    assert image.evaluate("async one => { await one.decode(); return one.naturalWidth; }") > 200


def decision(view, _):
    view.get_by_role("tab", name="Lineage").click()
    expect(view.get_by_role("row", name="model:loans@1 wasGeneratedBy run:r1")).to_be_visible()
    expect(view.get_by_role("row", name="income 3890.11 EUR")).to_be_hidden()
    view.get_by_role("button", name="Stored bytes").click()
    heading(view, "Stored in predictions").to_be_visible()
    expect(view.get_by_role("row", name=re.compile("^prediction_id .*p-030")).first).to_be_visible()
    return ["source = decision.source_rows()", ".choose(stored=True)"]


def explorer(view, _):
    field = view.get_by_role("combobox")
    field.fill("decision = 'deny' and inputs.years < 2")
    field.press("Enter")
    expect(view.get_by_role("status").first).to_have_text(re.compile("^[0-9] predictions, by occurred_at"))
    view.locator("tbody tr").first.click()
    expect(view).to_contain_text(re.compile("p-0[0-9]+: deny at 2024-03-0"))
    return ["decision = 'deny' and inputs.years < 2"]


def replay(view, _):
    expect(view).to_contain_text("bit for bit, and the same label, rule, decision.")
    expect(view.get_by_role("row", name=re.compile("^decision deny deny yes"))).to_be_visible()
    return ["log.decision('p-030@part-00000:30').replay()"]


def agreement(view, _):
    choose(view, "Method", "LIME")
    heading(view, "LIME of p-030").to_be_visible()
    with another_picture(view):
        choose(view, "Picture", "Bars by feature")
    return [".choose(method='lime', picture='Bars by feature')"]


def attribution(view, _):
    with another_picture(view):
        choose(view, "Picture", "Bars by feature")
    return [".choose(picture='Bars by feature')"]


def what_if(view, _):
    field = view.get_by_label("income (EUR)", exact=True)
    field.fill("8000")
    field.press("Tab")
    expect(view).to_contain_text("Not in the answer below yet: income. Ask the model.")
    with another_picture(view):
        view.get_by_role("button", name="Ask the model").click()
        expect(view).to_contain_text("1 input changed: the decision flips to 'approve'")
    expect(view.get_by_role("row", name=re.compile("income 3890.11 EUR 8,000 EUR"))).to_be_visible()
    view.get_by_role("button", name="As recorded").click()
    expect(field).to_have_value("3890.11")
    expect(view).to_contain_text("Not in the answer below yet: income. Ask the model.")
    return ["decision.what_if({'income': 8000.0})"]


def comparable(view, _):
    choose(view, "Case", "3: p-028")
    heading(view, "Case 3 differs in").to_be_visible()
    return [".choose(case=3)"]


def lineage(view, _):
    with another_picture(view):
        choose(view, "Node", "run:r1")
    heading(view, "run:r1").to_be_visible()
    expect(view).to_contain_text("The log names this node and does not describe it.")
    return [".choose(node='run:r1')"]


def case_board(view, cases):
    choose(view, "Exhibit", "2: Its way back to runs, commits and data")
    heading(view, "Exhibit 2: Its way back to runs, commits and data").to_be_visible()
    # Somebody else writes into the case meanwhile.
    said = view.get_by_role("row", name=re.compile("Seen by the other shift."))
    before = said.count()
    al.Case.open(cases / "C-7").comment("Seen by the other shift.")
    view.get_by_role("button", name="Read again").click()
    expect(said).to_have_count(before + 1)
    heading(view, "Exhibit 2: Its way back").to_be_visible()
    return [f"al.Case.open('../{cases.name}/C-7')", ".choose(exhibit=2)"]


def batch_replay(view, _):
    choose(view, "Rows of", "artifact-digest-mismatch")
    heading(view, "artifact-digest-mismatch").to_be_visible()
    expect(view.get_by_role("row", name=re.compile("4.0.0-rc.1 UNREPLAYABLE"))).not_to_have_count(0)
    return ["rows = batch.rows.filter(code='artifact-digest-mismatch')"]


def cohort(view, _):
    with another_picture(view):
        choose(view, "Picture", "Mean magnitude")
    with another_picture(view, 1):
        choose(view, "Feature", "years")
    heading(view, "years by its recorded value").to_be_visible()
    mark = view.locator(".widget-toggle-button").first
    behind = mark.inner_text()
    mark.click()
    heading(view, f"Decisions behind years, {behind}").to_be_visible()
    expect(view.get_by_role("row", name=re.compile("^p-0[0-9]+ 2024-03-0"))).to_have_count(
        int(behind.rpartition(": ")[2])
    )
    return ["rows = attributions.rows_of('years', 0)", "picture='Mean magnitude', feature='years', mark=0"]


def coverage(view, _):
    choose(view, "Ids of", "inputs-missing")
    heading(view, re.compile("^inputs-missing: ")).to_be_visible()
    expect(view.get_by_role("listitem").filter(has_text=re.compile("^[0-9a-f]{8}-"))).not_to_have_count(0)
    return ["ids = coverage.ids('inputs-missing')"]


def decisions(view, _):
    choose(view, "Decision", "p-001@part-00000:1")
    expect(view).to_contain_text("p-001: deny at 2024-03-04 10:00:00 UTC by loans 1")
    heading(view, "Model version").to_be_visible()
    return [".choose(decision=1)"]


def exploration(view, _):
    choose(view, "Inputs", "Decided otherwise")
    heading(view, re.compile("^Decided otherwise, the first 25 of [0-9]+ inputs")).to_be_visible()
    return [".choose(rows_shown='Decided otherwise')"]


def impact(view, _):
    with another_picture(view):
        choose(view, "Picture", "Scores before and after")
    return [".choose(picture='Scores before and after')"]


def alerts(view, _):
    chosen = view.get_by_label("Alert", exact=True)
    option = chosen.locator("option").filter(has_text="drift, carrier (").text_content()
    chosen.select_option(option)
    heading(view, "drift: carrier").to_be_visible()
    choose(view, "State", "open")
    name = re.search(r"\((\w+)\)", option)[1]
    return ["alert_timeline(alerts.windows.filter(state='open'))", f"windows = alerts.windows.filter(alert='{name}"]


def onset(view, _):
    with another_picture(view):
        choose(view, "What", "distance_miles, quantile 0.5: level of 2015-09-07")
    heading(view, "distance_miles, quantile 0.5: level of 2015-09-07").to_be_visible()
    moved(view, "upper", "ArrowRight")
    heading(view, re.compile("^Decisions from 2015-09-0.* to 2015-09-")).to_be_visible()
    listed_decision(view)
    return ["one = (*onset.onsets, *onset.spike_onsets)", "chosen = log.foremost(", "decisions = chosen.decisions"]


def cause(view, _):
    with another_picture(view):
        choose(view, "Method", "attribution")
    heading(view, "Step by step, by attribution").to_be_visible()
    return ["cause.steps('attribution')", ".choose(method='attribution')"]


def fairness(view, _):
    with another_picture(view):
        choose(view, "Rate", "qualified_rate")
    heading(view, "qualified rate by personal_status_and_sex").to_be_visible()
    return ["group_comparison(fairness.table, 'qualified_rate', grouping='personal_status_and_sex')"]


def performance(view, _):
    with another_picture(view, 1):
        choose(view, "Measure", "brier of the score")
    heading(view, "brier of the score").to_be_visible()
    moved(view, "lower", "ArrowLeft")
    heading(view, "Decisions from 2025-11-01 00:00 to 2026-01-01 00:00 UTC").to_be_visible()
    listed_decision(view)
    return ["performance_timeline(performance.table, 'brier', of='score')", "since='2025-11-01T00:00:00+00:00'"]


def drift(view, _):
    choose(view, "Column", "purpose")
    heading(view, "purpose over time").to_be_visible()
    cells = view.locator(".widget-hbox").filter(has=view.page.get_by_text("purpose", exact=True)).first
    cells.locator("button").nth(1).click()
    heading(view, re.compile("^Decisions of ")).to_be_visible()
    listed_decision(view)
    return ["'purpose'", "decisions = chosen.decisions"]


def moved(view, handle, key):
    """Move a handle of the slider by its key."""
    grip = view.locator(f".noUi-handle-{handle}")
    grip.focus()
    grip.press(key)


def listed_decision(view):
    """Open the first of the decisions that were asked for."""
    chosen = view.get_by_label("Decision", exact=True)
    option = chosen.locator("option").nth(1).text_content()
    chosen.select_option(option)
    expect(view).to_contain_text(re.compile(f"{re.escape(option.partition('@')[0])}: .* at 20"))
    heading(view, "Model version").to_be_visible()
    view.get_by_role("button", name="Stored bytes").click()
    heading(view, "Stored in predictions").to_be_visible()


#: By the name of the view's class.
USES = {
    "DecisionView": decision,
    "ExplorerView": explorer,
    "ReplayView": replay,
    "AgreementView": agreement,
    "AttributionView": attribution,
    "WhatIfView": what_if,
    "ComparableView": comparable,
    "LineageView": lineage,
    "CaseBoardView": case_board,
    "BatchReplayView": batch_replay,
    "CohortView": cohort,
    "CoverageView": coverage,
    "DecisionsView": decisions,
    "ExplorationView": exploration,
    "ImpactView": impact,
    "AlertsView": alerts,
    "OnsetView": onset,
    "CauseView": cause,
    "FairnessView": fairness,
    "PerformanceView": performance,
    "DriftView": drift,
}
