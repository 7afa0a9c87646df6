"""The child's side of `decoder`: read one Parquet file after another within limits, and answer with row hashes.

It runs in a process of its own, because a file that was made to hurt can crash its reader, and a reader that is crashed
takes its process with it. It is told what the log states of a file; it answers what the file holds.
"""

from __future__ import annotations

import json
import os
import select
import struct
import sys
from typing import Any, BinaryIO

__all__ = ["main", "read_frame", "write_frame"]

_HEAD = struct.Struct(">QI")
_PATIENCE_S = 30.0


def main(memory_bytes: int) -> int:
    """Answer requests from standard input until it ends, within a limit of memory."""
    _limit(memory_bytes)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    while _is_asked(requests) and (request := read_frame(requests)) is not None:
        write_frame(answers, _answer(*request))
    return 0


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Return the next message, a JSON object and bytes; None at the end of the stream."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    blob_bytes, text_bytes = _HEAD.unpack(head)
    text, blob = stream.read(text_bytes), stream.read(blob_bytes)
    if len(text) < text_bytes or len(blob) < blob_bytes:
        return None
    return json.loads(text), blob


def write_frame(stream: BinaryIO, value: dict[str, Any], blob: bytes = b"") -> None:
    """Write a message."""
    text = json.dumps(value).encode()
    stream.write(_HEAD.pack(len(blob), len(text)))
    stream.write(text)
    stream.write(blob)
    stream.flush()


def _answer(request: dict[str, Any], blob: bytes) -> dict[str, Any]:
    import polars as pl

    from audit_lab.errors import AuditLabError
    from audit_lab.log.integrity.row_task import examine_file
    from audit_lab.seal.malformed import MalformedError

    try:
        return examine_file(request, blob)
    except MalformedError as error:
        return {"refused": error.code, "why": error.message}
    except (AuditLabError, MemoryError, OSError, ValueError) as error:
        why = error.message if isinstance(error, AuditLabError) else f"{type(error).__name__}: {error}"
        return {"refused": "log.file-unreadable", "why": why[:300]}
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return {"refused": "log.file-unreadable", "why": first[:300]}


def _is_asked(requests: BinaryIO) -> bool:
    """Wait for the next request; a child that nobody asks for a while ends."""
    if sys.platform == "win32":
        return True  # pipes cannot be waited for; the parent ends the child
    return bool(select.select([requests], [], [], _PATIENCE_S)[0])


def _limit(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for limit, value in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (ceiling, ceiling))
