"""audit-lab performance and audit-lab fairness: what they print, draw, refuse, and exit with."""

from __future__ import annotations

import pytest


def test_performance_says_how_good_the_model_is_and_exits_0(run, credit):
    answer = run("performance", "--log", credit, "--every", "all", "--cost", "fp=1,fn=5")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("AUC of the score 0.744 [0.710, 0.776] in the whole time.")
    assert "final decision" in answer.out
    assert "cost" in answer.out


def test_performance_as_json_holds_the_whole_result(run, credit):
    found = run("performance", "--log", credit, "--known-by", "2025-09-01", "--by-version", "--json").json
    assert found["asked"]["as_of"] == "2025-09-01T00:00:00+00:00"
    assert {row["known"] for row in found["table"]} == {"then", "now"}
    assert {row["model_version"] for row in found["windows"]} == {"1.0.0"}
    assert found["calibration"]


@pytest.mark.parametrize("more", [["--calibration"], ["--measure", "label accuracy"]])
def test_performance_is_drawn(run, credit, tmp_path, more):
    picture = tmp_path / "drawn.svg"
    answer = run("performance", "--log", credit, "--picture", picture, *more)
    assert answer.code == 0
    assert f"Written: {picture}" in answer.out.replace("\n", "")
    assert picture.read_text().startswith("<svg")


def test_performance_without_any_outcome_exits_1(run, make_log):
    log = make_log(outcomes=None)
    answer = run("performance", "--log", log)
    assert answer.code == 1
    assert "no window has outcomes" in answer.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cost", "fp"], "--cost has 'fp'"),
        (["--cost", "fp=x"], "--cost has 'fp=x'"),
        (["--cost", "zz=1"], "'zz' is no pair"),
        (["--every", "3d"], "'3d' is not a length of window"),
        (["--known-by", "yesterday"], "as_of is 'yesterday'"),
        (["--picture", "x.pdf"], "a picture cannot be written"),
        (["--picture", "x.svg", "--measure", "score nothing"], "No value of nothing of the score can be drawn"),
    ],
    ids=str,
)
def test_performance_refuses_what_it_cannot_mean(run, credit, arguments, message):
    answer = run("performance", "--log", credit, *arguments)
    assert answer.code == 2
    assert message in answer.err


def test_fairness_exits_1_below_four_fifths_and_0_otherwise(run, credit):
    by_age = ["age_in_years", "--bands", "age_in_years: 25, 40, 60"]
    below = run("fairness", *by_age, "--log", credit, "--favourable", "approve")
    assert below.code == 1
    assert "below four fifths" in below.out
    reached = run("fairness", "personal_status_and_sex", "--log", credit, "--favourable", "approve")
    assert reached.code == 0
    assert "not below four fifths" in " ".join(reached.out.split())
    assert "What this does not show" in reached.out


def test_fairness_as_json_holds_nothing_of_what_is_suppressed(run, credit):
    groups = ["personal_status_and_sex", "age_in_years", "--bands", "age_in_years: 25, 40, 60"]
    found = run("fairness", *groups, "--log", credit, "--favourable", "approve", "--json").json
    hidden = [row for row in found["table"] if row["status"] == "suppressed"]
    assert hidden
    assert {(row["value"], row["low"], row["high"], row["rows"]) for row in hidden} == {(None, None, None, None)}
    alone = run("fairness", *groups, "--log", credit, "--favourable", "approve", "--no-intersections", "--json").json
    assert len({row["grouping"] for row in alone["table"]}) == 2


def test_fairness_over_time_names_the_windows(run, credit):
    answer = run("fairness", "inputs.age_in_years < 30", "--log", credit, "--favourable", "approve", "--every", "1mo")
    assert "window_start" in answer.out
    assert "2025-03-01" in answer.out


def test_fairness_is_drawn(run, credit, tmp_path):
    picture = tmp_path / "groups.svg"
    answer = run(
        "fairness", "personal_status_and_sex", "--log", credit, "--favourable", "approve", "--picture", picture
    )
    assert answer.code == 0
    assert "four fifths of the highest" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["housing", "--favourable", "yes"], "no final decision is 'yes'. Those that there are: approve, deny"),
        (["housing", "--favourable", "approve", "--bands", "housing"], "--bands is 'housing'"),
        (["housing", "--favourable", "approve", "--bands", "age: young"], "--bands is 'age: young'"),
        (["nothing", "--favourable", "approve"], "there is no column nothing to group by"),
        (["housing"], "Missing option '--favourable'"),
        (["--favourable", "approve"], "Missing argument"),
    ],
    ids=str,
)
def test_fairness_refuses_what_it_cannot_mean(run, credit, arguments, message):
    answer = run("fairness", *arguments, "--log", credit)
    assert answer.code == 2
    assert message in answer.err


def test_windows_are_those_of_a_zone(run, credit):
    found = run("performance", "--log", credit, "--zone", "America/New_York", "--json").json
    assert {row["window_start"][11:16] for row in found["windows"]} == {"04:00", "05:00"}
    groups = ("fairness", "inputs.age_in_years < 30", "--favourable", "approve", "--every", "1mo")
    found = run(*groups, "--log", credit, "--zone", "America/New_York", "--json").json
    assert {row["window_start"][11:16] for row in found["table"]} == {"04:00", "05:00"}
    answer = run("performance", "--log", credit, "--zone", "Nowhere")
    assert (answer.code, answer.out) == (2, "")
    assert "There is no time zone 'Nowhere'" in answer.err
