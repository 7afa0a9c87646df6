"""The few kernel calls that Python does not offer, through the C library."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

__all__ = ["call", "prctl", "system_call", "why"]


@cache
def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call a function of the C library that returns -1 when it fails.

    Raises
    ------
    OSError
        It failed, or this C library does not have it.
    """
    try:
        function = getattr(_library(), name)
    except AttributeError:
        raise OSError(f"this system has no {name}") from None
    result = int(function(*arguments))
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def system_call(number: int, *arguments: Any) -> int:
    """Make a system call by its number (the same on every architecture for those newer than Linux 5.1)."""
    whole = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return call("syscall", ctypes.c_long(number), *whole)


def prctl(option: int, value: int = 0, third: int = 0) -> None:
    """Set a property of this process."""
    call("prctl", option, *(ctypes.c_ulong(number) for number in (value, third, 0, 0)))


def why(error: OSError) -> str:
    """Return what the kernel said, without its number."""
    return error.strerror or str(error)
