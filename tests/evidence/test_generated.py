"""Cells that the library writes: the same for everybody, and recognised from their queries alone."""

from __future__ import annotations

import ast
import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.errors import MisuseError
from audit_lab.evidence.generated import (
    QUESTIONS,
    Step,
    generated_sources,
    notebook_bytes,
    parsed_step,
    relative_path,
    stated_steps,
    step_of,
)

CASE = {"id": "INC-1", "question": 'Why "?\n', "actor": "jane", "purpose": "complaint"}


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("verify", "log.verify()"),
        ("coverage", "log.coverage().table"),
        ("drift", "log.drift()"),
        ("decision:a:b", "log.decision('a:b')"),
        ("replay:it's", 'log.decision("it\'s").replay()'),
        ("explain:a:b:lime", "log.decision('a:b').explain('lime')"),
        ("lineage:a:b", "log.decision('a:b').lineage_graph()"),
        ("decisions:decision = 'a:b'", "log.decisions(\"decision = 'a:b'\")"),
        ("onset", "log.onset()"),
        ("cause:2015-07-01", "log.cause(since='2015-07-01')"),
        ("performance", "log.performance()"),
        ("fairness:inputs.sex:approve", "log.fairness(['inputs.sex'], favourable='approve')"),
        ("fairness:approve:approve", "log.fairness(['approve'], favourable='approve')"),
        ("impact:3.0.0", "log.impact(al.Correction.version('3.0.0'))"),
        ("impact-unit:distance:km -> mile", "log.impact(al.Correction.unit('distance', 'km -> mile'))"),
    ],
)
def test_a_question_as_a_person_writes_it_and_as_it_is_asked(written, query):
    step = parsed_step(written)
    assert step.query() == query
    assert step_of(query) == step


@pytest.mark.parametrize(
    "written",
    [
        "",
        "nothing",
        "drift:x",
        "replay",
        "replay:",
        "explain:a",
        "explain:a:magic",
        "onset:x",
        "cause",
        "cause:July",
        "cause:2015-07-01T00:00",
        "cause:2015-07-01\n",
        "fairness:a",
        "fairness:a:",
        "impact",
        "impact-unit:a",
    ],
)
def test_what_is_no_question(written):
    with pytest.raises(MisuseError):
        parsed_step(written)


@pytest.mark.parametrize(
    "query",
    [
        "", "log.drift( )", "log.drift() ", "log.drift(); exit()", "log.decision('a' 'b')", "log.decision(x)",
        "log.decision('')", "log.decision('a').explain('magic')", "__import__('os').system('a')",
        "log.cause(since='yesterday')", "log.cause('2015-07-01')", "log.impact(al.Correction.rules('x'))",
        "log.impact(al.Correction.version(x))", "log.fairness('a', favourable='b')",
        "log.fairness(['a'], favourable='')", "log.impact(al.Correction.version(''))",
        "log.fairness(['a', 'c'], favourable='b')", "log.decision('a').lineage_graph(1)",
        'log.decision("a")', "(" * 1000, "x" * 10_000, "\0",
    ],
)  # fmt: skip
def test_nothing_else_is_recognised(query):
    assert step_of(query) is None


@given(st.text(min_size=1, max_size=40), st.text(max_size=40))
def test_no_text_leaves_its_literal(prediction_id, title):
    step = Step("replay", {"id": prediction_id})
    _, source, _ = generated_sources({**CASE, "question": title}, title, [(step, title)])
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    assert {ast.unparse(call.func).rpartition(".")[2] for call in calls} == {"decision", "replay", "keep"}
    assert source.isascii()
    assert step_of(step.query()) == step


def test_steps_of_somebody_else_are_taken_only_where_they_are_known():
    good = {"exhibit": "e1", "question": "replay", "parameters": {"id": "a"}}
    bad = [
        {**good, "question": "format"}, {**good, "question": []}, {**good, "parameters": {"id": 1}},
        {**good, "parameters": {"id": ""}}, {**good, "parameters": {"id": "a", "more": "b"}}, {**good, "exhibit": "e2"},
        {**good, "parameters": []}, {"question": "drift"},
    ]  # fmt: skip
    value = {"exhibits": [{"id": "e1", "title": "A title"}], "steps": [*bad, good]}
    assert stated_steps(value) == [(Step("replay", {"id": "a"}), "A title")]


def test_the_notebook_has_a_cell_for_each_step():
    steps = [Step("drift", {}), Step("explain", {"id": "a", "method": "shap"})]
    notebook = json.loads(notebook_bytes(CASE, "../log", steps))
    sources = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert sources[1] == (
        "answer = log.drift()\n"
        "case.keep(answer, 'Drift against the first weeks', query='log.drift()')\n"
        "answer"
    )  # fmt: skip
    assert sources == generated_sources(CASE, "../log", [(step, step.title()) for step in steps])
    assert notebook_bytes(CASE, "../log", steps) == notebook_bytes(CASE, "../log", steps)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_one_that_the_library_takes(name, make_log, tmp_path):
    """Each call of a question, from the inside out, is bound to what it calls."""
    import audit_lab as al

    log = al.open(make_log(tmp_path / "log"))
    known = {"log": log, "al": al}
    given = {"version": "1", "since": "2026-01-01", "method": "shap", "id": log.find()["place"][0]}
    step = Step(name, {each: given.get(each, "amount") for each in QUESTIONS[name].parameters})
    calls = [node for node in ast.walk(ast.parse(step.query(), mode="eval")) if isinstance(node, ast.Call)]
    bound = 0
    for call in reversed(calls):
        target = ast.unparse(call.func)
        method = eval(target, known)
        arguments = [ast.literal_eval(each) if not isinstance(each, ast.Call) else None for each in call.args]
        inspect.signature(method).bind(*arguments, **{each.arg: ast.literal_eval(each.value) for each in call.keywords})
        bound += 1
    assert bound == len(calls) >= 1


def test_a_log_is_named_as_seen_from_the_notebook(tmp_path):
    assert relative_path(tmp_path / "a" / "log", tmp_path / "b" / "n.ipynb") == "../a/log"
