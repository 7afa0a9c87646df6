"""A case as a bundle carries it: what a page says of the case is made again from it, without the case's own folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audit_lab.case.about import CaseAbout
from audit_lab.case.casefile import CaseFile
from audit_lab.case.conclusions import CaseFinding
from audit_lab.case.exhibit import Exhibit
from audit_lab.case.follow_up import CaseAction, CaseComment, CaseEvent, StatusChange
from audit_lab.errors import AuditLabError
from audit_lab.seal.custody import custody_faults
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import members, parse_json
from audit_lab.verifier.layout import CUSTODY, FOLLOW_UP, INVESTIGATION, PAYLOAD
from audit_lab.verifier.sign_offs import rule_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from audit_lab.case.record_file import Record
    from audit_lab.seal.custody import CustodyLine, FileChange

__all__ = ["CarriedCase", "CarriedExhibit", "carried_case"]

_NEXT = "Ask the investigator for a bundle that agrees with itself"
_FOLLOW_UP = frozenset({"format", "version", "comments", "status"})
R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class CarriedExhibit(Exhibit):
    """An exhibit whose files are read from a bundle; `redacted_from` is the id that custody knows it by, if another."""

    redacted_from: str = ""
    read: Callable[[str], bytes] = field(default=lambda _name: b"", repr=False, compare=False)

    def content_of(self, name: str) -> bytes:
        """Return one of its files, out of the bundle."""
        return self.read(name)


@dataclass(frozen=True)
class CarriedCase(CaseFile):
    """A case that says what a bundle says; it has no folder, and nothing can be written to it."""

    carried_exhibits: tuple[Exhibit, ...] = ()
    carried_findings: tuple[CaseFinding, ...] = ()
    carried_conclusion: str | None = None
    carried_actions: tuple[CaseAction, ...] = ()
    carried_timeline: tuple[CaseEvent, ...] = ()
    carried_comments: tuple[CaseComment, ...] = ()
    carried_status: tuple[StatusChange, ...] = ()
    carried_custody: tuple[CustodyLine, ...] = ()

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """The exhibits, in the order of the investigation."""
        return self.carried_exhibits

    @property
    def findings(self) -> tuple[CaseFinding, ...]:
        """The findings, in the order of the investigation."""
        return self.carried_findings

    @property
    def conclusion(self) -> str | None:
        """The conclusion, when there is one."""
        return self.carried_conclusion

    @property
    def actions(self) -> tuple[CaseAction, ...]:
        """The corrective and preventive actions."""
        return self.carried_actions

    @property
    def timeline(self) -> tuple[CaseEvent, ...]:
        """What happened when, by time."""
        return self.carried_timeline

    @property
    def comments(self) -> tuple[CaseComment, ...]:
        """The comments."""
        return self.carried_comments

    @property
    def status_changes(self) -> tuple[StatusChange, ...]:
        """Every status that the case was given."""
        return self.carried_status

    @property
    def custody(self) -> tuple[CustodyLine, ...]:
        """The custody record, up to the export."""
        return self.carried_custody

    def edited(self) -> tuple[FileChange, ...]:
        """Return nothing: an export notes in custody what was edited by hand."""
        return ()

    def kept(self, exhibit: Exhibit) -> CustodyLine | None:
        """Return the custody line of an exhibit, or of the one that it was made from by a redaction."""
        if isinstance(exhibit, CarriedExhibit) and exhibit.redacted_from:
            exhibit = replace(exhibit, id=exhibit.redacted_from)
        return super().kept(exhibit)


def carried_case(names: Collection[str], read: Callable[[str], bytes]) -> CarriedCase:
    """Return the case that a bundle carries.

    Parameters
    ----------
    names
        The bundle's files.
    read
        Returns the content of one of them.

    Raises
    ------
    MalformedError
        ``case.malformed``: a document says something that a case cannot.
    """
    try:
        return _carried(names, read)
    except (AuditLabError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, MalformedError):
            raise
        what = error.message if isinstance(error, AuditLabError) else f"{type(error).__name__}: {error}"
        raise MalformedError(
            f"The case in the bundle cannot be read ({what[:200]})", _NEXT, "case.malformed"
        ) from error


def _carried(names: Collection[str], read: Callable[[str], bytes]) -> CarriedCase:
    stated: dict[str, Any] = parse_json(read(INVESTIGATION), INVESTIGATION)
    follow_up: dict[str, Any] = {"comments": [], "status": []}
    if FOLLOW_UP in names:
        follow_up = members(parse_json(read(FOLLOW_UP), FOLLOW_UP), _FOLLOW_UP, FOLLOW_UP)
    lines, _ = custody_faults(read(CUSTODY), CUSTODY)
    findings = tuple(
        CaseFinding(**{**each, "supported_by": tuple(each["supported_by"])}) for each in stated["findings"]
    )
    return CarriedCase(
        Path(),
        about := _about(stated),
        about.actor,
        about.purpose,
        carried_exhibits=tuple(_exhibit(each, read) for each in stated["exhibits"]),
        carried_findings=findings,
        carried_conclusion=stated["conclusion"],
        carried_actions=_records(CaseAction, stated.get("actions", [])),
        carried_timeline=_records(CaseEvent, stated.get("timeline", [])),
        carried_comments=_records(CaseComment, follow_up["comments"]),
        carried_status=_records(StatusChange, follow_up["status"]),
        carried_custody=tuple(lines),
    )


def _about(stated: dict[str, Any]) -> CaseAbout:
    case, log = stated["case"], stated["log"]
    rule = rule_of(case)
    return CaseAbout(
        case_id=case["id"],
        question=case["question"],
        actor=case["actor"],
        purpose=case["purpose"],
        log_origin=log["origin"],
        log_path="",
        log_manifest_sha256=log["manifest_sha256"],
        log_checkpoint=log["checkpoint"] or "",
        sign_offs=rule.required,
        persons=rule.persons,
        timezone=case.get("timezone", "UTC"),
        **case.get("scope", {}),
    )


def _exhibit(entry: dict[str, Any], read: Callable[[str], bytes]) -> CarriedExhibit:
    paths = {file["name"]: f"{PAYLOAD}{file['path']}" for file in entry["files"]}
    said = {name: value for name, value in entry.items() if name not in {"kept_at", "kept_by"}}
    return CarriedExhibit(
        **{
            **said,
            "models": tuple(entry["models"]),
            "files": {file["name"]: file["sha256"] for file in entry["files"]},
        },
        folder=Path(_folder_of(entry)),
        read=lambda name: read(paths[name]),
    )


def _folder_of(entry: dict[str, Any]) -> str:
    """Return the name of an exhibit's folder: the second part of where its own files stand."""
    parts = [file["path"].split("/") for file in entry["files"]]
    return next((each[1] for each in parts if len(each) > 1), "")


def _records(kind: type[R], entries: list[dict[str, Any]]) -> tuple[R, ...]:
    """Return records from what `Record.to_dict` wrote of them."""
    typed: dict[str, Callable[[str], Any]] = {
        "date": date.fromisoformat,
        "datetime": datetime.fromisoformat,
        "str": str,
    }
    kinds = {name: typed[str(each.type)] for name, each in kind.__dataclass_fields__.items()}
    return tuple(kind(**{name: kinds[name](value) for name, value in entry.items()}) for entry in entries)
