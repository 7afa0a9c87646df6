"""The view of a what-if: a control for each input, asked anew as a browser asks, static, escaped, with its code."""

from __future__ import annotations

import time
from threading import Event

import ipywidgets
import polars as pl
import pytest
from reproducing import shown_by

import audit_lab as al
from audit_lab.errors import AuditLabError
from audit_lab.face.what_if_again import Offered
from audit_lab.widgets.what_if import WhatIfView

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def log(make_log):
    return al.open(make_log())


def sent(widget, **state):
    """Let a message of the browser reach a widget: a value that somebody gave it."""
    widget._handle_msg({"content": {"data": {"method": "update", "state": state}}, "buffers": []})


def press(button):
    """Let a message of the browser reach a button: somebody pressed it."""
    content = {"event": "click"}
    button._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def test_it_is_shown_with_the_changed_input_marked_and_the_code(log):
    found = log.decision("p-030").what_if({"income": 1_200.0})
    view = al.view(found)
    assert isinstance(view, WhatIfView)
    shown = view.static_html()
    assert shown.count("\N{BLACK CIRCLE}") == 1
    assert found.digest in shown
    assert found.original_attribution.digest in shown
    assert view.text() == "\n".join(found.summary())
    assert view.code() == found.code()
    assert "image/svg+xml;base64" in shown


def test_without_a_change_or_an_attribution_columns_are_left_out(log):
    decision = log.decision("p-030")
    assert "In this state" not in WhatIfView(decision.what_if()).static_html()
    assert "<th" in (shown := WhatIfView(decision.what_if({"years": 9}, explain=None)).static_html())
    assert "Contribution" not in shown


def test_texts_of_the_log_are_escaped(make_log):
    folder = make_log(
        predictions=lambda frame: frame.with_columns(decision=pl.lit(HOSTILE), decision_rule=pl.lit(HOSTILE))
    )
    shown = WhatIfView(al.open(folder).decision("p-030").what_if({"city": HOSTILE}, explain=None)).static_html()
    assert HOSTILE not in shown
    assert "&lt;img src=x" in shown


def test_every_input_has_a_control_of_its_type_and_range(log):
    decision = log.decision("p-030")
    view = WhatIfView(decision.what_if(explain=None))
    view._repr_mimebundle_()
    view._reading.wait()
    income, city, years = (view.inputs[name] for name in ("income", "city", "years"))
    kinds = [type(each.field) for each in (income, city, years)]
    assert kinds == [ipywidgets.FloatText, ipywidgets.Dropdown, ipywidgets.IntText]
    assert income.field.description == "income (EUR)"
    assert [name for name, _ in city.field.options] == ["Bern", "Oslo", "Rome", "missing"]
    recorded = log.inputs("loans").select("income", "years").collect()
    assert (income.slider.min, income.slider.max) == (recorded["income"].min(), recorded["income"].max())
    assert (years.slider.min, years.slider.max) == (recorded["years"].min(), recorded["years"].max())
    own = {name: control.value for name, control in view.inputs.items()}
    assert own == {name: decision.inputs[name] for name in own}
    assert not any(control.is_changed for control in view.inputs.values())


def test_what_is_given_in_the_controls_is_asked_as_the_library_is(log):
    decision = log.decision("p-030")
    view = WhatIfView(decision.what_if(explain=None))
    before = view.static_html()
    sent(view.inputs["income"].field, value=1_200.0)
    sent(view.inputs["city"].field, index=2)
    assert "Not in the answer below yet: income, city. Ask the model." in view._pending.value
    assert view.static_html() == before
    press(view.ask)
    view.settle()
    asked = decision.what_if({"income": 1_200.0, "city": "Rome"}, explain=None)
    assert view.subject.digest == asked.digest
    assert view._pending.value == ""
    assert view._content.value == view.static_html() != before
    for said in (asked.headline, repr(asked.original.score), repr(asked.changed.score), asked.changed.decision):
        assert said.replace("'", "&#x27;") in view.static_html()
    assert view.code() == view._code.value == asked.code()
    assert shown_by(view.code()).static_html() == view.static_html()


def test_what_was_asked_is_chosen_again_in_a_clean_kernel(log):
    """What is kept asks the model the same, where nobody presses anything."""
    decision = log.decision("p-030")
    view = WhatIfView(decision.what_if(explain=None))
    beginning = view.static_html()
    assert view.choices() == {}
    sent(view.inputs["income"].field, value=1_200.0)
    assert view.choices() == {}  # not asked yet: the view shows the answer of before
    press(view.ask)
    view.settle()
    assert view.choices() == {"changes": {"income": 1_200.0}}
    again = WhatIfView(decision.what_if(explain=None)).choose(**view.choices())
    assert again.static_html() == view.static_html() != beginning
    assert (again.inputs["income"].value, again._pending.value) == (1_200.0, "")
    assert again.choose(changes={}).static_html() == beginning
    assert again.inputs["income"].value == again.inputs["income"].recorded
    with pytest.raises(AuditLabError, match="no_such"):
        again.choose(changes={"no_such": 1})


def test_a_slider_and_a_missing_value_say_the_same_as_their_field(log):
    view = WhatIfView(log.decision("p-030").what_if(explain=None))
    view._repr_mimebundle_()
    view._reading.wait()
    years = view.inputs["years"]
    sent(years.slider, value=years.slider.min)
    assert years.value == years.field.value == years.slider.min
    sent(years.missing, value=True)
    assert (years.value, years.field.disabled) == (None, True)
    press(view.ask)
    view.settle()
    assert view.subject.changes == {"years": None}
    press(view.reset)
    assert not years.is_changed
    assert "Not in the answer below yet: years" in view._pending.value
    press(view.ask)
    view.settle()
    assert view.subject.changes == {}


def test_values_given_while_the_log_is_read_stand_in_the_new_controls(log):
    view = WhatIfView(log.decision("p-030").what_if({"years": 3}, explain=None))
    sent(view.inputs["income"].field, value=4_321.0)
    view._repr_mimebundle_()
    view._reading.wait()
    assert view.inputs["income"].slider is not None
    assert (view.inputs["income"].value, view.inputs["years"].value) == (4_321.0, 3)


def test_what_cannot_be_meant_is_said_and_the_last_answer_stays(log):
    decision = log.decision("p-030")
    view = WhatIfView(decision.what_if(explain=None))
    before = view.static_html()
    sent(view.inputs["income"].field, value=float("inf"))
    press(view.ask)
    view.settle()
    assert "income cannot be inf" in view.errand.said
    assert view.static_html() == before
    assert view.code() == decision.what_if(explain=None).code()


def test_asking_shows_that_it_runs_and_can_be_cancelled(log):
    found = log.decision("p-030").what_if(explain=None)
    began, ended = Event(), Event()

    def endless(changes):
        began.set()
        try:
            while True:
                time.sleep(0.001)
        finally:
            ended.set()

    view = WhatIfView(found.asking_with(endless))
    before = view.static_html()
    press(view.ask)
    assert began.wait(10)
    assert (view.is_settled, view.errand.layout.display, view.errand.stop.layout.display) == (False, "flex", None)
    assert "The model is asked" in view.errand.said
    press(view.errand.stop)
    assert ended.wait(10)
    assert view.is_settled
    assert "Cancelled: the model is asked" in view.errand.said
    assert view.errand.stop.layout.display == "none"
    assert view.static_html() == before


def test_a_model_that_was_cancelled_is_asked_again(log):
    """The child process that was interrupted is gone, and another one answers."""
    decision = log.decision("p-030")
    view = WhatIfView(decision.what_if())
    sent(view.inputs["income"].field, value=1_200.0)
    press(view.ask)
    view.errand.cancel()
    press(view.ask)
    view.settle()
    assert view.subject.digest == decision.what_if({"income": 1_200.0}).digest


def test_an_answer_alone_has_no_controls(log):
    view = WhatIfView(log.decision("p-030").what_if(explain=None).asking_with(None))
    assert view.inputs == {}
    assert view.ask not in [one for child in view.children for one in (child, *getattr(child, "children", ()))]


def test_the_journal_has_a_line_for_each_state_and_for_the_values_on_record(make_log):
    log = al.open(make_log(), actor="ann", purpose="a test")
    view = WhatIfView(log.decision("p-030").what_if(explain=None))
    view._repr_mimebundle_()
    view._reading.wait()
    sent(view.inputs["income"].field, value=1_200.0)
    press(view.ask)
    view.settle()
    kinds = al.read_journal(log.journal.path).frame["kind"].to_list()
    assert (kinds.count("what if"), kinds.count("what if: values on record")) == (2, 1)


def test_texts_without_categories_are_offered_where_they_are_few_and_short(make_log):
    def signature(frame):
        return frame.with_columns(pl.col("signature").str.replace(', "categories": \\["Bern", "Oslo", "Rome"\\]', ""))

    log = al.open(make_log(model_versions=signature))
    offered = log.decision("p-030").what_if(explain=None).again.offered()
    assert offered["city"] == Offered("str", texts=("Bern", "Oslo", "Rome"))
    many = al.open(
        make_log(
            "many",
            model_versions=signature,
            inputs_loans=lambda frame: frame.with_columns(
                city=pl.when(pl.col("prediction_id") == "p-001").then(pl.lit("x" * 201)).otherwise("city")
            ),
        )
    )
    again = many.decision("p-030").what_if(explain=None).again
    assert again.offered()["city"].texts is None
    view = WhatIfView(again({}))
    assert isinstance(view.inputs["city"].field, ipywidgets.Text)
