"""The re-run of a verified bundle: a verdict for each cell, and what it comes to."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError, ModelError
from audit_lab.evidence.environment import environment_facts, facts_in
from audit_lab.evidence.pinned_log import open_pinned
from audit_lab.evidence.rerun.allowed_distance import AllowedDistance, allowed_distance
from audit_lab.evidence.rerun.environment_change import environment_changes
from audit_lab.evidence.rerun.exhibits import AgainMade, exhibits_again
from audit_lab.evidence.rerun.log_place import log_place
from audit_lab.evidence.rerun.outputs import differences
from audit_lab.evidence.rerun.own_cells import own_cells
from audit_lab.evidence.rerun.recorded_environment import PRESENT, RECORDED, recorded_environment
from audit_lab.evidence.rerun.world import WALLS, RerunLimits, ShownLog, run_behind_walls
from audit_lab.face import open_log
from audit_lab.face.pinned import LogPin
from audit_lab.log.store import open_store
from audit_lab.replay.environment.whole_environment import packages_folder
from audit_lab.seal.report import Finding, Verdict, Verification
from audit_lab.verifier.layout import ENVIRONMENT, INVESTIGATION, MODELS, NOTEBOOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from audit_lab.replay.environment.environment_cache import BuiltEnvironment
    from audit_lab.verifier.container import Container
    from audit_lab.verifier.predicate import Predicate

__all__ = ["VOLATILE_TAG", "Rerun", "RerunCell", "RerunVerification", "with_rerun"]

#: A cell with this tag declares that it shows something else each time.
VOLATILE_TAG = "volatile"

_NEXT = "Ask the investigator how the output came about; what the code gives now stands in the report"
_REPRODUCED, _DIFFERS, _NOT_RUN, _VOLATILE = "reproduced", "differs", "not re-executed", "volatile"
_FAILED = "it failed: "
_SHOWN_CHANGES = 20


@dataclass(frozen=True)
class Rerun:
    """How a bundle's notebook is run again.

    Parameters
    ----------
    log
        The folder of the log that the case is about.
    run_foreign_code
        Whether free-form cells may run, which are their author's code; those that the library wrote run anyway.
    tolerance
        How far two numbers may lie apart, absolutely; 0 asks for equal text. Default: what the registry declares for
        the models that the case speaks of, else what the log declared in its first entry, else 0.
    limits
        What the run may use.
    progress
        Called as cells begin.
    environment
        ``present``, or ``recorded``: what the bundle records, made again with the recorded packages to the last file.
    wheels, leave_out
        For the latter: a folder to take wheels from instead of a registry, and packages to do without.
    """

    log: Path
    run_foreign_code: bool = False
    tolerance: float | None = None
    limits: RerunLimits = field(default_factory=RerunLimits)
    progress: Callable[[str, int], None] | None = None
    environment: str = PRESENT
    wheels: Path | None = None
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class RerunCell:
    """What became of one code cell.

    Attributes
    ----------
    number
        Its place among all cells of the notebook, from 1.
    cell_id
        Its id in the notebook.
    verdict
        ``reproduced``, ``differs``, ``volatile`` (declared so, and not compared) or ``not re-executed``.
    differences
        What differs, and where.
    generated
        Whether it is the library's own code, written again and found equal; otherwise it is its author's.
    """

    number: int
    cell_id: str
    verdict: str
    differences: tuple[str, ...] = ()
    generated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the cell as a JSON-safe dictionary."""
        stated = {"number": self.number, "id": self.cell_id, "verdict": self.verdict, "generated": self.generated}
        return {**stated, "differs": list(self.differences)}


@dataclass(frozen=True)
class RerunVerification(Verification):
    """The report on a bundle whose notebook was to be run again.

    Attributes
    ----------
    cells
        Every code cell, in order.
    environment_changes
        Where the environment here is another than the recorded one.
    tolerance, relative_tolerance
        How far two numbers were allowed to lie apart: absolutely, or as a share of the recorded one.
    """

    cells: tuple[RerunCell, ...] = field(default=())
    environment_changes: tuple[str, ...] = ()
    tolerance: float = 0.0
    relative_tolerance: float = 0.0

    @property
    def share_reproduced(self) -> float:
        """Share of the code cells that were reproduced, 0 to 1; cells that did not run count against it."""
        return sum(cell.verdict == _REPRODUCED for cell in self.cells) / max(1, len(self.cells))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-safe dictionary."""
        counts = Counter(cell.verdict for cell in self.cells)
        rerun = {
            "cells": [cell.to_dict() for cell in self.cells],
            "counts": {name: counts[name] for name in (_REPRODUCED, _DIFFERS, _VOLATILE, _NOT_RUN)},
            "share_reproduced": self.share_reproduced,
            "tolerance": self.tolerance,
            "relative_tolerance": self.relative_tolerance,
            "environment_changes": list(self.environment_changes),
        }
        return {**super().to_dict(), "rerun": rerun}


def with_rerun(report: Verification, container: Container, predicate: Predicate, rerun: Rerun) -> Verification:
    """Return a bundle's report with what the re-run of its notebook adds.

    Parameters
    ----------
    report
        Of everything else; nothing in it is against the files themselves.
    container, predicate
        The bundle's files, and what is attested.
    rerun
        How to run it.

    Raises
    ------
    SandboxError
        The walls cannot be built here, or the run did not come to an end.
    MisuseError
        The bundle has no notebook, or one whose log cannot be stood in for.
    """
    if NOTEBOOK not in container.names:
        raise MisuseError("the bundle has no notebook that could be run again", "Leave rerun (--rerun) out.")
    recorded = json.loads(b"".join(container.chunks(NOTEBOOK)))
    code = list(_code_cells(recorded))
    facts = json.loads(b"".join(container.chunks(ENVIRONMENT)))
    changes = tuple(environment_changes(facts, environment_facts()))
    built = None
    sources = [(number, _joined(cell["source"])) for number, cell in code]
    known = own_cells(json.loads(b"".join(container.chunks(INVESTIGATION))), sources)
    again = _Again(report, rerun, code, known, changes)
    if not again.chosen:
        return again.extended({}, not_checked=again.not_checked(), notes=again.notes(ran=False))
    if finding := _other_log(rerun.log, predicate):
        return again.extended({}, notes=again.notes(ran=False), findings=(finding,))
    if rerun.environment == RECORDED:
        try:
            built = _built(facts, rerun)
        except ModelError as error:
            line = f"re-run: no cell was re-executed; {error.message}. {error.next_step}"
            return again.extended({}, not_checked=(*again.not_checked(), line), notes=again.notes(ran=False))
        changes = tuple(environment_changes(facts, facts_in(packages_folder(built.folder), built.python)))
        again = replace(again, changes=changes, built=built)
    place = log_place(source for number, source in sources if number in again.chosen)
    pin = LogPin(predicate.log_origin, predicate.log_checkpoint or "", predicate.log_manifest_sha256)
    log = ShownLog(rerun.log, place, pin)
    told = run_behind_walls(
        _reduced(recorded, again.chosen),
        log,
        rerun.limits,
        rerun.progress,
        None if built is None else built.environment,
    )
    models = json.loads(b"".join(container.chunks(MODELS)))["models"]
    return again.compared(told, _allowed(rerun, predicate, models), container)


@dataclass(frozen=True)
class _Again:
    """A notebook that is run again: what of it, and how it is compared."""

    report: Verification
    rerun: Rerun
    code: list[tuple[int, dict[str, Any]]]
    known: frozenset[int]
    changes: tuple[str, ...]
    built: BuiltEnvironment | None = None

    @property
    def chosen(self) -> frozenset[int]:
        """The cells that may run, by number."""
        return frozenset(number for number, _ in self.code) if self.rerun.run_foreign_code else self.known

    def compared(self, told: Mapping[str, Any], allowed: AllowedDistance, container: Container) -> RerunVerification:
        """Return the report with what became of each cell that ran."""
        ran = dict(_code_cells(json.loads(told["executed"]))) if "executed" in told else {}
        whole, failed_at = len(self.chosen) == len(self.code), told.get("cell", 0) if "failed" in told else None
        verdicts: dict[int, RerunCell] = {}
        for number, cell in self.code:
            if failed_at is not None and number == failed_at:
                verdicts[number] = RerunCell(number, cell["id"], _DIFFERS, (f"{_FAILED}{told['failed']}",))
            elif number in self.chosen and (failed_at is None or number < failed_at):
                verdicts[number] = _compared(number, cell, ran.get(number), allowed, counted=whole)
        findings = [
            Finding("rerun.output-differs", f"{NOTEBOOK}, cell {cell.number} ({cell.cell_id})", each, _NEXT)
            for cell in verdicts.values()
            for each in cell.differences
            if not each.startswith(_FAILED)
        ]
        made = _exhibits_again(told.get("exhibits"), container, allowed)
        findings += made.findings
        if "failed" in told:
            findings.insert(0, Finding("rerun.cell-failed", NOTEBOOK, f"run again, it failed: {told['failed']}", _NEXT))
        return self.extended(
            verdicts,
            allowed,
            findings=tuple(findings),
            checked=(*self.report.checked, self._summary(verdicts, allowed), *made.checked()),
            not_checked=(*(line for line in self.not_checked() if not _is_of_exhibits(line)), *made.not_checked()),
            notes=self.notes(ran=True),
        )

    def extended(
        self, verdicts: Mapping[int, RerunCell], allowed: AllowedDistance | None = None, **changed: Any
    ) -> RerunVerification:
        """Return the report with a verdict for every cell; those that did not run are said not to have."""
        cells = tuple(verdicts.get(number, RerunCell(number, cell["id"], _NOT_RUN)) for number, cell in self.code)
        cells = tuple(replace(cell, generated=cell.number in self.known) for cell in cells)
        findings = changed.pop("findings", ())
        verdict = Verdict.FAILED if findings else self.report.verdict
        values = {**vars(self.report), "verdict": verdict, "findings": (*self.report.findings, *findings), **changed}
        bounds = allowed or AllowedDistance()
        return RerunVerification(
            **values,
            cells=cells,
            environment_changes=self.changes,
            tolerance=bounds.absolute,
            relative_tolerance=bounds.relative,
        )

    def not_checked(self) -> tuple[str, ...]:
        """Return what was not checked, without the line that there was no re-run."""
        lines = [line for line in self.report.not_checked if not line.startswith("re-run:")]
        left = len(self.code) - len(self.chosen)
        if left:
            reason = "they are their author's own code, which runs only when asked for (run_foreign_code)"
            lines.append(f"re-run: {left} free-form cells not re-executed; {reason}")
        named = [str(number) for number, cell in self.code if number in self.chosen and _is_volatile(cell)]
        if named:
            lines.append(f"re-run: cells declared volatile were not compared ({', '.join(named)})")
        return tuple(lines)

    def notes(self, *, ran: bool) -> tuple[str, ...]:
        """Return the notes of the report, and where the environment is another one, and what the run stood in."""
        how = f"The notebook ran in {WALLS}. That its code gives these outputs does not say that it is honest"
        where = (
            "The environment here" if self.built is None else f"The environment made for it, {self.built.digest[:12]},"
        )
        taken_out = () if self.built is None else self.built.notes
        return (*self.report.notes, _environment_words(where, self.changes), *taken_out, *([how] if ran else []))

    def _summary(self, verdicts: Mapping[int, RerunCell], allowed: AllowedDistance) -> str:
        counts = Counter(cell.verdict for cell in verdicts.values())
        share = counts[_REPRODUCED] / max(1, len(self.code))
        own = len(self.known)
        kind = "all free-form" if not own else "all generated" if own == len(self.code) else f"{own} generated"
        reproduced = f"{counts[_REPRODUCED]} of {len(self.code)} code cells reproduced"
        return (
            f"re-run: {reproduced} ({share:.1%}; {kind}, {allowed}), "
            f"{counts[_DIFFERS]} differ, {counts[_VOLATILE]} declared volatile"
        )


def _exhibits_again(made: Any, container: Container, allowed: AllowedDistance) -> AgainMade:
    """Compare the exhibits of a bundle with those that its notebook made again."""

    def content(name: str) -> bytes:
        return b"".join(container.chunks(name))

    return exhibits_again(json.loads(content(INVESTIGATION))["exhibits"], made, content, allowed)


def _is_of_exhibits(line: str) -> bool:
    return line.startswith("exhibits computed again:")


def _built(facts: Mapping[str, Any], rerun: Rerun) -> BuiltEnvironment:
    return recorded_environment(facts, wheels=rerun.wheels, leave_out=rerun.leave_out, progress=rerun.progress)


def _allowed(rerun: Rerun, predicate: Predicate, models: Sequence[Mapping[str, Any]]) -> AllowedDistance:
    """Return how far two numbers may lie apart: what was asked for, else what was declared in the log of then."""
    if rerun.tolerance is not None:
        return AllowedDistance(rerun.tolerance)
    pinned = predicate.log_checkpoint
    return allowed_distance(open_store(rerun.log) if pinned is None else open_pinned(rerun.log, pinned), models)


def _reduced(notebook: dict[str, Any], chosen: frozenset[int]) -> bytes:
    """Return a notebook in which the code cells that may not run are empty text: the others keep their place."""
    cells = [
        {"cell_type": "markdown", "id": cell["id"], "metadata": {}, "source": ""}
        if cell["cell_type"] == "code" and number not in chosen
        else cell
        for number, cell in enumerate(notebook["cells"], start=1)
    ]
    return json.dumps({**notebook, "cells": cells}).encode()


def _code_cells(notebook: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "code":
            yield number, cell


def _compared(
    number: int, cell: dict[str, Any], again: dict[str, Any] | None, allowed: AllowedDistance, *, counted: bool
) -> RerunCell:
    """Compare a cell with its second run; its count only where all cells ran, since it counts them."""
    if _is_volatile(cell):
        return RerunCell(number, cell["id"], _VOLATILE)
    if again is None:
        return RerunCell(number, cell["id"], _DIFFERS, ("it did not run again",))
    recorded, now = (
        run["outputs"] if counted else [{**each, "execution_count": None} for each in run["outputs"]]
        for run in (cell, again)
    )
    found = differences(recorded, now, allowed)
    first, second = cell["execution_count"], again["execution_count"]
    if counted and first != second:
        found.insert(0, f"its execution count is recorded as {first}, and is {second}")
    return RerunCell(number, cell["id"], _DIFFERS if found else _REPRODUCED, tuple(found))


def _is_volatile(cell: dict[str, Any]) -> bool:
    return VOLATILE_TAG in cell.get("metadata", {}).get("tags", [])


def _other_log(log: Path, predicate: Predicate) -> Finding | None:
    """Return a finding when a log is not the one that the case is about, or never was in the state that it had then.

    A sealed log may have grown since: the notebook sees it as it was at the case's checkpoint.
    """
    found, pinned = open_log(log), predicate.log_checkpoint
    if found.origin != predicate.log_origin:
        what = f"the log given for the re-run is {found.origin}, and the case is about {predicate.log_origin}"
    elif pinned is None and (found.manifest_sha256 or "") != predicate.log_manifest_sha256:
        what = "the log given for the re-run has another manifest than the log that the case is about"
    elif pinned is not None and (why := _not_as_pinned(log, pinned)):
        what = why
    else:
        return None
    return Finding(
        "rerun.other-log", NOTEBOOK, what, "Give the log as it was when the case was exported, or grown since"
    )


def _not_as_pinned(log: Path, checkpoint: str) -> str:
    """Return why a log cannot be seen as it was at a checkpoint; nothing where it can."""
    try:
        open_pinned(log, checkpoint)
    except LogError as error:
        return error.message
    return ""


def _environment_words(where: str, changes: tuple[str, ...]) -> str:
    if not changes:
        return f"{where} is the one that the bundle records"
    more = f"; and {len(changes) - _SHOWN_CHANGES} more" if len(changes) > _SHOWN_CHANGES else ""
    return f"{where} differs from the recorded one: {'; '.join(changes[:_SHOWN_CHANGES])}{more}"


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
