"""The proposal of a mapping for a foreign folder."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from audit_lab.capture.column_profile import profile_folder, words
from audit_lab.capture.ingest import ingest_report
from audit_lab.capture.propose import Proposal, propose
from audit_lab.capture.score_evidence import parted
from audit_lab.errors import LogError, MisuseError
from audit_lab.log.foreign.mapping import Mapping
from audit_lab.log.foreign.scan import foreign_folder
from audit_lab.log.store import open_store

SAMPLE = Path(__file__).parents[2] / "sample_data" / "foreign_loans"
START = datetime(2025, 1, 1, tzinfo=UTC)
ROWS = 400


def scored(rows: int = ROWS) -> dict[str, pl.Series]:
    """Scores, the labels they lead to at 0.5, and a truth that the scores only lean towards."""
    draws = np.random.default_rng(7)
    score = draws.random(rows)
    truth = draws.random(rows) < 0.3 + 0.4 * score
    return {
        "score": pl.Series(score),
        "label": pl.Series((score >= 0.5).astype(int)),
        "truth": pl.Series(truth.astype(int)),
        "amount": pl.Series(draws.integers(100, 9_000, rows)),
        "purpose": pl.Series(draws.choice(["car", "tv", "house"], rows)),
    }


def proposed(folder: Path, **columns: object) -> Proposal:
    pl.DataFrame(columns).write_parquet(folder / "part.parquet")
    return propose(folder)


def role(proposal: Proposal, name: str):
    return next(role for role in proposal.roles if role.role == name)


def test_the_sample_folder_is_recognised_without_edits():
    mapping = propose(SAMPLE).mapping
    assert mapping.columns == {
        "prediction_id": "req_no",
        "occurred_at": "ts_epoch_ms",
        "model_name": "algo",
        "model_version": "algo_rev",
        "score": "p_bad",
        "decision": "verdict",
        "outcome": "truth",
    }
    assert mapping.inputs == ("x_amt", "x_months", "x_yrs", "x_acct", "x_goal", "x_home")
    assert mapping.time_unit == "ms"


def test_the_sample_folder_opens_through_its_proposal():
    proposal = propose(SAMPLE)
    store = open_store(SAMPLE, proposal.mapping)
    predictions = store.table("predictions").collect()
    assert predictions.height == proposal.rows == ingest_report(SAMPLE, proposal.mapping).rows_kept == 2_000
    assert predictions["occurred_at"].null_count() == 0
    assert store.table("outcomes").collect().height == 1_880
    assert store.inputs("kredit-ampel").collect().height == 2_000


def test_gaps_state_their_effect():
    found = role(propose(SAMPLE), "threshold")
    assert (found.column, found.level, found.confidence) == (None, "none", 0.0)
    assert found.why == "No column states the threshold: why a score led to its decision cannot be checked."


def test_each_role_shows_why_and_samples():
    found = role(propose(SAMPLE), "model_version")
    assert found.samples == ("r8", "r7")
    assert "named as a model's version" in found.why
    assert "missing in 21 of 2,000 rows" in found.why


def test_a_camel_case_log_with_every_role_is_recognised(tmp_path):
    data = scored()
    proposal = proposed(
        tmp_path,
        predictionId=[f"{n:032x}" for n in range(ROWS)],
        requestId=[f"r{n // 2}" for n in range(ROWS)],
        customerId=[f"c{n % 90}" for n in range(ROWS)],
        eventTime=[(START + timedelta(minutes=n)).isoformat() for n in range(ROWS)],
        modelName=["churn"] * ROWS,
        modelVersion=["1.2.0"] * ROWS,
        probability=data["score"],
        predictedLabel=data["label"],
        cutoff=[0.5] * ROWS,
        action=np.where(data["score"] > 0.7, "call", "leave"),
        latencySeconds=[0.01 * (n % 7) for n in range(ROWS)],
        actual=data["truth"],
        amount=data["amount"],
        purpose=data["purpose"],
    )
    assert proposal.mapping.columns == {
        "prediction_id": "predictionId",
        "occurred_at": "eventTime",
        "model_name": "modelName",
        "model_version": "modelVersion",
        "score": "probability",
        "label": "predictedLabel",
        "threshold": "cutoff",
        "decision": "action",
        "request_id": "requestId",
        "subject_id": "customerId",
        "latency_ms": "latencySeconds",
        "outcome": "actual",
    }
    assert proposal.mapping.inputs == ("amount", "purpose")
    assert (proposal.mapping.time_unit, proposal.mapping.latency_unit) == (None, "s")
    assert {found.level for found in proposal.roles} == {"high"}


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_the_unit_of_an_epoch_time_is_told_by_its_size(tmp_path, unit, factor):
    times = [(1_735_689_600 + 60 * n) * factor for n in range(50)]
    proposal = proposed(tmp_path, ts=times, score=[0.5] * 50)
    found = role(proposal, "occurred_at")
    assert (found.column, found.unit, proposal.mapping.time_unit) == ("ts", unit, unit)
    first = open_store(tmp_path, proposal.mapping).table("predictions").collect()["occurred_at"][0]
    assert first == datetime(2025, 1, 1, tzinfo=UTC)


def test_of_two_times_that_of_the_prediction_is_chosen(tmp_path):
    at = [START + timedelta(hours=n) for n in range(50)]
    proposal = proposed(tmp_path, updated_at=at, scored_at=at, birth_date=at, score=[0.5] * 50)
    found = role(proposal, "occurred_at")
    assert found.column == "scored_at"
    assert [other.column for other in found.runners_up] == ["updated_at", "birth_date"]
    assert not set(proposal.mapping.inputs) & {"updated_at", "birth_date"}


def test_numbers_of_no_plausible_size_are_no_time(tmp_path):
    assert role(proposed(tmp_path, timestamp=list(range(100))), "occurred_at").column is None


def test_a_label_that_follows_the_score_is_a_prediction(tmp_path):
    data = scored()
    proposal = proposed(tmp_path, score=data["score"], label=data["label"])
    assert (role(proposal, "label").column, role(proposal, "outcome").column) == ("label", None)
    assert "it follows score" in role(proposal, "label").why


def test_a_label_that_does_not_follow_the_score_is_the_truth(tmp_path):
    data = scored()
    proposal = proposed(tmp_path, score=data["score"], label=data["truth"])
    assert (role(proposal, "outcome").column, role(proposal, "label").column) == ("label", None)
    assert "it does not follow score" in role(proposal, "outcome").why


def test_how_well_a_score_parts_two_values_is_the_kolmogorov_smirnov_distance(tmp_path):
    data = scored()
    tied = data["score"].round(1)
    pl.DataFrame({"score": tied, "truth": data["truth"]}).write_parquet(tmp_path / "x.parquet")
    expected = stats.ks_2samp(tied.filter(data["truth"] == 0), tied.filter(data["truth"] == 1)).statistic
    share = parted(profile_folder(foreign_folder(tmp_path)), "score", "truth")
    assert share is not None
    assert math.isclose(share, (1 + expected) / 2)


def test_a_rare_truth_is_not_taken_for_a_label_because_it_is_rare(tmp_path):
    rare = [n % 50 == 0 for n in range(1_000)]
    score = [(n * 7 % 1_000) / 1_000 for n in range(1_000)]
    assert role(proposed(tmp_path, score=score, label=rare), "outcome").column == "label"


def test_verdicts_named_outcome_are_a_decision(tmp_path):
    proposal = proposed(tmp_path, score=scored()["score"], outcome=["approved", "denied"] * (ROWS // 2))
    assert (role(proposal, "decision").column, role(proposal, "outcome").column) == ("outcome", None)


def test_a_name_that_only_resembles_a_score_is_a_guess_of_low_confidence_and_said_so(tmp_path):
    proposal = proposed(tmp_path, req_id=list("abcdefghijklmnopqrstuvwxyz"), quux=[n / 100 for n in range(26)])
    found = role(proposal, "score")
    assert (found.column, found.level) == ("quux", "low")
    assert any(concern.startswith("quux as score is a guess of low confidence") for concern in proposal.concerns)
    assert "Column quux was taken as score with low confidence." in proposal.mapping.notes()


def test_two_columns_that_fit_alike_lower_the_confidence_and_are_named(tmp_path):
    data = scored()
    alone = role(proposed(tmp_path, p_bad=data["score"]), "score")
    both = role(proposed(tmp_path, p_bad=data["score"], p_good=1 - data["score"]), "score")
    assert (alone.confidence, both.confidence) == (0.95, 0.75)
    assert "p_good fits about as well" in both.why
    assert [other.column for other in both.runners_up] == ["p_good"]


def test_what_may_be_an_answer_is_no_input(tmp_path):
    data = scored()
    proposal = proposed(tmp_path, p_bad=data["score"], p_good=1 - data["score"], amount=data["amount"])
    assert proposal.mapping.inputs == ("amount",)
    assert [left.column for left in proposal.left_out] == ["p_good"]


def test_columns_marked_as_inputs_play_no_role(tmp_path):
    data = scored()
    proposal = proposed(
        tmp_path, risk=data["score"], x_score=data["score"], x_model=data["purpose"], x_decision=data["label"]
    )
    assert proposal.mapping.inputs == ("x_score", "x_model", "x_decision")
    assert role(proposal, "score").column == "risk"


def test_a_subject_is_not_taken_for_a_prediction_because_each_came_once(tmp_path):
    proposal = proposed(tmp_path, customer_id=[f"c{n}" for n in range(ROWS)], score=scored()["score"])
    assert role(proposal, "subject_id").column == "customer_id"
    assert role(proposal, "prediction_id").column is None
    assert [other.column for other in role(proposal, "prediction_id").runners_up] == ["customer_id"]


def test_an_id_that_repeats_a_little_is_still_an_id(tmp_path):
    proposal = proposed(tmp_path, event_id=[f"e{max(n, 3)}" for n in range(ROWS)], score=scored()["score"])
    assert role(proposal, "prediction_id").column == "event_id"


def test_what_is_no_plausible_input_is_left_out_with_the_reason(tmp_path):
    proposal = proposed(
        tmp_path,
        score=scored()["score"],
        payload=['{"a": 1}'] * ROWS,
        nested=[[1]] * ROWS,
        raw=[b"x"] * ROWS,
        nothing=[None] * ROWS,
        hostname=["h1"] * ROWS,
        opened=[START] * ROWS,
        recorded_at=[5] * ROWS,
        remark=[f"text {n} " * 30 for n in range(ROWS)],
        amount=scored()["amount"],
    )
    assert proposal.mapping.inputs == ("amount",)
    reasons = {left.column: left.why for left in proposal.left_out}
    assert set(reasons) == {"payload", "nested", "raw", "nothing", "hostname", "opened", "recorded_at", "remark"} - {
        found.column for found in proposal.roles
    }
    assert "JSON" in reasons["payload"]
    assert "nested" in reasons["nested"]
    assert "serving platform" in reasons["hostname"]


def test_a_column_whose_type_differs_between_files_is_left_out_by_name(tmp_path):
    pl.DataFrame({"score": [0.5], "x": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"score": [0.6], "x": ["1"]}).write_parquet(tmp_path / "b.parquet")
    (left,) = propose(tmp_path).left_out
    assert (left.column, left.why) == ("x", "its type differs between files: column x is Int64 in a but String in b")


def test_columns_that_only_later_files_have_are_seen(tmp_path):
    pl.DataFrame({"score": [0.5]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"score": [0.6], "amount": [5]}).write_parquet(tmp_path / "b.parquet")
    assert propose(tmp_path).mapping.inputs == ("amount",)


def test_no_more_than_the_bounded_sample_is_taken(tmp_path):
    for place in range(23):
        pl.DataFrame({"score": np.linspace(0, 1, 1_500)}).write_parquet(tmp_path / f"{place:02}.parquet")
    proposal = propose(tmp_path)
    assert (proposal.files, proposal.rows, proposal.sampled_rows) == (23, 34_500, 20_000)


def test_the_sample_reaches_to_the_end_of_a_file(tmp_path):
    versions = ["v1"] * 9_000 + ["v2"] * 1_000
    found = role(proposed(tmp_path, model_version=versions, score=[0.5] * 10_000), "model_version")
    assert found.samples == ("v1", "v2")
    assert "with 2 values in the sample (v1, v2)" in found.why


def test_an_id_is_found_where_the_number_of_distinct_values_is_an_estimate(tmp_path):
    for place in range(10):
        keys = [f"RQ{n:010d}" for n in range(place * 20_000, (place + 1) * 20_000)]
        pl.DataFrame({"req_no": keys, "half": [key[:-1] for key in keys]}).write_parquet(tmp_path / f"{place}.parquet")
    found = role(propose(tmp_path), "prediction_id")
    assert (found.column, found.level) == ("req_no", "high")
    assert "as far as can be estimated every value is distinct" in found.why


def test_a_folder_that_is_no_log_is_said_to_be_none(tmp_path):
    proposal = proposed(tmp_path, colour=["red", "blue"] * 20)
    assert proposal.mapping.columns == {}
    assert "No column was recognised: is this a log of predictions?" in proposal.concerns


def test_a_folder_without_rows_is_said_to_hold_none(tmp_path):
    pl.DataFrame(schema={"id": pl.String, "score": pl.Float64, "l": pl.List(pl.Int8)}).write_parquet(
        tmp_path / "x.parquet"
    )
    proposal = propose(tmp_path)
    assert "The files hold no rows." in proposal.concerns
    assert proposal.mapping.columns == {}


HOSTILE = {
    'say "hi"': [0.5] * 30,
    "two\nlines\x1b[31m": [1] * 30,
    "'; DROP TABLE x; --": list("ab") * 15,
    "<script>alert(1)</script>": [True] * 30,
    "score\u202e": [n / 40 for n in range(30)],
    "m" * 1_000_000: [7] * 30,
    "": [3] * 30,
    "_row": [1] * 30,
    "_segment": ["x"] * 30,
}


def test_hostile_names_and_values_are_escaped_where_shown_and_exact_where_used(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    values = ["\x1b]0;owned\x07", "[bold]red[/bold]" * 1_000] * 15
    proposal = proposed(folder, **HOSTILE, text=values)
    shown = [found.why for found in proposal.roles] + list(proposal.concerns) + [each.why for each in proposal.inputs]
    shown += [sample for each in (*proposal.roles, *proposal.inputs) for sample in each.samples]
    assert all(text.isprintable() and len(text) < 1_000 for text in shown)
    assert role(proposal, "score").column == "score\u202e"
    (tmp_path / "m.toml").write_text(proposal.mapping.to_toml(), "utf-8")
    store = open_store(folder, tmp_path / "m.toml")
    assert store.mapping == proposal.mapping
    assert set(HOSTILE) - {"_row", "_segment", "score\u202e"} <= set(proposal.mapping.inputs)
    assert store.inputs("unnamed-model").collect().height == 30


def test_values_that_no_calendar_or_number_line_holds_do_no_harm(tmp_path):
    frame = pl.DataFrame({"n": [2**62] * 30, "f": [float("inf"), float("nan")] * 15}).with_columns(
        when=pl.col("n").cast(pl.Datetime("ms", "UTC")), span=pl.col("n").cast(pl.Duration("ns"))
    )
    frame.write_parquet(tmp_path / "x.parquet")
    assert json.dumps(propose(tmp_path).to_dict())


def test_the_proposal_is_json_safe_and_carries_its_toml(tmp_path):
    document = json.loads(json.dumps(propose(SAMPLE).to_dict(), allow_nan=False))
    (tmp_path / "m.toml").write_text(document["mapping"]["toml"], "utf-8")
    assert Mapping.read(tmp_path / "m.toml") == propose(SAMPLE).mapping


def test_misuse_and_damage_are_our_errors(tmp_path):
    with pytest.raises(MisuseError, match="there is no folder"):
        propose(tmp_path / "none")
    with pytest.raises(MisuseError, match="no file ending in"):
        propose(tmp_path)
    (tmp_path / "x.parquet").write_bytes((SAMPLE / "scores_q1.parquet").read_bytes()[:5_000])
    with pytest.raises(LogError, match=r"x\.parquet cannot be read as Parquet"):
        propose(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p_bad", ("p", "bad")),
        ("modelVersion", ("model", "version")),
        ("HTTPStatus", ("http", "status")),
        ("requestid", ("request", "id")),
        ("x12", ("x", "12")),
        ("größe_cm", ("größe", "cm")),
        ("\n--", ()),
    ],
)
def test_the_words_of_a_name(name, expected):
    assert words(name) == expected
