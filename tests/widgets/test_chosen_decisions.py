"""What a brush asks of a log: beside all else, said to run, cancelled on request, and listed when it is there."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Event

import pytest

import audit_lab as al
from audit_lab.errors import LogError
from audit_lab.widgets.panel import _shown, _tell


@pytest.fixture
def found(make_log):
    return al.open(make_log()).drift(["city", "income"], every="1d")


class Held:
    """Asks a log, but not before it is let."""

    def __init__(self, ask):
        self.ask, self.began, self.let, self.ended = ask, Event(), Event(), Event()

    def __call__(self, *args, **given):
        self.began.set()
        try:
            while not self.let.is_set():
                time.sleep(0.001)
            return self.ask(*args, **given)
        finally:
            self.ended.set()


def test_a_brush_returns_at_once_and_says_that_it_asks(found):
    held = Held(found.choose)
    view = al.view(replace(found, choose=held))
    view.brush.index = (0, 0)
    assert held.began.wait(30)
    errand = view.listing.errand
    assert (errand.layout.display, errand.stop.layout.display, view.is_settled) == ("flex", None, False)
    assert "Decisions of 2024-03-04 are asked for" in errand.said
    assert "They are being asked for." in "".join(view.parts())
    # The map and the bins of the new window are there already.
    assert "city in 2024-03-04" in view._detail.value
    held.let.set()
    assert 0 < len(view.decisions) <= 25
    assert (errand.layout.display, errand.said, view.is_settled) == ("none", "", True)
    assert "They are being asked for." not in view.static_html()
    assert view.decisions.frame["prediction_id"][0] in view.static_html()


def test_what_is_asked_can_be_cancelled(found):
    held = Held(found.choose)
    view = al.view(replace(found, choose=held))
    view.brush.index = (0, 0)
    assert held.began.wait(30)
    view.listing.errand.stop.click()
    assert held.ended.wait(30)
    assert view.is_settled
    assert view.decisions is None
    said = "Cancelled: decisions of 2024-03-04 are asked for"
    assert said in view.listing.errand.said
    assert said in view.static_html()
    held.let.set()
    view.brush.index = (1, 1)
    assert view.decisions is not None
    assert said not in view.static_html()


def test_another_brush_drops_what_the_one_before_asked(found):
    held = Held(found.choose)
    view = al.view(replace(found, choose=held))
    view.brush.index = (0, 0)
    assert held.began.wait(30)
    view.brush.index = (1, 1)
    assert held.ended.wait(30)
    held.let.set()
    assert "Decisions of 2024-03-05" in view.static_html()
    assert set(view.decisions.frame["occurred_at"].dt.day()) == {5}


def test_what_goes_wrong_is_said(found):
    def broken(*_args, **_given):
        raise LogError("the predictions <b>cannot</b> be read", "Verify the log.")

    view = al.view(replace(found, choose=broken))
    view.brush.index = (0, 0)
    assert view.decisions is None
    assert "the predictions &lt;b&gt;cannot&lt;/b&gt; be read. Verify the log." in view.static_html()
    assert "cannot&lt;/b&gt; be read" in view.listing.errand.said


def test_what_the_front_end_asks_is_answered_when_the_decisions_are_there(found):
    """Waiting for them would keep the kernel from hearing that they are cancelled."""

    class Comm:
        def __init__(self):
            self.sent, self.closed = [], Event()

        def send(self, data):
            self.sent.append(data)

        def close(self):
            self.closed.set()

    held, comm = Held(found.choose), Comm()
    view = al.view(replace(found, choose=held))
    view._repr_mimebundle_()
    view.brush.index = (0, 0)
    assert held.began.wait(30)
    assert _shown[view.model_id] is view
    _tell(comm, {"content": {"data": {"model_id": view.model_id}}})
    assert not comm.closed.is_set()
    held.let.set()
    assert comm.closed.wait(60)
    assert comm.sent == [{"html": view.static_html(), "text": view.text()}]
