"""Keys in an agent: a real ``ssh-agent`` signs, and an agent that lies or goes away is refused."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit_lab.errors import MisuseError
from audit_lab.seal.agent import agent_key, agent_keys
from audit_lab.seal.envelope import Envelope, sign_envelope
from audit_lab.seal.key_file import key_file_bytes
from audit_lab.seal.key_source import open_key
from tests.agents import add, running_agent

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RAW = KEY.public_key().public_bytes_raw()
BLOB = struct.pack(">I", 11) + b"ssh-ed25519" + struct.pack(">I", 32) + RAW


@pytest.fixture
def agent(tmp_path, monkeypatch):
    with running_agent(tmp_path, monkeypatch) as place:
        yield place


def test_a_signature_of_the_agent_is_plain_ed25519_over_the_bytes(agent, tmp_path):
    add(tmp_path, "jane@bank", KEY)
    assert open_key("agent:jane@bank").sign(b"message") == KEY.sign(b"message")


def test_an_envelope_is_the_same_whoever_holds_the_key(agent, tmp_path):
    add(tmp_path, "jane@bank", KEY)
    key = open_key("agent:jane@bank")
    envelope = Envelope.parse(sign_envelope(b"{}", "text/plain", [key]), "it")
    assert key.public.raw == RAW
    assert key.public.accepts(envelope.signatures[0].value, envelope.signed_bytes)


def test_a_key_is_named_by_its_fingerprint_too(agent, tmp_path):
    add(tmp_path, "jane@bank", KEY)
    add(tmp_path, "john@bank")
    shown = subprocess.run(["ssh-add", "-l"], check=True, capture_output=True, text=True).stdout
    (line,) = (line for line in shown.splitlines() if "jane@bank" in line)
    key = open_key(f"agent:{line.split()[1]}")
    assert (key.name, key.public.raw) == ("jane@bank", RAW)


def test_keys_of_other_kinds_are_left_out(agent, tmp_path):
    path = tmp_path / "rsa"
    path.write_bytes(
        generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    )
    path.chmod(0o600)
    subprocess.run(["ssh-add", "-q", path], check=True, capture_output=True)
    add(tmp_path, "jane@bank", KEY)
    assert [key.comment for key in agent_keys()] == ["jane@bank"]


def test_two_keys_with_one_comment_are_told_apart_by_fingerprint(agent, tmp_path):
    add(tmp_path, "jane", KEY)
    add(tmp_path, "jane")
    with pytest.raises(MisuseError, match="2 Ed25519 keys") as raised:
        agent_key("jane")
    assert all(key.fingerprint in raised.value.next_step for key in agent_keys())


def test_a_key_that_is_not_there_says_which_are(agent, tmp_path):
    with pytest.raises(MisuseError, match="none at all"):
        agent_key("jane")
    add(tmp_path, "john")
    with pytest.raises(MisuseError, match="no Ed25519 key 'jane'; it has 'john'"):
        agent_key("jane")


def test_a_comment_that_cannot_be_a_name(agent, tmp_path):
    add(tmp_path, "Jane Doe, laptop")
    with pytest.raises(MisuseError, match="ssh-keygen -c -C NAME"):
        open_key("agent:Jane Doe, laptop")


def test_a_locked_agent_and_a_key_taken_out_do_not_sign(agent, tmp_path):
    add(tmp_path, "jane", KEY)
    key = open_key("agent:jane")
    subprocess.run(["ssh-add", "-q", "-D"], check=True, capture_output=True)
    with pytest.raises(MisuseError, match="did not sign with the key 'jane'"):
        key.sign(b"message")


def test_a_key_in_an_agent_is_never_written_to_a_file(agent, tmp_path):
    add(tmp_path, "jane", KEY)
    with pytest.raises(MisuseError, match="an agent holds it"):
        key_file_bytes(open_key("agent:jane"), b"passphrase")


def test_no_agent(tmp_path, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(MisuseError, match="SSH_AUTH_SOCK is not set"):
        open_key("agent:jane")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    with pytest.raises(MisuseError, match="No such file"):
        open_key("agent:jane")


def framed(content):
    return struct.pack(">I", len(content)) + content


@pytest.fixture
def answering(tmp_path, monkeypatch):
    """Return a function that starts an agent with these answers, one for each connection."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(tmp_path / "liar"))
    server.listen()
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "liar"))
    started = []

    def serve(answers):
        for answer in answers:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

    def start(*answers):
        thread = threading.Thread(target=serve, args=(answers,))
        thread.start()
        started.append(thread)

    yield start
    for thread in started:
        thread.join(10)
    server.close()


LISTED = framed(b"\x0c" + struct.pack(">I", 1) + framed(BLOB) + framed(b"jane"))


def signed(value, algorithm=b"ssh-ed25519"):
    return framed(b"\x0e" + framed(framed(algorithm) + framed(value)))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(signed(bytes(64)), id="no signature of this key"),
        pytest.param(signed(KEY.sign(b"other")), id="a signature over other bytes"),
        pytest.param(signed(KEY.sign(b"message"), b"ssh-rsa"), id="another algorithm"),
        pytest.param(signed(b""), id="an empty signature"),
    ],
)
def test_a_signature_that_is_not_the_keys_is_refused(answering, answer):
    answering(LISTED, answer)
    with pytest.raises(MisuseError, match="something else than a signature"):
        open_key("agent:jane").sign(b"message")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\x00", id="half a length"),
        pytest.param(struct.pack(">I", 0), id="an empty answer"),
        pytest.param(struct.pack(">I", 2**31), id="a length of 2 GiB"),
        pytest.param(framed(b"\x0c" + struct.pack(">I", 9)), id="fewer keys than said"),
        pytest.param(framed(b"\x0c" + struct.pack(">II", 1, 2**31)), id="a text longer than the answer"),
    ],
)
def test_an_answer_in_another_form_is_refused(answering, answer):
    answering(answer)
    with pytest.raises(MisuseError, match="cannot be asked"):
        agent_keys()


def test_an_agent_that_refuses_to_list(answering):
    answering(framed(b"\x05"))
    with pytest.raises(MisuseError, match="does not list its keys"):
        agent_keys()
