"""A redaction profile: which columns are left out, masked, or replaced by pseudonyms."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.evidence.redaction.meaning import shown_name
from audit_lab.log.keys.pseudonym import pseudonym_key
from audit_lab.seal.digests import sha256
from audit_lab.verifier.predicate import HOW_REDACTED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from audit_lab.log.keys.pseudonym import PseudonymKey

__all__ = ["MASK", "RedactionProfile"]

#: What stands in the place of a masked value.
MASK = "[withheld]"

_FORMAT, _VERSION = "audit_lab.redaction", 1
_KNOWN = frozenset({"format", "version", "name", "columns", "pseudonym_key"})
_LARGEST_BYTES = 1 << 20
_LONGEST_NUMBER = 1_000
#: Which of several words counts where a column stands without its table.
_MOST_FIRST = ("drop", "mask", "hash")
_NEXT = 'Write format = "audit_lab.redaction", version = 1, name = "...", and [columns] with column = "drop"'


@dataclass(frozen=True)
class RedactionProfile:
    """What is withheld.

    Attributes
    ----------
    name
        The profile's name, one line.
    sha256
        The digest of its file.
    columns
        Column, in whatever table, or ``table.column``, to ``drop``, ``mask`` or ``hash``.
    key
        The key of the pseudonyms; None where no column is hashed.
    """

    name: str
    sha256: str
    columns: Mapping[str, str]
    key: PseudonymKey | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a profile.

        Raises
        ------
        MisuseError
            It is missing, is none, or hashes a column and there is no key (``pseudonym_key`` beside the profile, or the
            file in AUDIT_LAB_PSEUDONYM_KEY).
        """
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_BYTES)
            value = tomllib.loads(content.decode("utf-8"))
        except OSError as error:
            raise MisuseError(f"The profile {path} cannot be read ({error.strerror})", _NEXT) from error
        except ValueError as error:
            raise MisuseError(f"{path} is not TOML ({error})", _NEXT) from error
        columns, name, key = value.get("columns"), value.get("name"), value.get("pseudonym_key")
        if (value.get("format"), value.get("version")) != (_FORMAT, _VERSION) or value.keys() - _KNOWN:
            raise MisuseError(f"{path} is no redaction profile of version {_VERSION}", _NEXT)
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise MisuseError(f"{path} has no name of one line", _NEXT)
        if not isinstance(columns, dict) or not columns or not isinstance(key, str | None):
            raise MisuseError(f"{path} withholds no column", _NEXT)
        wrong = next((column for column, how in columns.items() if how not in HOW_REDACTED), None)
        if wrong is not None:
            raise MisuseError(f"{path}, {wrong!a}: it is none of {', '.join(HOW_REDACTED)}", _NEXT)
        needs_key = "hash" in columns.values()
        named = None if key is None else path.parent / key
        return cls(name, sha256(content), columns, pseudonym_key(named) if needs_key else None)

    def how(self, column: str, table: str = "") -> str | None:
        """Return what is done to a column; None where it is shown."""
        return self.columns.get(f"{table}.{column}") or self.columns.get(column)

    def how_shown(self, column: str) -> str | None:
        """Return what is done to a column where it stands without its table, as in exhibits.

        Whichever table the profile names: what leaves too much is taken, not left.
        """
        name = shown_name(column)
        hows = {how for named, how in self.columns.items() if named == name or named.endswith(f".{name}")}
        return next((how for how in _MOST_FIRST if how in hows), None)

    def replaced(self, value: Any, how: str) -> str | None:
        """Return what stands in the place of a value: nothing where there is none, a mask, or a pseudonym."""
        if value is None or how == "drop":
            return None
        text = value if isinstance(value, str) else str(value)
        if how == "mask" or self.key is None or not 0 < len(text.strip()) <= _LONGEST_NUMBER:
            return MASK
        return self.key.pseudonym(text)
