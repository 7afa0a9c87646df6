from __future__ import annotations

import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.explain.describing import Decided
from audit_lab.widgets import CohortView


def test_a_pressed_mark_shows_the_decisions_behind_it(make_log):
    log = al.open(make_log())
    found = log.attributions(rows=40)
    view = al.view(found)
    assert isinstance(view, CohortView)
    assert (view.rows, "Decisions behind" in view.static_html()) == (None, False)
    assert [line for line in found.describe() if line not in view.text().splitlines()] == []
    feature = found.features[1].feature
    view.feature.value = feature
    assert len(view.mark.options) == len(found.feature(feature).bins)
    view.mark.value = 0
    behind = found.rows_of(feature, 0)
    assert view.rows.equals(behind)
    assert behind.height == found.feature(feature).bins[0].moments.rows
    shown = view.static_html()
    assert f">{behind['prediction_id'][0]}<" in shown
    assert f"Decisions behind {feature}, " in shown
    view.picture.value = "Mean magnitude"
    assert view.static_html() != shown
    assert f"rows = attributions.rows_of({feature!r}, 0)" in view.code()
    names = {"log": log}
    exec(view.code(), names)
    assert names["rows"].equals(behind)
    view.feature.value = found.features[0].feature
    assert view.rows is None


def test_an_attribution_says_what_was_decided_where_its_decision_is_given(make_log):
    log = al.open(make_log())
    decision = log.decision("p-030")
    explained = decision.explain()
    alone, beside = al.view(explained), al.view(explained, decision=decision)
    assert beside.text() != alone.text()
    units = {one.name: one.unit for one in decision.signature.features}
    threshold = (decision.model_version or {}).get("threshold")
    decided = Decided.of(decision.prediction, decision.final_decision, threshold)
    assert beside.text().splitlines()[1:] == explained.describe(units, decided)
    assert decision.prediction["decision"] in beside.text().splitlines()[1]
    assert "decision=decision" in beside.code()
    with pytest.raises(MisuseError, match="The explanation is of p-030, not of p-031"):
        al.view(explained, decision=log.decision("p-031"))
    with pytest.raises(MisuseError, match="A Drift.* is not shown with its decision"):
        al.view(log.drift(every="1d"), decision=decision)
