"""A TOML file of records of one kind, which a person may edit: written in one form, read strictly."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.seal.custody import time_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["CORRECT_IT", "Record", "RecordFile", "read_toml", "toml_value"]

#: What to do about a file that was edited into something that it cannot be.
CORRECT_IT = "Correct it there, or restore the file as the case wrote it"

_TYPES: dict[str, tuple[type, str]] = {
    "str": (str, "a text in quotes"),
    "date": (date, "a date like 2026-12-01, without quotes"),
    "datetime": (datetime, "a time with its zone like 2026-12-01T09:30:00Z, without quotes"),
}


@dataclass(frozen=True)
class Record:
    """What every record has: an id that is its own in the file. Every field of a record is text, a date or a time."""

    id: str

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-safe values, times as UTC text."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class RecordFile(Generic[R]):
    """Where the records of one kind stand: the file's name, the name of each table in it, and the kind."""

    name: str
    table: str
    kind: type[R]

    def read(self, folder: Path) -> tuple[R, ...]:
        """Read the records of the case in `folder`, in the file's order; none where there is no file.

        Raises
        ------
        AuditLabError
            A field is missing, unknown or not what it should be; the message names file, record and field.
        """
        path = folder / self.name
        if not path.exists():
            return ()
        value = read_toml(path)
        entries = value.pop(self.table, [])
        if value or not isinstance(entries, list):
            stray = ", ".join(map(ascii, value)) or self.table
            raise AuditLabError(f"{path} should hold tables [[{self.table}]] only, and holds {stray}", CORRECT_IT)
        records = tuple(self._record(entry, f"{path}: {self.table} {n}") for n, entry in enumerate(entries, start=1))
        ids = [record.id for record in records]
        for number, name in enumerate(ids, start=1):
            if ids.index(name) != number - 1:
                raise AuditLabError(f"{path}: {self.table} {number}, id: {name!a} is there twice", CORRECT_IT)
        return records

    def content(self, records: Sequence[R]) -> bytes:
        """Return the file of these records."""
        tables = [
            "\n".join(
                [
                    f"[[{self.table}]]",
                    *(f"{field.name} = {toml_value(getattr(record, field.name))}" for field in fields(record)),
                    "",
                ]
            )
            for record in records
        ]
        return "\n".join(tables).encode()

    def next_id(self, letter: str, records: Sequence[R]) -> str:
        """Return an id that no record has: the letter and the next number."""
        taken = [record.id.removeprefix(letter) for record in records]
        return f"{letter}{max((int(number) for number in taken if number.isdecimal()), default=0) + 1}"

    def _record(self, entry: Any, place: str) -> R:
        if not isinstance(entry, dict):
            raise AuditLabError(f"{place} is no table", CORRECT_IT)
        known = {field.name: str(field.type) for field in fields(self.kind)}
        for name in [*(known.keys() - entry.keys()), *(entry.keys() - known.keys())]:
            what = "is missing" if name in known else "is no field of it"
            raise AuditLabError(f"{place}, {name}: it {what}", CORRECT_IT)
        for name, value in entry.items():
            wanted, words = _TYPES[known[name]]
            if type(value) is not wanted or (isinstance(value, datetime) and value.tzinfo is None):
                raise AuditLabError(f"{place}, {name}: it should be {words}", CORRECT_IT)
        try:
            return self.kind(**entry)
        except MisuseError as error:
            raise AuditLabError(f"{place}: {error.message}", CORRECT_IT) from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    AuditLabError
        It is not there, not UTF-8, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise AuditLabError(f"{path} cannot be read: {error}", CORRECT_IT) from error
    except (OSError, UnicodeDecodeError) as error:
        raise AuditLabError(f"{path} cannot be read", "Give the folder of a case") from error


def toml_value(value: object) -> str:
    """Return a value as TOML: truth, an integer, a list of texts, a date, a time in UTC, or text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime | date):
        return _plain(value)
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, tuple) else _text(str(value))


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return time_text(value.astimezone(UTC))
    return value.isoformat() if isinstance(value, date) else str(value)


def _text(text: str) -> str:
    """Return a TOML basic string: a JSON string, and the one control character that JSON lets stand."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
