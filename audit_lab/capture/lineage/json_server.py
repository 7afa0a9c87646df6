"""Questions to one HTTP server, answered in JSON, within limits: its host alone, no redirect, bounded time and size."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import socket
import ssl
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, BinaryIO, Self
from urllib.parse import quote, urlencode, urlsplit

from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

__all__ = ["JsonServer", "is_address"]

#: An answer that is larger is not taken.
LARGEST_ANSWER_BYTES = 32_000_000
#: All answers together.
MOST_BYTES = 2_000_000_000
#: How long the server may say nothing.
SILENCE_S = 30.0
_LONGEST_PATIENCE_S = 86_400
_STEP_BYTES = 65_536
_SHOWN = 200
_OK, _MULTIPLE, _BAD, _DENIED, _MISSING = 200, 300, 400, (401, 403), (404, 405)
_TOKEN, _USER, _PASSWORD = "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_AUTHORITIES = "MLFLOW_TRACKING_SERVER_CERT_PATH"


def is_address(text: str) -> bool:
    """Whether a text is an address on the web rather than a path."""
    return text.lower().startswith(("http://", "https://"))


class JsonServer:
    """One server, asked over one connection.

    Parameters
    ----------
    address
        ``http://`` or ``https://``, with whatever path its interface lies under.
    patience_s
        How long all questions together may take, in seconds.

    Notes
    -----
    Who asks is said by the environment, as MLflow's own client reads it: ``MLFLOW_TRACKING_TOKEN``, else
    ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``. Neither is sent over a connection that others can
    read. Proxies of the environment are not used: the questions go to the host that the address names, nowhere else.

    Raises
    ------
    MisuseError
        The address cannot be meant, or a secret would be sent in clear.
    """

    def __init__(self, address: str, *, patience_s: float) -> None:
        if not 0 < patience_s <= _LONGEST_PATIENCE_S:
            raise MisuseError(
                f"the patience is {patience_s} seconds", f"Give a number above 0, up to {_LONGEST_PATIENCE_S:,}."
            )
        self.address = address.rstrip("/")
        self._ends = monotonic() + patience_s
        self._patience_s = patience_s
        self._left = MOST_BYTES
        try:
            parts = urlsplit(self.address)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise MisuseError(f"{printable(address)} is no address ({error})", _ADDRESS_NEXT) from error
        if not is_address(address) or not self._host or parts.query or parts.fragment:
            raise MisuseError(f"{printable(address)} is no address of a server", _ADDRESS_NEXT)
        if parts.username is not None or parts.password is not None:
            raise MisuseError(
                "the address holds a name or a password, which would stand in the shell's history",
                f"Set {_TOKEN}, or {_USER} and {_PASSWORD}, in the environment.",
            )
        self._path, self._is_secure = quote(parts.path, safe="/%-._~"), parts.scheme.lower() == "https"
        self._headers = {"Accept": "application/json", "User-Agent": "audit-lab", **self._authorization()}
        self._connection: HTTPConnection | None = None
        # A server that drips its answer's head never lets a read time out: in the end the connection is cut.
        self._watch = Timer(patience_s, self._cut)
        self._watch.daemon = True

    def __enter__(self) -> Self:
        """Begin to count the time."""
        self._ends = monotonic() + self._patience_s
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._watch.cancel()
        self._close()

    def get(self, path: str, asked: Mapping[str, str]) -> bytes | None:
        """Return the answer to a question; None where the server does not know it.

        Raises
        ------
        StorageError
            The server cannot be reached, takes too long, refuses, fails, or answers with too much.
        """
        return self._ask("GET", f"{path}?{urlencode(asked)}" if asked else path, None)

    def post(self, path: str, asked: Mapping[str, Any]) -> bytes | None:
        """Return the answer to a question that is a JSON object; as `get`."""
        return self._ask("POST", path, json.dumps(asked).encode())

    def fetch(self, path: str, asked: Mapping[str, str], file: BinaryIO) -> int | None:
        """Write the answer to a question into a file, and return its bytes; None where the server has none.

        Raises
        ------
        StorageError
            As for `get`, or the file cannot be written.
        """
        start = file.tell()
        found = self._ask("GET", f"{path}?{urlencode(asked)}", None, file)
        return None if found is None else file.tell() - start

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _cut(self) -> None:
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _ask(self, method: str, path: str, body: bytes | None, file: BinaryIO | None = None) -> bytes | None:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        for is_last in (False, True):
            was_open = self._connection is not None
            try:
                connection = self._connected()
                connection.request(method, self._path + path, body, headers)
                response = connection.getresponse()
                break
            except (ConnectionError, HTTPException, OSError) as error:
                self._close()
                if monotonic() > self._ends:
                    raise self._late() from error
                # A connection that was kept may have been closed by the server meanwhile; asking again changes nothing.
                if is_last or not was_open or isinstance(error, TimeoutError):
                    raise self._fault(f"cannot be asked ({_said(error)})", "other") from error
        try:
            content = self._content(response, file if response.status == _OK else None)
        except (HTTPException, OSError) as error:
            self._close()
            if monotonic() > self._ends:
                raise self._late() from error
            raise self._fault(f"broke off its answer ({_said(error)})", "other") from error
        if monotonic() > self._ends:  # a connection that was cut ends what was read without an error
            self._close()
            raise self._late()
        return self._judged(response.status, response.getheader("Location"), content, path)

    def _judged(self, status: int, location: str | None, content: bytes, path: str) -> bytes | None:
        if status == _OK:
            return content
        if status in _MISSING or (status == _BAD and b"RESOURCE_DOES_NOT_EXIST" in content):
            return None
        if status in _DENIED:
            raise StorageError(
                f"{printable(self.address)} refuses to answer (status {status})",
                f"Set {_TOKEN}, or {_USER} and {_PASSWORD}, in the environment, of somebody who may read.",
                "denied",
            )
        if _MULTIPLE <= status < _BAD:
            raise self._fault(f"sends its askers on to {printable(str(location), _SHOWN)}, where none is sent", "other")
        said = printable(content[:_SHOWN].decode("utf-8", "replace"), _SHOWN)
        raise self._fault(f"answers {printable(path.partition('?')[0])} with status {status} ({said})", "failing")

    def _connected(self) -> HTTPConnection:
        if self._connection is None:
            if self._is_secure:
                context = ssl.create_default_context(cafile=os.environ.get(_AUTHORITIES) or None)
                self._connection = HTTPSConnection(self._host, self._port, timeout=SILENCE_S, context=context)
            else:
                self._connection = HTTPConnection(self._host, self._port, timeout=SILENCE_S)
        left = self._ends - monotonic()
        if left <= 0:
            raise self._late()
        self._connection.timeout = min(SILENCE_S, left)
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self._connection.timeout)
        return self._connection

    def _content(self, response: HTTPResponse, file: BinaryIO | None) -> bytes:
        """Return a whole answer, or write it into a file; one that drips is given up in time."""
        parts, size = [], 0
        most = LARGEST_ANSWER_BYTES if file is None else MOST_BYTES
        while part := response.read1(_STEP_BYTES):
            size += len(part)
            self._left -= len(part)
            if size > most or self._left < 0:
                self._close()
                raise self._fault(f"answers with more than {most if self._left >= 0 else MOST_BYTES:,} bytes", "other")
            if monotonic() > self._ends:
                self._close()
                raise self._late()
            if file is None:
                parts.append(part)
            else:
                file.write(part)
        missing = response.length  # of an answer whose length was said
        response.close()
        if missing:
            raise IncompleteRead(b"", missing)
        return b"".join(parts)

    def _authorization(self) -> dict[str, str]:
        token, user = os.environ.get(_TOKEN), os.environ.get(_USER)
        if not token and not user:
            return {}
        if not self._is_secure and not _is_here(self._host):
            raise MisuseError(
                f"the environment names a secret, and {printable(self.address)} would get it in clear",
                f"Give an https:// address, or unset {_TOKEN}, {_USER} and {_PASSWORD}.",
            )
        if token:
            value = f"Bearer {token}"
        else:
            pair = f"{user}:{os.environ.get(_PASSWORD, '')}"
            value = f"Basic {base64.b64encode(pair.encode()).decode()}"
        if not value.isascii() or not value.isprintable():
            raise MisuseError("the secret in the environment holds characters that no header can", "Set it again.")
        return {"Authorization": value}

    def _late(self) -> StorageError:
        return StorageError(
            f"{printable(self.address)} was asked for {self._patience_s:g} seconds and is not through",
            "Name fewer experiments, or give it longer with --patience.",
            "other",
        )

    def _fault(self, what: str, reason: str) -> StorageError:
        return StorageError(f"{printable(self.address)} {what}", "Check the address, and that the server runs.", reason)


_ADDRESS_NEXT = "Give one like https://mlflow.example.org, with nothing behind its path."


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _said(error: Exception) -> str:
    return printable(" ".join(str(error).split()) or type(error).__name__, _SHOWN)
