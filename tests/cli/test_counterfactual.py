"""The command that asks what would have had to be otherwise."""

from __future__ import annotations

import pytest

import audit_lab as al


@pytest.fixture
def log(make_log):
    return str(make_log())


def test_it_shows_what_would_flip_the_decision(run, log):
    answer = run("counterfactual", "p-030", "--log", log, "-n", "1")
    own = al.open(log).decision("p-030")
    (found,) = own.counterfactual(1).found
    assert (answer.code, answer.err) == (0, "")
    shown = " ".join(answer.out.split())
    assert f"1. With {found.words()} it would have been {found.decision!r}" in shown
    assert "No constraint was stated: a change may be one that nobody can make, like another age." in shown


def test_its_json_is_the_answer_of_the_library(run, log):
    answer = run("counterfactual", "p-030", "--log", log, "--immutable", "city", "--within", "income: 2000..", "--json")
    asked = al.open(log).decision("p-030").counterfactual
    from audit_lab.explain.counterfactual import Constraints

    found = asked(constraints=Constraints(immutable=("city",), ranges={"income": (2_000, None)}))
    assert answer.code == 0
    assert answer.json["digest"] == found.digest
    assert answer.json["constraints"]["ranges"] == {"income": [2000, None]}


def test_nothing_found_exits_1(run, log):
    answer = run("counterfactual", "p-030", "--log", log, "--target", "postpone", "--most-changes", "1")
    assert answer.code == 1
    assert "No flip to 'postpone' exists with up to one feature changed" in " ".join(answer.out.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--immutable", "age"], "'age' is no input of this decision's model"),
        (["--within", "income"], "--within is 'income'"),
        (["--within", "income: a..b"], "--within is 'income: a..b'"),
        (["--only", "city"], "--only is 'city'"),
        (["--only", "city: Paris"], "'Paris' is no category of 'city' that the model knows"),
        (["--only", "years: many"], "--only is 'years: many', and years is a whole number"),
        (["--one-of", "city | years"], "'city' is a text or names a category, so it is not 0 or 1"),
        (["--constraints", "none.json"], "there is no readable file of constraints at none.json"),
        (["--constraints", "none.json", "--up", "years"], "constraints are stated in a file and by options"),
        (["--environment", "other"], "there is no environment 'other'"),
    ],
)
def test_options_that_cannot_be_meant_are_misuse(run, log, options, said):
    answer = run("counterfactual", "p-030", "--log", log, *options)
    assert answer.code == 2
    assert said in answer.err


def test_it_is_drawn_into_a_file(run, log, tmp_path):
    answer = run("counterfactual", "p-030", "--log", log, "--picture", str(tmp_path / "flip.svg"))
    assert answer.code == 0
    assert "Written: " in answer.out
    assert "The nearest changes that flip the decision" in (tmp_path / "flip.svg").read_text()


def test_constraints_in_a_file_are_those_of_the_options(run, log, tmp_path):
    stated = tmp_path / "constraints.json"
    stated.write_text(
        '{"immutable": ["city"], "only_down": ["years"], "ranges": {"income": [2000, null]}, "categories": {}}'
    )
    by_file = run("counterfactual", "p-030", "--log", log, "--constraints", str(stated), "--json")
    options = ("--immutable", "city", "--down", "years", "--within", "income: 2000..")
    by_options = run("counterfactual", "p-030", "--log", log, *options, "--json")
    assert by_file.json["digest"] == by_options.json["digest"]
    assert by_file.json["constraints"]["only_down"] == ["years"]


def test_a_file_with_a_member_that_is_not_known_is_misuse(run, log, tmp_path):
    stated = tmp_path / "constraints.json"
    stated.write_text('{"imutable": ["city"]}')
    answer = run("counterfactual", "p-030", "--log", log, "--constraints", str(stated))
    assert answer.code == 2
    assert "imutable" in answer.err
