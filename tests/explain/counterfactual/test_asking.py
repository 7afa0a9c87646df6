"""What is refused, what is said where nothing is found, and what the answer rests on."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.counterfactual import Constraints, flip_frames
from audit_lab.explain.counterfactual.asking import _verified
from audit_lab.explain.counterfactual.judge import Judged

#: A rule that no input gets round, and one that nobody can see the end of.
ALWAYS = json.dumps([{"name": "closed", "when": "inputs.income > 0", "decision": "deny"}])


def closed(make_log):
    """Return a log in which everybody is denied, whatever the score."""
    return make_log(
        "closed",
        model_versions=lambda frame: frame.with_columns(decision_rules=pl.lit(ALWAYS)),
        predictions=lambda frame: frame.with_columns(decision=pl.lit("deny"), decision_rule=pl.lit("closed")),
    )


def test_where_everything_was_tried_it_says_that_there_is_none(make_log):
    free = Constraints(immutable=("income",))
    found = al.open(closed(make_log)).decision("p-030").counterfactual(constraints=free)
    assert found.found == ()
    assert found.tried.exhaustive_changes == 2
    assert (
        f"No flip exists with up to 3 features changed, among the values allowed: all were tried "
        f"({found.tried.candidates} candidates)." in found.summary()
    )


def test_where_not_everything_was_tried_it_says_that_this_is_no_proof(make_log):
    found = al.open(closed(make_log)).decision("p-030").counterfactual(most_candidates=40, between=True)
    assert found.found == ()
    assert (found.tried.candidates, found.tried.limit) == (35, 40)
    assert (
        "No flip was found among 35 candidates with up to 3 features changed. Not every combination was tried, so that "
        "is no proof that there is none." in found.summary()
    )


def test_constraints_that_leave_no_value_are_told(trees):
    free = Constraints(immutable=("city", "years"), ranges={"income": (1e9, None)})
    found = trees.ask(30, constraints=free)
    assert found.found == ()
    assert found.tried.candidates == 0
    assert "No feature has another value that was seen and is allowed, so nothing was tried." in found.summary()
    assert found.tried.fixed["income"] == "without another value that was seen and is allowed"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"immutable": ("age",)}, "'age' is no input of this decision's model. Its inputs are income, city, years."),
        ({"ranges": {"income": (5, 1)}}, "the range of 'income' begins at 5 and ends at 1"),
        ({"ranges": {"income": (None, None)}}, "the range of 'income' is [None, None]"),
        ({"ranges": {"income": (float("nan"), 1)}}, "the range of 'income' is [nan, 1]"),
        ({"ranges": {"city": (1, 2)}}, "'city' is no number, so it has no direction and no range"),
        ({"only_up": ("city",)}, "'city' is no number"),
        ({"only_up": ("years",), "only_down": ("years",)}, "'years' may only go up and only go down"),
        ({"immutable": ("years",), "only_up": ("years",)}, "'years' is immutable and may change"),
        ({"categories": {"city": ("Paris",)}}, "'Paris' is no category of 'city' that the model knows"),
        ({"categories": {"city": ()}}, "no category of 'city' is allowed"),
        ({"categories": {"years": (1,)}}, "'years' is a number and has no categories"),
        ({"immutable": ("income", "city", "years")}, "every input is immutable, so nothing can be changed"),
    ],
)
def test_constraints_that_cannot_be_meant_are_refused(trees, asked, said):
    with pytest.raises(MisuseError) as refused:
        trees.ask(30, constraints=Constraints(**asked))
    assert str(refused.value).startswith(said)


def test_a_truth_value_takes_no_other_category(linear):
    with pytest.raises(MisuseError, match="'owner' is true or false"):
        linear.ask(30, constraints=Constraints(categories={"owner": ("yes",)}))


@pytest.mark.parametrize("asked", [{"k": 0}, {"most_changes": 9}, {"most_candidates": 0}])
def test_numbers_out_of_range_are_refused(trees, asked):
    with pytest.raises(MisuseError, match="is no number of"):
        trees.ask(30, **asked)


def test_the_decision_itself_is_no_target(trees):
    own = trees.decide(trees.row(30))
    with pytest.raises(MisuseError, match=f"the decision is '{own}' already"):
        trees.ask(30, target=own)


def test_a_target_that_the_system_never_gives_is_not_found(trees):
    found = trees.ask(30, target="postpone", most_changes=1)
    assert found.found == ()
    assert any(
        line.startswith("No flip to 'postpone' exists with up to one feature changed") for line in found.summary()
    )


def test_a_decision_that_diverged_is_refused_with_the_step(make_log):
    folder = make_log(
        predictions=lambda frame: frame.with_columns(
            outputs=pl.struct(pl.col("outputs").struct.field("score") + 0.2, pl.col("outputs").struct.field("label"))
        )
    )
    with pytest.raises(ModelError, match=r"its replay is not its record \(score-differs\)") as refused:
        al.open(folder).decision("p-030").counterfactual()
    assert refused.value.code == "score-differs"


def test_a_decision_without_inputs_is_refused_with_the_reason(make_log):
    folder = make_log(inputs_loans=lambda frame: frame.filter(pl.col("prediction_id") != "p-030"))
    with pytest.raises(ModelError, match="cannot be replayed: The log holds no inputs") as refused:
        al.open(folder).decision("p-030").counterfactual()
    assert refused.value.code == "inputs-missing"


def test_an_override_is_told_and_the_systems_decision_flips(make_log, trees):
    own = trees.decide(trees.row(30))
    other = {"deny": "approve", "approve": "deny"}[own]
    at = al.open(trees.folder).decision("p-030").prediction["occurred_at"] + timedelta(hours=1)
    folder = make_log(
        "overridden",
        overrides=pl.DataFrame(
            {
                "prediction_id": ["p-030"],
                "recorded_at": [at],
                "kind": ["override"],
                "actor": ["ann"],
                "decision_before": [own],
                "decision_after": [other],
            }
        ),
    )
    found = al.open(folder).decision("p-030").counterfactual(1)
    assert found.overridden_to == other
    assert found.decision == own
    assert found.found[0].decision == other
    assert found.summary()[1].startswith(f"A person changed that to '{other}' afterwards;")


def test_values_are_those_seen_before_or_at_any_time_where_few_were(trees):
    early, late = trees.ask(5).data, trees.ask(30).data
    assert (early.rows, late.rows) == (39, 30)
    assert early.scope == "of loans, any version, at any time, for fewer than 20 were decided before it"
    assert late.scope == "of loans, any version, taken before 2024-03-05T15:00:00+00:00"
    assert early.sha256 != late.sha256


def test_a_window_says_whose_values_count(trees):
    data = trees.ask(30, window=("2024-03-04T09:00", "2024-03-04T14:00")).data
    assert data.rows == 5
    with pytest.raises(ModelError, match="no other decision of loans, any version, taken from"):
        trees.ask(30, window=("2030-01-01", None))


def test_progress_is_told_and_an_error_in_it_ends_the_search(trees):
    told = []
    found = trees.ask(30, progress=lambda word, count: told.append((word, count)))
    assert {word for word, _ in told} == {"candidates"}
    assert sum(count for _, count in told) == found.tried.candidates

    def stop(_word, _count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trees.ask(30, progress=stop)
    assert trees.ask(30).digest == found.digest


class Fickle:
    """A judge whose model gives another answer the second time."""

    def __init__(self):
        flip = Judged(flips=True, advance=0.0, score=0.4, label="good", rule="threshold", decision="approve")
        self.axes, self.known = (), {(): flip}

    def again(self, states):
        own = Judged(flips=False, advance=0.0, score=0.6, label="bad", rule="threshold", decision="deny")
        return [own, *(own for _ in states)]


def test_a_flip_that_does_not_come_out_again_is_left_out_and_counted():
    assert _verified(Fickle(), ((),), ("a", "b", "c")) == ((), 1)


def test_the_answer_is_json_and_its_digest_is_of_question_and_answer(linear):
    found = linear.ask(41)
    document = found.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["digest"] == linear.ask(41).digest != linear.ask(41, k=1).digest
    assert document["data"]["distinct_values"]["owner"] == 2
    assert repr(found).startswith("Counterfactuals: loans 1 decided ")


def test_frames_have_a_row_for_each_counterfactual_and_each_feature_that_any_changes(linear):
    found = linear.ask(41)
    flips, changes = flip_frames(found)
    assert flips["decision"].to_list() == [each.decision for each in found.found]
    assert flips["distance"].to_list() == [each.distance for each in found.found]
    names = {change.feature for each in found.found for change in each.changes}
    assert changes.height == flips.height * len(names)
    for rank, each in enumerate(found.found, 1):
        marked = changes.filter(pl.col("rank") == rank, pl.col("part") > 0)
        assert marked["feature"].to_list() == [change.feature for change in each.changes]
        assert (marked["this"] != marked["other"]).all()
