"""Sign-offs: who stands behind a bundle, in which role, meaning what; one signed envelope each."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.custody import is_time_text
from audit_lab.seal.envelope import sign_envelope
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.statement import PAYLOAD_TYPE, Statement
from audit_lab.seal.strict_json import members
from audit_lab.seal.trust import SIGN_OFF_ROLES

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self

    from audit_lab.seal.keys import SigningKey

__all__ = [
    "MEANINGS",
    "ROLES",
    "ROLES_OF",
    "SIGN_OFF_TYPE",
    "USUAL_ROLE",
    "SignOff",
    "folded_name",
    "most_persons",
    "persons_before",
    "sign_off_envelope",
]

SIGN_OFF_TYPE = "urn:audit-lab:predicate:sign-off:1"
#: What a signature can mean; a rejection says why.
MEANINGS = ("authored", "reviewed", "approved", "rejected")
#: In which capacity somebody signs.
ROLES = SIGN_OFF_ROLES
#: In which capacities each thing can be signed, the usual one first.
ROLES_OF = {
    "authored": ("investigator",),
    "reviewed": ("reviewer",),
    "approved": ("approver",),
    "rejected": ("reviewer", "approver"),
}
#: In which capacity a thing is usually signed.
USUAL_ROLE = {meaning: roles[0] for meaning, roles in ROLES_OF.items()}

#: What somebody else than the author can be asked for; each can be asked of another person.
_OF_OTHERS = frozenset({"reviewed", "approved"})
_VERSION = 1
_LONGEST_NAME = 200
_LONGEST_REASON = 2000
_NEXT = "Ask the signer to sign again"


@dataclass(frozen=True)
class SignOff:
    """What one person declares about a bundle.

    Attributes
    ----------
    attestation_sha256
        The digest of the bundle's attestation, and so of everything in the bundle.
    case_id
        The case that the bundle is about.
    printed_name
        The signer's name as a reader knows it.
    role
        One of `ROLES`, which can say this.
    meaning
        One of `MEANINGS`.
    reason
        Why; a rejection must have one.
    signed_at
        The time that the signer states, UTC text with microseconds.
    signer
        The name of the key.
    """

    attestation_sha256: str
    case_id: str
    printed_name: str
    role: str
    meaning: str
    reason: str
    signed_at: str
    signer: str

    def __post_init__(self) -> None:
        """Refuse a sign-off that says nothing, or what no reader could understand.

        Raises
        ------
        MisuseError
            The name, the role, the meaning or the reason is not one.
        """
        name = self.printed_name
        if not name.isprintable() or not 0 < len(name.strip()) <= _LONGEST_NAME:
            raise MisuseError(
                f"{name[:60]!a} is no printed name", f"Give your name in one line of at most {_LONGEST_NAME} characters"
            )
        if self.meaning not in MEANINGS:
            message = f"{self.meaning[:60]!a} is no meaning of a sign-off"
            raise MisuseError(message, f"Use one of {', '.join(MEANINGS)}")
        if self.role not in ROLES_OF[self.meaning]:
            message = f"In the role {self.role[:60]!a} nothing is {self.meaning}"
            raise MisuseError(message, f"Sign it as {' or '.join(ROLES_OF[self.meaning])}, or what this role can say")
        if self.meaning == "rejected" and not self.reason.strip():
            raise MisuseError("A rejection needs a reason", "Say what must change")
        if len(self.reason) > _LONGEST_REASON:
            raise MisuseError("The reason is too long", f"Use at most {_LONGEST_REASON} characters")

    def sentence(self) -> str:
        """Say who signed, in which role, meaning what, when and why, in one line."""
        why = f": {' '.join(self.reason.split())}" if self.reason.strip() else ""
        return f"{self.meaning} by {self.printed_name}, {self.role}, at {self.signed_at}{why}"

    @classmethod
    def parse(cls, statement: Statement, subject: str, name: str) -> Self:
        """Read a sign-off from a statement, strictly.

        Parameters
        ----------
        statement
            What the envelope holds.
        subject
            The file that it must be about, and about no other.
        name
            Where it stands.

        Raises
        ------
        MalformedError
            Codes ``json.*``, ``sign-off.malformed`` and, where its role cannot say this, ``sign-off.wrong-role``.
        """
        if statement.predicate_type != SIGN_OFF_TYPE or set(statement.subjects) != {subject}:
            raise _malformed(f"{name} is not a sign-off of {subject}")
        stated = frozenset(cls.__annotations__) - {"attestation_sha256"}
        value = dict(members(statement.predicate, stated | {"version"}, f"The predicate of {name}"))
        if value.pop("version") != _VERSION or not all(isinstance(each, str) for each in value.values()):
            raise _malformed(f"{name} is of another version, or has members of the wrong type")
        role, meaning = value["role"], value["meaning"]
        if role in ROLES and role not in ROLES_OF.get(meaning, ROLES):
            raise MalformedError(f"{role} is no role in which something is {meaning}", _NEXT, "sign-off.wrong-role")
        try:
            found = cls(statement.subjects[subject], **value)
        except MisuseError as error:
            raise _malformed(f"{name}: {error.message}") from error
        if not is_time_text(found.signed_at):
            raise _malformed(f"{name} states no time in UTC")
        return found


def folded_name(name: str) -> str:
    """Return a printed name as it is compared: normalised (NFKC), without letter case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def most_persons(required: Collection[str]) -> int:
    """Return by how many persons a case can ask to be signed, its author among them, for the sign-offs it asks for."""
    return max(2, 1 + len(_OF_OTHERS.intersection(required)))


def persons_before(two_persons: object, required: Collection[str]) -> int | None:
    """Return by how many persons a rule asked before it said so: by as many as can be, or by one; None for no rule."""
    if not isinstance(two_persons, bool):
        return None
    return most_persons(required) if two_persons else 1


def sign_off_envelope(stated: SignOff, subject: str, key: SigningKey) -> bytes:
    """Return the signed envelope of a sign-off; the key must be the one that it names."""
    predicate = {name: value for name, value in asdict(stated).items() if name != "attestation_sha256"}
    statement = Statement({subject: stated.attestation_sha256}, SIGN_OFF_TYPE, {"version": _VERSION, **predicate})
    return sign_envelope(statement.to_json(), PAYLOAD_TYPE, [key])


def _malformed(message: str) -> MalformedError:
    return MalformedError(message, _NEXT, "sign-off.malformed")
