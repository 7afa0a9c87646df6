"""A Kafka topic behind a password: a broker that the tests start, behind a gate that speaks SASL."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

import audit_lab as al
from audit_lab.errors import StorageError
from audit_lab.log.foreign.mapping import Mapping

from .kafka_broker import free_port, running_broker
from .sasl_gate import SaslGate

kafka = pytest.importorskip("confluent_kafka")
MAPPED = Mapping("x", {"prediction_id": "id", "score": "score"}, inputs=("amount",), model_name="loans")
RECORD = {"id": "a", "score": 0.5, "amount": 1.5}
USER, PASSWORD = "audit", 'of the "bank", 7 = \u00fc'
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class Quiet:
    def log(self, *_, **__):
        pass


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """Return a gate in front of a broker that says the gate's address as its own; it has one topic of one message."""
    port = free_port()
    made = SaslGate(port, {USER: PASSWORD})
    with closing(made), running_broker(tmp_path_factory.mktemp("broker"), port, made.port):
        client = {"bootstrap.servers": f"127.0.0.1:{made.port}", **settings("PLAIN")}
        producer = kafka.Producer(client, logger=Quiet())
        producer.list_topics(timeout=60)
        admin = kafka.admin.AdminClient(client, logger=Quiet())
        for each in admin.create_topics([kafka.admin.NewTopic("secured", 1, 1)]).values():
            each.result(60)
        producer.produce("secured", json.dumps(RECORD))
        assert producer.flush(30) == 0
        yield made


def settings(mechanism, user=USER, password=PASSWORD):
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }


def take(gate, tmp_path, client):
    return al.adapt_topic(
        f"127.0.0.1:{gate.port}",
        "secured",
        tmp_path / "log",
        form="json-lines",
        mapping=MAPPED,
        origin="demonstration-secured",
        vault=tmp_path / "vault",
        client=client,
    )


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_topic_behind_a_password_is_taken_over_by_who_knows_it(gate, tmp_path, mechanism):
    gate.asked.clear()
    report = take(gate, tmp_path, settings(mechanism))
    assert (report.kept, report.predictions_added, report.commit_problem) == (1, 1, None)
    assert set(gate.asked) == {(mechanism, USER)}
    assert PASSWORD not in "".join(path.read_text("utf-8", "replace") for path in files(tmp_path))


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("wrong", [{"user": "nobody"}, {"password": "guessed"}])
def test_by_nobody_else(gate, tmp_path, monkeypatch, mechanism, wrong):
    monkeypatch.setattr("audit_lab.capture.adapters.kafka_consumer._PATIENCE_S", 2.0)
    gate.asked.clear()
    with pytest.raises(StorageError, match="cannot be read") as refused:
        take(gate, tmp_path, settings(mechanism, **wrong))
    assert set(gate.asked) == {(mechanism, None)}
    assert PASSWORD not in str(refused.value)


def test_a_mechanism_that_the_broker_does_not_have_is_refused_by_it(gate, tmp_path, monkeypatch):
    monkeypatch.setattr("audit_lab.capture.adapters.kafka_consumer._PATIENCE_S", 2.0)
    monkeypatch.setattr(gate, "_mechanisms", ("SCRAM-SHA-512",))
    with pytest.raises(StorageError, match="cannot be read"):
        take(gate, tmp_path, settings("PLAIN"))
    assert take(gate, tmp_path, settings("SCRAM-SHA-512")).kept == 1


def test_a_password_through_the_command_s_file(gate, tmp_path, capsys):
    from audit_lab.cli import main

    (tmp_path / "m.toml").write_text(MAPPED.to_toml())
    said = settings("SCRAM-SHA-512")
    (tmp_path / "client.toml").write_text(
        "\n".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in said.items())
    )
    given = ["adapt", f"kafka://127.0.0.1:{gate.port}/secured", str(tmp_path / "log"), "--form", "json-lines"]
    given += ["--mapping", str(tmp_path / "m.toml"), "--client", str(tmp_path / "client.toml")]
    assert main([*given, "--origin", "demonstration-secured", "--vault", str(tmp_path / "vault")]) == 0
    said_out = capsys.readouterr()
    assert "1 messages (json-lines) of secured: 1 kept, 0 quarantined." in said_out.out
    assert PASSWORD not in said_out.out + said_out.err
