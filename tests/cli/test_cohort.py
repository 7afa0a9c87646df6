"""The command that adds up SHAP values of a group, and puts two groups side by side."""

from __future__ import annotations

import pytest

import audit_lab as al

SPLIT = "2024-03-05T09:00:00"


@pytest.fixture
def log(make_log):
    return str(make_log())


def test_it_shows_what_moved_the_output_and_what_was_checked(run, log):
    answer = run("cohort", "--log", log)
    found = al.open(log).attributions()
    assert (answer.code, answer.err) == (0, "")
    shown = " ".join(answer.out.split())
    assert "This adds up SHAP values of 40 decisions of loans 1: the log-odds of 'bad' is" in shown
    assert "1 income EUR" in shown
    assert "additivity True each of 40 rows adds up to the output" in shown
    assert found.digest in shown


def test_its_json_is_the_answer_of_the_library(run, log):
    answer = run("cohort", "--log", log, "--where", "inputs.years > 3", "--rows", "20", "--seed", "4", "--json")
    found = al.open(log).attributions("inputs.years > 3", rows=20, seed=4)
    assert answer.code == 0
    assert answer.json["digest"] == found.digest
    assert answer.json["explained"] == 20
    assert [each["feature"] for each in answer.json["features"]] == [each.feature for each in found.features]


def test_a_reference_is_put_beside_and_drawn(run, log, tmp_path):
    picture = tmp_path / "contrast.svg"
    answer = run("cohort", "--log", log, "--since", SPLIT, "--contrast", f"..{SPLIT}", "--picture", picture, "--json")
    log = al.open(log)
    found = log.attributions(since=SPLIT).against(log.attributions(until=SPLIT))
    assert answer.code == 0
    assert answer.json["digest"] == found.digest
    assert "all features: mean output" in picture.read_text()


def test_a_reference_may_be_an_expression_and_shares_the_background(run, log):
    given = ("--where", "inputs.city = 'Oslo'", "--contrast-where", "inputs.city = 'Rome'")
    answer = run("cohort", "--log", log, *given, "--perturbation", "interventional", "--background", "7", "--json")
    assert answer.code == 1  # the background is of the same time: a check does not pass
    backgrounds = {answer.json[side]["background"]["sha256"] for side in ("group", "reference")}
    assert len(backgrounds) == 1
    assert answer.json["group"]["background"]["rows"] == 7


def test_the_decisions_behind_a_bin_are_listed(run, log):
    answer = run("cohort", "--log", log, "--feature", "city", "--bin", "0", "--json")
    found = al.open(log).attributions()
    city = found.feature("city").bins[0].text
    behind = {row["prediction_id"] for row in answer.json["decisions"]}
    assert behind == set(al.open(log).find(f"inputs.city = '{city}'")["prediction_id"])
    assert answer.json["label"] == city
    assert answer.json["of"] == found.digest
    text = run("cohort", "--log", log, "--feature", "city", "--bin", "0", "-n", "1").out
    assert f"{len(behind)} decisions with city {city}" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "What moved 40 decisions"),
        (("--chart", "importance"), "mean |contribution to the log-odds of bad|"),
        (("--feature", "income"), "What income contributed"),
    ],
)
def test_it_is_drawn_into_a_file(run, log, tmp_path, options, said):
    answer = run("cohort", "--log", log, *options, "--picture", str(tmp_path / "cohort.svg"))
    assert answer.code == 0
    assert "Written: " in answer.out
    assert said in (tmp_path / "cohort.svg").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--perturbation", "marginal"], "--perturbation is 'marginal'"),
        (["--output", "odds"], "--output is 'odds'"),
        (["--chart", "pie"], "--chart is 'pie'"),
        (["--bin", "1"], "--bin is given without --feature"),
        (["--feature", "age"], "'age' is no feature of loans 1"),
        (["--feature", "city", "--bin", "9"], "city has no bin 9"),
        (["--contrast", "2024"], "--contrast is '2024'"),
        (["--contrast", "2024-03-04..", "--feature", "city"], "--feature is given with --contrast"),
        (["--picture", "cohort.pdf"], "a picture cannot be written to 'cohort.pdf'"),
    ],
)
def test_options_that_cannot_be_meant_are_misuse(run, log, options, said):
    answer = run("cohort", "--log", log, *options)
    assert answer.code == 2
    assert said in answer.err


def test_nothing_to_explain_exits_1(run, log):
    answer = run("cohort", "--log", log, "--since", "2030-01-01")
    assert answer.code == 1
    assert "no decision matches" in answer.err
