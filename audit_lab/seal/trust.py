"""Trust files: the public keys that a verifier accepts, for which role and origin. An empty one accepts nothing."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.seal.keys import PublicKey
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import Self

    from cryptography.x509 import Certificate

__all__ = [
    "ANY_ORIGIN",
    "ROLES",
    "SIGN_OFF_ROLES",
    "Trust",
    "TrustedAuthority",
    "TrustedKey",
    "format_trust",
    "joined_trust",
]

#: The origin that stands for every log.
ANY_ORIGIN = "*"
ROLES = frozenset({"investigator", "log", "sign-off", "witness", "timestamp"})

#: In which capacity somebody signs off.
SIGN_OFF_ROLES = ("investigator", "reviewer", "approver")
_WITNESS, _SIGN_OFF = "witness", "sign-off"
#: Roles of keys that persons hold.
_OF_PERSONS = ("investigator", _SIGN_OFF)
_FORMAT = "audit_lab.trust"
_VERSION = 1
_NEXT = "Correct the trust file: its form is described in docs/formats.md"


@dataclass(frozen=True)
class TrustedKey:
    """One accepted key: for one role and one origin.

    Attributes
    ----------
    public, role, origin
        The key, one of `ROLES`, and the log's origin or ``*``.
    revoked_from
        From when on its signatures count for nothing.
    valid_until
        Until when it is accepted at all; for keys of persons.
    person
        Who holds it, by the name that a sign-off prints; None where the reader does not say so.
    roles
        In which capacities its holder may sign off; empty where the reader does not say so.
    """

    public: PublicKey
    role: str
    origin: str
    revoked_from: datetime | None = None
    valid_until: datetime | None = None
    person: str | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrustedAuthority:
    """One accepted time-stamping authority: its name, and the certificates that its tokens must lead to."""

    name: str
    certificates: tuple[Certificate, ...]

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Parse the certificates of an authority, as PEM.

        Raises
        ------
        ValueError
            There is none in the text, or one that cannot be read.
        """
        from cryptography.x509 import load_pem_x509_certificates

        return cls(name, tuple(load_pem_x509_certificates(text.encode())))


@dataclass(frozen=True)
class Trust:
    """The keys and authorities that a verifier accepts; `name` says where the list comes from."""

    keys: tuple[TrustedKey, ...] = ()
    name: str = "no trust file"
    authorities: tuple[TrustedAuthority, ...] = ()

    def pinned(self, key_id: str, role: str) -> tuple[TrustedKey, ...]:
        """Return the entries of one key for one role; none when it is not accepted."""
        return tuple(key for key in self.keys if key.public.key_id == key_id and key.role == role)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a trust file.

        Raises
        ------
        MisuseError
            The file cannot be read, or is not a trust file.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MisuseError(f"The trust file {path} cannot be read", "Give the path of a trust file") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Parse the text of a trust file; unknown members, roles and weak keys are refused.

        Raises
        ------
        MisuseError
            The text is not a trust file.
        """
        try:
            value = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise MisuseError(f"The trust file {name} is not TOML ({error})", _NEXT) from error
        if value.get("format") != _FORMAT or value.get("version") != _VERSION:
            raise MisuseError(f"The trust file {name} is not {_FORMAT} version {_VERSION}", _NEXT)
        unknown = value.keys() - {"format", "version", "key", "authority"}
        entries, authorities = value.get("key", []), value.get("authority", [])
        if unknown or not isinstance(entries, list) or not isinstance(authorities, list):
            raise MisuseError(f"The trust file {name} has unknown members {sorted(unknown)}", _NEXT)
        keys = tuple(_trusted(entry, name) for entry in entries)
        return cls(keys, name, tuple(_authority(entry, name) for entry in authorities))


def joined_trust(parts: Sequence[Trust]) -> Trust:
    """Return everything that several lists accept, as one."""
    keys = tuple(key for part in parts for key in part.keys)
    authorities = tuple(authority for part in parts for authority in part.authorities)
    return Trust(keys, ", ".join(part.name for part in parts) or Trust.name, authorities)


def format_trust(keys: Iterable[TrustedKey]) -> str:
    """Return the text of a trust file that accepts `keys`."""
    lines = [f'format = "{_FORMAT}"', f"version = {_VERSION}"]
    for key in keys:
        lines += ["", "[[key]]", f'public = "{key.public}"', f'role = "{key.role}"', f"origin = {_quoted(key.origin)}"]
        for name in ("revoked_from", "valid_until"):
            moment = getattr(key, name)
            if moment is not None:
                lines.append(f"{name} = {moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        if key.person is not None:
            lines.append(f"person = {_quoted(key.person)}")
        if key.roles:
            lines.append(f"roles = [{', '.join(map(_quoted, key.roles))}]")
    return "\n".join(lines) + "\n"


def _authority(entry: Any, name: str) -> TrustedAuthority:
    stated = entry if isinstance(entry, dict) and entry.keys() == {"name", "certificates"} else {}
    if not all(isinstance(value, str) and value for value in stated.values()) or not stated:
        raise MisuseError(f"An authority of the trust file {name} lacks its name or its certificates", _NEXT)
    try:
        return TrustedAuthority.parse(stated["name"], stated["certificates"])
    except ValueError as error:
        what = f"The trust file {name} gives no certificate of {stated['name']!a} that can be read"
        raise MisuseError(what, "Put the authority's root certificate there, as PEM") from error


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _trusted(entry: Any, name: str) -> TrustedKey:
    required = {"public", "role", "origin"}
    known = required | {"revoked_from", "valid_until", "person", "roles"}
    if not isinstance(entry, dict) or not required <= entry.keys() <= known:
        raise MisuseError(f"A key of the trust file {name} lacks public, role or origin, or has more", _NEXT)
    if not all(isinstance(entry[member], str) for member in required) or entry["role"] not in ROLES:
        raise MisuseError(f"A key of the trust file {name} has no known role ({', '.join(sorted(ROLES))})", _NEXT)
    for member in ("revoked_from", "valid_until"):
        moment = entry.get(member)
        if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
            raise MisuseError(f"A {member} in the trust file {name} is no time with a zone", _NEXT)
    try:
        public = PublicKey.parse(entry["public"])
    except MalformedError as error:
        raise MisuseError(f"The trust file {name} holds a key that is refused: {error.message}", _NEXT) from error
    if public.is_cosigner != (entry["role"] == _WITNESS):
        raise MisuseError(
            f"The trust file {name} gives the role {entry['role']} to {public.name}, a key of another kind",
            "A witness has the key line of a cosigner (its base64 begins with B), and nobody else has",
        )
    _check_holder(entry, name)
    return TrustedKey(**{**entry, "public": public, "roles": tuple(entry.get("roles", ()))})


def _check_holder(entry: dict[str, Any], name: str) -> None:
    """Refuse what is said of a key's holder where nothing would ever be held to it."""
    person, roles = entry.get("person"), entry.get("roles")
    if entry["role"] not in _OF_PERSONS and entry.keys() & {"valid_until", "person", "roles"}:
        message = f"The trust file {name} gives a key of the role {entry['role']} a holder or an end"
        raise MisuseError(message, "valid_until, person and roles are for the roles investigator and sign-off")
    if person is not None and not (isinstance(person, str) and person.strip() and person.isprintable()):
        raise MisuseError(f"A person in the trust file {name} is no name in one line", _NEXT)
    if roles is None:
        return
    known = isinstance(roles, list) and roles and all(each in SIGN_OFF_ROLES for each in roles)
    if not known or entry["role"] != _SIGN_OFF:
        message = f"The roles of a key in the trust file {name} are none"
        raise MisuseError(message, f"For the role {_SIGN_OFF} give a list of {', '.join(SIGN_OFF_ROLES)}")
