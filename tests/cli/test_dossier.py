"""A letter is answered from the command line: by an id, by a subject, one file or a folder of them."""

from __future__ import annotations

import json
from io import BytesIO

import polars as pl
import pytest
from pypdf import PdfReader


@pytest.fixture
def one_each(make_log):
    """Return a log in which each subject has one decision."""
    subjects = pl.Series("subject_id", [f"s-{row}" for row in range(40)])
    return make_log(predictions=lambda frame: frame.with_columns(subjects))


def pages(path):
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(path.read_bytes())).pages]


def test_two_pages_are_written_about_an_id(run, loans, tmp_path):
    letter = tmp_path / "letters" / "letter.pdf"
    answer = run("dossier", "--log", loans, "p-003", "--timezone", "Europe/Oslo", "-o", letter)
    assert (answer.code, answer.err) == (0, "")
    first, second = pages(letter)
    assert "On 4 March 2024, 13:00:00 CET (Europe/Oslo, UTC+01:00), that is 12:00:00 UTC, loans 1 decided" in first
    assert "EXACT" in second
    printed = " ".join(answer.out.split())
    assert "loans 1 decided" in printed
    assert f"Written: {letter}; the folder {letter.parent} was made for it." in answer.out.replace("\n", "")


def test_several_files_hold_the_same_dossier(run, loans, tmp_path):
    files = [tmp_path / f"letter.{kind}" for kind in ("pdf", "html", "json")]
    assert run("dossier", "--log", loans, "p-003", *(part for file in files for part in ("-o", file))).code == 0
    digest = json.loads(files[2].read_text())["digest"]
    assert digest in "".join(pages(files[0])[0].split())
    assert digest in files[1].read_text()


def test_without_a_file_the_answer_is_printed(run, loans):
    answer = run("dossier", "--log", loans, "p-003")
    assert answer.code == 0
    assert "The log's integrity was not checked." in " ".join(answer.out.split())


def test_json_is_the_dossier(run, loans):
    document = run("dossier", "--log", loans, "p-003", "--json").json
    assert document["prediction_id"] == "p-003"
    assert document["integrity"]["verdict"] == "NOT CHECKED"


def test_a_subject_with_one_decision_is_found_by_its_name_alone(run, one_each, tmp_path):
    letter = tmp_path / "letter.pdf"
    assert run("dossier", "--log", one_each, "s-7", "-o", letter).code == 0
    assert "about s-7" in pages(letter)[0]


@pytest.mark.parametrize("asked", [("s-7",), ("--subject", "s-7")])
def test_a_subject_with_several_decisions_is_listed_and_a_choice_asked_for(run, loans, tmp_path, asked):
    letter = tmp_path / "letter.pdf"
    answer = run("dossier", "--log", loans, *asked, "-o", letter)
    assert answer.code == 2
    for prediction_id in ("p-007", "p-017", "p-027", "p-037"):
        assert prediction_id in answer.out
    assert "4 decisions about 's-7'" in answer.err
    assert "Choose one by its id, or write all into a folder: --all -o FOLDER." in answer.err
    assert not letter.exists()


def test_as_json_the_choice_names_the_ids(run, loans):
    answer = run("dossier", "--log", loans, "s-7", "--json")
    assert answer.code == 2
    assert "p-007, p-017, p-027, p-037" in answer.json["error"]["message"]


def test_all_of_a_subject_go_into_a_folder_each_with_its_json(run, loans, tmp_path):
    folder = tmp_path / "letters"
    assert run("dossier", "--log", loans, "s-7", "--all", "-o", folder).code == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        f"p-0{number}7.{kind}" for number in range(4) for kind in ("json", "pdf")
    ]
    assert "p-027" in pages(folder / "p-027.pdf")[0]


def test_ids_that_are_no_names_of_files_get_names_that_are(run, make_log, tmp_path):
    ids = pl.Series("prediction_id", ["../../evil", "../../evil", "CON", "a/b", *(f"q-{n}" for n in range(36))])
    subjects = pl.Series("subject_id", ["s"] * 4 + ["t"] * 36)
    log = make_log(predictions=lambda frame: frame.with_columns(ids, subjects))
    folder = tmp_path / "letters"
    assert run("dossier", "--log", log, "s", "--all", "-o", folder).code == 1
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 8
    assert all("/" not in name and not name.lower().startswith("con.") for name in names)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_name_that_is_an_id_and_a_subject_is_refused_with_both(run, make_log):
    subjects = pl.Series("subject_id", ["p-003"] * 2 + ["other"] * 38)
    log = make_log(predictions=lambda frame: frame.with_columns(subjects))
    answer = run("dossier", "--log", log, "p-003")
    assert answer.code == 2
    assert "'p-003' is the id of a prediction (p-003@part-00000:3) and a subject with 2 decisions" in answer.err
    assert "place" in answer.err
    assert "--subject" in answer.err
    assert run("dossier", "--log", log, "p-003@part-00000:3").code == 0


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("nobody",), 1, "neither a prediction nor a subject 'nobody'"),
        (("--subject", "nobody"), 1, "no decision about the subject 'nobody'"),
        ((), 2, "it is not clear which decision is meant"),
        (("p-003", "--subject", "s-3"), 2, "it is not clear which decision is meant"),
        (("p-003", "-o", "letter.doc"), 2, "a dossier cannot be written to 'letter.doc'"),
        (("p-003", "--paper", "a3"), 2, "there is no paper 'a3'"),
        (("p-003", "--timezone", "Nowhere"), 2, "there is no time zone 'Nowhere'"),
        (("p-003", "--environment", "other"), 2, "there is no environment 'other'"),
        (("s-7", "--all"), 2, "Name one folder for them, as -o FOLDER."),
        (("s-7", "--all", "-o", "letter.pdf"), 2, "Name one folder for them, as -o FOLDER."),
    ],
)
def test_what_cannot_be_meant_is_one_line(run, loans, asked, code, said):
    answer = run("dossier", "--log", loans, *asked)
    assert answer.code == code
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_a_decision_that_does_not_come_out_again_is_written_all_the_same(run, flights, tmp_path):
    letter = tmp_path / "letter.pdf"
    answer = run("dossier", "--log", flights, "014c68bd-01c7-759a-be4f-b39b88f73532", "-o", letter)
    assert answer.code == 1
    second = pages(letter)[1]
    assert "UNREPLAYABLE" in second
    assert "inputs-missing" in second
    assert "writer-a" in second


def test_an_id_on_two_flights_names_both_places(run, flights):
    answer = run("dossier", "--log", flights, "014f0715-c3bc-7085-83a3-78a1bbf8c01e")
    assert answer.code == 1
    assert answer.err.count("014f0715-c3bc-7085-83a3-78a1bbf8c01e@") == 2


def test_the_log_is_verified_where_that_is_asked_for(run, loans, tmp_path):
    letter = tmp_path / "letter.pdf"
    assert run("dossier", "--log", loans, "p-003", "--verify", "-o", letter).code == 0
    assert "UNANCHORED" in pages(letter)[1]


def test_a_log_that_does_not_verify_is_told_and_exits_1(run, loans, tmp_path):
    (path,) = (loans / "outcomes").glob("*.parquet")
    pl.read_parquet(path).with_columns(label=pl.lit("bad")).write_parquet(path)
    letter = tmp_path / "letter.pdf"
    assert run("dossier", "--log", loans, "p-003", "--verify", "-o", letter).code == 1
    assert "FAILED" in pages(letter)[1]


def test_a_sealed_log_is_named_by_its_checkpoint(run, sealed, tmp_path):
    letter = tmp_path / "letter.pdf"
    trust = ("--trust-file", tmp_path / "log.toml")
    assert run("dossier", "--log", sealed, "p-003", *trust, "-o", letter).code == 0
    first, second = pages(letter)
    assert "checkpoint" in first
    assert "Checked:" in second


def test_reasons_and_the_nearest_change_are_asked_for(run, credit, tmp_path):
    letter = tmp_path / "letter.pdf"
    codes = credit.parent / "credit_reasons.json"
    denied = "01998055-5ecf-745a-a696-974017e5e57a"
    options = ("--codes", codes, "--immutable", "age_in_years", "-o", letter)
    assert run("dossier", "--log", credit, denied, *options).code == 0
    second = pages(letter)[1]
    assert "1. Balance of checking account with us, or no such account (C01)" in second
    assert "it would have been 'approve'" in second


def test_who_asks_and_why_stands_on_the_page(run, loans, tmp_path):
    letter = tmp_path / "letter.pdf"
    actor = ("--actor", "n.osei", "--purpose", "complaint 4711", "--journal", tmp_path / "journal")
    assert run("dossier", "--log", loans, "p-003", *actor, "-o", letter).code == 0
    assert "Asked by n.osei: complaint 4711." in pages(letter)[0]


def test_what_the_pages_leave_out_is_said(run, credit, tmp_path):
    denied = "01998055-5ecf-745a-a696-974017e5e57a"
    asked = ("--counterfactual", "--verify", "--codes", credit.parent / "credit_reasons.json")
    answer = run("dossier", "--log", credit, denied, *asked, "-o", tmp_path / "letter.pdf")
    assert "The pages leave out, or shorten: " in answer.out
    both = ("-o", tmp_path / "letter.pdf", "-o", tmp_path / "letter.json")
    assert "The pages leave out" not in run("dossier", "--log", credit, denied, *asked, *both).out
