"""What holds whatever is in the files, and whenever a run is killed."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.capture.adapters import adaptation, quarantine
from audit_lab.capture.adapters import bodies as bodies_module
from audit_lab.capture.adapters.block import Place
from audit_lab.capture.adapters.bodies import decode_exchange
from audit_lab.capture.adapters.exchange import BOTH, Chunk, Decoded, Half, Refusal
from audit_lab.capture.adapters.forms import FORMS
from audit_lab.capture.adapters.lines import read_lines
from audit_lab.capture.adapters.pairing import Scratch, paired
from audit_lab.capture.adapters.settings import Settings
from audit_lab.capture.adapters.source import source_files
from audit_lab.errors import StorageError
from audit_lab.log.foreign.mapping import Mapping

PLAIN = Settings(mapping=Mapping("x", {"prediction_id": "id", "score": "score"}, inputs=("a",)))
KEYS = st.sampled_from(["a", "b", "a~2", "a#0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.one_of(
    st.none(),
    st.binary(max_size=30),
    st.dictionaries(
        st.sampled_from(["instances", "predictions", "inputs", "outputs", "data", "dataframe_split", "columns"]), VALUES
    ).map(lambda value: json.dumps(value).encode()),
)


@given(request=BODIES, response=BODIES)
def test_any_body_becomes_instances_or_a_refusal(request, response):
    found = decode_exchange(Half("k", BOTH, None, request, response), PLAIN)
    assert isinstance(found, Decoded | Refusal)
    if isinstance(found, Decoded) and found.inputs is not None and found.outputs is not None:
        assert len(found.inputs) == len(found.outputs)


ROWS = st.lists(
    st.dictionaries(st.sampled_from("ab"), st.integers() | st.floats() | st.text(max_size=2), min_size=1), max_size=3
)
QUICK = st.one_of(
    st.tuples(
        ROWS.map(lambda rows: json.dumps({"instances": rows}).encode()),
        st.lists(st.floats() | st.text(max_size=2) | st.lists(st.floats(0, 1)), max_size=3).map(
            lambda answers: json.dumps({"predictions": answers}).encode()
        ),
    ),
    st.tuples(*[st.text("0123456789.,-e\n\r tn[]{", min_size=1, max_size=9).map(str.encode)] * 2),
)


@given(bodies=QUICK)
def test_the_quick_way_says_what_the_slow_way_says(bodies):
    half = Half("k", BOTH, None, *bodies)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bodies_module, "_QUICK_BYTES", 0)
        slow = decode_exchange(half, PLAIN)
    assert repr(decode_exchange(half, PLAIN)) == repr(slow)


@given(content=st.binary(max_size=400) | st.text('{}[]":,ae1\n\r ', max_size=400).map(str.encode), packed=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_form_gives_each_record_of_any_file_once(tmp_path, content, packed):
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(content) if packed else content)
    (file,), _ = source_files(path)
    lines = [number for part in read_lines(path, 0, 1_000) for number in part.numbers]
    for form in FORMS.values():
        chunks = list(form.read(file, 0, PLAIN))
        numbers = [number for chunk in chunks for number in chunk.numbers]
        assert numbers == sorted(set(numbers))
        assert all(len(chunk.numbers) == len(chunk.raws) == len(chunk.found) for chunk in chunks)
        if form.name in {"sagemaker", "seldon"} and not content.lstrip().startswith(b"["):
            assert numbers == lines


@given(
    sides=st.lists(
        st.tuples(KEYS, st.sampled_from(["request", "response", "both", "label"]), st.integers(0, 2)), max_size=12
    )
)
def test_pairing_loses_no_record_and_uses_none_twice(sides):
    records = [
        (Half(key, side, at, b"%d" % number if side != "response" else None, b"1"), Place(0, number, b""))
        for number, (key, side, at) in enumerate(sides)
    ]
    places = [place.number for _, of in paired(records) for place in of]
    assert sorted(places) == list(range(len(sides)))


def test_records_that_cannot_be_read_do_not_fill_one_part_of_those_that_are_paired(tmp_path):
    chunk = Chunk(list(range(1, 801)), [b"{"] * 800, [Refusal("undecodable", "it is no JSON")] * 800, 800)
    with Scratch(tmp_path / "scratch", 8) as scratch:
        scratch.spill(chunk, 0)
        numbers = [scratch.part(part)["number"].to_list() for part in range(8)]
    assert sorted(each for some in numbers for each in some) == chunk.numbers
    assert max(map(len, numbers)) == 100


def event(side, key, value):
    """Return an event of KServe."""
    name = "instances" if side == "request" else "predictions"
    return {
        "id": key,
        "type": f"org.kubeflow.serving.inference.{side}",
        "inferenceservicename": "loans",
        "data": {name: [[value]] if side == "request" else [value]},
    }


@given(
    records=st.lists(
        st.tuples(st.sampled_from(["request", "response"]), KEYS, st.sampled_from([1.0, 2.5, "x"])), max_size=9
    ),
    noise=st.lists(st.sampled_from([b"{", b"", b"\xff", b"[1]", b'{"id": 1}']), max_size=3),
)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_records_in_the_files_are_those_kept_and_those_quarantined(tmp_path_factory, records, noise):
    place = tmp_path_factory.mktemp("any")
    lines = [json.dumps(event(*each)).encode() for each in records] + noise
    (place / "a.jsonl").write_bytes(b"\n".join(lines))
    said = {"form": "kserve", "origin": "demonstration-any", "vault": place / "vault"}
    report = al.adapt(place / "a.jsonl", place / "log", **said)
    assert report.rows_read == len(records) + sum(bool(line) for line in noise)
    assert (
        report.rows_read == report.rows_kept + report.rows_quarantined == report.rows_kept + report.quarantine().height
    )
    ids = al.open(place / "log").predictions.collect()["prediction_id"]
    assert ids.n_unique() == ids.len() == report.predictions
    again = al.adapt(place / "a.jsonl", place / "log", **said)
    assert (again.predictions_added, again.rows_kept) == (0, report.rows_kept)


KILLED = """
import os, sys
import audit_lab as al
from audit_lab.capture.adapters import adaptation, appending, pairing
source, log, vault, form, where, after = sys.argv[1:]
adaptation._PART_ROWS = 3
pairing._PART_BYTES = 400
module, name = {"before": (appending, "keep_quarantine"), "after": (appending.Appending, "append")}[where]
real, done = getattr(module, name), [0]
def killing(*given, **said):
    if where == "before" and done[0] == int(after):
        real(*given, **said)
        os.kill(os.getpid(), 9)
    real_answer = real(*given, **said)
    done[0] += 1
    if where == "after" and done[0] == int(after):
        os.kill(os.getpid(), 9)
    return real_answer
setattr(module, name, killing)
al.adapt(source, log, form=form, vault=vault, origin="demonstration-killed")
"""


@pytest.mark.parametrize(
    ("form", "where", "after"), [("sagemaker", "before", 1), ("kserve", "before", 1), ("kserve", "after", 1)]
)
def test_a_run_that_is_killed_is_gone_on_with_and_no_record_is_lost_or_twice(adapting, monkeypatch, form, where, after):
    adapting.source.mkdir()
    for number in range(3):
        lines = ["{bad"]
        for row in range(4):
            key = f"r{number}-{row}"
            if form == "kserve":
                lines += [json.dumps(event(side, key, 1.5)) for side in ("response", "request")]
            else:
                sides = {"endpointInput": {"data": "1,2", "encoding": "CSV"}, "endpointOutput": {"data": "0.5"}}
                lines.append(json.dumps({"captureData": sides, "eventMetadata": {"eventId": key}}))
        (adapting.source / f"{number}.jsonl").write_text("\n".join(lines))
    told = [str(each) for each in (adapting.source, adapting.log, adapting.vault, form, where, after)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *told], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    before = al.open(adapting.log).predictions.collect().height
    assert before < 12
    monkeypatch.setattr(adaptation, "_PART_ROWS", 3)
    report = adapting(form=form)
    stored = al.open(adapting.log).predictions.collect()["prediction_id"]
    assert stored.n_unique() == stored.len() == report.predictions == 12
    assert report.predictions_added == 12 - before
    assert report.rows_read == report.rows_kept + report.rows_quarantined == (27 if form == "kserve" else 15)
    assert report.quarantine().height == report.rows_quarantined == 3
    assert not (adapting.log.with_name("log.adapted") / "scratch").exists()


@pytest.mark.parametrize("what", ["quarantine", "scratch"])
def test_a_full_disk_is_said_and_the_next_run_goes_on(adapting, monkeypatch, what):
    adapting.source.mkdir()
    (adapting.source / "a.jsonl").write_text(
        "\n".join(json.dumps(event(side, "r", 1.5)) for side in ("request", "response")) + "\n{bad"
    )

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if what == "quarantine":
            patch.setattr(quarantine, "write_private_file", full)
        else:
            patch.setattr(pa.ipc, "new_stream", full)
        with pytest.raises(StorageError, match="cannot be written: the disk is full"):
            adapting(form="kserve")
    report = adapting(form="kserve")
    assert (report.rows_read, report.rows_kept, report.predictions_added) == (3, 2, 1)
