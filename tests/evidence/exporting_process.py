"""Exports a case again and again, each time in a child that is killed at the line it is told to be.

Started as ``python exporting_process.py CASE OUT``. It computes the bundle once, and makes a child for each order at
the moment when the export turns to its target folder. An order is a line of standard input, ``{"overwrite",
"kill_at"}``, of which the latter is the number of a line of the export's own modules, counted as they run from there;
null lets the export end. Answers with ``{"status", "lines"}`` or ``{"status", "where"}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import audit_lab.evidence.export as exporting
from audit_lab.evidence import Case
from audit_lab.seal.keys import SigningKey

#: The modules that touch the target folder.
MODULES = ("export.py", "aside_file.py", "archive_writer.py")
HOME = Path(exporting.__file__).parent


class Ended(BaseException):
    """Every order was carried out."""


class Tracer:
    """Counts the lines of the modules, and kills the process at one of them."""

    def __init__(self, kill_at, pipe):
        self.lines, self.kill_at, self.pipe = 0, kill_at, pipe

    def __call__(self, frame, event, _):
        if not self.follows(frame):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.kill_at:
                where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
                os.write(self.pipe, json.dumps({"where": where}).encode())
                os.kill(os.getpid(), signal.SIGKILL)
        return self

    def follows(self, frame):
        path = Path(frame.f_code.co_filename)
        return path.parent == HOME and path.name in MODULES

    def start(self):
        frame = sys._getframe()
        while frame is not None:  # the functions that are running already
            if self.follows(frame):
                frame.f_trace = self
            frame = frame.f_back
        sys.settrace(self)


tracers = []
aside = exporting.aside


def answered(path, **_):
    """Stand in the place of the export's `aside`: a child goes on from here for each order."""
    for text in sys.stdin:
        order = json.loads(text)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            tracers.append(Tracer(order["kill_at"], writing))
            tracers[0].start()
            return aside(path, replace=order["overwrite"])
        os.close(writing)
        _, status = os.waitpid(pid, 0)
        with os.fdopen(reading, "rb") as pipe:
            said = json.loads(pipe.read() or b"{}")
        sys.stdout.write(json.dumps({"status": status, **said}) + "\n")
        sys.stdout.flush()
    raise Ended


def main():
    key = SigningKey("jane@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    exporting.aside = answered
    try:
        exporting.export_case(Case.open(sys.argv[1]), Path(sys.argv[2]), key=key, overwrite=True)
    except Ended:
        return
    except Exception:  # noqa: BLE001 - told to whoever reads the test's output
        traceback.print_exc()
        os._exit(1)
    sys.settrace(None)
    os.write(tracers[0].pipe, json.dumps({"lines": tracers[0].lines}).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
