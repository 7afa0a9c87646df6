"""What a case is about: its id, its question, who asks and why, and of which log (``case.toml``)."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

from audit_lab.case.record_file import CORRECT_IT, read_toml, toml_value
from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.seal.sign_off import MEANINGS, most_persons, persons_before

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

__all__ = ["ABOUT_NAME", "CaseAbout"]

ABOUT_NAME = "case.toml"

_FORMAT = "audit_lab.case"
_VERSION = 1
_LONGEST_ID = 120
#: Entries that are written only where they say other than by default.
_SAID_WHERE_OTHER = frozenset({"timezone", "opened_from", "model", "model_version", "window_start", "window_end"})


@dataclass(frozen=True)
class CaseAbout:
    """The facts that a case is opened with.

    `log_path` is only for opening the log again and is never exported; `log_checkpoint` is the signed note of the log's
    checkpoint, empty for a log that is not sealed. `sign_offs` are the meanings that its export must be signed off
    with, and `persons` by how many persons it is to be signed at least, the actor among them. `timezone` is the IANA
    name of the zone whose local times stand beside UTC. `opened_from` names the alert or decision that the case was
    opened from, and the last four are its scope within the log; empty where they are not stated.
    """

    case_id: str
    question: str
    actor: str
    purpose: str
    log_origin: str
    log_path: str
    log_manifest_sha256: str
    log_checkpoint: str = ""
    sign_offs: tuple[str, ...] = ()
    persons: int = 2
    timezone: str = "UTC"
    opened_from: str = ""
    model: str = ""
    model_version: str = ""
    window_start: str = ""
    window_end: str = ""

    def __post_init__(self) -> None:
        """Refuse an id that is no single line, and a case without question or actor."""
        if not self.case_id.isprintable() or not 0 < len(self.case_id.strip()) <= _LONGEST_ID:
            raise MisuseError(f"{self.case_id[:140]!a} cannot be a case's id", "Use one line of at most 120 characters")
        for name in ("question", "actor", "purpose"):
            if not str(getattr(self, name)).strip():
                raise MisuseError(f"The case {self.case_id} has no {name}", f"Give {name}=...")
        for meaning in self.sign_offs:
            if meaning not in MEANINGS:
                message = f"{meaning!r} is no meaning of a sign-off"
                raise MisuseError(message, f"Use one or more of {', '.join(MEANINGS)}")
        most = most_persons(self.sign_offs)
        if not 1 <= self.persons <= most:
            message = f"The sign-offs that the case {self.case_id} asks for cannot be by {self.persons} persons"
            raise MisuseError(message, f"Ask for 1 to {most}, the investigator among them, or for more sign-offs")

    def content(self) -> bytes:
        """Return the file ``case.toml``."""
        lines = [f'format = "{_FORMAT}"', f"version = {_VERSION}"]
        lines += [
            f"{field.name} = {toml_value(getattr(self, field.name))}"
            for field in fields(self)
            if field.name not in _SAID_WHERE_OTHER or getattr(self, field.name) != field.default
        ]
        return ("\n".join(lines) + "\n").encode()

    def scope(self) -> dict[str, str]:
        """Return what the case was opened from, and its part of the log, by name; only what is stated."""
        names = ("opened_from", "model", "model_version", "window_start", "window_end")
        return {name: value for name in names if (value := getattr(self, name))}

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read ``case.toml``.

        Raises
        ------
        AuditLabError
            It is missing or not what it should be.
        """
        path = folder / ABOUT_NAME
        value = read_toml(path)
        if (value.pop("format", None), value.pop("version", None)) != (_FORMAT, _VERSION):
            raise AuditLabError(f"{path} is not {_FORMAT} version {_VERSION}", "Use a newer audit_lab")
        if "two_persons" in value:  # what it said before it said how many
            asked = value.get("sign_offs", [])
            value["persons"] = persons_before(value.pop("two_persons"), asked if _is_typed("sign_offs", asked) else [])
        required = {field.name for field in fields(cls) if field.default is MISSING}
        known = {field.name for field in fields(cls)}
        for name in [*sorted(required - value.keys()), *sorted(value.keys() - known)]:
            what = "is missing" if name in required else "is no entry of it"
            raise AuditLabError(f"{path} has missing or unknown entries: {name!a} {what}", CORRECT_IT)
        wrong = next((name for name, each in value.items() if not _is_typed(name, each)), None)
        if wrong is not None:
            raise AuditLabError(f"{path}, {wrong}: it is not of its type", CORRECT_IT)
        try:
            return cls(**{**value, "sign_offs": tuple(value.get("sign_offs", ()))})
        except MisuseError as error:
            raise AuditLabError(f"{path}: {error.message}", CORRECT_IT) from error


def _is_typed(name: str, value: Any) -> bool:
    """Whether an entry is a text, or, for the two that are not, what it should be."""
    if name == "sign_offs":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if name == "persons":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)
