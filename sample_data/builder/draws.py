"""Draws that come out the same on every machine and with every library version: hashes, not random states."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["choose", "digest_number", "one_uuid7", "uniform", "uuid7"]

_Option = TypeVar("_Option")
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MASK_74_BITS = (1 << 74) - 1


def digest_number(text: str) -> int:
    """Return the SHA-256 of a text as a whole number of 256 bits."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")


def choose(options: Sequence[_Option], text: str) -> _Option:
    """Return the one of `options` that the digest of `text` points at."""
    return options[digest_number(text) % len(options)]


def uniform(rows: NDArray[np.int64], purpose: str) -> NDArray[np.float64]:
    """Return one number in [0, 1) per row: SplitMix64 of the row number, keyed by what it is drawn for.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 16.
    """
    key = np.uint64(digest_number(purpose) & 0xFFFF_FFFF_FFFF_FFFF)
    state = (rows.astype(np.uint64) + key) * np.uint64(0x9E37_79B9_7F4A_7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def one_uuid7(at: datetime, text: str) -> str:
    """Return the UUIDv7 (RFC 9562, section 5.7) of a moment whose other 74 bits are a digest of `text`."""
    milliseconds = (at - _EPOCH) // (datetime.resolution * 1000)
    random_bits = digest_number(text) & _MASK_74_BITS
    number = milliseconds << 80 | 0x7 << 76 | (random_bits >> 62) << 64 | 0b10 << 62 | random_bits & ((1 << 62) - 1)
    return str(UUID(int=number))


def uuid7(times: Sequence[datetime], texts: Sequence[str]) -> list[str]:
    """Return one UUIDv7 per moment, its other bits a digest of the text beside it."""
    return [one_uuid7(at, text) for at, text in zip(times, texts, strict=True)]
