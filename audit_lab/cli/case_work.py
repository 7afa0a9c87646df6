"""Commands that bring a case to its end: keep an answer, put an event on the timeline, answer the question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit_lab.cli import output
from audit_lab.cli.opened_case import By, CaseFolder, Why, noticing, open_case, tell
from audit_lab.cli.output import AsJson
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.evidence import Case
    from audit_lab.evidence.generated import Step
    from audit_lab.face import AuditLog

__all__ = ["conclude", "event", "keep"]


def keep(
    folder: CaseFolder,
    steps: Annotated[
        list[str],
        typer.Argument(
            metavar="STEP...",
            help="Questions, in order, such as drift, cause:2015-07-01 or replay:ID; docs/rerun.md lists them.",
        ),
    ],
    log: Annotated[
        str | None, typer.Option("--log", "-l", help="The case's log.", show_default="where the case found it")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", help="One line that says what is seen; for a single question.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="What a reader must know beside it.")] = "",
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """Ask the case's log a question, as the log stood when the case was opened, and keep the answer as an exhibit."""
    from audit_lab.evidence.generated import parsed_step

    asked = [parsed_step(text) for text in steps]
    if title is not None and len(asked) > 1:
        raise MisuseError("a title is for one exhibit", "Ask one question at a time, or leave --title out.")
    with noticing():
        case = open_case(folder, by, why)
        opened = _log_of(case, log)
        kept = [
            case.keep(_answer(opened, step), title or step.title(), note=note or None, query=step.query())
            for step in asked
        ]
    if as_json:
        output.print_json([each.to_dict() for each in kept])
    else:
        output.table(
            ("no.", "kind", "title", "rows", "digest"),
            [(each.number, each.kind, each.title, each.rows, each.id[:12]) for each in kept],
        )
    return 0


def conclude(
    folder: CaseFolder,
    text: Annotated[str, typer.Argument(help="The answer to the case's question.")],
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """Answer the case's question; another answer takes its place, and custody says so."""
    with noticing():
        case = open_case(folder, by, why)
        case.conclude(text)
    if as_json:
        output.print_json({"case": case.case_id, "conclusion": text})
    else:
        output.facts({"question": case.about.question, "answer": text})
    return 0


def event(
    folder: CaseFolder,
    at: Annotated[str, typer.Argument(help="When it happened, with its zone, like 2026-12-01T09:30:00+01:00.")],
    what: Annotated[str, typer.Argument(help="What happened.")],
    exhibit: Annotated[
        str | None,
        typer.Option("--exhibit", help="The exhibit that shows it, by number or id, for what stands in the log."),
    ] = None,
    stated_by: Annotated[
        str | None, typer.Option("--stated-by", help="Who says so.", show_default="whoever does this")
    ] = None,
    by: By = None,
    why: Why = None,
    as_json: AsJson = False,
) -> int:
    """Put an event on the case's timeline: shown by an exhibit, or as somebody states it."""
    with noticing():
        return tell(open_case(folder, by, why).event(at, what, exhibit=exhibit, by=stated_by), as_json=as_json)


def _log_of(case: Case, log: str | None) -> AuditLog:
    """Open the case's log as the case saw it."""
    import audit_lab as al
    from audit_lab.seal.checkpoint import parse_checkpoint

    about = case.about
    as_of = None
    if about.log_checkpoint:
        as_of = parse_checkpoint(about.log_checkpoint.encode(), "The case's checkpoint").checkpoint.size
    opened = al.open(log or about.log_path, as_of=as_of, actor=case.actor, purpose=case.purpose)
    states = (about.log_origin, about.log_checkpoint or about.log_manifest_sha256)
    found = (opened.origin, (opened.checkpoint if about.log_checkpoint else opened.manifest_sha256) or "")
    if found != states:
        raise MisuseError(
            f"{opened.path} is not the log of the case {case.case_id} as that case saw it",
            f"Give the log {about.log_origin} as it was: --log PATH.",
        )
    return opened


def _answer(log: AuditLog, step: Step) -> Any:
    """Ask a question of the closed list: a query of the library's own names and literals, and nobody else's code."""
    import audit_lab as al

    return eval(step.query(), {"__builtins__": {}, "al": al, "log": log})  # noqa: S307 - written from the closed list
