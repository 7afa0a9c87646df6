"""What the investigator attests beside the digests (predicate version 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import members
from audit_lab.verifier.layout import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["AttestedNotebook", "Predicate"]

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_MEMBERS = frozenset(
    {"version", "case", "log", "notebook", "custody", "environment", "parameters", "results", "signed_at", "signer"}
)
_NOTEBOOK = frozenset({"source_sha256", "executed_sha256", "html_sha256", "renderer"})


@dataclass(frozen=True)
class AttestedNotebook:
    """The notebook before and after it ran, its rendering, and what rendered it."""

    source_sha256: str
    executed_sha256: str
    html_sha256: str
    renderer: str


@dataclass(frozen=True)
class Predicate:
    """The attested facts of a case; `custody_head` is the digest of the last custody line."""

    case_id: str
    question: str
    log_origin: str
    log_manifest_sha256: str
    log_checkpoint: str | None
    notebook: AttestedNotebook | None
    custody_lines: int
    custody_head: str
    environment: Mapping[str, str]
    signed_at: str
    signer: str

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate as it stands in the statement.

        `parameters` and `results` are there for the declared parameters and the re-run; version 1 writes them empty.
        """
        notebook = None if self.notebook is None else dict(self.notebook.__dict__)
        log = {
            "origin": self.log_origin,
            "manifest_sha256": self.log_manifest_sha256,
            "checkpoint": self.log_checkpoint,
        }
        return {
            "version": FORMAT_VERSION,
            "case": {"id": self.case_id, "question": self.question},
            "log": log,
            "notebook": notebook,
            "custody": {"lines": self.custody_lines, "head": self.custody_head},
            "environment": dict(self.environment),
            "parameters": {},
            "results": {"log_verification": None, "rerun": None},
            "signed_at": self.signed_at,
            "signer": self.signer,
        }

    @classmethod
    def parse(cls, value: Mapping[str, Any], name: str) -> Self:
        """Parse a predicate strictly.

        Raises
        ------
        MalformedError
            Codes ``json.*`` and ``attestation.*``.
        """
        members(value, _MEMBERS, f"The predicate of {name}")
        if value["version"] != FORMAT_VERSION:
            raise MalformedError(
                f"{name} is of version {value['version']!a}", "Use a newer audit_lab", "attestation.version-unknown"
            )
        case = members(value["case"], frozenset({"id", "question"}), f"The case in {name}")
        log = members(value["log"], frozenset({"origin", "manifest_sha256", "checkpoint"}), f"The log in {name}")
        custody = members(value["custody"], frozenset({"lines", "head"}), f"The custody in {name}")
        notebook = None
        if value["notebook"] is not None:
            notebook = AttestedNotebook(**members(value["notebook"], _NOTEBOOK, f"The notebook in {name}"))
        predicate = cls(
            case_id=case["id"],
            question=case["question"],
            log_origin=log["origin"],
            log_manifest_sha256=log["manifest_sha256"],
            log_checkpoint=log["checkpoint"],
            notebook=notebook,
            custody_lines=custody["lines"],
            custody_head=custody["head"],
            environment=value["environment"],
            signed_at=value["signed_at"],
            signer=value["signer"],
        )
        checkpoint = "" if predicate.log_checkpoint is None else predicate.log_checkpoint
        texts = [predicate.case_id, predicate.question, predicate.log_origin, checkpoint]
        texts += [predicate.signed_at, predicate.signer]
        if not all(isinstance(text, str) for text in texts) or _TIME.fullmatch(predicate.signed_at) is None:
            raise MalformedError(
                f"{name} has members of the wrong type", "Ask the signer for a valid bundle", "attestation.malformed"
            )
        return predicate
