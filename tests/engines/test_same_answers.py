"""The same questions on every engine: counts and rows are equal, and so is whatever is computed from counts.

Floats may differ by `DISTANCE` where an engine adds them itself; none of the questions here makes it do that.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import audit_lab as al
from audit_lab.errors import LogError, MisuseError
from audit_lab.log.search.wide import wide

DISTANCE = 0.0
START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
TIMES = 24
#: Spark takes a second for each of many questions.
SPARK_IN_SOAK = ["duckdb", pytest.param("spark", marks=pytest.mark.soak)]


def longer(frame: pl.DataFrame) -> pl.DataFrame:
    """Repeat forty hours of rows day after day, under other ids."""
    times = [name for name in ("occurred_at", "recorded_at") if name in frame.columns]
    return pl.concat(
        frame.with_columns(
            pl.col("prediction_id") + f"-{day:02d}", *(pl.col(name) + timedelta(hours=40 * day) for name in times)
        )
        for day in range(TIMES)
    )


def odd_predictions(frame: pl.DataFrame) -> pl.DataFrame:
    """Make of 960 predictions a few that cannot be replayed, lack a time or a model, or bear one id twice."""
    number = pl.int_range(pl.len())
    odd = longer(frame).with_columns(
        sequence=pl.when(number % 97 != 5).then(number),
        writer_id=pl.when(number % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd")),
        error=pl.when(number % 101 == 7).then(pl.lit("backend down")),
        occurred_at=pl.when(number != 17).then("occurred_at"),
        model_name=pl.when(number != 23).then("model_name"),
        model_version=pl.when(number % 89 == 0).then(pl.lit("2")).otherwise("model_version"),
        outputs=pl.when(number % 103 != 3).then("outputs"),
        threshold=pl.when(number % 2 == 0).then("threshold"),
    )
    return pl.concat([odd, odd[40:42]])


def odd_inputs(frame: pl.DataFrame) -> pl.DataFrame:
    """Make of the inputs some that are missing, some that stand twice, and values that are hard to compare."""
    number = pl.int_range(pl.len())
    odd = longer(frame).with_columns(
        income=pl.when(number % 50 == 1)
        .then(math.nan)
        .when(number % 50 == 2)
        .then(math.inf)
        .when(number % 50 == 3)
        .then(-0.0)
        .when(number % 50 != 4)
        .then(pl.col("income") * pl.when(number > 600).then(1.609344).otherwise(1.0)),
        city=pl.when((number > 500) & (pl.col("city") == "Oslo")).then(pl.lit("Zürich")).otherwise("city"),
        regular=pl.col("years") % 2 == 0,
    )
    return pl.concat([odd[:100], odd[108:], odd[200:203]])


@pytest.fixture
def logs(make_log, other):
    """The small log, grown and made odd, as polars and another engine see it."""
    folder = make_log(predictions=odd_predictions, inputs_loans=odd_inputs)
    return al.open(folder), al.open(folder, engine=other)


@pytest.mark.parametrize(
    "question",
    [
        {"expression": "inputs.income > 5000 AND NOT inputs.city = 'Oslo'"},
        {"expression": "inputs IS NULL AND decision = 'deny'"},
        {
            "expression": "inputs.city LIKE '_e%n' OR outputs.score IS NULL",
            "since": "2024-03-05",
            "until": "2024-03-20",
        },
        {"since": "2024-03-06T06:30", "until": "2024-03-06T09:00"},
        {"expression": "inputs.years BETWEEN 3 AND 4", "model": "loans", "limit": 7},
    ],
    ids=lambda question: question.get("expression", "times"),
)
def test_find_gives_the_same_rows(logs, question):
    polars, other = (log.find(**question) for log in logs)
    assert polars.height > 1
    assert_frame_equal(other, polars)


def test_coverage_counts_are_equal(logs):
    polars, other = (log.coverage() for log in logs)
    assert polars.predictions == 962
    assert set(polars.table["code"]) == {
        "ambiguous-id",
        "inputs-missing",
        "model-not-stated",
        "output-missing",
        "prediction-failed",
        "replayable",
        "version-not-registered",
    }
    assert_frame_equal(other.table, polars.table)
    assert polars.sequence_gaps.height > 9
    assert_frame_equal(other.sequence_gaps, polars.sequence_gaps)
    assert polars.weeks["window_start"].n_unique() == 7
    assert 0 < polars.replayable < polars.reconstructable < polars.predictions
    assert_frame_equal(other.weeks, polars.weeks)
    assert polars.reasons.height > polars.table.height
    assert_frame_equal(other.reasons, polars.reasons)
    assert other.summary() == polars.summary()


def test_coverage_asks_for_no_feature(make_log, other, monkeypatch):
    log = al.open(make_log(), engine=other)
    engine, asked = log._store.engine, []
    scan = engine.scan

    def noted(part):
        asked.append(part.wanted.names())
        return scan(part)

    monkeypatch.setattr(engine, "scan", noted)
    assert log.coverage().replayable == 40
    assert ["prediction_id"] in asked
    assert not any("income" in names for names in asked)


def test_ids_behind_coverage_are_the_same(logs):
    polars, other = (log.coverage("1mo") for log in logs)
    asked = [{"code": "prediction-failed"}, {"code": "not-reconstructable", "limit": 20}]
    asked.append({"code": "replayable", "version": "1", "window": datetime(2024, 3, 1, tzinfo=UTC)})
    for question in asked:
        ids = polars.ids(**question)
        assert ids.len() > 7
        assert other.ids(**question).to_list() == ids.to_list()


def test_drift_is_equal_to_the_last_digit(logs):
    columns = ["income", "city", "regular"]
    span = ("2024-03-04", "2024-03-18")
    polars, other = (log.drift(columns, every="1w", reference=span) for log in logs)
    assert polars.episodes != ()
    assert any("NaN" in fact for fact in polars.facts)
    for one, two in zip(polars.counts, other.counts, strict=True):
        assert one.binned.tolist() == two.binned.tolist()
    assert_frame_equal(other.table, polars.table, rel_tol=DISTANCE, abs_tol=DISTANCE)
    assert other.summary() == polars.summary()
    assert other.reference.sha256 == polars.reference.sha256


@pytest.mark.parametrize(
    "options",
    [
        {"every": "1d", "zone": "America/New_York"},
        {"every": "version"},
        {"around": "2024-03-25", "before": "6d", "after": "3d", "every": "1d"},
        {"every": "1w", "reference": "rolling:2"},
    ],
    ids=["zone", "version", "around", "rolling"],
)
def test_windows_of_every_kind_are_cut_alike(logs, options):
    polars, other = (log.drift(["income", "city"], **options) for log in logs)
    assert_frame_equal(other.volume, polars.volume)
    assert_frame_equal(other.table, polars.table, rel_tol=DISTANCE, abs_tol=DISTANCE)
    assert other.summary() == polars.summary()


def test_predictions_and_inputs_stand_beside_each_other_alike(logs):
    frames = []
    for log in logs:
        frame, features = wide(log._store, "loans")
        assert features == ["income", "city", "years", "regular"]
        frames.append(frame.collect("polars").to_native().sort(["prediction_id", "occurred_at"]))
    assert frames[0].height == 961
    assert frames[0]["income"].null_count() > 8
    assert_frame_equal(frames[1], frames[0], check_column_order=False)


def test_a_table_that_is_absent_is_empty(make_log, other):
    log = al.open(make_log(predictions=None, inputs_loans=None), engine=other)
    assert log.find("decision = 'deny'").height == 0
    assert log.coverage().predictions == 0


def test_a_polars_expression_is_for_polars(logs, other):
    with pytest.raises(MisuseError, match=f"a polars expression cannot run on the engine {other}"):
        logs[1].find(pl.col("decision") == "deny")


def test_a_damaged_file_is_told_by_its_engine(make_log, other):
    folder = make_log()
    path = folder / "predictions" / "part-00000.parquet"
    metadata = pq.read_metadata(path).row_group(0)
    chunks = [metadata.column(number) for number in range(metadata.num_columns)]
    start = next(chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks)
    content = bytearray(path.read_bytes())
    content[start : start + 80] = b"\xa5" * 80
    path.write_bytes(content)
    with pytest.raises(LogError, match=f"the predictions of .* cannot be read with {other}"):
        al.open(folder, engine=other).find("prediction_id = 'p-001'")


def test_a_mapped_folder_is_read_by_polars_only(tmp_path, other):
    from audit_lab.log.foreign.mapping import Mapping

    pl.DataFrame({"id": ["a"], "score": [0.5]}).write_parquet(tmp_path / "x.parquet")
    mapping = Mapping("x", {"prediction_id": "id", "score": "score"})
    with pytest.raises(MisuseError, match=f"the engine {other} reads logs of audit_lab only"):
        al.open(tmp_path, mapping, engine=other)


def test_an_unknown_engine_is_refused(make_log):
    with pytest.raises(MisuseError, match="no engine 'pandas'.*Known are polars, duckdb, spark"):
        al.open(make_log(), engine="pandas")


def watched_predictions(frame: pl.DataFrame) -> pl.DataFrame:
    """Make of 960 predictions some that failed, lack a time, a score or a version, and two that bear one id."""
    number = pl.int_range(pl.len())
    odd = longer(frame).with_columns(
        error=pl.when((number % 53 == 7) | ((number > 700) & (number < 740))).then(pl.lit("backend down")),
        occurred_at=pl.when(number != 17).then("occurred_at"),
        model_version=pl.when(number % 3 == 0).then(pl.lit("2")).otherwise("model_version"),
        outputs=pl.when(number % 103 != 3).then("outputs"),
        node=pl.when(number % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
        latency_ms=pl.when(number % 41 == 0).then(math.nan).otherwise((number % 37).cast(pl.Float64)),
    )
    return pl.concat([odd, odd[40:42]])


def watched_inputs(frame: pl.DataFrame) -> pl.DataFrame:
    """Let the income go over into another unit and a city vanish, among values that are missing or no numbers."""
    number = pl.int_range(pl.len())
    return longer(frame).with_columns(
        income=pl.when(number % 50 == 1)
        .then(math.nan)
        .when(number % 50 != 4)
        .then(pl.col("income") * pl.when(number > 600).then(1.609344).otherwise(1.0)),
        city=pl.when((number > 500) & (pl.col("city") == "Oslo")).then(pl.lit("Bern")).otherwise("city"),
    )


def watched_outcomes(_: pl.DataFrame) -> pl.DataFrame:
    """Let outcomes come for most predictions, twice with other values for some, and for ids that none has."""
    number = pl.int_range(pl.len())
    ids = longer(pl.DataFrame({"prediction_id": [f"p-{row:03d}" for row in range(40)]}))
    seen = pl.lit(START) + pl.duration(hours=number + 30)
    known = ids.with_columns(
        observed_at=seen,
        recorded_at=seen,
        label=pl.when(number % 40 < 15).then(pl.lit("bad")).otherwise(pl.lit("good")),
    ).filter(number % 5 != 0)
    again = known[100:110].with_columns(label=pl.lit("bad"), recorded_at=pl.col("recorded_at") + timedelta(hours=1))
    strangers = known[:3].with_columns(prediction_id="nobody-" + pl.col("prediction_id"))
    return pl.concat([known, again, strangers])


@pytest.fixture
def watched(make_log, other):
    """The small log, grown and made odd, as polars and another engine see it."""
    folder = make_log(predictions=watched_predictions, inputs_loans=watched_inputs, outcomes=watched_outcomes)
    return al.open(folder), al.open(folder, engine=other)


@pytest.mark.parametrize("other", SPARK_IN_SOAK, indirect=True)
def test_onsets_are_equal(watched):
    polars, other = (log.onset(["income", "city", "score", "outcome"], zone="Europe/Berlin") for log in watched)
    assert {one.column for one in polars.onsets} >= {"income", "city"}
    assert other.to_dict() == polars.to_dict()
    assert_frame_equal(other.series("income", "mean"), polars.series("income", "mean"), rel_tol=0, abs_tol=0)


def test_operations_are_equal(watched):
    polars, other = (log.operations(every="1d", by="node", zone="America/New_York") for log in watched)
    assert polars.failed > 40
    assert polars.findings != ()
    assert other.to_dict() == polars.to_dict()


def test_segments_are_equal(watched):
    polars, other = (log.segments(["city", "years"], measure="error") for log in watched)
    assert len(polars.segments) > 0
    assert other.to_dict() == polars.to_dict()


def assert_same_performance(watched, **asked):
    polars, other = (log.performance(**asked, zone="Europe/Berlin") for log in watched)
    assert polars.windows["labelled"].sum() > 300
    assert any("several outcomes that differ" in fact for fact in polars.facts)
    assert any("outcomes of ids that no prediction has: 3" in fact for fact in polars.facts)
    assert_frame_equal(other.windows, polars.windows)
    assert_frame_equal(other.table, polars.table, rel_tol=0, abs_tol=0)
    assert other.to_dict() == polars.to_dict()


def test_performance_is_equal(watched):
    assert_same_performance(watched, every="1w", by_version=True)


@pytest.mark.parametrize("other", SPARK_IN_SOAK, indirect=True)
def test_performance_as_of_an_earlier_moment_is_equal(watched):
    assert_same_performance(watched, as_of=START + timedelta(days=20))


def test_fairness_is_equal(watched):
    groups = {"favourable": "approve", "bands": {"inputs.years": [5, 12]}, "every": "1mo", "zone": "Europe/Berlin"}
    polars, other = (log.fairness(["city", "inputs.years", "inputs.income > 4000"], **groups) for log in watched)
    assert polars.rows > 800
    assert_frame_equal(other.table, polars.table, rel_tol=0, abs_tol=0)
    assert other.to_dict() == polars.to_dict()
