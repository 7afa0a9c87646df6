"""The explorer's side of the kernel: what it answers, which code it hands out, what it shows without a front end."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import UTC, datetime

import polars as pl
import pytest
from reproducing import shown_by

import audit_lab as al
from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.widgets.explorer import ExplorerView
from audit_lab.widgets.explorer_messages import PAGE_ROWS, arrow_of, asked, bars_of, expression_name, steps_of
from audit_lab.widgets.explorer_table import OvertakenError


@pytest.fixture(scope="module")
def log(flights):
    return al.open(flights)


def ask(kind, table, **more):
    return {"id": 1, "kind": kind, "state": table.state, "first": 0, "count": PAGE_ROWS, "column": "", **more}


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_page_crosses_as_arrow_with_the_columns_shown(log):
    table = al.view(log).table
    told, (rows,) = table.answer(ask("page", table, first=200))
    page = pl.read_ipc_stream(rows)
    assert told == {"id": 1, "kind": "page", "state": 0, "first": 200}
    assert page.columns == [*table.shown, "place"]
    assert page["place"].to_list() == log.browse().page(200, PAGE_ROWS)["place"].to_list()
    assert len(rows) < 100_000


def test_the_first_rows_come_with_the_table(log):
    table = al.view(log).table
    assert table.get_state()["rows"] == 99_953
    opening = pl.read_ipc_stream(table.opening)
    assert opening.columns == [*(name for name in table.shown if not name.startswith("inputs.")), "place"]
    assert opening["place"].to_list() == log.browse().page(0, 18)["place"].to_list()
    assert ExplorerView(log.browse("decision = 'late'")).table.opening == b""


def test_the_rows_of_a_page_come_before_their_inputs(log, monkeypatch):
    table = al.view(log).table
    until(lambda: table.rows > 0)
    told = []
    monkeypatch.setattr(table, "send", lambda content, buffers=None: told.append((content, buffers)))
    table._asked(None, ask("page", table, id=7, first=300, count=18), None)
    until(lambda: len(told) == 2)
    assert [content for content, _ in told] == [{"id": 7, "kind": "page", "state": 0, "first": 300}] * 2
    own, inputs = (pl.read_ipc_stream(buffers[0]) for _, buffers in told)
    assert [*own.columns[:-1], *inputs.columns] == [*table.shown, "place"]
    expected = pl.read_ipc_stream(arrow_of(log.browse().page(300, 18, table.shown)))
    assert own.hstack(inputs.drop("place")).equals(expected.select(*own.columns, *inputs.columns[:-1]))


def test_the_first_rows_of_another_filter_are_told_unasked(log, monkeypatch):
    table = al.view(log).table
    until(lambda: table.rows > 0)
    told = []
    monkeypatch.setattr(table, "send", lambda content, buffers=None: told.append((content, buffers)))
    table.expression = "outputs.score > 0.5"
    until(lambda: len([content for content, _ in told if content["kind"] == "page"]) == 2)
    content, buffers = next(each for each in told if each[0]["kind"] == "page")
    assert (content["state"], content["first"]) == (1, 0)
    assert pl.read_ipc_stream(buffers[0])["place"].to_list() == table.browse.page(0, 18)["place"].to_list()


def test_what_changes_together_is_one_other_state_with_code_that_says_so(log):
    view = al.view(log)
    table = view.table
    with table.hold_trait_notifications():
        table.since, table.until = "2015-02-01", "2015-03-01"
        table.expression = "decision = 'late'"
    assert table.state == 1
    code = view._code.value
    assert "expression=\"decision = 'late'\"" in code
    assert "since='2015-02-01T00:00:00+00:00', until='2015-03-01T00:00:00+00:00'" in code
    table.expression = "decision = 'late' "
    assert table.state == 2


def test_rows_that_are_selected_elsewhere_are_there_before_whoever_selects_goes_on(log, monkeypatch):
    view = al.view(log)
    view.select("outputs.score > 0.1")
    assert view.table.wait(60)
    told = []
    monkeypatch.setattr(view.table, "send", lambda content, buffers=None: told.append(content))
    monkeypatch.setattr("audit_lab.widgets.explorer._PATIENCE_SECONDS", 60)
    view.select("outputs.score > 0.2", since="2015-02-01")
    assert view.table.state in [content["state"] for content in told if content["kind"] == "page"]


def test_an_order_is_made_ready_when_the_bars_of_its_column_are_shown(flights, monkeypatch):
    table = al.view(al.open(flights)).table
    told = []
    monkeypatch.setattr(table, "send", lambda content, buffers=None: told.append(content["kind"]))
    table._asked(None, ask("histogram", table, column="prediction_id"), None)
    known = table.browse._shared.columns
    until(lambda: ("prediction_id", ()) in known and known["prediction_id", ()]._levels)
    assert "histogram" in told


def test_reading_goes_on_where_its_column_becomes_the_order_and_counting_does_not(log):
    table = al.view(log).table
    watch, other = table._watch(table.state, "latency_ms"), table._watch(table.state, "sequence")
    table.sort = "latency_ms"
    watch("rows", 1)
    with pytest.raises(OvertakenError):
        watch("rows", 0)
    with pytest.raises(OvertakenError):
        other("rows", 1)


def test_how_inputs_stand_is_looked_up_once_when_all_else_is_there(make_log, monkeypatch):
    table = al.view(al.open(make_log())).table
    monkeypatch.setattr(table, "send", lambda content, buffers=None: None)
    until(lambda: table.rows > 0)
    table._asked(None, ask("timeline", table), None)
    known = table.browse._shared.known
    until(lambda: ("order", "loans") in known)
    assert table.browse.finds_inputs


def test_inputs_that_take_long_to_find_are_left_out_where_there_is_no_kernel(log, monkeypatch):
    view = al.view(log)
    assert "inputs.carrier" in view.static_html()
    monkeypatch.setattr(type(view.table.browse), "finds_inputs", False)
    assert "inputs.carrier" not in view.static_html()
    assert "Inputs are left out here" in view.static_html()


def test_filter_and_order_are_state_that_the_front_end_shares(log):
    view = ExplorerView(log.browse("inputs.distance_miles > 2000", sort="outputs.score"))
    table = view.table
    assert (table.expression, table.sort, table.descending) == ("inputs.distance_miles > 2000", "outputs.score", True)
    until(lambda: table.rows == 6_582)
    table.descending = False
    assert table.browse.page(0, 50, ["outputs.score"])["outputs.score"].is_sorted()
    table.expression = "inputs.distance_miles >"
    until(lambda: "something is missing at character" in table.problem)


def test_a_brush_elsewhere_selects_in_the_explorer(log):
    view = al.view(log)
    view.select("decision = 'late'", since="2015-02-01", until="2015-03-01")
    expected = log.find("decision = 'late'", since="2015-02-01", until="2015-03-01").height
    until(lambda: view.table.rows == expected)
    assert f"{expected:,} of 99,953 predictions" in view.text()


def test_the_code_shows_the_same_again(log):
    view = ExplorerView(log.browse("decision = 'late'", since="2015-03-01", sort="inputs.carrier"))
    until(lambda: view.table.rows > 0)
    view.table.opened = view.table.browse.page(0, 1)["place"][0]
    view.stored.value = True
    view.table.shown = ["prediction_id", "inputs.carrier"]
    again = shown_by(view.code(), log=log)
    assert again.table.browse.page(0, 5).equals(view.table.browse.page(0, 5))
    assert again.static_html() == view.static_html()
    assert again.code() == view.code() == view._code.value
    assert (
        f".choose(shown=['prediction_id', 'inputs.carrier'], opened={view.table.opened!r}, stored=True)" in view.code()
    )


#: Everything that a person does in the table, as its front end tells it, and what is not chosen at first.
DONE = {
    "expression": "decision = 'late' and inputs.distance_miles > 1000",
    "since": "2015-03-01T00:00:00+00:00",
    "until": "2015-04-01T00:00:00+00:00",
    "sort": "outputs.score",
    "descending": False,
    "shown": ["prediction_id", "outputs.score", "inputs.carrier"],
    "opened": None,
}


def test_what_is_done_in_the_table_is_chosen_again_in_a_clean_kernel(log):
    """Whatever the front end can set is among the controls: what is kept chooses it where nobody presses anything."""
    view = al.view(log)
    beginning = view.static_html()
    assert view.choices() == {}
    view.table.set_state({name: value for name, value in DONE.items() if value is not None})
    view.table.opened = view.table.browse.page(0, 1)["place"][0]
    view.stored.value = True
    chosen = view.choices()
    assert list(chosen) == list(view.controls)
    assert chosen == {**DONE, "opened": view.table.opened, "stored": True}
    literal = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
    again = eval(f"view.choose({literal})", {"view": al.view(log)})
    assert again.static_html() == view.static_html() != beginning
    assert again.code() == view.code()
    told = {name for name, trait in view.table.traits(sync=True).items() if not name.startswith("_")}
    answered = {
        "columns",
        "rows",
        "state",
        "problem",
        "opening",
        "layout",
        "tabbable",
        "tooltip",
        "comm",
        "log",
        "keys",
    }
    assert told - answered == set(DONE)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"expression": "inputs.distance_miles >"}, "something is missing at character"),
        ({"expression": "no_such = 1"}, "there is no column no_such"),
        ({"sort": "no_such"}, "no_such"),
        ({"since": "yesterday"}, "yesterday"),
        ({"shown": []}, "0 columns cannot be shown"),
        ({"shown": ["no_such"]}, "'no_such' cannot be shown"),
        ({"opened": "no-such-id"}, "no-such-id"),
        ({"descending": "perhaps"}, "'perhaps' is nothing that descending can be"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_words(log, choices, said):
    with pytest.raises(AuditLabError, match=re.escape(said)):
        al.view(log).choose(**choices)


def test_without_a_kernel_the_first_rows_and_the_opened_decision_are_there(log):
    view = al.view(log)
    place = view.table.browse.page(0, 1)["place"][0]
    view.table.opened = place
    html = view.static_html()
    assert "99,953 predictions, by occurred_at, the greatest first." in html
    assert html.count("2015-12-31") > 20
    assert place.partition("@")[0] in html
    assert "99,933 more rows follow." in html


def test_what_another_filter_overtook_is_not_read_to_its_end(log):
    table = al.view(log).table
    watch = table._watch(table.state)
    table.expression = "decision = 'late'"
    with pytest.raises(OvertakenError):
        watch("rows", 1)


def test_the_answers_to_counts_are_small_and_can_be_asked_for_again(log):
    table = al.view(log).table
    told, _ = table.answer(ask("histogram", table, column="outputs.score"))
    bar = told["bars"][3]
    assert log.find(bar["where"]).height == bar["count"]
    last = told["bars"][-1]
    assert log.find(last["where"]).height == last["count"]
    told, _ = table.answer(ask("timeline", table))
    assert told["step"] == "1w"
    assert sum(step["count"] for step in told["steps"]) == 99_953


def test_a_bar_of_text_times_and_truths_finds_its_rows(log):
    counted = log.browse().histogram("inputs.carrier")
    first = bars_of(counted, "inputs.carrier", pl.String())[0]
    assert log.find(first["where"]).height == first["count"]
    times = bars_of(log.browse().histogram("occurred_at"), "occurred_at", pl.Datetime("us", "UTC"))
    assert log.find(times[0]["where"]).height == times[0]["count"]
    others = pl.DataFrame({"value": ["it's", None], "count": [3, 9]})
    assert [bar["where"] for bar in bars_of(others, "a b", pl.String())] == ["\"a b\" = 'it''s'", None]
    assert bars_of(pl.DataFrame({"value": ["true"], "count": [3]}), "x", pl.Boolean())[0]["where"] == "x = TRUE"


def test_values_cross_whole_or_say_that_they_were_cut():
    page = pl.DataFrame(
        {
            "text": ["x" * 10_000_000, None],
            "whole": [2**63 - 1, -1],
            "at": [datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC), None],
            "bytes": [b"\x00\xff", None],
            "list": [[1.5, None], None],
            "struct": [{"a": 1}, None],
            "yes": [True, None],
            "single": pl.Series([0.1, None], dtype=pl.Float32),
        }
    )
    crossed = arrow_of(page)
    assert len(crossed) < 10_000
    shown = pl.read_ipc_stream(crossed).row(0, named=True)
    assert shown["text"] == "x" * 199 + "\N{HORIZONTAL ELLIPSIS}"
    assert shown["whole"] == "9223372036854775807"
    assert shown["at"] == "2026-03-01 12:00:00.000001"
    assert shown["bytes"] == "00ff"
    assert shown["list"] == "[1.5, null]"
    assert shown["struct"] == '{"a":1}'
    assert shown["yes"] is True
    assert shown["single"] == pytest.approx(0.1, abs=1e-8)


def test_a_long_value_is_cut_in_the_timeline_and_in_its_bar():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    long = "x" * 10_000_000
    cut = "x" * 199 + "\N{HORIZONTAL ELLIPSIS}"
    (step,) = steps_of(pl.DataFrame({"start": [at], "decision": [long], "count": [3]}))
    assert step == {"start": at.isoformat(), "decision": cut, "count": 3}
    (bar,) = bars_of(pl.DataFrame({"value": [long], "count": [3]}), "city", pl.String())
    assert bar == {"words": cut, "count": 3, "where": None}  # nobody could read what it would ask


def test_the_rarest_decisions_are_drawn_together():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    counted = pl.DataFrame({"start": [at] * 9, "decision": [*"abcdefgh", None], "count": range(9, 0, -1)})
    steps = steps_of(counted)
    assert [step["decision"] for step in steps] == ["a", "all others", "b", "c", "d", "e", "f"]
    assert steps[1]["count"] == 3 + 2 + 1


@pytest.mark.parametrize(
    "content", [None, [], {}, {"kind": "page", "first": -1}, {"kind": "page", "id": True}, {"kind": "run", "first": 0}]
)
def test_a_message_that_is_none_is_refused(content):
    with pytest.raises(MisuseError, match="cannot be read"):
        asked(content)


def test_a_name_is_written_as_an_expression_writes_it():
    assert expression_name("inputs.distance_miles") == "inputs.distance_miles"
    assert expression_name('inputs.odd "one"') == 'inputs."odd ""one"""'
    assert expression_name("two words") == '"two words"'


def test_nothing_is_imported_to_show_a_log_that_only_draws_or_models(flights):
    shown = (
        f"import sys; import audit_lab as al; al.view(al.open({str(flights)!r})).table.answer("
        "{'id': 1, 'kind': 'page', 'state': 0, 'first': 0, 'count': 9, 'column': ''})"
    )
    heavy = (
        "print(sorted({'altair', 'vl_convert', 'scipy', 'sklearn', 'shap', 'matplotlib', 'pandas'} & {*sys.modules}))"
    )
    ran = subprocess.run([sys.executable, "-c", f"{shown}; {heavy}"], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("asked", ["drift", "onset"])
def test_a_linked_explorer_is_led_before_pictures_are_drawn(log, asked, monkeypatch):
    made = log.drift(["distance_miles"]) if asked == "drift" else log.onset(["distance_miles"])
    explorer = al.view(log)
    view = al.view(made).link(explorer)
    order = []
    monkeypatch.setattr(explorer, "select", lambda *_, **__: order.append("led"))
    monkeypatch.setattr(view, "_refresh", lambda *_: order.append("drawn"))
    monkeypatch.setattr(view.listing, "ask", lambda *_: order.append("asked"))
    before = view.brush.index[0]
    view.brush.index = (before - 1, before) if before else (0, 1)
    assert order == ["led", "asked", "drawn"]
