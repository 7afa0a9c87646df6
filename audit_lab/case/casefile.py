"""A case: one investigation as a folder of plain files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from audit_lab.case.about import ABOUT_NAME, CaseAbout
from audit_lab.case.conclusions import CaseFinding, read_conclusion, read_findings, write_conclusion, write_findings
from audit_lab.case.custody_file import CUSTODY_NAME, CustodyFile
from audit_lab.case.exhibit import Caption, Exhibit, read_exhibits, write_exhibit
from audit_lab.case.folder_lock import folder_lock
from audit_lab.case.representation import represent
from audit_lab.case.summary import summary_html
from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.seal.digests import sha256
from audit_lab.seal.portable_name import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from audit_lab.seal.custody import CustodyLine

__all__ = ["CASES_VARIABLE", "CaseFile", "ExaminedLog"]

#: The environment variable that names the folder in which cases are made.
CASES_VARIABLE = "AUDIT_LAB_CASES"

_EXHIBITS = "exhibits"
_SHORTEST_PREFIX = 8
_AS_OF = "; where the log has grown since, open it as the case saw it: al.open(path, as_of={})"


class ExaminedLog(Protocol):
    """What a case must know of the log it is about."""

    @property
    def origin(self) -> str:
        """The log's name."""
        ...

    @property
    def path(self) -> Path:
        """Where the log stands."""
        ...

    @property
    def manifest_sha256(self) -> str | None:
        """The digest of the log's manifest; None for a log that has none."""
        ...

    @property
    def checkpoint(self) -> str | None:
        """The signed note of the log's checkpoint; None for a log that is not sealed."""
        ...


def utc_now() -> datetime:
    """Return the time of the system's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class CaseFile:
    """One investigation: its question, exhibits, findings, conclusion, and who did what to it.

    Everything stands in plain files under `folder`; nothing is held in memory, so that two processes may work on the
    same case. `actor` and `purpose` go into the custody record with every act.
    """

    folder: Path
    about: CaseAbout
    actor: str
    purpose: str
    clock: Callable[[], datetime] = utc_now

    @classmethod
    def create(
        cls,
        case_id: str,
        log: ExaminedLog,
        *,
        question: str,
        actor: str,
        purpose: str,
        sign_offs: Sequence[str] = (),
        two_persons: bool = True,
        folder: Path | str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Create a case, or reopen the one that has the same id, log and question.

        Parameters
        ----------
        case_id
            The case's name, one line.
        log
            The log under investigation.
        question
            What the investigation is to answer.
        actor, purpose
            Who investigates, and why; every custody line says so.
        sign_offs
            What the exported bundle must be signed off as before it is finished: ``reviewed``, ``approved`` or both.
        two_persons
            Whether whoever reviews or approves must be another person than `actor`.
        folder
            The folder in which cases stand; default: the environment variable AUDIT_LAB_CASES, else ``cases``.
        clock
            Gives the time of custody lines.

        Raises
        ------
        MisuseError
            A case of that id is about another log or another question.
        """
        about = CaseAbout(
            case_id=case_id,
            question=question,
            actor=actor,
            purpose=purpose,
            log_origin=str(log.origin),
            log_path=str(log.path),
            log_manifest_sha256=str(log.manifest_sha256 or ""),
            log_checkpoint=log.checkpoint or "",
            sign_offs=tuple(sign_offs),
            two_persons=two_persons,
        )
        cases = Path(folder or os.environ.get(CASES_VARIABLE) or "cases")
        place = cases / safe_name(case_id, sha256(case_id.encode()))
        place.mkdir(parents=True, exist_ok=True)
        case = cls(place, about, actor, purpose, clock)
        with folder_lock(place):
            if not (place / ABOUT_NAME).exists():
                about.write(place)
                case._record("created", case_id)
                return case
            existing = CaseAbout.read(place)
            asked = (about.case_id, about.log_origin, about.log_manifest_sha256, about.question)
            if asked != (existing.case_id, existing.log_origin, existing.log_manifest_sha256, existing.question):
                raise MisuseError(
                    f"The case {case_id} in {place} is about another log or another question",
                    "Choose another id, or reopen that case with Case.open"
                    + (_AS_OF.format(_size(existing.log_checkpoint)) if existing.log_checkpoint else ""),
                )
            case._record("reopened", case_id)
        return cls(place, existing, actor, purpose, clock)

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        actor: str | None = None,
        purpose: str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Open the case that stands in `folder`; opening it to read leaves no custody line.

        Raises
        ------
        AuditLabError
            There is no case, or its record is damaged.
        """
        place = Path(folder)
        about = CaseAbout.read(place)
        return cls(place, about, actor or about.actor, purpose or about.purpose, clock)

    @property
    def case_id(self) -> str:
        """The case's id."""
        return self.about.case_id

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """The exhibits, in the order in which they were kept."""
        return read_exhibits(self.folder / _EXHIBITS)

    @property
    def findings(self) -> tuple[CaseFinding, ...]:
        """The findings, in the order in which they were stated."""
        return read_findings(self.folder)

    @property
    def conclusion(self) -> str | None:
        """The conclusion, when there is one."""
        return read_conclusion(self.folder)

    @property
    def custody(self) -> tuple[CustodyLine, ...]:
        """Who did what, when and why; reading checks the chain."""
        return self._custody_file.lines()

    def keep(self, thing: Any, title: str, note: str | None = None, query: str | None = None) -> Exhibit:
        """Keep a thing as an exhibit, named by its digest; the same thing again changes nothing.

        Parameters
        ----------
        thing
            A polars frame, an altair chart, a decision, a replay, an attribution, a drift, or the log's verification.
        title
            One line that says what is seen.
        note
            What a reader must know beside it.
        query
            The code or expression that made it.

        Raises
        ------
        MisuseError
            A case cannot keep such a thing, or the title is empty.
        """
        if not title.strip():
            raise MisuseError("An exhibit needs a title", "Say in one line what is seen")
        kept = represent(thing, self.about.log_origin)
        stated = Caption(title, note or "", query or "")
        with folder_lock(self.folder):
            exhibits = self.exhibits
            same = next((exhibit for exhibit in exhibits if exhibit.id == kept.digest), None)
            if same is None:
                exhibit = write_exhibit(
                    self.folder / _EXHIBITS, max((each.number for each in exhibits), default=0) + 1, kept, stated
                )
                self._record("exhibit kept", exhibit.id)
                return exhibit
            if same.caption != stated:
                same = same.retitled(stated)
                self._record("exhibit retitled", same.id)
            if same.id not in {line.subject for line in self.custody}:
                self._record("exhibit kept", same.id)
            return same

    def finding(self, claim: str, supported_by: Sequence[Exhibit | str], confidence: str) -> CaseFinding:
        """State a finding and the exhibits that it rests on; the same statement again changes nothing.

        Parameters
        ----------
        claim
            What was found, in one sentence.
        supported_by
            Exhibits, or their ids (the first eight digits or more).
        confidence
            ``high``, ``medium`` or ``low``.

        Raises
        ------
        NotFoundError
            An id names no exhibit of this case.
        MisuseError
            The claim is empty, rests on nothing, or its confidence is unknown.
        """
        with folder_lock(self.folder):
            ids = tuple(self._exhibit_id(support) for support in supported_by)
            findings = self.findings
            stated = CaseFinding(f"F{len(findings) + 1}", claim, ids, confidence)
            for finding in findings:
                if (finding.claim, finding.supported_by, finding.confidence) == (claim, ids, confidence):
                    return finding
            write_findings(self.folder, (*findings, stated))
            self._record("finding stated", stated.id)
        return stated

    def conclude(self, text: str) -> None:
        """State the answer to the case's question; another answer replaces it, and custody says so.

        Raises
        ------
        MisuseError
            The text is empty.
        """
        if not text.strip():
            raise MisuseError(f"The conclusion of {self.case_id} is empty", "Answer the question of the case")
        with folder_lock(self.folder):
            before = self.conclusion
            if before != text:
                write_conclusion(self.folder, text)
                self._record("concluded" if before is None else "conclusion changed", sha256(text.encode()))

    def record(self, action: str, subject: str) -> None:
        """Append a line to the custody record."""
        with folder_lock(self.folder):
            self._record(action, subject)

    def _record(self, action: str, subject: str) -> None:
        self._custody_file.append(self.actor, action, subject, self.purpose)

    @property
    def _custody_file(self) -> CustodyFile:
        return CustodyFile(self.folder / CUSTODY_NAME, self.clock)

    def _exhibit_id(self, support: Exhibit | str) -> str:
        wanted = support.id if isinstance(support, Exhibit) else support
        found = [exhibit.id for exhibit in self.exhibits if exhibit.id.startswith(wanted)]
        if len(wanted) < _SHORTEST_PREFIX or len(found) != 1:
            raise NotFoundError(
                f"{wanted!r} names no exhibit of the case {self.case_id}", "Give an exhibit that the case keeps"
            )
        return found[0]

    def _repr_html_(self) -> str:
        """Show a summary in a notebook."""
        return summary_html(self.about, self.exhibits, self.findings, self.conclusion)


def _size(checkpoint: str) -> str:
    """Return the tree size that a checkpoint's note states, its second line."""
    return ([*checkpoint.split("\n"), "?"])[1]
