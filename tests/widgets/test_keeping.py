"""Every view is kept as it is seen: files, page, query, code, rows, method, and who kept it when."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime

import nbformat
import polars as pl
import pytest
from nbconvert import HTMLExporter
from reproducing import words_of

import audit_lab as al
from audit_lab.case.open_case import forget_cases
from audit_lab.errors import MisuseError
from audit_lab.widgets import viewing
from audit_lab.widgets.asking import question_in

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>"
PERIOD = {"since": "2015-05-01", "until": "2015-11-01"}
AROUND = {"after": ("2015-09-28", "2015-10-01"), "before": ("2015-09-21", "2015-09-24"), "rows": 60, "anyway": True}


def raised(log, folder):
    log.raise_alerts(now=NOW, record=folder / "kept")
    return log.alerts(record=folder / "kept")


#: A view of each kind: what it is called, and how it is made of the small log, the two sample logs and a folder.
SHOWN = {
    "AgreementView": lambda small, *_: al.view(small.decision("p-001").agreement()),
    "AlertsView": lambda small, _flown, _lent, folder: al.view(raised(small, folder)),
    "AttributionView": lambda small, *_: al.view(
        small.decision("p-001").explain("shap"), small.decision("p-001").explain("lime")
    ),
    "BatchReplayView": lambda small, *_: al.view(small.replay(causes=False)),
    "CauseView": lambda _, flown, *__: al.view(flown.cause(**AROUND, columns=["carrier", "distance_miles"])),
    "CohortView": lambda small, *_: al.view(small.attributions(rows=40)),
    "ComparableView": lambda small, *_: al.view(small.decision("p-030").comparable()),
    "CoverageView": lambda small, *_: al.view(small.coverage()),
    "DecisionView": lambda small, *_: al.view(small.decision("p-030"), small.decision("p-030").comparable()),
    "DecisionsView": lambda small, *_: al.view(small.decisions("sequence < 5")),
    "DriftView": lambda _, __, lent, ___: al.view(lent.drift(["purpose"])),
    "ExplorationView": lambda small, *_: al.view(small.explore("1", "1")),
    "ExplorerView": lambda small, *_: al.view(small),
    "FairnessView": lambda _, __, lent, ___: al.view(lent.fairness(["personal_status_and_sex"], favourable="approve")),
    "ImpactView": lambda small, *_: al.view(small.impact(al.Correction.unit("income", factor=0.5))),
    "LineageView": lambda small, *_: al.view(small.decision("p-001").lineage_graph()),
    "OnsetView": lambda _, flown, *__: al.view(flown.onset(["carrier"], **PERIOD)),
    "PerformanceView": lambda _, __, lent, ___: al.view(lent.performance()),
    "ReplayView": lambda small, *_: al.view(small.decision("p-001").replay()),
    "WhatIfView": lambda small, *_: al.view(small.decision("p-030").what_if({"income": 1_200.0})),
}
KINDS = {
    "BatchReplayView": "batch-replay",
    "CohortView": "cohort",
    "ExplorerView": "predictions",
    "WhatIfView": "what-if",
}
#: How many rows a view speaks of; None where it does not count any.
ROWS = {"CauseView": None, "ExplorationView": 40, "ExplorerView": 40, "LineageView": None, "WhatIfView": 1}


@pytest.fixture(autouse=True)
def session():
    """Begin and end with no case open."""
    forget_cases()
    yield
    forget_cases()


@pytest.fixture(scope="module")
def samples(flights, credit):
    return al.open(flights), al.open(credit)


@pytest.fixture
def small(make_log):
    return al.open(make_log())


@pytest.fixture
def case(small, tmp_path):
    asked = {"question": "Why?", "actor": "Ida Berg", "purpose": "a review", "folder": tmp_path / "cases"}
    return al.Case.create("C-1", small, **asked)


def test_every_view_that_there_is_is_kept_here():
    shown_alone = {view_class for _, view_class in viewing._VIEWS.values()}
    assert set(SHOWN) == (shown_alone - {"CaseBoardView"}) | {"DecisionView", "AttributionView"}


def converted(bundle):
    """Return the page that nbconvert, as it comes, makes of an output in a saved notebook."""
    cell = nbformat.v4.new_code_cell("shown", outputs=[nbformat.v4.new_output("display_data", bundle)])
    return HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0]


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_view_is_kept_as_it_is_shown(name, small, samples, case, tmp_path):
    view = SHOWN[name](small, *samples, tmp_path)
    assert type(view).__name__ == name
    exhibit = view.keep()
    assert case.exhibits == (exhibit,)
    assert exhibit.kind == KINDS.get(name, name.removesuffix("View").lower())
    assert exhibit.title == view.title()
    assert exhibit.title.strip()
    assert exhibit.code == view.code()
    assert exhibit.query.startswith("log.")
    assert ast.unparse(ast.parse(exhibit.query)) == exhibit.query
    assert exhibit.method
    assert (exhibit.rows is None) == (name in ROWS and ROWS[name] is None)
    assert exhibit.rows == ROWS.get(name, exhibit.rows)
    page = (exhibit.folder / "shown.html").read_text()
    assert view.static_html() in page
    assert "default-src 'none'" in page
    kept = case.kept(exhibit)
    assert (kept.actor, kept.why) == ("Ida Berg", "a review")
    assert datetime.fromisoformat(kept.at).tzinfo is not None
    assert view.keep(case) == exhibit
    assert len(case.exhibits) == 1
    assert words_of(view.static_html()) in words_of(converted(view._repr_mimebundle_()))


def test_another_choice_in_a_view_is_another_exhibit(small, case):
    view = al.view(small.decisions("sequence < 5"))
    first = view.keep(title="All of them")
    view.decision.value = view.decision.options[1][1]
    second = view.keep(title="The first", note="It was chosen.")
    assert [each.number for each in case.exhibits] == [1, 2]
    assert (first.title, second.title, second.note) == ("All of them", "The first", "It was chosen.")
    assert set(first.files) == set(second.files)
    assert [name for name in first.files if first.files[name] != second.files[name]] == ["shown.html"]


def test_the_query_of_an_exhibit_is_its_whole_question(small, case):
    view = al.view(small.browse("inputs.income > 2000 and decision = 'deny'", sort="outputs.score", descending=True))
    asked = (
        "log.browse(expression=\"inputs.income > 2000 and decision = 'deny'\", sort='outputs.score', descending=True)"
    )
    exhibit = view.keep()
    assert exhibit.query == asked
    told = json.loads((exhibit.folder / "question.json").read_text())
    assert (told["sort"], told["rows"]) == ("outputs.score", view.table.browse.rows)
    rows = pl.read_parquet(exhibit.folder / "table.parquet")
    assert rows["place"].to_list() == view.table.browse.page(0, 40)["place"].to_list()
    assert exhibit.rows == rows.height


@pytest.mark.parametrize(
    ("code", "question"),
    [
        ("x = log.decision('p-1').lineage_graph()\nal.view(x)", "log.decision('p-1').lineage_graph()"),
        ("d = al.open('/logs/loans').decision('p-1')\nd.replay()", "log.decision('p-1')"),
        ("a = len(log.drift(['x'],\n  every='1w').table)\nlog.find()", "log.drift(['x'], every='1w')"),
        ("import audit_lab as al\nal.view(log)", ""),
    ],
)
def test_a_question_is_the_first_whole_call_of_the_log(code, question):
    assert question_in(code) == question


def test_without_an_open_case_nothing_is_kept(small):
    with pytest.raises(MisuseError, match="No case is open here"):
        al.view(small.coverage()).keep()


def test_of_several_open_cases_one_must_be_named(small, case, tmp_path):
    asked = {"question": "What else?", "actor": "Ida Berg", "purpose": "a review", "folder": tmp_path / "cases"}
    other = al.Case.create("C-2", small, **asked)
    view = al.view(small.coverage())
    with pytest.raises(MisuseError, match="2 cases are open here: C-1, C-2"):
        view.keep()
    exhibit = view.keep(other)
    assert (case.exhibits, other.exhibits) == ((), (exhibit,))
    other.change_status("closed", "answered")
    assert view.keep().folder.is_relative_to(case.folder)


def test_a_case_that_is_opened_again_is_the_open_one(small, case):
    forget_cases()
    al.Case.open(case.folder, actor="Rex Holm", purpose="a second look")
    exhibit = al.view(small.coverage()).keep()
    assert case.kept(exhibit).actor == "Rex Holm"


def test_a_closed_case_is_named_and_takes_nothing(small, case):
    case.change_status("closed", "answered")
    with pytest.raises(MisuseError, match=r"No case is open here \(C-1: closed\)"):
        al.view(small.coverage()).keep()


def test_texts_of_the_log_are_escaped_in_the_kept_page(make_log, case):
    def hostile(frame):
        return frame.with_columns(decision=pl.lit(HOSTILE), prediction_id=pl.col("prediction_id") + HOSTILE)

    log = al.open(make_log(predictions=hostile))
    exhibit = al.view(log.decision(f"p-001{HOSTILE}")).keep(case)
    page = (exhibit.folder / "shown.html").read_text()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page
