"""From any records of a vendor's form to the log: read = kept + quarantined, and the same file again adds nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from test_both_ways import captures, events
from test_tables_always import rows_of

import audit_lab as al

#: Few of each: every one makes, seals and opens a log.
FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
#: Ground truth of SageMaker, of captures that are there or are not.
TRUTHS = st.builds(
    lambda name, data, encoding: json.dumps(
        {
            "groundTruthData": {"data": data, "encoding": encoding},
            "eventMetadata": {"eventId": name},
            "eventVersion": "0",
        }
    ).encode(),
    st.sampled_from(["a", "b", "nowhere", ""]),
    st.sampled_from(["1", "0\n1", "", "x", None, 7]),
    st.sampled_from(["CSV", "JSON", "BASE64"]),
)


def check(folder, lines, form):
    source, said = folder / "records.jsonl", {"form": form, "origin": "demonstration-any", "vault": folder / "vault"}
    source.write_bytes(b"\n".join(lines))
    found = al.adapt(source, folder / "log", **said)
    assert found.rows_read == sum(bool(line.strip()) for line in lines)
    assert found.rows_read == found.rows_kept + found.rows_quarantined
    assert found.rows_quarantined == found.quarantine()["rows"].sum()
    ids = al.open(folder / "log").predictions.collect()["prediction_id"]
    assert ids.n_unique() == ids.len() == found.predictions
    again = al.adapt(source, folder / "log", **said)
    assert (again.predictions_added, again.labels_added, again.rows_kept) == (0, 0, found.rows_kept)


@pytest.mark.parametrize("form", ["databricks", "azureml", "vertex"])
@given(data=st.data())
@FEW
def test_rows_of_tables(tmp_path_factory, form, data):
    rows = data.draw(rows_of(form).filter(len))
    check(tmp_path_factory.mktemp(form), [json.dumps(row).encode() for row in rows], form)


@given(lines=st.lists(captures() | TRUTHS, min_size=1, max_size=20))
@FEW
def test_captures_and_ground_truth_of_sagemaker(tmp_path_factory, lines):
    check(tmp_path_factory.mktemp("sagemaker"), lines, "sagemaker")


@given(lines=st.lists(events(), min_size=1, max_size=20))
@FEW
def test_events_of_kserve(tmp_path_factory, lines):
    check(tmp_path_factory.mktemp("kserve"), lines, "kserve")
