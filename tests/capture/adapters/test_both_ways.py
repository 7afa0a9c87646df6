"""Records that are taken many at once come out as they do one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.capture.adapters import adaptation, block, json_records, many_pairs
from audit_lab.capture.adapters.bodies import decode_exchange
from audit_lab.capture.adapters.exchange import BOTH, Decoded, Half
from audit_lab.capture.adapters.pairing import paired, records_of
from audit_lab.capture.adapters.plain_bodies import plain_table
from audit_lab.capture.adapters.settings import Settings
from audit_lab.capture.adapters.times import micros_of, micros_of_all

FIXTURES = Path(__file__).with_name("fixtures")
PLAIN = Settings()
#: Parts of ids, times and bodies from the ordinary to the odd, so that most records are plain and some are not.
KEYS = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", "a~2", "b#0", "é"])
TIMES = st.sampled_from(
    ["2026-05-04T09:00:00Z"] * 6
    + ["2026-05-04T09:00:00.25Z", "2026-05-04T09:00:00+02:00", "2026-02-30T00:00:00Z", None]
)
ROWS = st.sampled_from(
    ["1.5,2", "3,4.25", "5,6", " 7,8\n", "9007199254740993,1", "1,x", "1,2\n3,4", "007,1", "1,2,3", ""]
)
ANSWERS = st.sampled_from(["0.5", "1", "0.25\n", "0.1,0.9", "good", "0.5\n0.25", ""])
INSTANCES = st.sampled_from(
    [
        *({"x": 1.5, "y": 2}, {"x": 1, "y": 2.5}, {"x": 3.0, "y": 4.0}, {"y": 1.0, "x": 2.0}, {"x": None, "y": 0.5}),
        *({"x": "t", "y": 1.0}, {"x": 1.0}, {"x": [1, 2], "y": 1.0}, {"x": True, "y": 1}, {}, [1.5, 2.5]),
    ]
)
PREDICTIONS = st.sampled_from([0.25, 0.5, 1, "good", None, [0.1, 0.9], {"score": 0.5}])


@st.composite
def captures(draw):
    """Draw a record of SageMaker."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.sampled_from([b"{bad", b"[]", b'{"eventMetadata": {"eventId": "x"}}', b"1", b"{},{}"]))
    if draw(st.booleans()):
        request, answer = draw(ROWS), draw(ANSWERS)
    else:
        request, answer = json.dumps({"instances": [draw(INSTANCES)]}), json.dumps({"predictions": [draw(PREDICTIONS)]})
    sides = {"endpointInput": {"data": request, "encoding": "CSV"}, "endpointOutput": {"data": answer}}
    if draw(st.integers(0, 9)) == 0:
        del sides[draw(st.sampled_from(sorted(sides)))]
    about = {"eventId": draw(KEYS), "inferenceTime": draw(TIMES)}
    if draw(st.integers(0, 9)) == 0:
        about["inferenceId"] = "own"
    return json.dumps({"captureData": sides, "eventMetadata": about}).encode()


@st.composite
def events(draw):
    """Draw a record of KServe."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.sampled_from([b"{bad", b"[]", b'{"type": "org.kubeflow.serving.inference.request"}', b"{},{}"]))
    side = draw(st.sampled_from(["request", "response"]))
    body = {"instances": [draw(INSTANCES)]} if side == "request" else {"predictions": [draw(PREDICTIONS)]}
    event = {"id": draw(KEYS), "type": f"org.kubeflow.serving.inference.{side}", "data": body}
    event |= {"inferenceservicename": draw(st.sampled_from(["loans"] * 5 + ["cards"])), "time": draw(TIMES)}
    odd = [{"component": "transformer"}, {"namespace": "bank"}, {"metadata": {"Traceparent": ["00-ab-cd-01"]}}]
    odd += [{"data": None}, {"data": "text"}, {"data_base64": "e30="}, {"id": ""}, {"type": "other"}]
    if draw(st.integers(0, 4)) == 0:
        event |= draw(st.sampled_from(odd))
    return json.dumps(event).encode()


def one_by_one(patch):
    """Take records one by one from here on."""
    for module in (json_records, many_pairs):
        patch.setattr(module, "pieces", lambda count, _: iter([(0, count, None)]))
    patch.setattr(adaptation, "exchanges_of", lambda frame, _: paired(records_of(frame)))


def outcome(source, place, **said):
    """Return the tables of a log, and what was refused, as they stand."""
    report = al.adapt(source, place / "log", origin="demonstration-both", vault=place / "vault", **said)
    log = al.open(place / "log")
    frames = {f"inputs/{model}": log.inputs(model).collect() for model in log._store.models()}
    frames |= {"predictions": log.predictions.collect(), "outcomes": log.outcomes.collect()}
    tables = {
        name: (frame.schema, frame.drop("recorded_at", "observed_at", "_segment", strict=False).rows())
        for name, frame in frames.items()
    }
    told = {name: value for name, value in report.to_dict().items() if isinstance(value, int)}
    return tables, report.quarantine().rows(), told


@pytest.mark.parametrize("form", ["sagemaker", "kserve", "seldon"])
@pytest.mark.parametrize("smaller", [(1_024, 64), (2, 1)])
def test_a_fixture_comes_out_alike(tmp_path, monkeypatch, form, smaller):
    monkeypatch.setattr(block, "_SMALLER", smaller)
    many = outcome(FIXTURES / f"{form}.jsonl", tmp_path / "many")
    with monkeypatch.context() as patch:
        one_by_one(patch)
        assert outcome(FIXTURES / f"{form}.jsonl", tmp_path / "one") == many


@pytest.mark.parametrize(("form", "records"), [("sagemaker", captures()), ("kserve", events())])
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_records_come_out_alike(tmp_path_factory, form, records, data):
    place = tmp_path_factory.mktemp("both")
    source = place / "loans" / "AllTraffic" / "2026" / "05" / "04" / "09"
    source.mkdir(parents=True)
    for name in "ab":
        lines = data.draw(st.lists(records, min_size=1, max_size=20))
        (source / f"{name}.jsonl").write_bytes(b"\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "_SMALLER", data.draw(st.sampled_from([(1_024, 64), (4, 2), (2, 1)])))
        patch.setattr(adaptation, "_PART_ROWS", data.draw(st.sampled_from([3, 98_304])))
        many = outcome(place / "loans", place / "many", form=form)
        one_by_one(patch)
        assert outcome(place / "loans", place / "one", form=form) == many


def test_plain_records_are_taken_many_at_once(tmp_path, monkeypatch):
    sides = {"endpointInput": {"data": "1.5,2"}, "endpointOutput": {"data": "0.5"}}
    about = [{"eventId": f"e{number}", "inferenceTime": "2026-05-04T09:00:00Z"} for number in range(300)]
    lines = [json.dumps({"captureData": sides, "eventMetadata": each}) for each in about]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    monkeypatch.setattr(adaptation, "take", None)
    report = al.adapt(tmp_path / "a.jsonl", tmp_path / "log", origin="demonstration-many", vault=tmp_path / "vault")
    assert report.predictions == 300


BODIES = st.one_of(
    st.lists(st.tuples(ROWS.map(str.encode), ANSWERS.map(str.encode)), min_size=1, max_size=3),
    st.lists(
        st.tuples(*[st.text("0123456789.,-+eE \t\n\r[]", max_size=9).map(str.encode)] * 2), min_size=1, max_size=2
    ),
    st.lists(
        st.tuples(
            INSTANCES.map(lambda row: json.dumps({"instances": [row]}).encode()),
            PREDICTIONS.map(lambda answer: json.dumps({"predictions": [answer]}).encode()),
        ),
        min_size=1,
        max_size=3,
    ),
)


@given(bodies=BODIES, as_text=st.booleans())
@settings(max_examples=400, deadline=None)
def test_bodies_of_many_are_decoded_as_each_is(bodies, as_text):
    asked, answered = ([each.decode() if as_text else each for each in side] for side in zip(*bodies, strict=True))
    table = plain_table(asked, answered, PLAIN)
    if table is None:
        return
    rows = zip(*table.columns, strict=True)
    inputs = [list(row) if table.names is None else dict(zip(table.names, row, strict=True)) for row in rows]
    made = [Decoded([row], [answer]) for row, answer in zip(inputs, table.answers, strict=True)]
    assert repr(made) == repr([decode_exchange(Half("k", BOTH, None, *each), PLAIN) for each in bodies])


@given(
    texts=st.lists(
        TIMES
        | st.datetimes().map(lambda at: f"{at.isoformat()}Z")
        | st.from_regex(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?Z", fullmatch=True),
        max_size=2,
    )
)
@settings(max_examples=400, deadline=None)
def test_times_of_many_are_those_of_each(texts):
    many = micros_of_all(texts)
    assert many is None or many == [None if text is None else micros_of(text) for text in texts]
