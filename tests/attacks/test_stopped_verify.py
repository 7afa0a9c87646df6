"""Attack 30: a verification that is stopped, killed, or cannot read or write changes nothing and leaves nothing."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attack_scene import TRUST, archived

from audit_lab.errors import MisuseError
from audit_lab.seal.trust import format_trust
from audit_lab.verifier.bundle import examine_bundle

#: Runs a command that stops after the first piece of a file, so that it can be killed in the middle.
SLOW = """
import sys, time
from pathlib import Path
from audit_lab.verifier import archive
quick = archive.Archive.chunks
def chunks(self, name):
    for chunk in quick(self, name):
        yield chunk
        Path(sys.argv[1]).touch()
        time.sleep(120)
archive.Archive.chunks = chunks
from {module} import main
raise SystemExit(main(sys.argv[2:]))
"""
QUICK = "from {module} import main; import sys; raise SystemExit(main(sys.argv[1:]))"
FULL = Path("/dev/full")
COMMANDS = {"audit-lab": ("audit_lab.cli", ["verify"]), "audit-lab-verify": ("audit_lab.verifier.command", [])}


@pytest.fixture
def home(scene, tmp_path):
    """Return a folder with the bundle and a trust file, which is home, work folder and place for temporary files."""
    folder = tmp_path / "home"
    (folder / "tmp").mkdir(parents=True)
    (folder / "INC-1.zip").write_bytes(archived(scene.files))
    (folder / "trust.toml").write_text(format_trust(TRUST.keys))
    return folder


@pytest.fixture
def environment(home):
    own = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    return {**os.environ, **own, "TMPDIR": str(home / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}


def everything(folder):
    """Return what stands in a folder: every name, and the bytes and the time of every file."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in folder.rglob("*")
    }


def command_of(name, program=QUICK, *first):
    """Return the command that verifies the bundle, by a program that calls one of ours."""
    module, words = COMMANDS[name]
    code = program.format(module=module)
    return [sys.executable, "-c", code, *first, *words, "INC-1.zip", "--trust", "trust.toml"]


@pytest.mark.parametrize(
    ("name", "number"),
    [("audit-lab", signal.SIGINT), ("audit-lab-verify", signal.SIGINT), ("audit-lab-verify", signal.SIGKILL)],
)
def test_a_verification_that_is_stopped_leaves_nothing(home, environment, tmp_path, name, number):
    begun, before = tmp_path / "begun", everything(home)
    command = command_of(name, SLOW, begun)
    child = subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not begun.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert begun.exists()
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.communicate()
    code, lines = {signal.SIGKILL: (-signal.SIGKILL, 0), signal.SIGINT: (130, 1)}[number]
    assert (child.returncode, out, len(err.splitlines())) == (code, "", lines)
    assert everything(home) == before


def test_a_verification_that_ends_leaves_nothing_but_its_report(home, environment):
    before = everything(home)
    command = command_of("audit-lab")
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "UNANCHORED" in done.stdout
    assert everything(home) == before


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(("name", "more"), [("audit-lab", ["--json"]), ("audit-lab-verify", [])])
def test_a_report_that_cannot_be_written_is_a_stated_error(home, environment, name, more):
    command = command_of(name)
    with FULL.open("w") as full:
        done = subprocess.run(
            [*command, *more], cwd=home, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "added"),
    [
        (["audit-lab"], 0),
        (["audit-lab", "--json"], 0),
        (["audit-lab", "--json"], 200),  # so long that it is written in pieces
        (["audit-lab-verify"], 0),
    ],
)
def test_a_reader_who_leaves_does_not_change_the_verdict(scene, home, environment, words, added):
    name, *more = words
    files = {**scene.files, **{f"data/added/{number}": b"" for number in range(added)}}
    (home / "INC-1.zip").write_bytes(archived(files))
    reader, writer = os.pipe()
    os.close(reader)
    command = [*command_of(name)[:-2], *more]  # without a trust file
    done = subprocess.run(command, cwd=home, env=environment, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    told = b"audit-lab: INC-1.zip is FAILED" if words == ["audit-lab"] else b""
    assert (done.returncode, done.stderr[: len(told) or None]) == (1, told)


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["as text", "as JSON"])
def test_a_failure_that_cannot_be_written_is_a_stated_error(home, environment, more):
    command = [*command_of("audit-lab")[:-2], *more]
    with FULL.open("w") as full:
        done = subprocess.run(
            command, cwd=home, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_fails_under_the_bundle_is_a_stated_error(home, monkeypatch):
    def fails(_self, _name):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("audit_lab.verifier.archive.Archive.chunks", fails)
    with pytest.raises(MisuseError, match=r"INC-1\.zip cannot be read \(Input/output error\)"):
        examine_bundle(home / "INC-1.zip", TRUST)
    assert MisuseError.exit_code == 2
