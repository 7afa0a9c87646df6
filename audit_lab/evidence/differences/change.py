"""The outcome of a comparison: what was compared, with its verdict, and each thing that changed."""

from __future__ import annotations

import html
import json
from dataclasses import asdict, dataclass
from typing import Any

from audit_lab.seal.hidden_letters import spelling

__all__ = ["PARTS", "Change", "Differences", "Seen", "shown"]

#: The parts of a case, in the order in which they are told.
PARTS = (
    "question",
    "scope",
    "log",
    "checkpoint",
    "exhibits",
    "findings",
    "conclusion",
    "actions",
    "timeline",
    "follow-up",
    "report",
    "notebook",
    "rows",
    "models",
    "environment",
    "custody",
    "signature",
    "sign-offs",
    "other files",
    "times",
    "pages",
)

_LONGEST = 240


@dataclass(frozen=True)
class Change:
    """One thing that changed.

    Attributes
    ----------
    part
        One of `PARTS`.
    what
        ``added``, ``removed`` or ``changed``.
    name
        Which thing: an exhibit's number and title, a cell, a package, a member of a document.
    before, after
        What it was and is, in short; None where it was not there.
    details
        What changed in it, a line each: rows and values, lines of source.
    """

    part: str
    what: str
    name: str
    before: str | None = None
    after: str | None = None
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the change as one line, without its details."""
        if self.what == "changed" and (self.before is not None or self.after is not None):
            return f"{self.name} changed: {self.before} -> {self.after}"
        value = self.after if self.what == "added" else self.before
        return f"{self.name} {self.what}" + ("" if value is None else f": {value}")


@dataclass(frozen=True)
class Seen:
    """One side of a comparison: what it is (``bundle`` or ``case``), its verdict, and the codes of what was found."""

    subject: str
    kind: str
    verdict: str | None = None
    findings: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the side and its verdict as one line."""
        if self.verdict is None:
            return f"{self.subject}: a case that was not exported, so that there is nothing to verify"
        found = f" ({', '.join(self.findings)})" if self.findings else ""
        return f"{self.verdict}  {self.subject}{found}"


@dataclass(frozen=True)
class Differences:
    """What changed from one bundle or case to another.

    Attributes
    ----------
    before, after
        The two sides.
    changes
        Everything that changed, in the order of `PARTS`; empty where both say the same.
    not_compared
        What was not compared, and why, a phrase each.
    """

    before: Seen
    after: Seen
    changes: tuple[Change, ...]
    not_compared: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing changed."""
        return not self.changes

    @property
    def only_times(self) -> bool:
        """Whether nothing changed but times, and the pages that show them."""
        return all(change.part in {"times", "pages"} for change in self.changes) and (
            self.equal or any(change.part == "times" for change in self.changes)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as a JSON-safe dictionary."""
        return {
            "before": asdict(self.before) | {"findings": list(self.before.findings)},
            "after": asdict(self.after) | {"findings": list(self.after.findings)},
            "equal": self.equal,
            "only_times": self.only_times,
            "changes": [asdict(change) | {"details": list(change.details)} for change in self.changes],
            "not_compared": list(self.not_compared),
        }

    def __str__(self) -> str:
        """Return the comparison as lines of text."""
        lines = [str(self.before), str(self.after)]
        lines += [f"{change.part}: {change}" for change in self.changes] or ["Nothing changed."]
        return "\n".join(lines)

    @spelling
    def _repr_html_(self) -> str:
        """Show the comparison in a notebook; nothing in it is taken as markup."""
        parts = [f"<p>{html.escape(str(self.before))}<br>{html.escape(str(self.after))}</p>"]
        for change in self.changes:
            details = "".join(f"<li>{html.escape(line)}</li>" for line in change.details)
            parts.append(f"<p><b>{html.escape(change.part)}</b> {html.escape(str(change))}</p>")
            parts += [f"<ul>{details}</ul>"] if details else []
        return "".join(parts) if self.changes else f"{parts[0]}<p>Nothing changed.</p>"


def shown(value: Any) -> str:
    """Return a value in short, on one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"
