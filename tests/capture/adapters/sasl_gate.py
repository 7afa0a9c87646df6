"""A gate in front of a broker that lets in who says a password: the server's side of SASL in Kafka's protocol.

Kafka's frames are read here; SCRAM is spoken by `scramp`, which nobody here wrote. What stands in front of the password
(which versions of requests there are) is asked of the broker; all else before it closes the connection.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress

from scramp import ScramException, ScramMechanism

HANDSHAKE, VERSIONS, AUTHENTICATE = 17, 18, 36
REFUSED, UNKNOWN_MECHANISM = 58, 33
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")


class SaslGate:
    """Takes connections, asks for a password by the mechanisms that it has, and hands them on in clear."""

    def __init__(self, port, passwords, mechanisms=("PLAIN", *SCRAM)):
        self._behind, self._passwords, self._mechanisms = port, passwords, mechanisms
        self._taking = socket.create_server(("127.0.0.1", 0))
        self.port = self._taking.getsockname()[1]
        #: Mechanism and user of each connection that was let in, or None for the user where it was not.
        self.asked: list[tuple[str, str | None]] = []
        threading.Thread(target=self._run, daemon=True).start()

    def close(self):
        self._taking.close()

    def _run(self):
        with suppress(OSError):
            while True:
                client, _ = self._taking.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with suppress(OSError, EOFError), client, socket.create_connection(("127.0.0.1", self._behind)) as broker:
            if self._is_let_in(client, broker):
                threading.Thread(target=pump, args=(broker, client), daemon=True).start()
                pump(client, broker)

    def _is_let_in(self, client, broker):
        """Answer what comes before a password, and the password; whether the connection may go on."""
        steps = None
        while True:
            frame = read_frame(client)
            key, version, number, named = struct.unpack_from(">hhih", frame)
            body = frame[10 + max(named, 0) :]
            if key == VERSIONS:
                broker.sendall(struct.pack(">i", len(frame)) + frame)
                write_frame(client, read_frame(broker))
            elif key == HANDSHAKE and version <= 1:
                mechanism = body[2:].decode()
                known = mechanism in self._mechanisms
                names = b"".join(struct.pack(">h", len(each)) + each.encode() for each in self._mechanisms)
                error = 0 if known else UNKNOWN_MECHANISM
                write_frame(client, struct.pack(">ihi", number, error, len(self._mechanisms)) + names)
                if not known:
                    self.asked.append((mechanism, None))
                    return False
                steps = plain(self._passwords) if mechanism == "PLAIN" else scram(mechanism, self._passwords)
                next(steps)
            elif key == AUTHENTICATE and version <= 1 and steps is not None:
                said, user, is_done = steps.send(body[4:])
                lifetime = struct.pack(">q", 0) if version else b""
                if said is None:
                    refused = struct.pack(">ihh", number, REFUSED, 3) + b"no!" + struct.pack(">i", 0)
                    write_frame(client, refused + lifetime)
                    self.asked.append((mechanism, None))
                    return False
                write_frame(client, struct.pack(">ihhi", number, 0, -1, len(said)) + said + lifetime)
                if is_done:
                    self.asked.append((mechanism, user))
                    return True
            else:
                return False


def plain(passwords):
    """Yield what RFC 4616 answers: nothing but that it is right."""
    _, user, password = (yield).decode().split("\0")
    yield (b"", user, True) if passwords.get(user) == password else (None, None, True)


def scram(mechanism, passwords):
    """Yield what RFC 5802 answers, twice."""
    made = ScramMechanism(mechanism)
    asked = []

    def stored(user):
        asked.append(user)
        # Of whom nobody knows, a password is made up that is nobody's.
        return made.make_auth_info(passwords.get(user, "\ue000 nobody's"), iteration_count=4_096)

    server = made.make_server(stored)
    first = yield
    try:
        server.set_client_first(first.decode())
        last = yield server.get_server_first().encode(), asked[0], False
        server.set_client_final(last.decode())
        yield server.get_server_final().encode(), asked[0], True
    except ScramException:
        yield None, None, True


def read_frame(source):
    return read_exactly(source, struct.unpack(">i", read_exactly(source, 4))[0])


def read_exactly(source, count):
    content = b""
    while len(content) < count:
        piece = source.recv(count - len(content))
        if not piece:
            raise EOFError
        content += piece
    return content


def write_frame(target, content):
    target.sendall(struct.pack(">i", len(content)) + content)


def pump(source, target):
    with suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
