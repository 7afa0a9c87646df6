"""Replaying a window in chunks: the same whatever their size, kept, resumed, and telling apart what a model refuses."""

from __future__ import annotations

import hashlib
import json
import threading

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import audit_lab as al
from audit_lab.errors import MisuseError, SandboxClosedError
from audit_lab.log.search.query import Question
from audit_lab.log.store import open_store
from audit_lab.replay import runner, scored
from audit_lab.replay.runner import Runner
from audit_lab.replay.window import replay_all

WITHOUT_SOME = {"inputs_loans": lambda frame: frame.filter(~pl.col("prediction_id").is_in(["p-007", "p-031"]))}


def replayed(folder, chunk_rows=7, keep=None, question=None, progress=None):
    store = open_store(folder)
    return replay_all(
        store, question or Question(), Runner(store), keep=keep, chunk_rows=chunk_rows, causes=False, progress=progress
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_chunks_of_any_size_give_the_same_rows(make_log):
    folder = make_log(**WITHOUT_SOME)
    whole = replayed(folder, chunk_rows=1000).rows
    for chunk_rows in (1, 7, 40):
        assert_frame_equal(replayed(folder, chunk_rows=chunk_rows).rows, whole)
    assert whole["verdict"].value_counts().sort("count").rows() == [("UNREPLAYABLE", 2), ("EXACT", 38)]


def test_progress_counts_every_prediction(make_log):
    seen = []
    replayed(make_log(), progress=lambda name, count: seen.append((name, count)))
    assert sum(count for _, count in seen) == 40
    assert {name for name, _ in seen} == {"loans 1"}


def test_a_child_that_other_rows_ended_is_started_again(make_log, monkeypatch):
    ended = []

    def score_rows(*arguments):
        if len(ended) < 2:
            ended.append(True)
            raise SandboxClosedError("the worker has ended", "Start another.", "crash")
        return scored.score_rows(*arguments)

    monkeypatch.setattr(runner, "score_rows", score_rows)
    assert replayed(make_log()).rows["verdict"].unique().to_list() == ["EXACT"]
    assert len(ended) == 2


def test_a_replay_that_is_left_ends_its_child(make_log):
    def stop(_name, _count):
        raise KeyboardInterrupt

    store = open_store(make_log())
    ran = Runner(store)
    with pytest.raises(KeyboardInterrupt):
        replay_all(store, Question(), ran, chunk_rows=7, causes=False, progress=stop)
    assert all(worker.closed for worker in ran._workers.values())
    assert not [each.name for each in threading.enumerate() if each.name.startswith(("read", "score"))]


def test_kept_in_a_folder_it_is_the_same(make_log, tmp_path):
    folder = make_log(**WITHOUT_SOME)
    kept = replayed(folder, keep=tmp_path / "kept")
    assert_frame_equal(kept.rows, replayed(folder).rows)
    assert names(tmp_path / "kept") == [*(f"part-00000-000000{number}.parquet" for number in range(6)), "replay.json"]
    assert kept.ran["loans 1"].isolation == replayed(folder).ran["loans 1"].isolation


def test_kept_twice_it_is_the_same_bytes(make_log, tmp_path):
    folder = make_log()
    for name in ("one", "two"):
        replayed(folder, keep=tmp_path / name)
    for name in names(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


class StoppedError(Exception):
    pass


def test_a_replay_that_was_stopped_goes_on(make_log, tmp_path):
    folder, seen = make_log(**WITHOUT_SOME), []

    def stop(_, count):
        seen.append(count)
        if len(seen) == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        replayed(folder, keep=tmp_path / "kept", progress=stop)
    there = names(tmp_path / "kept")
    assert 2 <= len(there) - 1 < 6
    again = []
    kept = replayed(folder, keep=tmp_path / "kept", progress=lambda _, count: again.append(count))
    assert sum(again) == 40 - 7 * (len(there) - 1)
    assert_frame_equal(kept.rows, replayed(folder).rows)


def test_a_part_that_is_damaged_is_replayed_again(make_log, tmp_path):
    folder = make_log()
    replayed(folder, keep=tmp_path / "kept")
    part = tmp_path / "kept" / "part-00000-0000002.parquet"
    whole = part.read_bytes()
    part.write_bytes(whole[:100])
    assert replayed(folder, keep=tmp_path / "kept").predictions == 40
    assert part.read_bytes() == whole


@pytest.mark.parametrize(
    ("chunk_rows", "question", "named"),
    [(8, None, "chunk_rows was 7, not 8"), (7, Question(model="loans"), "model was None, not 'loans'")],
)
def test_a_folder_holds_the_replay_of_one_thing(make_log, tmp_path, chunk_rows, question, named):
    folder = make_log()
    replayed(folder, keep=tmp_path / "kept")
    with pytest.raises(MisuseError, match=named):
        replayed(folder, chunk_rows, tmp_path / "kept", question)


def test_another_state_of_the_log_is_another_replay(make_log, tmp_path):
    replayed(make_log("one"), keep=tmp_path / "kept")
    with pytest.raises(MisuseError, match="state was"):
        replayed(make_log("two", **WITHOUT_SOME), keep=tmp_path / "kept")


def test_a_folder_with_something_else_is_left_alone(make_log, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(MisuseError, match="holds something that is no replay"):
        replayed(make_log(), keep=tmp_path / "mine")


def test_a_polars_expression_cannot_be_kept(make_log, tmp_path):
    with pytest.raises(MisuseError, match="cannot be kept"):
        al.open(make_log()).replay(pl.col("decision") == "deny", keep=tmp_path / "kept")


def test_an_expression_is_replayed_in_chunks_too(make_log):
    question = Question("inputs.years < 5 AND decision = 'deny'")
    folder = make_log()
    found = al.open(folder).find(question.expression)["prediction_id"].to_list()
    assert replayed(folder, question=question).rows["prediction_id"].to_list() == found
    assert found


def test_predictions_without_a_model_or_inputs_are_told_with_the_others(make_log):
    def change(frame):
        nothing = pl.lit(None, dtype=pl.String)
        name = pl.when(pl.col("prediction_id") == "p-002").then(nothing).when(pl.col("prediction_id") == "p-003")
        return frame.with_columns(model_name=name.then(pl.lit("unknown")).otherwise("model_name"))

    found = replayed(make_log(predictions=change)).rows.filter(pl.col("verdict") != "EXACT")
    assert found.select("prediction_id", "code").rows() == [
        ("p-002", "model-not-stated"),
        ("p-003", "version-not-registered"),
    ]


def log_of(make_log, artifact, artifact_format, feature, scores, **changed):
    """Write the small log with a model of one feature in place of its own, and the scores that the model gave."""
    signature = {
        "features": [feature],
        "output": {"kind": "probability", "positive": "bad", "negative": "good"},
    }
    nothing = pl.lit(None, dtype=pl.String)
    return make_log(
        artifact=artifact,
        model_versions=lambda frame: frame.with_columns(
            artifact_sha256=pl.lit(hashlib.sha256(artifact).hexdigest()),
            artifact_format=pl.lit(artifact_format),
            signature=pl.lit(json.dumps(signature)),
            decision_rules=nothing,
        ),
        predictions=lambda frame: frame.with_columns(
            outputs=pl.struct(score=pl.Series(scores), label=nothing), decision=nothing, decision_rule=nothing
        ),
        **changed,
    )


def test_rows_that_a_model_refuses_do_not_keep_the_others_from_it(make_log, small_model):
    import skops.io
    from sklearn.linear_model import LogisticRegression

    years = small_model.inputs.select("years").to_pandas()
    model = LogisticRegression().fit(years, ["bad" if year < 9 else "good" for year in years["years"]])
    artifact = skops.io.dumps(model)
    scores = model.predict_proba(years)[:, 0]
    folder = log_of(
        make_log,
        artifact,
        "skops",
        {"name": "years", "dtype": "int"},
        scores,
        inputs_loans=lambda frame: frame.with_columns(
            years=pl.when(~pl.col("prediction_id").is_in(["p-005", "p-020"])).then("years")
        ),
    )
    rows = replayed(folder, chunk_rows=1000).rows
    assert rows.filter(pl.col("verdict") != "EXACT").select("prediction_id", "code").rows() == [
        ("p-005", "model-error"),
        ("p-020", "model-error"),
    ]
    assert "NaN" in rows.filter(pl.col("prediction_id") == "p-005")["detail"].item()


def test_rows_that_catboost_refuses_are_told_apart_too(make_log, small_model):
    import catboost

    frame = small_model.inputs.select("city").to_pandas()
    labels = ["bad" if years < 9 else "good" for years in small_model.inputs["years"]]
    model = catboost.CatBoostClassifier(
        iterations=5, depth=2, verbose=False, allow_writing_files=False, cat_features=[0]
    )
    model.fit(frame, labels)
    artifact = bytes(model._serialize_model())
    scores = model.predict_proba(frame)[:, list(model.classes_).index("bad")]
    folder = log_of(
        make_log,
        artifact,
        "catboost-cbm",
        {"name": "city", "dtype": "str"},
        scores,
        inputs_loans=lambda frame: frame.with_columns(city=pl.when(pl.col("prediction_id") != "p-011").then("city")),
    )
    rows = replayed(folder, chunk_rows=1000).rows
    assert rows.filter(pl.col("verdict") != "EXACT").select("prediction_id", "code").rows() == [
        ("p-011", "inputs-refused")
    ]
