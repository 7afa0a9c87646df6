"""The child process: what it may not do, and how each bad end is told."""

from __future__ import annotations

import time

import pytest

from audit_lab.errors import SandboxError
from audit_lab.sandbox import Limits, run, run_task

PROBES = """
from audit_lab.sandbox.job import Answer

def echo(job):
    return Answer(header=job.header, tables=job.tables)

def environment(job):
    import os
    return Answer(header=dict(os.environ))

def write(job):
    open(job.header["path"], "w")

def connect(job):
    import socket
    socket.socket().connect(("127.0.0.1", 9))

def interfaces(job):
    import socket
    return Answer(header={"names": [name for _, name in socket.if_nameindex()]})

def fork(job):
    import os
    os.fork()

def spawn(job):
    import subprocess
    subprocess.run(["true"])

def sleep(job):
    import time
    time.sleep(60)

def spin(job):
    while True:
        pass

def eat(job):
    import numpy
    eaten = []
    while True:
        eaten.append(numpy.ones(50_000_000))

def crash(job):
    import ctypes
    ctypes.string_at(0)

def raise_error(job):
    raise ValueError("two\\nlines")
"""


@pytest.fixture
def probe(monkeypatch, tmp_path):
    """Return a function that runs one of the probes, which the child finds under the package's name."""
    (tmp_path / "probes.py").write_text(PROBES)
    entry = "from audit_lab.sandbox.worker"
    extended = f"import audit_lab; audit_lab.__path__.append({str(tmp_path)!r}); {entry}"
    monkeypatch.setattr(run, "_START", run._START.replace(entry, extended))

    def start(name, header=None, **limits):
        return run_task(f"audit_lab.probes:{name}", header=header or {}, tables={}, files={}, limits=Limits(**limits))

    return start


def test_header_comes_back_with_the_isolation(probe):
    result = probe("echo", {"number": 0.1})
    assert result.header == {"number": 0.1}
    assert set(result.isolation) == {"network", "memory_bytes", "cpu_s", "writes", "processes"}


def test_environment_is_cleared(probe, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_SECRET", "x")
    seen = probe("environment").header
    assert "AUDIT_LAB_SECRET" not in seen
    assert seen["PYTHONHASHSEED"] == "0"


@pytest.mark.parametrize("name", ["connect", "fork", "spawn"])
def test_network_and_processes_are_refused(probe, name):
    with pytest.raises(SandboxError, match="the sandbox refuses") as caught:
        probe(name)
    assert caught.value.reason == "error"


def test_network_namespace_has_no_other_interface(probe):
    result = probe("interfaces")
    if result.isolation["network"].startswith("none"):
        assert result.header["names"] == ["lo"]
    else:
        assert result.isolation["network"].startswith("audit hook only")


def test_writing_outside_the_work_folder_is_refused(probe, tmp_path):
    with pytest.raises(SandboxError, match="refuses to write"):
        probe("write", {"path": str(tmp_path / "evil")})
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("name", "limits", "reason"),
    [
        ("sleep", {"wall_s": 3.0}, "timeout"),
        ("spin", {"cpu_s": 3, "wall_s": 60.0}, "timeout"),
        ("eat", {"memory_bytes": 3_000_000_000, "wall_s": 60.0}, "memory"),
        ("crash", {}, "crash"),
        ("raise_error", {}, "error"),
    ],
)
def test_every_bad_end_has_its_reason_and_comes_soon(probe, name, limits, reason):
    started = time.monotonic()
    with pytest.raises(SandboxError) as caught:
        probe(name, **limits)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 50


def test_only_tasks_of_the_package_run():
    with pytest.raises(SandboxError, match="not a task of this package"):
        run_task("os:getpid", header={}, tables={}, files={})
