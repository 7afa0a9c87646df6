"""Logs that are not as they should be: each is a stated fact, or a refusal that says what to do."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError
from audit_lab.monitor.cause.question import Span
from audit_lab.monitor.cause.window_rows import window_rows

from .conftest import AFTER, BEFORE, WEEK, rows

WINDOWS = {"after": (AFTER, AFTER + WEEK), "before": (BEFORE, AFTER)}
SHIFTED = {"x": 1.0}


def facts(found):
    return " ".join(found.describe())


def with_inputs(**columns):
    """Return a change of the inputs."""
    return lambda tables: {**tables, "inputs/m": tables["inputs/m"].with_columns(**columns)}


@pytest.fixture
def shifted(trees, make_windows):
    return lambda **options: make_windows(rows(200, 1), rows(200, 2, **SHIFTED), trees, **options)


def test_without_an_artifact_attribution_and_exchange_say_why_and_the_others_stand(shifted):
    found = al.open(shifted(without_artifact=True)).cause(**WINDOWS)
    absent = {each.name: each.absent for each in found.methods}
    assert absent["re-weighting"] is None
    assert "(artifact-missing)" in absent["attribution"]
    assert absent["exchange"] == absent["attribution"]
    assert found.method("re-weighting").first.feature == "x"
    assert found.splits.splits[0].column == "x"
    assert "absent, because most decisions of the window before are of m 1" in facts(found)
    assert found.steps()["kind"].to_list() == ["before", *["cause"] * 4, "rest", "after"]
    with pytest.raises(MisuseError, match="no contributions by exchange"):
        found.steps("exchange")


def test_a_later_version_without_artifact_leaves_its_part_unknown(trees, steeper, make_windows):
    folder = make_windows(rows(200, 1), rows(200, 2, **SHIFTED), trees, steeper)
    (folder / "artifacts" / "m-2").unlink()
    found = al.open(folder).cause(**WINDOWS)
    assert found.model_part is None
    assert "What another version does cannot be told" in facts(found)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"after": (AFTER, AFTER + WEEK), "before": (BEFORE, AFTER + WEEK / 7)}, "the windows overlap"),
        ({"after": (AFTER, AFTER)}, "the window after .* is empty"),
        ({"after": ("2024-03-11", None)}, "lacks its start or its end"),
        ({}, "the window after is not given"),
        ({**WINDOWS, "since": AFTER}, "both after and since are given"),
        ({**WINDOWS, "of": "decision"}, "not of which one"),
        ({**WINDOWS, "favourable": "approve"}, "the score is asked for"),
        ({**WINDOWS, "of": "label"}, "no cause of 'label'"),
        ({**WINDOWS, "of": "decision", "favourable": "perhaps"}, "no decision of the windows is 'perhaps'"),
        ({**WINDOWS, "columns": ["w"]}, "no input 'w' of m"),
        ({**WINDOWS, "confidence": 1.0}, "the confidence is 1.0"),
        ({**WINDOWS, "minimum": 1}, "says nothing"),
        ({**WINDOWS, "rows": 1}, "at least 2"),
        ({**WINDOWS, "model": "other"}, "other"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_to_do(shifted, asked, message):
    with pytest.raises(al.AuditLabError, match=message) as refused:
        al.open(shifted()).cause(**asked)
    assert refused.value.exit_code == 2 or "other" in message
    assert refused.value.next_step


def test_a_window_without_rows_or_below_the_minimum_is_refused(shifted):
    log = al.open(shifted())
    later = AFTER + 4 * WEEK
    with pytest.raises(LogError, match="the window after .* has 0 decisions of m that count, of 0 predictions, and 50"):
        log.cause(after=(later, later + WEEK), before=(BEFORE, AFTER))
    with pytest.raises(LogError, match=r"has 28 decisions .* Give a longer window, or a smaller minimum"):
        log.cause(after=(AFTER, AFTER + timedelta(hours=23, minutes=30)), before=(BEFORE, AFTER))


def test_since_is_a_moment_an_onset_or_an_episode(shifted):
    log = al.open(shifted())
    moment = log.cause(since="2024-03-11", before=(BEFORE, AFTER), columns=["x"], rows=60)
    assert moment.asked.after == Span(AFTER, AFTER + timedelta(weeks=4))

    class Episode:
        start, end = AFTER, AFTER + timedelta(days=5)

    class Onset:
        at, returned, until = AFTER, None, AFTER + timedelta(days=6)

    assert log.cause(since=Episode(), rows=60).asked.after == Span(AFTER, AFTER + timedelta(days=5))
    onset = log.cause(since=Onset(), rows=60).asked
    assert (onset.after.end, onset.before.start) == (AFTER + timedelta(days=6), AFTER - timedelta(days=6))


def test_rows_that_do_not_count_are_stated(shifted):
    def damaged(tables):
        place = pl.int_range(pl.len())
        outputs = pl.col("outputs").struct
        score = pl.when(place == 4).then(float("nan")).otherwise(outputs.field("score"))
        predictions = tables["predictions"].with_columns(
            error=pl.when(place < 3).then(pl.lit("timeout")),
            prediction_id=pl.when(place == 6).then(pl.lit("0304-00007")).otherwise("prediction_id"),
            outputs=pl.struct(score.alias("score"), outputs.field("label")),
        )
        return {**tables, "predictions": predictions, "inputs/m": tables["inputs/m"].filter(place != 10)}

    found = al.open(shifted(change=damaged)).cause(**WINDOWS, rows=60)
    said = facts(found)
    assert "Window before: 3 predictions that failed are left out." in said
    assert "Window before: 2 ids that stand on several predictions are left out." in said
    assert "Window before: 1 decisions without a finite score are left out." in said
    assert "Window before: 1 of 194 decisions have no inputs on record; each feature counts as missing there." in said
    assert "window before: 1 decisions are of other versions than 1, or cannot be run again" in said.replace("W", "w")
    assert found.shift.rows_before == 194


def test_features_without_values_or_with_one_value_are_stated(shifted):
    change = with_inputs(y=pl.lit(None, dtype=pl.Float64), z=pl.lit(2.0))
    found = al.open(shifted(change=change)).cause(**WINDOWS, rows=60)
    assert "Y is missing in every decision of both windows." in facts(found)
    assert "Z has one value in both windows." in facts(found)
    for name in ("re-weighting", "exchange"):
        assert found.method(name).of("z").value == pytest.approx(0.0, abs=1e-12)
        assert not found.method(name).of("y").is_sure


def test_categories_that_the_window_before_or_the_model_does_not_have_are_stated(shifted):
    late = pl.col("recorded_at") >= AFTER
    change = with_inputs(city=pl.when(late).then(pl.lit("Wien")).otherwise("city"))
    found = al.open(shifted(change=change)).cause(**WINDOWS, rows=60)
    weighted = found.method("re-weighting").of("city")
    assert (weighted.value, weighted.unsupported, weighted.uncovered) == (None, 1.0, 1.0)
    said = facts(found)
    assert "City has no bin with decisions in both windows, so nothing can be weighted by it." in said
    assert "60 values of city are no category that the model knows" in said
    assert found.method("exchange").of("city").value is not None


def test_of_several_models_one_must_be_named(shifted):
    def two(tables):
        others = (
            tables["predictions"]
            .head(3)
            .with_columns(prediction_id=pl.format("o-{}", "prediction_id"), model_name=pl.lit("other"))
        )
        both = pl.concat([tables["predictions"], others])
        return {**tables, "predictions": both, "inputs/other": tables["inputs/m"].head(3)}

    folder = shifted(change=two)
    with pytest.raises(MisuseError, match="several models|name one|models"):
        al.open(folder).cause(**WINDOWS)
    assert al.open(folder).cause(**WINDOWS, model="m", columns=["x"], rows=60).shift.rows_before == 200


def test_hostile_names_come_out_as_text(shifted):
    change = with_inputs(**{"<script>": pl.col("x")})
    found = al.open(shifted(change=change)).cause(**WINDOWS, rows=60)
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


def test_a_window_of_too_many_rows_is_thinned_by_their_ids(shifted):
    from audit_lab.face.cause_search import cause_asked

    store = al.open(shifted())._store
    asked = cause_asked(store, (BEFORE, AFTER), (AFTER, AFTER + WEEK), None, None)
    one, same = (window_rows(store, asked, asked.before, "before", most=100) for _ in range(2))
    assert 70 <= one.frame.height <= 130
    assert one.frame.equals(same.frame)
    assert one.facts("before") == [
        "window before: of 200 predictions those with the lowest 50.0% of SHA-256 of '0|prediction_id'"
    ]


def test_the_question_is_in_the_journal(shifted, tmp_path):
    log = al.open(shifted(), actor="auditor", purpose="test", journal=tmp_path / "journal")
    found = log.cause(**WINDOWS, columns=["x"], rows=60)
    assert found.shift.rows_after == 200
    text = "".join(path.read_text() for path in [tmp_path / "journal"] if path.is_file())
    assert '"cause' in text
    assert "2024-03-11 to 2024-03-17" in text


def test_progress_counts_features_and_explanations(shifted):
    seen = {}
    al.open(shifted()).cause(
        **WINDOWS, rows=60, progress=lambda word, count: seen.update({word: seen.get(word, 0) + count})
    )
    assert seen == {"features": 4, "explanations": 120}


def test_infinite_values_and_a_text_for_each_row_give_numbers_or_a_reason(shifted):
    place = pl.int_range(pl.len())
    change = with_inputs(
        y=pl.when(place % 2 == 0).then(pl.lit(float("inf"))).otherwise("y"), city=pl.lit("id-") + place.cast(pl.String)
    )
    found = al.open(shifted(change=change)).cause(**WINDOWS, rows=60)
    values = [one.value for method in found.methods for one in method.contributions if one.value is not None]
    assert values
    assert np.isfinite(values).all()
    assert "are no category that the model knows" in facts(found)
    assert found.method("re-weighting").of("city").value is None
    json.dumps(found.to_dict(), allow_nan=False)
