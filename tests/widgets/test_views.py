from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.explain.attribution import Attribution, Background, Check, Contribution
from audit_lab.monitor.drift import drift
from audit_lab.widgets import AttributionView, DecisionView, DriftView, panel, viewing
from audit_lab.widgets.panel import Panel

HOSTILE = "<img src=x onerror=alert(1)>"
ESCAPED = "&lt;img src=x onerror=alert(1)&gt;"
LIVE = "application/vnd.jupyter.widget-view+json"
VIEW = "application/vnd.audit-lab.view+json"
START = datetime(2015, 1, 5, tzinfo=UTC)


class Described:
    """Stands for a decision: what the view reads of one."""

    def __init__(self, **changes):
        self.facts = {
            "prediction_id": "p-1",
            "place": "p-1@part-00000:7",
            "occurred_at": "2015-07-02T04:57:47.155000+00:00",
            "model_name": "risk",
            "stated_version": "3.0",
            "in_force": {"versions": ["3.0"], "agrees": True, "statement": "Deployments agree: 3.0 was in force."},
            "score": 0.2847,
            "label": "late",
            "threshold": 0.24,
            "decision": "late",
            "decision_rule": "threshold",
            "inputs": [{"feature": "distance", "value": 2611.125, "unit": "mile"}],
            "lineage": [{"from": "model:risk@3.0", "relation": "wasGeneratedBy", "to": "run:7"}],
            "events": [{"at": "2015-07-01T00:00:00+00:00", "kind": "alert", "severity": "high", "summary": "storm"}],
            "approvals": [],
            "overrides": [],
            "final_decision": "late",
            "findings": [],
            "outcome": {"observed_at": "2015-07-03T07:06:00+00:00", "label": "on time", "value": 0.0, "source": "bts"},
            "gaps": [],
            **changes,
        }

    def to_dict(self):
        return self.facts


def pictures(page):
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    return [base64.b64decode(encoded).decode() for encoded in found]


def attribution(method="shap", feature="distance"):
    return Attribution(
        prediction_id="p-1",
        method=method,
        algorithm="exact",
        output_explained="probability",
        label="late",
        contributions=(Contribution(feature, 2611.0, 0.08125), Contribution("carrier", "UA", -0.02)),
        base_value=0.2,
        prediction_value=0.26125,
        background=Background("100 decisions", ("p-2", "p-3"), "ab" * 32),
        seed=5,
        library="shap",
        library_version="0.51",
        artifact_sha256="cd" * 32,
        checks=(Check("additivity", passed=True, detail="adds up"),),
        isolation={"network": "none"},
    )


def moved(category="US", **options):
    random = np.random.default_rng(1)
    rows = 12 * 400
    at = [START + timedelta(seconds=1512 * number) for number in range(rows)]
    frame = pl.DataFrame(
        {"at": at, "carrier": random.choice(["AA", category], size=rows), "distance": random.normal(size=rows)}
    ).with_columns(
        carrier=pl.when(pl.col("at") >= START + timedelta(weeks=9)).then(pl.lit("AA")).otherwise(pl.col("carrier"))
    )
    return drift(frame.lazy(), time="at", columns=["carrier", "distance"], **options)


@pytest.fixture(scope="module")
def found():
    return moved()


def test_the_static_decision_has_its_numbers():
    shown = DecisionView(Described()).static_html()
    for said in ("p-1: late at 2015-07-02 04:57:47 UTC by risk 3.0", "2611.125", "mile", "run:7", "storm", "on time"):
        assert said in shown
    assert "Deployments agree: 3.0 was in force." in shown
    (picture,) = pictures(shown)
    assert "Score 0.2847, at or above the threshold 0.24" in picture


def test_the_static_decision_escapes_the_texts_of_the_log():
    shown = DecisionView(
        Described(
            prediction_id=HOSTILE,
            decision=HOSTILE,
            decision_rule=HOSTILE,
            inputs=[{"feature": HOSTILE, "value": HOSTILE, "unit": HOSTILE}],
            events=[{"at": HOSTILE, "kind": HOSTILE, "severity": HOSTILE, "summary": HOSTILE}],
            gaps=[{"code": HOSTILE, "what": HOSTILE, "effect": HOSTILE}],
            findings=[{"code": HOSTILE, "what": HOSTILE}],
            final_decision=f"not {HOSTILE}",
            overrides=[{"recorded_at": HOSTILE, "kind": HOSTILE, "corrected_by": HOSTILE}],
            model_name=HOSTILE,
        )
    ).static_html()
    assert HOSTILE not in shown
    assert shown.count(ESCAPED) >= 19
    assert all("<img" not in picture and "onerror=alert(1)>" not in picture for picture in pictures(shown))


def test_gaps_stand_out_before_the_details():
    gap = {"code": "version-not-registered", "what": "No row for 3.0.", "effect": "It cannot be replayed."}
    shown = DecisionView(Described(gaps=[gap])).static_html()
    assert shown.index("version-not-registered: No row for 3.0. It cannot be replayed.") < shown.index(">Inputs<")


def test_findings_and_the_decision_that_stands_by_now_come_before_the_details():
    found = {"code": "overridden", "what": "Changed from late to on time by ann (dispatcher)."}
    override = {"recorded_at": "2015-07-02T06:00:00+00:00", "kind": "override", "corrected_by": "p-1@part-00000:3"}
    view = DecisionView(Described(final_decision="on time", findings=[found], overrides=[override]))
    shown = view.static_html()
    for said in ("overridden: Changed from late to on time by ann (dispatcher).", ">by now: on time<"):
        assert shown.index(said) < shown.index(">Inputs<")
    assert ">p-1@part-00000:3<" in shown
    assert view.text().splitlines() == [
        "p-1: late at 2015-07-02 04:57:47 UTC by risk 3.0; changed to on time since",
        "Deployments agree: 3.0 was in force.",
        "finding overridden: Changed from late to on time by ann (dispatcher).",
    ]


def test_a_decision_that_nobody_changed_has_one_label():
    for final in ("late", None):
        shown = DecisionView(Described(final_decision=final)).static_html()
        assert ("by now" in shown, "changed to" in shown) == (False, False)


def test_a_version_that_disagrees_is_said_once():
    said = "Deployments say that 2.0 was in force."
    changed = {"in_force": {"versions": ["2.0"], "agrees": False, "statement": said}}
    view = DecisionView(Described(findings=[{"code": "version-disagrees", "what": said}], **changed))
    assert view.static_html().count(said) == 1


def test_so_many_edges_are_shown_and_the_rest_is_counted():
    edges = [{"from": f"run:{number}", "relation": "used", "to": "dataset:d"} for number in range(103)]
    shown = DecisionView(Described(lineage=edges)).static_html()
    assert ("run:99<" in shown, "run:100<" in shown) == (True, False)
    assert "3 more edges are not in this table" in shown


def test_who_else_is_what_was_asked_for(make_log):
    log = al.open(make_log())
    decision = log.decision("p-030")
    assert "Nothing was asked about others yet" in DecisionView(decision).static_html()
    alike = decision.comparable(3)
    view = al.view(decision, alike)
    assert [line for line in alike.summary() if line not in view.text().splitlines()] == []
    assert alike.cases["prediction_id"][0] in view.static_html()
    names = {"log": log}
    exec(view.code().replace("al.view(", "shown = al.view("), names)
    assert names["shown"].static_html() == view.static_html()


def test_what_does_not_go_together_is_misuse(make_log):
    log = al.open(make_log())
    decision = log.decision("p-030")
    with pytest.raises(MisuseError, match="those of p-030@part-00000:30, not of p-031@part-00000:31"):
        al.view(log.decision("p-031"), decision.comparable(1))
    with pytest.raises(MisuseError, match="A Decision is not shown beside this: Attribution"):
        al.view(decision, attribution())


def test_a_score_that_is_no_probability_is_given_as_a_number():
    shown = DecisionView(Described(score=1234.5, threshold=1000.0)).static_html()
    assert not pictures(shown)
    assert "1234.5" in shown


def test_a_decision_without_score_inputs_or_outcome_is_shown():
    shown = DecisionView(Described(score=None, threshold=None, inputs=[], outcome=None, lineage=[])).static_html()
    assert "No inputs are recorded for this decision." in shown
    assert "No outcome is known yet." in shown


def test_the_live_decision_shows_what_the_static_one_does():
    view = DecisionView(Described())
    headline, details, *_ = view.children
    live = headline.value + "".join(tab.value for tab in details.children)
    assert "2611.125" in live
    assert pictures(live) == pictures(view.static_html())


def test_every_view_has_a_live_and_a_static_form(found):
    for view in (DecisionView(Described()), AttributionView(attribution()), DriftView(found)):
        bundle = view._repr_mimebundle_()
        assert set(bundle) == {LIVE, VIEW, "text/html", "text/plain"}
        assert bundle["text/html"] == view.static_html()


def test_no_view_names_an_address(found):
    for view in (DecisionView(Described()), AttributionView(attribution(), attribution("lime")), DriftView(found)):
        shown = view.static_html()
        assert "http" not in shown
        assert all(
            set(re.findall(r"https?://[\w./]+", one)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
            for one in pictures(shown)
        )


def test_the_code_of_a_decision_runs(make_log):
    path = make_log()
    log = al.open(path)
    decision = log.decision(log.newest(1)["prediction_id"][0])
    names = {}
    exec(DecisionView(decision, log_path=path).code(), names)
    assert names["decision"].to_dict() == decision.to_dict()


def test_the_static_attribution_has_its_numbers_and_provenance():
    shown = AttributionView(attribution()).static_html()
    for said in ("0.08125", "2611", "adds up", "shap 0.51", "cd" * 32, "ab" * 32, attribution().digest):
        assert said in shown
    assert "What moved the probability of late (SHAP)" in pictures(shown)[0]


def test_the_static_attribution_escapes_the_texts_of_the_log():
    shown = AttributionView(attribution(feature=HOSTILE)).static_html()
    assert HOSTILE not in shown
    assert ESCAPED in shown


def test_choosing_the_other_method_changes_picture_and_table():
    view = AttributionView(attribution(), attribution("lime", feature="weekday"))
    view.picture.value = "Bars by feature"
    before = view.static_html()
    view.method.value = "lime"
    assert "weekday" in view.static_html()
    assert "weekday" not in before
    assert pictures(view.static_html()) != pictures(before)


def test_two_methods_begin_side_by_side():
    assert "SHAP beside LIME" in pictures(AttributionView(attribution(), attribution("lime")).static_html())[0]


def test_the_code_of_an_attribution_names_method_and_seed():
    code = AttributionView(attribution(), attribution("lime")).code()
    assert "shap = decision.explain('shap', seed=5)" in code
    assert "al.view(shap, lime)" in code
    compile(code, "shown", "exec")


@pytest.mark.parametrize(
    ("changed", "given"),
    [
        ({"output_explained": "log-odds"}, "seed=5, output='log-odds'"),
        (
            {"output_explained": "log-odds", "algorithm": "tree, path-dependent, by xgboost itself"},
            "seed=5, perturbation='path-dependent'",
        ),
        (
            {"algorithm": "permutation explainer of shap, 4100 evaluations, interventional"},
            "seed=5, sampling='shap', max_evals=4100",
        ),
    ],
)
def test_the_code_of_an_attribution_asks_for_the_same_output_in_the_same_way(changed, given):
    assert f"decision.explain('shap', {given})" in AttributionView(replace(attribution(), **changed)).code()


def test_the_drift_view_begins_at_what_vanished(found):
    view = DriftView(found)
    assert (view.column.value, view.window.value) == ("carrier", START + timedelta(weeks=9))
    shown = view.static_html()
    assert "every value is AA (frozen)" in shown
    assert ">major<" in shown
    assert len(pictures(shown)) == 3


@pytest.mark.parametrize(
    ("dropdown", "value"),
    [("column", "distance"), ("measure", "js_distance"), ("window", START)],
)
def test_each_dropdown_changes_picture_and_code(found, dropdown, value):
    view = DriftView(found)
    before, code = pictures(view._detail.value), view.code()
    getattr(view, dropdown).value = value
    assert pictures(view._detail.value) != before
    assert view.code() != code
    assert view._code.value == view.code()


def test_measures_that_were_not_taken_are_not_offered(found):
    view = DriftView(found)
    assert "ks" not in {name for _, name in view.measure.options}
    view.column.value = "distance"
    view.measure.value = "ks"
    view.column.value = "carrier"
    assert view.measure.value == "psi"


def test_the_drift_view_escapes_the_texts_of_the_log():
    shown = DriftView(moved(category=HOSTILE)).static_html()
    assert HOSTILE not in shown
    assert ESCAPED in shown
    assert all("<img" not in picture for picture in pictures(shown))


def test_the_code_of_a_drift_draws_the_same_pictures(found):
    class Log:
        def drift(self, columns, *, every):
            assert (columns, every) == (["carrier", "distance"], "1w")
            return found

        def foremost(self, column, **asked):
            return SimpleNamespace(decisions=(column, *asked.values()))

    view = DriftView(found)
    names = {"log": Log()}
    exec(view.code(), names)
    timeline, distribution = pictures(view._detail.value)
    assert al.charts.svg(names["timeline"]) == timeline
    assert al.charts.svg(names["distribution"]) == distribution
    assert names["decisions"] == ("carrier", "2015-03-09T00:00:00+00:00", "2015-03-16T00:00:00+00:00", 25)


def test_the_code_of_a_drift_names_a_reference_that_was_given():
    code = DriftView(moved(reference=(START, START + timedelta(weeks=4)))).code()
    assert "reference=('2015-01-05T00:00:00+00:00', '2015-02-02T00:00:00+00:00'))" in code


def test_view_picks_the_view_of_an_object(found, make_log):
    log = al.open(make_log())
    assert isinstance(al.view(log.decision(log.newest(1)["prediction_id"][0])), DecisionView)
    assert isinstance(al.view(attribution()), AttributionView)
    assert isinstance(al.view(found), DriftView)


def test_view_refuses_what_it_cannot_show():
    with pytest.raises(MisuseError, match="no view of a int"):
        al.view(7)


def test_every_class_that_has_a_view_goes_by_the_name_it_is_found_by():
    for name, (module, view_class) in viewing._VIEWS.items():
        home, _, class_name = name.rpartition(".")
        shown = getattr(import_module(home), class_name)
        assert f"{shown.__module__}.{shown.__qualname__}" == name
        assert issubclass(getattr(import_module(f"audit_lab.widgets.{module}"), view_class), Panel)


def test_the_front_end_is_told_what_a_view_shows_by_now(found):
    view = al.view(found)
    assert view._repr_mimebundle_()[VIEW] == {"version": 1}
    said, ended = [], []
    comm = SimpleNamespace(send=said.append, close=lambda: ended.append(True))
    view.column.value = "distance"
    panel._tell(comm, {"content": {"data": {"model_id": view.model_id}}})
    assert said == [{"html": view.static_html(), "text": view.text()}]
    assert "distance over time" in said[0]["html"]
    for unknown in ({"model_id": "another"}, {}, [view.model_id], None):
        panel._tell(comm, {"content": {"data": unknown}})
    assert (len(said), len(ended)) == (1, 5)
