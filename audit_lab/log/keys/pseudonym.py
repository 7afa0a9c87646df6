"""Pseudonyms of customers: HMAC-SHA256 of a customer number under a key that stands in a file of its own.

Whoever writes a log puts the pseudonym into ``subject_id``; whoever holds the key can find a customer's decisions, and
nobody else can try numbers one after another. How a number is written before it is hashed is a rule of the key, stated
in its file: nothing is guessed.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.files.private_file import make_private_folder, write_private_file
from audit_lab.seal.keys import check_key_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

__all__ = ["NORMALISATIONS", "PSEUDONYM_KEY_VARIABLE", "PseudonymKey", "pseudonym", "pseudonym_key"]

#: The environment variable that names the file of the key.
PSEUDONYM_KEY_VARIABLE = "AUDIT_LAB_PSEUDONYM_KEY"

_FORMAT, _VERSION, _ALGORITHM = "audit_lab.pseudonym-key", 1, "HMAC-SHA256"
_KEY_BYTES = 32
_LONGEST_FILE_BYTES = 16_384
_LONGEST_NUMBER = 1_000
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_NEXT = "Give the path of a file made by `audit-lab keys new NAME --kind pseudonym`"

#: What can be done to a number before it is hashed, in the order in which a key's file lists it.
NORMALISATIONS: dict[str, Callable[[str], str]] = {
    "trim": str.strip,
    "upper": str.upper,
    "digits": lambda text: "".join(character for character in text if character in "0123456789"),
    "nfc": lambda text: unicodedata.normalize("NFC", text),
}


@dataclass(frozen=True)
class PseudonymKey:
    """A key of pseudonyms: its name, what is done to a number first, and 32 secret bytes that no text ever shows."""

    name: str
    normalise: tuple[str, ...]
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str, normalise: tuple[str, ...] = ()) -> Self:
        """Make a new key.

        Raises
        ------
        MisuseError
            The name cannot be a key's, or a normalisation is unknown.
        """
        return cls(check_key_name(name), _known(normalise), secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a key file.

        Raises
        ------
        MisuseError
            The file is missing, readable by others, or no such key file; the message never quotes its content.
        """
        try:
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise MisuseError(f"The pseudonym key {path} can be read by others", f"Run: chmod 600 {path}")
            with path.open("rb") as file:
                content = file.read(_LONGEST_FILE_BYTES)
        except OSError as error:
            raise MisuseError(f"The pseudonym key {path} cannot be read ({error.strerror})", _NEXT) from error
        try:
            return cls._parse(content.decode())
        except (ValueError, KeyError, TypeError) as error:
            raise MisuseError(f"{path} is not a pseudonym key of audit_lab, version {_VERSION}", _NEXT) from error

    @classmethod
    def _parse(cls, text: str) -> Self:
        value = tomllib.loads(text)
        stated = value.pop("format"), value.pop("version"), value.pop("algorithm")
        name, normalise, key = value.pop("name"), value.pop("normalise"), value.pop("key")
        if stated != (_FORMAT, _VERSION, _ALGORITHM) or value or _KEY.fullmatch(key) is None:
            raise ValueError("not of this form")
        return cls(check_key_name(name), _known(tuple(normalise)), bytes.fromhex(key))

    def write(self, folder: Path) -> Path:
        """Write ``<name>.pseudonym.toml`` with mode 0600 into a folder, made with mode 0700 when missing.

        Raises
        ------
        MisuseError
            The file exists: a key is never overwritten.
        """
        path = folder / f"{self.name.replace('/', '_')}.pseudonym.toml"
        if path.exists():
            raise MisuseError(f"The key file {path} exists", "Choose another name: a key is never overwritten")
        if not folder.is_dir():
            make_private_folder(folder)
        rules = ", ".join(f'"{rule}"' for rule in self.normalise)
        lines = (
            f'format = "{_FORMAT}"',
            f"version = {_VERSION}",
            f'algorithm = "{_ALGORITHM}"',
            f'name = "{self.name}"',
            f"normalise = [{rules}]",
            f'key = "{self.secret.hex()}"',
        )
        write_private_file(path, ("\n".join(lines) + "\n").encode())
        return path

    def pseudonym(self, number: str) -> str:
        """Return the pseudonym of a customer number: 64 lower-case hexadecimal digits.

        Raises
        ------
        MisuseError
            The number is not text, is longer than 1,000 characters, or nothing is left of it.
        """
        if not isinstance(number, str):
            raise MisuseError(
                f"a customer number is text, not {type(number).__name__}",
                "Give it as text, exactly as the writer of the log had it: 007 and 7 are two numbers.",
            )
        written = number
        for rule in self.normalise:
            written = NORMALISATIONS[rule](written)
        if not written or len(written) > _LONGEST_NUMBER:
            raise MisuseError("the customer number is empty or too long", "Give it as the customer has it.")
        try:
            return hmac.digest(self.secret, written.encode(), "sha256").hex()
        except UnicodeEncodeError as error:
            raise MisuseError("the customer number holds half of a surrogate pair", "Give it in UTF-8.") from error


def pseudonym(number: str, key: PseudonymKey | Path | str | None = None) -> str:
    """Return the pseudonym that stands for a customer number in ``subject_id``.

    Parameters
    ----------
    number
        The customer number, as text.
    key
        The key, or the path of its file; default: the path in the environment variable AUDIT_LAB_PSEUDONYM_KEY.

    Raises
    ------
    MisuseError
        There is no key, it cannot be read, or the number cannot be one.
    """
    return pseudonym_key(key).pseudonym(number)


def pseudonym_key(key: PseudonymKey | Path | str | None = None) -> PseudonymKey:
    """Return the key of pseudonyms that a caller, or the environment, names.

    Raises
    ------
    MisuseError
        None is named, or it cannot be read. A key that was given itself, instead of its file, is not repeated.
    """
    if isinstance(key, PseudonymKey):
        return key
    named = key or os.environ.get(PSEUDONYM_KEY_VARIABLE)
    if not named:
        raise MisuseError(
            "There is no key to turn a customer number into its pseudonym",
            f"Name its file as key=... or --key, or set {PSEUDONYM_KEY_VARIABLE}; or search for the pseudonym itself, "
            "as subject=... or --subject",
        )
    if _KEY.fullmatch(str(named).strip()):
        raise MisuseError("a key itself was given, where its file should be named", _NEXT)
    return PseudonymKey.read(Path(named).expanduser())


def _known(rules: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [rule for rule in rules if rule not in NORMALISATIONS]
    if unknown:
        raise MisuseError(
            f"there is no normalisation {printable(str(unknown[0]))}", f"Known are {', '.join(NORMALISATIONS)}."
        )
    return rules
