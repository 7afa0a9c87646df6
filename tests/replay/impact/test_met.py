"""What corrections met: one that met nothing is named, so that nobody being affected by it reads as no answer."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.log.search.query import Question
from audit_lab.replay.impact import measure_impact
from audit_lab.replay.runner import Runner

Correction = al.Correction


def without_income(frame):
    return frame.with_columns(income=pl.when(pl.col("years") > 900).then("income"))


def with_another_version(frame):
    return pl.concat([frame, frame.with_columns(model_version=pl.lit("2"))])


def values(**columns):
    return pl.DataFrame({"prediction_id": ["p-000", "p-001"], **columns})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Correction.recode("city", {"Roma": "Rome"}), "40 have another value of city"),
        (Correction.recode("years", {99: 1}), "40 have another value of years"),
        (Correction.recode("income", {1: 2}), "40 have another value of income"),
        (Correction.missing("income", 0), "40 have a value of income"),
        (Correction.missing("city", "Rome"), "40 have a value of city"),
        (Correction.missing("years", 3), "40 have a value of years"),
        (Correction.unit("income", factor=2, since="2030-01-01"), "40 are not among those that it is for"),
        (Correction.unit("income", factor=2, where="inputs.city = 'Paris'"), "40 are not among those that it is for"),
        (Correction.threshold(0.5), "40 were decided by that threshold anyway"),
        (Correction.threshold(0.4, until="1999-01-01"), "40 are not among those that it is for"),
        (Correction.version("1"), "40 were decided by that version, or by one that is the same, anyway"),
        (Correction.version("2"), "40 were decided by that version, or by one that is the same, anyway"),
        (Correction.rules_of("2"), "40 were decided by these rules anyway"),
        (
            Correction.rules([{"name": "newcomer", "when": "inputs.years < 2", "decision": "deny"}]),
            "40 were decided by these rules anyway",
        ),
        (Correction.unit("shoe_size", factor=2), "40 are of a model version that does not take shoe_size"),
        (Correction.recode("shoe_size", {38: 39}), "40 are of a model version that does not take shoe_size"),
        (
            Correction.values(values(shoe_size=[1, 2]), where="inputs.years < 0"),
            "40 are not among those that it is for",
        ),
    ],
)
def test_what_met_nothing_is_named_with_what_was_found(make_log, change, said):
    wide = lambda frame: frame.with_columns(shoe_size=pl.lit(38))
    impact = al.open(make_log(inputs_loans=wide, model_versions=with_another_version)).impact(change)
    (unmet,) = impact.unmet
    assert (unmet.change, unmet.code) == (0, "correction-not-met")
    assert f"Of 40 predictions that were replayed, {said}." in unmet.sentence
    assert impact.summary()[1] == unmet.sentence
    assert impact.to_dict()["unmet"][0]["code"] == "correction-not-met"
    assert impact.counts.affected == 0


def test_a_unit_of_what_nobody_recorded_meets_nothing(make_log):
    (unmet,) = al.open(make_log(inputs_loans=without_income)).impact(Correction.unit("income", factor=2)).unmet
    assert "have no value of income" in unmet.sentence


def test_a_unit_that_makes_the_same_of_what_is_recorded_meets_nothing(make_log):
    nought = lambda frame: frame.with_columns(years=pl.lit(0, dtype=pl.Int64))
    (unmet,) = al.open(make_log(inputs_loans=nought)).impact(Correction.unit("years", factor=12)).unmet
    assert "have the same value of years after it" in unmet.sentence


def test_values_that_are_the_recorded_ones_or_of_others_meet_nothing(make_log, small_model):
    same = values(years=small_model.inputs["years"].head(2))
    impact = al.open(make_log()).impact(Correction.values(same))
    (unmet,) = impact.unmet
    assert "38 have no row in it, 2 have the same value of the features after it" in unmet.sentence
    assert impact.counts.decided == 2


@pytest.mark.parametrize(
    "change",
    [
        Correction.recode("city", {"Rome": "Oslo"}),
        Correction.recode("city", {"Rome": None, "Rom": "Rom"}),
        Correction.unit("income", factor=2, where="inputs.city = 'Rome'"),
        Correction.threshold(0.50001),
        Correction.rules([]),
        Correction.without_rule("newcomer"),
        Correction.values(values(years=[900, 901])),
    ],
)
def test_what_met_something_is_not_named(make_log, change):
    assert al.open(make_log()).impact(change).unmet == ()


def test_a_single_value_that_was_met_nowhere_is_named_beside_those_that_were(make_log):
    impact = al.open(make_log()).impact(Correction.recode("city", {"Rome": "Oslo", "Berne": "Bern", "Bale": None}))
    (unmet,) = impact.unmet
    assert unmet.code == "value-not-met"
    assert "'Bale', 'Berne' were met in none of 40 predictions that were replayed" in unmet.sentence


def test_of_several_corrections_those_are_named_that_met_nothing(make_log):
    changes = [Correction.threshold(0.4), Correction.recode("city", {"Roma": "Rome"}), Correction.threshold(0.4)]
    assert [each.change for each in al.open(make_log()).impact(changes).unmet] == [1, 2]


def test_a_correction_meets_what_the_one_before_it_made(make_log):
    changes = [Correction.recode("city", {"Rome": "Roma"}), Correction.recode("city", {"Roma": "Oslo"})]
    assert al.open(make_log()).impact(changes).unmet == ()


def test_a_threshold_before_another_version_is_overtaken_by_it(make_log):
    log = al.open(make_log(model_versions=with_another_version))
    first, second = log.impact([Correction.threshold(0.4), Correction.version("2")]).unmet
    assert "40 are decided by the version that is given after it" in first.sentence
    assert "by one that is the same" in second.sentence


def test_another_threshold_of_the_same_version_is_met(make_log):
    stated = lambda frame: frame.with_columns(threshold=pl.lit(0.1), decision=pl.lit("deny"))
    log = al.open(make_log(predictions=stated))
    assert log.impact(Correction.version("1")).unmet == ()


def test_what_could_not_be_decided_is_not_said_to_be_unmet(make_log):
    impact = al.open(make_log()).impact(Correction.version("9"))
    assert (impact.unmet, impact.counts.decided) == ((), 0)


@pytest.mark.parametrize("chunk_rows", [7, 131_072])
def test_kept_in_a_folder_the_same_is_named(make_log, tmp_path, chunk_rows):
    log, change = al.open(make_log()), Correction.recode("city", {"Roma": "Rome", "Oslo": "Bern"})
    expected = log.impact(change)
    assert [each.code for each in expected.unmet] == ["value-not-met"]
    for _ in range(2):
        again = measure_impact(
            log._store, change, Question(), Runner(log._store), keep=tmp_path / "kept", chunk_rows=chunk_rows
        )
        assert (again.unmet, again.digest) == (expected.unmet, expected.digest)


def test_a_rule_that_no_version_has_is_refused_in_a_folder_too(make_log, tmp_path):
    log = al.open(make_log())
    for _ in range(2):
        with pytest.raises(MisuseError, match="no version met here has a rule named 'nights'"):
            log.impact(Correction.without_rule("nights"), keep=tmp_path / "kept")


def test_a_recoding_of_each_value_as_itself_is_refused():
    with pytest.raises(MisuseError, match="reads each value as itself"):
        Correction.recode("city", {"Rome": "Rome"})
