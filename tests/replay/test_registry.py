"""Which version deployments say was in force: slots, shares, contradictions, corrections, and what was known when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_lab.log.files.write import write_log
from audit_lab.log.store import open_store
from audit_lab.replay.registry import in_force_many, version_in_force

DAY = datetime(2024, 3, 1, tzinfo=UTC)
KNOWN = {"environment": "production", "endpoint": "/v1", "actor": "a.diallo", "reason": "because"}


def day(number: float) -> datetime:
    return DAY + timedelta(days=number)


def row(slot: str | None, begins: float | None, version: str | None, share: float | None = 1.0, **more) -> dict:
    at = None if begins is None else day(begins)
    said = {
        "deployment_id": slot,
        "from_time": at,
        "recorded_at": at,
        "model_name": "loans",
        "model_version": version,
        "traffic_share": share,
        "supersedes": None,
        **KNOWN,
    }
    return said | more


@pytest.fixture
def log_of(tmp_path):
    """Return a function that writes a log of deployments."""

    def make(*rows: dict):
        folder = tmp_path / f"log-{len(list(tmp_path.iterdir()))}"
        times = {"from_time": pl.Datetime("us", "UTC"), "recorded_at": pl.Datetime("us", "UTC")}
        texts = dict.fromkeys(("deployment_id", "model_version", "environment", "supersedes"), pl.String)
        frame = pl.DataFrame(rows, schema_overrides={**times, **texts, "traffic_share": pl.Float64})
        write_log(folder, {"deployments": frame}, {"origin": "tests/slots", "description": "", "notes": []})
        return open_store(folder)

    return make


def asked(store, at: float, environment: str | None = "production", stated: str | None = None, **more):
    return version_in_force(store, "loans", day(at), environment, stated, **more)


def test_last_row_of_a_slot_counts(log_of):
    store = log_of(row("main", 0, "1"), row("main", 5, "2"))
    assert [asked(store, at).versions for at in (0, 4.999, 5, 90)] == [("1",), ("1",), ("2",), ("2",)]


def test_candidate_says_who_put_it_where_since_when_until_when_and_why(log_of):
    store = log_of(
        row("main", 0, "1"),
        row("main", 3, "2", actor="b.okoye", reason="better"),
        row("main", 4, "2", 0.9, actor="c.silva", reason="lent to the canary"),
        row("canary", 4, "3", 0.1),
        row("main", 9, "3"),
        row("canary", 9, "3", 0.0),
    )
    found = asked(store, 5, stated="2")
    first, second = found.candidates
    assert (first.model_version, first.slot, first.endpoint, first.environment) == ("2", "main", "/v1", "production")
    assert (first.since, first.until, first.share, first.share_since) == (day(3), day(9), 0.9, day(4))
    assert (first.actor, first.reason, first.is_rollback) == ("b.okoye", "better", False)
    assert (second.model_version, second.slot, second.share, second.until) == ("3", "canary", 0.1, day(9))
    assert found.findings == ()


def test_several_candidates_are_said_and_the_recorded_one_is_used(log_of):
    store = log_of(row("main", 0, "1", 0.98), row("canary", 0, "2", 0.02))
    open_question = asked(store, 1)
    assert (open_question.versions, open_question.version, open_question.agrees) == (("1", "2"), None, None)
    assert open_question.statement == (
        "Deployments say that several versions were in force at 2024-03-02 00:00 UTC: 1 with 98 % of the traffic "
        "(slot main) and 2 with 2 % of the traffic (slot canary). Which of them answered, only a prediction's own "
        "record says."
    )
    recorded = asked(store, 1, stated="2")
    assert (recorded.version, recorded.agrees) == ("2", True)
    assert recorded.statement == (
        "Deployments agree: 2 was in force at 2024-03-02 00:00 UTC; beside it 1 with 98 % of the traffic (slot main)."
    )


def test_a_single_candidate_is_the_version(log_of):
    found = asked(log_of(row("main", 0, "1")), 1)
    assert (found.version, found.statement) == (
        "1",
        "Deployments say that 1 was in force at 2024-03-02 00:00 UTC.",
    )


def test_stated_version_that_no_slot_served(log_of):
    found = asked(log_of(row("main", 0, "1")), 1, stated="9")
    assert (found.agrees, found.version) == (False, None)
    assert found.statement == (
        "The prediction states 9, but deployments say that 1 was in force at 2024-03-02 00:00 UTC."
    )


def test_share_of_zero_ends(log_of):
    store = log_of(row("main", 0, "1"), row("canary", 1, "2", 0.0), row("main", 3, "1", 0.0))
    assert asked(store, 2).versions == ("1",)
    assert asked(store, 4).versions == ()
    assert asked(store, 4).statement == (
        "The log records no deployment of loans at 2024-03-05 00:00 UTC in production: "
        "the last change before that is of 2024-03-04 00:00 UTC."
    )


def test_before_the_first_deployment(log_of):
    found = asked(log_of(row("main", 2, "1")), 1, stated="1")
    assert (found.versions, found.agrees) == ((), None)
    assert "the first begins at 2024-03-03 00:00 UTC." in found.statement


def test_model_that_was_never_deployed(log_of):
    found = version_in_force(log_of(row("main", 0, "1")), "other", day(1), None, None)
    assert found.statement.endswith("nor at any other time.")


def test_rollback(log_of):
    store = log_of(row("main", 0, "1"), row("main", 2, "2"), row("main", 4, "1"), row("main", 5, "1", 0.5))
    assert [asked(store, at).candidates[0].is_rollback for at in (1, 3, 4, 5)] == [False, False, True, True]
    assert asked(store, 5).candidates[0].since == day(4)


def test_pause_is_no_rollback(log_of):
    store = log_of(row("main", 0, "1"), row("main", 2, "1", 0.0), row("main", 4, "1"))
    assert asked(store, 5).candidates[0].is_rollback is False
    assert asked(store, 5).candidates[0].since == day(4)


def test_two_rows_of_one_moment_are_named_and_neither_is_chosen(log_of):
    store = log_of(
        row("main", 0, "1"),
        row("main", 2, "2", recorded_at=day(2), actor="b.okoye"),
        row("main", 2, "3", recorded_at=day(3), actor="c.silva"),
        row("main", 4, "4"),
    )
    found = asked(store, 3, stated="3")
    assert (found.versions, found.agrees, found.version) == (("2", "3"), None, None)
    (text,) = found.findings
    assert text == (
        "slot main has 2 rows for 2024-03-03 00:00 UTC that contradict each other: model_version 2 (recorded "
        "2024-03-03 00:00 UTC by b.okoye); model_version 3 (recorded 2024-03-04 00:00 UTC by c.silva); none was chosen"
    )
    assert "Slot main has 2 rows" in found.statement
    assert asked(store, 3, stated="1").agrees is False
    assert asked(store, 5, stated="4").findings == ()


def test_row_that_stands_twice_is_no_contradiction(log_of):
    found = asked(log_of(row("main", 0, "1"), row("main", 0, "1", actor="another")), 1, stated="1")
    assert (found.agrees, len(found.candidates), found.findings) == (True, 1, ())


def test_shares_that_do_not_add_up(log_of):
    store = log_of(row("main", 0, "1", 0.9), row("canary", 0, "2", 0.3), row("other", 0, "3", 1.0, endpoint="/v2"))
    assert asked(store, 1).findings == ("the shares of production /v1 add up to 1.2, not to 1 (main 0.9, canary 0.3)",)


def test_shares_that_are_not_stated_are_not_added_up(log_of):
    assert asked(log_of(row("main", 0, "1", None), row("canary", 0, "2", 0.3)), 1).findings == ()


def test_thirds_add_up(log_of):
    assert asked(log_of(*(row(slot, 0, slot, 0.333) for slot in "abc")), 1).findings == ()


@pytest.mark.parametrize("share", [-0.5, 1.5, float("nan")])
def test_share_that_is_none_is_named(log_of, share):
    assert any("is no share of the traffic" in text for text in asked(log_of(row("main", 0, "1", share)), 1).findings)


def test_slot_that_went_to_another_model_ended(log_of):
    store = log_of(row("main", 0, "1"), row("main", 2, "7", model_name="cards"))
    found = asked(store, 3, stated="1")
    assert (found.versions, found.agrees) == ((), None)
    assert found.findings == ("slot main has served cards since 2024-03-03 00:00 UTC, so it ended here",)
    assert asked(store, 1).candidates[0].until == day(2)
    assert version_in_force(store, "cards", day(1), None, None).findings == ()


def test_environments_are_apart(log_of):
    store = log_of(row("main", 0, "1"), row("main", 1, "2", environment="staging"), row("other", 2, "3", 0.0))
    assert asked(store, 3, "production").versions == ("1",)
    assert asked(store, 3, "staging").versions == ("2",)
    assert asked(store, 3, None).versions == ("1", "2")
    assert asked(store, 3, "test").statement.endswith("but one in production and staging.")


def test_row_without_an_environment_speaks_of_each(log_of):
    store = log_of(row("main", 0, "1", environment=None), row("main", 2, "2"))
    assert [asked(store, 3, where).versions for where in ("production", "staging", None)] == [("2",), ("1",), ("2",)]


def test_row_without_a_beginning_is_left_out_and_said(log_of):
    found = asked(log_of(row("main", 0, "1"), row("main", None, "2")), 1)
    assert found.versions == ("1",)
    assert found.findings == ("1 deployment does not say when it began, and was left out",)


def test_row_without_a_version_serves_nothing(log_of):
    found = asked(log_of(row("main", 0, "1"), row("main", 2, None)), 3)
    assert found.versions == ()
    assert found.findings == ("slot main names no version since 2024-03-03 00:00 UTC",)


@pytest.mark.parametrize("named", ["main", "main@part-00000:1", "part-00000:1"])
def test_correction_replaces_a_row(log_of, named):
    store = log_of(row("main", 0, "1"), row("main", 2, "2"), row("main", 2, "3", recorded_at=day(8), supersedes=named))
    assert (asked(store, 3).versions, asked(store, 3).findings) == (("3",), ())


@pytest.mark.parametrize("named", ["nothing", "main@part-00000:2", "other@part-00000:1", "main@part-00000:99", ""])
def test_correction_that_names_no_earlier_row_is_not_followed(log_of, named):
    store = log_of(row("main", 0, "1"), row("main", 2, "2"), row("main", 2, "3", recorded_at=day(8), supersedes=named))
    found = asked(store, 3)
    assert found.versions == ("2", "3")
    assert found.findings[0] == f"main says that it corrects {named!r}, which names no earlier row of it"


def test_rows_that_correct_each_other_do_not_both_vanish(log_of):
    store = log_of(
        row("main", 0, "1", supersedes="main@part-00000:1"), row("main", 0, "2", supersedes="main@part-00000:0")
    )
    assert asked(store, 1).versions == ("2",)


def test_as_known_on_a_day(log_of):
    store = log_of(row("main", 0, "1"), row("main", 2, "2", recorded_at=day(10)))
    then = asked(store, 3, stated="1", as_known_on=day(5))
    assert (then.versions, then.agrees, then.known_now) == (("1",), True, ("2",))
    assert then.statement.endswith(
        "That is what the log knew by 2024-03-06 00:00 UTC; by what it learned since it was 2."
    )
    later = asked(store, 3, as_known_on=day(10))
    assert (later.versions, later.known_now) == (("2",), ("2",))
    assert later.statement.endswith("what it learned since does not change it.")


def test_row_that_does_not_say_when_it_was_recorded_counts_as_known(log_of):
    found = asked(log_of(row("main", 0, "1", recorded_at=None)), 3, as_known_on=day(1))
    assert found.versions == ("1",)
    assert found.findings == ("1 deployment does not say when it was recorded, and counted as known",)


def test_prediction_without_a_model_or_a_time(log_of):
    store = log_of(row("main", 0, "1"))
    assert version_in_force(store, None, day(1), None, "1").statement.startswith("The prediction names no model")
    assert version_in_force(store, "loans", None, None, "1").statement.startswith("The prediction has no time")


def test_to_dict_is_json(log_of):
    document = asked(log_of(row("main", 0, "1")), 1, stated="1", as_known_on=day(9)).to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["candidates"][0]["since"] == "2024-03-01T00:00:00+00:00"


NUMBERS = st.integers(0, 6)
ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["a", "b", None]),
        st.one_of(NUMBERS, st.none()),
        st.sampled_from(["1", "2", "3", None]),
        st.sampled_from([None, 0.0, 0.5, 1.0]),
        model_name=st.sampled_from(["loans", "loans", "cards", None]),
        environment=st.sampled_from(["production", "staging", None]),
        recorded_at=st.one_of(st.none(), NUMBERS.map(day)),
        supersedes=st.sampled_from([None, None, "a", "b", "a@part-00000:0", "part-00000:1"]),
    ),
    min_size=1,
    max_size=8,
)
MOMENTS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-1, 8).map(lambda at: round(at * 2) / 2)),
        st.sampled_from(["production", "staging", "test", None]),
        st.sampled_from(["1", "2", None]),
    ),
    min_size=1,
    max_size=12,
)
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(ROWS, MOMENTS, st.one_of(st.none(), NUMBERS.map(day)))
def test_many_moments_are_answered_as_each_alone(log_of, rows, moments, known):
    store = log_of(*rows)
    times = [None if at is None else day(at) for at, _, _ in moments]
    frame = pl.DataFrame(
        {"occurred_at": times, "environment": [e for _, e, _ in moments], "model_version": [v for _, _, v in moments]},
        schema={"occurred_at": pl.Datetime("us", "UTC"), "environment": pl.String, "model_version": pl.String},
    )
    many = in_force_many(store, "loans", frame, as_known_on=known)
    each = [
        version_in_force(store, "loans", at, environment, stated, as_known_on=known)
        for at, (_, environment, stated) in zip(times, moments, strict=True)
    ]
    assert many.rows() == [(list(one.versions), one.agrees, one.version, one.statement) for one in each]


@SLOW
@given(ROWS, MOMENTS)
def test_candidates_are_the_last_rows_of_their_slots(log_of, rows, moments):
    """Counted once more, without corrections, slot by slot and row by row."""
    plain = [each | {"supersedes": None} for each in rows]
    store = log_of(*plain)
    for at, where, _ in moments:
        if at is None:
            continue
        places = {each["environment"] for each in plain} - {None} if where is None else {where}
        expected = set()
        for slot in ("a", "b", None):
            here = {e["environment"] for e in plain if e["deployment_id"] == slot and e["from_time"]} - {None}
            for place in (here & places if where is None and here else places) or {None}:
                mine = [
                    each
                    for each in plain
                    if each["deployment_id"] == slot
                    and each["from_time"] is not None
                    and each["from_time"] <= day(at)
                    and each["environment"] in (None, place)
                ]
                newest = max((each["from_time"] for each in mine), default=None)
                expected |= {
                    each["model_version"]
                    for each in mine
                    if each["from_time"] == newest
                    and each["model_name"] == "loans"
                    and each["model_version"] is not None
                    and each["traffic_share"] != 0
                }
        assert set(version_in_force(store, "loans", day(at), where, None).versions) == expected


def test_many_moments_without_environment_or_version(log_of):
    store = log_of(row("main", 0, "1"), row("canary", 2, "2", 0.5))
    answered = in_force_many(store, "loans", pl.DataFrame({"when": [day(3), day(1)]}), at="when")
    assert answered["versions"].to_list() == [["1", "2"], ["1"]]
    assert answered["agrees"].to_list() == [None, None]
    assert answered["version"].to_list() == [None, "1"]


def test_no_moments(log_of):
    empty = pl.DataFrame(schema={"occurred_at": pl.Datetime("us", "UTC")})
    answered = in_force_many(log_of(row("main", 0, "1")), "loans", empty)
    assert (answered.height, answered.columns) == (0, ["versions", "agrees", "version", "statement"])
