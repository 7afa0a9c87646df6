"""Look at a Parquet folder that somebody else wrote, and propose which column plays which role, and how surely."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from audit_lab.capture.candidate import Candidate, best_first
from audit_lab.capture.column_profile import FolderProfile, profile_folder
from audit_lab.capture.identity_candidates import IDENTITY
from audit_lab.capture.leftovers import InputProposal, LeftOut, feature_named, judge
from audit_lab.capture.output_candidates import OUTPUTS
from audit_lab.capture.score_evidence import weighed
from audit_lab.log.files.printable import printable
from audit_lab.log.foreign.mapping import GAP_EFFECTS, ROLES, Mapping
from audit_lab.log.foreign.scan import foreign_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["InputProposal", "LeftOut", "Proposal", "RoleProposal", "propose"]

#: Below this confidence a column is not proposed, only named as a runner-up.
_CHOSEN = 0.3
_LEVELS = ((0.75, "high"), (0.5, "medium"), (0.0, "low"))
#: A role leaves a column to another role that it fits better by more than this.
_BETTER = 0.15
_CLOSE = 0.1
_RUNNERS_UP = 3
#: An unused column that fits a role this well may give the answer away, so it is no input.
_TELLING = 0.5
_ORDER = (
    *("prediction_id", "occurred_at", "latency_ms", "score", "threshold", "model_version"),
    *("model_name", "decision", "outcome", "label", "request_id", "subject_id"),
)


@dataclass(frozen=True)
class RoleProposal:
    """One role: the column proposed for it, or None and what is lost without one.

    Parameters
    ----------
    role, meaning
        The role, and what it is for.
    column
        The column, named as the files name it; None is a gap.
    confidence, level
        From 0 to 1, and as a word: ``high``, ``medium``, ``low``, or ``none`` for a gap.
    why
        The evidence in words; for a gap, its effect. Safe for a terminal.
    samples
        Sample values, safe for a terminal.
    unit
        Of a time or duration that is a number.
    runners_up
        Other columns that might play the role, best first.
    """

    role: str
    meaning: str
    column: str | None
    confidence: float
    level: str
    why: str
    samples: tuple[str, ...] = ()
    unit: str | None = None
    runners_up: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """A proposed mapping of a foreign folder, with the evidence for it and the doubts about it."""

    folder: str
    files: int
    rows: int
    sampled_rows: int
    roles: tuple[RoleProposal, ...]
    inputs: tuple[InputProposal, ...]
    left_out: tuple[LeftOut, ...]
    concerns: tuple[str, ...]
    mapping: Mapping

    def to_dict(self) -> dict[str, Any]:
        """Return the proposal as JSON-safe values, columns named as the files name them."""
        return {**asdict(self), "mapping": {**asdict(self.mapping), "toml": self.mapping.to_toml()}}


def propose(folder: Path) -> Proposal:
    """Propose a mapping for a foreign Parquet folder, from names, types, statistics and a bounded sample.

    Nothing is decided silently: each role states its evidence and confidence, and low confidence is repeated in the
    mapping's notes, which every reader of the log sees.

    Raises
    ------
    MisuseError
        The folder is missing or holds no Parquet file.
    LogError
        A file cannot be read as Parquet.
    """
    found = foreign_folder(folder)
    profile = profile_folder(found)
    fits = _fits(profile)
    chosen = _assigned(fits)
    if "score" in chosen:
        fits |= {role: weighed(profile, role, fits[role], chosen["score"].column) for role in ("label", "outcome")}
    chosen = _assigned(fits)
    roles = tuple(_role(role, chosen, fits, profile) for role in ROLES)
    inputs, left_out = _leftovers(profile, fits, chosen)
    left_out += tuple(
        LeftOut(name, f"its type differs between files: {text}") for name, text in found.conflicts.items()
    )
    return Proposal(
        folder=str(folder),
        files=len(found.files),
        rows=profile.rows,
        sampled_rows=profile.sample.height,
        roles=roles,
        inputs=inputs,
        left_out=left_out,
        concerns=_concerns(roles, inputs, profile),
        mapping=_mapping(folder, roles, inputs),
    )


def _fits(profile: FolderProfile) -> dict[str, list[Candidate]]:
    """Return for each role every column that might play it, best first."""
    fits: dict[str, list[Candidate]] = {}
    for role, judged in {**IDENTITY, **OUTPUTS}.items():
        candidates = []
        for column in profile.columns.values():
            candidate = judged(column) if column.sample.len() else None
            if candidate is not None and feature_named(column):
                why = f"{candidate.why}, but its name marks it as an input"
                candidate = replace(candidate, confidence=candidate.confidence * 0.3, why=why)
            if candidate is not None:
                candidates.append(candidate)
        fits[role] = best_first(candidates)
    return fits


def _assigned(fits: dict[str, list[Candidate]]) -> dict[str, Candidate]:
    """Give each role its best column that no other role has taken or fits clearly better."""
    best: dict[str, float] = {}
    for candidates in fits.values():
        for candidate in candidates:
            best[candidate.column] = max(best.get(candidate.column, 0.0), candidate.confidence)
    chosen: dict[str, Candidate] = {}
    for role in _ORDER:
        taken = {candidate.column for candidate in chosen.values()}
        for candidate in fits[role]:
            better_elsewhere = best[candidate.column] - candidate.confidence > _BETTER
            if candidate.confidence >= _CHOSEN and candidate.column not in taken and not better_elsewhere:
                chosen[role] = candidate
                break
    return chosen


def _level(confidence: float) -> str:
    return next(word for bound, word in _LEVELS if confidence >= bound)


def _role(
    role: str, chosen: dict[str, Candidate], fits: dict[str, list[Candidate]], profile: FolderProfile
) -> RoleProposal:
    taken = {candidate.column: other for other, candidate in chosen.items()}
    found = chosen.get(role)
    rest = [candidate for candidate in fits[role] if found is None or candidate.column != found.column]
    runners_up = tuple(
        replace(candidate, why=f"{candidate.why}; taken as {taken[candidate.column]}")
        if candidate.column in taken
        else candidate
        for candidate in rest[:_RUNNERS_UP]
    )
    if found is None:
        return RoleProposal(role, ROLES[role], None, 0.0, "none", GAP_EFFECTS[role], runners_up=runners_up)
    confidence, why = found.confidence, found.why
    rival = next((candidate for candidate in rest if candidate.column not in taken), None)
    if rival is not None and found.confidence - rival.confidence < _CLOSE:
        confidence -= 0.2
        why = f"{why}; {printable(rival.column)} fits about as well"
    column = profile.columns[found.column]
    if column.nulls:
        why = f"{why}; missing in {column.nulls:,} of {column.rows:,} rows"
    confidence = round(max(confidence, 0.05), 2)
    level = _level(confidence)
    return RoleProposal(
        role, ROLES[role], found.column, confidence, level, why, column.examples, found.unit, runners_up
    )


def _leftovers(
    profile: FolderProfile, fits: dict[str, list[Candidate]], chosen: dict[str, Candidate]
) -> tuple[tuple[InputProposal, ...], tuple[LeftOut, ...]]:
    taken = {candidate.column for candidate in chosen.values()}
    telling: dict[str, str] = {}
    for role, candidates in fits.items():
        for candidate in candidates:
            if candidate.confidence >= _TELLING:
                telling.setdefault(candidate.column, f"it may be the {role} instead ({candidate.why})")
    judged = [
        LeftOut(name, telling[name]) if name in telling else judge(column)
        for name, column in profile.columns.items()
        if name not in taken
    ]
    inputs = tuple(each for each in judged if isinstance(each, InputProposal))
    return inputs, tuple(each for each in judged if isinstance(each, LeftOut))


def _concerns(
    roles: tuple[RoleProposal, ...], inputs: tuple[InputProposal, ...], profile: FolderProfile
) -> tuple[str, ...]:
    """Say what a reader must settle before relying on the mapping."""
    low = [
        f"{printable(role.column)} as {role.role} is a guess of low confidence: {role.why}."
        for role in roles
        if role.column is not None and role.level == "low"
    ]
    gaps = [role.why for role in roles if role.column is None]
    none = [] if inputs else ["No column looks like an input: predictions cannot be explained or replayed."]
    many = sum(role.column is not None for role in roles)
    empty = ["The files hold no rows."] if not profile.rows else []
    nothing = ["No column was recognised: is this a log of predictions?"] if not many else []
    return (*empty, *nothing, *low, *gaps, *none)


def _mapping(folder: Path, roles: tuple[RoleProposal, ...], inputs: tuple[InputProposal, ...]) -> Mapping:
    units = {role.role: role.unit for role in roles}
    return Mapping(
        origin=folder.resolve().name,
        columns={role.role: role.column for role in roles if role.column is not None},
        inputs=tuple(each.column for each in inputs),
        description="Mapping proposed from names, types and a sample of values; nobody has confirmed it yet.",
        time_unit=units["occurred_at"],
        latency_unit=units["latency_ms"] or "ms",
        extra_notes=tuple(
            f"Column {printable(role.column)} was taken as {role.role} with low confidence."
            for role in roles
            if role.column is not None and role.level == "low"
        ),
    )
