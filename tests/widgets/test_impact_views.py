"""The views of an impact and of comparable cases, live and static."""

from __future__ import annotations

import base64
import re

import polars as pl
import pytest

import audit_lab as al
from audit_lab.widgets import ComparableView, ImpactView

HOSTILE = "<img src=x onerror=alert(1)>"
LIVE = "application/vnd.jupyter.widget-view+json"
VIEW = "application/vnd.audit-lab.view+json"


def pictures(shown):
    return [base64.b64decode(each).decode() for each in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)]


@pytest.fixture
def log(make_log):
    subjects = pl.Series("subject_id", [f"s-{row % 10}" for row in range(40)])
    return al.open(make_log(predictions=lambda frame: frame.with_columns(subjects)))


@pytest.fixture
def impact(log):
    return log.impact(
        [al.Correction.unit("income", factor=0.5), al.Correction.threshold(0.6, where="inputs.city = 'Oslo'")],
        "inputs.years >= 0",
        since="2024-03-04",
        groups=("city", "model_version"),
    )


def test_each_has_a_view(log, impact):
    assert isinstance(al.view(impact), ImpactView)
    comparable = log.decision("p-030").comparable()
    assert isinstance(al.view(comparable), ComparableView)
    for view in (al.view(impact), al.view(comparable)):
        bundle = view._repr_mimebundle_()
        assert set(bundle) == {LIVE, VIEW, "text/html", "text/plain"}
        assert bundle["text/html"] == view.static_html()
        assert "http" not in view.static_html()


def test_the_static_impact_has_sentences_tables_and_digests(impact):
    shown = ImpactView(impact).static_html()
    first = impact.affected.row(0, named=True)
    for said in (first["prediction_id"], first["subject_id"], impact.digest, impact.correction_sha256):
        assert said in shown
    assert f"Affected decisions: {impact.counts.affected}" in shown
    (picture,) = pictures(shown)
    assert "would have been otherwise, by city" in picture


def test_choosing_another_picture_or_group_draws_it(impact):
    view = ImpactView(impact)
    seen = {pictures(view.static_html())[0]}
    view.group.value = "model_version"
    seen.add(pictures(view.static_html())[0])
    for name in ("From decision to decision", "Scores before and after"):
        view.picture.value = name
        seen.add(pictures(view.children[1].value)[0])
    assert len(seen) == 4


def test_the_code_of_an_impact_asks_it_again(log, impact):
    names = {"log": log}
    exec(ImpactView(impact).code(), names)
    assert names["impact"].digest == impact.digest


def test_a_picture_says_where_a_correction_met_nothing(log):
    unmet, met = (
        ImpactView(log.impact(al.Correction.recode("city", {old: "Oslo"}), groups=("city",)))
        for old in ("Roma", "Rome")
    )
    told = "Some of this correction met nothing"
    assert told in pictures(unmet.static_html())[0]
    assert told not in pictures(met.static_html())[0]
    assert "This correction met nothing" in unmet.text()


def test_an_impact_of_nothing_is_shown(log):
    view = ImpactView(log.impact(al.Correction.threshold(0.4), until="1999-01-01"))
    assert "No prediction matches" in view.static_html()
    assert pictures(view.static_html()) == []


def test_the_comparable_view_shows_the_chosen_case(log):
    found = log.decision("p-030").comparable(3)
    view = ComparableView(found)
    assert "The nearest cases decided otherwise than" in pictures(view.static_html())[0]
    before = view.static_html()
    view.case.value = 2
    assert "Case 2 differs in" in view.static_html()
    assert "Case 2 differs in" in view.children[2].value
    assert view.static_html() != before
    assert found.digest in view.static_html()


def test_the_code_of_comparable_cases_asks_it_again(log, monkeypatch):
    found = log.decision("p-030").comparable(3, as_of="any", window=("2024-03-04", None), features=["income", "city"])
    shown = []
    monkeypatch.setattr(al, "view", shown.append)
    exec(ComparableView(found).code(), {"log": log})
    assert [each.digest for each in shown] == [found.digest]


def test_no_comparable_case_is_said_and_shown(make_log):
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(decision=pl.lit("deny"))))
    shown = ComparableView(log.decision("p-030").comparable()).static_html()
    assert "None of them was decided otherwise" in shown
    assert pictures(shown) == []


def test_texts_of_the_log_are_escaped(make_log):
    def hostile(frame):
        decided = pl.when(pl.col("prediction_id") < "p-030").then(pl.lit(HOSTILE)).otherwise(pl.lit("deny"))
        return frame.with_columns(decision=decided, subject_id=pl.lit(HOSTILE), environment=pl.lit(HOSTILE))

    log = al.open(make_log(predictions=hostile))
    rules = [{"name": "all", "when": "inputs.years > -1", "decision": "refer"}]
    impact = log.impact(al.Correction.rules(rules), groups=("environment",))
    for view in (ImpactView(impact), ComparableView(log.decision("p-030").comparable())):
        shown = view.static_html()
        assert HOSTILE not in shown
        assert "&lt;img src=x onerror=alert(1)&gt;" in shown
        assert all("<img" not in picture for picture in pictures(shown))
