"""Asking a log for many decisions: by ids, by an expression, about a subject; and what is told of them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AmbiguousIdError, LogError, MisuseError, NotFoundError
from audit_lab.log.journal.record import read_journal

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)


def of_subjects(frame):
    decision = pl.when(pl.col("sequence") == 1).then(pl.lit("approve")).otherwise(pl.lit("deny"))
    return frame.with_columns(subject_id=pl.format("s-{}", pl.col("sequence") % 4), decision=decision)


@pytest.fixture
def log(make_log):
    overrides = pl.DataFrame(
        {
            "prediction_id": ["p-001", "p-001", "p-005"],
            "recorded_at": [datetime(2024, 4, day, tzinfo=UTC) for day in (1, 2, 3)],
            "kind": ["contest", "contest answer", "override"],
            "actor": ["applicant", "henrik.lund", "nadia.osei"],
            "role": ["subject", "head of credit", "credit officer"],
            "reason": ["asks why", "checked again", None],
            "decision_before": ["approve", "approve", "deny"],
            "decision_after": [None, "approve", "refer"],
        }
    )
    return al.open(make_log(predictions=of_subjects, overrides=overrides))


def asked(decisions):
    return decisions.frame["asked"].to_list()


@pytest.mark.parametrize(
    "ids",
    [
        ["p-003", "p-001"],
        ("p-003", "p-001"),
        pl.Series(["p-003", "p-001"]),
        pl.Series(["p-003", "p-001"]).cast(pl.Categorical),
    ],
)
def test_a_list_a_tuple_and_a_series_hold_ids(log, ids):
    decisions = log.decisions(ids)
    assert asked(decisions) == ["p-003", "p-001"]
    assert decisions.frame["found"].all()


def test_text_is_an_expression(log):
    decisions = log.decisions("inputs.years < 2", since="2024-03-05", until="2024-03-06T00:00", model="loans")
    found = log.find("inputs.years < 2", since="2024-03-05", until="2024-03-06T00:00")
    assert len(decisions) == found.height > 0
    assert decisions.frame["place"].to_list() == found["place"].to_list()
    assert decisions.frame["decision_rule"].unique().to_list() == ["newcomer"]


def test_a_polars_expression_and_nothing_at_all(log):
    assert asked(log.decisions(pl.col("sequence") < 2)) == ["p-000@part-00000:0", "p-001@part-00000:1"]
    assert len(log.decisions()) == 40
    assert asked(log.decisions(limit=1)) == ["p-000@part-00000:0"]
    assert len(log.decisions(limit=0)) == 0
    assert len(log.decisions(model="another")) == 0


def test_about_one_subject_in_order_of_time(log):
    decisions = log.subject("s-1")
    assert decisions.frame["prediction_id"].to_list() == [f"p-{number:03d}" for number in range(1, 40, 4)]
    assert decisions.frame["occurred_at"].is_sorted()
    narrowed = log.decisions(subject="s-1", since="2024-03-05", until="2024-03-06", model="loans", limit=3)
    assert narrowed.frame["prediction_id"].to_list() == ["p-017", "p-021", "p-025"]
    assert log.decisions("decision = 'deny'", subject="s-1").frame["decision"].unique().to_list() == ["deny"]


def test_the_timeline_of_a_subject(log):
    told = log.decisions(["p-001", "p-005"]).timeline.select("at", "what", "prediction_id", "told").rows()
    assert told == [
        (datetime(2024, 3, 4, 9, tzinfo=UTC), "outcome", "p-001", "good"),
        (datetime(2024, 3, 4, 10, tzinfo=UTC), "decision", "p-001", "approve"),
        (datetime(2024, 3, 4, 14, tzinfo=UTC), "decision", "p-005", "deny"),
        (datetime(2024, 4, 1, tzinfo=UTC), "contest", "p-001", "applicant (subject): about approve (asks why)"),
        (
            datetime(2024, 4, 2, tzinfo=UTC),
            "contest answer",
            "p-001",
            "henrik.lund (head of credit): approve stands (checked again)",
        ),
        (datetime(2024, 4, 3, tzinfo=UTC), "override", "p-005", "nadia.osei (credit officer): deny to refer"),
    ]


def test_a_subject_that_is_not_there_may_have_been_erased(log):
    nobody = log.subject("nobody")
    assert " ".join(nobody.summary()) == (
        "No decision about 'nobody' was found. Where a subject was erased, the log no longer says which decisions were "
        "about them."
    )
    assert nobody.timeline.is_empty()


def test_the_summary_counts_what_there_is(log):
    summary = log.decisions(["p-001", "p-005", "p-999"]).summary()
    assert summary == [
        "2 of 3 decisions asked for were found.",
        "They were made from 2024-03-04 10:00 UTC to 2024-03-04 14:00 UTC.",
        "Versions: loans 1 (2).",
        "Decisions: approve (1), deny (1).",
        "Changed afterwards: deny to refer (1).",
        "Outcomes known of 1: good (1).",
        "1 has the gap outcome-missing.",
        "1 has the finding contested.",
        "1 has the finding overridden.",
        "1 stands nowhere in the log: see missing.",
    ]


def test_one_by_its_number_its_id_or_its_place(log):
    decisions = log.decisions(["p-003", "p-005@part-00000:5", "p-999"])
    for which in (1, -2, "p-005", "p-005@part-00000:5"):
        one = decisions[which]
        assert isinstance(one, al.Decision)
        assert one.to_dict() == log.decision("p-005").to_dict()
    with pytest.raises(NotFoundError, match="holds no prediction 'p-999'"):
        decisions[2]
    with pytest.raises(NotFoundError, match="'p-007' is none of these 3 decisions"):
        decisions["p-007"]
    with pytest.raises(IndexError):
        decisions[3]


def test_going_through_them_yields_those_that_were_found(log):
    decisions = log.decisions(["p-003", "p-999", "p-001"])
    assert [one.prediction_id for one in decisions] == ["p-003", "p-001"]
    assert len(decisions) == 3
    assert decisions.missing == ("p-999",)
    assert decisions[0].replay().reproduced


def test_an_id_that_stands_twice_is_ambiguous_until_its_place_is_asked_for(make_log):
    log = al.open(make_log(predictions=lambda frame: pl.concat([frame, frame[3:4]])))
    decisions = log.decisions(["p-003"])
    assert decisions.ambiguous["place"].to_list() == ["p-003@part-00000:3", "p-003@part-00000:40"]
    assert decisions.summary()[-1] == "1 id stands in several places: see ambiguous."
    with pytest.raises(AmbiguousIdError):
        decisions[0]
    assert len(list(log.decisions(decisions.ambiguous["place"]))) == 2


def test_a_place_that_is_also_an_id_is_ambiguous(make_log):
    odd = lambda frame: frame.with_columns(
        prediction_id=pl.when(pl.col("sequence") == 1).then(pl.lit("p-002@part-00000:2")).otherwise("prediction_id")
    )
    log = al.open(make_log(predictions=odd))
    decisions = log.decisions(["p-000", "p-002@part-00000:2"])
    assert decisions.frame["found"].to_list() == [True, False]
    assert decisions.ambiguous.rows() == [
        ("p-002@part-00000:2", "p-002@part-00000:02"),
        ("p-002@part-00000:2", "p-002@part-00000:2@part-00000:1"),
    ]
    with pytest.raises(AmbiguousIdError, match="is the place of one prediction and the id of another"):
        decisions[1]
    asked_apart = log.decisions(decisions.ambiguous["place"])
    assert [one.prediction_id for one in asked_apart] == ["p-002", "p-002@part-00000:2"]
    with pytest.raises(AmbiguousIdError, match="names 2 of these decisions"):
        asked_apart["p-002@part-00000:2"]
    assert asked_apart["p-002"].place == "p-002@part-00000:2"


def test_rows_of_an_expression_are_those_rows_though_an_id_looks_like_a_place(make_log):
    odd = lambda frame: frame.with_columns(
        prediction_id=pl.when(pl.col("sequence") == 1).then(pl.lit("p-002@part-00000:2")).otherwise("prediction_id")
    )
    log = al.open(make_log(predictions=odd))
    decisions = log.decisions("sequence < 3")
    assert decisions.frame["prediction_id"].to_list() == ["p-000", "p-002@part-00000:2", "p-002"]
    assert decisions.frame["place"].to_list()[1] == "p-002@part-00000:2@part-00000:1"


def test_a_prediction_without_an_id_cannot_be_asked_for(make_log):
    unnamed = lambda frame: frame.with_columns(prediction_id=pl.when(pl.col("sequence") > 0).then("prediction_id"))
    assert len(al.open(make_log(predictions=unnamed)).decisions()) == 39


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (({"p-001"},), "decisions were asked for by set"),
        ((7,), "decisions were asked for by int"),
        ((["p-001", 7],), "a prediction id is text, not int"),
        ((["p-001", None],), "a prediction id is text, not NoneType"),
        ((pl.Series([1, 2]),), "a prediction id is text, not Int64"),
        ((pl.Series(["p-001", None]),), "a prediction id is text, not a null"),
        ((["\ud800"],), "half of a surrogate pair"),
        (("no_such_column = 1",), "no_such_column"),
    ],
)
def test_what_cannot_be_meant_is_misuse(log, given, message):
    with pytest.raises(MisuseError, match=message):
        log.decisions(*given)


@pytest.mark.parametrize("narrowed", [{"since": "2024-03-04"}, {"model": "loans"}, {"subject": "s"}, {"limit": 3}])
def test_ids_are_not_narrowed(log, narrowed):
    with pytest.raises(MisuseError, match="ids were given together with"):
        log.decisions(["p-001"], **narrowed)


@pytest.mark.parametrize("narrowed", [{"limit": -1}, {"subject": 7}, {"since": "yesterday"}])
def test_limits_that_cannot_be_meant(log, narrowed):
    with pytest.raises(MisuseError):
        log.decisions(**narrowed)


def test_the_document_is_json_and_the_html_is_escaped(make_log):
    hostile = "<img src=x onerror=alert(1)>"
    change = lambda frame: frame.with_columns(
        decision=pl.lit(hostile), outputs=pl.struct(score=pl.lit(float("nan")), label=pl.lit("bad"))
    )
    decisions = al.open(make_log(predictions=change)).decisions(limit=12)
    document = decisions.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["decisions"][0]["score"] == "nan"
    assert document["decisions"][0]["occurred_at"].startswith("2024-03-04T09:00:00")
    shown = decisions._repr_html_()
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert "<p>2 more are in frame.</p>" in shown
    assert repr(decisions).startswith("Decisions: 12 of 12 decisions asked for were found.")


def question(log):
    return list(read_journal(log.journal.path).lines)[-1]


def test_the_journal_names_few_ids_and_counts_many(make_log, tmp_path):
    journal = tmp_path / "journal"
    log = al.open(make_log(predictions=of_subjects), actor="Jane Doe", purpose="complaint", journal=journal)
    log.decisions(["p-001", "p-002", "p-999"])
    line = question(log)
    assert (line.kind, line.question, line.rows) == ("decisions", "decisions p-001, p-002, p-999", 2)
    assert {"predictions.decision", "predictions.outputs", "inputs.income", "outcomes.label"} <= set(line.columns)
    many = [f"p-{number:03d}" for number in range(30)]
    log.decisions(many)
    digest = hashlib.sha256("".join(f"{name}\n" for name in many).encode()).hexdigest()
    assert question(log).question == f"decisions 30 ids, one a line: SHA-256 {digest}"
    log.subject("s-1")
    assert (question(log).question, question(log).rows) == ("decisions; subject s-1", 10)
    log.decisions("decision = 'deny'", limit=2)
    assert question(log).question == "decisions decision = 'deny'; limit 2"
    with pytest.raises(MisuseError):
        log.decisions("no_such_column = 1")
    assert question(log).answer == "failed: MisuseError"


def test_going_through_them_is_no_further_question(make_log, tmp_path):
    log = al.open(make_log(), actor="Jane Doe", purpose="complaint", journal=tmp_path / "journal")
    decisions = log.decisions(["p-001", "p-002"])
    before = question(log)
    assert [one.prediction_id for one in decisions] == ["p-001", "p-002"]
    assert question(log) == before
    decisions[0].replay()
    assert question(log).kind == "replay"


@pytest.fixture
def read_ahead(monkeypatch):
    monkeypatch.setattr("audit_lab.replay.reconstruction.inputs_ahead._FEWEST", 1)


@pytest.mark.usefixtures("read_ahead")
def test_inputs_read_ahead_are_those_that_are_read_when_they_are_wanted(make_log):
    half = lambda frame: pl.concat([frame[::2], frame[4:5]])
    log = al.open(make_log(inputs_loans=half))
    ids = ["p-001", "p-002@part-00000:2", "p-003", "p-004", "p-006", "p-999"]
    decisions = log.decisions(ids)
    assert decisions.inputs["prediction_id"].to_list() == ["p-002", "p-006"]
    assert decisions.frame["has_inputs"].to_list() == [False, True, False, False, True, None]
    assert decisions.frame["gaps"].to_list()[3] == ["ambiguous-id", "outcome-missing"]


@pytest.mark.usefixtures("read_ahead")
def test_inputs_that_cannot_be_read_ahead_are_an_error_when_they_are_wanted(make_log):
    folder = make_log()
    log = al.open(folder)
    (folder / "inputs" / "loans" / "part-00000.parquet").unlink()
    with pytest.raises(LogError, match=r"part-00000\.parquet .*missing"):
        log.decisions(["p-001", "p-002"])
    assert log.decisions(["p-999", "p-998"]).missing == ("p-999", "p-998")
