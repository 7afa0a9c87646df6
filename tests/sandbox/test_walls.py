"""Each wall by itself, in a process that has no other."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from audit_lab.sandbox.walls import landlock, system_calls

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's")


def told(script, *arguments):
    """Return what a fresh process prints."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_landlock_alone_leaves_the_named_folders(tmp_path):
    for name in ("read", "work", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    script = """
        import sys
        from pathlib import Path
        from audit_lab.sandbox.walls.landlock import restrict
        top = Path(sys.argv[1])
        def tried(action):
            try:
                action()
            except PermissionError:
                return "refused"
            return "done"
        try:
            restrict([str(top / "read"), str(top / "missing")], [str(top / "work")])
        except OSError:
            print("none")
            raise SystemExit
        for name in ("read", "work", "other"):
            print(name, tried((top / name / "file").read_text), tried(lambda: (top / name / "new").write_text("x")))
        print(tried(lambda: Path("/dev/null").write_text("x")), tried(Path("/etc/passwd").read_text))
        print(tried(lambda: (top / "work" / "file").rename(top / "other" / "moved")))
    """
    seen = told(script, tmp_path)
    if seen == ["none"]:
        pytest.skip("this kernel has no Landlock")
    assert seen == [
        *("read", "done", "refused"),
        *("work", "done", "done"),
        *("other", "refused", "refused"),
        *("done", "refused"),
        "refused",
    ]


def test_the_shared_filter_lets_a_process_signal_itself_alone():
    script = """
        import ctypes, os, signal, subprocess
        from audit_lab.sandbox.walls.system_calls import compiled, install
        other = subprocess.Popen(["sleep", "3"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        install(compiled(os.getpid()))
        libc = ctypes.CDLL(None, use_errno=True)
        signal.signal(signal.SIGUSR1, lambda *_: print("heard"))
        results = [libc.kill(other.pid, 9), libc.kill(0, 9), libc.kill(-1, 9), libc.kill(os.getpid(), signal.SIGUSR1)]
        print(*results, other.poll(), flush=True)
        os._exit(0)
    """
    assert told(script) == ["heard", "-1", "-1", "-1", "0", "None"]


def test_threads_run_behind_the_filter():
    script = """
        import threading
        from audit_lab.sandbox.walls.system_calls import compiled, install
        install(compiled(None))
        done = []
        threads = [threading.Thread(target=done.append, args=(number,)) for number in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(done))
    """
    assert told(script) == ["20"]


def test_the_filter_is_a_few_instructions_and_the_same_every_time():
    own, shared = system_calls.compiled(None), system_calls.compiled(1234)
    assert own == system_calls.compiled(None)
    assert own != shared
    assert len(own) % 8 == 0
    assert 100 < len(own) // 8 < 1_000


def test_rights_are_those_that_the_kernel_knows():
    """From ``linux/landlock.h``: 13 rights at first; refer, truncate and ioctl came with versions 2, 3 and 5."""
    assert landlock._KNOWN == {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}
    assert landlock._READ == 0b1100
    assert landlock._TRUNCATE == 0x4000


def test_a_process_tied_to_one_that_is_gone_ends():
    script = """
        import os
        from audit_lab.sandbox.walls.namespaces import die_with
        child = os.fork()
        if child == 0:
            die_with(1 << 30)
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert told(script) == ["1"]
