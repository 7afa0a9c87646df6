"""Whether a CatBoost model's file has all the parts that it announces, looked at before the library sees it.

The library verifies the first part, and reads the tables of categories behind it beyond the end of a file that was cut
off. The layout is that of ``TFullModel::Save`` and ``TStaticCtrProvider::Save`` of CatBoost 1.x: the mark ``CBM1``, the
length of the first part and that part; then how many tables there are, and each with its length before it.
"""

from __future__ import annotations

import struct

__all__ = ["check_cbm"]

_MARK = b"CBM1"
_LENGTH = struct.Struct("<I")
_TABLES = b"static_provider_v1"


def check_cbm(content: bytes) -> None:
    """Check that each part is as long as it is said to be.

    Raises
    ------
    ValueError
        It is no such file, or is cut off.
    """
    if not content.startswith(_MARK):
        raise ValueError("it does not begin as a CatBoost model does")
    first, place = _part(content, len(_MARK))
    if _TABLES not in first:
        return  # no tables follow, or parts that the library reads with care
    tables = _length(content, place)
    place += _LENGTH.size
    for _ in range(tables):
        _, place = _part(content, place)


def _part(content: bytes, place: int) -> tuple[bytes, int]:
    """Return a part and where it ends."""
    begin = place + _LENGTH.size
    end = begin + _length(content, place)
    if end > len(content):
        raise ValueError(f"at byte {place} it announces {end - begin} bytes, and {len(content) - begin} are left")
    return content[begin:end], end


def _length(content: bytes, place: int) -> int:
    if place + _LENGTH.size > len(content):
        raise ValueError(f"it is cut off at byte {len(content)}")
    return int(_LENGTH.unpack_from(content, place)[0])
