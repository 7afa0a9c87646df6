"""The command that looks before anything else does: doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from audit_lab.cli import output
from audit_lab.cli.output import AsJson
from audit_lab.cli.reading import MappingPath

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(doctor)


def doctor(
    log: Annotated[str | None, typer.Option("--log", "-l", help="A log to examine too.")] = None,
    mapping: MappingPath = None,
    as_json: AsJson = False,
) -> int:
    """Check this machine, and a log, and say what will not work.

    Looks at the interpreter, the libraries, the isolation that the kernel offers to replays and, with --log, at the
    log's segments, their digests, and which predictions cannot be replayed. Exits 1 when something was found wanting.
    """
    from audit_lab.cli.examination import examine_log, examine_machine

    with output.waiting("doctor"):
        checks = examine_machine() + (examine_log(log, mapping) if log is not None else [])
    if as_json:
        output.print_json([check.to_dict() for check in checks])
    else:
        output.table(("", "what", "found"), [(check.state, check.what, check.found) for check in checks])
        wanting = [check for check in checks if check.next_step]
        if wanting:
            output.title("What to do")
            output.lines(f"{check.what}: {check.next_step}" for check in wanting)
    return int(any(check.state == "wanting" for check in checks))
