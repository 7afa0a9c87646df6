"""The command that changes inputs of a decision."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al


@pytest.fixture
def log(make_log):
    return str(make_log())


def test_it_shows_what_would_have_come_of_it(run, log):
    answer = run("what-if", "p-030", "--log", log, "--set", "income=1200", "--method", "none")
    found = al.open(log).decision("p-030").what_if({"income": 1_200.0}, explain=None)
    shown = " ".join(answer.out.split())
    assert (answer.code, answer.err) == (0, "")
    assert found.headline in shown
    for sentence in found.summary():
        assert sentence in shown
    assert found.digest in shown


def test_its_json_is_the_answer_of_the_library_and_it_is_drawn(run, log, tmp_path):
    picture = tmp_path / "tried.svg"
    options = ("--set", "income=1200", "--set", "city=missing", "--seed", "2", "--output", "log-odds")
    answer = run("what-if", "p-030", "--log", log, *options, "--picture", picture, "--json")
    changes = {"income": 1_200.0, "city": None}
    found = al.open(log).decision("p-030").what_if(changes, seed=2, output="log-odds")
    assert answer.code == 0
    assert answer.json["digest"] == found.digest
    assert answer.json["changes"] == {"income": 1200, "city": None}
    assert "threshold 0.5" in picture.read_text()


def test_an_original_that_does_not_replay_exits_1(run, make_log):
    moved = pl.struct(pl.col("outputs").struct.field("score") + 0.2, pl.col("outputs").struct.field("label"))
    folder = make_log("moved", predictions=lambda frame: frame.with_columns(outputs=moved))
    answer = run("what-if", "p-030", "--log", folder, "--set", "income=1200", "--method", "none")
    assert answer.code == 1
    assert "Caution: the original does not replay as recorded (score-differs)." in " ".join(answer.out.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "income"], "--set is 'income'"),
        (["--set", "=3"], "--set is '=3'"),
        (["--set", "income=much"], "--set is 'income=much', and income is a number"),
        (["--set", "years=2.5"], "--set is 'years=2.5', and years is a whole number"),
        (["--set", "income=nan"], "income cannot be nan"),
        (["--set", "years=1", "--set", "years=2"], "--set names 'years' twice"),
        (["--set", "age=1"], "'age' is no input of this decision's model"),
        (["--method", "guess"], "there is no explanation method 'guess'"),
        (["--output", "guess"], "an explanation of 'guess' is not offered"),
        (["--environment", "other"], "there is no environment 'other'"),
        (["--picture", "x.gif"], "a picture cannot be written to 'x.gif'"),
    ],
)
def test_options_that_cannot_be_meant_are_misuse(run, log, options, said):
    answer = run("what-if", "p-030", "--log", log, *options)
    assert answer.code == 2
    assert said in answer.err


def test_a_name_with_the_sign_in_it_and_a_category_called_missing_are_understood():
    from audit_lab.cli.what_if import _changes
    from audit_lab.replay.signature import Feature, Output, Signature

    features = (
        Feature("a", "str"),
        Feature("a=b", "str", categories=("missing", "x")),
        Feature("owner", "bool"),
        Feature("years", "int"),
    )
    signature = Signature(features, Output("label"))
    written = ["a=b=missing", "a=c=d", "owner=True", "years=missing"]
    assert _changes(signature, written) == {"a=b": "missing", "a": "c=d", "owner": True, "years": None}
