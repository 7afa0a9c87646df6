"""The references by name: which decisions belong to each, what they say of themselves, and where none can be told."""

from __future__ import annotations

import json

import polars as pl
import pytest

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.reasons import REFERENCES, ReasonCodes
from audit_lab.explain.reasons.reference import choose_reference
from audit_lab.replay.registered import load_registered

LATE = "p-053"


def codes(**changed):
    head = {"format": "audit_lab.reason-codes", "format_version": 1, "version": "t", "model": "loans"}
    features = [{"feature": name, "code": name, "reason": name} for name in ("income", "city", "years")]
    document = {**head, "adverse_decisions": ["deny"], "features": features, **changed}
    return ReasonCodes.parse(json.dumps(document).encode())


def chosen(made, name, prediction_id=LATE, adverse=("deny",), sign=1):
    decision = made.log.decision(prediction_id)
    model = load_registered(decision._store, "loans", "1")
    return choose_reference(
        decision._store, decision._parts, model, name, adverse=adverse, sign=sign, threshold=0.5, seed=0
    )


def favourable(made, prediction_id=LATE):
    """Return id and score of the decisions before one that were approved."""
    rows = made.predictions.unnest("outputs").filter(pl.col("prediction_id") < prediction_id)
    return rows.filter(pl.col("decision") == "approve").select("prediction_id", "score")


def test_approved_are_all_that_were_not_adverse_and_no_other(twins):
    made = twins()
    found = chosen(made, "approved")
    expected = favourable(made)["prediction_id"].to_list()

    assert sorted(found.ids) == sorted(expected)
    assert found.description.startswith(f"{len(expected)} of {len(expected)} not adverse decisions of loans 1 with ")
    assert found.sha256 == found.content_sha256
    assert found.later == 0


@pytest.mark.parametrize(("name", "furthest"), [("threshold", False), ("best", True)])
def test_by_score_the_nearest_or_the_furthest_are_taken_on_the_favourable_side(twins, name, furthest):
    made = twins()
    found = chosen(made, name)
    known = favourable(made).filter(pl.col("score") <= 0.5)
    ordered = known.sort((pl.col("score") - 0.5).abs(), "prediction_id", descending=[furthest, False])
    expected = ordered.head(25)

    assert known.height > 25
    assert list(found.ids) == expected["prediction_id"].to_list()
    assert f"25 of {known.height} not adverse decisions of loans 1" in found.description
    which = "furthest from" if furthest else "nearest to"
    low, high = min(expected["score"]), max(expected["score"])
    assert found.description.endswith(f"the scores {which} the threshold 0.5 ({low:.4g} to {high:.4g})")
    assert found.frame.columns == ["income", "income_copy", "city", "in_rome", "grade", "years"]
    assert found.sha256 == found.content_sha256


def test_where_a_lower_score_is_adverse_the_other_side_is_taken(twins):
    made = twins("good")
    found = chosen(made, "threshold", sign=-1)
    scores = dict(made.predictions.select("prediction_id", pl.col("outputs").struct.field("score")).iter_rows())

    assert found.ids
    assert all(scores[each] >= 0.5 for each in found.ids)


def test_with_too_few_before_it_decisions_of_any_time_are_taken_and_it_says_so(twins):
    made = twins()
    found = chosen(made, "threshold", "p-010")
    late = [each for each in found.ids if each >= "p-010"]

    assert "at any time, because fewer than 20 of them were decided before" in found.description
    assert (found.later, len(found.ids)) == (len(late), 25)
    assert found.later > 0
    assert "p-010" not in found.ids


def test_each_reference_names_only_what_pushed_and_says_which_it_is(twins):
    made = twins()
    digests = set()
    for name in REFERENCES:
        decision = made.log.decision(made.ids("deny", "threshold", rows=40)[0])
        found = decision.reasons(codes(), reference=name)
        pushes = [push for each in (*found.reasons, *found.further) for push in each.pushes]
        assert found.reference.name == name
        assert f"(the reference '{name}': " in found.notice()
        assert all(push.contribution > 0 and push.effect > 0 for push in pushes)
        assert {push.feature for push in pushes} <= {"income", "city", "years"}
        digests.add(found.digest)
    assert len(digests) == 4


def test_a_reference_that_is_not_known_or_has_no_threshold_is_refused(twins):
    made = twins()
    with pytest.raises(MisuseError, match="there is no reference 'richest'. Choose one of all, approved, threshold"):
        made.log.decision("p-028").reasons(codes(), reference="richest")
    classes = twins("classes")
    with pytest.raises(MisuseError, match="the reference 'best' goes by the distance of scores from a threshold"):
        classes.log.decision(classes.ids("deny", "label")[0]).reasons(codes(), reference="best")


def test_a_reference_to_which_no_decision_belongs_is_refused(twins):
    with pytest.raises(ModelError, match="belongs to the reference 'approved'") as refused:
        chosen(twins(), "approved", adverse=("deny", "approve"))
    assert refused.value.code == "reference-empty"
