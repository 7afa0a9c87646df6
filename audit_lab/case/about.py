"""What a case is about: its id, its question, who asks and why, and of which log (``case.toml``)."""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.log.files.durable import write_bytes
from audit_lab.seal.sign_off import MEANINGS

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

__all__ = ["ABOUT_NAME", "CaseAbout"]

ABOUT_NAME = "case.toml"

_FORMAT = "audit_lab.case"
_VERSION = 1
_LONGEST_ID = 120


@dataclass(frozen=True)
class CaseAbout:
    """The facts that a case is opened with.

    `log_path` is only for opening the log again and is never exported; `log_checkpoint` is the signed note of the log's
    checkpoint, empty for a log that is not sealed. `sign_offs` are the meanings that its export must be signed off
    with, and `two_persons` says whether whoever does so must be another than the actor.
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
    two_persons: bool = True

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

    def write(self, folder: Path) -> None:
        """Write ``case.toml``."""
        lines = [f'format = "{_FORMAT}"', f"version = {_VERSION}"]
        lines += [f"{field.name} = {_toml(getattr(self, field.name))}" for field in fields(self)]
        write_bytes(folder / ABOUT_NAME, ("\n".join(lines) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read ``case.toml``.

        Raises
        ------
        AuditLabError
            It is missing or not what it should be.
        """
        path = folder / ABOUT_NAME
        try:
            value = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise AuditLabError(f"{path} cannot be read", "Give the folder of a case") from error
        if (value.pop("format", None), value.pop("version", None)) != (_FORMAT, _VERSION):
            raise AuditLabError(f"{path} is not {_FORMAT} version {_VERSION}", "Use a newer audit_lab")
        required = {field.name for field in fields(cls) if field.default is MISSING}
        if not required <= value.keys() <= {field.name for field in fields(cls)} or not _typed(value):
            raise AuditLabError(f"{path} has missing or unknown entries", "Restore the file as the case wrote it")
        return cls(**{**value, "sign_offs": tuple(value.get("sign_offs", ()))})


def _typed(value: dict[str, Any]) -> bool:
    """Whether every entry is a text, but for the two that are not."""
    meanings = value.get("sign_offs", [])
    listed = isinstance(meanings, list) and all(isinstance(each, str) for each in meanings)
    texts = (each for name, each in value.items() if name not in {"sign_offs", "two_persons"})
    return listed and isinstance(value.get("two_persons", True), bool) and all(isinstance(each, str) for each in texts)


def _toml(value: object) -> str:
    """Return an entry's value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(_toml_text, value))}]" if isinstance(value, tuple) else _toml_text(str(value))


def _toml_text(text: str) -> str:
    """Return a TOML basic string: a JSON string, and the one control character that JSON lets stand."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
