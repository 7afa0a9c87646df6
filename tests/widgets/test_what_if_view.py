"""The view of a what-if: static, escaped, with the code that makes it again."""

from __future__ import annotations

import polars as pl

import audit_lab as al
from audit_lab.widgets.what_if import WhatIfView

HOSTILE = "<img src=x onerror=alert(1)>"


def test_it_is_shown_with_the_changed_input_marked_and_the_code(make_log):
    found = al.open(make_log()).decision("p-030").what_if({"income": 1_200.0})
    view = al.view(found)
    assert isinstance(view, WhatIfView)
    shown = view.static_html()
    assert shown.count("\N{BLACK CIRCLE}") == 1
    assert found.digest in shown
    assert found.original_attribution.digest in shown
    assert view.text() == "\n".join(found.summary())
    assert view.code() == found.code()
    assert "image/svg+xml;base64" in shown


def test_without_a_change_or_an_attribution_columns_are_left_out(make_log):
    decision = al.open(make_log()).decision("p-030")
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
