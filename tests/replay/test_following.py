"""Where a prediction states no version and the deployments name exactly one, that one decided; and that is said."""

from __future__ import annotations

import html
import json
from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import ModelError
from audit_lab.explain.reasons import ReasonCodes
from audit_lab.replay.following import with_followed_versions

NOT_STATED = {"predictions": lambda f: f.with_columns(model_version=pl.lit(None, dtype=pl.String))}
FOLLOWS = (
    "The prediction states no version: that loans 1 decided follows from the deployment record primary of "
    "2024-03-04 08:00 UTC alone."
)


def slots(*changed, **own):
    """Return a change of the deployments: the one that is there, and copies of it with other columns."""
    return lambda frame: pl.concat(
        [frame.with_columns(**_lit(own)), *(frame.with_columns(**_lit(each)) for each in changed)]
    )


def _lit(columns):
    return {name: each if isinstance(each, pl.Expr) else pl.lit(each) for name, each in columns.items()}


CODES = {
    "format": "audit_lab.reason-codes",
    "format_version": 1,
    "version": "1",
    "model": "loans",
    "adverse_decisions": ["deny"],
    "features": [{"feature": name, "code": name, "reason": name} for name in ("income", "city", "years")],
}
CANARY = {"deployment_id": "canary", "model_version": "2", "traffic_share": 0.1}


@pytest.fixture
def unstated(make_log):
    return al.open(make_log(**NOT_STATED))


def test_the_version_in_force_is_replayed_and_named_as_what_follows_from_the_deployments(unstated):
    decision = unstated.decision("p-003")
    assert decision.prediction["model_version"] is None
    assert decision.in_force.version == "1"
    assert decision.model_version["artifact_format"] == "xgboost-ubj"
    replay = decision.replay()
    assert (replay.verdict, replay.code, replay.model_version) == ("EXACT", "exact", "1")
    assert replay.why.endswith(FOLLOWS)


def test_the_gap_says_what_follows_from_where_and_that_it_is_not_confirmed(unstated):
    (gap,) = (each for each in unstated.decision("p-003").gaps if each.code.startswith("version"))
    assert (gap.code, gap.what) == ("version-from-deployments", FOLLOWS)
    assert gap.effect.startswith("Cannot confirm that this version answered; can still replay and explain it")


def test_one_and_many_are_told_alike(unstated):
    told = unstated.decisions(["p-003"])
    assert told[0].gaps == unstated.decision("p-003").gaps
    assert told.frame.select("model_version", "in_force").rows() == [(None, ["1"])]


def test_many_are_replayed_as_one_is_and_the_summary_says_how_many_state_no_version(unstated):
    replayed = unstated.replay()
    assert replayed.groups.select("model_version", "verdict", "predictions").rows() == [("1", "EXACT", 40)]
    assert replayed.rows["version_said"].unique().to_list() == [FOLLOWS]
    assert "40 of loans 1 state no version: that it decided follows from the deployments alone." in replayed.summary()


def test_nothing_is_said_where_the_version_is_stated(make_log):
    log = al.open(make_log())
    assert "deployment" not in log.decision("p-003").replay().why
    assert log.replay().rows["version_said"].null_count() == 40


def test_coverage_counts_them_as_what_can_be_replayed(unstated):
    covered = unstated.coverage()
    assert covered.table.select("model_version", "code", "predictions").rows() == [("1", "replayable", 40)]
    assert covered.reconstructable == 40


def test_an_explanation_says_it_too(unstated):
    explained = unstated.decision("p-030").explain("shap")
    assert FOLLOWS in explained.notes
    assert explained.background.description.startswith("30 of 30 decisions of loans 1")


def test_what_if_and_lineage_and_comparable_decisions_know_the_version(unstated):
    decision = unstated.decision("p-030")
    assert {"model:loans@1", "run:r1"} <= {node.name for node in decision.lineage_graph().nodes}
    asked = decision.what_if({"income": 5_000.0})
    assert (asked.model_version, FOLLOWS in asked.notes) == ("1", True)
    compared = decision.comparable(same_version=True, decided_otherwise=False)
    assert (compared.searched, FOLLOWS in compared.summary()) == (30, True)


def test_reasons_a_cohort_and_a_dossier_say_it_too(unstated):
    codes = ReasonCodes.parse(json.dumps(CODES).encode())
    denied = unstated.find("decision = 'deny'").filter(pl.col("decision_rule") == "threshold")["prediction_id"][-1]
    assert unstated.decision(denied).reasons(codes).why.endswith(FOLLOWS)
    cohort = unstated.attributions()
    assert "40 of 40 state no version: that 1 decided follows from the deployments alone." in cohort.notes
    dossier = unstated.decision(denied).dossier()
    assert "loans 1 (no version is stated; the deployments name this one alone) decided 'deny'" in html.unescape(
        dossier.to_html()
    )


@pytest.mark.parametrize(
    ("deployments", "said"),
    [
        (
            slots(CANARY, traffic_share=0.9),
            "at that moment: 1 with 90 % of the traffic (slot primary) and 2 with 10 % of the traffic (slot canary).",
        ),
        (slots(traffic_share=0.5), "the shares of production add up to 0.5, not to 1 (primary 0.5)"),
        (slots({"model_version": "2"}), "slot primary has 2 rows for 2024-03-04 08:00 UTC that contradict each other"),
        (slots({**CANARY, "model_version": None}), "slot canary names no version since"),
        (slots(environment="testing"), "The log records no deployment of loans at that moment, but one in testing."),
        (None, "The log records no deployment of loans at that moment, nor at any other time."),
    ],
    ids=["canary", "half", "contradiction", "no-version", "elsewhere", "none"],
)
def test_where_the_deployments_leave_it_open_so_does_the_replay(make_log, deployments, said):
    log = al.open(make_log(**NOT_STATED, deployments=deployments))
    decision = log.decision("p-003")
    replay = decision.replay()
    assert (replay.verdict, replay.code) == ("UNREPLAYABLE", "version-not-stated")
    assert said in replay.why
    assert log.replay().rows["version_said"].str.contains(said, literal=True).all()
    assert log.coverage().replayable == 0
    with pytest.raises(ModelError) as refused:
        decision.explain("shap")
    assert (refused.value.code, said in str(refused.value)) == ("version-not-stated", True)


def test_what_to_do_names_the_option_and_the_deployments(make_log):
    log = al.open(make_log(**NOT_STATED, deployments=None))
    with pytest.raises(ModelError, match=r"audit-lab record deployment.*--version"):
        log.decision("p-003").explain("shap")


def test_a_prediction_without_a_time_follows_nothing(make_log):
    change = lambda f: NOT_STATED["predictions"](f).with_columns(occurred_at=pl.lit(None, pl.Datetime("us", "UTC")))
    replay = al.open(make_log(predictions=change)).decision("p-003").replay()
    assert (replay.code, "no time" in replay.why) == ("version-not-stated", True)


def test_each_moment_follows_its_own_deployment_and_each_way_finds_the_same(make_log):
    """Forty hours, a canary for some, another environment, rows without one: single, batch and engines agree."""
    at = lambda hours: pl.col("from_time") + timedelta(hours=hours)
    changes = slots(
        {"from_time": at(5), "model_version": "2"},
        {"from_time": at(9), "model_version": "1"},
        {**CANARY, "from_time": at(20)},
        {**CANARY, "from_time": at(25), "traffic_share": 0.0},
        {"deployment_id": "tests", "environment": "testing", "model_version": "9", "from_time": at(0)},
    )
    of_rows = lambda f: f.with_columns(
        model_version=pl.when(pl.col("sequence") % 7 == 0).then("model_version"),
        environment=pl.col("sequence").replace_strict({3: "testing", 8: None, 30: "nowhere"}, default="production"),
    )
    log = al.open(make_log(predictions=of_rows, deployments=changes))
    store = log._store
    lazy = with_followed_versions(store, store.table("predictions"), ["loans"]).collect()
    engine = with_followed_versions(store, store.frame("predictions"), ["loans"]).collect().to_native()
    expected = dict(lazy.select("prediction_id", "model_version").iter_rows())
    assert expected == dict(pl.DataFrame(engine).select("prediction_id", "model_version").iter_rows())
    assert expected == {name: log.decision(name).replay(causes=False).model_version for name in expected}
    assert expected == dict(log.replay(causes=False).rows.select("prediction_id", "model_version").iter_rows())
    assert set(expected.values()) == {"1", "2", "9", None}
