"""Each form's fixture, with its quirks, comes out as it always did: rows, quarantine and counts."""

from __future__ import annotations

import json
from pathlib import Path

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
LEFT_OUT = {"recorded_at", "observed_at", "source"}


def outcome(adapting, form):
    """Return what became of a form's fixture, as JSON has it."""
    said = {"mapping": MAPPING} if form == "json-lines" else {"model": "loans"} if form == "sagemaker" else {}
    report = adapting(source=FIXTURES / f"{form}.jsonl", **said)
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


@pytest.mark.parametrize("form", ["sagemaker", "kserve", "seldon", "json-lines"])
def test_a_fixture_comes_out_as_it_always_did(adapting, form):
    golden = json.loads((FIXTURES / f"{form}.golden.json").read_text())
    assert outcome(adapting, form) == golden
