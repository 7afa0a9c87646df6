"""YAML that others wrote, read into plain values within limits: never a tag of a language, never an alias.

Aliases are refused wholly: nothing that is read here needs them, and a few hundred bytes of them stand for gigabytes.
So are keys that stand twice, of which readers take the first or the last as they please.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from audit_lab.capture.lineage.rows import plain

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAXIMUM_BYTES", "RefusedError", "parse_yaml", "read_bytes"]

MAXIMUM_BYTES = 20_000_000
_MOST_NESTING = 32
#: Parts (texts, numbers, beginnings and ends of lists and mappings): more take longer than anybody waits.
_MOST_PARTS = 1_000_000
_SHOWN = 200
#: The same safe types, read by C where PyYAML was built with it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RefusedError(ValueError):
    """What was read cannot be taken over; the message is the reason, `raw` its bytes, or the first of `size_bytes`."""

    def __init__(self, reason: str, raw: bytes = b"", size_bytes: int | None = None) -> None:
        super().__init__(reason)
        self.raw = raw
        self.size_bytes = len(raw) if size_bytes is None else size_bytes


def read_bytes(path: Path, most: int = MAXIMUM_BYTES) -> bytes:
    """Return a file's bytes.

    Raises
    ------
    RefusedError
        It is no regular file, larger than `most` bytes, or cannot be read.
    """
    try:
        if path.is_symlink() or not path.is_file():
            raise RefusedError("it is no regular file")
        with path.open("rb") as file:
            content = file.read(most + 1)
            if len(content) > most:
                raise RefusedError(f"it is larger than {most:,} bytes", content, path.stat().st_size)
            return content
    except OSError as error:
        raise RefusedError(f"it cannot be read: {error.strerror or error}") from error


def parse_yaml(content: bytes) -> dict[str, Any]:
    """Return the one mapping that a YAML document holds.

    Raises
    ------
    RefusedError
        It is no UTF-8, no YAML, no mapping; it has aliases, keys that stand twice or are no text, too many parts, or
        nests too deep.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(f"it is not UTF-8 at byte {error.start}", content) from error
    try:
        _check(text, content)
        value = yaml.load(text, _LOADER)  # noqa: S506 - a safe loader, the one in C
        json.dumps(plain(value), ensure_ascii=False).encode()
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError) as error:
        if isinstance(error, RefusedError):
            raise
        what = " ".join(str(error).split())[:_SHOWN]
        raise RefusedError(f"it is not YAML that can be taken over ({what})", content) from error
    if not isinstance(value, dict):
        raise RefusedError("it is YAML, and no mapping", content)
    return value


def _check(text: str, content: bytes) -> None:
    """Go through the document event by event, before anything is built of it."""
    keys: list[set[str] | None] = []
    awaits_key: list[bool] = []
    for number, event in enumerate(yaml.parse(text, _LOADER)):
        if number > _MOST_PARTS:
            raise RefusedError(f"it has more than {_MOST_PARTS:,} parts", content)
        if isinstance(event, yaml.AliasEvent):
            raise RefusedError("it has YAML aliases", content)
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            keys.pop()
            awaits_key.pop()
            continue
        if not isinstance(event, yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent):
            continue
        if awaits_key and keys[-1] is not None:
            if awaits_key[-1]:
                _check_key(event, keys[-1], content)
            awaits_key[-1] = not awaits_key[-1]
        if not isinstance(event, yaml.ScalarEvent):
            keys.append(set() if isinstance(event, yaml.MappingStartEvent) else None)
            awaits_key.append(True)
            if len(keys) > _MOST_NESTING:
                raise RefusedError(f"it nests deeper than {_MOST_NESTING}", content)


def _check_key(event: Any, known: set[str], content: bytes) -> None:
    if not isinstance(event, yaml.ScalarEvent):
        raise RefusedError("it has a key that is no text", content)
    if event.value in known:
        raise RefusedError(f"it has the key {event.value[:_SHOWN]!a} twice", content)
    known.add(event.value)
