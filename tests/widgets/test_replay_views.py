"""The views of many decisions, of their replay, and of two runs of the same inputs, live and static."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import audit_lab as al
from audit_lab.replay.environment.exploration import explore
from audit_lab.replay.runner import Runner
from audit_lab.widgets import BatchReplayView, DecisionsView, ExplorationView

HOSTILE = "<img src=x onerror=alert(1)>"
ESCAPED = "&lt;img src=x onerror=alert(1)&gt;"
LIVE = "application/vnd.jupyter.widget-view+json"
VIEW = "application/vnd.audit-lab.view+json"


def both_versions(frame):
    other = {"model_version": "2", "decision_rules": "[]", "threshold": 0.45}
    return pl.concat([frame, frame.with_columns(**{name: pl.lit(value) for name, value in other.items()})])


@pytest.fixture
def log(make_log):
    subjects = pl.Series("subject_id", [f"s-{row % 10}" for row in range(40)])
    return al.open(
        make_log(
            predictions=lambda frame: frame.with_columns(subjects),
            inputs_loans=lambda frame: frame.head(38),
            model_versions=both_versions,
        )
    )


def test_each_has_a_view_with_a_static_rendering(log):
    for answer, kind in (
        (log.decisions("sequence < 5"), DecisionsView),
        (log.replay(causes=False), BatchReplayView),
        (log.explore("1", "2"), ExplorationView),
    ):
        view = al.view(answer)
        assert isinstance(view, kind)
        bundle = view._repr_mimebundle_()
        assert set(bundle) == {LIVE, VIEW, "text/html", "text/plain"}
        assert bundle["text/html"] == view.static_html()
        assert "http" not in view.static_html()


# --- many decisions ---------------------------------------------------------------------------------------------------


def test_decisions_say_what_they_are_and_what_is_missing(log):
    shown = DecisionsView(log.decisions(["p-001", "p-039", "p-999"])).static_html()
    for said in ("2 of 3 decisions asked for were found.", "p-039", "inputs-missing", "Not in the log", "p-999"):
        assert said in shown
    assert "In order of time" not in shown


def test_all_about_one_subject_comes_in_order_of_time(log):
    view = DecisionsView(log.subject("s-1"))
    assert "In order of time" in view.static_html()
    assert "4 decisions were found about" in view.text()


def test_ids_in_several_places_are_named_with_each(make_log):
    log = al.open(make_log(predictions=lambda frame: pl.concat([frame, frame[3:4]])))
    shown = DecisionsView(log.decisions(["p-003"])).static_html()
    assert "p-003@part-00000:3" in shown
    assert "p-003@part-00000:40" in shown


def test_the_chosen_decision_is_shown_whole(log):
    view = DecisionsView(log.decisions(["p-999", "p-004", "p-005"]))
    before = view.static_html()
    assert [label for label, _ in view.decision.options] == ["none", "p-004@part-00000:4", "p-005@part-00000:5"]
    view.decision.value = 2
    assert view.static_html().startswith(before.removesuffix("</div>"))
    assert "Model version" in view.children[2].value
    assert view.code().endswith("al.view(decisions).choose(decision=2)\n")


def test_the_chosen_decision_is_shown_with_its_bytes_where_they_are_asked_for(log):
    view = DecisionsView(log.decisions(["p-004", "p-005"]))
    assert view.stored.layout.display == "none"
    view.decision.value = 1
    assert view.stored.layout.display is None
    assert "Stored in predictions" not in view.static_html()
    view.stored.value = True
    assert ">s5:p-005</td>" in view.children[2].value
    assert view.code().endswith("al.view(decisions).choose(decision=1, stored=True)\n")
    view.decision.value = 0
    assert ">s5:p-004</td>" in view.static_html()


def test_more_than_a_few_decisions_are_counted(log):
    shown = DecisionsView(log.decisions()).static_html()
    assert "15 more are in decisions.frame." in shown
    assert "p-024" in shown
    assert "p-025" not in shown


@pytest.mark.parametrize(
    "ask",
    [
        lambda log: log.decisions(["p-001", "p-002"]),
        lambda log: log.decisions("inputs.years < 5", since="2024-03-04", until="2024-03-05", model="loans", limit=3),
        lambda log: log.subject("s-3"),
        lambda log: log.decisions(),
    ],
)
def test_the_code_of_decisions_asks_for_the_same(log, monkeypatch, ask):
    asked = ask(log)
    shown = []
    code = DecisionsView(asked).code()
    monkeypatch.setattr(al, "view", shown.append)
    exec(code, {"log": log})
    assert [each.frame.rows() for each in shown] == [asked.frame.rows()]


def test_the_code_counts_on_what_cannot_be_written_out(log, monkeypatch):
    expression = pl.col("sequence") < 2
    by_polars = DecisionsView(log.decisions(expression)).code()
    ids = pl.Series([f"p-{row:03d}" for row in range(40)] * 2)
    by_ids = DecisionsView(log.decisions(ids)).code()
    assert "# expression = the polars expression that was given" in by_polars
    assert "# ids: 80 ids, one a line: SHA-256" in by_ids
    shown = []
    monkeypatch.setattr(al, "view", shown.append)
    for code in (by_polars, by_ids):
        exec(code, {"log": log, "expression": expression, "ids": ids})
    assert [len(each) for each in shown] == [2, 80]


# --- a batch replay ---------------------------------------------------------------------------------------------------


def test_a_batch_replay_says_verdicts_groups_and_how_it_was_run(log):
    view = BatchReplayView(log.replay(causes=False))
    shown = view.static_html()
    for said in ("38 of 40 predictions were reproduced", "inputs-missing", "p-038", "present environment", "network"):
        assert said in shown
    assert view.text().startswith("38 of 40 predictions were reproduced")


def test_the_predictions_of_a_code_are_shown_when_it_is_chosen(log):
    view = BatchReplayView(log.replay(causes=False))
    assert "p-039" not in view.static_html()
    view.code_shown.value = "inputs-missing"
    assert "p-039" in view.static_html()
    assert "The log holds no inputs for this prediction." in view.children[2].value
    names = {"log": log}
    exec(view.code(), names)
    assert names["rows"]["prediction_id"].to_list() == ["p-038", "p-039"]


def test_a_whole_replay_has_no_code_to_choose(make_log):
    view = BatchReplayView(al.open(make_log()).replay(causes=False))
    assert [label if isinstance(label, str) else label[0] for label in view.code_shown.options] == ["none"]
    assert "40 of 40 predictions were reproduced" in view.static_html()


def test_the_code_of_a_batch_replay_asks_for_the_same(log, monkeypatch, tmp_path):
    options = {"since": "2024-03-04T12:00", "until": "2024-03-05", "model": "loans", "causes": False}
    asked = log.replay("inputs.years < 9", **options, keep=tmp_path / "kept")
    code = BatchReplayView(asked).code()
    shown = []
    monkeypatch.setattr(al, "view", shown.append)
    exec(code, {"log": log})
    assert [each.rows.rows() for each in shown] == [asked.rows.rows()]
    assert f"keep={str(tmp_path / 'kept')!r}" in code
    assert "causes=False" in code


def test_a_replay_of_nothing_is_shown(log):
    shown = BatchReplayView(log.replay(until="1999-01-01")).static_html()
    assert "No prediction matches, so nothing was replayed." in shown


# --- an exploration ---------------------------------------------------------------------------------------------------


def test_an_exploration_says_where_two_runs_part(log):
    found = log.explore("1", "2")
    view = ExplorationView(found)
    shown = view.static_html()
    assert found.differing.height > 0
    assert found.summary in shown
    assert found.differing["prediction_id"][0] in shown
    for side in found.sides:
        assert str(side) in shown
    assert view.text().startswith("A: loans 1 in the present environment; B: loans 2 in the present environment")


def test_decisions_that_part_are_shown_apart(make_log):
    registry = lambda frame: pl.concat(
        [frame, frame.with_columns(model_version=pl.lit("2"), decision_rules=pl.lit("[]"))]
    )
    found = al.open(make_log(model_versions=registry)).explore("1", "2")
    view = ExplorationView(found)
    view.rows_shown.value = "Decided otherwise"
    assert f"Decided otherwise: {found.differing.height} inputs" in view.static_html()
    assert "approve" in view.children[1].value


def test_the_same_twice_is_said(log):
    view = ExplorationView(log.explore("1", "1"))
    assert "Every output has the same bits." in view.static_html()
    assert [*view.rows_shown.options] == ["Farthest apart"]


def test_the_code_of_an_exploration_runs_the_same(log, monkeypatch):
    found = log.explore("1", "2", expression="inputs.years < 9", since="2024-03-04", rows=7)
    code = ExplorationView(found).code()
    shown = []
    monkeypatch.setattr(al, "view", shown.append)
    exec(code, {"log": log})
    assert [each.table.rows() for each in shown] == [found.table.rows()]
    assert "rows=7" in code


def test_an_exploration_of_no_log_does_not_invent_one(log, small_model):
    runner = Runner(log._store)
    found = explore(runner.loaded("loans", "1"), None, small_model.inputs)
    assert "log." not in ExplorationView(found).code().replace("of no log", "")


def test_texts_of_the_log_are_escaped(make_log):
    named = lambda frame: frame.with_columns(
        prediction_id=pl.when(pl.col("sequence") == 0).then(pl.lit(HOSTILE)).otherwise("prediction_id"),
        model_version=pl.when(pl.col("sequence") == 1).then(pl.lit(HOSTILE)).otherwise("model_version"),
    )
    renamed = lambda frame: frame.with_columns(
        prediction_id=pl.when(pl.col("prediction_id") == "p-000").then(pl.lit(HOSTILE)).otherwise("prediction_id")
    )
    rules = json.dumps([{"name": "all", "when": "inputs.years > -1", "decision": HOSTILE}])
    registry = lambda frame: pl.concat(
        [frame, frame.with_columns(model_version=pl.lit("2"), decision_rules=pl.lit(rules))]
    )
    log = al.open(make_log(predictions=named, inputs_loans=renamed, model_versions=registry))
    for view in (
        DecisionsView(log.decisions("sequence < 3")),
        BatchReplayView(log.replay(causes=False)),
        ExplorationView(log.explore("1", "2")),
    ):
        assert HOSTILE not in view.static_html()
        assert ESCAPED in view.static_html()


def test_the_page_names_what_is_shown():
    page = (Path(__file__).parents[2] / "docs" / "decisions.md").read_text()
    shown = page.partition("## In a notebook\n")[2].partition("\n## ")[0]
    for answer in ("decision(", "decisions(", "subject(", "replay(", "explore(", "coverage(", "impact(", "drift("):
        assert f"log.{answer}" in shown
