"""Where the records of a recorder are."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RecorderStatus"]


@dataclass(frozen=True)
class RecorderStatus:
    """Where the records of one recorder are.

    Attributes
    ----------
    recorded, durable, dropped
        Records taken, of these on the disk, and records left out because memory was full.
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
