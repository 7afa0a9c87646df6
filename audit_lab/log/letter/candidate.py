"""A decision that a letter may speak of, and, clue by clue, why it matches and what does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.printable import printable
from audit_lab.log.letter.amount import EXACT, LetterAmount, number_text, numeric_inputs
from audit_lab.log.letter.local_time import LetterTime, duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import polars as pl

__all__ = ["Candidate", "Clues", "Reason", "Surroundings", "as_word", "candidate_of", "same_word"]


@dataclass(frozen=True)
class Clues:
    """What a letter says, read: each clue may be missing. `subject` is the pseudonym that the log would hold."""

    subject: str | None = None
    time: LetterTime | None = None
    amount: LetterAmount | None = None
    decision: str | None = None
    model: str | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the clues that there are, in the order in which reasons are given."""
        given = {"customer": self.subject, "time": self.time, "amount": self.amount, "decision": self.decision}
        return tuple(name for name, value in given.items() if value is not None)


@dataclass(frozen=True)
class Reason:
    """What one clue says about one candidate: ``customer``, ``time``, ``amount`` or ``decision``."""

    clue: str
    matches: bool
    words: str


@dataclass(frozen=True)
class Surroundings:
    """What stands elsewhere in the log about a prediction: its rows of inputs, and what persons decided later."""

    inputs: pl.DataFrame | None = field(repr=False, default=None)
    units: Mapping[str, str | None] = field(default_factory=dict)
    overridden_to: Sequence[str] = ()


@dataclass(frozen=True)
class Candidate:
    """One prediction with its reasons; `local_time` is what the clocks in the letter's zone showed."""

    place: str
    prediction_id: str
    occurred_at: datetime | None
    local_time: str | None
    model_name: str | None
    model_version: str | None
    decision: str | None
    reasons: tuple[Reason, ...]
    offset: timedelta | None = None
    amount_rank: int | None = None

    @property
    def matches(self) -> int:
        """How many of the clues match."""
        return sum(reason.matches for reason in self.reasons)

    @property
    def why(self) -> str:
        """All reasons in one sentence, those that match first."""
        return "; ".join(reason.words for reason in sorted(self.reasons, key=lambda each: not each.matches))


def as_word(column: pl.Expr) -> pl.Expr:
    """Return a column of decisions as `same_word` compares them."""
    return column.str.strip_chars().str.to_lowercase()


def same_word(recorded: str, given: str) -> bool:
    """Whether two decisions are the same word, whatever its case; no word stands for another."""
    return recorded.strip().lower() == given.strip().lower()


def candidate_of(clues: Clues, row: Mapping[str, Any], place: str, around: Surroundings) -> Candidate:
    """Compare one row of predictions with the clues of a letter."""
    moment = row["occurred_at"]
    amount, rank = _amount(clues.amount, around) if clues.amount else (None, None)
    reasons = (
        _customer(clues.subject, row["subject_id"]) if clues.subject else None,
        _time(clues.time, moment) if clues.time else None,
        amount,
        _decision(clues.decision, row, around.overridden_to) if clues.decision else None,
    )
    return Candidate(
        place=place,
        prediction_id=row["prediction_id"],
        occurred_at=moment,
        local_time=clues.time.local(moment) if clues.time and moment else None,
        model_name=row["model_name"],
        model_version=row["model_version"],
        decision=row["decision"],
        reasons=tuple(reason for reason in reasons if reason is not None),
        offset=clues.time.offset(moment) if clues.time and moment else None,
        amount_rank=rank,
    )


def _customer(subject: str, recorded: str | None) -> Reason:
    if recorded == subject:
        return Reason("customer", matches=True, words="the subject is this customer")
    what = "no subject is recorded" if recorded is None else "the subject is another customer"
    return Reason("customer", matches=False, words=what)


def _time(given: LetterTime, moment: datetime | None) -> Reason:
    if moment is None:
        return Reason("time", matches=False, words="no time is recorded")
    offset = given.offset(moment)
    if not offset:
        days = any(first != last for first, last in given.spans)
        return Reason("time", matches=True, words="on the day given" if days else "at the very time given")
    words = f"{duration_text(offset)} {'before' if offset < timedelta(0) else 'after'} the time given"
    matches = abs(offset) <= given.within
    return Reason("time", matches, words if matches else f"{words}, which is further off than asked")


def _amount(given: LetterAmount, around: Surroundings) -> tuple[Reason, int | None]:
    if around.inputs is None or not around.inputs.height:
        return Reason("amount", matches=False, words=f"amount {given}: no inputs are recorded"), None
    rows = around.inputs.to_dicts()
    twice = f" (its inputs stand in {len(rows)} rows)" if len(rows) > 1 else ""
    units = {name: around.units.get(name) for name in numeric_inputs(around.inputs.schema)}
    matches = [match for row in rows if (match := given.closest(row, units)) is not None]
    if matches:
        name, value, way = min(matches, key=lambda each: each[2].rank)
        shown = _input(name, "" if way.rank == EXACT else number_text(value), units[name])
        return Reason("amount", matches=True, words=f"amount {given} {way.words.format(shown)}{twice}"), way.rank
    words = f"amount {given} stands in no input"
    near = [found for row in rows if (found := given.nearest(row, units)) is not None]
    if near:
        name, value = min(near, key=lambda each: abs(float(each[1]) - float(given.value)))
        words += f": the nearest is {_input(name, number_text(value), units[name])}"
    return Reason("amount", matches=False, words=words + twice), None


def _input(name: str, value: str, unit: str | None) -> str:
    """Return an input with its value and its unit, for example ``inputs.credit_amount 2,487 (EUR)``."""
    shown = f"inputs.{printable(name)} {value}".rstrip()
    return f"{shown} ({printable(unit)})" if unit else shown


def _decision(given: str, row: Mapping[str, Any], overridden_to: Sequence[str]) -> Reason:
    for what, recorded in _decisions(row, overridden_to):
        if same_word(recorded, given):
            return Reason("decision", matches=True, words=f"{what} {printable(repr(recorded))}")
    recorded = row["decision"]
    if recorded is None:
        return Reason("decision", matches=False, words=f"decision {printable(repr(given))}: none is recorded")
    words = f"decision {printable(repr(given))} differs: recorded {printable(repr(recorded))}"
    return Reason("decision", matches=False, words=words)


def _decisions(row: Mapping[str, Any], overridden_to: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what was decided: by the model's service, by a person later, and what the model's label was."""
    yield from (("decision", value) for value in (row["decision"],) if value is not None)
    yield from (("overridden to", value) for value in overridden_to)
    label = (row["outputs"] or {}).get("label")
    yield from (("label", value) for value in (label,) if value is not None)
