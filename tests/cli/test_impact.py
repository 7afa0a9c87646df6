"""The commands that ask who else, and who was alike."""

from __future__ import annotations

import json

import polars as pl
import pytest

import audit_lab as al


def asked(run, folder, *arguments):
    answer = run("impact", "--log", folder, *arguments, "--json")
    return answer.code, json.loads(answer.out)


def test_a_threshold_lists_who_would_have_been_decided_otherwise(run, loans):
    log = al.open(loans)
    expected = log.impact(al.Correction.threshold(0.95), groups=("city",))
    answer = run("impact", "--log", loans, "--threshold", "0.95", "--group-by", "city")
    assert (answer.code, answer.err) == (1, "")
    assert "Correction: the threshold is 0.95." in answer.out
    assert expected.affected["prediction_id"][0] in answer.out
    assert expected.digest in answer.out
    for city in ("Bern", "Oslo", "Rome"):
        assert city in answer.out


def test_json_has_the_answer_and_the_decisions(run, loans):
    code, document = asked(run, loans, "--threshold", "0.95", "--since", "2024-03-05", "--where", "inputs.years > 3")
    expected = al.open(loans).impact(al.Correction.threshold(0.95), "inputs.years > 3", since="2024-03-05")
    assert code == int(bool(expected.counts.affected))
    assert document["digest"] == expected.digest
    assert [row["prediction_id"] for row in document["affected"]] == expected.affected["prediction_id"].to_list()
    assert document["by_subject"] == json.loads(json.dumps(document["by_subject"]))


def test_nothing_otherwise_is_all_well(run, loans):
    code, document = asked(run, loans, "--threshold", "0.5000001")
    assert (code, document["counts"]["affected"], document["unmet"]) == (0, 0, [])


def test_a_value_that_nobody_has_is_no_answer(run, loans):
    answer = run("impact", "--log", loans, "--recode", "city: Roma=Rome")
    assert (answer.code, answer.err) == (1, "")
    assert "This correction met nothing: city is read otherwise: 'Roma' as 'Rome'." in answer.out
    code, document = asked(run, loans, "--recode", "city: Roma=Rome")
    assert (code, document["counts"]["affected"]) == (1, 0)
    (unmet,) = document["unmet"]
    assert (unmet["change"], unmet["code"]) == (0, "correction-not-met")


def test_a_window_without_predictions_is_found_wanting(run, loans):
    answer = run("impact", "--log", loans, "--threshold", "0.95", "--until", "1999-01-01")
    assert (answer.code, answer.err) == (1, "")
    assert "No prediction matches, so nothing was decided again." in answer.out
    code, document = asked(run, loans, "--threshold", "0.95", "--until", "1999-01-01")
    assert (code, document["counts"]["predictions"]) == (1, 0)


def test_a_log_without_predictions_is_found_wanting(run, make_log):
    nothing = make_log(predictions=lambda frame: frame.clear(), inputs_loans=lambda frame: frame.clear())
    answer = run("impact", "--log", nothing, "--threshold", "0.95")
    assert answer.code == 1
    assert "No prediction matches, so nothing was decided again." in answer.out


def test_what_cannot_be_decided_is_found_wanting(run, loans):
    code, document = asked(run, loans, "--version", "9")
    assert code == 1
    assert document["why_not_decided"][0]["code"] == "version-not-registered"
    assert len(document["not_decided"]) == 40


def test_every_option_makes_its_correction_in_their_order(run, loans, tmp_path):
    values = tmp_path / "right.csv"
    pl.DataFrame({"prediction_id": [f"p-{row:03d}" for row in range(40)], "income": [4_000.5] * 40}).write_csv(values)
    rules = tmp_path / "rules.json"
    rules.write_text('[{"name": "old", "when": "inputs.years > 15", "decision": "refer"}]')
    given = [
        *("--without-rule", "newcomer", "--rules-of", "1", "--rules", rules, "--threshold", "0.6", "--version", "1"),
        *("--recode", "city: Bern=Oslo, Oslo=", "--missing", "income: 2500.5", "--missing", "city: 'Rome'"),
        *("--unit", "income: ten -> unit", "--unit", "years: week -> day", "--values", values),
    ]
    _, document = asked(run, loans, *given)
    kinds = [each["kind"] for each in document["correction"]]
    assert kinds == [
        *("values", "unit", "unit", "missing", "missing", "recode", "version", "threshold", "rules", "rules-of"),
        "without-rule",
    ]
    assert document["correction"][3]["value"] == 2500.5
    assert document["correction"][4]["value"] == "Rome"
    assert document["correction"][5]["pairs"] == [["Bern", "Oslo"], ["Oslo", None]]
    assert document["correction"][0]["source"] == "right.csv"


def test_values_may_be_parquet(run, loans, tmp_path):
    path = tmp_path / "right.parquet"
    pl.DataFrame({"prediction_id": ["p-000"], "income": [4_000.5]}).write_parquet(path)
    code, document = asked(run, loans, "--values", path)
    assert code == 1
    assert document["why_not_decided"][0]["code"] == "replacement-missing"
    assert document["why_not_decided"][0]["predictions"] == 39


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_picture_is_drawn(run, loans, tmp_path, suffix):
    picture, cases = tmp_path / f"impact.{suffix}", tmp_path / f"cases.{suffix}"
    assert run("impact", "--log", loans, "--threshold", "0.95", "--picture", picture).code == 1
    assert run("comparable", "p-030", "--log", loans, "--picture", cases).code == 0
    begins = {"svg": b"<svg", "png": b"\x89PNG"}[suffix]
    assert picture.read_bytes().startswith(begins)
    assert cases.read_bytes().startswith(begins)


def test_every_case_can_be_kept(run, loans, tmp_path):
    keep = tmp_path / "kept"
    _, document = asked(run, loans, "--threshold", "0.95", "--keep", keep)
    kept = pl.read_parquet(keep / "part-*.parquet")
    assert kept.height == 40
    assert document["counts"]["predictions"] == 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is no correction"),
        (("--unit", "income"), "--unit is 'income'"),
        (("--unit", "income: ten -> tenner"), "no conversion is called 'ten -> tenner'"),
        (("--recode", "city: Bern"), "--recode has 'Bern'"),
        (("--missing", "age: 3"), "no feature 'age' is recorded"),
        (("--threshold", "0.4", "--picture", "x.pdf"), "a picture cannot be written to 'x.pdf'"),
        (("--threshold", "0.4", "--environment", "past"), "there is no environment 'past'"),
        (("--threshold", "0.4", "--group-by", "sex"), "'sex' is nothing to group by"),
        (("--threshold", "nan"), "not a finite number"),
    ],
)
def test_a_wrong_call_is_misuse(run, loans, arguments, said):
    answer = run("impact", "--log", loans, *arguments)
    assert answer.code == 2
    assert said in answer.err


def test_files_that_hold_something_else_are_misuse(run, loans, tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no PAR1")
    assert "cannot be read" in run("impact", "--log", loans, "--values", broken).err
    latin = tmp_path / "rules.json"
    latin.write_bytes(b"\xff\xfe")
    assert f"{latin} is not UTF-8" in run("impact", "--log", loans, "--rules", latin).err
    missing = run("impact", "--log", loans, "--rules", tmp_path / "none.json")
    assert missing.code == 1
    assert "none.json" in missing.err


def test_comparable_cases_are_listed_with_what_they_differ_in(run, loans):
    expected = al.open(loans).decision("p-030").comparable(3)
    answer = run("comparable", "p-030", "--log", loans, "-n", "3")
    assert (answer.code, answer.err) == (0, "")
    for name in expected.cases["prediction_id"]:
        assert name in answer.out
    assert "Distance: Gower (1971)" in answer.out
    document = json.loads(run("comparable", "p-030", "--log", loans, "-n", "3", "--json").out)
    assert document["digest"] == expected.digest


def test_every_option_of_comparable_reaches_the_search(run, loans):
    given = (
        "--any-decision",
        "--any-version",
        "--before",
        "any",
        "--features",
        "income, city",
        "--since",
        "2024-03-05",
    )
    document = json.loads(run("comparable", "p-030", "--log", loans, *given, "--json").out)
    expected = (
        al.open(loans)
        .decision("p-030")
        .comparable(
            10,
            decided_otherwise=False,
            same_version=False,
            as_of="any",
            features=["income", "city"],
            window=("2024-03-05", None),
        )
    )
    assert document["digest"] == expected.digest


def test_no_comparable_case_is_found_wanting(run, loans):
    answer = run("comparable", "p-000", "--log", loans)
    assert answer.code == 1
    assert "0 decisions of loans 1 taken before this one" in answer.out


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("impact", "listed apart, and never counted as affected"),
        ("comparable", "Nearness is Gower's distance (1971) over the recorded inputs"),
    ],
)
def test_the_help_teaches(run, command, sentence):
    answer = run(command, "--help")
    assert answer.code == 0
    assert sentence in " ".join(answer.out.replace("│", " ").split())
