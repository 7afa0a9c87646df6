"""A Kafka topic behind TLS: a broker that the tests start, behind a gate that speaks TLS and asks for a certificate."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.foreign.mapping import Mapping

from .kafka_broker import free_port, running_broker

if TYPE_CHECKING:
    from pathlib import Path

kafka = pytest.importorskip("confluent_kafka")
MAPPED = Mapping("x", {"prediction_id": "id", "score": "score"}, inputs=("amount",), model_name="loans")
RECORD = {"id": "a", "score": 0.5, "amount": 1.5}


class Quiet:
    def log(self, *_, **__):
        pass


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Return a folder with two authorities (``own``, ``other``), each with a certificate for this host."""
    place = tmp_path_factory.mktemp("certificates")
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)

    (place / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("own", "other"):
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *new, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
        openssl("req", *new, "-keyout", f"{name}-host.key", "-out", "asked.pem", "-subj", "/CN=127.0.0.1")
        signer = ["-CA", f"{name}.pem", "-CAkey", f"{name}.key", "-CAcreateserial", "-extfile", "names"]
        openssl("x509", "-req", "-in", "asked.pem", *signer, "-out", f"{name}-host.pem")
    return place


class Gate:
    """Takes connections by TLS, from who shows a certificate of the own authority, and hands them on in clear."""

    def __init__(self, certificates: Path, port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "own-host.pem", certificates / "own-host.key")
        context.load_verify_locations(certificates / "own.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        self._context, self._behind = context, port
        self._taking = socket.create_server(("127.0.0.1", 0))
        self.port = self._taking.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._taking.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._taking.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            secured = self._context.wrap_socket(client, server_side=True)
            with secured, socket.create_connection(("127.0.0.1", self._behind)) as broker:
                back = threading.Thread(target=_pump, args=(broker, secured), daemon=True)
                back.start()
                _pump(secured, broker)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)


@pytest.fixture(scope="module")
def servers(certificates, tmp_path_factory):
    """Return the address of a broker that is reached through the gate alone."""
    port = free_port()
    gate = Gate(certificates, port)
    with closing(gate), running_broker(tmp_path_factory.mktemp("broker"), port, gate.port):
        yield f"127.0.0.1:{gate.port}"


def settings(certificates, authority="own", shown="own"):
    """Return a client's settings: whom it trusts, and what it shows."""
    return {
        "security.protocol": "SSL",
        "ssl.ca.location": str(certificates / f"{authority}.pem"),
        "ssl.certificate.location": str(certificates / f"{shown}-host.pem"),
        "ssl.key.location": str(certificates / f"{shown}-host.key"),
    }


def test_a_topic_behind_tls_is_taken_over_by_who_may_and_by_nobody_else(servers, certificates, tmp_path, monkeypatch):
    producer = kafka.Producer({"bootstrap.servers": servers, **settings(certificates)}, logger=Quiet())
    producer.list_topics(timeout=60)
    admin = kafka.admin.AdminClient({"bootstrap.servers": servers, **settings(certificates)}, logger=Quiet())
    for made in admin.create_topics([kafka.admin.NewTopic("secured", 1, 1)]).values():
        made.result(60)
    producer.produce("secured", json.dumps(RECORD))
    assert producer.flush(30) == 0
    said = {"form": "json-lines", "mapping": MAPPED, "origin": "demonstration-secured", "vault": tmp_path / "vault"}
    report = al.adapt_topic(servers, "secured", tmp_path / "log", client=settings(certificates), **said)
    assert (report.kept, report.predictions_added) == (1, 1)
    monkeypatch.setattr("audit_lab.capture.adapters.kafka_consumer._PATIENCE_S", 3.0)
    for wrong in (settings(certificates, authority="other"), settings(certificates, shown="other"), {}):
        with pytest.raises(StorageError, match="cannot be read"):
            al.adapt_topic(servers, "secured", tmp_path / "log", client=wrong, **said)


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem"}, "ssl.ca.location failed"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "No provider for SASL mechanism GSSAPI"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}, "nobody here gives tokens"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanisms": "oauthbearer"}, "nobody here gives tokens"),
    ],
)
def test_what_is_not_supported_is_said_before_a_broker_is_asked(tmp_path, client, reason):
    with pytest.raises(MisuseError, match=reason):
        al.adapt_topic("127.0.0.1:1", "t", tmp_path / "log", form="json-lines", mapping=MAPPED, client=client)
