"""The re-run of a verified bundle: a verdict for each cell, and what it comes to."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.evidence.environment import environment_facts
from audit_lab.evidence.rerun.environment_change import environment_changes
from audit_lab.evidence.rerun.log_place import log_place
from audit_lab.evidence.rerun.outputs import differences
from audit_lab.evidence.rerun.world import WALLS, RerunLimits, run_behind_walls
from audit_lab.face import open_log
from audit_lab.seal.report import Finding, Verdict, Verification
from audit_lab.verifier.layout import ENVIRONMENT, NOTEBOOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit_lab.verifier.container import Container
    from audit_lab.verifier.predicate import Predicate

__all__ = ["VOLATILE_TAG", "Rerun", "RerunCell", "RerunVerification", "with_rerun"]

#: A cell with this tag declares that it shows something else each time.
VOLATILE_TAG = "volatile"

_NEXT = "Ask the investigator how the output came about; what the code gives now stands in the report"
_REPRODUCED, _DIFFERS, _NOT_RUN, _VOLATILE = "reproduced", "differs", "not re-executed", "volatile"
_SHOWN_CHANGES = 20


@dataclass(frozen=True)
class Rerun:
    """How a bundle's notebook is run again.

    Parameters
    ----------
    log
        The folder of the log that the case is about.
    run_foreign_code
        Whether the cells may run. All of them are free-form: their author's code.
    tolerance
        How far two numbers may lie apart, absolutely; 0 asks for equal text.
    limits
        What the run may use.
    progress
        Called about once a second.
    """

    log: Path
    run_foreign_code: bool = False
    tolerance: float = 0.0
    limits: RerunLimits = field(default_factory=RerunLimits)
    progress: Callable[[str, int], None] | None = None


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
    """

    number: int
    cell_id: str
    verdict: str
    differences: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the cell as a JSON-safe dictionary."""
        return {"number": self.number, "id": self.cell_id, "verdict": self.verdict, "differs": list(self.differences)}


@dataclass(frozen=True)
class RerunVerification(Verification):
    """The report on a bundle whose notebook was to be run again.

    Attributes
    ----------
    cells
        Every code cell, in order.
    environment_changes
        Where the environment here is another than the recorded one.
    tolerance
        How far two numbers were allowed to lie apart.
    """

    cells: tuple[RerunCell, ...] = field(default=())
    environment_changes: tuple[str, ...] = ()
    tolerance: float = 0.0

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
            "environment_changes": list(self.environment_changes),
        }
        return {**super().to_dict(), "rerun": rerun}


def with_rerun(report: Verification, container: Container, predicate: Predicate, rerun: Rerun) -> Verification:
    """Return a bundle's report with what the re-run of its notebook adds.

    Parameters
    ----------
    report
        Of everything else; it holds.
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
    tolerance = rerun.tolerance
    content = b"".join(container.chunks(NOTEBOOK))
    recorded = json.loads(content)
    code = list(_code_cells(recorded))
    facts = json.loads(b"".join(container.chunks(ENVIRONMENT)))
    changes = tuple(environment_changes(facts, environment_facts()))
    notes = (*report.notes, _environment_words(changes))
    if not rerun.run_foreign_code:
        cells = tuple(RerunCell(number, cell["id"], _NOT_RUN) for number, cell in code)
        reason = "they are their author's own code, which runs only when asked for (run_foreign_code)"
        skipped = f"re-run: {len(cells)} free-form cells not re-executed; {reason}"
        return _extended(report, cells, changes, tolerance, notes=notes, not_checked=(*_without_rerun(report), skipped))
    if finding := _other_log(rerun.log, predicate):
        cells = tuple(RerunCell(number, cell["id"], _NOT_RUN) for number, cell in code)
        return _extended(report, cells, changes, tolerance, notes=notes, findings=(finding,))
    place = log_place(_joined(cell["source"]) for _, cell in code)
    told = run_behind_walls(content, rerun.log, place, rerun.limits, rerun.progress)
    if "failed" in told:
        cells = tuple(RerunCell(number, cell["id"], _NOT_RUN) for number, cell in code)
        failed = Finding("rerun.cell-failed", NOTEBOOK, f"run again, it failed: {told['failed']}", _NEXT)
        return _extended(report, cells, changes, tolerance, notes=notes, findings=(failed,))
    again = dict(_code_cells(json.loads(told["executed"])))
    cells = tuple(_compared(number, cell, again.get(number), tolerance) for number, cell in code)
    findings = tuple(
        Finding("rerun.output-differs", f"{NOTEBOOK}, cell {cell.number} ({cell.cell_id})", each, _NEXT)
        for cell in cells
        for each in cell.differences
    )
    return _extended(
        report,
        cells,
        changes,
        tolerance,
        findings=findings,
        checked=(*report.checked, _summary(cells, tolerance)),
        not_checked=(*_without_rerun(report), *_volatile_words(cells)),
        notes=(
            *notes,
            f"The notebook ran in {WALLS}. That its code gives these outputs does not say that it is honest",
        ),
    )


def _without_rerun(report: Verification) -> list[str]:
    """Return what was not checked but for the line that there was no re-run."""
    return [line for line in report.not_checked if not line.startswith("re-run:")]


def _extended(
    report: Verification, cells: tuple[RerunCell, ...], changes: tuple[str, ...], tolerance: float, **changed: Any
) -> RerunVerification:
    verdict = Verdict.FAILED if changed.get("findings") else report.verdict
    known = {**vars(report), "verdict": verdict, **changed}
    return RerunVerification(**known, cells=cells, environment_changes=changes, tolerance=tolerance)


def _code_cells(notebook: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "code":
            yield number, cell


def _compared(number: int, cell: dict[str, Any], again: dict[str, Any] | None, tolerance: float) -> RerunCell:
    if VOLATILE_TAG in cell.get("metadata", {}).get("tags", []):
        return RerunCell(number, cell["id"], _VOLATILE)
    if again is None:
        return RerunCell(number, cell["id"], _DIFFERS, ("it did not run again",))
    found = differences(cell["outputs"], again["outputs"], tolerance)
    first, second = cell["execution_count"], again["execution_count"]
    if first != second:
        found.insert(0, f"its execution count is recorded as {first}, and is {second}")
    return RerunCell(number, cell["id"], _DIFFERS if found else _REPRODUCED, tuple(found))


def _other_log(log: Path, predicate: Predicate) -> Finding | None:
    """Return a finding when a log is not the one that the case is about, in the state that it was then."""
    found = open_log(log)
    if found.origin != predicate.log_origin:
        what = f"the log given for the re-run is {found.origin}, and the case is about {predicate.log_origin}"
    elif (found.manifest_sha256 or "") != predicate.log_manifest_sha256:
        what = "the log given for the re-run has another manifest than the log that the case is about"
    else:
        return None
    return Finding("rerun.other-log", NOTEBOOK, what, "Give the log as it was when the case was exported")


def _summary(cells: tuple[RerunCell, ...], tolerance: float) -> str:
    counts = Counter(cell.verdict for cell in cells)
    share = counts[_REPRODUCED] / max(1, len(cells))
    how = f"numbers within {tolerance:g}" if tolerance else "text, tables, charts and numbers exactly"
    return (
        f"re-run: {counts[_REPRODUCED]} of {len(cells)} code cells reproduced ({share:.1%}; all free-form, {how}), "
        f"{counts[_DIFFERS]} differ, {counts[_VOLATILE]} declared volatile"
    )


def _volatile_words(cells: tuple[RerunCell, ...]) -> tuple[str, ...]:
    named = [str(cell.number) for cell in cells if cell.verdict == _VOLATILE]
    return (f"re-run: cells declared volatile were not compared ({', '.join(named)})",) if named else ()


def _environment_words(changes: tuple[str, ...]) -> str:
    if not changes:
        return "The environment here is the one that the bundle records"
    more = f"; and {len(changes) - _SHOWN_CHANGES} more" if len(changes) > _SHOWN_CHANGES else ""
    return f"The environment here differs from the recorded one: {'; '.join(changes[:_SHOWN_CHANGES])}{more}"


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)
