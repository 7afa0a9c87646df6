"""Corrections: their names, what they refuse, and the form that a digest is made of."""

from __future__ import annotations

import json

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.replay.units import CONVERSIONS, Conversion

EVERY = {
    "unit": al.Correction.unit("distance", "km -> mile", where="inputs.carrier = 'AA'", since="2015-09-07"),
    "factor": al.Correction.unit("income", factor=0.01, until="2015-09-07T12:00"),
    "missing": al.Correction.missing("income", 0),
    "recode": al.Correction.recode("city", {"Roma": "Rome", "Zurich": None}),
    "version": al.Correction.version("2.0"),
    "threshold": al.Correction.threshold(0.4),
    "rules": al.Correction.rules([{"name": "young", "when": "inputs.years < 2", "decision": "deny"}]),
    "rules of": al.Correction.rules_of("1.0"),
    "without": al.Correction.without_rule("young"),
}


def test_each_says_what_it_changes_in_a_line():
    said = {name: change.description for name, change in EVERY.items()}
    assert said == {
        "unit": "the unit of distance is corrected: km -> mile (/ 1.609344), where inputs.carrier = 'AA', "
        "from 2015-09-07 00:00:00 UTC on",
        "factor": "the unit of income is corrected: recorded -> right (x 0.01), before 2015-09-07 12:00:00 UTC",
        "missing": "a missing value of income is read as 0",
        "recode": "city is read otherwise: 'Roma' as 'Rome', 'Zurich' as None",
        "version": "version 2.0 decides, by its own threshold and rules",
        "threshold": "the threshold is 0.4",
        "rules": "the rules are young (inputs.years < 2: deny)",
        "rules of": "the rules of version 1.0 are applied",
        "without": "the rule young is not applied",
    }


def test_the_digest_is_of_the_canonical_form():
    assert json.loads(json.dumps(EVERY["unit"].to_dict())) == {
        "kind": "unit",
        "feature": "distance",
        "name": "km -> mile",
        "factor": 1.0,
        "divisor": 1.609344,
        "before": 0.0,
        "after": 0.0,
        "where": "inputs.carrier = 'AA'",
        "since": "2015-09-07T00:00:00+00:00",
    }
    # printf '{"kind":"threshold","value":0.4}' | sha256sum
    assert EVERY["threshold"].digest == "0ba3d979fa5bbf72659f8b822d1f697ae09bf2ab52cdcbeb5283613fb72ecb4b"


def test_equal_corrections_have_equal_digests_and_others_have_not():
    digests = {change.digest for change in EVERY.values()}
    assert len(digests) == len(EVERY)
    one, other = (al.Correction.recode("city", pairs) for pairs in ({"a": "b", "c": "d"}, {"c": "d", "a": "b"}))
    assert one.digest == other.digest


@pytest.mark.parametrize("name", EVERY)
def test_the_code_of_each_makes_it_again(name):
    again = eval(EVERY[name].code, {"al": al, "Conversion": Conversion})
    assert again == EVERY[name]


def test_a_conversion_is_named_as_people_and_as_causes_name_it():
    assert al.Correction.unit("x", "km -> mile").conversion.divisor == 1.609344
    assert al.Correction.unit("x", "km -> mile (/ 1.60934)").conversion.divisor == 1.60934
    assert all(al.Correction.unit("x", str(each)).conversion == each for each in CONVERSIONS)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: al.Correction.unit("x", "km -> miles"),
            "no conversion is called 'km -> miles'. Did you mean km -> mile",
        ),
        (lambda: al.Correction.unit("x"), "changes nothing"),
        (lambda: al.Correction.unit("x", factor=0.0), "changes nothing"),
        (lambda: al.Correction.unit("x", divisor=float("inf")), "changes nothing"),
        (lambda: al.Correction.unit("x", "km -> mile", factor=2), "by a conversion or by numbers"),
        (lambda: al.Correction.unit("x", factor=2, where="nonsense("), "cannot be read"),
        (lambda: al.Correction.unit("x", factor=2, since="yesterday"), "is not a date or time"),
        (lambda: al.Correction.missing("x", float("nan")), "no value to read a missing one as"),
        (lambda: al.Correction.recode("x", {}), "empty"),
        (lambda: al.Correction.recode("x", {None: 1}), "Correction.missing"),
        (lambda: al.Correction.threshold(float("nan")), "not a finite number"),
        (lambda: al.Correction.threshold("0.4"), "not a finite number"),
        (lambda: al.Correction.rules("nonsense"), "the rules cannot be read"),
        (lambda: al.Correction.rules([{"name": "a", "when": "1 +", "decision": "b"}]), "the rules cannot be read"),
    ],
)
def test_what_is_no_correction_is_refused(make, said):
    with pytest.raises(MisuseError, match=said.replace("(", r"\(")):
        make()


def frame(**columns):
    return pl.DataFrame({"prediction_id": ["b", "a"], "income": [1.0, None], **columns})


def test_values_are_named_by_their_digest_whatever_their_order():
    one = al.Correction.values(frame(), "store")
    other = al.Correction.values(frame().reverse().select("income", "prediction_id").lazy(), "store")
    assert one == other
    assert one.digest == other.digest
    assert one.description == "income from store (2 rows)"
    assert one.to_dict()["sha256"] != al.Correction.values(frame(income=[1.0, 2.0]), "store").to_dict()["sha256"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (frame(prediction_id=["a", "a"]), "the id 'a' twice"),
        (frame(prediction_id=["a", None]), "a row without an id"),
        (frame(prediction_id=[1, 2]), "no text column prediction_id"),
        (frame().select("prediction_id"), "no feature beside it"),
        (frame(income=[[1], [2]]), "the values of income are List"),
    ],
)
def test_values_that_cannot_be_told_apart_are_refused(values, said):
    with pytest.raises(MisuseError, match=said):
        al.Correction.values(values)
