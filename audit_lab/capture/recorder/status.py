"""Where the records of a recorder are."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.capture.recorder.sealing import unsealed_since

if TYPE_CHECKING:
    from pathlib import Path

    from audit_lab.capture.recorder.pending import Pending
    from audit_lab.capture.recorder.sealing import Sealing
    from audit_lab.capture.recorder.spool_writer import SpoolWriter

__all__ = ["RecorderStatus", "status_of"]


@dataclass(frozen=True)
class RecorderStatus:
    """Where the records of one recorder are.

    Attributes
    ----------
    recorded, durable, dropped
        Records taken, of these on the disk, and records left out because memory was full or sealing lagged too far
        behind.
    not_sampled
        Predictions that the sampling left out.
    waiting_bytes
        What is in memory.
    sealing_lag_s
        Age in seconds of the oldest record on the disk that is not sealed into the log, of any recorder of this spool;
        0 where all are.
    problem
        What keeps records from the disk or from the log, as a sentence; None where nothing does.
    """

    recorded: int
    durable: int
    dropped: int
    not_sampled: int
    waiting_bytes: int
    sealing_lag_s: float
    problem: str | None


def status_of(
    pending: Pending, writer: SpoolWriter | None, sealing: Sealing | None, spool: Path, left_out: int
) -> RecorderStatus:
    """Return where the records are that a recorder has pending, writes and seals; the sampling left out so many."""
    recorded = pending.next - 1 - pending.dropped
    durable = recorded if writer is None else min(writer.durable - 1, recorded)
    since = unsealed_since(spool)
    lag = 0.0 if since is None else max(time.time() - since, 0.0)
    problem = None if writer is None or writer.problem is None else str(writer.problem)
    if problem is None and sealing is not None:
        problem = sealing.problem()
    return RecorderStatus(recorded, durable, pending.dropped, left_out, pending.size, lag, problem)
