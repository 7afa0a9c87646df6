"""Text in a log was written by others: it is shown, and does nothing."""

from __future__ import annotations

import json

import polars as pl
import pytest

#: Colours, a title for the window, a line break, markup of rich, a link of Markdown, a right-to-left override, C1.
ATTACK = "\x1b[31mred\x1b]0;owned\x07\n[red]x[/red] [link=http://a]y[/link] \u202etxt \x9b2J \r\x08."
SHOWN = "[red]x[/red] [link=http://a]y[/link]"
LONG = "A" * 10_000
DANGEROUS = set("\x1b\x07\r\x08\x9b\u202e\x00")


@pytest.fixture
def hostile(make_log):
    """Return a log in which whatever a writer chooses freely is an attack."""
    signature = json.dumps(
        {
            "features": [{"name": name, "dtype": "float", "unit": ATTACK} for name in ("income", "years")],
            "output": {"kind": "probability", "positive": ATTACK, "negative": "b", "decisions": {"b": ATTACK}},
        }
    )
    put = lambda **values: lambda frame: frame.with_columns(**{name: pl.lit(text) for name, text in values.items()})
    return make_log(
        predictions=lambda frame: frame.with_columns(
            pl.col("prediction_id").replace({"p-003": ATTACK}),
            model_version=pl.lit(ATTACK),
            decision=pl.lit(ATTACK),
            decision_rule=pl.lit(ATTACK),
            environment=pl.lit(ATTACK),
        ),
        inputs_loans=lambda frame: frame.with_columns(city=pl.lit(ATTACK)).rename({"years": f"years {ATTACK}"}),
        model_versions=put(model_version=ATTACK, signature=signature, artifact_uri=ATTACK),
        deployments=put(model_version=ATTACK, deployment_id=ATTACK),
        lineage=put(relation=ATTACK, to_node=ATTACK, from_node=f"model:loans@{ATTACK}"),
        outcomes=put(label=ATTACK),
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["show", "p-001"],
        ["show", ATTACK],
        ["find"],
        ["find", "nonsense = 1"],
        ["drift", "--every", "1h"],
        ["drift", "--columns", "nonsense"],
        ["replay", "p-001"],
        ["replay", "--all"],
        ["replay", ATTACK],
        ["explain", "p-001"],
        ["doctor"],
        ["decisions", "--id", "p-001", "--id", "p-003", "--id", ATTACK],
        ["coverage"],
        ["in-force", "loans", "--at", "2024-03-05"],
        ["in-force", ATTACK, "--at", "2024-03-05"],
        ["performance"],
        ["fairness", "city", "--favourable", ATTACK],
        ["onset"],
        ["operations"],
        ["segments", "--since", "2024-03-05", "--until", "2024-03-06", "--column", "city"],
        ["cause", "--after", "2024-03-05", "2024-03-06", "--before", "2024-03-04", "2024-03-05"],
        ["watch", "--once", "--since", "2024-03-04"],
        ["alerts", "list"],
        ["letter", "--decision", ATTACK],
        ["explore", ATTACK],
        ["impact", "--threshold", "0.4"],
        ["comparable", "p-001"],
        ["counterfactual", "p-001"],
        ["what-if", "p-001", "--set", "income=1"],
        ["cohort"],
        ["reasons", "p-001", "--codes", ATTACK],
        ["environments"],
        ["lineage", "show", "p-001"],
        ["snapshots"],
        ["explain-due"],
        ["verify"],
        ["find", "--since", ATTACK],
        ["show", "--nonsense" + ATTACK],
    ],
    ids=lambda arguments: " ".join(arguments).replace(ATTACK, "ATTACK"),
)
def test_nothing_in_a_log_speaks_to_the_terminal(run, hostile, arguments):
    named = [hostile] if arguments[0] in {"verify", "alerts", "explain-due"} else ["--log", hostile]
    for form in ([], ["--json"]):
        answer = run(*arguments, *named, *form)
        assert not DANGEROUS & set(answer.out + answer.err)
        assert "Traceback" not in answer.err
        assert len(answer.err.splitlines()) <= 1


def test_what_was_written_is_shown_with_its_invisible_parts(run, hostile):
    shown = "".join(run("show", "p-001", "--log", hostile).out.split())
    assert "\\x1b[31mred\\x1b]0;owned\\x07\\n[red]x[/red]" in shown
    assert "\\u202etxt\\x9b2J\\r\\x08." in shown


def test_markup_is_text(run, make_log):
    log = make_log(predictions=lambda frame: frame.with_columns(decision=pl.lit(SHOWN), decision_rule=pl.lit("[/]")))
    out = run("show", "p-001", "--log", log).out
    assert SHOWN in out
    assert "[/]" in out


def test_json_gives_the_text_as_it_is(run, hostile):
    assert run("show", "p-001", "--log", hostile, "--json").json["decision"] == ATTACK


def test_a_long_cell_is_cut_and_its_length_said(run, make_log):
    log = make_log(predictions=lambda frame: frame.with_columns(decision_rule=pl.lit(LONG)))
    for command in (["show", "p-001"], ["find", "-n", "1"]):
        text = run(*command, "--log", log)
        assert text.out.count("A") < 2_000
        assert "(10,000characters)" in "".join(text.out.split())
    assert run("show", "p-001", "--log", log, "--json").json["decision_rule"] == LONG


def test_a_mapping_of_hostile_columns(run, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    frame = pl.DataFrame({"id": ["a", "b"], "at": ["2024-01-01", "2024-01-02"], f"score {ATTACK}": [0.1, 0.2]})
    frame.with_columns(decision=pl.lit(ATTACK)).write_parquet(folder / "a.parquet")
    answer = run("adapt", folder, "--save", tmp_path / "m.toml")
    assert answer.code == 0
    assert not DANGEROUS & set(answer.out + answer.err)
    found = run("find", "--log", folder, "--mapping", tmp_path / "m.toml")
    assert not DANGEROUS & set(found.out + found.err)


def test_output_that_is_no_terminal_has_no_colours(start, flights, make_log):
    for arguments in (["show"], ["replay", "p-001"], ["doctor"]):
        assert "\x1b" not in start(*arguments, "--log", make_log("log-" + arguments[0])).out
    assert "\x1b" not in start("find", "--help").out
