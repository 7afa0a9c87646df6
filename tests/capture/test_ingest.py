"""The ingest report of a foreign folder, and its quarantine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_lab.capture import ingest
from audit_lab.capture.ingest import ingest_report, quarantine
from audit_lab.errors import LogError, MisuseError
from audit_lab.log.foreign.mapping import Mapping
from audit_lab.log.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

MAPPING = Mapping(
    "theirs",
    {"prediction_id": "k", "occurred_at": "t", "model_name": "m", "model_version": "v", "score": "p"},
    ("amount", "purpose"),
    time_unit="s",
)


def write(folder: Path, **changes: object) -> Path:
    """Write six good rows in their names, some columns exchanged."""
    columns = {
        "k": ["a", "b", "c", "d", "e", "f"],
        "t": [1435752000 + n for n in range(6)],
        "m": ["loans"] * 6,
        "v": ["r1"] * 6,
        "p": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "amount": [1, 2, 3, 4, 5, 6],
        "purpose": ["car"] * 6,
    }
    pl.DataFrame({**columns, **changes}, strict=False).write_parquet(folder / "part.parquet")
    return folder


def test_a_clean_folder_is_kept_whole(tmp_path):
    report = ingest_report(write(tmp_path), MAPPING)
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (6, 6, 0)
    assert report.lines() == [
        "6 rows read from 1 file: 6 kept as predictions, 0 quarantined.",
        "No id stands twice.",
        "Model version: stated by column v in 6 of 6 rows.",
        "Sampling rate: not stated.",
    ]


def test_missing_ids_and_unreadable_times_are_quarantined_and_counted(tmp_path):
    report = ingest_report(write(tmp_path, k=["a", None, "", "d", "e", None], t=[1, 2, 3, 4, 2**61, 2**61]), MAPPING)
    assert (report.rows_kept, report.rows_quarantined) == (2, 4)
    assert (report.null_ids, report.unreadable_times) == (3, 2)


def test_the_quarantine_holds_file_row_reason_and_raw_values(tmp_path):
    found = quarantine(write(tmp_path, k=["a", None, "c", "d", "e", None], t=[1, 2, 3, 4, 2**61, 2**61]), MAPPING)
    assert found.select("file", "row", "reason").rows() == [
        ("part", 1, "the id is missing"),
        ("part", 4, "the time cannot be read"),
        ("part", 5, "the id is missing; the time cannot be read"),
    ]
    assert json.loads(found["raw_values"][1]) == {
        "k": "e",
        "t": 2**61,
        "m": "loans",
        "v": "r1",
        "p": 0.5,
        "amount": 5,
        "purpose": "car",
    }
    assert quarantine(tmp_path, MAPPING, limit=2)["row"].to_list() == [1, 4]


def test_an_empty_quarantine_has_its_columns(tmp_path):
    found = quarantine(write(tmp_path), MAPPING)
    assert found.height == 0
    assert found.columns == ["file", "row", "reason", "raw_values"]


def test_raw_values_of_every_type_become_json_text(tmp_path):
    frame = pl.DataFrame(
        {
            "k": [None],
            "bytes": [b"\xff\x00"],
            "list": [[1.5, float("nan")]],
            "nest": [{"x": b"\x01", "y": [datetime(2015, 7, 1, tzinfo=UTC)]}],
            "decimal": [Decimal("1.10")],
            "infinite": [float("inf")],
            "late": [2**62],
            "span": [1500],
            "flag": [True],
        },
        schema_overrides={"k": pl.String},
    ).with_columns(pl.col("late").cast(pl.Datetime("ms", "UTC")), pl.col("span").cast(pl.Duration("ms")))
    frame.write_parquet(tmp_path / "part.parquet")
    found = quarantine(tmp_path, Mapping("theirs", {"prediction_id": "k"}))
    assert json.loads(found["raw_values"][0]) == {
        "k": None,
        "bytes": "hex:ff00",
        "list": [1.5, "nan"],
        "nest": {"x": "hex:01", "y": ["2015-07-01T00:00:00+00:00"]},
        "decimal": "1.10",
        "infinite": "inf",
        "late": f"{2**62} ms since 1970",
        "span": "1500 ms",
        "flag": True,
    }


def test_the_quarantine_shows_each_files_own_values_not_the_widened_ones(tmp_path):
    pl.DataFrame({"k": ["a", None], "x": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"k": [None, "b"], "x": [0.5, 1.5]}).write_parquet(tmp_path / "b.parquet")
    found = quarantine(tmp_path, Mapping("theirs", {"prediction_id": "k"}, ("x",)))
    assert found.rows() == [
        ("a", 1, "the id is missing", '{"k": null, "x": 2}'),
        ("b", 0, "the id is missing", '{"k": null, "x": 0.5}'),
    ]


ids = st.lists(st.one_of(st.none(), st.sampled_from(["", " ", "a", "b", "c"])), min_size=1, max_size=12)


@given(ids, st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kept_and_quarantined_rows_are_the_rows_read_and_the_log_agrees(tmp_path, keys, data):
    texts = st.sampled_from([None, "", "soon", "2015-07-01T12:00:00Z", "2015-07-01"])
    moments = data.draw(st.lists(texts, min_size=len(keys), max_size=len(keys)))
    pl.DataFrame({"k": keys, "t": moments}, schema={"k": pl.String, "t": pl.String}).write_parquet(
        tmp_path / "x.parquet"
    )
    mapping = Mapping("theirs", {"prediction_id": "k", "occurred_at": "t"})
    report = ingest_report(tmp_path, mapping)
    good = [key for key, moment in zip(keys, moments, strict=True) if key and key.strip() and moment != "soon"]
    assert report.rows_kept + report.rows_quarantined == report.rows_read == len(keys)
    assert quarantine(tmp_path, mapping).height == report.rows_quarantined == len(keys) - len(good)
    store = open_store(tmp_path, mapping)
    assert store.table("predictions").collect()["prediction_id"].to_list() == good
    assert store.source.tables()["predictions"] == report.rows_kept
    assert report.duplicate_rows == len(good) - len(set(good))


def test_rows_without_a_time_are_kept_and_said(tmp_path):
    report = ingest_report(write(tmp_path, t=[1, None, 3, 4, None, 6]), MAPPING)
    assert (report.rows_kept, report.rows_without_time) == (6, 2)
    assert "2 rows kept without a time: no window will hold them." in report.lines()


def test_duplicate_ids_are_counted_with_the_first_few(tmp_path):
    report = ingest_report(write(tmp_path, k=["b", "a", "b", "a", "b", "c"]), MAPPING)
    assert (report.duplicate_ids, report.duplicate_rows, report.duplicate_examples) == (2, 3, ("a", "b"))
    assert "2 ids stand more than once (3 rows too many): a, b." in report.lines()


def test_duplicate_ids_are_the_same_counted_in_several_passes(tmp_path, monkeypatch):
    monkeypatch.setattr(ingest, "_IDS_PER_PASS", 2)
    report = ingest_report(write(tmp_path, k=["b", "a", "b", "a", "b", "c"]), MAPPING)
    assert (report.duplicate_ids, report.duplicate_rows, report.duplicate_examples) == (2, 3, ("a", "b"))


def test_null_and_partly_null_inputs_are_counted(tmp_path):
    changes = {"amount": [None, None, 3, 4, 5, 6], "purpose": [None, "car", None, "car", "car", "car"]}
    report = ingest_report(write(tmp_path, **changes), MAPPING)
    assert (report.null_inputs_rows, report.partial_inputs_rows) == (1, 2)
    assert report.responses_without_request == 1


def test_inputs_without_any_output_are_requests_without_response(tmp_path):
    report = ingest_report(write(tmp_path, p=[None, 0.2, 0.3, 0.4, 0.5, 0.6]), MAPPING)
    assert report.requests_without_response == 1
    assert ingest_report(tmp_path, Mapping("theirs", {}, ("amount",))).requests_without_response is None


@pytest.mark.parametrize("purposes", [["x" * 255, "x" * 255, "car"] * 2, ['{"a": "b', '{"a": 1}', '[["q"'] * 2])
def test_text_that_looks_cut_off_is_counted(tmp_path, purposes):
    report = ingest_report(write(tmp_path, purpose=purposes), MAPPING)
    assert report.truncated_inputs_rows == 4


def test_text_of_an_unusual_longest_length_is_not_called_cut_off(tmp_path):
    assert ingest_report(write(tmp_path, purpose=["x" * 77] * 6), MAPPING).truncated_inputs_rows == 0


def test_scores_that_are_no_number_are_counted_and_shown_escaped(tmp_path):
    report = ingest_report(write(tmp_path, p=["0.5", "hi\x1b[31m", "n/a", "", None, "0.25"]), MAPPING)
    assert (report.undecodable_scores, report.undecodable_examples) == (2, ("hi\x1b[31m", "n/a"))
    assert "2 scores kept as missing, being no finite number: hi\\x1b[31m, n/a." in report.lines()
    assert report.requests_without_response == 2


def test_a_nan_score_is_no_number_and_not_merely_missing(tmp_path):
    report = ingest_report(write(tmp_path, p=[float("nan"), float("inf"), None, 0.4, 0.5, 0.6]), MAPPING)
    assert (report.undecodable_scores, report.requests_without_response) == (2, 1)


def test_scores_outside_0_to_1_are_counted_where_nearly_all_are_probabilities(tmp_path):
    scores = [0.5] * 19 + [1.5]
    pl.DataFrame({"p": scores}).write_parquet(tmp_path / "x.parquet")
    report = ingest_report(tmp_path, Mapping("theirs", {"score": "p"}))
    assert (report.scores_are_probabilities, report.scores_out_of_range) == (True, 1)


def test_scores_that_are_no_probabilities_are_said_to_be_none(tmp_path):
    report = ingest_report(write(tmp_path, p=[350.0, 700.0, 1.0, 2.0, 3.0, 4.0]), MAPPING)
    assert (report.scores_are_probabilities, report.scores_out_of_range) == (False, None)


def test_rows_without_version_or_model_name_are_counted(tmp_path):
    report = ingest_report(
        write(tmp_path, v=["r1", None, "", "r1", "r1", "r1"], m=["x", None, "x", "x", "x", "x"]), MAPPING
    )
    assert (report.rows_without_version, report.rows_without_model_name) == (2, 1)
    assert report.model_version == "stated by column v in 4 of 6 rows"


def test_what_no_column_tells_is_none_and_not_zero(tmp_path):
    report = ingest_report(write(tmp_path), Mapping("theirs", {}))
    for count in ("null_ids", "unreadable_times", "duplicate_ids", "null_inputs_rows", "undecodable_scores"):
        assert getattr(report, count) is None
    assert (report.rows_read, report.rows_kept) == (6, 6)
    assert (report.model_version, report.scores_are_probabilities) == ("not stated", None)


def test_a_sampling_rate_in_the_files_is_stated(tmp_path):
    report = ingest_report(write(tmp_path, sampling_fraction=[0.5] * 5 + [1.0]), MAPPING)
    assert report.sampling == "stated by column sampling_fraction: 0.5 to 1.0"


def test_each_files_missing_extra_and_retyped_columns_are_named(tmp_path):
    for name, frame in {
        "a": pl.DataFrame({"k": ["1"], "x": [1], "y": [1]}),
        "b": pl.DataFrame({"k": ["2"], "x": [2.5], "y": [1]}),
        "c": pl.DataFrame({"k": ["3"], "x": [2.5], "z": [1]}),
    }.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    files = ingest_report(tmp_path, Mapping("theirs", {"prediction_id": "k"}, ("x",))).files
    assert [(file.name, file.rows, file.missing, file.extra, file.retyped) for file in files] == [
        ("a", 1, (), (), ("x: Int64, read as Float64",)),
        ("b", 1, (), (), ()),
        ("c", 1, ("y",), ("z",), ()),
    ]


def test_files_not_read_and_columns_left_out_are_named(tmp_path):
    write(tmp_path, note=["n"] * 6)
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "0.json").write_text("{}")
    report = ingest_report(tmp_path, MAPPING)
    assert (report.unread_files, report.unused_columns) == (("_delta_log/0.json",), ("note",))
    assert any("deleted or replaced" in line for line in report.lines())


def test_a_folder_without_rows_is_reported_as_such(tmp_path):
    pl.DataFrame(schema={"k": pl.String, "p": pl.Float64}).write_parquet(tmp_path / "x.parquet")
    report = ingest_report(tmp_path, Mapping("theirs", {"prediction_id": "k", "score": "p"}, ("p",)))
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (0, 0, 0)


def test_the_report_is_json_safe(tmp_path):
    report = ingest_report(write(tmp_path), MAPPING)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["rows_kept"] == 6


def test_lines_hold_no_control_character_of_the_files(tmp_path):
    write(tmp_path, **{"evil\x1b[2J\n": [1] * 6}, k=["a\x07", "a\x07", "c", "d", "e", "f"])
    assert all(line.isprintable() for line in ingest_report(tmp_path, MAPPING).lines())


def test_misuse_and_damage_are_our_errors(tmp_path):
    with pytest.raises(MisuseError, match="there is no folder"):
        ingest_report(tmp_path / "none", MAPPING)
    write(tmp_path)
    (tmp_path / "z.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(LogError, match=r"z\.parquet"):
        quarantine(tmp_path, MAPPING)
