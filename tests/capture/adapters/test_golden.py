"""Each form's fixture, with its quirks, comes out as it always did: rows, quarantine and counts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.foreign.mapping import Mapping

FIXTURES = Path(__file__).with_name("fixtures")
MAPPING = Mapping(
    "x",
    {"prediction_id": "id", "occurred_at": "time", "model_version": "version", "score": "score", "outcome": "truth"},
    inputs=("inputs.amount", "inputs.city"),
    model_name="loans",
)
SAID = {
    "sagemaker": {"model": "loans"},
    "databricks-gateway": {"model": "loans", "version": {"entity-9": "7"}},
    "databricks-unity": {"model": "loans"},
    **{name: {"mapping": MAPPING} for name in ("json-lines", "logging", "structlog", "loguru", "avro")},
}
FORMS = [
    *("sagemaker", "kserve", "seldon", "azureml", "vertex", "vertex-older", "json-lines", "logging", "structlog"),
    *("loguru", "avro", "databricks-legacy", "databricks-gateway", "databricks-unity"),
    *("kserve-batch.parquet", "kserve-batch.csv", "kserve-batch.json"),
]
LEFT_OUT = {"recorded_at", "observed_at", "source"}
AVRO = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "time", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        {"name": "version", "type": ["null", "string"]},
        {"name": "score", "type": ["null", "double"]},
        {"name": "truth", "type": ["null", "int"]},
        {
            "name": "inputs",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "I",
                    "fields": [
                        {"name": "amount", "type": "double"},
                        {"name": "city", "type": ["null", {"type": "enum", "name": "C", "symbols": ["Bern", "Ys"]}]},
                    ],
                },
            ],
        },
    ],
}


def container():
    """Return the fixture of Avro as a container: three blocks of two records, and one that is cut off."""
    fastavro = pytest.importorskip("fastavro")
    records = [json.loads(line) for line in (FIXTURES / "avro.jsonl").read_text().splitlines()]
    buffer = io.BytesIO()
    writer = fastavro.write.Writer(buffer, AVRO, codec="deflate", sync_marker=b"the end of block")
    for number, record in enumerate(records):
        writer.write(record)
        if number % 2:
            writer.flush()
    writer.flush()
    return buffer.getvalue() + b"\x06\x14cut off"


def batch(name):
    """Return the fixture of KServe's own batches as Parquet, as CSV, or as JSON, which alone has times."""
    if name.endswith(".json"):
        lines = (FIXTURES / "kserve-batch.jsonl").read_text().splitlines()
        timed, known = [], {}
        for line in lines:
            record = json.loads(line)
            # Of one id requests and answers come in turn; a record that is delivered again has the time that it had.
            answers = str(record["reqType"]).endswith("response")
            place = known.setdefault((record["id"], answers), {})
            second = 10 * place.setdefault(line, len(place)) + 5 * answers
            timed.append({**record, "occurrenceTime": f"2026-05-04T09:00:{second:02}.5Z"})
        return json.dumps(timed).encode()
    frame = pl.read_ndjson(FIXTURES / f"{name.partition('.')[0]}.jsonl")
    buffer = io.BytesIO()
    if name.endswith(".parquet"):
        frame.write_parquet(buffer, row_group_size=5)
    else:
        frame.write_csv(buffer)
    return buffer.getvalue()


def outcome(adapting, fixture):
    """Return what became of a fixture, as JSON has it."""
    source = FIXTURES / f"{fixture}.jsonl"
    if fixture == "avro":
        adapting.source.mkdir()
        source = adapting.source / "avro.avro"
        source.write_bytes(container())
    elif "." in fixture:
        adapting.source.mkdir()
        source = adapting.source / fixture
        source.write_bytes(batch(fixture))
    report = adapting(source=source, **SAID.get(fixture, {}))
    assert report.rows_read == report.rows_kept + report.rows_quarantined
    assert report.rows_quarantined == report.quarantine()["rows"].sum()
    log = al.open(adapting.log)
    tables = {f"inputs/{model}": log.inputs(model).collect() for model in log._store.models()}
    tables |= {"predictions": log.predictions.collect(), "outcomes": log.outcomes.collect()}
    tables["quarantine"] = report.quarantine().select("row", "code", "reason")
    found = {name: rows(frame) for name, frame in sorted(tables.items())}
    found["counts"] = {name: value for name, value in report.to_dict().items() if isinstance(value, int) and value}
    return json.loads(json.dumps(found, default=str))


def rows(frame):
    """Return rows without nulls, and without what depends on when this runs."""
    return [
        {name: value for name, value in row.items() if value is not None and name not in LEFT_OUT}
        for row in frame.to_dicts()
    ]


@pytest.mark.parametrize("fixture", FORMS)
def test_a_fixture_comes_out_as_it_always_did(adapting, fixture):
    golden = json.loads((FIXTURES / f"{fixture}.golden.json").read_text())
    # As texts: NaN is not equal to itself.
    assert text(outcome(adapting, fixture)) == text(golden)


def text(value):
    return json.dumps(value, indent=1, sort_keys=True)
