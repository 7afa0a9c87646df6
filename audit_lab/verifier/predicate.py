"""What the investigator attests beside the digests (predicate version 2; version 1 is read too)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.seal.custody import is_time_text
from audit_lab.seal.digests import DIGEST
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import members
from audit_lab.verifier.layout import FORMAT_VERSION, PREDICATE_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["HOW_REDACTED", "RESULTS", "AttestedNotebook", "AttestedRedaction", "AttestedRows", "Predicate"]

#: What can be done to a column: left out, replaced by a fixed text, or by a pseudonym under a key.
HOW_REDACTED = ("drop", "hash", "mask")

_MEMBERS = frozenset(
    {"version", "case", "log", "notebook", "custody", "environment", "parameters", "signed_at", "signer"}
)
_RESULTS = "results"
_SINCE_VERSION_2 = frozenset({"rows", "redaction", "models"})
#: What stood in the place of results, and may: nobody attests any, and none is read, so that none is taken for checked.
RESULTS = {"log_verification": None, "rerun": None}
_NOTEBOOK = frozenset({"source_sha256", "executed_sha256", "html_sha256", "renderer"})


@dataclass(frozen=True)
class AttestedNotebook:
    """The notebook before and after it ran, its rendering, and what rendered it."""

    source_sha256: str
    executed_sha256: str
    html_sha256: str
    renderer: str


@dataclass(frozen=True)
class AttestedRows:
    """How many rows of the log the bundle proves, and, a sentence each, which of those it rests on it does not."""

    proven: int
    not_proven: tuple[str, ...]


@dataclass(frozen=True)
class AttestedRedaction:
    """What was withheld at the export.

    Attributes
    ----------
    profile
        The profile's name.
    profile_sha256
        The digest of its file.
    columns
        Column, or ``table.column``, to one of `HOW_REDACTED`.
    not_searched
        Sentences: of which withheld values the bundle was not searched for.
    investigation_sha256
        The digest of the investigation as the case has it, without redaction.
    """

    profile: str
    profile_sha256: str
    columns: Mapping[str, str]
    not_searched: tuple[str, ...]
    investigation_sha256: str


@dataclass(frozen=True)
class Predicate:
    """The attested facts of a case; `custody_head` is the digest of the last custody line.

    `rows` is None in version 1, and where the case names no row of its log; `redaction` where nothing was withheld.
    `models` are the digests of the artifacts that the bundle holds.
    """

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
    rows: AttestedRows | None = None
    redaction: AttestedRedaction | None = None
    models: tuple[str, ...] = ()
    version: int = FORMAT_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return the predicate as it stands in the statement.

        `parameters` are there for the declared parameters; they are empty, and read so. What a verification or a re-run
        gives is no part of it: that is for whoever verifies, and a signer's word for it would prove nothing.
        """
        notebook = None if self.notebook is None else dict(self.notebook.__dict__)
        log = {
            "origin": self.log_origin,
            "manifest_sha256": self.log_manifest_sha256,
            "checkpoint": self.log_checkpoint,
        }
        value = {
            "version": self.version,
            "case": {"id": self.case_id, "question": self.question},
            "log": log,
            "notebook": notebook,
            "custody": {"lines": self.custody_lines, "head": self.custody_head},
            "environment": dict(self.environment),
            "parameters": {},
            "signed_at": self.signed_at,
            "signer": self.signer,
        }
        if self.version == 1:
            return value
        return value | {
            "rows": None if self.rows is None else _plain(self.rows),
            "redaction": None if self.redaction is None else _plain(self.redaction),
            "models": list(self.models),
        }

    @classmethod
    def parse(cls, value: Mapping[str, Any], name: str) -> Self:
        """Parse a predicate strictly.

        Raises
        ------
        MalformedError
            Codes ``json.*`` and ``attestation.*``.
        """
        version = value.get("version")
        if not isinstance(version, int) or version not in PREDICATE_TYPES:
            raise MalformedError(
                f"{name} is of version {version!a}", "Use a newer audit_lab", "attestation.version-unknown"
            )
        known = _MEMBERS | (_SINCE_VERSION_2 if version > 1 else frozenset())
        members(value, known, f"The predicate of {name}", frozenset({_RESULTS}))
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
            rows=_rows(value.get("rows"), name),
            redaction=_redaction(value.get("redaction"), name),
            models=_texts(value.get("models", []), name),
            version=version,
        )
        checkpoint = "" if predicate.log_checkpoint is None else predicate.log_checkpoint
        texts = [predicate.case_id, predicate.question, predicate.log_origin, checkpoint]
        texts += [predicate.signed_at, predicate.signer]
        if not all(isinstance(text, str) for text in texts) or not is_time_text(predicate.signed_at):
            raise _malformed(name)
        if not _is_texts(value["environment"]) or (value["parameters"], value.get(_RESULTS, RESULTS)) != ({}, RESULTS):
            raise _malformed(name)
        if any(DIGEST.fullmatch(model) is None for model in predicate.models):
            raise _malformed(name)
        return predicate


def _plain(value: AttestedRows | AttestedRedaction) -> dict[str, Any]:
    """Return a part as JSON-safe values: tuples as lists, mappings as plain ones."""
    return {
        name: list(each) if isinstance(each, tuple) else dict(each) if isinstance(each, dict) else each
        for name, each in asdict(value).items()
    }


def _rows(value: Any, name: str) -> AttestedRows | None:
    if value is None:
        return None
    stated = members(value, frozenset(AttestedRows.__annotations__), f"The rows in {name}")
    proven = stated["proven"]
    if not isinstance(proven, int) or isinstance(proven, bool) or proven < 0:
        raise _malformed(name)
    return AttestedRows(proven, _texts(stated["not_proven"], name))


def _redaction(value: Any, name: str) -> AttestedRedaction | None:
    if value is None:
        return None
    stated = members(value, frozenset(AttestedRedaction.__annotations__), f"The redaction in {name}")
    columns, texts = stated["columns"], [stated["profile"], stated["profile_sha256"], stated["investigation_sha256"]]
    if not isinstance(columns, dict) or not all(isinstance(text, str) for text in texts):
        raise _malformed(name)
    if not columns or any(how not in HOW_REDACTED for how in columns.values()):
        raise _malformed(name)
    return AttestedRedaction(
        profile=texts[0],
        profile_sha256=texts[1],
        columns=columns,
        not_searched=_texts(stated["not_searched"], name),
        investigation_sha256=texts[2],
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _malformed(name)
    return tuple(value)


def _malformed(name: str) -> MalformedError:
    return MalformedError(
        f"{name} has members of the wrong type", "Ask the signer for a valid bundle", "attestation.malformed"
    )
