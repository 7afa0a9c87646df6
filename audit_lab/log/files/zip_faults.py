"""What `zipfile` raises of a file that is no zip archive, or a damaged one."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

__all__ = ["ZIP_FAULTS"]

#: Of its tables; of a password that it wants, or a method that this Python does not know (both RuntimeError); and of
#: what each method finds in the bytes.
ZIP_FAULTS = (
    zipfile.BadZipFile,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
