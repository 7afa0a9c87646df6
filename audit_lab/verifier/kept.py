"""That custody says of every exhibit of a case that it was kept, and of which files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.seal.custody import parse_custody
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.strict_json import parse_json
from audit_lab.verifier.layout import CUSTODY, INVESTIGATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_lab.seal.custody import CustodyLine
    from audit_lab.verifier.contents import Contents

__all__ = ["BY_HAND", "KEPT", "check_kept"]

#: What custody calls it that an exhibit came to a case.
KEPT = "exhibit kept"
#: What custody calls it that files are other than it left them.
BY_HAND = "edited by hand"
_NEXT = "Ask the investigator which is right, and for the case's folder if it stays open"


def check_kept(contents: Contents) -> list[Finding]:
    """Return a finding for every exhibit that custody, in which nothing is wrong, does not know.

    An exhibit from which something is withheld goes by the id that it has in the case.
    """
    lines = parse_custody(contents.document(CUSTODY) or b"", CUSTODY)
    try:
        value = parse_json(contents.document(INVESTIGATION) or b"", INVESTIGATION)
    except MalformedError:
        return []
    exhibits = value.get("exhibits") if isinstance(value, dict) else None
    if not isinstance(exhibits, list):
        return []
    return [Finding("case.exhibit-not-kept", INVESTIGATION, what, _NEXT) for what in _faults(exhibits, lines)]


def _faults(exhibits: Sequence[Any], lines: Sequence[CustodyLine]) -> Iterator[str]:
    kept: dict[str, list[CustodyLine]] = {}
    for line in lines:
        if line.action == KEPT:
            kept.setdefault(line.subject, []).append(line)
    for exhibit in exhibits:
        if not isinstance(exhibit, dict) or not isinstance(exhibit.get("id"), str):
            continue
        own = exhibit.get("redacted_from", exhibit["id"])
        acts = kept.get(own, []) if isinstance(own, str) else []
        stated = (exhibit.get("kept_at"), exhibit.get("kept_by"))
        if not acts and not _was_put_there(exhibit, lines):
            yield f"exhibit {exhibit.get('number')!a} is none that custody says was kept"
        elif acts and stated != (None, None) and stated not in {(act.at, act.actor) for act in acts}:
            yield f"exhibit {exhibit.get('number')!a} was kept by another person, or at another time, by custody"


def _was_put_there(exhibit: dict[str, Any], lines: Sequence[CustodyLine]) -> bool:
    """Whether custody says that files of the exhibit were edited by hand, and left them as they are here."""
    number, files = exhibit.get("number"), exhibit.get("files")
    if not isinstance(number, int) or not isinstance(files, list):
        return False
    folder = f"exhibits/{number:03}-"
    changes = [(line, change) for line in lines for change in line.changes or () if change.file.startswith(folder)]
    if not any(line.action == BY_HAND for line, _ in changes):
        return False
    last = {change.file.split("/", 2)[-1]: change.after for _, change in changes}
    known = (isinstance(file, dict) and last.get(str(file.get("name"))) == file.get("sha256") for file in files)
    return "redacted_from" in exhibit or all(known)
