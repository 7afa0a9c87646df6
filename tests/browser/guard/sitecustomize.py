"""Every Python process of the tested JupyterLab keeps to this machine: whatever else is tried fails, and is noted."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

_HERE = {"", "localhost", "None"}


def _kept_here(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):  # else it is a socket of this machine's files
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in _HERE or _is_loopback(name):
        return
    with Path(os.environ["AUDIT_LAB_TEST_OUTSIDE"]).open("a") as noted:
        noted.write(f"{event} {name} by {' '.join(sys.argv[:3])}\n")
    raise OSError(f"{name} is outside of this machine, and the outside is blocked here")


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


if "AUDIT_LAB_TEST_OUTSIDE" in os.environ:
    sys.addaudithook(_kept_here)
