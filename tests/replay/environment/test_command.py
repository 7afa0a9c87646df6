"""The command about environments: list, build, remove."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import polars as pl
import pytest

from audit_lab.cli import main

RUNTIME = {"python": "3.11.4", "packages": {"numpy": "1.0", "scipy": "1.5", "xgboost": "2.1"}}
pytestmark = pytest.mark.usefixtures("registry", "small_child")


@pytest.fixture
def run(capsys):
    """Return a function that runs the command and returns its exit code, what it printed and what it complained of."""

    def call(*arguments):
        code = main(["environments", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def loans(make_log):
    """Return the small log, whose version states its environment; a second version states one that cannot be had."""

    def two(frame):
        other = {**RUNTIME, "packages": {**RUNTIME["packages"], "secret-model": "1.0"}}
        return pl.concat(
            [
                frame.with_columns(runtime=pl.lit(json.dumps(RUNTIME))),
                frame.with_columns(runtime=pl.lit(json.dumps(other)), model_version=pl.lit("2")),
            ]
        )

    return make_log(model_versions=two)


def test_nothing_built_is_said(run):
    code, out, _ = run()
    assert code == 0
    assert out.startswith("No environment was built yet; they would stand in ")


def test_a_version_s_environment_is_built_listed_and_removed(run, loans):
    code, out, _ = run("build", "loans@1", "--log", loans, "--json")
    built = json.loads(out)
    assert code == 0
    assert [each["version"] for each in built] == ["loans@1"]
    assert built[0]["environment"]["packages"] == RUNTIME["packages"]
    digest = built[0]["environment"]["digest"]

    code, out, _ = run("list")
    assert (code, digest[:12] in out, "loans 1" in out) == (0, True, True)
    assert json.loads(run("--json")[1])["environments"] == [built[0]["environment"]]

    code, out, _ = run("remove", digest[:8], "--json")
    assert (code, json.loads(out)["removed"]) == (0, [digest])
    assert run("--json")[1].count("digest") == 0


def test_one_that_cannot_be_built_does_not_keep_the_others_from_it(run, loans):
    code, out, _ = run("build", "--log", loans)
    text = " ".join(out.split())
    assert code == 1
    assert "3 packages" in text
    assert "no wheel for this interpreter and machine is in the registry: secret-model==1.0" in text
    code, out, _ = run("build", "--log", loans, "--json")
    assert [each["error"] and each["error"]["code"] for each in json.loads(out)] == [None, "environment-not-built"]


def test_what_a_model_does_not_need_is_left_out_on_request(run, loans):
    code, out, _ = run("build", "loans@2", "--leave-out", "secret-model", "--log", loans)
    assert code == 0
    assert "secret-model 1.0 was left out, as asked." in " ".join(out.split())


def test_all_can_be_removed(run, loans):
    run("build", "loans@1", "--log", loans)
    code, out, _ = run("remove", "--all")
    assert code == 0
    assert out.startswith("Removed: 1, ")


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["remove"], 2, "remove takes digests, or --all"),
        (["remove", "abcdef", "--all"], 2, "remove takes digests, or --all"),
        (["remove", "abcdef"], 1, "'abcdef' does not name one environment"),
        (["list", "abcdef"], 2, "list takes no names, and 'abcdef' is one"),
        (["burn"], 2, "burn"),
    ],
)
def test_misuse_is_told(run, arguments, code, complaint):
    found, _, err = run(*arguments)
    assert found == code
    assert complaint in err


def test_a_version_that_is_not_registered_is_named(run, loans):
    code, _, err = run("build", "loans@9", "--log", loans)
    assert code == 1
    assert "the registry has no version loans@9. It has: loans@1, loans@2" in err


def test_the_documented_commands_run(run, loans, monkeypatch):
    page = Path(__file__).parents[3] / "docs" / "environments.md"
    shown = re.search(r"(?ms)^```sh\n(.*?)^```$", page.read_text())[1]
    monkeypatch.chdir(loans.parent)
    loans.rename("loans")
    codes = []
    for line in shown.splitlines():
        command, *arguments = shlex.split(line, comments=True)[1:]
        assert command == "environments"
        if "remove" in arguments:
            arguments[-1] = json.loads(run("--json")[1])["environments"][0]["digest"][: len(arguments[-1])]
        codes.append(run(*arguments)[0])
    assert codes == [1, 0, 0, 0]
    assert json.loads(run("--json")[1])["environments"] == []
