"""What is more urgent is done first, and nothing after the end."""

from __future__ import annotations

from threading import Event

from audit_lab.widgets.turns import Turns


def test_the_most_urgent_is_done_first_and_equal_ones_in_the_order_given():
    turns, begun, go_on, over = Turns("turns"), Event(), Event(), Event()
    done = []
    turns.submit(5, lambda: (begun.set(), go_on.wait(60)))
    assert begun.wait(60)
    for urgency, word in ((3, "later"), (0, "now"), (1, "soon"), (0, "now too")):
        turns.submit(urgency, done.append, word)
    turns.submit(9, over.set)
    go_on.set()
    assert over.wait(60)
    assert done == ["now", "now too", "soon", "later"]
    turns.close()


def test_nothing_that_waits_is_done_after_the_end():
    turns, begun, go_on = Turns("turns"), Event(), Event()
    done = []
    turns.submit(0, lambda: (begun.set(), go_on.wait(60)))
    assert begun.wait(60)
    turns.submit(0, done.append, "waits")
    turns.close()
    turns.submit(0, done.append, "comes too late")
    go_on.set()
    turns._thread.join(60)
    assert not turns._thread.is_alive()
    assert done == []
