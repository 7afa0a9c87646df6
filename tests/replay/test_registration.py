"""A version registered twice, and a registry row that a later one corrects."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import ModelError
from audit_lab.log.store import open_store
from audit_lab.replay.registered import load_registered
from audit_lab.replay.registration import edition_numbers, editions, registered_row

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
OTHER = hashlib.sha256(b"other").hexdigest()


def again(*further: dict):
    """Return a change that registers the version again, with some columns changed."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        frame = frame.with_columns(supersedes=pl.lit(None, dtype=pl.String), run_id=pl.lit("r1"))
        rows = [frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()}) for columns in further]
        return pl.concat([frame, *rows], how="diagonal_relaxed")

    return change


def store_of(make_log, *further, **changed):
    return open_store(make_log(model_versions=again(*further), **changed))


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


def test_two_digests_are_named_with_times_runs_places_and_submitters(make_log):
    first = load_registered(open_store(make_log("once")), "loans", "1").version["artifact_sha256"]
    approvals = pl.DataFrame(
        {
            "model_name": ["loans"],
            "model_version": ["1"],
            "recorded_at": [START],
            "act": ["submitted"],
            "approver": ["a.diallo"],
        }
    )
    twice = {"artifact_sha256": OTHER, "recorded_at": hour(5), "run_id": "r2"}
    store = store_of(make_log, twice, approvals=approvals)
    with pytest.raises(ModelError) as told:
        load_registered(store, "loans", "1")
    assert told.value.code == "version-ambiguous"
    assert told.value.message == (
        "the registry of tests/loans has 2 rows for loans 1, which differ in artifact_sha256: "
        f"SHA-256 {first}, threshold 0.5, recorded 2024-03-03 09:00 UTC from the run r1 (part-00000:0); "
        f"SHA-256 {OTHER}, threshold 0.5, recorded 2024-03-04 14:00 UTC from the run r2 (part-00000:1); "
        "submitted by a.diallo on 2024-03-04 09:00 UTC"
    )


def test_two_digests_are_resolved_by_nothing_not_even_by_time(make_log):
    store = store_of(make_log, {"artifact_sha256": OTHER, "recorded_at": hour(5)})
    for at in (None, hour(-100), hour(1), hour(9)):
        with pytest.raises(ModelError, match="approvals name no submitter") as told:
            registered_row(store, "loans", "1", at)
        assert told.value.code == "version-ambiguous"


def test_registering_the_same_again_is_no_contradiction(make_log):
    store = store_of(make_log, {"recorded_at": hour(5), "changelog": "said twice"})
    assert load_registered(store, "loans", "1").version["threshold"] == 0.5
    assert len(editions(store, "loans", "1")) == 1


def test_json_that_means_the_same_is_no_contradiction(make_log):
    spaced = '[ {"when": "inputs.years < 2", "decision": "deny", "name": "newcomer"} ]'
    assert registered_row(store_of(make_log, {"decision_rules": spaced}), "loans", "1")[1] is None


@pytest.mark.parametrize("named", ["loans@1", "loans@1@part-00000:0", "part-00000:0"])
def test_correction_counts_from_when_it_was_recorded(make_log, named):
    store = store_of(make_log, {"threshold": 0.7, "recorded_at": hour(5), "supersedes": named})
    thresholds = [
        registered_row(store, "loans", "1", at)[0]["threshold"] for at in (None, hour(-1), hour(4.99), hour(5), hour(9))
    ]
    assert thresholds == [0.7, 0.5, 0.5, 0.7, 0.7]


def test_decision_before_a_correction_is_told_of_it(make_log):
    store = store_of(make_log, {"threshold": 0.7, "recorded_at": hour(5), "supersedes": "loans@1"})
    assert registered_row(store, "loans", "1", hour(1))[1] == (
        "The registry corrected this version's row on 2024-03-04 14:00 UTC, after the decision "
        "(threshold is another by now)."
    )
    assert registered_row(store, "loans", "1", hour(6))[1] is None


def test_decision_before_anything_was_registered_is_judged_by_what_stands_now(make_log):
    store = store_of(make_log, {"threshold": 0.7, "recorded_at": hour(5), "supersedes": "loans@1"})
    assert registered_row(store, "loans", "1", hour(-100))[0]["threshold"] == 0.7


def test_correction_of_a_correction(make_log):
    store = store_of(
        make_log,
        {"threshold": 0.7, "recorded_at": hour(5), "supersedes": "loans@1@part-00000:0"},
        {"threshold": 0.6, "recorded_at": hour(8), "supersedes": "loans@1@part-00000:1"},
    )
    assert [edition.rows[-1]["threshold"] for edition in editions(store, "loans", "1")] == [0.5, 0.7, 0.6]


def test_two_corrections_of_one_row_contradict_each_other_from_the_second_on(make_log):
    store = store_of(
        make_log,
        {"threshold": 0.7, "recorded_at": hour(5), "supersedes": "loans@1@part-00000:0"},
        {"threshold": 0.6, "recorded_at": hour(8), "supersedes": "loans@1@part-00000:0"},
    )
    assert registered_row(store, "loans", "1", hour(6))[0]["threshold"] == 0.7
    with pytest.raises(ModelError, match="2 rows for loans 1, which differ in threshold"):
        registered_row(store, "loans", "1", hour(9))


def test_correction_resolves_a_contradiction_from_then_on(make_log):
    store = store_of(
        make_log,
        {"threshold": 0.7, "recorded_at": hour(5)},
        {"threshold": 0.6, "recorded_at": hour(8), "supersedes": "loans@1"},
    )
    assert registered_row(store, "loans", "1", hour(9))[0]["threshold"] == 0.6
    assert registered_row(store, "loans", "1", hour(1))[0]["threshold"] == 0.5
    with pytest.raises(ModelError, match="2 rows for loans 1"):
        registered_row(store, "loans", "1", hour(6))


def test_correction_of_another_version_is_not_followed(make_log):
    store = store_of(make_log, {"threshold": 0.7, "recorded_at": hour(5), "supersedes": "loans@2"})
    with pytest.raises(ModelError, match="says that it corrects 'loans@2', which names no earlier row"):
        registered_row(store, "loans", "1")


def test_many_decisions_are_each_judged_by_their_edition(make_log):
    store = store_of(
        make_log,
        {"threshold": 0.7, "recorded_at": hour(5), "supersedes": "loans@1@part-00000:0"},
        {"threshold": 0.6, "recorded_at": hour(8), "supersedes": "loans@1@part-00000:1"},
    )
    moments = [None, hour(-100), hour(-24), hour(4.9), hour(5), hour(7.9), hour(8), hour(99)]
    decisions = pl.DataFrame({"occurred_at": moments}).with_columns(
        model_name=pl.lit("loans"), model_version=pl.lit("1")
    )
    numbers = edition_numbers(store, decisions)
    assert numbers.to_list() == [2, 2, 0, 0, 1, 1, 2, 2]
    known = editions(store, "loans", "1")
    for at, number in zip(moments, numbers, strict=True):
        assert registered_row(store, "loans", "1", at)[0] == known[number].rows[-1]
    others = decisions.with_columns(model_version=pl.lit("2"))
    assert edition_numbers(store, others).to_list() == [0] * 8
    assert edition_numbers(store, others.clear()).to_list() == []


def test_coverage_judges_each_prediction_by_the_row_known_then(make_log):
    change = again({"artifact_sha256": OTHER, "recorded_at": hour(15), "supersedes": "loans@1"})
    covered = al.open(make_log(model_versions=change)).coverage()
    assert covered.table.select("code", "predictions", "first_id").rows() == [
        ("artifact-digest-mismatch", 25, "p-015"),
        ("replayable", 15, "p-000"),
    ]
    assert covered.reconstructable == 40
