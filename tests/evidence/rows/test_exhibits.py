"""Exhibits that show proven rows are held to them by the full verifier, whoever signed."""

from __future__ import annotations

import io
import json

import polars as pl
import pytest

import audit_lab as al
from audit_lab.case.frame_files import parquet_bytes
from audit_lab.evidence import export_case
from audit_lab.evidence.full_verifier import examine_in_full
from audit_lab.evidence.leaving import Leaving
from audit_lab.evidence.rows.exhibits import compared_exhibits, proven_by_id
from audit_lab.seal.digests import format_manifest, sha256

SCHEMA = {"outputs": pl.Struct({"score": pl.Float64})}
INVESTIGATION = "data/investigation.json"
PROVEN = proven_by_id(
    [
        ("predictions", pl.DataFrame({"prediction_id": ["p-002", "p-003"], "decision": ["approve", "deny"]})),
        ("inputs/loans", pl.DataFrame({"prediction_id": ["p-002"], "income": [5900.32], "years": [8]})),
    ]
)


def compared(frame, kind="table", proven=PROVEN):
    """Return the meanings of what is found in a table, and how many exhibits were compared."""
    exhibit = {"number": 1, "kind": kind, "files": [{"name": "table.parquet", "path": "exhibits/001-x/table.parquet"}]}
    findings, number = compared_exhibits([exhibit], lambda _: parquet_bytes(pl.DataFrame(frame)), proven)
    assert {each.file for each in findings} <= {"data/exhibits/001-x/table.parquet"}
    return [each.meaning for each in findings], number


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"prediction_id": ["p-002", "p-003"], "decision": ["approve", "deny"]}, ([], 1)),
        ({"prediction_id": ["p-003"], "decision": ["approve"]}, (["'p-003' another 'decision'"], 1)),
        ({"prediction_id": ["p-003"], "decision": [None]}, ([], 0)),  # of another type: no column of the log
        ({"prediction_id": ["p-002", None], "decision": ["approve", "x"]}, ([], 1)),
        ({"prediction_id": ["p-002"], "inputs.income": [5900.33]}, (["'p-002' another 'income'"], 1)),
        ({"prediction_id": ["p-002"], "income": [5900.33]}, (["'p-002' another 'income'"], 1)),
        ({"prediction_id": ["p-009"], "decision": ["approve"]}, ([], 0)),
        ({"prediction_id": ["p-002"], "decision": [1]}, ([], 0)),
        ({"prediction_id": ["p-002"], "redecided": ["deny"]}, ([], 0)),
        ({"carrier": ["US"], "decision": ["deny"]}, ([], 0)),
        ({"prediction_id": [2], "decision": ["deny"]}, ([], 0)),
    ],
)
def test_a_table_is_held_to_the_rows_that_it_shows(frame, expected):
    meanings, number = compared(frame)
    assert number == expected[1]
    assert len(meanings) == len(expected[0])
    assert all(said in meaning for said, meaning in zip(expected[0], meanings, strict=True))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows/predictions.parquet", b"no table"),
        ("decision.json", b"{"),
        ("decision.json", b'{"prediction_id":"p-002","inputs":[7]}'),
    ],
)
def test_what_cannot_be_read_is_a_finding(name, content):
    exhibit = {"number": 1, "kind": "decision", "files": [{"name": name, "path": name}]}
    findings, number = compared_exhibits([exhibit], lambda _: content, PROVEN)
    assert ([each.code for each in findings], number) == (["exhibit.unreadable"], 0)


def test_an_answer_that_computes_may_say_something_else():
    assert compared({"prediction_id": ["p-003"], "decision": ["approve"]}, "impact") == ([], 0)


@pytest.mark.parametrize(("score", "stated"), [(float("nan"), None), (float("inf"), None), (1.0, 1), (None, None)])
def test_a_document_may_write_a_value_in_its_own_form(score, stated):
    frame = pl.DataFrame({"prediction_id": ["a"], "outputs": [{"score": score}]}, schema_overrides=SCHEMA)
    document = json.dumps({"prediction_id": "a", "score": stated}).encode()
    exhibit = {"number": 1, "kind": "decision", "files": [{"name": "decision.json", "path": "x"}]}
    assert compared_exhibits([exhibit], lambda _: document, proven_by_id([("predictions", frame)])) == ([], 1)


def test_a_prediction_that_is_there_twice_is_not_compared():
    twice = proven_by_id([("predictions", pl.DataFrame({"prediction_id": ["a", "a"], "decision": ["x", "y"]}))])
    assert compared({"prediction_id": ["a"], "decision": ["z"]}, proven=twice) == ([], 0)


@pytest.fixture
def exported(loans, make_loans_case, tmp_path, key):
    """Return a function that exports a case with one table of predictions, as it was or changed."""

    def export(change=lambda frame: frame, **leaving):
        case = make_loans_case(loans.folder)
        log = al.open(loans.folder)
        frame = log.predictions.filter(pl.col("prediction_id").is_in(["p-002", "p-003"])).collect()
        case.keep(change(frame), "Two of them")
        return export_case(case, tmp_path / "x.zip", key=key, leaving=Leaving(vault=loans.vault, **leaving))

    return export


def test_a_case_drawn_from_the_log_agrees_with_its_rows(exported, both_keys):
    report = examine_in_full(exported(), both_keys)
    assert report.findings == ()
    assert any(line.startswith("exhibits against the proven rows: 2 of them") for line in report.checked)
    assert not any(line.startswith("exhibits against the proven rows") for line in report.not_checked)


def test_a_table_that_says_otherwise_is_found(exported, both_keys):
    bundle = exported(lambda frame: frame.with_columns(decision=pl.lit("approve")))
    report = examine_in_full(bundle, both_keys)
    assert report.verdict == "FAILED"
    assert {each.code for each in report.findings} == {"exhibit.row-differs"}
    assert "another 'decision' than its proven row" in report.findings[0].meaning


def edited(unpacked, ending, change):
    """Change a file of the first exhibit, and make its digests fit; the investigator signs it."""
    value = json.loads(unpacked.files[INVESTIGATION])
    exhibit = value["exhibits"][0]
    file = next(each for each in exhibit["files"] if each["path"].endswith(ending))
    content = change(unpacked.files[f"data/{file['path']}"])
    unpacked.files[f"data/{file['path']}"] = content
    file["sha256"] = sha256(content)
    exhibit["id"] = sha256(format_manifest({each["name"]: each["sha256"] for each in exhibit["files"]}))
    value["findings"][0]["supported_by"] = [exhibit["id"]]
    unpacked.files[INVESTIGATION] = json.dumps(value).encode()
    return f"data/{file['path']}"


def in_json(**changes):
    return lambda content: json.dumps({**json.loads(content), **changes}).encode()


def in_table(**changes):
    return lambda content: parquet_bytes(pl.read_parquet(io.BytesIO(content)).with_columns(**changes))


@pytest.mark.parametrize(
    "edit",
    [
        ("decision.json", in_json(decision="approve"), "decision"),
        ("decision.json", in_json(model_name="another"), "model_name"),
        ("decision.json", in_json(score=0.1), "score"),
        ("decision.json", in_json(inputs=[{"feature": "income", "unit": "EUR", "value": 1.5}]), "income"),
        ("/predictions.parquet", in_table(decision=pl.lit("approve")), "decision"),
        ("/inputs.parquet", in_table(income=pl.lit(1.5)), "income"),
    ],
)
def test_a_decision_that_says_otherwise_is_found(unpacked, both_keys, tmp_path, edit):
    ending, change, column = edit
    file = edited(unpacked, ending, change)
    path = tmp_path / "x.zip"
    path.write_bytes(unpacked.archive())
    found = examine_in_full(path, both_keys).findings
    assert [(each.code, each.file) for each in found] == [("exhibit.row-differs", file)]
    assert f"another {column!a} than its proven row" in found[0].meaning
