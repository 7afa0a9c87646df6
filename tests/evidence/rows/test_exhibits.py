"""Exhibits that show proven rows are held to them by the full verifier, whoever signed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.case.frame_files import parquet_bytes
from audit_lab.evidence import export_case
from audit_lab.evidence.full_verifier import examine_in_full
from audit_lab.evidence.leaving import Leaving
from audit_lab.evidence.rows.exhibits import compared_exhibits
from audit_lab.evidence.rows.proven_log import ProvenLog
from audit_lab.seal.digests import format_manifest, sha256

SCHEMA = {"outputs": pl.Struct({"score": pl.Float64})}
INVESTIGATION = "data/investigation.json"
AT = datetime(2025, 3, 1, tzinfo=UTC)
PREDICTIONS = pl.DataFrame(
    {
        "prediction_id": ["p-002", "p-003"],
        "decision": ["approve", "deny"],
        "threshold": [0.5, 0.1],
        "sequence": [7, 8],
        "occurred_at": [AT, AT],
        "is_test": [True, False],
        "outputs": [{"score": 0.25}, {"score": 0.75}],
    }
)
INPUTS = pl.DataFrame({"prediction_id": ["p-002"], "income": [5900.32], "years": [8]})
OVERRIDES = pl.DataFrame(
    {
        "prediction_id": ["p-003", "p-003"],
        "decision_before": ["deny", "approve"],
        "decision_after": ["approve", None],
        "actor": ["nadia", "omar"],
        "recorded_at": [AT, AT + timedelta(days=1)],
        "supersedes": pl.Series([None, None], dtype=pl.String),
    }
)
PARTS = [("predictions", PREDICTIONS), ("inputs/loans", INPUTS), ("overrides", OVERRIDES)]
PROVEN = ProvenLog.of(PARTS)


def compared(frame, kind="table", proven=PROVEN):
    """Return the meanings of what is found in a table, and how many exhibits were compared."""
    exhibit = {"number": 1, "kind": kind, "files": [{"name": "table.parquet", "path": "exhibits/001-x/table.parquet"}]}
    result = compared_exhibits([exhibit], lambda _: parquet_bytes(pl.DataFrame(frame)), proven)
    assert {each.file for each in result.findings} <= {"data/exhibits/001-x/table.parquet"}
    return [each.meaning for each in result.findings], result.compared


def as_type(values, dtype):
    return pl.Series(values).cast(dtype)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"prediction_id": ["p-002", "p-003"], "decision": ["approve", "deny"]}, ([], 1)),
        ({"prediction_id": ["p-003"], "decision": ["approve"]}, (["'p-003' another 'decision'"], 1)),
        ({"prediction_id": ["p-003"], "decision": [None]}, (["'p-003' another 'decision'"], 1)),
        ({"prediction_id": ["p-002", None], "decision": ["approve", "x"]}, ([], 1)),
        ({"prediction_id": ["p-002"], "inputs.income": [5900.33]}, (["'p-002' another 'income'"], 1)),
        ({"prediction_id": ["p-002"], "income": [5900.33]}, (["'p-002' another 'income'"], 1)),
        ({"prediction_id": ["p-009"], "decision": ["approve"]}, ([], 0)),
        ({"prediction_id": ["p-002"], "decision": [1]}, (["'p-002' another 'decision'"], 1)),
        ({"prediction_id": ["p-002"], "redecided": ["deny"]}, ([], 0)),
        ({"prediction_id": ["p-002"], "score": [0.9]}, ([], 0)),  # it may be another model's
        ({"prediction_id": ["p-003"], "final_decision": ["approve"]}, ([], 1)),
        ({"prediction_id": ["p-003"], "final_decision": ["deny"]}, (["'p-003' another 'final_decision'"], 1)),
        ({"carrier": ["US"], "decision": ["deny"]}, ([], 0)),
        ({"prediction_id": [2], "decision": ["deny"]}, ([], 0)),
        ({"case": ["p-003"], "decision": ["approve"]}, (["'p-003' another 'decision'"], 1)),
        ({"place": ["p-003@part-0:1"], "decision": ["approve"]}, (["'p-003' another 'decision'"], 1)),
        ({"prediction_id": as_type(["p-003"], pl.Categorical), "decision": ["approve"]}, (["another 'decision'"], 1)),
    ],
)
def test_a_table_is_held_to_the_rows_that_it_shows(frame, expected):
    meanings, number = compared(frame)
    assert number == expected[1]
    assert len(meanings) == len(expected[0])
    assert all(said in meaning for said, meaning in zip(expected[0], meanings, strict=True))


@pytest.mark.parametrize(
    ("name", "dtype", "other"),
    [
        ("decision", pl.Categorical, ["deny", "approve"]),
        ("decision", pl.Enum(["approve", "deny"]), ["deny", "approve"]),
        ("threshold", pl.Float32, [0.5, 0.2]),
        ("threshold", pl.String, [0.5, 0.11]),
        ("sequence", pl.Float64, [7, 9]),
        ("sequence", pl.UInt8, [8, 7]),
        ("sequence", pl.String, [7, 9]),
        ("occurred_at", pl.Datetime("ms", "UTC"), [AT, AT + timedelta(hours=1)]),
        ("occurred_at", pl.Date, [AT, AT + timedelta(days=1)]),
        ("occurred_at", pl.String, [AT, AT + timedelta(seconds=1)]),
        ("is_test", pl.String, [False, True]),
        ("outputs", pl.Struct({"score": pl.Float32}), [{"score": 1.0}] * 2),
    ],
)
def test_a_column_of_another_type_is_compared_by_value(name, dtype, other):
    ids = ["p-002", "p-003"]
    assert compared({"prediction_id": ids, name: as_type(PREDICTIONS[name].to_list(), dtype)}) == ([], 1)
    meanings, number = compared({"prediction_id": ids, name: as_type(other, dtype)})
    assert number == 1
    assert [f"another {name!r} than its proven row" in meaning for meaning in meanings] == [True]


def test_what_no_row_answers_is_named():
    exhibit = {
        "number": 3,
        "kind": "table",
        "files": [{"name": "table.parquet", "path": "exhibits/003-x/table.parquet"}],
    }
    frame = pl.DataFrame({"prediction_id": ["p-002", "p-009"], "decision": ["approve", "x"], "why": ["a", "b"]})
    result = compared_exhibits([exhibit], lambda _: parquet_bytes(frame), PROVEN)
    assert result.left == ["exhibit 3, table.parquet: 1 of its 2 rows, whose predictions are not proven once, why"]
    result = compared_exhibits([exhibit], lambda _: parquet_bytes(pl.DataFrame({"a": [1]})), PROVEN)
    assert result.left == ["exhibit 3 ('table'): it shows no row that is proven here"]


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
    result = compared_exhibits([exhibit], lambda _: content, PROVEN)
    assert ([each.code for each in result.findings], result.compared) == (["exhibit.unreadable"], 0)


def test_an_answer_that_computes_may_say_something_else():
    assert compared({"prediction_id": ["p-003"], "decision": ["approve"]}, "impact") == ([], 0)


def test_what_the_library_drew_from_the_log_is_held_to_its_score_too():
    assert compared({"prediction_id": ["p-003"], "score": [0.75]}, "predictions") == ([], 1)
    assert len(compared({"prediction_id": ["p-003"], "score": [0.7]}, "predictions")[0]) == 1


@pytest.mark.parametrize(("score", "stated"), [(float("nan"), None), (float("inf"), None), (1.0, 1), (None, None)])
def test_a_document_may_write_a_value_in_its_own_form(score, stated):
    frame = pl.DataFrame({"prediction_id": ["a"], "outputs": [{"score": score}]}, schema_overrides=SCHEMA)
    document = json.dumps({"prediction_id": "a", "score": stated}).encode()
    exhibit = {"number": 1, "kind": "decision", "files": [{"name": "decision.json", "path": "x"}]}
    result = compared_exhibits([exhibit], lambda _: document, ProvenLog.of([("predictions", frame)]))
    assert (result.findings, result.compared) == ([], 1)


@pytest.mark.parametrize(
    ("document", "differing"),
    [
        ({"recorded": {"decision": "deny", "score": 0.75}, "verdict": "EXACT"}, ""),
        ({"recorded": {"decision": "approve", "score": 0.5}}, "'recorded.decision', 'recorded.score'"),
        ({"override": {"decision_before": "deny", "decision_after": "approve", "actor": "nadia"}}, "'override'"),
    ],
)
def test_what_a_replay_says_was_recorded_is_held_to_the_rows(document, differing):
    content = json.dumps({"prediction_id": "p-003", **document}).encode()
    exhibit = {"number": 1, "kind": "replay", "files": [{"name": "replay.json", "path": "x"}]}
    result = compared_exhibits([exhibit], lambda _: content, PROVEN)
    meant = [f"it gives 'p-003' another {differing} than its proven row"] if differing else []
    assert [each.meaning for each in result.findings] == meant


@pytest.mark.parametrize(
    ("overrides", "differing"),
    [
        ([], 1),
        ([{"actor": "nadia", "decision_before": "deny", "decision_after": "approve"}], 1),
        ([{**row, "recorded_at": row["recorded_at"].isoformat()} for row in OVERRIDES.to_dicts()], 0),
    ],
)
def test_a_decision_lists_the_overrides_that_are_proven_and_no_others(overrides, differing):
    content = json.dumps({"prediction_id": "p-003", "overrides": overrides, "gaps": []}).encode()
    exhibit = {"number": 1, "kind": "decision", "files": [{"name": "decision.json", "path": "x"}]}
    result = compared_exhibits([exhibit], lambda _: content, PROVEN)
    assert (len(result.findings), result.left) == (differing, ["exhibit 1, x: gaps"])


@pytest.mark.parametrize(("income", "differing"), [(5900.32, 0), ("5900.32", 0), (5900.33, 1)])
def test_the_inputs_of_an_attribution_are_held_to_the_rows(income, differing):
    contributions = [{"feature": "income", "value": income, "contribution": -0.5}]
    content = json.dumps({"prediction_id": "p-002", "contributions": contributions}).encode()
    exhibit = {"number": 1, "kind": "attribution", "files": [{"name": "attribution.json", "path": "x"}]}
    result = compared_exhibits([exhibit], lambda _: content, PROVEN)
    assert (len(result.findings), result.compared) == (differing, 1)


def test_a_prediction_that_is_there_twice_is_not_compared():
    twice = ProvenLog.of([("predictions", pl.DataFrame({"prediction_id": ["a", "a"], "decision": ["x", "y"]}))])
    assert compared({"prediction_id": ["a"], "decision": ["z"]}, proven=twice) == ([], 0)


def test_what_is_withheld_is_not_compared():
    frame = {"prediction_id": ["p-003"], "decision": ["[withheld]"]}
    assert compared(frame, proven=ProvenLog.of(PARTS, frozenset({"decision"}))) == ([], 0)


def test_a_correction_leaves_what_follows_from_it_open():
    corrected = OVERRIDES.with_columns(supersedes=pl.Series([None, "p-003"], dtype=pl.String))
    proven = ProvenLog.of([("predictions", PREDICTIONS), ("overrides", corrected)])
    assert proven.final_decision("p-003") is None
    assert PROVEN.final_decision("p-003") == ("approve",)
    assert PROVEN.final_decision("p-002") == ("approve",)


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
    left = [line for line in report.not_checked if line.startswith("exhibits against the proven rows")]
    assert [line.partition("not compared: ")[2].partition(":")[0] for line in left] == [
        "exhibit 1, decision.json",
        "exhibit 2, table.parquet",
        "exhibit 3 ('table')",
    ]
    assert "in_force" in left[0]
    assert "score" not in left[0]


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
        ("decision.json", in_json(label="else"), "label"),
        ("decision.json", in_json(final_decision="else"), "final_decision"),
        ("decision.json", in_json(threshold=0.9), "threshold"),
        ("decision.json", in_json(occurred_at="2020-01-01T00:00:00+00:00"), "occurred_at"),
        ("decision.json", in_json(stated_version="9"), "stated_version"),
        ("decision.json", in_json(model_version="9"), "model_version"),
        ("decision.json", in_json(subject_id="somebody"), "subject_id"),
        ("decision.json", in_json(decision_rule="manual"), "decision_rule"),
        ("decision.json", in_json(place="p-001@else:1"), "place"),
        ("decision.json", in_json(artifact_sha256="0" * 64), "artifact_sha256"),
        ("decision.json", in_json(training_cutoff="2020-01-01T00:00:00+00:00"), "training_cutoff"),
        ("decision.json", in_json(overrides=[{"actor": "else"}]), "overrides"),
        ("decision.json", in_json(outcome={"label": "else"}), "outcome"),
        ("decision.json", in_json(outcomes=[]), "outcomes"),
        ("decision.json", in_json(inputs=[{"feature": "income", "unit": "EUR", "value": 1.5}]), "income"),
        ("decision.json", in_json(inputs=[]), "income"),
        ("/predictions.parquet", in_table(decision=pl.lit("approve")), "decision"),
        ("/inputs.parquet", in_table(income=pl.lit(1.5)), "income"),
    ],
)
def test_a_decision_that_says_otherwise_is_found(unpacked, both_keys, tmp_path, edit):
    ending, change, column = edit
    file = edited(unpacked, ending, change)
    path = tmp_path / "x.zip"
    path.write_bytes(unpacked.archive())
    found = [each for each in examine_in_full(path, both_keys).findings if each.code.startswith("exhibit.")]
    assert [(each.code, each.file) for each in found] == [("exhibit.row-differs", file)]
    assert f" another {column!a}" in found[0].meaning
