"""What is asked of a shift: between which windows, of what, and how much may be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit_lab.errors import MisuseError

__all__ = ["CONFIDENCE", "DEFAULT_LENGTH", "MINIMUM_ROWS", "CauseQuestion", "Span", "asked_windows"]

#: A window that only begins, with a moment, is so long.
DEFAULT_LENGTH = timedelta(weeks=4)
#: A window needs so many decisions for a mean that says anything.
MINIMUM_ROWS = 50
#: Of the intervals.
CONFIDENCE = 0.95

OF = ("score", "decision")


@dataclass(frozen=True)
class Span:
    """A half-open range of time, in UTC."""

    start: datetime
    end: datetime

    def words(self) -> str:
        """Return it as a sentence names it: ``2015-09-07 to 2015-09-13`` where it consists of whole days."""
        midnight = all(each.time() == datetime.min.time() for each in (self.start, self.end))
        if not midnight:
            return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"
        last = self.end - timedelta(days=1)
        return f"{self.start:%Y-%m-%d}" if last == self.start else f"{self.start:%Y-%m-%d} to {last:%Y-%m-%d}"

    def to_dict(self) -> dict[str, str]:
        """Return both ends as text."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}


@dataclass(frozen=True)
class CauseQuestion:
    """A question about a shift; what it means stands at `AuditLog.cause`.

    Parameters
    ----------
    before, after
        The windows.
    model
        Whose decisions.
    of, favourable
        ``score``, or ``decision`` with the decision whose rate is meant.
    columns
        The inputs that are looked at; all when None.
    rows
        How many decisions of each window a model may be run on; by the method when None.
    output
        The model's output that attributions are of; that in which scores are when None.
    minimum
        The least decisions of a window.
    seed
        Of all that is chosen or drawn.
    anyway
        Whether causes are looked for where nothing moved.
    """

    before: Span
    after: Span
    model: str
    of: str = "score"
    favourable: str | None = None
    columns: tuple[str, ...] | None = None
    rows: int | None = None
    output: str | None = None
    confidence: float = CONFIDENCE
    minimum: int = MINIMUM_ROWS
    seed: int = 0
    anyway: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be asked.

        Raises
        ------
        MisuseError
            It says what.
        """
        for name, span in (("after", self.after), ("before", self.before)):
            if span.start >= span.end:
                raise MisuseError(
                    f"the window {name} ({span.start:%Y-%m-%d %H:%M} to {span.end:%Y-%m-%d %H:%M}) is empty",
                    "Give its start before its end.",
                )
        if self.before.start < self.after.end and self.after.start < self.before.end:
            raise MisuseError(
                f"the windows overlap: {self.before.words()} and {self.after.words()}",
                "Give windows without a common moment, so that no decision is compared with itself.",
            )
        if self.of not in OF:
            raise MisuseError(f"there is no cause of {self.of!r}", "Ask of score, or of decision.")
        if (self.of == "decision") != (self.favourable is not None):
            raise MisuseError(
                "the rate of a decision is asked for, and not of which one"
                if self.of == "decision"
                else f"{self.favourable!r} is given as the decision, and the score is asked for",
                "Give of='decision' together with favourable=, like favourable='approve'.",
            )
        if not 0 < self.confidence < 1:
            raise MisuseError(f"the confidence is {self.confidence}", "Give one between 0 and 1, like 0.95.")
        if self.minimum < 2:  # noqa: PLR2004 - one row has no spread
            raise MisuseError(f"a window of {self.minimum} decisions says nothing", "Ask for at least 2.")
        if self.rows is not None and self.rows < 2:  # noqa: PLR2004
            raise MisuseError(f"rows is {self.rows}", "Run a model on at least 2 decisions of each window.")

    @property
    def what(self) -> str:
        """What moved, in words."""
        return "mean score" if self.of == "score" else f"rate of {self.favourable!r}"

    def to_dict(self) -> dict[str, Any]:
        """Return the question as JSON-safe values."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "model": self.model,
            "of": self.of,
            "favourable": self.favourable,
            "columns": None if self.columns is None else list(self.columns),
            "rows": self.rows,
            "output": self.output,
            "confidence": self.confidence,
            "minimum": self.minimum,
            "seed": self.seed,
            "anyway": self.anyway,
        }


def asked_windows(
    before: tuple[datetime | None, datetime | None] | None,
    after: tuple[datetime | None, datetime | None] | None,
    since: tuple[datetime, datetime | None] | None,
) -> tuple[Span, Span]:
    """Return the windows before and after.

    Parameters
    ----------
    before
        The one given; one as long as `after`, just before it, when None.
    after
        The one given.
    since
        In its place, a moment and when that what began was over; four weeks where it is not known to be.

    Raises
    ------
    MisuseError
        Neither or both of the last are given, or a window lacks an end.
    """
    if (after is None) == (since is None):
        raise MisuseError(
            "the window after is not given" if after is None else "both after and since are given",
            "Give after=(from, to), or since= a moment, an onset or an episode.",
        )
    later = _whole(after, "after") if since is None else Span(since[0], since[1] or since[0] + DEFAULT_LENGTH)
    if before is None:
        return Span(later.start - (later.end - later.start), later.start), later
    return _whole(before, "before"), later


def _whole(given: tuple[datetime | None, datetime | None] | None, name: str) -> Span:
    start, end = given or (None, None)
    if start is None or end is None:
        raise MisuseError(f"the window {name} lacks its start or its end", f"Give {name}=(from, to).")
    return Span(start, end)
