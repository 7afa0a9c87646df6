"""The command that asks what moved: what it prints, its picture, and what it says of a call that cannot be meant."""

from __future__ import annotations

import json

import pytest

WEEKS = ["--before", "2015-09-21", "2015-09-24", "--after", "2015-09-28", "2015-10-01"]
QUICK = [*WEEKS, "--rows", "60", "--column", "carrier", "--column", "distance_miles", "--anyway"]


def test_the_answer_begins_with_how_much_it_moved_and_has_the_methods_side_by_side(run, flights, tmp_path):
    picture = tmp_path / "made" / "steps.svg"
    answer = run("cause", "--log", flights, *QUICK, "--by", "re-weighting", "--picture", picture)
    assert answer.code == 0
    said = " ".join(answer.out.split())
    assert "between 2015-09-21 to 2015-09-23" in said.split("By attribution")[0]
    for heading in ("Contributions, method by method", "Segments, by what their share and their mean add"):
        assert heading in said
    assert "distance_miles" in said
    assert picture.read_text().startswith("<svg")


def test_json_is_the_whole_answer(run, flights):
    answer = run("cause", "--log", flights, *QUICK, "--of", "decision", "--favourable", "late", "--json")
    told = json.loads(answer.out)
    assert (answer.code, told["format"], told["asked"]["of"]) == (0, "audit_lab.cause", "decision")
    assert [each["name"] for each in told["methods"]] == ["attribution", "re-weighting", "exchange"]
    assert told["shift"]["rows_before"] > 500
    assert told["segments"]["columns"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "the window after is not given"),
        (["--after", "2015-09-28", "2015-10-01", "--of", "decision"], "not of which one"),
        (["--after", "2015-09-28", "soon"], "not a date or time"),
        ([*WEEKS, "--picture", "steps.pdf"], "a picture cannot be written to 'steps.pdf'"),
        ([*WEEKS[:3], "--after", "2015-09-22", "2015-09-25"], "the windows overlap"),
    ],
)
def test_a_call_that_cannot_be_meant_is_misuse(run, flights, options, said):
    answer = run("cause", "--log", flights, *options)
    assert answer.code == 2
    assert said in " ".join(answer.err.split())
