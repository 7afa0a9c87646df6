"""What is withheld is withheld by what it means, in every kind of exhibit, and looked for where it may be left."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence import Case
from audit_lab.evidence.redaction.profile import RedactionProfile
from audit_lab.evidence.redaction.search import check_withheld
from audit_lab.evidence.redaction.sentences import needles_of
from audit_lab.evidence.redaction.values import Withheld, redacted_document, redacted_table

DECISION = "0199859c-9e5d-7bef-8e72-944c87f4ae79"
HEAD = 'format = "audit_lab.redaction"\nversion = 1\nname = "p"\n[columns]\n'


@pytest.fixture
def profile(tmp_path):
    """Write a profile and return its path."""

    def write(columns):
        (tmp_path / "profile.toml").write_text(HEAD + columns)
        return tmp_path / "profile.toml"

    return write


def said_in(name, content):
    """Return what a file of a bundle says, as text."""
    return str(pl.read_parquet(io.BytesIO(content)).rows()) if name.endswith(".parquet") else content.decode()


def bundle_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def answers(credit, tmp_path_factory):
    """Return a case that keeps an attribution, a what-if and comparable cases of one decision, made once."""
    decision = al.open(credit).decision(DECISION)
    about = {"question": "Why?", "actor": "jane", "purpose": "complaint", "folder": tmp_path_factory.mktemp("cases")}
    case = Case.create("ANSWERS", al.open(credit), **about)
    case.keep(decision, "The decision")
    case.keep(decision.explain("shap"), "Attribution")
    case.keep(decision.what_if({"duration_in_month": 12}), "What if", code="decision.what_if(...)")
    case.keep(decision.comparable(), "Comparable")
    return case


@pytest.fixture
def leaving(answers, profile, key, tmp_path):
    """Export the answers, under a profile of these columns, and return the files."""

    def leave(columns=""):
        path = profile(columns) if columns else None
        return bundle_of(answers.export(tmp_path / "x.zip", key=key, redaction=path, overwrite=True))

    return leave


@pytest.fixture
def kept_years(loans):
    rows = al.open(loans.folder).inputs("loans").collect().sort("prediction_id")
    return rows.filter(pl.col("prediction_id").is_in(["p-002", "p-003"]))["years"].to_list()


@pytest.fixture
def exported(loans, make_loans_case, profile, key, tmp_path):
    """Export a case, with a further table, under a profile of these columns."""

    def export(frame=None, columns='years = "drop"\n'):
        case = make_loans_case(loans.folder)
        if frame is not None:
            case.keep(frame, "Renamed")
        return case.export(tmp_path / "x.zip", key=key, redaction=profile(columns), vault=loans.vault)

    return export


@pytest.mark.parametrize("how", ["drop", "mask"])
@pytest.mark.parametrize("named", ["credit_amount", "inputs/credit-approval.credit_amount"])
def test_no_answer_shows_a_withheld_amount(leaving, named, how):
    files, whole = leaving(f'"{named}" = "{how}"\n'), leaving()
    held = [name for name, content in whole.items() if "4221" in said_in(name, content)]
    assert {name.rpartition("/")[2] for name in held} >= {"decision.json", "table.csv", "table.parquet", "README.html"}
    assert {name.rpartition("/")[2] for name in held} >= {"what-if.json", "comparable.json", "differences.parquet"}
    for name, content in files.items():
        said = said_in(name, content)
        assert not any(f"{before}4221{after}" in said for before in " '\",>:" for after in " '\",<}"), name
    table = next(content for name, content in files.items() if name.endswith("attribution/table.parquet"))
    kept = pl.read_parquet(io.BytesIO(table)).filter(pl.col("feature") == "credit_amount")
    assert kept["value"].to_list() == [None if how == "drop" else "[withheld]"]
    assert kept["contribution"].is_not_null().all()


@pytest.mark.parametrize("column", ["job", "purpose", "personal_status_and_sex"])
def test_a_case_of_answers_can_leave_without_a_column_of_long_values(leaving, column):
    files = leaving(f'{column} = "mask"\n')
    decision = next(json.loads(each) for name, each in files.items() if name.endswith("decision.json"))
    assert {each["value"] for each in decision["inputs"] if each["feature"] == column} == {"[withheld]"}


@pytest.mark.parametrize(
    ("entry", "near"),
    [
        ("inputs/credit.credit_amount", "credit_amount"),
        ("credit_amuont", "credit_amount"),
        ("nonsense.credit_amount", "credit_amount"),
        ("inputs.credit_amount", "credit_amount"),
    ],
)
def test_an_entry_that_matches_nothing_is_refused_with_what_is_nearly_so(leaving, tmp_path, entry, near):
    with pytest.raises(MisuseError, match="is called so; nearly so are called .*" + near) as refused:
        leaving(f'"{entry}" = "drop"\n')
    assert repr(entry) in str(refused.value)
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize(
    ("entry", "near"),
    [("inputs/loan.income", "inputs/loans.income"), ("incom", "income"), ("predictions.income", "inputs/loans.income")],
)
def test_tables_are_those_of_the_log(exported, entry, near):
    with pytest.raises(MisuseError, match=near):
        exported(columns=f'"{entry}" = "drop"\n')


def test_a_qualified_column_is_withheld_in_exhibits_too(exported):
    files = bundle_of(exported(columns='"inputs/loans.income" = "mask"\n'))
    shown = next(content for name, content in files.items() if name.endswith("-decision/inputs.parquet"))
    assert pl.read_parquet(io.BytesIO(shown))["income"].to_list() == ["[withheld]"]
    decision = next(json.loads(each) for name, each in files.items() if name.endswith("decision.json"))
    assert {each["value"] for each in decision["inputs"] if each["feature"] == "income"} == {"[withheld]"}


def test_a_long_table_withholds_what_its_rows_hold_of_the_column_and_keeps_what_was_computed(profile):
    read, withheld = RedactionProfile.read(profile('amount = "mask"\n')), Withheld()
    frame = pl.DataFrame(
        {
            "feature": ["amount", "years", None],
            "recorded": ["'4221'", "3", "4221"],
            "value": ["9000", "3", "1"],
            "low": [250.0, 1.0, 2.0],
            "contribution": [0.1, 0.2, 0.3],
            "is_changed": [True, False, False],
        }
    )
    shown = redacted_table(frame, read, withheld)
    assert shown.row(0) == ("amount", "[withheld]", "[withheld]", None, 0.1, True)
    assert shown.rows()[1:] == frame.rows()[1:]
    assert withheld.values == {"amount": {"'4221'", "4221"}}  # the other is a state made up


def test_a_document_withholds_whatever_an_entry_may_hold_of_its_column(profile):
    read, withheld = RedactionProfile.read(profile('amount = "drop"\n')), Withheld()
    document = {
        "changes": {"amount": 5000},
        "differences": [{"feature": "amount", "this": "4221", "other": "99", "part": 0.5, "rank": 1, "unheard_of": 7}],
        "rows": [["amount", 4221, 0.25]],
        "psi": {"amount": {"psi": 0.1, "verdict": "stable"}},
    }
    assert redacted_document(document, read, withheld) == {
        "changes": {},
        "differences": [{"feature": "amount", "this": None, "other": None, "part": 0.5, "rank": 1, "unheard_of": None}],
        "rows": [["amount", None, 0.25]],
        "psi": {"amount": {"psi": 0.1, "verdict": "stable"}},
    }
    assert withheld.values == {"amount": {"4221", "99"}}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It asked for 4221, not 4,221.50.", "It asked for [withheld], not 4,221.50."),
        ("Its amount was 12 (12 others).", "Its amount was [withheld] ([withheld] others)."),
        ("12 others were approved.", "12 others were approved."),
        ("It was ANNEMARIE HOLLENBECK who asked.", "It was [withheld] who asked."),
        ("part-00000:4221 at 4221-01-02", "part-00000:4221 at 4221-01-02"),
    ],
)
def test_a_sentence_of_an_answer_is_shown_without_withheld_values(text, shown):
    needles = needles_of(Withheld({"amount": {4221, 12}, "who": {"Annemarie Hollenbeck"}}))
    assert needles.without(text) == shown


SHORT = Withheld({"amount_asked": {4221, 12}, "sex": {"f"}})


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("data/investigation.json", {"conclusion": "She asked for 4221."}, "amount_asked in conclusion of data/inv"),
        ("data/investigation.json", {"conclusion": "4221"}, "amount_asked in conclusion of"),
        (
            "data/investigation.json",
            {"findings": [{"claim": "Of 4,221 euros"}]},
            r"amount_asked in findings\[1\].claim of",
        ),
        ("data/investigation.json", {"conclusion": "The amount asked was 12."}, "amount_asked in conclusion of"),
        ("data/follow-up.json", {"comments": [{"text": "sex: f"}]}, r"sex in comments\[1\].text of data/follow-up"),
        ("data/report.md", "# Report\n\nShe asked for 4221.", "amount_asked in line 3 of data/report.md"),
        (
            "data/notebook/investigation.ipynb",
            {"cells": [{"outputs": [{"text": ["<table><th>sex</th>", "<td>f</td></table>"]}]}]},
            "sex in cell 1 of",
        ),
        (
            "data/notebook/investigation.ipynb",
            {"cells": [{"outputs": [{"text": ["│ sex ┆ rows │\n", "│ f   ┆ 3    │"]}]}]},
            "sex in cell 1 of",
        ),
        ("data/exhibits/001-x-drift/summary.json", ["The amount_asked was 12 then."], r"amount_asked in \[1\] of"),
    ],
)
def test_a_short_value_that_somebody_says_is_found_with_its_place(name, content, place):
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    with pytest.raises(AuditLabError, match=place) as refused:
        check_withheld({name: text.encode()}, needles_of(SHORT))
    assert "4221" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/investigation.json", {"conclusion": "12 of them were denied on 4221-01-02.", "rows": 4221}),
        ("data/investigation.json", {"exhibits": [{"id": "a4221b", "rows": 4221}], "conclusion": None}),
        ("data/notebook/investigation.ipynb", {"cells": [{"outputs": [{"text": ["<td>years</td><td>f</td>"]}]}]}),
        ("data/exhibits/001-x-drift/table.json", [{"rows": 4221, "column": "sex"}]),
        ("data/environment/environment.json", {"kernel": "4221"}),
    ],
)
def test_what_merely_looks_alike_refuses_nothing(name, content):
    check_withheld({name: json.dumps(content).encode()}, needles_of(SHORT))


def test_what_a_model_is_registered_with_refuses_nothing():
    index = {"parts": [{"name": "0001-model_versions", "table": "model_versions"}]}
    row = b'{"signature": "skilled employee / official"}'
    needles = needles_of(Withheld({"job": {"skilled employee / official"}}))
    files = {"data/proofs/log.json": json.dumps(index).encode(), "data/proofs/rows/0001-model_versions.json": row}
    check_withheld(files, needles)
    with pytest.raises(AuditLabError, match="job in signature of data/proofs/rows/0002-overrides.json"):
        check_withheld({"data/proofs/rows/0002-overrides.json": row}, needles)


def test_a_value_in_another_column_of_a_row_names_the_column_and_what_to_do():
    buffer = io.BytesIO()
    pl.DataFrame({"reason": ["Annemarie Hollenbeck called"]}).write_parquet(buffer)
    needles = needles_of(Withheld({"who": {"Annemarie Hollenbeck"}}))
    with pytest.raises(AuditLabError, match="who in column reason of data/rows/log/0002-overrides.parquet") as refused:
        check_withheld({"data/rows/log/0002-overrides.parquet": buffer.getvalue()}, needles)
    assert '"TABLE.reason" = "drop"' in refused.value.next_step


@pytest.mark.parametrize(
    ("name", "values", "refused"),
    [("visits", (0, 0), True), ("visits", (0, 1), False), ("rank", (0, 0), False)],
)
def test_a_withheld_column_under_another_name_is_refused(kept_years, exported, name, values, refused):
    years = [str(year + more) for year, more in zip(kept_years, values, strict=True)]
    frame = pl.DataFrame({"prediction_id": ["p-002", "p-003"], name: years})
    if not refused:
        assert exported(frame).exists()
        return
    with pytest.raises(AuditLabError, match=r"exhibit 4 \('Renamed'\) the column 'visits' of table.parquet has"):
        exported(frame)


def test_what_was_computed_for_a_column_is_no_value_of_it(profile):
    read, withheld = RedactionProfile.read(profile('amount = "drop"\n')), Withheld()
    document = {"explanations": [{"method": "shap", "values": '{"amount": 0.1234567, "years": 0.2}'}]}
    assert redacted_document(document, read, withheld) == {
        "explanations": [{"method": "shap", "values": '{"years": 0.2}'}]
    }
    assert withheld.values == {}


def test_a_whole_value_in_an_answer_is_withheld_whatever_it_is_called_but_in_the_logs_other_columns(profile):
    read = RedactionProfile.read(profile('who = "drop"\n'))
    withheld = Withheld({"who": {"Annemarie Hollenbeck"}}, names={"who", "value", "reason"})
    document = {"decided": [{"name": "Applicant", "value": "Annemarie Hollenbeck"}], "reason": "Annemarie Hollenbeck"}
    assert redacted_document(document, read, withheld, needles_of(withheld)) == {
        "decided": [{"name": "Applicant", "value": "[withheld]"}],
        "reason": "Annemarie Hollenbeck",  # a proven row says so too: the search refuses both
    }


def test_sentences_of_a_list_are_not_beside_each_other():
    needles = needles_of(SHORT)
    check_withheld(
        {"data/exhibits/001-x-drift/summary.json": b'["The amount_asked moved.", "12 were denied."]'}, needles
    )


def test_explanations_of_record_are_withheld_whole_with_any_input(loans, make_loans_case, profile, key, tmp_path):
    copy = loans.copy(tmp_path / "copy")
    explained = {"prediction_id": "p-001", "method": "shap", "values": '{"income": -0.5, "years": 0.25}'}
    frame = pl.DataFrame([{**explained, "recorded_at": datetime(2030, 1, 1, tzinfo=UTC)}])
    with al.open_writer(copy.folder, vault=copy.vault) as writer:
        writer.append({"explanations": frame})
    case = make_loans_case(copy.folder)
    path = profile('income = "mask"\n')
    files = bundle_of(case.export(tmp_path / "x.zip", key=key, redaction=path, vault=copy.vault))
    rows = next(content for name, content in files.items() if "log/" in name and name.endswith("explanations.parquet"))
    assert "values" not in pl.read_parquet(io.BytesIO(rows)).columns
    assert "-0.5" not in files["data/README.html"].decode()
