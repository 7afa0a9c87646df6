"""What goes wrong is told in one line that says what to do, or as JSON; never by a traceback, never half-written."""

from __future__ import annotations

import re

import polars as pl
import pytest


@pytest.fixture
def refused(run):
    """Return a function that runs a command which must fail: its exit code and its one line, told also as JSON."""

    def call(*arguments):
        text = run(*arguments)
        lines = text.err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("audit-lab: ")
        assert "Traceback" not in text.out + text.err
        program = run(*arguments, "--json")
        assert (program.code, program.err) == (text.code, "")
        error = program.json["error"]
        assert error["next_step"]
        assert lines[0] == f"audit-lab: {error['message']}. {error['next_step']}"
        return text.code, lines[0].removeprefix("audit-lab: ")

    return call


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "a.parquet").write_bytes(b"not Parquet at all")
    return tmp_path


READERS = (["show"], ["find"], ["drift"], ["replay", "--all"], ["explain", "p-001"])


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_missing_folder(refused, command):
    code, line = refused(*command, "--log", "/nowhere/at/all")
    assert code == 2
    assert line == "there is no folder /nowhere/at/all. Give the path of an audit log: a folder with a manifest.json."


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_folder_that_is_no_log(refused, folder, command):
    code, line = refused(*command, "--log", folder / "empty")
    assert code == 2
    assert "is not an audit log: it has no manifest.json" in line
    assert "audit-lab adapt" in line


def test_doctor_tells_of_a_missing_log_among_its_findings(run):
    answer = run("doctor", "--log", "/nowhere/at/all", "--json")
    assert answer.code == 1
    assert answer.json[-1]["found"] == "there is no folder /nowhere/at/all"


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "manifest.json"), ("[]", "manifest.json"), ('{"format": "another"}', "manifest.json")],
)
def test_a_manifest_that_is_none(refused, folder, content, said):
    (folder / "manifest.json").write_text(content)
    code, line = refused("show", "--log", folder)
    assert code in {1, 2}
    assert said in line


def test_a_missing_folder_to_adapt(refused):
    assert refused("adapt", "/nowhere")[1].startswith("there is no folder /nowhere. ")


def test_a_folder_without_parquet_to_adapt(refused, folder):
    code, line = refused("adapt", folder / "empty")
    assert code == 2
    assert "holds no file ending in .parquet" in line


def test_a_file_that_is_not_parquet_to_adapt(refused, folder):
    assert "a.parquet" in refused("adapt", folder / "junk")[1]


@pytest.mark.parametrize("content", [b"not Parquet at all", b"", b"PAR1PAR1"], ids=["text", "empty", "magic only"])
def test_a_segment_that_is_not_parquet(refused, make_log, content):
    log = make_log()
    (log / "predictions" / "part-00000.parquet").write_bytes(content)
    for command in (["find"], ["show", "p-001"]):
        code, line = refused(*command, "--log", log)
        assert code == 1
        assert "predictions" in line
        assert "cannot be read as Parquet" in line


@pytest.mark.parametrize("table", ["predictions", "inputs/loans", "model_versions"])
def test_a_truncated_segment(refused, make_log, table):
    log = make_log()
    segment = log / table / "part-00000.parquet"
    segment.write_bytes(segment.read_bytes()[:-100])
    code, line = refused("show", "p-001", "--log", log)
    assert code == 1
    assert table in line
    assert "audit-lab doctor" in line


def test_a_missing_segment(refused, make_log):
    log = make_log()
    (log / "predictions" / "part-00000.parquet").unlink()
    code, line = refused("find", "--log", log)
    assert code == 1
    assert "predictions" in line


def test_a_column_of_the_wrong_type(refused, make_log):
    log = make_log()
    segment = log / "predictions" / "part-00000.parquet"
    rows = pl.read_parquet(segment)
    rows.with_columns(occurred_at=pl.col("occurred_at").cast(pl.String)).write_parquet(segment)
    code, line = refused("find", "--log", log)
    assert code == 1
    assert "occurred_at" in line


def test_a_model_input_of_the_wrong_type_is_a_verdict(run, make_log):
    log = make_log(inputs_loans=lambda frame: frame.with_columns(pl.col("income").cast(pl.String)))
    answer = run("replay", "p-001", "--log", log, "--json")
    assert (answer.code, answer.json["code"]) == (1, "inputs-mistyped")


@pytest.mark.parametrize("command", ["show", "replay", "explain"])
def test_an_unknown_id(refused, make_log, command):
    code, line = refused(command, "nobody", "--log", make_log())
    assert code == 1
    assert "holds no prediction 'nobody'" in line
    assert "audit-lab find" in line


@pytest.mark.parametrize("command", ["show", "replay", "explain"])
def test_an_ambiguous_id_names_its_places(refused, run, make_log, command):
    log = make_log(predictions=lambda frame: frame.with_columns(pl.col("prediction_id").replace({"p-002": "p-001"})))
    code, line = refused(command, "p-001", "--log", log)
    assert code == 1
    places = re.findall(r"p-001@part-00000:\d", line)
    assert places == ["p-001@part-00000:1", "p-001@part-00000:2"]
    assert run("show", places[1], "--log", log).code == 0


def test_an_unknown_version(run, make_log):
    log = make_log(predictions=lambda frame: frame.with_columns(model_version=pl.lit("9")))
    replayed = run("replay", "p-001", "--log", log, "--json")
    assert (replayed.code, replayed.json["code"]) == (1, "version-not-registered")
    explained = run("explain", "p-001", "--log", log)
    assert explained.code == 1
    assert len(explained.err.splitlines()) == 1
    assert "9" in explained.err


@pytest.mark.parametrize(
    "expression", ["decision ==", "nonsense = 1", "inputs.nonsense > 1", "1 + 1", "", "decision = 'a'; DROP TABLE b"]
)
def test_an_expression_that_cannot_be_meant(refused, make_log, expression):
    for command in (["find", expression], ["replay", "--where", expression]):
        code, line = refused(*command, "--log", make_log("log-" + command[0]))
        assert code == 2
        assert "expression" in line


def test_a_time_that_is_none(refused, make_log):
    code, line = refused("find", "--log", make_log(), "--since", "yesterday")
    assert code == 2
    assert line.startswith("since is 'yesterday', which is not a date or time. Write it like 2015-07-01")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("2015", "--reference is '2015'. Write it as FROM..TO"),
        ("a..b", "reference is 'a', which is not a date or time"),
        ("2015-03-01..2015-01-01", "reference"),
        ("1999-01-01..1999-02-01", "holds no rows"),
    ],
)
def test_a_reference_that_cannot_be_meant(refused, flights, reference, said):
    code, line = refused("drift", "--log", flights, "--columns", "weekday", "--reference", reference)
    assert code == 2
    assert said in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["xyzzy"], "No such command 'xyzzy'. See `audit-lab --help`."),
        (["onsets"], "No such command 'onsets'. Did you mean 'onset'? See `audit-lab --help`."),
        (["show", "--nonsense"], "No such option: --nonsense. See `audit-lab show --help`."),
        (["explain"], "Missing argument 'prediction_id'. See `audit-lab explain --help`."),
        (["verify"], "Missing argument 'path'. See `audit-lab verify --help`."),
        (["keys", "new", "jane"], "Missing option '--out' / '-o'. See `audit-lab keys new --help`."),
        (["find", "--limit", "0"], "Invalid value for '--limit' / '-n': Input should be greater than or equal to 1."),
        (["find", "--limit", "many"], "Invalid value for '--limit' / '-n': Input should be a valid integer"),
        (["replay", "a", "b"], "Got unexpected extra argument"),
        (["show", "\udcff"], "the argument '\\udcff' is not UTF-8."),
    ],
)
def test_a_call_that_cannot_be_meant(refused, arguments, said):
    code, line = refused(*arguments)
    assert code == 2
    assert line.startswith(said)


@pytest.mark.parametrize("arguments", [[], ["p-001", "--all"], ["p-001", "--since", "2024-01-01"]])
def test_a_replay_of_neither_or_both(refused, make_log, arguments):
    code, line = refused("replay", *arguments, "--log", make_log())
    assert code == 2
    assert line.startswith("replay needs an id, or --all, or a window. ")


def test_a_column_window_or_method_that_does_not_exist(refused, flights):
    assert refused("drift", "--log", flights, "--columns", "none")[1].startswith("There is no column 'none'")
    assert refused("drift", "--log", flights, "--every", "3y")[1].startswith("'3y' is not a length of window")
    assert refused("explain", "x", "--log", flights, "--method", "magic")[1] == (
        "there is no method 'magic'. Choose shap, lime or both."
    )


@pytest.mark.parametrize("content", [None, "x =", "origin = 3", 'format = "audit_lab.mapping"\nversion = 99\n', "\0"])
def test_a_mapping_that_is_none(refused, foreign, tmp_path, content):
    path = tmp_path / "mapping.toml"
    if content is not None:
        path.write_text(content)
    for command in (["find", "--log", foreign], ["adapt", foreign]):
        code, line = refused(*command, "--mapping", path)
        assert code == 2
        assert "mapping.toml" in line


def test_a_mapping_that_names_columns_which_are_not_there(refused, foreign, mapping):
    mapping.write_text(mapping.read_text().replace('"p_bad"', '"p_good"'))
    code, line = refused("find", "--log", foreign, "--mapping", mapping)
    assert code in {1, 2}
    assert "p_good" in line


def test_a_place_that_cannot_be_written(refused, folder, flights, foreign):
    (folder / "file").write_text("in the way")
    for command in (
        ["adapt", foreign, "--save", folder / "file" / "m.toml"],
        ["drift", "--log", flights, "--columns", "weekday", "--picture", folder / "file" / "d.svg"],
    ):
        code, line = refused(*command)
        assert code == 1
        assert str(folder / "file") in line


# --- export, verify and keys ------------------------------------------------------------------------------------------


def test_a_missing_notebook(refused, tmp_path):
    code, line = refused("export", tmp_path / "none.ipynb", "--out", tmp_path / "out")
    assert code == 2
    assert "there is no notebook" in line
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_notebook(refused, tmp_path):
    (tmp_path / "story.ipynb").write_text("once upon a time")
    assert "is not a notebook" in refused("export", tmp_path / "story.ipynb", "--demonstration-key")[1]


def test_a_notebook_without_a_key(refused, write_notebook, tmp_path):
    code, line = refused("export", write_notebook("1"), "--out", tmp_path / "out")
    assert code == 2
    assert line.startswith("There is no key to sign with")


def test_a_notebook_whose_cell_fails_leaves_nothing(refused, write_notebook, tmp_path):
    code, line = refused(
        "export", write_notebook("value = 1", "1 / 0"), "--out", tmp_path / "out", "--demonstration-key"
    )
    assert code == 1
    assert line.startswith("Cell 2 of story.ipynb ('1 / 0') failed: ZeroDivisionError: division by zero. ")
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out" / "demonstration-key"]


def test_a_bundle_that_is_not_there(refused, tmp_path):
    code, line = refused("verify", tmp_path / "none.zip")
    assert code == 2
    assert "none.zip" in line


def test_a_trust_file_that_is_not_there(refused, tmp_path):
    (tmp_path / "case.zip").write_bytes(b"PK")
    assert "none.toml" in refused("verify", tmp_path / "case.zip", "--trust", tmp_path / "none.toml")[1]


def test_a_key_that_exists_is_never_overwritten(refused, run, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "correct horse")
    run("keys", "new", "jane", "--out", tmp_path)
    before = (tmp_path / "jane.pem").read_bytes()
    code, line = refused("keys", "new", "jane", "--out", tmp_path)
    assert code == 2
    assert "exists" in line
    assert (tmp_path / "jane.pem").read_bytes() == before


@pytest.mark.parametrize("name", ["../jane", "", "a b", "x" * 101])
def test_a_name_that_no_key_may_have(refused, tmp_path, name, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_PASSPHRASE", "correct horse")
    assert refused("keys", "new", name, "--out", tmp_path / "keys")[0] == 2
    assert not (tmp_path / "keys").exists()


def test_a_passphrase_from_nowhere(refused, tmp_path):
    assert "empty" in refused("keys", "new", "jane", "--out", tmp_path / "keys", "--passphrase", "env:NONE")[1]
    assert "no source" in refused("keys", "new", "jane", "--out", tmp_path / "keys", "--passphrase", "secret")[1]


def test_an_interrupted_command_says_so(run, monkeypatch, make_log):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("audit_lab.open", interrupt)
    answer = run("show", "--log", make_log())
    assert (answer.code, answer.err) == (130, "audit-lab: stopped.\n")
