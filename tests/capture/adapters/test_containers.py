"""Containers that are damaged: what they say to hold is read or quarantined, to the last record."""

from __future__ import annotations

import gzip
import io
import json

import polars as pl
import pyarrow.parquet as pq
import pytest

import audit_lab as al
from audit_lab.capture.adapters.avro_container import avro_records
from audit_lab.capture.adapters.quarantine import QUARANTINE_SCHEMA, read_quarantine
from audit_lab.log.foreign.mapping import Mapping

MAPPING = Mapping("x", {"prediction_id": "id", "score": "score"}, inputs=("a",), model_name="loans")
SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [{"name": "id", "type": "string"}, {"name": "score", "type": "double"}, {"name": "a", "type": "double"}],
}
SYNC = b"the end of block"


def table(rows, **more):
    """Return so many rows of Databricks' second generation."""
    columns = {
        "databricks_request_id": [f"r{number}" for number in range(rows)],
        "request_time": ["2026-05-04T09:00:00Z"] * rows,
        "request": [json.dumps({"instances": [{"a": number / 7}]}) for number in range(rows)],
        "response": ['{"predictions": [0.5]}'] * rows,
    }
    return pl.DataFrame({**columns, **more})


def parquet(frame, rows_of_group):
    """Return rows as Parquet, and where the bodies of the second row group begin."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, row_group_size=rows_of_group)
    return bytearray(buffer.getvalue()), pq.read_metadata(buffer).row_group(1).column(2).data_page_offset


def agrees(report):
    """Check that every record is kept or in quarantine."""
    assert report.rows_read == report.rows_kept + report.rows_quarantined
    assert report.quarantine()["rows"].sum() == report.rows_quarantined


def test_rows_of_a_damaged_row_group_are_quarantined_by_their_range_and_the_others_are_read(adapting):
    content, at = parquet(table(300), 100)
    content[at : at + 60] = b"\xff" * 60
    report = adapting({"a.parquet": bytes(content)}, model="loans")
    agrees(report)
    assert (report.rows_read, report.rows_kept, report.undecodable_payloads) == (300, 200, 100)
    (row,) = report.quarantine().select("file", "row", "rows", "reason").rows()
    assert row[:3] == ("a.parquet", 101, 100)
    assert "rows 101 to 200 of the file cannot be decoded" in row[3]
    again = adapting(model="loans")
    assert (again.predictions_added, again.rows_read) == (0, 300)


def test_a_row_group_of_which_no_column_can_be_read_states_a_number_that_is_not_believed(adapting):
    content, _ = parquet(table(300), 100)
    about = pq.read_metadata(io.BytesIO(content))
    first, stop = (about.row_group(number).column(0).dictionary_page_offset for number in (1, 2))
    content[first:stop] = b"\xff" * (stop - first)
    report = adapting({"a.parquet": bytes(content)}, model="loans")
    agrees(report)
    assert (report.rows_read, report.rows_kept, report.unread_ranges) == (200, 200, 1)
    assert report.files[0].unread == ((first, stop),)
    (row,) = report.quarantine().select("row", "rows", "reason").rows()
    assert row[:2] == (101, 0)
    assert "the file says 100, which no column shows" in row[2]
    again = adapting(model="loans")
    assert (again.predictions_added, again.rows_read, again.unread_ranges) == (0, 200, 1)


def test_rows_that_have_to_be_paired_are_counted_by_their_range_too(adapting):
    rows = [
        {"url": "", "bytes": body, "reqType": f"org.kubeflow.serving.inference.{side}", "id": f"k{number}"}
        | {"inferenceService": "loans", "contentType": None}
        for side, body in (("request", "eyJpbnN0YW5jZXMiOlsxXX0="), ("response", "eyJwcmVkaWN0aW9ucyI6WzFdfQ=="))
        for number in range(100)
    ]
    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer, row_group_size=50)
    content, about = bytearray(buffer.getvalue()), pq.read_metadata(buffer)
    at = about.row_group(3).column(3).data_page_offset
    content[at : at + 60] = b"\xff" * 60
    report = adapting({"a.parquet": bytes(content)})
    agrees(report)
    assert (report.form, report.rows_read, report.rows_quarantined) == ("kserve", 200, 50)
    assert report.requests_without_response == 50


def test_a_row_that_is_too_large_is_refused_in_parquet_and_in_avro(adapting):
    frame = table(3).with_columns(request=pl.Series(["x" * 3_000, *table(3)["request"][1:]]))
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    report = adapting({"a.parquet": buffer.getvalue()}, model="loans", largest_record_mb=0.002)
    agrees(report)
    assert (report.rows_kept, report.too_large) == (2, 1)
    assert report.quarantine()["raw_size"][0] > 3_000
    large = [{"id": "x" * 3_000, "score": 0.5, "a": 1.0}, {"id": "y", "score": 0.5, "a": 1.0}]
    (adapting.source / "a.parquet").unlink()
    report = adapting({"a.avro": avro(large)}, mapping=MAPPING, largest_record_mb=0.002)
    agrees(report)
    assert (report.rows_kept, report.too_large) == (1, 1)


def test_a_time_that_no_calendar_has_is_refused_and_the_rows_around_it_are_read(adapting):
    at = pl.Series([1_777_885_200_000_000, 10**18, 1_777_885_201_000_000]).cast(pl.Datetime("us", "UTC"))
    buffer = io.BytesIO()
    table(3, request_time=at).write_parquet(buffer)
    report = adapting({"a.parquet": buffer.getvalue()}, model="loans")
    agrees(report)
    assert (report.rows_kept, report.quarantine()["row"].to_list()) == (2, [2])
    assert b"1000000000000000000" in report.quarantine()["raw"][0]


def test_a_table_whose_footer_is_damaged_has_rows_that_nobody_can_count(adapting):
    content, _ = parquet(table(300), 100)
    adapting.source.mkdir()
    (adapting.source / "b.parquet").write_bytes(content[:-30] + b"?" * 22 + content[-8:])
    report = adapting(form="databricks", model="loans")
    agrees(report)
    assert (report.rows_read, report.rows_quarantined, report.unread_ranges) == (0, 0, 1)
    assert report.files[0].unread == ((0, len(content)),)
    (row,) = report.quarantine().select("row", "rows", "code", "first_byte", "stop_byte", "raw_size").rows()
    assert row == (1, 0, "undecodable", 0, len(content), len(content))
    said = report.lines()
    assert said[0] == "At least 0 records (databricks) in 1 file: 0 kept, 0 quarantined."
    assert f"How many records stand in b.parquet from byte 0 to byte {len(content):,} cannot be told." in said
    again = adapting(form="databricks", model="loans")
    assert (again.unread_ranges, again.files[0].state, again.files[0].unread) == (1, "known", ((0, len(content)),))


def avro(records, codec="null"):
    """Return records as a container with two to a block."""
    fastavro = pytest.importorskip("fastavro")
    buffer = io.BytesIO()
    writer = fastavro.write.Writer(buffer, SCHEMA, codec=codec, sync_marker=SYNC)
    for number, record in enumerate(records):
        writer.write(record)
        if number % 2:
            writer.flush()
    writer.flush()
    return buffer.getvalue()


RECORDS = [{"id": f"p{number}", "score": 0.5, "a": 1.0} for number in range(6)]


def damaged(how, codec):
    """Return a container of six records whose second block is damaged, and where that block begins and ends."""
    content = avro(RECORDS, codec)
    header = content.index(SYNC) + len(SYNC)
    first = content.index(SYNC, header) + len(SYNC)
    second = content.index(SYNC, first)
    span = (first, second + len(SYNC))
    if how == "its records":
        return content[: first + 3] + b"\xff" * (second - first - 3) + content[second:], span
    if how == "its mark":
        return content[:second] + b"?" + content[second + 1 :], span
    if how == "its number":
        return content[:first] + b"\x0a" + content[first + 1 :], span
    if how == "its size":
        return content[: first + 1] + b"\xfe\xff\x03" + content[first + 3 :], (first, span[1] + 1)
    raise ValueError(how)


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize("how", ["its records", "its mark", "its number", "its size"])
def test_the_number_of_a_damaged_block_counts_where_so_many_can_be_decoded_and_the_next_block_is_read(
    adapting, how, codec
):
    content, span = damaged(how, codec)
    report = adapting({"a.avro": content}, mapping=MAPPING)
    agrees(report)
    # Of the block that says five, two records can be decoded, and then there are no bytes left.
    read = {"its number": (6, 0), "its mark": (4, 2)}.get(how, (4, 0))
    assert (report.rows_kept, report.rows_quarantined) == read
    assert report.files[0].unread == (() if how == "its mark" else (span,))
    kept = al.open(adapting.log).predictions.collect()["prediction_id"].to_list()
    assert sorted(kept) == [f"p{number}" for number in range(6) if read[0] == 6 or number not in {2, 3}]
    (row,) = report.quarantine().select("row", "rows").rows()
    assert row == (5 if how == "its number" else 3, read[1])
    assert adapting(mapping=MAPPING).predictions_added == 0


@pytest.mark.parametrize(("cut", "lost", "ranges"), [(-3, 0, 1), (5, 2, 0)])
def test_of_a_container_that_is_cut_off_only_what_can_be_decoded_is_counted(adapting, cut, lost, ranges):
    content = avro(RECORDS)
    report = adapting({"a.avro": content[: content.rindex(SYNC) + cut]}, mapping=MAPPING)
    agrees(report)
    assert (report.rows_kept, report.truncated_payloads, report.unread_ranges) == (4, lost, ranges)
    assert report.quarantine()["code"].to_list() == ["truncated"]


def test_a_record_whose_text_is_no_text_or_whose_day_is_none_is_refused_alone(adapting):
    fastavro = pytest.importorskip("fastavro")
    day = {"name": "day", "type": {"type": "int", "logicalType": "date"}}
    raw = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "day", "type": "int"}]}
    buffer = io.BytesIO()
    writer = fastavro.write.Writer(buffer, raw, codec="null", sync_marker=SYNC)
    for number in range(6):
        days = 2**31 - 1 if number == 3 else 20_000
        writer.write({"id": f"p{number}", "score": 0.5, "a": 1.0, "day": days})
    writer.flush()
    said = json.dumps({**SCHEMA, "fields": [*SCHEMA["fields"], day]}).encode()
    content = buffer.getvalue()
    about = json.loads(content[content.index(b"{") : content.rindex(b"}") + 1])
    assert about["fields"][-1]["name"] == "day"
    with_days = io.BytesIO()
    fastavro.write.Writer(with_days, json.loads(said), codec="null", sync_marker=SYNC).flush()
    body = content[content.index(SYNC) + len(SYNC) :].replace(b"p1", b"\xff1")
    report = adapting({"a.avro": with_days.getvalue() + body}, mapping=MAPPING)
    agrees(report)
    assert (report.rows_read, report.rows_kept, report.unread_ranges) == (6, 4, 0)
    assert report.quarantine().select("row", "rows", "code").rows() == [(2, 1, "undecodable"), (4, 1, "undecodable")]
    assert sorted(al.open(adapting.log).predictions.collect()["prediction_id"]) == ["p0", "p2", "p4", "p5"]


def test_bytes_behind_the_records_of_a_block_are_told():
    content = avro(RECORDS[:2])
    at = content.index(SYNC) + len(SYNC)
    assert content[at] == 4
    found = list(avro_records(io.BytesIO(content[:at] + b"\x02" + content[at + 1 :])))
    why = "a block has bytes behind as many records as it says to have; how many records these are cannot be told"
    assert [each.problem for each in found] == [None, why]


def test_a_packed_array_of_which_only_the_beginning_is_there_is_of_its_form(adapting):
    events = [
        {"id": f"k{number}", "type": "org.kubeflow.serving.inference.request", "data": {"instances": [number]}}
        for number in range(500)
    ]
    packed = gzip.compress(json.dumps(events).encode())
    report = adapting({"a.json.gz": packed[: len(packed) // 2]})
    agrees(report)
    assert (report.form, report.rows_quarantined, report.unread_ranges) == ("kserve", 0, 1)
    assert 0 < report.rows_kept < 500


def test_a_record_of_an_array_that_is_too_large_is_refused_and_the_others_are_read(adapting):
    events = [
        {"id": "k1", "type": "org.kubeflow.serving.inference.request", "data": {"instances": ["x" * 3_000]}},
        {"id": "k2", "type": "org.kubeflow.serving.inference.request", "data": {"instances": [1]}},
    ]
    report = adapting({"a.json": json.dumps(events).encode()}, largest_record_mb=0.002)
    agrees(report)
    assert (report.rows_kept, report.too_large) == (1, 1)


def test_a_quarantine_of_before_ranges_were_kept_is_still_read(tmp_path):
    later = {"rows", "first_byte", "stop_byte"}
    schema = {name: dtype for name, dtype in QUARANTINE_SCHEMA.items() if name not in later}
    pl.DataFrame([("a", "0", 3, "unfit", "why", b"x", 1, "0")], schema=schema, orient="row").write_parquet(
        tmp_path / "old.parquet"
    )
    assert read_quarantine(tmp_path, ["old.parquet"]).select("row", *sorted(later)).rows() == [(3, None, 1, None)]
