"""The command that reconstructs many decisions: decisions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.ask import Model, Since, Until
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import Reading, reads_a_log
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.face.decisions import Decisions

__all__ = ["register"]

_SHOWN = ("prediction_id", "occurred_at", "model_version", "score", "decision", "final_decision", "outcome_label")
_LISTS = ("gaps", "findings")
_TIMELINE = ("at", "what", "prediction_id", "model_version", "told")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reads_a_log(decisions))


def decisions(
    reading: Reading,
    expression: Annotated[
        str | None, typer.Argument(help="Which, for example: \"decision = 'late' AND inputs.distance_miles > 500\".")
    ] = None,
    prediction_id: Annotated[
        list[str] | None, typer.Option("--id", help="An id or a place; may be given several times.")
    ] = None,
    ids: Annotated[
        str | None, typer.Option("--ids", help="A text file with an id or place a line; - reads them.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="About this subject, by the pseudonym that stands in the log.")
    ] = None,
    since: Since = None,
    until: Until = None,
    model: Model = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most this many.")] = 20,
    as_json: AsJson = False,
) -> int:
    """Reconstruct many decisions at once: by ids, by an expression, or all about one subject.

    Says what they are, what became of them, and every gap and finding with how many have it; for a subject also what
    happened in order of time. With --json all of it, whatever --limit says. Exits 1 when nothing was found, or not all
    that was asked for by id.
    """
    asked = _ids(prediction_id or [], ids)
    if asked is not None and expression is not None:
        raise MisuseError("ids and an expression were given together", "Give one of them.")
    found = reading.open().decisions(
        expression if asked is None else asked, since=since, until=until, model=model, subject=subject
    )
    if as_json:
        output.print_json(found.to_dict())
    else:
        _show(found, limit, with_timeline=subject is not None)
    return int(not len(found) or not found.frame["found"].all())


def _ids(given: list[str], path: str | None) -> list[str] | None:
    if path is None:
        return given or None
    text = sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    return [*given, *(line.strip() for line in text.splitlines() if line.strip())]


def _show(found: Decisions, limit: int, *, with_timeline: bool) -> None:
    output.lines(found.summary(), bullet="")
    shown = found.frame.filter("found").head(limit)
    if shown.height:
        output.title("Decisions")
        rows = [
            (*row[: len(_SHOWN)], *(", ".join(codes) or None for codes in row[len(_SHOWN) :]))
            for row in shown.select(*_SHOWN, *_LISTS).iter_rows()
        ]
        output.table((*_SHOWN, *_LISTS), rows, keep=("prediction_id",))
        output.line(f"{found.frame['found'].sum():,} found; {shown.height} shown.")
    if with_timeline and shown.height:
        output.title("In order of time")
        output.table(_TIMELINE, found.timeline.head(limit).select(_TIMELINE).iter_rows(), keep=("prediction_id",))
    if found.missing:
        output.title("Not in the log")
        output.lines(found.missing[:limit])
    if found.ambiguous.height:
        output.title("In several places; ask for one of them")
        output.lines(found.ambiguous["place"].head(limit))
