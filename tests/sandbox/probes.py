"""Tasks that a hostile or a broken model might turn into; copied into the package that the child sees."""
# ruff: noqa: ICN001, NPY002, PLW1510, PTH109, PTH123, PTH208, FURB122, SIM115, T201, TRY002 - written as an attacker would

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time

import polars as pl

from audit_lab.sandbox.job import Answer

SEEN = []


def loaded(job):
    """Say whether a module was imported before."""
    return Answer({"is_loaded": job.header["name"] in sys.modules})


def echo(job):
    return Answer(header=job.header, tables=job.tables)


def environment(job):
    return Answer(header=dict(os.environ))


def path(job):
    from pathlib import Path

    import audit_lab

    beside = sorted(p.name for p in Path(audit_lab.__path__[0]).parent.iterdir())
    return Answer(header={"path": sys.path, "cwd": os.getcwd(), "beside": beside, "python": list(sys.version_info[:2])})


def count(job):
    SEEN.append(job.header)
    return Answer(header={"jobs": len(SEEN), "pid": os.getpid()})


def draw(job):
    import random

    import numpy as np

    return Answer(header={"random": random.random(), "numpy": float(np.random.random_sample())})


def files(job):
    found = {}
    for name, place in job.files.items():
        inside = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
        found[name] = {str(p.relative_to(place)): p.read_bytes().decode() for p in inside}
    return Answer(header=found)


def spoil(job):
    try:
        job.files["artifact"].chmod(0o600)
        job.files["artifact"].write_bytes(b"other")
    except OSError as error:
        return Answer(header={"refused": type(error).__name__})
    return Answer(header={"refused": ""})


def write(job):
    open(job.header["path"], "w")


def native_write(job):
    libc = ctypes.CDLL(None, use_errno=True)
    flags = os.O_WRONLY | os.O_CREAT
    opened = [libc.open(path.encode(), flags, 0o600) for path in job.header["paths"]]
    changed = [libc.chmod(path.encode(), 0o777) for path in job.header["modes"]]
    return Answer(header={"opened": opened, "changed": changed})


def native_read(job):
    libc = ctypes.CDLL(None, use_errno=True)
    return Answer(header={"opened": [libc.open(path.encode(), os.O_RDONLY) for path in job.header["paths"]]})


def write_work(job):
    from pathlib import Path

    Path("scratch").write_text("mine")
    return Answer(header={"read": Path("scratch").read_text()})


def fill_file(job):
    with open("scratch", "wb") as file:
        for _ in range(30):
            file.write(bytes(1_000_000))


def fill_folder(job):
    for number in range(8):
        with open(f"scratch-{number}", "wb") as file:
            file.write(bytes(10_000_000))


def connect(job):
    import socket

    socket.socket().connect(("127.0.0.1", 9))


def native_socket(job):
    ctypes.CDLL(None).socket(2, 1, 0)


def unix_socket(job):
    libc = ctypes.CDLL(None, use_errno=True)
    return Answer(header={"opened": libc.socket(1, 1, 0), "errno": ctypes.get_errno()})


def fork(job):
    os.fork()


def spawn(job):
    import subprocess

    subprocess.run(["true"])


def native_fork(job):
    ctypes.CDLL(None).fork()


def native_bomb(job):
    libc = ctypes.CDLL(None)
    while True:
        libc.fork()


def native_clone(job):
    libc = ctypes.CDLL(None)
    libc.syscall({"x86_64": 56, "aarch64": 220}[os.uname().machine], 17, 0, 0, 0, 0)


def native_exec(job):
    arguments = (ctypes.c_char_p * 2)(b"/usr/bin/true", None)
    ctypes.CDLL(None).execv(b"/usr/bin/true", arguments)


def thread_bomb(job):
    started = 0
    try:
        for _ in range(100_000):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            started += 1
    except (RuntimeError, MemoryError):
        return Answer(header={"started": started})
    return Answer(header={"started": started})


def denied(job):
    libc = ctypes.CDLL(None, use_errno=True)
    results = {}
    for name, arguments in (("unshare", (0x10000000,)), ("ptrace", (0, 0, 0, 0)), ("setuid", (0,))):
        results[name] = [getattr(libc, name)(*arguments), ctypes.get_errno()]
    results["setns"] = [libc.setns(0, 0), ctypes.get_errno()]
    results["mount"] = [libc.mount(b"none", b"/", b"tmpfs", 0, None), ctypes.get_errno()]
    results["raise_limits"] = [libc.setrlimit(7, (ctypes.c_ulong * 2)(9999, 9999)), ctypes.get_errno()]
    return Answer(header=results)


def kill_everyone(job):
    libc = ctypes.CDLL(None)
    for pid in (-1, 0, *job.header["pids"]):
        libc.kill(pid, job.header["signal"])
    time.sleep(0.2)
    return Answer(header={"alive": True})


def processes(job):
    return Answer(
        header={
            "pids": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
            "pid": os.getpid(),
            "uid": os.getuid(),
            "descriptors": len(os.listdir("/proc/self/fd")),
        }
    )


def sleep(job):
    time.sleep(60)


def spin(job):
    while True:
        pass


def spin_for(job):
    end = time.process_time() + job.header["seconds"]
    while time.process_time() < end:
        pass
    return Answer()


def spin_and_print(job):
    while True:
        print("busy")
        time.sleep(0.0001)
        sum(range(10_000))


def ignore_and_spin(job):
    import signal

    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    while True:
        pass


def eat(job):
    import numpy

    eaten = []
    while True:
        eaten.append(numpy.ones(50_000_000))


def crash(job):
    ctypes.string_at(0)


def leave(job):
    print("goodbye", file=sys.stderr, flush=True)
    os._exit(3)


def raise_error(job):
    raise ValueError("two\nlines")


def panic(job):
    raise BaseException("as polars does when it panics")


def shout(job):
    while True:
        os.write(2, b"x" * 60_000)


def chat(job):
    for _ in range(100):
        os.write(1, b"a library that talks\n")
    return Answer()


def answer_nothing(job):
    return None


def answer_huge(job):
    return Answer(tables={"x": pl.DataFrame({"a": pl.repeat(1.0, 3_000_000, eager=True)})})


def answer_long_header(job):
    return Answer(header={"x": "a" * 70_000_000})


def answer_odd_header(job):
    return Answer(header={"x": object()})


def _pipe():
    """Return the descriptor of the pipe to the parent, as hostile code would look for it."""
    return int(sys.argv[3])


def claim_long_message(job):
    os.write(_pipe(), (1 << 40).to_bytes(8, "big") + b"{")
    time.sleep(60)


def send_garbage(job):
    os.write(_pipe(), (4).to_bytes(8, "big") + b"nope")
    time.sleep(60)


def send_deep(job):
    body = b'{"header":' * 200_000
    body = len(body).to_bytes(8, "big") + body
    while body:
        body = body[os.write(_pipe(), body[:60_000]) :]
    time.sleep(60)


def send_two(job):
    body = b'{"header": {}, "tables": []}'
    os.write(_pipe(), (len(body).to_bytes(8, "big") + body) * 2)
    time.sleep(60)


def hang_up(job):
    os.close(_pipe())
    time.sleep(60)


def forge(job):
    """Answer with bytes of the test's choice in place of a table."""
    content = bytes.fromhex(job.header["content"])
    answers = int(sys.argv[4])
    os.ftruncate(answers, 0)
    os.pwrite(answers, content, 0)
    import json

    body = json.dumps({"header": {}, "tables": job.header["places"]}).encode()
    os.write(_pipe(), len(body).to_bytes(8, "big") + body)
    time.sleep(60)


def model(job):
    from audit_lab import libraries

    return Answer(header={"total": getattr(libraries, job.header["library"])()})


def echo_first(job):
    return Answer(tables={"first": job.tables["inputs"].select("x0")})
