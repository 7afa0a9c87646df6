"""What each command answers: text for people, the same facts as JSON, and the exit code."""

from __future__ import annotations

import json

import polars as pl
import pytest

MODEL_OF_P_001 = "3f000377c6cd1dc1c41516075688ae96acf8ec9940c66795467a26c64a7e00a9"


def both(run, *arguments):
    """Run a command for a person and for a program; the exit codes are equal and neither complains."""
    text, program = run(*arguments), run(*arguments, "--json")
    assert text.code == program.code
    assert (text.err, program.err) == ("", "")
    return text, program.json


def has(text, *facts):
    """Say whether words stand in the text, wherever its lines are broken."""
    flat = " ".join(text.out.split())
    return [fact for fact in facts if str(fact) not in flat] == []


def test_show_a_log(run, flights):
    text, document = both(run, "show", "--log", flights)
    assert text.code == 0
    assert document["models"] == ["delay-risk"]
    assert document["tables"]["predictions"] == 99_953
    assert has(text, document["origin"], "predictions 99,953", document["first_time"], *document["notes"])


def test_show_a_decision(run, make_log):
    text, document = both(run, "show", "p-001", "--log", make_log())
    assert text.code == 0
    assert (document["decision"], document["stated_version"], document["outcome"]["label"]) == ("deny", "1", "good")
    assert [entry["value"] for entry in document["inputs"]] == [2281.7, "Oslo", 12]
    assert has(
        text, "deny (prediction p-001)", "income 2281.7 EUR", document["in_force"]["statement"], document["place"]
    )


def test_show_a_gap_with_its_effect(run, make_log):
    text, document = both(run, "show", "p-001", "--log", make_log(inputs_loans=None))
    (gap,) = [gap for gap in document["gaps"] if gap["code"] == "inputs-missing"]
    assert has(text, f"inputs-missing: {gap['what']} {gap['effect']}")


def test_find(run, make_log):
    text, document = both(run, "find", "inputs.city = 'Oslo' AND decision = 'deny'", "--log", make_log(), "-n", "2")
    assert text.code == 0
    ids = [row["prediction_id"] for row in document["predictions"]]
    assert document["shown"] == len(ids) == 2
    assert has(text, *ids, f"{document['matches']} match; 2 shown.")
    assert {row["decision"] for row in document["predictions"]} == {"deny"}


def test_find_by_time(run, make_log):
    text, document = both(run, "find", "--log", make_log(), "--since", "2024-03-05", "--until", "2024-03-05T02:00:00Z")
    assert [row["prediction_id"] for row in document["predictions"]] == ["p-015", "p-016"]
    assert has(text, "p-015", "p-016", "2 match; 2 shown.")


def test_find_nothing_exits_1(run, make_log):
    text, document = both(run, "find", "decision = 'perhaps'", "--log", make_log())
    assert text.code == 1
    assert document == {"matches": 0, "shown": 0, "predictions": []}
    assert has(text, "0 match")


def test_replay_one(run, make_log):
    text, document = both(run, "replay", "p-001", "--log", make_log())
    assert text.code == 0
    assert (document["verdict"], document["code"], document["artifact_sha256"]) == ("EXACT", "exact", MODEL_OF_P_001)
    assert has(text, "Replay of p-001", "EXACT", document["why"], "memory_bytes 8000000000")


def test_replay_of_what_cannot_be_replayed_exits_1(run, make_log):
    text, document = both(run, "replay", "p-001", "--log", make_log(inputs_loans=None))
    assert text.code == 1
    assert (document["verdict"], document["code"]) == ("UNREPLAYABLE", "inputs-missing")
    assert has(text, "UNREPLAYABLE", document["why"], "nothing ran")


def test_replay_many(run, make_log, small_model):
    rome = small_model.inputs["city"].to_list().count("Rome")
    text, document = both(run, "replay", "--log", make_log(), "--where", "inputs.city = 'Rome'")
    assert text.code == 0
    assert (document["predictions"], document["reproduced"], document["not_reproduced"]) == (rome, rome, [])
    assert [(group["verdict"], group["predictions"]) for group in document["groups"]] == [("EXACT", rome)]
    assert has(
        text,
        f"loans 1 EXACT exact {rome} 0 0 p-000",
        f"{rome} of {rome} predictions were reproduced: {rome} EXACT.",
    )


@pytest.mark.parametrize("method", ["shap", "lime"])
def test_explain(run, make_log, method):
    text, document = both(run, "explain", "p-001", "--log", make_log(), "--method", method, "--seed", "3")
    assert (document["method"], document["seed"]) == (method, 3)
    most = max(document["contributions"], key=lambda entry: abs(entry["contribution"]))
    assert most["feature"] == "income"
    assert has(text, "income 2281.7", f"{most['contribution']:.6g}", document["digest"])
    assert text.code == int(not all(check["passed"] for check in document["checks"]))


def test_explain_by_both_methods(run, make_log):
    text, document = both(run, "explain", "p-001", "--log", make_log(), "--method", "both")
    methods = document["methods"]
    assert methods["first_largest"][0] == "income"
    assert has(text, *document["summary"], document["shap_sha256"], document["lime_sha256"])
    failed = any("did not pass" in line for line in document["summary"])
    assert text.code == int(failed or methods["verdict"] == "disagree")


def test_explain_exits_1_when_a_check_failed(run, make_log):
    text, document = both(run, "explain", "p-020", "--log", make_log())
    assert text.code == 1
    assert [check["name"] for check in document["checks"] if not check["passed"]] == ["familiarity"]
    assert has(text, "FAILED: familiarity", "passed: additivity")


def test_drift(run, flights, tmp_path):
    picture = tmp_path / "pictures" / "drift.svg"
    text, document = both(run, "drift", "--log", flights, "--columns", "carrier,distance_miles", "--picture", picture)
    assert text.code == 1
    assert document["columns"] == ["carrier", "distance_miles"]
    assert has(text, *document["summary"], f"Compared with {document['reference']['description']}.")
    assert picture.read_text().startswith("<svg")


def test_drift_that_is_not_there_exits_0(run, flights):
    arguments = ("--columns", "weekday", "--reference", "2015-02-02..2015-03-30", "--every", "1mo")
    text, document = both(run, "drift", "--log", flights, *arguments)
    assert text.code == 0
    assert "major" not in {row["verdict"] for row in document["table"]}
    assert document["reference"]["given"] is True


def test_drift_around_a_decision_in_a_zone(run, flights):
    arguments = (
        "--columns",
        "distance_miles",
        "--around",
        "2015-09-16",
        "--before",
        "2w",
        "--zone",
        "America/New_York",
    )
    text, document = both(run, "drift", "--log", flights, *arguments)
    assert text.code == 1  # the unit that was planted in that week
    assert [row["window"] for row in document["volume"]] == [
        "week 2 before the decision",
        "the week before the decision",
    ]
    assert document["calibration"]["rate"] == 0.05
    assert has(text, *document["summary"])


def test_drift_of_versions_against_the_windows_before(run, flights):
    arguments = ("--columns", "carrier", "--every", "version", "--reference", "rolling:1", "--false-alarms", "0.01")
    text, document = both(run, "drift", "--log", flights, *arguments)
    assert text.code == 0
    assert document["reference"]["kind"] == "rolling"
    assert document["calibration"]["resamples"] == 999


def test_drift_of_rows_as_wholes(run, flights):
    arguments = ("--together", "--columns", "carrier,departure_hour", "--around", "2015-06-20", "--before", "2w")
    text, document = both(run, "drift", "--log", flights, *arguments)
    assert text.code in {0, 1}
    assert len(document["table"]) == 2
    assert has(text, *document["summary"])


def test_doctor(run, make_log):
    text, checks = both(run, "doctor", "--log", make_log())
    assert text.code == 0
    found = {check["what"]: (check["state"], check["found"]) for check in checks}
    assert found["polars"] == ("ok", pl.__version__)
    assert found["coverage"][0] == "ok"
    assert has(text, "replay sandbox", "40 of 40 predictions (100.000%) can be replayed.")


def test_doctor_finds_a_changed_segment(run, make_log):
    log = make_log()
    segment = log / "outcomes" / "part-00000.parquet"
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    text, checks = both(run, "doctor", "--log", log)
    assert text.code == 1
    (wrong,) = [check for check in checks if check["what"] == "outcomes/part-00000.parquet"]
    assert wrong["state"] == "wanting"
    assert has(text, "wanting", "outcomes/part-00000.parquet", f"outcomes/part-00000.parquet: {wrong['next_step']}")


def test_adapt(run, foreign):
    text, document = both(run, "adapt", foreign)
    assert text.code == 0
    columns = {role["role"]: role["column"] for role in document["proposal"]["roles"]}
    assert (columns["prediction_id"], columns["score"], columns["decision"]) == ("req_no", "p_bad", "verdict")
    assert document["saved"] is None
    assert has(text, "prediction_id req_no high", "2,000 rows read from 3 files", "Nothing was saved")


def test_a_saved_mapping_opens_the_folder(run, foreign, mapping):
    text, document = both(run, "find", "inputs.x_months > 30", "--log", foreign, "--mapping", mapping)
    assert text.code == 0
    assert document["matches"] > 0
    text, document = both(run, "show", "RQ500002", "--log", foreign, "--mapping", mapping)
    assert document["stated_version"] == "r8"
    assert {"version-not-registered"} <= {gap["code"] for gap in document["gaps"]}
    text, document = both(run, "replay", "RQ500002", "--log", foreign, "--mapping", mapping)
    assert (text.code, document["code"]) == (1, "version-not-registered")


def test_adapt_reports_on_a_mapping(run, foreign, mapping):
    text, document = both(run, "adapt", foreign, "--mapping", mapping)
    assert text.code == 0
    assert document["proposal"] is None
    assert has(text, "Ingest report", "2,000 kept as predictions")


def test_keys_and_what_they_sign(run, write_notebook, make_log, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "correct horse")
    made = run("keys", "new", "jane", "--out", tmp_path / "keys", "--json").json
    assert run("keys", "new", "john", "--out", tmp_path / "keys").out.count("john") >= 2
    notebook = write_notebook(
        f"import audit_lab as al\nlog = al.open({str(make_log())!r})",
        "case = al.Case.create('INC-1', log, question='Why?', actor='jane', purpose='test')\n"
        "case.keep(log.find(limit=3), 'Three rows')\ncase.conclude('Because.')",
    )
    exported = run("export", notebook, "--out", tmp_path / "out", "--key", made["key"], "--json").json
    assert exported == {"bundle": str(tmp_path / "out" / "INC-1.zip"), "signed_by": "jane", "trust": None}
    text, document = both(run, "verify", exported["bundle"], "--trust", made["trust"])
    assert (text.code, document["verdict"], document["findings"]) == (0, "UNANCHORED", [])
    assert has(text, "UNANCHORED", *document["checked"], *document["signers"])

    other = run("keys", "new", "mallory", "--out", tmp_path / "other", "--json").json
    for trust in (["--trust", other["trust"]], ["--trust", made["trust"], "--require-anchor"]):
        assert run("verify", exported["bundle"], *trust).code == 1
    refused = run("verify", exported["bundle"], "--trust", other["trust"], "--json").json
    assert [finding["code"] for finding in refused["findings"]] == ["signature.key-not-trusted"]


def test_export_with_the_demonstration_key_tells_how_to_verify(run, write_notebook, make_log, tmp_path):
    notebook = write_notebook(
        f"import audit_lab as al\nal.Case.create('INC-2', al.open({str(make_log())!r}), question='Why?',"
        " actor='j', purpose='test').conclude('So.')"
    )
    text = run("export", notebook, "--demonstration-key", "--out", tmp_path / "case.zip")
    command = f"audit-lab verify {tmp_path}/case.zip --trust {tmp_path}/demonstration-key/trust.toml"
    assert has(text, "demonstration-investigator", "Verify it:")
    assert command in text.out.replace("\n", "")
    assert run(*command.split()[1:]).code == 0


def test_verify_a_log(run, make_log):
    log = make_log()
    text, document = both(run, "verify", log)
    assert text.code == 0
    assert document["findings"] == []
    (log / "outcomes" / "part-00000.parquet").unlink()
    failed = run("verify", log, "--json")
    assert failed.code == 1
    assert [finding["file"] for finding in failed.json["findings"]] == ["outcomes/part-00000.parquet"]


def test_demo_misplaced_says_where_it_runs(run, tmp_path):
    answer = run("demo", "--log", tmp_path / "none", "--json")
    assert (answer.code, answer.json["error"]["kind"]) == (2, "MisuseError")
    assert "checkout" in answer.json["error"]["next_step"]


def test_numbers_that_json_does_not_know_are_text(run, make_log):
    nothing = make_log(inputs_loans=lambda frame: frame.with_columns(income=pl.lit(float("nan"))))
    document = run("show", "p-001", "--log", nothing, "--json").json
    assert document["inputs"][0]["value"] == "nan"


def test_json_is_ascii(run, make_log):
    log = make_log(predictions=lambda frame: frame.with_columns(decision=pl.lit("r\u00e9fus\u00e9")))
    answer = run("show", "p-001", "--log", log, "--json")
    assert answer.out.isascii()
    assert json.loads(answer.out)["decision"] == "r\u00e9fus\u00e9"


def test_replay_of_nothing_is_no_success(run, make_log):
    text, document = both(run, "replay", "--log", make_log(), "--since", "2030-01-01")
    assert text.code == 1
    assert document["predictions"] == 0
    assert has(text, "No prediction matches, so nothing was replayed.")


def test_doctor_does_not_call_an_empty_log_well(run, make_log):
    empty = make_log(predictions=lambda frame: frame.clear())
    text, _ = both(run, "doctor", "--log", empty)
    assert text.code == 1
    assert has(text, "wanting coverage The log holds no prediction.")


def test_verify_of_a_log_with_an_anchor_required_exits_1(run, make_log):
    text = run("verify", make_log(), "--require-anchor")
    assert text.code == 1
    assert has(text, "log.no-anchor")
