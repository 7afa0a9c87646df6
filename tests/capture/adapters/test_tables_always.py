"""What holds for tables and events of Databricks, Azure ML and Vertex AI whatever is in their fields."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.capture.adapters.adaptation import take
from audit_lab.capture.adapters.block import Place
from audit_lab.capture.adapters.exchange import BOTH
from audit_lab.capture.adapters.forms import FORMS
from audit_lab.capture.adapters.part import Part
from audit_lab.capture.adapters.settings import Settings
from audit_lab.capture.adapters.source import source_files

#: Fields of each form, and values that they might have beside any others.
FIELDS = {
    "databricks": {
        "databricks_request_id": ["r1", None],
        "timestamp_ms": [1_777_885_200_123, "1777885200124", 10**30],
        "request": ['{"inputs": [1.5]}', "{bad"],
        "response": ['{"predictions": [0.5]}', None],
        "status_code": [200, 500, "x"],
        "request_metadata": [[{"key": "model_name", "value": "m"}], {"model_version": "1"}],
        "sampling_fraction": [0.5, 7],
        "logging_error_codes": [["TOO_LARGE"], "x"],
        "served_entity_id": ["e"],
    },
    "azureml": {
        "type": ["azureml.inference.model_inputs", "azureml.inference.model_outputs", "x"],
        "correlationid": ["c1", "c2"],
        "time": ["2026-05-04T09:00:00Z", "never"],
        "data": [[{"a": 1.5}], [{"0": 0.5}], "https://blob.example.org/x"],
        "contentrange": ["bytes 0-1/2", "bytes 0-0/9"],
        "modelversion": ["default", "7", 7],
        "source": ["/onlineEndpoints/e/deployments/d"],
        "xrequestid": ["x"],
    },
    "vertex": {
        "request_id": [10**27 + 1, "2", 3.5],
        "endpoint": ["projects/p/endpoints/e"],
        "deployed_model_id": ["5"],
        "logging_time": ["2026-05-04 09:00:00 UTC", "never"],
        "request_payload": [['{"instances": [1.5]}'], ["1.5", "2.5"], [None]],
        "response_payload": [['{"predictions": [0.5]}'], ["0.5", "0.25"]],
        "raw_data": ['{"instances": [1.5]}'],
        "raw_prediction": ["0.5"],
        "groundtruth": ["1", [1, 0], 1],
    },
}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def rows_of(form):
    """Draw rows that have most of a form's fields, with likely and with any values."""
    fields = {name: st.sampled_from(values) | st.sampled_from(values) | ANY for name, values in FIELDS[form].items()}
    return st.lists(st.fixed_dictionaries({}, optional=fields) | st.fixed_dictionaries(fields), max_size=6)


@pytest.mark.parametrize("form", list(FIELDS))
@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_taken_or_refused(tmp_path, form, data):
    rows = data.draw(rows_of(form))
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if not rows:
        return
    (file,), _ = source_files(path)
    part, said = Part(), Settings()
    for chunk in FORMS[form].read(file, 0, said):
        for number, raw, found in zip(chunk.numbers, chunk.raws, chunk.found, strict=True):
            take(part, FORMS[form], found, (Place(0, number, raw),), said)
    taken = [place.number for each in part.exchanges for place in each.places]
    assert sorted(taken + [place.number for place, _ in part.refused]) == list(range(1, len(rows) + 1))
    assert all(each.half.key and (each.half.side == BOTH or form == "azureml") for each in part.exchanges)


@pytest.mark.parametrize("form", list(FIELDS))
def test_rows_in_the_file_are_those_kept_and_those_quarantined(adapting, form):
    names = list(FIELDS[form])
    rows = [
        {name: FIELDS[form][name][(number + place) % len(FIELDS[form][name])] for place, name in enumerate(names)}
        for number in range(12)
    ]
    rows += [{name: row[name] for name in names[:-2]} for row in rows[:3]]
    adapting.source.mkdir()
    content = "\n".join([json.dumps(row) for row in rows] + ["{bad", "[1]"])
    (adapting.source / "a.jsonl").write_text(content)
    report = adapting(form=form)
    assert report.rows_read == len(rows) + 2
    assert (
        report.rows_read == report.rows_kept + report.rows_quarantined == report.rows_kept + report.quarantine().height
    )
    ids = al.open(adapting.log).predictions.collect()["prediction_id"]
    assert ids.n_unique() == ids.len() == report.predictions > 0
    again = adapting(form=form)
    assert (again.predictions_added, again.rows_kept) == (0, report.rows_kept)
