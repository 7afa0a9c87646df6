from __future__ import annotations

import io
import json
import subprocess
import sys

import polars as pl
import pytest

from audit_lab.case.frame_files import csv_bytes
from audit_lab.case.representation import represent
from audit_lab.errors import LogError, MisuseError
from audit_lab.seal.report import Verdict, Verification


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("table", {"table.parquet", "table.csv"}),
        ("decision", {"decision.json", "rows/predictions.parquet", "rows/inputs.parquet"}),
        ("replay", {"replay.json"}),
        ("attribution", {"attribution.json", "table.parquet", "table.csv"}),
        ("drift", {"table.parquet", "table.csv", "summary.json"}),
    ],
)
def test_each_thing_is_kept_in_its_own_way(things, kind, files):
    kept = represent(things[kind])
    assert (kept.kind, set(kept.files)) == (kind, files)
    assert represent(things[kind]).digest == kept.digest


def test_a_frame_reads_back(things):
    kept = represent(things["table"])
    assert pl.read_parquet(io.BytesIO(kept.files["table.parquet"])).equals(things["table"])
    assert kept.files["table.csv"] == b"a\n1\n2\n"


def test_a_lazy_frame_is_kept_as_its_rows(things):
    assert represent(things["table"].lazy()).digest == represent(things["table"]).digest


def test_nested_values_are_json_in_csv():
    frame = pl.DataFrame({"a": [["x", "y"], None], "b": [{"s": 0.5}, {"s": None}]})
    assert csv_bytes(frame) == b'a,b\n"[""x"",""y""]","{""s"":0.5}"\n,"{""s"":null}"\n'


def test_a_decision_keeps_its_rows_with_the_logs_types(things):
    files = represent(things["decision"]).files
    row = pl.read_parquet(io.BytesIO(files["rows/predictions.parquet"]))
    assert row.schema["occurred_at"] == pl.Datetime("us", "UTC")
    assert row.schema["threshold"] == pl.Float64
    assert row["outputs"][0] == {"score": 0.25, "label": "on time", "probabilities": None}


def test_numbers_that_json_cannot_hold_are_text(things):
    assert json.loads(represent(things["decision"]).files["decision.json"]) == {
        "prediction_id": "p1",
        "distance": "nan",
        "big": "1152921504606846976",
    }


def test_a_decision_names_its_model_version(things):
    assert represent(things["decision"]).models == (
        {"model_name": "delay", "model_version": "2", "artifact_sha256": "cd" * 32},
    )


def test_a_decision_without_inputs_and_version_is_kept(things):
    things["decision"].inputs = None
    things["decision"].model_version = None
    kept = represent(things["decision"])
    assert set(kept.files) == {"decision.json", "rows/predictions.parquet"}
    assert kept.models == ()


@pytest.mark.parametrize("thing", ["text", 7, None, object(), pl.Series([1]), dict])
def test_anything_else_is_refused(thing):
    with pytest.raises(MisuseError, match="cannot keep"):
        represent(thing)


@pytest.fixture(scope="module")
def chart():
    import altair as alt

    rows = pl.DataFrame({"carrier": ["AA", "</script><script>alert(1)</script>"], "rows": [10, 2]})
    return alt.Chart(rows, title="Rows").mark_bar().encode(x="carrier", y="rows", href="carrier")


def test_a_chart_is_kept_with_the_rows_it_draws(chart):
    kept = represent(chart)
    assert (kept.kind, set(kept.files)) == ("chart", {"chart.svg", "chart.vl.json", "data.parquet"})
    assert pl.read_parquet(io.BytesIO(kept.files["data.parquet"]))["rows"].to_list() == [10, 2]
    assert represent(chart).digest == kept.digest


def test_a_chart_is_the_same_exhibit_however_many_pictures_were_drawn_before():
    import altair as alt

    rows = pl.DataFrame({"x": [1, 2], "y": [1, 2]})
    chart = alt.Chart(rows).mark_line(clip=True).encode(x="x", y="y").interactive()
    assert represent(chart).digest == represent(chart).digest


def test_a_chart_of_more_rows_than_altair_draws_is_kept():
    import altair as alt

    rows = pl.DataFrame({"x": range(5001)})
    kept = represent(alt.Chart(rows).mark_tick().encode(x="x"))
    assert pl.read_parquet(io.BytesIO(kept.files["data.parquet"])).height == 5001


def test_text_in_a_charts_data_is_no_markup(chart):
    svg = represent(chart).files["chart.svg"]
    assert b"<script" not in svg
    assert b"href" not in svg
    assert b"&lt;script&gt;" in svg


def test_a_chart_that_loads_its_data_is_refused():
    import altair as alt

    chart = alt.Chart("http://example.com/data.csv").mark_bar().encode(x="a:Q")
    with pytest.raises(MisuseError, match="loads its data from an address"):
        represent(chart)


def test_keeping_a_frame_loads_no_chart_library():
    program = (
        "import sys, polars; from audit_lab.case.representation import represent;"
        "represent(polars.DataFrame({'a': [1]})); print('altair' in sys.modules, 'pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False False\n"


def test_a_verification_of_the_log_is_kept_without_its_folder():
    report = Verification("log flights at /home/jane/flights", Verdict.UNANCHORED, checked=("segments",))
    kept = represent(report, "flights")
    assert kept.kind == "verification"
    assert b"jane" not in kept.files["verification.json"]
    assert json.loads(kept.files["verification.json"])["checked"] == ["segments"]


@pytest.mark.parametrize("subject", ["log other at /logs/other", "flights.zip", "log flights2 at /logs/flights2"])
def test_a_verification_of_something_else_is_refused(subject):
    with pytest.raises(MisuseError, match="is about .* and the case about the log flights"):
        represent(Verification(subject, Verdict.UNANCHORED), "flights")


def test_a_lazy_frame_that_cannot_be_read(tmp_path):
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"a": range(1000)}).write_parquet(path)
    frame = pl.scan_parquet(path)
    frame.collect_schema()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LogError, match="The frame to keep cannot be read"):
        represent(frame)


def test_a_chart_with_half_a_surrogate_pair_is_kept():
    import altair as alt

    chart = alt.Chart(alt.Data(values=[{"x": 1}])).mark_tick().encode(x="x:Q").properties(title="half \ud800")
    assert json.loads(represent(chart).files["chart.vl.json"])["title"] == "half \ud800"


@pytest.fixture(scope="module")
def answers(credit):
    """What the credit log answers, by the kind of exhibit."""
    import audit_lab as al

    log = al.open(credit)
    window = {"since": "2025-08-25", "until": "2025-09-05"}
    decision = log.decision(log.newest(1)["prediction_id"][0])
    cohort = log.attributions(version="2.0.0", **window)
    return {
        "batch-replay": log.replay(**window),
        "cohort": cohort,
        "comparable": decision.comparable(3),
        "counterfactuals": decision.counterfactual(),
        "dossier": decision.dossier(),
        "contrast": cohort.against(cohort),
        "coverage": log.coverage(),
        "decisions": log.decisions([decision.prediction_id]),
        "exploration": log.explore("2.0.0", "1.0.0", rows=5),
        "impact": log.impact(al.Correction.threshold(0.4), **window),
        "lineage": decision.lineage_graph(),
        "what-if": decision.what_if({"credit_amount": 1_000}, explain=None),
    }


@pytest.mark.parametrize(
    ("kind", "frames"),
    [
        ("batch-replay", {"rows.parquet", "groups.parquet"}),
        ("cohort", {"importance.parquet", "points.parquet"}),
        ("comparable", {"cases.parquet", "differences.parquet"}),
        ("contrast", {"table.parquet"}),
        ("coverage", {"table.parquet", "weeks.parquet", "reasons.parquet", "sequence_gaps.parquet"}),
        ("decisions", {"frame.parquet", "gaps.parquet", "findings.parquet"}),
        ("exploration", {"table.parquet"}),
        (
            "impact",
            {"affected.parquet", "by_group.parquet", "by_subject.parquet", "directions.parquet", "not_decided.parquet"},
        ),
        ("counterfactuals", set()),
        ("dossier", set()),
        ("lineage", {"prov.json"}),
        ("what-if", {"sides.parquet", "rows.parquet"}),
    ],
)
def test_what_a_log_answers_is_kept_as_what_it_is(answers, kind, frames):
    kept = represent(answers[kind])
    assert kept.kind == kind
    tables = {name for name in frames if name.endswith(".parquet")} - (
        {"rows.parquet"} if kind == "batch-replay" else set()
    )
    shown = {name.replace(".parquet", ".csv") for name in tables}
    assert set(kept.files) == frames | shown | {f"{kind}.json", "summary.json"}
    for name in tables:
        frame = pl.read_parquet(io.BytesIO(kept.files[name]))
        assert kept.files[name.replace(".parquet", ".csv")] == csv_bytes(frame)
    assert json.loads(kept.files["summary.json"])


def test_one_that_is_asked_again_is_the_same_exhibit(answers, credit):
    import audit_lab as al

    decision = al.open(credit).newest(1)["prediction_id"][0]
    again = al.open(credit).decision(decision)
    for kind, thing in (("dossier", again.dossier()), ("counterfactuals", again.counterfactual())):
        kept = represent(thing)
        assert kept.digest == represent(answers[kind]).digest
        assert kept.models == ({"artifact_sha256": answers["counterfactuals"].artifact_sha256},)
        assert decision.encode() in kept.files[f"{kind}.json"]
