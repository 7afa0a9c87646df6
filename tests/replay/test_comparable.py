"""The nearest cases of a decision, beside a search by hand, and what is left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, ModelError
from audit_lab.replay.comparable import Span, find_comparable

OTHER = {"deny": "approve", "approve": "deny"}


def by_hand(log, prediction_id, *, before=True):
    """Return (distance, time, id) of every case decided otherwise, nearest first, by plain loops."""
    rows = log.predictions.join(log.inputs("loans"), on="prediction_id").collect().to_dicts()
    own = next(row for row in rows if row["prediction_id"] == prediction_id)
    rows = [row for row in rows if row is not own and (not before or row["occurred_at"] < own["occurred_at"])]
    width = {
        name: max(row[name] for row in [own, *rows]) - min(row[name] for row in [own, *rows])
        for name in ("income", "years")
    }
    found = []
    for row in rows:
        parts = [abs(row[name] - own[name]) / width[name] for name in ("income", "years")]
        parts.insert(1, float(row["city"] != own["city"]))
        if row["decision"] != own["decision"]:
            found.append((sum(parts) / 3, row["occurred_at"], row["prediction_id"]))
    return sorted(found)


@pytest.mark.parametrize("prediction_id", ["p-012", "p-025", "p-039"])
@pytest.mark.parametrize("before", [True, False])
def test_the_nearest_are_those_of_a_search_by_hand(make_log, prediction_id, before):
    log = al.open(make_log())
    expected = by_hand(log, prediction_id, before=before)
    found = log.decision(prediction_id).comparable(5, as_of=None if before else "any")
    assert found.cases["prediction_id"].to_list() == [name for _, _, name in expected[:5]]
    assert found.cases["distance"].to_list() == pytest.approx([each for each, _, _ in expected[:5]], abs=1e-12)
    assert found.candidates == len(expected)
    assert found.compared == (int(prediction_id[-3:]) if before else 39)


@pytest.mark.parametrize("chunk_rows", [1, 7, 40])
def test_chunks_do_not_matter(make_log, chunk_rows):
    log = al.open(make_log())
    decision = log.decision("p-030")
    parts = find_comparable(log._store, decision._parts, 4, chunk_rows=chunk_rows)
    assert parts.digest == decision.comparable(4).digest


def test_ties_go_by_time_then_id(make_log):
    same = lambda frame: frame.with_columns(income=pl.lit(100.0), city=pl.lit("Bern"), years=pl.lit(5, dtype=pl.Int64))
    times = pl.Series("occurred_at", [datetime(2024, 1, 1 + row // 2, tzinfo=UTC) for row in range(40)])
    decided = pl.when(pl.col("prediction_id") == "p-039").then(pl.lit("deny")).otherwise(pl.lit("approve"))
    log = al.open(
        make_log(inputs_loans=same, predictions=lambda f: f.reverse().with_columns(times.reverse(), decision=decided))
    )
    found = log.decision("p-039").comparable(4, as_of="any")
    assert found.cases["prediction_id"].to_list() == ["p-000", "p-001", "p-002", "p-003"]
    assert found.cases["distance"].to_list() == [0.0] * 4
    assert "differs in none of the features" in found.summary()[1]


def test_the_answer_is_said_in_sentences_with_units(make_log):
    inputs = lambda frame: frame.with_columns(
        income=pl.when(pl.col("prediction_id") == "p-001").then(6_400.0).otherwise(5_200.0),
        city=pl.lit("Bern"),
        years=pl.lit(5, dtype=pl.Int64),
    )
    decided = pl.when(pl.col("prediction_id") == "p-001").then(pl.lit("approve")).otherwise(pl.lit("deny"))
    log = al.open(make_log(inputs_loans=inputs, predictions=lambda f: f.with_columns(decision=decided)))
    found = log.decision("p-003").comparable()
    assert found.summary()[0] == (
        "3 decisions of loans 1 taken before this one (2024-03-04 12:00:00 UTC) were looked at; 3 can be compared with "
        "p-003, and 1 of those were decided otherwise than 'deny'."
    )
    assert found.summary()[1] == (
        "The nearest case decided otherwise than 'deny', p-001 ('approve'), is at distance 0.3333: it differs in "
        "income by 1,200 EUR (5200 here, 6400 there)."
    )
    assert found.differences.row(0, named=True) == {
        "rank": 1,
        "prediction_id": "p-001",
        "feature": "income",
        "unit": "EUR",
        "this": "5200",
        "other": "6400",
        "difference": 1200.0,
        "part": 1.0,
    }


def test_what_cannot_be_compared_is_left_out_and_counted(make_log):
    def predictions(frame):
        failed = pl.when(pl.col("prediction_id") == "p-002").then(pl.lit("down"))
        kept = pl.when(pl.col("prediction_id") != "p-004").then("decision")
        changed = frame.with_columns(error=failed, decision=kept)
        return pl.concat([changed, changed[6:7]])

    log = al.open(
        make_log(predictions=predictions, inputs_loans=lambda frame: frame.filter(pl.col("prediction_id") != "p-001"))
    )
    found = log.decision("p-030").comparable(30, decided_otherwise=False)
    assert found.left_out == {
        "ambiguous-id": 2,
        "decision-missing": 1,
        "inputs-missing": 1,
        "prediction-failed": 1,
    }
    assert (found.searched, found.compared) == (31, 26)
    assert not {"p-001", "p-002", "p-004", "p-006"} & set(found.cases["prediction_id"])
    assert "2 have an id that stands in several places (ambiguous-id)" in " ".join(found.summary())


def test_another_version_counts_only_where_it_is_wanted(make_log):
    version = pl.when(pl.col("prediction_id") < "p-020").then(pl.lit("0")).otherwise(pl.lit("1"))
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(model_version=version)))
    assert log.decision("p-030").comparable().compared == 10
    assert log.decision("p-030").comparable(same_version=False).compared == 30


def test_a_window_and_a_moment_bound_the_search(make_log):
    decision = al.open(make_log()).decision("p-030")
    assert decision.comparable(as_of="2024-03-04T14:00").searched == 5
    assert decision.comparable(window=("2024-03-04T12:00", "2024-03-04T14:00")).searched == 2
    assert decision.comparable(window=("2024-03-05T12:00", None), as_of="any").searched == 12
    assert "taken at any time, also after this one, from 2024-03-05 12:00:00 UTC on" in " ".join(
        decision.comparable(window=("2024-03-05T12:00", None), as_of="any").summary()
    )


def test_only_named_features_count(make_log):
    found = al.open(make_log()).decision("p-030").comparable(3, features=["years", "income"])
    assert [scale.name for scale in found.scales] == ["years", "income"]
    assert found.differences["feature"].unique(maintain_order=True).to_list() == ["years", "income"]


def test_an_overridden_case_is_marked(make_log):
    overrides = pl.DataFrame(
        {
            "prediction_id": [f"p-{row:03d}" for row in range(30)],
            "recorded_at": [datetime(2024, 4, 1, tzinfo=UTC)] * 30,
            "decision_after": ["refer"] * 30,
        }
    )
    found = al.open(make_log(overrides=overrides)).decision("p-030").comparable(2)
    assert found.cases["final_decision"].to_list() == ["refer", "refer"]
    assert "overridden to 'refer' afterwards" in found.summary()[1]


def test_none_is_said_to_be_none(make_log):
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(decision=pl.lit("deny"))))
    found = log.decision("p-030").comparable()
    assert found.cases.is_empty()
    assert found.differences.is_empty()
    assert found.summary()[1] == "None of them was decided otherwise than 'deny'."
    first = log.decision("p-000").comparable(decided_otherwise=False)
    assert first.summary()[1] == "There is none to compare with."


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"inputs_loans": lambda f: f.filter(pl.col("prediction_id") != "p-030")}, "inputs-missing"),
        ({"predictions": lambda f: f.with_columns(decision=pl.lit(None, dtype=pl.String))}, "decision-missing"),
        (
            {"predictions": lambda f: f.with_columns(occurred_at=pl.lit(None, dtype=f.schema["occurred_at"]))},
            "time-missing",
        ),
    ],
)
def test_a_decision_that_cannot_be_compared_says_why(make_log, change, code):
    with pytest.raises(ModelError) as caught:
        al.open(make_log(**change)).decision("p-030").comparable()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": 0}, "0 is no number of cases"),
        ({"features": ["age"]}, "'age' is no input of this decision"),
        ({"features": ["income", "income"]}, "a feature is named twice"),
        ({"features": []}, "no feature of this decision can be compared"),
        ({"as_of": "soon"}, "is not a date or time"),
    ],
)
def test_what_cannot_be_asked_is_refused(make_log, options, said):
    with pytest.raises(MisuseError, match=said):
        al.open(make_log()).decision("p-030").comparable(**options)


def test_the_answer_is_json_and_its_digest_the_same_again(make_log):
    folder = make_log()
    one, other = (al.open(folder).decision("p-030").comparable(3) for _ in range(2))
    assert json.loads(json.dumps(one.to_dict())) == other.to_dict()
    assert one.digest == other.digest != al.open(folder).decision("p-030").comparable(2).digest


def test_texts_of_the_log_are_escaped_in_html(make_log):
    hostile = "<img src=x onerror=alert(1)>"
    decided = pl.when(pl.col("prediction_id") < "p-030").then(pl.lit(hostile)).otherwise(pl.lit("deny"))
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(decision=decided)))
    shown = log.decision("p-030").comparable()._repr_html_()
    assert hostile not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_the_journal_says_what_was_asked(make_log, tmp_path):
    log = al.open(make_log(), actor="a", purpose="p", journal=tmp_path / "j.jsonl")
    log.decision("p-030").comparable(3, features=["income"])
    line = al.read_journal(tmp_path / "j.jsonl").lines[-1]
    assert (line.kind, line.rows) == ("comparable", 31)
    assert line.question == (
        "comparable p-030@part-00000:30; k 3; decided_otherwise True; same_version True; features income"
    )
    assert "inputs.income" in line.columns


def test_erased_inputs_are_left_out_and_an_erased_decision_is_not_compared(make_log, tmp_path):
    subjects = pl.Series("subject_id", [f"s-{row % 10}" for row in range(40)])
    plain = al.open(make_log(predictions=lambda frame: frame.with_columns(subjects)))
    tables = {name: plain._store.table(name).collect() for name in plain.describe()["tables"]}
    with al.create_log(tmp_path / "sealed", "demonstration-loans", vault=tmp_path / "vault") as writer:
        writer.append(tables)
    al.erase(tmp_path / "sealed", subject="s-3", actor="keeper", reason="asked for", vault=tmp_path / "vault")
    log = al.open(tmp_path / "sealed")
    found = log.decision("p-030").comparable(decided_otherwise=False)
    assert found.left_out == {"erased": 3}
    with pytest.raises(ModelError) as caught:
        log.decision("p-033").comparable()
    assert caught.value.code == "erased"


def test_a_span_says_its_bounds():
    at = datetime(2024, 3, 4, tzinfo=UTC)
    assert Span(None, at, None).bounds(datetime(2024, 5, 1, tzinfo=UTC)) == (None, at)
    assert Span(None, None, at).words(None) == "taken before 2024-03-04 00:00:00 UTC"
