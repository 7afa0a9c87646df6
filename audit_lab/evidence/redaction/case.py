"""A case as it leaves under a redaction: the same case, with exhibits that withhold columns and so have other names."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.case.casefile import CaseFile
from audit_lab.case.exhibit import Exhibit
from audit_lab.case.frame_files import csv_bytes, parquet_bytes
from audit_lab.case.representation import SHOWN
from audit_lab.evidence.redaction.copies import check_copies
from audit_lab.evidence.redaction.known import check_profile
from audit_lab.evidence.redaction.sentences import needles_of
from audit_lab.evidence.redaction.values import redacted_document, redacted_table
from audit_lab.seal.digests import format_manifest, sha256
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from audit_lab.case.conclusions import CaseFinding
    from audit_lab.case.follow_up import CaseComment, CaseEvent
    from audit_lab.evidence.redaction.sentences import Needles
    from audit_lab.evidence.redaction.values import Redaction
    from audit_lab.seal.custody import CustodyLine

__all__ = ["RedactedCase", "RedactedExhibit", "redacted_case"]

_PICTURE = ("chart.svg", "chart.vl.json")
_VEGA = ".vl.json"
_EXHIBITS = "redacted-exhibits"
#: Kinds of exhibits whose words are somebody's: these are searched, and never changed.
_MADE_BY_HAND = frozenset({"table", "chart"})


@dataclass(frozen=True)
class RedactedExhibit(Exhibit):
    """An exhibit that withholds something: `redacted_from` is the id of the one that the case keeps."""

    redacted_from: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the exhibit as JSON-safe values, with what it was made from."""
        return {**super().to_dict(), "redacted_from": self.redacted_from}


@dataclass(frozen=True)
class RedactedCase(CaseFile):
    """A case whose exhibits are others; whatever speaks of them by their ids speaks of the others."""

    shown: tuple[Exhibit, ...] = field(default=())

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """The exhibits as they leave."""
        return self.shown

    @property
    def findings(self) -> tuple[CaseFinding, ...]:
        """The findings, resting on the exhibits as they leave."""
        names = self._names
        return tuple(
            replace(each, supported_by=tuple(names.get(support, support) for support in each.supported_by))
            for each in super().findings
        )

    @property
    def timeline(self) -> tuple[CaseEvent, ...]:
        """What happened when, shown by the exhibits as they leave."""
        return tuple(replace(each, exhibit=self._names.get(each.exhibit, each.exhibit)) for each in super().timeline)

    @property
    def comments(self) -> tuple[CaseComment, ...]:
        """The comments, about the exhibits as they leave."""
        return tuple(replace(each, about=self._names.get(each.about, each.about)) for each in super().comments)

    def kept(self, exhibit: Exhibit) -> CustodyLine | None:
        """Return the custody line of the exhibit that one was made from."""
        if isinstance(exhibit, RedactedExhibit):
            exhibit = replace(exhibit, id=exhibit.redacted_from)
        return super().kept(exhibit)

    @property
    def _names(self) -> dict[str, str]:
        return {each.redacted_from: each.id for each in self.shown if isinstance(each, RedactedExhibit)}


def redacted_case(case: CaseFile, redaction: Redaction, folder: Path) -> RedactedCase:
    """Return a case whose exhibits withhold what a profile takes; changed ones are written into `folder`.

    Parameters
    ----------
    case
        The case; it is not changed.
    redaction
        What is withheld; it takes down what was.
    folder
        A folder for files that nothing outlives.

    Raises
    ------
    MisuseError
        An entry of the profile matches nothing of the log and of the exhibits.
    AuditLabError
        An exhibit shows a withheld column under another name.
    """
    kept = [(exhibit, _content(exhibit)) for exhibit in case.exhibits]
    for _, files in kept:  # what one exhibit withholds another may say in a sentence, so all are read before
        for name, content in files.items():
            _redacted_file(name, content, redaction, None)
    models = {model["model_name"] for exhibit, _ in kept for model in exhibit.models if "model_name" in model}
    check_profile(redaction.profile, redaction.withheld, models)
    check_copies(kept, redaction)
    needles = needles_of(redaction.withheld)
    shown = tuple(_redacted(exhibit, files, redaction, needles, folder / _EXHIBITS) for exhibit, files in kept)
    return RedactedCase(case.folder, case.about, case.actor, case.purpose, case.clock, shown)


def _content(exhibit: Exhibit) -> dict[str, bytes]:
    """Return an exhibit's files; the page of a view shows values that no file beside it need hold, and stays behind."""
    return {name: (exhibit.folder / name).read_bytes() for name in exhibit.files if name != SHOWN}


def _redacted(
    exhibit: Exhibit, kept: Mapping[str, bytes], redaction: Redaction, needles: Needles, folder: Path
) -> Exhibit:
    words = None if exhibit.kind in _MADE_BY_HAND else needles
    files = {name: _redacted_file(name, content, redaction, words) for name, content in kept.items()}
    for name in [name for name in files if name.endswith(".csv")]:
        table = str(PurePosixPath(name).with_suffix(".parquet"))
        if table in files and files[table] != kept[table]:
            files[name] = csv_bytes(pl.read_parquet(io.BytesIO(files[table])))
    # Both were written by the library for the thing itself; what a person said of it is searched, and left as it is.
    exhibit = replace(exhibit, query=needles.without(exhibit.query), code=needles.without(exhibit.code))
    if files == kept and SHOWN not in exhibit.files:
        return exhibit
    if any(name in files for name in _PICTURE):  # what it draws is withheld, and lengths and places would show it
        files = {name: content for name, content in files.items() if name not in _PICTURE}
    digests = {name: sha256(content) for name, content in sorted(files.items())}
    made = sha256(format_manifest(digests))
    place = folder / f"{exhibit.number:03}-{made[:12]}-{exhibit.kind}"
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    same = {name: getattr(exhibit, name) for name in Exhibit.__dataclass_fields__}
    return RedactedExhibit(**{**same, "id": made, "files": digests, "folder": place}, redacted_from=exhibit.id)


def _redacted_file(name: str, content: bytes, redaction: Redaction, needles: Needles | None) -> bytes:
    """Return a file of an exhibit without what is withheld; the same bytes where that is nothing."""
    profile, withheld = redaction.profile, redaction.withheld
    if name.endswith(".parquet"):
        frame = pl.read_parquet(io.BytesIO(content))
        shown = redacted_table(frame, profile, withheld, needles)
        return content if shown.schema == frame.schema and shown.equals(frame) else parquet_bytes(shown)
    if name.endswith(".json"):
        value = json.loads(content)
        made = redacted_document(value, profile, withheld, needles)
        if made == value:
            return content
        return content[:0] if name.endswith(_VEGA) else canonical_json(made) + b"\n"
    return content
