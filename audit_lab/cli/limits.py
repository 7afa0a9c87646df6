"""The options that say where a model runs, whether it may, and what it may use; and the limits that they make."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from audit_lab.sandbox import Limits

__all__ = ["Environment", "MemoryLimit", "TimeLimit", "Trust", "TrustType", "limits_of"]

_GIGABYTE = 1_000_000_000
_DEFAULTS = Limits()

Environment = Annotated[
    str, typer.Option("--environment", help="present, or recorded: the recorded one is built once, and cached.")
]
Trust = Annotated[
    list[str] | None,
    typer.Option("--trust", help="sha256:DIGEST of an artifact that may run code when it is opened; isolated."),
]
TrustType = Annotated[list[str] | None, typer.Option("--trust-type", help="A type in a skops file that may be built.")]
TimeLimit = Annotated[
    float | None,
    typer.Option("--time-limit", min=1, help="Seconds that a model may take.", show_default=f"{_DEFAULTS.wall_s:g}"),
]
MemoryLimit = Annotated[
    float | None,
    typer.Option(
        "--memory-limit",
        min=2,
        help="GB of memory that a model may take.",
        show_default=f"{_DEFAULTS.memory_bytes / _GIGABYTE:g}",
    ),
]


def limits_of(time_limit: float | None, memory_limit: float | None) -> Limits:
    """Return the limits that the options state; what they leave open is what `Limits()` has.

    Parameters
    ----------
    time_limit
        Seconds by the clock; every processor of this machine may be busy for as long.
    memory_limit
        Gigabytes (10^9 bytes).
    """
    limits = _DEFAULTS
    if time_limit is not None:
        limits = replace(limits, wall_s=time_limit, cpu_s=int(time_limit * (os.cpu_count() or 1)))
    if memory_limit is not None:
        limits = replace(limits, memory_bytes=int(memory_limit * _GIGABYTE))
    return limits
