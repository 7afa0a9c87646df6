"""The completeness statement."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.log.journal.record import read_journal

MONDAY = datetime(2024, 3, 4, tzinfo=UTC)
TEXT, NUMBER = pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.Float64)


def spread(hours: int):
    """Return a change that puts so many hours between two predictions, the first one at a Monday's midnight."""
    return lambda frame: frame.with_columns(
        occurred_at=pl.lit(MONDAY).dt.cast_time_unit("us") + pl.duration(hours=hours) * pl.col("sequence")
    )


def version_of(**columns: object):
    return lambda frame: frame.with_columns(**columns)


def test_reasons_are_counted_with_a_first_id(make_log):
    log = al.open(make_log(inputs_loans=lambda f: f.filter(~pl.col("prediction_id").is_in(["p-007", "p-008"]))))
    covered = log.coverage()
    assert (covered.predictions, covered.replayable, covered.lost) == (40, 38, 0)
    wanting = covered.table.filter(pl.col("code") != "replayable")
    assert wanting.select("code", "predictions", "first_id").rows() == [("inputs-missing", 2, "p-007")]


def test_coverage_counts_what_replay_finds(flights):
    log = al.open(flights)
    counted = {
        (row["model_version"], row["code"]): row["predictions"] for row in log.coverage().table.iter_rows(named=True)
    }
    replayed = log.replay("model_version <> '1.0.0'", since="2015-10-15").rows
    assert replayed.height > 0
    for (version, code), rows in replayed.filter(pl.col("verdict") == "UNREPLAYABLE").group_by("model_version", "code"):
        assert counted[(version, code)] >= rows.height


def test_break_in_a_writers_numbering_is_counted_as_lost(make_log):
    covered = al.open(make_log(predictions=lambda f: f.filter(~pl.col("sequence").is_between(10, 14)))).coverage()
    assert covered.lost == 5
    assert covered.sequence_gaps.select("writer_id", "after", "before", "lost").rows() == [("writer", 9, 15, 5)]
    assert any("5 predictions of writer are lost" in text for text in covered.summary())


def test_writers_are_counted_apart(make_log):
    halves = lambda f: f.with_columns(
        writer_id=pl.when(pl.col("sequence") < 20).then(pl.lit("a")).otherwise(pl.lit("b")),
        sequence=pl.col("sequence") % 20,
    )
    assert al.open(make_log(predictions=halves)).coverage().lost == 0


def test_log_without_numbers_says_that_losses_cannot_be_seen(make_log):
    covered = al.open(make_log(predictions=lambda f: f.drop("sequence"))).coverage()
    assert any("no writer numbered them" in text for text in covered.not_checked)


def test_to_dict_is_json(flights):
    document = al.open(flights).coverage().to_dict()
    assert json.loads(json.dumps(document)) == document


def test_empty_log(make_log):
    covered = al.open(make_log(predictions=lambda f: f.clear())).coverage()
    assert (covered.predictions, covered.lost) == (0, 0)


ODD = {
    "column-missing": {"inputs_loans": lambda f: f.drop("years")},
    "column-mistyped": {"inputs_loans": lambda f: f.with_columns(pl.col("income").cast(pl.String))},
    "inputs-twice": {"inputs_loans": lambda f: pl.concat([f, f.head(3)])},
    "inputs-absent": {"inputs_loans": None},
    "rules-broken": {"model_versions": lambda f: f.with_columns(decision_rules=pl.lit("nonsense"))},
    "threshold-nowhere": {
        "predictions": lambda f: f.with_columns(threshold=pl.lit(None, dtype=pl.Float64)),
        "model_versions": lambda f: f.with_columns(threshold=pl.lit(None, dtype=pl.Float64)),
    },
    "no-model": {"predictions": lambda f: f.with_columns(model_name=pl.lit(None, dtype=pl.String))},
    "no-version": {
        "predictions": lambda f: f.with_columns(model_version=pl.lit(None, dtype=pl.String)),
        "deployments": None,
    },
    "some-failed": {
        "predictions": lambda f: f.with_columns(error=pl.when(pl.col("sequence") < 5).then(pl.lit("backend down")))
    },
    "artifact-swapped": {"artifact": b"other"},
}


@pytest.mark.parametrize("odd", ODD)
def test_coverage_and_replay_never_disagree(make_log, odd):
    log = al.open(make_log(**ODD[odd]))
    counted = {row["code"]: row["predictions"] for row in log.coverage().table.iter_rows(named=True)}
    replayed = dict(
        log.replay()
        .rows.with_columns(code=pl.when(pl.col("verdict") == "EXACT").then(pl.lit("replayable")).otherwise("code"))[
            "code"
        ]
        .value_counts()
        .rows()
    )
    assert counted == replayed
    assert counted != {"replayable": 40}


RECONSTRUCTABLE = {
    "whole": ({}, 40, 40),
    "artifact-swapped": ({"artifact": b"other"}, 40, 0),
    "rules-broken": (ODD["rules-broken"], 40, 0),
    "column-mistyped": (ODD["column-mistyped"], 40, 0),
    "threshold-nowhere": (ODD["threshold-nowhere"], 40, 0),
    "some-failed": (ODD["some-failed"], 40, 35),
    "no-outputs": ({"predictions": version_of(outputs=None)}, 40, 0),
    "signature-unreadable": ({"model_versions": version_of(signature=pl.lit("{"))}, 40, 0),
    "column-missing": (ODD["column-missing"], 0, 0),
    "column-missing-and-artifact-swapped": ({**ODD["column-missing"], "artifact": b"other"}, 0, 0),
    "inputs-twice": (ODD["inputs-twice"], 37, 37),
    "inputs-of-some": ({"inputs_loans": lambda f: f.head(30)}, 30, 30),
    "inputs-of-some-and-artifact-swapped": ({"inputs_loans": lambda f: f.head(30), "artifact": b"other"}, 30, 0),
    "inputs-absent": (ODD["inputs-absent"], 0, 0),
    "no-model": (ODD["no-model"], 0, 0),
    "no-version": (ODD["no-version"], 0, 0),
    "no-version-but-a-deployment": (
        {"predictions": lambda f: f.with_columns(model_version=pl.lit(None, dtype=pl.String))},
        40,
        40,
    ),
    "not-registered": ({"model_versions": None}, 0, 0),
    "registered-twice": ({"model_versions": lambda f: pl.concat([f, f.with_columns(threshold=0.4)])}, 0, 0),
    "id-twice": ({"predictions": lambda f: pl.concat([f, f.head(1)])}, 39, 39),
}


@pytest.mark.parametrize("case", RECONSTRUCTABLE)
def test_reconstructable_is_row_version_and_inputs(make_log, case):
    changed, reconstructable, replayable = RECONSTRUCTABLE[case]
    covered = al.open(make_log(**changed)).coverage()
    assert (covered.reconstructable, covered.replayable) == (reconstructable, replayable)


def signed(kind: str, **sides: str):
    """Return a change that makes of the version one with another kind of output."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        document = json.loads(frame["signature"][0]) | {"output": {"kind": kind, **sides}}
        return frame.with_columns(signature=pl.lit(json.dumps(document)))

    return change


def recorded(*names: str | None, decision: bool = True):
    """Return a change that leaves of the outputs only what is said, and no threshold."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        outputs = pl.struct(
            score=pl.lit(0.5) if "score" in names else NUMBER,
            label=pl.lit("bad") if "label" in names else TEXT,
            probabilities=pl.lit([0.5, 0.5]) if "probabilities" in names else pl.lit(None, dtype=pl.List(pl.Float64)),
        )
        decided = pl.lit("deny") if decision else TEXT
        return frame.with_columns(outputs=outputs, threshold=NUMBER, decision=decided)

    return change


SIDES = {"positive": "bad", "negative": "good"}
KINDS = {
    "a label needs a label": (signed("label"), ("score",), "output-missing"),
    "a label needs no score and no threshold": (signed("label"), ("label",), "replayable"),
    "classes need a label or probabilities": (signed("multiclass"), ("score",), "output-missing"),
    "classes are content with a label": (signed("multiclass"), ("label",), "replayable"),
    "classes are content with probabilities": (signed("multiclass"), ("probabilities",), "replayable"),
    "a probability needs a score": (signed("probability", **SIDES), ("label",), "output-missing"),
    "a probability needs a threshold": (signed("probability", **SIDES), ("score",), "threshold-missing"),
    "a score alone needs no threshold": (
        signed("probability", **SIDES),
        ("score", None),
        "replayable",
    ),
    "a margin needs a threshold": (signed("margin", **SIDES), ("score",), "threshold-missing"),
    "a regression needs a score": (signed("regression"), ("label",), "output-missing"),
    "a regression needs no threshold": (signed("regression"), ("score",), "replayable"),
    "a regression with sides needs a threshold": (signed("regression", **SIDES), ("score",), "threshold-missing"),
}


@pytest.mark.parametrize("case", KINDS)
def test_what_must_be_recorded_follows_the_kind_of_output(make_log, case):
    version, names, code = KINDS[case]
    versions = lambda f: version(f).with_columns(threshold=NUMBER, decision_rules=TEXT)
    covered = al.open(
        make_log(model_versions=versions, predictions=recorded(*names, decision=None not in names))
    ).coverage()
    assert covered.table.select("code", "predictions").rows() == [(code, 40)]


def test_versions_of_two_kinds_are_each_asked_for_their_own(make_log):
    second = lambda f: pl.concat(
        [f, signed("label")(f).with_columns(model_version=pl.lit("2"), decision_rules=TEXT, threshold=NUMBER)]
    )
    halves = lambda f: recorded("label")(f).with_columns(
        model_version=pl.when(pl.col("sequence") < 15).then(pl.lit("2")).otherwise("model_version")
    )
    covered = al.open(make_log(model_versions=second, predictions=halves)).coverage()
    assert covered.table.select("model_version", "code", "predictions").rows() == [
        ("1", "output-missing", 25),
        ("2", "replayable", 15),
    ]


def test_weeks_begin_on_monday_and_end_before_the_next(make_log):
    covered = al.open(make_log(predictions=spread(12))).coverage()
    assert covered.weeks.select("window_start", "window_end", "predictions").rows() == [
        (MONDAY, MONDAY + timedelta(days=7), 14),
        (MONDAY + timedelta(days=7), MONDAY + timedelta(days=14), 14),
        (MONDAY + timedelta(days=14), MONDAY + timedelta(days=21), 12),
    ]


def test_a_microsecond_before_monday_is_the_week_before(make_log):
    early = lambda f: spread(12)(f).with_columns(pl.col("occurred_at") - pl.duration(microseconds=1))
    covered = al.open(make_log(predictions=early)).coverage()
    assert covered.weeks["predictions"].to_list() == [1, 14, 14, 11]


@pytest.mark.parametrize(
    ("every", "starts"),
    [("1d", [MONDAY + timedelta(days=day) for day in range(20)]), ("1mo", [datetime(2024, 3, 1, tzinfo=UTC)])],
)
def test_days_and_months(make_log, every, starts):
    covered = al.open(make_log(predictions=spread(12))).coverage(every)
    assert covered.weeks["window_start"].to_list() == starts
    assert covered.weeks["predictions"].sum() == 40


def test_other_lengths_are_refused(make_log):
    with pytest.raises(MisuseError, match="'2w' is not a length of window. Use one of 1d, 1w, 1mo"):
        al.open(make_log()).coverage("2w")


def test_counts_by_week_and_reason(make_log):
    lost = lambda f: f.filter(~pl.col("prediction_id").is_in(["p-013", "p-014", "p-015"]))
    covered = al.open(make_log(predictions=spread(12), inputs_loans=lost)).coverage()
    counts = covered.weeks.select("predictions", "reconstructable", "replayable").rows()
    assert counts == [(14, 13, 13), (14, 12, 12), (12, 12, 12)]
    assert covered.reasons.select("window_start", "code", "predictions", "reconstructable", "first_id").rows() == [
        (MONDAY, "inputs-missing", 1, 0, "p-013"),
        (MONDAY + timedelta(days=7), "inputs-missing", 2, 0, "p-014"),
    ]
    assert covered.versions.select("model_version", "predictions", "replayable_share").rows() == [("1", 40, 37 / 40)]


def test_every_number_leads_to_its_rows(make_log):
    odd = lambda f: spread(12)(f).with_columns(
        error=pl.when(pl.col("sequence").is_in([3, 20])).then(pl.lit("down")),
        model_version=pl.when(pl.col("sequence") % 9 == 4).then(pl.lit("2")).otherwise("model_version"),
        occurred_at=pl.when(pl.col("sequence") != 30).then("occurred_at"),
    )
    covered = al.open(make_log(predictions=odd, inputs_loans=lambda f: f.head(35))).coverage()
    assert set(covered.table["code"]) == {
        "inputs-missing",
        "prediction-failed",
        "replayable",
        "version-not-registered",
    }
    for row in covered.table.iter_rows(named=True):
        found = covered.ids(row["code"], row["model_name"], row["model_version"])
        assert (found.len(), found[0]) == (row["predictions"], row["first_id"])
    for row in covered.weeks.drop_nulls("window_start").iter_rows(named=True):
        of_version = {"version": row["model_version"], "window": row["window_start"]}
        counts = [covered.ids(code, **of_version).len() for code in (None, "reconstructable", "replayable")]
        assert counts == [row["predictions"], row["reconstructable"], row["replayable"]]
    for row in covered.reasons.drop_nulls("window_start").iter_rows(named=True):
        found = covered.ids(row["code"], version=row["model_version"], window=row["window_start"])
        assert (found.len(), found[0]) == (row["predictions"], row["first_id"])
    assert covered.weeks.filter(pl.col("window_start").is_null())["predictions"].to_list() == [1]
    both = [covered.ids(name).len() for name in ("not-replayable", "not-reconstructable")]
    assert both == [40 - covered.replayable, 40 - covered.reconstructable]


def test_ids_come_in_order_of_time_and_can_be_limited(make_log):
    backwards = lambda f: f.with_columns(occurred_at=pl.col("occurred_at").reverse())
    covered = al.open(make_log(predictions=backwards, inputs_loans=None)).coverage()
    assert covered.ids("inputs-missing", limit=3).to_list() == ["p-039", "p-038", "p-037"]
    assert covered.table["first_id"].to_list() == ["p-039"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"code": "sunspots"}, "there is no code 'sunspots'. Known are replayable, not-replayable"),
        ({"limit": -1}, "the limit is -1"),
        ({"window": MONDAY + timedelta(days=1)}, "no window starts at 2024-03-05"),
    ],
)
def test_questions_that_cannot_be_meant(make_log, asked, message):
    with pytest.raises(MisuseError, match=message):
        al.open(make_log()).coverage().ids(**asked)


def test_finding_ids_is_journaled(make_log):
    log = al.open(make_log(inputs_loans=None), actor="r.keller", purpose="test")
    log.coverage("1d").ids("inputs-missing", model="loans", limit=2)
    words = [(line.question, line.rows) for line in read_journal(log.journal.path).lines[1:]]
    assert words == [("coverage; every 1d", 40), ("coverage ids; code inputs-missing; model loans; limit 2", 2)]


def test_summary_says_what_share_where_it_is_worst_and_what_was_not_run(make_log):
    failed = lambda f: spread(12)(f).with_columns(error=pl.when(pl.col("sequence") < 3).then(pl.lit("down")))
    said = al.open(make_log(predictions=failed)).coverage().summary()
    assert said[0] == "37 of 40 predictions (92.500%) can be replayed, 40 (100.000%) reconstructed."
    assert "The worst is the week of 2024-03-04: 11 of 14 (78.571%) can be replayed." in said
    assert any(text.startswith("Not checked: what only a run shows") for text in said)


def test_whole_log_names_no_worst_week(make_log):
    said = al.open(make_log()).coverage().summary()
    assert said[0] == "40 of 40 predictions (100.000%) can be replayed."
    assert not any("worst" in text for text in said)


def test_artifacts_are_not_opened(make_log):
    """Bytes that are no model at all, under the right digest: only a run could tell."""
    import hashlib

    nonsense = b"no model"
    digest = version_of(artifact_sha256=pl.lit(hashlib.sha256(nonsense).hexdigest()))
    covered = al.open(make_log(artifact=nonsense, model_versions=digest)).coverage()
    assert covered.replayable == 40
    assert "no model was run" in covered.not_checked[0]
