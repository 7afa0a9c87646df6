"""A case: one investigation as a folder of plain files."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from audit_lab.case.about import ABOUT_NAME, CaseAbout
from audit_lab.case.case_folder import EXHIBITS_FOLDER, REPORT_NAME, utc_now
from audit_lab.case.conclusions import CONCLUSION_NAME, FINDINGS_NAME, CaseFinding, findings_content
from audit_lab.case.custody_file import Act
from audit_lab.case.draft import draft_sections
from audit_lab.case.draft_text import draft_markdown
from audit_lab.case.exhibit import EXHIBIT_NAME, Caption, Exhibit, write_exhibit
from audit_lab.case.folder_lock import folder_lock
from audit_lab.case.followed_case import FollowedCase
from audit_lab.case.opening import Opening, Window, opening_of
from audit_lab.case.recorded_sign_offs import recorded_sign_offs
from audit_lab.case.representation import represent
from audit_lab.case.summary import summary_html
from audit_lab.errors import MisuseError
from audit_lab.seal.digests import sha256
from audit_lab.seal.hidden_letters import spelling
from audit_lab.seal.portable_name import safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Self

__all__ = ["CASES_VARIABLE", "CaseFile", "ExaminedLog"]

#: The environment variable that names the folder in which cases are made.
CASES_VARIABLE = "AUDIT_LAB_CASES"

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


class CaseFile(FollowedCase):
    """One investigation: its question, exhibits, findings, conclusion, what follows, and who did what to it."""

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
        persons: int = 2,
        folder: Path | str | None = None,
        alert: Any = None,
        decision: Any = None,
        window: Window | None = None,
        timezone: str | None = None,
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
        persons
            By how many persons the bundle is to be signed at least, `actor` among them: by 2, whoever reviews or
            approves is another person; by 3, whoever approves is no reviewer, either; by 1, it may all be one.
        folder
            The folder in which cases stand; default: the environment variable AUDIT_LAB_CASES, else ``cases``.
        alert
            The alert that the case is opened from, as a watch of the log gives it: its model, version and window become
            the scope, and it, its versions and their lineage the first exhibits.
        decision
            The decision that the case is opened from: its model and version become the scope, it and its lineage the
            first exhibits, and what happened around it the timeline.
        window
            The time that is looked into, from its first moment to the first one behind it: text like ``2015-07-01``,
            dates or times. An alert brings its own.
        timezone
            IANA name of the zone whose local times stand beside UTC; default: AUDIT_LAB_TIMEZONE, else UTC.
        clock
            Gives the time of custody lines.

        Raises
        ------
        MisuseError
            A case of that id is about another log or another question, there is no such zone, or the window is none.
        """
        opening = opening_of(alert, decision, timezone, window)
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
            persons=persons,
            **opening.scope,
        )
        cases = Path(folder or os.environ.get(CASES_VARIABLE) or "cases")
        place = cases / safe_name(case_id, sha256(case_id.encode()))
        place.mkdir(parents=True, exist_ok=True)
        case = cls(place, about, actor, purpose, clock)
        with folder_lock(place):
            if not (place / ABOUT_NAME).exists():
                case._commit(Act("created", case_id), contents={ABOUT_NAME: about.content()})
                is_new = True
            else:
                is_new = False
        if is_new:
            case._keep_opening(opening)
            return case
        with folder_lock(place):
            existing = CaseAbout.read(place)
            asked = (about.case_id, about.log_origin, about.log_manifest_sha256, about.question)
            if asked != (existing.case_id, existing.log_origin, existing.log_manifest_sha256, existing.question):
                raise MisuseError(
                    f"The case {case_id} in {place} is about another log or another question",
                    "Choose another id, or reopen that case with Case.open"
                    + (_AS_OF.format(_size(existing.log_checkpoint)) if existing.log_checkpoint else ""),
                )
            case._commit(Act("opened again", case_id))
        return cls(place, existing, actor, purpose, clock)

    def keep(
        self,
        thing: Any,
        title: str,
        note: str | None = None,
        query: str | None = None,
        *,
        code: str | None = None,
        method: str | None = None,
    ) -> Exhibit:
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
            The query or expression that made it.
        code
            The code that makes it again.
        method
            By which method it was computed; default: what the thing says of itself.

        Raises
        ------
        MisuseError
            A case cannot keep such a thing, the title is empty, or the case is closed.
        """
        if not title.strip():
            raise MisuseError("An exhibit needs a title", "Say in one line what is seen")
        kept = represent(thing, self.about.log_origin)
        stated = Caption(title, note or "", query or "", code or "", method or kept.method)
        with folder_lock(self.folder):
            exhibits = self.exhibits
            same = next((exhibit for exhibit in exhibits if exhibit.id == kept.digest), None)
            if same is None:
                self._check_open()
                self._custody_file.following((), self.actor, self.purpose)
                number = max((each.number for each in exhibits), default=0) + 1
                made = write_exhibit(self.folder / EXHIBITS_FOLDER, number, kept, stated)
                self._commit(Act("exhibit kept", made.id), added=self._files_of(made))
                return made
            if same.caption != stated:
                self._check_open()
                same = same.retitled(stated)
                name = f"{EXHIBITS_FOLDER}/{same.folder.name}/{EXHIBIT_NAME}"
                self._commit(Act("exhibit retitled", same.id), contents={name: same.content()})
            if same.id not in {line.subject for line in self.custody}:
                self._commit(Act("exhibit kept", same.id))
            return same

    def finding(self, claim: str, supported_by: Sequence[Exhibit | str | int], confidence: str) -> CaseFinding:
        """State a finding and the exhibits that it rests on; the same statement again changes nothing.

        Parameters
        ----------
        claim
            What was found, in one sentence.
        supported_by
            Exhibits, their numbers, or their ids (the first eight digits or more).
        confidence
            ``high``, ``medium`` or ``low``.

        Raises
        ------
        NotFoundError
            An id names no exhibit of this case.
        MisuseError
            The claim is empty, rests on nothing, or its confidence is unknown; or the case is closed.
        """
        with folder_lock(self.folder):
            ids = tuple(self.exhibit(support).id for support in supported_by)
            findings = self.findings
            stated = CaseFinding(f"F{len(findings) + 1}", claim, ids, confidence)
            for finding in findings:
                if (finding.claim, finding.supported_by, finding.confidence) == (claim, ids, confidence):
                    return finding
            self._check_open()
            content = findings_content((*findings, stated))
            self._commit(Act("finding stated", stated.id), contents={FINDINGS_NAME: content})
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
                self._check_open()
                act = Act("concluded" if before is None else "conclusion changed", sha256(text.encode()))
                self._commit(act, contents={CONCLUSION_NAME: text.encode()})

    def draft_report(self) -> Path:
        """Draft the incident report from what the case holds, as ``report.md`` in its folder, and return its path.

        Each sentence is computed from an exhibit, or is what somebody stated in the case, and names it. The report says
        that it is a draft, in words. One that was edited by hand is replaced, and custody has the digests of both.
        """
        return self._report(None)

    def _report(self, approved: str | None) -> Path:
        """Write the report; `approved` is a sentence that takes the place of the words that say that it is a draft."""
        with folder_lock(self.folder):
            content = draft_markdown(self, draft_sections(self), approved).encode()
            place = self.folder / REPORT_NAME
            if not place.exists() or place.read_bytes() != content:
                act = "report drafted" if approved is None else "report of an approved bundle written"
                self._commit(Act(act, sha256(content)), contents={REPORT_NAME: content})
        return place

    def _keep_opening(self, opening: Opening) -> None:
        """Keep the first exhibits of a case that was opened from something, and put their events on the timeline."""
        for first in opening.exhibits:
            exhibit = self.keep(first.thing, first.title, first.note, first.query)
            for at, what in first.events:
                self.event(at, what, exhibit=exhibit)

    def _files_of(self, exhibit: Exhibit) -> list[str]:
        return [f"{EXHIBITS_FOLDER}/{exhibit.folder.name}/{name}" for name in (*exhibit.files, EXHIBIT_NAME)]

    @spelling
    def _repr_html_(self) -> str:
        """Show a summary in a notebook."""
        signed = recorded_sign_offs(self)
        return summary_html(self.about, self.exhibits, self.findings, self.conclusion, self.status, sign_offs=signed)

    def to_dict(self) -> dict[str, Any]:
        """Return all that the case says as JSON-safe values, with its sign-offs by custody, without its folder."""
        return {**super().to_dict(), "sign_offs": [asdict(each) for each in recorded_sign_offs(self)]}


def _size(checkpoint: str) -> str:
    """Return the tree size that a checkpoint's note states, its second line."""
    return ([*checkpoint.split("\n"), "?"])[1]
