"""Actions, timeline, comments, status and edits of a case as parts of a page; every text in them is escaped."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from audit_lab.case.case_folder import EDITED
from audit_lab.dossier.moments import clock_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.exhibit import Exhibit
    from audit_lab.case.follow_up import CaseAction, CaseComment

__all__ = ["actions_html", "comments_html", "edits_html", "status_html", "timeline_html"]

_WHEN = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?")


def actions_html(actions: Sequence[CaseAction]) -> str:
    """Return the corrective and preventive actions with owner, due day and status; nothing where there are none."""
    rows = [(each.id, each.kind, each.what, each.owner, str(each.due), _state(each)) for each in actions]
    return _table("Actions", ("Action", "Kind", "What", "Owner", "Due", "Status"), rows)


def timeline_html(case: CaseFile, exhibits: Sequence[Exhibit]) -> str:
    """Return what happened when, in UTC and, where the case has a zone, in its local time; and what shows it."""
    numbers = {exhibit.id: exhibit.number for exhibit in exhibits}
    clock = clock_of(case.about.timezone)
    has_zone = clock.zone.key != "UTC"
    rows = [
        (
            _utc(each.at),
            *((clock.at(each.at).local_iso[:19].replace("T", " "),) if has_zone else ()),
            each.what,
            f"exhibit {numbers.get(each.exhibit, '?')}" if each.exhibit else f"stated by {each.by}",
        )
        for each in case.timeline
    ]
    return _table("Timeline", ("UTC", *((clock.zone.key,) if has_zone else ()), "What", "Shown by"), rows)


def status_html(case: CaseFile) -> str:
    """Return every status that the case was given; nothing where nobody gave it one."""
    rows = [(each.status, _utc(each.at), each.actor, each.why) for each in case.status_changes]
    return _table("Status", ("Status", "Since (UTC)", "By", "Why"), rows)


def comments_html(comments: Sequence[CaseComment], exhibits: Sequence[Exhibit]) -> str:
    """Return the comments, each with what it is about; nothing where there are none."""
    names = {exhibit.id: f"exhibit {exhibit.number}" for exhibit in exhibits}
    rows = [(_utc(each.at), each.author, names.get(each.about, each.about), each.text) for each in comments]
    return _table("Comments", ("UTC", "Author", "About", "Comment"), rows)


def edits_html(case: CaseFile) -> str:
    """Return which files of the case were changed past it, as custody says, or as nobody has said yet."""
    said = [f"{line.subject} (noted {line.at} by {line.actor})" for line in case.custody if line.action == EDITED]
    said += [f"{change.file} (not noted yet)" for change in case.edited()]
    if not said:
        return ""
    items = "".join(f"<li>{escape(each)}</li>" for each in said)
    return (
        f"<h2>Edited by hand</h2><p>These files were changed past the case, or a write was cut off:</p><ul>{items}</ul>"
    )


def _state(action: CaseAction) -> str:
    return f"{action.status}: {action.how}" if action.how else action.status


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(clock_of('UTC').zone):%Y-%m-%d %H:%M:%S}"


def _cell(text: str) -> str:
    """Return a cell; a day or a time stays on one line."""
    kind = ' class="when"' if _WHEN.fullmatch(text) else ""
    return f"<td{kind}>{escape(text)}</td>"


def _table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
