"""The view of a case: question, exhibits, findings, answer, actions, timeline, sign-offs and custody on one board."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.case.recorded_sign_offs import recorded_sign_offs
from audit_lab.errors import AuditLabError
from audit_lab.seal.hidden_letters import spelled
from audit_lab.widgets.page import badge, facts, listed, moment, note, page, paragraph, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.exhibit import Exhibit
    from audit_lab.case.recorded_sign_offs import RecordedSignOff

__all__ = ["CaseBoardView"]

_EXHIBITS = {
    "number": "Exhibit",
    "kind": "Kind",
    "title": "Title",
    "rows": "Rows",
    "method": "Method",
    "kept": "Kept",
    "by": "By",
    "digest": "Digest",
}
_FINDINGS = {"id": "Finding", "claim": "Claim", "confidence": "Confidence", "exhibits": "Rests on exhibits"}
_ACTIONS = {
    "id": "Action",
    "what": "What",
    "kind": "Kind",
    "owner": "Owner",
    "due": "Due",
    "status": "Status",
    "how": "How",
}
_EVENTS = {"at": "When", "what": "What", "source": "Source", "by": "By", "exhibit": "Exhibit"}
_COMMENTS = {"at": "When", "author": "By", "about": "About", "text": "Comment"}
_LINES = {"number": "Line", "at": "When", "actor": "Who", "action": "Act", "subject": "On", "why": "Why"}
_PICTURE = "chart.svg"
_LONGEST_SUBJECT = 16
#: So many custody lines are listed, the last ones.
_MOST_LINES = 50


class CaseBoardView(Panel):
    """All that a case says, with a dropdown for the exhibit to look at, and a button that reads its folder again.

    Parameters
    ----------
    case
        What ``al.Case.create(...)`` or ``al.Case.open(...)`` returned.
    """

    controls = ("exhibit",)

    def __init__(self, case: CaseFile) -> None:
        self._case = case
        self.exhibit = ipywidgets.Dropdown(options=self._choices(), value=0, description="Exhibit")
        self.again = ipywidgets.Button(description="Read again", tooltip="Read the case's folder again")
        self._content, self._detail = ipywidgets.HTML(), ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        super().__init__([self._content, ipywidgets.HBox([self.exhibit, self.again]), self._detail, drawer])
        self.exhibit.observe(self._refresh, names="value")
        self.again.on_click(self._read_again)
        self._refresh()

    @property
    def subject(self) -> CaseFile:
        """The case."""
        return self._case

    def parts(self) -> list[str]:
        """Return the board, and the chosen exhibit."""
        return [*self._board(), *self._chosen()]

    def text(self) -> str:
        """Return id, status, question, answer and counts in lines of text."""
        case = self._case
        counts = f"{len(case.exhibits)} exhibits, {len(case.findings)} findings, {len(case.actions)} actions"
        return "\n".join(
            [
                f"Case {case.case_id} about the log {case.about.log_origin}: {case.status}; {counts}.",
                case.about.question,
                case.conclusion or "No conclusion yet.",
                *_void(recorded_sign_offs(case)),
            ]
        )

    def code(self) -> str:
        """Return the Python that opens the case and shows it, with the chosen exhibit."""
        opened = f"case = al.Case.open({str(self._case.folder)!r})"
        return f"import audit_lab as al\n\n{opened}\n{self._showing('case')}\n"

    def _choices(self) -> list[tuple[str, int]]:
        exhibits = [(spelled(f"{each.number}: {each.title}"[:90]), each.number) for each in self._case.exhibits]
        return [("none", 0), *exhibits]

    def _read_again(self, _: Any) -> None:
        chosen, choices = self.exhibit.value, self._choices()
        self.exhibit.options = choices
        self.exhibit.value = chosen if chosen in {number for _, number in choices} else 0
        self._refresh()

    def _refresh(self, _: Any = None) -> None:
        self._code.value = self._shown_code()
        try:
            self._content.value, self._detail.value = page(self._board()), page(self._chosen())
        except AuditLabError as error:
            self._content.value, self._detail.value = page([note(str(error), bad=True)]), ""

    def _board(self) -> list[str]:
        case, about = self._case, self._case.about
        numbers = {each.id: each.number for each in case.exhibits}
        edited, signed = [each.file for each in case.edited()], recorded_sign_offs(case)
        return [
            badge(f"{case.case_id}: {case.status}"),
            *(note(line, bad=True) for line in _void(signed)),
            section("Question", paragraph(about.question)),
            section("Answer", note(case.conclusion) if case.conclusion else paragraph("No conclusion yet.")),
            note(f"Changed past the case: {', '.join(edited)}", bad=True) if edited else "",
            section(f"Exhibits: {len(numbers)}", table([self._row(each) for each in case.exhibits], _EXHIBITS)),
            section("Findings", table(_findings(case, numbers), _FINDINGS)),
            section("Actions", table([each.to_dict() for each in case.actions], _ACTIONS)),
            section("Timeline", table(_events(case, numbers), _EVENTS)),
            section("Sign-offs", self._sign_offs(signed)),
            section("Comments", table([_dated(each) for each in case.comments], _COMMENTS)),
            section("Custody", self._custody()),
            section("Scope", facts([("Log", about.log_origin), ("Actor", about.actor), *_scope(case)])),
        ]

    def _row(self, exhibit: Exhibit) -> dict[str, Any]:
        kept = self._case.kept(exhibit)
        said = {name: getattr(exhibit, name) for name in ("kind", "title", "rows", "method")}
        when = {"kept": moment(kept.at), "by": kept.actor} if kept else {}
        return {"number": str(exhibit.number), "digest": exhibit.id[:12], **said, **when}

    def _sign_offs(self, signed: Sequence[RecordedSignOff]) -> str:
        needed = ", ".join(self._case.about.sign_offs)
        given = [f"{each}: {each.state}" for each in signed]
        return paragraph(f"Needed: {needed}." if needed else "None is needed.") + listed(given)

    def _custody(self) -> str:
        lines = self._case.custody
        rows = [
            {**line.to_dict(), "number": str(line.number), "at": moment(line.at), "subject": _short(line.subject)}
            for line in lines[-_MOST_LINES:]
        ]
        earlier = len(lines) - len(rows)
        return table(rows, _LINES) + paragraph(f"{earlier:,} earlier lines are not listed." if earlier else "")

    def _chosen(self) -> list[str]:
        if not self.exhibit.value:
            return []
        exhibit = self._case.exhibit(self.exhibit.value)
        known = [("Kind", exhibit.kind), ("Rows", exhibit.rows), ("Method", exhibit.method), ("Query", exhibit.query)]
        code = f'<pre style="white-space: pre-wrap">{escape(exhibit.code)}</pre>' if exhibit.code else ""
        return [
            section(
                f"Exhibit {exhibit.number}: {exhibit.title}",
                paragraph(exhibit.note)
                + _drawn(exhibit)
                + facts([*known, ("Digest", exhibit.id), ("Files", list(exhibit.files))]),
            ),
            section("Code", code),
        ]


def _void(signed: Sequence[RecordedSignOff]) -> list[str]:
    """Return a line for each sign-off that no longer counts."""
    return [f"VOID: {each}: {each.void}" for each in signed if each.void is not None]


def _drawn(exhibit: Exhibit) -> str:
    """Return the picture of an exhibit, as an image: what a folder holds is nobody's to run."""
    place = exhibit.folder / _PICTURE
    if _PICTURE not in exhibit.files or not place.is_file():
        return ""
    encoded = base64.b64encode(place.read_bytes()).decode("ascii")
    looks = "display: block; max-width: 100%; height: auto"
    return f'<img alt="{escape(exhibit.title)}" style="{looks}" src="data:image/svg+xml;base64,{encoded}">'


def _findings(case: CaseFile, numbers: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {**each.to_dict(), "exhibits": ", ".join(str(numbers.get(support, "?")) for support in each.supported_by)}
        for each in case.findings
    ]


def _events(case: CaseFile, numbers: dict[str, int]) -> list[dict[str, Any]]:
    return [{**_dated(each), "exhibit": str(numbers.get(each.exhibit, ""))} for each in case.timeline]


def _dated(record: Any) -> dict[str, Any]:
    return {**record.to_dict(), "at": moment(record.at.isoformat())}


def _scope(case: CaseFile) -> list[tuple[str, str]]:
    return [(name.replace("_", " ").capitalize(), value) for name, value in case.about.scope().items()]


def _short(subject: str) -> str:
    return subject if len(subject) <= _LONGEST_SUBJECT else f"{subject[:12]}\N{HORIZONTAL ELLIPSIS}"
