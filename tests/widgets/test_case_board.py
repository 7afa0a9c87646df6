"""The board of a case: what it shows, of what changed since, and that nothing in it is taken as markup."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.widgets import CaseBoardView

HOSTILE = "<img src=x onerror=alert(1)>"
ABOUT = {"question": "Why was it denied?", "actor": "Ida Berg", "purpose": "a complaint", "sign_offs": ["reviewed"]}


@pytest.fixture
def case(make_log, tmp_path):
    log = al.open(make_log())
    case = al.Case.create("C-7", log, **ABOUT, decision=log.decision("p-030"), folder=tmp_path / "cases")
    case.keep(pl.DataFrame({"city": ["Oslo"], "rows": [3]}), "Rows by city", query="log.predictions")
    case.finding("The threshold decided.", [1, 3], "high")
    case.action("Tell the customer", kind="corrective", owner="Rex Holm", due="2026-12-01")
    case.comment("Who told them?", about="A1")
    return case


def test_the_board_has_all_that_the_case_says(case):
    view = al.view(case)
    assert isinstance(view, CaseBoardView)
    shown = view.static_html()
    for said in (
        *("C-7: open", "Why was it denied?", "No conclusion yet.", "Rows by city", "The threshold decided.", ">1, 3<"),
        *("Tell the customer", "Rex Holm", "2026-12-01", "Who told them?", "Needed: reviewed.", "exhibit kept"),
        *("The decision p-030 was made", "decision p-030@part-00000:30", case.exhibits[2].id[:12]),
    ):
        assert said in shown, said
    assert view._repr_mimebundle_()["text/html"] == shown
    assert view.text().splitlines() == [
        "Case C-7 about the log tests/loans: open; 3 exhibits, 1 findings, 1 actions.",
        "Why was it denied?",
        "No conclusion yet.",
    ]


def test_a_chosen_exhibit_is_shown_with_its_code_and_picture(case):
    import altair as alt

    rows = pl.DataFrame({"x": [1, 2]})
    case.keep(alt.Chart(rows).mark_tick().encode(x="x"), "Two ticks", code="chart = 1 < 2")
    view = al.view(case)
    view.exhibit.value = 4
    shown = view.static_html()
    assert "Exhibit 4: Two ticks" in shown
    assert "chart = 1 &lt; 2" in shown
    assert 'src="data:image/svg+xml;base64,' in shown
    assert "Exhibit 4" not in al.view(case).static_html()


def test_an_exhibit_without_note_and_picture_is_named_above_its_facts(case):
    case.keep(pl.DataFrame({"a": [1]}), "One row")
    shown = al.view(case).choose(exhibit=4).static_html()
    assert ">Exhibit 4: One row</h3>" in shown
    assert shown.index("Exhibit 4: One row</h3>") < shown.index(case.exhibits[3].id)


def test_what_others_did_is_there_when_the_folder_is_read_again(case):
    view = al.view(case)
    other = al.Case.open(case.folder, actor="Rex Holm", purpose="a review")
    other.conclude("Its score was above the threshold.")
    other.keep(pl.DataFrame({"a": [1]}), "One row")
    view.again.click()
    assert "Its score was above the threshold." in view._content.value
    assert ("4: One row", 4) in view.exhibit.options
    (case.folder / "conclusion.txt").write_text("Something else.")
    view.again.click()
    assert "Changed past the case: conclusion.txt" in view._content.value


def test_a_sign_off_is_void_once_the_case_says_something_else(case):
    case.record("signed off: approved", "a" * 64)
    view = al.view(case)
    assert "approved, recorded by Ida Berg" in view.static_html()
    assert "void" not in view.static_html().lower()
    case.conclude("Its score was above the threshold.")
    view.again.click()
    said = "VOID: approved, recorded by Ida Berg"
    assert view._content.value.index(said) < view._content.value.index("Question")
    assert view._content.value.count("the case changed after it was signed") == 2
    assert said in view.text()


def test_a_damaged_case_is_said_and_not_a_blank(case):
    view = al.view(case)
    (case.folder / "findings.json").write_text("{")
    view.again.click()
    assert "findings.json" in view._content.value


def test_a_board_is_no_exhibit(case):
    with pytest.raises(MisuseError, match="A case cannot keep a Case"):
        al.view(case).keep(case)


def test_the_code_opens_the_case_again(case):
    names = {}
    exec(al.view(case).code(), names)
    assert names["case"].to_dict() == case.to_dict()


def test_nothing_that_somebody_wrote_is_markup(make_log, tmp_path):
    log = al.open(make_log())
    asked = {"question": HOSTILE, "actor": HOSTILE, "purpose": HOSTILE, "folder": tmp_path / "cases"}
    case = al.Case.create("C-8", log, **asked)
    case.keep(pl.DataFrame({"a": [1]}), HOSTILE, HOSTILE, HOSTILE, code=HOSTILE, method=HOSTILE)
    case.finding(HOSTILE, [1], "low")
    case.action(HOSTILE, kind="preventive", owner=HOSTILE, due="2026-12-01")
    case.event("2026-11-02T09:00:00+01:00", HOSTILE, by=HOSTILE)
    case.comment(HOSTILE)
    case.conclude(HOSTILE)
    view = al.view(case)
    view.exhibit.value = 1
    assert HOSTILE not in view.static_html()
    assert view.static_html().count("&lt;img src=x") >= 14


def test_what_turns_the_direction_of_text_is_named(case):
    case.conclude("paid \u202edecnuob")
    shown = al.view(case).static_html()
    assert ">U+202E</mark>decnuob" in shown
    assert "\u202e" not in shown + case._repr_html_()
