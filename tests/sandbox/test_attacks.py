"""What a hostile model may try, with bubblewrap and without: each is refused or contained by the kernel."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audit_lab.errors import SandboxError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")


@pytest.mark.parametrize("name", ["connect", "fork", "spawn"])
def test_what_python_tries_is_named(probe, way, name):
    with pytest.raises(SandboxError, match="the sandbox refuses") as caught:
        probe(name)
    assert caught.value.reason == "error"


@pytest.mark.parametrize("name", ["native_socket", "native_fork", "native_bomb", "native_clone", "native_exec"])
def test_what_native_code_tries_ends_it_at_once(probe, way, name):
    started = time.monotonic()
    with pytest.raises(SandboxError, match="tried to start a process or to open a socket") as caught:
        probe(name)
    assert caught.value.reason == "crash"
    assert time.monotonic() - started < 10


def test_a_local_socket_is_refused_without_an_end(probe, way):
    assert probe("unix_socket").header == {"opened": -1, "errno": errno.EPERM}


def test_writing_elsewhere_is_named(probe, way, tmp_path):
    with pytest.raises(SandboxError, match="refuses to write"):
        probe("write", {"path": str(tmp_path / "evil")})
    assert not (tmp_path / "evil").exists()


def test_native_code_cannot_write_elsewhere(probe, way, tmp_path, package):
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mine").chmod(0o600)
    places = [tmp_path, Path.home(), package, Path("/tmp"), Path("/var/tmp"), Path("/"), Path(sys.prefix)]
    targets = [str(place / "evil") for place in places]
    wanted = {"paths": targets, "modes": [str(tmp_path / "mine"), str(package / "errors.py"), sys.executable]}
    assert probe("native_write", wanted).header == {"opened": [-1] * 7, "changed": [-1] * 3}
    assert [target for target in targets if Path(target).exists()] == []
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o600


def test_native_code_cannot_read_elsewhere(probe, way, tmp_path):
    (tmp_path / "secret").write_text("x")
    paths = [str(tmp_path / "secret"), "/etc/passwd", "/etc/shadow", f"/proc/{os.getpid()}/environ", str(Path.home())]
    assert probe("native_read", {"paths": paths}).header == {"opened": [-1] * 5}


def test_nobody_outside_is_signalled(probe, way):
    with subprocess.Popen(["sleep", "30"]) as bystander:
        with pytest.raises(SandboxError) as caught:
            probe("kill_everyone", {"pids": [bystander.pid, os.getpid(), os.getppid()], "signal": 15})
        assert caught.value.reason == "crash"  # it hit itself
        assert bystander.poll() is None
        bystander.kill()


def test_the_child_sees_itself_alone_and_holds_nothing_of_ours(probe, way):
    with Path(__file__).open() as mine:
        os.set_inheritable(mine.fileno(), True)  # noqa: FBT003 - the name of the function says it
        seen = probe("processes").header
    assert seen["pids"] == [1, 2]
    assert seen["pid"] == 2
    assert seen["descriptors"] <= 8


def test_threads_are_bounded(probe, fresh):
    result = probe("thread_bomb")
    if result.isolation["user"].startswith("unprivileged"):
        assert 10 < result.header["started"] < 64 + 16 * len(os.sched_getaffinity(0))


def test_calls_that_no_model_needs_are_refused(probe, way):
    results = probe("denied").header
    assert len(results) == 6
    assert {tuple(result) for result in results.values()} == {(-1, errno.EPERM)}


def test_every_wall_stands_where_bubblewrap_is(probe, fresh):
    from audit_lab.sandbox import bubblewrap

    if bubblewrap.program() is None:
        pytest.skip("bubblewrap is not installed")
    record = probe("echo").isolation
    assert record["network"] == "none: own network namespace"
    assert record["files"].startswith("own mount namespace")
    assert record["processes"] == "own process namespace: none may be started"
    assert record["system_calls"] == "seccomp filter"
    assert record["user"].startswith("unprivileged")
    assert record["started_by"].startswith("bubblewrap ")
