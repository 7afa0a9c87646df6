"""Whatever is in the files of Seldon, of loggers and of Avro: kept and quarantined are the records in them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.log.foreign.mapping import Mapping

MAPPING = Mapping(
    "x",
    {"prediction_id": "id", "occurred_at": "time", "score": "score", "label": "label", "outcome": "truth"},
    inputs=("a", "b.c"),
    model_name="loans",
)
KEYS = st.sampled_from(["a", "b", "a~2", "a#0", ""])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NOISE = st.sampled_from([b"{", b"[]", b"\xff", b'{"id": 1}', b'"x"', b""])
BODY = st.sampled_from([{"data": {"ndarray": [[1.5]]}}, {"data": {"names": ["n"], "ndarray": [[0.5]]}}]) | ANY
SELDON = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [f"io.seldon.serving.{kind}" for kind in ("inference.request", "inference.response", "feedback")]
        ),
        "requestid": KEYS,
        "modelid": st.sampled_from(["m", "n", "../x", "x\0"]),
        "data": BODY | st.builds(lambda truth: {"truth": truth}, BODY),
    },
    optional={"time": st.sampled_from(["2026-05-04T09:00:00Z", "never"])},
)
FIELDS = {
    "id": KEYS | ANY,
    "time": st.sampled_from(["2026-05-04T09:00:00Z", 5, None]) | ANY,
    "score": st.floats() | ANY,
    "label": st.sampled_from(["good", None]) | ANY,
    "truth": st.sampled_from([0, 1]) | ANY,
    "a": st.floats() | ANY,
    "b": st.builds(lambda value: {"c": value}, ANY) | ANY,
}
LOGGED = st.fixed_dictionaries({}, optional=FIELDS)


def agree(place, name, content, records, **said):
    """Take a file over twice, and check what holds of any."""
    (place / name).write_bytes(content)
    said |= {"origin": "demonstration-any", "vault": place / "vault"}
    report = al.adapt(place / name, place / "log", **said)
    assert report.rows_read == records
    assert report.rows_read == report.rows_kept + report.rows_quarantined
    assert report.rows_quarantined == report.quarantine()["rows"].sum()
    ids = al.open(place / "log").predictions.collect()["prediction_id"]
    assert ids.n_unique() == ids.len() == report.predictions
    again = al.adapt(place / name, place / "log", **said)
    assert (again.predictions_added, again.labels_added, again.rows_kept) == (0, 0, report.rows_kept)


@pytest.mark.parametrize(("form", "records"), [("seldon", SELDON), ("json-lines", LOGGED)])
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_records_of_a_file_are_those_kept_and_those_quarantined(tmp_path_factory, form, records, data):
    place = tmp_path_factory.mktemp("any")
    lines = [json.dumps(each).encode() for each in data.draw(st.lists(records, min_size=1, max_size=9))]
    lines += data.draw(st.lists(NOISE, max_size=3))
    said = {"mapping": MAPPING} if form == "json-lines" else {}
    agree(place, "a.jsonl", b"\n".join(lines), sum(bool(line) for line in lines), form=form, **said)


SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "id", "type": ["null", "string", "long"]},
        {"name": "time", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        {"name": "score", "type": ["null", "double", "string", "bytes"]},
        {"name": "truth", "type": ["null", "boolean", {"type": "array", "items": "int"}]},
        {"name": "a", "type": ["null", "double", "string", {"type": "map", "values": "double"}]},
    ],
}
WRITTEN = st.fixed_dictionaries(
    {
        "id": st.none() | st.text(max_size=2) | st.integers(-(2**63), 2**63 - 1),
        "time": st.none() | st.integers(0, 2**51),
        "score": st.none() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
        "truth": st.none() | st.booleans() | st.lists(st.integers(0, 1), max_size=2),
        "a": st.none()
        | st.floats()
        | st.text(max_size=3)
        | st.dictionaries(st.text(max_size=2), st.floats(), max_size=2),
    }
)


@given(records=st.lists(WRITTEN, min_size=1, max_size=9), size=st.sampled_from([1, 60, 4_000]), cut=st.booleans())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_records_of_a_container_are_those_kept_and_those_quarantined(tmp_path_factory, records, size, cut):
    fastavro = pytest.importorskip("fastavro")
    buffer = io.BytesIO()
    fastavro.writer(buffer, SCHEMA, records, sync_interval=size, sync_marker=b"the end of block")
    content = buffer.getvalue()
    # The last mark is gone: the records of the last block are counted all the same.
    agree(tmp_path_factory.mktemp("any"), "a.avro", content[:-16] if cut else content, len(records), mapping=MAPPING)
