"""What stands on the stack of a walked pickle in the place of objects: names and records, nothing that runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Dictionary", "Imported", "Made", "literal", "name_of"]

_LONGEST_NAME = 120


@dataclass(frozen=True)
class Imported:
    """A name that would be looked up in a module that would be imported."""

    module: str
    name: str

    @property
    def path(self) -> str:
        """Module and name in one."""
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(eq=False)
class Made:
    """What a call would have returned: of what, with which arguments, and which state was set on it afterwards."""

    of: Any
    arguments: Any
    state: Any = None


@dataclass(eq=False)
class Dictionary:
    """A dictionary as the pairs that were put into it, whose keys may be stand-ins."""

    pairs: list[tuple[Any, Any]] = field(default_factory=list)

    def get(self, key: str) -> Any:
        """Return the value that was last put under a text; None where there is none."""
        return next((value for known, value in reversed(self.pairs) if isinstance(known, str) and known == key), None)


def name_of(value: Any) -> str:
    """Return how something that is called would be named in a listing."""
    if isinstance(value, Imported):
        return _printable(value.path)
    if isinstance(value, Made):
        return f"what {name_of(value.of)} returns"
    return "a computed value"


def literal(value: Any) -> bytes | None:
    """Return the bytes that a value holds or that a harmless call would make of text or bytes; None for all else.

    Old protocols know no bytes and write ``_codecs.encode(text, 'latin1')``, and before protocol 5 a bytearray is a
    call of the type.
    """
    for _ in range(3):
        if isinstance(value, bytes | bytearray):
            return bytes(value)
        if not isinstance(value, Made) or not isinstance(value.of, Imported) or not isinstance(value.arguments, tuple):
            return None
        arguments = value.arguments
        if value.of.path in ("builtins.bytearray", "builtins.bytes") and len(arguments) == 1:
            value = arguments[0]
        elif value.of.path in ("builtins.bytearray", "_codecs.encode") and arguments[1:] in (("latin1",), ("latin-1",)):
            return _latin(arguments[0])
        else:
            return None
    return None


def _latin(text: Any) -> bytes | None:
    try:
        return text.encode("latin-1") if isinstance(text, str) else None
    except UnicodeEncodeError:
        return None


def _printable(text: str) -> str:
    """Return a name from a hostile file so that it can be printed: no control characters, not endless."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"
