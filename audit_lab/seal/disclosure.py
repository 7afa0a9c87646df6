"""Rows whose fields can be shown one by one: the construction of SD-JWT (RFC 9901) with canonical values.

A committed row is the list of its fields' digests. Each field is hashed together with a salt of its own, so that the
digest of a withheld or erased field says nothing about its value. The salts of a row follow from its secret row key;
whoever is shown a field is shown its salt, never the key. The argument stands in ``docs/formats.md``, "Canonical
bytes".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.values import MOST_BYTES, Value, parse_value, value_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "KEY_BYTES",
    "SALT_DIGITS",
    "SALT_LABEL",
    "Disclosure",
    "check_disclosures",
    "committed_row",
    "disclosure_bytes",
    "field_digest",
    "field_salt",
    "parse_committed_row",
    "parse_disclosure",
]

KEY_BYTES = 32
#: What is hashed between a row's key and a field's name; another use of row keys takes another label.
SALT_LABEL = "audit_lab/field-salt/1:"
SALT_DIGITS = 32

_SALT = re.compile(r"[0-9a-f]{32}")
_ROW = re.compile(rb"k(0|[1-9][0-9]{0,9}):((?:[0-9a-f]{64})*)")
_DIGEST_DIGITS = 64
_MEMBERS = 3
_NEXT = "Ask whoever gave the proof for one made from the log itself; do not rely on this one"


@dataclass(frozen=True)
class Disclosure:
    """A field as it is shown.

    Attributes
    ----------
    salt
        32 hexadecimal digits.
    name
        The column's name.
    value
        Its value.
    content
        The exact bytes that were received, which are the bytes that were hashed.
    """

    salt: str
    name: str
    value: Value
    content: bytes

    @property
    def digest(self) -> str:
        """The field's digest, as it stands in the row."""
        return field_digest(self.content)


def field_salt(row_key: bytes, name: str) -> str:
    """Return a field's salt: the first 16 bytes, as 32 hexadecimal digits, of a hash of row key, label and name.

    Raises
    ------
    MisuseError
        The key is not 32 bytes long, or is all zeros: that of an erased row.
    """
    if len(row_key) != KEY_BYTES or not any(row_key):
        raise MisuseError("This is no row key: it is not 32 bytes, or the row was erased", "Read it from the vault")
    return hashlib.sha256(f"{row_key.hex()}{SALT_LABEL}{name}".encode()).hexdigest()[:SALT_DIGITS]


def disclosure_bytes(salt: str, name: str, value: bytes) -> bytes:
    """Return the bytes of a disclosure: a struct of salt, column name and value, the last in its canonical bytes."""
    return b"r%d:" % _MEMBERS + value_bytes(Value("s", salt)) + value_bytes(Value("s", name)) + value


def field_digest(disclosure: bytes) -> str:
    """Return a field's digest, 64 hexadecimal digits."""
    return hashlib.sha256(disclosure).hexdigest()


def committed_row(digests: Sequence[str]) -> bytes:
    """Return the bytes of a committed row: its fields' digests in schema order."""
    return f"k{len(digests)}:{''.join(digests)}".encode()


def parse_committed_row(content: bytes) -> tuple[str, ...]:
    """Parse the bytes of a committed row into its fields' digests.

    Raises
    ------
    MalformedError
        Codes ``disclosure.row-malformed`` and ``disclosure.duplicate-digest``.
    """
    match = _ROW.fullmatch(content) if len(content) <= MOST_BYTES else None
    if match is None or int(match[1]) * _DIGEST_DIGITS != len(match[2]):
        raise _refused("The row is not a list of as many digests as it says", "disclosure.row-malformed")
    text = match[2].decode()
    digests = tuple(text[at : at + _DIGEST_DIGITS] for at in range(0, len(text), _DIGEST_DIGITS))
    _check_once(digests, "The row holds the digest {} more than once", "disclosure.duplicate-digest")
    return digests


def parse_disclosure(content: bytes) -> Disclosure:
    """Parse the bytes of a disclosure.

    Raises
    ------
    MalformedError
        Code ``disclosure.malformed``, and those of `audit_lab.seal.values.parse_value`.
    """
    members = parse_value(content)
    match members:
        case Value("r", (Value("s", str(salt)), Value("s", str(name)), Value() as value)) if _SALT.fullmatch(salt):
            return Disclosure(salt, name, value, content)
    raise _refused("A disclosure is not a salt, a name and a value", "disclosure.malformed")


def check_disclosures(row: bytes, names: Sequence[str], disclosures: Iterable[bytes]) -> dict[str, Disclosure]:
    """Check that every disclosure is of a field of this committed row, and that field's own.

    Parameters
    ----------
    row
        The bytes of the committed row, which a proof binds to the log.
    names
        The columns of the segment's signed schema, in its order.
    disclosures
        The fields that are shown; the others are withheld, and only their digests are known.

    Returns
    -------
    dict
        Column name to its disclosure, in schema order.

    Raises
    ------
    MalformedError
        Codes ``disclosure.columns-differ``, ``disclosure.duplicate-name``, ``disclosure.duplicate-digest``,
        ``disclosure.salt-reused``, ``disclosure.unmatched`` (no field of the row has this digest), and
        ``disclosure.field-differs`` (it is the digest of another column than it names); and those of the parsers.
    """
    digests = parse_committed_row(row)
    _check_once(names, "The schema names the column {} more than once", "disclosure.duplicate-name")
    if len(digests) != len(names):
        raise _refused(
            f"The row has {len(digests)} fields and the schema {len(names)} columns", "disclosure.columns-differ"
        )
    shown = [parse_disclosure(content) for content in disclosures]
    _check_once([each.digest for each in shown], "The digest {} is disclosed twice", "disclosure.duplicate-digest")
    _check_once([each.name for each in shown], "The column {} is disclosed twice", "disclosure.duplicate-name")
    _check_once([each.salt for each in shown], "The salt {} stands in two disclosures", "disclosure.salt-reused")
    columns = dict(zip(digests, names, strict=True))
    found: dict[str, Disclosure] = {}
    for each in shown:
        column = columns.get(each.digest)
        if column is None:
            raise _refused(f"No field of the row is what was disclosed as {each.name!a}", "disclosure.unmatched")
        if column != each.name:
            raise _refused(
                f"What was disclosed as {each.name!a} stands in the row as {column!a}", "disclosure.field-differs"
            )
        found[column] = each
    return {name: found[name] for name in names if name in found}


def _check_once(texts: Iterable[str], message: str, code: str) -> None:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise _refused(message.format(ascii(text[:200])), code)
        seen.add(text)


def _refused(message: str, code: str) -> MalformedError:
    return MalformedError(message, _NEXT, code)
