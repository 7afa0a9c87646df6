"""Post alerts to an address: encrypted unless a host was named, within a time, following nothing, trusting nothing."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from audit_lab.monitor.alerts.rules import Webhook

__all__ = ["post"]

_TAKEN = range(200, 300)


def post(target: Webhook, body: bytes) -> str | None:
    """Post a JSON document once; return None when it was taken, or else why not.

    A redirect is not followed, and counts as not taken. Of the answer only the status is read. No proxy is used.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "audit_lab"}
    for name, variable in target.headers.items():
        value = os.environ.get(variable)
        if value is None:
            return f"the environment variable {variable} for the header {name} is not set"
        if not value.isascii() or not value.isprintable():
            return f"the environment variable {variable} for the header {name} holds what a header cannot"
        headers[name] = value
    parts = urlsplit(target.url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=target.timeout_s)
    late = threading.Event()
    clock = threading.Timer(target.timeout_s, _cut, (connection, late))
    clock.daemon = True
    clock.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
    except (OSError, HTTPException, ValueError) as error:
        if late.is_set() or isinstance(error, TimeoutError):
            return f"no answer within {target.timeout_s:g} seconds"
        return f"the address could not be reached ({type(error).__name__})"
    finally:
        clock.cancel()
        connection.close()
    if late.is_set():  # what came of the answer before it was cut can look like a whole one
        return f"no answer within {target.timeout_s:g} seconds"
    return None if status in _TAKEN else f"it answered with status {status}"


def _cut(connection: HTTPConnection, late: threading.Event) -> None:
    """End a conversation that takes too long: the timeout of a socket is for each step of it, not for all."""
    late.set()
    held = connection.sock
    if held is not None:
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)
