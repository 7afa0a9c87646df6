"""A process that seals what recorders spool, until the recorder that started it has ended and nothing is left.

It is told on one line of JSON what to seal, and takes the end of that stream as the end of who started it. Its priority
is low: the model that is watched comes first.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import polars as pl

from audit_lab.capture.recorder.sealer import SealedSpool, adopt, seal_spool
from audit_lab.capture.recorder.sealing import LOCK, PROBLEM, spool_files
from audit_lab.capture.recorder.spool_file import CLOSED, hold
from audit_lab.errors import AuditLabError
from audit_lab.log.files.durable import write_bytes
from audit_lab.log.writing.writer import open_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.log.writing.writer import LogWriter

__all__ = ["main", "seal_now"]

#: Between two looks at the spool, between two tries, and until the files of a recorder that has ended are free.
_LOOK_S, _PAUSE_S, _SETTLES_S = 0.2, 5.0, 0.05
_NICENESS = 10


def seal_now(
    log: Path,
    spool: Path,
    *,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    progress: Callable[[SealedSpool], None] | None = None,
) -> SealedSpool | None:
    """Seal what lies in a spool, once; None where another process seals it.

    Raises
    ------
    AuditLabError
        As for `audit_lab.open_writer` and `seal_spool`.
    """
    done = SealedSpool()
    with hold(spool / LOCK) as held:
        if not held:
            return None
        adopt(spool)
        if spool_files(spool, CLOSED):
            with open_writer(log, vault=vault, passphrase=passphrase) as writer:
                for done in seal_spool(writer, log, spool):
                    if progress is not None:
                        progress(done)
        (spool / PROBLEM).unlink(missing_ok=True)
    return done


def main(orders: IO[bytes]) -> None:
    """Seal until the stream of orders ends and nothing is left."""
    told = json.loads(orders.readline())
    log, spool = Path(told["log"]), Path(told["spool"])
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    with hold(spool / LOCK) as held:
        while held:
            try:
                with open_writer(log, vault=told["vault"], passphrase=told["passphrase"]) as writer:
                    _seal_on(writer, log, spool, orders)
            except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 (told, whatever it is)
                known = isinstance(error, AuditLabError | OSError)
                _tell(spool, str(error) if known else f"{type(error).__name__}: {error}")
                if _has_ended(orders, _PAUSE_S):
                    return
            else:
                return


def _seal_on(writer: LogWriter, log: Path, spool: Path, orders: IO[bytes]) -> None:
    """Seal what comes, until who gave the orders has ended and all is sealed."""
    while True:
        ends = _has_ended(orders, _LOOK_S)
        adopt(spool)
        for _ in seal_spool(writer, log, spool):
            pass
        (spool / PROBLEM).unlink(missing_ok=True)
        if ends and not spool_files(spool, CLOSED):
            return


def _tell(spool: Path, problem: str) -> None:
    """Write down what prevents sealing, for the recorders to say."""
    with suppress(OSError):
        write_bytes(spool / PROBLEM, json.dumps({"problem": problem}).encode(), mode=0o600)


def _has_ended(orders: IO[bytes], seconds: float) -> bool:
    """Whether the stream of orders has ended, after waiting so long for it."""
    readable, _, _ = select.select([orders], [], [], seconds)
    if not readable:
        return False
    time.sleep(_SETTLES_S)
    return not orders.read(1)


if __name__ == "__main__":
    main(sys.stdin.buffer)
