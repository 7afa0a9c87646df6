"""A process that forks writers for the crash test: all is imported once, so that a writer is up in milliseconds.

Each line of its input is the JSON of what to do: ``folder`` (a log), ``vault`` (its vault) and ``name`` (what the ids
of the writer begin with). A writer prints ``ready``, then one line for each append that returned; the parent prints
``started`` and ``ended``. No row passes through the parent: threads of polars do not live through a fork.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np  # noqa: F401 (the package imports it when first used)
import polars as pl
import polars_hash  # noqa: F401
import pyarrow.parquet  # noqa: F401
import rfc8785  # noqa: F401

from audit_lab.log.keys.vault import Vault
from audit_lab.log.writing.writer import open_writer

ORIGIN = "demonstration-tests"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def say(**line: object) -> None:
    """Write one line at once: it is in the pipe, whole, before anything else happens."""
    os.write(1, (json.dumps(line) + "\n").encode())


def clock() -> datetime:
    """Return a time that never crosses midnight: a rotation would make writers wait for a key."""
    return START + timedelta(seconds=time.monotonic() % 10_000)


def append_for_ever(folder: Path, vault: Vault, name: str) -> None:
    """Append small tables until somebody ends the process."""
    writer = open_writer(folder, vault=vault, clock=clock, writer_id=name)
    say(pid=os.getpid(), kind="ready")
    number = 0
    while True:
        ids = [f"{name}-{number}-{row}" for row in range(2)]
        rows = {"events": pl.DataFrame({"event_id": ids, "at": [START] * 2})}
        if number % 4 == 3:
            rows["outcomes"] = pl.DataFrame({"prediction_id": ids, "observed_at": [START] * 2})
        say(pid=os.getpid(), kind="acknowledged", ids=ids, receipt=asdict(writer.append(rows)))
        number += 1
        if number % 6 == 0:
            writer.compact()


def main() -> None:
    """Fork a writer for each line of the input, and say when it ended."""
    vaults: dict[str, Vault] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if order["vault"] not in vaults:
            vaults[order["vault"]] = Vault.open(ORIGIN, Path(order["vault"]))
            vaults[order["vault"]].first_key()
        vault = vaults[order["vault"]]
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(told, 1)
            try:
                append_for_ever(Path(order["folder"]), vault, order["name"])
            except BaseException as error:  # noqa: BLE001 (whatever it is, the test must be told)
                say(pid=os.getpid(), kind="failed", error=f"{type(error).__name__}: {error}")
            finally:
                os._exit(1)
        say(pid=pid, kind="started")
        os.write(tell, b"!")  # nothing that the writer says can come before that it was started
        os.waitpid(pid, 0)
        os.close(told)
        os.close(tell)
        say(pid=pid, kind="ended")


if __name__ == "__main__":
    main()
