"""Records of loggers, as JSON lines and as Avro, through a mapping."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.log.foreign.mapping import Mapping

MAPPING = Mapping(
    "demonstration-plain",
    {
        "prediction_id": "id",
        "occurred_at": "time",
        "model_version": "version",
        "score": "score",
        "decision": "decision",
        "latency_ms": "took",
        "outcome": "truth",
    },
    inputs=("inputs.amount", "inputs.city"),
    model_name="loans",
    latency_unit="s",
)
RECORD = {
    "id": 7,
    "time": "2026-05-04T11:00:00+02:00",
    "version": "3",
    "score": 0.25,
    "decision": "approve",
    "took": 0.5,
    "truth": 1,
    "inputs": {"amount": 1.5, "city": "Bern"},
}


def written(style):
    """Return the record as a logger writes it, and how its fields are then called."""
    if style == "logging":  # a formatter that puts the caller's fields beside its own, and the inputs as JSON in a text
        return {"asctime": "x", "levelname": "INFO", **RECORD, "inputs": json.dumps(RECORD["inputs"])}
    if style == "structlog":
        return {"event": "scored", "level": "info", **RECORD}
    extra = {name: value for name, value in RECORD.items() if name != "time"}
    time = {"repr": "2026-05-04 11:00:00.000000+02:00", "timestamp": 1_777_885_200.0}
    return {"text": "scored\n", "record": {"elapsed": {}, "extra": extra, "level": {"name": "INFO"}, "time": time}}


@pytest.mark.parametrize("style", ["logging", "structlog", "loguru"])
def test_records_of_each_logger_become_predictions(adapting, style):
    report = adapting({"a.jsonl": [written(style)]}, mapping=MAPPING)
    log = al.open(adapting.log)
    row = log.predictions.collect().row(0, named=True)
    assert (report.form, row["prediction_id"], row["model_name"], row["model_version"]) == (
        "json-lines",
        "7",
        "loans",
        "3",
    )
    assert row["occurred_at"] == datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert (row["outputs"]["score"], row["decision"], row["latency_ms"]) == (0.25, "approve", 500.0)
    assert log.inputs("loans").drop("recorded_at").collect().rows() == [("7", 1.5, "Bern")]
    assert log.outcomes.collect().select("prediction_id", "label").rows() == [("7", "1")]
    assert (report.versions_stated, report.labels) == (1, 1)


def test_a_record_without_its_id_or_with_an_unreadable_time_is_refused(adapting):
    bad = [{**RECORD, "id": " "}, {**RECORD, "time": "noon"}, {**RECORD, "time": 5}, {"id": "x"}, [1], "{"]
    report = adapting({"a.jsonl": [RECORD, *bad]}, mapping=MAPPING)
    assert (report.rows_kept, report.rows_quarantined) == (1, 6)
    assert report.quarantine()["reason"].to_list()[:2] == ["the id is missing", "the time cannot be read"]


def test_without_a_field_for_the_id_ids_are_made_of_digest_and_line(adapting):
    mapping = Mapping("x", {"score": "score"}, inputs=("inputs.amount",))
    report = adapting({"a.jsonl": [RECORD, RECORD]}, mapping=mapping)
    ids = al.open(adapting.log).predictions.collect()["prediction_id"].to_list()
    assert ids == [f"{report.files[0].sha256[:16]}:{line}" for line in (1, 2)]


def test_plain_json_without_a_mapping_is_said_to_need_one(adapting):
    with pytest.raises(MisuseError, match="give a mapping"):
        adapting({"a.jsonl": [RECORD]})
    with pytest.raises(MisuseError, match="read by a mapping"):
        adapting(form="json-lines")


FIELDS = [
    {"name": "id", "type": "long"},
    {"name": "time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "version", "type": ["null", "string"]},
    {"name": "score", "type": "double"},
    {"name": "inputs", "type": {"type": "record", "name": "I", "fields": [{"name": "amount", "type": "float"}]}},
]
SCHEMA = {"type": "record", "name": "R", "fields": FIELDS}


def container(*records, schema=SCHEMA, codec="deflate"):
    """Return a container file of Avro."""
    fastavro = pytest.importorskip("fastavro")
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, records, codec=codec)
    return buffer.getvalue()


def scored(number):
    """Return a record for the schema above."""
    at = datetime(2026, 5, 4, 9, tzinfo=UTC)
    return {"id": number, "time": at, "version": None, "score": 0.5, "inputs": {"amount": 1.5}}


def test_avro_is_read_by_each_file_s_own_schema(adapting):
    wider = {**SCHEMA, "fields": [*FIELDS, {"name": "decision", "type": "string"}]}
    files = {
        "a.avro": container(scored(1), scored(2)),
        "b.avro": container({**scored(3), "decision": "deny"}, schema=wider, codec="null"),
    }
    report = adapting(files, mapping=MAPPING)
    found = al.open(adapting.log).predictions.sort("prediction_id").collect()
    assert (report.form, report.rows_read, report.rows_kept) == ("avro", 3, 3)
    assert found.select("prediction_id", "decision").rows() == [("1", None), ("2", None), ("3", "deny")]
    assert found["occurred_at"][0] == datetime(2026, 5, 4, 9, tzinfo=UTC)


def hostile(name):
    """Return a file of Avro that would hurt a reader that believes it."""
    whole = container(scored(1), scored(2), codec="null")
    if name == "cut off":
        return whole[:-20]
    if name == "changed":
        return whole[:-1] + b"?"
    header = whole[:4] + b"\x02\x16avro.schema"
    schema = {
        "recursive": {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]},
        "lists of nothing": {
            "type": "record",
            "name": "N",
            "fields": [{"name": "x", "type": {"type": "array", "items": "null"}}],
        },
        "records of nothing": {"type": "record", "name": "N", "fields": []},
    }[name]
    text = json.dumps(schema).encode()
    size = 2 * len(text)
    length = bytes([size & 0x7F | 0x80, size >> 7]) if size > 0x7F else bytes([size])
    # A block that claims 2^60 records without a byte.
    return header + length + text + b"\x00" + b"s" * 16 + b"\x80\x80\x80\x80\x80\x80\x80\x80\x20\x00" + b"s" * 16


@pytest.mark.parametrize("name", ["cut off", "changed", "recursive", "lists of nothing", "records of nothing"])
def test_hostile_avro_is_refused_and_counted(adapting, name):
    report = adapting({"a.avro": hostile(name)}, mapping=MAPPING)
    assert report.rows_read == report.rows_kept + report.rows_quarantined
    # A number that is stated counts where so many records are there: a claim of 2^60 records is none.
    counted = name == "changed"
    assert (report.rows_read, report.rows_quarantined, report.unread_ranges) == ((2, 2, 0) if counted else (0, 0, 1))
